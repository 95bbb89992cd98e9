//! The CPU time and memory of processes, as Linux counts them in `/proc`.

use std::fs;
use std::time::Duration;

/// Linux tells CPU time in ticks of 10 ms, whatever its own clock does (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all its threads, in user and in system mode.
    pub cpu: Duration,
    /// The most memory that was resident at any time.
    pub peak_kib: u64,
    /// The memory that is resident now.
    pub resident_kib: u64,
    /// Bytes that it had the kernel write to disks.
    pub written_bytes: u64,
    /// Calls that write, to whatever.
    pub write_calls: u64,
}

impl Usage {
    /// Of a process of ours that runs.
    ///
    /// # Panics
    /// When there is no such process.
    #[must_use]
    pub fn of(process: u32) -> Self {
        let (status, io) = (read(&format!("{process}/status")), read(&format!("{process}/io")));
        Self {
            cpu: ticks(&read(&format!("{process}/stat")), UTIME),
            peak_kib: field(&status, "VmHWM:"),
            resident_kib: field(&status, "VmRSS:"),
            written_bytes: field(&io, "write_bytes:"),
            write_calls: field(&io, "syscw:"),
        }
    }
}

/// CPU time of all children of this process that have ended and were waited for.
///
/// # Panics
/// When Linux does not tell.
#[must_use]
pub fn cpu_of_ended_children() -> Duration {
    ticks(&read("self/stat"), CUTIME)
}

/// Places in `/proc/PID/stat`, counted behind the program's name, which may hold anything: user
/// time, and behind it system time.
const UTIME: usize = 11;
/// The same of the children that have ended.
const CUTIME: usize = 13;

fn ticks(stat: &str, first: usize) -> Duration {
    let (_, behind_name) = stat.rsplit_once(')').expect("the name stands in parentheses");
    let ticks = behind_name.split_whitespace().skip(first).take(2);
    TICK * ticks.map(|ticks| ticks.parse::<u32>().expect("ticks are a number")).sum::<u32>()
}

fn field(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in\n{text}"));
    value.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("/proc/{path}")).unwrap_or_else(|error| panic!("/proc/{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name_of_a_program() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 100";
        assert_eq!((ticks(stat, UTIME).as_millis(), ticks(stat, CUTIME).as_millis()), (330, 770));
    }

    #[test]
    fn a_process_that_runs_has_memory_and_children_that_ended_have_used_time() {
        let before = cpu_of_ended_children();
        let status = Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).status();
        assert!(status.unwrap().success());
        assert!(cpu_of_ended_children() > before);
        let us = Usage::of(std::process::id());
        assert!(us.peak_kib >= us.resident_kib && us.resident_kib > 0);
    }
}
