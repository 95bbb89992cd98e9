//! Which ended jobs can be retried, and the spec of the job that retries one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::job::{Job, JobSpec, Taken};
use crate::status::Status;

/// What a retry does with a task whose effect is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unconfirmed {
    /// It checks first, and what no check can tell stays unknown.
    #[default]
    Look,
    /// It is done again, whatever was written since.
    Act,
    /// It checks first, and reads source and target where only their bytes can tell.
    Compare,
}

impl Unconfirmed {
    /// Every way, with its word.
    pub const ALL: [(Unconfirmed, &'static str); 3] =
        [(Unconfirmed::Look, "look"), (Unconfirmed::Act, "act"), (Unconfirmed::Compare, "compare")];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Unconfirmed::ALL.into_iter().find(|(way, _)| *way == self).map_or("look", |(_, word)| word)
    }

    pub(super) fn is_look(&self) -> bool {
        *self == Unconfirmed::Look
    }
}

/// A text that names no way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be look, act or compare")]
pub struct UnknownWay;

impl FromStr for Unconfirmed {
    type Err = UnknownWay;
    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        Unconfirmed::ALL.into_iter().find(|(_, word)| *word == text).map(|(way, _)| way).ok_or(UnknownWay)
    }
}

/// What a retry may ask otherwise than the job that it retries; `None` keeps what that has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retry {
    /// The token of the new job.
    pub client_request_token: String,
    /// How urgent.
    pub priority: Option<i32>,
    /// Whether it waits for a confirmation.
    pub confirmation_required: Option<bool>,
    /// A text for people.
    pub description: Option<String>,
    /// What is done with tasks of unknown effect.
    pub unconfirmed: Unconfirmed,
}

/// Why a job cannot be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotRetry {
    /// Its tasks may still get their outcomes.
    #[error("the job is {0}: only a job that has ended can be retried")]
    NotEnded(Status),
    /// Its tasks are unknown.
    #[error("the job ended before its manifest was read to the end: create it anew")]
    NeverRead,
    /// Nothing is left to do.
    #[error("every task of the job succeeded: there is nothing to retry")]
    NothingLeft,
    /// Nothing tells any more which of its tasks those are.
    #[error("outcomes removed on {0:.0}: create a job over the failed rows of its report")]
    OutcomesRemoved(Timestamp),
}

impl Job {
    /// How many tasks ended without a success: those that failed, `Unconfirmed` ones among
    /// them, and those that were not attempted.
    ///
    /// # Errors
    /// [`CannotRetry`] when the job cannot be retried.
    pub fn count_to_retry(&self) -> Result<u64, CannotRetry> {
        if !self.status.is_terminal() {
            return Err(CannotRetry::NotEnded(self.status));
        }
        if self.prepared.is_none() {
            return Err(CannotRetry::NeverRead);
        }
        match self.progress.total.saturating_sub(self.progress.succeeded) {
            0 => Err(CannotRetry::NothingLeft),
            left => self.outcomes_removed.map_or(Ok(left), |at| Err(CannotRetry::OutcomesRemoved(at))),
        }
    }

    /// The spec of a job that retries this one: the same, except where `retry` says otherwise.
    #[must_use]
    pub fn retried(&self, retry: Retry) -> JobSpec {
        JobSpec {
            client_request_token: retry.client_request_token,
            confirmation_required: retry.confirmation_required.or(self.spec.confirmation_required),
            description: retry.description.or_else(|| self.spec.description.clone()),
            priority: retry.priority.unwrap_or(self.priority),
            retry_of: Some(self.id),
            takes: Taken::Unfinished,
            unconfirmed: retry.unconfirmed,
            tags: self.tags.clone(),
            ..self.spec.clone()
        }
    }
}
