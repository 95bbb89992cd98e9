//! Starts work on tokio, and ends all work of a node at once, as a crash does.
#![expect(clippy::disallowed_methods, reason = "this is the door through which work is started")]

use std::sync::{Arc, Mutex};

use brigade_model::ports::spawn::{Spawn, Spawned, Work};
use tokio::task::{AbortHandle, JoinHandle};

/// Starts work on the current tokio runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, _name: &'static str, work: Work) -> Box<dyn Spawned> {
        Box::new(Started(tokio::spawn(work)))
    }
}

struct Started(JoinHandle<()>);

impl Spawned for Started {
    fn abort(&self) {
        self.0.abort();
    }

    fn ended(self: Box<Self>) -> Work {
        Box::pin(async move {
            // Aborted or panicked is ended too; a panic was reported where it happened.
            let _ = self.0.await;
        })
    }
}

/// Work that ends together: a process of a simulation. Clones are one node.
#[derive(Debug, Clone, Default)]
pub struct Node(Arc<Mutex<NodeState>>);

#[derive(Debug, Default)]
struct NodeState {
    is_crashed: bool,
    running: Vec<AbortHandle>,
}

impl Node {
    /// Ends everything that runs on the node, where it stands; nothing starts on it any more.
    pub fn crash(&self) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.is_crashed = true;
        state.running.drain(..).for_each(|work| work.abort());
    }

    /// Whether it crashed.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_crashed
    }
}

impl Spawn for Node {
    fn spawn(&self, _name: &'static str, work: Work) -> Box<dyn Spawned> {
        let started = tokio::spawn(work);
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.is_crashed {
            started.abort();
        } else {
            state.running.retain(|work| !work.is_finished());
            state.running.push(started.abort_handle());
        }
        Box::new(Started(started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crash_ends_what_runs_and_what_would_start() {
        let node = Node::default();
        let waiting = node.spawn("waits", Box::pin(std::future::pending()));
        node.crash();
        waiting.ended().await;
        node.spawn("too late", Box::pin(std::future::pending())).ended().await;
    }
}
