use std::fs;
use std::path::Path;

use brigade_model::operation::{
    CannedAcl, ChecksumType, ComputeChecksum, Copy, DigestAlgorithm, Directive, Grant, LegalHold, NewLock, NewMetadata,
    ObjectAcl, Permission, Restore, RestoreTier, StorageClass, Tag, Tagging, Untagging, UpdateEncryption,
};
use brigade_model::ports::object_store::{Acl, ChecksumAlgorithm};
use brigade_model::{BucketName, EndpointKind, Operation, Outcome, VersionId};

use super::super::copy::plan::bare_copy;
use super::super::missing_capabilities;
use super::*;

fn known(kind: EndpointKind) -> Capabilities {
    Capabilities::known(kind, None)
}

fn missing(operation: &Operation, kind: EndpointKind) -> Vec<&'static str> {
    let capabilities = known(kind);
    missing_capabilities(operation, &capabilities, &capabilities).into_iter().map(Capability::name).collect()
}

fn copy(change: fn(&mut Copy)) -> Operation {
    let mut copy = bare_copy();
    change(&mut copy);
    Operation::Copy(Box::new(copy))
}

fn restore() -> Operation {
    Operation::Restore(Restore { days: 1, tier: RestoreTier::Bulk })
}

fn hold() -> Operation {
    Operation::LegalHold(LegalHold { is_held: true })
}

/// A copy that sets user metadata beyond ASCII.
fn text() -> Operation {
    copy(|c| {
        c.metadata_directive = Some(Directive::Add);
        c.metadata = Some(NewMetadata { user: vec![("owner".into(), "Zoë".into())], ..NewMetadata::default() });
    })
}

/// Operations that an endpoint is asked for only where it is known to do them.
fn needing_proof() -> Vec<Operation> {
    let update = UpdateEncryption { key: "arn".into(), bucket_key: None };
    let summed = copy(|c| c.checksum = Some(ChecksumAlgorithm::Sha256));
    vec![hold(), Operation::Encryption(update), summed, text()]
}

fn tagging() -> Operation {
    Operation::Tagging(Tagging { directive: None, tags: vec![] })
}

/// One operation for each way in which one asks for something that an unprobed endpoint may do.
fn every_operation() -> Vec<Operation> {
    let grant = || Grant { grantee: "you".into(), is_group: false, display_name: None, permission: Permission::Read };
    let mut with_grants = bare_copy();
    with_grants.grants = vec![grant()];
    vec![
        restore(),
        tagging(),
        Operation::Untagging(Untagging::default()),
        Operation::Acl(ObjectAcl::Canned(CannedAcl::PublicRead)),
        Operation::Acl(ObjectAcl::Grants(Acl::default())),
        Operation::Checksum(ComputeChecksum {
            algorithm: DigestAlgorithm::Crc32,
            checksum_type: ChecksumType::Composite,
        }),
        Operation::Delete,
        copy(|_| ()),
        copy(|c| c.tagging_directive = Some(Directive::Replaced)),
        copy(|c| {
            c.tagging_directive = Some(Directive::Add);
            c.tags = vec![Tag { key: "a".into(), value: "1".into() }];
        }),
        copy(|c| c.canned_acl = Some(CannedAcl::PublicRead)),
        copy(|c| c.acl_directive = Some(Directive::Copy)),
        copy(|c| c.storage_class = Some(StorageClass::DeepArchive)),
        copy(|c| c.metadata = Some(NewMetadata { sse_aes256: true, ..NewMetadata::default() })),
        Operation::Copy(Box::new(with_grants)),
    ]
}

#[test]
fn a_copy_that_is_to_be_locked_is_refused_where_object_lock_is_not_proved() {
    let locked = copy(|c| c.lock = Some(NewLock { retention: None, is_held: Some(true) }));
    for kind in [EndpointKind::Other, EndpointKind::Garage, EndpointKind::Cos] {
        assert!(missing(&locked, kind).contains(&Capability::ObjectLock.name()), "{kind:?}");
    }
    assert_eq!(missing(&locked, EndpointKind::Aws), Vec::<&str>::new());
}

#[test]
fn a_copy_that_names_a_checksum_is_refused_where_the_store_is_not_proved_to_keep_them() {
    let summed = copy(|c| c.checksum = Some(ChecksumAlgorithm::Sha256));
    for kind in [EndpointKind::Other, EndpointKind::Garage, EndpointKind::Ceph] {
        assert_eq!(missing(&summed, kind), [Capability::Checksums.name()], "{kind:?}");
    }
    for kind in [EndpointKind::Aws, EndpointKind::Minio] {
        assert_eq!(missing(&summed, kind), Vec::<&str>::new(), "{kind:?}");
    }
}

#[test]
fn a_checksum_of_parts_is_refused_only_where_the_store_is_known_to_hide_them() {
    let (algorithm, checksum_type) = (DigestAlgorithm::Sha256, ChecksumType::Composite);
    let composite = Operation::Checksum(ComputeChecksum { algorithm, checksum_type });
    assert_eq!(missing(&composite, EndpointKind::Aws), [""; 0]);
    assert_eq!(missing(&composite, EndpointKind::Other), [""; 0], "the answer shows whether it tells them");
    let lacking = Capabilities::proved([Capability::Checksums]);
    assert_eq!(missing_capabilities(&composite, &lacking, &lacking), [Capability::PartSizes]);
}

#[test]
fn a_copy_that_sets_text_beyond_ascii_is_refused_where_no_form_of_it_is_proved() {
    for kind in [EndpointKind::Other, EndpointKind::Cos, EndpointKind::Minio, EndpointKind::Garage] {
        assert_eq!(missing(&text(), kind), ["metadata-encoded"], "{kind:?}");
    }
    for kind in [EndpointKind::Aws, EndpointKind::Ceph] {
        assert_eq!(missing(&text(), kind), [""; 0], "{kind:?}");
    }
}

#[test]
fn every_capability_is_consulted() {
    for capability in Capability::ALL {
        let asked = Feature::ALL.iter().any(|feature| feature.row().capability == capability);
        assert!(asked, "no feature asks for {}: it is of no use to anybody", capability.name());
    }
}

/// The sources of this crate that are no tests, and of the table's own file what stands behind the
/// table.
fn code_beside_the_table() -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut code) = (vec![sources.clone()], String::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") || path.ends_with("tests.rs") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let is_table = path == sources.join("operation/capabilities.rs");
                code += if is_table { text.split_once("fn missing_among").unwrap().1 } else { &text };
            }
        }
    }
    code
}

#[test]
fn every_feature_is_asked_by_code_or_stands_in_the_table_as_told_to_operators_only() {
    let code = code_beside_the_table();
    let words: BTreeSet<&str> = code.split(|c: char| !(c.is_alphanumeric() || c == ':')).collect();
    for feature in Feature::ALL {
        let is_asked = words.contains(format!("Feature::{feature:?}").as_str());
        let is_told = matches!(feature.row().lacking, Without::Told(_));
        assert_ne!(is_asked, is_told, "{feature:?}: asked {is_asked}, told only {is_told}");
    }
}

#[test]
fn every_feature_stands_in_the_table_once() {
    for (place, feature) in Feature::ALL.iter().enumerate() {
        assert!(!Feature::ALL[..place].contains(feature), "{feature:?}");
        // The compiler sees that every feature has a row; this sees that every one is in the list.
        assert_eq!(*feature as usize, place, "{feature:?}");
    }
    assert_eq!(Feature::CompleteOntoNothing as usize + 1, Feature::ALL.len());
}

#[test]
fn what_could_be_ignored_in_silence_is_never_asked_of_an_endpoint_that_is_not_known_to_do_it() {
    for feature in Feature::ALL {
        let row = feature.row();
        let unproven = known(EndpointKind::Other);
        assert_eq!(feature.is_possible_at(&unproven), row.ignored == Ignored::Aloud, "{feature:?}");
        assert!(!feature.is_possible_at(&Capabilities::proved([])), "{feature:?}");
        assert!(feature.is_possible_at(&Capabilities::proved([row.capability])), "{feature:?}");
    }
}

#[test]
fn what_refuses_a_job_is_asked_by_an_operation_and_what_fails_rows_refuses_them() {
    for feature in Feature::ALL {
        let (row, lacking) = (feature.row(), Capabilities::proved(Capability::ALL));
        let lacking = lacking.with(row.capability, Standing::Lacking);
        let missing = |operation: &Operation| missing_capabilities(operation, &lacking, &lacking);
        let mut operations = every_operation().into_iter().chain(needing_proof());
        let refuses_job = operations.any(|operation| missing(&operation).contains(&row.capability));
        let refuses_row = rows().iter().any(|task| refuse_row(task, &lacking).is_some());
        match row.lacking {
            Without::JobRefused(_) => assert!(refuses_job, "{feature:?}"),
            Without::RowFails(_) => assert!(refuses_row, "{feature:?}"),
            Without::AnotherWay(_) | Without::Told(_) => assert!(!refuses_row, "{feature:?}"),
        }
    }
}

#[test]
fn what_an_endpoint_is_known_to_lack_is_named() {
    assert_eq!(missing(&restore(), EndpointKind::Ceph), ["restore"]);
    assert_eq!(missing(&tagging(), EndpointKind::Garage), ["tagging"]);
    assert_eq!(missing(&Operation::Delete, EndpointKind::Garage), [""; 0]);
    assert_eq!(missing(&copy(|c| c.canned_acl = Some(CannedAcl::PublicRead)), EndpointKind::Minio), ["canned-acl"]);
    assert_eq!(missing(&copy(|c| c.acl_directive = Some(Directive::Copy)), EndpointKind::Minio), ["acl-grants"]);
    let archive = copy(|c| c.storage_class = Some(StorageClass::DeepArchive));
    assert_eq!(missing(&archive, EndpointKind::Garage), ["storage-classes"]);
    assert_eq!(missing(&copy(|c| c.tagging_directive = Some(Directive::Add)), EndpointKind::Garage), ["tagging"]);
}

#[test]
fn nothing_that_an_unprobed_endpoint_may_do_is_refused_when_the_job_is_created() {
    for operation in every_operation() {
        assert_eq!(missing(&operation, EndpointKind::Other), [""; 0], "{operation:?}");
    }
}

#[test]
fn what_would_destroy_an_object_where_it_is_unknown_or_cannot_be_seen_needs_an_endpoint_that_is_known_to_do_it() {
    assert_eq!(missing(&hold(), EndpointKind::Other), ["object-lock"]);
    let owners = Operation::Acl(ObjectAcl::Canned(CannedAcl::BucketOwnerRead));
    assert_eq!(missing(&owners, EndpointKind::Other), ["canned-acl"]);
}

#[test]
fn tags_are_refused_where_a_tagging_call_overwrites_the_bytes() {
    let overwriting = Capabilities::proved(Capability::ALL).with(Capability::TaggingKeepsBody, Standing::Lacking);
    for operation in [tagging(), copy(|c| c.tagging_directive = Some(Directive::Replaced))] {
        let missing = missing_capabilities(&operation, &overwriting, &overwriting);
        assert_eq!(missing, [Capability::TaggingKeepsBody]);
    }
    assert_eq!(missing_capabilities(&copy(|_| ()), &overwriting, &overwriting), []);
}

#[test]
fn what_can_be_done_another_way_is_not_missed() {
    assert_eq!(missing(&copy(|c| c.tagging_directive = Some(Directive::Replaced)), EndpointKind::Ceph), [""; 0]);
    assert_eq!(missing(&copy(|_| ()), EndpointKind::Garage), [""; 0]);
    assert_eq!(missing(&copy(|c| c.storage_class = Some(StorageClass::MazStandard)), EndpointKind::Garage), [""; 0]);
}

#[test]
fn each_side_is_asked_for_its_own() {
    let (full, none) = (Capabilities::proved(Capability::ALL), Capabilities::proved([]));
    let add_tags = copy(|c| c.tagging_directive = Some(Directive::Add));
    let replace_tags = copy(|c| c.tagging_directive = Some(Directive::Replaced));
    assert_eq!(missing_capabilities(&add_tags, &none, &full), [Capability::Tagging]);
    assert_eq!(missing_capabilities(&replace_tags, &none, &full), []);
    let tagging = [Capability::Tagging, Capability::TaggingKeepsBody];
    assert_eq!(missing_capabilities(&replace_tags, &full, &none), tagging);
}

#[test]
fn operators_are_told_what_happens_without_a_capability() {
    let (unproven, lacking) = (known(EndpointKind::Other), Capabilities::proved([]));
    for capability in Capability::ALL {
        assert!(!what_happens_without(capability, &unproven).is_empty(), "{capability:?}");
        assert!(!what_happens_without(capability, &lacking).is_empty(), "{capability:?}");
        assert!(what_happens_without(capability, &Capabilities::proved([capability])).is_empty(), "{capability:?}");
    }
    assert_eq!(what_happens_without(Capability::Versions, &unproven), ["rows that name a version fail"]);
}

fn task(key: &str, version: Option<&str>) -> Task {
    Task {
        number: 0,
        bucket: BucketName::new("b").unwrap(),
        key: ObjectKey::new(key).unwrap(),
        version: version.map(|version| VersionId::new(version).unwrap()),
        size: None,
        defect: None,
        tried_since: None,
        checksum: None,
    }
}

fn rows() -> Vec<Task> {
    vec![task("x", None), task("x", Some("null")), task("/x", None), task("x/", None)]
}

/// Code and message of a refusal.
fn refusal(end: Option<End>) -> Option<(String, String)> {
    match end? {
        End::Refused(Outcome::Failed(failure)) => Some((failure.code.clone(), failure.message.clone())),
        other => panic!("a failure: {other:?}"),
    }
}

#[test]
fn a_row_that_names_a_version_is_refused_where_versions_are_not_proved_and_null_is_a_version() {
    for kind in [EndpointKind::Garage, EndpointKind::Other] {
        for version in ["3HL4kqtJlcpXroDTDmJ", "null"] {
            let (code, message) = refusal(refuse_row(&task("x", Some(version)), &known(kind))).unwrap();
            assert_eq!(code, "NotImplemented");
            assert!(message.contains("`versions`"), "{message}");
        }
        assert!(refuse_row(&task("x", None), &known(kind)).is_none());
    }
    let (_, unproven) = refusal(refuse_row(&task("x", Some("1")), &known(EndpointKind::Other))).unwrap();
    assert!(unproven.contains("brigade endpoint probe"), "the way out: {unproven}");
    assert!(refuse_row(&task("x", Some("null")), &known(EndpointKind::Aws)).is_none());
}

#[test]
fn a_row_whose_key_could_fold_into_another_is_refused_where_keys_are_not_proved_distinct() {
    let (distinct, unproven) = (known(EndpointKind::Aws), known(EndpointKind::Other));
    for key in ["/x", "//x", "a//x", "/", "./x", "../x", "a/./x", "a/../x", "a/..", "a//"] {
        let (code, message) = refusal(refuse_row(&task(key, None), &unproven)).unwrap_or_else(|| panic!("{key}"));
        assert_eq!(code, "NotImplemented");
        assert!(message.contains("`distinct-keys`") && message.contains(key), "{message}");
        assert!(refuse_row(&task(key, None), &distinct).is_none(), "{key}");
    }
    let (_, message) = refusal(refuse_row(&task("a/", None), &unproven)).unwrap();
    assert!(message.contains("`distinct-folders`"), "{message}");
    assert!(refuse_row(&task("a/", None), &known(EndpointKind::Cos)).is_none());
    for key in ["x", "a/x", ".x", "a/..x", "a/x.", "a/...", "a b"] {
        assert!(refuse_row(&task(key, None), &unproven).is_none(), "{key}");
    }
}
