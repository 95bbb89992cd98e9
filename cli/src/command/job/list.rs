//! `brigade job list`: asks for the newest jobs, of every dialect where that is allowed.

mod rows;

use brigade_client::Client;
use brigade_model::JobId;
use brigade_model::limits::LIST_JOBS_MAX;
use brigade_model::status::Status;
use brigade_wire::admin::{JobQuery, JobSummary};
use brigade_wire::cos::list_jobs::{ListQuery, ListedJob};
use bytes::Bytes;
use serde_json::Value;

use self::rows::{Jobs, Row};
use super::output::{Format, print_json, print_xml};
use super::{CommandContext, found};
use crate::document;
use crate::printer::{self, note, say};
use crate::words::one_of;

/// So many jobs are shown unless told otherwise: what is new fits a few screens.
const SHOWN: usize = 100;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only jobs of this status, or of several when it is repeated [default: every status]
    #[arg(long = "status", value_name = "STATUS", ignore_case = true,
          value_parser = one_of(Status::ALL.map(|status| (status.name(), status))))]
    statuses: Vec<Status>,
    /// So many jobs at most, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = SHOWN, value_parser = at_least_one, conflicts_with = "all",
          allow_negative_numbers = true)]
    limit: usize,
    /// Every job
    #[arg(long)]
    all: bool,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let client = context.client()?;
    if context.output == Format::Xml {
        // There is no XML that has jobs of another dialect, nor one in another order than the service's.
        let (_, bodies) = fetch_cos(&client, &arguments.statuses).await?;
        return bodies.iter().try_for_each(|body| print_xml(body));
    }
    let limit = (!arguments.all).then_some(arguments.limit);
    let jobs = fetch(&client, &arguments.statuses, limit).await?;
    match context.output {
        Format::Json => print_json(&jobs.to_json())?,
        _ if jobs.rows.is_empty() => say("no jobs")?,
        _ => say(jobs.to_text(printer::width(), context.tools.clock.now()))?,
    }
    if jobs.has_more {
        note("Older jobs are not shown: --limit NUMBER lists more, --all every job.");
    }
    Ok(())
}

/// The newest jobs of every dialect, the newest first: so many at most, or all.
///
/// # Errors
/// [`anyhow::Error`] of the service's answer.
pub(super) async fn fetch(client: &Client, statuses: &[Status], limit: Option<usize>) -> anyhow::Result<Jobs> {
    match fetch_of_all_dialects(client, statuses, limit).await? {
        Some((jobs, has_more)) => Ok(Jobs { rows: jobs.iter().map(Row::of_any).collect::<Result<_, _>>()?, has_more }),
        None => fetch_cos_only(client, statuses, limit).await,
    }
}

/// The jobs as the operator's API knows them, and whether there are more; `None` where it is not to be used. No more pages are
/// read than are wanted.
async fn fetch_of_all_dialects(
    client: &Client,
    statuses: &[Status],
    limit: Option<usize>,
) -> anyhow::Result<Option<(Vec<JobSummary>, bool)>> {
    let mut query = JobQuery { statuses: statuses.to_vec(), is_newest_first: true, ..JobQuery::default() };
    let mut jobs: Vec<JobSummary> = Vec::new();
    loop {
        query.max = limit.map(|limit| (limit - jobs.len()).min(LIST_JOBS_MAX));
        let page = match client.list_jobs_of_dialects(&query).await {
            Ok(answer) => answer.value,
            Err(error) if found::is_denied(&error) => {
                note(format_args!("Only jobs of the COS dialect are listed: {error}"));
                return Ok(None);
            }
            // Another service has no such API.
            Err(error) if !found::has_such_api(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        jobs.extend(page.jobs);
        let next = page.next.as_deref().map(str::parse).transpose();
        let next: Option<JobId> = next.map_err(|_| anyhow::anyhow!("the service names a next page that is none"))?;
        if limit.is_some_and(|limit| jobs.len() >= limit) {
            jobs.truncate(limit.unwrap_or(usize::MAX));
            return Ok(Some((jobs, next.is_some())));
        }
        // A service that names the same page again would be asked for ever.
        if next.is_none() || query.after.is_some_and(|after| next >= Some(after)) {
            return Ok(Some((jobs, false)));
        }
        query.after = next;
    }
}

/// The jobs of the COS dialect, which lists the oldest first: all its pages are read for the newest.
async fn fetch_cos_only(client: &Client, statuses: &[Status], limit: Option<usize>) -> anyhow::Result<Jobs> {
    let (jobs, bodies) = fetch_cos(client, statuses).await?;
    let mut elements = Vec::with_capacity(jobs.len());
    for body in &bodies {
        if let Some(Value::Array(page)) = document::to_json(body)?.get_mut("Jobs").map(Value::take) {
            elements.extend(page);
        }
    }
    let mut rows: Vec<Row> = jobs.iter().zip(elements).map(|(job, element)| Row::of_cos(job, element)).collect();
    rows.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
    let has_more = limit.is_some_and(|limit| rows.len() > limit);
    rows.truncate(limit.unwrap_or(usize::MAX));
    Ok(Jobs { rows, has_more })
}

/// The jobs of the COS dialect, and the pages that they came in.
async fn fetch_cos(client: &Client, statuses: &[Status]) -> anyhow::Result<(Vec<ListedJob>, Vec<Bytes>)> {
    let mut query = ListQuery { statuses: statuses.to_vec(), ..ListQuery::default() };
    let (mut jobs, mut bodies) = (Vec::new(), Vec::new());
    loop {
        let answer = client.list_jobs(&query).await?;
        jobs.extend(answer.value.jobs);
        bodies.push(answer.body);
        // A service that names the same page again would be asked for ever.
        if answer.value.next <= query.next {
            return Ok((jobs, bodies));
        }
        query.next = answer.value.next;
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "must be a whole number from 1".to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use brigade_client::stub::Stub;
    use brigade_model::Timestamp;
    use brigade_runtime::SystemClock;
    use serde_json::json;

    use super::rows::age;
    use super::*;
    use crate::table;

    fn id(number: u8) -> String {
        format!("01978a00-0000-7000-8000-00000000000{number}")
    }

    /// A page of the COS dialect with these jobs.
    pub(in super::super) fn page_of(ids: &[&str]) -> (u16, String) {
        let jobs: String = ids.iter().map(|id| member(id)).collect();
        (200, format!("<ListJobsResult><Jobs>{jobs}</Jobs></ListJobsResult>"))
    }

    /// A page of the operator's API with these jobs.
    pub(in super::super) fn other_page(ids: &[&str]) -> (u16, String) {
        any_page(&ids.iter().map(|id| other_job(id)).collect::<Vec<_>>(), None)
    }

    fn any_page(jobs: &[Value], next: Option<u8>) -> (u16, String) {
        (200, json!({"jobs": jobs, "next": next.map(id)}).to_string())
    }

    fn member(id: &str) -> String {
        format!(
            "<member><CreationTime>{}</CreationTime>\
             <Description>nightly</Description><JobId>{id}</JobId><Operation>COSDeleteObject</Operation>\
             <Priority>1</Priority><ProgressSummary><NumberOfTasksFailed>7</NumberOfTasksFailed>\
             <NumberOfTasksSucceeded>123456</NumberOfTasksSucceeded><TotalNumberOfTasks>1000000</TotalNumberOfTasks>\
             </ProgressSummary><Status>Active</Status></member>",
            created(id)
        )
    }

    fn created(id: &str) -> String {
        format!("2026-01-01T00:00:0{}Z", &id[id.len() - 1..])
    }

    fn other_job(id: &str) -> Value {
        json!({
            "job": id, "dialect": "s3control", "description": "weekly", "operation": "tag", "is_dry_run": false,
            "status": "Active", "priority": 1, "progress": {"total": 10, "succeeded": 3, "failed": 1},
            "created": created(id), "terminated": null,
        })
    }

    fn cos_job(id: &str) -> Value {
        json!({
            "job": id, "dialect": "cos", "description": "nightly", "operation": "delete", "is_dry_run": false,
            "status": "Active", "priority": 1, "progress": {"total": 1_000_000, "succeeded": 123_456, "failed": 7},
            "created": created(id), "terminated": null,
        })
    }

    async fn fetch_script(script: Vec<(u16, String)>, limit: Option<usize>) -> (Jobs, Stub) {
        let stub = Stub::scripted(script, Arc::new(SystemClock::new())).await;
        (fetch(&stub.client, &[], limit).await.unwrap(), stub)
    }

    async fn fetched(jobs: &[Value]) -> Jobs {
        fetch_script(vec![any_page(jobs, None)], None).await.0
    }

    fn ids(jobs: &Jobs) -> Vec<String> {
        jobs.to_json()["Jobs"].as_array().unwrap().iter().map(|job| job["JobId"].as_str().unwrap().to_owned()).collect()
    }

    fn now() -> Timestamp {
        "2026-01-01T03:30:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_newest_jobs_come_first_and_no_more_pages_are_read_than_are_wanted() {
        let first = any_page(&[other_job(&id(4)), cos_job(&id(3))], Some(3));
        let second = |next| any_page(&[other_job(&id(2))], next);
        for (limit, expected, has_more, asked_last) in [
            (Some(2), vec![4, 3], true, "?order=newest&max=2".to_owned()),
            (Some(3), vec![4, 3, 2], true, format!("?after={}&order=newest&max=1", id(3))),
            (None, vec![4, 3, 2], false, format!("?after={}&order=newest", id(3))),
        ] {
            let script = vec![first.clone(), second(limit.map(|_| 2))];
            let (jobs, stub) = fetch_script(script, limit).await;
            assert_eq!((ids(&jobs), jobs.has_more), (expected.into_iter().map(id).collect(), has_more));
            let text = jobs.to_text(None, now());
            assert_eq!(text.lines().skip(1).map(|line| line[..36].to_owned()).collect::<Vec<_>>(), ids(&jobs));
            let asked = stub.asked().0;
            assert!(asked.ends_with(&format!("jobs{asked_last}")), "{asked}");
        }
    }

    #[tokio::test]
    async fn a_service_that_names_the_same_page_again_is_not_asked_for_ever() {
        let same = any_page(&[cos_job(&id(1))], Some(1));
        assert_eq!(fetch_script(vec![same], None).await.0.rows.len(), 2);
        let (status, body) = page_of(&[&id(1)]);
        let same = (status, body.replace("</Jobs>", &format!("</Jobs><NextToken>{}</NextToken>", id(1))));
        assert_eq!(fetch_script(vec![(404, String::new()), same], None).await.0.rows.len(), 2);
    }

    #[tokio::test]
    async fn jobs_are_a_row_each_that_fits_the_terminal() {
        let long = "nightly clean-up of everything that the old importer left behind, 漢字 included";
        let (mut first, second) = (cos_job(&id(1)), cos_job("01978a3c-2b1f-7000-8000-000000000002"));
        (first["description"], first["status"]) = (json!(long), json!("Completing"));
        let jobs = fetched(&[second, first]).await;
        for width in [80, 200] {
            let text = jobs.to_text(Some(width), now());
            assert!(text.lines().all(|line| table::width(line) <= width), "{text}");
            assert_eq!(text.lines().count(), 3, "{text}");
            insta::assert_snapshot!(format!("jobs_at_{width}_columns"), text);
        }
        let text = jobs.to_text(None, now());
        assert!(text.contains(long) && text.contains(&id(1)) && text.contains("2026-01-01T00:00:01Z"), "{text}");
    }

    #[tokio::test]
    async fn ids_are_shown_as_long_as_it_takes_to_tell_them_apart() {
        let jobs = fetched(&[cos_job(&id(2)), cos_job(&id(1))]).await;
        assert!(jobs.to_text(Some(100), now()).contains(&id(2)));
        let jobs = fetched(&[cos_job(&id(1))]).await;
        assert!(jobs.to_text(Some(79), now()).contains("\n01978a00-0000  "));
    }

    #[tokio::test]
    async fn jobs_of_another_dialect_stand_among_the_others_and_then_dialects_have_a_column() {
        let jobs = fetched(&[other_job(&id(4)), cos_job(&id(3)), other_job(&id(2)), cos_job(&id(1))]).await;
        let text = jobs.to_text(None, now());
        let dialects: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(dialects[1..], ["s3control", "cos", "s3control", "cos"], "{text}");
        let json = jobs.to_json();
        assert_eq!(json["Jobs"][0]["Operation"], "S3PutObjectTagging");
        assert_eq!(json["Jobs"][0]["ProgressSummary"]["TotalNumberOfTasks"], 10);
        assert_eq!(
            (&json["Jobs"][1]["Operation"], &json["Jobs"][1]["Dialect"]),
            (&json!("COSDeleteObject"), &Value::Null)
        );
    }

    #[tokio::test]
    async fn a_key_that_may_not_list_every_job_lists_those_of_cos_newest_first_and_trouble_is_told() {
        let refusal =
            |code: &str, message: &str| json!({"code": code, "message": message, "request_id": "R"}).to_string();
        let denied = (403, refusal("AccessDenied", "the key may not do brigade:ListJobs"));
        let script = vec![denied, page_of(&[&id(1), &id(2), &id(3)])];
        let (jobs, _) = fetch_script(script, Some(2)).await;
        assert_eq!((ids(&jobs), jobs.has_more), (vec![id(3), id(2)], true));
        let trouble = (500, refusal("ServiceUnavailable", "the store is locked"));
        let stub = Stub::scripted(vec![trouble], Arc::new(SystemClock::new())).await;
        assert!(fetch(&stub.client, &[], None).await.is_err());
    }

    #[tokio::test]
    async fn a_job_that_waits_says_for_what_in_its_row_and_in_its_json_and_fits_80_columns() {
        let mut job = cos_job(&id(1));
        job["waiting"] = json!({
            "cause": "credentials", "who": "PutObject in bucket reports", "since": null, "advice": "correct them",
            "what": "endpoint main refuses the credentials: SignatureDoesNotMatch: \u{1b}[2J",
        });
        let jobs = fetched(&[job]).await;
        let shown = [None, Some(200), Some(80)].map(|width| jobs.to_text(width, now()));
        assert!(shown[2].lines().all(|line| line.chars().count() <= 80), "{}", shown[2]);
        assert!(shown.iter().all(|text| text.contains("credentials:") && !text.contains('\u{1b}')), "{shown:#?}");
        assert_eq!(jobs.to_json()["Jobs"][0]["Waiting"]["cause"], "credentials");
    }

    #[tokio::test]
    async fn a_dry_run_is_marked_in_its_row_and_in_its_json() {
        let mut dry = cos_job(&id(2));
        dry["is_dry_run"] = json!(true);
        let (status, body) = page_of(&[&id(1), &id(2)]);
        let marked = body.replace(&format!("<JobId>{}", id(2)), &format!("<DryRun>true</DryRun><JobId>{}", id(2)));
        let of_cos = vec![(404, String::new()), (status, marked)];
        for script in [vec![any_page(&[dry, cos_job(&id(1))], None)], of_cos] {
            let (jobs, _) = fetch_script(script, None).await;
            let text = jobs.to_text(None, now());
            let marked: Vec<_> = text.lines().skip(1).map(|line| line.contains("delete (dry run)")).collect();
            assert_eq!(marked, [true, false], "{text}");
            let json = jobs.to_json();
            assert_eq!((&json["Jobs"][0]["DryRun"], &json["Jobs"][1]["DryRun"]), (&json!(true), &Value::Null));
        }
    }

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let age = |seconds: i64| age(now() - std::time::Duration::from_secs(seconds as u64), now());
        assert_eq!([0, 59, 60, 7199, 86_399, 86_400 * 90].map(age), ["0s", "59s", "1m", "1h", "23h", "90d"]);
    }
}
