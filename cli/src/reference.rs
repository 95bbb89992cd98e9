//! The reference of all commands, rendered from their flags into `docs/cli.md`, with an example of each that a test runs.

use std::fmt::Write;

use clap::{Arg, Command};

/// A command and a line that shows it at work, as it is pasted into a shell. `JOB` stands for a job's id.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The command, without `brigade` before it.
    pub command: &'static str,
    /// The line.
    pub line: &'static str,
}

/// An example of each command. They run in this order, in the folder of `brigade demo --keep`.
pub const EXAMPLES: &[Example] = &[
    example("serve", "brigade serve --config brigade.toml"),
    example("backup", "brigade backup monday"),
    example("restore", "BRIGADE_SERVER_DATA_DIR=restored brigade restore monday"),
    example("config check", "brigade config check --config brigade.toml"),
    example("config reference", "brigade config reference > configuration.md"),
    example("init", "brigade init --endpoint http://127.0.0.1:9100 --bucket photos --out new.toml"),
    example("sandbox", "brigade sandbox --listen 127.0.0.1:0 --bucket photos"),
    example("manifest list", "brigade manifest list s3://photos/2016/ --larger-than 1KiB --out photos.csv"),
    example("manifest list", "brigade manifest list s3://photos/2016/01/ --match '*.jpg' --out photos.csv"),
    example("store list", "brigade store list"),
    example("manifest list", "brigade manifest list sandbox/photos/2016/01/ --out photos.csv"),
    example("job create copy", "brigade job create copy s3://photos/2016/ --to backup"),
    example("job create tag", "brigade job create tag s3://photos/2016/01/ --tag team=red --add --match '*.jpg'"),
    example("job create tag", "brigade job create tag --manifest photos.csv --tag team=blue"),
    example("job create untag", "brigade job create untag s3://photos/2016/01/ --keys team"),
    example("job create restore", "brigade job create restore --manifest photos.csv --days 7"),
    example("job create wait-for-restore", "brigade job create wait-for-restore --manifest photos.csv --patience 48"),
    example("job create acl", "brigade job create acl s3://photos/2016/01/ --acl private"),
    example("job create legal-hold", "brigade job create legal-hold s3://photos/2016/01/ --status on"),
    example(
        "job create retention",
        "brigade job create retention s3://photos/2016/01/ --until 2030-01-31 --mode governance --dry-run",
    ),
    example(
        "job create update-encryption",
        "brigade job create update-encryption --key arn:aws:kms:us-east-1:123456789012:key/photos \\\n      \
         s3://photos/2016/01/ --dry-print",
    ),
    example("job create checksum", "brigade job create checksum s3://photos/2016/01/ --algorithm SHA256"),
    example(
        "job create invoke",
        "brigade job create invoke --function arn:aws:lambda:us-east-1:123456789012:function:thumbnail \\\n      \
         s3://photos/2016/01/ --dry-print",
    ),
    example(
        "job create delete",
        "brigade job create delete s3://photos/2016/ --smaller-than 1MiB --yes --confirm-first",
    ),
    example(
        "job create",
        "brigade job create tag --manifest photos.csv --tag team=blue --dry-print > request.xml && \\\n      \
         brigade job create --xml request.xml",
    ),
    example("job list", "brigade job list --status active --status complete"),
    example("job describe", "brigade job describe JOB --output json"),
    example("job watch", "brigade job watch JOB"),
    example("job failures", "brigade job failures JOB --rows 20"),
    example("job report", "brigade job report JOB --rows 20"),
    example("job confirm", "brigade job confirm JOB --reason 'looked at the report of its dry run'"),
    example("job cancel", "brigade job cancel JOB --reason 'the wrong prefix'"),
    example("job pause", "brigade job pause JOB"),
    example("job resume", "brigade job resume JOB"),
    example("job limit", "brigade job limit JOB --requests-per-second-max 50 --bytes-per-second-max 8MiB"),
    example("job priority", "brigade job priority JOB 99"),
    example("job retry-failed", "brigade job retry-failed JOB"),
    example("job wait-for-restore", "brigade job wait-for-restore JOB --patience 48"),
    example("job remove", "brigade job remove JOB --yes"),
    example("endpoint list", "brigade endpoint list"),
    example("endpoint limit", "brigade endpoint limit sandbox --in-flight-max 64 --requests-per-second-max none"),
    example("endpoint stop", "brigade endpoint stop sandbox --reason 'maintenance until noon'"),
    example("endpoint start", "brigade endpoint start sandbox"),
    example("endpoint probe", "brigade endpoint probe sandbox --bucket lists"),
    example("demo", "brigade demo --objects 1000"),
    example("completions", "brigade completions bash > brigade.bash"),
    example("man", "brigade man man1"),
];

const fn example(command: &'static str, line: &'static str) -> Example {
    Example { command, line }
}

/// The heading of flags that many commands share.
const GENERAL: &str = "General";

/// The reference in Markdown.
#[must_use]
pub fn render() -> String {
    let mut page = String::from(
        "# The command line\n\n\
         <!-- Rendered from cli/src; a test fails when this page is stale, and another one runs the examples. -->\n\n\
         `brigade --help` and `brigade COMMAND --help` say the same, `brigade man DIR` writes it as manual pages, and\n\
         `brigade completions SHELL` lets a shell complete it. A job is named by its id, or by the first characters of the id\n\
         that no other job has. An answer goes to standard output, everything else to standard error. Exit codes: 0 done;\n\
         1 refused or failed; 2 a mistake of yours; `job watch` has more. Sizes are written like 8MiB, durations like 30s.\n\n\
         A place in a store is `s3://BUCKET/PREFIX`, or `STORE/BUCKET/PREFIX` with the name of a store: of an `[endpoints.NAME]` of\n\
         the configuration, as `mc` has aliases and `rclone` remotes (`STORE:BUCKET/PREFIX` is the same, and the only form where a\n\
         file here could be meant, too). `brigade store list` lists them. Without a store it is that of the job's role, else\n\
         `client.endpoint`, else the only one. A job acts where its role does: another store than the role's is refused.\n\n\
         The examples run in the folder of `brigade demo --keep`; `JOB` stands for a job's id.\n\n",
    );
    let mut root = crate::cli::command_line();
    root.build();
    page.push_str("## Options of many commands\n\n");
    let mut general: Vec<&Arg> = Vec::new();
    collect_general(&root, &mut general);
    table(&mut page, &general);
    let create = root.find_subcommand("job").and_then(|job| job.find_subcommand("create"));
    let forms: Vec<&Command> = create.into_iter().flat_map(Command::get_subcommands).collect();
    let forms: Vec<&Command> = forms.into_iter().filter(|form| form.get_name() != "help").collect();
    let shared = shared_by(&forms);
    for (path, command) in commands(&root) {
        let is_form = path.starts_with("job create ");
        chapter(&mut page, &path, command, if is_form { &shared } else { &[] });
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Every command that does something by itself, with its path.
fn commands(root: &Command) -> Vec<(String, &Command)> {
    fn walk<'a>(command: &'a Command, path: &str, into: &mut Vec<(String, &'a Command)>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path = format!("{path} {}", inner.get_name()).trim_start().to_owned();
            if !inner.is_subcommand_required_set() {
                into.push((path.clone(), inner));
            }
            walk(inner, &path, into);
        }
    }
    let mut all = Vec::new();
    walk(root, "", &mut all);
    all
}

fn is_general(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(GENERAL)
}

fn is_own(arg: &&Arg) -> bool {
    !is_general(arg) && !["help", "version"].contains(&arg.get_id().as_str())
}

fn collect_general<'a>(command: &'a Command, general: &mut Vec<&'a Arg>) {
    for arg in command.get_arguments().filter(|arg| is_general(arg)) {
        if !general.iter().any(|known| known.get_id() == arg.get_id()) {
            general.push(arg);
        }
    }
    command.get_subcommands().for_each(|inner| collect_general(inner, general));
}

/// What tells options apart: `--output` may mean this here and that there.
fn help_of(arg: &Arg) -> String {
    format!("{arg} {}", arg.get_help().map(ToString::to_string).unwrap_or_default())
}

/// The options that each of these commands has.
fn shared_by(commands: &[&Command]) -> Vec<String> {
    let Some((first, others)) = commands.split_first() else { return Vec::new() };
    let has = |command: &&Command, help: &String| command.get_arguments().any(|arg| help_of(arg) == *help);
    let own = first.get_arguments().filter(is_own).map(help_of);
    own.filter(|help| others.iter().all(|other| has(other, help))).collect()
}

fn chapter(page: &mut String, path: &str, command: &Command, shared: &[String]) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(page, "## `brigade {path}`\n\n{about}.\n");
    for line in usage.trim_start_matches("Usage:").lines() {
        let _ = writeln!(page, "    {}", line.trim());
    }
    page.push('\n');
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    let is_shared = |arg: &&Arg| shared.contains(&help_of(arg));
    let own: Vec<&Arg> = command.get_arguments().filter(is_own).filter(|arg| !is_shared(arg)).collect();
    table(page, &own);
    if own.len() < command.get_arguments().filter(is_own).count() {
        let _ = writeln!(page, "It also takes the options of every `job create`.\n");
    }
    if let Some(first) = inner.first() {
        let _ = writeln!(page, "Every command of it also takes these options:\n");
        let of_all = shared_by(&inner);
        let own = |arg: &&Arg| !command.get_arguments().any(|own| help_of(own) == help_of(arg));
        table(
            page,
            &first.get_arguments().filter(|arg| of_all.contains(&help_of(arg))).filter(own).collect::<Vec<_>>(),
        );
    }
    let _ = writeln!(page, "For example:\n");
    for example in EXAMPLES.iter().filter(|example| example.command == path) {
        let _ = writeln!(page, "    {}", example.line);
    }
    page.push('\n');
}

fn table(page: &mut String, args: &[&Arg]) {
    if args.is_empty() {
        return;
    }
    page.push_str("| option | default | what it does |\n|---|---|---|\n");
    for arg in args {
        let (help, default) = help_and_default(arg);
        let _ = writeln!(page, "| `{}` | {} | {} |", escaped(&name(arg)), escaped(&default), escaped(&help));
    }
    page.push('\n');
}

/// `-q`, `--quiet`, `--rows <NUMBER>`, `<JOB>`.
fn name(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    format!("{short}{arg}").trim_end_matches("...").to_owned()
}

/// What it does with what it takes, and what holds without it.
fn help_and_default(arg: &Arg) -> (String, String) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, said) = match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help, None),
    };
    let words: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let takes_words = arg.get_action().takes_values() && !words.is_empty();
    let words = if takes_words { format!(": {}", words.join(", ")) } else { String::new() };
    let variable = arg.get_env().map(|name| format!("; or by the variable {}", name.to_string_lossy()));
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let default = match (said, arg.get_action().takes_values()) {
        (Some(said), _) => said,
        (None, true) if !values.is_empty() => values.join(", "),
        (None, true) => "must be given".to_owned(),
        (None, false) => "off".to_owned(),
    };
    (format!("{help}{words}{}", variable.unwrap_or_default()), default)
}

/// A text inside a cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_an_example_and_every_example_its_command() {
        let mut root = crate::cli::command_line();
        root.build();
        let paths: Vec<String> = commands(&root).into_iter().map(|(path, _)| path).collect();
        let lacking: Vec<_> =
            paths.iter().filter(|path| !EXAMPLES.iter().any(|example| example.command == **path)).collect();
        assert!(lacking.is_empty(), "EXAMPLES lacks {lacking:?}");
        for Example { command, line } in EXAMPLES {
            assert!(paths.iter().any(|path| path == *command), "{command} is no command");
            assert!(line.contains(&format!("brigade {command}")), "{line}");
        }
    }

    #[test]
    fn the_reference_is_what_the_flags_say() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        if std::env::var_os("BRIGADE_RENDER").is_some() {
            std::fs::write(file, render()).unwrap();
        }
        let stored = std::fs::read_to_string(file).unwrap_or_default();
        assert!(stored == render(), "docs/cli.md is stale: run the tests of the command line with BRIGADE_RENDER=1");
    }
}
