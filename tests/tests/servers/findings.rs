//! A server's capabilities, found by probes that leave their bucket unchanged.

use std::fs;
use std::path::PathBuf;

use brigade_model::capabilities::{Capabilities, EndpointKind, Standing};
use brigade_model::capability::Capability;
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::probe::{Finding, Proof};
use brigade_tests::Server;
use brigade_tests::process::workspace;
use serde::{Deserialize, Serialize};

use crate::conformance::client;
use crate::page;

/// The saved findings of a server's probe.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probed {
    pub(crate) server: String,
    pub(crate) version: String,
    pub(crate) findings: Vec<Finding>,
}

impl Probed {
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.findings.iter().any(|finding| finding.capability == capability && finding.proof == Proof::Proved)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities::proved(Capability::ALL.into_iter().filter(|capability| self.has(*capability)))
    }

    pub(crate) fn finding(&self, capability: Capability) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.capability == capability)
    }
}

/// Probes a bucket without versions and one with versions and object lock, where the server has them;
/// the findings must equal the saved ones. With `BRIGADE_RENDER=1` it saves them.
pub(crate) fn probe(server: &Server) -> Probed {
    find(server, "scratch-plain");
    let findings = find(server, "scratch-versions");
    let probed = Probed { server: server.title.to_owned(), version: server.version.clone(), findings };
    let path = kept_in(server.name);
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        let text = serde_json::to_string_pretty(&probed).unwrap() + "\n";
        // Another server's test may read it at this moment.
        fs::write(path.with_extension("partial"), text).unwrap();
        fs::rename(path.with_extension("partial"), &path).unwrap();
        page::write();
    }
    let kept = read(&path);
    assert_eq!(
        probed.findings,
        kept.findings,
        "{} {} does other things than {} {} did, of which {} tells: BRIGADE_RENDER=1 keeps what it does now",
        probed.server,
        probed.version,
        kept.server,
        kept.version,
        path.display()
    );
    probed
}

/// What the kind is known to do and to lack is what the server does and lacks.
pub(crate) fn agree_with_kind(probed: &Probed, kind: EndpointKind) {
    for finding in &probed.findings {
        let agrees = match kind.standing(finding.capability) {
            Standing::Proved => finding.proof == Proof::Proved,
            Standing::Lacking => finding.proof == Proof::Lacking,
            Standing::Unproven => true,
        };
        assert!(agrees, "model::capabilities::EndpointKind, does and lacks of {kind:?}: {finding:?}");
    }
}

fn find(server: &Server, bucket: &str) -> Vec<Finding> {
    let lock = if bucket.ends_with("versions") { ", ObjectLockEnabledForBucket=True" } else { "" };
    server.boto3(&format!(
        "
s3.create_bucket(Bucket='{bucket}'{lock})
s3.put_object(Bucket='{bucket}', Key='theirs', Body=b'precious')"
    ));
    let before = contents(server, bucket);
    assert!(before.contains("theirs"), "{before}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (store, cancel, bucket_name) = (client(server), CancelToken::unbounded(), BucketName::new(bucket).unwrap());
    let found = runtime.block_on(brigade_s3::probe::probe(&store, &cancel, &bucket_name, "test"));
    let found = found.unwrap_or_else(|error| panic!("{}: {bucket}: {error}", server.title));
    assert_eq!(contents(server, bucket), before, "the probe leaves {bucket} of {} as it was", server.title);
    found
}

/// The objects, versions, delete markers and open uploads that the server lists.
pub(crate) fn contents(server: &Server, bucket: &str) -> String {
    server.boto3(&format!(
        "
def listed(call, *names):
    try:
        answer = call(Bucket='{bucket}')
    except ClientError as error:
        # Before its first upload rclone says that there is no such one.
        return [None] if error.response['Error']['Code'] == 'NoSuchUpload' else str(error)
    assert not answer.get('IsTruncated'), answer
    return [answer.get(name) for name in names]
print(listed(s3.list_objects_v2, 'Contents'))
print(listed(s3.list_object_versions, 'Versions', 'DeleteMarkers'))
print(listed(s3.list_multipart_uploads, 'Uploads'))"
    ))
}

/// Where a server's findings are kept.
fn kept_in(name: &str) -> PathBuf {
    folder().join(format!("{name}.json"))
}

pub(crate) fn folder() -> PathBuf {
    workspace().join("fixtures/compatibility")
}

pub(crate) fn read(path: &PathBuf) -> Probed {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}
