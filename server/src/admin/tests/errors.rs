//! Both faces' codes for each meaning of a use case's refusal.

use brigade_model::job::{CannotFollow, CannotRetry};
use brigade_model::operation::OperationKind;
use brigade_model::ports::UnknownGrantee;
use brigade_model::ports::object_store::{CallError, Effect, Verdict};
use brigade_model::{BucketName, Capability, JobId, Timestamp};
use brigade_s3::probe::ProbeError;
use brigade_service::{JobAction, PlaceUse, ServiceError};
use brigade_wire::cos::route::{Action, JobIdText};

use super::*;
use crate::admin;
use crate::cos::errors as cos;
use crate::refusal::ErrorAnswer;

/// A code with its status.
type Code = (u16, &'static str);

const ILLEGAL: Code = (400, "InvalidRequest");
const INVALID: Code = (400, "InvalidArgument");
const FORBIDDEN: Code = (409, "IllegalJobStatus");
const UNAVAILABLE: Code = (500, "ServiceUnavailable");

fn illegal_change(action: JobAction) -> ServiceError {
    ServiceError::IllegalChange { status: Status::Failed, action }
}

/// Each meaning, with the code of the dialect and the code of the operator's API.
fn table() -> Vec<(ServiceError, Code, Code)> {
    let bucket = || BucketName::new("photos").unwrap();
    let call_error = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "no".to_owned());
    let probe_error = ProbeError::Failed { doing: "a write", error: call_error };
    let missing = vec![Capability::ALL[0]];
    let same = |error, code| (error, code, code);
    vec![
        same(ServiceError::NoSuchJob, (404, "NoSuchJob")),
        (illegal_change(JobAction::Confirm), ILLEGAL, FORBIDDEN),
        (illegal_change(JobAction::Cancel), ILLEGAL, FORBIDDEN),
        (illegal_change(JobAction::SetPriority), (404, "NoSuchJob"), FORBIDDEN),
        (illegal_change(JobAction::Delete), (404, "NoSuchJob"), FORBIDDEN),
        (illegal_change(JobAction::Pause), ILLEGAL, FORBIDDEN),
        (illegal_change(JobAction::Resume), ILLEGAL, FORBIDDEN),
        (illegal_change(JobAction::Limit), ILLEGAL, FORBIDDEN),
        same(ServiceError::NoSuchRole, INVALID),
        same(ServiceError::OperationDenied(OperationKind::Delete), INVALID),
        same(ServiceError::MissingCapabilities { operation: OperationKind::Copy, missing }, INVALID),
        same(ServiceError::BucketDenied { place: PlaceUse::Manifest, bucket: bucket() }, INVALID),
        same(ServiceError::BucketDenied { place: PlaceUse::Report, bucket: bucket() }, INVALID),
        same(ServiceError::WrongRegion { place: PlaceUse::Target, bucket: bucket(), region: "r".into() }, INVALID),
        same(ServiceError::UnknownGrantee(UnknownGrantee("no such user".into())), INVALID),
        same(ServiceError::UnknownStorageClass("COLD".into()), INVALID),
        same(ServiceError::NoSuchFunction("arn:f".into()), INVALID),
        same(ServiceError::NoSpace("the disk is full".into()), UNAVAILABLE),
        same(ServiceError::TokenInUse(JobId::from_u128(1)), ILLEGAL),
        same(ServiceError::TooManyCreates { max: 1 }, (503, "SlowDown")),
        same(ServiceError::TooManyJobs { max: 2 }, (500, "TooManyJobs")),
        same(ServiceError::TooManyListed { max: 3 }, (500, "TooManyJobs")),
        same(ServiceError::DiskQuotaFull { max: 4 }, (500, "TooManyJobs")),
        (ServiceError::CannotRetry(CannotRetry::NotEnded(Status::New)), ILLEGAL, FORBIDDEN),
        (ServiceError::CannotRetry(CannotRetry::NeverRead), ILLEGAL, (409, "ManifestNotRead")),
        (ServiceError::CannotRetry(CannotRetry::NothingLeft), ILLEGAL, (409, "NothingToRetry")),
        (
            ServiceError::CannotRetry(CannotRetry::OutcomesRemoved(Timestamp::UNIX_EPOCH)),
            ILLEGAL,
            (409, "OutcomesRemoved"),
        ),
        (ServiceError::CannotFollow(CannotFollow::NotARestore), ILLEGAL, (409, "NotARestore")),
        (ServiceError::CannotFollow(CannotFollow::DryRun), ILLEGAL, (409, "NotARestore")),
        (ServiceError::CannotFollow(CannotFollow::NeverRead), ILLEGAL, (409, "ManifestNotRead")),
        (ServiceError::CannotFollow(CannotFollow::NothingSucceeded), ILLEGAL, (409, "NothingToWaitFor")),
        (
            ServiceError::CannotFollow(CannotFollow::OutcomesRemoved(Timestamp::UNIX_EPOCH)),
            ILLEGAL,
            (409, "OutcomesRemoved"),
        ),
        (ServiceError::NoSuchEndpoint, ILLEGAL, (404, "NoSuchEndpoint")),
        (ServiceError::BeyondConfiguration { limit: "bytes_per_second", max: 5 }, ILLEGAL, INVALID),
        (ServiceError::ReasonTooLong { chars_max: 6 }, ILLEGAL, INVALID),
        (ServiceError::EndpointStopped, ILLEGAL, (409, "EndpointStopped")),
        (ServiceError::NoCredentials, ILLEGAL, (409, "NoCredentials")),
        (ServiceError::ProbeFailed(Box::new(probe_error)), ILLEGAL, (409, "ProbeFailed")),
        same(ServiceError::ProbeLost, (500, "InternalError")),
        same(ServiceError::Store("the disk is gone".into()), UNAVAILABLE),
    ]
}

/// The same meaning once more: an error is told once.
fn each_told(row: usize) -> (ErrorAnswer, ErrorAnswer) {
    let describe = Action::DescribeJob(JobIdText::from(JobId::from_u128(1)));
    let error = || table().swap_remove(row).0;
    (cos::refusal(error(), &describe).told, admin::errors::refusal(error()).told)
}

#[test]
fn each_refusal_of_a_use_case_has_one_code_in_each_face() {
    for (row, (error, of_cos, of_json)) in table().into_iter().enumerate() {
        let (cos, json) = each_told(row);
        assert_eq!((cos.status, cos.code), of_cos, "{error:?}");
        assert_eq!((json.status, json.code), of_json, "{error:?}");
        if of_cos == of_json {
            assert_eq!(json.message, cos.message, "one meaning has one text: {error:?}");
        }
    }
}

#[test]
fn what_an_action_says_of_a_missing_job_is_its_own() {
    let id = || JobIdText::from(JobId::from_u128(1));
    for (action, message) in [
        (Action::DescribeJob(id()), "The specified job does not exist"),
        (Action::DeleteJob(id()), "The specified job does not exist"),
        (Action::UpdateJobPriority(id()), "The specified job does not exist or was already finished"),
        (Action::UpdateJobStatus(id()), "The specified job does not exist or was already finished"),
    ] {
        assert_eq!(cos::refusal(ServiceError::NoSuchJob, &action).told.message, message, "{action:?}");
    }
}
