//! Which action a request asks for, by its method and its path, and the way back.

use brigade_model::JobId;
use brigade_model::limits::JOB_ID_CHARS_MAX;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::CosError;
use crate::query::RESERVED;

/// What stands in a path where a job's id belongs; it may name no job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobIdText(String);

impl JobIdText {
    /// The id, if the text has the form of one; whatever has not names no job.
    #[must_use]
    pub fn id(&self) -> Option<JobId> {
        self.0.parse().ok()
    }
}

impl From<JobId> for JobIdText {
    fn from(id: JobId) -> Self {
        Self(id.to_string())
    }
}

impl From<String> for JobIdText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// An action of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `POST /jobs`
    CreateJob,
    /// `GET /jobs/<id>`
    DescribeJob(JobIdText),
    /// `GET /jobs`
    ListJobs,
    /// `POST /jobs/<id>/priority`
    UpdateJobPriority(JobIdText),
    /// `POST /jobs/<id>/status`
    UpdateJobStatus(JobIdText),
    /// `DELETE /jobs/<id>`
    DeleteJob(JobIdText),
}

impl Action {
    /// The name in permissions (`cos:<name>`), logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::CreateJob => "CreateJob",
            Action::DescribeJob(_) => "DescribeJob",
            Action::ListJobs => "ListJobs",
            Action::UpdateJobPriority(_) => "UpdateJobPriority",
            Action::UpdateJobStatus(_) => "UpdateJobStatus",
            Action::DeleteJob(_) => "DeleteJob",
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Action::CreateJob | Action::UpdateJobPriority(_) | Action::UpdateJobStatus(_) => "POST",
            Action::DescribeJob(_) | Action::ListJobs => "GET",
            Action::DeleteJob(_) => "DELETE",
        }
    }

    /// The path, encoded.
    #[must_use]
    pub fn path(&self) -> String {
        let job = |id: &JobIdText| format!("/jobs/{}", utf8_percent_encode(&id.0, RESERVED));
        match self {
            Action::CreateJob | Action::ListJobs => "/jobs".to_owned(),
            Action::DescribeJob(id) | Action::DeleteJob(id) => job(id),
            Action::UpdateJobPriority(id) => format!("{}/priority", job(id)),
            Action::UpdateJobStatus(id) => format!("{}/status", job(id)),
        }
    }

    /// What the action answers when its job does not exist.
    #[must_use]
    pub fn no_such_job(&self) -> CosError {
        match self {
            Action::UpdateJobPriority(_) | Action::UpdateJobStatus(_) => CosError::no_such_open_job(),
            _ => CosError::no_such_job(),
        }
    }
}

/// Finds the action of a request; `path` is raw, without the query.
///
/// # Errors
/// `InvalidURI` for a path that is none of the dialect's, `MethodNotAllowed` for a method that
/// the path does not take, `InvalidRequest` where a job's id is missing, `NoSuchJob` where it
/// is too long to be one.
pub fn route(method: &str, path: &str) -> Result<Action, CosError> {
    // No path of the dialect has a fourth segment, and a stranger may send any number of them.
    let segments = path.strip_prefix('/').ok_or_else(CosError::invalid_uri)?.split('/');
    let segments: Vec<&str> = segments.take(4).collect();
    let (id, make): (&str, fn(JobIdText) -> Action) = match (segments.as_slice(), method) {
        (["jobs"], "POST") => return Ok(Action::CreateJob),
        (["jobs"], "GET") => return Ok(Action::ListJobs),
        (["jobs", id], "GET") => (id, Action::DescribeJob),
        (["jobs", id], "DELETE") => (id, Action::DeleteJob),
        (["jobs", id, "priority"], "POST") => (id, Action::UpdateJobPriority),
        (["jobs", id, "status"], "POST") => (id, Action::UpdateJobStatus),
        _ if allowed_methods(path).is_some() => return Err(CosError::method_not_allowed()),
        _ => return Err(CosError::invalid_uri()),
    };
    let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
    if id.is_empty() {
        return Err(CosError::no_job_id());
    }
    let is_too_long = id.chars().count() > JOB_ID_CHARS_MAX;
    let action = make(JobIdText(id));
    if is_too_long { Err(action.no_such_job()) } else { Ok(action) }
}

/// The methods that a path of the dialect takes, as `Allow` names them.
#[must_use]
pub fn allowed_methods(path: &str) -> Option<&'static str> {
    match path.strip_prefix('/')?.split('/').take(4).collect::<Vec<_>>().as_slice() {
        ["jobs"] => Some("GET, POST"),
        ["jobs", _] => Some("DELETE, GET"),
        ["jobs", _, "priority" | "status"] => Some("POST"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "021140d8-67ca-4e89-8089-0de9a1e40943";

    fn actions() -> [Action; 6] {
        let id = || JobIdText::from(ID.parse::<JobId>().unwrap());
        [
            Action::CreateJob,
            Action::DescribeJob(id()),
            Action::ListJobs,
            Action::UpdateJobPriority(id()),
            Action::UpdateJobStatus(id()),
            Action::DeleteJob(id()),
        ]
    }

    #[test]
    fn each_action_is_found_by_its_own_method_and_path() {
        for action in actions() {
            assert_eq!(route(action.method(), &action.path()), Ok(action));
        }
    }

    #[test]
    fn a_path_names_the_methods_that_it_takes() {
        for path in ["/jobs", "/jobs/x", "/jobs/x/priority", "/jobs/x/status"] {
            let allowed = allowed_methods(path).unwrap();
            for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
                let is_refused = route(method, path) == Err(CosError::method_not_allowed());
                assert_eq!(is_refused, !allowed.split(", ").any(|name| name == method), "{method} {path}");
            }
        }
        assert_eq!(allowed_methods("/healthz"), None);
    }

    #[test]
    fn a_text_that_is_no_uuid_names_no_job() {
        let Ok(Action::DescribeJob(id)) = route("GET", "/jobs/a%20b") else { panic!("not a DescribeJob") };
        assert_eq!(id, JobIdText("a b".into()));
        assert_eq!(id.id(), None);
        assert_eq!(route("GET", &format!("/jobs/{}", "x".repeat(65))), Err(CosError::no_such_job()));
        let too_long = route("POST", &format!("/jobs/{}/status", "x".repeat(65)));
        assert_eq!(too_long, Err(CosError::no_such_open_job()));
    }

    #[test]
    fn a_missing_id_a_wrong_method_and_a_foreign_path_are_told_apart() {
        for (method, path) in [("GET", "/jobs/"), ("DELETE", "/jobs/"), ("POST", "/jobs//priority")] {
            assert_eq!(route(method, path), Err(CosError::no_job_id()), "{method} {path}");
        }
        let cases = [("PUT", "/jobs"), ("DELETE", "/jobs"), ("POST", "/jobs/x"), ("GET", "/jobs/x/status")];
        for (method, path) in cases {
            assert_eq!(route(method, path), Err(CosError::method_not_allowed()), "{method} {path}");
        }
        for path in ["", "/", "jobs", "/job", "/jobs/x/", "/jobs/x/y", "/jobs/x/status/z", "/Jobs"] {
            assert_eq!(route("GET", path), Err(CosError::invalid_uri()), "{path}");
        }
    }
}
