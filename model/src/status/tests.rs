//! The table, proved over the whole grid of 13 statuses and 14 events.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// The statuses that can follow `from` in any number of moves, itself included.
fn reachable(from: Status) -> BTreeSet<Status> {
    let mut seen = BTreeSet::from([from]);
    loop {
        let more: BTreeSet<Status> =
            TABLE.iter().filter(|row| seen.contains(&row.from)).map(|row| row.to).chain(seen.iter().copied()).collect();
        if more == seen {
            return seen;
        }
        seen = more;
    }
}

#[test]
fn each_pair_of_status_and_event_has_one_answer_at_most() {
    for status in Status::ALL {
        for event in Event::ALL {
            let rows = TABLE.iter().filter(|row| row.from == status && row.event == event).count();
            assert!(rows <= 1, "{status:?} {event:?} has {rows} rows");
            assert_eq!(next(status, event).is_some(), rows == 1);
        }
    }
}

#[test]
fn the_grid_has_as_many_legal_pairs_as_the_table_has_rows() {
    let legal = Status::ALL.iter().flat_map(|&s| Event::ALL.map(|e| next(s, e))).flatten().count();
    assert_eq!(legal, TABLE.len());
    assert_eq!(Status::ALL.len() * Event::ALL.len() - legal, 150);
}

#[test]
fn every_status_is_reached_from_new() {
    assert_eq!(reachable(Status::New), BTreeSet::from(Status::ALL));
}

#[test]
fn every_status_that_is_not_terminal_can_end() {
    for status in Status::ALL {
        assert!(reachable(status).iter().any(|s| s.is_terminal()), "{status} cannot end");
    }
}

#[test]
fn nothing_leads_out_of_a_terminal_status_and_something_out_of_every_other() {
    for status in Status::ALL {
        let leads_out = TABLE.iter().any(|row| row.from == status && row.to != status);
        assert_eq!(leads_out, !status.is_terminal(), "{status}");
    }
}

#[test]
fn a_suspended_job_is_never_entered_twice() {
    assert_eq!(TABLE.iter().filter(|row| row.to == Status::Suspended).count(), 1);
    assert!(!reachable(Status::Ready).contains(&Status::Suspended));
}

#[test]
fn every_event_of_the_table_is_named_and_used() {
    for event in Event::ALL {
        assert!(TABLE.iter().any(|row| row.event == event), "{event:?} moves nothing");
    }
}

#[test]
fn each_stage_has_its_way_out() {
    for status in Status::ALL {
        let events: Vec<Event> =
            TABLE.iter().filter(|row| row.from == status && row.to != status).map(|row| row.event).collect();
        let wanted: &[Event] = match phase(status) {
            Phase::Prepare => &[Event::CancelRequested],
            Phase::Wait => &[Event::CancelRequested],
            Phase::Execute => {
                &[Event::TasksExhausted, Event::Preempted, Event::FailureRateExceeded, Event::StageFailed]
            }
            Phase::Drain => &[Event::Drained, Event::TasksExhausted, Event::FailureRateExceeded],
            Phase::Report => &[Event::ReportWritten, Event::ReportFailed],
            Phase::End => &[],
        };
        for event in wanted {
            assert!(events.contains(event), "{status} has no {event:?}");
        }
    }
}

#[test]
fn names_are_read_back() {
    for status in Status::ALL {
        assert_eq!(status.name().parse(), Ok(status));
    }
    assert_eq!("active".parse::<Status>(), Err(UnknownStatus));
}

/// What brings a job into a status, what happens there and what takes it out.
#[rustfmt::skip]
const PARAGRAPHS: [(Status, &str); 13] = [
    (Status::New, "\
CreateJob, `brigade job retry-failed` and `brigade job wait-for-restore` store a job as New, in the transaction that the service
commits before it answers. The engine takes the job's stage and moves it to Preparing; of a job that follows another it does so
when that has ended. A cancel ends it as Cancelled without a report. A confirmation that
arrives this early, or while the job is Preparing, is stored: the job then skips Suspended."),
    (Status::Preparing, "\
The engine brings a New job here. It proves that the report's place is writable, reads the manifest (or the tasks of the job
that this one retries or follows), cuts it into slices and counts the rows. When it has counted the last row, the job becomes Ready, or
Suspended if its client asked to confirm and has not confirmed yet. Before that it looks at a sample of the rows (the preflight). A
manifest that is not as the job describes it, a bucket that does not exist, a role that no longer allows the job, a full quota,
and `prepare_patience` (24 h) without success lead to Failing. A cancel ends the job as Cancelled without a report: no task has
run."),
    (Status::Suspended, "\
A job comes here once, from Preparing, because its client set `ConfirmationRequired`. No task runs. The client's confirmation
moves it to Ready. After `confirmation_patience` (30 days) the engine moves it to Failing with `ConfirmationExpired`. A cancel
ends it as Cancelled without a report."),
    (Status::Ready, "\
A job comes here from Preparing or, by its confirmation, from Suspended. It waits for one of the `active_jobs` slots of the
endpoint that its calls go to. Accounts take slots in turn; within an account the highest priority goes first, then the oldest
job. The slot moves the job to Active. A job that its user paused, or that a restore holds, gets no slot before it is resumed.
A cancel ends it as Cancelled without a report."),
    (Status::Active, "\
A slot brings a Ready or Paused job here. Workers lease its slices, run its tasks and record their outcomes. When every task
has an outcome, the job becomes Completing. A pause by its user, a job that the slot belongs to before this one, or the end of a
round of a job that waits for restores moves it to Pausing. Too many failed tasks, an unreadable slice, a role that is gone, or a slice whose lease was revoked ten times move it
to Failing. A cancel moves it to Cancelling."),
    (Status::Pausing, "\
An Active job comes here when it loses its slot. It starts no task; tasks in flight end, and the workers record them and give
their leases back. The job keeps its slot until the last lease is gone, then it becomes Paused. If the tasks in flight were the
last ones it becomes Completing; if too many tasks failed, or a stage failed, Failing. A cancel moves it to Cancelling."),
    (Status::Paused, "\
A Pausing job comes here once it has no lease left. It holds no slot and waits as a Ready job does: a slot makes it Active
again, unless its user paused it, a restore holds it, or it waits for its next round. A cancel moves it to Cancelling, because some of its tasks ran and the
report says which."),
    (Status::Completing, "\
A job comes here from Active or Pausing when every task has an outcome. The engine drains it, aborts the multipart uploads that
its copies left, and writes the report. When the report is delivered, or the client wanted none, the job becomes Complete. When
the role is gone, or the report is not delivered within `report_patience` (24 h), it becomes Failed. It is too late for a cancel."),
    (Status::Complete, "\
Final. A Completing job ends here: each task has one outcome, and the report, if the client wanted one, accounts for it."),
    (Status::Cancelling, "\
A cancel brings a job here from Active, Pausing or Paused. No task starts once the cancel is answered; tasks in flight
end. The engine drains the job, records `Unconfirmed` for tasks whose effect is unknown, and writes the report, which has
the rest as not attempted. Then the job is Cancelled, also if the engine cannot deliver the report; the reason then says so. A
second cancel changes nothing but the reason, if it gives one."),
    (Status::Cancelled, "\
Final. A job ends here from New, Preparing, Suspended or Ready at once and without a report, and from Cancelling once the
report is delivered or given up."),
    (Status::Failing, "\
A job comes here from Preparing, Suspended, Active or Pausing when it cannot go on; `FailureReasons` holds the code. The engine
drains it, records `Unconfirmed` for tasks whose effect is unknown, and writes the report if the manifest was read. Then
the job is Failed, with or without a delivered report. It is too late for a cancel."),
    (Status::Failed, "\
Final. A job ends here from Failing, or from Completing if the engine could not deliver its report. For a
retry the service keeps its outcomes for `outcomes_kept` (30 days) or, if the report is missing, `ended_jobs_listed` (90 days), as
far as the account's quotas allow."),
];

/// `docs/job-status.md`, rendered from the table.
fn render() -> String {
    let mut page = String::from(
        "# The status of a job\n\n\
         Rendered from the table in `model/src/status.rs` and the paragraphs in its tests; `BRIGADE_RENDER=1 cargo test -p \
         brigade-model` writes it anew.\n\
         A pair of status and event without a row here is illegal and changes nothing.\n\n\
         | from | event | to | because |\n|---|---|---|---|\n",
    );
    for row in TABLE {
        let _ = writeln!(page, "| {} | {:?} | {} | {} |", row.from, row.event, row.to, row.because);
    }
    page.push_str(
        "\n## What brings a job in, and what takes it out\n\n\
         DeleteJob cancels a job that can still be cancelled, and hides it.\n",
    );
    for (status, paragraph) in PARAGRAPHS {
        let _ = writeln!(page, "\n**{status}.** {paragraph}");
    }
    page.push_str(
        "\n## The phase of each status: which code owns a job\n\n| status | phase | final |\n|---|---|---|\n",
    );
    for status in Status::ALL {
        let end = if status.is_terminal() { "yes" } else { "" };
        let _ = writeln!(page, "| {status} | {:?} | {end} |", phase(status));
    }
    page
}

#[test]
fn a_statuss_paragraph_names_every_status_before_and_after_it() {
    assert_eq!(PARAGRAPHS.map(|(status, _)| status), Status::ALL);
    for (status, paragraph) in PARAGRAPHS {
        let words: BTreeSet<&str> = paragraph.split(|c: char| !c.is_alphanumeric()).collect();
        let moves = TABLE.iter().filter(|row| row.from != row.to);
        let neighbours = moves.filter_map(|row| match status {
            at if row.from == at => Some(row.to),
            at if row.to == at => Some(row.from),
            _ => None,
        });
        let unnamed: BTreeSet<Status> = neighbours.filter(|neighbour| !words.contains(neighbour.name())).collect();
        assert!(unnamed.is_empty(), "the paragraph of {status} does not name {unnamed:?}");
    }
}

#[test]
fn the_page_of_the_statuses_is_rendered_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/job-status.md");
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        std::fs::write(&path, render()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == render(), "docs/job-status.md is stale: run BRIGADE_RENDER=1 cargo test -p brigade-model");
}
