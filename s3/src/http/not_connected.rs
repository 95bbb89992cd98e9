//! Why there is no connection.

use crate::verdict::Step;

/// The step that failed, and why.
#[derive(Debug)]
pub(crate) struct NotConnected {
    pub(crate) step: Step,
    pub(crate) cause: String,
}
