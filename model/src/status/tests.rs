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
        let wanted: &[Event] = match stage(status) {
            Stage::Prepare => &[Event::CancelRequested],
            Stage::Wait => &[Event::CancelRequested],
            Stage::Execute => {
                &[Event::TasksExhausted, Event::Preempted, Event::FailureRateExceeded, Event::StageFailed]
            }
            Stage::Drain => &[Event::Drained, Event::TasksExhausted, Event::FailureRateExceeded],
            Stage::Report => &[Event::ReportWritten, Event::ReportFailed],
            Stage::End => &[],
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

/// `docs/job-status.md`, rendered from the table.
fn render() -> String {
    let mut page = String::from(
        "# The status of a job\n\n\
         Rendered from the table in `model/src/status.rs`; `BRIGADE_RENDER=1 cargo test -p brigade-model` writes it anew.\n\
         Every pair of status and event that is not a row here is illegal and changes nothing.\n\n\
         | from | event | to | because |\n|---|---|---|---|\n",
    );
    for row in TABLE {
        let _ = writeln!(page, "| {} | {:?} | {} | {} |", row.from, row.event, row.to, row.because);
    }
    page.push_str("\n## Who owns a job\n\n| status | stage | final |\n|---|---|---|\n");
    for status in Status::ALL {
        let end = if status.is_terminal() { "yes" } else { "" };
        let _ = writeln!(page, "| {status} | {:?} | {end} |", stage(status));
    }
    page
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
