use brigade_model::Outcome;
use brigade_model::operation::{Directive, Operation, Tag, Tagging};
use brigade_model::ports::object_store::{CallKind, NewObject};
use brigade_model::task::Defect;
use brigade_model::{BucketName, EndpointKind, Task};
use brigade_s3::simulated::Versioning;
use bytes::Bytes;

use super::test_job::{Fault, SOURCE, TestTask, at, code, done, message, tag, task, task_of_version};
use crate::operation::{PreparedOperation, TaskEnd, run_group};

fn tagging(directive: Option<Directive>, tags: &[(&str, &str)]) -> Operation {
    Operation::Tagging(Tagging { directive, tags: tags.iter().map(|(key, value)| tag(key, value)).collect() })
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
async fn tags_are_replaced_in_one_call_also_when_no_directive_is_given() {
    for directive in [None, Some(Directive::Replaced)] {
        let test_job = test_job_with_tagged_object().await;
        assert_eq!(test_job.run(&tagging(directive, &[("c", "3")]), &task("k"), false).await, done());
        assert_eq!(tags(&test_job), [tag("c", "3")]);
        assert_eq!(test_job.store.calls(), [CallKind::PutObjectTagging]);
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_of_an_operation_without_groups_are_never_put_together() {
    let tagging = PreparedOperation::new(&tagging(None, &[("c", "3")]), EndpointKind::Other);
    assert!(!tagging.is_grouped());
    assert_eq!(tagging.group_len(&[task("k"), task("l")], 1000, |_| false), 1);
    assert_eq!(tagging.group_len(&[], 1000, |_| false), 0);
    let test_job = test_job_with_tagged_object().await;
    test_job.put("l", "body").await;
    test_job.begin_run();
    let runs = run_group(&tagging, &test_job.slice_context, &[task("k"), task("l")], false).await;
    assert_eq!((runs, tags(&test_job)), (vec![done(), done()], vec![tag("c", "3")]));
    assert_eq!(test_job.store.calls(), [CallKind::PutObjectTagging; 2]);
}

#[tokio::test(start_paused = true)]
async fn tags_are_added_to_those_there_and_adding_them_twice_ends_alike() {
    let test_job = test_job_with_tagged_object().await;
    let add = tagging(Some(Directive::Add), &[("b", "3"), ("c", "4")]);
    for must_check in [false, true] {
        assert_eq!(test_job.run(&add, &task("k"), must_check).await, done());
        assert_eq!(tags(&test_job), [tag("a", "1"), tag("b", "3"), tag("c", "4")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_row_gets_the_tags() {
    let test_job = TestTask::new().await;
    test_job.store.inner.set_versioning(&BucketName::new(SOURCE).unwrap(), Versioning::Enabled).unwrap();
    test_job.put("k", "old").await;
    test_job.put("k", "new").await;
    let first = test_job.store.inner.versions(&at(SOURCE, "k"))[0].0.clone();
    assert_eq!(test_job.run(&tagging(None, &[("a", "1")]), &task_of_version("k", &first), false).await, done());
    assert_eq!(test_job.store.inner.object_version(&at(SOURCE, "k"), &first).unwrap().tags, [tag("a", "1")]);
    assert_eq!(tags(&test_job), []);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_gives_code_status_and_request_id() {
    let test_job = TestTask::new().await;
    let run = test_job.run(&tagging(Some(Directive::Add), &[]), &task("missing"), false).await;
    let TaskEnd::Done(Outcome::Failed(failure)) = &run else { panic!("{run:?}") };
    assert_eq!((failure.code.as_str(), failure.http_status), ("NoSuchKey", Some(404)));
    assert!(failure.message.starts_with("reading the object's tags: "), "{}", failure.message);
    assert!(failure.message.contains("(request id SIM") && failure.message.ends_with(", attempts 1)"));
}

#[tokio::test(start_paused = true)]
async fn a_defective_row_and_a_bucket_that_the_role_does_not_allow_fail_without_a_call() {
    let test_job = test_job_with_tagged_object().await;
    let defective = Task { defect: Some(Defect::OtherBucket), ..task("k") };
    assert_eq!(code(&test_job.run(&tagging(None, &[]), &defective, false).await), "InvalidRequest");
    let foreign = Task { bucket: BucketName::new("foreign").unwrap(), ..task("k") };
    let run = test_job.run(&tagging(None, &[]), &foreign, false).await;
    assert_eq!(code(&run), "AccessDenied");
    assert!(message(&run).contains("foreign") && message(&run).contains("source buckets that the role allows"));
    assert_eq!(test_job.store.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_tells_whether_anything_may_have_happened() {
    let test_job = test_job_with_tagged_object().await;
    test_job.fault(CallKind::PutObjectTagging, Fault::Stops);
    let add = tagging(Some(Directive::Add), &[("c", "3")]);
    assert_eq!(test_job.run(&add, &task("k"), false).await, TaskEnd::NotAttempted);
    assert_eq!(
        test_job.run(&add, &task("k"), true).await,
        TaskEnd::UnknownEffect,
        "an earlier worker may have done it"
    );
}
