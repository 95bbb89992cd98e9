//! The command line: which commands there are, and how a mistake is told.
//!
//! A mistake of the user is one line on stderr, what is wrong and what to do, with exit code 2 (in
//! a configuration each mistake is a line); any other failure is one line with exit code 1.

use std::process::ExitCode;

use brigade_config::{ConfigError, UsageError};
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::command::{backup, config, demo, endpoint, init, job, manifest, restore, sandbox, serve};
use crate::exit::ExitWith;
use crate::{core_dumps, printer};

/// Batch operations on object storage: one operation on every object of a manifest, each
/// object accounted for exactly once.
#[derive(Debug, Parser)]
#[command(name = "brigade", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Arguments),
    /// Copy the data directory into a new folder, while the service runs or not.
    Backup(backup::Arguments),
    /// Bring a backup back into an empty data directory; its jobs wait until they are resumed.
    Restore(restore::Arguments),
    /// Check a configuration, or print the reference of all settings.
    Config(config::Arguments),
    /// Write a first configuration for an S3-compatible endpoint, and test it.
    Init(init::Arguments),
    /// Run an embedded S3 server for trying things out.
    Sandbox(sandbox::Arguments),
    /// Create, watch and steer jobs.
    Job(job::Arguments),
    /// See and steer the endpoints that all jobs share.
    Endpoint(endpoint::Arguments),
    /// Make manifests.
    Manifest(manifest::Arguments),
    /// See it work: service, bucket and job in one process.
    Demo(demo::Arguments),
}

/// Parses the command line, runs the command, and says in one line what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => return tell(&in_one_line(&error), 2),
    };
    if let Err(error) = core_dumps::forbid() {
        return tell(&format!("error: cannot forbid core dumps: {error}"), 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&format!("error: cannot start the runtime: {error}"), 1),
    };
    match runtime.block_on(run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end_with(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => restore::run(arguments).await,
        Command::Config(arguments) => config::run(arguments).await,
        Command::Init(arguments) => init::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Job(arguments) => job::run(arguments).await,
        Command::Endpoint(arguments) => endpoint::run(arguments).await,
        Command::Manifest(arguments) => manifest::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
    }
}

fn end_with(error: &anyhow::Error) -> ExitCode {
    if let Some(ExitWith(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    if let Some(ConfigError::Wrong(mistakes)) = error.downcast_ref() {
        for (n, mistake) in mistakes.iter().enumerate() {
            printer::tell(format_args!("{}{mistake}", if n == 0 { "error: " } else { "" }));
        }
        return ExitCode::from(2);
    }
    let is_mistake = error.is::<UsageError>() || error.is::<ConfigError>();
    tell(&format!("error: {error:#}"), if is_mistake { 2 } else { 1 })
}

fn tell(line: &str, code: u8) -> ExitCode {
    printer::tell(line);
    ExitCode::from(code)
}

/// clap's first paragraph in one line, and where to read on.
fn in_one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "error: a command is missing (see 'brigade --help' or 'brigade COMMAND --help')".to_owned();
    }
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let said = lines.collect::<Vec<_>>().join(" ");
    format!("{said} (see 'brigade --help' or 'brigade COMMAND --help')")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_on_the_command_line_is_one_line() {
        for arguments in [&["brigade"][..], &["brigade", "fly"], &["brigade", "serve", "--nonsense"]] {
            let error = Cli::try_parse_from(arguments).unwrap_err();
            let line = in_one_line(&error);
            assert!(line.starts_with("error: "), "{line}");
            assert!(!line.contains('\n') && line.contains("--help"), "{line}");
        }
    }
}
