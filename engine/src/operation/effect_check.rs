//! Finds out whether a call had its effect, when its answer was lost or its worker died, before the
//! call is made again.
//!
//! [`NonRepeatableCall::check`] is the table; [`settle`] is the one loop that follows it. A success
//! demands positive proof: equal size is none, and what cannot be compared stays unknown.
//!
//! *Newer* means that the object may have been written since the attempt, by the clock that stamps
//! it (`store_clock.rs`); doubt counts as newer. That mistake destroys nothing: at worst a task is
//! reported as `ChangedSinceAttempt` although it could have been done, and can be run again. The
//! other mistake would delete or overwrite what another writer has just put there.
//!
//! What remains: another writer may come between the check and the act where the endpoint has no
//! conditions on writes, and a lost call may still reach the store after the check. So a repeat
//! waits until the attempt before it has had twice its time, by the size that the check found, and
//! checks again then; a longer wait checks now and then.

use std::time::Duration;

use brigade_model::ports::Entropy;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{At, CallError, Effect, ObjectHead, Verdict};
use brigade_model::{Capabilities, ETag, Outcome, Timestamp, VersionId};

use super::capabilities::Feature;
use super::failure::{Doing, End, changed_since_attempt};
use super::task_context::TaskContext;
use crate::places::Place;
use crate::store_clock::may_be_newer;

/// A call that cannot simply be repeated: what others wrote in between would be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonRepeatableCall {
    /// A delete without a version, or of the version `null`, which a write replaces.
    DeleteLatest,
    /// A delete of a version that is written once.
    DeleteVersion,
    /// A copy to another object, or a put: both overwrite.
    Overwrite,
    /// A copy of an object onto itself.
    CopyInPlace,
    /// A restore.
    Restore,
    /// Making an object of its parts.
    CompleteUpload,
}

/// How one finds out whether a call had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EffectCheck {
    /// By a HEAD of the object that the call changes: what to conclude from what it shows.
    Head {
        /// There is no object.
        absent: Conclusion,
        /// It is certainly older than the attempt.
        older: Conclusion,
        /// It may be newer, and has the content that the call gives it.
        proven: Conclusion,
        /// It may be newer, and has other content.
        other: Conclusion,
        /// It may be newer, and its content cannot be compared.
        incomparable: Conclusion,
    },
    /// By the repeat itself, which this error code proves done.
    Repeat {
        /// The code.
        proof: &'static str,
    },
}

/// What a check concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conclusion {
    /// The call had its effect.
    Done,
    /// Another writer changed the object since: leave it.
    Changed,
    /// The call had no effect: make it.
    Act,
    /// Nothing tells.
    Unknown,
}

/// What the object that a call changes shows of the content that the call gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// It is that content: an ETag or a checksum of it says so.
    Proven,
    /// It is another one.
    Other,
    /// Neither has a digest that the other has.
    Incomparable,
}

/// What a HEAD of the object that a call changes shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// There is none.
    Absent,
    /// It is certainly older than the attempt.
    Older,
    /// It may be newer.
    Newer(Content),
}

impl NonRepeatableCall {
    /// The table.
    fn check(self) -> EffectCheck {
        use Conclusion::{Act, Changed, Done, Unknown};
        let head =
            |absent, proven, other, incomparable| EffectCheck::Head { absent, older: Act, proven, other, incomparable };
        match self {
            // A delete marker answers a HEAD with 404, so it is absent too.
            NonRepeatableCall::DeleteLatest => head(Done, Changed, Changed, Changed),
            NonRepeatableCall::Overwrite => head(Act, Done, Changed, Unknown),
            // The object is its own source: what others wrote is what is to be copied.
            NonRepeatableCall::CopyInPlace => head(Act, Done, Act, Act),
            NonRepeatableCall::CompleteUpload => head(Act, Done, Changed, Unknown),
            NonRepeatableCall::DeleteVersion => EffectCheck::Repeat { proof: "NoSuchVersion" },
            NonRepeatableCall::Restore => EffectCheck::Repeat { proof: "RestoreAlreadyInProgress" },
        }
    }

    /// What a HEAD tells about the call.
    fn conclude(self, shows: Shows) -> Conclusion {
        let EffectCheck::Head { absent, older, proven, other, incomparable } = self.check() else {
            return Conclusion::Act;
        };
        match shows {
            Shows::Absent => absent,
            Shows::Older => older,
            Shows::Newer(Content::Proven) => proven,
            Shows::Newer(Content::Other) => other,
            Shows::Newer(Content::Incomparable) => incomparable,
        }
    }

    /// Whether the error of a repeat proves that the call had its effect before.
    pub(crate) fn is_proved_by(self, error: &CallError) -> bool {
        matches!(self.check(), EffectCheck::Repeat { proof } if error.code == proof)
    }
}

/// How often a call is made at most while its effect stays unknown, each time after a check. Those
/// that count against none are made beyond that.
pub(crate) const ACTS_MAX: u32 = 3;
/// The second act waits up to this long beyond the time of the first; the third up to twice this.
const BACKOFF: Duration = Duration::from_millis(500);
/// The wait grows no longer than so many times.
const BACKOFFS_MAX: u32 = 20;

/// What was there when a check concluded that the call had no effect: a repeat that can name it
/// as a condition overwrites nothing that comes later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Current {
    /// Not read: the repeat itself tells.
    Unseen,
    /// No object.
    Absent,
    /// An object, with its ETag if the store gives one.
    Object(Option<ETag>),
}

impl Current {
    pub(crate) fn of(head: Option<&ObjectHead>) -> Self {
        match head {
            None => Current::Absent,
            Some(head) => Current::Object(head.etag.clone()),
        }
    }
}

/// The condition of a repeat: that the object is still the one that was there, or that there is
/// still none; empty where the endpoint is not known to honour conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) if_match: Option<ETag>,
    pub(crate) if_none_match: bool,
}

impl Condition {
    /// `current` is what a check found, `unchanged` and `nothing` what the endpoint must do to
    /// honour either condition.
    pub(crate) fn of(
        current: &Current,
        capabilities: &Capabilities,
        (unchanged, nothing): (Feature, Option<Feature>),
    ) -> Self {
        let is_possible = |feature: Feature| feature.is_possible_at(capabilities);
        match current {
            Current::Object(etag) if is_possible(unchanged) => Self { if_match: etag.clone(), ..Self::default() },
            Current::Absent if nothing.is_some_and(is_possible) => Self { if_none_match: true, ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// What the check of one call found, with what its success gives.
pub(crate) enum CheckResult<T> {
    Done(T),
    /// The call is to be made.
    Act {
        current: Current,
        /// The attempts before certainly had no effect.
        is_ruled_out: bool,
    },
}

impl<T> CheckResult<T> {
    /// The repeat itself tells.
    pub(crate) const REPEAT: Self = CheckResult::Act { current: Current::Unseen, is_ruled_out: false };

    /// The same with another form of what success gives.
    pub(crate) fn map<U>(self, form: impl FnOnce(T) -> U) -> CheckResult<U> {
        match self {
            CheckResult::Done(done) => CheckResult::Done(form(done)),
            CheckResult::Act { current, is_ruled_out } => CheckResult::Act { current, is_ruled_out },
        }
    }
}

/// The object that a call changes, for an effect check.
pub(crate) struct LookedAt<'a> {
    pub(crate) context: &'a TaskContext<'a>,
    pub(crate) place: &'a Place,
    pub(crate) at: &'a At,
    pub(crate) version: Option<&'a VersionId>,
    /// What it is to the task, for people.
    pub(crate) what: &'static str,
    /// What the check is for.
    pub(crate) doing: &'static str,
}

impl LookedAt<'_> {
    /// Checks the call by a HEAD. `content` says what an object that may be newer than `since` shows
    /// of being what the call makes. A success gives the head of the object, if there is one.
    pub(crate) async fn check(
        &self,
        call: NonRepeatableCall,
        since: Timestamp,
        content: impl AsyncFnOnce(&ObjectHead) -> Result<Content, End>,
    ) -> Result<CheckResult<Option<ObjectHead>>, End> {
        let head = self.context.find_head(self.place, self.at, self.version).await.doing(self.doing)?;
        let shows = match &head {
            None => Shows::Absent,
            Some(head) if !may_be_newer(self.place, head, since) => Shows::Older,
            Some(head) => Shows::Newer(content(head).await?),
        };
        match call.conclude(shows) {
            Conclusion::Done => Ok(CheckResult::Done(head)),
            Conclusion::Act => {
                let is_ruled_out = !matches!(shows, Shows::Newer(_));
                Ok(CheckResult::Act { current: Current::of(head.as_ref()), is_ruled_out })
            }
            Conclusion::Changed => Err(changed_since_attempt(self.what)),
            Conclusion::Unknown => Err(incomparable(self.what)),
        }
    }
}

/// The end of a task whose effect no look can tell.
pub(crate) fn incomparable(what: &str) -> End {
    let message = format!(
        "an attempt's answer was lost, and whether {what} was written by it cannot be told: it has no ETag or \
         checksum that can be compared; retry it with --unconfirmed compare or act"
    );
    End::Refused(Outcome::unconfirmed(None, message))
}

/// A call on one object whose effect can be checked.
pub(crate) trait CheckedCall {
    /// What its success gives.
    type Done: Send;

    /// The condition of a repeat, where the endpoint is known to honour it.
    fn condition(&self, _current: &Current) -> Condition {
        Condition::default()
    }

    /// Bytes that the store moves for it, where known.
    fn bytes(&self) -> u64 {
        0
    }

    /// Makes it. `repeat` is the condition of a repeat, `None` of a first attempt.
    async fn act(&self, repeat: Option<&Condition>) -> Result<Self::Done, CallError>;

    /// Checks whether it had its effect since then; an object that another writer changed is an error.
    async fn check(&self, since: Timestamp) -> Result<CheckResult<Self::Done>, End>;
}

/// A check that found that the call is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) current: Current,
    /// Since when an attempt before it may have been made.
    pub(crate) since: Timestamp,
}

/// What stands before a call.
pub(crate) enum Before<T> {
    /// An attempt before it was successful.
    Done(T),
    /// It is to be made; with what a check found, where there was an attempt before.
    Act(Option<Checked>),
}

/// Checks a call where an attempt before may have had its effect.
pub(crate) async fn check_doubt<C: CheckedCall>(context: &TaskContext<'_>, call: &C) -> Result<Before<C::Done>, End> {
    let Some(since) = context.in_doubt_since() else { return Ok(Before::Act(None)) };
    // In a box, as all that is rare: otherwise every task has room for it.
    Ok(match conclude(context, Box::pin(call.check(since)).await?) {
        CheckResult::Done(done) => Before::Done(done),
        CheckResult::Act { current, .. } => Before::Act(Some(Checked { current, since })),
    })
}

/// Makes a call, checking first where an attempt before may have had its effect, and after each
/// act of unknown effect.
pub(crate) async fn settle<C: CheckedCall>(context: &TaskContext<'_>, call: &C) -> Result<C::Done, End> {
    match check_doubt(context, call).await? {
        Before::Done(done) => Ok(done),
        Before::Act(checked) => act_and_settle(context, call, checked).await,
    }
}

/// Makes a call, and checks after each act of unknown effect. `checked` is what a check before it
/// found.
pub(crate) async fn act_and_settle<C: CheckedCall>(
    context: &TaskContext<'_>,
    call: &C,
    checked: Option<Checked>,
) -> Result<C::Done, End> {
    let mut repeat = checked.as_ref().map(|checked| call.condition(&checked.current));
    let mut attempted = checked.map(|checked| checked.since);
    let (mut acts, mut attempts) = (0, 0);
    loop {
        acts += 1;
        let begun = context.slice.clock.monotonic();
        let mut error = match call.act(repeat.as_ref()).await {
            Ok(done) => {
                context.end_doubt();
                return Ok(done);
            }
            Err(error) => error,
        };
        attempts += error.attempts;
        error.attempts = attempts;
        let is_lost = error.effect == Effect::Unknown && error.verdict != Verdict::Stopped;
        // What the check before it saw is not there any more.
        let is_overtaken = repeat.is_some() && matches!(error.verdict, Verdict::Precondition | Verdict::Missing);
        if !is_lost && !is_overtaken {
            return Err(error.into());
        }
        let lost = context.slice.clock.monotonic();
        let since =
            *attempted.get_or_insert_with(|| context.in_doubt_since().unwrap_or_else(|| context.slice.clock.now()));
        let current = match Box::pin(call.check(since)).await? {
            CheckResult::Done(done) => {
                context.note_done();
                return Ok(done);
            }
            CheckResult::Act { current, .. } => current,
        };
        if !is_lost {
            // An attempt before it, or another writer, may have come between the check and the repeat.
            if repeat.is_some_and(|condition| condition != Condition::default()) {
                context.doubt_since(since);
            }
            return Err(error.into());
        }
        if acts >= ACTS_MAX && !error.is_free {
            return Err(error.into());
        }
        let until = match current {
            Current::Unseen => begun,
            Current::Absent | Current::Object(_) => error.may_land_until((begun, lost), call.bytes()),
        };
        let found = Box::pin(check_until(context, call, since, (acts, until))).await?;
        match conclude(context, found) {
            CheckResult::Done(done) => return Ok(done),
            CheckResult::Act { current, .. } => repeat = Some(call.condition(&current)),
        }
    }
}

/// The first wait for a lost call before it is checked again; each that follows doubles.
const CHECK_AFTER: Duration = Duration::from_secs(30);

/// Checks a lost call until it is done, or nothing can be carried out any more.
pub(crate) async fn check_until<C: CheckedCall>(
    context: &TaskContext<'_>,
    call: &C,
    since: Timestamp,
    (acts, until): (u32, Monotonic),
) -> Result<CheckResult<C::Done>, End> {
    let clock = &context.slice.clock;
    let mut pause = CHECK_AFTER;
    while until.since(clock.monotonic()) > pause {
        context.wait(pause).await?;
        if let CheckResult::Done(done) = call.check(since).await? {
            return Ok(CheckResult::Done(done));
        }
        pause *= 2;
    }
    wait_for_the_lost(context, acts, until).await?;
    call.check(since).await
}

/// Notes what a check tells of the attempts before.
fn conclude<T>(context: &TaskContext<'_>, result: CheckResult<T>) -> CheckResult<T> {
    match &result {
        CheckResult::Done(_) => context.note_done(),
        CheckResult::Act { is_ruled_out: true, .. } => context.end_doubt(),
        CheckResult::Act { .. } => {}
    }
    result
}

/// Waits until a lost attempt has had twice its time, and a random while: it may still be carried
/// out until then.
pub(crate) async fn wait_for_the_lost(context: &TaskContext<'_>, acts: u32, until: Monotonic) -> Result<(), End> {
    let clock = &context.slice.clock;
    context
        .wait(until.since(clock.monotonic()) + jitter(&*context.slice.entropy, BACKOFF * acts.min(BACKOFFS_MAX)))
        .await
}

pub(super) fn jitter(entropy: &dyn Entropy, most: Duration) -> Duration {
    let most_us = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
    Duration::from_micros(entropy.below(most_us + 1))
}

#[cfg(test)]
mod tests {
    use super::Conclusion::{Act, Changed, Done, Unknown};
    use super::*;

    #[test]
    fn the_table_of_checks_is_this_one() {
        use Content::{Incomparable, Other, Proven};
        let shown =
            [Shows::Absent, Shows::Older, Shows::Newer(Proven), Shows::Newer(Other), Shows::Newer(Incomparable)];
        let table = [
            (NonRepeatableCall::DeleteLatest, [Done, Act, Changed, Changed, Changed]),
            (NonRepeatableCall::Overwrite, [Act, Act, Done, Changed, Unknown]),
            (NonRepeatableCall::CopyInPlace, [Act, Act, Done, Act, Act]),
            (NonRepeatableCall::CompleteUpload, [Act, Act, Done, Changed, Unknown]),
            (NonRepeatableCall::DeleteVersion, [Act; 5]),
            (NonRepeatableCall::Restore, [Act; 5]),
        ];
        for (call, expected) in table {
            assert_eq!(shown.map(|shows| call.conclude(shows)), expected, "{call:?}");
        }
    }

    #[test]
    fn the_repeat_of_a_versioned_delete_or_a_restore_proves_itself() {
        let error = |code| CallError::new(Verdict::Invalid, Effect::None, code, "");
        assert!(NonRepeatableCall::DeleteVersion.is_proved_by(&error("NoSuchVersion")));
        assert!(NonRepeatableCall::Restore.is_proved_by(&error("RestoreAlreadyInProgress")));
        assert!(!NonRepeatableCall::Restore.is_proved_by(&error("NoSuchVersion")));
        assert!(!NonRepeatableCall::DeleteLatest.is_proved_by(&error("NoSuchVersion")));
    }
}
