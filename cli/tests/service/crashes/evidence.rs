//! The evidence for the invariants: the history sorted by task, the records at the end and at each
//! kill, and the report.

use std::collections::BTreeMap;

use brigade_judge::{CallHistory, Done, Foreign, Moment, Report};
use brigade_model::Status;
use brigade_model::ports::object_store::{CallKind, Effect};
use brigade_s3::simulated::SimulatedObject;

use super::history::{self, Entry, Event};
use super::left::Left;
use super::run::{Told, key, task_of};
use super::scenario::{JobKind, Scenario};
use crate::function::Invoked;
use crate::test_service::{SeenJob, TestService, at};

/// Everything about a run.
pub(crate) struct Evidence<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) told: &'a Told,
    /// At each kill.
    pub(crate) left: &'a [Left],
    /// At the end.
    pub(crate) last: &'a Left,
    pub(crate) ended: &'a SeenJob,
    pub(crate) tasks: Vec<TaskHistory>,
    pub(crate) report: Result<Report, String>,
    /// What the function recorded by itself.
    pub(crate) invoked: Invoked,
    /// When the service told a user that the job is cancelled, in which life, and whether no call could be
    /// in flight then.
    pub(crate) cancel: Option<(Moment, u32, bool)>,
    /// When a user was told that the job has ended, and what.
    pub(crate) end: Option<(Moment, Status)>,
}

/// Everything about a task.
pub(crate) type TaskHistory = brigade_judge::TaskHistory<TaskObjects>;

/// The objects of a task in the end.
#[derive(Debug)]
pub(crate) struct TaskObjects {
    /// What its row names, in the version that its row names.
    pub(crate) source: Option<SimulatedObject>,
    pub(crate) target: Option<SimulatedObject>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn gather(
        scenario: &'a Scenario,
        service: &TestService,
        history: &[Entry],
        left: &'a [Left],
        last: &'a Left,
        ended: &'a SeenJob,
        told: &'a Told,
    ) -> Self {
        let tasks = (0..scenario.tasks).map(|number| task_history(scenario, service, last, number)).collect();
        let report = read_report(service, ended);
        let mut evidence =
            Self { scenario, told, left, last, ended, tasks, report, invoked: Invoked::new(), cancel: None, end: None };
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
                    let (kind, bucket, sender) = (*kind, object.at.bucket.clone(), entry.life);
                    // It counts as sent when its sender died, if it came later.
                    let sent_at = died.unwrap_or(moment);
                    let call_history = CallHistory { kind, bucket, sender, sent: sent_at, done: None, returned: None };
                    self.tasks[task].calls.push(call_history);
                    sent.entry(*call).or_default().push((task, self.tasks[task].calls.len() - 1));
                }
            }
            Event::CarriedOut { call, object, done } => {
                let task = index(object.at.key.as_str());
                for (task, n) in sent.get(call).into_iter().flatten().filter(|(of, _)| *of == task) {
                    let call_history = &mut self.tasks[*task].calls[*n];
                    call_history.done = Some(done_at(moment, call_history.kind, done));
                }
            }
            Event::Answered { call } => {
                for (task, n) in sent.get(call).into_iter().flatten() {
                    let call_history = &mut self.tasks[*task].calls[*n];
                    let effect = call_history.done.as_ref().filter(|done| done.is_refused).map(|_| Effect::None);
                    call_history.returned = Some((moment, effect));
                }
            }
            Event::Foreign { at, etag } => {
                let (bucket, etag) = (at.bucket.clone(), etag.clone());
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
        name: format!("task {number}"),
        key: key(number),
        is_missing: scenario.is_missing(number),
        outcome: last.outcomes.get(&number).cloned(),
        calls: Vec::new(),
        foreign: Vec::new(),
        object: TaskObjects { source: object, target },
    }
}

/// What a call found and did, and whether an object is another after it.
fn done_at(moment: Moment, kind: Option<CallKind>, done: &history::Done) -> Done {
    let history::Done { is_refused, before, after } = done.clone();
    let is_delete = matches!(kind, Some(CallKind::DeleteObject | CallKind::DeleteObjects));
    let has_effect = kind.is_none_or(CallKind::changes_objects) && !is_refused && (!is_delete || before != after);
    Done { moment, is_refused, before, after, has_effect }
}

fn read_report(service: &TestService, job: &SeenJob) -> Result<Report, String> {
    let key = format!("job-{}/manifest.json", job.id);
    let manifest = service.text("reports", &key).ok_or_else(|| format!("{key} is not there"))?;
    Report::read(&manifest, |key| service.text("reports", key))
}
