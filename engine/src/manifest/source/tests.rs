use brigade_model::ManifestLocation;
use brigade_model::ports::object_store::{CallKind, Verdict};

use super::*;
use crate::manifest::Piece;
use crate::places::BucketRules;
use crate::ranged::BROKEN_BODIES_MAX;
use crate::stage_error::StageError;
use crate::test_job::{TestJob, Trouble, at};

async fn open<'a>(test_job: &'a TestJob, location: &ManifestLocation) -> Result<Source<'a>, ReadManifestError> {
    let object = &location.object;
    let located = Located { what: Piece::Manifest, bucket: object.bucket.clone(), key: object.key.clone() };
    let pin = Pin { version: location.version.clone(), etag: Some(location.etag.clone()) };
    Ok(PinnedObject::open(&test_job.places.manifest, &test_job.cancel, located, pin).await?.read_all())
}

async fn read(test_job: &TestJob) -> Result<Vec<u8>, ReadManifestError> {
    let mut source = open(test_job, &test_job.job.spec.manifest.location).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = source.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn code(error: ReadManifestError) -> String {
    match StageError::from(error) {
        StageError::Failed(why) => why.code,
        other => other.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_is_read_range_by_range() {
    let text = "0123456789abcdef".repeat(usize::try_from(RANGE_BYTES).unwrap() / 16) + "the end";
    let test_job = TestJob::new(&text, |_| {}).await;
    assert_eq!(read(&test_job).await.unwrap(), text.as_bytes());
    assert_eq!(test_job.objects.calls(CallKind::GetObject), 2);
    let empty = TestJob::new("", |_| {}).await;
    assert_eq!(read(&empty).await.unwrap(), b"");
}

#[tokio::test(start_paused = true)]
async fn after_a_broken_answer_reading_goes_on_where_it_stopped() {
    let test_job = TestJob::new("0123456789", |_| {}).await;
    test_job.script.expect([
        (CallKind::GetObject, Trouble::BreaksAfter(0)),
        (CallKind::GetObject, Trouble::BreaksAfter(3)),
        (CallKind::GetObject, Trouble::EndsAfter(2)),
        (CallKind::GetObject, Trouble::EndsAfter(0)),
        (CallKind::GetObject, Trouble::BreaksAfter(4)),
    ]);
    assert_eq!(read(&test_job).await.unwrap(), b"0123456789");
    assert!(test_job.script.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_only_breaks_is_tried_again_later() {
    for trouble in [|| Trouble::BreaksAfter(0), || Trouble::EndsAfter(0), || Trouble::IsTooLong] {
        let test_job = TestJob::new("0123456789", |_| {}).await;
        test_job.script.expect((0..BROKEN_BODIES_MAX).map(|_| (CallKind::GetObject, trouble())));
        let stage_error = StageError::from(read(&test_job).await.unwrap_err());
        assert!(matches!(stage_error, StageError::Again(_)), "{stage_error}");
    }
    let test_job = TestJob::new("0123456789", |_| {}).await;
    for verdict in [Verdict::Throttled, Verdict::Transient, Verdict::Unavailable, Verdict::CredentialsRefused] {
        for kind in [CallKind::HeadObject, CallKind::GetObject] {
            test_job.script.expect([(kind, Trouble::Fails(verdict))]);
            assert!(matches!(StageError::from(read(&test_job).await.unwrap_err()), StageError::Again(_)));
        }
    }
    test_job.script.expect([(CallKind::GetObject, Trouble::Fails(Verdict::Stopped))]);
    assert_eq!(StageError::from(read(&test_job).await.unwrap_err()), StageError::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_the_one_meant_fails_the_job() {
    let test_job = TestJob::new("0123456789", |_| {}).await;
    let mut source = open(&test_job, &test_job.job.spec.manifest.location).await.unwrap();
    test_job.overwrite_manifest("9876543210").await;
    assert_eq!(code(source.next().await.unwrap_err()), "ManifestETagMismatch", "changed while it was read");
    assert_eq!(code(read(&test_job).await.unwrap_err()), "ManifestETagMismatch", "changed before");

    let ignoring = TestJob::new("0123456789", |_| {}).await;
    ignoring.script.expect([(CallKind::GetObject, Trouble::NamesOther)]);
    assert_eq!(code(read(&ignoring).await.unwrap_err()), "ManifestETagMismatch", "the store ignores If-Match");
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_is_read_whatever_came_after_it() {
    let test_job = TestJob::new("0123456789", |_| {}).await;
    let first: VersionId = test_job.objects.versions(&at("lists", "m.csv"))[0].0.clone();
    test_job.overwrite_manifest("9876543210").await;
    let location = ManifestLocation { version: Some(first), ..test_job.job.spec.manifest.location.clone() };
    let mut source = open(&test_job, &location).await.unwrap();
    assert_eq!(source.next().await.unwrap().unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn the_etag_may_be_given_without_quotes() {
    let test_job = TestJob::new("0123456789", |spec| {
        let location = &mut spec.manifest.location;
        location.etag = ETag::new(location.etag.unquoted()).unwrap();
    })
    .await;
    assert_eq!(read(&test_job).await.unwrap(), b"0123456789");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why_and_where() {
    let missing = TestJob::new("0", |spec| spec.manifest.location.object.key = at("lists", "other.csv").key).await;
    let error = read(&missing).await.unwrap_err();
    assert_eq!(error.to_string(), "manifest lists/other.csv: does not exist");
    assert_eq!(code(error), "ManifestNotFound");

    let denied = TestJob::new("0", |_| {}).await;
    denied.objects.deny_key(&at("lists", "m.csv"));
    assert_eq!(code(read(&denied).await.unwrap_err()), "AccessDenied");

    let mut foreign = TestJob::new("0", |_| {}).await;
    foreign.places.manifest.buckets = BucketRules { allowed: vec!["photos".into()], strip_suffix: None };
    assert_eq!(code(read(&foreign).await.unwrap_err()), "AccessDenied");
}
