use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{CallKind, HeadObject, PutObject, Verdict, send};
use brigade_model::store_clock::OffsetBounds;
use brigade_model::{ETag, EndpointKind, StoreClock};
use brigade_runtime::{SeededEntropy, SkewedClock};
use brigade_s3::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};

use super::*;
use crate::test_job::{TestJob, Trouble, at, bucket, bucket_ref};

/// A test job whose store has a clock of its own, ahead of ours by this, of which nothing is known.
async fn test_job_ahead(ahead_ms: i64) -> (TestJob, SimulatedStore) {
    let mut test_job = TestJob::new("", |_| {}).await;
    let clock = Arc::new(SkewedClock::ahead_of(test_job.clock.clone(), ahead_ms));
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SeededEntropy::new(1)));
    for name in ["reports", "photos"] {
        store.create_bucket(&bucket(name), Versioning::Enabled).unwrap();
    }
    begin_process(&mut test_job);
    for place in places(&mut test_job) {
        place.store = Arc::new(store.clone());
    }
    (test_job, store)
}

/// Nothing is known of the store's clock.
fn begin_process(test_job: &mut TestJob) {
    let stamps = Arc::new(StoreClock::new(test_job.clock.clone()));
    for place in places(test_job) {
        place.stamps = stamps.clone();
    }
}

fn places(test_job: &mut TestJob) -> [&mut Place; 4] {
    let places = &mut test_job.places;
    [&mut places.source, &mut places.target, &mut places.manifest, &mut places.report]
}

async fn sampled(test_job: &TestJob, must: bool) -> Result<(), StageError> {
    ensure_sampled(&test_job.jobs, &test_job.job, &test_job.places, &test_job.cancel, must).await
}

/// Writes an object and returns what an effect check reads of it.
async fn written(test_job: &TestJob, key: &str) -> ObjectHead {
    let place = &test_job.places.source;
    let put = PutObject::new(at("photos", key), "x", Default::default());
    send(&*place.store, &test_job.cancel, put).await.unwrap();
    send(&*place.store, &test_job.cancel, HeadObject { at: at("photos", key), version: None }).await.unwrap()
}

async fn pass(test_job: &TestJob, ms: u64) {
    test_job.clock.sleep(Duration::from_millis(ms)).await;
}

fn offset(test_job: &TestJob) -> Option<OffsetBounds> {
    test_job.places.source.stamps.offset()
}

#[tokio::test(start_paused = true)]
async fn whatever_the_clocks_say_a_new_object_is_newer_and_an_old_one_older_once_the_stores_clock_was_read() {
    // Ours is two seconds ahead, the store's three behind, and either is wrong by an hour.
    for ahead_ms in [-2000, -3000, 2000, 3000, -3_600_000, 3_600_000, 0] {
        for phase_ms in [0, 300, 600, 999] {
            let (test_job, _) = test_job_ahead(ahead_ms).await;
            pass(&test_job, phase_ms).await;
            let old = written(&test_job, "old").await;
            pass(&test_job, 5000).await;
            let place = &test_job.places.source;
            assert!(may_be_newer(place, &old, place.stamps.now()), "nothing is known yet");
            sampled(&test_job, true).await.unwrap();
            let since = place.stamps.now();
            pass(&test_job, 10).await;
            let anew = written(&test_job, "anew").await;
            assert!(may_be_newer(place, &anew, since), "{ahead_ms} {phase_ms}");
            assert!(!may_be_newer(place, &old, since), "{ahead_ms} {phase_ms}");
            assert!(may_be_newer(place, &ObjectHead { modified: None, ..old }, since), "without a time");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_another_endpoint_says_nothing() {
    let (mut test_job, _) = test_job_ahead(0).await;
    test_job.places.report.stamps = Arc::new(StoreClock::new(test_job.clock.clone()));
    sampled(&test_job, true).await.unwrap();
    assert!(!test_job.places.report.stamps.is_sampled(), "nor is it asked for it");
    let old = written(&test_job, "old").await;
    pass(&test_job, 3_600_000).await;
    assert!(may_be_newer(&test_job.places.source, &old, test_job.places.source.stamps.now()));
}

#[tokio::test(start_paused = true)]
async fn the_object_that_tells_the_stores_clock_leaves_a_bucket_with_versions_as_it_was() {
    let (test_job, store) = test_job_ahead(0).await;
    sampled(&test_job, false).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 1);
    let object = at("reports", &format!("out/job-{}/clock", test_job.job.id));
    assert!(store.versions(&object).is_empty(), "neither a version nor a marker");
    assert!(store.effects().iter().any(|effect| effect.at == object), "it was there");
    sampled(&test_job, true).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 1, "it is known already");
    pass(&test_job, 600_000).await;
    sampled(&test_job, false).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 2, "and read again when that is long ago");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_forbids_deletes_keeps_the_object_and_tells_its_clock() {
    let mut test_job = TestJob::new("", |_| {}).await;
    begin_process(&mut test_job);
    test_job.script.expect([(CallKind::DeleteObject, Trouble::Fails(Verdict::Denied))]);
    sampled(&test_job, true).await.unwrap();
    assert!(test_job.script.is_over() && offset(&test_job).is_some());
    assert!(test_job.objects.keys(&bucket("reports"))[0].as_str().ends_with("/clock"));
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_report_takes_no_sample_and_keeps_no_other_job_from_taking_one() {
    let mut test_job = TestJob::new("", |_| {}).await;
    begin_process(&mut test_job);
    let with_report = test_job.job.clone();
    test_job.job.spec.report.enabled = false;
    sampled(&test_job, true).await.unwrap();
    assert_eq!(offset(&test_job), None);
    test_job.job = with_report;
    sampled(&test_job, true).await.unwrap();
    assert!(offset(&test_job).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_report_place_that_refuses_the_sample_keeps_no_job_with_another_place_from_taking_one() {
    let mut test_job = TestJob::new("", |_| {}).await;
    begin_process(&mut test_job);
    test_job.script.expect([(CallKind::PutObject, Trouble::Fails(Verdict::Denied))]);
    sampled(&test_job, true).await.unwrap();
    let refused = test_job.job.clone();
    test_job.job.spec.report.bucket = Some(bucket_ref("lists"));
    test_job.script.expect([(CallKind::PutObject, Trouble::Fails(Verdict::Unavailable))]);
    let stage_error = sampled(&test_job, true).await.unwrap_err();
    assert!(matches!(&stage_error, StageError::Again(_)), "what can be known is waited for: {stage_error:?}");
    sampled(&test_job, true).await.unwrap();
    let known = offset(&test_job);
    test_job.job = refused;
    sampled(&test_job, true).await.unwrap();
    assert!(known.is_some() && offset(&test_job) == known, "what one place tells counts for all");
}

#[tokio::test(start_paused = true)]
async fn in_a_bucket_that_keeps_the_object_no_other_is_left() {
    let (mut test_job, store) = test_job_ahead(0).await;
    store.create_bucket(&bucket("locked"), Versioning::Enabled).unwrap();
    store.set_lock(&bucket("locked"), ObjectLock { retention_days: Some(30) }).unwrap();
    test_job.job.spec.report.bucket = Some(bucket_ref("locked"));
    sampled(&test_job, true).await.unwrap();
    pass(&test_job, 3_600_000).await;
    sampled(&test_job, true).await.unwrap();
    let object = at("locked", &format!("out/job-{}/clock", test_job.job.id));
    assert_eq!((store.versions(&object).len(), store.calls(CallKind::PutObject)), (1, 1));
    assert!(offset(&test_job).is_some());
}

#[tokio::test(start_paused = true)]
async fn wide_bounds_are_not_asked_about_at_each_slice() {
    let (test_job, store) = test_job_ahead(0).await;
    let stamps = &test_job.places.report.stamps;
    let sent = stamps.read();
    pass(&test_job, 8000).await;
    stamps.observe(sent, stamps.now());
    assert!(stamps.is_wide());
    for _ in 0..3 {
        sampled(&test_job, true).await.unwrap();
    }
    assert_eq!(store.calls(CallKind::PutObject), 0, "until the next sample is due");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_to_tell_its_clock_fails_nothing_and_is_not_asked_at_once_again() {
    for kind in [CallKind::PutObject, CallKind::HeadObject] {
        let mut test_job = TestJob::new("", |_| {}).await;
        begin_process(&mut test_job);
        test_job.script.expect([(kind, Trouble::Fails(Verdict::Denied))]);
        sampled(&test_job, true).await.unwrap();
        assert!(test_job.script.is_over());
        sampled(&test_job, true).await.unwrap();
        assert_eq!(offset(&test_job), None);
        pass(&test_job, 600_000).await;
        sampled(&test_job, true).await.unwrap();
        assert!(offset(&test_job).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_waits_for_an_endpoint_that_is_away_and_whose_clock_is_not_known_and_a_preparation_does_not() {
    let mut test_job = TestJob::new("", |_| {}).await;
    begin_process(&mut test_job);
    let away = || [(CallKind::PutObject, Trouble::Fails(Verdict::Unavailable))];
    test_job.script.expect(away());
    let stage_error = sampled(&test_job, true).await.unwrap_err();
    assert!(matches!(&stage_error, StageError::Again(reason) if reason.contains("endpoint main")), "{stage_error:?}");
    test_job.script.expect(away());
    sampled(&test_job, false).await.unwrap();
    sampled(&test_job, true).await.unwrap();
    assert!(offset(&test_job).is_some());
    pass(&test_job, 600_000).await;
    test_job.script.expect(away());
    sampled(&test_job, true).await.unwrap();
    assert!(test_job.script.is_over() && offset(&test_job).is_some(), "what was known ten minutes ago is still known");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_not_read_the_stores_clock() {
    let mut test_job = TestJob::new("", |spec| spec.options.dry_run = Some(true)).await;
    begin_process(&mut test_job);
    test_job.prepare().await.unwrap();
    assert_eq!(offset(&test_job), None);
}

#[tokio::test(start_paused = true)]
async fn preparing_reads_the_stores_clock_and_the_next_process_knows_what_it_was() {
    let mut test_job = TestJob::new("photos,k0\n", |_| {}).await;
    begin_process(&mut test_job);
    test_job.objects.create_bucket(&bucket("photos"), Versioning::Off).unwrap();
    test_job.prepare().await.unwrap();
    let since = test_job.places.source.stamps.now();
    pass(&test_job, 2000).await;
    let anew = written(&test_job, "anew").await;
    pass(&test_job, 60_000).await;

    // Our clock is set while no process runs; the store's, which is the test job's too, goes with it.
    let ours = Arc::new(SkewedClock::ahead_of(test_job.clock.clone(), 30_000));
    let stamps = Arc::new(StoreClock::new(ours));
    for place in places(&mut test_job) {
        place.stamps = stamps.clone();
    }
    assert!(stamps.may_be_newer(anew.modified, since), "nothing is known yet");
    sampled(&test_job, true).await.unwrap();
    assert!(stamps.may_be_newer(anew.modified, since));
    pass(&test_job, 10).await;
    let (then, now) = (stamps.offset_since(since).unwrap(), stamps.offset().unwrap());
    assert!(then.low_ms < -30_000 && then.high_ms > 0, "both offsets are possible: {then:?}");
    assert!(now.low_ms < -30_000 && now.high_ms < -28_000, "{now:?}");
    let kept = test_job.jobs.endpoints().await.unwrap();
    assert_eq!(kept[0].settings.clock.len(), 2, "{kept:?}");
    assert!(stamps.to_keep().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_of_parts_may_be_newer_than_its_date_where_uploads_may_be_dated_by_their_start() {
    let (mut test_job, _) = test_job_ahead(0).await;
    sampled(&test_job, true).await.unwrap();
    let whole = written(&test_job, "old").await;
    pass(&test_job, 3_600_000).await;
    let etag = ETag::new("\"d41d8cd98f00b204e9800998ecf8427e-2\"").ok();
    let of_parts = ObjectHead { etag, ..whole.clone() };
    for (kind, is_doubtful) in [
        (EndpointKind::Aws, true),
        (EndpointKind::Other, true),
        (EndpointKind::Cos, true),
        (EndpointKind::Garage, true),
        (EndpointKind::Ceph, false),
        (EndpointKind::Minio, false),
    ] {
        test_job.places.source.kind = kind;
        let since = test_job.places.source.stamps.now();
        assert_eq!(may_be_newer(&test_job.places.source, &of_parts, since), is_doubtful, "{kind:?}");
        assert!(!may_be_newer(&test_job.places.source, &whole, since), "{kind:?}");
    }
}
