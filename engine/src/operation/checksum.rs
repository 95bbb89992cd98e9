//! Computes a checksum of an object, and tells it in the report.
//!
//! It changes nothing, so a repeat checks nothing. Where the row says what the checksum must be, the bytes are read
//! and compared with it. Otherwise the value is the store's own where the endpoint is proved
//! to keep checksums and declares one of that type by that algorithm; else the bytes are read, in ranges that
//! are pinned to the state of the object that was looked at. They must be what the store declares of them by
//! other digests, so that bytes which changed on their way get no checksum. A checksum of parts is of the parts
//! that the store tells one by one.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::limits::OUTCOME_MESSAGE_BYTES_MAX;
use brigade_model::operation::{ChecksumType, ComputeChecksum, DigestAlgorithm, Side};
use brigade_model::ports::object_store::{At, ObjectHead};
use serde::Serialize;

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::digests::{Digests, Hash, Hashing};
use super::failure::{Doing, End, reject};
use super::source::{Source, check_source, source_changed, source_differs};
use super::task_context::TaskContext;

mod parts;
mod value;

use value::Checksum;

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
        let expected = context.task.checksum.as_deref().map(|given| read_expected(*self, given)).transpose()?;
        let head = context.read_head(&context.slice.source, &at, context.task.version.as_ref()).await;
        let head = head.doing("reading the object's head")?;
        let is_trusted = Feature::TakeChecksum.is_possible_at(&context.slice.source.capabilities);
        let declared = Checksum::declared(&head, *self);
        // Who compares wants to know of the bytes, and not what the store believes of them.
        let checksum = match declared.clone().filter(|_| is_trusted && expected.is_none()) {
            Some(checksum) => checksum,
            None => compute(context, &at, &head, *self).await?,
        };
        if context.slice.is_dry_run {
            return Ok(Outcome::Succeeded);
        }
        if let Some(declared) = declared.filter(|declared| *declared != checksum) {
            let (name, computed, declared) = (self.algorithm.name(), checksum.hex(), declared.hex());
            return Err(source_differs(format!("their {name} is {computed}, and the store declares {declared}")));
        }
        if let Some(expected) = expected.filter(|expected| *expected != checksum) {
            return Err(differs(*self, &checksum, &expected));
        }
        Ok(Outcome::SucceededWith { message: message(*self, &checksum, &head) })
    }

    fn needs(&self) -> Vec<Need> {
        let parts = (self.checksum_type == ChecksumType::Composite).then_some((Side::Source, Feature::ReadParts));
        [(Side::Source, Feature::TakeChecksum)].into_iter().chain(parts).collect()
    }
}

/// The checksum that a row has, in hexadecimal or base64.
fn read_expected(compute: ComputeChecksum, given: &str) -> Result<Checksum, End> {
    Checksum::read(given, compute).ok_or_else(|| {
        let name = compute.algorithm.name();
        let message = match compute.checksum_type {
            ChecksumType::FullObject => format!("the row has no {name} in hexadecimal or base64: {given:?}"),
            ChecksumType::Composite => {
                format!("the row has no {name} of parts in hexadecimal or base64 with -N at its end: {given:?}")
            }
        };
        reject("InvalidArgument", Some(400), message)
    })
}

/// The end of an object whose checksum is not the row's.
fn differs(compute: ComputeChecksum, checksum: &Checksum, expected: &Checksum) -> End {
    let (name, has, wanted) = (compute.algorithm.name(), checksum.hex(), expected.hex());
    reject(CHECKSUM_MISMATCH, None, format!("the object's {name} is {has}, and the row has {wanted}"))
}

async fn compute(
    context: &TaskContext<'_>,
    at: &At,
    head: &ObjectHead,
    ComputeChecksum { algorithm, checksum_type }: ComputeChecksum,
) -> Result<Checksum, End> {
    match checksum_type {
        ChecksumType::FullObject => {
            let mut digests = digests_of(context, at, head, algorithm, &[head.size]).await?;
            Ok(Checksum { digest: digests.pop().unwrap_or_default(), parts: None })
        }
        ChecksumType::Composite => {
            let sizes = parts::read_sizes(context, at, head).await?;
            let digests = digests_of(context, at, head, algorithm, &sizes).await?;
            let mut hash = Hash::new(algorithm);
            digests.iter().for_each(|digest| hash.update(digest));
            Ok(Checksum { digest: hash.finish(algorithm.bytes()), parts: u32::try_from(digests.len()).ok() })
        }
    }
}

/// A digest of each run of so many bytes, which together are the object.
async fn digests_of(
    context: &TaskContext<'_>,
    at: &At,
    head: &ObjectHead,
    algorithm: DigestAlgorithm,
    sizes: &[u64],
) -> Result<Vec<Vec<u8>>, End> {
    // Without an ETag only one answer is certainly of one state.
    let at_once = if head.etag.is_some() || context.slice.is_dry_run { BYTES_AT_ONCE } else { head.size };
    let _room = context.room_for(at_once.min(head.size)).await?;
    let source = Source { context, at, head };
    let mut proof = Hashing::to_compare_with(&Digests::declared(head));
    let (mut digests, mut from) = (Vec::with_capacity(sizes.len()), 0);
    for size in sizes {
        let (mut hash, end) = (Hash::new(algorithm), from + size);
        loop {
            let to = end.min(from + at_once);
            let range = (to - from < head.size).then(|| (from, to.saturating_sub(1)));
            let take = |piece: &[u8]| {
                // The zeros of a dry run tell nothing.
                if !context.slice.is_dry_run {
                    hash.update(piece);
                    proof.update(piece);
                }
            };
            // A last part may be empty; of an empty object the answer itself is looked at.
            if to > from || head.size == 0 {
                source.read(range, take).await.map_err(as_change)?;
            }
            from = to;
            if from == end {
                break;
            }
        }
        digests.push(hash.finish(algorithm.bytes()));
    }
    check_source(&proof.finish(), head)?;
    Ok(digests)
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

fn message(compute: ComputeChecksum, checksum: &Checksum, head: &ObjectHead) -> String {
    let json = |etag| {
        let told = ChecksumMessage {
            checksum_base64: checksum.base64(),
            etag,
            algorithm: compute.algorithm.name(),
            kind: compute.checksum_type.name(),
            checksum_hex: checksum.hex().to_ascii_uppercase(),
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
            let compute =
                ComputeChecksum { algorithm: DigestAlgorithm::Sha512, checksum_type: ChecksumType::Composite };
            let checksum = Checksum { digest: vec![255; 64], parts: Some(10_000) };
            let text = message(compute, &checksum, &head);
            assert!(text.len() <= OUTCOME_MESSAGE_BYTES_MAX);
            let told: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(told["checksum_hex"], format!("{}-10000", "F".repeat(128)));
            assert_eq!(told.get("etag").is_some(), is_told);
        }
    }
}
