//! Which job's stage is visited next, and which visit gives its place up. Each stage has a fixed
//! number of places.
//!
//! Places go to the account that holds the fewest, then to the one that was served the longest ago,
//! and within it to the job that was visited the longest ago. When a job waits and no place is
//! free, the engine asks a visit that has had its turn to give its place up. That visit ends
//! cleanly; its job waits in turn, and enters again by the ordinary path.
//!
//! | a place goes to | from a visit that has lasted for |
//! |---|---|
//! | an account that holds more than the visit's, or another that holds as many | never |
//! | an account that holds at least two fewer | [`TURN`] |
//! | a job that has had no turn, while every place has a job that has had one | [`TURN`] |
//! | any other job | [`TURN`], and twice as long as it had lasted when it was given up before |
//!
//! The last row is for preparations and reports: a new visit reads again what the last one read, so
//! each turn is longer than all that has to be made up for, and in all they cost at most a few
//! times what they would by themselves. Jobs that have had a turn leave one place to those that
//! have not: a short job waits for no long one. Where several rows allow it, the account that holds
//! most gives the place up, and of its visits the last.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::job_store::JobHead;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{AccountId, JobId, Phase};

/// A visit keeps its place for this long, whichever job waits. ours
pub(crate) const TURN: Duration = Duration::from_secs(5);
/// A visit that is preempted to give its place up and does not is killed after this. ours
const GRACE: Duration = Duration::from_secs(5);

/// The visits of this process.
#[derive(Debug)]
pub(crate) struct Visits {
    /// Places of each stage.
    places: usize,
    /// Numbers the visits.
    begun: u64,
    under_way: BTreeMap<JobId, Visit>,
    past: BTreeMap<JobId, Past>,
    /// The number of each account's last visit.
    accounts: BTreeMap<AccountId, u64>,
}

#[derive(Debug)]
struct Visit {
    account: AccountId,
    stage: Phase,
    number: u64,
    since: Monotonic,
    cancel: CancelToken,
    /// Since when it is to give its place up.
    preempted: Option<Monotonic>,
}

/// What is remembered of a job's visits.
#[derive(Debug)]
struct Past {
    /// The number of the last one.
    number: u64,
    /// In which stage one was given up, and how long the longest of those had lasted.
    given_up: Option<(Phase, Duration)>,
}

/// What is to be done next in a stage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Visit this job.
    Begin(JobId),
    /// Ask the visit of this job to give its place up.
    Preempt(JobId),
    /// Nothing, until something ends or a turn is over.
    Wait,
}

impl Visits {
    /// No visits; each stage has so many places.
    pub(crate) fn new(places: usize) -> Self {
        let (under_way, past, accounts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { places, begun: 0, under_way, past, accounts }
    }

    /// Whether nothing is visited.
    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether the job is visited.
    pub(crate) fn has(&self, job: JobId) -> bool {
        self.under_way.contains_key(&job)
    }

    /// What is to be done next in a stage where these jobs wait.
    pub(crate) fn next(&self, stage: Phase, waiting: &[&JobHead], now: Monotonic) -> Next {
        let mut in_turn = waiting.to_vec();
        in_turn.sort_by_cached_key(|head| {
            let last = self.past.get(&head.id).map(|past| past.number);
            (self.held(stage, &head.account), self.accounts.get(&head.account).copied(), last, head.id)
        });
        if let Some(head) = in_turn.iter().find(|head| self.has_place_for(stage, head.id, now)) {
            return Next::Begin(head.id);
        }
        // Ask no more visits than needed: a visit may end at once.
        let new = in_turn.iter().filter(|head| self.is_new(stage, head.id)).count();
        if self.of(stage).filter(|(_, visit)| visit.preempted.is_some()).count() >= new.max(1) {
            return Next::Wait;
        }
        in_turn.iter().find_map(|head| self.who_makes_room(stage, head, now)).map_or(Next::Wait, Next::Preempt)
    }

    /// A visit begins.
    pub(crate) fn begin(&mut self, head: &JobHead, stage: Phase, cancel: CancelToken, now: Monotonic) {
        self.begun += 1;
        let (number, account) = (self.begun, head.account.clone());
        self.accounts.insert(account.clone(), number);
        let past = self.past.entry(head.id).or_insert(Past { number, given_up: None });
        past.number = number;
        past.given_up.take_if(|(before, _)| *before != stage);
        self.under_way.insert(head.id, Visit { account, stage, number, since: now, cancel, preempted: None });
    }

    /// Asks a visit to give its place up.
    pub(crate) fn preempt(&mut self, job: JobId, now: Monotonic) {
        if let Some(visit) = self.under_way.get_mut(&job) {
            visit.preempted = Some(now);
            visit.cancel.stop();
        }
    }

    /// Cuts the visits that were preempted and have not ended for long.
    pub(crate) fn kill_late(&self, now: Monotonic) {
        let is_late = |visit: &&Visit| visit.preempted.is_some_and(|preempted| now.since(preempted) >= GRACE);
        self.under_way.values().filter(is_late).for_each(|visit| visit.cancel.kill());
    }

    /// A visit has ended.
    pub(crate) fn end(&mut self, job: JobId, now: Monotonic) {
        let Some(visit) = self.under_way.remove(&job) else { return };
        if let Some(past) = self.past.get_mut(&job).filter(|_| visit.preempted.is_some()) {
            let before = past.given_up.map_or(Duration::ZERO, |(_, lasted)| lasted);
            past.given_up = Some((visit.stage, before.max(now.since(visit.since))));
        }
    }

    /// Forgets the jobs and accounts that are not among these, which are in the order of their ids.
    pub(crate) fn keep(&mut self, jobs: &[JobHead]) {
        self.past.retain(|id, _| jobs.binary_search_by_key(id, |job| job.id).is_ok());
        self.accounts.retain(|account, _| jobs.iter().any(|job| job.account == *account));
    }

    fn of(&self, stage: Phase) -> impl Iterator<Item = (&JobId, &Visit)> {
        self.under_way.iter().filter(move |(_, visit)| visit.stage == stage)
    }

    fn held(&self, stage: Phase, account: &AccountId) -> usize {
        self.of(stage).filter(|(_, visit)| visit.account == *account).count()
    }

    /// How long the job's visit in that stage had lasted when it was given up.
    fn given_up(&self, stage: Phase, job: JobId) -> Option<Duration> {
        let (before, lasted) = self.past.get(&job)?.given_up?;
        (before == stage).then_some(lasted)
    }

    /// Whether the job has had no turn in that stage.
    fn is_new(&self, stage: Phase, job: JobId) -> bool {
        self.given_up(stage, job).is_none()
    }

    /// How many places have jobs that have had a turn.
    fn long(&self, stage: Phase, now: Monotonic) -> usize {
        self.of(stage).filter(|(id, visit)| !self.is_new(stage, **id) || now.since(visit.since) >= TURN).count()
    }

    fn has_place_for(&self, stage: Phase, job: JobId, now: Monotonic) -> bool {
        let is_free = self.of(stage).count() < self.places;
        is_free && (self.is_new(stage, job) || self.long(stage, now) < self.places.saturating_sub(1).max(1))
    }

    /// Who gives a place up to that job.
    fn who_makes_room(&self, stage: Phase, to: &JobHead, now: Monotonic) -> Option<JobId> {
        let held_by = self.held(stage, &to.account);
        let is_kept_out = self.places > 1 && self.is_new(stage, to.id) && self.long(stage, now) >= self.places;
        let gives_up = |(id, visit): &(&JobId, &Visit)| {
            let (held, lasted) = (self.held(stage, &visit.account), now.since(visit.since));
            let made_up = match stage {
                Phase::Drain => Duration::ZERO,
                _ => self.given_up(stage, **id).unwrap_or_default() * 2,
            };
            (visit.account == to.account || held > held_by)
                && visit.preempted.is_none()
                && lasted >= TURN
                && (lasted >= made_up || held >= held_by + 2 || is_kept_out)
        };
        let last = |(_, visit): &(&JobId, &Visit)| (self.held(stage, &visit.account), visit.number);
        self.of(stage).filter(gives_up).max_by_key(last).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests;
