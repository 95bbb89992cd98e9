//! An answer to a user stays true: a job whose cancel was answered ends Cancelled, and a confirmed one
//! stays confirmed.

use brigade_model::Status;

use crate::evidence::Evidence;
use crate::history::Event;

pub(crate) fn what_was_answered_holds(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, ended) in evidence.ended() {
        let answers = evidence.history.iter().filter_map(|entry| match &entry.event {
            Event::Answered { job: of, change, status: Some(status) } if *of == job.number => Some((change, *status)),
            _ => None,
        });
        for (change, told) in answers {
            let is_cancelled = matches!(told, Status::Cancelling | Status::Cancelled);
            if is_cancelled && ended.job.status != Status::Cancelled {
                broken.push(format!("job {} was cancelled ({change}) and is {}", job.number, ended.job.status));
            }
            let asks = ended.job.spec.confirmation_required == Some(true);
            if change.starts_with("Confirm") && asks && !ended.job.is_confirmed {
                broken.push(format!("job {} was confirmed and is not", job.number));
            }
        }
    }
    broken
}
