//! What the faces share of an answer: the request's ids, and why it is refused.

use std::error::Error;

use brigade_model::Capability;
use brigade_model::ports::{Clock, Entropy};
use brigade_wire::cos::{CosError, ids};

/// The names of one request.
pub(crate) struct Ids {
    /// `x-cos-request-id`, in every answer.
    pub(crate) request: String,
    /// Of `x-cos-trace-id`, which only the answers of errors have.
    pub(crate) trace: [u8; 36],
}

impl Ids {
    pub(crate) fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        // One system call for both.
        let mut random = [0; 46];
        entropy.fill(&mut random);
        let (trace, request) = random.split_first_chunk().expect("46 bytes are 36 and 10");
        let request = request.first_chunk().expect("10 are left");
        Self { request: ids::request_id(clock.now().as_second(), request), trace: *trace }
    }
}

/// Why a job is refused that needs capabilities which its endpoints are not known to have.
pub(crate) fn lacking(operation: &str, missing: &[Capability]) -> String {
    let names: Vec<&str> = missing.iter().map(|capability| capability.name()).collect();
    let names = names.join(", ");
    format!(
        "{operation} needs what the endpoint lacks: {names} (`brigade endpoint probe` proves what it does not lack)"
    )
}

/// What the client is told, in the words of its face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorAnswer {
    /// For programs.
    pub(crate) code: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// For people.
    pub(crate) message: String,
}

impl From<CosError> for ErrorAnswer {
    fn from(CosError { code, status, message }: CosError) -> Self {
        Self { code, status, message }
    }
}

/// What the client is told, and what the log is told.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// For the client.
    pub(crate) told: ErrorAnswer,
    because: Option<Box<dyn Error + Send + Sync>>,
}

impl<T: Into<ErrorAnswer>> From<T> for Refusal {
    fn from(told: T) -> Self {
        Self { told: told.into(), because: None }
    }
}

impl Refusal {
    /// A refusal whose cause is not for the client.
    pub(crate) fn because(told: impl Into<ErrorAnswer>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { told: told.into(), because: Some(cause.into()) }
    }

    /// Logs one line: an error where the service failed, a remark where the client did. The message may
    /// hold words of the client, so it is a field of its own: the log quotes it, and a line end in it
    /// begins no line.
    pub(crate) fn log(&self, peer: &str) {
        let ErrorAnswer { code, status, message: told } = &self.told;
        let cause = self.because.as_deref().map(chain).unwrap_or_default();
        if *status >= 500 {
            tracing::error!(status, code, told, cause, peer, "request failed");
        } else {
            tracing::info!(status, code, told, cause, peer, "request refused");
        }
    }
}

/// An error and all that it came from.
fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    anyhow::Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
