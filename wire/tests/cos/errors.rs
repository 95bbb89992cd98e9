//! The error table: whole, and with a fixture for each condition.

use std::fmt::Write as _;

use brigade_wire::cos::CosError;
use brigade_wire::cos::errors::TABLE;

use crate::fixtures::{case, cases};

#[test]
fn the_table_says_what_each_condition_answers() {
    let mut text = String::new();
    for row in TABLE {
        writeln!(text, "{} {} | {} | {}: {}", row.status, row.code, row.api, row.condition, row.message).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn each_condition_has_its_fixture_and_each_fixture_its_condition() {
    for row in TABLE {
        let error = CosError { code: row.code, status: row.status, message: row.message.to_owned() };
        case("Error", row.condition).expect_error(&error);
    }
    let mut known: Vec<_> = TABLE.iter().map(|row| row.condition).collect();
    known.sort_unstable();
    let found: Vec<_> = cases("Error").into_iter().map(|case| case.name).collect();
    assert_eq!(found, known);
}

#[test]
fn a_code_has_one_status_wherever_it_stands() {
    for row in TABLE {
        for other in TABLE.iter().filter(|other| other.code == row.code) {
            assert_eq!(row.status, other.status, "{}", row.code);
        }
    }
}

#[test]
fn the_documentations_literals_are_kept() {
    let literals = [
        (CosError::invalid_job_statuses(), "Parameter jobStatuses is invalid"),
        (CosError::no_priority(), "No priority was provided"),
        (CosError::already_finished(), "The specified job was already finished"),
        (CosError::no_such_job(), "The specified job does not exist"),
        (CosError::no_such_open_job(), "The specified job does not exist or was already finished"),
        (CosError::request_expired(), "Request has expired"),
    ];
    for (error, literal) in literals {
        assert_eq!(error.message, literal);
    }
    assert_eq!(CosError::service_unavailable().status, 500);
    assert_eq!(CosError::too_many_jobs(1).status, 500);
}
