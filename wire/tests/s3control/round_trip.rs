//! Any job survives the wire: what is written is read as it was.

use brigade_model::operation::{
    CannedAcl, ChecksumType, ComputeChecksum, Copy, DigestAlgorithm, Directive, Grant, InvocationSchema, Invoke,
    KeyService, LegalHold, NewLock, NewMetadata, ObjectAcl, Permission, Restore, RestoreTier, Retention, RetentionMode,
    SetRetention, StorageClass, Tag, Tagging, Untagging, UpdateEncryption, WaitForRestore,
};
use brigade_model::ports::object_store::{Acl, AclGrant, ChecksumAlgorithm, Grantee};
use brigade_model::{JobSpec, Operation, ReportScope, ReportSpec, Timestamp};
use brigade_wire::s3control::{arn, create_job, put_job_tagging};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::jobs;

/// Text of at most `chars_max` characters that XML can carry.
fn text(chars_max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![3 => "[ -~]", 1 => "[\t\r\n&<>\"']", 1 => "[à-ÿ中文😀]"], 0..=chars_max)
        .prop_map(|chars| chars.concat())
}

fn filled(chars_max: usize) -> impl Strategy<Value = String> {
    text(chars_max).prop_filter("not empty", |text| !text.is_empty())
}

/// Text without control characters, as names need it.
fn plain(chars_max: usize) -> impl Strategy<Value = String> {
    filled(chars_max).prop_map(|text| text.replace(char::is_control, "-"))
}

/// Text that a header carries unchanged.
fn header() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,20}[!-~])?"
}

fn second() -> impl Strategy<Value = Timestamp> {
    (0_i64..=4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn tags(max: usize) -> impl Strategy<Value = Vec<Tag>> {
    prop::collection::btree_map(filled(128), text(256), 0..=max)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| Tag { key, value }).collect())
}

fn metadata() -> impl Strategy<Value = NewMetadata> {
    let user = prop::collection::btree_map("[a-wyz][a-z0-9-]{0,20}", header(), 0..5);
    let expires = of(second().prop_map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    let headers = (of(header()), of(header()), of(header()), of(header()), of(header()));
    (headers, expires, any::<bool>(), user).prop_map(|(headers, expires, sse_aes256, user)| NewMetadata {
        cache_control: headers.0,
        content_disposition: headers.1,
        content_encoding: headers.2,
        content_type: headers.3,
        content_language: headers.4,
        expires,
        sse_aes256,
        user: user.into_iter().collect(),
    })
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    let permission = select(Permission::ALL.to_vec());
    let grant = (plain(40), any::<bool>(), of(plain(20)), permission);
    let grant = grant.prop_map(|(grantee, is_group, display_name, permission)| Grant {
        grantee,
        is_group,
        display_name,
        permission,
    });
    prop::collection::vec(grant, 0..4)
}

fn copy() -> impl Strategy<Value = Operation> {
    let classes = vec![
        StorageClass::Standard,
        StorageClass::StandardIa,
        StorageClass::IntelligentTiering,
        StorageClass::Archive,
        StorageClass::DeepArchive,
        StorageClass::Other("GLACIER_IR".into()),
    ];
    let acl = (grants(), of(select(CannedAcl::ALL.to_vec())));
    let new = (select(vec![Directive::Copy, Directive::Replaced]), metadata(), of(tags(10)));
    let rest = (of(second()), of(second()), of(select(classes)), of(plain(40)));
    let key_service = (of(header()), of(any::<bool>())).prop_map(|(key, bucket_key)| KeyService { key, bucket_key });
    let retention = (select(RetentionMode::ALL.to_vec()), second()).prop_map(|(mode, until)| Retention { mode, until });
    let lock = (of(retention), of(any::<bool>())).prop_map(|(retention, is_held)| NewLock { retention, is_held });
    let redirect = "(/|https?://)[!-~]{0,20}";
    let sent = (of(redirect), of(select(ChecksumAlgorithm::ALL.to_vec())), any::<bool>());
    let rest =
        (rest, of(key_service), sent, lock.prop_map(|lock| Some(lock).filter(|lock| *lock != NewLock::default())));
    ("[a-z][a-z0-9-]{0,20}", acl, new, rest).prop_map(|(target, acl, new, rest)| {
        let mut copy = Copy::to(arn::parse_bucket(&format!("arn:aws:s3:::{target}")).unwrap());
        let is_alone = acl.1.is_some_and(|canned: CannedAcl| canned.grants().is_none());
        (copy.grants, copy.canned_acl) = (if is_alone { vec![] } else { acl.0 }, acl.1);
        let (rest, key_service, sent, lock) = rest;
        (copy.redirect, copy.checksum, copy.requester_pays) = sent;
        copy.lock = lock;
        copy.metadata_directive = Some(new.0);
        let sse_aes256 = new.1.sse_aes256 && key_service.is_none();
        copy.key_service = key_service;
        let new = (new.0, NewMetadata { sse_aes256, ..new.1 }, new.2);
        copy.metadata = Some(new.1).filter(|metadata| *metadata != NewMetadata::default());
        copy.tagging_directive = new.2.as_ref().map(|_| Directive::Replaced);
        copy.tags = new.2.unwrap_or_default();
        (copy.modified_since, copy.unmodified_since, copy.storage_class) = (rest.0, rest.1, rest.2);
        copy.target_prefix = rest.3.map(|prefix| format!("{prefix}/"));
        copy.prefix_replace = copy.target_prefix.as_ref().map(|_| true);
        Operation::Copy(Box::new(copy))
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let tier = select(vec![RestoreTier::Bulk, RestoreTier::Standard]);
    let restore = (1_u32..=i32::MAX as u32, tier).prop_map(|(days, tier)| Operation::Restore(Restore { days, tier }));
    let tagging = tags(10).prop_filter("not empty", |tags| !tags.is_empty());
    let tagging = (tagging, of(Just(Directive::Add)));
    let tagging = tagging.prop_map(|(tags, directive)| Operation::Tagging(Tagging { directive, tags }));
    let keys = prop::collection::btree_set(filled(128), 0..=10).prop_map(|keys| keys.into_iter().collect());
    let untagging = keys.prop_map(|keys| Operation::Untagging(Untagging { keys }));
    let hold = any::<bool>().prop_map(|is_held| Operation::LegalHold(LegalHold { is_held }));
    let checksum = (select(DigestAlgorithm::ALL.to_vec()), select(ChecksumType::ALL.to_vec()));
    let is_one = |(algorithm, of): &(DigestAlgorithm, _)| *of == ChecksumType::FullObject || algorithm.has_composites();
    let checksum = checksum
        .prop_filter("there is such a one", is_one)
        .prop_map(|(algorithm, checksum_type)| Operation::Checksum(ComputeChecksum { algorithm, checksum_type }));
    let encryption = ("[a-z0-9-]{1,20}", of(any::<bool>())).prop_map(|(id, bucket_key)| {
        let key = format!("arn:aws:kms:us-east-1:123456789012:key/{id}");
        Operation::Encryption(UpdateEncryption { key, bucket_key })
    });
    let wait = (1_u32..=720).prop_map(|hours| Operation::WaitForRestore(WaitForRestore { hours }));
    prop_oneof![
        4 => copy(),
        1 => restore,
        1 => wait,
        1 => tagging,
        1 => untagging,
        1 => acl(),
        1 => hold,
        1 => retention(),
        1 => checksum,
        1 => encryption,
        1 => Just(Operation::Delete),
        1 => invoke(),
    ]
}

fn acl() -> impl Strategy<Value = Operation> {
    let grantee = prop_oneof![plain(40).prop_map(Grantee::Id), plain(40).prop_map(Grantee::Group)];
    let grant = (grantee, select(Permission::ALL.to_vec()));
    let grant = grant.prop_map(|(grantee, permission)| AclGrant { grantee, permission: permission.name().to_owned() });
    let grants = (plain(40), prop::collection::vec(grant, 0..4)).prop_map(|(owner, grants)| Acl { owner, grants });
    let canned = select(CannedAcl::ALL.to_vec()).prop_map(ObjectAcl::Canned);
    prop_oneof![grants.prop_map(ObjectAcl::Grants), canned].prop_map(Operation::Acl)
}

fn invoke() -> impl Strategy<Value = Operation> {
    let argument = (filled(64), plain(40));
    let arguments = prop::collection::btree_map(argument.0, argument.1, 0..=10);
    let function = "arn:aws:lambda:us-east-1:123456789012:function:[a-z]{1,20}";
    (function, select(InvocationSchema::ALL.to_vec()), arguments).prop_map(|(function, schema, arguments)| {
        let has_arguments = schema == InvocationSchema::V2;
        let arguments = arguments.into_iter().filter(|_| has_arguments).collect();
        Operation::Invoke(Invoke { function, schema, arguments })
    })
}

fn retention() -> impl Strategy<Value = Operation> {
    let retention = (select(RetentionMode::ALL.to_vec()), second()).prop_map(|(mode, until)| Retention { mode, until });
    (of(retention), any::<bool>())
        .prop_map(|(retention, bypass_governance)| Operation::Retention(SetRetention { retention, bypass_governance }))
}

fn report() -> impl Strategy<Value = ReportSpec> {
    let bucket = || "[a-z]{3,9}".prop_map(|name| arn::parse_bucket(&format!("arn:aws:s3:::{name}")).unwrap());
    let scope = || select(vec![ReportScope::AllTasks, ReportScope::FailedTasksOnly]);
    let enabled = (bucket(), of(filled(60)), scope()).prop_map(|(bucket, prefix, scope)| ReportSpec {
        enabled: true,
        bucket: Some(bucket),
        prefix,
        scope: Some(scope),
    });
    let disabled = (of(bucket()), of(filled(60)), of(scope())).prop_map(|(bucket, prefix, scope)| ReportSpec {
        enabled: false,
        bucket,
        prefix,
        scope,
    });
    prop_oneof![enabled, disabled]
}

fn spec() -> impl Strategy<Value = JobSpec> {
    let manifest =
        select(vec!["boto3-copy", "boto3-restore", "boto3-tagging"]).prop_map(|case| jobs::spec(case).manifest);
    let texts = (filled(16), of(any::<bool>()), of(filled(60)));
    (texts, manifest, operation(), 0..=i32::MAX, report(), tags(50)).prop_map(
        |(texts, manifest, operation, priority, report, tags)| JobSpec {
            client_request_token: texts.0,
            confirmation_required: texts.1,
            description: texts.2,
            manifest,
            operation,
            priority,
            report,
            tags,
            spelling: Vec::new(),
            ..jobs::spec("boto3-copy")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_request_is_read_as_it_was_written(spec in spec()) {
        prop_assert_eq!(create_job::decode_request(&create_job::encode_request(&spec)), Ok(spec));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in any::<Vec<u8>>(), markup in "[<>/&;a-cA-C!\\[\\] =\"']{0,60}") {
        for body in [bytes.as_slice(), markup.as_bytes()] {
            prop_assert!(create_job::decode_request(body).is_err());
            prop_assert!(put_job_tagging::decode_request(body).is_err());
        }
    }
}
