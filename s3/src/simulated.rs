//! An object store in memory that answers as S3 does: versions and delete markers, tags, ACL,
//! archive and restore, uploads in parts, conditions, pages; object lock, keys of customers,
//! requesters that pay.
//!
//! It is the reference body of [`ObjectStore`]: what the engine is tested on, and what the
//! sandbox and the demo serve. A call takes one short turn at a lock; time and randomness come
//! from the ports, so a simulation repeats. Beside the port it can be filled in bulk, told to
//! deny, and looked into ([`inspect`]), and kept in a directory ([`SimulatedStore::open`]).
//!
//! It differs from S3 where that makes tests sharper: an upload that was completed is gone at
//! once, so a repeated completion gets NoSuchUpload; and objects of zeros take no memory
//! ([`Body::zeros`]), so that their ETag is not the MD5 of their bytes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::limits;
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, Leash};
use brigade_model::ports::{Clock, Entropy, ObjectStore};

mod body;
mod bucket;
mod buckets;
mod customer_key;
mod inspect;
mod journal;
mod listing;
mod lock;
mod multipart;
mod object;
mod payer;
mod refusal;
mod state;
mod turn;

#[cfg(test)]
mod tests;

pub use body::{Body, Pieces};
pub use bucket::Versioning;
pub use buckets::{BucketEntry, ListedVersion};
pub use inspect::{OpenUpload, SimulatedObject, UploadedPart};
pub use journal::OpenError;
pub use listing::{ListQuery, Listing};
pub use lock::ObjectLock;
pub use object::OWNER;
pub use payer::Paying;
pub use refusal::Refusal;
pub use state::LoggedEffect;

use journal::Journal;
use object::Digest;
use state::State;
use turn::Turn;

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
}

impl Default for SimulatedConfig {
    /// S3's limits, restores of four hours, effects remembered.
    fn default() -> Self {
        Self {
            part_bytes_min: limits::PART_BYTES_MIN,
            copy_bytes_max: limits::COPY_OBJECT_BYTES_MAX,
            restore_delay: Duration::from_secs(4 * 3600),
            logs_effects: true,
        }
    }
}

/// The simulated store. Clones are one store.
#[derive(Clone)]
pub struct SimulatedStore(Arc<Inner>);

struct Inner {
    config: SimulatedConfig,
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
        Self(Arc::new(Inner { config, clock, entropy, calls, refused: AtomicU64::new(0), state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn at the state.
    fn turn<T>(&self, act: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let mut state = self.state();
        act(&mut Turn {
            state: &mut state,
            config: &self.0.config,
            entropy: &*self.0.entropy,
            now_s: self.0.clock.now().as_second(),
        })
    }

    fn answer(&self, call: Call, is_paying: bool) -> Result<Answer, Refusal> {
        self.check_payer_of(&call, is_paying)?;
        Ok(match call {
            Call::HeadObject(r) => Answer::HeadObject(self.turn(|turn| turn.head_object(r))?),
            Call::GetObject(r) => Answer::GetObject(self.turn(|turn| turn.get_object(r))?),
            Call::PutObject(r) => {
                let digest = Digest::of(&Body::from(r.body.clone()));
                Answer::PutObject(self.turn(|turn| turn.put_object(r, digest))?)
            }
            Call::CopyObject(r) => Answer::CopyObject(self.turn(|turn| turn.copy_object(r))?),
            Call::DeleteObject(r) => Answer::DeleteObject(self.turn(|turn| turn.delete_object(r))?),
            Call::DeleteObjects(r) => Answer::DeleteObjects(self.turn(|turn| turn.delete_objects(r))?),
            Call::GetObjectTagging(r) => Answer::GetObjectTagging(self.turn(|turn| turn.get_object_tagging(r))?),
            Call::PutObjectTagging(r) => Answer::PutObjectTagging(self.turn(|turn| turn.put_object_tagging(r))?),
            Call::GetObjectAcl(r) => Answer::GetObjectAcl(self.turn(|turn| turn.get_object_acl(r))?),
            Call::PutObjectAcl(r) => Answer::PutObjectAcl(self.turn(|turn| turn.put_object_acl(r))?),
            Call::RestoreObject(r) => Answer::RestoreObject(self.turn(|turn| turn.restore_object(r))?),
            Call::ListObjectsV2(r) => Answer::ListObjectsV2(self.turn(|turn| turn.list_objects(r))?),
            Call::CreateMultipartUpload(r) => {
                Answer::CreateMultipartUpload(self.turn(|turn| turn.create_multipart_upload(r))?)
            }
            Call::UploadPart(r) => {
                let digest = Digest::of(&Body::from(r.body.clone()));
                Answer::UploadPart(self.turn(|turn| turn.upload_part(r, digest))?)
            }
            Call::UploadPartCopy(r) => Answer::UploadPartCopy(self.turn(|turn| turn.upload_part_copy(r))?),
            Call::CompleteMultipartUpload(r) => {
                Answer::CompleteMultipartUpload(self.turn(|turn| turn.complete_multipart_upload(r))?)
            }
            Call::ListParts(r) => Answer::ListParts(self.turn(|turn| turn.list_parts(r))?),
            Call::AbortMultipartUpload(r) => {
                Answer::AbortMultipartUpload(self.turn(|turn| turn.abort_multipart_upload(r))?)
            }
            Call::ListObjectVersions(r) => Answer::ListObjectVersions(self.turn(|turn| turn.list_object_versions(r))?),
            Call::ListMultipartUploads(r) => {
                Answer::ListMultipartUploads(self.turn(|turn| turn.list_multipart_uploads(r))?)
            }
            Call::PutObjectLegalHold(r) => {
                Answer::PutObjectLegalHold(self.hold(&r.at, r.version.as_ref(), r.is_held)?)
            }
            Call::GetObjectAttributes(r) => {
                Answer::GetObjectAttributes(self.turn(|turn| turn.get_object_attributes(r))?)
            }
        })
    }

    fn counted_answer(&self, call: Call, is_paying: bool) -> Result<Answer, CallError> {
        self.0.calls[call.kind() as usize].fetch_add(1, Ordering::Relaxed);
        self.answer(call, is_paying).map_err(|refusal| {
            let request = self.0.refused.fetch_add(1, Ordering::Relaxed);
            refusal.into_error(format!("SIM{request:013X}"))
        })
    }
}

#[async_trait]
impl ObjectStore for SimulatedStore {
    async fn call(&self, _leash: &Leash, call: Call) -> Result<Answer, CallError> {
        self.counted_answer(call, false)
    }
}
