//! ListJobs over many pages while jobs come and go, and tokens that two use at the same time.

use std::collections::BTreeSet;

use brigade_model::{JobId, JobOptions};
use brigade_wire::cos::list_jobs::ListQuery;
use futures::future::join_all;

use crate::test_service::{TestService, refused, request};

/// A job that waits for an endpoint that does not run.
fn waiting(token: &str) -> Vec<u8> {
    request(token, "e").replace("roleName/batch", "roleName/waits").into()
}

/// Creates jobs, many at once.
async fn create(service: &TestService, tokens: impl Iterator<Item = String>) -> Vec<JobId> {
    let client = service.client();
    let mut ids = Vec::new();
    let tokens: Vec<String> = tokens.collect();
    for tokens in tokens.chunks(50) {
        let options = JobOptions::default();
        let calls = tokens.iter().map(|token| client.create_job(waiting(token), &options));
        ids.extend(join_all(calls).await.into_iter().map(|answer| answer.unwrap().value));
    }
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_pages_shows_each_job_that_stays_once_and_in_order_while_others_come_and_go() {
    let service = TestService::start("[engine]\nopen_jobs_max = 10000").await;
    let client = service.client();
    let ids = create(&service, (0..2500).map(|n| format!("t{n}"))).await;
    // Each third job is deleted while the pages are read, some before they are shown, some after.
    let doomed: Vec<JobId> = ids.iter().copied().skip(2).step_by(3).collect();
    let mut left: Vec<JobId> = doomed.clone();
    let mut listed: Vec<JobId> = Vec::new();
    let mut query = ListQuery { max_results: 100, statuses: Vec::new(), next: None };
    let mut pages = 0;
    loop {
        let gone = left.split_off(left.len().saturating_sub(20));
        // Those at the end of the list, and the one at which the next page begins.
        let at_the_page = query.next.filter(|id| doomed.contains(id));
        let deleting = join_all(gone.iter().chain(&at_the_page).map(|id| client.delete_job(*id)));
        let creating = create(&service, (0..5).map(|n| format!("p{pages}-{n}")));
        let (page, deleted, _) = tokio::join!(client.list_jobs(&query), deleting, creating);
        for answer in deleted.into_iter().filter(Result::is_err) {
            assert_eq!(refused(answer).0, 404, "it is gone already");
        }
        // And some that were shown already, or will be on the next page.
        let (early, late) = (left.first().copied(), left.get(left.len() / 2).copied());
        left.retain(|id| Some(*id) != early && Some(*id) != late);
        for id in early.into_iter().chain(late) {
            let _ = client.delete_job(id).await;
        }
        let page = page.unwrap().value;
        assert!(page.jobs.len() <= 100);
        listed.extend(page.jobs.iter().map(|job| job.id));
        pages += 1;
        query.next = page.next;
        if query.next.is_none() {
            break;
        }
    }
    assert!(pages > 17, "{pages}");
    assert!(listed.is_sorted_by(|a, b| a < b), "in order, and none twice");
    let seen: BTreeSet<JobId> = listed.into_iter().collect();
    let doomed: BTreeSet<JobId> = doomed.into_iter().collect();
    let missing: Vec<_> = ids.iter().filter(|id| !doomed.contains(id) && !seen.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(doomed.iter().any(|id| !seen.contains(id)), "some went before they were shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_requests_with_one_token_at_the_same_time_exactly_one_makes_a_job() {
    let service = TestService::start("").await;
    for round in 0..10 {
        let token = format!("token-{round}");
        // Each on a connection of its own.
        let clients: Vec<_> = (0..8).map(|_| service.client()).collect();
        let options = JobOptions::default();
        let answers = join_all(clients.iter().map(|client| client.create_job(waiting(&token), &options))).await;
        let (made, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1, "{made:?}");
        for answer in others {
            let (status, code, message) = refused(answer);
            assert_eq!((status, code.as_str()), (400, "InvalidRequest"));
            assert!(message.contains("ClientRequestToken"), "{message}");
        }
    }
    let all = ListQuery { max_results: 1000, statuses: Vec::new(), next: None };
    assert_eq!(service.client().list_jobs(&all).await.unwrap().value.jobs.len(), 10);
}
