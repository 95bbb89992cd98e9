//! What object stores do to a job: lost answers, missing buckets, revoked rights, bursts of
//! refusals, hours of absence, objects too large for one call. Each task gets its own code or its
//! effect, once, and the job continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::operation::Directive;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Acl, AclGrant, Call, CallKind, CancelToken, CompleteMultipartUpload, CreateMultipartUpload, Grantee, Metadata,
    NewAcl, NewObject, PutObjectAcl, Request, UploadPartCopy, Verdict, send,
};
use brigade_model::{Job, JobSpec, Operation, Status};
use brigade_s3::simulated::{Body, OWNER};

use crate::account::{Row, check, text};
use crate::cluster::{TestCluster, at, bucket, bucket_ref, key};
use crate::life::{copy, tagging};
use crate::spoil::{Spoil, subject};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn paced(tasks: u32) -> impl Fn(&mut JobSpec) + Copy {
    move |spec| spec.options.requests_per_second_max = Some(tasks)
}

fn codes(rows: &BTreeMap<String, Row>) -> BTreeSet<(&str, &str)> {
    rows.values().map(|row| (row.status.as_str(), row.code.as_str())).collect()
}

/// Each call is spoiled the first time that it is made on its object.
fn once(spoil: Spoil) -> impl Fn(&Call) -> Spoil + Send + Sync {
    let seen = Mutex::new(BTreeSet::new());
    move |call| if seen.lock().unwrap().insert(subject(call)) { spoil.clone() } else { Spoil::Nothing }
}

/// How often each object was changed by a call that may not be repeated.
fn effects(cluster: &TestCluster) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for effect in cluster.bucket.effects() {
        let is_ours = matches!(effect.call, CallKind::CopyObject | CallKind::DeleteObject | CallKind::DeleteObjects);
        if is_ours {
            *effects.entry(effect.at.key.to_string()).or_default() += 1;
        }
    }
    effects
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_every_call_once_each_task_has_its_effect_once() {
    let spoils = [Spoil::ResetBefore, Spoil::ResetAfter, Spoil::Late, Spoil::CutOff, Spoil::ErrorInSuccess];
    for (n, spoil) in spoils.into_iter().enumerate() {
        for (m, operation) in [copy(), Operation::Delete, tagging()].into_iter().enumerate() {
            let name = format!("{spoil:?}, {operation:?}");
            let mut cluster = TestCluster::new(500 + 10 * n as u64 + m as u64);
            cluster.fill(200).await;
            cluster.spoil(once(spoil.clone()));
            cluster.put_chain_around();
            let id = cluster.create(operation.clone(), keys(200)).await;
            let job = cluster.run_to_end(id, None).await;
            assert_eq!(job.status, Status::Complete, "{name}: {job:#?}");
            let rows = check(&cluster, &job, &keys(200)).await;
            assert_eq!(codes(&rows), BTreeSet::from([("succeeded", "")]), "{name}");
            for key in keys(200) {
                let is_copied = text(&cluster, "target", &key).await.is_some();
                assert_eq!(is_copied, matches!(operation, Operation::Copy(_)), "{name}: {key}");
                assert_eq!(
                    text(&cluster, "source", &key).await.is_none(),
                    operation == Operation::Delete,
                    "{name}: {key}"
                );
            }
            assert!(effects(&cluster).values().all(|times| *times == 1), "{name}: {:?}", effects(&cluster));
            // The trial of the report's place; an upload whose answer was lost has no parts.
            assert!(cluster.bucket.open_uploads().iter().all(|upload| upload.parts.is_empty()), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_bucket_that_is_missing_fails_the_job_before_any_task_runs() {
    let cluster = TestCluster::new(519);
    cluster.fill(10).await;
    let to_nowhere = {
        let Operation::Copy(mut copy) = copy() else { unreachable!() };
        copy.target = bucket_ref("nowhere");
        Operation::Copy(copy)
    };
    let id = cluster.create(to_nowhere, keys(5000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "BucketNotFound"), "{job:#?}");
    assert!(job.status_update_reason.contains("there is no bucket nowhere at endpoint e"), "{job:#?}");
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), 0);
}

#[tokio::test(start_paused = true)]
async fn a_target_bucket_that_vanishes_under_a_job_for_long_fails_the_job_with_the_stores_code_and_not_its_tasks() {
    for (tasks, expected) in [(9, Status::Complete), (3000, Status::Failed)] {
        let cluster = TestCluster::new(520);
        cluster.fill(10).await;
        let waits = |spec: &mut JobSpec| spec.confirmation_required = Some(true);
        let id = cluster.create_with(copy(), keys(tasks), waits).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.status == Status::Suspended).await;
        cluster.bucket.delete_bucket(&bucket("target")).unwrap();
        cluster.change(id, Change::Confirmed("go".into())).await;
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        process.engine.shut_down().await;
        assert_eq!((job.status, job.progress.succeeded), (expected, 0), "{job:#?}");
        let rows = check(&cluster, &job, &keys(tasks)).await;
        assert_eq!(rows.len(), if expected == Status::Complete { 9 } else { 1 });
        assert_eq!(codes(&rows), BTreeSet::from([("failed", "NoSuchBucket")]));
        assert!(rows.values().all(|row| row.message.contains("The specified bucket does not exist")));
        assert!(job.failures.iter().all(|why| why.code == "NoSuchBucket"), "{job:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_store_does_not_know_fails_a_job_that_has_not_begun_after_half_a_minute() {
    let mut cluster = TestCluster::new(522);
    cluster.fill(10).await;
    cluster.spoil(|_| Spoil::Refused(Verdict::CredentialsRefused, 403, "InvalidAccessKeyId"));
    cluster.put_chain_around();
    let id = cluster.create(copy(), keys(10)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Failing).await;
    let (job, waited) = (cluster.job(id).await, cluster.clock.monotonic().0);
    assert_eq!(job.failures[0].code, "AccessDenied", "{job:#?}");
    assert!(job.failures[0].reason.starts_with("the credentials are refused: InvalidAccessKeyId"), "{job:#?}");
    assert!(waited > Duration::from_secs(30) && waited < Duration::from_secs(60), "{waited:?}");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_go_half_way_fail_what_is_left_and_the_report_tells_which_is_which() {
    let cluster = TestCluster::new(521);
    cluster.fill(900).await;
    let id = cluster.create_with(copy(), keys(900), paced(100)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 400).await;
    cluster.bucket.deny_bucket(&bucket("target"));
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    cluster.bucket.allow_all();
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    assert!(job.progress.succeeded > 400 && job.progress.failed > 300, "{job:#?}");
    for (key, row) in check(&cluster, &job, &keys(900)).await {
        let is_copied = text(&cluster, "target", &key).await.is_some();
        match (row.status.as_str(), row.code.as_str()) {
            ("succeeded", _) => assert!(is_copied, "{key} is said to be copied"),
            ("failed", "AccessDenied") => assert!(!is_copied, "{key} is said not to be copied"),
            _ => panic!("{row:?}"),
        }
    }
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_key_fails_its_own_task_whatever_the_operation() {
    for operation in [copy(), tagging(), Operation::Delete] {
        let cluster = TestCluster::new(522);
        cluster.fill(20).await;
        cluster.bucket.deny_key(&at("source", &key(7)));
        let id = cluster.create(operation.clone(), keys(20)).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{operation:?}: {job:#?}");
        let rows = check(&cluster, &job, &keys(20)).await;
        assert_eq!(rows[&key(7)].code, "AccessDenied", "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_multi_object_delete_that_fails_some_keys_and_forgets_one_is_accounted_key_by_key() {
    let mut cluster = TestCluster::new(523);
    cluster.fill(300).await;
    for n in [100, 200] {
        cluster.bucket.deny_key(&at("source", &key(n)));
    }
    let forgotten = at("source", &key(150));
    let is_told = AtomicBool::new(false);
    cluster.spoil(move |call| match call {
        Call::DeleteObjects(delete) if delete.objects.iter().any(|(key, _)| *key == forgotten.key) => {
            if is_told.swap(true, Ordering::SeqCst) { Spoil::Nothing } else { Spoil::Unnamed(forgotten.clone()) }
        }
        _ => Spoil::Nothing,
    });
    let id = cluster.create(Operation::Delete, keys(300)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 2), "{job:#?}");
    let rows = check(&cluster, &job, &keys(300)).await;
    for n in 0..300 {
        let (row, is_denied) = (&rows[&key(n)], [100, 200].contains(&n));
        let expected = if is_denied { ("failed", "AccessDenied") } else { ("succeeded", "") };
        assert_eq!((row.status.as_str(), row.code.as_str()), expected, "{n}");
        assert_eq!(cluster.bucket.object(&at("source", &key(n))).is_some(), is_denied, "{n}");
    }
    assert_eq!(effects(&cluster)[&key(150)], 1, "the forgotten one was looked at, not deleted again");
}

#[tokio::test(start_paused = true)]
async fn bursts_of_slow_down_slow_a_job_down_and_lose_nothing() {
    let mut cluster = TestCluster::new(524);
    cluster.fill(4000).await;
    // The store takes 100 requests a second, a tenth of what it is asked at first; and for five
    // seconds out of twenty, none.
    let (clock, began) = (cluster.clock.clone(), cluster.clock.monotonic());
    let asked = Arc::new(Mutex::new(BTreeMap::<u64, (u32, u32)>::new()));
    let counted = asked.clone();
    cluster.spoil_slowly(Duration::from_millis(30), move |call| {
        if subject(call).0 != CallKind::PutObjectTagging {
            return Spoil::Nothing;
        }
        let second = clock.monotonic().since(began).as_secs();
        let mut counted = counted.lock().unwrap();
        let (taken, refused) = counted.entry(second).or_default();
        if *taken >= 100 || second % 20 >= 15 {
            *refused += 1;
            return Spoil::Refused(Verdict::Throttled, 503, "SlowDown");
        }
        *taken += 1;
        Spoil::Nothing
    });
    cluster.put_chain_around();
    let id = cluster.create(tagging(), keys(4000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 4000), "{job:#?}");
    let rows = check(&cluster, &job, &keys(4000)).await;
    assert!(rows.values().all(|row| row.code.is_empty()));
    let asked = asked.lock().unwrap();
    let (taken, refused) = asked.values().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
    assert_eq!(taken, 4000, "each task once");
    // Unbounded, 32 in flight would ask a thousand times a second, and be refused 900 times.
    assert!(refused < 2 * taken, "{refused} refused of {taken}: {asked:?}");
    let most = asked.values().map(|(taken, refused)| taken + refused).skip(5).max().unwrap();
    assert!(most < 450, "{most} requests in one second; {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_for_two_hours_fails_no_task_and_no_job_and_the_reason_is_shown() {
    for (n, operation) in [copy(), tagging(), Operation::Delete].into_iter().enumerate() {
        let mut cluster = TestCluster::new(530 + n as u64);
        cluster.fill(1200).await;
        let is_away = Arc::new(AtomicBool::new(false));
        let switch = is_away.clone();
        // Deletes go in groups of up to a thousand.
        let latency = Duration::from_secs(if operation == Operation::Delete { 2 } else { 0 });
        cluster.config.slices = if operation == Operation::Delete { 1 } else { 4 };
        cluster.spoil_slowly(latency, move |_| match switch.load(Ordering::SeqCst) {
            true => Spoil::Refused(Verdict::Unavailable, 0, "ConnectFailed"),
            false => Spoil::Nothing,
        });
        cluster.put_chain_around();
        let id = cluster.create_with(operation.clone(), keys(1200), paced(50)).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.progress.succeeded > 0 && job.progress.succeeded < 1200).await;
        is_away.store(true, Ordering::SeqCst);
        cluster.clock.sleep(Duration::from_secs(60)).await;
        let during = cluster.job(id).await;
        assert!(during.status_update_reason.contains("the endpoint cannot be reached"), "{during:#?}");
        cluster.clock.sleep(Duration::from_secs(2 * 3600 - 60)).await;
        let after = cluster.job(id).await;
        assert_eq!((after.status, after.progress), (Status::Active, during.progress), "{operation:?}");
        is_away.store(false, Ordering::SeqCst);
        let back = cluster.clock.monotonic();
        cluster.wait(id, |job| job.progress.succeeded > after.progress.succeeded).await;
        let waited = cluster.clock.monotonic().since(back);
        assert!(waited < Duration::from_secs(30), "back to work: {waited:?}");
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{operation:?}: {job:#?}");
        assert!(!job.status_update_reason.contains("reached"), "{job:#?}");
        check(&cluster, &job, &keys(1200)).await;
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_rotated_under_a_job_fails_nothing_and_the_reason_is_shown() {
    let mut cluster = TestCluster::new(540);
    cluster.fill(1000).await;
    let is_refused = Arc::new(AtomicBool::new(false));
    let switch = is_refused.clone();
    cluster.spoil(move |_| match switch.load(Ordering::SeqCst) {
        true => Spoil::Refused(Verdict::CredentialsRefused, 403, "InvalidAccessKeyId"),
        false => Spoil::Nothing,
    });
    cluster.put_chain_around();
    let id = cluster.create_with(copy(), keys(1000), paced(50)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 200).await;
    is_refused.store(true, Ordering::SeqCst);
    cluster.wait(id, |job| job.status_update_reason.contains("refuses the credentials: InvalidAccessKeyId")).await;
    cluster.clock.sleep(Duration::from_secs(600)).await;
    is_refused.store(false, Ordering::SeqCst);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{job:#?}");
    check(&cluster, &job, &keys(1000)).await;
    assert!(effects(&cluster).values().all(|times| *times == 1));
    process.engine.shut_down().await;
}

// Objects above 5 GB.

const GIB: u64 = 1 << 30;

fn attributes() -> NewObject {
    let metadata = Metadata {
        content_type: Some("video/mp4".into()),
        cache_control: Some("no-store".into()),
        user: vec![("colour".into(), "red".into())],
        ..Metadata::default()
    };
    let tags = vec![brigade_model::operation::Tag { key: "team".into(), value: "blue".into() }];
    NewObject { metadata, tags, ..NewObject::default() }
}

fn acl() -> Acl {
    let grant =
        |id: &str, permission: &str| AclGrant { grantee: Grantee::Id(id.into()), permission: permission.into() };
    Acl { owner: OWNER.into(), grants: vec![grant(OWNER, "FULL_CONTROL"), grant("reader", "READ")] }
}

async fn call<R: Request>(cluster: &TestCluster, request: R) -> R::Answer {
    send(&*cluster.bucket, &CancelToken::unbounded(), request).await.unwrap()
}

/// Puts an object of 7 GiB with metadata, tags and an ACL, in parts as one has to.
async fn put_large(cluster: &TestCluster, key: &str) {
    let at = at("source", key);
    cluster.bucket.put(&crate::cluster::at("source", "half"), Body::zeros(4 * GIB)).unwrap();
    let upload_id = call(cluster, CreateMultipartUpload { at: at.clone(), with: Box::new(attributes()) }).await;
    let mut parts = Vec::new();
    for (part, bytes) in [(1, 4 * GIB), (2, 3 * GIB)] {
        let request = UploadPartCopy {
            source: crate::cluster::at("source", "half"),
            source_version: None,
            range: (0, bytes - 1),
            source_if_match: None,
            target: at.clone(),
            upload_id: upload_id.clone(),
            part,
        };
        parts.push((part, call(cluster, request).await));
    }
    call(cluster, CompleteMultipartUpload::new(at.clone(), upload_id, parts)).await;
    call(cluster, PutObjectAcl { at, version: None, acl: NewAcl::Grants(acl()) }).await;
    cluster.clock.sleep(Duration::from_secs(10)).await;
}

fn copy_with_acl() -> Operation {
    let Operation::Copy(mut copy) = copy() else { unreachable!() };
    copy.acl_directive = Some(Directive::Copy);
    Operation::Copy(copy)
}

/// A cluster with three small objects and a large one, and their keys.
async fn cluster_with_large(seed: u64) -> (TestCluster, Vec<String>) {
    let cluster = TestCluster::new(seed);
    cluster.fill(3).await;
    put_large(&cluster, "large").await;
    (cluster, [keys(3), vec!["large".into()]].concat())
}

async fn run_large(cluster: &TestCluster, keys: &[String]) -> (Job, BTreeMap<String, Row>) {
    let id = cluster.create(copy_with_acl(), keys.to_vec()).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let rows = check(cluster, &job, keys).await;
    (job, rows)
}

#[tokio::test(start_paused = true)]
async fn an_object_above_5_gb_is_copied_in_parts_with_all_that_belongs_to_it() {
    let (cluster, keys) = cluster_with_large(550).await;
    let (job, _) = run_large(&cluster, &keys).await;
    assert_eq!(job.progress.failed, 0);
    let target = cluster.bucket.object(&at("target", "large")).unwrap();
    assert_eq!(target.head.size, 7 * GIB);
    assert_eq!(target.head.metadata, attributes().metadata);
    assert_eq!(target.tags, attributes().tags);
    assert_eq!(target.acl, acl());
    assert!(cluster.bucket.calls(CallKind::UploadPartCopy) > 2);
    assert_eq!(cluster.bucket.open_uploads(), []);
}

#[tokio::test(start_paused = true)]
async fn a_large_source_that_changes_between_its_parts_fails_and_leaves_nothing() {
    for size in [7 * GIB, 6 * GIB] {
        let (mut cluster, keys) = cluster_with_large(551).await;
        let (sim, parts) = (cluster.bucket.clone(), AtomicU64::new(0));
        cluster.spoil(move |call| {
            if matches!(call, Call::UploadPartCopy(_)) && parts.fetch_add(1, Ordering::SeqCst) == 3 {
                sim.put(&at("source", "large"), Body::zeros(size)).unwrap();
            }
            Spoil::Nothing
        });
        let (job, rows) = run_large(&cluster, &keys).await;
        assert_eq!(job.progress.failed, 1, "the others are copied");
        assert_eq!(rows["large"].code, "PreconditionFailed");
        assert!(cluster.bucket.object(&at("target", "large")).is_none());
        assert_eq!(cluster.bucket.open_uploads(), [], "no parts are left");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_middle_of_a_large_copy_leaves_no_parts() {
    let (mut cluster, keys) = cluster_with_large(552).await;
    cluster.spoil_slowly(Duration::from_secs(2), |_| Spoil::Nothing);
    cluster.put_chain_around();
    let id = cluster.create(copy(), keys.clone()).await;
    let process = cluster.start(None);
    while cluster.bucket.calls(CallKind::UploadPartCopy) < 4 {
        cluster.clock.sleep(Duration::from_millis(100)).await;
    }
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!(job.status, Status::Cancelled);
    check(&cluster, &job, &keys).await;
    assert!(cluster.bucket.object(&at("target", "large")).is_none());
    assert_eq!(cluster.bucket.open_uploads(), [], "no parts are left");
    process.engine.shut_down().await;
}
