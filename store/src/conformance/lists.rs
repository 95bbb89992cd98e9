//! What lists of jobs promise.

use std::time::Duration;

use brigade_model::ServiceTime;
use brigade_model::job::{Change, Dialect, Job, JobId};
use brigade_model::ports::job_store::ListJobs;
use brigade_model::status::Status;

use super::Bench;
use super::samples::{Store, account, active, create, end, endpoint, ready, sample_job, step};

fn all() -> ListJobs {
    ListJobs {
        account: account("a"),
        dialect: Dialect::Cos,
        statuses: Vec::new(),
        after: None,
        is_newest_first: false,
        ended_since: ServiceTime::default(),
        limit: 1000,
    }
}

async fn listed(store: &Store, query: &ListJobs) -> Vec<u128> {
    store.list_jobs(query).await.unwrap().iter().map(number).collect()
}

fn number(job: &Job) -> u128 {
    u128::from_be_bytes(*job.id.as_bytes())
}

pub(super) async fn pages_meet_without_gap_or_repeat(bench: &mut dyn Bench) {
    let store = bench.store();
    for n in [7, 3, 9, 1, 5, 300, 2] {
        create(&store, sample_job(n)).await;
    }
    for statuses in [vec![], vec![Status::New], vec![Status::New, Status::Active]] {
        let mut query = ListJobs { limit: 2, statuses, ..all() };
        let mut pages = Vec::new();
        loop {
            let page = store.list_jobs(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            assert_eq!(store.job(last.id).await.unwrap().as_ref(), Some(last));
            query.after = Some(last.id);
            pages.push(page.iter().map(number).collect::<Vec<_>>());
        }
        assert_eq!(pages, [vec![1, 2], vec![3, 5], vec![7, 9], vec![300]]);
    }
}

pub(super) async fn the_newest_jobs_stand_first_where_they_are_asked_for_and_their_pages_meet(bench: &mut dyn Bench) {
    let store = bench.store();
    for n in [7, 3, 9, 1, 5, 300, 2] {
        create(&store, sample_job(n)).await;
    }
    for statuses in [vec![], vec![Status::New], vec![Status::New, Status::Active]] {
        let mut query = ListJobs { limit: 2, statuses, is_newest_first: true, ..all() };
        let mut pages = Vec::new();
        loop {
            let page = listed(&store, &query).await;
            let Some(last) = page.last() else { break };
            query.after = Some(JobId::from_u128(*last));
            pages.push(page);
        }
        assert_eq!(pages, [vec![300, 9], vec![7, 5], vec![3, 2], vec![1]]);
        let before = |n| ListJobs { after: Some(JobId::from_u128(n)), ..query.clone() };
        assert_eq!(listed(&store, &before(4)).await, [3, 2], "a page may begin where there is no job");
        assert_eq!(listed(&store, &before(u128::MAX)).await, [300, 9]);
    }
}

pub(super) async fn a_page_may_begin_at_a_job_that_does_not_exist(bench: &mut dyn Bench) {
    let store = bench.store();
    for n in [1, 3, 5] {
        create(&store, sample_job(n)).await;
    }
    let after = async |n| listed(&store, &ListJobs { after: Some(JobId::from_u128(n)), ..all() }).await;
    assert_eq!(after(0).await, [1, 3, 5]);
    assert_eq!(after(2).await, [3, 5]);
    assert_eq!(after(u128::MAX).await, [0; 0]);
}

pub(super) async fn a_list_shows_only_the_statuses_asked_for(bench: &mut dyn Bench) {
    let store = bench.store();
    create(&store, sample_job(1)).await;
    active(&store, sample_job(2), &[1]).await;
    ready(&store, sample_job(3), &[1]).await;
    active(&store, sample_job(4), &[1]).await;
    let of = async |statuses: &[Status]| listed(&store, &ListJobs { statuses: statuses.to_vec(), ..all() }).await;
    assert_eq!(of(&[Status::Active]).await, [2, 4]);
    assert_eq!(of(&[Status::New, Status::Active, Status::Active]).await, [1, 2, 4]);
    assert_eq!(of(&[Status::Failed]).await, [0; 0]);
    assert_eq!(of(&[]).await, [1, 2, 3, 4]);
    assert_eq!(of(&Status::ALL).await, [1, 2, 3, 4]);
}

pub(super) async fn an_account_and_a_dialect_see_only_their_own(bench: &mut dyn Bench) {
    let store = bench.store();
    for (n, (name, dialect)) in
        (1..).zip([("a", Dialect::Cos), ("b", Dialect::Cos), ("a", Dialect::S3Control), ("b", Dialect::S3Control)])
    {
        let mut job = sample_job(n);
        (job.account, job.dialect) = (account(name), dialect);
        create(&store, job).await;
    }
    for statuses in [vec![], vec![Status::New]] {
        let of = async |name, dialect| {
            listed(&store, &ListJobs { account: account(name), dialect, statuses: statuses.clone(), ..all() }).await
        };
        assert_eq!(of("a", Dialect::Cos).await, [1]);
        assert_eq!(of("b", Dialect::Cos).await, [2]);
        assert_eq!(of("a", Dialect::S3Control).await, [3]);
        assert_eq!(of("c", Dialect::Cos).await, [0; 0]);
    }
}

pub(super) async fn a_deleted_job_is_listed_until_it_has_ended(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    step(&store, id, Change::DeleteRequested).await.unwrap();
    assert_eq!(listed(&store, &all()).await, [1]);
    step(&store, id, Change::ReportWritten).await.unwrap();
    assert_eq!(listed(&store, &all()).await, [0; 0]);
    assert!(store.job(id).await.unwrap().is_some(), "until it is purged");

    let ended = create(&store, sample_job(2)).await;
    end(&store, ended).await;
    assert_eq!(listed(&store, &all()).await, [2]);
    step(&store, ended, Change::DeleteRequested).await.unwrap();
    assert_eq!(listed(&store, &all()).await, [0; 0]);
}

pub(super) async fn a_job_that_ended_long_ago_is_left_out(bench: &mut dyn Bench) {
    let store = bench.store();
    create(&store, sample_job(1)).await;
    let ended = create(&store, sample_job(2)).await;
    end(&store, ended).await;
    let at = store.service_time().await.unwrap();
    for statuses in [vec![], Status::ALL.to_vec()] {
        let since =
            async |ended_since| listed(&store, &ListJobs { ended_since, statuses: statuses.clone(), ..all() }).await;
        assert_eq!(since(at).await, [1, 2]);
        assert_eq!(since(at.after(Duration::from_millis(1))).await, [1]);
    }
}

pub(super) async fn open_jobs_are_those_that_have_not_ended(bench: &mut dyn Bench) {
    let store = bench.store();
    let mut odd = sample_job(3);
    (odd.account, odd.endpoint, odd.dialect) = (account("b"), endpoint("f"), Dialect::S3Control);
    odd.spec.confirmation_required = Some(true);
    ready(&store, odd, &[1]).await;
    let ended = create(&store, sample_job(2)).await;
    end(&store, ended).await;
    create(&store, sample_job(1)).await;
    step(&store, sample_job(1).id, Change::Held).await.unwrap();

    let heads = bench.store().open_jobs().await.unwrap();
    assert_eq!(heads.iter().map(|head| head.id).collect::<Vec<_>>(), [1, 3].map(JobId::from_u128));
    for head in heads {
        let job = store.job(head.id).await.unwrap().unwrap();
        assert_eq!(head.held_until, job.held_until());
        assert_eq!((head.account, head.endpoint), (job.account, job.endpoint));
        assert_eq!((head.status, head.priority, head.revision), (job.status, job.priority, job.revision));
        assert_eq!((head.held_by_user, head.since), (job.held_by_user, job.since));
    }
}

pub(super) async fn jobs_are_counted_by_status(bench: &mut dyn Bench) {
    let store = bench.store();
    for n in 1..=3 {
        create(&store, sample_job(n)).await;
    }
    active(&store, sample_job(4), &[1]).await;
    step(&store, sample_job(3).id, Change::DeleteRequested).await.unwrap();
    let mut counts = store.count_jobs().await.unwrap();
    counts.retain(|(_, count)| *count > 0);
    counts.sort();
    assert_eq!(counts, [(Status::New, 2), (Status::Active, 1)]);
}
