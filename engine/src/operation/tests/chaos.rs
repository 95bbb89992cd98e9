//! Every operation under answers and requests that get lost and workers that have to stop, by
//! seed: whatever happens, a task that ends in success had its effect exactly once.

use brigade_model::operation::{Restore, RestoreTier, StorageClass};
use brigade_model::ports::Entropy;
use brigade_model::ports::object_store::{CallError, CallKind, Effect, NewObject, Verdict};
use brigade_model::{BucketName, Operation, Task};
use brigade_runtime::SeededEntropy;
use brigade_s3::simulated::{Body, LoggedEffect, Versioning};
use bytes::Bytes;

use super::test_job::{Fault, SOURCE, TARGET, TestTask, at, copy, done, task};
use crate::operation::TaskEnd;

const KEYS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Up to two faults for the next calls of each kind.
fn plan_faults(test_job: &TestTask, entropy: &SeededEntropy) {
    test_job.clear_faults();
    let stopped = || CallError::new(Verdict::Stopped, Effect::None, "Stopped", "the cancel token ended");
    // Calls that retry does not repeat: what becomes of the others is its matter.
    let kinds = [
        CallKind::CopyObject,
        CallKind::DeleteObject,
        CallKind::DeleteObjects,
        CallKind::RestoreObject,
        CallKind::CompleteMultipartUpload,
    ];
    for kind in kinds {
        for _ in 0..2 {
            match entropy.below(4) {
                0 => test_job.fault(kind, Fault::AnswerLost),
                1 => test_job.fault(kind, Fault::RequestLost),
                2 => test_job.fault(kind, Fault::FailsWith(stopped())),
                _ => {}
            }
        }
    }
    if entropy.below(3) == 0 {
        test_job.fault(CallKind::HeadObject, Fault::FailsWith(stopped()));
    }
    if entropy.below(3) == 0 {
        test_job.fault(CallKind::UploadPartCopy, Fault::FailsWith(stopped()));
    }
}

/// Runs the tasks as an executor does, until each has its outcome.
async fn run_to_the_end(test_job: &TestTask, operation: &Operation, entropy: &SeededEntropy) {
    let mut left: Vec<(Task, bool)> = KEYS.iter().map(|key| (task(key), false)).collect();
    if *operation == Operation::Delete {
        plan_faults(test_job, entropy);
        let tasks: Vec<Task> = left.iter().map(|(task, _)| task.clone()).collect();
        let runs = test_job.run_group(&tasks).await;
        left = tasks.into_iter().zip(runs).filter_map(|(task, run)| next_try(task, false, &run)).collect();
    }
    while let Some((task, must_check)) = left.pop() {
        plan_faults(test_job, entropy);
        let run = test_job.run(operation, &task, must_check).await;
        left.extend(next_try(task, must_check, &run));
    }
}

fn next_try(task: Task, must_check: bool, run: &TaskEnd) -> Option<(Task, bool)> {
    match run {
        TaskEnd::NotAttempted | TaskEnd::NotYet => Some((task, must_check)),
        TaskEnd::UnknownEffect | TaskEnd::CutShort(_) => Some((task, true)),
        TaskEnd::Done(_) if *run == done() => None,
        TaskEnd::Done(outcome) | TaskEnd::SharedFailure(outcome, _) => {
            panic!("no other writer interferes, and three acts are enough: {outcome:?}")
        }
    }
}

fn archived(class: &str) -> NewObject {
    NewObject { storage_class: Some(class.into()), ..NewObject::default() }
}

fn effects_on<'a>(effects: &'a [LoggedEffect], bucket: &str, key: &str) -> Vec<&'a LoggedEffect> {
    effects.iter().filter(|effect| effect.at == at(bucket, key) && effect.call != CallKind::PutObject).collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_gets_lost_each_task_has_its_effect_exactly_once() {
    let archive = Operation::Restore(Restore { days: 1, tier: RestoreTier::Standard });
    let in_place = copy(|c| {
        c.target.bucket = BucketName::new(SOURCE).unwrap();
        c.storage_class = Some(StorageClass::StandardIa);
    });
    let operations = [
        (copy(|_| ()), TARGET, None, 1_u64),
        (copy(|_| ()), TARGET, None, 13 << 20),
        (in_place, SOURCE, None, 1),
        (Operation::Delete, SOURCE, None, 1),
        (archive, SOURCE, Some("GLACIER"), 1),
    ];
    for (operation, bucket, class, size) in operations {
        for seed in 0..12 {
            let test_job = TestTask::new().await;
            for bucket in [SOURCE, TARGET] {
                test_job.store.inner.set_versioning(&BucketName::new(bucket).unwrap(), Versioning::Enabled).unwrap();
            }
            for key in KEYS {
                match class {
                    Some(class) => test_job.put_with(key, Bytes::from_static(b"x"), archived(class)).await,
                    None => test_job.store.inner.put(&at(SOURCE, key), Body::zeros(size)).unwrap(),
                }
            }
            test_job.begin_run();
            run_to_the_end(&test_job, &operation, &SeededEntropy::new(seed)).await;
            let effects = test_job.store.inner.effects();
            for key in KEYS {
                let effects = effects_on(&effects, bucket, key);
                assert_eq!(effects.len(), 1, "seed {seed}, {operation:?}: {effects:?}");
            }
            assert_eq!(test_job.store.inner.open_uploads(), [], "seed {seed}");
            assert_eq!(test_job.recorded_uploads().await, 0, "seed {seed}");
        }
    }
}
