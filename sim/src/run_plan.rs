//! The plan of a run, decided by the seed before it starts: how many nodes, which jobs over which
//! objects, and the rates of faults.

use std::time::Duration;

use brigade_engine::EngineConfig;
use brigade_engine::operation::missing_capabilities;
use brigade_s3::faults::FaultPlan;
use brigade_s3::simulated::{Habit, Habits, Versioning};

use crate::chance::Chance;
use crate::cluster::{SOURCE, TARGET, bucket};
use crate::not_stood_yet;
use crate::scenarios::Act;
use crate::setting::operation;

/// What a job does to each of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    Copy,
    CopyInPlace,
    /// Of objects that one CopyObject does not carry.
    CopyLarge,
    /// With tags, metadata, an ACL and a class of its own.
    CopyDressed,
    /// With metadata on top of the source's, which is read before.
    CopyMerged,
    /// To another endpoint, through the service.
    CopyAcross,
    Delete,
    /// Of the version that the row names.
    DeleteVersion,
    Tag,
    AddTags,
    /// Of all tags.
    Untag,
    /// Of one tag, beside which others stay.
    RemoveTags,
    Acl,
    LegalHold,
    /// Of objects of which some are retained for longer.
    Retention,
    Restore,
    /// Of objects whose restore began before the run.
    WaitForRestore,
    Checksum,
    /// Of objects that were uploaded in parts.
    ChecksumOfParts,
    Encryption,
    Invoke,
}

const JOB_KINDS: [(u64, JobKind); 21] = [
    (4, JobKind::Copy),
    (2, JobKind::CopyInPlace),
    (3, JobKind::CopyLarge),
    (1, JobKind::CopyDressed),
    (2, JobKind::CopyMerged),
    (2, JobKind::CopyAcross),
    (4, JobKind::Delete),
    (2, JobKind::DeleteVersion),
    (2, JobKind::Tag),
    (2, JobKind::AddTags),
    (1, JobKind::Untag),
    (2, JobKind::RemoveTags),
    (2, JobKind::Acl),
    (2, JobKind::LegalHold),
    (2, JobKind::Retention),
    (2, JobKind::Restore),
    (2, JobKind::WaitForRestore),
    (2, JobKind::Checksum),
    (1, JobKind::ChecksumOfParts),
    (1, JobKind::Encryption),
    (3, JobKind::Invoke),
];

/// How many nodes there are. One is the embedded service, which alone opens its store.
const NODES: [(u64, usize); 3] = [(4, 1), (4, 2), (2, 3)];

const VERSIONING: [(u64, Versioning); 3] = [(5, Versioning::Off), (4, Versioning::Enabled), (1, Versioning::Suspended)];

/// How many habits the store has.
const HABITS: [(u64, usize); 4] = [(4, 0), (6, 1), (3, 2), (1, 3)];

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct JobPlan {
    pub(crate) job_kind: JobKind,
    pub(crate) tasks: usize,
    /// Objects that are not there, in percent of the tasks.
    pub(crate) missing_percent: u64,
    /// Too many failures end the job once so many tasks have an outcome.
    pub(crate) threshold_tasks: Option<u64>,
    pub(crate) account: u64,
    pub(crate) priority: i32,
    pub(crate) must_be_confirmed: bool,
    /// The user changes the manifest after the request.
    pub(crate) is_manifest_changed: bool,
    pub(crate) has_report: bool,
    /// The report's bucket denies the service once the job runs.
    pub(crate) is_report_refused: bool,
    pub(crate) created_after: Duration,
    /// Its user changes his mind so long after it began to run.
    pub(crate) paused_after: Option<Duration>,
    pub(crate) requests_per_second: Option<u32>,
}

/// How often each fault occurs, and for how long faults go on. Afterwards none occurs.
#[derive(Debug, Clone)]
pub(crate) struct FaultRates {
    pub(crate) lasts: Duration,
    /// Faults of calls to the objects.
    pub(crate) objects: FaultPlan,
    /// Calls of the job store that go wrong, in parts per million.
    pub(crate) store_ppm: u64,
    /// The mean time between node faults of nodes, clocks and disks.
    pub(crate) node_fault_every: Option<Duration>,
    /// The mean time between two things that users do.
    pub(crate) user_action_every: Option<Duration>,
    /// The mean time between two writes by another writer.
    pub(crate) foreign_every: Option<Duration>,
}

/// Everything that the seed decides before.
#[derive(Debug, Clone)]
pub(crate) struct RunPlan {
    pub(crate) nodes: usize,
    pub(crate) versioning: Versioning,
    /// What the store of the objects does beside what S3 promises.
    pub(crate) habits: Habits,
    pub(crate) jobs: Vec<JobPlan>,
    pub(crate) fault_rates: FaultRates,
    /// Now and then the store refuses the account, until a person changes that.
    pub(crate) is_account_disabled: bool,
    /// Certain faults, each with its time after the beginning.
    pub(crate) script: Vec<(Duration, Act)>,
    pub(crate) config: EngineConfig,
}

impl RunPlan {
    /// The plan of a seed, whose store has these habits; `None` leaves them to the seed.
    pub(crate) fn of(seed: u64, habits: Option<&[Habit]>) -> Self {
        let chance = Chance::new(seed, "scene");
        let habits = habits_of(&Chance::new(seed, "habits"), habits);
        let nodes = chance.weighted(&NODES);
        let versioning = chance.weighted(&VERSIONING);
        // Who minds no versions keeps none.
        let versioning = if habits.has(Habit::IgnoresVersions) { Versioning::Off } else { versioning };
        // One in 20 has a job whose slices are larger than a window.
        let is_large = chance.below(20) == 0;
        let count = if is_large { 1 } else { chance.weighted(&[(2, 1), (3, 2), (3, 3), (2, 4)]) };
        let jobs = (0..count).map(|_| job(&chance, versioning, &habits, is_large)).collect();
        let (fault_rates, config) = (fault_rates(&chance), config(&chance));
        let (fault_rates, config) =
            if is_large { whole_windows(&chance, fault_rates, config) } else { (fault_rates, config) };
        // Drawn by themselves, so that they change no other draw.
        let holds = Chance::new(seed, "holds");
        let hold_patience = Duration::from_secs(holds.weighted(&[(3, 1800), (2, 70)]));
        let config = EngineConfig { hold_patience, ..config };
        let is_account_disabled = holds.below(4) == 0;
        Self { nodes, versioning, habits, jobs, fault_rates, is_account_disabled, script: Vec::new(), config }
    }

    /// Whether the store refuses the account at some time.
    pub(crate) fn may_disable_account(&self) -> bool {
        self.is_account_disabled || self.script.iter().any(|(_, act)| matches!(act, Act::DisableAccount(_)))
    }
}

/// Habits that any seed may have.
pub fn habits_of_seeds() -> Vec<Habit> {
    let is_stood = |habit: &Habit| not_stood_yet::HABITS.iter().all(|(other, _)| other != habit);
    Habit::ALL.iter().copied().filter(is_stood).collect()
}

fn habits_of(chance: &Chance, given: Option<&[Habit]>) -> Habits {
    let all = habits_of_seeds();
    let drawn = (0..chance.weighted(&HABITS)).filter_map(|_| chance.pick(&all).copied()).collect();
    let set: Vec<Habit> = given.map_or(drawn, <[Habit]>::to_vec);
    Habits {
        // Manifests and reports lie elsewhere.
        buckets: Some([SOURCE, TARGET].map(bucket).into()),
        skew: Duration::from_secs(chance.between(1, chance.weighted(&[(1, 5), (1, 120)]))),
        late_by: Duration::from_secs(chance.between(1, 25)),
        upload_life: Duration::from_secs(chance.between(2, 30)),
        ..set.into_iter().collect()
    }
}

fn job(chance: &Chance, versioning: Versioning, habits: &Habits, is_large: bool) -> JobPlan {
    let capabilities = habits.capabilities();
    // What a store lacks is refused when the job is created.
    let is_taken = |job_kind| missing_capabilities(&operation(job_kind), &capabilities, &capabilities).is_empty();
    let job_kind = loop {
        let job_kind = chance.weighted(&JOB_KINDS);
        let is_there = match job_kind {
            JobKind::DeleteVersion => versioning == Versioning::Enabled || habits.has(Habit::IgnoresVersions),
            // Only a bucket with versions has object lock.
            JobKind::LegalHold | JobKind::Retention => versioning == Versioning::Enabled,
            _ => true,
        };
        if is_there && is_taken(job_kind) && (!is_large || job_kind == JobKind::Delete) {
            break job_kind;
        }
    };
    let tasks = match job_kind {
        _ if is_large => chance.between(8_200, 10_000),
        JobKind::CopyLarge => chance.between(1, 8),
        _ => chance.weighted(&[(1, 0), (4, 20), (8, 150), (3, 400)]),
    };
    let tasks = if is_large { tasks } else { chance.between(tasks / 4, tasks) };
    let pace = chance.weighted(&[(2, None), (3, Some(3)), (4, Some(10)), (2, Some(50))]);
    let missing_percent = chance.weighted(&[(5, 0), (3, 10), (2, 70)]);
    // A job that is about to fail is paused more often, so that it fails while it drains.
    let is_paused = chance.below(8) < if missing_percent > 50 { 6 } else { 1 };
    JobPlan {
        job_kind,
        tasks: usize::try_from(tasks).unwrap_or(usize::MAX),
        missing_percent,
        // Those that miss few have too few tasks for the usual threshold.
        threshold_tasks: (missing_percent > 50).then(|| chance.between(1, 30)),
        account: chance.below(2),
        priority: i32::try_from(chance.below(3)).unwrap_or(0),
        must_be_confirmed: chance.below(5) == 0,
        is_manifest_changed: chance.below(30) == 0,
        has_report: chance.below(10) != 0,
        is_report_refused: chance.below(25) == 0,
        created_after: chance.up_to(Duration::from_secs(10)),
        paused_after: is_paused.then(|| chance.up_to(Duration::from_secs(1))),
        requests_per_second: if is_large { None } else { pace },
    }
}

fn fault_rates(chance: &Chance) -> FaultRates {
    let lasts = Duration::from_secs(chance.between(5, 120));
    // Each rate is zero in a third of the seeds, so some seeds show a single kind of fault.
    let ppm = |most: u64| if chance.below(3) == 0 { 0 } else { chance.below(most) };
    let ppm_u32 = |most: u64| u32::try_from(ppm(most)).unwrap_or(0);
    let every = |least: u64, most: u64| {
        let ms = chance.between(least, most);
        (chance.below(3) != 0).then(|| Duration::from_millis(ms))
    };
    let objects = FaultPlan {
        lost_before_ppm: ppm_u32(50_000),
        lost_on_the_way_ppm: ppm_u32(50_000),
        lost_after_ppm: ppm_u32(100_000),
        throttled_ppm: ppm_u32(100_000),
        late_ppm: ppm_u32(50_000),
        late_max: Duration::from_secs(chance.weighted(&[(3, 2), (1, 40)])),
        // Few calls, or most: then the tasks of a job that has to pause take their time to end.
        held_up_ppm: ppm_u32(chance.weighted(&[(4, 100_000), (1, 1_000_000)])),
        held_up_max: Duration::from_secs(chance.weighted(&[(3, 1), (1, 14)])),
        cut_off_ppm: ppm_u32(100_000),
        away: Vec::new(),
    };
    FaultRates {
        lasts,
        objects,
        store_ppm: ppm(180_000),
        node_fault_every: every(500, 10_000),
        user_action_every: every(200, 4_000),
        foreign_every: every(10, 1_500),
    }
}

/// Groups of a large delete are all in flight while nodes die: so a slice larger than the window is in
/// flight when a new holder must repeat it.
fn whole_windows(chance: &Chance, fault_rates: FaultRates, config: EngineConfig) -> (FaultRates, EngineConfig) {
    let late = FaultPlan { late_ppm: 900_000, late_max: Duration::from_secs(14), ..fault_rates.objects };
    let node_fault_every = Some(Duration::from_millis(chance.between(2_000, 6_000)));
    let lasts = Duration::from_secs(chance.between(100, 160));
    let fault_rates = FaultRates {
        lasts,
        objects: late,
        node_fault_every,
        user_action_every: None,
        foreign_every: None,
        ..fault_rates
    };
    (fault_rates, EngineConfig { tasks: 8, ..config })
}

fn config(chance: &Chance) -> EngineConfig {
    let size = |most: u64| usize::try_from(chance.between(1, most)).unwrap_or(1);
    EngineConfig {
        active_jobs: chance.weighted(&[(3, 1), (1, 2), (1, 3)]),
        slices: size(4),
        tasks: chance.weighted(&[(1, 1), (2, 8), (3, 64)]),
        stages: size(4),
        report_patience: Duration::from_secs(chance.weighted(&[(4, 1800), (1, 60)])),
        confirmation_patience: Duration::from_secs(chance.weighted(&[(3, 1800), (1, 20)])),
        free_bytes_to_lease: 1 << 20,
        free_bytes_to_start: 1 << 19,
        // Rounds are over before faults are.
        restore_look_every: Duration::from_secs(3),
        ..EngineConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::operation::OperationKind;

    use super::*;

    #[test]
    fn every_operation_has_a_kind_of_job() {
        let played: Vec<_> = JOB_KINDS.iter().map(|(_, job_kind)| operation(*job_kind).kind()).collect();
        let without: Vec<_> = OperationKind::ALL.into_iter().filter(|kind| !played.contains(kind)).collect();
        assert_eq!(without, []);
    }
}
