use brigade_model::job::{CannotRetry, Change};
use brigade_model::ports::job_store::NewSlice;
use brigade_model::ports::{JobStore, Spool};
use brigade_model::task::Defect;
use brigade_model::{ObjectKey, Task, Timestamp, VersionId};
use proptest::prelude::*;

use brigade_model::outcome::CHANGED_SINCE_ATTEMPT;

use super::*;
use crate::slice::{SliceWriter, plan};
use crate::test_job::{TestJob, bucket};

fn task(number: u64) -> Task {
    let key = ObjectKey::new(format!("k/{number:07}")).unwrap();
    Task {
        number,
        bucket: bucket("photos"),
        key,
        version: None,
        size: None,
        defect: None,
        tried_since: None,
        checksum: None,
    }
}

/// A job over these tasks, whose outcomes are these, that has ended; cut as its preparation
/// would have.
async fn ended(tasks: impl Iterator<Item = Task>, outcome: impl Fn(u64) -> Option<Outcome>) -> TestJob {
    let mut test_job = TestJob::new("", |_| {}).await;
    let mut writer = SliceWriter::new();
    let (mut index, mut total) = (0, 0);
    for task in tasks {
        writer.add(&task);
        total += 1;
        if writer.tasks() == plan::tasks_of(index, 8192) {
            write(&test_job, index, &mut writer).await;
            index += 1;
        }
    }
    if writer.tasks() > 0 {
        write(&test_job, index, &mut writer).await;
        index += 1;
    }
    let prepared = Prepared { tasks: total, slices: index, some_rows_have_versions: true, ..Prepared::default() };
    test_job.change(Change::ManifestRead(prepared)).await;
    test_job.change(Change::SlotGranted).await;
    test_job.work(outcome).await;
    test_job.change(Change::ReportWritten).await;
    test_job
}

async fn write(test_job: &TestJob, index: u32, writer: &mut SliceWriter) {
    let spool_name = plan::spool_name(test_job.job.id, index, test_job.lease.fence);
    let (first_task, tasks, file) = (writer.first_task(), writer.tasks(), writer.finish());
    let slice = NewSlice { index, first_task, tasks, spool_name: spool_name.clone(), bytes: file.len() as u64 };
    test_job.spool.write(&spool_name, file).await.unwrap();
    test_job.jobs.add_slices(&test_job.lease, vec![slice], u64::MAX).await.unwrap();
}

/// The tasks of the test job's job as they were written.
async fn written(test_job: &TestJob) -> Vec<Task> {
    let mut tasks = Vec::new();
    for row in test_job.slices().await {
        tasks.extend(open_as_written(&test_job.spool, &test_job.job, &row).await.unwrap().map(Result::unwrap));
    }
    tasks
}

fn any_task() -> impl Strategy<Value = Task> {
    let version = prop::option::of("[a-zA-Z0-9._-]{1,32}");
    let defect = prop_oneof![Just(None), Just(Some(Defect::OtherBucket)), Just(Some(Defect::NoVersion))];
    ("[ab]", "\\PC{1,20}", version, prop::option::of(any::<u64>()), defect).prop_map(
        |(name, key, version, size, defect)| Task {
            bucket: bucket(&name),
            key: ObjectKey::new(key).unwrap(),
            version: version.map(|text| VersionId::new(text).unwrap()),
            size,
            defect,
            ..task(0)
        },
    )
}

fn any_outcome() -> impl Strategy<Value = Option<Outcome>> {
    prop_oneof![
        2 => Just(None),
        4 => Just(Some(Outcome::Succeeded)),
        1 => Just(Some(Outcome::SucceededWith { message: "noted".into() })),
        2 => Just(Some(Outcome::failed("NoSuchKey", Some(404), "gone"))),
        1 => Just(Some(Outcome::unconfirmed(None, "lost"))),
        1 => Just(Some(Outcome::failed(CHANGED_SINCE_ATTEMPT, None, "written anew").of_unknown_effect())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_tasks_of_a_retry_are_the_failed_and_the_unattempted_ones_as_they_were(
        mut scene in prop::collection::vec((any_task(), any_outcome()), 1..400),
    ) {
        for ((task, _), number) in scene.iter_mut().zip(0..) {
            task.number = number;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let tasks = scene.iter().map(|(task, _)| task.clone());
            let mut test_job = ended(tasks, |number| scene[usize::try_from(number).unwrap()].1.clone()).await;
            let leased = test_job.slices().await;
            let left = scene.iter().filter(|(_, outcome)| !outcome.as_ref().is_some_and(Outcome::is_success));
            let expected: Vec<Task> = (0..).zip(left).map(|(number, (task, outcome))| {
                let slice = leased.iter().rfind(|slice| slice.first_task <= task.number).unwrap();
                let tried = outcome.as_ref().is_some_and(|outcome| outcome.effect() == TaskEffect::Unknown).then(|| slice.first_leased.unwrap());
                let tried_since = tried.map(|since| Timestamp::from_second(since.as_second()).unwrap());
                Task { number, tried_since, ..task.clone() }
            }).collect();
            match test_job.job.count_to_retry() {
                Ok(count) => assert_eq!(count, expected.len() as u64),
                Err(error) => {
                    assert_eq!((error, expected.len()), (CannotRetry::NothingLeft, 0));
                    return;
                }
            }
            test_job.retry().await;
            let prepared = test_job.prepare().await.unwrap();
            assert_eq!(prepared.tasks, expected.len() as u64);
            assert!(prepared.some_rows_have_versions, "what an empty version means is known of the whole manifest");
            assert_eq!(written(&test_job).await, expected);
        });
    }
}

#[test]
fn a_retry_looks_since_the_earliest_attempt_that_may_have_had_its_effect() {
    let at = |second| Timestamp::from_second(second).ok();
    let (unknown, refused) = (Outcome::unconfirmed(None, "lost"), Outcome::failed("AccessDenied", Some(403), "no"));
    let rows = [
        (None, at(20), None, Some(&unknown), at(20)),
        (None, at(20), at(10), Some(&unknown), at(10)),
        (at(5), at(20), None, Some(&unknown), at(5)),
        (at(5), at(20), None, None, at(5)),
        (None, at(20), None, None, None),
        (None, at(20), at(10), None, at(10)),
        (at(5), at(20), at(10), Some(&refused), None),
    ];
    for (restored, leased, before, outcome, expected) in rows {
        assert_eq!(tried_since(restored, leased, before, outcome), expected, "{restored:?} {before:?} {outcome:?}");
    }
}

/// Two of three tasks have no success.
fn mostly(number: u64) -> Option<Outcome> {
    match number % 3 {
        0 => Some(Outcome::Succeeded),
        1 => Some(Outcome::failed("NoSuchKey", Some(404), "gone")),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_tasks_are_retried_without_one_too_many_or_too_few() {
    let mut test_job = ended((0..1_000_000).map(task), mostly).await;
    test_job.retry().await;
    assert_eq!(test_job.prepare().await.unwrap().tasks, 666_666);
    let mut wanted = (0..1_000_000).filter(|number| number % 3 != 0);
    let mut number = 0;
    for row in test_job.slices().await {
        for task in open_as_written(&test_job.spool, &test_job.job, &row).await.unwrap() {
            let task = task.unwrap();
            assert_eq!((task.number, task.key), (number, self::task(wanted.next().unwrap()).key));
            number += 1;
        }
    }
    assert_eq!(wanted.next(), None);
}

/// Records slices that another preparation of the same tasks wrote, as one that died would have.
async fn steal(test_job: &TestJob, from: &TestJob, slices: &[SliceRow]) -> Vec<String> {
    let mut names = Vec::new();
    for SliceRow { index, first_task, tasks, spool_name, .. } in slices.iter().cloned() {
        test_job.spool.write(&spool_name, from.spool.read(&spool_name).await.unwrap()).await.unwrap();
        names.push(spool_name.clone());
        let slice = NewSlice { index, first_task, tasks, spool_name, bytes: 1 };
        test_job.jobs.add_slices(&test_job.lease, vec![slice], u64::MAX).await.unwrap();
    }
    names
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_a_retry_over_goes_on_behind_the_recorded_slices() {
    let mut test_job = ended((0..300_000).map(task), mostly).await;
    test_job.retry().await;
    test_job.prepare().await.unwrap();
    let whole = written(&test_job).await;
    let slices = test_job.slices().await;

    let mut again = ended((0..300_000).map(task), mostly).await;
    again.retry().await;
    let first = steal(&again, &test_job, &slices[..16]).await;
    again.take_over().await;
    again.prepare().await.unwrap();
    let rows = again.slices().await;
    assert_eq!(rows[..16].iter().map(|row| row.spool_name.clone()).collect::<Vec<_>>(), first);
    assert_eq!(written(&again).await, whole);
}

#[tokio::test(start_paused = true)]
async fn a_retry_whose_tasks_are_gone_or_not_what_was_counted_fails_and_says_so() {
    let failure = |stage_error: StageError| match stage_error {
        StageError::Failed(why) => (why.code, why.reason),
        other => panic!("{other}"),
    };
    let mut test_job = ended((0..10).map(task), mostly).await;
    let source = test_job.job.id;
    let row = test_job.slices().await.remove(0);
    test_job.retry().await;
    let gone = JobId::from_u128(7);
    let what = Prepare {
        job: &test_job.job,
        lease: &test_job.lease,
        jobs: &test_job.jobs,
        spool: &test_job.spool,
        places: &test_job.places,
        bytes_max: u64::MAX,
        cancel: &test_job.cancel,
        bytes: &test_job.bytes,
    };
    let (code, reason) = failure(read_tasks(what, gone).await.unwrap_err());
    assert_eq!(code, "RetriedJobNotFound");
    assert_eq!(reason, format!("job {gone}, whose failed tasks are retried, is not kept any more"));

    test_job.spool.remove(&row.spool_name).await.unwrap();
    let (code, reason) = failure(test_job.prepare().await.unwrap_err());
    assert_eq!(code, "InternalError");
    assert!(reason.contains(&row.spool_name), "{reason}");
    assert!(row.spool_name.starts_with(&source.to_string()));
}

#[test]
fn only_an_ended_job_whose_manifest_was_read_and_that_left_something_can_be_retried() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let test_job = runtime.block_on(ended((0..10).map(task), |_| Some(Outcome::Succeeded)));
    let job = |adjust: fn(&mut Job)| {
        let mut job = test_job.job.clone();
        job.progress.succeeded = 4;
        adjust(&mut job);
        job.count_to_retry()
    };
    assert_eq!(job(|_| {}), Ok(6));
    assert_eq!(job(|job| job.progress.succeeded = 10), Err(CannotRetry::NothingLeft));
    assert_eq!(job(|job| job.prepared = None), Err(CannotRetry::NeverRead));
    const AT: brigade_model::Timestamp = brigade_model::Timestamp::UNIX_EPOCH;
    assert_eq!(job(|job| job.outcomes_removed = Some(AT)), Err(CannotRetry::OutcomesRemoved(AT)));
    assert_eq!(
        job(|job| job.status = brigade_model::Status::Completing),
        Err(CannotRetry::NotEnded(brigade_model::Status::Completing))
    );
}
