//! The one writer: a thread that performs commands in groups, one transaction a group.
//!
//! ```text
//! command -> channel -> BEGIN -> savepoint, act -> ... (64 at most) -> COMMIT -> answers
//! ```
//!
//! An fsync costs what many small transactions cost together, so the commands that wait while one
//! group is committed make up the next. No caller gets its answer before the COMMIT, a refusal
//! included: its cause may be a command of the same group. A refused command is rolled back to its
//! savepoint; an error of the database rolls back the whole group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use brigade_model::ports::job_store::{LeaseError, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::fail_stop::{FailStop, classify};

/// Commands in one transaction at most: an fsync shared by 64 costs each almost nothing, and no
/// command waits for more than 63 others.
const GROUP_MAX: usize = 64;
/// Commands that wait at most before their senders do.
const QUEUE_MAX: usize = 1024;

/// Why a command stopped.
pub(super) enum Stopped<E> {
    /// It may not happen; its savepoint is rolled back.
    Refused(E),
    /// The database failed; its group is rolled back.
    Broken(rusqlite::Error),
}

impl<E> From<rusqlite::Error> for Stopped<E> {
    fn from(error: rusqlite::Error) -> Self {
        Stopped::Broken(error)
    }
}

/// What a command of the store returns.
pub(super) type Acted<T, E> = Result<T, Stopped<E>>;

/// A refusal.
pub(super) fn refuse<T, E>(why: impl Into<E>) -> Acted<T, E> {
    Err(Stopped::Refused(why.into()))
}

/// What became of an update that names a fence: no row means that the lease is lost.
pub(super) fn fenced_unless(rows: usize) -> Acted<(), LeaseError> {
    if rows == 0 { refuse(LeaseError::Fenced) } else { Ok(()) }
}

type Command = Box<dyn FnOnce(&Connection) -> Performed + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What performing a command leaves: whether its savepoint is kept, and what answers it.
struct Performed {
    is_kept: bool,
    broken: Option<rusqlite::Error>,
    answer: Answer,
}

/// How much was written, since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Transactions committed.
    pub groups: u64,
    /// Commands in them, the refused included.
    pub commands: u64,
}

#[derive(Debug, Default)]
struct Counters {
    groups: AtomicU64,
    commands: AtomicU64,
}

/// The writer's handle; dropping it lets the writer finish what waits, and waits for it.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` only while dropping.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the writer.
    ///
    /// It is a thread and not a `Spawn`ed piece of work: it blocks in fsync, and it must outlive
    /// whatever is aborted, so that a command is never left half done.
    pub(super) fn start(connection: Connection, fail_stop: FailStop) -> std::io::Result<Self> {
        let (commands, waiting) = mpsc::channel(QUEUE_MAX);
        let counters = Arc::<Counters>::default();
        let counted = counters.clone();
        let work = move || write_or_end(connection, waiting, &counted, &fail_stop);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(work)?;
        Ok(Self { commands: Some(commands), thread: Some(thread), counters })
    }

    /// Performs a command and answers once it is committed.
    pub(super) async fn write<T, E>(
        &self,
        act: impl FnOnce(&Connection) -> Acted<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let command: Command = Box::new(move |connection| perform(act(connection), sender));
        let commands = self.commands.as_ref().ok_or_else(ended)?;
        commands.send(command).await.map_err(|_| ended())?;
        receiver.await.map_err(|_| ended())?
    }

    pub(super) fn written(&self) -> Written {
        Written {
            groups: self.counters.groups.load(Ordering::SeqCst),
            commands: self.counters.commands.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has gone through the fail stop already.
            let _ = thread.join();
        }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the writer has ended".to_owned())
}

fn perform<T, E>(acted: Acted<T, E>, sender: oneshot::Sender<Result<T, E>>) -> Performed
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (result, broken) = match acted {
        Ok(value) => (Ok(value), None),
        Err(Stopped::Refused(why)) => (Err(why), None),
        Err(Stopped::Broken(error)) => (Err(classify(&error).into()), Some(error)),
    };
    Performed {
        is_kept: result.is_ok(),
        broken,
        // The caller may have gone; the command is committed all the same.
        answer: Box::new(move |committed| drop(sender.send(committed.map_err(E::from).and(result)))),
    }
}

/// Writes until the last handle is dropped. A panic here would leave every caller without an
/// answer, so it ends the process too.
fn write_or_end(
    mut connection: Connection,
    mut waiting: mpsc::Receiver<Command>,
    counters: &Counters,
    fail_stop: &FailStop,
) {
    let write = || {
        while let Some(first) = waiting.blocking_recv() {
            write_group(&mut connection, first, &mut waiting, counters, fail_stop);
        }
    };
    if catch_unwind(AssertUnwindSafe(write)).is_err() {
        fail_stop.end_process("the writer panicked");
    }
}

fn write_group(
    connection: &mut Connection,
    first: Command,
    waiting: &mut mpsc::Receiver<Command>,
    counters: &Counters,
    fail_stop: &FailStop,
) {
    let mut answers = Vec::new();
    let group = std::iter::once(first).chain(std::iter::from_fn(|| waiting.try_recv().ok())).take(GROUP_MAX);
    let committed = commit_group(connection, group, &mut answers).map_err(|error| fail_stop.judge(&error));
    if committed.is_ok() {
        counters.groups.fetch_add(1, Ordering::SeqCst);
        counters.commands.fetch_add(answers.len() as u64, Ordering::SeqCst);
    }
    for answer in answers {
        answer(committed.clone());
    }
}

/// Performs the commands in one transaction; on an error dropping it rolls all of them back.
fn commit_group(
    connection: &mut Connection,
    group: impl Iterator<Item = Command>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for command in group {
        let savepoint = transaction.savepoint()?;
        let Performed { is_kept, broken, answer } = command(&savepoint);
        answers.push(answer);
        match broken {
            Some(error) => return Err(error),
            None if is_kept => savepoint.commit()?,
            None => savepoint.finish()?,
        }
    }
    transaction.commit()
}
