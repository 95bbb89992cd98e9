//! The operator's API: JSON under `/brigade/v1/`, signed like the dialect, described by OpenAPI.
//!
//! An action is a file here with one function `handle`, whose `#[utoipa::path]` says method, path
//! and documents, and a row of `actions!`, which says what a key must be allowed: routes and
//! description come from these two. A request goes through the steps of the dialect
//! ([`attend`]): authentication for that action, the body within its bounds, the action, one
//! line in the log and one count in the metrics. What a handler needs it takes as arguments:
//! `State<Arc<Api>>`, [`AdminCaller`], [`PathName`] (the name in the path), [`QueryParameters`], [`JsonBody`]
//! (the body).

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, get, on};
use brigade_config::value::Action;
use brigade_engine::Preview;
use brigade_model::{Job, ObjectKey, Task};
use brigade_service::ServiceError;
use brigade_wire::admin::{JobState, PreviewRow, PreviewState, Refused};
use brigade_wire::cos::describe_job;
use bytes::Bytes;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{HttpMethod, RefOr};

use crate::api::Api;
use crate::refusal::{Ids, Refusal};
use crate::request::RequestHead;

mod answer;
mod arguments;
mod endpoints;
mod errors;

use answer::{Done, JsonRefusal};
use arguments::{AdminCaller, JsonBody, PathName, QueryParameters, job_id};

macro_rules! actions {
    ($($action:ident: $file:ident;)*) => {
        $(mod $file;)*

        /// The API's description, from its handlers.
        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Bucket Brigade, the operator's API",
                description = "Lists, shows, changes, pauses and limits jobs of every dialect, and endpoints. Every request is signed like those of the dialect \
                               (Authorization, x-cos-appid), and one with a body signs its Content-MD5, too; the \
                               description itself is not signed.",
            ),
            paths($($file::handle),*),
            components(schemas(Refused)),
        )]
        struct Description;

        fn routes(api: &Arc<Api>) -> Router<Arc<Api>> {
            let router = Router::new();
            $(let router = route::<$file::__path_handle, _, _>(router, api, Action::$action, $file::handle);)*
            router
        }
    };
}

actions! {
    ListJobsOfAllDialects: list_jobs;
    InspectJob: inspect_job;
    ListFailures: list_failures;
    CheckPlaces: check_places;
    ConfirmJob: confirm_job;
    CancelJob: cancel_job;
    SetJobPriority: set_job_priority;
    DeleteJobOfAnyDialect: delete_job;
    PauseJob: pause_job;
    ResumeJob: resume_job;
    LimitJob: limit_job;
    RetryFailed: retry_failed;
    WaitForRestore: wait_for_restore;
    ListEndpoints: list_endpoints;
    LimitEndpoint: limit_endpoint;
    StopEndpoint: stop_endpoint;
    StartEndpoint: start_endpoint;
    ProbeEndpoint: probe_endpoint;
}

/// The routes of the API.
pub(super) fn router(api: &Arc<Api>) -> Router<Arc<Api>> {
    routes(api)
        .route("/brigade/v1/openapi.json", get(describe))
        .route("/brigade/{*rest}", axum::routing::any(nowhere))
        .method_not_allowed_fallback(no_such_method)
}

/// The description, as JSON.
///
/// # Errors
/// Never, as far as is known.
pub(crate) fn description() -> serde_json::Result<String> {
    Description::openapi().to_pretty_json()
}

/// What one request of an action goes through with.
#[derive(Clone)]
struct ActionContext {
    api: Arc<Api>,
    action: Action,
    takes_body: bool,
    takes_query: bool,
}

/// Adds an action, by what its `#[utoipa::path]` says.
fn route<P, H, T>(router: Router<Arc<Api>>, api: &Arc<Api>, action: Action, handler: H) -> Router<Arc<Api>>
where
    P: utoipa::Path,
    H: Handler<T, Arc<Api>>,
    T: 'static,
{
    let methods = P::methods().iter().map(filter).reduce(MethodFilter::or).unwrap_or(MethodFilter::POST);
    let operation = P::operation();
    let is_of_query =
        |named: &RefOr<Parameter>| matches!(named, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
    let takes_body = operation.request_body.is_some();
    let takes_query = operation.parameters.iter().flatten().any(is_of_query);
    let context = ActionContext { api: Arc::clone(api), action, takes_body, takes_query };
    router.route(&P::path(), on(methods, handler).layer(from_fn_with_state(context, attend)))
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Trace => MethodFilter::TRACE,
        _ => MethodFilter::POST,
    }
}

/// One request of an action, from its signature to its line in the log.
async fn attend(State(context): State<ActionContext>, request: Request, next: Next) -> Response {
    let ActionContext { api, action, takes_body, takes_query } = context;
    let began = api.clock.monotonic();
    let ids = Ids::new(&*api.clock, &*api.entropy);
    let (mut parts, body) = request.into_parts();
    let head = RequestHead::new(parts.clone(), ids.request.clone());
    let span = tracing::info_span!("request", id = %ids.request, action = action.name());
    let acting = async {
        let by = api.authenticate(&head, action, None)?;
        if !takes_query {
            describe_job::decode_query(&head.query())?;
        }
        let body = if takes_body {
            let body = api.read_body(&head, body).await?;
            // Else an eavesdropper could send the request once more, with another body.
            if !(body.is_empty() || by.has_signed("content-md5")) {
                return Err(errors::access_denied("a request with a body must sign its Content-MD5").into());
            }
            body
        } else {
            head.take_no_body(&body)?;
            head.work()?;
            Bytes::new()
        };
        parts.extensions.insert(AdminCaller(by.caller));
        answer::done(next.run(Request::from_parts(parts, Body::from(body))).await)
    };
    let done = api.in_time(acting).instrument(span.clone()).await;
    let told = done.as_ref().map(|response| response.status().as_u16());
    span.in_scope(|| api.note_answer(action.name(), told, &head, began));
    match done {
        Ok(response) => answer::named(response, &ids),
        Err(refusal) => answer::refuse(&refusal, &ids),
    }
}

fn preview_state(preview: Preview) -> PreviewState {
    let Preview { effects, requests, seconds, rows } = preview;
    let row = |(task, target): (Task, Option<ObjectKey>)| PreviewRow {
        bucket: task.bucket.to_string(),
        key: task.key.to_string(),
        version: task.version.map(|version| version.to_string()),
        target: target.map(|key| key.to_string()),
    };
    PreviewState {
        effects,
        requests: requests.into_iter().collect(),
        estimated_seconds: seconds,
        first_rows: rows.into_iter().map(row).collect(),
    }
}

impl Api {
    /// A job as the API shows it: with what it waits for now, how fast it goes, and what it left open.
    async fn job_state(&self, job: &Job) -> Result<JobState, ServiceError> {
        let now = self.job_service.now().await?;
        let waiting = self.job_service.waiting(job, now);
        let rates = self.job_service.rates(job, now, waiting.is_some());
        let preview = self.job_service.preview(job).await?.map(preview_state);
        let left = self.job_service.left_uploads(job).await?;
        let state = JobState::from(job).with_waiting(waiting.as_ref()).with_rates(rates.as_ref());
        Ok(JobState { preview, ..state.with_left_uploads(&left) })
    }
}

/// It is made once: every client may ask for it.
async fn describe() -> Result<Response, JsonRefusal> {
    static TEXT: OnceLock<String> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(answer::json(text.clone()));
    }
    let text = description().map_err(|error| Refusal::because(errors::cannot_format(), error))?;
    Ok(answer::json(TEXT.get_or_init(|| text).clone()))
}

/// A path that is none of the API's.
async fn nowhere(State(api): State<Arc<Api>>) -> Response {
    answer::refuse(&errors::invalid_uri().into(), &Ids::new(&*api.clock, &*api.entropy))
}

async fn no_such_method(State(api): State<Arc<Api>>) -> Response {
    answer::refuse(&errors::method_not_allowed().into(), &Ids::new(&*api.clock, &*api.entropy))
}

#[cfg(test)]
mod tests;
