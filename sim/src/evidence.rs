//! The evidence for the invariants: the history sorted by job and task, the records, and the report.

use std::collections::{BTreeMap, HashSet};

use brigade_judge::{CallHistory, Done, Foreign, Moment, Records, Report};
use brigade_model::ports::job_store::LeftUploads;
use brigade_model::ports::object_store::At;
use brigade_model::{Outcome, Status};

use crate::cluster::{Ended, SimulatedCluster, TaskObject, task_of};
use crate::history::{Entry, Event, LEFT_OPEN, Seen};
use crate::report::read_report;
use crate::run_plan::JobPlan;

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
    pub(crate) ended: Option<Records>,
    /// The uploads that its document names as left open, once it has ended.
    pub(crate) left: LeftUploads,
    pub(crate) moves: Vec<(Moment, Status, Status)>,
    /// `Err`: it cannot be read.
    pub(crate) report: Option<Result<Report, String>>,
    pub(crate) tasks: Vec<TaskHistory<'a>>,
}

/// Everything about a task.
pub(crate) type TaskHistory<'a> = brigade_judge::TaskHistory<&'a TaskObject>;

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
                let sender = entry.node.unwrap_or_default();
                for (at, _) in objects {
                    let Some(task) = self.task(at) else { continue };
                    let calls = &mut self.jobs[task.0].tasks[task.1].calls;
                    let (kind, bucket) = (Some(*kind), at.bucket.clone());
                    calls.push(CallHistory { kind, bucket, sender, sent: moment, done: None, returned: None });
                    sent.entry(*call).or_default().push((task.0, task.1, calls.len() - 1));
                }
            }
            Event::Invoked { call, at } => {
                let (sender, bucket) = (entry.node.unwrap_or_default(), at.bucket.clone());
                if let Some(task) = self.task(at) {
                    let calls = &mut self.jobs[task.0].tasks[task.1].calls;
                    calls.push(CallHistory { kind: None, bucket, sender, sent: moment, done: None, returned: None });
                    sent.entry(*call).or_default().push((task.0, task.1, calls.len() - 1));
                }
            }
            Event::CarriedOut { call, at, before, after, has_effect } => {
                let etag = |seen: &Option<Seen>| seen.as_ref().and_then(|seen| seen.etag.clone());
                let (before, after, has_effect) = (etag(before), etag(after), *has_effect);
                self.arrive(sent, *call, at, Done { moment, is_refused: false, before, after, has_effect });
            }
            Event::Refused { call, at, .. } => {
                let done = Done { moment, is_refused: true, before: None, after: None, has_effect: false };
                self.arrive(sent, *call, at, done);
            }
            Event::Returned { call, error } => {
                for (job, task, n) in sent.get(call).into_iter().flatten() {
                    let effect = error.as_ref().map(|(_, effect)| *effect);
                    self.jobs[*job].tasks[*task].calls[*n].returned = Some((moment, effect));
                }
            }
            Event::Foreign { at, etag } => {
                if let Some((job, task)) = self.task(at) {
                    let foreign = Foreign { moment, bucket: at.bucket.clone(), etag: etag.clone() };
                    self.jobs[job].tasks[task].foreign.push(foreign);
                }
            }
            _ => {}
        }
    }

    fn task(&self, at: &At) -> Option<(usize, usize)> {
        task_of(&at.key).filter(|(job, task)| self.jobs.get(*job).is_some_and(|job| *task < job.tasks.len()))
    }

    fn arrive(&mut self, sent: &BTreeMap<u64, Vec<(usize, usize, usize)>>, call: u64, at: &At, done: Done) {
        let task = self.task(at);
        for (job, task, n) in sent.get(&call).into_iter().flatten().filter(|of| task == Some((of.0, of.1))) {
            self.jobs[*job].tasks[*task].calls[*n].done = Some(done.clone());
        }
    }

    /// Jobs that have ended, with what they were then.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&JobEvidence<'a>, &Records)> {
        self.jobs.iter().filter_map(|job| Some((job, job.ended.as_ref()?)))
    }

    /// Tasks of jobs that have ended.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&JobEvidence<'a>, &TaskHistory<'a>)> {
        self.ended().flat_map(|(job, _)| job.tasks.iter().map(move |task_history| (job, task_history)))
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
        let left = self.jobs.iter().filter(|job| job.report.is_none() && job.left.total > 0);
        left.for_each(|_| count(LEFT_OPEN.to_owned()));
        for (job, task_history) in self.tasks() {
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
        let (ended, left) = ended.map(|ended| (ended.records, ended.left)).unzip();
        let mut outcomes = ended.as_ref().map(Records::outcomes).unwrap_or_default();
        let task_history = |(n, object): (_, &'a TaskObject)| TaskHistory {
            number: n,
            name: format!("task {n} of job {number}"),
            key: object.key.to_string(),
            is_missing: object.is_missing,
            object,
            outcome: outcomes.remove(&n),
            calls: Vec::new(),
            foreign: Vec::new(),
        };
        let tasks = (0..).zip(&cluster.objects[number]).map(task_history).collect();
        let report = ended.as_ref().and_then(|ended| read_report(cluster, number, &ended.job));
        Self { number, run_plan, ended, left: left.unwrap_or_default(), moves: Vec::new(), report, tasks }
    }

    /// When it ended.
    pub(crate) fn end(&self) -> Option<Moment> {
        self.moves.iter().find(|(_, _, to)| to.is_terminal()).map(|(moment, ..)| *moment)
    }
}
