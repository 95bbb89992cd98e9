//! The evidence for the invariants: the history sorted by job and task, the records, and the report.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use brigade_engine::outcomes::SliceOutcomes;
use brigade_model::ports::object_store::{At, CallKind, Effect};
use brigade_model::{BucketName, ETag, Outcome, Status};

use crate::cluster::{Ended, SimulatedCluster, TaskObject, task_of};
use crate::history::{Entry, Event, Seen};
use crate::report::{Report, read_report};
use crate::run_plan::JobPlan;

/// A moment: the number of an entry in the history. Of two at one time, the earlier is less.
pub(crate) type Moment = usize;

/// Everything about a run.
pub(crate) struct Evidence<'a> {
    pub(crate) cluster: &'a SimulatedCluster,
    pub(crate) history: &'a [Entry],
    /// By number.
    pub(crate) jobs: Vec<JobEvidence<'a>>,
}

/// Everything about a job.
pub(crate) struct JobEvidence<'a> {
    pub(crate) number: usize,
    pub(crate) run_plan: &'a JobPlan,
    pub(crate) ended: Option<Ended>,
    pub(crate) moves: Vec<(Moment, Status, Status)>,
    /// `Err`: it cannot be read.
    pub(crate) report: Option<Result<Report, String>>,
    pub(crate) tasks: Vec<TaskHistory<'a>>,
}

/// Everything about a task.
pub(crate) struct TaskHistory<'a> {
    pub(crate) object: &'a TaskObject,
    /// What was recorded.
    pub(crate) outcome: Option<Outcome>,
    /// Calls on its object, in the order in which they were sent.
    pub(crate) calls: Vec<CallHistory>,
    /// Writes by another writer to the object or to its copy.
    pub(crate) foreign: Vec<Foreign>,
}

/// A call on the object of a task.
#[derive(Debug, Clone)]
pub(crate) struct CallHistory {
    pub(crate) kind: CallKind,
    pub(crate) bucket: BucketName,
    pub(crate) node: u32,
    pub(crate) sent: Moment,
    pub(crate) sent_at: Duration,
    pub(crate) arrived: Option<Arrival>,
    /// When its sender learned what, if it did.
    pub(crate) returned: Option<(Moment, Option<Effect>)>,
}

/// What a call found and did where it was carried out.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) moment: Moment,
    pub(crate) is_refused: bool,
    pub(crate) before: Option<ETag>,
    pub(crate) after: Option<ETag>,
    pub(crate) has_effect: bool,
}

/// A write by another writer.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) moment: Moment,
    pub(crate) at: Duration,
    /// `None`: it was a delete.
    pub(crate) etag: Option<ETag>,
}

impl CallHistory {
    pub(crate) fn changes_objects(&self) -> bool {
        self.kind.changes_objects()
    }

    /// Whether its sender had to think, at that moment, that it may have had an effect.
    pub(crate) fn may_have_acted(&self, moment: Moment) -> bool {
        let knew = self.returned.as_ref().filter(|(returned, _)| *returned < moment);
        self.sent < moment && knew.is_none_or(|(_, failed)| *failed != Some(Effect::None))
    }

    pub(crate) fn has_effect(&self) -> bool {
        self.arrived.as_ref().is_some_and(|arrival| arrival.has_effect)
    }
}

impl TaskHistory<'_> {
    /// Calls that may change the object.
    pub(crate) fn acts(&self) -> impl Iterator<Item = &CallHistory> {
        self.calls.iter().filter(|call| call.changes_objects())
    }

    pub(crate) fn has_effect(&self) -> bool {
        self.acts().any(CallHistory::has_effect)
    }

    /// Whether the sender of a call that may change the object never learned what it did.
    pub(crate) fn is_doubtful(&self) -> bool {
        let unknown = |call: &CallHistory| !matches!(call.returned, Some((_, None | Some(Effect::None))));
        self.acts().any(unknown)
    }

    /// Whether no other writer wrote the object or its copy.
    pub(crate) fn is_ours_alone(&self) -> bool {
        self.foreign.is_empty()
    }

    /// The code of its failure, if it failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Some(Outcome::Failed(failure)) => Some(&failure.code),
            _ => None,
        }
    }
}

impl<'a> Evidence<'a> {
    /// Sorts the history of a run that is over.
    pub(crate) fn gather(cluster: &'a SimulatedCluster, history: &'a [Entry]) -> Self {
        let mut ended = cluster.ended();
        let job = |(number, run_plan)| JobEvidence::new(cluster, number, run_plan, ended.remove(&number));
        let jobs = cluster.run_plan.jobs.iter().enumerate().map(job).collect();
        let mut evidence = Self { cluster, history, jobs };
        let mut sent = BTreeMap::new();
        for (moment, entry) in history.iter().enumerate() {
            evidence.sort(moment, entry, &mut sent);
        }
        evidence
    }

    /// Puts an entry where it belongs; `sent` knows the tasks of each call.
    fn sort(&mut self, moment: Moment, entry: &Entry, sent: &mut BTreeMap<u64, Vec<(usize, usize, usize)>>) {
        match &entry.event {
            Event::Moved { job, from, to } => self.jobs[*job].moves.push((moment, *from, *to)),
            Event::Sent { call, kind, objects } => {
                let node = entry.node.unwrap_or_default();
                for (at, _) in objects {
                    let Some(task) = self.task(at) else { continue };
                    let calls = &mut self.jobs[task.0].tasks[task.1].calls;
                    let (kind, bucket, sent_at) = (*kind, at.bucket.clone(), entry.at);
                    calls.push(CallHistory {
                        kind,
                        bucket,
                        node,
                        sent: moment,
                        sent_at,
                        arrived: None,
                        returned: None,
                    });
                    sent.entry(*call).or_default().push((task.0, task.1, calls.len() - 1));
                }
            }
            Event::CarriedOut { call, at, before, after, has_effect } => {
                let etag = |seen: &Option<Seen>| seen.as_ref().and_then(|seen| seen.etag.clone());
                let (before, after, has_effect) = (etag(before), etag(after), *has_effect);
                self.arrive(sent, *call, at, Arrival { moment, is_refused: false, before, after, has_effect });
            }
            Event::Refused { call, at, .. } => {
                let arrival = Arrival { moment, is_refused: true, before: None, after: None, has_effect: false };
                self.arrive(sent, *call, at, arrival);
            }
            Event::Returned { call, error } => {
                for (job, task, n) in sent.get(call).into_iter().flatten() {
                    let effect = error.as_ref().map(|(_, effect)| *effect);
                    self.jobs[*job].tasks[*task].calls[*n].returned = Some((moment, effect));
                }
            }
            Event::Foreign { at, etag } => {
                if let Some((job, task)) = self.task(at) {
                    let foreign = Foreign { moment, at: entry.at, etag: etag.clone() };
                    self.jobs[job].tasks[task].foreign.push(foreign);
                }
            }
            _ => {}
        }
    }

    fn task(&self, at: &At) -> Option<(usize, usize)> {
        task_of(&at.key).filter(|(job, task)| self.jobs.get(*job).is_some_and(|job| *task < job.tasks.len()))
    }

    fn arrive(&mut self, sent: &BTreeMap<u64, Vec<(usize, usize, usize)>>, call: u64, at: &At, arrival: Arrival) {
        let task = self.task(at);
        for (job, task, n) in sent.get(&call).into_iter().flatten().filter(|of| task == Some((of.0, of.1))) {
            self.jobs[*job].tasks[*task].calls[*n].arrived = Some(arrival.clone());
        }
    }

    /// Jobs that have ended, with what they were then.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&JobEvidence<'a>, &Ended)> {
        self.jobs.iter().filter_map(|job| Some((job, job.ended.as_ref()?)))
    }

    /// Tasks of jobs that have ended, with a name for people.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&JobEvidence<'a>, String, &TaskHistory<'a>)> {
        self.ended().flat_map(|(job, _)| job.named_tasks().map(move |(name, task_history)| (job, name, task_history)))
    }
}

impl Evidence<'_> {
    /// The objects that another writer wrote or deleted.
    pub(crate) fn foreign_writes(&self) -> HashSet<At> {
        let written = self.history.iter().filter_map(|entry| match &entry.event {
            Event::Foreign { at, .. } => Some(at.clone()),
            _ => None,
        });
        written.collect()
    }

    /// What happened, in kinds, and how often.
    pub(crate) fn kinds(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        let mut count = |kind: String| *kinds.entry(kind).or_default() += 1;
        self.history.iter().filter_map(|entry| entry.event.kind()).for_each(&mut count);
        self.cluster.run_plan.habits.set.iter().map(|habit| format!("habit: {}", habit.name())).for_each(&mut count);
        for (job, _, task_history) in self.tasks() {
            let outcome = match &task_history.outcome {
                Some(Outcome::Failed(failure)) => &failure.code,
                Some(_) => "success",
                None => "not attempted",
            };
            count(format!("{:?}: {outcome}", job.run_plan.job_kind));
        }
        kinds
    }
}

impl<'a> JobEvidence<'a> {
    fn new(cluster: &'a SimulatedCluster, number: usize, run_plan: &'a JobPlan, ended: Option<Ended>) -> Self {
        let outcomes = ended.as_ref().map(outcomes_of).unwrap_or_default();
        let task_history = |(n, object)| TaskHistory {
            object,
            outcome: outcomes.get(&n).cloned(),
            calls: Vec::new(),
            foreign: Vec::new(),
        };
        let tasks = cluster.objects[number].iter().enumerate().map(task_history).collect();
        let report = ended.as_ref().and_then(|ended| read_report(cluster, number, &ended.job));
        Self { number, run_plan, ended, moves: Vec::new(), report, tasks }
    }

    /// When it ended.
    pub(crate) fn end(&self) -> Option<Moment> {
        self.moves.iter().find(|(_, _, to)| to.is_terminal()).map(|(moment, ..)| *moment)
    }

    /// Its tasks, with a name for people.
    pub(crate) fn named_tasks(&self) -> impl Iterator<Item = (String, &TaskHistory<'a>)> {
        self.tasks
            .iter()
            .enumerate()
            .map(|(n, task_history)| (format!("task {n} of job {}", self.number), task_history))
    }
}

/// What was recorded of each task.
fn outcomes_of(ended: &Ended) -> BTreeMap<usize, Outcome> {
    let mut all = BTreeMap::new();
    for (slice, parts) in ended.slices.iter().zip(&ended.parts) {
        let Ok(outcomes) = SliceOutcomes::of_parts(slice.tasks, parts) else { continue };
        for offset in 0..slice.tasks {
            let number = usize::try_from(slice.first_task).unwrap_or(usize::MAX) + offset as usize;
            all.extend(outcomes.get(offset).map(|outcome| (number, outcome.clone())));
        }
    }
    all
}
