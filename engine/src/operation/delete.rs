//! COSDeleteObject: deletes objects, many in one call where that is safe.
//!
//! Without a version a delete removes the object, or hides it behind a delete marker where the
//! bucket keeps versions; with one it removes that version for good. The version `null` is a slot
//! that every write replaces, so deleting it is checked like deleting the object. Whatever an
//! answer does not name as deleted is deleted by a call of its own: an error then comes with its
//! status and request id, and an unknown effect is checked.

use brigade_model::limits::DELETE_OBJECTS_BYTES_MAX;
use brigade_model::ports::object_store::{At, CallError, DeleteObject, DeleteObjects, DeleteResult, Effect, Verdict};
use brigade_model::{Outcome, Task, Timestamp};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use super::capabilities::{Feature, refuse_row};
use super::effect_check::{
    CheckResult, CheckedCall, Condition, Content, Current, LookedAt, NonRepeatableCall, settle, wait_for_the_lost,
};
use super::failure::End;
use super::hand::Hand;
use super::{Bench, Run};

pub(crate) mod group;

/// Deletes one object by a call of its own.
pub(crate) async fn run(hand: &Hand<'_>) -> Result<Outcome, End> {
    let at = hand.find_source()?;
    settle(hand, &Deletion { hand, at }).await?;
    Ok(Outcome::Succeeded)
}

/// Deletes a group in one call, and by calls of their own those that it does not settle. A row that
/// the bucket refuses is not sent along: alone it is refused without a call.
pub(crate) async fn run_group(bench: &Bench, tasks: &[Task], must_look: bool) -> Vec<Run> {
    let tried_since = must_look.then_some(bench.attempted_since);
    let mut known = vec![Known::NotYet(tried_since); tasks.len()];
    let is_refused = |task: &Task| refuse_row(task, &bench.source.capabilities).is_some();
    let together: Vec<usize> = (0..tasks.len()).filter(|&i| !is_refused(&tasks[i])).collect();
    if !must_look && together.len() >= 2 {
        let sent: Vec<&Task> = together.iter().map(|&i| &tasks[i]).collect();
        for (i, told) in together.into_iter().zip(delete_together(bench, &sent).await) {
            known[i] = told;
        }
    }
    run_singly(bench, tasks.iter().zip(known)).await
}

/// What one call for many told about one of them.
#[derive(Debug, Clone)]
enum Known {
    /// It is settled.
    Settled(Run),
    /// It is not; since when it may have been deleted nevertheless.
    NotYet(Option<Timestamp>),
}

/// One call for all of them; what it told about each, in their order.
async fn delete_together(bench: &Bench, tasks: &[&Task]) -> Vec<Known> {
    let (sent, begun) = (bench.source.stamps.now(), bench.clock.monotonic());
    match send_together(bench, tasks).await {
        Ok(results) => results.iter().map(|result| read_result(result, sent)).collect(),
        Err(end) => {
            if let End::Call { error, .. } = &end
                && error.effect == Effect::Unknown
                && error.verdict != Verdict::Stopped
            {
                // It may go on deleting: none of its objects is looked at before it has had its
                // time. A stop ends the wait, and the calls that follow.
                let until = error.may_land_until((begun, bench.clock.monotonic()), 0);
                let _ = wait_for_the_lost(&Hand::new(bench, tasks[0], Some(sent)), 1, until).await;
            }
            vec![read_error(&end, sent); tasks.len()]
        }
    }
}

async fn send_together(bench: &Bench, tasks: &[&Task]) -> Result<Vec<DeleteResult>, End> {
    let hand = Hand::new(bench, tasks[0], None);
    let bucket = hand.find_source()?.bucket;
    let objects = tasks.iter().map(|task| (task.key.clone(), task.version.clone())).collect();
    let request = DeleteObjects { bucket, objects };
    let _room = hand.room_for((DELETE_OBJECTS_BYTES_MAX + request.answer_bounds().bytes) as u64).await?;
    Ok(hand.send(&bench.source, request).await?)
}

/// Codes by which a store says of a key that it did nothing to it.
const REFUSALS: &[&str] = &[
    "AccessDenied",
    "InvalidArgument",
    "InvalidObjectState",
    "InvalidRequest",
    "KeyTooLongError",
    "MethodNotAllowed",
    "NoSuchKey",
    "NoSuchVersion",
    "NotImplemented",
    "SlowDown",
];

/// `sent` is when the call was sent.
fn read_result(result: &DeleteResult, sent: Timestamp) -> Known {
    match result {
        DeleteResult::Deleted(_) => Known::Settled(Run::Done(Outcome::Succeeded)),
        // Of a server's own fault nobody knows how far it came.
        DeleteResult::Failed { code, .. } => Known::NotYet((!REFUSALS.contains(&code.as_str())).then_some(sent)),
        DeleteResult::Unnamed => Known::NotYet(Some(sent)),
    }
}

/// A call that failed as a whole: the worker had to stop, or each object gets its own call.
fn read_error(end: &End, sent: Timestamp) -> Known {
    match end {
        End::Call { error, .. } if error.verdict == Verdict::Stopped => Known::Settled(match error.effect {
            Effect::None => Run::NotAttempted,
            Effect::Unknown => Run::Unsettled,
        }),
        End::Call { error, .. } => Known::NotYet((error.effect == Effect::Unknown).then_some(sent)),
        End::Refused(_) | End::Rejected(_) | End::LeaseLost => Known::NotYet(None),
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
        Known::NotYet(tried_since) => {
            let hand = Hand::new(bench, task, tried_since);
            hand.end(run(&hand).await)
        }
    }
}

struct Deletion<'a> {
    hand: &'a Hand<'a>,
    at: At,
}

impl Deletion<'_> {
    fn call(&self) -> NonRepeatableCall {
        match &self.hand.task.version {
            Some(version) if !version.is_null() => NonRepeatableCall::DeleteVersion,
            _ => NonRepeatableCall::DeleteLatest,
        }
    }
}

impl CheckedCall for Deletion<'_> {
    type Done = ();

    fn condition(&self, current: &Current) -> Condition {
        let capabilities = &self.hand.bench.source.capabilities;
        match &self.hand.task.version {
            None => Condition::of(current, capabilities, (Feature::DeleteUnchanged, None)),
            Some(_) => Condition::default(),
        }
    }

    async fn act(&self, repeat: Option<&Condition>) -> Result<(), CallError> {
        let if_match = repeat.and_then(|condition| condition.if_match.clone());
        let request = DeleteObject { at: self.at.clone(), version: self.hand.task.version.clone(), if_match };
        match self.hand.send(&self.hand.bench.source, request).await {
            Ok(_) => Ok(()),
            Err(error) if repeat.is_some() && self.call().is_proved_by(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn check(&self, since: Timestamp) -> Result<CheckResult<()>, End> {
        let NonRepeatableCall::DeleteLatest = self.call() else { return Ok(CheckResult::REPEAT) };
        let object = LookedAt {
            hand: self.hand,
            place: &self.hand.bench.source,
            at: &self.at,
            version: self.hand.task.version.as_ref(),
            what: "the object",
            doing: "looking whether the object was deleted",
        };
        let result = object.check(self.call(), since, async |_| Ok(Content::Other)).await?;
        Ok(result.map(|_| ()))
    }
}
