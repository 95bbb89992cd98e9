//! An object store in memory that answers as S3 does: versions and delete markers, tags, ACL,
//! archive and restore, uploads in parts, conditions, pages; object lock, keys of customers,
//! requesters that pay.
//!
//! It is the reference implementation of [`ObjectStore`]: the engine's tests run on it, and the
//! sandbox and the demo serve it. A call takes the lock once and briefly; time and randomness come
//! from the ports, so a simulation repeats. Beside the port, tests fill it in bulk, make it deny, and
//! look inside ([`inspect`]); [`SimulatedStore::open`] keeps it in a directory.
//!
//! It differs from S3 where that makes tests sharper: a completed upload is gone at once, so a
//! repeated completion gets NoSuchUpload; and objects of zeros take no memory ([`Body::zeros`]), so
//! their ETag is not the MD5 of their bytes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::limits;
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, CancelToken, GetObject, ObjectHead};
use brigade_model::ports::{Clock, Entropy, ObjectStore};

mod body;
mod bucket;
mod buckets;
mod customer_key;
mod habits;
mod inspect;
mod journal;
mod listing;
mod lock;
mod multipart;
mod object;
mod ownership;
mod payer;
mod refusal;
mod state;
mod transaction;

#[cfg(test)]
mod tests;

pub use body::{Body, Pieces};
pub use bucket::Versioning;
pub use buckets::{BucketEntry, ListedVersion};
pub use habits::{Habit, Habits, UnknownHabit};
pub use inspect::{OpenUpload, SimulatedObject, UploadedPart};
pub use journal::OpenError;
pub use listing::{ListQuery, Listing};
pub use lock::ObjectLock;
pub use object::OWNER;
pub use payer::Paying;
pub use refusal::Refusal;
pub use state::LoggedEffect;

use habits::{Conduct, Way, lost, unproven};
use journal::Journal;
use object::Digest;
use state::State;
use transaction::BucketTransaction;

/// The limits and delays of a simulated store.
#[derive(Debug, Clone)]
pub struct SimulatedConfig {
    /// The least size of a part other than the last, bytes.
    pub part_bytes_min: u64,
    /// The largest object that one copy carries, and the largest part, bytes.
    pub copy_bytes_max: u64,
    /// How long a restore takes, in whole seconds.
    pub restore_delay: Duration,
    /// Whether effects are remembered for [`SimulatedStore::effects`]; they take memory.
    pub logs_effects: bool,
    /// What it does beside what S3 promises.
    pub habits: Habits,
}

impl Default for SimulatedConfig {
    /// S3's limits, restores of four hours, effects remembered, no habits.
    fn default() -> Self {
        Self {
            part_bytes_min: limits::PART_BYTES_MIN,
            copy_bytes_max: limits::COPY_OBJECT_BYTES_MAX,
            restore_delay: Duration::from_secs(4 * 3600),
            logs_effects: true,
            habits: Habits::default(),
        }
    }
}

/// The simulated store. Clones are one store.
#[derive(Clone)]
pub struct SimulatedStore(Arc<Inner>);

struct Inner {
    config: SimulatedConfig,
    /// In the buckets that the habits concern, and in others.
    conduct: Mutex<[Arc<Conduct>; 2]>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    calls: Vec<AtomicU64>,
    refused: AtomicU64,
    state: Mutex<State>,
}

impl SimulatedStore {
    /// An empty store in memory.
    #[must_use]
    pub fn new(config: SimulatedConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_state(State::default(), config, clock, entropy)
    }

    /// A store that is kept in that directory: it holds what it held when it was last open,
    /// except open uploads.
    ///
    /// # Errors
    /// When the directory is in use by another process, or cannot be read or written.
    pub fn open(
        directory: &Path,
        config: SimulatedConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let (journal, state) = Journal::open(directory)?;
        Ok(Self::with_state(State { journal: Some(journal), ..state }, config, clock, entropy))
    }

    fn with_state(mut state: State, config: SimulatedConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        state.effects = config.logs_effects.then(Vec::new);
        let calls = CallKind::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        let conduct = Mutex::new(conducts(config.habits.clone(), &*clock));
        let (refused, state) = (AtomicU64::new(0), Mutex::new(state));
        Self(Arc::new(Inner { config, conduct, clock, entropy, calls, refused, state }))
    }

    /// Gives the store other habits from now on.
    pub fn set_habits(&self, habits: Habits) {
        *self.0.conduct.lock().unwrap_or_else(PoisonError::into_inner) = conducts(habits, &*self.0.clock);
    }

    fn conducts(&self) -> [Arc<Conduct>; 2] {
        self.0.conduct.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the store acts in that bucket.
    fn conduct_in(&self, bucket: &BucketName) -> Arc<Conduct> {
        let [within, outside] = self.conducts();
        let is_within = within.habits().buckets.as_ref().is_none_or(|buckets| buckets.contains(bucket));
        if is_within { within } else { outside }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn at the state, beside the port: no habit but the clock's has a say.
    fn transaction<T>(&self, act: impl FnOnce(&mut BucketTransaction<'_>) -> T) -> T {
        let [_, outside] = self.conducts();
        self.turn_by(&outside, act)
    }

    fn turn_by<T>(&self, conduct: &Conduct, act: impl FnOnce(&mut BucketTransaction<'_>) -> T) -> T {
        let mut state = self.state();
        let now_s = conduct.second(self.0.clock.now());
        if let Some(oldest_s) = conduct.oldest_upload_s(now_s) {
            state.uploads.retain(|_, upload| upload.begun_s >= oldest_s);
        }
        act(&mut BucketTransaction {
            conduct,
            state: &mut state,
            config: &self.0.config,
            entropy: &*self.0.entropy,
            now_s,
        })
    }

    /// Carries a call out as the store takes it.
    fn conducted(&self, conduct: &Conduct, mut call: Call, is_paying: bool) -> Result<Answer, Refusal> {
        conduct.hear(&mut call);
        conduct.check(&call)?;
        match conduct.pose(&call) {
            Some((other, answer)) => self.answer(conduct, other, is_paying).map(|_| answer),
            None => self.answer(conduct, call, is_paying),
        }
    }

    fn read_by(&self, request: GetObject, customer_key: Option<&str>) -> Result<(ObjectHead, Body), Refusal> {
        let conduct = self.conduct_in(&request.at.bucket);
        let heard = conduct.hear_get(request);
        let read = conduct.check(&Call::GetObject(heard.clone())).and_then(|()| {
            let (version, if_match) = (heard.version.as_ref(), heard.if_match.as_ref());
            self.turn_by(&conduct, |transaction| transaction.read_object(&heard.at, version, if_match, customer_key))
        });
        read.map_err(|refusal| conduct.excuse(CallKind::GetObject, refusal))
    }

    fn answer(&self, conduct: &Conduct, call: Call, is_paying: bool) -> Result<Answer, Refusal> {
        self.check_payer_of(&call, is_paying)?;
        self.check_acl_of(&call)?;
        Ok(match call {
            Call::HeadObject(r) => {
                Answer::HeadObject(Box::new(self.turn_by(conduct, |transaction| transaction.head_object(r))?))
            }
            Call::GetObject(r) => {
                Answer::GetObject(Box::new(self.turn_by(conduct, |transaction| transaction.get_object(r))?))
            }
            Call::PutObject(r) => {
                let digest = Digest::of(&Body::from(r.body.clone()));
                Answer::PutObject(self.turn_by(conduct, |transaction| transaction.put_object(r, digest))?)
            }
            Call::CopyObject(r) => Answer::CopyObject(self.turn_by(conduct, |transaction| transaction.copy_object(r))?),
            Call::DeleteObject(r) => {
                Answer::DeleteObject(self.turn_by(conduct, |transaction| transaction.delete_object(r))?)
            }
            Call::DeleteObjects(r) => {
                Answer::DeleteObjects(self.turn_by(conduct, |transaction| transaction.delete_objects(r))?)
            }
            Call::GetObjectTagging(r) => {
                Answer::GetObjectTagging(self.turn_by(conduct, |transaction| transaction.get_object_tagging(r))?)
            }
            Call::PutObjectTagging(r) => {
                Answer::PutObjectTagging(self.turn_by(conduct, |transaction| transaction.put_object_tagging(r))?)
            }
            Call::DeleteObjectTagging(r) => {
                Answer::DeleteObjectTagging(self.turn_by(conduct, |transaction| transaction.delete_object_tagging(r))?)
            }
            Call::GetObjectAcl(r) => {
                Answer::GetObjectAcl(self.turn_by(conduct, |transaction| transaction.get_object_acl(r))?)
            }
            Call::PutObjectAcl(r) => {
                Answer::PutObjectAcl(self.turn_by(conduct, |transaction| transaction.put_object_acl(r))?)
            }
            Call::RestoreObject(r) => {
                Answer::RestoreObject(self.turn_by(conduct, |transaction| transaction.restore_object(r))?)
            }
            Call::ListObjectsV2(r) => {
                Answer::ListObjectsV2(self.turn_by(conduct, |transaction| transaction.list_objects(r))?)
            }
            Call::CreateMultipartUpload(r) => Answer::CreateMultipartUpload(
                self.turn_by(conduct, |transaction| transaction.create_multipart_upload(r))?,
            ),
            Call::UploadPart(r) => {
                let digest = Digest::of(&Body::from(r.body.clone()));
                Answer::UploadPart(self.turn_by(conduct, |transaction| transaction.upload_part(r, digest))?)
            }
            Call::UploadPartCopy(r) => {
                Answer::UploadPartCopy(self.turn_by(conduct, |transaction| transaction.upload_part_copy(r))?)
            }
            Call::CompleteMultipartUpload(r) => Answer::CompleteMultipartUpload(
                self.turn_by(conduct, |transaction| transaction.complete_multipart_upload(r))?,
            ),
            Call::ListParts(r) => Answer::ListParts(self.transaction(|transaction| transaction.list_parts(r))?),
            Call::AbortMultipartUpload(r) => Answer::AbortMultipartUpload(
                self.turn_by(conduct, |transaction| transaction.abort_multipart_upload(r))?,
            ),
            Call::ListObjectVersions(r) => {
                Answer::ListObjectVersions(self.turn_by(conduct, |transaction| transaction.list_object_versions(r))?)
            }
            Call::ListMultipartUploads(r) => Answer::ListMultipartUploads(
                self.turn_by(conduct, |transaction| transaction.list_multipart_uploads(r))?,
            ),
            Call::PutObjectLegalHold(r) => {
                Answer::PutObjectLegalHold(self.hold(&r.at, r.version.as_ref(), r.is_held)?)
            }
            Call::PutObjectRetention(r) => Answer::PutObjectRetention(self.retain(&r)?),
            Call::UpdateObjectEncryption(r) => Answer::UpdateObjectEncryption(
                self.turn_by(conduct, |transaction| transaction.update_object_encryption(r))?,
            ),
            Call::GetObjectAttributes(r) => {
                Answer::GetObjectAttributes(self.turn_by(conduct, |transaction| transaction.get_object_attributes(r))?)
            }
            Call::HeadPart(r) => Answer::HeadPart(self.turn_by(conduct, |transaction| transaction.head_part(&r))?),
            Call::GetBucketOwnershipControls(r) => Answer::GetBucketOwnershipControls(self.ownership(&r.bucket)?),
            Call::GetBucketRequestPayment(r) => Answer::GetBucketRequestPayment(Some(self.payer(&r.bucket)?)),
        })
    }

    fn counted_answer(&self, call: Call, is_paying: bool) -> Result<Answer, CallError> {
        let (kind, conduct) = (call.kind(), self.conduct_in(call.bucket()));
        self.0.calls[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.conducted(&conduct, call, is_paying).map_err(|refusal| self.refused(&conduct, kind, refusal))
    }

    fn refused(&self, conduct: &Conduct, kind: CallKind, refusal: Refusal) -> CallError {
        let request = self.0.refused.fetch_add(1, Ordering::Relaxed);
        conduct.excuse(kind, refusal).into_error(format!("SIM{request:013X}"))
    }

    /// Carries a call out; habits never lose, delay or spoil the answer.
    ///
    /// # Errors
    /// As the call.
    pub fn act(&self, call: Call) -> Result<Answer, CallError> {
        self.counted_answer(call, false)
    }

    /// Carries a call out; `see` gets its true end before a habit loses, delays or spoils the answer.
    ///
    /// # Errors
    /// As the call.
    pub async fn call_seen(
        &self,
        call: Call,
        see: impl FnOnce(&Result<Answer, CallError>) + Send,
    ) -> Result<Answer, CallError> {
        self.call_by(call, false, see).await
    }

    async fn call_by(
        &self,
        call: Call,
        is_paying: bool,
        see: impl FnOnce(&Result<Answer, CallError>) + Send,
    ) -> Result<Answer, CallError> {
        let (kind, conduct) = (call.kind(), self.conduct_in(call.bucket()));
        let way = conduct.way_of(&call, |way, at| self.state().fated.insert((way, kind, at)));
        let error = || unproven(Some("InternalError"), "We encountered an internal error. Please try again.");
        if way == Some(Way::ErrorNotDone) {
            return Err(error());
        }
        if way == Some(Way::KeyServiceBusy) {
            return Err(self.refused(&conduct, kind, refusal::KEY_SERVICE_BUSY));
        }
        let result = self.counted_answer(call, is_paying);
        see(&result);
        let result = result.map(|answer| conduct.tell(answer));
        match (way, result) {
            (Some(Way::Lost), _) => Err(lost()),
            (Some(Way::Late), result) => {
                self.0.clock.sleep(conduct.habits().late_by).await;
                result
            }
            (Some(Way::Empty), Ok(_)) => Err(unproven(None, "the answer is not whole XML: it is empty")),
            (Some(Way::ErrorThoughDone), Ok(_)) => Err(error()),
            (_, result) => result,
        }
    }
}

fn conducts(habits: Habits, clock: &dyn Clock) -> [Arc<Conduct>; 2] {
    let within = Conduct::of(habits, clock.now());
    let outside = within.outside();
    [Arc::new(within), Arc::new(outside)]
}

#[async_trait]
impl ObjectStore for SimulatedStore {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        self.call_by(call, cancel.is_paying(), |_| {}).await
    }
}
