use brigade_model::operation::{Operation, Tag, Untagging};
use brigade_model::ports::object_store::{CallKind, NewObject, PutObjectTagging, Request};
use brigade_model::{Capabilities, Capability, EndpointKind};
use brigade_s3::simulated::SimulatedStore;
use bytes::Bytes;

use super::test_job::{Fault, SOURCE, TestTask, at, code, done, tag, task};
use crate::operation::{TaskEnd, missing_capabilities};

fn untagging(keys: &[&str]) -> Operation {
    Operation::Untagging(Untagging { keys: keys.iter().map(|key| (*key).to_owned()).collect() })
}

async fn test_job_with_tagged_object() -> TestTask {
    let test_job = TestTask::new().await;
    let with = NewObject { tags: vec![tag("a", "1"), tag("b", "2")], ..NewObject::default() };
    test_job.put_with("k", Bytes::from_static(b"x"), with).await;
    test_job.begin_run();
    test_job
}

fn tags(test_job: &TestTask) -> Vec<Tag> {
    test_job.object(SOURCE, "k").unwrap().tags
}

#[tokio::test(start_paused = true)]
async fn every_tag_is_removed_in_one_call_and_removing_them_twice_ends_alike() {
    let test_job = test_job_with_tagged_object().await;
    for must_check in [false, true] {
        assert_eq!(test_job.run(&untagging(&[]), &task("k"), must_check).await, done());
        assert_eq!(tags(&test_job), []);
    }
    assert_eq!(test_job.store.calls(), [CallKind::DeleteObjectTagging; 2]);
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_the_named_keys_go_and_the_others_stay() {
    let test_job = test_job_with_tagged_object().await;
    assert_eq!(test_job.run(&untagging(&["a", "c"]), &task("k"), false).await, done());
    assert_eq!(tags(&test_job), [tag("b", "2")]);
    let calls = [CallKind::GetObjectTagging, CallKind::PutObjectTagging, CallKind::GetObjectTagging];
    assert_eq!(test_job.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_last_tags_go_gets_no_empty_set() {
    let test_job = test_job_with_tagged_object().await;
    assert_eq!(test_job.run(&untagging(&["a", "b"]), &task("k"), false).await, done());
    assert_eq!(tags(&test_job), []);
    let calls = [CallKind::GetObjectTagging, CallKind::DeleteObjectTagging, CallKind::GetObjectTagging];
    assert_eq!(test_job.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn an_object_without_the_named_keys_is_left_as_it_is() {
    let test_job = test_job_with_tagged_object().await;
    assert_eq!(test_job.run(&untagging(&["c"]), &task("k"), false).await, done());
    assert_eq!(test_job.store.calls(), [CallKind::GetObjectTagging]);
}

#[tokio::test(start_paused = true)]
async fn tags_that_another_writer_puts_after_ours_are_an_outcome_of_their_own() {
    let test_job = test_job_with_tagged_object().await;
    test_job.fault(CallKind::GetObjectTagging, Fault::After(Box::new(|_| ())));
    let retag = |sim: &SimulatedStore| {
        let put = PutObjectTagging { at: at(SOURCE, "k"), version: None, tags: vec![tag("theirs", "1")] };
        sim.act(put.into_call()).unwrap();
    };
    test_job.fault(CallKind::GetObjectTagging, Fault::After(Box::new(retag)));
    let run = test_job.run(&untagging(&["a"]), &task("k"), false).await;
    assert_eq!(code(&run), "TagsChanged", "{run:?}");
    assert_eq!(tags(&test_job), [tag("theirs", "1")]);
}

#[tokio::test(start_paused = true)]
async fn the_call_is_not_made_at_a_store_that_is_not_known_to_have_tags_before_it_has_shown_some() {
    let test_job = test_job_with_tagged_object().await.unprobed();
    assert_eq!(test_job.run(&untagging(&[]), &task("k"), false).await, done());
    let calls = [CallKind::GetObjectTagging, CallKind::DeleteObjectTagging, CallKind::GetObjectTagging];
    assert_eq!(test_job.store.calls(), calls);
}

#[test]
fn a_store_without_tags_gets_no_job_that_removes_them() {
    let lacking = Capabilities::known(EndpointKind::Garage, None);
    let all = Capabilities::proved(Capability::ALL);
    assert!(missing_capabilities(&untagging(&[]), &lacking, &all).contains(&Capability::Tagging));
    assert_eq!(missing_capabilities(&untagging(&[]), &all, &lacking), []);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_tells_whether_tags_may_be_gone() {
    let test_job = test_job_with_tagged_object().await;
    test_job.fault(CallKind::DeleteObjectTagging, Fault::Stops);
    assert_eq!(test_job.run(&untagging(&[]), &task("k"), false).await, TaskEnd::NotAttempted);
    assert_eq!(test_job.run(&untagging(&[]), &task("k"), true).await, TaskEnd::UnknownEffect);
}
