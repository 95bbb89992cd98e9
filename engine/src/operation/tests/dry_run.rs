use std::collections::BTreeMap;

use brigade_model::operation::{CannedAcl, Directive, Restore, RestoreTier, Tagging};
use brigade_model::ports::object_store::CallKind;
use brigade_model::{Capability, Operation, Outcome, Task};
use bytes::Bytes;

use super::test_job::{Scripted, TARGET, TestTask, code, copy, done, message, tag, task};
use crate::dry_run::{DryRun, Requests};
use crate::operation::{TaskEnd, run_group, run_one};

const READS: [CallKind; 3] = [CallKind::HeadObject, CallKind::GetObjectTagging, CallKind::GetObjectAcl];

fn sized(key: &str, size: usize) -> Task {
    Task { size: Some(size as u64), ..task(key) }
}

/// What a task would do, as its outcome says, and the calls that were made to find that out.
pub(super) async fn run_dry(test_job: &TestTask, operation: &Operation, task: &Task) -> (TaskEnd, Requests) {
    let dry_run = DryRun::at(&test_job.slice_context);
    let run = run_one(&test_job.prepare(operation), &dry_run.slice_context, task, false).await;
    let run = dry_run.mark(vec![run]).remove(0);
    let TaskEnd::Done(outcome) = &run else { panic!("{run:?}") };
    let requests = Requests::of(outcome).unwrap_or_else(|| panic!("not marked: {outcome:?}"));
    (run, requests)
}

fn counted(calls: impl IntoIterator<Item = CallKind>) -> Vec<(String, u64)> {
    let mut kinds: BTreeMap<CallKind, u64> = BTreeMap::new();
    calls.into_iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
    kinds.into_iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}

/// Runs dry and then in earnest: what was foreseen is what is sent, and before that nothing is but
/// reads that the operation needs.
async fn assert_foreseen(name: &str, test_job: &TestTask, others: &[&Scripted], operation: &Operation, task: &Task) {
    let take = || -> Vec<CallKind> {
        [&*test_job.store].into_iter().chain(others.iter().copied()).flat_map(|store| store.calls()).collect()
    };
    test_job.begin_run();
    take();
    let effects = test_job.store.inner.effects().len();
    let (run, foreseen) = run_dry(test_job, operation, task).await;
    assert!(matches!(run, TaskEnd::Done(Outcome::SucceededWith { .. })), "{name}: {run:?}");
    let asked = take();
    assert!(asked.iter().all(|kind| READS.contains(kind)), "{name}: {asked:?}");
    assert_eq!(test_job.store.inner.effects().len(), effects, "{name}");
    assert_eq!(test_job.object(TARGET, "k").map(|_| ()), None, "{name}");
    assert_eq!(test_job.recorded_uploads().await, 0, "{name}");
    assert_eq!(test_job.run(operation, task, false).await, done(), "{name}");
    assert_eq!(foreseen.by_name(), counted(take()), "{name}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_foresees_the_requests_of_each_operation_and_changes_nothing() {
    let tagging = |directive| Operation::Tagging(Tagging { directive, tags: vec![tag("a", "b")] });
    let add = copy(|c| {
        c.acl_directive = Some(Directive::Add);
        c.canned_acl = Some(CannedAcl::PublicRead);
        c.tagging_directive = Some(Directive::Add);
        c.tags = vec![tag("a", "b")];
    });
    let (small, large) = (1000, 13 << 20);
    for (name, operation, size) in [
        ("a plain copy", copy(|_| ()), small),
        ("a copy in parts", copy(|_| ()), large),
        ("a copy that adds", add.clone(), small),
        ("a copy in parts that adds", add, large),
        ("tags", tagging(None), small),
        ("tags on top", tagging(Some(Directive::Add)), small),
        ("a delete", Operation::Delete, small),
    ] {
        let test_job = TestTask::new().await;
        test_job.put_with("k", Bytes::from(vec![1; size]), Default::default()).await;
        assert_foreseen(name, &test_job, &[], &operation, &sized("k", size)).await;
    }
    for size in [small, large] {
        let (test_job, other) = TestTask::with_two_stores().await;
        test_job.put_with("k", Bytes::from(vec![1; size]), Default::default()).await;
        assert_foreseen("a copy through us", &test_job, &[&other], &copy(|_| ()), &sized("k", size)).await;
    }
    let test_job = TestTask::new().await.lacking(Capability::TaggingOnCopy);
    test_job.put("k", "body").await;
    let tagged = copy(|c| {
        c.tagging_directive = Some(Directive::Replaced);
        c.tags = vec![tag("a", "b")];
    });
    assert_foreseen("tags that the store drops", &test_job, &[], &tagged, &task("k")).await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_for_no_object_that_the_operation_would_not_ask_for() {
    let test_job = TestTask::new().await;
    test_job.begin_run();
    let restore = Operation::Restore(Restore { days: 3, tier: RestoreTier::Bulk });
    for operation in [copy(|_| ()), Operation::Delete, restore] {
        run_dry(&test_job, &operation, &task("missing")).await;
        assert_eq!(test_job.store.calls(), []);
    }
    let add = Operation::Tagging(Tagging { directive: Some(Directive::Add), tags: vec![tag("a", "b")] });
    let (run, requests) = run_dry(&test_job, &add, &task("missing")).await;
    assert_eq!((code(&run), test_job.store.calls()), ("NoSuchKey", vec![CallKind::GetObjectTagging]));
    assert_eq!(requests.by_name(), [("GetObjectTagging".to_owned(), 1)]);
    let text = message(&run);
    assert!(text.starts_with("dry run: would send 1 GetObjectTagging; reading the object's tags: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_one_request_of_a_group_is_counted_once() {
    let test_job = TestTask::new().await;
    test_job.put("b", "body").await;
    test_job.begin_run();
    let tasks: Vec<Task> = (0..).zip(["a", "b", "c"]).map(|(number, key)| Task { number, ..task(key) }).collect();
    let dry_run = DryRun::at(&test_job.slice_context);
    let runs =
        dry_run.mark(run_group(&test_job.prepare(&Operation::Delete), &dry_run.slice_context, &tasks, false).await);
    let said = |message: &str| TaskEnd::Done(Outcome::SucceededWith { message: message.to_owned() });
    let others = "dry run: would send nothing; deleted in one request with others";
    let first = "dry run: would send 1 DeleteObjects; deleted in one request with others";
    assert_eq!(runs, [said(first), said(others), said(others)]);
    assert_eq!(test_job.store.calls(), []);
    assert!(test_job.object(super::test_job::SOURCE, "b").is_some());
}
