//! What a seed decides before a run: the job, how slowly its store answers, who else writes, and
//! when the service is killed.

use std::time::Duration;

use brigade_model::operation::OperationKind;
use brigade_model::ports::Entropy;
use brigade_runtime::SeededEntropy;

/// What the job does to each of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    Copy,
    Tag,
    Delete,
    /// Of the version that the row names.
    DeleteVersion,
    AddTags,
    /// Of one tag, beside which another stays.
    RemoveTags,
    Untag,
    Acl,
    LegalHold,
    Retention,
    Checksum,
    /// Of the parts that the objects were uploaded in.
    ChecksumOfParts,
    Restore,
    /// Of objects whose restores end while the job runs.
    WaitForRestore,
    Encryption,
    Invoke,
}

impl JobKind {
    pub(crate) fn operation(self) -> OperationKind {
        match self {
            JobKind::Copy => OperationKind::Copy,
            JobKind::Tag | JobKind::AddTags => OperationKind::Tagging,
            JobKind::Delete | JobKind::DeleteVersion => OperationKind::Delete,
            JobKind::RemoveTags | JobKind::Untag => OperationKind::Untagging,
            JobKind::Acl => OperationKind::Acl,
            JobKind::LegalHold => OperationKind::LegalHold,
            JobKind::Retention => OperationKind::Retention,
            JobKind::Checksum | JobKind::ChecksumOfParts => OperationKind::Checksum,
            JobKind::Restore => OperationKind::Restore,
            JobKind::WaitForRestore => OperationKind::WaitForRestore,
            JobKind::Encryption => OperationKind::Encryption,
            JobKind::Invoke => OperationKind::Invoke,
        }
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Preparing,
    Active,
    /// Completing or Cancelling.
    Ending,
}

/// Which calls of the service a trap waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Those that change objects of tasks.
    Act,
    /// Those that change objects of the large slice's tasks.
    ActOfLargeSlice,
    /// Others on objects of tasks.
    Look,
    /// Those on the bucket of manifests.
    Manifest,
    /// A piece of the manifest's bytes, sent to the service.
    Piece,
    /// Those that write into the bucket of reports.
    Report,
}

/// What becomes of the call at which the service is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// It is lost before it arrives.
    Lost,
    /// It was carried out, and its answer is lost.
    Unanswered,
    /// It is carried out when its sender is dead.
    Late,
}

/// Kills the service at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trap {
    pub(crate) on: On,
    /// How many such calls go by before.
    pub(crate) after: u64,
    pub(crate) call: Call,
}

/// When, within a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// As soon as the answer before is there.
    Now,
    At(Trap),
    /// So long after the job was seen in the stage.
    After(Duration),
    /// When more outcomes are told than before.
    Counted,
}

/// What happens in a run, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The service is killed, and started again.
    Kill(Stage, Moment),
    /// A user makes the job more urgent.
    Prioritize(i32),
    /// A user cancels it while answers to its tasks are held back, which they are for so long after;
    /// or until the service dies.
    Cancel { held: Option<Duration> },
    /// The service is frozen (`kill -STOP`) until its leases have ended, and goes on.
    Freeze,
}

/// Everything that a seed decides.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) job_kind: JobKind,
    pub(crate) is_versioned: bool,
    pub(crate) tasks: u64,
    /// One in so many objects is not there.
    pub(crate) missing_every: u64,
    pub(crate) in_flight: u32,
    /// An answer to a task's call takes up to twice as long.
    pub(crate) answer: Duration,
    /// The mean time between two writes by another writer; `None` for only those at a kill.
    pub(crate) foreign_every: Option<Duration>,
    pub(crate) steps: Vec<Step>,
}

/// A seed's choices.
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    pub(crate) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(crate) fn pick<T: Copy>(&self, rows: &[T]) -> T {
        rows[usize::try_from(self.below(rows.len() as u64)).unwrap()]
    }

    pub(crate) fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }
}

impl Scenario {
    pub(crate) fn of(seed: u64, job_kind: JobKind, is_versioned: bool) -> Self {
        let chance = Chance::new(seed);
        let job_kind = match job_kind {
            JobKind::Delete if is_versioned && chance.below(3) == 0 => JobKind::DeleteVersion,
            job_kind => job_kind,
        };
        let is_cancelled = seed.is_multiple_of(2);
        let (tasks, in_flight) = match job_kind {
            JobKind::Delete | JobKind::DeleteVersion => (chance.between(700, 2000), 6),
            _ => (chance.between(500, 1200), 12),
        };
        let answer = chance.millis(2, 8);
        let foreign_every = (chance.below(4) != 0).then(|| chance.millis(5, 40));
        let mut steps = preparing(&chance);
        steps.extend(active(&chance, job_kind, tasks));
        steps.extend(if is_cancelled { cancelled(&chance) } else { completing(&chance) });
        let missing_every = chance.pick(&[7, 40, u64::MAX]);
        Self { seed, job_kind, is_versioned, tasks, missing_every, in_flight, answer, foreign_every, steps }
    }

    /// Whether the object of that task is not there from the start.
    pub(crate) fn is_missing(&self, task: u64) -> bool {
        task % self.missing_every == self.missing_every - 1
    }
}

fn at(on: On, after: u64, call: Call) -> Moment {
    Moment::At(Trap { on, after, call })
}

fn call(chance: &Chance) -> Call {
    chance.pick(&[Call::Lost, Call::Unanswered, Call::Unanswered, Call::Late])
}

fn preparing(chance: &Chance) -> Vec<Step> {
    let kill = |moment| Step::Kill(Stage::Preparing, moment);
    let moment = || match chance.below(6) {
        0 => Moment::Now,
        1 => at(On::Manifest, chance.below(2), call(chance)),
        2 => at(On::Report, chance.below(2), call(chance)),
        3 => Moment::After(chance.millis(0, 40)),
        _ => at(On::Piece, chance.below(8), Call::Lost),
    };
    (0..chance.between(1, 2)).map(|_| kill(moment())).collect()
}

fn active(chance: &Chance, job_kind: JobKind, tasks: u64) -> Vec<Step> {
    let kill = |moment| Step::Kill(Stage::Active, moment);
    let is_grouped = matches!(job_kind, JobKind::Delete | JobKind::DeleteVersion);
    let mut steps = Vec::new();
    for n in 0..3 {
        // Deletes go in groups; only tasks that look have calls of their own.
        let most = if is_grouped && (n == 0 || chance.below(2) == 0) { 4 } else { tasks / 5 };
        let moment = match chance.below(8) {
            0 => Moment::After(chance.millis(0, 400)),
            1 => Moment::Counted,
            2 if n > 0 => at(On::Look, chance.below(20), call(chance)),
            // None of them changes anything.
            _ if matches!(job_kind, JobKind::Checksum | JobKind::ChecksumOfParts | JobKind::WaitForRestore) => {
                at(On::Look, chance.below(most), call(chance))
            }
            _ => at(On::Act, chance.below(most), call(chance)),
        };
        steps.push(kill(moment));
    }
    if chance.below(2) == 0 {
        steps.insert(1, Step::Prioritize(i32::try_from(chance.between(2, 90)).unwrap()));
        steps.insert(2, kill(Moment::Now));
    }
    steps
}

fn completing(chance: &Chance) -> Vec<Step> {
    let kill = |moment| Step::Kill(Stage::Ending, moment);
    let moment = || match chance.below(4) {
        0 => Moment::After(chance.millis(0, 15)),
        _ => at(On::Report, chance.below(3), call(chance)),
    };
    (0..2).map(|_| kill(moment())).collect()
}

fn cancelled(chance: &Chance) -> Vec<Step> {
    let kill = |moment| Step::Kill(Stage::Ending, moment);
    // Either the service is killed while it drains, or it has to wait until the answers come.
    let held = chance.pick(&[None, None, Some(Duration::ZERO), Some(Duration::from_millis(600))]);
    let moment = || match chance.below(3) {
        0 => Moment::After(chance.millis(0, 20)),
        _ => at(On::Report, chance.below(3), call(chance)),
    };
    let while_held = || chance.pick(&[Moment::Now, Moment::After(Duration::from_millis(30))]);
    let first = if held.is_some() { moment() } else { while_held() };
    vec![Step::Cancel { held }, kill(first), kill(moment())]
}
