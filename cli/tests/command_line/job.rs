//! The life of jobs by `brigade job`, on the service of a demo.

use std::io::{BufRead, BufReader};

use crate::kept::{Kept, interrupt};
use crate::tty::on_terminal;

const REPORTED: &[&str] = &["--manifest-to", "s3://lists/", "--report", "s3://reports/life"];

/// Creates a job and gives its id.
fn create(kept: &Kept, arguments: &[&str]) -> String {
    let arguments: Vec<_> = ["job", "create"].iter().chain(arguments).chain(REPORTED).copied().collect();
    let (out, err, code) = kept.run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    out.trim().to_owned()
}

fn status_of(kept: &Kept, job: &str) -> String {
    let (out, err, _) = kept.run(&["job", "describe", job, "--output", "json"]);
    let described: serde_json::Value = serde_json::from_str(&out).expect(&err);
    described["Job"]["Status"].as_str().unwrap().to_owned()
}

/// ```text
/// brigade job create copy --to backup --manifest some.csv ... --confirm-first
/// brigade job watch ID        (interrupted)
/// brigade job priority ID 99
/// brigade job confirm ID
/// brigade job watch ID
/// brigade job report ID --failed
/// brigade job report ID --download got
/// brigade job remove ID
/// ```
#[test]
fn a_job_waits_is_confirmed_and_reports_what_failed() {
    let kept = Kept::start();
    let rows = "photos,2016/01/img-0000000.jpg\nphotos,\"gone, 1\"\n";
    std::fs::write(kept.folder().join("some.csv"), rows).unwrap();
    let job = create(&kept, &["copy", "--to", "backup", "--manifest", "some.csv", "--confirm-first"]);

    let mut watching = kept.command(&["job", "watch", &job]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stderr.take().unwrap()).lines().map(Result::unwrap);
    let missing = "1 of 2 objects looked at do not exist, such as \"gone, 1\"";
    assert!(lines.any(|line| line == missing), "what was found stands before what to do");
    assert!(lines.any(|line| line.contains(&format!("brigade job confirm {job}"))));
    interrupt(&watching);
    assert_eq!(watching.wait().unwrap().code(), Some(130));
    assert_eq!(status_of(&kept, &job), "Suspended", "watching only asks");

    assert_eq!(kept.run(&["job", "priority", &job, "99"]).2, Some(0));
    assert!(kept.run(&["job", "confirm", &job]).0.contains("is confirmed"));
    let (out, err, code) = kept.run(&["job", "watch", &job]);
    assert_eq!(code, Some(3), "complete, with a failed task: {err}");
    assert!(out.contains("2 of 2, 1 failed") && out.contains("Priority   99") && out.contains("Suspended  2"), "{out}");
    let (out, _, _) = kept.run(&["job", "describe", &job]);
    assert!(out.lines().any(|line| line.starts_with("Notes") && line.ends_with(missing)), "{out}");

    let (out, _, _) = kept.run(&["job", "report", &job, "--failed"]);
    assert!(out.contains("2 tasks: 1 succeeded, 1 failed, 0 not attempted"), "{out}");
    assert!(out.contains("gone, 1") && !out.contains("img-0000000"), "{out}");
    let (out, _, _) = kept.run(&["job", "report", &job, "--download", "got"]);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.lines().all(|file| kept.folder().join(file).exists()));

    assert_eq!(kept.run(&["job", "remove", &job]).2, Some(0));
    let (_, err, code) = kept.run(&["job", "describe", &job]);
    assert!(err.starts_with("error: NoSuchJob: ") && err.contains("request id"), "{err}");
    assert_eq!(code, Some(1));
}

/// ```text
/// brigade job create tag --xml ...
/// brigade job cancel ID --reason "..."
/// brigade job watch ID
/// brigade job list --status cancelled
/// ```
#[test]
fn a_job_from_a_whole_request_is_cancelled() {
    let kept = Kept::start();
    std::fs::write(kept.folder().join("some.csv"), "photos,2016/01/img-0000000.jpg\n").unwrap();
    // A job from flags has brought the manifest; its request serves again under another token.
    let first = ["job", "create", "tag", "--tag", "a=b", "--confirm-first", "--manifest", "some.csv"];
    assert_eq!(kept.run(&[&first[..], REPORTED].concat()).2, Some(0));
    let printed = [&first[..], REPORTED, &["--token", "again", "--dry-print"]].concat();
    std::fs::write(kept.folder().join("request.xml"), kept.run(&printed).0).unwrap();
    let (out, err, _) = kept.run(&["job", "create", "--xml", "request.xml"]);
    let job = out.trim();
    assert_eq!(job.len(), 36, "{err}");

    let (out, _, _) = kept.run(&["job", "cancel", job, "--reason", "a & b"]);
    assert!(out.contains("is now Cancelled"), "{out}");
    let (out, _, code) = kept.run(&["job", "watch", job]);
    assert_eq!(code, Some(4), "{out}");
    assert!(out.contains("a & b"), "{out}");
    let (out, _, _) = kept.run(&["job", "list", "--status", "cancelled"]);
    assert!(out.lines().count() == 2 && out.contains(job), "{out}");
}

/// `brigade job create delete --manifest some.csv ... < /dev/null`
#[test]
fn a_delete_without_a_terminal_needs_a_yes() {
    let kept = Kept::start();
    std::fs::write(kept.folder().join("some.csv"), "photos,2016/01/img-0000000.jpg\n").unwrap();
    let delete = [&["job", "create", "delete", "--manifest", "some.csv"][..], REPORTED].concat();
    let (_, err, code) = kept.run(&delete);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(err.contains("say --yes"), "{err}");
    assert_eq!(kept.run(&["job", "list"]).0.lines().count(), 2, "the demo's own job and no other");
}

/// ```text
/// brigade job remove ID               (no; then yes)
/// brigade job delete ID < /dev/null   (the old name, without a terminal)
/// ```
#[test]
fn a_job_that_runs_is_removed_only_by_who_agrees_that_it_is_cancelled() {
    let kept = Kept::start();
    std::fs::write(kept.folder().join("some.csv"), "photos,2016/01/img-0000000.jpg\n").unwrap();
    let job = create(&kept, &["tag", "--tag", "a=b", "--confirm-first", "--manifest", "some.csv"]);
    // An id's first digits are those of the time, so this one begins with others than the demo's own job.
    let short = &job[..23];

    let (_, err, code) = kept.run(&["job", "delete", short]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.starts_with("error: removing a job that has not ended asks first") && err.contains("--yes"), "{err}");
    let (shown, code) = on_terminal(kept.command(&["job", "remove", short]), 80, "no\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains(&format!("Job {job} (tag")) && shown.contains("To remove it cancels it"), "{shown}");
    assert_eq!(kept.run(&["job", "describe", short]).2, Some(0), "a no leaves it as it is");

    let (shown, code) = on_terminal(kept.command(&["job", "remove", short]), 80, "yes\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(kept.run(&["job", "describe", &job]).1.starts_with("error: NoSuchJob: "));
}

/// `brigade job create tag s3://photos/2016/01/ --tag a=b` (no), and with --add
#[test]
fn tags_are_replaced_on_a_terminal_only_by_who_agrees_and_added_without_a_question() {
    let kept = Kept::start();
    let tag = ["job", "create", "tag", "s3://photos/2016/01/", "--tag", "a=b"];
    let (shown, code) = on_terminal(kept.command(&tag), 80, "no\n");
    assert!(shown.contains("This replaces every tag of ") && shown.contains("--add keeps"), "{shown}");
    assert_eq!(code, Some(1), "{shown}");
    assert_eq!(kept.run(&["job", "list"]).0.lines().count(), 2, "the demo's own job and no other");
    let (shown, code) = on_terminal(kept.command(&[&tag[..], &["--add"]].concat()), 80, "");
    assert!(code == Some(0) && !shown.contains("replaces"), "{shown}");
    assert_eq!(kept.run(&tag).2, Some(0), "without a terminal nothing is asked");
}
