use brigade_model::Outcome;
use brigade_model::operation::{Directive, Operation, Tag, Tagging};
use brigade_model::ports::object_store::{CallKind, NewObject};
use brigade_model::task::Defect;
use brigade_model::{BucketName, Task};
use brigade_s3::simulated::Versioning;
use bytes::Bytes;

use super::rig::{Fault, Rig, SOURCE, at, code, done, message, tag, task, task_of_version};
use crate::operation::{PreparedOperation, Run, run_group};

fn tagging(directive: Option<Directive>, tags: &[(&str, &str)]) -> Operation {
    Operation::Tagging(Tagging { directive, tags: tags.iter().map(|(key, value)| tag(key, value)).collect() })
}

async fn rig_with_tagged_object() -> Rig {
    let rig = Rig::new().await;
    let with = NewObject { tags: vec![tag("a", "1"), tag("b", "2")], ..NewObject::default() };
    rig.put_with("k", Bytes::from_static(b"x"), with).await;
    rig.begin_run();
    rig
}

fn tags(rig: &Rig) -> Vec<Tag> {
    rig.object(SOURCE, "k").unwrap().tags
}

#[tokio::test(start_paused = true)]
async fn tags_are_replaced_in_one_call_also_when_no_directive_is_given() {
    for directive in [None, Some(Directive::Replaced)] {
        let rig = rig_with_tagged_object().await;
        assert_eq!(rig.run(&tagging(directive, &[("c", "3")]), &task("k"), false).await, done());
        assert_eq!(tags(&rig), [tag("c", "3")]);
        assert_eq!(rig.store.calls(), [CallKind::PutObjectTagging]);
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_of_an_operation_without_groups_are_never_put_together() {
    let tagging = PreparedOperation::new(&tagging(None, &[("c", "3")]));
    assert!(!tagging.is_grouped());
    assert_eq!(tagging.group_len(&[task("k"), task("l")], 1000, |_| false), 1);
    assert_eq!(tagging.group_len(&[], 1000, |_| false), 0);
    let rig = rig_with_tagged_object().await;
    rig.put("l", "body").await;
    rig.begin_run();
    let runs = run_group(&tagging, &rig.bench, &[task("k"), task("l")], false).await;
    assert_eq!((runs, tags(&rig)), (vec![done(), done()], vec![tag("c", "3")]));
    assert_eq!(rig.store.calls(), [CallKind::PutObjectTagging; 2]);
}

#[tokio::test(start_paused = true)]
async fn tags_are_added_to_those_there_and_adding_them_twice_ends_alike() {
    let rig = rig_with_tagged_object().await;
    let add = tagging(Some(Directive::Add), &[("b", "3"), ("c", "4")]);
    for must_look in [false, true] {
        assert_eq!(rig.run(&add, &task("k"), must_look).await, done());
        assert_eq!(tags(&rig), [tag("a", "1"), tag("b", "3"), tag("c", "4")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_of_the_row_gets_the_tags() {
    let rig = Rig::new().await;
    rig.store.sim.set_versioning(&BucketName::new(SOURCE).unwrap(), Versioning::Enabled).unwrap();
    rig.put("k", "old").await;
    rig.put("k", "new").await;
    let first = rig.store.sim.versions(&at(SOURCE, "k"))[0].0.clone();
    assert_eq!(rig.run(&tagging(None, &[("a", "1")]), &task_of_version("k", &first), false).await, done());
    assert_eq!(rig.store.sim.object_version(&at(SOURCE, "k"), &first).unwrap().tags, [tag("a", "1")]);
    assert_eq!(tags(&rig), []);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_gives_code_status_and_request_id() {
    let rig = Rig::new().await;
    let run = rig.run(&tagging(Some(Directive::Add), &[]), &task("missing"), false).await;
    let Run::Done(Outcome::Failed(failure)) = &run else { panic!("{run:?}") };
    assert_eq!((failure.code.as_str(), failure.http_status), ("NoSuchKey", Some(404)));
    assert!(failure.message.starts_with("reading the object's tags: "), "{}", failure.message);
    assert!(failure.message.contains("(request id SIM") && failure.message.ends_with(", attempts 1)"));
}

#[tokio::test(start_paused = true)]
async fn a_defective_row_and_a_bucket_that_the_role_does_not_allow_fail_without_a_call() {
    let rig = rig_with_tagged_object().await;
    let defective = Task { defect: Some(Defect::OtherBucket), ..task("k") };
    assert_eq!(code(&rig.run(&tagging(None, &[]), &defective, false).await), "InvalidRequest");
    let foreign = Task { bucket: BucketName::new("foreign").unwrap(), ..task("k") };
    let run = rig.run(&tagging(None, &[]), &foreign, false).await;
    assert_eq!(code(&run), "AccessDenied");
    assert!(message(&run).contains("foreign") && message(&run).contains("source buckets that the role allows"));
    assert_eq!(rig.store.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_to_stop_tells_whether_anything_may_have_happened() {
    let rig = rig_with_tagged_object().await;
    rig.fault(CallKind::PutObjectTagging, Fault::Stops);
    let add = tagging(Some(Directive::Add), &[("c", "3")]);
    assert_eq!(rig.run(&add, &task("k"), false).await, Run::NotAttempted);
    assert_eq!(rig.run(&add, &task("k"), true).await, Run::Unsettled, "an earlier worker may have done it");
}
