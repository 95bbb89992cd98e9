//! CreateJob: `POST /v20180820/jobs`.
//!
//! Job options have no place in the body: they are headers, and `options` is left at its defaults here; whether an
//! absent `ConfirmationRequired` means true is the service's to say. A manifest generator is refused by its name.

use brigade_model::limits::{CLIENT_REQUEST_TOKEN_BYTES_MAX, REQUEST_BODY_BYTES_MAX};
use brigade_model::{JobId, JobOptions, JobSpec};

use super::parameters::Parameters;
use super::{Fields, NAMESPACE, S3ControlError, arn, document, manifest, operation, report, tags};
use crate::cos::errors::DecodeError;
use crate::numbers::parse_priority;
use crate::spelling;
use crate::xml::{self, Element, Writer};

const REQUEST: &str = "CreateJobRequest";
const RESULT: &str = "CreateJobResult";
/// `Description`, characters. S3
const DESCRIPTION_CHARS_MAX: usize = 256;
/// Tags of a job. S3
pub const JOB_TAGS_MAX: usize = 50;

/// Reads the query: the action has no parameters.
///
/// # Errors
/// Names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), S3ControlError> {
    Parameters::none(query)
}

/// Reads a request.
///
/// # Errors
/// The row of the error table that says which element is wrong.
pub fn decode_request(body: &[u8]) -> Result<JobSpec, S3ControlError> {
    read(&parse(body, REQUEST)?)
}

/// The document of a request, whose root has that name.
pub(super) fn parse(body: &[u8], root: &str) -> Result<Element, S3ControlError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(S3ControlError::bad_request("the request body is larger than allowed"));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(S3ControlError::missing_element(root));
    }
    let document = xml::parse(body).map_err(S3ControlError::malformed_xml)?;
    if document.name == root {
        Ok(document)
    } else {
        Err(S3ControlError::malformed_xml(format_args!("the root element must be {root}")))
    }
}

fn read(root: &Element) -> Result<JobSpec, S3ControlError> {
    let mut request = Fields::strict(root)?;
    request.refuse(&["ManifestGenerator"])?;
    let token = request.bounded("ClientRequestToken", CLIENT_REQUEST_TOKEN_BYTES_MAX)?.filter(|text| !text.is_empty());
    let client_request_token = request.required("ClientRequestToken", token)?;
    let confirmation_required = request.boolean("ConfirmationRequired")?;
    let description = request.filled("Description")?;
    if description.is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        let why = format_args!("must not be longer than {DESCRIPTION_CHARS_MAX} characters");
        return Err(request.invalid("Description", why));
    }
    let part = request.container("Manifest")?;
    let manifest = manifest::read(request.required("Manifest", part)?)?;
    let part = request.container("Operation")?;
    let operation = operation::read(request.required("Operation", part)?)?;
    let written = root.children.iter().find(|child| child.name == "Operation");
    let spelling = written.map_or_else(Vec::new, |element| spelling::of(element, |w| operation::write(w, &operation)));
    let text = request.trimmed("Priority")?;
    let priority = parse_priority(request.required("Priority", text)?)
        .ok_or_else(|| request.invalid("Priority", "must be a whole number from 0 to 2147483647"))?;
    let part = request.container("Report")?;
    let report = report::read(request.required("Report", part)?)?;
    let role = request.named("RoleArn", arn::parse_role)?;
    let role = request.required("RoleArn", role)?;
    let tags = request.container("Tags")?.map(|set| tags::read(set, JOB_TAGS_MAX)).transpose()?.unwrap_or_default();
    request.finish()?;
    Ok(JobSpec {
        client_request_token,
        confirmation_required,
        description: description.map(str::to_owned),
        manifest,
        operation,
        priority,
        report,
        role,
        options: JobOptions::default(),
        retry_of: None,
        takes: Default::default(),
        unconfirmed: Default::default(),
        spelling,
        tags,
    })
}

/// Writes a request; the job's options travel as headers.
#[must_use]
pub fn encode_request(spec: &JobSpec) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within_namespace(REQUEST, NAMESPACE, |w| {
        w.leaf_if("ConfirmationRequired", spec.confirmation_required);
        spelling::write(w, &spec.spelling, |w| operation::write(w, &spec.operation));
        report::write(w, &spec.report);
        w.leaf("ClientRequestToken", &spec.client_request_token);
        manifest::write(w, &spec.manifest);
        w.leaf_if("Description", spec.description.as_ref());
        w.leaf("Priority", spec.priority);
        w.leaf("RoleArn", &spec.role.text);
        if !spec.tags.is_empty() {
            tags::write(w, "Tags", &spec.tags);
        }
    });
    writer.finish()
}

/// Writes a result.
#[must_use]
pub fn encode_result(id: JobId) -> Vec<u8> {
    document(RESULT, |w| w.leaf("JobId", id))
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<JobId, DecodeError> {
    let root = parse(body, RESULT)?;
    let mut result = Fields::lenient(&root)?;
    let text = result.filled("JobId")?;
    let text = result.required("JobId", text)?;
    text.parse().map_err(|_| result.invalid("JobId", "must be a UUID").into())
}
