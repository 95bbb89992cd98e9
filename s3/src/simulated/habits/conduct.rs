//! The conduct of a store with a set of habits, worked out once: how it understands a call, which calls
//! it refuses, what it keeps, and what becomes of an answer.

use brigade_model::Timestamp;
use brigade_model::names::ObjectKey;
use brigade_model::ports::Entropy;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, CallKind, DeleteResult, Effect, GetObject, ObjectHead, Verdict,
};
use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::Body;
use super::super::bucket::Bucket;
use super::super::listing::{self, ListQuery, Listing};
use super::super::object::Digest;
use super::super::refusal::Refusal;
use super::Habits;
use super::calls::object_of;
use crate::verdict::{self, Seen, failed_delete};

/// One row of what becomes of answers.
type Fate = (Way, &'static [CallKind], Occasion);

/// The call that is carried out in the place of another, and the answer to that other.
type Pose = fn(&Call) -> Option<(Call, Answer)>;

/// What a store does. Without habits, what S3 promises.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conduct {
    habits: Habits,
    /// Since when it has them.
    since: Timestamp,
    pub(super) hears: Vec<fn(&mut Call)>,
    pub(super) refuses: Vec<fn(&Call) -> Option<Refusal>>,
    pub(super) poses: Vec<Pose>,
    pub(super) excuses: Vec<fn(CallKind, Refusal) -> Refusal>,
    pub(super) reads: Vec<fn(&mut ObjectHead, Body) -> Body>,
    fates: Vec<Fate>,
    pub(super) names_half_of_deletes: bool,
    pub(super) fails_half_of_deletes: bool,
    pub(super) copies_onto_itself: bool,
    pub(super) copies_any_size: bool,
    pub(super) writes_drop_uploads: bool,
    pub(super) uploads_expire: bool,
    pub(super) lists_completed_uploads: bool,
    pub(super) repeats_complete: bool,
    pub(super) parts_etag: PartsEtag,
    pub(super) dates_by_upload: bool,
    /// -1, 0 or 1 times the skew.
    pub(super) clock_ahead: i64,
    pub(super) clock_drifts: bool,
    pub(super) lists_unordered: bool,
    pub(super) lists_for_ever: bool,
    pub(super) lists_encoded: bool,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// The caller never gets it.
    Lost,
    /// It comes late.
    Late,
    /// It is a 200 without a body.
    Empty,
    /// It is a 200 with an error inside, though the call was carried out.
    ErrorThoughDone,
    /// It is a 200 with an error inside, and the call is not carried out.
    ErrorNotDone,
    /// The key service behind the bucket is asked too often, and the call is not carried out.
    KeyServiceBusy,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Always,
    /// With the first such call on each object.
    FirstOfObject,
}

/// How the ETag of an object made of parts comes about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum PartsEtag {
    /// The MD5 of the parts' MD5s.
    #[default]
    Binary,
    /// The MD5 of their hexadecimal text.
    HexText,
    Random,
}

impl Conduct {
    /// The conduct of a store that has these habits from now on.
    pub(crate) fn of(habits: Habits, now: Timestamp) -> Self {
        let set = habits.set.clone();
        let mut conduct = Self { habits, since: now, ..Self::default() };
        set.into_iter().for_each(|habit| habit.apply(&mut conduct));
        conduct
    }

    /// The conduct in a bucket that the habits do not concern: a clock is the whole store's.
    pub(crate) fn outside(&self) -> Self {
        Self {
            habits: self.habits.clone(),
            since: self.since,
            clock_ahead: self.clock_ahead,
            clock_drifts: self.clock_drifts,
            ..Self::default()
        }
    }

    pub(super) fn way(&mut self, way: Way, calls: &'static [CallKind], occasion: Occasion) {
        self.fates.push((way, calls, occasion));
    }

    pub(super) fn lose(&mut self, calls: &'static [CallKind]) {
        self.way(Way::Lost, calls, Occasion::FirstOfObject);
    }

    /// The habits that lead to it.
    pub(crate) fn habits(&self) -> &Habits {
        &self.habits
    }

    /// The time of day at the store, in whole seconds since 1970.
    pub(crate) fn second(&self, now: Timestamp) -> i64 {
        let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4);
        let skew_ms = self.clock_ahead * ms(self.habits.skew);
        let elapsed_ms = now.as_millisecond().saturating_sub(self.since.as_millisecond());
        let drift = i64::from(if self.clock_drifts { self.habits.drift_ppm } else { 0 });
        let drifted_ms = elapsed_ms.saturating_mul(drift) / 1_000_000;
        now.as_millisecond().saturating_add(skew_ms).saturating_add(drifted_ms).div_euclid(1000)
    }

    /// What the store takes a call for.
    pub(crate) fn hear(&self, call: &mut Call) {
        self.hears.iter().for_each(|hear| hear(call));
    }

    pub(crate) fn hear_get(&self, request: GetObject) -> GetObject {
        let mut call = Call::GetObject(request);
        self.hear(&mut call);
        let Call::GetObject(heard) = call else { unreachable!("a habit changes what a call asks for, not the call") };
        heard
    }

    pub(crate) fn check(&self, call: &Call) -> Result<(), Refusal> {
        self.refuses.iter().find_map(|refuse| refuse(call)).map_or(Ok(()), Err)
    }

    pub(crate) fn pose(&self, call: &Call) -> Option<(Call, Answer)> {
        self.poses.iter().find_map(|pose| pose(call))
    }

    /// What the store says of a refusal.
    pub(crate) fn excuse(&self, kind: CallKind, refusal: Refusal) -> Refusal {
        self.excuses.iter().fold(refusal, |refusal, excuse| excuse(kind, refusal))
    }

    /// What becomes of the answer to this call; `is_first` says whether it is the first such one on
    /// its object, and is asked only when that matters.
    pub(crate) fn way_of(&self, call: &Call, is_first: impl Fn(Way, At) -> bool) -> Option<Way> {
        let kind = call.kind();
        let found = self.fates.iter().find(|(way, calls, occasion)| {
            let is_due = || match occasion {
                Occasion::Always => true,
                Occasion::FirstOfObject => object_of(call).is_some_and(|at| is_first(*way, at)),
            };
            calls.contains(&kind) && is_due()
        });
        found.map(|(way, ..)| *way)
    }

    /// What an answer says: a multi-object delete of its objects.
    pub(crate) fn tell(&self, answer: Answer) -> Answer {
        let Answer::DeleteObjects(results) = answer else { return answer };
        let tell = |(n, result): (usize, DeleteResult)| match result {
            DeleteResult::Deleted(_) if n % 2 == 1 && self.names_half_of_deletes => DeleteResult::Unnamed,
            DeleteResult::Deleted(_) if n % 2 == 1 && self.fails_half_of_deletes => {
                failed_delete("InternalError", "We encountered an internal error. Please try again.")
            }
            result => result,
        };
        Answer::DeleteObjects(results.into_iter().enumerate().map(tell).collect())
    }

    /// What a reader of an object gets.
    pub(crate) fn read(&self, head: &mut ObjectHead, body: Body) -> Body {
        self.reads.iter().fold(body, |body, read| read(head, body))
    }

    pub(crate) fn digest_of_parts(&self, parts: &[Digest], entropy: &dyn Entropy) -> [u8; 16] {
        let mut hash = Md5::new();
        match self.parts_etag {
            PartsEtag::Binary => parts.iter().for_each(|part| hash.update(part.md5)),
            PartsEtag::HexText => parts.iter().for_each(|part| hash.update(hex::encode(part.md5))),
            PartsEtag::Random => {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                return bytes;
            }
        }
        hash.finalize().into()
    }

    /// What an object that was made of the parts of an upload has for its time.
    pub(crate) fn date_of_parts(&self, begun_s: i64, now_s: i64) -> i64 {
        if self.dates_by_upload { begun_s } else { now_s }
    }

    /// Whether a copy may be one that changes nothing.
    pub(crate) fn copies_onto_itself(&self) -> bool {
        self.copies_onto_itself
    }

    pub(crate) fn copy_bytes_max(&self, configured: u64) -> u64 {
        if self.copies_any_size { u64::MAX } else { configured }
    }

    pub(crate) fn writes_drop_uploads(&self) -> bool {
        self.writes_drop_uploads
    }

    /// Uploads that began before this second are gone.
    pub(crate) fn oldest_upload_s(&self, now_s: i64) -> Option<i64> {
        let life_s = i64::try_from(self.habits.upload_life.as_secs()).unwrap_or(i64::MAX / 2);
        self.uploads_expire.then(|| now_s.saturating_sub(life_s))
    }

    /// Uploads that were completed before this second are not listed any more.
    pub(crate) fn oldest_listed_s(&self, now_s: i64) -> Option<i64> {
        let for_s = i64::try_from(self.habits.listed_for.as_secs()).unwrap_or(i64::MAX / 2);
        self.lists_completed_uploads.then(|| now_s.saturating_sub(for_s))
    }

    pub(crate) fn repeats_complete(&self) -> bool {
        self.repeats_complete
    }

    /// Some keys of a bucket.
    pub(crate) fn list(&self, bucket: &Bucket, query: &ListQuery) -> Listing {
        let mut query = query.clone();
        if self.lists_for_ever {
            query.after = None;
        }
        let mut listing = if self.lists_unordered { by_hash(bucket, &query) } else { listing::list(bucket, &query) };
        if self.lists_encoded {
            for object in &mut listing.objects {
                let encoded = utf8_percent_encode(object.key.as_str(), NON_ALPHANUMERIC).to_string();
                object.key = ObjectKey::new(encoded).unwrap_or(object.key.clone());
            }
        }
        listing
    }
}

/// The pages of a listing whose order is that of the keys' hashes; without a delimiter.
fn by_hash(bucket: &Bucket, query: &ListQuery) -> Listing {
    let hash = |key: &str| <[u8; 16]>::from(Md5::digest(key));
    let after = query.after.as_deref().map(hash);
    let keys = bucket.keys_from(&query.prefix, None);
    let mut objects: Vec<_> = keys
        .filter_map(|(key, versions)| Some((hash(key.as_str()), listing::listed(key, versions.last()?)?)))
        .filter(|(hash, _)| after.is_none_or(|after| *hash > after))
        .collect();
    objects.sort_by_key(|(hash, _)| *hash);
    let max = query.max_keys.min(listing::PAGE_MAX) as usize;
    let has_more = objects.len() > max;
    objects.truncate(max);
    let last = objects.last().filter(|_| has_more).map(|(_, object)| object.key.to_string());
    Listing { objects: objects.into_iter().map(|(_, object)| object).collect(), common_prefixes: Vec::new(), last }
}

/// The answer got lost.
pub(crate) fn lost() -> CallError {
    let message = "the connection broke before the answer";
    CallError::new(Verdict::Transient, Effect::Unknown, "ConnectionReset", message)
}

/// An answer with a success's status that is no success.
pub(crate) fn unproven(code: Option<&str>, message: &str) -> CallError {
    let seen = code.map_or(Seen::Empty, |code| Seen::Unproven { code: Some(code) });
    let (verdict, effect) = verdict::judge(seen);
    let code = verdict::own_code(seen);
    let lasting = verdict::lasting(seen, message);
    CallError { http_status: Some(200), lasting, ..CallError::new(verdict, effect, code, message) }
}
