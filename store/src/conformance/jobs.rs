//! What creating a job promises.

use brigade_model::job::{Change, Dialect, JobId};
use brigade_model::ports::job_store::{CreateJobError, StoreError};
use brigade_model::quota::Quota;
use futures::future::join_all;

use super::Bench;
use super::samples::{account, create, end, many, sample_job, sample_specs, step};

pub(super) async fn a_job_is_read_back_as_it_was_created(bench: &mut dyn Bench) {
    let store = bench.store();
    for (n, (_, spec)) in (1..).zip(sample_specs()) {
        let mut job = sample_job(n);
        job.spec = spec;
        job.spec.client_request_token = n.to_string();
        create(&store, job.clone()).await;
        job.since = store.service_time().await.unwrap();
        assert_eq!(bench.store().job(job.id).await.unwrap(), Some(job));
    }
}

pub(super) async fn a_job_that_does_not_exist_is_none(bench: &mut dyn Bench) {
    assert_eq!(bench.store().job(JobId::from_u128(1)).await.unwrap(), None);
}

pub(super) async fn a_job_whose_id_another_has_contradicts_what_is_stored(bench: &mut dyn Bench) {
    let store = bench.store();
    create(&store, sample_job(1)).await;
    let mut second = sample_job(1);
    second.spec.client_request_token = "another".into();
    let refused = store.create_job(&second, &many()).await;
    assert!(matches!(refused, Err(CreateJobError::Store(StoreError::Conflict(_)))), "{refused:?}");
}

pub(super) async fn a_token_in_use_is_refused_and_names_the_job_that_has_it(bench: &mut dyn Bench) {
    let store = bench.store();
    let first = create(&store, sample_job(1)).await;
    let mut second = sample_job(2);
    second.spec.client_request_token = sample_job(1).spec.client_request_token;
    let refused = store.create_job(&second, &many()).await;
    assert!(matches!(refused, Err(CreateJobError::TokenInUse(id)) if id == first), "{refused:?}");
    assert_eq!(store.job(second.id).await.unwrap(), None);
}

pub(super) async fn of_many_requests_with_one_token_exactly_one_wins(bench: &mut dyn Bench) {
    let requests = (1..=16).map(|n| {
        let (store, mut job) = (bench.store(), sample_job(n));
        job.spec.client_request_token = "one".into();
        async move { (job.id, store.create_job(&job, &many()).await) }
    });
    let answers = join_all(requests).await;
    let winners: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1);
    for (_, answer) in answers.into_iter().filter(|(id, _)| *id != winners[0]) {
        assert!(matches!(answer, Err(CreateJobError::TokenInUse(id)) if id == winners[0]), "{answer:?}");
    }
}

pub(super) async fn a_token_serves_every_account_and_dialect_once(bench: &mut dyn Bench) {
    let store = bench.store();
    let places = [("a", Dialect::Cos), ("a", Dialect::S3Control), ("b", Dialect::Cos)];
    for (n, (name, dialect)) in (1..).zip(places) {
        let mut job = sample_job(n);
        job.spec.client_request_token = "one".into();
        (job.account, job.dialect) = (account(name), dialect);
        create(&store, job).await;
    }
}

pub(super) async fn a_deleted_job_gives_its_token_back(bench: &mut dyn Bench) {
    let store = bench.store();
    let first = create(&store, sample_job(1)).await;
    step(&store, first, Change::DeleteRequested).await.unwrap();
    let mut second = sample_job(2);
    second.spec.client_request_token = sample_job(1).spec.client_request_token;
    create(&store, second).await;
}

pub(super) async fn too_many_jobs_are_refused_also_at_the_same_moment(bench: &mut dyn Bench) {
    let requests = (1..=16).map(|n| {
        let store = bench.store();
        async move { store.create_job(&sample_job(n), &Quota::of_open_jobs(5)).await }
    });
    let answers = join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
    let too_many = |answer: &&_| matches!(answer, Err(CreateJobError::TooManyJobs));
    assert_eq!(answers.iter().filter(too_many).count(), 11);

    let mut other = sample_job(99);
    other.account = account("b");
    bench.store().create_job(&other, &Quota::of_open_jobs(5)).await.unwrap();
}

pub(super) async fn a_job_that_ended_makes_room_for_another(bench: &mut dyn Bench) {
    let store = bench.store();
    let first = create(&store, sample_job(1)).await;
    assert!(matches!(
        store.create_job(&sample_job(2), &Quota::of_open_jobs(1)).await,
        Err(CreateJobError::TooManyJobs)
    ));
    end(&store, first).await;
    store.create_job(&sample_job(2), &Quota::of_open_jobs(1)).await.unwrap();
}

pub(super) async fn a_retry_of_a_job_that_is_gone_is_refused(bench: &mut dyn Bench) {
    let store = bench.store();
    let source = create(&store, sample_job(1)).await;
    let mut retry = sample_job(2);
    retry.spec.retry_of = Some(source);
    create(&store, retry.clone()).await;
    assert_eq!(store.job(retry.id).await.unwrap(), Some(retry));

    let mut stray = sample_job(3);
    stray.spec.retry_of = Some(JobId::from_u128(99));
    let refused = store.create_job(&stray, &many()).await;
    assert!(matches!(refused, Err(CreateJobError::RetriedJobGone(id)) if id == JobId::from_u128(99)), "{refused:?}");
    assert_eq!(store.job(stray.id).await.unwrap(), None);
    let mut again = sample_job(4);
    again.spec.client_request_token = stray.spec.client_request_token;
    create(&store, again).await;
}
