//! What the operations do to a simulated store, with answers that get lost where a test says so.

mod acl;
mod chaos;
mod checksum;
mod copy;
mod delete;
mod doubt;
mod dry_run;
mod encryption;
mod invoke;
mod large;
mod locks;
mod restore;
mod stream;
mod tagging;
mod test_job;
mod unproven;
mod untagging;
mod wait;
