//! The table of what a preflight may find, and what becomes of the job: it fails with a code, or its
//! user is told.

use brigade_model::job::failure;
use brigade_model::operation::OperationKind;
use brigade_model::options::Preflight;
use brigade_model::ports::object_store::{CallError, Verdict};
use brigade_model::{Job, JobFailure};

/// What a preflight may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// There is no bucket of the name.
    BucketMissing,
    /// The bucket lies in another region than requests are signed for.
    WrongRegion,
    /// The store does not know the key that signs, or what it signs with.
    CredentialsRefused,
    /// More than half of the objects do not exist, of a job that wants to fail then.
    MostObjectsMissing,
    /// Some of the objects do not exist.
    ObjectsMissing,
    /// A read is refused that the operation itself may never send.
    LookRefused,
    /// The role does not reach the bucket, so each row fails.
    BucketNotAllowed,
    /// Objects that are copied lie in an archive.
    Archived,
    /// Objects are too large for one CopyObject.
    Large,
    /// A copy sets an ACL in a bucket that has none.
    WithoutAcls,
    /// Looks are refused at a bucket whose requester pays.
    RequesterPays,
    /// The store did not answer in time.
    Unanswered,
}

impl Finding {
    /// Every one.
    #[cfg(test)]
    pub(super) const ALL: [Finding; 12] = [
        Finding::BucketMissing,
        Finding::WrongRegion,
        Finding::CredentialsRefused,
        Finding::MostObjectsMissing,
        Finding::ObjectsMissing,
        Finding::LookRefused,
        Finding::BucketNotAllowed,
        Finding::Archived,
        Finding::Large,
        Finding::WithoutAcls,
        Finding::RequesterPays,
        Finding::Unanswered,
    ];

    /// The code that the job fails with; `None` where its user is told and nothing more.
    pub(super) fn fails_with(self) -> Option<&'static str> {
        match self {
            Finding::BucketMissing => Some(failure::BUCKET_NOT_FOUND),
            Finding::WrongRegion => Some(failure::REGION_MISMATCH),
            Finding::CredentialsRefused => Some(failure::ACCESS_DENIED),
            Finding::MostObjectsMissing => Some(failure::OBJECTS_NOT_FOUND),
            Finding::ObjectsMissing
            | Finding::LookRefused
            | Finding::BucketNotAllowed
            | Finding::Archived
            | Finding::Large
            | Finding::WithoutAcls
            | Finding::RequesterPays
            | Finding::Unanswered => None,
        }
    }

    /// The failure of the job, if it is one.
    pub(super) fn failure(self, text: &str) -> Option<JobFailure> {
        self.fails_with().map(|code| JobFailure::new(code, text))
    }

    /// What a call found that was not answered with what it asked for; `None` when there is no such
    /// object.
    pub(super) fn of_error(error: &CallError) -> Option<Self> {
        match (error.code.as_str(), error.verdict) {
            ("NoSuchBucket", _) => Some(Finding::BucketMissing),
            // A refusal that names the region was repeated, signed for it.
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) => {
                Some(Finding::WrongRegion)
            }
            _ if error.names_unknown_credentials() => Some(Finding::CredentialsRefused),
            (_, Verdict::Missing) => None,
            (_, Verdict::Denied | Verdict::Precondition | Verdict::Invalid) => Some(Finding::LookRefused),
            (
                _,
                Verdict::Throttled
                | Verdict::Transient
                | Verdict::Unavailable
                | Verdict::CredentialsRefused
                | Verdict::Stopped,
            ) => Some(Finding::Unanswered),
        }
    }

    /// What it means that so many of the objects that were looked at do not exist. A delete of them
    /// is done; a retry and a restored job may find done what was begun before.
    pub(super) fn of_missing(job: &Job, missing: usize, seen: usize) -> Self {
        let may_fail = job.spec.options.preflight == Some(Preflight::Fail)
            && job.spec.operation.kind() != OperationKind::Delete
            && job.spec.retry_of.is_none()
            && job.restored_from.is_none();
        if may_fail && missing * 2 > seen { Finding::MostObjectsMissing } else { Finding::ObjectsMissing }
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::Effect;

    use super::*;

    #[test]
    fn what_dooms_every_row_fails_the_job_and_the_rest_is_told() {
        let table = Finding::ALL.map(|finding| (finding, finding.fails_with()));
        let expected = [
            (Finding::BucketMissing, Some("BucketNotFound")),
            (Finding::WrongRegion, Some("RegionMismatch")),
            (Finding::CredentialsRefused, Some("AccessDenied")),
            (Finding::MostObjectsMissing, Some("ObjectsNotFound")),
            (Finding::ObjectsMissing, None),
            (Finding::LookRefused, None),
            (Finding::BucketNotAllowed, None),
            (Finding::Archived, None),
            (Finding::Large, None),
            (Finding::WithoutAcls, None),
            (Finding::RequesterPays, None),
            (Finding::Unanswered, None),
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_codes_meaning_does_not_depend_on_its_verdict_and_every_verdict_has_one() {
        use Verdict::{
            CredentialsRefused, Denied, Invalid, Missing, Precondition, Stopped, Throttled, Transient, Unavailable,
        };
        let found = |verdict, code| Finding::of_error(&CallError::new(verdict, Effect::None, code, ""));
        let all =
            [Throttled, Transient, Missing, Denied, Precondition, Invalid, Unavailable, CredentialsRefused, Stopped];
        for verdict in all {
            assert_eq!(found(verdict, "NoSuchBucket"), Some(Finding::BucketMissing));
            assert_eq!(found(verdict, "PermanentRedirect"), Some(Finding::WrongRegion));
            assert_eq!(found(verdict, "AuthorizationHeaderMalformed"), Some(Finding::WrongRegion));
            let other = match verdict {
                Missing => None,
                Denied | Precondition | Invalid => Some(Finding::LookRefused),
                // Credentials that have run out are renewed, and a clock is set: the job may wait for both.
                Throttled | Transient | Unavailable | CredentialsRefused | Stopped => Some(Finding::Unanswered),
            };
            assert_eq!(found(verdict, "Other"), other);
        }
        for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch"] {
            assert_eq!(found(CredentialsRefused, code), Some(Finding::CredentialsRefused));
        }
    }
}
