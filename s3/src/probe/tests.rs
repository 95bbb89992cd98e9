//! Probes of the simulated store, and of stores that get things wrong as real servers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Answer, At, Call, CompleteMultipartUpload, CopyObject, DeleteObject, Effect, GetObject, ListObjectVersions,
    ListObjectsV2, NewObject, PartHead, PutObject, PutObjectTagging, UploadPartCopy, Verdict, send,
};
use brigade_runtime::{SeededEntropy, SystemClock};
use bytes::Bytes;

use super::*;
use crate::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};

fn store(versioning: Versioning) -> (SimulatedStore, BucketName) {
    let clock = Arc::new(SystemClock::new());
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SeededEntropy::new(1)));
    let bucket = BucketName::new("scratch").unwrap();
    store.create_bucket(&bucket, versioning).unwrap();
    if versioning == Versioning::Enabled {
        store.set_lock(&bucket, ObjectLock::default()).unwrap();
    }
    let theirs = At { bucket: bucket.clone(), key: "theirs".parse().unwrap() };
    store.put(&theirs, Bytes::from("precious").into()).unwrap();
    (store, bucket)
}

/// Everything that lies in the bucket: versions and delete markers, and open uploads.
fn contents(store: &SimulatedStore, bucket: &BucketName) -> String {
    format!("{:?} {:?}", store.list_versions(bucket, "", None, usize::MAX).unwrap(), store.open_uploads())
}

async fn findings(store: &dyn ObjectStore, bucket: &BucketName) -> Vec<Finding> {
    probe(store, &CancelToken::unbounded(), bucket, "1").await.unwrap()
}

/// What was not proved, beside the one capability that no probe can try.
fn not_proved(findings: &[Finding]) -> Vec<(Capability, Proof, &str)> {
    let (untried, tried): (Vec<&Finding>, Vec<_>) =
        findings.iter().partition(|finding| finding.capability == Capability::UpdateEncryption);
    assert!(untried.iter().all(|finding| finding.proof == Proof::Untested), "{untried:?}");
    let rest = tried.into_iter().filter(|finding| finding.proof != Proof::Proved);
    rest.map(|finding| (finding.capability, finding.proof, finding.seen.as_str())).collect()
}

#[tokio::test]
async fn a_store_that_does_everything_is_proved_to_and_the_bucket_is_as_before() {
    let (store, bucket) = store(Versioning::Enabled);
    let before = contents(&store, &bucket);
    let found = findings(&store, &bucket).await;
    assert_eq!(not_proved(&found), []);
    assert_eq!(found.iter().map(|finding| finding.capability).collect::<Vec<_>>(), Capability::ALL);
    assert_eq!(contents(&store, &bucket), before);
}

#[tokio::test]
async fn what_a_bucket_without_versions_does_not_let_be_tried_is_untested() {
    let (store, bucket) = store(Versioning::Off);
    let before = contents(&store, &bucket);
    let untested: Vec<_> = not_proved(&findings(&store, &bucket).await).into_iter().map(|(c, p, _)| (c, p)).collect();
    assert_eq!(untested, [(Capability::Versions, Proof::Untested), (Capability::ObjectLock, Proof::Untested)]);
    assert_eq!(contents(&store, &bucket), before);
}

/// What real servers do: answer 2xx and do something else.
#[derive(Debug, Clone, Copy)]
enum Habit {
    OverwritesOnTagging,
    DropsTagsOfCopies,
    IgnoresConditions,
    IgnoresConditionsOnParts,
    IgnoresRanges,
    HidesParts,
    DropsClasses,
    DropsMetadataOfCopies,
    DropsEncryption,
    DropsChecksums,
    ForgetsRestores,
    IgnoresAcls,
    DropsTagsOfPuts,
    IgnoresConditionsOnWrites,
    FoldsKeys,
    DeletesUnderFoldedKeys,
    ListsBackwards,
    ListsEncoded,
    ListsForever,
}

/// The key as stores of files and tidy proxies read it.
fn fold(at: At) -> At {
    let mut segments = Vec::new();
    for segment in at.key.as_str().split('/').filter(|segment| !matches!(*segment, "" | ".")) {
        match segment {
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    At { key: segments.join("/").parse().unwrap(), ..at }
}

struct Habitual {
    inner: SimulatedStore,
    habit: Habit,
}

#[async_trait]
impl ObjectStore for Habitual {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let call = match (self.habit, call) {
            (Habit::OverwritesOnTagging, Call::PutObjectTagging(PutObjectTagging { at, version, tags })) => {
                let with = NewObject { tags: tags.clone(), ..NewObject::default() };
                send(&self.inner, cancel, PutObject::new(at.clone(), "<Tagging>", with)).await?;
                Call::PutObjectTagging(PutObjectTagging { at, version: version.and(None), tags })
            }
            (Habit::DropsTagsOfCopies, Call::CopyObject(copy)) => Call::CopyObject(CopyObject { tags: None, ..copy }),
            (Habit::IgnoresConditions, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { source_if_match: None, ..copy })
            }
            (Habit::IgnoresConditions, Call::DeleteObject(delete)) => {
                Call::DeleteObject(DeleteObject { if_match: None, ..delete })
            }
            (Habit::IgnoresConditionsOnParts, Call::UploadPartCopy(part)) => {
                Call::UploadPartCopy(UploadPartCopy { source_if_match: None, ..part })
            }
            (Habit::IgnoresRanges, Call::UploadPartCopy(part)) => {
                let last = part.range.1 + 3;
                Call::UploadPartCopy(UploadPartCopy { range: (0, last), ..part })
            }
            (Habit::DropsClasses, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { storage_class: None, ..copy })
            }
            (Habit::DropsMetadataOfCopies, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { metadata: None, ..copy })
            }
            (Habit::DropsEncryption, Call::CopyObject(copy)) => Call::CopyObject(CopyObject { sse: None, ..copy }),
            (Habit::DropsChecksums, Call::PutObject(put)) => {
                let with = Box::new(NewObject { checksum_sha256: None, ..*put.with });
                Call::PutObject(PutObject { with, ..put })
            }
            (Habit::ForgetsRestores, Call::RestoreObject(_)) => {
                return Ok(Answer::RestoreObject(brigade_model::ports::object_store::RestoreDone {
                    was_restored: false,
                }));
            }
            (Habit::IgnoresAcls, Call::PutObjectAcl(_)) => return Ok(Answer::PutObjectAcl(())),
            (Habit::DropsTagsOfPuts, Call::PutObject(put)) => {
                let with = Box::new(NewObject { tags: vec![], ..*put.with });
                Call::PutObject(PutObject { with, ..put })
            }
            (Habit::IgnoresConditionsOnWrites, Call::PutObject(put)) => {
                Call::PutObject(PutObject { if_match: None, if_none_match: false, ..put })
            }
            (Habit::IgnoresConditionsOnWrites, Call::CopyObject(copy)) => {
                Call::CopyObject(CopyObject { if_match: None, if_none_match: false, ..copy })
            }
            (Habit::IgnoresConditionsOnWrites, Call::CompleteMultipartUpload(complete)) => {
                let complete = CompleteMultipartUpload { if_match: None, if_none_match: false, ..complete };
                Call::CompleteMultipartUpload(complete)
            }
            (Habit::FoldsKeys, Call::PutObject(put)) => Call::PutObject(PutObject { at: fold(put.at), ..put }),
            (Habit::FoldsKeys, Call::GetObject(get)) => Call::GetObject(GetObject { at: fold(get.at), ..get }),
            (Habit::FoldsKeys | Habit::DeletesUnderFoldedKeys, Call::DeleteObject(delete)) => {
                Call::DeleteObject(DeleteObject { at: fold(delete.at), ..delete })
            }
            (Habit::ListsForever, Call::ListObjectsV2(list)) => {
                Call::ListObjectsV2(ListObjectsV2 { continuation_token: None, ..list })
            }
            (_, call) => call,
        };
        let head_of = match &call {
            Call::HeadPart(part) => Some(part.at.clone()),
            _ => None,
        };
        let mut answer = self.inner.call(cancel, call).await?;
        if let (Habit::HidesParts, Answer::HeadPart(part), Some(at)) = (self.habit, &mut answer, head_of) {
            *part = PartHead { size: self.inner.object(&at).unwrap().head.size, parts: None };
        }
        if let Answer::ListObjectsV2(page) = &mut answer {
            match self.habit {
                Habit::ListsBackwards => page.objects.reverse(),
                Habit::ListsEncoded => {
                    for object in &mut page.objects {
                        let encoded = object.key.as_str().replace('%', "%25").replace('+', "%2B").replace(' ', "+");
                        object.key = encoded.parse().unwrap();
                    }
                }
                Habit::ListsForever => page.next = Some("again".to_owned()),
                _ => {}
            }
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn a_server_that_answers_well_and_does_something_else_is_found_out() {
    use Capability as C;
    let table: [(Habit, &[(C, &str)]); 18] = [
        (Habit::OverwritesOnTagging, &[(C::TaggingKeepsBody, "a tagging call overwrote the object's bytes")]),
        (
            Habit::DropsTagsOfCopies,
            &[(C::TaggingOnCopy, "the copy has its source's tags, not those that it was given")],
        ),
        (
            Habit::IgnoresConditions,
            &[
                (C::CopySourceConditions, "copied although the source has another ETag"),
                (C::IfMatchOnDelete, "deleted although the object has another ETag"),
            ],
        ),
        (
            Habit::IgnoresConditionsOnParts,
            &[(C::CopySourceConditions, "a part was copied although the source has another ETag")],
        ),
        (Habit::HidesParts, &[(C::PartSizes, "the number of a part is ignored")]),
        (Habit::IgnoresRanges, &[(C::MultipartCopy, "the range was ignored")]),
        (Habit::DropsClasses, &[(C::StorageClasses, "a copy was not given its class")]),
        (Habit::DropsMetadataOfCopies, &[(C::MetadataOnCopy, "the copy has other metadata than it was given")]),
        (Habit::DropsEncryption, &[(C::Encryption, "a copy does not say that it is encrypted")]),
        (Habit::DropsChecksums, &[(C::Checksums, "the checksum was dropped")]),
        (Habit::ForgetsRestores, &[(C::Restore, "accepted, and nothing came of it")]),
        (
            Habit::IgnoresAcls,
            &[
                (C::CannedAcl, "public-read was accepted and grants nothing"),
                (C::AclGrants, "other grants were read back than were put"),
            ],
        ),
        (Habit::DropsTagsOfPuts, &[(C::Tagging, "an object was not given the tags that it was put with")]),
        (
            Habit::IgnoresConditionsOnWrites,
            &[
                (C::IfMatchOnPut, "written although the object has another ETag"),
                (C::IfNoneMatchOnPut, "written although an object is there"),
                (C::IfMatchOnCopy, "written although the object has another ETag"),
                (C::IfNoneMatchOnCopy, "written although an object is there"),
                (C::IfMatchOnComplete, "written although the object has another ETag"),
                (C::IfNoneMatchOnComplete, "written although an object is there"),
            ],
        ),
        (
            Habit::FoldsKeys,
            &[
                (C::DistinctKeys, "a key with a needless slash or dot is taken for the one without"),
                (C::DistinctFolders, "a key with a needless slash or dot is taken for the one without"),
            ],
        ),
        (Habit::ListsBackwards, &[(C::ListingInOrder, "keys are listed in another order than that of their bytes")]),
        (Habit::ListsEncoded, &[(C::ListingDecodes, "other keys are listed than were put")]),
        (
            Habit::ListsForever,
            &[
                (C::ListingInOrder, "a listing does not come to its end"),
                (C::ListingDecodes, "a listing does not come to its end"),
            ],
        ),
    ];
    for (habit, expected) in table {
        let (inner, bucket) = store(Versioning::Enabled);
        let before = contents(&inner, &bucket);
        let found = findings(&Habitual { inner: inner.clone(), habit }, &bucket).await;
        let expected: Vec<_> = expected.iter().map(|(c, seen)| (*c, Proof::Lacking, *seen)).collect();
        assert_eq!(not_proved(&found), expected, "{habit:?}");
        assert_eq!(contents(&inner, &bucket), before, "{habit:?}");
    }
}

#[tokio::test]
async fn a_store_that_deletes_another_key_than_it_is_told_is_found_out() {
    let (inner, bucket) = store(Versioning::Off);
    let found =
        probe(&Habitual { inner, habit: Habit::DeletesUnderFoldedKeys }, &CancelToken::unbounded(), &bucket, "1").await;
    // What lies under the stray keys cannot be deleted, not even by the sweep.
    assert!(matches!(found, Err(ProbeError::LeftBehind { .. })), "{found:?}");
}

/// Lists the whole bucket, whatever prefix it is asked for.
struct IgnoresPrefixes(SimulatedStore);

#[async_trait]
impl ObjectStore for IgnoresPrefixes {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let call = match call {
            Call::ListObjectsV2(list) => Call::ListObjectsV2(ListObjectsV2 { prefix: String::new(), ..list }),
            Call::ListObjectVersions(list) => {
                Call::ListObjectVersions(ListObjectVersions { prefix: String::new(), ..list })
            }
            call => call,
        };
        self.0.call(cancel, call).await
    }
}

#[tokio::test]
async fn a_probe_removes_nothing_that_it_did_not_put_whatever_is_listed() {
    for versioning in [Versioning::Off, Versioning::Enabled] {
        let (inner, bucket) = store(versioning);
        let before = contents(&inner, &bucket);
        probe(&IgnoresPrefixes(inner.clone()), &CancelToken::unbounded(), &bucket, "1").await.unwrap();
        assert_eq!(contents(&inner, &bucket), before);
    }
}

/// Carries every call out, and then loses the answer of one.
struct LosesOne {
    inner: SimulatedStore,
    calls: AtomicUsize,
    lost: usize,
    verdict: Verdict,
}

#[async_trait]
impl ObjectStore for LosesOne {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let answer = self.inner.call(cancel, call).await;
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.lost {
            return Err(CallError::new(self.verdict, Effect::Unknown, "ConnectionReset", "the answer was lost"));
        }
        answer
    }
}

#[tokio::test]
async fn whichever_answer_is_lost_nothing_of_the_probe_is_left_in_the_bucket() {
    for versioning in [Versioning::Off, Versioning::Enabled] {
        for verdict in [Verdict::Transient, Verdict::Denied] {
            let mut lost = 0;
            loop {
                let (inner, bucket) = store(versioning);
                let before = contents(&inner, &bucket);
                let losing = LosesOne { inner: inner.clone(), calls: AtomicUsize::new(0), lost, verdict };
                let cancel = CancelToken::unbounded();
                let prefix = prefix_of("1");
                let trial = Trial { store: &losing, cancel: &cancel, bucket: &bucket, prefix, large_bytes: 64 };
                let probed = try_and_sweep(&trial).await;
                assert_eq!(contents(&inner, &bucket), before, "call {lost} of {versioning:?}, {verdict:?}: {probed:?}");
                if losing.calls.into_inner() <= lost {
                    break;
                }
                lost += 1;
            }
            assert!(lost > 60, "every call of a probe is lost once, not only {lost}");
        }
    }
}

#[tokio::test]
async fn a_probe_that_is_told_to_stop_cleans_up_and_finds_nothing() {
    let (store, bucket) = store(Versioning::Enabled);
    let before = contents(&store, &bucket);
    let cancel = CancelToken::unbounded();
    let stopping = StopsAfter { inner: store.clone(), calls: AtomicUsize::new(0), cancel: cancel.clone() };
    let error = probe(&stopping, &cancel, &bucket, "1").await.unwrap_err();
    assert!(matches!(&error, ProbeError::Failed { error, .. } if error.verdict == Verdict::Stopped), "{error}");
    assert_eq!(contents(&store, &bucket), before);
}

/// Stops the cancel token at its 30th call, and checks cancel tokens as the decorators do.
struct StopsAfter {
    inner: SimulatedStore,
    calls: AtomicUsize,
    cancel: CancelToken,
}

#[async_trait]
impl ObjectStore for StopsAfter {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 30 {
            self.cancel.stop();
        }
        if cancel.is_stopped() {
            return Err(CallError::new(Verdict::Stopped, Effect::None, "Stopped", "stopped before it was tried"));
        }
        self.inner.call(cancel, call).await
    }
}

#[tokio::test]
async fn where_nothing_can_be_removed_nothing_is_begun() {
    let (inner, bucket) = store(Versioning::Enabled);
    let error = probe(&NeverDeletes(inner.clone()), &CancelToken::unbounded(), &bucket, "1").await.unwrap_err();
    assert!(matches!(&error, ProbeError::LeftBehind { prefix, .. } if prefix == "brigade-probe-1/"), "{error}");
    let (listed, _) = inner.list_versions(&bucket, "brigade-probe-1/", None, 10).unwrap();
    assert_eq!(listed.len(), 1, "one object, to try");
}

struct NeverDeletes(SimulatedStore);

#[async_trait]
impl ObjectStore for NeverDeletes {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::DeleteObject(_) => {
                let error = CallError::new(Verdict::Denied, Effect::None, "AccessDenied", "retained");
                Err(CallError { http_status: Some(403), ..error })
            }
            call => self.0.call(cancel, call).await,
        }
    }
}
