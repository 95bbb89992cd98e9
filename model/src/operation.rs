//! The operations, and the one table of what holds of each.
//!
//! Parameters stand in a file for each operation; a delete has none. What dialects call operations,
//! parameters and values stands in `wire`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{LEASE_TTL, LEASE_TTL_BODY, SLICE_TASKS_BODY, SLICE_TASKS_METADATA, SLICE_TASKS_ROUND};

mod acl;
mod checksum;
mod copy;
mod encryption;
mod invoke;
mod lock;
mod restore;
mod tagging;
mod wait;

pub use acl::{CannedAcl, ObjectAcl};
pub use checksum::{ChecksumType, ComputeChecksum, DigestAlgorithm};
pub use copy::{Copy, Grant, KeyService, NewMetadata, Permission, StorageClass};
pub use encryption::UpdateEncryption;
pub use invoke::{InvocationSchema, Invoke};
pub use lock::{LegalHold, NewLock, Retention, RetentionMode, SetRetention};
pub use restore::{Restore, RestoreTier};
pub use tagging::{Tag, Tagging, Untagging};
pub use wait::WaitForRestore;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident $(($parameters:ty))? => $word:literal, $lease_ttl:ident, $tasks_max:ident, $slots_at:ident;)*) => {
        /// What is done to each object of the manifest.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Operation {
            $($(#[$doc])* $name $(($parameters))?,)*
        }

        impl Operation {
            /// Whether its calls say that their sender pays.
            #[must_use]
            pub fn pays_requests(&self) -> bool {
                matches!(self, Operation::Copy(copy) if copy.requester_pays)
            }

            /// How long its tasks are looked at in rounds until the store has what they wait for; `None`
            /// where each task ends as soon as it has run.
            #[must_use]
            pub fn patience(&self) -> Option<Duration> {
                match self {
                    Operation::WaitForRestore(wait) => Some(wait.patience()),
                    _ => None,
                }
            }

            /// The operation without its parameters.
            #[must_use]
            pub fn kind(&self) -> OperationKind {
                match self { $(Operation::$name { .. } => OperationKind::$name,)* }
            }
        }

        /// An operation without its parameters, for tables and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum OperationKind {
            $($(#[$doc])* $name,)*
        }

        impl OperationKind {
            /// Every kind.
            pub const ALL: [OperationKind; [$($word),*].len()] = [$(OperationKind::$name),*];

            /// One word for command lines, configuration and metrics.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(OperationKind::$name => $word,)* }
            }

            /// How long a lease of one of its slices lasts.
            #[must_use]
            pub fn lease_ttl(self) -> Duration {
                match self { $(OperationKind::$name => $lease_ttl,)* }
            }

            /// The greatest number of tasks in a slice.
            #[must_use]
            pub fn slice_tasks_max(self) -> u32 {
                match self { $(OperationKind::$name => $tasks_max,)* }
            }

            /// Which of its two endpoints gives it slots: where its calls go.
            #[must_use]
            pub fn slots_at(self) -> Side {
                match self { $(OperationKind::$name => Side::$slots_at,)* }
            }
        }
    };
}

impl OperationKind {
    /// Whether a success copies or restores the bytes of its object.
    #[must_use]
    pub fn moves_bytes(self) -> bool {
        matches!(self, OperationKind::Copy | OperationKind::Restore)
    }
}

operations! {
    /// Copy each object.
    Copy(Box<Copy>) => "copy", LEASE_TTL_BODY, SLICE_TASKS_BODY, Target;
    /// Ask for a temporary copy of each archived object.
    Restore(Restore) => "restore", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Delete each object.
    Delete => "delete", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Put tags on each object.
    Tagging(Tagging) => "tag", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Remove tags of each object.
    Untagging(Untagging) => "untag", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Replace the ACL of each object.
    Acl(ObjectAcl) => "acl", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Put each object under legal hold, or lift it.
    LegalHold(LegalHold) => "legal-hold", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Keep each object until a time, or lift that.
    Retention(SetRetention) => "retention", LEASE_TTL, SLICE_TASKS_METADATA, Source;
    /// Compute a checksum of each object.
    Checksum(ComputeChecksum) => "checksum", LEASE_TTL_BODY, SLICE_TASKS_BODY, Source;
    /// Change the key of each object's encryption.
    Encryption(UpdateEncryption) => "update-encryption", LEASE_TTL_BODY, SLICE_TASKS_BODY, Source;
    /// Call a function for each object.
    Invoke(Invoke) => "invoke", LEASE_TTL_BODY, SLICE_TASKS_BODY, Source;
    /// Wait until each object that is being restored is readable.
    WaitForRestore(WaitForRestore) => "wait-for-restore", LEASE_TTL, SLICE_TASKS_ROUND, Source;
}

/// One of the two endpoints that a role gives an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where the objects of the manifest lie.
    Source,
    /// Where copies go.
    Target,
}

/// What happens to something that the source has: kept, replaced or added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Directive {
    /// As the source has it.
    Copy,
    /// As the job says.
    Replaced,
    /// As the source has it, with what the job says on top (the job wins on the same key).
    Add,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::limits::SLICE_TASKS_FIRST;

    #[test]
    fn every_operation_has_a_word_of_its_own_and_bounds_that_work() {
        let words: BTreeSet<_> = OperationKind::ALL.map(OperationKind::word).into();
        assert_eq!(words.len(), OperationKind::ALL.len());
        for kind in OperationKind::ALL {
            assert!(kind.lease_ttl() >= LEASE_TTL, "{kind:?}: the executor renews no faster");
            assert!(kind.slice_tasks_max() >= SLICE_TASKS_FIRST, "{kind:?}: slices only grow");
        }
    }

    #[test]
    fn slots_of_a_copy_count_at_its_target_and_those_of_every_other_operation_at_the_source() {
        let at_target: Vec<_> = OperationKind::ALL.into_iter().filter(|kind| kind.slots_at() == Side::Target).collect();
        assert_eq!(at_target, [OperationKind::Copy]);
    }
}
