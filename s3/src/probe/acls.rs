//! Trials of ACLs.

use brigade_model::ports::object_store::{Acl, AclGrant, At, CopyObject, GetObjectAcl, Grantee, NewAcl, PutObjectAcl};

use super::trial::{End, Trial, copy, lacking};

const BODY: &str = "granted";
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

async fn acl_of(trial: &Trial<'_>, at: &At) -> Result<Acl, End> {
    Ok(trial.call(GetObjectAcl { at: at.clone(), version: None }).await?)
}

fn everyone_may_read() -> AclGrant {
    AclGrant { grantee: Grantee::Group(ALL_USERS.to_owned()), permission: "READ".to_owned() }
}

/// Puts the ACL, and sees that the object is not made public by accident or overwritten.
async fn set(trial: &Trial<'_>, at: &At, acl: NewAcl) -> Result<(), End> {
    trial.call(PutObjectAcl { at: at.clone(), version: None, acl }).await?;
    if trial.has_bytes(at, BODY.as_bytes()).await? { Ok(()) } else { lacking("the call overwrote the object's bytes") }
}

pub(super) async fn are_set_by_name(trial: &Trial<'_>) -> Result<(), End> {
    let (at, copied) = (trial.at("acl"), trial.at("acl of a copy"));
    trial.put(&at, BODY).await?;
    if acl_of(trial, &at).await?.grants.contains(&everyone_may_read()) {
        return Err(End::Untested("everyone may read whatever is put into the bucket".to_owned()));
    }
    set(trial, &at, NewAcl::Canned("public-read".to_owned())).await?;
    if !acl_of(trial, &at).await?.grants.contains(&everyone_may_read()) {
        return lacking("public-read was accepted and grants nothing");
    }
    set(trial, &at, NewAcl::Canned("private".to_owned())).await?;
    if acl_of(trial, &at).await?.grants.contains(&everyone_may_read()) {
        return lacking("private was accepted and takes nothing back");
    }
    trial.call(CopyObject { canned_acl: Some("public-read".to_owned()), ..copy(&at, &copied) }).await?;
    if acl_of(trial, &copied).await?.grants.contains(&everyone_may_read()) {
        Ok(())
    } else {
        lacking("a copy was not given its canned ACL")
    }
}

pub(super) async fn are_set_by_grants(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("grants");
    trial.put(&at, BODY).await?;
    let before = acl_of(trial, &at).await?;
    let may_read_acl = AclGrant { permission: "READ_ACP".to_owned(), ..everyone_may_read() };
    let own = AclGrant { grantee: Grantee::Id(before.owner.clone()), permission: "FULL_CONTROL".to_owned() };
    let wanted = [own, everyone_may_read(), may_read_acl];
    set(trial, &at, NewAcl::Grants(Acl { owner: before.owner, grants: wanted.to_vec() })).await?;
    let grants = acl_of(trial, &at).await?.grants;
    if grants.len() == wanted.len() && wanted.iter().all(|grant| grants.contains(grant)) {
        Ok(())
    } else {
        lacking("other grants were read back than were put")
    }
}
