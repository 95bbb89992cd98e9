use brigade_model::operation::{LegalHold, Operation, Retention, RetentionMode, SetRetention};
use brigade_model::ports::object_store::{CallKind, DeleteObject, Request};
use brigade_model::{BucketName, Capabilities, Capability, EndpointKind, Timestamp, VersionId};
use brigade_s3::simulated::{ObjectLock, Versioning};

use super::test_job::{SOURCE, TestTask, at, code, done, task, task_of_version};
use crate::operation::missing_capabilities;

fn hold(is_held: bool) -> Operation {
    Operation::LegalHold(LegalHold { is_held })
}

fn keep(until: Option<Timestamp>, bypass_governance: bool) -> Operation {
    let retention = until.map(|until| Retention { mode: RetentionMode::Governance, until });
    Operation::Retention(SetRetention { retention, bypass_governance })
}

async fn test_job() -> (TestTask, VersionId) {
    let test_job = TestTask::new().await;
    let (sim, bucket) = (&test_job.store.inner, BucketName::new(SOURCE).unwrap());
    sim.set_versioning(&bucket, Versioning::Enabled).unwrap();
    sim.set_lock(&bucket, ObjectLock::default()).unwrap();
    test_job.put("k", "body").await;
    let version = sim.versions(&at(SOURCE, "k"))[0].0.clone();
    test_job.begin_run();
    (test_job, version)
}

/// Whether the store refuses to remove the version.
fn is_locked(test_job: &TestTask, version: &VersionId) -> bool {
    let request = DeleteObject { at: at(SOURCE, "k"), version: Some(version.clone()), if_match: None };
    test_job.store.inner.act(request.into_call()).is_err()
}

#[tokio::test(start_paused = true)]
async fn a_held_version_cannot_be_removed_until_its_hold_is_lifted() {
    let (test_job, version) = test_job().await;
    for must_check in [false, true] {
        let run = test_job.run(&hold(true), &task_of_version("k", &version), must_check).await;
        assert_eq!(run, done());
        assert!(is_locked(&test_job, &version));
    }
    assert_eq!(test_job.run(&hold(false), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::PutObjectLegalHold; 3]);
    assert!(!is_locked(&test_job, &version));
}

#[tokio::test(start_paused = true)]
async fn a_kept_version_cannot_be_removed_and_governance_is_lifted_by_those_alone_who_bypass_it() {
    let (test_job, version) = test_job().await;
    let until = "2100-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(test_job.run(&keep(Some(until), false), &task("k"), false).await, done());
    assert!(is_locked(&test_job, &version));
    assert_eq!(code(&test_job.run(&keep(None, false), &task("k"), false).await), "AccessDenied");
    assert!(is_locked(&test_job, &version));
    assert_eq!(test_job.run(&keep(None, true), &task("k"), false).await, done());
    assert!(!is_locked(&test_job, &version));
}

#[test]
fn a_lock_is_set_only_where_the_store_is_known_to_have_locks() {
    let (unproven, all) = (Capabilities::known(EndpointKind::Other, None), Capabilities::proved(Capability::ALL));
    for operation in [hold(true), hold(false), keep(None, false)] {
        assert_eq!(missing_capabilities(&operation, &unproven, &all), [Capability::ObjectLock]);
        assert_eq!(missing_capabilities(&operation, &all, &unproven), []);
    }
}
