//! Among the jobs of an account the higher priority goes first: for slots always, for slices unless
//! something keeps a node from the job that should come first.

use std::time::Duration;

use brigade_model::Status;

use crate::evidence::Evidence;
use crate::history::{Entry, Event, Slot};

/// A node takes a stage error of a job, or of its store, to heart for less than this.
const STEADY: Duration = Duration::from_secs(10);

pub(crate) fn the_higher_priority_goes_first(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (moment, entry) in evidence.history.iter().enumerate() {
        match &entry.event {
            Event::Rescheduled { slots, .. } => {
                broken.extend(passed_over(slots).map(|(waits, active)| {
                    format!("{waits:?} waits for a slot that {active:?} has, at {:?}", entry.at)
                }))
            }
            Event::Leased { job, closes: false, free, .. } => {
                let before = &evidence.history[..moment];
                let first = free
                    .iter()
                    .find(|other| goes_before(other, *job, free) && is_steady(before, entry, other.job, *job));
                broken.extend(first.map(|first| format!("job {job} got a slice before {first:?}, at {:?}", entry.at)));
            }
            _ => {}
        }
    }
    broken
}

/// Pairs of a job that waits and one of its account, of lower priority, that is Active; unless
/// the one that waits gets the slot of one that drains.
fn passed_over(slots: &[Slot]) -> impl Iterator<Item = (&Slot, &Slot)> {
    let waiting = slots.iter().filter(|slot| matches!(slot.status, Status::Ready | Status::Paused) && !slot.is_held);
    let drains = slots.iter().any(|slot| slot.status == Status::Pausing);
    waiting.filter(move |_| !drains).flat_map(|waits| {
        let active = slots.iter().filter(|slot| slot.status == Status::Active && !slot.is_held);
        active
            .filter(|active| active.account == waits.account && active.priority < waits.priority)
            .map(move |a| (waits, a))
    })
}

fn goes_before(other: &Slot, job: usize, free: &[Slot]) -> bool {
    // The job that was leased has perhaps no other free slice: its priority is known otherwise.
    let own = free.iter().find(|slot| slot.job == job);
    own.is_some_and(|own| own.account == other.account && own.priority < other.priority)
}

/// Nothing happened lately that keeps the node from the job, or from seeing it.
fn is_steady(before: &[Entry], lease: &Entry, first: usize, second: usize) -> bool {
    let lately = before.iter().rev().take_while(|entry| entry.at + STEADY > lease.at);
    let mut lately = lately.peekable();
    let is_old_enough = lease.at > STEADY * 2;
    is_old_enough
        && lately.all(|entry| match &entry.event {
            Event::Mishap { .. } | Event::StoreFailed { .. } | Event::Crashed | Event::Started { .. } => false,
            Event::Moved { job, .. }
            | Event::Created { job }
            | Event::Answered { job, .. }
            | Event::Asked { job, .. } => *job != first && *job != second,
            Event::Released { job, .. } | Event::Revoked { job, .. } => *job != first,
            _ => true,
        })
}
