//! What an operation needs of the endpoints, as a table: what they lack refuses the job when it
//! is created.
//!
//! Left out on purpose, because another way leads to exactly the same end: tags on a copy
//! (copied, then put), conditions on a copy's source (compared before and after), multipart
//! copies (streamed through).

use std::collections::BTreeSet;

use brigade_model::operation::{Copy, Directive, Operation, StorageClass};
use brigade_model::{Capabilities, Capability};

/// Which endpoint must have it.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Target,
}

/// One row: who needs what, and where.
type Row = (fn(&Operation) -> bool, Side, Capability);

const NEEDS: &[Row] = &[
    (|op| matches!(op, Operation::Tagging(_)), Side::Source, Capability::Tagging),
    (|op| matches!(op, Operation::Tagging(_)), Side::Source, Capability::TaggingKeepsBody),
    (|op| matches!(op, Operation::Restore(_)), Side::Source, Capability::Restore),
    (|op| copies(op, sets_tags), Side::Target, Capability::Tagging),
    (|op| copies(op, sets_tags), Side::Target, Capability::TaggingKeepsBody),
    (|op| copies(op, |copy| copy.tagging_directive == Some(Directive::Add)), Side::Source, Capability::Tagging),
    (|op| copies(op, sets_canned_acl), Side::Target, Capability::CannedAcl),
    (|op| copies(op, sets_grants), Side::Target, Capability::AclGrants),
    (|op| copies(op, reads_acl), Side::Source, Capability::AclGrants),
    (|op| copies(op, sets_class), Side::Target, Capability::StorageClasses),
];

/// What the endpoints lack that the operation cannot do without; empty when it can be done.
#[must_use]
pub fn missing_capabilities(operation: &Operation, source: &Capabilities, target: &Capabilities) -> Vec<Capability> {
    let missing: BTreeSet<Capability> = NEEDS
        .iter()
        .filter(|(needs, side, capability)| {
            let has = match side {
                Side::Source => source.has(*capability),
                Side::Target => target.has(*capability),
            };
            needs(operation) && !has
        })
        .map(|(_, _, capability)| *capability)
        .collect();
    missing.into_iter().collect()
}

fn copies(operation: &Operation, needs: fn(&Copy) -> bool) -> bool {
    matches!(operation, Operation::Copy(copy) if needs(copy))
}

fn sets_tags(copy: &Copy) -> bool {
    matches!(copy.tagging_directive, Some(Directive::Replaced | Directive::Add))
}

/// A canned ACL alone travels with the copy; beside grants it becomes grants itself.
fn sets_canned_acl(copy: &Copy) -> bool {
    copy.canned_acl.is_some() && !sets_grants(copy) && copy.acl_directive != Some(Directive::Copy)
}

fn sets_grants(copy: &Copy) -> bool {
    reads_acl(copy) || !copy.grants.is_empty()
}

fn reads_acl(copy: &Copy) -> bool {
    matches!(copy.acl_directive, Some(Directive::Copy | Directive::Add))
}

fn sets_class(copy: &Copy) -> bool {
    copy.storage_class.is_some_and(|class| class.s3_name() != StorageClass::Standard.s3_name())
}

#[cfg(test)]
mod tests {
    use brigade_model::EndpointKind;
    use brigade_model::operation::{CannedAcl, Restore, RestoreTier, Tagging};

    use super::super::copy::plan::bare_copy;
    use super::*;

    fn missing(operation: &Operation, kind: EndpointKind) -> Vec<&'static str> {
        let capabilities = Capabilities::assumed(kind);
        missing_capabilities(operation, &capabilities, &capabilities).into_iter().map(Capability::name).collect()
    }

    fn copy(change: fn(&mut Copy)) -> Operation {
        let mut copy = bare_copy();
        change(&mut copy);
        Operation::Copy(Box::new(copy))
    }

    #[test]
    fn what_an_endpoint_lacks_is_named() {
        let restore = Operation::Restore(Restore { days: 1, tier: RestoreTier::Bulk });
        let tagging = Operation::Tagging(Tagging { directive: None, tags: vec![] });
        assert_eq!(missing(&restore, EndpointKind::Ceph), ["restore"]);
        assert_eq!(missing(&tagging, EndpointKind::Garage), ["tagging"]);
        assert_eq!(missing(&Operation::Delete, EndpointKind::Garage), [""; 0]);
        assert_eq!(missing(&copy(|c| c.canned_acl = Some(CannedAcl::PublicRead)), EndpointKind::Minio), ["canned-acl"]);
        assert_eq!(missing(&copy(|c| c.acl_directive = Some(Directive::Copy)), EndpointKind::Minio), ["acl-grants"]);
        let archive = copy(|c| c.storage_class = Some(StorageClass::DeepArchive));
        assert_eq!(missing(&archive, EndpointKind::Garage), ["storage-classes"]);
        assert_eq!(missing(&copy(|c| c.tagging_directive = Some(Directive::Add)), EndpointKind::Garage), ["tagging"]);
    }

    #[test]
    fn tags_are_refused_where_a_tagging_call_overwrites_the_bytes() {
        let rest = Capability::ALL.into_iter().filter(|capability| *capability != Capability::TaggingKeepsBody);
        let overwriting = Capabilities::proved(rest);
        let tagging = Operation::Tagging(Tagging { directive: None, tags: vec![] });
        for operation in [tagging, copy(|c| c.tagging_directive = Some(Directive::Replaced))] {
            let missing = missing_capabilities(&operation, &overwriting, &overwriting);
            assert_eq!(missing, [Capability::TaggingKeepsBody]);
        }
        assert_eq!(missing_capabilities(&copy(|_| ()), &overwriting, &overwriting), []);
    }

    #[test]
    fn what_can_be_done_another_way_is_not_missed() {
        assert_eq!(missing(&copy(|c| c.tagging_directive = Some(Directive::Replaced)), EndpointKind::Ceph), [""; 0]);
        assert_eq!(missing(&copy(|_| ()), EndpointKind::Garage), [""; 0]);
        assert_eq!(
            missing(&copy(|c| c.storage_class = Some(StorageClass::MazStandard)), EndpointKind::Garage),
            [""; 0]
        );
    }

    #[test]
    fn each_side_is_asked_for_its_own() {
        let (full, none) = (Capabilities::assumed(EndpointKind::Other), Capabilities::proved([]));
        let add_tags = copy(|c| c.tagging_directive = Some(Directive::Add));
        let replace_tags = copy(|c| c.tagging_directive = Some(Directive::Replaced));
        assert_eq!(missing_capabilities(&add_tags, &none, &full), [Capability::Tagging]);
        assert_eq!(missing_capabilities(&replace_tags, &none, &full), []);
        let tagging = [Capability::Tagging, Capability::TaggingKeepsBody];
        assert_eq!(missing_capabilities(&replace_tags, &full, &none), tagging);
    }
}
