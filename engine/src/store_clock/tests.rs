use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{CallKind, HeadObject, PutObject, Verdict, send};
use brigade_model::store_clock::OffsetBounds;
use brigade_model::{ETag, EndpointKind, StoreClock};
use brigade_runtime::{SeededEntropy, SkewedClock};
use brigade_s3::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};

use super::*;
use crate::rig::{Rig, Trouble, at, bucket};

/// A rig whose store has a clock of its own, ahead of ours by this, of which nothing is known.
async fn rig_ahead(ahead_ms: i64) -> (Rig, SimulatedStore) {
    let mut rig = Rig::new("", |_| {}).await;
    let clock = Arc::new(SkewedClock::ahead_of(rig.clock.clone(), ahead_ms));
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SeededEntropy::new(1)));
    for name in ["reports", "photos"] {
        store.create_bucket(&bucket(name), Versioning::Enabled).unwrap();
    }
    begin_process(&mut rig);
    for place in places(&mut rig) {
        place.store = Arc::new(store.clone());
    }
    (rig, store)
}

/// Nothing is known of the store's clock.
fn begin_process(rig: &mut Rig) {
    let stamps = Arc::new(StoreClock::new(rig.clock.clone()));
    for place in places(rig) {
        place.stamps = stamps.clone();
    }
}

fn places(rig: &mut Rig) -> [&mut Place; 4] {
    let places = &mut rig.places;
    [&mut places.source, &mut places.target, &mut places.manifest, &mut places.report]
}

async fn sampled(rig: &Rig, must: bool) -> Result<(), Setback> {
    ensure_sampled(&rig.jobs, &rig.job, &rig.places, &rig.leash, must).await
}

/// Writes an object and gives what a look reads of it.
async fn written(rig: &Rig, key: &str) -> ObjectHead {
    let place = &rig.places.source;
    let put = PutObject::new(at("photos", key), "x", Default::default());
    send(&*place.store, &rig.leash, put).await.unwrap();
    send(&*place.store, &rig.leash, HeadObject { at: at("photos", key), version: None }).await.unwrap()
}

async fn pass(rig: &Rig, ms: u64) {
    rig.clock.sleep(Duration::from_millis(ms)).await;
}

fn offset(rig: &Rig) -> Option<OffsetBounds> {
    rig.places.source.stamps.offset()
}

#[tokio::test(start_paused = true)]
async fn whatever_the_clocks_say_a_new_object_is_newer_and_an_old_one_older_once_the_stores_clock_was_read() {
    // Ours is two seconds ahead, the store's three behind, and either is wrong by an hour.
    for ahead_ms in [-2000, -3000, 2000, 3000, -3_600_000, 3_600_000, 0] {
        for phase_ms in [0, 300, 600, 999] {
            let (rig, _) = rig_ahead(ahead_ms).await;
            pass(&rig, phase_ms).await;
            let old = written(&rig, "old").await;
            pass(&rig, 5000).await;
            let place = &rig.places.source;
            assert!(may_be_newer(place, &old, place.stamps.now()), "nothing is known yet");
            sampled(&rig, true).await.unwrap();
            let since = place.stamps.now();
            pass(&rig, 10).await;
            let anew = written(&rig, "anew").await;
            assert!(may_be_newer(place, &anew, since), "{ahead_ms} {phase_ms}");
            assert!(!may_be_newer(place, &old, since), "{ahead_ms} {phase_ms}");
            assert!(may_be_newer(place, &ObjectHead { modified: None, ..old }, since), "without a time");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_another_endpoint_says_nothing() {
    let (mut rig, _) = rig_ahead(0).await;
    rig.places.report.stamps = Arc::new(StoreClock::new(rig.clock.clone()));
    sampled(&rig, true).await.unwrap();
    assert!(!rig.places.report.stamps.is_sampled(), "nor is it asked for it");
    let old = written(&rig, "old").await;
    pass(&rig, 3_600_000).await;
    assert!(may_be_newer(&rig.places.source, &old, rig.places.source.stamps.now()));
}

#[tokio::test(start_paused = true)]
async fn the_object_that_tells_the_stores_clock_leaves_a_bucket_with_versions_as_it_was() {
    let (rig, store) = rig_ahead(0).await;
    sampled(&rig, false).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 1);
    let object = at("reports", &format!("out/job-{}/clock", rig.job.id));
    assert!(store.versions(&object).is_empty(), "neither a version nor a marker");
    assert!(store.effects().iter().any(|effect| effect.at == object), "it was there");
    sampled(&rig, true).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 1, "it is known already");
    pass(&rig, 600_000).await;
    sampled(&rig, false).await.unwrap();
    assert_eq!(store.calls(CallKind::PutObject), 2, "and read again when that is long ago");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_forbids_deletes_keeps_the_object_and_tells_its_clock() {
    let mut rig = Rig::new("", |_| {}).await;
    begin_process(&mut rig);
    rig.script.expect([(CallKind::DeleteObject, Trouble::Fails(Verdict::Denied))]);
    sampled(&rig, true).await.unwrap();
    assert!(rig.script.is_over() && offset(&rig).is_some());
    assert!(rig.objects.keys(&bucket("reports"))[0].as_str().ends_with("/clock"));
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_report_takes_no_sample_and_keeps_no_other_job_from_taking_one() {
    let mut rig = Rig::new("", |_| {}).await;
    begin_process(&mut rig);
    let with_report = rig.job.clone();
    rig.job.spec.report.enabled = false;
    sampled(&rig, true).await.unwrap();
    assert_eq!(offset(&rig), None);
    rig.job = with_report;
    sampled(&rig, true).await.unwrap();
    assert!(offset(&rig).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_report_place_that_refuses_the_sample_keeps_no_job_with_another_place_from_taking_one() {
    let mut rig = Rig::new("", |_| {}).await;
    begin_process(&mut rig);
    rig.script.expect([(CallKind::PutObject, Trouble::Fails(Verdict::Denied))]);
    sampled(&rig, true).await.unwrap();
    let refused = rig.job.clone();
    rig.job.spec.report.bucket = Some(brigade_model::qcs::parse_bucket("qcs::cos:r::lists").unwrap());
    rig.script.expect([(CallKind::PutObject, Trouble::Fails(Verdict::Unavailable))]);
    let setback = sampled(&rig, true).await.unwrap_err();
    assert!(matches!(&setback, Setback::Again(_)), "what can be known is waited for: {setback:?}");
    sampled(&rig, true).await.unwrap();
    let known = offset(&rig);
    rig.job = refused;
    sampled(&rig, true).await.unwrap();
    assert!(known.is_some() && offset(&rig) == known, "what one place tells counts for all");
}

#[tokio::test(start_paused = true)]
async fn in_a_bucket_that_keeps_the_object_no_other_is_left() {
    let (mut rig, store) = rig_ahead(0).await;
    store.create_bucket(&bucket("locked"), Versioning::Enabled).unwrap();
    store.set_lock(&bucket("locked"), ObjectLock { retention_days: Some(30) }).unwrap();
    rig.job.spec.report.bucket = Some(brigade_model::qcs::parse_bucket("qcs::cos:r::locked").unwrap());
    sampled(&rig, true).await.unwrap();
    pass(&rig, 3_600_000).await;
    sampled(&rig, true).await.unwrap();
    let object = at("locked", &format!("out/job-{}/clock", rig.job.id));
    assert_eq!((store.versions(&object).len(), store.calls(CallKind::PutObject)), (1, 1));
    assert!(offset(&rig).is_some());
}

#[tokio::test(start_paused = true)]
async fn wide_bounds_are_not_asked_about_at_each_slice() {
    let (rig, store) = rig_ahead(0).await;
    let stamps = &rig.places.report.stamps;
    let sent = stamps.read();
    pass(&rig, 8000).await;
    stamps.observe(sent, stamps.now());
    assert!(stamps.is_wide());
    for _ in 0..3 {
        sampled(&rig, true).await.unwrap();
    }
    assert_eq!(store.calls(CallKind::PutObject), 0, "until the next sample is due");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_to_tell_its_clock_fails_nothing_and_is_not_asked_at_once_again() {
    for kind in [CallKind::PutObject, CallKind::HeadObject] {
        let mut rig = Rig::new("", |_| {}).await;
        begin_process(&mut rig);
        rig.script.expect([(kind, Trouble::Fails(Verdict::Denied))]);
        sampled(&rig, true).await.unwrap();
        assert!(rig.script.is_over());
        sampled(&rig, true).await.unwrap();
        assert_eq!(offset(&rig), None);
        pass(&rig, 600_000).await;
        sampled(&rig, true).await.unwrap();
        assert!(offset(&rig).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_waits_for_an_endpoint_that_is_away_and_whose_clock_is_not_known_and_a_preparation_does_not() {
    let mut rig = Rig::new("", |_| {}).await;
    begin_process(&mut rig);
    let away = || [(CallKind::PutObject, Trouble::Fails(Verdict::Unavailable))];
    rig.script.expect(away());
    let setback = sampled(&rig, true).await.unwrap_err();
    assert!(matches!(&setback, Setback::Again(reason) if reason.contains("endpoint main")), "{setback:?}");
    rig.script.expect(away());
    sampled(&rig, false).await.unwrap();
    sampled(&rig, true).await.unwrap();
    assert!(offset(&rig).is_some());
    pass(&rig, 600_000).await;
    rig.script.expect(away());
    sampled(&rig, true).await.unwrap();
    assert!(rig.script.is_over() && offset(&rig).is_some(), "what was known ten minutes ago is still known");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_not_read_the_stores_clock() {
    let mut rig = Rig::new("", |spec| spec.options.dry_run = Some(true)).await;
    begin_process(&mut rig);
    rig.prepare().await.unwrap();
    assert_eq!(offset(&rig), None);
}

#[tokio::test(start_paused = true)]
async fn preparing_reads_the_stores_clock_and_the_next_process_knows_what_it_was() {
    let mut rig = Rig::new("photos,k0\n", |_| {}).await;
    begin_process(&mut rig);
    rig.objects.create_bucket(&bucket("photos"), Versioning::Off).unwrap();
    rig.prepare().await.unwrap();
    let since = rig.places.source.stamps.now();
    pass(&rig, 2000).await;
    let anew = written(&rig, "anew").await;
    pass(&rig, 60_000).await;

    // Our clock is set while no process runs; the store's, which is the rig's too, goes with it.
    let ours = Arc::new(SkewedClock::ahead_of(rig.clock.clone(), 30_000));
    let stamps = Arc::new(StoreClock::new(ours));
    for place in places(&mut rig) {
        place.stamps = stamps.clone();
    }
    assert!(stamps.may_be_newer(anew.modified, since), "nothing is known yet");
    sampled(&rig, true).await.unwrap();
    assert!(stamps.may_be_newer(anew.modified, since));
    pass(&rig, 10).await;
    let (then, now) = (stamps.offset_since(since).unwrap(), stamps.offset().unwrap());
    assert!(then.low_ms < -30_000 && then.high_ms > 0, "both offsets are possible: {then:?}");
    assert!(now.low_ms < -30_000 && now.high_ms < -28_000, "{now:?}");
    let kept = rig.jobs.endpoints().await.unwrap();
    assert_eq!(kept[0].settings.clock.len(), 2, "{kept:?}");
    assert!(stamps.to_keep().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_of_parts_may_be_newer_than_its_date_where_uploads_may_be_dated_by_their_start() {
    let (mut rig, _) = rig_ahead(0).await;
    sampled(&rig, true).await.unwrap();
    let whole = written(&rig, "old").await;
    pass(&rig, 3_600_000).await;
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
        rig.places.source.kind = kind;
        let since = rig.places.source.stamps.now();
        assert_eq!(may_be_newer(&rig.places.source, &of_parts, since), is_doubtful, "{kind:?}");
        assert!(!may_be_newer(&rig.places.source, &whole, since), "{kind:?}");
    }
}
