//! The life of a job for every operation that a server proves capable of, told over the service's
//! public API by a program with the official signer.

use brigade_model::capability::Capability;
use brigade_tests::process::workspace;
use brigade_tests::{Scene, Server};

use crate::findings::Probed;

/// What each life in `tests/clients/operations.py` needs of the server.
const LIVES: [(&str, &[Capability]); 5] = [
    ("copy", &[]),
    ("copy_with_tags", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("tag", &[Capability::Tagging, Capability::TaggingKeepsBody]),
    ("restore", &[Capability::Restore]),
    ("delete", &[]),
];

pub(crate) fn tell(server: Server, probed: &Probed) {
    let capable = |(_, needs): &&(&str, &[Capability])| needs.iter().all(|capability| probed.has(*capability));
    let lives: Vec<&str> = LIVES.iter().filter(capable).map(|(name, _)| *name).collect();
    let title = server.title;
    let scene = Scene::on(server);
    let clients = workspace().join("tests/clients");
    let told = scene
        .python(&format!("import sys; sys.path.insert(0, {clients:?}); import operations; operations.tell({lives:?})"));
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), lives, "on {title}");
}
