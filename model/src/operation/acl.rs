//! The ACL that objects get: canned, or of grants.

use serde::{Deserialize, Serialize};

use crate::ports::object_store::{Acl, AclGrant, Grantee};

/// The ACL that each object gets in place of the one that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectAcl {
    /// By its name.
    Canned(CannedAcl),
    /// Exactly these grants, and the owner whom the store knows as the object's.
    Grants(Acl),
}

macro_rules! canned_acls {
    ($($(#[$doc:meta])* $name:ident => $word:literal;)*) => {
        /// A canned ACL.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum CannedAcl {
            $($(#[$doc])* $name,)*
        }

        impl CannedAcl {
            /// Every one.
            pub const ALL: &'static [CannedAcl] = &[$(CannedAcl::$name,)*];

            /// The name at stores and on every wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(CannedAcl::$name => $word,)* }
            }
        }
    };
}

canned_acls! {
    /// The owner alone.
    Private => "private";
    /// All may read.
    PublicRead => "public-read";
    /// All may read and write.
    PublicReadWrite => "public-read-write";
    /// The images' service of the store may read.
    AwsExecRead => "aws-exec-read";
    /// Every user whom the store knows may read.
    AuthenticatedRead => "authenticated-read";
    /// The bucket's owner may read.
    BucketOwnerRead => "bucket-owner-read";
    /// The bucket's owner has full control.
    BucketOwnerFullControl => "bucket-owner-full-control";
}

impl CannedAcl {
    /// What it grants beside the owner's own right; `None` where only the store knows.
    #[must_use]
    pub fn grants(self) -> Option<Vec<AclGrant>> {
        let group = |name: &str, permission: &str| AclGrant {
            grantee: Grantee::Group(format!("http://acs.amazonaws.com/groups/global/{name}")),
            permission: permission.to_owned(),
        };
        match self {
            CannedAcl::Private => Some(vec![]),
            CannedAcl::PublicRead => Some(vec![group("AllUsers", "READ")]),
            CannedAcl::PublicReadWrite => Some(vec![group("AllUsers", "READ"), group("AllUsers", "WRITE")]),
            CannedAcl::AuthenticatedRead => Some(vec![group("AuthenticatedUsers", "READ")]),
            CannedAcl::AwsExecRead | CannedAcl::BucketOwnerRead | CannedAcl::BucketOwnerFullControl => None,
        }
    }
}
