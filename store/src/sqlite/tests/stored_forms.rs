//! Data that was written once can be read for ever: golden files pin the documents.
//!
//! When a test here fails, a stored form has changed. A new field needs a default for what was
//! stored without it (and the golden file, a line); anything else needs a migration.

use std::fs;
use std::path::PathBuf;

use brigade_model::job::{Change, Job, JobFailure, Prepared, failure};
use brigade_model::ports::JobStore;
use brigade_model::{JobSpec, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::job_row::Life;
use super::{open, with_writer};
use crate::conformance::{sample_job, sample_specs};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/store").join(format!("{name}.json"))
}

/// The value must be written as the file has it, and be read from it.
fn assert_pinned<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let file = golden(name);
    let pinned = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let written = serde_json::to_string_pretty(value).unwrap() + "\n";
    assert_eq!(written, pinned, "the stored form of {name} has changed");
    assert_eq!(serde_json::from_str::<T>(&pinned).unwrap(), *value);
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A job in whose life everything happened that its document can tell.
fn eventful_job() -> Job {
    let mut job = sample_job(1);
    job.spec.confirmation_required = Some(true);
    let prepared = Prepared {
        tasks: 100_000,
        slices: 19,
        left_out: vec![("delete marker".into(), 3)],
        some_rows_have_versions: true,
    };
    let why = JobFailure::new(failure::TASK_FAILURE_THRESHOLD_EXCEEDED, "60 of 100 tasks failed");
    let life = [
        Change::PreparationStarted,
        Change::ManifestRead(prepared),
        Change::Confirmed("go".into()),
        Change::SlotGranted,
        Change::FailureRateExceeded(why),
    ];
    for (second, change) in (1_767_225_601..).zip(life) {
        job.change(&change, at(second)).unwrap();
    }
    job
}

#[test]
fn a_specification_is_stored_as_it_always_was() {
    for (name, spec) in sample_specs() {
        assert_pinned::<JobSpec>(&format!("spec-{name}"), &spec);
    }
}

#[test]
fn a_life_is_stored_as_it_always_was() {
    assert_pinned("life-new", &Life::of(&sample_job(1)));
    assert_pinned("life-eventful", &Life::of(&eventful_job()));
    let mut restored = sample_job(1);
    restored.change(&Change::BackedUp(at(1_767_225_700)), at(1_767_225_701)).unwrap();
    assert_pinned("life-restored", &Life::of(&restored));
}

#[tokio::test]
async fn a_life_from_before_limits_has_those_of_its_options() {
    let (_directory, store) = open();
    let mut job = sample_job(1);
    (_, job.spec) = sample_specs().remove(1);
    job.limits = job.spec.options.limits();
    assert!(!job.limits.is_none());
    store.create_job(&job, 9).await.unwrap();
    with_writer(&store, |connection| connection.execute("UPDATE job SET life = json_remove(life, '$.limits')", ()))
        .await
        .unwrap();
    assert_eq!(store.job(job.id).await.unwrap().unwrap().limits, job.limits);
}
