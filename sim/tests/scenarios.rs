//! The scenarios written by hand, each in several orders.
#![allow(clippy::unwrap_used)]

use brigade_sim::{SCENARIOS, run_scenario};

#[test]
fn in_every_scenario_what_a_job_promises_holds() {
    let mut broken = Vec::new();
    for scenario in SCENARIOS {
        for seed in 0..4 {
            let run = run_scenario(seed, scenario);
            let told = run.violations.iter().map(|v| format!("{} {seed}: {}: {}", scenario.name, v.invariant, v.what));
            broken.extend(told);
            let is_shown = scenario.shows.iter().any(|kind| run.kinds.contains_key(*kind));
            assert!(is_shown, "{} {seed}: {:#?}", scenario.name, run.kinds);
        }
    }
    assert!(broken.is_empty(), "replay with: brigade-sim --scenario NAME --seed SEED --history\n{}", broken.join("\n"));
}
