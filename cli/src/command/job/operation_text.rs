//! What a job does to each object, in words.

use brigade_model::operation::{ObjectAcl, Operation, Retention, SetRetention};

/// An operation for people.
pub(super) fn operation_text(operation: &Operation) -> String {
    match operation {
        Operation::Copy(copy) => format!("copy to {}", copy.target.bucket),
        Operation::Tagging(tagging) => {
            let tags: Vec<_> = tagging.tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
            format!("tag with {}", tags.join(", "))
        }
        Operation::Restore(restore) => format!("restore for {} days ({})", restore.days, restore.tier.name()),
        Operation::WaitForRestore(wait) => format!("wait until it is readable ({} h at most)", wait.hours),
        Operation::Delete => "delete".to_owned(),
        Operation::Untagging(untagging) if untagging.keys.is_empty() => "remove every tag".to_owned(),
        Operation::Untagging(untagging) => format!("remove the tags {}", untagging.keys.join(", ")),
        Operation::Acl(ObjectAcl::Canned(canned)) => format!("set the ACL {}", canned.name()),
        Operation::Acl(ObjectAcl::Grants(acl)) => format!("set an ACL of {} grants", acl.grants.len()),
        Operation::LegalHold(hold) if hold.is_held => "put under legal hold".to_owned(),
        Operation::LegalHold(_) => "lift legal holds".to_owned(),
        Operation::Retention(SetRetention { retention: None, .. }) => "lift retentions".to_owned(),
        Operation::Retention(SetRetention { retention: Some(Retention { mode, until }), .. }) => {
            format!("keep until {until} ({})", mode.name())
        }
        Operation::Encryption(update) => format!("encrypt with {}", update.key),
        Operation::Checksum(compute) => format!("compute {} checksums", compute.algorithm.name()),
        Operation::Invoke(invoke) => format!("call the function {}", invoke.function),
    }
}
