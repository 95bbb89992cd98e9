//! Copies through this process between stores of which one sends, keeps or declares something else
//! than it should.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use brigade_model::operation::DigestAlgorithm;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CallKind, CancelToken, Checksum, ChecksumAlgorithm, Effect, Metadata,
    NewObject, ObjectHead, ObjectStore, Verdict, Whole,
};
use brigade_model::{ETag, Outcome};
use brigade_s3::simulated::SimulatedStore;
use bytes::Bytes;
use futures::future::join_all;

use super::test_job::{Scripted, TARGET, TestTask, at, code, copy, done, lost, message, put_now, task};
use crate::byte_budget::ByteBudget;
use crate::operation::{TaskEnd, run_sized};

type Change = dyn Fn(&Call, Result<Answer, CallError>, &SimulatedStore) -> Result<Answer, CallError> + Send + Sync;

/// A store that does what it is asked, and answers as a test says.
pub(super) struct Odd {
    inner: Arc<Scripted>,
    change: Box<Change>,
}

#[async_trait]
impl ObjectStore for Odd {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let answer = self.inner.call(cancel, call.clone()).await;
        (self.change)(&call, answer, &self.inner.inner)
    }
}

fn odd(
    inner: &Arc<Scripted>,
    change: impl Fn(&Call, Result<Answer, CallError>, &SimulatedStore) -> Result<Answer, CallError> + Send + Sync + 'static,
) -> Arc<Odd> {
    Arc::new(Odd { inner: inner.clone(), change: Box::new(change) })
}

/// The same for answers that are a success.
pub(super) fn odd_answers(
    inner: &Arc<Scripted>,
    change: impl Fn(&Call, &mut Answer) + Send + Sync + 'static,
) -> Arc<Odd> {
    odd(inner, move |call, mut answer, _| {
        if let Ok(answer) = &mut answer {
            change(call, answer);
        }
        answer
    })
}

/// A source whose bytes are zeros of the right length, whatever was put.
pub(super) fn sends_zeros(inner: &Arc<Scripted>) -> Arc<Odd> {
    odd_answers(inner, |_, answer| {
        if let Answer::GetObject(got) = answer {
            got.body = whole(vec![0; usize::try_from(got.head.size).unwrap()]);
        }
    })
}

fn whole(bytes: impl Into<Bytes>) -> Box<dyn ByteStream> {
    Box::new(Whole(Some(bytes.into())))
}

const SMALL: usize = 1 << 10;
const LARGE: usize = 11 << 20;

/// Bytes of which no part is like another.
fn bytes(len: usize) -> Bytes {
    (0..len).map(|n| u8::try_from(n / 257 % 251).unwrap()).collect::<Vec<_>>().into()
}

async fn test_job_with(body: Bytes, with: NewObject) -> (TestTask, Arc<Scripted>) {
    let (test_job, other) = TestTask::with_two_stores().await;
    test_job.put_with("k", body, with).await;
    test_job.begin_run();
    (test_job, other)
}

async fn test_job_of(len: usize) -> (TestTask, Arc<Scripted>) {
    test_job_with(bytes(len), NewObject::default()).await
}

async fn run(test_job: &TestTask) -> TaskEnd {
    test_job.run(&copy(|_| ()), &task("k"), false).await
}

fn copied(other: &Scripted) -> Option<Bytes> {
    other.inner.object(&at(TARGET, "k")).map(|object| object.body.to_bytes())
}

/// Nothing is at the target, not even parts.
async fn assert_nothing_is_there(test_job: &TestTask, other: &Scripted) {
    assert_eq!(copied(other), None);
    assert_eq!(other.inner.open_uploads(), []);
    assert_eq!(test_job.recorded_uploads().await, 0);
}

// The source.

#[tokio::test(start_paused = true)]
async fn a_copy_through_us_tells_the_size_of_its_object_and_an_inside_one_only_where_it_reads_the_head_anyway() {
    for len in [SMALL, LARGE] {
        let (test_job, _other) = test_job_of(len).await;
        let copy = test_job.prepare(&copy(|_| ()));
        let (end, size) = run_sized(&copy, &test_job.slice_context, &task("k"), false).await;
        assert_eq!((end, size), (done(), Some(len as u64)));
    }
    let test_job = TestTask::new().await;
    test_job.put("k", "123").await;
    test_job.begin_run();
    let copy = test_job.prepare(&copy(|_| ()));
    let run = async |must_check| run_sized(&copy, &test_job.slice_context, &task("k"), must_check).await;
    assert_eq!(run(false).await, (done(), None));
    assert_eq!(test_job.store.take_calls().len(), 1, "no request is made for it");
    assert_eq!(run(true).await.1, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_sends_other_bytes_than_its_md5_is_not_copied_in_one_piece_or_in_parts() {
    for len in [SMALL, LARGE] {
        let (mut test_job, other) = test_job_of(len).await;
        test_job.slice_context.source.store = sends_zeros(&test_job.store);
        let run = run(&test_job).await;
        assert_eq!(code(&run), "SourceDiffers");
        assert!(message(&run).contains("MD5"), "{}", message(&run));
        assert_nothing_is_there(&test_job, &other).await;
        assert!(!other.calls().contains(&CallKind::CompleteMultipartUpload));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_sends_other_bytes_than_its_checksums_of_the_whole_is_not_copied() {
    let bytes_of = |algorithm| match algorithm {
        ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => 4,
        ChecksumAlgorithm::Crc64Nvme => 8,
        ChecksumAlgorithm::Sha1 => 20,
        ChecksumAlgorithm::Sha256 => 32,
    };
    for algorithm in ChecksumAlgorithm::ALL {
        for len in [SMALL, LARGE] {
            let (mut test_job, other) = test_job_of(len).await;
            let wrong = BASE64_STANDARD.encode(vec![7; bytes_of(algorithm)]);
            test_job.slice_context.source.store = odd_answers(&test_job.store, move |_, answer| {
                if let Answer::HeadObject(head) = answer {
                    head.checksums = vec![Checksum { algorithm, value: wrong.clone(), is_of_whole: true }];
                }
            });
            let run = run(&test_job).await;
            assert_eq!(code(&run), "SourceDiffers");
            assert!(message(&run).contains(DigestAlgorithm::from(algorithm).name()), "{}", message(&run));
            assert_nothing_is_there(&test_job, &other).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_with_the_checksum_that_it_declares_is_copied() {
    let with = |sum: &str| NewObject { checksum_sha256: Some(sum.to_owned()), ..NewObject::default() };
    let (test_job, other) = test_job_with("abc".into(), with("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")).await;
    assert_eq!(run(&test_job).await, done());
    assert_eq!(copied(&other).unwrap(), "abc");
}

/// An ETag of parts is made of digests of parts whose bounds no head tells.
#[tokio::test(start_paused = true)]
async fn of_a_source_that_declares_no_digest_of_the_whole_only_the_length_is_compared() {
    for len in [SMALL, LARGE] {
        let (mut test_job, other) = test_job_of(len).await;
        test_job.slice_context.source.store = came_in_parts(sends_zeros(&test_job.store));
        assert_eq!(run(&test_job).await, done());
        assert!(copied(&other).unwrap() == vec![0; len]);
    }
}

/// A source whose objects have ETags of parts.
fn came_in_parts(inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(InParts(inner))
}

struct InParts(Arc<dyn ObjectStore>);

#[async_trait]
impl ObjectStore for InParts {
    async fn call(&self, cancel: &CancelToken, mut call: Call) -> Result<Answer, CallError> {
        if let Call::GetObject(get) = &mut call {
            get.if_match = None;
        }
        let mut answer = self.0.call(cancel, call).await?;
        let etag = ETag::new("\"25f9e794323b453885f5181f1b624d0b-2\"").ok();
        match &mut answer {
            Answer::HeadObject(head) => head.etag = etag,
            Answer::GetObject(got) => got.head.etag = etag,
            _ => {}
        }
        Ok(answer)
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_unpacks_its_bytes_on_their_way_is_not_copied() {
    let packed = Metadata { content_encoding: Some("gzip".into()), ..Metadata::default() };
    let with = || NewObject { metadata: packed.clone(), ..NewObject::default() };
    for len in [SMALL, LARGE] {
        let (test_job, other) = test_job_with(bytes(len), with()).await;
        assert_eq!(run(&test_job).await, done(), "packed as it is");
        assert_eq!(other.inner.object(&at(TARGET, "k")).unwrap().head.metadata, packed);

        let (mut test_job, other) = test_job_with(bytes(len), with()).await;
        test_job.slice_context.source.store = odd_answers(&test_job.store, |_, answer| {
            if let Answer::GetObject(got) = answer {
                got.head.metadata.content_encoding = None;
            }
        });
        let run = run(&test_job).await;
        assert_eq!(code(&run), "SourceDiffers");
        assert!(message(&run).contains("gzip") && message(&run).contains("identity"), "{}", message(&run));
        assert_nothing_is_there(&test_job, &other).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_under_another_etag_or_of_another_length_than_the_heads_are_not_copied() {
    for len in [SMALL, LARGE] {
        for (what, expected) in [("another", "SourceChanged"), ("none", "SourceDiffers"), ("length", "SourceDiffers")] {
            let (mut test_job, other) = test_job_of(len).await;
            test_job.slice_context.source.store = odd_answers(&test_job.store, move |_, answer| {
                if let Answer::GetObject(got) = answer {
                    match what {
                        "another" => got.head.etag = ETag::new("\"another\"").ok(),
                        "none" => got.head.etag = None,
                        _ => got.head.size -= 1,
                    }
                }
            });
            assert_eq!(code(&run(&test_job).await), expected, "{what}");
            assert_nothing_is_there(&test_job, &other).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_is_from_the_answer_that_the_bytes_came_in() {
    let (mut test_job, other) = test_job_of(SMALL).await;
    test_job.slice_context.source.store = odd_answers(&test_job.store, |_, answer| {
        if let Answer::HeadObject(head) = answer {
            head.metadata.content_type = Some("text/stale".into());
        }
    });
    assert_eq!(run(&test_job).await, done());
    assert_eq!(other.inner.object(&at(TARGET, "k")).unwrap().head.metadata.content_type, None);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_break_off_in_the_middle_are_hashed_once() {
    for len in [SMALL, LARGE] {
        let (mut test_job, other) = test_job_of(len).await;
        let reads = AtomicU32::new(0);
        test_job.slice_context.source.store = odd_answers(&test_job.store, move |call, answer| {
            if let (Call::GetObject(asked), Answer::GetObject(got)) = (call, answer)
                && reads.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
            {
                let from = usize::try_from(asked.range.map_or(0, |(first, _)| first)).unwrap();
                got.body = Box::new(Half(vec![Err(lost()), Ok(bytes(len).slice(from..from + 4))]));
            }
        });
        assert_eq!(run(&test_job).await, done());
        assert!(copied(&other).unwrap() == bytes(len));
    }
}

struct Half(Vec<Result<Bytes, CallError>>);

#[async_trait]
impl ByteStream for Half {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.0.pop()
    }
}

// The target.

#[tokio::test(start_paused = true)]
async fn a_target_that_has_other_bytes_than_were_sent_fails_the_task_and_its_effect_is_unknown() {
    let (mut test_job, other) = test_job_of(SMALL).await;
    test_job.slice_context.target.store = odd_answers(&other, |_, answer| {
        if let Answer::PutObject(done) = answer {
            done.etag = ETag::new("\"00000000000000000000000000000000\"").unwrap();
        }
    });
    let outcome = run(&test_job).await;
    assert_eq!(code(&outcome), "DigestMismatch");
    assert_eq!(other.calls().iter().filter(|kind| **kind == CallKind::PutObject).count(), 1, "nobody writes it again");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_the_target_has_otherwise_is_never_completed() {
    let (mut test_job, other) = test_job_of(LARGE).await;
    test_job.slice_context.target.store = odd_answers(&other, |call, answer| {
        if let (Call::UploadPart(part), Answer::UploadPart(done)) = (call, answer)
            && part.part == 2
        {
            done.etag = ETag::new("\"00000000000000000000000000000000\"").unwrap();
        }
    });
    let run = run(&test_job).await;
    assert_eq!(code(&run), "DigestMismatch");
    assert!(message(&run).contains("part 2"), "{}", message(&run));
    assert!(!other.calls().contains(&CallKind::CompleteMultipartUpload));
    assert_nothing_is_there(&test_job, &other).await;
}

/// A target under a key service, whose ETags are no digests.
fn under_a_key(other: &Arc<Scripted>, head: impl Fn(&mut ObjectHead) + Send + Sync + 'static) -> Arc<Odd> {
    odd_answers(other, move |_, answer| match answer {
        Answer::PutObject(done) => done.sse = Some("aws:kms".into()),
        Answer::UploadPart(done) => done.sse = Some("aws:kms".into()),
        Answer::HeadObject(target) => {
            target.sse = Some("aws:kms".into());
            head(target);
        }
        _ => {}
    })
}

fn heads(other: &Scripted) -> usize {
    other.calls().iter().filter(|kind| **kind == CallKind::HeadObject).count()
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_etag_is_no_digest_is_looked_at_once() {
    for len in [SMALL, LARGE] {
        let (test_job, other) = test_job_of(len).await;
        assert_eq!(run(&test_job).await, done());
        assert_eq!(heads(&other), 0, "its ETags are digests");

        let (mut test_job, other) = test_job_of(len).await;
        test_job.slice_context.target.store = under_a_key(&other, |_| ());
        assert_eq!(run(&test_job).await, done());
        assert_eq!(heads(&other), 1);

        let (mut test_job, other) = test_job_of(len).await;
        test_job.slice_context.target.store = under_a_key(&other, |target| target.size -= 1);
        assert_eq!(code(&run(&test_job).await), "DigestMismatch");

        let (mut test_job, other) = test_job_of(len).await;
        test_job.slice_context.target.store = under_a_key(&other, |target| {
            let algorithm = ChecksumAlgorithm::Crc64Nvme;
            target.checksums = vec![Checksum { algorithm, value: "AAAAAAAAAAA=".into(), is_of_whole: true }];
        });
        assert_eq!(code(&run(&test_job).await), "DigestMismatch");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_write_and_not_read_copies_under_a_key_service() {
    let (mut test_job, other) = test_job_of(SMALL).await;
    let keyed = under_a_key(&other, |_| ());
    test_job.slice_context.target.store = odd(&other, move |call, answer, sim| match call {
        Call::HeadObject(_) => Err(CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "Access Denied")),
        _ => (keyed.change)(call, answer, sim),
    });
    assert_eq!(run(&test_job).await, done());
    assert!(copied(&other).unwrap() == bytes(SMALL));
}

// A put is an overwrite.

/// The first put's answer is lost, and then something happens.
fn loses_the_answer(other: &Arc<Scripted>, happen: impl Fn(&SimulatedStore) + Send + Sync + 'static) -> Arc<Odd> {
    let puts = AtomicU32::new(0);
    odd(other, move |call, answer, sim| match call {
        Call::PutObject(_) if puts.fetch_add(1, Ordering::Relaxed) == 0 => {
            happen(sim);
            answer.and_then(|_| Err(lost()))
        }
        _ => answer,
    })
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_answer_was_lost_is_proved_by_its_digest_and_not_made_again() {
    let (mut test_job, other) = test_job_of(SMALL).await;
    test_job.slice_context.source.store = came_in_parts(test_job.store.clone());
    test_job.slice_context.target.store = loses_the_answer(&other, |_| ());
    assert_eq!(run(&test_job).await, done());
    assert_eq!(other.calls(), [CallKind::PutObject, CallKind::HeadObject]);
}

#[tokio::test(start_paused = true)]
async fn what_another_writer_wrote_over_a_lost_put_is_left_as_it_is_though_its_size_is_the_same() {
    let (mut test_job, other) = test_job_with("body".into(), NewObject::default()).await;
    test_job.slice_context.source.store = came_in_parts(test_job.store.clone());
    test_job.slice_context.target.store = loses_the_answer(&other, |sim| put_now(sim, TARGET, "k", "ours"));
    assert_eq!(code(&run(&test_job).await), "ChangedSinceAttempt");
    assert_eq!(copied(&other).unwrap(), "ours");
    assert_eq!(other.calls().iter().filter(|kind| **kind == CallKind::PutObject).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_put_that_did_not_arrive_is_made_again_after_a_look() {
    let (mut test_job, other) = test_job_of(SMALL).await;
    put_now(&other.inner, TARGET, "k", "newer than the lease");
    test_job.slice_context.target.store =
        Arc::new(LosesOnePut { inner: other.clone(), is_lost: AtomicBool::new(false) });
    assert_eq!(code(&run(&test_job).await), "ChangedSinceAttempt", "nobody knows who wrote it");

    let (mut test_job, other) = test_job_of(SMALL).await;
    test_job.slice_context.target.store =
        Arc::new(LosesOnePut { inner: other.clone(), is_lost: AtomicBool::new(false) });
    assert_eq!(run(&test_job).await, done());
    assert_eq!(other.calls(), [CallKind::HeadObject, CallKind::HeadObject, CallKind::PutObject]);
    assert!(copied(&other).unwrap() == bytes(SMALL));
}

/// The first put does not arrive.
struct LosesOnePut {
    inner: Arc<Scripted>,
    is_lost: AtomicBool,
}

#[async_trait]
impl ObjectStore for LosesOnePut {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if matches!(call, Call::PutObject(_)) && !self.is_lost.swap(true, Ordering::Relaxed) {
            return Err(lost());
        }
        self.inner.call(cancel, call).await
    }
}

// Memory.

/// A store whose writes take five seconds, and which counts with others of its kind the bytes that
/// are held: from the call that reads them to the answer of the one that writes them.
struct Slow {
    inner: Arc<Scripted>,
    clock: Arc<dyn Clock>,
    held: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

#[async_trait]
impl ObjectStore for Slow {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let written = match &call {
            Call::GetObject(_) => {
                let held = self.held.fetch_add(call.bytes_on_wire(), Ordering::Relaxed) + call.bytes_on_wire();
                self.most.fetch_max(held, Ordering::Relaxed);
                0
            }
            Call::UploadPart(_) => call.bytes_on_wire(),
            _ => 0,
        };
        if written > 0 {
            self.clock.sleep(Duration::from_secs(5)).await;
        }
        let answer = self.inner.call(cancel, call).await;
        self.held.fetch_sub(written, Ordering::Relaxed);
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn copies_through_us_to_a_slow_target_hold_no_more_bytes_than_the_budget_and_all_end() {
    // Parts are of 5 MiB: of a budget of 30 MiB one job has three, and each copy has two at best.
    for (budget, expected) in [(30 << 20, 15 << 20), (7 << 20, 5 << 20), (1 << 20, 5 << 20)] {
        let (mut test_job, other) = TestTask::with_two_stores().await;
        let body = bytes(LARGE);
        for n in 0..10 {
            test_job.put_with(&format!("k{n}"), body.clone(), NewObject::default()).await;
        }
        test_job.begin_run();
        let (held, most) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let slow = |inner: &Arc<Scripted>| {
            let (inner, clock) = (inner.clone(), test_job.clock.clone());
            Arc::new(Slow { inner, clock, held: held.clone(), most: most.clone() })
        };
        (test_job.slice_context.source.store, test_job.slice_context.target.store) =
            (slow(&test_job.store), slow(&other));
        test_job.slice_context.bytes = ByteBudget::new(budget);
        let (operation, tasks) = (copy(|_| ()), (0..10).map(|n| task(&format!("k{n}"))).collect::<Vec<_>>());
        let runs = join_all(tasks.iter().map(|task| test_job.run(&operation, task, false))).await;
        assert!(runs.iter().all(|run| matches!(run, TaskEnd::Done(Outcome::Succeeded))), "{runs:?}");
        assert_eq!(most.load(Ordering::Relaxed), expected, "a budget of {budget}");
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }
}
