//! Why a call brought no answer that can be used.

use std::path::PathBuf;

/// Why a call of the client failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The service refused it in the dialect's own words.
    #[error("{code}: {message} (status {status}, request id {request_id})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The dialect's code.
        code: String,
        /// What it said.
        message: String,
        /// The service's id of the request.
        request_id: String,
    },
    /// It refused in other words: a proxy, or another service.
    #[error("the answer has status {status} and no error of the dialect (request id {request_id})")]
    NoErrorBody {
        /// The HTTP status.
        status: u16,
        /// The service's id of the request.
        request_id: String,
    },
    /// The request cannot be written down, such as an appid with a line break in it.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
    /// Nothing came back.
    #[error("no answer from {url}: {problem}")]
    Unreachable {
        /// Where to.
        url: String,
        /// What the system said.
        problem: String,
    },
    /// Something came back that is not what was asked for.
    #[error("{url} gave an answer that cannot be read: {problem}")]
    Unreadable {
        /// Where from.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The CA certificates cannot be used.
    #[error("CA certificates {file}: {problem}")]
    Ca {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system's CA certificates cannot be used.
    #[error("no CA certificates to trust: {0}")]
    SystemCa(String),
}

impl ClientError {
    /// Whether the same call may well succeed a little later: nothing came back, or the
    /// service (or a proxy before it) has trouble of its own.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            ClientError::Refused { status, .. } | ClientError::NoErrorBody { status, .. } => {
                *status >= 500 || *status == 429
            }
            ClientError::Unreachable { .. } => true,
            ClientError::Unsendable(_)
            | ClientError::Unreadable { .. }
            | ClientError::Ca { .. }
            | ClientError::SystemCa(_) => false,
        }
    }
}
