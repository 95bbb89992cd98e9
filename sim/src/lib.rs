//! Simulates the service in one deterministic process: the real engine on one to three nodes, over the
//! memory store and the simulated bucket, under every fault that the simulation knows.
//!
//! A seed decides everything: the plan (`run_plan`), the order in which work runs (`executor`), the
//! faults and their moments (`fault_schedule`, `node_faults`, `network`, `job_store`, `spool`), what
//! users do to their jobs (`users`) and another writer to their objects (`other_writer`). Some plans
//! are written by hand (`scenarios`). The run writes a `history`; `invariants` judge it afterwards. The
//! same seed gives the same history.

mod bystanders;
mod chance;
mod cluster;
mod evidence;
mod executor;
mod fault_schedule;
mod function;
mod history;
mod invariants;
mod job_store;
mod network;
mod node_faults;
mod not_stood_yet;
mod other_writer;
mod process;
mod report;
mod run;
mod run_plan;
mod scenarios;
mod setting;
mod spool;
mod users;
mod wall_clock;

pub use history::Entry;
pub use invariants::Violation;
pub use not_stood_yet::HABITS as NOT_STOOD_YET;
pub use run::{Run, run, run_scenario, run_with};
pub use run_plan::habits_of_seeds;
pub use scenarios::{SCENARIOS, Scenario};
