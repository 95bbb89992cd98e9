//! The sentences that must hold after any run of the service, of the simulation as of the kill tests: a function for each, over plain data.
//!
//! The simulation and the kill tests watch a service in their own ways, and sort what they saw into a
//! [`TaskHistory`] for each task, the [`Records`] of the job store, and the [`Report`] as its user reads it. A
//! function returns what happened instead, where its sentence does not hold. What only one of them can know (which
//! failures a fault excuses, what an operation leaves behind) it says in a closure.

pub mod accounting;
pub mod cancelled;
pub mod effects;
pub mod ended;
pub mod failures;
mod history;
pub mod others;
mod records;
pub mod repeats;
mod report;
pub mod successes;
#[cfg(test)]
mod tests;

pub use history::{CallHistory, Done, Foreign, Moment, TaskHistory};
pub use records::Records;
pub use report::{Report, Row};
