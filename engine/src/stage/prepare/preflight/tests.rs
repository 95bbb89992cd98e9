use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use brigade_model::operation::{CannedAcl, Tag, Tagging};
use brigade_model::options::Preflight;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{Answer, Call, CallKind, CancelToken, CopyObject, Effect};
use brigade_model::{Field, JobSpec, Timestamp};
use brigade_s3::simulated::{Body, Versioning};

use super::*;
use crate::test_job::{TestJob, Trouble, at, bucket, bucket_ref, rows};

/// A call that fails like this and has no effect.
fn says(verdict: Verdict, code: &str) -> Trouble {
    Trouble::FailsWith(CallError::new(verdict, Effect::None, code, "scripted"))
}

fn copy() -> Operation {
    Operation::Copy(Box::new(Copy::to(bucket_ref("target"))))
}

fn tagging() -> Operation {
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    Operation::Tagging(Tagging { directive: Some(Directive::Replaced), tags })
}

/// A job over the objects `k0`, `k1`, ... of which the first `existing` exist.
async fn job_over(tasks: u64, existing: u64, operation: Operation, adjust: impl FnOnce(&mut JobSpec)) -> TestJob {
    let test_job = TestJob::new(&rows(tasks), |spec| {
        spec.operation = operation;
        adjust(spec);
    })
    .await;
    for name in ["photos", "target"] {
        test_job.objects.create_bucket(&bucket(name), Versioning::Off).unwrap();
    }
    for n in 0..existing {
        test_job.objects.put(&at("photos", &format!("k{n}")), Body::zeros(1)).unwrap();
    }
    test_job
}

fn failure(prepared: Result<Prepared, StageError>) -> (String, String) {
    match prepared {
        Err(StageError::Failed(why)) => (why.code, why.reason),
        other => panic!("{other:?}"),
    }
}

async fn notes(test_job: &TestJob) -> Vec<String> {
    test_job.preflight().await.unwrap().notes
}

/// Notes the rows whose objects are looked at, and in which version.
struct Recorder {
    inner: Arc<dyn ObjectStore>,
    looked_at: Mutex<Vec<(String, Option<String>)>>,
}

#[async_trait]
impl ObjectStore for Recorder {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if let Call::HeadObject(head) = &call {
            let version = head.version.as_ref().map(|version| version.as_str().to_owned());
            self.looked_at.lock().unwrap().push((head.at.key.as_str().to_owned(), version));
        }
        self.inner.call(cancel, call).await
    }
}

/// Records the looks of this job.
fn record(test_job: &mut TestJob) -> Arc<Recorder> {
    let recorder = Arc::new(Recorder { inner: test_job.places.source.store.clone(), looked_at: Mutex::default() });
    test_job.places.source.store = recorder.clone();
    recorder
}

fn take_looks(recorder: &Recorder) -> Vec<(String, Option<String>)> {
    let mut looks = std::mem::take(&mut *recorder.looked_at.lock().unwrap());
    looks.sort();
    looks
}

#[tokio::test(start_paused = true)]
async fn a_preflight_costs_a_head_for_each_row_of_its_sample_and_one_listing_of_the_target() {
    for (tasks, operation, heads, lists) in
        [(1, copy(), 1, 1), (1, Operation::Delete, 1, 0), (100, tagging(), 100, 0), (5000, copy(), 100, 1)]
    {
        let test_job = job_over(tasks, tasks, operation, |_| {}).await;
        let before = CallKind::ALL.iter().map(|kind| test_job.objects.calls(*kind)).collect::<Vec<_>>();
        test_job.prepare().await.unwrap();
        let prepared = CallKind::ALL.iter().map(|kind| test_job.objects.calls(*kind)).collect::<Vec<_>>();
        assert_eq!(notes(&test_job).await, Vec::<String>::new(), "there is nothing to tell");
        for (kind, (before, prepared)) in CallKind::ALL.iter().zip(before.into_iter().zip(prepared)) {
            let looks = test_job.objects.calls(*kind) - prepared - (prepared - before);
            let expected = match kind {
                CallKind::HeadObject => heads,
                CallKind::ListObjectsV2 => lists,
                _ => 0,
            };
            assert_eq!(looks, expected, "{kind:?} of {tasks} tasks");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_preparation_over_looks_at_the_same_rows() {
    let mut test_job = job_over(5000, 0, tagging(), |_| {}).await;
    let recorder = record(&mut test_job);
    test_job.preflight().await.unwrap();
    let looks = take_looks(&recorder);
    let first = (0..20).map(|n| (format!("k{n}"), None));
    assert!(first.into_iter().all(|row| looks.contains(&row)) && looks.len() == 100, "{looks:?}");
    test_job.take_over().await;
    test_job.preflight().await.unwrap();
    assert_eq!(take_looks(&recorder), looks);
}

#[tokio::test(start_paused = true)]
async fn a_row_is_looked_at_in_its_version_and_one_that_fails_by_itself_is_not() {
    let fields = || vec![Field::Bucket, Field::Key, Field::VersionId];
    let manifest = "photos,a,v1\nphotos,b,\nother,c,v1\n";
    let mut test_job = TestJob::new(manifest, |spec| spec.manifest.fields = fields()).await;
    test_job.objects.create_bucket(&bucket("photos"), Versioning::Enabled).unwrap();
    let recorder = record(&mut test_job);
    test_job.preflight().await.unwrap();
    assert_eq!(take_looks(&recorder), [("a".to_owned(), Some("v1".to_owned()))]);

    test_job.job.spec.options.empty_version = Some(brigade_model::options::EmptyVersion::Null);
    test_job.preflight().await.unwrap();
    let looks = take_looks(&recorder);
    assert_eq!(looks, [("a".to_owned(), Some("v1".to_owned())), ("b".to_owned(), Some("null".to_owned()))]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_does_not_exist_fails_the_job_before_it_may_run() {
    let test_job = job_over(50, 50, copy(), |_| {}).await;
    test_job.objects.delete_bucket(&bucket("target")).unwrap();
    let heads = test_job.objects.calls(CallKind::HeadObject);
    let (code, reason) = failure(test_job.preflight().await);
    assert_eq!(code, "BucketNotFound");
    assert!(reason.starts_with("there is no bucket target at endpoint main: NoSuchBucket"), "{reason}");
    assert_eq!(test_job.objects.calls(CallKind::HeadObject), heads + 1, "the manifest's; no object is looked at");

    for operation in [copy(), tagging(), Operation::Delete] {
        let test_job = job_over(50, 0, operation, |_| {}).await;
        test_job.objects.delete_bucket(&bucket("photos")).unwrap();
        let (code, reason) = failure(test_job.preflight().await);
        assert_eq!(code, "BucketNotFound");
        assert!(reason.starts_with("there is no bucket photos at endpoint main: NoSuchBucket"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_in_another_region_and_a_key_that_is_not_known_fail_the_job() {
    for (verdict, code, expected) in [
        (Verdict::Invalid, "PermanentRedirect", "RegionMismatch"),
        (Verdict::Invalid, "AuthorizationHeaderMalformed", "RegionMismatch"),
        (Verdict::CredentialsRefused, "InvalidAccessKeyId", "AccessDenied"),
        (Verdict::CredentialsRefused, "SignatureDoesNotMatch", "AccessDenied"),
    ] {
        let test_job = job_over(3, 3, copy(), |_| {}).await;
        test_job.script.expect([(CallKind::ListObjectsV2, says(verdict, code))]);
        let (failed_with, reason) = failure(test_job.preflight().await);
        assert_eq!(failed_with, expected, "{reason}");
        assert!(reason.contains(code) && reason.contains("endpoint main"), "{reason}");

        // A HEAD that is refused has no body that tells the code: the listing of the source does.
        let test_job = job_over(3, 3, tagging(), |_| {}).await;
        let heads = [0; 3].map(|_| (CallKind::HeadObject, says(Verdict::Denied, "AccessDenied")));
        test_job.prepare().await.unwrap();
        test_job.script.expect([(CallKind::HeadObject, Trouble::Nothing)]);
        test_job.script.expect(heads);
        test_job.script.expect([(CallKind::ListObjectsV2, says(verdict, code))]);
        assert_eq!(failure(test_job.preflight().await).0, expected);
        assert!(test_job.script.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_have_run_out_are_waited_for_and_fail_no_job() {
    let test_job = job_over(3, 3, copy(), |_| {}).await;
    let expired = says(Verdict::CredentialsRefused, "ExpiredToken");
    test_job.script.expect([(CallKind::ListObjectsV2, expired)]);
    let told = notes(&test_job).await;
    assert_eq!(told, ["bucket target was not looked at: ExpiredToken: scripted"]);
}

#[tokio::test(start_paused = true)]
async fn missing_objects_are_told_and_fail_only_a_job_that_wants_to_fail() {
    let told = "6 of 10 objects looked at do not exist, such as \"k4\"".to_owned();
    for operation in [copy(), tagging(), Operation::Delete] {
        for preflight in [None, Some(Preflight::Tell)] {
            let test_job = job_over(10, 4, operation.clone(), |spec| spec.options.preflight = preflight).await;
            assert_eq!(notes(&test_job).await, std::slice::from_ref(&told), "{operation:?} {preflight:?}");
        }
        let wants = |spec: &mut JobSpec| spec.options.preflight = Some(Preflight::Fail);
        let test_job = job_over(10, 4, operation.clone(), wants).await;
        match operation {
            Operation::Delete => assert_eq!(notes(&test_job).await, std::slice::from_ref(&told)),
            _ => assert_eq!(failure(test_job.preflight().await), ("ObjectsNotFound".to_owned(), told.clone())),
        }
        let half = job_over(10, 5, operation, wants).await;
        assert_eq!(notes(&half).await, ["5 of 10 objects looked at do not exist, such as \"k5\""], "half is not most");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_objects_fail_neither_a_retry_nor_a_job_from_a_backup() {
    let wants = |spec: &mut JobSpec| spec.options.preflight = Some(Preflight::Fail);
    let mut test_job = job_over(10, 4, tagging(), wants).await;
    test_job.job.restored_from = Some(Timestamp::UNIX_EPOCH);
    let told = ["6 of 10 objects looked at do not exist, such as \"k4\""];
    assert_eq!(notes(&test_job).await, told);

    test_job.run(|_| None).await;
    test_job.change(brigade_model::Change::ReportWritten).await;
    test_job.retry().await;
    assert_eq!(notes(&test_job).await, told, "of the rows that it makes out of the other's tasks");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_refused_is_told_and_fails_no_job() {
    let test_job = job_over(3, 3, tagging(), |_| {}).await;
    test_job.objects.deny_bucket(&bucket("photos"));
    let told = notes(&test_job).await;
    assert!(told[0].starts_with("bucket photos may not be listed, as the job need not: AccessDenied"), "{told:?}");
    let expected = "3 of 3 objects looked at may not be looked at (AccessDenied: a right is missing, or the bucket's \
                    requester pays), such as \"k0\"";
    assert_eq!(told[1..], [expected]);

    let test_job = job_over(3, 3, copy(), |_| {}).await;
    test_job.objects.deny_bucket(&bucket("target"));
    let told = notes(&test_job).await;
    assert!(told[0].starts_with("bucket target may not be listed, as the job need not: AccessDenied"), "{told:?}");
    assert_eq!(told.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_the_role_does_not_reach_is_told_and_not_called() {
    let mut test_job = job_over(3, 3, copy(), |_| {}).await;
    test_job.places.source.buckets.allowed = vec!["lists".to_owned()];
    let before = test_job.objects.calls(CallKind::HeadObject);
    assert_eq!(notes(&test_job).await, ["every row fails: the role does not allow bucket photos"]);
    assert_eq!(test_job.objects.calls(CallKind::HeadObject), before + 1, "the manifest's");
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_told_of_archived_and_of_large_sources_and_other_jobs_are_not() {
    for (operation, expected) in [
        (
            copy(),
            vec![
                "1 of 3 objects looked at are archived and cannot be copied before a restore, such as \"k1\"",
                "1 of 3 objects looked at are above 5 GiB and will be copied in parts, such as \"k2\"",
            ],
        ),
        (tagging(), vec![]),
    ] {
        let test_job = job_over(3, 2, operation, |_| {}).await;
        let archive = CopyObject {
            storage_class: Some("GLACIER".into()),
            ..CopyObject::plain(at("photos", "k1"), at("photos", "k1"))
        };
        send(&test_job.objects, &CancelToken::unbounded(), archive).await.unwrap();
        test_job.objects.put(&at("photos", "k2"), Body::zeros(COPY_OBJECT_BYTES_MAX + 1)).unwrap();
        assert_eq!(notes(&test_job).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_sets_an_acl_is_told_of_a_bucket_without_acls_and_another_copy_does_not_ask() {
    let with_acl = Copy { canned_acl: Some(CannedAcl::PublicRead), ..Copy::to(bucket_ref("target")) };
    let told = "bucket target has no ACLs, and the copy sets one: the store may refuse every row";
    for (operation, is_without_acls, expected, asked) in [
        (copy(), true, vec![], 0),
        (Operation::Copy(Box::new(with_acl.clone())), false, vec![], 1),
        (Operation::Copy(Box::new(with_acl)), true, vec![told], 1),
    ] {
        let test_job = job_over(3, 3, operation, |_| {}).await;
        test_job.objects.set_without_acls(&bucket("target"), is_without_acls).unwrap();
        assert_eq!(notes(&test_job).await, expected);
        assert_eq!(test_job.objects.calls(CallKind::GetBucketOwnershipControls), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_says_that_its_requester_pays_is_told_of_where_looks_are_denied_and_is_not_asked_elsewhere() {
    let test_job = job_over(3, 3, tagging(), |_| {}).await;
    assert_eq!(notes(&test_job).await, Vec::<String>::new());
    assert_eq!(test_job.objects.calls(CallKind::GetBucketRequestPayment), 0);
    test_job.objects.set_requester_pays(&bucket("photos"), true).unwrap();
    let told = notes(&test_job).await;
    assert_eq!(test_job.objects.calls(CallKind::GetBucketRequestPayment), 1);
    let last = told.last().unwrap();
    assert!(
        last.starts_with("the requester pays for bucket photos") && last.ends_with("requester_pays = true"),
        "{told:?}"
    );
    assert!(
        told[..told.len() - 1].iter().any(|note| note.starts_with("3 of 3 objects looked at may not be looked at"))
    );
}

#[test]
fn an_archived_object_that_was_restored_can_be_copied() {
    let head = |class: &str, restore: Option<&str>| ObjectHead {
        storage_class: Some(class.to_owned()),
        restore: restore.map(str::to_owned),
        ..ObjectHead::default()
    };
    let restored = r#"ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT""#;
    for (class, restore, expected) in [
        ("GLACIER", None, true),
        ("DEEP_ARCHIVE", None, true),
        ("ARCHIVE", Some(r#"ongoing-request="true""#), true),
        ("GLACIER", Some(restored), false),
        ("GLACIER_IR", None, false),
        ("STANDARD_IA", None, false),
    ] {
        assert_eq!(is_archived(&head(class, restore)), expected, "{class} {restore:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_the_looks_ends_them_and_lets_the_job_wait_for_it_when_it_runs() {
    for verdict in [Verdict::Unavailable, Verdict::Throttled, Verdict::Transient] {
        let test_job = job_over(100, 100, tagging(), |_| {}).await;
        test_job.prepare().await.unwrap();
        let before = test_job.objects.calls(CallKind::HeadObject);
        let looks = [Trouble::Nothing, says(verdict, "Away")].map(|trouble| (CallKind::HeadObject, trouble));
        test_job.script.expect(looks);
        assert_eq!(notes(&test_job).await, ["not all objects were looked at: Away: scripted"]);
        let heads = test_job.objects.calls(CallKind::HeadObject) - before;
        assert!(heads <= 2 * LOOKS_AT_ONCE as u64, "{heads}");
    }
    let test_job = job_over(100, 100, tagging(), |_| {}).await;
    test_job.prepare().await.unwrap();
    test_job.script.expect([Trouble::Nothing, Trouble::Fails(Verdict::Stopped)].map(|it| (CallKind::HeadObject, it)));
    assert_eq!(test_job.preflight().await, Err(StageError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_task_that_could_run_is_not_looked_at() {
    let test_job = TestJob::new("", |spec| spec.operation = copy()).await;
    assert_eq!(notes(&test_job).await, Vec::<String>::new());
    assert_eq!(test_job.objects.calls(CallKind::ListObjectsV2), 0);
}

#[test]
fn a_refusal_that_a_call_waited_for_is_told_once() {
    let waited =
        "SignatureDoesNotMatch: stopped while endpoint main refuses the credentials: SignatureDoesNotMatch: no";
    assert_eq!(without_wait(waited), "SignatureDoesNotMatch: no");
    assert_eq!(without_wait("NoSuchBucket: there is none"), "NoSuchBucket: there is none");
}
