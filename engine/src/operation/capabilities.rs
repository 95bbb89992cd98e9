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
    (|op| matches!(op, Operation::Restore(_)), Side::Source, Capability::Restore),
    (|op| copies(op, sets_tags), Side::Target, Capability::Tagging),
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
