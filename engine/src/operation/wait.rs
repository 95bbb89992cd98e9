//! Waits until an object that is being restored is readable.
//!
//! One run is one look: the object's head tells how far its restore is. While the restore goes on the task
//! stays open, for the next round of its job. Where the head tells of no restore only a read tells whether
//! the object can be read: its class needs none, or its restored copy is gone again. Changes nothing, so a
//! repeat checks nothing.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::WaitForRestore;
use brigade_model::outcome::RESTORE_NOT_NEEDED;
use brigade_model::ports::object_store::{At, CallError, GetObject};

use super::ObjectOperation;
use super::capabilities::Need;
use super::failure::{Doing, End, reject};
use super::task_context::TaskContext;

/// The code of an object whose restored copy is gone again, or never came.
pub(crate) const RESTORE_EXPIRED: &str = "RestoreExpired";
/// The code of an object that is not readable when the job's patience ends.
pub(crate) const RESTORE_NOT_FINISHED: &str = "RestoreNotFinished";

#[async_trait]
impl ObjectOperation for WaitForRestore {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        // Whatever was attempted before had no effect.
        context.end_doubt();
        let at = context.find_source()?;
        let head = context.read_head(&context.slice.source, &at, context.task.version.as_ref()).await;
        let head = head.doing("reading the object's head")?;
        match head.restore.as_deref().map(Restored::read) {
            _ if context.slice.is_dry_run => Ok(Outcome::Succeeded),
            Some(Restored::Yes) => Ok(Outcome::Succeeded),
            Some(Restored::Ongoing) if context.slice.is_last_round => {
                let hours = self.hours;
                Err(reject(RESTORE_NOT_FINISHED, None, format!("the object is still being restored after {hours} h")))
            }
            Some(Restored::Ongoing) => Err(End::NotYet),
            None => read_without_restore(context, at).await,
        }
    }

    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }
}

/// What an object's head says of its restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restored {
    /// A copy is there.
    Yes,
    /// The store is at it; also what cannot be read, since a read would only be refused meanwhile.
    Ongoing,
}

impl Restored {
    /// Reads the value of `x-amz-restore`.
    fn read(value: &str) -> Self {
        let mut parts = value.split(',').map(|part| part.trim().split_once('='));
        let is_done = |(name, value): (&str, &str)| {
            name.trim().eq_ignore_ascii_case("ongoing-request")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("false")
        };
        if parts.any(|part| part.is_some_and(is_done)) { Restored::Yes } else { Restored::Ongoing }
    }
}

/// Reads the first byte of an object whose store knows of no restore.
async fn read_without_restore(context: &TaskContext<'_>, at: At) -> Result<Outcome, End> {
    let get = GetObject { at, version: context.task.version.clone(), range: Some((0, 0)), if_match: None };
    let refused = match context.send(&context.slice.source, get).await.map(drop) {
        Ok(()) => None,
        // It has no first byte.
        Err(error) if error.code == "InvalidRange" => None,
        Err(error) => Some(error),
    };
    match refused {
        None => Ok(Outcome::SucceededWith { message: RESTORE_NOT_NEEDED.to_owned() }),
        Some(CallError { code, http_status, .. }) if code == "InvalidObjectState" => {
            let message = "the object is archived, and its store knows of no restore: the restored copy is gone again";
            Err(reject(RESTORE_EXPIRED, http_status, message))
        }
        Some(error) => Err(error).doing("reading the object's first byte"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_is_done_only_where_the_head_says_so() {
        for (value, expected) in [
            ("ongoing-request=\"false\", expiry-date=\"Sun, 04 Jan 2026 00:00:00 GMT\"", Restored::Yes),
            ("ongoing-request=false", Restored::Yes),
            ("ongoing-request=\"true\"", Restored::Ongoing),
            ("expiry-date=\"Sun, 04 Jan 2026 00:00:00 GMT\"", Restored::Ongoing),
            ("", Restored::Ongoing),
        ] {
            assert_eq!(Restored::read(value), expected, "{value}");
        }
    }
}
