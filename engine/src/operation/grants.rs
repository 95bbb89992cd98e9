//! What ACLs hold: the owner's right, grantees as an endpoint knows them, and whether two are the same.

use brigade_model::operation::CannedAcl;
use brigade_model::ports::Grantees;
use brigade_model::ports::object_store::{AclGrant, Grantee};

use super::capabilities::Feature;
use super::failure::{End, reject};

/// The code of an object that has another ACL than it was given.
pub(crate) const ACL_NOT_KEPT: &str = "AclNotKept";

/// What is asked of an endpoint where that ACL is set.
pub(crate) fn feature_of(canned: CannedAcl) -> Feature {
    if canned.grants().is_some() { Feature::SetCannedAcl } else { Feature::SetStoresAcl }
}

/// The right that an object's owner keeps; none where the store names no owner.
pub(crate) fn owners_right(owner: &str) -> Option<AclGrant> {
    let grantee = Grantee::Id(owner.to_owned());
    (!owner.is_empty()).then(|| AclGrant { grantee, permission: "FULL_CONTROL".to_owned() })
}

/// The grants of the job, to grantees as the endpoint knows them.
///
/// # Errors
/// The endpoint does not know one.
pub(crate) fn as_known(grants: &[AclGrant], grantees: &dyn Grantees) -> Result<Vec<AclGrant>, End> {
    let known = grants.iter().map(|grant| {
        let Grantee::Id(written) = &grant.grantee else { return Ok(grant.clone()) };
        let id =
            grantees.resolve(written).map_err(|unknown| reject("InvalidArgument", Some(400), unknown.to_string()))?;
        Ok(AclGrant { grantee: Grantee::Id(id.to_owned()), ..grant.clone() })
    });
    known.collect()
}

/// Whether both grant the same, in whatever order.
pub(crate) fn is_same(a: &[AclGrant], b: &[AclGrant]) -> bool {
    a.len() == b.len() && a.iter().all(|grant| b.contains(grant))
}
