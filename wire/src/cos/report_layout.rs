//! What reports say in words of the COS interface: the name of their form, and the operation with its
//! parameters as JSON. Parameters that were not given are left out.
//!
//! No public page shows a report (COS Batch reference, section 7), so the form is that of S3 Batch Operations. That a
//! report contains the operation's parameters and the execution's state, the pages say.

use brigade_model::operation::{Copy, Grant, NewMetadata, Restore, Tag, Tagging};
use brigade_model::{Operation, ReportLayout};
use serde_json::{Map, Value, json};

use super::report::FORMAT;
use super::words::{directive_name, operation_name, storage_class_name};

/// The layout of reports of this dialect's jobs.
pub const REPORT_LAYOUT: ReportLayout = ReportLayout { format: FORMAT, operation: parameters };

/// `{"COSPutObjectCopy": {...}}`.
fn parameters(operation: &Operation) -> Value {
    let given = match operation {
        Operation::Copy(copy) => copy_parameters(copy),
        Operation::Restore(Restore { days, tier }) => json!({"ExpirationInDays": days, "JobTier": tier.name()}),
        Operation::Delete => json!({}),
        Operation::Tagging(Tagging { directive, tags }) => {
            json!({"TaggingDirective": directive.map(directive_name), "TagSet": tag_set(tags)})
        }
        Operation::WaitForRestore(wait) => json!({"PatienceInHours": wait.hours}),
        // The dialect does not have them.
        Operation::Untagging(_)
        | Operation::Acl(_)
        | Operation::LegalHold(_)
        | Operation::Retention(_)
        | Operation::Checksum(_)
        | Operation::Encryption(_)
        | Operation::Invoke(_) => json!({}),
    };
    Value::Object(Map::from_iter([(operation_name(operation.kind()).to_owned(), without_nulls(given))]))
}

fn copy_parameters(copy: &Copy) -> Value {
    json!({
        "TargetResource": copy.target.text,
        "AccessControlDirective": copy.acl_directive.map(directive_name),
        "AccessControlGrants": some(&copy.grants, |grants| grants.iter().map(grant).collect()),
        "CannedAccessControlList": copy.canned_acl.map(|acl| acl.name()),
        "PrefixReplace": copy.prefix_replace,
        "ResourcesPrefix": copy.resources_prefix,
        "TargetKeyPrefix": copy.target_prefix,
        "ModifiedSinceConstraint": copy.modified_since.map(|time| time.as_second()),
        "UnModifiedSinceConstraint": copy.unmodified_since.map(|time| time.as_second()),
        "MetadataDirective": copy.metadata_directive.map(directive_name),
        "NewObjectMetadata": copy.metadata.as_ref().map(metadata),
        "TaggingDirective": copy.tagging_directive.map(directive_name),
        "NewObjectTagging": some(&copy.tags, tag_set),
        "StorageClass": copy.storage_class.as_ref().map(storage_class_name),
    })
}

fn metadata(new: &NewMetadata) -> Value {
    let pair = |(key, value): &(String, String)| json!({"Key": key, "Value": value});
    without_nulls(json!({
        "CacheControl": new.cache_control,
        "ContentDisposition": new.content_disposition,
        "ContentEncoding": new.content_encoding,
        "ContentType": new.content_type,
        "HttpExpiresDate": new.expires,
        "SSEAlgorithm": new.sse_aes256.then_some("AES256"),
        "UserMetadata": some(&new.user, |user| user.iter().map(pair).collect()),
    }))
}

fn grant(grant: &Grant) -> Value {
    let grantee = json!({"Identifier": grant.grantee, "TypeIdentifier": "ID", "DisplayName": grant.display_name});
    json!({"Grantee": without_nulls(grantee), "Permission": grant.permission.name()})
}

fn tag_set(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect()
}

/// A list that is not empty.
fn some<T>(list: &[T], encode: impl FnOnce(&[T]) -> Value) -> Option<Value> {
    (!list.is_empty()).then(|| encode(list))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().filter(|(_, member)| !member.is_null()).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::operation::{CannedAcl, Directive, Permission, RestoreTier, StorageClass};
    use brigade_model::{Dialect, Timestamp};

    use super::*;
    use crate::cos::qcs;

    #[test]
    fn the_layout_of_the_dialect_names_its_form_and_every_parameter_of_a_copy() {
        let target = qcs::parse_bucket("qcs::cos:r:uid/1:copies-1").unwrap();
        let mut copy = Copy::to(target);
        let layout = crate::report_layout(Dialect::Cos).unwrap();
        assert_eq!(layout.format, "Report_CSV_V1");
        let told = |copy: &Copy| (layout.operation)(&Operation::Copy(Box::new(copy.clone())));
        assert_eq!(told(&copy), json!({"COSPutObjectCopy": {"TargetResource": "qcs::cos:r:uid/1:copies-1"}}));

        copy.acl_directive = Some(Directive::Add);
        copy.grants =
            vec![Grant { grantee: "you".into(), is_group: false, display_name: None, permission: Permission::Read }];
        copy.canned_acl = Some(CannedAcl::PublicRead);
        copy.prefix_replace = Some(true);
        (copy.resources_prefix, copy.target_prefix) = (Some("a/".into()), Some(String::new()));
        copy.modified_since = Some(Timestamp::from_second(1).unwrap());
        copy.unmodified_since = Some(Timestamp::from_second(2).unwrap());
        (copy.metadata_directive, copy.tagging_directive) = (Some(Directive::Replaced), Some(Directive::Copy));
        copy.metadata = Some(NewMetadata {
            content_type: Some("text/plain".into()),
            sse_aes256: true,
            user: vec![("k".into(), "v".into())],
            ..NewMetadata::default()
        });
        copy.tags = vec![Tag { key: "a".into(), value: "b".into() }];
        copy.storage_class = Some(StorageClass::MazStandardIa);
        let expected = json!({
            "TargetResource": "qcs::cos:r:uid/1:copies-1",
            "AccessControlDirective": "Add",
            "AccessControlGrants":
                [{"Grantee": {"Identifier": "you", "TypeIdentifier": "ID"}, "Permission": "READ"}],
            "CannedAccessControlList": "public-read",
            "PrefixReplace": true,
            "ResourcesPrefix": "a/",
            "TargetKeyPrefix": "",
            "ModifiedSinceConstraint": 1,
            "UnModifiedSinceConstraint": 2,
            "MetadataDirective": "Replaced",
            "NewObjectMetadata": {
                "ContentType": "text/plain",
                "SSEAlgorithm": "AES256",
                "UserMetadata": [{"Key": "k", "Value": "v"}],
            },
            "TaggingDirective": "Copy",
            "NewObjectTagging": [{"Key": "a", "Value": "b"}],
            "StorageClass": "MAZ_STANDARD_IA",
        });
        assert_eq!(told(&copy), json!({"COSPutObjectCopy": expected}));
    }

    #[test]
    fn parameters_have_the_names_of_the_interface_and_no_gaps() {
        let restore = Operation::Restore(Restore { days: 7, tier: RestoreTier::Bulk });
        assert_eq!(
            parameters(&restore),
            json!({"COSInitiateRestoreObject": {"ExpirationInDays": 7, "JobTier": "Bulk"}})
        );
        assert_eq!(parameters(&Operation::Delete), json!({"COSDeleteObject": {}}));
        let tags = vec![Tag { key: "a".into(), value: "b".into() }];
        assert_eq!(
            parameters(&Operation::Tagging(Tagging { directive: None, tags })),
            json!({"COSPutObjectTagging": {"TagSet": [{"Key": "a", "Value": "b"}]}})
        );
    }
}
