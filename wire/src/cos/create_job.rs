//! CreateJob: `POST /jobs`.
//!
//! The body is a `CreateJobRequest`, bare or in the `<xml>` wrapper that one client adds. Job
//! options have no place in it: they are headers, and `options` is left at its defaults here.

use brigade_model::limits::{CLIENT_REQUEST_TOKEN_BYTES_MAX, DESCRIPTION_BYTES_MAX, REQUEST_BODY_BYTES_MAX};
use brigade_model::{JobId, JobOptions, JobSpec};

use super::fields::Fields;
use super::numbers::parse_priority;
use super::parameters::Parameters;
use super::{CosError, DecodeError, manifest, operation, qcs, report, spelling};
use crate::xml::{self, Element, Writer};

const REQUEST: &str = "CreateJobRequest";
const RESULT: &str = "CreateJobResult";

/// Reads the query: the action has no parameters.
///
/// # Errors
/// `InvalidArgument` names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), CosError> {
    Parameters::read(query, &[]).map(|_| ())
}

/// Reads a request.
///
/// # Errors
/// The row of the error table that says which field is wrong.
pub fn decode_request(body: &[u8]) -> Result<JobSpec, CosError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(CosError::xml_size_limit());
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(CosError::empty_body());
    }
    let document = xml::parse(body).map_err(CosError::malformed_xml)?;
    read(unwrap(&document)?)
}

/// The request's element: the root, or the only child of a root `<xml>`.
fn unwrap(root: &Element) -> Result<&Element, CosError> {
    let inner = match (root.name.as_str(), root.children.as_slice()) {
        ("xml", [only]) => only,
        _ => root,
    };
    if inner.name == REQUEST {
        Ok(inner)
    } else {
        Err(CosError::malformed_xml(format!("the root element must be {REQUEST}")))
    }
}

fn read(root: &Element) -> Result<JobSpec, CosError> {
    let mut request = Fields::strict(root)?;
    let token = request.bounded("ClientRequestToken", CLIENT_REQUEST_TOKEN_BYTES_MAX)?.filter(|text| !text.is_empty());
    let client_request_token = request.required("ClientRequestToken", token)?;
    let confirmation_required = request.boolean("ConfirmationRequired")?;
    let description = request.bounded("Description", DESCRIPTION_BYTES_MAX)?.filter(|text| !text.is_empty());
    let part = request.container("Manifest")?;
    let manifest = manifest::read(request.required("Manifest", part)?)?;
    let part = request.container("Operation")?;
    let operation = operation::read(request.required("Operation", part)?)?;
    let written = root.children.iter().find(|child| child.name == "Operation");
    let spelling = written.map_or_else(Vec::new, |element| spelling::of(element, |w| operation::write(w, &operation)));
    let text = request.trimmed("Priority")?;
    let priority = parse_priority("Priority", request.required("Priority", text)?)?;
    let part = request.container("Report")?;
    let report = report::read(request.required("Report", part)?)?;
    let role = request.named("RoleArn", qcs::parse_role)?;
    let role = request.required("RoleArn", role)?;
    request.finish()?;
    Ok(JobSpec {
        client_request_token,
        confirmation_required,
        description,
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
        tags: Vec::new(),
    })
}

/// Writes a request; the job's options travel as headers.
#[must_use]
pub fn encode_request(spec: &JobSpec) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(REQUEST, |w| {
        w.leaf("ClientRequestToken", &spec.client_request_token);
        w.leaf_if("ConfirmationRequired", spec.confirmation_required);
        w.leaf_if("Description", spec.description.as_ref());
        manifest::write(w, &spec.manifest);
        spelling::write(w, &spec.spelling, |w| operation::write(w, &spec.operation));
        w.leaf("Priority", spec.priority);
        report::write(w, &spec.report);
        w.leaf("RoleArn", &spec.role.text);
    });
    writer.finish()
}

/// Writes a result.
#[must_use]
pub fn encode_result(id: JobId) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(RESULT, |w| w.leaf("JobId", id));
    writer.finish()
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<JobId, DecodeError> {
    let root = super::result::parse(body, RESULT)?;
    let mut result = Fields::lenient(&root)?;
    super::result::job_id(&mut result)
}
