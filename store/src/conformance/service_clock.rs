//! What the service clock promises.

use std::time::Duration;

use brigade_model::ServiceTime;
use brigade_model::job::{Change, JobId};
use brigade_model::limits::{SERVICE_CLOCK_GAP_MAX, SERVICE_CLOCK_STORED_EVERY};
use brigade_model::ports::job_store::{Due, ListJobs};

use super::samples::{Store, create, end, ended, sample_job, step};
use super::{Bench, EmbeddedBench};

const HOUR: Duration = Duration::from_secs(3600);
const DAY_S: i64 = 86_400;
const YEAR_S: i64 = 365 * DAY_S;

async fn read(store: &Store) -> ServiceTime {
    store.service_time().await.unwrap()
}

async fn stands_since(store: &Store, job: JobId) -> ServiceTime {
    store.job(job).await.unwrap().unwrap().since
}

pub(super) async fn the_service_clock_goes_on_with_time_however_the_time_of_day_is_set(bench: &mut dyn Bench) {
    let (one, other) = (bench.store(), bench.store());
    let began = read(&one).await;
    let mut passed = Duration::ZERO;
    for set_s in [0, YEAR_S, -2 * YEAR_S, 30, -30] {
        bench.set_clock(set_s);
        assert_eq!(read(&one).await.since(began), passed, "set by {set_s} s");
        bench.pass(HOUR).await;
        passed += HOUR;
        assert_eq!(read(&other).await.since(began), passed, "set by {set_s} s");
    }
}

pub(super) async fn a_job_stands_in_its_status_since_a_moment_of_the_service_clock(bench: &mut dyn Bench) {
    let store = bench.store();
    bench.set_clock(-YEAR_S);
    bench.pass(HOUR).await;
    let job = create(&store, sample_job(1)).await;
    assert_eq!(stands_since(&store, job).await, read(&store).await);
    for change in [Change::PreparationStarted, Change::CancelRequested("no".into())] {
        bench.set_clock(YEAR_S);
        bench.pass(HOUR).await;
        step(&store, job, change.clone()).await.unwrap();
        assert_eq!(stands_since(&store, job).await, read(&store).await, "{change:?}");
    }
    let cancelled = read(&store).await;
    bench.pass(HOUR).await;
    step(&store, job, Change::DeleteRequested).await.unwrap();
    assert_eq!(stands_since(&store, job).await, cancelled, "it stands where it stood");
}

pub(super) async fn a_clock_that_is_set_forward_purges_and_hides_no_job(bench: &mut dyn Bench) {
    let store = bench.store();
    let job = ended(&store, sample_job(1), &[1]).await;
    bench.set_clock(YEAR_S);
    bench.pass(HOUR).await;
    let ended_since = read(&store).await.before(2 * HOUR);
    let purged = store.purge(&Due::ended_before(ended_since), 1000).await.unwrap();
    assert_eq!(purged.jobs, []);
    let sample = sample_job(1);
    let (account, dialect, statuses) = (sample.account, sample.dialect, Vec::new());
    let query = ListJobs { account, dialect, statuses, after: None, is_newest_first: false, ended_since, limit: 9 };
    assert_eq!(store.list_jobs(&query).await.unwrap().len(), 1);
    bench.pass(2 * HOUR).await;
    let ended_since = read(&store).await.before(2 * HOUR);
    assert_eq!(store.list_jobs(&ListJobs { ended_since, ..query }).await.unwrap().len(), 0);
    assert_eq!(store.purge(&Due::ended_before(ended_since), 1000).await.unwrap().jobs, [job]);
}

pub(super) async fn the_service_clock_goes_on_over_a_restart_by_the_time_of_day_at_most_a_day(
    bench: &mut dyn EmbeddedBench,
) {
    // How far the time of day moves while the store is closed, and what of it counts.
    let gaps = [
        (0, Duration::ZERO),
        (3600, HOUR),
        (DAY_S - 1, SERVICE_CLOCK_GAP_MAX - Duration::from_secs(1)),
        (YEAR_S, SERVICE_CLOCK_GAP_MAX),
        (-YEAR_S, Duration::ZERO),
        (-1, Duration::ZERO),
    ];
    for (gap_s, counted) in gaps {
        bench.pass(2 * SERVICE_CLOCK_STORED_EVERY).await;
        let before = read(&bench.store()).await;
        bench.set_clock(gap_s);
        bench.reopen().await;
        assert_eq!(read(&bench.store()).await.since(before), counted, "{gap_s} s");
    }
}

pub(super) async fn the_service_clock_never_goes_back_behind_what_was_stored_by_it(bench: &mut dyn EmbeddedBench) {
    let store = bench.store();
    let created = create(&store, sample_job(1)).await;
    let over = create(&store, sample_job(2)).await;
    drop(store);
    // Less than after which the clock is stored for its own sake.
    let moment = SERVICE_CLOCK_STORED_EVERY / 4;
    for round in 0..3 {
        bench.pass(moment).await;
        let store = bench.store();
        match round {
            0 => step(&store, created, Change::PreparationStarted).await.map(drop).unwrap(),
            1 => end(&store, over).await,
            _ => drop(create(&store, sample_job(3)).await),
        }
        let changed = read(&store).await;
        drop(store);
        bench.pass(moment).await;
        bench.set_clock(-DAY_S);
        bench.reopen().await;
        let reopened = read(&bench.store()).await;
        assert!(reopened >= changed, "round {round}: {reopened:?} is before {changed:?}");
    }
    // And of what no change stored, no more is lost than the time between two readings that are.
    bench.pass(10 * SERVICE_CLOCK_STORED_EVERY).await;
    read(&bench.store()).await;
    bench.pass(SERVICE_CLOCK_STORED_EVERY - moment).await;
    let last = read(&bench.store()).await;
    bench.set_clock(-DAY_S);
    bench.reopen().await;
    assert!(last.since(read(&bench.store()).await) < SERVICE_CLOCK_STORED_EVERY);
}
