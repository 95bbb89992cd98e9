use brigade_model::operation::{ChecksumType, ComputeChecksum, DigestAlgorithm, Operation};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::object_store::{
    Answer, CallError, CallKind, CancelToken, Checksum, ChecksumAlgorithm, CompleteMultipartUpload,
    CreateMultipartUpload, Effect, NewObject, Shared, UploadPart, Verdict, send,
};
use brigade_model::{ETag, JobId, Outcome, Task};
use bytes::Bytes;
use futures::FutureExt as _;
use md5::{Digest as _, Md5};

use super::dry_run::run_dry;
use super::stream::{odd_answers, sends_zeros};
use super::test_job::{Fault, SOURCE, TestTask, at, code, delete_now, effect, message, put_now, task};
use crate::byte_budget::ByteBudget;
use crate::operation::TaskEnd;
use crate::operation::checksum::BYTES_AT_ONCE;

const READ_AT_ONCE: [CallKind; 2] = [CallKind::HeadObject, CallKind::GetObject];
const LOOKED_AT: [CallKind; 1] = [CallKind::HeadObject];
const IN_THREE_RANGES: [CallKind; 4] =
    [CallKind::HeadObject, CallKind::GetObject, CallKind::GetObject, CallKind::GetObject];

/// SHA-256 of `123456789`.
const SHA256: &str = "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=";

fn checksum(algorithm: DigestAlgorithm) -> Operation {
    Operation::Checksum(ComputeChecksum { algorithm, checksum_type: ChecksumType::FullObject })
}

fn composite(algorithm: DigestAlgorithm) -> Operation {
    Operation::Checksum(ComputeChecksum { algorithm, checksum_type: ChecksumType::Composite })
}

/// What the report says of a success.
fn told(run: &TaskEnd) -> &str {
    match run {
        TaskEnd::Done(Outcome::SucceededWith { message }) => message,
        other => panic!("a success: {other:?}"),
    }
}

async fn test_job_with(body: &Bytes, with: NewObject) -> TestTask {
    let test_job = TestTask::new().await;
    test_job.put_with("k", body.clone(), with).await;
    test_job.begin_run();
    test_job
}

async fn test_job_of(body: &str) -> TestTask {
    test_job_with(&Bytes::from(body.to_owned()), NewObject::default()).await
}

/// More than two ranges of zeros.
fn large() -> Bytes {
    vec![0; usize::try_from(2 * BYTES_AT_ONCE).unwrap() + 5].into()
}

async fn large_test_job() -> TestTask {
    test_job_with(&large(), NewObject::default()).await
}

/// The CRC-32 of [`large`].
fn large_crc32() -> String {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &large());
    format!(r#""checksum_hex":"{crc:08X}""#)
}

#[tokio::test(start_paused = true)]
async fn a_checksum_of_all_bytes_is_told_as_s3_tells_it() {
    let test_job = test_job_of("123456789").await;
    let run = test_job.run(&checksum(DigestAlgorithm::Crc32), &task("k"), false).await;
    let expected = concat!(
        r#"{"checksum_base64":"y/Q5Jg==","etag":"25f9e794323b453885f5181f1b624d0b","#,
        r#""checksumAlgorithm":"CRC32","checksumType":"FULL_OBJECT","checksum_hex":"CBF43926"}"#,
    );
    assert_eq!((told(&run), test_job.store.calls()), (expected, READ_AT_ONCE.to_vec()));
    let empty = test_job_of("").await;
    for algorithm in DigestAlgorithm::ALL {
        let run = test_job.run(&checksum(algorithm), &task("k"), false).await;
        assert!(told(&run).contains(&format!(r#""checksumAlgorithm":"{}""#, algorithm.name())), "{}", told(&run));
        told(&empty.run(&checksum(algorithm), &task("k"), false).await);
    }
    let run = empty.run(&checksum(DigestAlgorithm::XxHash64), &task("k"), false).await;
    assert!(told(&run).contains(r#""checksum_hex":"EF46DB3751D8E999""#), "{}", told(&run));
}

#[tokio::test(start_paused = true)]
async fn the_stores_own_value_is_told_only_where_it_is_proved_to_keep_checksums_and_has_one_of_all_bytes() {
    let with = || NewObject { checksum_sha256: Some(SHA256.to_owned()), ..NewObject::default() };
    let body = Bytes::from_static(b"123456789");
    let (sha256, crc32) = (checksum(DigestAlgorithm::Sha256), checksum(DigestAlgorithm::Crc32));
    let proved = test_job_with(&body, with()).await;
    let run = proved.run(&sha256, &task("k"), false).await;
    assert!(told(&run).contains(SHA256), "{}", told(&run));
    assert_eq!(proved.store.calls(), LOOKED_AT);
    told(&proved.run(&crc32, &task("k"), false).await);
    assert_eq!(proved.store.calls(), READ_AT_ONCE, "of another algorithm");

    let unproven = test_job_with(&body, with()).await.unprobed();
    assert_eq!(unproven.run(&sha256, &task("k"), false).await, run);
    assert_eq!(unproven.store.calls(), READ_AT_ONCE);

    let mut in_parts = test_job_with(&body, with()).await;
    in_parts.slice_context.source.store = odd_answers(&in_parts.store, |_, answer| {
        if let Answer::HeadObject(head) = answer {
            head.checksums[0].is_of_whole = false;
        }
    });
    assert_eq!(in_parts.run(&sha256, &task("k"), false).await, run);
    assert_eq!(in_parts.store.calls(), READ_AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_checksum_is_not_its_rows_fails_with_both_and_a_row_without_one_is_not_passed_over() {
    let row = |checksum: &str| Task { checksum: Some(checksum.to_owned()), ..task("k") };
    let test_job = test_job_of("123456789").await;
    let crc32 = checksum(DigestAlgorithm::Crc32);
    for same in ["cbf43926", "CBF43926", "y/Q5Jg=="] {
        assert!(told(&test_job.run(&crc32, &row(same), false).await).contains("CBF43926"), "{same}");
    }
    let run = test_job.run(&crc32, &row("00000000"), false).await;
    assert_eq!((code(&run), effect(&run)), ("ChecksumMismatch", TaskEffect::None));
    assert_eq!(message(&run), "the object's CRC32 is cbf43926, and the row has 00000000");
    test_job.store.take_calls();
    for none in ["", "cbf4392", "25f9e794323b453885f5181f1b624d0b"] {
        assert_eq!(code(&test_job.run(&crc32, &row(none), false).await), "InvalidArgument", "{none:?}");
    }
    assert_eq!(test_job.store.calls(), [], "what cannot be compared is not read");
}

#[tokio::test(start_paused = true)]
async fn a_comparison_reads_the_bytes_whatever_the_store_declares_of_them() {
    let with = NewObject { checksum_sha256: Some(SHA256.to_owned()), ..NewObject::default() };
    let test_job = test_job_with(&Bytes::from("123456789"), with).await;
    let row = Task { checksum: Some(SHA256.to_owned()), ..task("k") };
    told(&test_job.run(&checksum(DigestAlgorithm::Sha256), &row, false).await);
    assert_eq!(test_job.store.take_calls().len(), READ_AT_ONCE.len());
    told(&test_job.run(&checksum(DigestAlgorithm::Sha256), &task("k"), false).await);
    assert_eq!(test_job.store.calls(), LOOKED_AT);
}

#[tokio::test(start_paused = true)]
async fn a_large_object_is_read_range_by_range_and_a_body_that_breaks_off_is_hashed_once() {
    let test_job = large_test_job().await;
    let run = test_job.run(&checksum(DigestAlgorithm::Crc32), &task("k"), false).await;
    assert!(told(&run).contains(&large_crc32()), "{}", told(&run));
    assert_eq!(test_job.store.calls(), IN_THREE_RANGES);
    test_job.fault(CallKind::GetObject, Fault::BreaksAfter(1000));
    assert_eq!(test_job.run(&checksum(DigestAlgorithm::Crc32), &task("k"), false).await, run);
    assert_eq!(test_job.store.calls().len(), IN_THREE_RANGES.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_read_only_once_there_is_room_for_a_range_of_them() {
    let mut test_job = large_test_job().await;
    let budget = ByteBudget::new(BYTES_AT_ONCE);
    test_job.slice_context.bytes = budget.clone();
    let held = budget.take(JobId::from_u128(9), BYTES_AT_ONCE, &CancelToken::unbounded()).await.unwrap();
    let operation = checksum(DigestAlgorithm::Crc32);
    let of_object = task("k");
    let mut run = Box::pin(test_job.run(&operation, &of_object, false));
    for _ in 0..10 {
        assert!((&mut run).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(test_job.store.calls(), LOOKED_AT);
    drop(held);
    assert!(told(&run.await).contains(&large_crc32()), "no more room is taken than for a range");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_another_writes_while_it_is_read_gets_no_checksum() {
    let test_job = large_test_job().await;
    let write = Fault::After(Box::new(|sim| put_now(sim, SOURCE, "k", "another's")));
    test_job.store.expect([(CallKind::GetObject, Fault::Nothing), (CallKind::GetObject, write)]);
    let run = test_job.run(&checksum(DigestAlgorithm::Md5), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("SourceChanged", TaskEffect::None));
}

/// Of a store that tells no ETag, nothing but one answer is certainly of one state.
#[tokio::test(start_paused = true)]
async fn without_an_etag_the_bytes_come_in_one_answer() {
    let mut test_job = large_test_job().await;
    test_job.slice_context.source.store = odd_answers(&test_job.store, |_, answer| match answer {
        Answer::HeadObject(head) => head.etag = None,
        Answer::GetObject(got) => got.head.etag = ETag::new("\"late\"").ok(),
        _ => {}
    });
    let run = test_job.run(&checksum(DigestAlgorithm::Crc32), &task("k"), false).await;
    assert!(told(&run).contains(&large_crc32()) && !told(&run).contains("etag"), "{}", told(&run));
    assert_eq!(test_job.store.calls(), READ_AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_what_the_store_declares_of_them_get_no_checksum() {
    let mut test_job = test_job_of("123456789").await;
    test_job.slice_context.source.store = sends_zeros(&test_job.store);
    let run = test_job.run(&checksum(DigestAlgorithm::Sha512), &task("k"), false).await;
    assert_eq!(code(&run), "SourceDiffers");
    assert!(message(&run).contains("MD5"), "{}", message(&run));
}

#[tokio::test(start_paused = true)]
async fn a_checksum_that_is_stopped_was_not_attempted_and_a_repeat_of_one_is_never_in_doubt() {
    let test_job = large_test_job().await;
    test_job.store.expect([(CallKind::GetObject, Fault::Nothing), (CallKind::GetObject, Fault::Stops)]);
    let operation = checksum(DigestAlgorithm::Sha1);
    assert_eq!(test_job.run(&operation, &task("k"), false).await, TaskEnd::NotAttempted);

    let test_job = test_job_of("123456789").await;
    told(&test_job.run(&operation, &task("k"), true).await);
    assert_eq!(test_job.store.calls(), READ_AT_ONCE, "nothing is checked");
    let run = test_job.run(&operation, &task("missing"), true).await;
    assert_eq!((code(&run), effect(&run)), ("NoSuchKey", TaskEffect::None));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_foresees_the_reads_of_a_checksum_and_tells_no_checksum() {
    let test_job = large_test_job().await;
    let (run, foreseen) = run_dry(&test_job, &checksum(DigestAlgorithm::Crc32), &task("k")).await;
    assert_eq!(told(&run), "dry run: would send 1 HeadObject, 3 GetObject");
    assert_eq!(test_job.store.calls(), LOOKED_AT);
    told(&test_job.run(&checksum(DigestAlgorithm::Crc32), &task("k"), false).await);
    assert_eq!(test_job.store.calls().len() as u64, foreseen.count());
}

/// The least size of a part but the last.
const PART_BYTES: usize = 5 << 20;

/// An object of two whole parts and a short one, which are read in four ranges.
fn parts() -> [Bytes; 3] {
    [vec![1; 2 * PART_BYTES].into(), vec![2; PART_BYTES + 7].into(), Bytes::from_static(b"the end")]
}

const LOOKED_AT_PARTS: [CallKind; 4] =
    [CallKind::HeadObject, CallKind::HeadPart, CallKind::HeadPart, CallKind::HeadPart];

async fn test_job_in_parts(parts: &[Bytes]) -> TestTask {
    let test_job = TestTask::new().await;
    let (store, cancel, at) = (&test_job.store.inner, CancelToken::unbounded(), at(SOURCE, "k"));
    let upload_id = send(store, &cancel, CreateMultipartUpload { at: at.clone(), with: Box::default() }).await.unwrap();
    let mut done = Vec::new();
    for (part, body) in (1..).zip(parts) {
        let (at, upload_id, body) = (at.clone(), upload_id.clone(), body.clone());
        done.push((part, send(store, &cancel, UploadPart { at, upload_id, part, body }).await.unwrap().etag));
    }
    send(store, &cancel, CompleteMultipartUpload::new(at, upload_id, done)).await.unwrap();
    test_job.begin_run();
    test_job
}

/// The MD5 of the MD5s of [`parts`], which in S3 is the ETag of the object, too.
fn md5_of_parts() -> String {
    let digests: Vec<u8> = parts().iter().flat_map(|part| Md5::digest(part).to_vec()).collect();
    format!("{}-3", hex::encode_upper(Md5::digest(digests)))
}

#[tokio::test(start_paused = true)]
async fn a_checksum_of_parts_is_of_the_parts_that_the_store_tells_and_names_their_number() {
    let test_job = test_job_in_parts(&parts()).await;
    let run = test_job.run(&composite(DigestAlgorithm::Md5), &task("k"), false).await;
    assert!(told(&run).contains(&format!(r#""checksum_hex":"{}""#, md5_of_parts())), "{}", told(&run));
    assert!(told(&run).contains(r#""checksumType":"COMPOSITE""#), "{}", told(&run));
    // No range goes beyond a part: two for the first, and one for each of the others.
    assert_eq!(test_job.store.calls(), [&LOOKED_AT_PARTS[..], &[CallKind::GetObject; 4]].concat());
    let etag = test_job.store.inner.object(&at(SOURCE, "k")).unwrap().head.etag.unwrap();
    assert_eq!(md5_of_parts().to_ascii_lowercase(), etag.unquoted());
    let short = test_job_in_parts(&[Bytes::from_static(b"123456789")]).await;
    for algorithm in DigestAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.has_composites()) {
        let run = short.run(&composite(algorithm), &task("k"), false).await;
        assert!(told(&run).contains(r#"-1","etag""#), "{}", told(&run));
    }
    // The CRC-32 of the four bytes cb f4 39 26.
    let run = short.run(&composite(DigestAlgorithm::Crc32), &task("k"), false).await;
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &[0xcb, 0xf4, 0x39, 0x26]);
    assert!(told(&run).contains(&format!("{crc:08X}-1")), "{}", told(&run));
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_parts_are_not_told_fails_and_nothing_of_it_is_read() {
    let sha256 = composite(DigestAlgorithm::Sha256);
    let whole = test_job_of("123456789").await;
    let run = whole.run(&sha256, &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("PartsNotTold", TaskEffect::None));
    assert!(message(&run).contains("the object was put in one piece, or its store does not tell them"));
    assert_eq!(whole.store.calls(), [CallKind::HeadObject, CallKind::HeadPart]);

    // The whole object each time, with or without a number of parts; or other parts than make the object.
    for (parts_told, size_told, calls) in [(None, None, 2), (Some(3), None, 3), (Some(3), Some(1), 4)] {
        let mut odd = test_job_in_parts(&parts()).await;
        odd.slice_context.source.store = odd_answers(&odd.store, move |_, answer| {
            if let Answer::HeadPart(part) = answer {
                part.parts = parts_told;
                part.size = size_told.unwrap_or(3 * PART_BYTES as u64 + 14);
            }
        });
        assert_eq!(code(&odd.run(&sha256, &task("k"), false).await), "PartsNotTold");
        assert_eq!(odd.store.calls().len(), calls, "{parts_told:?}, {size_told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stores_own_checksum_of_parts_is_told_where_it_is_trusted_and_else_must_be_the_computed_one() {
    let sha256 = composite(DigestAlgorithm::Sha256);
    let computed = test_job_in_parts(&parts()).await.run(&sha256, &task("k"), false).await;
    let value: serde_json::Value = serde_json::from_str(told(&computed)).unwrap();
    let value = value["checksum_base64"].as_str().unwrap().to_owned();
    let declaring = |value: String| async move {
        let mut test_job = test_job_in_parts(&parts()).await;
        test_job.slice_context.source.store = odd_answers(&test_job.store, move |_, answer| {
            if let Answer::HeadObject(head) = answer {
                let (algorithm, value) = (ChecksumAlgorithm::Sha256, value.clone());
                head.checksums = vec![Checksum { algorithm, value, is_of_whole: false }];
            }
        });
        test_job
    };
    let proved = declaring(value.clone()).await;
    assert_eq!(proved.run(&sha256, &task("k"), false).await, computed);
    assert_eq!(proved.store.calls(), LOOKED_AT);
    let unproven = declaring(value.clone()).await.unprobed();
    assert_eq!(unproven.run(&sha256, &task("k"), false).await, computed);
    let row = |checksum: &str| Task { checksum: Some(checksum.to_owned()), ..task("k") };
    assert_eq!(proved.run(&sha256, &row(&value), false).await, computed, "the bytes are read and are as the row says");
    assert_eq!(code(&proved.run(&sha256, &row(&value.replace("-3", "-4")), false).await), "ChecksumMismatch");
    assert_eq!(code(&proved.run(&sha256, &row(SHA256), false).await), "InvalidArgument", "it names no parts");

    let wrong = declaring(format!("{SHA256}-3")).await.unprobed();
    let run = wrong.run(&sha256, &task("k"), false).await;
    assert_eq!(code(&run), "SourceDiffers");
    // Without their number at its end it is not told of what it is.
    let untold = declaring(SHA256.to_owned()).await;
    assert_eq!(untold.run(&sha256, &task("k"), false).await, computed);
}

#[tokio::test(start_paused = true)]
async fn an_object_in_parts_that_another_writes_meanwhile_gets_no_checksum_and_a_dry_run_reads_none_of_it() {
    let test_job = test_job_in_parts(&parts()).await;
    let (run, foreseen) = run_dry(&test_job, &composite(DigestAlgorithm::Crc32c), &task("k")).await;
    assert_eq!(told(&run), "dry run: would send 1 HeadObject, 4 GetObject, 3 HeadPart");
    assert_eq!((test_job.store.calls(), foreseen.count()), (LOOKED_AT_PARTS.to_vec(), 8));
    let write = || Fault::After(Box::new(|sim| put_now(sim, SOURCE, "k", "another's")));
    test_job.store.expect([(CallKind::GetObject, Fault::Nothing), (CallKind::GetObject, write())]);
    let run = test_job.run(&composite(DigestAlgorithm::Crc32c), &task("k"), false).await;
    assert_eq!((code(&run), effect(&run)), ("SourceChanged", TaskEffect::None));
    // Of one piece there is no second part, and of what is gone no first one.
    let delete = || Fault::After(Box::new(|sim| delete_now(sim, SOURCE, "k")));
    for faults in [vec![Fault::Nothing, write()], vec![Fault::Nothing, delete()], vec![delete()]] {
        let test_job = test_job_in_parts(&parts()).await;
        test_job.store.expect(faults.into_iter().map(|fault| (CallKind::HeadPart, fault)));
        let run = test_job.run(&composite(DigestAlgorithm::Crc32c), &task("k"), false).await;
        assert_eq!((code(&run), effect(&run)), ("SourceChanged", TaskEffect::None));
    }
    // A bucket that is gone says nothing of the object.
    let test_job = test_job_in_parts(&parts()).await;
    let error = CallError::new(Verdict::Missing, Effect::None, "NoSuchBucket", "no such bucket");
    let gone = CallError { http_status: Some(404), lasting: Some(Shared::Bucket), ..error };
    test_job.store.expect([(CallKind::HeadPart, Fault::FailsWith(gone))]);
    let run = test_job.run(&composite(DigestAlgorithm::Crc32c), &task("k"), false).await;
    assert!(matches!(run, TaskEnd::SharedFailure(..)), "{run:?}");
}
