//! Why a job stands still now. The job's row knows a part of it (a confirmation, a pause, a hold), this process
//! the rest: what the calls of its slices and stages wait for, and why a stage was left to be entered again.
//!
//! | status | it waits for, the first that holds |
//! |---|---|
//! | New | disk space; the end of the job that it follows, and a turn to be prepared |
//! | Preparing | disk space; what a call of its stage waits for; why its stage begins again; an endpoint of its role |
//! | Suspended | its confirmation |
//! | Ready, Paused | its user; the service's hold; its next round; disk space; a slot |
//! | Active | disk space; what a call waits for; an endpoint that is away, or does not answer; the task that a hold tries |
//! | Pausing | an endpoint that does not answer; tasks in flight |
//! | Completing, Cancelling, Failing | as Preparing, without the disk; an endpoint that does not answer; tasks in flight |
//! | ended | nothing |
//!
//! Work of another process on the same job store is that process's to tell; of it only the stored reason is seen.

use std::time::Duration;

use brigade_model::job::Taken;
use brigade_model::waiting::JOB;
use brigade_model::{Job, Progress, ServiceTime, Status, WaitCause, Waiting};

use crate::context::EngineContext;
use crate::places::{Place, RolePlaces};

/// A call that stands still for less is no news: it may be a single answer that was slow.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl EngineContext {
    /// For what the job waits now; `None` while it goes on, or has ended. `now` is the service clock's.
    pub(crate) fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        match job.status {
            Status::New => self.for_space().or_else(|| self.for_turn(job, now)),
            Status::Preparing => self
                .for_space()
                .or_else(|| self.for_call(job))
                .or_else(|| self.stage_waits.of(job.id))
                .or_else(|| self.for_endpoint(job, |places| vec![places.manifest, places.report])),
            Status::Suspended => {
                let waiting = self.of_job(job, WaitCause::Confirmation, "its confirmation");
                Some(Waiting { since: job.suspended, ..waiting })
            }
            Status::Ready | Status::Paused => {
                let own = self.for_user(job, now).or_else(|| self.for_hold(job)).or_else(|| self.for_round(job, now));
                own.or_else(|| self.for_space()).or_else(|| self.for_slot(job, now))
            }
            Status::Active => self
                .for_space()
                .or_else(|| self.for_call(job))
                .or_else(|| self.for_endpoint(job, |places| vec![places.source, places.target]))
                .or_else(|| self.for_answer(job))
                .or_else(|| self.for_hold(job)),
            Status::Pausing => self.for_answer(job).or_else(|| self.for_tasks_in_flight(job, now)),
            Status::Completing | Status::Cancelling | Status::Failing => self
                .for_call(job)
                .or_else(|| self.stage_waits.of(job.id))
                .or_else(|| self.for_endpoint(job, |places| vec![places.report]))
                .or_else(|| self.for_answer(job))
                .or_else(|| self.for_tasks_in_flight(job, now)),
            Status::Complete | Status::Cancelled | Status::Failed => None,
        }
    }

    fn of_job(&self, job: &Job, cause: WaitCause, what: &str) -> Waiting {
        Waiting { who: JOB.to_owned(), cause, what: what.to_owned(), since: None, name: job.id.to_string() }
    }

    /// It has waited since its status began.
    fn counted(&self, job: &Job, cause: WaitCause, what: &str, now: ServiceTime) -> Waiting {
        let since = self.ports.clock.now().checked_sub(now.since(job.since)).ok();
        Waiting { since, ..self.of_job(job, cause, what) }
    }

    fn for_space(&self) -> Option<Waiting> {
        let (who, name) = (JOB.to_owned(), String::new());
        Some(Waiting { who, cause: WaitCause::DiskSpace, what: self.space.reason()?, since: None, name })
    }

    fn for_turn(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        let what = match job.spec.retry_of.filter(|_| job.spec.takes == Taken::Succeeded) {
            Some(source) => format!("its turn, which comes when job {source} has ended"),
            None => "its turn: other jobs are being prepared".to_owned(),
        };
        (now.since(job.since) >= WORTH_TELLING).then(|| self.counted(job, WaitCause::Turn, &what, now))
    }

    fn for_slot(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        let what = format!("one of the {} slots of endpoint {}", self.config.now().active_jobs, job.endpoint);
        (now.since(job.since) >= WORTH_TELLING).then(|| self.counted(job, WaitCause::Slot, &what, now))
    }

    /// What a call has waited for, of a slice or a stage of the job in this process. An endpoint that is stopped or
    /// fails answers nothing, and says more.
    fn for_call(&self, job: &Job) -> Option<Waiting> {
        let (since, waiting) = self.cancels.longest_wait(job.id)?;
        let is_worth_telling = self.ports.clock.monotonic().since(since) >= WORTH_TELLING;
        is_worth_telling.then(|| match waiting.cause {
            WaitCause::Answer => self.for_endpoint(job, |places| places_at(places, &waiting.name)).unwrap_or(waiting),
            _ => waiting,
        })
    }

    /// An endpoint that is stopped or fails, which the job needs.
    fn for_endpoint(&self, job: &Job, needed: impl Fn(RolePlaces) -> Vec<Place>) -> Option<Waiting> {
        let places = self.ports.roles.places(&job.account, &job.spec.role.name)?;
        needed(places).iter().find_map(|place| place.health.waiting())
    }

    /// A call of its tasks that an endpoint has not answered, while it answers none of them.
    fn for_answer(&self, job: &Job) -> Option<Waiting> {
        let places = self.ports.roles.places(&job.account, &job.spec.role.name)?;
        [places.source, places.target].iter().find_map(|place| place.health.unanswered(job.id))
    }

    fn for_user(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        let what = if job.restored_from.is_some() { "its user, after a restore" } else { "its user, who paused it" };
        job.held_by_user.then(|| self.counted(job, WaitCause::Pause, what, now))
    }

    fn for_hold(&self, job: &Job) -> Option<Waiting> {
        let hold = job.hold.as_ref()?;
        let tried = if hold.next_try.is_some() { "a task is tried each minute" } else { "a task is tried now" };
        Some(self.of_job(job, WaitCause::Hold, &format!("{tried}: {}: {}", hold.why.code, hold.why.reason)))
    }

    fn for_round(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        let next = self.ports.clock.now().checked_add(job.rounds?.next?.since(now)).ok()?;
        let Progress { total, succeeded, failed } = job.progress;
        let open = total.saturating_sub(succeeded + failed);
        let what =
            format!("restores: {succeeded} of {total} objects are readable, {open} not yet; looks again at {next:.0}");
        Some(self.counted(job, WaitCause::Restore, &what, now))
    }

    fn for_tasks_in_flight(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        let runs = self.cancels.leases(job.id).is_none_or(|leases| !leases.is_empty());
        runs.then(|| self.counted(job, WaitCause::TasksInFlight, "tasks in flight, which end first", now))
    }
}

fn places_at(places: RolePlaces, endpoint: &str) -> Vec<Place> {
    let all = [places.source, places.target, places.manifest, places.report];
    all.into_iter().filter(|place| place.endpoint.as_str() == endpoint).collect()
}
