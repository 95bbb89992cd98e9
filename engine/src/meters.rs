//! What tasks of each job did in this process in the last seconds: by it an API tells how fast a job goes.
//!
//! It is kept in memory alone: a restart has a rate again after a second. Outcomes that another process on the same
//! job store records are not in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::ports::Monotonic;
use brigade_model::rates::{Lately, WINDOW};
use brigade_model::{DoneBytes, JobId};

/// What is recorded within this time counts as recorded at once: so a job has 60 entries at most.
const STEP: Duration = Duration::from_millis(250);

/// What tasks did lately, by job. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    /// When this process began to measure.
    began: Monotonic,
    jobs: Arc<Mutex<BTreeMap<JobId, VecDeque<Entry>>>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Monotonic,
    tasks: u64,
    bytes: DoneBytes,
}

impl Meters {
    pub(crate) fn new(now: Monotonic) -> Self {
        Self { began: now, jobs: Arc::default() }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, VecDeque<Entry>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Outcomes of so many tasks were recorded.
    pub(crate) fn note(&self, job: JobId, now: Monotonic, tasks: u64, bytes: DoneBytes) {
        let mut jobs = self.jobs();
        let entries = jobs.entry(job).or_default();
        while entries.front().is_some_and(|first| now.since(first.at) > WINDOW) {
            entries.pop_front();
        }
        match entries.back_mut().filter(|last| now.since(last.at) < STEP) {
            Some(last) => {
                last.tasks += tasks;
                last.bytes.merge(bytes);
            }
            None => entries.push_back(Entry { at: now, tasks, bytes }),
        }
    }

    /// What was done in the last seconds, of a job that has been Active for so long.
    pub(crate) fn lately(&self, job: JobId, now: Monotonic, active_for: Duration) -> Lately {
        let during = WINDOW.min(active_for).min(now.since(self.began));
        let (mut tasks, mut bytes) = (0, DoneBytes::default());
        for entry in self.jobs().get(&job).into_iter().flatten().filter(|entry| now.since(entry.at) <= during) {
            tasks += entry.tasks;
            bytes.merge(entry.bytes);
        }
        Lately { during, tasks, bytes: Some(bytes) }
    }

    /// Forgets all jobs but these.
    pub(crate) fn keep(&self, is_kept: impl Fn(JobId) -> bool) {
        self.jobs().retain(|job, _| is_kept(*job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobId {
        JobId::from_u128(1)
    }

    fn at(milliseconds: u64) -> Monotonic {
        Monotonic(Duration::from_millis(milliseconds))
    }

    fn of(bytes: u64) -> DoneBytes {
        DoneBytes { bytes, tasks_of_unknown_size: 0 }
    }

    #[test]
    fn only_the_last_seconds_of_the_time_that_a_job_runs_in_this_process_count() {
        let (meters, hour) = (Meters::new(at(0)), Duration::from_secs(3600));
        for second in 1..=100 {
            meters.note(job(), at(second * 1000), 10, of(7));
        }
        let lately = |now, active_for| meters.lately(job(), at(now), active_for);
        let did = |during, tasks, bytes| Lately { during, tasks, bytes: Some(of(bytes)) };
        let two_seconds = Duration::from_secs(2);
        assert_eq!(lately(100_500, hour), did(WINDOW, 150, 105));
        assert_eq!(lately(100_500, two_seconds), did(two_seconds, 20, 14), "it was paused before");
        assert_eq!(lately(200_000, hour), did(WINDOW, 0, 0), "none has ended lately");
        assert_eq!(meters.lately(JobId::from_u128(2), at(100_500), hour).tasks, 0);
        assert_eq!(Meters::new(at(0)).lately(job(), at(2000), hour).during, two_seconds, "after a restart");
    }

    #[test]
    fn a_job_has_a_bounded_number_of_entries_and_none_once_it_has_ended() {
        let meters = Meters::new(at(0));
        (0..100_000).for_each(|millisecond| meters.note(job(), at(millisecond), 1, of(1)));
        assert!(meters.jobs()[&job()].len() <= 62, "{}", meters.jobs()[&job()].len());
        meters.keep(|_| false);
        assert!(meters.jobs().is_empty());
    }
}
