//! The instructions and allocations that an object takes, as `valgrind --tool=callgrind` counts them:
//! other load on the machine disturbs them little. It does not count the kernel's, and the figures leave
//! out those of hashes: valgrind lacks the processor's hash instructions, so their substitute says nothing.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The difference between a run of so many requests and one of so many leaves the start out.
const REQUESTS: [u64; 2] = [640, 1920];
/// Parts of the names of functions that hash.
const HASHES: [&str; 3] = ["sha256", "sha2::", "md5::"];
/// Parts of the names of the functions that allocate, one call for each allocation.
const ALLOCATIONS: [&str; 3] = ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"];

/// Instructions, in thousands, and allocations for each object of what this program does with such arguments
/// and a number of requests behind them.
pub(crate) fn count(arguments: &[&str]) -> [f64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let [few, many] = REQUESTS.map(|requests| run(arguments, requests, &folder.path().join("callgrind")));
    let each = |of: fn(&Counts) -> u64| (of(&many) - of(&few)) as f64 / (REQUESTS[1] - REQUESTS[0]) as f64;
    [each(|counts| counts.instructions) / 1000.0, each(|counts| counts.allocations)]
}

#[derive(Default)]
struct Counts {
    instructions: u64,
    allocations: u64,
}

fn run(arguments: &[&str], requests: u64, file: &Path) -> Counts {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display()));
    valgrind.arg(std::env::current_exe().unwrap()).args(arguments).arg(requests.to_string());
    let output = valgrind.stdout(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&fs::read_to_string(file).unwrap())
}

/// Adds up a file of callgrind: names stand in it once, and below a function a line with a cost for each
/// of its own lines. Below a call stands what the called function took, which is told by its own lines.
fn read(file: &str) -> Counts {
    let (mut names, mut counts) = (HashMap::new(), Counts::default());
    let (mut function, mut called, mut is_of_call) = ("", "", false);
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = resolve(&mut names, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = resolve(&mut names, name);
        } else if let Some(call) = line.strip_prefix("calls=") {
            is_of_call = true;
            if ALLOCATIONS.iter().any(|name| called.ends_with(name)) {
                counts.allocations += number(call.split(' ').next());
            }
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c))
            && !std::mem::take(&mut is_of_call)
            && !HASHES.iter().any(|part| function.contains(part))
        {
            counts.instructions += number(line.split(' ').nth(1));
        }
    }
    counts
}

/// `(7) name` names a function, and `(7)` means it from then on.
fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((id, name)) => {
            names.insert(id, name);
            name
        }
        None => names[text],
    }
}

fn number(text: Option<&str>) -> u64 {
    text.unwrap().parse().unwrap()
}
