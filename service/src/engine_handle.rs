//! The use cases' handle on the engine: what they tell it and ask it.

use async_trait::async_trait;
use brigade_engine::{Engine, FailedRows, Preview, RowPosition, StageError};
use brigade_model::rates::Rates;
use brigade_model::{Job, JobId, ServiceTime, Waiting};

/// What the use cases tell the engine, and ask it.
#[async_trait]
pub trait EngineHandle: Send + Sync + 'static {
    /// Something was stored: look for work now.
    fn notify(&self);

    /// No task of this job starts any more.
    fn stop_job(&self, job: JobId);

    /// Why nothing can be prepared, for people; `None` when there is room.
    fn why_full(&self) -> Option<String>;

    /// For what a job waits now; `None` while it goes on. `now` is the service clock's.
    fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting>;

    /// How fast a job goes; `None` while its tasks do not run. `now` is the service clock's.
    fn rates(&self, job: &Job, now: ServiceTime, is_waiting: bool) -> Option<Rates>;

    /// The failed rows of a job from that position on, at most `max`, also while it runs.
    async fn failed_rows(&self, job: &Job, from: RowPosition, max: usize) -> Result<FailedRows, StageError>;

    /// What a job is going to do; `None` before its manifest is read, and once its slices are removed.
    async fn preview(&self, job: &Job) -> Result<Option<Preview>, StageError>;

    /// Whether it has ended by a panic.
    fn has_failed(&self) -> bool;
}

#[async_trait]
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

    fn rates(&self, job: &Job, now: ServiceTime, is_waiting: bool) -> Option<Rates> {
        Engine::rates(self, job, now, is_waiting)
    }

    async fn failed_rows(&self, job: &Job, from: RowPosition, max: usize) -> Result<FailedRows, StageError> {
        Engine::failed_rows(self, job, from, max).await
    }

    async fn preview(&self, job: &Job) -> Result<Option<Preview>, StageError> {
        Engine::preview(self, job).await
    }

    fn has_failed(&self) -> bool {
        Engine::has_failed(self)
    }
}
