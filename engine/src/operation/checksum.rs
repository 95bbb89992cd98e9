//! Computes a checksum of an object, and tells it in the report.
//!
//! It changes nothing, so a repeat checks nothing. Where the row says what the checksum must be, the bytes are read
//! and compared with it. Otherwise the value is the store's own where the endpoint is proved
//! to keep checksums and declares one of all bytes by that algorithm; else the bytes are read, in ranges that
//! are pinned to the state of the object that was looked at. They must be what the store declares of them by
//! other digests, so that bytes which changed on their way get no checksum.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use brigade_model::Outcome;
use brigade_model::limits::OUTCOME_MESSAGE_BYTES_MAX;
use brigade_model::operation::{ComputeChecksum, DigestAlgorithm, Side};
use brigade_model::ports::object_store::{At, ObjectHead};
use serde::Serialize;

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::digests::{Digests, Hash, Hashing};
use super::failure::{Doing, End, reject};
use super::source::{Source, check_source, source_changed};
use super::task_context::TaskContext;

/// The code of an object that has another checksum than its row says.
const CHECKSUM_MISMATCH: &str = "ChecksumMismatch";

/// Bytes that are asked for at once, and for which room is taken.
pub(super) const BYTES_AT_ONCE: u64 = 8 * 1024 * 1024;

#[async_trait]
impl ObjectOperation for ComputeChecksum {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        // Whatever was attempted before had no effect.
        context.end_doubt();
        let at = context.find_source()?;
        let expected =
            context.task.checksum.as_deref().map(|given| read_expected(self.algorithm, given)).transpose()?;
        let head = context.read_head(&context.slice.source, &at, context.task.version.as_ref()).await;
        let head = head.doing("reading the object's head")?;
        let is_trusted = Feature::TakeChecksum.is_possible_at(&context.slice.source.capabilities);
        // Who compares wants to know of the bytes, and not what the store believes of them.
        let declared = declared_checksum(&head, self.algorithm).filter(|_| is_trusted && expected.is_none());
        let checksum = match declared {
            Some(checksum) => checksum,
            None => compute(context, &at, &head, self.algorithm).await?,
        };
        if context.slice.is_dry_run {
            return Ok(Outcome::Succeeded);
        }
        if let Some(expected) = expected.filter(|expected| *expected != checksum) {
            return Err(differs(self.algorithm, &checksum, &expected));
        }
        Ok(Outcome::SucceededWith { message: message(self.algorithm, &checksum, &head) })
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, Feature::TakeChecksum)]
    }
}

/// The checksum that a row has, in hexadecimal or base64.
fn read_expected(algorithm: DigestAlgorithm, given: &str) -> Result<Vec<u8>, End> {
    let read = [hex::decode(given).ok(), BASE64_STANDARD.decode(given).ok()];
    let found = read.into_iter().flatten().find(|checksum| checksum.len() == algorithm.bytes());
    found.ok_or_else(|| {
        let message = format!("the row has no {} in hexadecimal or base64: {given:?}", algorithm.name());
        reject("InvalidArgument", Some(400), message)
    })
}

/// The end of an object whose checksum is not the row's.
fn differs(algorithm: DigestAlgorithm, checksum: &[u8], expected: &[u8]) -> End {
    let [has, wanted] = [checksum, expected].map(hex::encode);
    reject(CHECKSUM_MISMATCH, None, format!("the object's {} is {has}, and the row has {wanted}", algorithm.name()))
}

/// What the store declares of all bytes by that algorithm; an ETag is no checksum.
fn declared_checksum(head: &ObjectHead, algorithm: DigestAlgorithm) -> Option<Vec<u8>> {
    let is_it = |declared: DigestAlgorithm| declared == algorithm;
    let checksum = head.checksums.iter().find(|checksum| checksum.is_of_whole && is_it(checksum.algorithm.into()))?;
    BASE64_STANDARD.decode(&checksum.value).ok().filter(|value| value.len() == algorithm.bytes())
}

async fn compute(
    context: &TaskContext<'_>,
    at: &At,
    head: &ObjectHead,
    algorithm: DigestAlgorithm,
) -> Result<Vec<u8>, End> {
    // Without an ETag only one answer is certainly of one state.
    let at_once = if head.etag.is_some() || context.slice.is_dry_run { BYTES_AT_ONCE } else { head.size };
    let _room = context.room_for(at_once.min(head.size)).await?;
    let source = Source { context, at, head };
    let (mut hash, mut proof) = (Hash::new(algorithm), Hashing::to_compare_with(&Digests::declared(head)));
    let mut from = 0;
    loop {
        let to = head.size.min(from + at_once);
        let range = (to - from < head.size).then(|| (from, to - 1));
        let take = |piece: &[u8]| {
            // The zeros of a dry run tell nothing.
            if !context.slice.is_dry_run {
                hash.update(piece);
                proof.update(piece);
            }
        };
        source.read(range, take).await.map_err(as_change)?;
        from = to;
        if from == head.size {
            break;
        }
    }
    check_source(&proof.finish(), head)?;
    Ok(hash.finish(algorithm.bytes()))
}

/// A store that keeps the condition of a read refuses it once another has written the object.
fn as_change(end: End) -> End {
    match end {
        End::Call { error, .. } if error.http_status == Some(412) => source_changed(),
        end => end,
    }
}

/// What S3's own reports say of a checksum.
#[derive(Serialize)]
struct ChecksumMessage<'a> {
    checksum_base64: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(rename = "checksumAlgorithm")]
    algorithm: &'static str,
    #[serde(rename = "checksumType")]
    kind: &'static str,
    checksum_hex: String,
}

fn message(algorithm: DigestAlgorithm, checksum: &[u8], head: &ObjectHead) -> String {
    let json = |etag| {
        let told = ChecksumMessage {
            checksum_base64: BASE64_STANDARD.encode(checksum),
            etag,
            algorithm: algorithm.name(),
            kind: "FULL_OBJECT",
            checksum_hex: hex::encode_upper(checksum),
        };
        serde_json::to_string(&told).expect("texts are JSON")
    };
    let whole = json(head.etag.as_ref().map(|etag| etag.unquoted()));
    // A longer message is cut, and then it is no JSON any more.
    if whole.len() > OUTCOME_MESSAGE_BYTES_MAX { json(None) } else { whole }
}

#[cfg(test)]
mod tests {
    use brigade_model::ETag;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_told_stays_json_however_long_the_etag_is() {
        for (length, is_told) in [(32, true), (1000, false)] {
            let head = ObjectHead { etag: ETag::new("e".repeat(length)).ok(), ..ObjectHead::default() };
            let text = message(DigestAlgorithm::Sha512, &[255; 64], &head);
            assert!(text.len() <= OUTCOME_MESSAGE_BYTES_MAX);
            let told: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(told["checksum_hex"], "F".repeat(128));
            assert_eq!(told.get("etag").is_some(), is_told);
        }
    }
}
