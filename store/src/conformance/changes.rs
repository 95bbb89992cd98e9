//! What changing a job promises.

use brigade_model::LoadLimits;
use brigade_model::job::{Change, JobFailure, JobId, failure};
use brigade_model::operation::Tag;
use brigade_model::ports::job_store::{Apply, ApplyError, LeaseError, StageLease};
use brigade_model::status::Status;
use futures::future::join_all;

use super::Bench;
use super::samples::{
    GRACE, TTL, active, apply_to, change_id, create, end, lease_stage, owner, prepared, sample_job, step, token,
};

/// Every change that a life can hold, in lives that hold them.
fn lives() -> Vec<Vec<Change>> {
    let why = || JobFailure::new(failure::INTERNAL_ERROR, "worn out");
    let begin = |more: Vec<Change>| {
        let mut life = vec![Change::PreparationStarted, prepared(&[3])];
        life.extend(more);
        life
    };
    vec![
        begin(vec![
            Change::Confirmed("go".into()),
            Change::PrioritySet(77),
            Change::SlotGranted,
            Change::Noted("the store is away".into()),
            Change::LimitsSet(LoadLimits { requests_per_second: Some(7), ..LoadLimits::default() }),
            Change::Held,
            Change::Preempted,
            Change::Drained,
            Change::Released,
            Change::SlotGranted,
            Change::TagsSet(vec![Tag { key: "team".into(), value: "red".into() }]),
            Change::TasksExhausted,
            Change::ReportWritten,
            Change::TagsSet(Vec::new()),
            Change::TagsSet(vec![Tag { key: "team".into(), value: String::new() }]),
        ]),
        begin(vec![Change::ConfirmationExpired, Change::ReportFailed(why())]),
        begin(vec![
            Change::Confirmed(String::new()),
            Change::SlotGranted,
            Change::FailureRateExceeded(why()),
            Change::DeleteRequested,
            Change::ReportWritten,
        ]),
        vec![Change::PreparationStarted, Change::StageFailed(why()), Change::ReportWritten],
        begin(vec![Change::CancelRequested("no".into()), Change::DeleteRequested]),
    ]
}

pub(super) async fn the_store_moves_a_job_exactly_as_the_model_does(bench: &mut dyn Bench) {
    let store = bench.store();
    for (n, life) in (1..).zip(lives()) {
        let mut job = sample_job(n);
        job.spec.confirmation_required = Some(true);
        create(&store, job.clone()).await;
        job.since = store.service_time().await.unwrap();
        for change in life {
            bench.pass(TTL).await;
            let stored = store.apply(apply_to(&job, change.clone())).await.unwrap();
            job.change(&change, bench.clock().now(), store.service_time().await.unwrap()).unwrap();
            assert_eq!(stored, job, "{change:?}");
            assert_eq!(bench.store().job(job.id).await.unwrap(), Some(job.clone()), "{change:?}");
        }
    }
}

pub(super) async fn a_lost_race_is_told_to_the_loser(bench: &mut dyn Bench) {
    let (winner, loser) = (bench.store(), bench.store());
    create(&winner, sample_job(1)).await;
    let read = sample_job(1);
    winner.apply(apply_to(&read, Change::PrioritySet(5))).await.unwrap();
    let lost = loser.apply(apply_to(&read, Change::CancelRequested("no".into()))).await;
    assert!(matches!(lost, Err(ApplyError::Lost)), "{lost:?}");
    let job = loser.job(read.id).await.unwrap().unwrap();
    assert_eq!((job.status, job.priority, job.revision), (Status::New, 5, 1));
}

pub(super) async fn of_many_changes_of_one_revision_exactly_one_is_made(bench: &mut dyn Bench) {
    create(&bench.store(), sample_job(1)).await;
    let changes = (0..16).map(|priority| {
        let store = bench.store();
        async move { store.apply(apply_to(&sample_job(1), Change::PrioritySet(priority))).await }
    });
    let answers = join_all(changes).await;
    let made: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Err(ApplyError::Lost))).count(), 15);
    assert_eq!(bench.store().job(JobId::from_u128(1)).await.unwrap().as_ref(), Some(made[0]));
}

pub(super) async fn a_change_sent_again_with_its_id_is_made_once(bench: &mut dyn Bench) {
    let store = bench.store();
    create(&store, sample_job(1)).await;
    let change = apply_to(&sample_job(1), Change::PrioritySet(5));
    store.apply(change.clone()).await.unwrap();
    let now = step(&store, sample_job(1).id, Change::PrioritySet(6)).await.unwrap();
    assert_eq!(bench.store().apply(change).await.unwrap(), now, "the repeat shows the job as it is");
    assert_eq!((now.priority, now.revision), (6, 2));
}

pub(super) async fn an_illegal_change_changes_nothing(bench: &mut dyn Bench) {
    let store = bench.store();
    create(&store, sample_job(1)).await;
    let change = apply_to(&sample_job(1), Change::ReportWritten);
    for _ in 0..2 {
        let refused = store.apply(change.clone()).await;
        assert!(matches!(refused, Err(ApplyError::Illegal(e)) if e.status == Status::New), "{refused:?}");
        assert_eq!(store.job(sample_job(1).id).await.unwrap(), Some(sample_job(1)));
    }
}

pub(super) async fn a_change_of_a_job_that_does_not_exist_is_refused(bench: &mut dyn Bench) {
    let refused = bench.store().apply(apply_to(&sample_job(1), Change::Held)).await;
    assert!(matches!(refused, Err(ApplyError::NotFound)), "{refused:?}");
}

pub(super) async fn a_change_under_a_lost_stage_is_fenced_before_it_is_judged(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let old = lease_stage(&store, id).await;
    bench.pass(TTL + GRACE).await;
    let new = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    let under = |lease: &StageLease, revision| Apply {
        job: id,
        revision,
        id: change_id(),
        change: Change::PreparationStarted,
        stage_fence: Some(lease.fence),
    };
    for revision in [0, 9] {
        let fenced = store.apply(under(&old, revision)).await;
        assert!(matches!(fenced, Err(ApplyError::Fenced)), "{fenced:?}");
    }
    assert_eq!(store.job(id).await.unwrap(), Some(sample_job(1)));
    assert_eq!(store.apply(under(&new, 0)).await.unwrap().status, Status::Preparing);
    store.release_stage(&new).await.unwrap();
    assert!(matches!(store.apply(under(&new, 1)).await, Err(ApplyError::Fenced)));
}

pub(super) async fn a_repeat_is_recognised_though_the_stage_is_lost(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let lease = lease_stage(&store, id).await;
    let mut change = apply_to(&sample_job(1), Change::PreparationStarted);
    change.stage_fence = Some(lease.fence);
    let made = store.apply(change.clone()).await.unwrap();
    store.release_stage(&lease).await.unwrap();
    assert_eq!(store.apply(change).await.unwrap(), made);
}

pub(super) async fn the_end_of_a_job_ends_the_lease_of_its_stage(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    let lease = lease_stage(&store, id).await;
    end(&store, id).await;
    assert!(matches!(store.renew_stage(&lease, TTL).await, Err(LeaseError::Fenced)));
}
