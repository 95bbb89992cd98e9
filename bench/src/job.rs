//! A job of the service from its creation to its end, timed by the service's own log.

use std::time::{Duration, Instant};

use brigade_model::Status;
use brigade_tests::Scenario;
use jiff::Timestamp;

use crate::usage::{Usage, cpu_of_ended_children};

/// Longer than any job of a figure takes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What a whole job took.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRun {
    /// Which it was.
    pub id: String,
    /// From the start of `brigade job create` to the end of the job.
    pub took: Duration,
    /// CPU time of the service and of the command, in this time.
    pub cpu: Duration,
    /// When it came into which status.
    pub moves: Vec<(Timestamp, Status)>,
}

impl JobRun {
    /// Runs `brigade job create FORM...` and waits until the job is Complete, with no other work
    /// in the service.
    ///
    /// # Panics
    /// When the job ends otherwise, or not within half an hour.
    pub fn of(scenario: &mut Scenario, form: &[&str]) -> Self {
        #[allow(clippy::disallowed_methods, reason = "figures are of real time")]
        let now = Instant::now;
        let (began, before) = (now(), used(scenario));
        let id = scenario.told(&[&["job", "create"], form].concat()).trim().to_owned();
        let moves = moves_to_end(scenario, std::slice::from_ref(&id)).remove(0);
        let (took, cpu) = (began.elapsed(), used(scenario) - before);
        Self { id, took, cpu, moves }
    }

    /// How long it was in a status, the first time; `None` when it never was.
    #[must_use]
    pub fn time_in(&self, status: Status) -> Option<Duration> {
        time_in(&self.moves, status)
    }
}

/// How long a job was in a status, the first time; `None` when it never was.
#[must_use]
pub fn time_in(moves: &[(Timestamp, Status)], status: Status) -> Option<Duration> {
    let came = moves.iter().position(|(_, into)| *into == status)?;
    let (since, until) = (moves[came].0, moves.get(came + 1)?.0);
    Duration::try_from(until.duration_since(since)).ok()
}

/// Waits until each of these jobs is Complete: when each came into which status.
///
/// # Panics
/// When one ends otherwise, or not within half an hour.
pub fn moves_to_end(scenario: &mut Scenario, ids: &[String]) -> Vec<Vec<(Timestamp, Status)>> {
    let mut moves = vec![Vec::new(); ids.len()];
    scenario.service.wait_for_within(PATIENCE, |line| {
        for (id, moves) in ids.iter().zip(&mut moves) {
            moves.extend(read_move(line, id));
        }
        let has_ended = |moves: &Vec<(Timestamp, Status)>| moves.last().is_some_and(|(_, status)| status.is_terminal());
        moves.iter().all(has_ended).then_some(())
    });
    for (id, moves) in ids.iter().zip(&moves) {
        let ended = moves.last().map(|(_, status)| *status);
        assert_eq!(ended, Some(Status::Complete), "job {id} ended otherwise: {}", scenario.service.said());
    }
    moves
}

fn used(scenario: &Scenario) -> Duration {
    Usage::of(scenario.service.id()).cpu + cpu_of_ended_children()
}

/// What a line of the log says about this job's status.
fn read_move(line: &str, id: &str) -> Option<(Timestamp, Status)> {
    let (time, _) = line.split_once(' ').filter(|_| line.contains(&format!("job={id}")))?;
    let status = match line.contains("slot_move=Grant") {
        true => Status::Active,
        false => line.split_whitespace().find_map(|word| word.strip_prefix("to="))?.parse().ok()?,
    };
    Some((time.parse().ok()?, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_moves_are_read_from_the_log() {
        let line = |rest: &str| read_move(&format!("2026-01-01T00:00:00.25Z  INFO brigade_engine::{rest}"), "j-1");
        assert_eq!(
            line("change: job status changed job=j-1 from=New to=Preparing").map(|(_, to)| to),
            Some(Status::Preparing)
        );
        assert_eq!(
            line("engine: job slot changed job=j-1 slot_move=Grant endpoint=main").map(|(_, to)| to),
            Some(Status::Active)
        );
        assert_eq!(line("change: job status changed job=j-2 from=New to=Preparing"), None);
        assert_eq!(line("serve: API listening address=127.0.0.1:1"), None);
    }
}
