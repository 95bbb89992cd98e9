//! COSDeleteObject: deletes objects, many in one call where that is safe.
//!
//! Without a version a delete removes the object, or hides it behind a delete marker where the
//! bucket keeps versions; with one it removes that version for good. Whatever an answer does not
//! name as deleted is deleted by a call of its own: an error then comes with its status and
//! request id, and an unknown effect is looked at.

use brigade_model::ports::object_store::{
    At, CallError, DeleteObject, DeleteObjects, DeleteResult, Effect, HeadObject, Verdict,
};
use brigade_model::{Outcome, Task};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use super::failure::{Doing, End, changed_since_attempt};
use super::hand::Hand;
use super::look::{Deed, Finding, Found, Settle, settle};
use super::{Bench, Run};

pub(crate) mod group;

/// Deletes one object by a call of its own.
pub(crate) async fn run(hand: &Hand<'_>) -> Result<Outcome, End> {
    let at = hand.find_source()?;
    settle(&Deletion { hand, at }, hand.must_look).await?;
    Ok(Outcome::Succeeded)
}

/// Deletes a group in one call, and by calls of their own those that it does not settle.
pub(crate) async fn run_group(bench: &Bench, tasks: &[Task], must_look: bool) -> Vec<Run> {
    if must_look || tasks.len() < 2 {
        return run_singly(bench, tasks.iter().map(|task| (task, Known::NotYet(must_look)))).await;
    }
    let known = match delete_together(bench, tasks).await {
        Ok(results) => results.iter().map(read_result).collect(),
        Err(error) => vec![read_error(&error); tasks.len()],
    };
    run_singly(bench, tasks.iter().zip(known)).await
}

/// What one call for many told about one of them.
#[derive(Debug, Clone)]
enum Known {
    /// It is settled.
    Settled(Run),
    /// It is not; whether it may have been deleted nevertheless.
    NotYet(bool),
}

async fn delete_together(bench: &Bench, tasks: &[Task]) -> Result<Vec<DeleteResult>, End> {
    let hand = Hand::new(bench, &tasks[0], false);
    let bucket = hand.find_source()?.bucket;
    let objects = tasks.iter().map(|task| (task.key.clone(), task.version.clone())).collect();
    Ok(hand.send(&bench.source, DeleteObjects { bucket, objects }).await?)
}

fn read_result(result: &DeleteResult) -> Known {
    match result {
        DeleteResult::Deleted(_) => Known::Settled(Run::Done(Outcome::Succeeded)),
        // Of a server's own fault nobody knows how far it came.
        DeleteResult::Failed { code, .. } => Known::NotYet(code == "InternalError"),
        DeleteResult::Unnamed => Known::NotYet(true),
    }
}

/// A call that failed as a whole: the worker had to stop, or each object gets its own call.
fn read_error(end: &End) -> Known {
    match end {
        End::Call { error, .. } if error.verdict == Verdict::Stopped => Known::Settled(match error.effect {
            Effect::None => Run::NotAttempted,
            Effect::Unknown => Run::Unsettled,
        }),
        End::Call { error, .. } => Known::NotYet(error.effect == Effect::Unknown),
        End::Refused(_) | End::LeaseLost => Known::NotYet(false),
    }
}

/// Calls of their own that a group makes at a time.
const SINGLES_IN_FLIGHT: usize = 16;

async fn run_singly(bench: &Bench, tasks: impl Iterator<Item = (&Task, Known)>) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut running = FuturesOrdered::new();
    for (task, known) in tasks {
        if running.len() == SINGLES_IN_FLIGHT {
            runs.extend(running.next().await);
        }
        running.push_back(run_single(bench, task, known));
    }
    while let Some(run) = running.next().await {
        runs.push(run);
    }
    runs
}

async fn run_single(bench: &Bench, task: &Task, known: Known) -> Run {
    match known {
        Known::Settled(run) => run,
        Known::NotYet(must_look) => {
            let hand = Hand::new(bench, task, must_look);
            hand.end(run(&hand).await)
        }
    }
}

struct Deletion<'a> {
    hand: &'a Hand<'a>,
    at: At,
}

impl Deletion<'_> {
    fn deed(&self) -> Deed {
        if self.hand.task.version.is_some() { Deed::DeleteVersion } else { Deed::DeleteLatest }
    }
}

impl Settle for Deletion<'_> {
    type Done = ();

    async fn act(&self, is_repeat: bool) -> Result<(), CallError> {
        let request = DeleteObject { at: self.at.clone(), version: self.hand.task.version.clone(), if_match: None };
        match self.hand.send(&self.hand.bench.source, request).await {
            Ok(_) => Ok(()),
            Err(error) if is_repeat && self.deed().is_proved_by(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn look(&self) -> Result<Finding<()>, End> {
        let Deed::DeleteLatest = self.deed() else { return Ok(Finding::Act) };
        let head = self.hand.send(&self.hand.bench.source, HeadObject { at: self.at.clone(), version: None }).await;
        let found = self.deed().conclude(head.as_ref().map_err(Clone::clone), self.hand.first_attempt(), |_| false);
        match found.doing("looking whether the object was deleted")? {
            Found::Done => Ok(Finding::Done(())),
            Found::Act => Ok(Finding::Act),
            Found::Changed => Err(changed_since_attempt("the object")),
        }
    }
}
