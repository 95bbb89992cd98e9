//! What settings of endpoints promise.

use brigade_model::capability::Capability;
use brigade_model::endpoint::{EndpointRow, EndpointSettings, Stopped};
use brigade_model::learned::LearnedLimit;
use brigade_model::load::LoadLimits;
use brigade_model::names::{BucketName, EndpointName};
use brigade_model::ports::job_store::SetEndpointError;
use brigade_model::ports::object_store::CallClass;
use brigade_model::probe::{Finding, Probe, Proof};
use brigade_model::store_clock::{KnownOffset, OffsetBounds};
use futures::future::join_all;

use super::Bench;

pub(super) fn sample_settings(bench: &dyn Bench) -> EndpointSettings {
    let limits = LoadLimits {
        requests_in_flight: Some(3),
        requests_per_second: Some(u32::MAX),
        objects_per_second: Some(9),
        bytes_per_second: Some(1 << 40),
    };
    let stopped = Some(Stopped { since: bench.clock().now(), reason: "it's being \"moved\"".into() });
    let found = |capability| Finding { capability, proof: Proof::Lacking, seen: "it's \"dropped\"".into() };
    let findings = Capability::ALL.into_iter().map(found).collect();
    let probe = Some(Probe { bucket: BucketName::new("scratch").unwrap(), at: bench.clock().now(), findings });
    let now = bench.clock().now();
    let offset = OffsetBounds { low_ms: -3_600_000, high_ms: 1 };
    let clock = vec![KnownOffset { from: now, until: now, offset }; 2];
    let of_bucket = |bucket| LearnedLimit { bucket, class: CallClass::Write, limit: 512, at: now };
    let learned = vec![of_bucket(Some(BucketName::new("photos").unwrap())), of_bucket(None)];
    EndpointSettings { limits, stopped, probe, clock, learned }
}

fn unset(name: &str) -> EndpointRow {
    EndpointRow::unset(EndpointName::new(name).unwrap())
}

pub(super) async fn settings_of_an_endpoint_are_read_back_as_they_were_written(bench: &mut dyn Bench) {
    let store = bench.store();
    assert_eq!(store.endpoints().await.unwrap(), []);
    let settings = sample_settings(bench);
    let west = store.set_endpoint(&EndpointRow { settings: settings.clone(), ..unset("west") }).await.unwrap();
    assert_eq!((west.revision, &west.settings), (1, &settings));
    let east = store.set_endpoint(&unset("east")).await.unwrap();
    assert_eq!(bench.store().endpoints().await.unwrap(), [east.clone(), west.clone()]);
    let back = EndpointRow { settings: EndpointSettings::default(), ..west };
    let back = store.set_endpoint(&back).await.unwrap();
    assert_eq!(bench.store().endpoints().await.unwrap(), [east, back]);
}

pub(super) async fn settings_that_another_caller_wrote_meanwhile_are_not_overwritten(bench: &mut dyn Bench) {
    let first = unset("main");
    for row in [first.clone(), bench.store().set_endpoint(&first).await.unwrap()] {
        let writes = (0..8).map(|_| {
            let (store, row) = (bench.store(), row.clone());
            async move { store.set_endpoint(&row).await }
        });
        let answers = join_all(writes).await;
        let lost = answers.iter().filter(|answer| matches!(answer, Err(SetEndpointError::Lost))).count();
        assert_eq!(lost, if row.revision == 0 { 8 } else { 7 }, "{answers:?}");
    }
    let rows = bench.store().endpoints().await.unwrap();
    assert_eq!(rows.iter().map(|row| row.revision).collect::<Vec<_>>(), [2]);
    let early = EndpointRow { revision: 9, ..unset("other") };
    assert!(matches!(bench.store().set_endpoint(&early).await, Err(SetEndpointError::Lost)));
}
