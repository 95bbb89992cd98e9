//! What users see first: help, the list of jobs, completions and manual pages, on terminals and in pipes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::kept::{Kept, brigade, told};
use crate::tty::on_terminal;

/// `brigade`
#[test]
fn the_bare_program_prints_its_help_on_standard_output() {
    let (out, err, code) = told(&brigade(&[]).output().unwrap());
    assert_eq!((err.as_str(), code), ("", Some(0)));
    assert!(out.contains("Usage: brigade [OPTIONS] <COMMAND>") && out.contains("completions"), "{out}");
    let (out, err, code) = told(&brigade(&["job"]).output().unwrap());
    assert_eq!((out.as_str(), code), ("", Some(2)));
    assert!(err.contains("Usage: brigade job [OPTIONS] <COMMAND>"), "{err}");
}

/// `brigade job lits`, with and without NO_COLOR, on a terminal and in a pipe
#[test]
fn colours_are_for_terminals_and_only_where_they_are_wanted() {
    const RED: &str = "\u{1b}[1;31merror:\u{1b}[0m unrecognized subcommand 'lits'\n";
    const PLAIN: &str = "error: unrecognized subcommand 'lits'\n";
    let command = || {
        let mut command = brigade(&["job", "lits"]);
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
        command
    };
    let with = |name: &str, value: &str| {
        let mut command = command();
        command.env(name, value);
        command
    };
    let (shown, code) = on_terminal(command(), 80, "");
    assert!(shown.starts_with(RED) && code == Some(2), "{shown:?}");
    assert!(on_terminal(with("NO_COLOR", "1"), 80, "").0.starts_with(PLAIN));
    assert!(on_terminal(with("TERM", "dumb"), 80, "").0.starts_with(PLAIN));
    assert!(told(&command().output().unwrap()).1.starts_with(PLAIN));
    let mut help = brigade(&["--help"]);
    help.env("NO_COLOR", "1");
    assert!(!on_terminal(help, 80, "").0.contains('\u{1b}'));
}

/// ```text
/// brigade job list
/// brigade job describe THE-BEGINNING-OF-AN-ID
/// brigade job describe 0000
/// ```
#[test]
fn a_list_fits_the_terminal_and_what_it_shows_is_what_commands_take() {
    let kept = Kept::start();
    let (shown, _) = on_terminal(kept.command(&["job", "list"]), 80, "");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let (head, row) = shown.split_once('\n').unwrap();
    assert_eq!(head, "JOB            STATUS    OPERATION  DONE  TOTAL  FAILED  AGE  DESCRIPTION");
    let short = row.split_whitespace().next().unwrap();
    assert_eq!(short.len(), 13, "{row}");
    let (whole, err, _) = kept.run(&["job", "list"]);
    let id = whole.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(id.len() == 36 && id.starts_with(short), "{whole}{err}");
    assert!(kept.run(&["job", "describe", short]).0.contains(id));
    let (err, code) = on_terminal(kept.command(&["job", "describe", "0000"]), 80, "");
    assert!(err.ends_with("  see which there are: brigade job list\n") && code == Some(2), "{err}");
    let tag = ["job", "create", "tag", "s3://photos/2016/01/", "--tag", "a=b", "--add"];
    assert_eq!(kept.run(&[&tag[..], &["--description", &"long ".repeat(20)]].concat()).2, Some(0));
    let (err, code) = on_terminal(kept.command(&["job", "describe", &short[..4]]), 80, "");
    assert!(err.contains("begins the ids of several jobs") && err.contains(id) && code == Some(2), "{err}");
    assert!(err.lines().all(|line| line.chars().count() <= 80 || line.starts_with('\u{1b}')), "{err}");
    let (_, err, code) = kept.run(&["job", "describe", "0000"]);
    assert_eq!(code, Some(2));
    assert_eq!(err, "error: no job begins with 0000\n  see which there are: brigade job list\n");
}

/// `brigade endpoint limit main`, `brigade job list --config A-LONG-PATH`
#[test]
fn an_error_breaks_between_words_on_a_terminal_and_not_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-folder-with-a-long-name/".repeat(3)).join("brigade.toml").display().to_string();
    let command = || {
        let mut command = brigade(&["job", "list", "--config", &path]);
        command.env("NO_COLOR", "1");
        command
    };
    let (whole, piped, _) = told(&command().output().unwrap());
    assert_eq!((whole.as_str(), piped.lines().count()), ("", 2), "{piped}");
    for columns in [40, 60, 80] {
        let (shown, _) = on_terminal(command(), columns, "");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&shown), words(&piped));
        let fits = |line: &&str| line.chars().count() <= usize::from(columns) || line.contains(&path);
        assert!(shown.lines().all(|line| fits(&line)) && shown.lines().count() > 3, "{shown}");
        assert!(shown.lines().skip(1).all(|line| line.starts_with("  ")), "{shown}");
    }
}

/// `brigade job watch JOB --quiet`, `brigade --verbose job list`
#[test]
fn quiet_leaves_the_answer_alone_and_verbose_tells_of_each_request() {
    let kept = Kept::start();
    let (out, _, _) = kept.run(&["job", "list"]);
    let id = out.lines().nth(1).unwrap()[..36].to_owned();
    let (out, err, code) = kept.run(&["job", "watch", &id, "--quiet"]);
    assert!(out.contains("Status") && err.is_empty() && code == Some(0), "{out}{err}");
    assert!(kept.run(&["job", "watch", &id]).1.contains("Complete: 300 of 300"));
    let (_, err, _) = kept.run(&["--verbose", "job", "list"]);
    assert!(
        err.contains("request answered method=GET") && err.contains("/jobs") && err.contains("status=200"),
        "{err}"
    );
}

/// ```text
/// brigade job create copy sandbox/photos/2016/01/ --to sandbox/backup
/// brigade job watch AN-UNKNOWN-ID
/// ```
#[test]
fn places_name_their_store_and_a_watch_of_no_job_leaves_no_bar() {
    let kept = Kept::start();
    let copy =
        ["--config", "brigade.toml", "job", "create", "copy", "sandbox/photos/2016/01/", "--to", "sandbox/backup"];
    let (out, err, _) = kept.run(&copy);
    let job = out.lines().last().expect(&err);
    assert_eq!(kept.run(&["job", "watch", job]).2, Some(0));
    assert!(kept.run(&["job", "describe", job]).0.contains("copy to backup"));

    let unknown = "01978a00-0000-7000-8000-000000000001";
    let mut watch = kept.command(&["job", "watch", unknown]);
    watch.env("NO_COLOR", "1");
    let (shown, code) = on_terminal(watch, 80, "");
    assert!(!shown.contains('%') && shown.contains("error: NoSuchJob") && code == Some(1), "{shown:?}");
}

/// `brigade completions bash | bash`, `brigade man DIR`
#[test]
fn a_shell_takes_the_completions_and_every_command_has_its_manual_page() {
    for shell in ["bash", "zsh", "fish"] {
        let (out, err, code) = told(&brigade(&["completions", shell]).output().unwrap());
        assert!(code == Some(0) && out.contains("retry-failed") && !out.contains("\\u{"), "{shell}: {err}");
    }
    let script = told(&brigade(&["completions", "bash"]).output().unwrap()).0;
    let asks =
        r#"COMP_WORDS=(brigade job retry-f); COMP_CWORD=2; _brigade brigade retry-f job; echo "${COMPREPLY[@]}""#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script"), format!("{script}\n{asks}")).unwrap();
    let mut bash = std::process::Command::new("bash");
    let (out, err, _) = told(&bash.arg(folder.path().join("script")).output().unwrap());
    assert_eq!(out, "retry-failed\n", "{err}");

    let pages = folder.path().join("man1");
    let (_, err, code) = told(&brigade(&["man", &pages.display().to_string(), "-q"]).output().unwrap());
    assert_eq!((err.as_str(), code), ("", Some(0)));
    for page in ["brigade.1", "brigade-job-create-tag.1", "brigade-endpoint-limit.1"] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
}

/// What a command shows on a terminal of 80 and of 200 columns, and in a pipe.
fn screens(command: impl Fn() -> std::process::Command) -> String {
    let mut shown = String::new();
    for columns in [80, 200] {
        let mut command = command();
        command.env("NO_COLOR", "1");
        let (text, _) = on_terminal(command, columns, "");
        shown.push_str(&format!("-- a terminal of {columns} columns\n{text}\n"));
    }
    let (out, err, _) = told(&command().output().unwrap());
    shown.push_str(&format!("-- a pipe\n{out}{err}\n"));
    shown
}

/// What a command shows on a terminal of 80 columns: no line of its tables is wider, and nothing that a pipe gets is lost.
fn fits(command: impl Fn() -> std::process::Command) -> String {
    let (shown, _) = on_terminal(command(), 80, "");
    let (out, _, _) = told(&command().output().unwrap());
    assert!(shown.lines().filter(|line| line.contains("  ")).all(|line| line.chars().count() <= 80), "{shown}");
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        letters.sort_unstable();
        letters
    };
    assert_eq!(letters(&shown), letters(&out), "{shown}\n{out}");
    shown
}

#[test]
fn the_first_screens_fit_and_begin_with_what_matters() {
    insta::assert_snapshot!("brigade", screens(|| brigade(&[])));
    let help = || {
        let mut command = brigade(&["init", "--help"]);
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        command
    };
    insta::assert_snapshot!("init_help", screens(help));
    insta::assert_snapshot!("mistake", screens(|| brigade(&["endpoint", "limit", "main"])));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    std::fs::write(
        &file,
        "[server]\nlisten = \"localhost\"\n[endpoints.main]\nurl = \"minio:9000\"\nkind = \"swift\"\n",
    )
    .unwrap();
    let check = || {
        let mut command = brigade(&["config", "check"]);
        command.current_dir(folder.path());
        command
    };
    insta::assert_snapshot!("config_check", screens(check));

    let kept = Kept::start();
    let probe = || kept.command(&["endpoint", "probe", "sandbox", "--bucket", "lists"]);
    fits(probe);
    let config = std::fs::read_to_string(kept.folder().join("brigade.toml")).unwrap();
    let setting =
        |name: &str| config.split(&format!("{name} = \"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let init = || {
        let _ = std::fs::remove_file(kept.folder().join("new.toml"));
        let mut command =
            kept.command(&["init", "--endpoint", &setting("url"), "--bucket", "photos", "--out", "new.toml"]);
        command.env("AWS_ACCESS_KEY_ID", setting("access_key")).env("AWS_SECRET_ACCESS_KEY", setting("secret_key"));
        command
    };
    let shown = fits(init);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("the credentials work on photos"), "{shown}");
    assert_eq!(lines.last(), Some(&"next: brigade serve --config new.toml"), "what to do next stands at the prompt");
}

/// Ids and times are others in each run: the same text with `x` for the letters of ids, and one time.
fn steady(text: &str) -> String {
    let is_of_one = |c: char| c.is_ascii_hexdigit() || matches!(c, 'T' | ':' | 'Z' | '-');
    let (mut steady, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_of_one(c) != is_of_one(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        match run.len() {
            _ if !is_of_one(first) => steady.push_str(run),
            20 if run.ends_with('Z') => steady.push_str("2026-01-01T00:00:00Z"),
            12.. if run.contains(|c: char| c.is_ascii_digit()) => {
                steady.extend(run.chars().map(|c| if c.is_ascii_alphanumeric() { 'x' } else { c }));
            }
            _ => steady.push_str(run),
        }
        rest = after;
    }
    steady
}

/// ```text
/// brigade job describe JOB
/// brigade job report JOB --rows 5
/// brigade job failures JOB
/// brigade endpoint list
/// brigade job create delete s3://photos/2016/01/ --yes --confirm-first
/// ```
#[test]
fn the_screens_of_a_job_fit_and_say_first_what_it_became_or_will_do() {
    let kept = Kept::start();
    let (list, _, _) = kept.run(&["job", "list"]);
    let id = list.lines().nth(1).unwrap()[..36].to_owned();
    let of = |arguments: &[&str]| steady(&screens(|| kept.command(arguments)));
    insta::assert_snapshot!("job_described", of(&["job", "describe", &id]));
    insta::assert_snapshot!("job_reported", of(&["job", "report", &id, "--rows", "5"]));
    insta::assert_snapshot!("job_failures", of(&["job", "failures", &id]));
    let (endpoints, _) = on_terminal(kept.command(&["endpoint", "list"]), 80, "");
    assert!(endpoints.starts_with("ENDPOINT  STATE  IN FLIGHT  WAITING  CONFIGURED"), "{endpoints}");
    assert!(endpoints.lines().all(|line| line.chars().count() <= 80), "{endpoints}");

    let delete = ["job", "create", "delete", "s3://photos/2016/01/", "--yes", "--confirm-first"];
    let (out, err, _) = kept.run(&delete);
    let doomed = out.lines().last().expect(&err).to_owned();
    let mut watch = kept.command(&["job", "watch", &doomed]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("It waits for a confirmation")), "the watch ended before");
    watch.kill().unwrap();
    watch.wait().unwrap();
    insta::assert_snapshot!("job_to_be_confirmed", of(&["job", "describe", &doomed]));
}
