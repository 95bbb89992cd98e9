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
    /// The bytes of the objects of tasks that would succeed, where the manifest states them.
    pub bytes: u64,
    /// Tasks that would succeed, whose size the manifest does not tell.
    pub tasks_of_unknown_size: u64,
    /// How long it would take under the limits that stood when this was summed, in seconds.
    pub seconds: u64,
}

impl DryRun {
    /// The sum in a sentence, the most important first, since it may be cut.
    #[must_use]
    pub fn sentence(&self, progress: &Progress) -> String {
        let Progress { succeeded, failed, .. } = progress;
        let mut text = format!("Dry run, nothing was changed: {succeeded} tasks would succeed, {failed} would fail");
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
