//! ACLs.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{Acl, AclGrant, At, GetObjectAcl, Grantee, NewAcl, PutObjectAcl};

use super::Subject;

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

async fn acl_of(subject: &Subject, at: &At) -> Acl {
    subject.call(GetObjectAcl { at: at.clone(), version: None }).await.unwrap()
}

fn everyone_may(acl: &Acl, permission: &str) -> bool {
    let everyone = Grantee::Group(ALL_USERS.to_owned());
    acl.grants.contains(&AclGrant { grantee: everyone, permission: permission.to_owned() })
}

pub(super) async fn a_canned_acl_says_who_may_read(subject: &Subject) {
    if subject.lacks(Capability::CannedAcl) {
        return;
    }
    let at = subject.at("object");
    subject.put(&at, "x").await;
    assert!(!everyone_may(&acl_of(subject, &at).await, "READ"));
    for (canned, is_public) in [("public-read", true), ("private", false)] {
        let acl = NewAcl::Canned(canned.to_owned());
        subject.call(PutObjectAcl { at: at.clone(), version: None, acl }).await.unwrap();
        let acl = acl_of(subject, &at).await;
        assert_eq!(everyone_may(&acl, "READ"), is_public, "{canned}");
        let own = AclGrant { grantee: Grantee::Id(acl.owner.clone()), permission: "FULL_CONTROL".to_owned() };
        assert!(acl.grants.contains(&own), "{canned}: {acl:?}");
    }
}

pub(super) async fn grants_are_replaced_as_a_whole(subject: &Subject) {
    if subject.lacks(Capability::AclGrants) {
        return;
    }
    let at = subject.at("object");
    subject.put(&at, "x").await;
    let before = acl_of(subject, &at).await;
    let grant = |grantee, permission: &str| AclGrant { grantee, permission: permission.to_owned() };
    let wanted = Acl {
        owner: before.owner.clone(),
        grants: vec![
            grant(Grantee::Id(before.owner.clone()), "FULL_CONTROL"),
            grant(Grantee::Group(ALL_USERS.to_owned()), "READ"),
            grant(Grantee::Group(ALL_USERS.to_owned()), "READ_ACP"),
        ],
    };
    for acl in [wanted, before] {
        let request = PutObjectAcl { at: at.clone(), version: None, acl: NewAcl::Grants(acl.clone()) };
        subject.call(request).await.unwrap();
        let mut stored = acl_of(subject, &at).await;
        stored.grants.sort_by_key(|grant| acl.grants.iter().position(|wanted| wanted == grant));
        assert_eq!(stored, acl);
    }
}
