//! The engine on one thread under paused time: the memory store, the simulated bucket, one
//! seed. What a job promises, and what a crash at any store write must not change.
#![allow(clippy::unwrap_used, missing_docs)]

mod account;
mod clocks;
mod cluster;
mod crash;
mod crashing;
mod delivery;
mod dry_run;
mod failed_rows;
mod failures;
mod full;
mod groups;
mod hands;
mod held;
mod inventories;
mod leases;
mod life;
mod limits;
mod manifests;
mod nodes;
mod quotas;
mod refusals;
mod restored;
mod retry;
mod rounds;
mod service_clock;
mod sharing;
mod spoil;
mod stages;
mod stores;
mod waiting;
