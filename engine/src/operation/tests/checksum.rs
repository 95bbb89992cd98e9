use brigade_model::operation::{ComputeChecksum, DigestAlgorithm, Operation};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::object_store::{Answer, CallKind, CancelToken, NewObject};
use brigade_model::{ETag, JobId, Outcome, Task};
use bytes::Bytes;
use futures::FutureExt as _;

use super::dry_run::run_dry;
use super::stream::{odd_answers, sends_zeros};
use super::test_job::{Fault, SOURCE, TestTask, code, effect, message, put_now, task};
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
    Operation::Checksum(ComputeChecksum { algorithm })
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
