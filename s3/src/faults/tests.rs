use brigade_model::ports::object_store::send;
use brigade_runtime::{SeededEntropy, SimulatedClock};

use super::*;
use crate::scripted::willing::{Scripted, get, head, put};

fn faults(plan: FaultPlan) -> (Arc<Scripted>, Faults, Arc<dyn Clock>) {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let store = Scripted::new(&clock, []);
    let faults = Faults::new(store.clone(), plan, Arc::clone(&clock), Arc::new(SeededEntropy::new(11)));
    (store, faults, clock)
}

const ALWAYS: u32 = 1_000_000;

async fn put_error(plan: FaultPlan) -> (CallError, usize) {
    let (store, faults, _) = faults(plan);
    let error = send(&faults, &CancelToken::unbounded(), put(1)).await.unwrap_err();
    (error, store.times().len())
}

#[tokio::test(start_paused = true)]
async fn a_fault_says_what_can_be_known_of_the_effect() {
    let (error, came) = put_error(FaultPlan { lost_before_ppm: ALWAYS, ..FaultPlan::default() }).await;
    assert_eq!((error.verdict, error.effect, came), (Verdict::Transient, Effect::None, 0));
    let (error, came) = put_error(FaultPlan { lost_on_the_way_ppm: ALWAYS, ..FaultPlan::default() }).await;
    assert_eq!((error.verdict, error.effect, came), (Verdict::Transient, Effect::Unknown, 0));
    let (error, came) = put_error(FaultPlan { lost_after_ppm: ALWAYS, ..FaultPlan::default() }).await;
    assert_eq!((error.verdict, error.effect, came), (Verdict::Transient, Effect::Unknown, 1));
    let (error, came) = put_error(FaultPlan { throttled_ppm: ALWAYS, ..FaultPlan::default() }).await;
    assert_eq!((error.verdict, error.effect, came), (Verdict::Throttled, Effect::None, 0));
}

#[tokio::test(start_paused = true)]
async fn the_store_is_away_in_its_windows_and_there_outside_of_them() {
    let second = |n| Monotonic(Duration::from_secs(n));
    let (store, faults, clock) = faults(FaultPlan { away: vec![(second(1), second(3))], ..FaultPlan::default() });
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        let result = send(&faults, &CancelToken::unbounded(), head("photos")).await;
        verdicts.push(result.err().map(|error| (error.verdict, error.effect)));
        clock.sleep(Duration::from_secs(1)).await;
    }
    let away = Some((Verdict::Unavailable, Effect::None));
    assert_eq!(verdicts, [None, away, away, None]);
    assert_eq!(store.times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_late_by_no_more_than_planned() {
    let late_max = Duration::from_millis(50);
    let (_, faults, clock) = faults(FaultPlan { late_ppm: ALWAYS, late_max, ..FaultPlan::default() });
    for _ in 0..20 {
        let before = clock.monotonic();
        send(&faults, &CancelToken::unbounded(), head("photos")).await.unwrap();
        assert!(clock.monotonic().since(before) <= late_max + Duration::from_millis(1));
    }
    assert!(clock.monotonic().0 > late_max);
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_stream_ends_in_an_error_before_its_last_byte() {
    let (_, faults, _) = faults(FaultPlan { cut_off_ppm: ALWAYS, ..FaultPlan::default() });
    for _ in 0..20 {
        let mut object = send(&faults, &CancelToken::unbounded(), get(10)).await.unwrap();
        let mut bytes = 0;
        let error = loop {
            match object.body.next().await.expect("an error comes before the end") {
                Ok(piece) => bytes += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(bytes < 10);
        assert_eq!(error.effect, Effect::Unknown);
        assert!(object.body.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_faults() {
    async fn run() -> Vec<bool> {
        let (_, faults, _) = faults(FaultPlan { throttled_ppm: ALWAYS / 2, ..FaultPlan::default() });
        let mut ends = Vec::new();
        for _ in 0..50 {
            ends.push(send(&faults, &CancelToken::unbounded(), head("photos")).await.is_ok());
        }
        ends
    }
    let ends = run().await;
    assert_eq!(ends, run().await);
    assert!(ends.contains(&true) && ends.contains(&false));
}
