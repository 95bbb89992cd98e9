//! The table of what a preflight may find, and what becomes of the job: it fails with a code, or its
//! user is told.

use brigade_model::job::failure;
use brigade_model::operation::OperationKind;
use brigade_model::options::Preflight;
use brigade_model::ports::object_store::{CallError, Verdict};
use brigade_model::{Job, JobFailure};

/// What a preflight may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PreflightFinding {
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

impl PreflightFinding {
    /// Every one.
    #[cfg(test)]
    pub(super) const ALL: [PreflightFinding; 12] = [
        PreflightFinding::BucketMissing,
        PreflightFinding::WrongRegion,
        PreflightFinding::CredentialsRefused,
        PreflightFinding::MostObjectsMissing,
        PreflightFinding::ObjectsMissing,
        PreflightFinding::LookRefused,
        PreflightFinding::BucketNotAllowed,
        PreflightFinding::Archived,
        PreflightFinding::Large,
        PreflightFinding::WithoutAcls,
        PreflightFinding::RequesterPays,
        PreflightFinding::Unanswered,
    ];

    /// The code that the job fails with; `None` where its user is told and nothing more.
    pub(super) fn fails_with(self) -> Option<&'static str> {
        match self {
            PreflightFinding::BucketMissing => Some(failure::BUCKET_NOT_FOUND),
            PreflightFinding::WrongRegion => Some(failure::REGION_MISMATCH),
            PreflightFinding::CredentialsRefused => Some(failure::ACCESS_DENIED),
            PreflightFinding::MostObjectsMissing => Some(failure::OBJECTS_NOT_FOUND),
            PreflightFinding::ObjectsMissing
            | PreflightFinding::LookRefused
            | PreflightFinding::BucketNotAllowed
            | PreflightFinding::Archived
            | PreflightFinding::Large
            | PreflightFinding::WithoutAcls
            | PreflightFinding::RequesterPays
            | PreflightFinding::Unanswered => None,
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
            ("NoSuchBucket", _) => Some(PreflightFinding::BucketMissing),
            // A refusal that names the region was repeated, signed for it.
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) => {
                Some(PreflightFinding::WrongRegion)
            }
            _ if error.names_unknown_credentials() => Some(PreflightFinding::CredentialsRefused),
            (_, Verdict::Missing) => None,
            (_, Verdict::Denied | Verdict::Precondition | Verdict::Invalid) => Some(PreflightFinding::LookRefused),
            (
                _,
                Verdict::Throttled
                | Verdict::Transient
                | Verdict::Unavailable
                | Verdict::CredentialsRefused
                | Verdict::Stopped,
            ) => Some(PreflightFinding::Unanswered),
        }
    }

    /// What it means that so many of the objects that were looked at do not exist. A delete of them
    /// is done; a retry and a restored job may find done what was begun before.
    pub(super) fn of_missing(job: &Job, missing: usize, seen: usize) -> Self {
        let may_fail = job.spec.options.preflight == Some(Preflight::Fail)
            && job.spec.operation.kind() != OperationKind::Delete
            && job.spec.retry_of.is_none()
            && job.restored_from.is_none();
        if may_fail && missing * 2 > seen {
            PreflightFinding::MostObjectsMissing
        } else {
            PreflightFinding::ObjectsMissing
        }
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::Effect;

    use super::*;

    #[test]
    fn what_dooms_every_row_fails_the_job_and_the_rest_is_told() {
        let table = PreflightFinding::ALL.map(|finding| (finding, finding.fails_with()));
        let expected = [
            (PreflightFinding::BucketMissing, Some("BucketNotFound")),
            (PreflightFinding::WrongRegion, Some("RegionMismatch")),
            (PreflightFinding::CredentialsRefused, Some("AccessDenied")),
            (PreflightFinding::MostObjectsMissing, Some("ObjectsNotFound")),
            (PreflightFinding::ObjectsMissing, None),
            (PreflightFinding::LookRefused, None),
            (PreflightFinding::BucketNotAllowed, None),
            (PreflightFinding::Archived, None),
            (PreflightFinding::Large, None),
            (PreflightFinding::WithoutAcls, None),
            (PreflightFinding::RequesterPays, None),
            (PreflightFinding::Unanswered, None),
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_codes_meaning_does_not_depend_on_its_verdict_and_every_verdict_has_one() {
        use Verdict::{
            CredentialsRefused, Denied, Invalid, Missing, Precondition, Stopped, Throttled, Transient, Unavailable,
        };
        let found = |verdict, code| PreflightFinding::of_error(&CallError::new(verdict, Effect::None, code, ""));
        let all =
            [Throttled, Transient, Missing, Denied, Precondition, Invalid, Unavailable, CredentialsRefused, Stopped];
        for verdict in all {
            assert_eq!(found(verdict, "NoSuchBucket"), Some(PreflightFinding::BucketMissing));
            assert_eq!(found(verdict, "PermanentRedirect"), Some(PreflightFinding::WrongRegion));
            assert_eq!(found(verdict, "AuthorizationHeaderMalformed"), Some(PreflightFinding::WrongRegion));
            let other = match verdict {
                Missing => None,
                Denied | Precondition | Invalid => Some(PreflightFinding::LookRefused),
                // Credentials that have run out are renewed, and a clock is set: the job may wait for both.
                Throttled | Transient | Unavailable | CredentialsRefused | Stopped => {
                    Some(PreflightFinding::Unanswered)
                }
            };
            assert_eq!(found(verdict, "Other"), other);
        }
        for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch"] {
            assert_eq!(found(CredentialsRefused, code), Some(PreflightFinding::CredentialsRefused));
        }
    }
}
