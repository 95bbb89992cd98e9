//! The rows of a list of jobs: what each tells, as a table that fits a terminal and as JSON.

use brigade_model::job::Dialect;
use brigade_model::operation::OperationKind;
use brigade_model::{JobId, Progress, Timestamp};
use brigade_wire::admin::{JobSummary, WaitState};
use brigade_wire::cos::list_jobs::ListedJob;
use brigade_wire::cos::words::operation_name;
use brigade_wire::s3control;
use serde_json::{Value, json};

use crate::command::job::found;
use crate::progress::grouped;
use crate::table;

/// Jobs of every dialect, newest first.
pub(in crate::command::job) struct Jobs {
    pub(super) rows: Vec<Row>,
    /// There are older ones.
    pub(super) has_more: bool,
}

/// What a row of the table tells.
pub(super) struct Row {
    pub(super) id: String,
    dialect: String,
    status: String,
    operation: String,
    progress: Progress,
    pub(super) created: Option<Timestamp>,
    description: String,
    /// For what it waits now.
    waiting: Option<WaitState>,
    /// The same, by the names of elements that both dialects have; a job of another dialect than COS says so.
    element: Value,
}

impl Row {
    pub(super) fn of_cos(job: &ListedJob, element: Value) -> Self {
        Self {
            id: job.id.to_string(),
            dialect: Dialect::Cos.word().to_owned(),
            status: job.status.to_string(),
            operation: marked(operation_word(&job.operation), job.is_dry_run),
            progress: job.progress,
            created: Some(job.created),
            description: job.description.clone().unwrap_or_default(),
            waiting: None,
            element,
        }
    }

    pub(super) fn of_any(job: &JobSummary) -> serde_json::Result<Self> {
        Ok(Self {
            id: job.job.clone(),
            dialect: job.dialect.clone(),
            status: job.status.clone(),
            operation: marked(job.operation.clone(), job.is_dry_run),
            progress: job.progress.into(),
            created: job.created.parse().ok(),
            description: job.description.clone().unwrap_or_default(),
            waiting: job.waiting.clone(),
            element: element(job)?,
        })
    }
}

impl Jobs {
    /// The digits of their ids.
    pub(in crate::command::job) fn ids(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| row.id.replace('-', ""))
    }

    /// A table of these jobs only, to choose one by its whole id.
    pub(in crate::command::job) fn only(&self, jobs: &[JobId], width: Option<usize>) -> String {
        let is_wanted = |row: &&Row| jobs.iter().any(|job| job.to_string() == row.id);
        let cells = |row: &Row| [&row.id, &row.status, &row.operation, &row.description].map(Clone::clone).to_vec();
        let rows: Vec<_> = self.rows.iter().filter(is_wanted).map(cells).collect();
        table::fitted(&["job", "status", "operation", "description"], &[], &rows, width.unwrap_or(usize::MAX))
    }

    /// A row for each job. Where whole ids and times fit, or nothing bounds the width, they stand there; else the
    /// beginning of the id that commands take, the age, and as much of the description as has room.
    pub(super) fn to_text(&self, width: Option<usize>, now: Timestamp) -> String {
        let whole = self.whole();
        match width {
            Some(width) if table::width(&whole) > width => self.short(width, now),
            _ => whole,
        }
    }

    fn whole(&self) -> String {
        let created = |row: &Row| row.created.map(|created| created.to_string()).unwrap_or_default();
        let rows: Vec<_> = self.rows.iter().map(|row| cells(row, row.id.clone(), created(row))).collect();
        table::columns(&header("created"), &NUMBERS, &self.without_dialect(rows))
    }

    fn short(&self, width: usize, now: Timestamp) -> String {
        let length = self.telling_length();
        let id = |row: &Row| row.id.get(..length).unwrap_or(&row.id).to_owned();
        let age = |row: &Row| row.created.map(|created| age(created, now)).unwrap_or_default();
        let rows: Vec<_> = self.rows.iter().map(|row| cells(row, id(row), age(row))).collect();
        table::fitted(&header("age"), &NUMBERS, &self.without_dialect(rows), width)
    }

    /// How many characters of an id tell these jobs apart: those of the time, or more.
    fn telling_length(&self) -> usize {
        const OF_THE_TIME: usize = "01978a00-0000".len();
        let mut ids: Vec<&str> = self.rows.iter().map(|row| row.id.as_str()).collect();
        ids.sort_unstable();
        let shared =
            |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(one, other)| one == other).count();
        ids.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0).max(OF_THE_TIME)
    }

    /// The dialects have a column only where there is another one than COS.
    fn without_dialect(&self, mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
        if self.rows.iter().all(|row| row.dialect == Dialect::Cos.word()) {
            rows.iter_mut().for_each(|row| row[DIALECT].clear());
        }
        rows
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "Jobs": self.rows.iter().map(|row| &row.element).collect::<Vec<_>>() })
    }
}

const NUMBERS: [&str; 4] = ["done", "total", "failed", "age"];
const DIALECT: usize = 1;

fn header(time: &'static str) -> [&'static str; 9] {
    ["job", "dialect", "status", "operation", "done", "total", "failed", time, "description"]
}

fn cells(row: &Row, id: String, time: String) -> Vec<String> {
    let Progress { total, succeeded, failed } = row.progress;
    let [done, total, failed] = [succeeded + failed, total, failed].map(grouped);
    let (dialect, status, operation) = (row.dialect.clone(), row.status.clone(), row.operation.clone());
    vec![id, dialect, status, operation, done, total, failed, time, about(row)]
}

/// For what the job waits, which comes first, and what its user said of it.
fn about(row: &Row) -> String {
    let waits = row.waiting.as_ref().map(|waiting| format!("{}: {}", waiting.cause.replace('_', " "), waiting.what));
    let described = Some(row.description.clone()).filter(|text| !text.is_empty());
    waits.into_iter().chain(described).collect::<Vec<_>>().join("; ")
}

/// How long ago that was, in its largest unit: `45s`, `7m`, `3h`, `12d`.
pub(super) fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(created.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn element(job: &JobSummary) -> serde_json::Result<Value> {
    let is_cos = job.dialect == Dialect::Cos.word();
    let name_of = if is_cos { operation_name } else { s3control::words::operation_name };
    let name = found::kind_of(&job.operation).map(name_of);
    let given = [
        ("CreationTime", json!(job.created)),
        ("Description", json!(job.description)),
        ("Dialect", json!((!is_cos).then_some(&job.dialect))),
        ("DryRun", json!(job.is_dry_run.then_some(true))),
        ("JobId", json!(job.job)),
        ("Operation", json!(name.unwrap_or(&job.operation))),
        ("Priority", json!(job.priority)),
        (
            "ProgressSummary",
            json!({
                "NumberOfTasksFailed": job.progress.failed,
                "NumberOfTasksSucceeded": job.progress.succeeded,
                "TotalNumberOfTasks": job.progress.total,
            }),
        ),
        ("Status", json!(job.status)),
        ("TerminationDate", json!(job.terminated)),
        ("Waiting", serde_json::to_value(&job.waiting)?),
    ];
    Ok(given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect())
}

fn marked(operation: String, is_dry_run: bool) -> String {
    if is_dry_run { format!("{operation} (dry run)") } else { operation }
}

/// The word that `job create` has for it; what it does not have stays as the service says it.
fn operation_word(element: &str) -> String {
    let known = OperationKind::ALL.into_iter().find(|kind| operation_name(*kind) == element);
    known.map_or_else(|| element.to_owned(), |kind| kind.word().to_owned())
}
