//! The evidence for the invariants: the history sorted by task, the records at the end and at each
//! kill, and the report.

use std::collections::BTreeMap;

use brigade_model::ports::object_store::CallKind;
use brigade_model::{ETag, Outcome, Status};
use brigade_s3::simulated::SimulatedObject;
use brigade_wire::cos::describe_job::DescribedJob;
use serde_json::Value;

use super::history::{Done, Entry, Event, Moment};
use super::left::Left;
use super::run::{Told, key, task_of};
use super::scenario::{JobKind, Scenario};
use crate::test_service::{TestService, at};

/// Everything about a run.
pub(crate) struct Evidence<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) told: &'a Told,
    /// At each kill.
    pub(crate) left: &'a [Left],
    /// At the end.
    pub(crate) last: &'a Left,
    pub(crate) ended: &'a DescribedJob,
    pub(crate) tasks: Vec<TaskHistory>,
    pub(crate) report: Result<Report, String>,
    /// When the service told a user that the job is cancelled, in which life, and whether no call could be
    /// in flight then.
    pub(crate) cancel: Option<(Moment, u32, bool)>,
    /// When a user was told that the job has ended, and what.
    pub(crate) end: Option<(Moment, Status)>,
}

/// Everything about a task.
#[derive(Default)]
pub(crate) struct TaskHistory {
    pub(crate) number: u64,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) calls: Vec<CallHistory>,
    pub(crate) foreign: Vec<Foreign>,
    /// Its object in the end, or the version that its row names.
    pub(crate) source: Option<SimulatedObject>,
    pub(crate) target: Option<SimulatedObject>,
}

/// A call on an object of a task.
#[derive(Debug, Clone)]
pub(crate) struct CallHistory {
    pub(crate) kind: CallKind,
    pub(crate) bucket: String,
    pub(crate) life: u32,
    /// When it came; not after the death of its sender.
    pub(crate) sent: Moment,
    pub(crate) done: Option<(Moment, Done)>,
    pub(crate) answered: Option<Moment>,
}

/// A write by another writer; without an ETag a delete.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) moment: Moment,
    pub(crate) bucket: String,
    pub(crate) etag: Option<ETag>,
}

/// A report, as its user reads it.
pub(crate) struct Report {
    pub(crate) manifest: Value,
    /// Key, whether it is a success, and the code.
    pub(crate) rows: Vec<(String, bool, String)>,
}

impl CallHistory {
    pub(crate) fn is_act(&self) -> bool {
        self.kind.changes_objects()
    }

    /// Whether an object is another after it.
    pub(crate) fn has_effect(&self) -> bool {
        let is_delete = matches!(self.kind, CallKind::DeleteObject | CallKind::DeleteObjects);
        let changed = |done: &Done| !done.is_refused && (!is_delete || done.before != done.after);
        self.is_act() && self.done.as_ref().is_some_and(|(_, done)| changed(done))
    }
}

impl TaskHistory {
    pub(crate) fn acts(&self) -> impl Iterator<Item = &CallHistory> {
        self.calls.iter().filter(|call| call.is_act())
    }

    pub(crate) fn is_ours_alone(&self) -> bool {
        self.foreign.is_empty()
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Some(Outcome::Failed(failure)) => Some(&failure.code),
            _ => None,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_success)
    }
}

impl<'a> Evidence<'a> {
    pub(crate) fn gather(
        scenario: &'a Scenario,
        service: &TestService,
        history: &[Entry],
        left: &'a [Left],
        last: &'a Left,
        ended: &'a DescribedJob,
        told: &'a Told,
    ) -> Self {
        let tasks = (0..scenario.tasks).map(|number| task_history(scenario, service, last, number)).collect();
        let report = read_report(service, ended);
        let mut evidence = Self { scenario, told, left, last, ended, tasks, report, cancel: None, end: None };
        let mut sent = BTreeMap::new();
        let mut died: BTreeMap<u32, Moment> = BTreeMap::new();
        for (moment, entry) in history.iter().enumerate() {
            if let Event::Killed { .. } = entry.event {
                died.insert(entry.life, moment);
            }
            evidence.sort(moment, entry, died.get(&entry.life).copied(), &mut sent);
        }
        evidence
    }

    /// Puts an entry where it belongs; `sent` knows where each call stands.
    fn sort(
        &mut self,
        moment: Moment,
        entry: &Entry,
        died: Option<Moment>,
        sent: &mut BTreeMap<u64, Vec<(usize, usize)>>,
    ) {
        match &entry.event {
            Event::Arrived { call, kind, objects } => {
                for object in objects {
                    let task = index(object.at.key.as_str());
                    let (kind, bucket, life) = (*kind, object.at.bucket.to_string(), entry.life);
                    let sent_at = died.unwrap_or(moment);
                    let task_history = CallHistory { kind, bucket, life, sent: sent_at, done: None, answered: None };
                    self.tasks[task].calls.push(task_history);
                    sent.entry(*call).or_default().push((task, self.tasks[task].calls.len() - 1));
                }
            }
            Event::CarriedOut { call, object, done } => {
                let task = index(object.at.key.as_str());
                for (task, n) in sent.get(call).into_iter().flatten().filter(|(of, _)| *of == task) {
                    self.tasks[*task].calls[*n].done = Some((moment, done.clone()));
                }
            }
            Event::Answered { call } => {
                for (task, n) in sent.get(call).into_iter().flatten() {
                    self.tasks[*task].calls[*n].answered = Some(moment);
                }
            }
            Event::Foreign { at, etag } => {
                let (bucket, etag) = (at.bucket.to_string(), etag.clone());
                self.tasks[index(at.key.as_str())].foreign.push(Foreign { moment, bucket, etag });
            }
            Event::CancelTold { is_full } => self.cancel = Some((moment, entry.life, *is_full)),
            Event::EndTold { status } => {
                self.end.get_or_insert((moment, *status));
            }
            Event::Started | Event::Killed { .. } | Event::Signalled { .. } => {}
        }
    }
}

fn index(key: &str) -> usize {
    usize::try_from(task_of(key)).unwrap()
}

fn task_history(scenario: &Scenario, service: &TestService, last: &Left, number: u64) -> TaskHistory {
    let source = at("photos", &key(number));
    let object = match scenario.job_kind {
        // The version that was there first.
        JobKind::DeleteVersion => service.bucket.versions(&source).into_iter().find_map(|(_, object)| {
            object.filter(|object| object.body.to_bytes() == format!("of task {number}").as_bytes())
        }),
        _ => service.bucket.object(&source),
    };
    let target = service.bucket.object(&at("backup", &key(number)));
    TaskHistory {
        number,
        outcome: last.outcomes.get(&number).cloned(),
        source: object,
        target,
        ..TaskHistory::default()
    }
}

fn read_report(service: &TestService, job: &DescribedJob) -> Result<Report, String> {
    let text = |key: &str| service.text("reports", key).ok_or_else(|| format!("{key} is not there"));
    let manifest: Value =
        serde_json::from_str(&text(&format!("job-{}/manifest.json", job.id))?).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for file in manifest["Results"].as_array().ok_or("manifest.json names no results")? {
        let name = file["Key"].as_str().unwrap_or_default();
        for line in text(name)?.lines() {
            let cells: Vec<&str> = line.split(',').collect();
            let is_success = cells.get(3) == Some(&"succeeded");
            if cells.len() < 7 || is_success != (file["TaskExecutionStatus"] == "succeeded") {
                return Err(format!("{name}: {line}"));
            }
            rows.push((cells[1].to_owned(), is_success, cells[4].to_owned()));
        }
    }
    Ok(Report { manifest, rows })
}
