//! The command line: which commands there are, and how a mistake is told.
//!
//! A mistake of the user is a line on stderr that says what is wrong, and mostly another one that says what to do,
//! with exit code 2 (in a configuration each mistake is a line); any other failure has exit code 1.

use std::collections::VecDeque;
use std::error::Error as _;
use std::ffi::OsString;
use std::net::{AddrParseError, SocketAddr};
use std::num::ParseIntError;
use std::process::ExitCode;

use brigade_config::nearest::nearest;
use brigade_config::value::{LogFormat, Scalar as _};
use brigade_config::{ConfigError, Explained, UsageError};
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::command::{
    backup, completions, config, demo, endpoint, init, job, man, manifest, restore, sandbox, serve, store,
};
use crate::exit::ExitWith;
use crate::verbosity::Verbosity;
use crate::{advice, core_dumps, printer};

/// Batch operations on object storage: one operation on every object of a manifest, each
/// object accounted for exactly once.
#[derive(Debug, Parser)]
#[command(name = "brigade", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
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
    /// See the named stores of the configuration.
    Store(store::Arguments),
    /// See it work: service, bucket and job in one process.
    Demo(demo::Arguments),
    /// Print what a shell needs to complete commands and options.
    Completions(completions::Arguments),
    /// Write the manual pages into a folder.
    Man(man::Arguments),
}

/// The whole command line, for what is made of it: completions, manual pages, its reference.
#[must_use]
pub fn command_line() -> clap::Command {
    with_defaults(Cli::command())
}

/// Lets every option that takes a value say what holds without it.
fn with_defaults(command: clap::Command) -> clap::Command {
    let says_nothing = |arg: &clap::Arg| {
        let is_option = arg.get_action().takes_values() && !arg.is_positional() && !arg.is_required_set();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        is_option && arg.get_default_values().is_empty() && !help.contains("[default: ")
    };
    let with_default = |arg: clap::Arg| {
        if !says_nothing(&arg) {
            return arg;
        }
        let said = |help: Option<&StyledStr>| help.map(|help| format!("{help} [default: none]"));
        let (help, long_help) = (said(arg.get_help()), said(arg.get_long_help()));
        let arg = arg.help(help.unwrap_or_default());
        match long_help {
            Some(help) => arg.long_help(help),
            None => arg,
        }
    };
    command.mut_args(with_default).mut_subcommands(with_defaults)
}

impl Cli {
    /// What the arguments say.
    fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut matches = command_line().try_get_matches_from(arguments)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command_line()))
    }
}

/// Parses the command line, runs the command, and says what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = settled(std::env::args_os().collect());
    if arguments.len() <= 1 {
        // Standard output, as of every command; a reader that has closed it does not miss it.
        let _ = command_line().print_help();
        return ExitCode::SUCCESS;
    }
    let Cli { verbosity, command } = match Cli::read(&arguments) {
        Ok(cli) => cli,
        Err(error) => return end_parsing(&error, &arguments),
    };
    if verbosity.quiet {
        printer::be_quiet();
    }
    let has_own_log = matches!(command, Command::Serve(_));
    if let (true, false, Some(filter)) = (verbosity.verbose, has_own_log, verbosity.log_filter())
        && let Err(error) = brigade_server::log::start(LogFormat::Text, filter)
    {
        return tell(&format!("error: {error:#}"), 1);
    }
    if let Err(error) = core_dumps::forbid() {
        return tell(&format!("error: cannot forbid core dumps: {error}"), 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&format!("error: cannot start the runtime: {error}"), 1),
    };
    match runtime.block_on(run(command, verbosity)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end_with(&error),
    }
}

async fn run(command: Command, verbosity: Verbosity) -> anyhow::Result<()> {
    match command {
        Command::Serve(arguments) => serve::run(arguments, verbosity).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => restore::run(arguments).await,
        Command::Config(arguments) => config::run(arguments).await,
        Command::Init(arguments) => init::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Job(arguments) => job::run(arguments).await,
        Command::Endpoint(arguments) => endpoint::run(arguments).await,
        Command::Manifest(arguments) => manifest::run(arguments).await,
        Command::Store(arguments) => store::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Completions(arguments) => completions::run(arguments, command_line()),
        Command::Man(arguments) => man::run(arguments, command_line()),
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
    if let Some(Explained { what, below }) = error.downcast_ref() {
        printer::tell(format_args!("error: {what}"));
        below.iter().for_each(|line| printer::tell(format_args!("  {line}")));
        return ExitCode::from(2);
    }
    printer::tell(format_args!("error: {error:#}"));
    if let Some(way_out) = advice::of(error) {
        printer::tell(format_args!("  {way_out}"));
    }
    let is_mistake = error.is::<UsageError>() || error.is::<ConfigError>();
    ExitCode::from(if is_mistake { 2 } else { 1 })
}

fn tell(line: &str, code: u8) -> ExitCode {
    printer::tell(line);
    ExitCode::from(code)
}

/// Help and version as they are; of a mistake a line that says what is wrong, and one that says what to do.
fn end_parsing(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        // A group without a command is asked what it has.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {
            let [what, way_out] = in_two_lines(error, arguments);
            printer::tell(what);
            tell(&format!("  {way_out}"), 2)
        }
    }
}

/// clap's first paragraph in one line, and the name that was meant, or where to read on.
fn in_two_lines(error: &clap::Error, arguments: &[OsString]) -> [String; 2] {
    let text = in_plain_words(error);
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let help = format!("'{} --help'", deepest_command(arguments));
    let meant = command_elsewhere(error)
        .or_else(|| suggestion(error))
        .or_else(|| nearest_value(error))
        .or_else(|| nearest_command(error, arguments));
    let way_out = match meant {
        Some(meant) => format!("did you mean '{meant}'? See {help}"),
        None => format!("see {help}"),
    };
    [lines.collect::<Vec<_>>().join(" "), way_out]
}

/// What clap says; of a number or an address that is none, what it must be.
fn in_plain_words(error: &clap::Error) -> String {
    let text = error.to_string();
    let Some(cause) = error.source() else { return text };
    let must_be = if cause.is::<ParseIntError>() {
        "a whole number"
    } else if cause.is::<AddrParseError>() {
        SocketAddr::TAKES
    } else {
        return text;
    };
    text.replace(&cause.to_string(), &format!("must be {must_be}"))
}

/// The command of that very name in another group, whole: `brigade job create` for `brigade create`.
fn command_elsewhere(error: &clap::Error) -> Option<String> {
    let ContextValue::String(given) = error.get(ContextKind::InvalidSubcommand)? else { return None };
    let mut groups = VecDeque::from([("brigade".to_owned(), command_line())]);
    while let Some((path, group)) = groups.pop_front() {
        if group.get_subcommands().any(|inner| inner.get_name() == given) {
            return Some(format!("{path} {given}"));
        }
        groups.extend(group.get_subcommands().map(|inner| (format!("{path} {}", inner.get_name()), inner.clone())));
    }
    None
}

/// The command, option or value that is most like the unknown one.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        // The last one is most alike.
        ContextValue::Strings(names) => names.last().cloned(),
        _ => None,
    })
}

/// The word that an option's value was meant to be, where clap does not find it: a slip in a short one, or other letters' case.
fn nearest_value(error: &clap::Error) -> Option<String> {
    let ContextValue::String(given) = error.get(ContextKind::InvalidValue)? else { return None };
    let ContextValue::Strings(words) = error.get(ContextKind::ValidValue)? else { return None };
    let small: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let meant = nearest(&given.to_ascii_lowercase(), small.iter().map(String::as_str))?;
    words.iter().find(|word| word.eq_ignore_ascii_case(meant)).cloned()
}

/// The command that a slip in a short name was meant to be, which clap does not find.
fn nearest_command(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let ContextValue::String(given) = error.get(ContextKind::InvalidSubcommand)? else { return None };
    let command = deepest(arguments).0;
    nearest(given, command.get_subcommands().map(clap::Command::get_name)).map(str::to_owned)
}

/// The commands that the arguments begin with, as far as they are known: `brigade job list`.
fn deepest_command(arguments: &[OsString]) -> String {
    deepest(arguments).1
}

fn deepest(arguments: &[OsString]) -> (clap::Command, String) {
    let (mut command, mut path) = (command_line(), "brigade".to_owned());
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    for word in words.filter(|word| !word.starts_with('-')) {
        let Some(inner) = command.find_subcommand(word) else { break };
        path.push_str(&format!(" {}", inner.get_name()));
        command = inner.clone();
    }
    (command, path)
}

/// The same arguments with the options that name the configuration behind the command, where it takes them: of other programs
/// users know them before it.
fn settled(arguments: Vec<OsString>) -> Vec<OsString> {
    const OPTIONS: [&str; 2] = ["--config", "--profile"];
    let mut rest = arguments.into_iter().peekable();
    let (mut settled, mut moved): (Vec<OsString>, Vec<OsString>) = (rest.next().into_iter().collect(), Vec::new());
    while let Some(option) = rest.next_if(|argument| argument.to_str().is_some_and(|text| text.starts_with('-'))) {
        let text = option.to_string_lossy().into_owned();
        let (name, has_value) = text.split_once('=').map_or((text.as_str(), false), |(name, _)| (name, true));
        let into = if OPTIONS.contains(&name) { &mut moved } else { &mut settled };
        into.push(option);
        if OPTIONS.contains(&name) && !has_value {
            into.extend(rest.next());
        }
    }
    if moved.is_empty() {
        return settled.into_iter().chain(rest).collect();
    }
    let mut command = command_line();
    while let Some(inner) = rest.peek().and_then(|word| command.find_subcommand(word.to_str()?)).cloned() {
        command = inner;
        settled.extend(rest.next());
    }
    settled.into_iter().chain(moved).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_on_the_command_line_says_what_is_wrong_and_then_what_to_do() {
        for (arguments, what, way_out) in [
            (&["fly"][..], "error: unrecognized subcommand 'fly'", "see 'brigade --help'"),
            (
                &["job", "lits"],
                "error: unrecognized subcommand 'lits'",
                "did you mean 'list'? See 'brigade job --help'",
            ),
            (
                &["job", "create", "tga", "s3://photos/"],
                "error: unrecognized subcommand 'tga'",
                "did you mean 'tag'? See 'brigade job create --help'",
            ),
            (
                &["create", "copy", "s3://photos/"],
                "error: unrecognized subcommand 'create'",
                "did you mean 'brigade job create'? See 'brigade --help'",
            ),
            (
                &["delete", "s3://photos/"],
                "error: unrecognized subcommand 'delete'",
                "did you mean 'brigade job create delete'? See 'brigade --help'",
            ),
            (
                &["job", "probe", "main"],
                "error: unrecognized subcommand 'probe'",
                "did you mean 'brigade endpoint probe'? See 'brigade job --help'",
            ),
            (
                &["job", "report", "01a2", "--rows", "ten"],
                "error: invalid value 'ten' for '--rows <NUMBER>': must be a whole number",
                "see 'brigade job report --help'",
            ),
            (
                &["sandbox", "--listen", "nope"],
                "error: invalid value 'nope' for '--listen <ADDRESS>': must be an address and a port, such as 127.0.0.1:8080",
                "see 'brigade sandbox --help'",
            ),
            (
                &["job", "list", "--al"],
                "error: unexpected argument '--al' found",
                "did you mean '--all'? See 'brigade job list --help'",
            ),
            (
                &["job", "list", "--output", "jsno"],
                "error: invalid value 'jsno' for '--output <FORMAT>' [possible values: table, json, xml]",
                "did you mean 'json'? See 'brigade job list --help'",
            ),
            (
                &["job", "list", "--status", "ACTVI"],
                "error: invalid value 'ACTVI' for '--status <STATUS>' [possible values: New, Preparing, Suspended, \
                 Ready, Active, Pausing, Paused, Completing, Complete, Cancelling, Cancelled, Failing, Failed]",
                "did you mean 'Active'? See 'brigade job list --help'",
            ),
            (
                &["job", "create", "checksum", "s3://photos/", "--algorithm", "crc23"],
                "error: invalid value 'crc23' for '--algorithm <NAME>' [possible values: CRC32, CRC32C, CRC64NVME, \
                 MD5, SHA1, SHA256, SHA512, XXHASH64, XXHASH3, XXHASH128]",
                "did you mean 'CRC32'? See 'brigade job create checksum --help'",
            ),
            (
                &["job", "create", "delete", "s3://photos/", "--key-encoding", "rwa"],
                "error: invalid value 'rwa' for '--key-encoding <VALUE>' [possible values: raw, url, form]",
                "did you mean 'raw'? See 'brigade job create delete --help'",
            ),
            (
                &["job", "describe"],
                "error: the following required arguments were not provided: <JOB>",
                "see 'brigade job describe --help'",
            ),
            (
                &["endpoint", "limit", "main"],
                "error: the following required arguments were not provided: <--in-flight-max <N|none>|\
                 --requests-per-second-max <N|none>|--objects-per-second-max <N|none>|--bytes-per-second-max <SIZE|none>>",
                "see 'brigade endpoint limit --help'",
            ),
        ] {
            let arguments: Vec<OsString> = ["brigade"].iter().chain(arguments).map(OsString::from).collect();
            let error = Cli::read(&arguments).unwrap_err();
            assert_eq!(in_two_lines(&error, &arguments), [what, way_out]);
        }
    }

    #[test]
    fn what_names_the_configuration_may_stand_before_the_command() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (given, wanted) in [
            ("brigade --profile lab job list", "brigade job list --profile lab"),
            (
                "brigade --config=a.toml -q --profile lab job create tag --tag a=b",
                "brigade -q job create tag --config=a.toml --profile lab --tag a=b",
            ),
            ("brigade --config a.toml config check", "brigade config check --config a.toml"),
            ("brigade job --profile lab list", "brigade job --profile lab list"),
            ("brigade --config", "brigade --config"),
        ] {
            assert_eq!(settled(words(given)), words(wanted), "{given}");
        }
        assert!(Cli::read(&settled(words("brigade --config a.toml --profile lab -v job list --all"))).is_ok());
    }

    #[test]
    fn every_option_says_what_holds_without_it() {
        fn look(command: &clap::Command, silent: &mut Vec<String>) {
            for arg in command.get_arguments().filter(|arg| arg.get_action().takes_values() && !arg.is_positional()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let says = !arg.get_default_values().is_empty() || help.contains("[default: ");
                if !arg.is_required_set() && !says {
                    silent.push(format!("{} {arg}", command.get_name()));
                }
                let elsewhere = ["when not given", "without it"].iter().any(|words| help.contains(words));
                assert!(!(elsewhere && says), "{} {arg} has two defaults: {help}", command.get_name());
            }
            command.get_subcommands().for_each(|inner| look(inner, silent));
        }
        let mut silent = Vec::new();
        look(&command_line(), &mut silent);
        assert_eq!(silent, [""; 0]);
    }

    #[test]
    fn flags_say_how_much_is_told() {
        let filter = |arguments: &[&str]| Cli::try_parse_from(arguments).map(|cli| cli.verbosity.log_filter()).ok();
        assert_eq!(filter(&["brigade", "serve"]), Some(None));
        assert_eq!(filter(&["brigade", "serve", "-q"]), Some(Some("warn,audit=info")));
        assert_eq!(filter(&["brigade", "-v", "serve"]), Some(Some("info,brigade=debug")));
        assert_eq!(filter(&["brigade", "serve", "-qv"]), None);
    }
}
