//! Which action a request asks for, by its method and its path, and the way back.

use brigade_model::JobId;
use brigade_model::limits::JOB_ID_CHARS_MAX;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::S3ControlError;
use crate::query::RESERVED;

/// What every path of the dialect begins with: the version of its interface.
pub const PREFIX: &str = "/v20180820";

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

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident $method:literal $below:literal;)*) => {
        /// An action of the dialect on one job.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum JobAction {
            $($(#[$doc])* $name,)*
        }

        impl JobAction {
            /// Every one.
            pub const ALL: &[JobAction] = &[$(JobAction::$name),*];

            /// Its name in permissions (`s3:<name>`), logs and metrics; its method; what stands below the job's
            /// id in its path.
            fn row(self) -> (&'static str, &'static str, &'static str) {
                match self { $(JobAction::$name => (stringify!($name), $method, $below),)* }
            }
        }
    };
}

actions! {
    /// `GET /v20180820/jobs/<id>`
    DescribeJob "GET" "";
    /// `POST /v20180820/jobs/<id>/priority`
    UpdateJobPriority "POST" "priority";
    /// `POST /v20180820/jobs/<id>/status`
    UpdateJobStatus "POST" "status";
    /// `PUT /v20180820/jobs/<id>/tagging`
    PutJobTagging "PUT" "tagging";
    /// `GET /v20180820/jobs/<id>/tagging`
    GetJobTagging "GET" "tagging";
    /// `DELETE /v20180820/jobs/<id>/tagging`
    DeleteJobTagging "DELETE" "tagging";
}

/// An action of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `POST /v20180820/jobs`
    CreateJob,
    /// `GET /v20180820/jobs`
    ListJobs,
    /// One on a job.
    OfJob(JobAction, JobIdText),
}

impl Action {
    /// The name in permissions (`s3:<name>`), logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::CreateJob => "CreateJob",
            Action::ListJobs => "ListJobs",
            Action::OfJob(action, _) => action.row().0,
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Action::CreateJob => "POST",
            Action::ListJobs => "GET",
            Action::OfJob(action, _) => action.row().1,
        }
    }

    /// The path, encoded.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Action::CreateJob | Action::ListJobs => format!("{PREFIX}/jobs"),
            Action::OfJob(action, id) => {
                let job = format!("{PREFIX}/jobs/{}", utf8_percent_encode(&id.0, RESERVED));
                match action.row().2 {
                    "" => job,
                    below => format!("{job}/{below}"),
                }
            }
        }
    }
}

/// Finds the action of a request; `path` is raw, without the query.
///
/// # Errors
/// `InvalidURI` for a path that is none of the dialect's, `MethodNotAllowed` for a method that the path does
/// not take, `NotFoundException` where a job's id is missing or too long to be one.
pub fn route(method: &str, path: &str) -> Result<Action, S3ControlError> {
    let segments = segments(path).ok_or_else(S3ControlError::invalid_uri)?;
    let (id, below) = match (segments.as_slice(), method) {
        (["jobs"], "POST") => return Ok(Action::CreateJob),
        (["jobs"], "GET") => return Ok(Action::ListJobs),
        (["jobs", id], _) => (id, ""),
        (["jobs", id, below], _) => (id, *below),
        _ if allowed_methods(path).is_some() => return Err(S3ControlError::method_not_allowed()),
        _ => return Err(S3ControlError::invalid_uri()),
    };
    let mut there = JobAction::ALL.iter().filter(|action| action.row().2 == below).peekable();
    there.peek().ok_or_else(S3ControlError::invalid_uri)?;
    let action = there.find(|action| action.row().1 == method).ok_or_else(S3ControlError::method_not_allowed)?;
    let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
    if id.is_empty() || id.chars().count() > JOB_ID_CHARS_MAX {
        return Err(S3ControlError::no_such_job());
    }
    Ok(Action::OfJob(*action, JobIdText(id)))
}

/// What follows the prefix. No path of the dialect has a fourth segment, and a stranger may send any number.
fn segments(path: &str) -> Option<Vec<&str>> {
    Some(path.strip_prefix(PREFIX)?.strip_prefix('/')?.split('/').take(4).collect())
}

/// The methods that a path of the dialect takes, as `Allow` names them.
#[must_use]
pub fn allowed_methods(path: &str) -> Option<&'static str> {
    match segments(path)?.as_slice() {
        ["jobs"] => Some("GET, POST"),
        ["jobs", _] => Some("GET"),
        ["jobs", _, "priority" | "status"] => Some("POST"),
        ["jobs", _, "tagging"] => Some("DELETE, GET, PUT"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "021140d8-67ca-4e89-8089-0de9a1e40943";

    #[test]
    fn each_action_is_found_by_its_own_method_and_path() {
        let id = JobIdText::from(ID.parse::<JobId>().unwrap());
        let of_job = JobAction::ALL.iter().map(|action| Action::OfJob(*action, id.clone()));
        let actions: Vec<_> = [Action::CreateJob, Action::ListJobs].into_iter().chain(of_job).collect();
        assert_eq!(actions.len(), 8);
        for action in actions {
            assert_eq!(route(action.method(), &action.path()), Ok(action));
        }
    }

    #[test]
    fn a_path_names_the_methods_that_it_takes() {
        for below in ["", "/x", "/x/priority", "/x/status", "/x/tagging"] {
            let path = format!("{PREFIX}/jobs{below}");
            let allowed = allowed_methods(&path).unwrap();
            for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
                let is_refused = route(method, &path) == Err(S3ControlError::method_not_allowed());
                assert_eq!(is_refused, !allowed.split(", ").any(|name| name == method), "{method} {path}");
            }
        }
        assert_eq!(allowed_methods("/jobs"), None);
    }

    #[test]
    fn a_text_that_is_no_uuid_names_no_job_and_a_foreign_path_no_action() {
        let Ok(Action::OfJob(JobAction::DescribeJob, id)) = route("GET", "/v20180820/jobs/a%20b") else {
            panic!("not a DescribeJob")
        };
        assert_eq!((&id, id.id()), (&JobIdText("a b".into()), None));
        for path in [format!("/v20180820/jobs/{}", "x".repeat(65)), "/v20180820/jobs/".into()] {
            assert_eq!(route("GET", &path), Err(S3ControlError::no_such_job()), "{path}");
        }
        for path in [
            "",
            "/",
            "/jobs",
            "/v20180820",
            "/v20180820/",
            "/v20180820/job",
            "/v20180820/jobs/x/y",
            "/v20180820/jobs/x/status/z",
            "/v20180821/jobs",
        ] {
            assert_eq!(route("GET", path), Err(S3ControlError::invalid_uri()), "{path}");
        }
    }
}
