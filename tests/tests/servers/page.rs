//! Renders `docs/compatibility.md` from the saved findings of the servers' probes, the table of lives, and the tables
//! of the dialects that the tests of `wire` keep.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use brigade_model::capability::Capability;
use brigade_model::probe::Proof;
use brigade_tests::process::workspace;

use crate::findings::{Probed, folder, read};
use crate::lives::{S3CONTROL_EXCUSES, S3CONTROL_LIVES};

const HEAD: &str = "# Compatibility

<!-- Rendered from fixtures/compatibility, which the tests of tests/tests/servers and wire/tests/compatibility keep; a test fails when
this page is stale. -->

What servers do, which lives of jobs are told on them, and what of each dialect is served:
[S3 Batch Operations](#s3-batch-operations-actions-operations-fields), [COS Batch](#cos-batch-actions-operations-fields).

## What servers do

`brigade endpoint probe` finds out what a server can do by its effects: it writes, acts and reads back. These are the
findings for the servers of the tests, in a bucket with versions and object lock where the server has them. *Untested*
says that the bucket did not let it be tried.

";

const TAIL: &str = "
What a job does about it: tags that a server drops from a copy are put after it; a condition on a source that it ignores is
replaced by a look before and after, one on a write by a look before; parts that it does not copy pass through the service.
Rows fail that name a version, or a key that it could take for another. Any other operation that needs what a server lacks
is refused when the job is created, and the refusal names the capability.

What nothing proves of a server is not relied on. Until `brigade endpoint probe` tells more, tags, ACLs, storage classes and
restores are read back, and a row whose effect is not there fails; everything else is as on a server that lacks it. Where
a kind is configured (such as `ceph`), what it is known to do counts.
";

fn path() -> PathBuf {
    workspace().join("docs/compatibility.md")
}

/// Renders the page from the saved findings.
pub(crate) fn write() {
    fs::write(path(), render()).unwrap();
}

/// The servers by the names of their files.
fn servers() -> Vec<Probed> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    paths.sort();
    paths.iter().map(read).collect()
}

fn render() -> String {
    let servers = servers();
    let mut page = HEAD.to_owned();
    let titles: Vec<_> = servers.iter().map(|probed| probed.server.as_str()).collect();
    writeln!(page, "| capability | what it means | {} |", titles.join(" | ")).unwrap();
    writeln!(page, "|---|---|{}", "---|".repeat(servers.len())).unwrap();
    for capability in Capability::ALL {
        let word = |probed: &Probed| probed.finding(capability).map_or("", |finding| finding.proof.word()).to_owned();
        let words: Vec<_> = servers.iter().map(word).collect();
        writeln!(page, "| `{}` | {} | {} |", capability.name(), capability.promise(), words.join(" | ")).unwrap();
    }
    for probed in &servers {
        write!(page, "\n### {}\n\nSeen with version {}.\n", probed.server, probed.version).unwrap();
        let rest = probed.findings.iter().filter(|finding| finding.proof != Proof::Proved);
        for (n, finding) in rest.enumerate() {
            let gap = if n == 0 { "\n" } else { "" };
            writeln!(page, "{gap}- `{}`: {}", finding.capability.name(), finding.seen).unwrap();
        }
    }
    page.push_str(TAIL);
    page.push_str(LIVES);
    render_lives(&mut page, &servers);
    let dialects = fs::read_to_string(folder().join("dialects.md")).unwrap();
    page + DIALECTS + &dialects
}

const LIVES: &str = "
## Lives of S3 Batch Operations

Each life creates jobs, watches them, and reads their effects back with boto3. boto3's own s3control client tells them on each server
that proves what they need (`ceph_keeps_what_it_proves_and_lacks_what_its_kind_is_known_to_lack`, `moto_keeps_what_it_proves`,
`rclone_keeps_what_it_proves_and_is_never_told_to_tag`, `the_sandbox_keeps_what_it_proves`); `brigade job report` reads the report of
one. On moto, `aws-sdk-s3control` for Rust tells each operation, too
(`a_program_of_the_aws_sdk_for_rust_has_each_operation_carried_out`, `a_program_of_the_aws_sdk_for_rust_restores_holds_and_retains`,
`a_program_of_the_aws_sdk_for_rust_confirms_cancels_lists_and_tags_its_jobs`,
`what_a_program_of_the_aws_sdk_for_rust_gets_for_bad_input_is_typed`), and so does aws-cli
(`the_aws_command_line_has_each_operation_carried_out`, `the_aws_command_line_creates_watches_and_cancels_a_job`). S3UpdateObjectEncryption,
which no other store here has, is told by boto3 and aws-cli on the sandbox
(`the_key_of_an_objects_encryption_is_changed_as_boto3_and_the_aws_command_line_ask_for_it`). Waiting, paging, typed exceptions, tags, confirmation and cancel by boto3:
`a_program_written_for_s3_batch_operations_tells_the_life_of_its_jobs_by_boto3`.

";

const DIALECTS: &str = "
# What of each dialect is served

A field is served when the decoder reads it and the job is described with it again. What is not carried out is refused by its
name, never ignored; the few that are read and of no effect say nothing of the job.

";

/// Which life is told on which server, and what a server lacks for it.
fn render_lives(page: &mut String, servers: &[Probed]) {
    let titles: Vec<_> = servers.iter().map(|probed| probed.server.as_str()).collect();
    writeln!(page, "| life | {} |\n|---|{}", titles.join(" | "), "---|".repeat(servers.len())).unwrap();
    for (life, needs) in S3CONTROL_LIVES {
        let told = servers.iter().map(|probed| {
            let lacks: Vec<_> =
                needs.iter().filter(|need| !probed.has(**need)).map(|need| format!("`{}`", need.name())).collect();
            let is_excuse = |(server, of, ..): &&(&str, &str, &str, &str)| *of == life && *server == probed.server;
            match S3CONTROL_EXCUSES.iter().find(is_excuse) {
                _ if !lacks.is_empty() => format!("lacks {}", lacks.join(", ")),
                Some((.., why)) => (*why).to_owned(),
                None => "told".to_owned(),
            }
        });
        writeln!(page, "| {life} | {} |", told.collect::<Vec<_>>().join(" | ")).unwrap();
    }
}

#[test]
fn the_page_of_compatibility_is_what_probes_lives_and_decoders_found_out() {
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        write();
    }
    let page = fs::read_to_string(path()).unwrap_or_default();
    assert_eq!(page, render(), "render it anew: BRIGADE_RENDER=1 cargo nextest run -p brigade-tests --test servers");
}
