//! Carries jobs out: manifest, plan, execute, report.
//!
//! [`Engine`] reads the open jobs of a `JobStore` and does for each what its status calls for
//! (`model::status::phase`): prepares it, grants it a slot, runs its slices, drains it, writes its
//! report. It reaches the outside world through [`Ports`] only, so it runs on one thread under
//! paused time as well as on many with real stores. Recovery after a crash has no path of its own:
//! the statuses and the leases say what is left to do.

mod budget;
pub mod byte_budget;
mod cancel_registry;
mod change;
mod config;
mod context;
pub mod dry_run;
mod engine;
mod execute;
mod failed_rows;
mod fair_queue;
mod job_changes;
mod leb128;
pub mod manifest;
mod meters;
pub mod multipart_etag;
pub mod operation;
pub mod outcomes;
mod pace;
pub mod places;
pub mod ports;
mod preview;
mod purge;
mod ranged;
pub mod report;
mod scheduler_state;
mod shared_failures;
pub mod slice;
mod space;
mod stage;
pub mod stage_error;
mod stage_waits;
pub mod store_clock;
#[cfg(test)]
mod test_job;
mod visits;
mod waiting;

pub use change::log_status;
pub use config::EngineConfig;
pub use engine::Engine;
pub use failed_rows::{FailedRows, RowPosition};
pub use places::{BucketRules, Place, RolePlaces, Roles};
pub use ports::{Observer, Ports};
pub use preview::Preview;
pub use space::Space;
pub use stage_error::StageError;
