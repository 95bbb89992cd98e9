//! The servers, and what is known of each beside its probe.

use brigade_model::EndpointKind;
use brigade_tests::Server;

use crate::conformance::Excuses;
use crate::{conformance, findings, lives};

/// Everything that a server is put through. Each part says by itself what went wrong.
fn put_through(server: Server, excuses: Excuses) {
    let probed = findings::probe(&server);
    conformance::hold_to(&server, &probed.capabilities(), excuses);
    lives::tell(server, &probed);
}

#[test]
fn ceph_keeps_what_it_proves_and_lacks_what_its_kind_is_known_to_lack() {
    let server = Server::ceph();
    findings::agree_with_kind(&server, EndpointKind::Ceph);
    put_through(server, &[]);
}

#[test]
fn moto_keeps_what_it_proves() {
    put_through(Server::moto(), &[]);
}

#[test]
fn rclone_keeps_what_it_proves_and_is_never_told_to_tag() {
    put_through(Server::rclone(), &[]);
}

#[test]
fn the_sandbox_keeps_what_it_proves() {
    put_through(Server::sandbox(), &[]);
}
