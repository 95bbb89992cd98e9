//! An S3-compatible object store, one call at a time.
//!
//! A call is a value ([`Call`]) and so is its answer ([`Answer`]): a body of the port, and each
//! decorator (retry, limit, faults), implements one method. Callers go
//! through [`send`], which pairs each request type with its answer's type:
//!
//! ```ignore
//! let head = send(&*store, &cancel, HeadObject { at, version: None }).await?;
//! ```
//!
//! An error says what is known about the effect ([`Effect`]), which decides whether it may be
//! repeated; and what to do about it ([`Verdict`]).

use std::fmt;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::limits::FINISHING_MAX;
use crate::names::{BucketName, ETag, ObjectKey, VersionId};
use crate::operation::{NewLock, Tag};
use crate::ports::clock::{Clock, Monotonic};
use crate::{JobId, Timestamp, Waiting};

mod calls;
mod trouble;
mod waits;
pub use calls::*;
pub use trouble::Trouble;
use trouble::{OfTask, Stuck};
pub use waits::WaitNumber;
use waits::Waits;

/// What is known about the effect of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Certainly none: refused, throttled, never sent.
    None,
    /// Unknown: sent, and then no answer that can be trusted.
    Unknown,
}

/// What to do about a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Slow down and wait; no attempt is spent (429, 503).
    Throttled,
    /// Try again (500, 502, 504, reset, cut off, time-out).
    Transient,
    /// The object, version, bucket or upload does not exist.
    Missing,
    /// Not allowed.
    Denied,
    /// A condition does not hold.
    Precondition,
    /// The request itself cannot succeed.
    Invalid,
    /// The endpoint cannot be reached (connect, DNS, TLS).
    Unavailable,
    /// The endpoint does not take our credentials or clock.
    CredentialsRefused,
    /// The caller's cancel token ended before the call could be made.
    Stopped,
}

/// What a failure is of that is not of one object alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shared {
    /// The bucket: calls like this one fail for all its objects.
    Bucket,
    /// The endpoint, as these credentials see it: calls like this one fail in all its buckets.
    Endpoint,
}

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CallError {
    /// What to do about it.
    pub verdict: Verdict,
    /// What is known about its effect, over all attempts.
    pub effect: Effect,
    /// The store's error code, or one of ours (`RequestTimeout`, `ConnectFailed`, ...).
    pub code: String,
    /// The store's HTTP status, when it answered.
    pub http_status: Option<u16>,
    /// What the store or the system said; never a secret.
    pub message: String,
    /// The store's id of the request.
    pub request_id: Option<String>,
    /// How often the call was sent.
    pub attempts: u32,
    /// How long the store asked to wait.
    pub retry_after_seconds: Option<u32>,
    /// How long the store may take for an attempt without a word, in milliseconds; the shortest such
    /// time where it has answered ...
    pub attempt_time_ms: u32,
    /// ... and how much longer for each MiB that it moves, in milliseconds.
    pub mib_time_ms: u16,
    /// Whether the attempt counts against none: more fails than this one call, or it fails for less
    /// than a minute.
    pub is_free: bool,
    /// What fails, if more does than this object, and until a person changes something there.
    pub lasting: Option<Shared>,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        if self.attempts > 1 {
            write!(f, " (attempts {})", self.attempts)?;
        }
        Ok(())
    }
}

/// The code of [`CallError::too_many_objects`].
const TOO_MANY_OBJECTS: &str = "TooManyObjects";

impl CallError {
    /// Whether the store itself said how the attempt ended, so that it is no more at it. A gateway's
    /// answer, or a page that is none of an object store, says nothing of the store behind it.
    #[must_use]
    pub fn is_of_store(&self) -> bool {
        matches!(self.http_status, Some(200..300 | 500 | 501 | 503)) && self.code != "UnprovenSuccess"
    }

    /// Until when a call may still be carried out that was begun and lost at these moments: until
    /// its last attempt, which may have gone on for as long as its answer came, has had its time
    /// once more, and not before twice that time from the beginning. `bytes` are those that the
    /// store moves for it, whether its request told them or not.
    #[must_use]
    pub fn may_land_until(&self, (begun, lost): (Monotonic, Monotonic), bytes: u64) -> Monotonic {
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        let moving = Duration::from_millis(u64::from(self.mib_time_ms)).saturating_mul(mib);
        let time = Duration::from_millis(u64::from(self.attempt_time_ms)).saturating_add(moving);
        begun.after(time.saturating_mul(2)).max(lost.after(time))
    }

    /// An error without an answer of the store.
    #[must_use]
    pub fn new(verdict: Verdict, effect: Effect, code: &str, message: impl Into<String>) -> Self {
        Self {
            verdict,
            effect,
            code: code.to_owned(),
            http_status: None,
            message: message.into(),
            request_id: None,
            attempts: 1,
            retry_after_seconds: None,
            attempt_time_ms: 0,
            mib_time_ms: 0,
            is_free: false,
            lasting: None,
        }
    }

    /// A call about more objects than may be asked for in a second, which was not made.
    #[must_use]
    pub fn too_many_objects() -> Self {
        let why = "the call is about more objects than a second allows";
        let error = Self::new(Verdict::Throttled, Effect::None, TOO_MANY_OBJECTS, why);
        Self { attempts: 0, ..error }
    }

    /// Whether a limit of ours refused the call: its caller splits it.
    #[must_use]
    pub fn is_too_many_objects(&self) -> bool {
        self.verdict == Verdict::Throttled && self.http_status.is_none() && self.code == TOO_MANY_OBJECTS
    }

    /// Whether the store does not know the key, or what it signs with: unlike credentials that have run
    /// out, or a clock that is off, this does not pass unless a person changes it.
    #[must_use]
    pub fn names_unknown_credentials(&self) -> bool {
        let is_unknown = matches!(self.code.as_str(), "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken");
        is_unknown && self.verdict == Verdict::CredentialsRefused
    }

    /// Whether the same call may succeed later as it is: nothing was said against the call itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.verdict {
            Verdict::Throttled | Verdict::Transient | Verdict::Unavailable | Verdict::CredentialsRefused => true,
            Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid | Verdict::Stopped => false,
        }
    }
}

/// How long a caller may go on. The caller checks it before each attempt and during each wait.
///
/// It is *stopped* when nothing new may begin (the job is cancelled), and *killed* when all work
/// must end (the lease is lost). What has begun goes on under a [`CancelToken::for_cleanup`] clone
/// until the kill, but waits and begins attempts no longer than [`FINISHING_MAX`] after the stop.
/// Both end at the lease's expiry. Nothing new begins later than [`CancelToken::begin_until`] says:
/// a caller that does not know whether the job may still run waits until it does.
///
/// It also tells the caller which of its tasks are *stuck*: they wait for long, and their places
/// are better given to others.
///
/// Cheap to clone; clones are one cancel token.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    state: Arc<CancelState>,
    is_finishing: bool,
    task: Option<Arc<OfTask>>,
    /// Of a branch: whether it was stopped by itself.
    is_branch_stopped: Option<Arc<AtomicBool>>,
    caller: Option<Caller>,
    is_paying: bool,
}

/// On whose behalf a call is made: what is asked of an endpoint is shared among accounts, and in each
/// among its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// A digest of the account's name.
    pub account: u64,
    /// The job.
    pub job: JobId,
}

impl Caller {
    /// A job of that account.
    #[must_use]
    pub fn new(account: &str, job: JobId) -> Self {
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        Self { account: hasher.finish(), job }
    }
}

#[derive(Debug)]
struct CancelState {
    is_stopped: AtomicBool,
    is_killed: AtomicBool,
    /// Milliseconds on the monotonic clock; no attempt may outlive it.
    until_ms: AtomicU64,
    /// The same clock; nothing new begins after it.
    begin_until_ms: AtomicU64,
    /// The same clock; when the stop was seen first.
    stopped_at_ms: AtomicU64,
    ended: Notify,
    stuck: Stuck,
    waits: Waits,
}

impl Default for CancelState {
    fn default() -> Self {
        Self {
            is_stopped: AtomicBool::new(false),
            is_killed: AtomicBool::new(false),
            until_ms: AtomicU64::new(u64::MAX),
            begin_until_ms: AtomicU64::new(u64::MAX),
            stopped_at_ms: AtomicU64::new(u64::MAX),
            ended: Notify::new(),
            stuck: Stuck::default(),
            waits: Waits::default(),
        }
    }
}

impl CancelToken {
    /// A cancel token without an end.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// The same cancel token for what has begun: a stop does not end it.
    #[must_use]
    pub fn for_cleanup(&self) -> Self {
        Self { is_finishing: true, ..self.clone() }
    }

    /// The same cancel token for calls on behalf of a job.
    #[must_use]
    pub fn on_behalf_of(&self, caller: Caller) -> Self {
        Self { caller: Some(caller), ..self.clone() }
    }

    /// The same cancel token for calls that say whether their sender pays for them.
    #[must_use]
    pub fn paying(&self, is_paying: bool) -> Self {
        Self { is_paying, ..self.clone() }
    }

    /// Whether its calls say that their sender pays for them, whatever the endpoint's say.
    #[must_use]
    pub fn is_paying(&self) -> bool {
        self.is_paying
    }

    /// On whose behalf its calls are made; `None` when on no job's.
    #[must_use]
    pub fn caller(&self) -> Option<Caller> {
        self.caller
    }

    /// The same cancel token for the calls of one task, whose waiting is bounded over all of them.
    #[must_use]
    pub fn for_task(&self, number: u64) -> Self {
        Self { task: Some(Arc::new(OfTask::new(Some(number)))), ..self.clone() }
    }

    /// The same cancel token; where it is no task's, the waiting of the calls under this clone is bounded.
    #[must_use]
    pub fn for_call(&self) -> Self {
        let task = self.task.clone().unwrap_or_else(|| Arc::new(OfTask::new(None)));
        Self { task: Some(task), ..self.clone() }
    }

    /// Reads and changes what the calls of the task have been through.
    pub fn with_trouble<T>(&self, work: impl FnOnce(&mut Trouble) -> T) -> T {
        match &self.task {
            Some(task) => work(&mut task.trouble()),
            None => work(&mut Trouble::default()),
        }
    }

    /// Notes that the task waits for long, and why, until it continues.
    pub fn note_stuck(&self, why: &str) {
        if let Some(number) = self.task.as_ref().and_then(|task| task.number) {
            self.state.stuck.add(number, why);
        }
    }

    /// The task goes on.
    pub fn note_going_on(&self) {
        if let Some(number) = self.task.as_ref().and_then(|task| task.number) {
            self.state.stuck.remove(number);
        }
    }

    /// Notes that a call stands still, for those who ask why its job does. Unlike [`CancelToken::note_stuck`] it
    /// moves no work.
    #[must_use]
    pub fn begin_wait(&self, since: Monotonic, wait: Waiting) -> WaitNumber {
        self.state.waits.begin(since, wait)
    }

    /// The call stands still for another reason now.
    pub fn change_wait(&self, number: WaitNumber, wait: Waiting) {
        self.state.waits.change(number, wait);
    }

    /// The call has ended.
    pub fn end_wait(&self, number: WaitNumber) {
        self.state.waits.end(number);
    }

    /// The call that has stood still for longest, and since when.
    #[must_use]
    pub fn longest_wait(&self) -> Option<(Monotonic, Waiting)> {
        self.state.waits.longest()
    }

    /// The numbers of the tasks that are stuck, in order.
    #[must_use]
    pub fn stuck_tasks(&self) -> Vec<u64> {
        self.state.stuck.numbers()
    }

    /// Why the first task that is stuck waits; `None` when none is.
    #[must_use]
    pub fn why_stuck(&self) -> Option<String> {
        self.state.stuck.reason()
    }

    /// Done when a task became stuck, or goes on, since `seen` was read from [`CancelToken::stuck_changes`].
    pub async fn stuck_changed(&self, seen: u64) {
        self.state.stuck.changed(seen).await;
    }

    /// How often a task became stuck or went on.
    #[must_use]
    pub fn stuck_changes(&self) -> u64 {
        self.state.stuck.changes()
    }

    /// A cancel token that ends with this one, or earlier when it is stopped itself.
    #[must_use]
    pub fn branch(&self) -> Self {
        Self { is_branch_stopped: Some(Arc::default()), ..self.clone() }
    }

    /// Nothing new begins any more; tasks that wait for [`CancelToken::stopped`] wake. A branch stops
    /// alone.
    pub fn stop(&self) {
        self.is_branch_stopped.as_deref().unwrap_or(&self.state.is_stopped).store(true, Ordering::SeqCst);
        self.state.ended.notify_waiters();
    }

    /// Nothing may be done any more, not even to finish what has begun.
    pub fn kill(&self) {
        self.state.is_killed.store(true, Ordering::SeqCst);
        self.state.is_stopped.store(true, Ordering::SeqCst);
        self.state.ended.notify_waiters();
    }

    /// Whether it has ended for this holder.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let is_killed = self.state.is_killed.load(Ordering::SeqCst);
        let is_stopped = |it: &AtomicBool| it.load(Ordering::SeqCst);
        let is_branch_stopped = || self.is_branch_stopped.as_deref().is_some_and(is_stopped);
        is_killed || (!self.is_finishing && (is_stopped(&self.state.is_stopped) || is_branch_stopped()))
    }

    /// Lets attempts run until then: a lease was renewed.
    pub fn prolong(&self, until: Monotonic) {
        self.state.until_ms.store(milliseconds(until), Ordering::SeqCst);
    }

    /// Lets what is new begin until then: the job was seen to be one that may run.
    pub fn begin_until(&self, until: Monotonic) {
        self.state.begin_until_ms.store(milliseconds(until), Ordering::SeqCst);
    }

    /// Whether an attempt that may take `timeout` may start now.
    #[must_use]
    pub fn may_start(&self, now: Monotonic, timeout: Duration) -> bool {
        let outlives = milliseconds(now.after(timeout)) > self.state.until_ms.load(Ordering::SeqCst);
        let is_late = milliseconds(now) > self.state.begin_until_ms.load(Ordering::SeqCst);
        !self.has_ended(now) && !outlives && (self.is_finishing || !is_late)
    }

    /// Whether it was stopped, also when this one is for finishing.
    #[must_use]
    pub fn is_stop_asked(&self) -> bool {
        self.state.is_stopped.load(Ordering::SeqCst)
    }

    /// Whether it has ended for this holder; one for finishing ends some time after the stop.
    #[must_use]
    pub fn has_ended(&self, now: Monotonic) -> bool {
        self.is_stopped() || (self.is_stop_asked() && self.cleanup_time(now).is_zero())
    }

    /// What is left to finish in, counted from when the stop was seen first.
    fn cleanup_time(&self, now: Monotonic) -> Duration {
        let (now_ms, at) = (milliseconds(now), &self.state.stopped_at_ms);
        let first = at.compare_exchange(u64::MAX, now_ms, Ordering::SeqCst, Ordering::SeqCst);
        let since = now_ms.saturating_sub(first.map_or_else(|earlier| earlier, |_| now_ms));
        FINISHING_MAX.saturating_sub(Duration::from_millis(since))
    }

    /// Done when what has begun must end, too: the cancel token is killed, or its time has run out.
    /// Renewing the lease prolongs the wait.
    pub async fn over(&self, clock: &dyn Clock) {
        loop {
            let mut ended = pin!(self.state.ended.notified());
            // From here on no kill is missed.
            ended.as_mut().enable();
            let (now_ms, until_ms) = (milliseconds(clock.monotonic()), self.state.until_ms.load(Ordering::SeqCst));
            if self.state.is_killed.load(Ordering::SeqCst) || until_ms <= now_ms {
                return;
            }
            let mut time_out = (until_ms < u64::MAX).then(|| clock.sleep(Duration::from_millis(until_ms - now_ms)));
            let ended_or_time_out = poll_fn(|cx| match (ended.as_mut().poll(cx), &mut time_out) {
                (Poll::Pending, Some(time_out)) => time_out.as_mut().poll(cx),
                (polled, _) => polled,
            });
            ended_or_time_out.await;
        }
    }

    /// Done when the cancel token has ended for this holder.
    pub async fn stopped(&self) {
        self.until(|| self.is_stopped()).await;
    }

    /// Done when the cancel token has ended for this holder; one for cleanup ends some time after
    /// the stop.
    pub async fn ended(&self, clock: &dyn Clock) {
        let mut stopped = pin!(self.stopped());
        let mut is_late = pin!(async {
            self.until(|| self.is_stop_asked()).await;
            clock.sleep(self.cleanup_time(clock.monotonic())).await;
        });
        poll_fn(|context| {
            let is_over = stopped.as_mut().poll(context).is_ready() || is_late.as_mut().poll(context).is_ready();
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn until(&self, is_it: impl Fn() -> bool) {
        loop {
            // `notified` counts from here on, so a stop after the test is not missed.
            let notified = self.state.ended.notified();
            if is_it() {
                return;
            }
            notified.await;
        }
    }
}

fn milliseconds(moment: Monotonic) -> u64 {
    u64::try_from(moment.0.as_millis()).unwrap_or(u64::MAX)
}

/// The port. Contract of every body:
///
/// - success is proven: an answer that is cut off, is not well-formed, holds an `<Error>` or
///   lacks what its type requires (a copy's ETag) is an error with [`Effect::Unknown`], even
///   with status 200;
/// - a call has an end: an attempt ends when nothing of its answer comes for a time that grows with
///   the bytes it moves, and no attempt outlives the cancel token ([`CancelToken::over`]);
/// - an error never holds a secret.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Makes the call. `cancel` bounds attempts and waits; a body that makes one attempt only need
    /// not check it.
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError>;
}

/// Makes a call and gives its own answer's type.
///
/// # Errors
/// [`CallError`], as the store's decorators leave it.
pub async fn send<R: Request>(
    store: &dyn ObjectStore,
    cancel: &CancelToken,
    request: R,
) -> Result<R::Answer, CallError> {
    let answer = store.call(cancel, request.into_call()).await?;
    R::from_answer(answer).ok_or_else(|| {
        CallError::new(Verdict::Invalid, Effect::Unknown, "InternalError", "the answer belongs to another call")
    })
}

/// Bytes of an object that arrive piece by piece.
#[async_trait]
pub trait ByteStream: Send {
    /// The next piece; `None` at the end. After an error the stream is over.
    async fn next(&mut self) -> Option<Result<Bytes, CallError>>;
}

/// Bytes that are there already, as a stream.
#[derive(Debug)]
pub struct Whole(pub Option<Bytes>);

#[async_trait]
impl ByteStream for Whole {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.0.take().map(Ok)
    }
}

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct At {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
}

/// What a store knows about an object besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag.
    pub etag: Option<ETag>,
    /// When it was written, whole seconds.
    pub modified: Option<Timestamp>,
    /// Its version.
    pub version: Option<VersionId>,
    /// Its storage class by the S3 name; `None` is STANDARD.
    pub storage_class: Option<String>,
    /// `x-amz-restore`, as it came.
    pub restore: Option<String>,
    /// Its metadata.
    pub metadata: Metadata,
    /// How many parts it was uploaded in, when the store says.
    pub parts: Option<u32>,
    /// How many tags it has, when the store says.
    pub tag_count: Option<u32>,
    /// `x-amz-server-side-encryption`.
    pub sse: Option<String>,
    /// `x-amz-server-side-encryption-aws-kms-key-id`.
    pub sse_key: Option<String>,
    /// `x-amz-website-redirect-location`.
    pub redirect: Option<String>,
    /// What keeps it from being removed, as far as the store tells.
    pub lock: NewLock,
    /// The checksums that the store declares of its bytes.
    pub checksums: Vec<Checksum>,
    /// How many entries of its user metadata the store has and cannot tell in headers.
    pub untold_metadata: u32,
}

/// A checksum that a store declares of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// In base64, as it came.
    pub value: String,
    /// Of all bytes in their order; otherwise of the checksums of parts, whose bounds no head
    /// tells.
    pub is_of_whole: bool,
}

/// The algorithms of checksums in S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumAlgorithm {
    /// CRC-32 as in gzip, big endian.
    Crc32,
    /// CRC-32C (Castagnoli), big endian.
    Crc32c,
    /// CRC-64/NVME, big endian.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl ChecksumAlgorithm {
    /// Every algorithm.
    pub const ALL: [ChecksumAlgorithm; 5] = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];

    /// Its name, as it stands at the end of headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Crc32 => "crc32",
            ChecksumAlgorithm::Crc32c => "crc32c",
            ChecksumAlgorithm::Crc64Nvme => "crc64nvme",
            ChecksumAlgorithm::Sha1 => "sha1",
            ChecksumAlgorithm::Sha256 => "sha256",
        }
    }
}

/// How the headers of user metadata have text beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextForm {
    /// As its bytes in UTF-8.
    Utf8,
    /// In the encoded words of RFC 2047, which are ASCII.
    EncodedWords,
}

/// Metadata that travels with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Cache-Control.
    pub cache_control: Option<String>,
    /// Content-Disposition.
    pub content_disposition: Option<String>,
    /// Content-Encoding.
    pub content_encoding: Option<String>,
    /// Content-Language.
    pub content_language: Option<String>,
    /// Content-Type.
    pub content_type: Option<String>,
    /// Expires, as it came.
    pub expires: Option<String>,
    /// User metadata: names without `x-amz-meta-`, lower case, sorted by name; values as texts, whatever
    /// form they have in headers.
    pub user: Vec<(String, String)>,
    /// Of what is sent: in which form `user` goes beyond ASCII; with `None` it must not. Of what a store told:
    /// encoded words, where all texts beyond ASCII came so.
    #[serde(skip)]
    pub form: Option<TextForm>,
}

/// An ACL: an owner and the grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// The owner's canonical id.
    pub owner: String,
    /// The grants.
    pub grants: Vec<AclGrant>,
}

/// A grant of an ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclGrant {
    /// The grantee.
    pub grantee: Grantee,
    /// `READ`, `WRITE`, `FULL_CONTROL`, `READ_ACP`, `WRITE_ACP`.
    pub permission: String,
}

/// The grantee of a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grantee {
    /// A user by canonical id.
    Id(String),
    /// A group by URI.
    Group(String),
}

/// Tags in the order of the store.
pub type TagSet = Vec<Tag>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_no_more_at_a_call_once_it_has_said_how_it_ended_and_a_gateway_cannot_say_that() {
        let told = |http_status, code| {
            let error = CallError::new(Verdict::Transient, Effect::Unknown, code, "");
            CallError { http_status, ..error }.is_of_store()
        };
        let of_stores = [(Some(200), "InternalError"), (Some(500), "InternalError"), (Some(200), "EmptyAnswer")];
        assert!(of_stores.into_iter().all(|(status, code)| told(status, code)));
        let of_others =
            [(None, "RequestTimeout"), (Some(504), "GatewayTimeout"), (Some(502), "BadGateway"), (Some(524), "")];
        assert!(
            !of_others.into_iter().chain([(Some(200), "UnprovenSuccess")]).any(|(status, code)| told(status, code))
        );
    }

    #[test]
    fn calls_and_answers_are_small_since_each_decorator_has_room_for_one() {
        assert!(size_of::<Call>() <= 240, "{}", size_of::<Call>());
        assert!(size_of::<Result<Answer, CallError>>() <= 112, "{}", size_of::<Result<Answer, CallError>>());
    }

    #[test]
    fn a_lost_call_may_be_carried_out_until_its_last_attempt_has_had_its_time_once_more() {
        let error = CallError {
            attempt_time_ms: 15_000,
            mib_time_ms: 125,
            ..CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", "")
        };
        let at = |s| Monotonic(Duration::from_secs(s));
        let table = [
            // Begun, lost, MiB: until.
            ((at(100), at(115), 0), at(130)),
            ((at(100), at(101), 0), at(130)),
            ((at(100), at(900), 0), at(915)),
            ((at(100), at(115), 8), at(132)),
            ((at(100), at(220), 8192), at(100 + 2 * (15 + 1024))),
        ];
        for ((begun, lost, mib), until) in table {
            assert_eq!(error.may_land_until((begun, lost), mib << 20), until, "{begun:?} {lost:?} {mib}");
        }
        assert!(error.may_land_until((at(0), at(0)), u64::MAX) > at(1 << 20));
    }
}
