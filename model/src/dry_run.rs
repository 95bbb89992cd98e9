//! What a dry run found: the requests that the job would send, the bytes of its objects, and how
//! long that would take.

use serde::{Deserialize, Serialize};

use crate::progress::Progress;

/// The sum of a dry run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// How many requests of each kind would be sent, by the names of the S3 API. Repeats after
    /// errors are not foreseen.
    pub requests: Vec<(String, u64)>,
    /// The bytes of the objects of tasks that would be attempted, where the manifest states them.
    pub bytes: u64,
    /// Tasks that would be attempted, whose size the manifest does not tell.
    pub tasks_of_unknown_size: u64,
    /// How long it would take under the limits that stood when this was summed, in seconds.
    pub seconds: u64,
}

impl DryRun {
    /// The sum in a sentence, the most important first, since it may be cut. A task that no read
    /// refused would be attempted: a dry run does not try what its writes would meet.
    #[must_use]
    pub fn sentence(&self, progress: &Progress) -> String {
        let Progress { succeeded, failed, .. } = progress;
        let mut text =
            format!("Dry run, nothing was changed: {succeeded} tasks would be attempted, {failed} would fail");
        let requests: Vec<_> = self.requests.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        if !requests.is_empty() {
            text += &format!("; requests: {}", requests.join(", "));
        }
        if self.bytes > 0 {
            text += &format!("; {} bytes", self.bytes);
        }
        text += &format!("; about {} s", self.seconds);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_promises_no_success_of_what_it_did_not_try() {
        let found = DryRun { requests: vec![("CopyObject".into(), 5000)], seconds: 3, ..DryRun::default() };
        let progress = Progress { total: 5003, succeeded: 5000, failed: 3 };
        assert_eq!(
            found.sentence(&progress),
            "Dry run, nothing was changed: 5000 tasks would be attempted, 3 would fail; requests: 5000 CopyObject; \
             about 3 s"
        );
    }
}
