//! The parameters of an invocation.

use serde::{Deserialize, Serialize};

/// Parameters of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// The function, by the name that the configuration has for it.
    pub function: String,
    /// The form of requests and answers.
    pub schema: InvocationSchema,
    /// What each request says beside its object, in the order given; at most ten.
    pub arguments: Vec<(String, String)>,
}

/// The form of an invocation's request and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InvocationSchema {
    /// The bucket stands as a resource name, and there are no arguments.
    V1,
    /// The bucket stands by its name, and arguments beside the job.
    V2,
}

impl InvocationSchema {
    /// Both.
    pub const ALL: [InvocationSchema; 2] = [InvocationSchema::V1, InvocationSchema::V2];

    /// The name in requests, in answers and on every wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InvocationSchema::V1 => "1.0",
            InvocationSchema::V2 => "2.0",
        }
    }
}
