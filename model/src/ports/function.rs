//! Functions: what jobs call for each object, at places that the configuration names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::ports::object_store::Effect;

/// A function that the jobs of an account may call. Clones are one function.
#[derive(Clone)]
pub struct Function {
    /// Calls it.
    pub invoker: Arc<dyn Invoker>,
    /// As many invocations may be in flight in this process.
    pub slots: Arc<Semaphore>,
    /// How long one may take.
    pub timeout: Duration,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// One invocation, for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The task, by a name that is the same whenever it is invoked again: a function knows a repeat by it.
    pub task: String,
    /// The request, JSON.
    pub body: Bytes,
}

/// What was answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionAnswer {
    /// The HTTP status.
    pub http_status: u16,
    /// How long the function asks to wait.
    pub retry_after_seconds: Option<u32>,
    /// The whole body.
    pub body: Bytes,
}

/// An invocation without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnswered {
    /// Whether the function may have been called.
    pub effect: Effect,
    /// What went wrong; never a secret.
    pub message: String,
}

/// The port. Contract of every body: one invocation is one request, never repeated and never sent elsewhere; it
/// ends within the function's time; an answer has a bounded size.
#[async_trait]
pub trait Invoker: Send + Sync + 'static {
    /// Calls the function.
    async fn invoke(&self, invocation: Invocation) -> Result<FunctionAnswer, NotAnswered>;
}
