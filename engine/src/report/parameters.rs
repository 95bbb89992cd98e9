//! An operation with its parameters as JSON, in the words of the COS interface; parameters that
//! were not given are left out.

use brigade_model::Operation;
use brigade_model::operation::{Copy, Directive, Grant, NewMetadata, Restore, Tag, Tagging};
use serde_json::{Map, Value, json};

/// `{"COSPutObjectCopy": {...}}`.
pub(super) fn parameters(operation: &Operation) -> Value {
    let given = match operation {
        Operation::Copy(copy) => copy_parameters(copy),
        Operation::Restore(Restore { days, tier }) => json!({"ExpirationInDays": days, "JobTier": tier.name()}),
        Operation::Delete => json!({}),
        Operation::Tagging(Tagging { directive, tags }) => {
            json!({"TaggingDirective": directive.map(Directive::name), "TagSet": tag_set(tags)})
        }
    };
    Value::Object(Map::from_iter([(operation.kind().cos_name().to_owned(), without_nulls(given))]))
}

fn copy_parameters(copy: &Copy) -> Value {
    json!({
        "TargetResource": copy.target.text,
        "AccessControlDirective": copy.acl_directive.map(Directive::name),
        "AccessControlGrants": some(&copy.grants, |grants| grants.iter().map(grant).collect()),
        "CannedAccessControlList": copy.canned_acl.map(|acl| acl.name()),
        "PrefixReplace": copy.prefix_replace,
        "ResourcesPrefix": copy.resources_prefix,
        "TargetKeyPrefix": copy.target_prefix,
        "ModifiedSinceConstraint": copy.modified_since.map(|time| time.as_second()),
        "UnModifiedSinceConstraint": copy.unmodified_since.map(|time| time.as_second()),
        "MetadataDirective": copy.metadata_directive.map(Directive::name),
        "NewObjectMetadata": copy.metadata.as_ref().map(metadata),
        "TaggingDirective": copy.tagging_directive.map(Directive::name),
        "NewObjectTagging": some(&copy.tags, tag_set),
        "StorageClass": copy.storage_class.map(|class| class.cos_name()),
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
    use brigade_model::operation::RestoreTier;

    use super::*;

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
