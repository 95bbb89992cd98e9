//! Scenarios written by hand. They keep the findings of seeds, since a seed means another plan whenever
//! a table of the simulation changes. In a scenario the seed decides only the order of work.

use std::time::Duration;

use brigade_engine::EngineConfig;
use brigade_s3::faults::FaultPlan;
use brigade_s3::simulated::{Habits, Versioning};

use crate::history::LEFT_OPEN;
use crate::run_plan::{FaultRates, JobKind, JobPlan, RunPlan};

/// A fault or action at a given time of the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// The process of that node dies; another takes its place within 20 seconds.
    Crash(usize),
    /// The time of day of that node is set forward, or back, by milliseconds.
    SetClock(usize, i64),
    /// The user of that job cancels it.
    Cancel(usize),
    /// The store refuses all calls on the objects of tasks for so many seconds.
    DisableAccount(u64),
}

/// A plan and its script, in seconds after the beginning.
#[derive(Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    nodes: usize,
    jobs: fn() -> Vec<JobPlan>,
    script: &'static [(u64, Act)],
    /// Kinds of what happens, of which each run must come by one: else it shows nothing.
    pub shows: &'static [&'static str],
}

/// A job waits for its report until its patience ends.
const WAITS_FOR_REPORT: &[&str] = &["Completing -> Failed", "Cancelling -> Cancelled"];

/// All of them. Where the store refuses a report, the job stops retrying it 30 minutes after the tasks:
/// in each such scenario the time of day puts that moment never, long ago, or yet to come.
pub const SCENARIOS: &[Scenario] = &[
    // Seed 528787506564671: cancelled, two crashes, and 17 hours back.
    Scenario {
        name: "clock-set-back-while-a-cancelled-job-reports",
        nodes: 1,
        jobs: || vec![JobPlan { requests_per_second: Some(2), ..refused() }],
        script: &[
            (6, Act::Cancel(0)),
            (20, Act::Crash(0)),
            (45, Act::Crash(0)),
            (70, Act::SetClock(0, -60_851_849)),
            (80, Act::SetClock(0, 20_681)),
        ],
        shows: WAITS_FOR_REPORT,
    },
    // Seed 27031247613219197: 24 hours back, while another job waits for its confirmation.
    Scenario {
        name: "clock-set-back-by-a-day-after-two-crashes",
        nodes: 1,
        jobs: || vec![refused(), JobPlan { must_be_confirmed: true, is_report_refused: false, ..refused() }],
        script: &[(8, Act::Crash(0)), (12, Act::Crash(0)), (40, Act::SetClock(0, -86_155_696))],
        shows: WAITS_FOR_REPORT,
    },
    // Seed 27031247613225707: crash after crash, and 13 hours back by the last process.
    Scenario {
        name: "clock-set-back-after-many-crashes",
        nodes: 1,
        jobs: || vec![refused()],
        script: &[
            (3, Act::Crash(0)),
            (25, Act::Crash(0)),
            (40, Act::Crash(0)),
            (60, Act::Crash(0)),
            (75, Act::SetClock(0, -49_007_196)),
        ],
        shows: WAITS_FOR_REPORT,
    },
    // Seed 27031247613211029: the report waits when its process dies, and the next one's clock is behind.
    Scenario {
        name: "clock-set-back-while-no-process-runs",
        nodes: 1,
        jobs: || vec![refused(), JobPlan { is_report_refused: false, ..refused() }],
        script: &[(8, Act::Crash(0)), (8, Act::SetClock(0, -30_000_000))],
        shows: WAITS_FOR_REPORT,
    },
    // Seed 27031247613223638: the clock is wrong before the job, and put right while its report waits.
    Scenario {
        name: "clock-ahead-before-the-job-and-put-right-after",
        nodes: 1,
        jobs: || vec![JobPlan { created_after: Duration::from_secs(5), ..refused() }],
        script: &[
            (2, Act::SetClock(0, 32_726_356)),
            (15, Act::Crash(0)),
            (40, Act::Crash(0)),
            (60, Act::SetClock(0, -32_726_356)),
        ],
        shows: WAITS_FOR_REPORT,
    },
    // The same with nodes that disagree, and a store whose clock is none of theirs.
    Scenario {
        name: "clocks-of-three-nodes-disagree",
        nodes: 3,
        jobs: || vec![refused(), refused()],
        script: &[
            (0, Act::SetClock(0, -86_400_000)),
            (0, Act::SetClock(1, 86_400_000)),
            (10, Act::Crash(1)),
            (12, Act::SetClock(2, -40_000_000)),
            (30, Act::Crash(2)),
        ],
        shows: WAITS_FOR_REPORT,
    },
    // Seed 7311931: the store refuses to abort the uploads of a job that has no report.
    Scenario {
        name: "uploads-are-left-open-by-a-job-without-a-report",
        nodes: 1,
        jobs: || {
            let job_kind = JobKind::CopyLarge;
            let (requests_per_second, has_report) = (Some(2), false);
            vec![JobPlan { job_kind, tasks: 3, requests_per_second, has_report, is_report_refused: false, ..refused() }]
        },
        script: &[(8, Act::DisableAccount(90)), (10, Act::Cancel(0))],
        shows: &[LEFT_OPEN],
    },
];

impl Scenario {
    pub(crate) fn run_plan(&self) -> RunPlan {
        RunPlan {
            nodes: self.nodes,
            versioning: Versioning::Off,
            habits: Habits::default(),
            jobs: (self.jobs)(),
            fault_rates: FaultRates {
                lasts: Duration::from_secs(100),
                objects: FaultPlan::default(),
                store_ppm: 0,
                node_fault_every: None,
                user_action_every: None,
                foreign_every: None,
            },
            is_account_disabled: false,
            script: self.script.iter().map(|(second, act)| (Duration::from_secs(*second), *act)).collect(),
            config: EngineConfig {
                report_patience: Duration::from_secs(1800),
                confirmation_patience: Duration::from_secs(1800),
                free_bytes_to_lease: 1 << 20,
                free_bytes_to_start: 1 << 19,
                ..EngineConfig::default()
            },
        }
    }
}

/// A job of a few tasks whose report is refused from when it runs on.
fn refused() -> JobPlan {
    JobPlan {
        job_kind: JobKind::Tag,
        tasks: 30,
        missing_percent: 0,
        threshold_tasks: None,
        account: 0,
        priority: 0,
        must_be_confirmed: false,
        is_manifest_changed: false,
        has_report: true,
        is_report_refused: true,
        created_after: Duration::from_secs(1),
        paused_after: None,
        requests_per_second: None,
    }
}
