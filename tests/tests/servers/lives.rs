//! The service on a real server: the probe by the command line, and the life of a job for every
//! operation that the server proves capable of, told in both dialects: by a program with the official signer of
//! COS, and by boto3's client of S3 Batch Operations.

use std::fs;

use brigade_model::capability::Capability;
use brigade_tests::process::workspace;
use brigade_tests::scenario::{ACCOUNT_ID, text_of};
use brigade_tests::{Function, Scenario, Server};

use crate::findings::{Probed, contents};

/// What each life in `tests/clients/operations.py` needs of the server.
const LIVES: [(&str, &[Capability]); 5] = [
    ("copy", &[]),
    ("copy_with_tags", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("tag", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("restore", &[Capability::Restore]),
    ("delete", &[]),
];

/// What each life in `tests/clients/s3control.py` needs of the server.
pub(crate) const S3CONTROL_LIVES: [(&str, &[Capability]); 11] = [
    ("tagging", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("inventory", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("untagging", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("copy", &[Capability::Tagging, Capability::TaggingKeepsBody, Capability::MetadataOnCopy]),
    ("acl", &[Capability::CannedAcl]),
    ("checksum", &[]),
    ("checksum-of-parts", &[Capability::PartSizes]),
    ("invocation", &[]),
    ("restore", &[Capability::Restore]),
    ("locks", &[Capability::ObjectLock]),
    ("locked-copy", &[Capability::ObjectLock]),
];

/// Lives that another one stands for on a server, which does what no capability tells.
pub(crate) const S3CONTROL_EXCUSES: [(&str, &str, &str, &str); 2] = [
    ("Ceph RGW", "locked-copy", "locked-copy-dropped", "rows fail: the copy has no lock"),
    ("moto", "locked-copy", "locked-copy-refused", "rows fail: it asks for a Content-MD5, which a copy has not"),
];

/// The operations of both dialects.
const ROLE: &str = "[accounts.main.roles.batch]
operations = [
    \"copy\", \"tag\", \"restore\", \"delete\", \"untag\", \"acl\", \"legal-hold\", \"retention\", \"checksum\", \"invoke\",
]
";

pub(crate) fn tell(server: Server, probed: &Probed) {
    let function = Function::of_the_documentation();
    let sections = format!("{ROLE}{}", function.section(ACCOUNT_ID));
    let mut scenario = Scenario::configured(server, &sections, &[]);
    let may_tag = probed.has(Capability::Tagging) && probed.has(Capability::TaggingKeepsBody);
    prepare_tagging(&scenario);
    // Before a probe the service knows no better.
    let tagged = tag_when_confirmed(&scenario);
    assert!(tagged.status.success(), "{}", text_of(&tagged));
    probe_by_command(&mut scenario, probed);
    let refused = tag_when_confirmed(&scenario);
    assert_eq!(refused.status.success(), may_tag, "{}", text_of(&refused));
    let names = [Capability::Tagging, Capability::TaggingKeepsBody].map(Capability::name);
    assert!(may_tag || names.iter().all(|name| text_of(&refused).contains(name)), "{}", text_of(&refused));
    live(&scenario, probed);
    live_by_s3control(&scenario, probed);
}

/// brigade endpoint probe main --bucket scratch-versions
fn probe_by_command(scenario: &mut Scenario, probed: &Probed) {
    let bucket = "scratch-versions";
    let before = contents(&scenario.store, bucket);
    let table = scenario.told(&["endpoint", "probe", "main", "--bucket", bucket]);
    for finding in &probed.findings {
        let is_its_row = |line: &&str| line.split_whitespace().next() == Some(finding.capability.name());
        let row = table.lines().find(is_its_row).unwrap_or_else(|| panic!("{finding:?} has no row in\n{table}"));
        assert_eq!(row.split_whitespace().nth(1), Some(finding.proof.word()), "{table}");
        assert!(row.ends_with(&finding.seen), "{row}");
    }
    assert_eq!(contents(&scenario.store, bucket), before, "the bucket is as it was");
    scenario.service.kill();
    scenario.restart();
    // brigade endpoint list --output json
    let listed: serde_json::Value =
        serde_json::from_str(&scenario.told(&["endpoint", "list", "--output", "json"])).unwrap();
    let endpoint = &listed["endpoints"][0];
    assert!(endpoint["probed"].is_string(), "what was found out survives a kill: {endpoint}");
    let lacks: Vec<_> = endpoint["lacks"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let lacking = probed.findings.iter().filter(|finding| finding.proof == brigade_model::Proof::Lacking);
    assert_eq!(lacks, lacking.map(|finding| finding.capability.name()).collect::<Vec<_>>());
}

fn prepare_tagging(scenario: &Scenario) {
    scenario.store.boto3(
        "
s3.create_bucket(Bucket='doubtful')
s3.put_object(Bucket='doubtful', Key='a', Body=b'precious')",
    );
    fs::write(scenario.directory.path().join("doubtful.csv"), "Bucket,Key\ndoubtful,a\n").unwrap();
}

/// brigade job create tag --tag team=red --manifest doubtful.csv --manifest-to s3://doubtful/m --no-report --confirm-first
fn tag_when_confirmed(scenario: &Scenario) -> std::process::Output {
    let places = ["--manifest", "doubtful.csv", "--manifest-to", "s3://doubtful/m", "--no-report", "--confirm-first"];
    scenario.brigade(&[&["job", "create", "tag", "--tag", "team=red"], &places[..]].concat())
}

fn live(scenario: &Scenario, probed: &Probed) {
    let capable = |(_, needs): &&(&str, &[Capability])| needs.iter().all(|capability| probed.has(*capability));
    let lives: Vec<&str> = LIVES.iter().filter(capable).map(|(name, _)| *name).collect();
    let clients = workspace().join("tests/clients");
    let told = scenario
        .python(&format!("import sys; sys.path.append({clients:?}); import operations; operations.tell({lives:?})"));
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), lives, "on {}", scenario.store.title);
}

/// target/venv/bin/python -c "import sys; sys.path.append('tests/clients'); import s3control as c; c.tell_lives(['acl'])"
fn live_by_s3control(scenario: &Scenario, probed: &Probed) {
    let capable = |(_, needs): &&(&str, &[Capability])| needs.iter().all(|capability| probed.has(*capability));
    let excused = |life: &str| {
        let excuse = S3CONTROL_EXCUSES.iter().find(|(server, of, ..)| *server == scenario.store.title && *of == life);
        excuse.map(|(_, _, other, _)| *other)
    };
    let lives = S3CONTROL_LIVES.iter().filter(capable).map(|(name, _)| excused(name).unwrap_or(name));
    let lives: Vec<&str> = lives.collect();
    if probed.has(Capability::ObjectLock) {
        scenario.store.boto3("s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)");
    }
    let clients = workspace().join("tests/clients");
    let told = scenario.python(&format!(
        "import sys; sys.path.append({clients:?}); import s3control; s3control.tell_lives({lives:?})"
    ));
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), lives, "on {}", scenario.store.title);
    // brigade job list --output json; brigade job report JOB: our own command line reads these reports, too.
    let listed: serde_json::Value = serde_json::from_str(&scenario.told(&["job", "list", "--output", "json"])).unwrap();
    let is_theirs = |job: &&serde_json::Value| job["Operation"].as_str().is_some_and(|name| name.starts_with("S3"));
    let job = listed["Jobs"].as_array().unwrap().iter().find(is_theirs).unwrap()["JobId"].as_str().unwrap();
    let report = scenario.told(&["job", "report", job, "--rows", "3"]);
    assert!(report.contains("succeeded"), "{report}");
}
