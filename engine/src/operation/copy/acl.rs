//! The target's ACL: read from the source before the copy where it is needed, put after it, and
//! read back where the endpoint is not known to keep it.
//!
//! A canned ACL travels with the copy and has no step here where the endpoint is known to keep
//! it. Where grants are set, the target's owner keeps full control, as the dialects have it; an ACL copied
//! between objects of one owner stays exactly as it is.

use brigade_model::VersionId;
use brigade_model::ports::Grantees;
use brigade_model::ports::object_store::{Acl, AclGrant, At, GetObjectAcl, NewAcl, PutObjectAcl};

use super::super::capabilities::Feature;
use super::super::failure::{Doing, End, reject};
use super::super::grants::{ACL_NOT_KEPT, as_known, is_same, owners_right};
use super::super::task_context::TaskContext;
use super::plan::{AclPlan, CopyPlan};

/// Reads the source's ACL, when the copy needs it.
pub(crate) async fn read_acl(context: &TaskContext<'_>, plan: &CopyPlan, source: &At) -> Result<Option<Acl>, End> {
    if !plan.needs_acl() {
        return Ok(None);
    }
    let request = GetObjectAcl { at: source.clone(), version: context.task.version.clone() };
    Ok(Some(Box::pin(context.send(&context.slice.source, request)).await.doing("reading the source's ACL")?))
}

/// Gives the target its grants. Its ACL is read first: a store refuses grants without the owner,
/// and the target often has them already, as after a canned ACL.
pub(crate) async fn put_acl(
    context: &TaskContext<'_>,
    plan: &CopyPlan,
    source: Option<&Acl>,
    target: &At,
    version: Option<&VersionId>,
) -> Result<(), End> {
    let capabilities = &context.slice.target.capabilities;
    let is_kept_unseen = match &plan.acl {
        AclPlan::Default => return Ok(()),
        AclPlan::Canned(_) if Feature::SetCannedAcl.is_possible_at(capabilities) => return Ok(()),
        AclPlan::Canned(_) => false,
        AclPlan::Replace(_) | AclPlan::Copy | AclPlan::Add(_) => Feature::SetGrants.is_possible_at(capabilities),
    };
    let read_acl = async || {
        let request = GetObjectAcl { at: target.clone(), version: version.cloned() };
        let read = context.send(&context.slice.target, request).await;
        read.doing("the object was copied; reading its new ACL failed")
    };
    let Acl { owner, grants } = read_acl().await?;
    let wanted = wanted_grants(&plan.acl, source, &owner, &*context.slice.target.grantees)?;
    if is_same(&grants, &wanted) {
        return Ok(());
    }
    let acl = NewAcl::Grants(Acl { owner, grants: wanted.clone() });
    let request = PutObjectAcl { at: target.clone(), version: version.cloned(), acl };
    context.send(&context.slice.target, request).await.doing("the object was copied; putting its ACL failed")?;
    if is_kept_unseen || is_same(&read_acl().await?.grants, &wanted) {
        return Ok(());
    }
    Err(reject(ACL_NOT_KEPT, None, "the object was copied; the store took its ACL and gave another one back"))
}

/// # Errors
/// The job names a grantee that the endpoint does not know.
fn wanted_grants(
    plan: &AclPlan,
    source: Option<&Acl>,
    owner: &str,
    grantees: &dyn Grantees,
) -> Result<Vec<AclGrant>, End> {
    let read = source.map(|acl| acl.grants.clone()).unwrap_or_default();
    let (mut grants, is_exact) = match plan {
        AclPlan::Default => (vec![], true),
        AclPlan::Canned(canned) => (canned.grants().unwrap_or_default(), false),
        AclPlan::Replace(new) => (as_known(new, grantees)?, false),
        AclPlan::Add(new) => ([read, as_known(new, grantees)?].concat(), false),
        AclPlan::Copy => (read, source.is_some_and(|acl| acl.owner == owner)),
    };
    if let (false, Some(right)) = (is_exact, owners_right(owner)) {
        grants.insert(0, right);
    }
    let mut distinct: Vec<AclGrant> = Vec::with_capacity(grants.len());
    for grant in grants {
        if !distinct.contains(&grant) {
            distinct.push(grant);
        }
    }
    Ok(distinct)
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::OwnIds;
    use brigade_model::ports::object_store::Grantee;

    use super::*;

    fn wanted(plan: &AclPlan, source: Option<&Acl>, owner: &str) -> Vec<AclGrant> {
        wanted_grants(plan, source, owner, &OwnIds).unwrap()
    }

    fn grant(id: &str, permission: &str) -> AclGrant {
        AclGrant { grantee: Grantee::Id(id.into()), permission: permission.into() }
    }

    #[test]
    fn a_copied_acl_is_exact_under_one_owner_and_leaves_another_owner_in_control() {
        let source = Acl { owner: "me".into(), grants: vec![grant("you", "READ")] };
        assert_eq!(wanted(&AclPlan::Copy, Some(&source), "me"), [grant("you", "READ")]);
        let other = [grant("them", "FULL_CONTROL"), grant("you", "READ")];
        assert_eq!(wanted(&AclPlan::Copy, Some(&source), "them"), other);
    }

    #[test]
    fn added_grants_stand_beside_the_sources_once_each() {
        let source = Acl { owner: "me".into(), grants: vec![grant("me", "FULL_CONTROL"), grant("you", "READ")] };
        let plan = AclPlan::Add(vec![grant("you", "READ"), grant("you", "WRITE")]);
        let expected = [grant("me", "FULL_CONTROL"), grant("you", "READ"), grant("you", "WRITE")];
        assert_eq!(wanted(&plan, Some(&source), "me"), expected);
        let replaced = wanted(&AclPlan::Replace(vec![grant("you", "READ")]), None, "me");
        assert_eq!(replaced, [grant("me", "FULL_CONTROL"), grant("you", "READ")]);
    }
}
