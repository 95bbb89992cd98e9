//! What the operations do to a simulated store, with answers that get lost where a test says so.

mod chaos;
mod copy;
mod delete;
mod doubt;
mod dry_run;
mod large;
mod restore;
mod rig;
mod stream;
mod tagging;
mod unproven;
