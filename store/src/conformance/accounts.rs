//! What the store promises of outcomes that ended jobs give up, and of what an account may use.

use std::time::Duration;

use brigade_model::ServiceTime;
use brigade_model::job::{Change, Job, JobFailure, JobId, Prepared, failure};
use brigade_model::ports::job_store::{AddSlicesError, CreateJobError, Due, StageLease, UploadsOf};
use brigade_model::quota::{Quota, Quotas};

use super::Bench;
use super::purge::{END_OF_TIME, rich_job};
use super::samples::{
    SLICE_BYTES, Store, account, active, counted, create, end, ended, lease_slice, many, part, preparing, sample_job,
    slices_of, step,
};

/// What a job of [`old_job`] keeps: two slices, and a part that says its number and its epoch.
const JOB_BYTES: u64 = 2 * SLICE_BYTES + "part 0 of epoch 1".len() as u64;

/// An ended job of account `a`; those of larger numbers are made to end later.
async fn old_job(bench: &mut dyn Bench, n: u128) -> JobId {
    let id = ended(&bench.store(), sample_job(n), &[1, 1]).await;
    bench.pass(Duration::from_secs(1)).await;
    id
}

/// One that ended without its report.
async fn undelivered_job(bench: &mut dyn Bench, n: u128) -> JobId {
    let store = bench.store();
    let id = active(&store, sample_job(n), &[1, 1]).await;
    let why = JobFailure::new(failure::REPORT_DELIVERY_FAILED, "the bucket is gone");
    for change in [Change::CancelRequested(String::new()), Change::ReportFailed(why)] {
        step(&store, id, change).await.unwrap();
    }
    bench.pass(Duration::from_secs(1)).await;
    id
}

fn of_other(n: u128) -> Job {
    Job { account: account("b"), ..sample_job(n) }
}

async fn find(store: &Store, id: JobId) -> Job {
    store.job(id).await.unwrap().unwrap()
}

async fn gave_up(store: &Store, id: JobId) -> bool {
    find(store, id).await.outcomes_removed.is_some()
}

async fn purge_all(store: &Store, due: &Due, rows_max: usize) -> Vec<JobId> {
    let mut jobs = Vec::new();
    loop {
        let purged = store.purge(due, rows_max).await.unwrap();
        jobs.extend(purged.jobs);
        if !purged.more {
            return jobs;
        }
    }
}

fn outcomes_before(outcomes_before: ServiceTime) -> Due {
    Due { outcomes_before, ..Due::ended_before(ServiceTime::default()) }
}

fn over(quota: Quota) -> Due {
    Due { quotas: Quotas { default: quota, ..Quotas::default() }, ..Due::ended_before(ServiceTime::default()) }
}

fn bytes_max(bytes_max: u64) -> Quota {
    Quota { bytes_max, ..many() }
}

/// A job of `a` that is Preparing.
async fn begin(store: &Store, n: u128) -> StageLease {
    preparing(store, sample_job(n)).await
}

pub(super) async fn an_old_job_gives_up_its_outcomes_in_bounded_steps_and_keeps_its_counters(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = rich_job(&store, sample_job(1)).await;
    let before = find(&store, id).await;
    let ended = before.since;
    assert_eq!(purge_all(&store, &outcomes_before(ended), 1).await, [], "it ended no earlier");
    bench.pass(Duration::from_secs(5)).await;

    let due = outcomes_before(ended.after(Duration::from_secs(1)));
    let purged = store.purge(&due, 1).await.unwrap();
    assert!(purged.more && purged.jobs.is_empty());
    let at = bench.clock().now();
    let after = Job { outcomes_removed: Some(at), ..before };
    assert_eq!(find(&store, id).await, after, "it says so at once, and nothing else of it changes");
    assert_eq!(purge_all(&store, &due, 1).await, [id]);
    assert_eq!(find(&store, id).await, after);
    assert_eq!(counted(&store, id).await, (after.progress.succeeded, after.progress.failed));
    assert_eq!((after.progress.succeeded, after.progress.failed), (3, 2), "of a slice that was never done, too");
    assert_eq!(store.slices(id, 0, 9).await.unwrap(), []);
    assert_eq!(store.parts(id, 0).await.unwrap(), []);
    assert_eq!(store.report_files(id).await.unwrap().len(), 1);
    assert_eq!(store.uploads(id, UploadsOf::Slices).await.unwrap().len(), 1);

    assert_eq!(purge_all(&store, &due, 1000).await, [], "once");
    assert_eq!(purge_all(&store, &Due::ended_before(END_OF_TIME), 1000).await, [id]);
    assert_eq!(store.job(id).await.unwrap(), None);
}

pub(super) async fn a_job_that_goes_while_it_gives_up_its_outcomes_goes_whole(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = rich_job(&store, sample_job(1)).await;
    bench.pass(Duration::from_secs(1)).await;
    assert!(store.purge(&outcomes_before(END_OF_TIME), 3).await.unwrap().more);
    step(&store, id, Change::DeleteRequested).await.unwrap();
    let gone = purge_all(&store, &outcomes_before(END_OF_TIME), 3).await;
    assert_eq!(gone, [id, id], "its files are no job's, and then itself");
    assert_eq!(store.job(id).await.unwrap(), None);
    assert_eq!(store.report_files(id).await.unwrap(), []);
}

pub(super) async fn a_job_gives_up_nothing_while_it_lacks_its_report_or_is_being_retried(bench: &mut dyn Bench) {
    let store = bench.store();
    let undelivered = undelivered_job(bench, 1).await;
    let retried = old_job(bench, 2).await;
    let open = active(&store, sample_job(3), &[1]).await;
    let mut retry = sample_job(4);
    retry.spec.retry_of = Some(retried);
    let retry = create(&store, retry).await;
    bench.pass(Duration::from_secs(1)).await;
    for due in [outcomes_before(END_OF_TIME), over(bytes_max(1)), over(Quota { jobs_listed_max: 1, ..many() })] {
        assert_eq!(purge_all(&store, &due, 1000).await, [], "{due:?}");
    }
    let refused = store.create_job(&sample_job(5), &bytes_max(1)).await;
    assert!(matches!(refused, Err(CreateJobError::DiskQuotaFull)), "{refused:?}");
    step(&store, retry, Change::PreparationStarted).await.unwrap();
    step(&store, retry, Change::ManifestRead(Prepared::default())).await.unwrap();
    assert_eq!(purge_all(&store, &outcomes_before(END_OF_TIME), 1000).await, [retried]);
    assert!(!gave_up(&store, open).await && !gave_up(&store, undelivered).await);
    assert_eq!(store.slices(undelivered, 0, 9).await.unwrap().len(), 2);
    assert_eq!(purge_all(&store, &Due::ended_before(END_OF_TIME), 1000).await, [undelivered, retried]);
}

pub(super) async fn a_retry_of_a_job_that_gave_up_its_outcomes_is_refused_and_told_when(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = old_job(bench, 1).await;
    purge_all(&store, &outcomes_before(END_OF_TIME), 1000).await;
    let mut retry = sample_job(2);
    retry.spec.retry_of = Some(id);
    let refused = store.create_job(&retry, &many()).await;
    let now = bench.clock().now();
    let is_told = |e: &CreateJobError| matches!(e, CreateJobError::RetriedOutcomesRemoved { job, at } if (*job, *at) == (id, now));
    assert!(refused.as_ref().is_err_and(is_told), "{refused:?}");
    assert_eq!(store.job(retry.id).await.unwrap(), None);
}

pub(super) async fn slices_take_the_room_of_the_jobs_that_ended_first(bench: &mut dyn Bench) {
    let store = bench.store();
    let mut old = Vec::new();
    for n in 1..=3 {
        old.push(old_job(bench, n).await);
    }
    let lease = begin(&store, 4).await;
    // One byte more than fits beside all three.
    let quota = 3 * JOB_BYTES + 2 * SLICE_BYTES - 1;
    store.add_slices(&lease, slices_of(&[1]), quota).await.unwrap();
    assert!(!gave_up(&store, old[0]).await, "there was room");
    store.add_slices(&lease, slices_of(&[1, 1]), quota).await.unwrap();
    assert_eq!(store.slices(lease.job, 0, 9).await.unwrap().len(), 2);
    assert!(gave_up(&store, old[0]).await);
    assert!(!gave_up(&store, old[1]).await && !gave_up(&store, old[2]).await);
    assert_eq!(purge_all(&store, &Due::ended_before(ServiceTime::default()), 1000).await, [old[0]]);
}

pub(super) async fn slices_that_do_not_fit_are_refused_and_nothing_is_given_up_for_them(bench: &mut dyn Bench) {
    let store = bench.store();
    let old = old_job(bench, 1).await;
    let open = active(&store, sample_job(2), &[1, 1]).await;
    let lease = begin(&store, 3).await;
    let quota = 4 * SLICE_BYTES - 1;
    store.add_slices(&lease, slices_of(&[1]), quota).await.unwrap();
    assert!(gave_up(&store, old).await);
    let other = old_job(bench, 4).await;
    let refused = store.add_slices(&lease, slices_of(&[1, 1]), quota).await;
    assert!(matches!(refused, Err(AddSlicesError::OverQuota)), "{refused:?}");
    assert_eq!(store.slices(lease.job, 0, 9).await.unwrap().len(), 1, "what was there stays");
    assert!(!gave_up(&store, other).await, "it would have been in vain");
    store.add_slices(&lease, slices_of(&[1]), 1).await.unwrap();
    // What makes room is room.
    end(&store, open).await;
    store.add_slices(&lease, slices_of(&[1, 1]), quota).await.unwrap();
}

pub(super) async fn a_job_is_refused_only_when_open_jobs_fill_the_disk_quota(bench: &mut dyn Bench) {
    let store = bench.store();
    let old = old_job(bench, 1).await;
    let open = active(&store, sample_job(2), &[1, 1]).await;
    let refused = store.create_job(&sample_job(3), &bytes_max(2 * SLICE_BYTES)).await;
    assert!(matches!(refused, Err(CreateJobError::DiskQuotaFull)), "{refused:?}");
    assert_eq!(store.job(sample_job(3).id).await.unwrap(), None);
    assert!(!gave_up(&store, old).await);
    store.create_job(&sample_job(3), &bytes_max(2 * SLICE_BYTES + 1)).await.unwrap();
    assert!(gave_up(&store, old).await);
    end(&store, open).await;
    store.create_job(&sample_job(4), &bytes_max(1)).await.unwrap();
    assert!(gave_up(&store, open).await);
}

pub(super) async fn an_account_takes_nothing_from_another(bench: &mut dyn Bench) {
    let store = bench.store();
    let old = old_job(bench, 1).await;
    let greedy = preparing(&store, of_other(2)).await;
    let quota = bytes_max(3 * SLICE_BYTES);
    store.add_slices(&greedy, slices_of(&[1, 1, 1]), quota.bytes_max).await.unwrap();
    let refused = store.add_slices(&greedy, slices_of(&[1, 1, 1, 1]), quota.bytes_max).await;
    assert!(matches!(refused, Err(AddSlicesError::OverQuota)), "{refused:?}");
    let refused = store.create_job(&of_other(3), &quota).await;
    assert!(matches!(refused, Err(CreateJobError::DiskQuotaFull)), "{refused:?}");
    let few = Quota { jobs_listed_max: 1, ..many() };
    let refused = store.create_job(&of_other(3), &few).await;
    assert!(matches!(refused, Err(CreateJobError::TooManyListed)), "{refused:?}");

    store.create_job(&sample_job(4), &quota).await.unwrap();
    let lease = begin(&store, 5).await;
    store.add_slices(&lease, slices_of(&[1]), JOB_BYTES + SLICE_BYTES).await.unwrap();
    assert!(!gave_up(&store, old).await, "and it has what it had");
}

pub(super) async fn outcomes_count_and_a_purge_brings_the_account_back_below_its_quota(bench: &mut dyn Bench) {
    let store = bench.store();
    let (old, young) = (old_job(bench, 1).await, old_job(bench, 2).await);
    let open = active(&store, sample_job(3), &[9, 9]).await;
    let quota = 2 * JOB_BYTES + 2 * SLICE_BYTES + 20;
    assert_eq!(purge_all(&store, &over(bytes_max(quota)), 1000).await, []);
    let lease = lease_slice(&store, open).await;
    for seq in 0..2 {
        store.record_part(part(&lease, seq, 1, 0)).await.unwrap();
        store.record_part(part(&lease, seq, 1, 0)).await.unwrap();
    }
    assert_eq!(purge_all(&store, &over(bytes_max(quota)), 1000).await, [old]);
    assert!(!gave_up(&store, young).await);
    assert_eq!(purge_all(&store, &over(bytes_max(1)), 1000).await, [young], "and open jobs keep theirs");
    assert_eq!(store.parts(open, 0).await.unwrap().len(), 2);
}

pub(super) async fn one_job_more_than_may_be_listed_takes_the_place_of_the_one_that_ended_first(bench: &mut dyn Bench) {
    let store = bench.store();
    let (first, second) = (old_job(bench, 2).await, old_job(bench, 1).await);
    let undelivered = undelivered_job(bench, 3).await;
    let hidden = old_job(bench, 4).await;
    step(&store, hidden, Change::DeleteRequested).await.unwrap();
    let quota = Quota { jobs_listed_max: 4, ..many() };
    for (n, gone) in [(11, hidden), (12, first), (13, second)] {
        assert!(store.job(gone).await.unwrap().is_some());
        store.create_job(&sample_job(n), &quota).await.unwrap();
        assert_eq!(store.job(gone).await.unwrap(), None);
    }
    let refused = store.create_job(&sample_job(14), &quota).await;
    assert!(matches!(refused, Err(CreateJobError::TooManyListed)), "{refused:?}");
    assert!(store.job(undelivered).await.unwrap().is_some());
    let mut emptied = purge_all(&store, &Due::ended_before(ServiceTime::default()), 2).await;
    emptied.sort();
    assert_eq!(emptied, [second, first, hidden]);

    end(&store, sample_job(11).id).await;
    let fewer = over(Quota { jobs_listed_max: 3, ..many() });
    assert_eq!(purge_all(&store, &fewer, 1000).await, [sample_job(11).id], "a purge does so, too");
}

pub(super) async fn a_token_tells_its_job_until_that_is_deleted(bench: &mut dyn Bench) {
    let store = bench.store();
    let job = sample_job(1);
    let of = |account: &'static str| {
        let (store, job) = (bench.store(), job.clone());
        async move {
            let account = super::samples::account(account);
            store.job_of_token(&account, job.dialect, &job.spec.client_request_token).await.unwrap()
        }
    };
    assert_eq!(of("a").await, None);
    create(&store, job.clone()).await;
    assert_eq!((of("a").await, of("b").await), (Some(job.id), None));
    step(&store, job.id, Change::DeleteRequested).await.unwrap();
    assert_eq!(of("a").await, None);
}
