//! What `brigade job create` shows, on terminals of 80 and of 200 columns and in a pipe.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::kept::{Kept, told};
use crate::tty::on_terminal;

/// A name for each screen, what stands in the list if there is one, and the command line.
const SCREENS: [(&str, &[u8], &[&str]); 11] = [
    ("the flags of one operation", b"", &["untag", "-h"]),
    ("no objects", b"", &["tag", "--tag", "a=b"]),
    ("no tag", b"", &["tag", "s3://photos/2016/", "--no-report"]),
    ("no such bucket", b"photos,a\n", &["copy", "--to", "bakcup", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("keys alone", b"2016/a.jpg\n", &["untag", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("cells that nothing names", b"photos,a,1,x\n", &["untag", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("a comma in a key", b"photos,a\nphotos,b,c\n", &["untag", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("UTF-16", b"\xff\xfep\0", &["untag", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("a line that is no URI", b"s3://photos/a\nb\n", &["untag", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("a delete asks", b"photos,a\n", &["delete", "--manifest", "list.txt", TO, LISTS, "--no-report"]),
    ("created", b"", &["checksum", "s3://photos/2016/01/", TO, LISTS, "--report", "s3://reports/sums"]),
];
const TO: &str = "--manifest-to";
const LISTS: &str = "s3://lists/";

fn command(kept: &Kept, list: &[u8], arguments: &[&str]) -> Command {
    std::fs::write(kept.folder().join("list.txt"), list).unwrap();
    // The configuration, as one that does not say where manifests and reports go.
    let config = std::fs::read_to_string(kept.folder().join("brigade.toml")).unwrap();
    let says_where = |line: &&str| line.starts_with("manifest_to = ") || line.starts_with("report = \"");
    let lines: Vec<&str> = config.lines().filter(|line| !says_where(line)).collect();
    let file = kept.folder().join("brigade.toml");
    std::fs::write(&file, lines.join("\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = kept.command(&[&["job", "create"], arguments].concat());
    command.env("NO_COLOR", "1");
    command
}

/// What stands on a terminal in the end, without a running count and without ids of jobs, which differ.
fn shown(name: &str, text: &str) -> String {
    let at_last = |line: &str| line.rsplit('\r').next().unwrap_or(line).replace("\u{1b}[2K", "").trim_end().to_owned();
    let mut lines: Vec<String> = text.lines().map(at_last).collect();
    if let Some(id) = lines.last_mut().filter(|line| line.len() == 36 && line.matches('-').count() == 4) {
        "JOB".clone_into(id);
    }
    format!("== {name}\n{}\n", lines.join("\n"))
}

#[test]
fn every_screen_of_a_creation_fits_a_terminal_and_says_in_a_pipe_what_it_says_there() {
    let kept = Kept::start();
    for columns in [80, 200] {
        let screens = SCREENS.map(|(name, list, arguments)| {
            // Whatever asks gets an answer: nothing waits for one.
            let typed = if name.contains("asks") { "no\n" } else { "" };
            let (text, _) = on_terminal(command(&kept, list, arguments), columns, typed);
            shown(name, &text)
        });
        insta::assert_snapshot!(format!("creating_at_{columns}"), screens.concat());
    }
    let in_pipe = SCREENS.map(|(name, list, arguments)| {
        let (out, err, _) = told(&command(&kept, list, arguments).output().unwrap());
        shown(name, &format!("{err}{out}"))
    });
    insta::assert_snapshot!("creating_in_a_pipe", in_pipe.concat());
}
