//! `brigade-sim`: runs seeds of the simulation and reports those that fail.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use brigade_s3::simulated::Habit;
use brigade_sim::{Run, SCENARIOS, Scenario, run_scenario, run_with};
use clap::Parser;

/// Runs the service in a deterministic simulation, one run for each seed.
#[derive(Debug, Parser)]
#[command(name = "brigade-sim", version)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Runs this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
    seed: Option<u64>,
    /// Gives the store this habit, and those of other such flags, and no others.
    #[arg(long, value_name = "HABIT")]
    habit: Vec<Habit>,
    /// Runs the plan of that name, which is written by hand, in the order of each seed.
    #[arg(long, value_name = "NAME", conflicts_with = "habit", value_parser = scenario)]
    scenario: Option<&'static Scenario>,
    /// Prints everything that happened.
    #[arg(long)]
    history: bool,
    /// Prints in the end what happened in all seeds, in kinds, and how often.
    #[arg(long)]
    kinds: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seeds = match arguments.seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => arguments.first_seed..arguments.first_seed.saturating_add(arguments.seeds),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = 0_u64;
    let mut kinds = BTreeMap::<String, u64>::new();
    for seed in seeds.clone() {
        let run = match arguments.scenario {
            Some(scenario) => run_scenario(seed, scenario),
            None => run_with(seed, Some(arguments.habit.as_slice()).filter(|habits| !habits.is_empty())),
        };
        tell(&mut out, &run, arguments.history)?;
        failed += u64::from(!run.violations.is_empty());
        run.kinds.into_iter().for_each(|(kind, times)| *kinds.entry(kind).or_default() += times);
    }
    if arguments.kinds {
        kinds.iter().try_for_each(|(kind, times)| writeln!(out, "{times:>9} {kind}"))?;
    }
    writeln!(out, "{failed} of {} seeds failed", seeds.end - seeds.start)?;
    if failed > 0 {
        writeln!(out, "replay one with: brigade-sim --seed SEED --history")?;
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    let names = || SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| format!("must be one of {}", names()))
}

fn tell(out: &mut impl Write, run: &Run, has_history: bool) -> std::io::Result<()> {
    if has_history {
        for (moment, entry) in run.history.iter().enumerate() {
            writeln!(out, "{moment:>6} {entry}")?;
        }
        writeln!(out, "digest of the history: {}", run.digest())?;
    }
    for violation in &run.violations {
        writeln!(out, "seed {}: {}: {}", run.seed, violation.invariant, violation.what)?;
    }
    out.flush()
}
