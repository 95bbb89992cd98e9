//! Failures that the tasks of a job share: so many alike, with no success between them, that the job is
//! held rather than its tasks failed one after the other.
//!
//! One for each job in this process, for all its slices. It can be lost: what it counts is recorded, or
//! runs again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use brigade_model::limits::HOLD_FAILURES;
use brigade_model::ports::object_store::{CallError, Shared};
use brigade_model::{BucketName, JobFailure, Task};

/// What fails, and how. Tasks with the same cause fail alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cause {
    what: What,
    /// The store's code.
    pub(crate) code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The bucket of these rows.
    Source(BucketName),
    /// The bucket that the job writes to.
    Target(BucketName),
    /// All that its role's credentials reach.
    Endpoint,
}

/// A failure that other tasks of the job share, with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFailure {
    /// What fails.
    pub(crate) cause: Cause,
    /// What the job says of it.
    pub(crate) why: JobFailure,
}

impl SharedFailure {
    /// What a call's error says of other tasks; `None` where it is of this object alone or passes by
    /// itself. `target` is the bucket called, where it is not that of the task's row.
    pub(crate) fn of(error: &CallError, task: &Task, target: Option<&BucketName>) -> Option<Self> {
        let what = match (error.lasting?, target) {
            (Shared::Endpoint, _) => What::Endpoint,
            (Shared::Bucket, Some(bucket)) => What::Target(bucket.clone()),
            (Shared::Bucket, None) => What::Source(task.bucket.clone()),
        };
        let place = match &what {
            What::Source(bucket) | What::Target(bucket) => format!("bucket {bucket}"),
            What::Endpoint => "the endpoint".to_owned(),
        };
        let why = JobFailure::new(&error.code, format!("{place}: {}", error.message));
        Some(Self { cause: Cause { what, code: error.code.clone() }, why })
    }
}

/// The counts of a job.
#[derive(Debug, Default)]
pub(crate) struct SharedFailures {
    counts: Mutex<BTreeMap<Cause, u32>>,
    /// Whether anything is counted: asked at each success.
    is_any: AtomicBool,
    /// How often a success showed that something works after all.
    disproofs: AtomicU64,
}

impl SharedFailures {
    /// Counts a failure; gives whether the job is to be held.
    pub(crate) fn add(&self, cause: &Cause) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_any.store(true, Ordering::Relaxed);
        if let Some(count) = counts.get_mut(cause) {
            *count += 1;
            return *count >= HOLD_FAILURES;
        }
        counts.insert(cause.clone(), 1);
        HOLD_FAILURES <= 1
    }

    /// Whether a success has something to disprove.
    pub(crate) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// A task of rows of this bucket succeeded: the endpoint works, and so do that bucket and the target.
    pub(crate) fn disprove(&self, bucket: &BucketName) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = counts.len();
        counts.retain(|cause, _| matches!(&cause.what, What::Source(other) if other != bucket));
        self.is_any.store(!counts.is_empty(), Ordering::Relaxed);
        if counts.len() != before {
            self.disproofs.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a success has disproved something.
    pub(crate) fn disproofs(&self) -> u64 {
        self.disproofs.load(Ordering::Relaxed)
    }

    /// The job is held, or its hold is lifted: what it meets from now on counts anew.
    pub(crate) fn forget(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.is_any.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bucket: &str) -> Cause {
        Cause { what: What::Source(BucketName::new(bucket).unwrap()), code: "NoSuchBucket".into() }
    }

    #[test]
    fn ten_failures_alike_hold_a_job_and_a_success_of_what_failed_begins_the_count_anew() {
        let failures = SharedFailures::default();
        let (photos, logs) = (source("photos"), source("logs"));
        let target = Cause { what: What::Target(BucketName::new("copies").unwrap()), code: "NoSuchBucket".into() };
        let endpoint = Cause { what: What::Endpoint, code: "AccountProblem".into() };
        let nine = || {
            for cause in [&photos, &logs, &target, &endpoint] {
                (1..HOLD_FAILURES).for_each(|n| assert!(!failures.add(cause), "{cause:?} {n}"));
            }
        };
        nine();
        failures.disprove(&BucketName::new("photos").unwrap());
        assert_eq!((failures.disproofs(), failures.is_any()), (1, true));
        for (cause, is_tenth) in [(&photos, false), (&target, false), (&endpoint, false), (&logs, true)] {
            assert_eq!(failures.add(cause), is_tenth, "{cause:?}");
        }
        failures.forget();
        nine();
        assert!(failures.add(&photos));
    }

    #[test]
    fn failures_by_another_code_are_others() {
        let failures = SharedFailures::default();
        let other = Cause { code: "AllAccessDisabled".into(), ..source("photos") };
        for _ in 1..HOLD_FAILURES {
            assert!(!failures.add(&source("photos")) && !failures.add(&other));
        }
        assert!(failures.add(&other));
    }
}
