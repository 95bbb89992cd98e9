use brigade_model::operation::{Directive, Tag, Tagging};
use brigade_model::options::{EmptyVersion, Separator};
use brigade_model::ports::Spool;
use brigade_model::ports::object_store::{CallKind, Verdict};
use brigade_model::task::Defect;
use brigade_model::{Capabilities, Capability, Field, Operation, Standing};

use super::*;
use crate::test_job::{TestJob, Trouble, bucket, bucket_ref, rows};

fn failure(stage_error: StageError) -> (String, String) {
    match stage_error {
        StageError::Failed(why) => (why.code, why.reason),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_becomes_slices_whose_tasks_are_its_rows() {
    let test_job = TestJob::new(&rows(1000), |_| {}).await;
    let prepared = test_job.prepare().await.unwrap();
    assert_eq!(
        prepared,
        Prepared { tasks: 1000, slices: 5, source_bucket: Some(bucket("photos")), ..Prepared::default() }
    );
    let sizes: Vec<u32> = test_job.slices().await.iter().map(|slice| slice.tasks).collect();
    assert_eq!(sizes, [64, 128, 256, 512, 40]);
    let tasks = test_job.tasks().await;
    assert!(tasks.iter().zip(0..).all(|(task, n)| task.number == n && task.key.as_str() == format!("k{n}")));
    assert_eq!(tasks.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn an_empty_manifest_is_a_job_without_tasks() {
    for manifest in ["", "\n\r\n", "Bucket,Key\n"] {
        let test_job = TestJob::new(manifest, |_| {}).await;
        assert_eq!(test_job.prepare().await.unwrap(), Prepared::default(), "{manifest:?}");
    }
}

fn tagging() -> Operation {
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    Operation::Tagging(Tagging { directive: Some(Directive::Replaced), tags })
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_goes_on_behind_the_recorded_slices() {
    // 200,000 rows make 31 slices, 28 of which lie before the break.
    let (tasks, manifest) = (200_000, rows(200_000));
    let mut test_job = TestJob::new(&manifest, |spec| spec.operation = tagging()).await;
    test_job.script.expect([
        (CallKind::GetObject, Trouble::BreaksAfter(manifest.len() / 10 * 9)),
        (CallKind::GetObject, Trouble::Fails(Verdict::Unavailable)),
    ]);
    assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
    assert_eq!(test_job.slices().await.len(), 28);
    assert_eq!(test_job.spool.list("").await.unwrap().len(), 28, "no file is left that no row names");

    test_job.take_over().await;
    let prepared = test_job.prepare().await.unwrap();
    let slices = test_job.slices().await;
    assert_eq!((prepared.tasks, prepared.slices as usize), (tasks, slices.len()));
    let writers: Vec<bool> = slices.iter().map(|slice| slice.spool_name.contains("-1-")).collect();
    assert!(writers[..28].iter().all(|first| *first) && writers[28..].iter().all(|first| !first));
    let read = test_job.tasks().await;
    assert!(read.iter().zip(0..tasks).all(|(task, n)| task.number == n && task.key.as_str() == format!("k{n}")));
    assert_eq!(read.len(), 200_000);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_reads_blanks_before_keys_as_all_rows_together_tell_it() {
    let rows: String = (0..150_000).map(|n| format!("photos, k{n}\n")).collect();
    let mut test_job = TestJob::new(&(rows.clone() + "photos,end\n"), |spec| spec.operation = tagging()).await;
    test_job.script.expect([
        (CallKind::GetObject, Trouble::BreaksAfter(rows.len())),
        (CallKind::GetObject, Trouble::Fails(Verdict::Unavailable)),
    ]);
    assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
    assert_eq!(test_job.slices().await.len(), 24, "recorded before the row that tells");
    test_job.take_over().await;
    let prepared = test_job.prepare().await.unwrap();
    assert_eq!((prepared.tasks, prepared.separator), (150_001, Separator::Comma));
    test_job.change(brigade_model::Change::ManifestRead(prepared)).await;
    let tasks = test_job.tasks().await;
    let (last, others) = tasks.split_last().unwrap();
    assert_eq!(last.key.as_str(), "end");
    assert!(others.iter().zip(0..).all(|(task, n)| task.key.as_str() == format!(" k{n}")));
}

#[tokio::test(start_paused = true)]
async fn a_lost_stage_and_a_short_leash_end_it_quietly() {
    let test_job = TestJob::new(&rows(100), |_| {}).await;
    test_job.jobs.revoke_all_leases();
    assert_eq!(test_job.prepare().await, Err(StageError::Fenced));

    let test_job = TestJob::new(&rows(100), |_| {}).await;
    test_job.cancel.stop();
    assert_eq!(test_job.prepare().await, Err(StageError::Stopped));
    assert!(test_job.slices().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bad_row_fails_the_job_and_is_named() {
    let test_job = TestJob::new(&(rows(100) + "photos\n"), |_| {}).await;
    let (code, reason) = failure(test_job.prepare().await.unwrap_err());
    assert_eq!(code, "InvalidManifestContent");
    assert_eq!(reason, "manifest lists/m.csv: row 101: has 1 columns, the fields name 2");
    let test_job = TestJob::new(&(rows(1) + "photos,\"k"), |_| {}).await;
    let (_, reason) = failure(test_job.prepare().await.unwrap_err());
    assert_eq!(reason, "manifest lists/m.csv: row 2: a quoted cell has no closing quote");
}

#[tokio::test(start_paused = true)]
async fn an_empty_version_is_in_doubt_only_where_another_row_names_one() {
    let manifest = |last: &str| (0..100).map(|n| format!("photos,k{n},\n")).collect::<String>() + last;
    let fields = || vec![Field::Bucket, Field::Key, Field::VersionId];
    let mut none = TestJob::new(&manifest("photos,z,\n"), |spec| spec.manifest.fields = fields()).await;
    let prepared = none.prepare().await.unwrap();
    assert!(!prepared.some_rows_have_versions);
    none.change(brigade_model::Change::ManifestRead(prepared)).await;
    assert!(none.tasks().await.iter().all(|task| task.defect.is_none()));

    // The first slices are written before the versioned row, the last one, is seen.
    for (option, defect, version) in [
        (None, Some(Defect::NoVersion), None),
        (Some(EmptyVersion::Fail), Some(Defect::NoVersion), None),
        (Some(EmptyVersion::Latest), None, None),
        (Some(EmptyVersion::Null), None, Some("null")),
    ] {
        let mut test_job = TestJob::new(&manifest("photos,z,v1\n"), |spec| {
            spec.manifest.fields = fields();
            spec.options.empty_version = option;
        })
        .await;
        let prepared = test_job.prepare().await.unwrap();
        test_job.change(brigade_model::Change::ManifestRead(prepared)).await;
        let tasks = test_job.tasks().await;
        let (named, empty) = tasks.split_last().unwrap();
        assert_eq!(named.version.as_ref().map(|v| v.as_str()), Some("v1"));
        assert!(empty.iter().all(|task| task.defect == defect), "{option:?}");
        assert!(empty.iter().all(|task| task.version.as_ref().map(|v| v.as_str()) == version), "{option:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_that_cannot_be_written_is_known_before_the_manifest_is_read() {
    let test_job = TestJob::new(&rows(1), |_| {}).await;
    test_job.objects.deny_bucket(&bucket("reports"));
    let (code, reason) = failure(test_job.prepare().await.unwrap_err());
    assert_eq!(code, "AccessDenied");
    assert!(reason.starts_with("the report cannot be written to reports/out/job-"), "{reason}");
    assert_eq!(test_job.objects.calls(CallKind::HeadObject), 0);

    let test_job = TestJob::new(&rows(1), |spec| {
        spec.report.bucket = Some(bucket_ref("nowhere"));
    })
    .await;
    assert_eq!(failure(test_job.prepare().await.unwrap_err()).0, "ReportDeliveryFailed");

    let test_job = TestJob::new(&rows(1), |_| {}).await;
    test_job.script.expect([(CallKind::AbortMultipartUpload, Trouble::Fails(Verdict::Denied))]);
    assert_eq!(failure(test_job.prepare().await.unwrap_err()).0, "AccessDenied", "an upload must be abortable");

    let mut test_job = TestJob::new(&rows(1), |_| {}).await;
    test_job.places.report.buckets.allowed = vec!["photos".into()];
    assert_eq!(failure(test_job.prepare().await.unwrap_err()).0, "AccessDenied");

    let test_job = TestJob::new(&rows(1), |_| {}).await;
    test_job.script.expect([(CallKind::CreateMultipartUpload, Trouble::Fails(Verdict::Unavailable))]);
    assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
}

#[tokio::test(start_paused = true)]
async fn the_trial_leaves_nothing_and_is_spared_when_no_report_is_wanted() {
    let test_job = TestJob::new(&rows(1), |_| {}).await;
    test_job.prepare().await.unwrap();
    assert_eq!(test_job.objects.calls(CallKind::CreateMultipartUpload), 1);
    assert!(test_job.objects.open_uploads().is_empty());
    assert!(test_job.objects.keys(&bucket("reports")).is_empty());

    let silent = TestJob::new(&rows(1), |spec| spec.report.enabled = false).await;
    silent.prepare().await.unwrap();
    assert_eq!(silent.objects.calls(CallKind::CreateMultipartUpload), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_that_certainly_fail_are_told_before_the_job_is_confirmed_and_fail_it_when_they_are_all() {
    let prepare = |manifest: &'static str, standing| async move {
        let mut test_job = TestJob::new(manifest, |spec| spec.manifest.fields.push(Field::VersionId)).await;
        let unproved = [Capability::Versions, Capability::DistinctKeys, Capability::DistinctFolders];
        let known = |known: Capabilities, capability| known.with(capability, standing);
        test_job.places.source.capabilities = unproved.into_iter().fold(Capabilities::proved(Capability::ALL), known);
        test_job.prepare().await
    };
    let told = prepare("photos,a,1\nphotos,/b,\nphotos,c/,\nphotos,c,\n", Standing::Unproven).await.unwrap();
    let expected = [
        "1 rows fail: they name a version, and versions is unproven; brigade endpoint probe main --bucket SCRATCH, a \
         bucket with versions",
        "1 rows fail: they name a key that could be taken for another, and distinct-keys is unproven; brigade endpoint \
         probe main --bucket SCRATCH",
        "1 rows fail: they name a key that could be taken for another, and distinct-folders is unproven; brigade \
         endpoint probe main --bucket SCRATCH",
    ];
    assert_eq!(told.notes, expected);
    let lacking = prepare("photos,a,1\nphotos,b,\n", Standing::Lacking).await.unwrap();
    assert_eq!(lacking.notes, ["1 rows fail: they name a version, and endpoint main lacks versions"]);
    let (code, reason) = self::failure(prepare("photos,a,1\nphotos,b,2\n", Standing::Unproven).await.unwrap_err());
    assert_eq!(code, "InvalidManifestContent");
    assert!(reason.contains("2 rows fail") && reason.contains("a bucket with versions"), "{reason}");
    assert!(prepare("photos,a,1\nphotos,b,2\n", Standing::Proved).await.unwrap().notes.is_empty());
}
