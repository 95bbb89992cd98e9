//! The service answers only after the change is on the disk. After `kill -9` the system keeps what a
//! process has written, so a kill does not show a missing sync; the order of the service's system calls
//! does, as `strace` records them.

use std::fs;
use std::path::Path;

use brigade_model::JobOptions;
use brigade_model::ports::Clock;

use crate::test_service::{LOOK_EVERY, LOOKS_MAX, TestService, request};

/// The test creates each when the one before has ended, so that the service writes for one job only.
const JOBS: u64 = 3;

/// A system call: when it began and ended, in lines of the trace, and what it was called with.
#[derive(Debug)]
struct SystemCall {
    began: usize,
    ended: usize,
    text: String,
}

/// The calls of a trace of many threads, in the order of their beginnings.
fn read_trace(trace: &str) -> Vec<SystemCall> {
    let mut calls: Vec<(String, SystemCall)> = Vec::new();
    for (n, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if text.starts_with("<... ") {
            let open = calls.iter_mut().rev().find(|(of, call)| of == thread && call.ended == usize::MAX);
            open.into_iter().for_each(|(_, call)| {
                call.ended = n;
                call.text.push_str(text);
            });
        } else {
            let ended = if text.contains("<unfinished ...>") { usize::MAX } else { n };
            calls.push((thread.to_owned(), SystemCall { began: n, ended, text: text.to_owned() }));
        }
    }
    calls.into_iter().map(|(_, call)| call).collect()
}

/// The answers to CreateJob in a trace: whether each came after a sync of what the log of the database
/// was given since it was asked for.
fn are_synced(trace: &str) -> Vec<bool> {
    let calls = read_trace(trace);
    let asked = calls.iter().enumerate().filter(|(_, call)| call.text.contains("POST /jobs"));
    asked
        .map(|(n, _)| {
            let since = &calls[n..];
            let answer = since.iter().find(|call| call.text.contains("HTTP/1.1 200")).unwrap();
            let mut of_log = since.iter().filter(|call| call.text.contains("-wal>"));
            let Some(written) = of_log.find(|call| call.text.starts_with("pwrite64")) else { return false };
            of_log
                .filter(|call| call.text.starts_with("fsync") || call.text.starts_with("fdatasync"))
                .any(|sync| written.ended < sync.began && sync.ended < answer.began && sync.text.contains("= 0"))
        })
        .collect()
}

/// Reads the trace once it tells of so many jobs.
async fn trace_of(service: &TestService, path: &Path, jobs: u64) -> String {
    for _ in 0..LOOKS_MAX {
        let trace = fs::read_to_string(path).unwrap_or_default();
        let (_, last) = trace.rsplit_once("POST /jobs").unwrap_or_default();
        if trace.matches("POST /jobs").count() as u64 >= jobs && last.contains("HTTP/1.1 200") {
            return trace;
        }
        service.clock.sleep(LOOK_EVERY).await;
    }
    panic!("the trace does not tell of {jobs} jobs:\n{}", fs::read_to_string(path).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_answered_before_what_was_asked_for_is_synced() {
    let mut service = TestService::start("").await;
    service.fill(10);
    let path = service.data().join("trace");
    let calls = "trace=pwrite64,fdatasync,fsync,read,recvfrom,write,writev,sendto,sendmsg";
    // A sync that takes long shows who does not wait for it.
    let strace = ["strace", "-D", "-f", "-qq", "-y", "-s", "40", "-e", calls];
    let slowly = ["-e", "inject=fsync,fdatasync:delay_exit=20000", "-o", path.to_str().unwrap()];
    let under: Vec<String> = strace.iter().chain(&slowly).map(|word| (*word).to_owned()).collect();
    service.restart_under(&under, &[]);
    let etag = service.put_manifest("photos,k1\n");
    for n in 1..=JOBS {
        let body = request(&format!("t{n}"), &etag).into();
        let id = service.client().create_job(body, &JobOptions::default()).await.unwrap().value;
        let trace = trace_of(&service, &path, n).await;
        assert_eq!(are_synced(&trace), vec![true; usize::try_from(n).unwrap()], "{trace}");
        service.end(id).await;
    }
}

#[test]
fn an_answer_before_the_sync_is_seen_in_a_trace() {
    let asked = "7 recvfrom(9<TCP>, \"POST /jobs HTTP\"..., 8192, 0, NULL, NULL) = 500\n";
    let written = "8 pwrite64(5</d/brigade.db-wal>, \"x\"..., 24, 0) = 24\n";
    let synced = "8 fdatasync(5</d/brigade.db-wal>) = 0\n";
    let begun = "8 fdatasync(5</d/brigade.db-wal> <unfinished ...>\n";
    let ended = "8 <... fdatasync resumed>) = 0\n";
    let answered = "7 writev(9<TCP>, [{iov_base=\"HTTP/1.1 200 OK\"...}], 1) = 90\n";
    let trace = |lines: &[&str]| are_synced(&lines.concat());
    assert_eq!(trace(&[asked, written, synced, answered]), [true]);
    assert_eq!(trace(&[asked, written, begun, ended, answered]), [true]);
    assert_eq!(trace(&[asked, written, begun, answered, ended]), [false], "the sync goes on");
    assert_eq!(trace(&[asked, answered, written, synced]), [false]);
    assert_eq!(trace(&[asked, written, answered]), [false], "nothing is synced");
    assert_eq!(trace(&[written, synced, asked, answered]), [false], "the sync came before the request");
}
