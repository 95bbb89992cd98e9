//! What a copy's parameters need of its endpoints beyond what every store does.

use brigade_model::Capabilities;
use brigade_model::operation::{Side, StorageClass};
use brigade_model::ports::object_store::TextForm;

use super::super::capabilities::{Feature, Need};
use super::super::grants::feature_of;
use super::plan::{AclPlan, CopyPlan, TagPlan};

/// In which form a target takes user metadata beyond ASCII: as its bytes where it keeps them, because every reader
/// of it sees them so.
pub(super) fn text_form(target: &Capabilities) -> Option<TextForm> {
    if Feature::SetTextAsBytes.is_possible_at(target) {
        Some(TextForm::Utf8)
    } else {
        Feature::SetText.is_possible_at(target).then_some(TextForm::EncodedWords)
    }
}

/// A canned ACL alone travels with the copy; beside grants it becomes grants itself.
pub(super) fn needs(plan: &CopyPlan) -> Vec<Need> {
    let sets_tags = !matches!(plan.tags, TagPlan::Copy);
    let canned_acl = match plan.acl {
        AclPlan::Canned(canned) => Some(feature_of(canned)),
        _ => None,
    };
    let sets_grants = !matches!(plan.acl, AclPlan::Default | AclPlan::Canned(_));
    let sets_class = plan.storage_class.as_ref().is_some_and(|class| class != StorageClass::Standard.s3_name());
    let needs = [
        (sets_tags, Side::Target, Feature::KeepTags),
        (sets_tags, Side::Target, Feature::PutTags),
        (matches!(plan.tags, TagPlan::Add(_)), Side::Source, Feature::ReadTags),
        (sets_grants, Side::Target, Feature::SetGrants),
        (plan.needs_acl(), Side::Source, Feature::ReadGrants),
        (sets_class, Side::Target, Feature::SetClass),
        (plan.sets_text(), Side::Target, Feature::SetText),
        (plan.sse.is_some(), Side::Target, Feature::Encrypt),
        (plan.lock.is_some(), Side::Target, Feature::SetLock),
        (plan.checksum.is_some(), Side::Target, Feature::SetChecksum),
    ];
    let asked = needs.into_iter().filter(|(is_asked, ..)| *is_asked).map(|(_, side, feature)| (side, feature));
    asked.chain(canned_acl.map(|feature| (Side::Target, feature))).collect()
}
