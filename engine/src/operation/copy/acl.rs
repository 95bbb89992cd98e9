//! The target's ACL: read from the source before the copy where it is needed, put after it.
//!
//! A canned ACL travels with the copy and has no step here. Where grants are set, the target's
//! owner keeps full control, as COS has it; an ACL copied between objects of one owner stays
//! exactly as it is.

use brigade_model::VersionId;
use brigade_model::ports::object_store::{Acl, AclGrant, At, GetObjectAcl, Grantee, NewAcl, PutObjectAcl};

use super::super::failure::{Doing, End};
use super::super::hand::Hand;
use super::plan::{AclPlan, CopyPlan};

/// Reads the source's ACL, when the copy needs it.
pub(crate) async fn read_acl(hand: &Hand<'_>, plan: &CopyPlan, source: &At) -> Result<Option<Acl>, End> {
    if !plan.needs_acl() {
        return Ok(None);
    }
    let request = GetObjectAcl { at: source.clone(), version: hand.task.version.clone() };
    Ok(Some(hand.send(&hand.bench.source, request).await.doing("reading the source's ACL")?))
}

/// Gives the target its grants. It is read first: for its owner, without whom a store refuses
/// grants, and because it often has them already.
pub(crate) async fn put_acl(
    hand: &Hand<'_>,
    plan: &CopyPlan,
    source: Option<&Acl>,
    target: &At,
    version: Option<&VersionId>,
) -> Result<(), End> {
    if matches!(plan.acl, AclPlan::Default | AclPlan::Canned(_)) {
        return Ok(());
    }
    let request = GetObjectAcl { at: target.clone(), version: version.cloned() };
    let existing =
        hand.send(&hand.bench.target, request).await.doing("the object was copied; reading its new ACL failed")?;
    let wanted = wanted_grants(&plan.acl, source, &existing.owner);
    if is_same(&existing.grants, &wanted) {
        return Ok(());
    }
    let acl = NewAcl::Grants(Acl { owner: existing.owner, grants: wanted });
    let request = PutObjectAcl { at: target.clone(), version: version.cloned(), acl };
    hand.send(&hand.bench.target, request).await.doing("the object was copied; putting its ACL failed")
}

fn wanted_grants(plan: &AclPlan, source: Option<&Acl>, owner: &str) -> Vec<AclGrant> {
    let read = source.map(|acl| acl.grants.clone()).unwrap_or_default();
    let (mut grants, is_exact) = match plan {
        AclPlan::Default | AclPlan::Canned(_) => (vec![], true),
        AclPlan::Replace(new) => (new.clone(), false),
        AclPlan::Add(new) => ([read, new.clone()].concat(), false),
        AclPlan::Copy => (read, source.is_some_and(|acl| acl.owner == owner)),
    };
    if !is_exact && !owner.is_empty() {
        let owned = AclGrant { grantee: Grantee::Id(owner.to_owned()), permission: "FULL_CONTROL".to_owned() };
        grants.insert(0, owned);
    }
    let mut distinct: Vec<AclGrant> = Vec::with_capacity(grants.len());
    for grant in grants {
        if !distinct.contains(&grant) {
            distinct.push(grant);
        }
    }
    distinct
}

fn is_same(a: &[AclGrant], b: &[AclGrant]) -> bool {
    a.len() == b.len() && a.iter().all(|grant| b.contains(grant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(id: &str, permission: &str) -> AclGrant {
        AclGrant { grantee: Grantee::Id(id.into()), permission: permission.into() }
    }

    #[test]
    fn a_copied_acl_is_exact_under_one_owner_and_leaves_another_owner_in_control() {
        let source = Acl { owner: "me".into(), grants: vec![grant("you", "READ")] };
        assert_eq!(wanted_grants(&AclPlan::Copy, Some(&source), "me"), [grant("you", "READ")]);
        let other = [grant("them", "FULL_CONTROL"), grant("you", "READ")];
        assert_eq!(wanted_grants(&AclPlan::Copy, Some(&source), "them"), other);
    }

    #[test]
    fn added_grants_stand_beside_the_sources_once_each() {
        let source = Acl { owner: "me".into(), grants: vec![grant("me", "FULL_CONTROL"), grant("you", "READ")] };
        let plan = AclPlan::Add(vec![grant("you", "READ"), grant("you", "WRITE")]);
        let expected = [grant("me", "FULL_CONTROL"), grant("you", "READ"), grant("you", "WRITE")];
        assert_eq!(wanted_grants(&plan, Some(&source), "me"), expected);
        let replaced = wanted_grants(&AclPlan::Replace(vec![grant("you", "READ")]), None, "me");
        assert_eq!(replaced, [grant("me", "FULL_CONTROL"), grant("you", "READ")]);
    }
}
