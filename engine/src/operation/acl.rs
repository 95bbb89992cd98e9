//! Replaces an object's ACL.
//!
//! Putting an ACL twice ends like putting it once, so a repeat checks nothing. Where the endpoint is not
//! known to keep ACLs, the one that is there is read first, since a store that does not know the call would
//! take it for a put; a canned ACL is set as the grants that it stands for, and what was set is read back.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{ObjectAcl, Side};
use brigade_model::ports::object_store::{Acl, At, CallError, GetObjectAcl, NewAcl, PutObjectAcl};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::failure::{Doing, End, reject};
use super::grants::{ACL_NOT_KEPT, as_known, feature_of, is_same, owners_right};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for ObjectAcl {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_source()?;
        context.end_doubt_if_gone(self.replace(context, &at).await)?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, self.feature())]
    }
}

/// How an ACL is replaced.
trait Replace {
    /// What it asks of the endpoint.
    fn feature(&self) -> Feature;
    /// Replaces the ACL of an object.
    async fn replace(&self, context: &TaskContext<'_>, at: &At) -> Result<(), End>;
}

impl Replace for ObjectAcl {
    fn feature(&self) -> Feature {
        match self {
            ObjectAcl::Canned(canned) => feature_of(*canned),
            ObjectAcl::Grants(_) => Feature::SetGrants,
        }
    }

    async fn replace(&self, context: &TaskContext<'_>, at: &At) -> Result<(), End> {
        if self.feature().is_possible_at(&context.slice.source.capabilities) {
            let acl = match self {
                ObjectAcl::Canned(canned) => NewAcl::Canned(canned.name().to_owned()),
                ObjectAcl::Grants(acl) => NewAcl::Grants(wanted_grants(context, acl)?),
            };
            return put_acl(context, at, acl).await;
        }
        let before = read_acl(context, at).await.doing("reading the ACL that is to be replaced")?;
        let wanted = match self {
            ObjectAcl::Canned(canned) => {
                let grants = owners_right(&before.owner).into_iter().chain(canned.grants().unwrap_or_default());
                Acl { grants: grants.collect(), owner: before.owner }
            }
            ObjectAcl::Grants(acl) => wanted_grants(context, acl)?,
        };
        put_acl(context, at, NewAcl::Grants(wanted.clone())).await?;
        let kept = read_acl(context, at).await.doing("reading back the ACL that was put")?;
        if is_same(&kept.grants, &wanted.grants) {
            return Ok(());
        }
        Err(reject(ACL_NOT_KEPT, None, "the store took the ACL and gave another one back"))
    }
}

fn wanted_grants(context: &TaskContext<'_>, acl: &Acl) -> Result<Acl, End> {
    let grants = as_known(&acl.grants, &*context.slice.source.grantees)?;
    Ok(Acl { owner: acl.owner.clone(), grants })
}

async fn read_acl(context: &TaskContext<'_>, at: &At) -> Result<Acl, CallError> {
    let request = GetObjectAcl { at: at.clone(), version: context.task.version.clone() };
    context.send(&context.slice.source, request).await
}

async fn put_acl(context: &TaskContext<'_>, at: &At, acl: NewAcl) -> Result<(), End> {
    let request = PutObjectAcl { at: at.clone(), version: context.task.version.clone(), acl };
    Ok(context.send(&context.slice.source, request).await?)
}
