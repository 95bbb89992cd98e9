//! Renders `docs/compatibility.md` from the saved findings of the servers' probes.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use brigade_model::capability::Capability;
use brigade_model::probe::Proof;
use brigade_tests::process::workspace;

use crate::findings::{Probed, folder, read};

const HEAD: &str = "# What servers do

<!-- Rendered from fixtures/compatibility, which the tests of tests/tests/servers keep; a test fails when this page is stale. -->

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
        write!(page, "\n## {}\n\nSeen with version {}.\n", probed.server, probed.version).unwrap();
        let rest = probed.findings.iter().filter(|finding| finding.proof != Proof::Proved);
        for (n, finding) in rest.enumerate() {
            let gap = if n == 0 { "\n" } else { "" };
            writeln!(page, "{gap}- `{}`: {}", finding.capability.name(), finding.seen).unwrap();
        }
    }
    page + TAIL
}

#[test]
fn the_page_of_compatibility_is_what_the_probes_found_out() {
    let page = fs::read_to_string(path()).unwrap_or_default();
    assert_eq!(page, render(), "render it anew: BRIGADE_RENDER=1 cargo nextest run -p brigade-tests --test servers");
}
