//! COSDeleteObject: deletes objects, many in one call where that is safe: as many as the rates
//! allow in a second and the bucket accepts without telling us to slow down.
//!
//! Without a version a delete removes the object, or hides it behind a delete marker where the
//! bucket keeps versions; with one it removes that version for good. The version `null` is a slot
//! that every write replaces, so deleting it is checked like deleting the object. What an answer
//! says of a key is an answer, also where it is a refusal. A key that it does not name, or of which
//! it says what may pass, is deleted by a call of its own: an unknown effect is checked then.

use async_trait::async_trait;
use brigade_model::ports::object_store::{At, CallError, DeleteObject, DeleteObjects, DeleteResult, Effect, Verdict};
use brigade_model::{Outcome, Task, Timestamp};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::capabilities::{Feature, Need, refuse_row};
use super::effect_check::{
    CheckResult, CheckedCall, Condition, Content, Current, LookedAt, NonRepeatableCall, settle, wait_for_the_lost,
};
use super::failure::{End, outcome_of};
use super::task_context::TaskContext;
use super::{Group, ObjectOperation, SliceContext, TaskEnd};
use crate::shared_failures::SharedFailure;

pub(crate) mod group;

/// A delete has no parameters.
pub(crate) struct Delete;

#[async_trait]
impl ObjectOperation for Delete {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        delete_one(context).await
    }

    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    fn group(&self) -> Option<&dyn Group> {
        Some(self)
    }
}

#[async_trait]
impl Group for Delete {
    fn len(&self, tasks: &[Task], keys_max: usize, must_check: &dyn Fn(&Task) -> bool) -> usize {
        group::group_len(tasks, keys_max, must_check)
    }

    /// Deletes a group in one call, and by calls of their own those whose end it does not tell. A row that
    /// the bucket refuses is not sent along: alone it is refused without a call.
    async fn run(&self, slice_context: &SliceContext, tasks: &[Task], must_check: bool) -> Vec<TaskEnd> {
        let tried_since = must_check.then_some(slice_context.attempted_since);
        let mut known = vec![Known::NotYet(tried_since); tasks.len()];
        let is_refused = |task: &Task| refuse_row(task, &slice_context.source.capabilities).is_some();
        let together: Vec<usize> = (0..tasks.len()).filter(|&i| !is_refused(&tasks[i])).collect();
        if !must_check && together.len() >= 2 {
            let sent: Vec<&Task> = together.iter().map(|&i| &tasks[i]).collect();
            for (i, told) in together.into_iter().zip(delete_in_groups(slice_context, &sent).await) {
                known[i] = told;
            }
        }
        run_singly(slice_context, tasks.iter().zip(known)).await
    }
}

/// Deletes one object by a call of its own.
async fn delete_one(context: &TaskContext<'_>) -> Result<Outcome, End> {
    let at = context.find_source()?;
    settle(context, &Deletion { context, at }).await?;
    Ok(Outcome::Succeeded)
}

/// What one call for many told about one of them.
#[derive(Debug, Clone)]
enum Known {
    /// It has ended.
    Ended(TaskEnd),
    /// It is not; since when it may have been deleted nevertheless.
    NotYet(Option<Timestamp>),
}

/// Calls for as many of them as may be sent together now; what they told about each, in their order. Of
/// one that the store tells to slow down each half gets its own, and what is left alone none.
async fn delete_in_groups(slice_context: &SliceContext, tasks: &[&Task]) -> Vec<Known> {
    let (mut known, mut rest) = (Vec::with_capacity(tasks.len()), tasks);
    let mut len_max = rest.len();
    while let Some(first) = rest.first() {
        let len = slice_context.group_max(&first.bucket).min(len_max).min(rest.len());
        let (group, others) = rest.split_at(len.max(1));
        if group.len() == 1 {
            known.push(Known::NotYet(None));
        } else if let Some(told) = delete_together(slice_context, group).await {
            known.extend(told);
        } else {
            // Whatever others of the job find out meanwhile: so a group ends.
            len_max = group.len() / 2;
            continue;
        }
        rest = others;
    }
    known
}

/// One call for all of them; what it told about each, in their order, or `None` when they are to be
/// fewer: the store said so, or a limit that has become less.
async fn delete_together(slice_context: &SliceContext, tasks: &[&Task]) -> Option<Vec<Known>> {
    let (sent, begun) = (slice_context.source.stamps.now(), slice_context.clock.monotonic());
    let (bucket, budget) = (&tasks[0].bucket, &slice_context.budget);
    Some(match send_together(slice_context, tasks).await {
        Ok(results) => {
            match results.iter().any(DeleteResult::is_throttled) {
                true => budget.note_throttled(bucket, tasks.len()),
                false => budget.note_taken(bucket, tasks.len()),
            }
            tasks.iter().zip(&results).map(|(task, result)| read_result(task, result, sent)).collect()
        }
        Err(end) => {
            if let End::Call { error, .. } = &end
                && error.verdict == Verdict::Throttled
            {
                if !error.is_too_many_objects() {
                    budget.note_throttled(bucket, tasks.len());
                }
                if error.effect == Effect::None {
                    return None;
                }
            }
            if let End::Call { error, .. } = &end
                && error.effect == Effect::Unknown
                && error.verdict != Verdict::Stopped
            {
                // The store may still be deleting: no object is checked before the call has had its
                // time. A stop ends the wait, and the calls that follow.
                let until = error.may_land_until((begun, slice_context.clock.monotonic()), 0);
                let _ = wait_for_the_lost(&TaskContext::new(slice_context, tasks[0], Some(sent)), 1, until).await;
            }
            vec![read_error(&end, sent); tasks.len()]
        }
    })
}

async fn send_together(slice_context: &SliceContext, tasks: &[&Task]) -> Result<Vec<DeleteResult>, End> {
    let context = TaskContext::new(slice_context, tasks[0], None);
    let bucket = context.find_source()?.bucket;
    let objects = tasks.iter().map(|task| (task.key.clone(), task.version.clone())).collect();
    let request = DeleteObjects { bucket, objects };
    let _room = context.room_for((group::body_len(tasks) + request.answer_bounds().bytes) as u64).await?;
    Ok(context.send(&slice_context.source, request).await?)
}

/// Codes by which a store refuses to delete a key, with the status that a call for it alone has.
const REFUSALS: &[(&str, u16)] = &[
    ("AccessDenied", 403),
    ("InvalidArgument", 400),
    ("InvalidObjectState", 403),
    ("InvalidRequest", 400),
    ("KeyTooLongError", 400),
    ("MethodNotAllowed", 405),
    ("NoSuchKey", 404),
    ("NoSuchVersion", 404),
    ("NotImplemented", 501),
];

/// `sent` is when the call was sent.
fn read_result(task: &Task, result: &DeleteResult, sent: Timestamp) -> Known {
    let DeleteResult::Failed { code, message, is_throttled, lasting } = result else {
        return match result {
            DeleteResult::Deleted(_) => Known::Ended(TaskEnd::Done(Outcome::Succeeded)),
            _ => Known::NotYet(Some(sent)),
        };
    };
    if let Some((_, status)) = REFUSALS.iter().find(|(refusal, _)| refusal == code) {
        let error = CallError::new(Verdict::Denied, Effect::None, code, message);
        let error = CallError { http_status: Some(*status), lasting: *lasting, ..error };
        let outcome = outcome_of("", &error);
        return Known::Ended(match SharedFailure::of(&error, task, None) {
            Some(shared) => TaskEnd::SharedFailure(outcome, Box::new(shared)),
            None => TaskEnd::Done(outcome),
        });
    }
    // How far a server came before its own fault is not known.
    Known::NotYet((!is_throttled).then_some(sent))
}

/// A call that failed as a whole: the worker had to stop, or each object gets its own call.
fn read_error(end: &End, sent: Timestamp) -> Known {
    match end {
        End::Call { error, .. } if error.verdict == Verdict::Stopped => Known::Ended(match error.effect {
            Effect::None => TaskEnd::NotAttempted,
            Effect::Unknown => TaskEnd::UnknownEffect,
        }),
        End::Call { error, .. } => Known::NotYet((error.effect == Effect::Unknown).then_some(sent)),
        End::Refused(_) | End::Rejected(_) | End::NotYet | End::LeaseLost => Known::NotYet(None),
    }
}

/// Calls of their own that a group makes at a time.
const SINGLES_IN_FLIGHT: usize = 16;

/// The ends stand in the order of the tasks, while one that waits for long holds up no other.
async fn run_singly(slice_context: &SliceContext, tasks: impl Iterator<Item = (&Task, Known)>) -> Vec<TaskEnd> {
    let mut runs = Vec::new();
    let mut running = FuturesUnordered::new();
    for (place, (task, known)) in tasks.enumerate() {
        if running.len() == SINGLES_IN_FLIGHT {
            runs.extend(running.next().await);
        }
        running.push(run_single(slice_context, place, task, known));
    }
    while let Some(run) = running.next().await {
        runs.push(run);
    }
    runs.sort_unstable_by_key(|(place, _)| *place);
    runs.into_iter().map(|(_, run)| run).collect()
}

async fn run_single(slice_context: &SliceContext, place: usize, task: &Task, known: Known) -> (usize, TaskEnd) {
    let end = match known {
        Known::Ended(run) => run,
        Known::NotYet(tried_since) => {
            let context = TaskContext::new(slice_context, task, tried_since);
            context.end(delete_one(&context).await)
        }
    };
    (place, end)
}

struct Deletion<'a> {
    context: &'a TaskContext<'a>,
    at: At,
}

impl Deletion<'_> {
    fn call(&self) -> NonRepeatableCall {
        match &self.context.task.version {
            Some(version) if !version.is_null() => NonRepeatableCall::DeleteVersion,
            _ => NonRepeatableCall::DeleteLatest,
        }
    }
}

impl CheckedCall for Deletion<'_> {
    type Done = ();

    fn condition(&self, current: &Current) -> Condition {
        let capabilities = &self.context.slice.source.capabilities;
        match &self.context.task.version {
            None => Condition::of(current, capabilities, (Feature::DeleteUnchanged, None)),
            Some(_) => Condition::default(),
        }
    }

    async fn act(&self, repeat: Option<&Condition>) -> Result<(), CallError> {
        let if_match = repeat.and_then(|condition| condition.if_match.clone());
        let request = DeleteObject { at: self.at.clone(), version: self.context.task.version.clone(), if_match };
        match self.context.send(&self.context.slice.source, request).await {
            Ok(_) => Ok(()),
            Err(error) if repeat.is_some() && self.call().is_proved_by(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn check(&self, since: Timestamp) -> Result<CheckResult<()>, End> {
        let NonRepeatableCall::DeleteLatest = self.call() else { return Ok(CheckResult::REPEAT) };
        let object = LookedAt {
            context: self.context,
            place: &self.context.slice.source,
            at: &self.at,
            version: self.context.task.version.as_ref(),
            what: "the object",
            doing: "looking whether the object was deleted",
        };
        let result = object.check(self.call(), since, async |_| Ok(Content::Other)).await?;
        Ok(result.map(|_| ()))
    }
}
