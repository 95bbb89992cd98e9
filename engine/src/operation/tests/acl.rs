use brigade_model::operation::{CannedAcl, ObjectAcl, Operation};
use brigade_model::ports::object_store::{Acl, AclGrant, CallKind, Grantee};
use brigade_model::{Capabilities, Capability, EndpointKind};

use super::test_job::{SOURCE, TestTask, code, done, task};
use crate::operation::missing_capabilities;

fn grant(id: &str, permission: &str) -> AclGrant {
    AclGrant { grantee: Grantee::Id(id.to_owned()), permission: permission.to_owned() }
}

fn canned(canned: CannedAcl) -> Operation {
    Operation::Acl(ObjectAcl::Canned(canned))
}

async fn test_job() -> TestTask {
    let test_job = TestTask::new().await;
    test_job.put("k", "body").await;
    test_job.begin_run();
    test_job
}

fn acl(test_job: &TestTask) -> Acl {
    test_job.object(SOURCE, "k").unwrap().acl
}

#[tokio::test(start_paused = true)]
async fn a_canned_acl_is_set_in_one_call_where_it_is_known_to_be_kept_and_as_the_same_grants_elsewhere() {
    let proved = test_job().await;
    assert_eq!(proved.run(&canned(CannedAcl::PublicRead), &task("k"), false).await, done());
    assert_eq!(proved.store.calls(), [CallKind::PutObjectAcl]);
    let unproven = test_job().await.unprobed();
    assert_eq!(unproven.run(&canned(CannedAcl::PublicRead), &task("k"), false).await, done());
    assert_eq!(unproven.store.calls(), [CallKind::GetObjectAcl, CallKind::PutObjectAcl, CallKind::GetObjectAcl]);
    assert_eq!(acl(&proved), acl(&unproven));
    assert_eq!(acl(&proved).grants.len(), 2, "the owner's right stays");
}

#[tokio::test(start_paused = true)]
async fn grants_replace_those_that_are_there_exactly() {
    let test_job = test_job().await;
    let owner = acl(&test_job).owner;
    let wanted = Acl { owner: owner.clone(), grants: vec![grant("you", "READ_ACP"), grant(&owner, "FULL_CONTROL")] };
    let operation = Operation::Acl(ObjectAcl::Grants(wanted.clone()));
    for must_check in [false, true] {
        assert_eq!(test_job.run(&operation, &task("k"), must_check).await, done());
        assert_eq!(acl(&test_job), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there_fails_its_row() {
    let test_job = test_job().await;
    assert_eq!(code(&test_job.run(&canned(CannedAcl::Private), &task("none"), false).await), "NoSuchKey");
}

#[test]
fn an_acl_whose_grants_only_the_store_knows_needs_a_store_that_is_known_to_keep_it() {
    let (unproven, all) = (Capabilities::known(EndpointKind::Other, None), Capabilities::proved(Capability::ALL));
    for name in CannedAcl::ALL {
        let is_seen =
            !matches!(name, CannedAcl::AwsExecRead | CannedAcl::BucketOwnerRead | CannedAcl::BucketOwnerFullControl);
        let missing = missing_capabilities(&canned(*name), &unproven, &all);
        assert_eq!(missing.is_empty(), is_seen, "{name:?}");
        assert_eq!(missing_capabilities(&canned(*name), &all, &unproven), [], "{name:?}");
    }
}
