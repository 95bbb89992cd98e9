//! Looking before acting: what to do when nobody knows whether a call had its effect, because
//! its answer was lost or its worker died.
//!
//! [`Deed::look`] is the table; [`settle`] is the one loop that follows it within a run. A task
//! in the window of a revoked lease looks before its first act.
//!
//! *Newer* means written since the slice was first leased. `Last-Modified` counts whole seconds,
//! so an object of the lease's own second may be older or newer; it counts as newer. Either
//! mistake is possible then, and this one destroys nothing: at worst a task is reported as
//! `ChangedSinceAttempt` although it could have been done, and it can be run again, while the
//! other would delete or overwrite what somebody has just written. The same holds of an object
//! whose time the store does not tell.
//!
//! What remains: somebody may write between the look and the act, and a lost call may still
//! reach the store after the look. Neither can be closed without conditions on writes, which
//! few stores honour. And the two clocks are the object store's and the job store's: when the
//! object store's is behind, what was written within that lag counts as older.

use brigade_model::Timestamp;
use brigade_model::ports::object_store::{CallError, Effect, ObjectHead, Verdict};

use super::failure::End;

/// A call that cannot simply be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    DeleteLatest,
    DeleteVersion,
    CopyElsewhere,
    CopyInPlace,
    Restore,
    CompleteUpload,
}

/// How one looks whether a deed was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// By a HEAD of the object that the deed changes: what to conclude when it is absent,
    /// older, newer as wanted, newer otherwise.
    Head { absent: Found, older: Found, wanted: Found, other: Found },
    /// By the repeat itself, which this error code proves done.
    Repeat { proof: &'static str },
}

/// What a look concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The deed is done.
    Done,
    /// Somebody wrote the object since: leave it.
    Changed,
    /// The deed is not done: do it.
    Act,
}

impl Deed {
    /// The table.
    pub(crate) fn look(self) -> Look {
        use Found::{Act, Changed, Done};
        match self {
            // A delete marker answers a HEAD with 404, so it is absent too.
            Deed::DeleteLatest => Look::Head { absent: Done, older: Act, wanted: Changed, other: Changed },
            Deed::CopyElsewhere => Look::Head { absent: Act, older: Act, wanted: Done, other: Changed },
            // The object is its own source: what others wrote is what is to be copied.
            Deed::CopyInPlace => Look::Head { absent: Act, older: Act, wanted: Done, other: Act },
            Deed::CompleteUpload => Look::Head { absent: Act, older: Act, wanted: Done, other: Changed },
            Deed::DeleteVersion => Look::Repeat { proof: "NoSuchVersion" },
            Deed::Restore => Look::Repeat { proof: "RestoreAlreadyInProgress" },
        }
    }

    /// What a HEAD tells about the deed.
    ///
    /// # Errors
    /// The HEAD failed otherwise than by finding nothing.
    pub(crate) fn conclude(
        self,
        head: Result<&ObjectHead, CallError>,
        first_leased: Timestamp,
        is_wanted: impl FnOnce(&ObjectHead) -> bool,
    ) -> Result<Found, CallError> {
        let Look::Head { absent, older, wanted, other } = self.look() else { return Ok(Found::Act) };
        match head {
            Err(error) if error.verdict == Verdict::Missing => Ok(absent),
            Err(error) => Err(error),
            Ok(head) if !is_newer(head, first_leased) => Ok(older),
            Ok(head) if is_wanted(head) => Ok(wanted),
            Ok(_) => Ok(other),
        }
    }

    /// Whether the error of a repeat proves that the deed was done before.
    pub(crate) fn is_proved_by(self, error: &CallError) -> bool {
        matches!(self.look(), Look::Repeat { proof } if error.code == proof)
    }
}

fn is_newer(head: &ObjectHead, first_leased: Timestamp) -> bool {
    head.modified.is_none_or(|modified| modified.as_second() >= first_leased.as_second())
}

/// How often a deed is done at most while its effect stays unknown, each time after a look.
pub(crate) const ACTS_MAX: u32 = 3;

/// What a look at one deed found, with what its success gives.
pub(crate) enum Finding<T> {
    Done(T),
    Act,
}

/// A deed on one object.
pub(crate) trait Settle {
    /// What its success gives.
    type Done: Send;

    /// Does it. `is_repeat` says that it may have been done before.
    async fn act(&self, is_repeat: bool) -> Result<Self::Done, CallError>;

    /// Looks whether it was done; an object that somebody wrote since is an error.
    async fn look(&self) -> Result<Finding<Self::Done>, End>;
}

/// Does a deed, looking first when told to, and looks after each act of unknown effect.
pub(crate) async fn settle<S: Settle>(deed: &S, must_look: bool) -> Result<S::Done, End> {
    if must_look && let Finding::Done(done) = deed.look().await? {
        return Ok(done);
    }
    let (mut acts, mut attempts) = (0, 0);
    loop {
        acts += 1;
        let mut error = match deed.act(must_look || acts > 1).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        attempts += error.attempts;
        error.attempts = attempts;
        if error.effect != Effect::Unknown || error.verdict == Verdict::Stopped {
            return Err(error.into());
        }
        match deed.look().await? {
            Finding::Done(done) => return Ok(done),
            Finding::Act if acts < ACTS_MAX => {}
            Finding::Act => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Found::{Act, Changed, Done};
    use super::*;

    const FIRST_LEASED: i64 = 1_000;

    fn conclude(deed: Deed, head: Option<(i64, bool)>) -> Found {
        let first_leased = Timestamp::from_millisecond(FIRST_LEASED * 1000 + 500).unwrap();
        let missing = CallError::new(Verdict::Missing, Effect::None, "NoSuchKey", "");
        let found = head.map(|(second, is_wanted)| (Timestamp::from_second(second).ok(), is_wanted));
        let head = found.map(|(modified, _)| ObjectHead { modified, ..ObjectHead::default() });
        deed.conclude(head.as_ref().ok_or(missing), first_leased, |_| found.is_some_and(|(_, wanted)| wanted)).unwrap()
    }

    #[test]
    fn the_table_of_looks_is_this_one() {
        let (older, newer) = (FIRST_LEASED - 1, FIRST_LEASED + 1);
        let heads = [None, Some((older, false)), Some((older, true)), Some((newer, true)), Some((newer, false))];
        let table = [
            (Deed::DeleteLatest, [Done, Act, Act, Changed, Changed]),
            (Deed::CopyElsewhere, [Act, Act, Act, Done, Changed]),
            (Deed::CopyInPlace, [Act, Act, Act, Done, Act]),
            (Deed::CompleteUpload, [Act, Act, Act, Done, Changed]),
            (Deed::DeleteVersion, [Act; 5]),
            (Deed::Restore, [Act; 5]),
        ];
        for (deed, expected) in table {
            assert_eq!(heads.map(|head| conclude(deed, head)), expected, "{deed:?}");
        }
    }

    #[test]
    fn an_object_of_the_leases_own_second_or_of_no_time_counts_as_newer() {
        assert_eq!(conclude(Deed::DeleteLatest, Some((FIRST_LEASED, false))), Changed);
        assert_eq!(conclude(Deed::CopyElsewhere, Some((FIRST_LEASED, true))), Done);
        let timeless = Deed::DeleteLatest.conclude(Ok(&ObjectHead::default()), Timestamp::UNIX_EPOCH, |_| false);
        assert_eq!(timeless, Ok(Changed));
    }

    #[test]
    fn the_repeat_of_a_versioned_delete_or_a_restore_proves_itself() {
        let error = |code| CallError::new(Verdict::Invalid, Effect::None, code, "");
        assert!(Deed::DeleteVersion.is_proved_by(&error("NoSuchVersion")));
        assert!(Deed::Restore.is_proved_by(&error("RestoreAlreadyInProgress")));
        assert!(!Deed::Restore.is_proved_by(&error("NoSuchVersion")));
        assert!(!Deed::DeleteLatest.is_proved_by(&error("NoSuchVersion")));
    }

    #[test]
    fn a_look_that_fails_concludes_nothing() {
        let denied = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "");
        let found = Deed::DeleteLatest.conclude(Err(denied.clone()), Timestamp::UNIX_EPOCH, |_| false);
        assert_eq!(found, Err(denied));
    }
}
