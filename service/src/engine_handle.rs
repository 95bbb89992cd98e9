//! The use cases' handle on the engine: what they tell it and ask it.

use brigade_engine::Engine;
use brigade_model::{Job, JobId, ServiceTime, Waiting};

/// What the use cases tell the engine, and ask it.
pub trait EngineHandle: Send + Sync + 'static {
    /// Something was stored: look for work now.
    fn notify(&self);

    /// No task of this job starts any more.
    fn stop_job(&self, job: JobId);

    /// Why nothing can be prepared, for people; `None` when there is room.
    fn why_full(&self) -> Option<String>;

    /// For what a job waits now; `None` while it goes on. `now` is the service clock's.
    fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting>;

    /// Whether it has ended by a panic.
    fn has_failed(&self) -> bool;
}

impl EngineHandle for Engine {
    fn notify(&self) {
        Engine::notify(self);
    }

    fn stop_job(&self, job: JobId) {
        Engine::stop_job(self, job);
    }

    fn why_full(&self) -> Option<String> {
        self.space().reason()
    }

    fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        Engine::waiting(self, job, now)
    }

    fn has_failed(&self) -> bool {
        Engine::has_failed(self)
    }
}
