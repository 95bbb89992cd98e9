//! The judge: each row of the report against what calls did and what lies in the buckets.
//!
//! A success has its effect; a failure had none unless it says that its effect is unknown; an object
//! that no row names is unchanged; another writer's object is there; the report names every upload
//! that is left.

use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};
use brigade_model::ports::object_store::{At, CallKind};
use brigade_s3::simulated::{LoggedEffect, SimulatedObject};
use md5::{Digest, Md5};

use super::scenario::Act;
use super::setup::{End, Played, Report, name, parts_of};
use crate::function::said_of;
use crate::parts::sum_of_parts;
use crate::test_service::{at, s3control};

/// Everything that does not hold.
pub(crate) fn judge(played: &Played) -> Vec<String> {
    let mut broken = unlisted(played);
    broken.extend(foreign(played));
    match &played.end {
        End::Refused => {}
        End::Runs => broken.push("it has not ended".to_owned()),
        End::Listed(listed) => broken.extend(listed.as_ref().and_then(|listed| list(played, listed))),
        End::Ended(job, report) => {
            broken.extend(rows(played, report));
            broken.extend(uploads(played, report));
            broken.extend(invocations(played, report));
            let counted = job.progress.succeeded + job.progress.failed;
            if counted != report.rows.len() as u64 {
                broken.push(format!("{counted} tasks are counted, the report has {}", report.rows.len()));
            }
        }
    }
    broken
}

/// The objects that the job may change.
fn may_change(played: &Played, row: &str) -> At {
    at(if is_copy(played.scenario.act) { "backup" } else { "photos" }, row)
}

fn is_copy(act: Act) -> bool {
    match act {
        Act::Delete | Act::DeleteOne | Act::DeleteVersion | Act::DeleteStray => false,
        Act::Tag | Act::AddTags | Act::RemoveTags | Act::Untag | Act::Acl | Act::LegalHold | Act::Retention => false,
        Act::Checksum | Act::ChecksumGzip | Act::ChecksumOfParts => false,
        Act::Restore | Act::WaitForRestore | Act::List | Act::Encryption | Act::Invoke => false,
        Act::Copy
        | Act::CopyOver
        | Act::CopyStray
        | Act::CopyMissing
        | Act::CopyUnreadable
        | Act::CopyDressed
        | Act::CopyMerged
        | Act::CopyText
        | Act::CopyLarge
        | Act::CopyAcross
        | Act::CopyGzipAcross => true,
    }
}

/// Calls that do what the job is for.
fn acts(act: Act) -> &'static [CallKind] {
    match act {
        Act::Delete | Act::DeleteOne | Act::DeleteVersion | Act::DeleteStray => {
            &[CallKind::DeleteObject, CallKind::DeleteObjects]
        }
        Act::Tag | Act::AddTags | Act::RemoveTags => &[CallKind::PutObjectTagging],
        Act::Untag => &[CallKind::DeleteObjectTagging],
        Act::Acl => &[CallKind::PutObjectAcl],
        Act::LegalHold => &[CallKind::PutObjectLegalHold],
        Act::Retention => &[CallKind::PutObjectRetention],
        Act::Checksum | Act::ChecksumGzip | Act::ChecksumOfParts | Act::WaitForRestore | Act::Invoke => &[],
        Act::Encryption => &[CallKind::UpdateObjectEncryption],
        Act::Restore => &[CallKind::RestoreObject],
        Act::CopyAcross | Act::CopyGzipAcross => &[CallKind::PutObject, CallKind::CompleteMultipartUpload],
        _ => &[CallKind::CopyObject, CallKind::CompleteMultipartUpload],
    }
}

/// What our calls did to that object: another writer's write is no call of ours.
fn effects<'a>(played: &'a Played, at: &'a At) -> impl Iterator<Item = &'a LoggedEffect> {
    let is_theirs =
        move |effect: &LoggedEffect| effect.call == CallKind::PutObject && played.foreign.contains_key(&name(at));
    let own = played.effects.iter().filter(move |effect| effect.at == *at && !is_theirs(effect));
    // Of as many puts as there are one is theirs.
    let theirs = played.effects.iter().filter(move |effect| effect.at == *at && is_theirs(effect));
    own.chain(theirs.skip(1))
}

fn looks(object: Option<&SimulatedObject>) -> String {
    let looks = |object: &SimulatedObject| format!("{:?} {:?} {:?}", object.head, object.tags, object.acl);
    object.map_or("nothing".to_owned(), looks)
}

/// What no row names is as it was, and no call did anything to it.
fn unlisted(played: &Played) -> Vec<String> {
    let listed: Vec<String> = played.rows.iter().map(|row| name(&may_change(played, row))).collect();
    let is_theirs = |name: &String| played.foreign.contains_key(name);
    let names: std::collections::BTreeSet<&String> = played.before.keys().chain(played.after.keys()).collect();
    let others = names.into_iter().filter(|name| !listed.contains(name) && !is_theirs(name));
    let changed = others.filter(|name| looks(played.before.get(*name)) != looks(played.after.get(*name)));
    let mut broken: Vec<String> =
        changed.map(|name| format!("{name} is not listed and is {}", looks(played.after.get(name)))).collect();
    let places = played.effects.iter().map(|effect| (effect, name(&effect.at)));
    let strays = places.filter(|(_, name)| !listed.contains(name) && !is_theirs(name));
    broken.extend(strays.map(|(effect, name)| format!("{} did something to {name}", effect.call.name())));
    if played.scenario.act == Act::DeleteVersion {
        // The rows name a version that is none of those that were there.
        let removed = played.effects.iter().filter(|effect| effect.version.as_str() != "00000000000000aa");
        broken.extend(removed.map(|effect| format!("version {} of {} is gone", effect.version, name(&effect.at))));
    }
    broken
}

/// What another writer wrote is there.
fn foreign(played: &Played) -> Vec<String> {
    let is_there = |(name, wrote): &(&String, &SimulatedObject)| {
        let there = played.after.get(*name);
        there.is_some_and(|there| there.head.etag == wrote.head.etag)
    };
    let lost = played.foreign.iter().filter(|pair| !is_there(pair));
    lost.map(|(name, _)| format!("what another writer wrote to {name} is {}", looks(played.after.get(name)))).collect()
}

/// Codes of tasks whose call was carried out, and whose object is not as the job wants it.
const TELL_OF_A_PART: [&str; 7] = [
    "AclNotKept",
    "DigestMismatch",
    "EncryptionNotKept",
    "MetadataNotKept",
    "SourceChanged",
    "StorageClassNotKept",
    "TagsNotKept",
];

fn rows(played: &Played, report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    for row in &played.rows {
        let target = may_change(played, row);
        let mut acted = effects(played, &target).filter(|effect| acts(played.scenario.act).contains(&effect.call));
        let has_acted = acted.next().is_some();
        let told = report.rows.iter().find(|found| found.key == *row);
        let said = told.map_or("", |told| &told.message);
        let told = told.map(|told| (told.is_success, told.code.as_str()));
        match told {
            Some((true, _)) if !has_acted => {
                let was_there = played.before.contains_key(&name(&target));
                let is_idle = match acts(played.scenario.act) {
                    [] if played.scenario.act == Act::Invoke => said.starts_with(&said_of(row)),
                    // A look, which changes nothing: below is seen whether the object was restored.
                    [] if played.scenario.act == Act::WaitForRestore => true,
                    [] => said.contains(&sum_of(played, row)),
                    [CallKind::DeleteObject, ..] => !was_there,
                    _ => false,
                };
                if !is_idle {
                    broken.push(format!("{row} succeeded ({said}), and no call did it"));
                }
            }
            Some((true, _)) => broken.extend(unlike(played, row)),
            Some((false, UNCONFIRMED)) => {}
            Some((false, code)) if TELL_OF_A_PART.contains(&code) => {}
            Some((false, CHANGED_SINCE_ATTEMPT)) if played.foreign.is_empty() => {
                broken.push(format!("{row} is {CHANGED_SINCE_ATTEMPT}, and no other writer wrote it"));
            }
            Some((false, CHANGED_SINCE_ATTEMPT)) => {}
            Some((false, code)) if has_acted => broken.push(format!("{row} failed with {code}, and it was done")),
            Some((false, code)) if played.scenario.act == Act::CopyMissing && code != "NoSuchKey" => {
                broken.push(format!("{row} is not there, and it failed with {code}"));
            }
            Some((false, code)) if can_be_done(played, row) => broken.push(format!("{row} failed with {code}")),
            Some((false, _)) => {}
            None if has_acted => broken.push(format!("{row} is not in the report, and it was done")),
            None => {}
        }
    }
    broken
}

/// Whether nothing stood in the way, so that a failure has no cause.
fn can_be_done(played: &Played, row: &str) -> bool {
    use brigade_s3::simulated::Habit as H;
    let excuses = [H::IgnoresVersions, H::FoldsKeys, H::SendsZeros, H::Decompresses, H::UploadsExpire];
    let excuses = excuses.iter().chain(&[H::OneKeyIsUnreadable, H::DeniesWhatIsAbsent]);
    let is_excused = excuses.into_iter().any(|habit| played.scenario.habits.contains(habit));
    let is_there = played.before.contains_key(&format!("photos/{row}"));
    is_there && !is_excused && played.foreign.is_empty()
}

/// Where a success is not what was wanted; what another writer wrote after it is theirs.
fn unlike(played: &Played, row: &str) -> Option<String> {
    let target = name(&may_change(played, row));
    if played.foreign.contains_key(&target) {
        return None;
    }
    let (source, now) = (played.after.get(&format!("photos/{row}")), played.after.get(&target));
    let is_done = match (played.scenario.act, now) {
        (Act::Delete | Act::DeleteOne | Act::DeleteStray, now) => now.is_none(),
        (Act::DeleteVersion, _) => false,
        (_, None) => false,
        (Act::Tag, Some(now)) => now.tags.len() == 1,
        (Act::AddTags, Some(now)) => has_tags(now, &["a", "b", "kept"]),
        (Act::RemoveTags, Some(now)) => has_tags(now, &["kept"]),
        (Act::Untag, Some(now)) => now.tags.is_empty(),
        (Act::Acl, Some(now)) => now.acl.grants.len() > 1,
        (Act::LegalHold, Some(now)) => now.head.lock.is_held == Some(true),
        (Act::Retention, Some(now)) => now.head.lock.retention.is_some(),
        (Act::Restore | Act::WaitForRestore, Some(now)) => now.head.restore.is_some(),
        (Act::Encryption, Some(now)) => now.head.sse_key.as_deref() == Some(s3control::KEY),
        (Act::CopyMerged, Some(now)) => is_one_state(now),
        (Act::CopyText, Some(now)) => is_same(source, now) && has_text(now),
        (Act::CopyDressed, Some(now)) => is_same(source, now) && is_dressed(now),
        (_, Some(now)) => is_same(source, now),
    };
    (!is_done).then(|| format!("{row} succeeded, and it is {}", looks(now)))
}

/// The checksum of the object's bytes as they were, or of its parts, as a report has it.
fn sum_of(played: &Played, row: &str) -> String {
    if played.scenario.act == Act::ChecksumOfParts {
        return sum_of_parts(&parts_of(row));
    }
    let before = played.before.get(&format!("photos/{row}"));
    before.map_or(String::new(), |object| hex::encode_upper(Md5::digest(object.body.to_bytes())))
}

fn has_tags(now: &SimulatedObject, keys: &[&str]) -> bool {
    now.tags.len() == keys.len() && keys.iter().all(|key| now.tags.iter().any(|tag| tag.key == *key))
}

fn is_same(source: Option<&SimulatedObject>, now: &SimulatedObject) -> bool {
    source.is_some_and(|source| {
        let is_large = source.body.size() > 1 << 20;
        let same_bytes = is_large || source.body.to_bytes() == now.body.to_bytes();
        source.body.size() == now.body.size() && same_bytes
    })
}

fn is_dressed(now: &SimulatedObject) -> bool {
    let is_marked = now.head.metadata.user.iter().any(|(name, value)| name == "mark" && value == "copied");
    let class = now.head.storage_class.as_deref();
    is_marked && now.tags.len() == 1 && now.acl.grants.len() > 1 && class == Some("STANDARD_IA")
}

/// The source's text, and the job's own metadata beside it.
fn has_text(now: &SimulatedObject) -> bool {
    let user = |name: &str| now.head.metadata.user.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    (user("name"), user("mark")) == (Some("Zoë"), Some("copied"))
}

/// Bytes and metadata are of one moment.
fn is_one_state(now: &SimulatedObject) -> bool {
    let state = now.head.metadata.user.iter().find(|(name, _)| name == "state").map(|(_, state)| state);
    state.is_some_and(|state| now.body.to_bytes().ends_with(state.as_bytes()))
}

fn uploads(played: &Played, report: &Report) -> Vec<String> {
    let named = report.manifest["LeftUploads"].as_array();
    let is_named = |id: &&String| named.into_iter().flatten().any(|upload| upload["UploadId"] == id.as_str());
    // The answer that names it got lost.
    let is_unknown = played.scenario.habits.contains(&brigade_s3::simulated::Habit::LosesAnswerOfCreate);
    let left = played.open_uploads.iter().filter(|id| !is_named(id) && !is_unknown);
    left.map(|id| format!("upload {id} is left and no message names it")).collect()
}

/// A list that passes for whole names each key once.
fn list(played: &Played, listed: &[String]) -> Option<String> {
    let mut sorted = listed.to_vec();
    sorted.sort_unstable();
    let expected: Vec<&str> = played.rows.iter().map(String::as_str).collect();
    (sorted != expected)
        .then(|| format!("{} keys are listed as {:?}..", expected.len(), &sorted[..sorted.len().min(3)]))
}

/// By the function's own record: each id is of one row, a repeat comes under the same id, and the row says that it was
/// done or may have been.
fn invocations(played: &Played, report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, keys) in &played.invoked {
        let told = report.rows.iter().find(|row| keys.iter().all(|key| *key == row.key));
        match told {
            None => broken.push(format!("{id} came with {keys:?}")),
            Some(row) if !row.is_success && row.code != UNCONFIRMED => {
                broken.push(format!("{id} was done, and {} failed with {}", row.key, row.code));
            }
            Some(row) if row.is_success && keys.len() <= played.scenario.lost_answers => {
                broken.push(format!("{} succeeded, and {} answers were lost", row.key, keys.len()));
            }
            Some(_) => {}
        }
    }
    let is_wanted = played.scenario.act == Act::Invoke && played.invoked.len() != played.rows.len();
    broken.extend(is_wanted.then(|| format!("{} ids came for {} rows", played.invoked.len(), played.rows.len())));
    broken
}
