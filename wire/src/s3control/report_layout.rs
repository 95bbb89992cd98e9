//! What reports say in words of the S3 Control dialect: the name of their form, and the operation with its
//! parameters as JSON. Parameters that were not given are left out.

use brigade_model::operation::{
    Copy, DigestAlgorithm, Directive, Grant, Invoke, NewMetadata, ObjectAcl, Restore, Retention, Tag, Tagging,
    Untagging,
};
use brigade_model::ports::object_store::AclGrant;
use brigade_model::{Operation, ReportLayout};
use serde_json::{Map, Value, json};

use super::operation::{KMS, hold_status, type_and_identifier};
use super::report::FORMAT;
use super::words::{directive_name, operation_name, tier_name};
use crate::times;

/// The layout of reports of this dialect's jobs.
pub const REPORT_LAYOUT: ReportLayout = ReportLayout { format: FORMAT, operation: parameters };

/// `{"S3PutObjectCopy": {...}}`.
fn parameters(operation: &Operation) -> Value {
    let given = match operation {
        Operation::Copy(copy) => copy_parameters(copy),
        Operation::Restore(Restore { days, tier }) => {
            json!({"ExpirationInDays": days, "GlacierJobTier": tier_name(*tier)})
        }
        Operation::Delete => json!({}),
        Operation::WaitForRestore(wait) => json!({"PatienceInHours": wait.hours}),
        Operation::Tagging(Tagging { tags, .. }) => json!({"TagSet": tag_set(tags)}),
        Operation::Untagging(Untagging { keys }) => json!({"Keys": (!keys.is_empty()).then_some(keys)}),
        Operation::Acl(acl) => json!({"AccessControlPolicy": policy(acl)}),
        Operation::LegalHold(hold) => json!({"LegalHold": {"Status": hold_status(hold.is_held)}}),
        Operation::Retention(set) => json!({
            "BypassGovernanceRetention": set.bypass_governance.then_some(true),
            "Retention": set.retention.map_or(json!({}), retention),
        }),
        Operation::Checksum(compute) => {
            json!({"ChecksumAlgorithm": compute.algorithm.name(), "ChecksumType": compute.checksum_type.name()})
        }
        Operation::Encryption(update) => {
            let service = json!({"KMSKeyArn": update.key, "BucketKeyEnabled": update.bucket_key});
            json!({"ObjectEncryption": {"SSE-KMS": without_nulls(service)}})
        }
        Operation::Invoke(Invoke { function, schema, arguments }) => json!({
            "FunctionArn": function,
            "InvocationSchemaVersion": schema.name(),
            "UserArguments": (!arguments.is_empty()).then(|| Value::from_iter(arguments.clone())),
        }),
    };
    Value::Object(Map::from_iter([(operation_name(operation.kind()).to_owned(), without_nulls(given))]))
}

fn policy(acl: &ObjectAcl) -> Value {
    match acl {
        ObjectAcl::Canned(canned) => json!({"CannedAccessControlList": canned.name()}),
        ObjectAcl::Grants(acl) => {
            let grant = |grant: &AclGrant| {
                let (kind, identifier) = type_and_identifier(&grant.grantee);
                let grantee = json!({"TypeIdentifier": kind, "Identifier": identifier});
                json!({"Grantee": grantee, "Permission": grant.permission})
            };
            let grants: Vec<Value> = acl.grants.iter().map(grant).collect();
            json!({"AccessControlList": {"Owner": {"ID": acl.owner}, "Grants": grants}})
        }
    }
}

fn retention(Retention { mode, until }: Retention) -> Value {
    json!({"RetainUntilDate": times::iso(until), "Mode": mode.name()})
}

fn copy_parameters(copy: &Copy) -> Value {
    let replaces_tags = copy.tagging_directive == Some(Directive::Replaced);
    let grants: Vec<Value> = copy.grants.iter().map(grant).collect();
    json!({
        "TargetResource": copy.target.text,
        "CannedAccessControlList": copy.canned_acl.map(|acl| acl.name()),
        "AccessControlGrants": (!grants.is_empty()).then_some(grants),
        "MetadataDirective": copy.metadata_directive.map(directive_name),
        "ModifiedSinceConstraint": copy.modified_since.map(times::iso),
        "NewObjectMetadata": metadata(copy),
        "NewObjectTagging": replaces_tags.then(|| tag_set(&copy.tags)),
        "RedirectLocation": copy.redirect,
        "RequesterPays": copy.requester_pays.then_some(true),
        "StorageClass": copy.storage_class.as_ref().map(|class| class.s3_name()),
        "UnModifiedSinceConstraint": copy.unmodified_since.map(times::iso),
        "ObjectLockLegalHoldStatus": copy.lock.and_then(|lock| lock.is_held).map(hold_status),
        "ObjectLockMode": copy.lock.and_then(|lock| lock.retention).map(|retention| retention.mode.name()),
        "ObjectLockRetainUntilDate": copy.lock.and_then(|lock| lock.retention).map(|kept| times::iso(kept.until)),
        "SSEAwsKmsKeyId": copy.key_service.as_ref().and_then(|service| service.key.as_ref()),
        "BucketKeyEnabled": copy.key_service.as_ref().and_then(|service| service.bucket_key),
        "TargetKeyPrefix": copy.target_prefix,
        "ChecksumAlgorithm": copy.checksum.map(|algorithm| DigestAlgorithm::from(algorithm).name()),
    })
}

fn metadata(copy: &Copy) -> Option<Value> {
    if copy.metadata.is_none() && copy.key_service.is_none() {
        return None;
    }
    let nothing = NewMetadata::default();
    let new = copy.metadata.as_ref().unwrap_or(&nothing);
    let (own_key, key_service) = (new.sse_aes256.then_some("AES256"), copy.key_service.as_ref().map(|_| KMS));
    let user: Map<String, Value> = new.user.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    Some(without_nulls(json!({
        "CacheControl": new.cache_control,
        "ContentDisposition": new.content_disposition,
        "ContentEncoding": new.content_encoding,
        "ContentLanguage": new.content_language,
        "UserMetadata": (!user.is_empty()).then_some(user),
        "ContentType": new.content_type,
        "HttpExpiresDate": new.expires.as_deref().and_then(times::parse).map(times::iso),
        "SSEAlgorithm": key_service.or(own_key),
    })))
}

fn grant(grant: &Grant) -> Value {
    let kind = if grant.is_group { "uri" } else { "id" };
    let grantee = json!({"TypeIdentifier": kind, "Identifier": grant.grantee, "DisplayName": grant.display_name});
    json!({"Grantee": without_nulls(grantee), "Permission": grant.permission.name()})
}

fn tag_set(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().filter(|(_, member)| !member.is_null()).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::operation::{Permission, RestoreTier};
    use brigade_model::ports::object_store::ChecksumAlgorithm;

    use super::*;
    use crate::s3control::arn;

    #[test]
    fn parameters_have_the_names_of_the_interface_and_no_gaps() {
        let restore = Operation::Restore(Restore { days: 7, tier: RestoreTier::Bulk });
        let expected = json!({"S3InitiateRestoreObject": {"ExpirationInDays": 7, "GlacierJobTier": "BULK"}});
        assert_eq!(parameters(&restore), expected);
        assert_eq!(parameters(&Operation::Delete), json!({"BrigadeDeleteObject": {}}));
        let mut copy = Copy::to(arn::parse_bucket("arn:aws:s3:::copies").unwrap());
        (copy.tagging_directive, copy.target_prefix) = (Some(Directive::Replaced), Some("a/".into()));
        let metadata = NewMetadata { user: vec![("k".into(), "v".into())], ..NewMetadata::default() };
        (copy.metadata_directive, copy.metadata) = (Some(Directive::Replaced), Some(metadata));
        let expected = json!({"S3PutObjectCopy": {
            "TargetResource": "arn:aws:s3:::copies",
            "MetadataDirective": "REPLACE",
            "NewObjectMetadata": {"UserMetadata": {"k": "v"}},
            "NewObjectTagging": [],
            "TargetKeyPrefix": "a/",
        }});
        assert_eq!(parameters(&Operation::Copy(Box::new(copy.clone()))), expected);
        (copy.redirect, copy.requester_pays) = (Some("/elsewhere".into()), true);
        copy.checksum = Some(ChecksumAlgorithm::Crc64Nvme);
        let (grantee, permission) = ("http://example.com/all".to_owned(), Permission::Read);
        copy.grants = vec![Grant { grantee, is_group: true, display_name: None, permission }];
        let told = &parameters(&Operation::Copy(Box::new(copy)))["S3PutObjectCopy"];
        assert_eq!((&told["RedirectLocation"], &told["RequesterPays"]), (&json!("/elsewhere"), &json!(true)));
        assert_eq!(told["ChecksumAlgorithm"], "CRC64NVME");
        assert_eq!(told["AccessControlGrants"][0]["Grantee"]["TypeIdentifier"], "uri");
        assert_eq!(REPORT_LAYOUT.format, "Report_CSV_20180820");
    }
}
