//! CreateJob: every request of a real client is decoded, and answered by its result or its error.

use brigade_model::limits::REQUEST_BODY_BYTES_MAX;
use brigade_model::operation::{
    CannedAcl, ChecksumType, ComputeChecksum, DigestAlgorithm, Directive, InvocationSchema, Invoke, KeyService,
    NewLock, ObjectAcl, Operation, Retention, RetentionMode, SetRetention, Untagging, UpdateEncryption, WaitForRestore,
};
use brigade_model::options::{Header, KeyEncoding};
use brigade_model::ports::object_store::{Acl, ChecksumAlgorithm};
use brigade_wire::s3control::create_job::{decode_request, encode_request, encode_result};
use brigade_wire::s3control::operation::element_names;

use crate::fixtures::{case, cases};
use crate::jobs;

#[test]
fn each_request_gets_its_result_or_an_error_that_names_what_is_wrong() {
    for case in cases("CreateJob") {
        match decode_request(&case.sent().body) {
            Ok(_) => case.expect(&encode_result(jobs::id())),
            Err(error) => {
                assert_eq!((error.code, error.status), ("BadRequestException", 400), "{}", case.name);
                case.expect_error(&error);
            }
        }
    }
}

#[test]
fn each_accepted_request_is_read_as_it_was_meant() {
    for case in cases("CreateJob") {
        if let Ok(spec) = decode_request(&case.sent().body) {
            insta::assert_debug_snapshot!(case.name.clone(), spec);
        }
    }
}

#[test]
fn what_we_write_of_a_request_asks_for_the_same() {
    for case in cases("CreateJob") {
        if let Ok(spec) = decode_request(&case.sent().body) {
            assert_eq!(decode_request(&encode_request(&spec)), Ok(spec), "{}", case.name);
        }
    }
}

/// A tagging with its operation replaced.
fn with_operation(operation: &str) -> String {
    let body = String::from_utf8(case("CreateJob", "aws-cli-tagging").sent().body).unwrap();
    let (before, rest) = body.split_once("<Operation>").unwrap();
    let (_, after) = rest.split_once("</Operation>").unwrap();
    format!("{before}<Operation>{operation}</Operation>{after}")
}

fn message(body: &str) -> String {
    decode_request(body.as_bytes()).unwrap_err().message
}

#[test]
fn each_of_the_eleven_operations_is_carried_out_or_refused_by_its_name() {
    let names: Vec<_> = element_names().collect();
    assert_eq!(names.len(), 15, "the eleven of the model, a delete, changes of some tags, and a wait for restores");
    for name in names {
        let told = decode_request(with_operation(&format!("<{name}/>")).as_bytes());
        if name != "S3ReplicateObject" {
            assert!(told.is_ok() || told.unwrap_err().message.starts_with("The request lacks Operation."), "{name}");
        } else {
            let told = told.unwrap_err().message;
            assert!(told.starts_with("S3ReplicateObject is not implemented: no call of S3 replicates one"), "{told}");
        }
        let wrong = message(&with_operation(&format!("<{name}><Colour>red</Colour></{name}>")));
        assert!(wrong.contains("Colour is unknown here") || wrong.contains("lacks Operation."), "{name}: {wrong}");
    }
    for (wrong, told) in [
        ("<S3ReplicateObject/><S3DeleteObjectTagging/>", "exactly one operation"),
        ("<S3PutObjectPaint/>", "Operation.S3PutObjectPaint is unknown here"),
        ("", "lacks Operation"),
    ] {
        assert!(message(&with_operation(wrong)).contains(told), "{}", message(&with_operation(wrong)));
    }
}

#[test]
fn a_delete_stands_in_a_name_space_of_our_own() {
    let delete = r#"<BrigadeDeleteObject xmlns="urn:bucket-brigade:s3control:2026"></BrigadeDeleteObject>"#;
    let spec = decode_request(with_operation(delete).as_bytes()).unwrap();
    assert_eq!(spec.operation, Operation::Delete);
    assert!(String::from_utf8(encode_request(&spec)).unwrap().contains(delete));
}

#[test]
fn a_wait_for_restores_stands_in_a_name_space_of_our_own() {
    let wait = |children: &str| {
        let element = format!(
            r#"<BrigadeWaitForRestore xmlns="urn:bucket-brigade:s3control:2026">{children}</BrigadeWaitForRestore>"#
        );
        (with_operation(&element), element)
    };
    let (request, element) = wait("<PatienceInHours>48</PatienceInHours>");
    let spec = decode_request(request.as_bytes()).unwrap();
    assert_eq!(spec.operation, Operation::WaitForRestore(WaitForRestore { hours: 48 }));
    assert!(String::from_utf8(encode_request(&spec)).unwrap().contains(&element));
    let (bare, _) = wait("");
    assert_eq!(
        decode_request(bare.as_bytes()).unwrap().operation,
        Operation::WaitForRestore(WaitForRestore { hours: 72 })
    );
    for hours in [0, 721] {
        let (wrong, _) = wait(&format!("<PatienceInHours>{hours}</PatienceInHours>"));
        assert!(message(&wrong).contains("must be a whole number from 1 to 720"), "{}", message(&wrong));
    }
}

#[test]
fn an_acl_is_canned_or_of_grants_and_a_retention_is_whole_or_lifted() {
    let operation = |operation: &str| decode_request(with_operation(operation).as_bytes()).unwrap().operation;
    let policy =
        |policy: &str| format!("<S3PutObjectAcl><AccessControlPolicy>{policy}</AccessControlPolicy></S3PutObjectAcl>");
    let canned = "<CannedAccessControlList>bucket-owner-read</CannedAccessControlList>";
    assert_eq!(operation(&policy(canned)), Operation::Acl(ObjectAcl::Canned(CannedAcl::BucketOwnerRead)));
    let list = "<AccessControlList><Owner><ID>me</ID></Owner></AccessControlList>";
    let alone = Acl { owner: "me".into(), grants: vec![] };
    assert_eq!(operation(&policy(list)), Operation::Acl(ObjectAcl::Grants(alone)));
    for both in ["", &format!("{canned}{list}")] {
        message(&with_operation(&policy(both)));
    }
    let retention = |children: &str| format!("<S3PutObjectRetention>{children}</S3PutObjectRetention>");
    let lifted = Operation::Retention(SetRetention { retention: None, bypass_governance: false });
    assert_eq!(operation(&retention("<Retention/>")), lifted);
    for half in ["", "<Retention><Mode>GOVERNANCE</Mode></Retention>"] {
        message(&with_operation(&retention(half)));
    }
    let mail = "<Grantee><TypeIdentifier>emailAddress</TypeIdentifier><Identifier>a@b</Identifier></Grantee>";
    let grants = format!("<Grants><member><Permission>READ</Permission>{mail}</member></Grants>");
    let mailed = list.replace("</AccessControlList>", &format!("{grants}</AccessControlList>"));
    assert!(message(&with_operation(&policy(&mailed))).contains("emailAddress is not implemented"));
}

#[test]
fn a_checksum_is_of_all_bytes_or_of_parts_by_each_algorithm_that_has_such_a_one() {
    let element = |children: &str| format!("<S3ComputeObjectChecksum>{children}</S3ComputeObjectChecksum>");
    let read = |children: &str| match decode_request(with_operation(&element(children)).as_bytes()).unwrap().operation {
        Operation::Checksum(ComputeChecksum { algorithm, checksum_type }) => (algorithm, checksum_type),
        other => panic!("{other:?}"),
    };
    let names = ["CRC32", "CRC32C", "CRC64NVME", "MD5", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"];
    assert_eq!(names, DigestAlgorithm::ALL.map(DigestAlgorithm::name), "those of the interface");
    for (name, expected) in names.into_iter().zip(DigestAlgorithm::ALL) {
        let given = format!("<ChecksumAlgorithm>{name}</ChecksumAlgorithm>");
        let of_whole = (expected, ChecksumType::FullObject);
        assert_eq!(read(&format!("{given}<ChecksumType>FULL_OBJECT</ChecksumType>")), of_whole);
        assert_eq!(read(&given), of_whole);
    }
    assert_eq!(read(""), (DigestAlgorithm::Crc64Nvme, ChecksumType::FullObject));
    let refused = |children: &str| message(&with_operation(&element(children)));
    let composite = "<ChecksumType>COMPOSITE</ChecksumType>";
    for algorithm in DigestAlgorithm::ALL.into_iter().filter(|one| *one != DigestAlgorithm::Crc64Nvme) {
        let given = format!("<ChecksumAlgorithm>{}</ChecksumAlgorithm>{composite}", algorithm.name());
        assert_eq!(read(&given), (algorithm, ChecksumType::Composite));
    }
    for none in ["", "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"] {
        let told = "S3ComputeObjectChecksum.ChecksumType is invalid: CRC64NVME is always one of the full object";
        assert!(refused(&format!("{none}{composite}")).starts_with(told));
    }
    assert!(refused("<ChecksumAlgorithm>ADLER32</ChecksumAlgorithm>").contains("ChecksumAlgorithm"));
}

#[test]
fn encryption_is_changed_to_a_key_of_a_key_service_by_its_arn() {
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0e7f";
    let element = |inside: &str| {
        with_operation(&format!(
            "<S3UpdateObjectEncryption><ObjectEncryption><SSE-KMS>{inside}</SSE-KMS></ObjectEncryption>\
             </S3UpdateObjectEncryption>"
        ))
    };
    let key = |arn: &str| format!("<KMSKeyArn>{arn}</KMSKeyArn>");
    for (bucket_key, expected) in
        [("", None), ("<BucketKeyEnabled>true</BucketKeyEnabled>", Some(true)), ("<BucketKeyEnabled/>", None)]
    {
        let spec = decode_request(element(&format!("{}{bucket_key}", key(KEY))).as_bytes()).unwrap();
        let update = UpdateEncryption { key: KEY.to_owned(), bucket_key: expected };
        assert_eq!(spec.operation, Operation::Encryption(update));
        assert_eq!(decode_request(&encode_request(&spec)).unwrap().operation, spec.operation);
    }
    for wrong in ["0e7f", "alias/mine", "arn:aws:kms:r:123:key/k", "arn:aws:s3:r:123456789012:key/k"] {
        let told = message(&element(&key(wrong)));
        assert!(told.contains("KMSKeyArn is invalid: must be the ARN of a key"), "{told}");
    }
    let without_key = message(&element("<BucketKeyEnabled>true</BucketKeyEnabled>"));
    assert!(without_key.contains("KMSKeyArn"), "{without_key}");
    assert!(message(&element("")).contains("SSE-KMS"));
}

#[test]
fn some_tags_are_added_or_removed_by_elements_of_our_own() {
    let operation = |operation: &str| decode_request(with_operation(operation).as_bytes()).unwrap().operation;
    assert_eq!(operation("<S3DeleteObjectTagging/>"), Operation::Untagging(Untagging::default()));
    let remove = "<BrigadeRemoveObjectTagging><Keys><member>a</member></Keys></BrigadeRemoveObjectTagging>";
    assert_eq!(operation(remove), Operation::Untagging(Untagging { keys: vec!["a".into()] }));
    message(&with_operation("<BrigadeRemoveObjectTagging><Keys/></BrigadeRemoveObjectTagging>"));
    let set = "<TagSet><member><Key>a</Key><Value>1</Value></member></TagSet>";
    let add = operation(&format!("<BrigadeAddObjectTagging>{set}</BrigadeAddObjectTagging>"));
    let Operation::Tagging(tagging) = add else { panic!("{add:?}") };
    assert_eq!((tagging.directive, tagging.tags.len()), (Some(Directive::Add), 1));
}

#[test]
fn an_empty_manifest_counts_as_absent_and_what_is_missing_is_named() {
    let body = String::from_utf8(case("CreateJob", "aws-cli-tagging").sent().body).unwrap();
    let (before, rest) = body.split_once("<Manifest>").unwrap();
    let (manifest, after) = rest.split_once("</Manifest>").unwrap();
    for empty in ["", "<Manifest/>", "<Manifest></Manifest>"] {
        assert_eq!(message(&format!("{before}{empty}{after}")), "The request lacks Manifest", "{empty}");
    }
    let generated =
        format!("{before}<Manifest/><ManifestGenerator><S3JobManifestGenerator/></ManifestGenerator>{after}");
    assert!(message(&generated).starts_with("ManifestGenerator is not implemented"), "{generated}");
    let beside = format!("{before}<ManifestGenerator/><Manifest>{manifest}</Manifest>{after}");
    assert!(decode_request(beside.as_bytes()).is_ok(), "an empty generator says nothing");
    for element in ["ClientRequestToken", "Priority", "RoleArn", "Report", "Operation"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let (before, rest) = body.split_once(&open).unwrap();
        let (_, after) = rest.split_once(&close).unwrap();
        assert_eq!(message(&format!("{before}{after}")), format!("The request lacks {element}"));
    }
    assert_eq!(message(""), "The request lacks CreateJobRequest");
}

#[test]
fn a_copy_says_what_becomes_of_metadata_and_tags_as_the_interface_has_it() {
    let copy = |children: &str| {
        let target = "<TargetResource>arn:aws:s3:::copies</TargetResource>";
        let body = with_operation(&format!("<S3PutObjectCopy>{target}{children}</S3PutObjectCopy>"));
        let Operation::Copy(copy) = decode_request(body.as_bytes()).unwrap().operation else { panic!("a copy") };
        copy
    };
    let plain = copy("");
    assert_eq!((plain.metadata_directive, plain.tagging_directive), (None, None), "both are the source's");
    let untagged = copy("<NewObjectTagging/>");
    assert_eq!(
        (untagged.tagging_directive, untagged.tags.len()),
        (Some(Directive::Replaced), 0),
        "an empty set is one"
    );
    let typed = "<NewObjectMetadata><ContentType>text/plain</ContentType></NewObjectMetadata>";
    assert_eq!(copy(typed).metadata_directive, Some(Directive::Replaced), "new metadata replaces");
    let encrypted = copy("<NewObjectMetadata><SSEAlgorithm>AES256</SSEAlgorithm></NewObjectMetadata>");
    assert_eq!(encrypted.metadata_directive, None, "encryption alone replaces no metadata");
    let kms = "<NewObjectMetadata><SSEAlgorithm>KMS</SSEAlgorithm></NewObjectMetadata>";
    for (children, key, bucket_key) in [
        (kms.to_owned(), None, None),
        (
            format!("{kms}<SSEAwsKmsKeyId>k</SSEAwsKmsKeyId><BucketKeyEnabled>true</BucketKeyEnabled>"),
            Some("k"),
            Some(true),
        ),
        (
            "<SSEAwsKmsKeyId>k</SSEAwsKmsKeyId><BucketKeyEnabled>false</BucketKeyEnabled>".to_owned(),
            Some("k"),
            Some(false),
        ),
    ] {
        let keyed = copy(&children);
        let service = KeyService { key: key.map(str::to_owned), bucket_key };
        assert_eq!((keyed.key_service, keyed.metadata_directive), (Some(service), None), "{children}");
    }
    for (written, prefix) in [("Folder1", "Folder1/"), ("a/b/", "a/b/")] {
        let renamed = copy(&format!("<TargetKeyPrefix>{written}</TargetKeyPrefix>"));
        assert_eq!((renamed.prefix_replace, renamed.resources_prefix), (Some(true), None));
        assert_eq!(renamed.target_prefix.as_deref(), Some(prefix), "a folder");
    }
}

#[test]
fn a_copy_takes_a_key_of_a_key_service_only_where_it_is_encrypted_with_one() {
    let told = |children: &str| {
        let target = "<TargetResource>arn:aws:s3:::copies</TargetResource>";
        message(&with_operation(&format!("<S3PutObjectCopy>{target}{children}</S3PutObjectCopy>")))
    };
    let own_key = "<NewObjectMetadata><SSEAlgorithm>AES256</SSEAlgorithm></NewObjectMetadata>";
    let both = told(&format!("{own_key}<SSEAwsKmsKeyId>k</SSEAwsKmsKeyId>"));
    assert!(both.contains("takes no SSEAwsKmsKeyId beside the SSEAlgorithm AES256"), "{both}");
    for alone in [own_key, ""] {
        let told = told(&format!("{alone}<BucketKeyEnabled>true</BucketKeyEnabled>"));
        assert!(told.contains("takes BucketKeyEnabled only beside the SSEAlgorithm KMS"), "{told}");
    }
    assert!(told("<SSEAwsKmsKeyId>\u{fc}</SSEAwsKmsKeyId>").contains("SSEAwsKmsKeyId"), "no header carries it");
}

#[test]
fn a_copy_is_retained_in_a_mode_until_a_date_or_not_at_all() {
    let copy = |children: &str| {
        let target = "<TargetResource>arn:aws:s3:::copies</TargetResource>";
        with_operation(&format!("<S3PutObjectCopy>{target}{children}</S3PutObjectCopy>"))
    };
    let (mode, until) = (
        "<ObjectLockMode>COMPLIANCE</ObjectLockMode>",
        "<ObjectLockRetainUntilDate>2036-01-01T00:00:00Z</ObjectLockRetainUntilDate>",
    );
    for half in [mode, until] {
        let told = message(&copy(half));
        assert!(told.contains("needs both ObjectLockMode and ObjectLockRetainUntilDate, or neither"), "{told}");
    }
    let hold = "<ObjectLockLegalHoldStatus>OFF</ObjectLockLegalHoldStatus>";
    let lock = |children: &str| {
        let Operation::Copy(copy) = decode_request(copy(children).as_bytes()).unwrap().operation else { panic!() };
        copy.lock
    };
    let until_then = "2036-01-01T00:00:00Z".parse().unwrap();
    let retention = Retention { mode: RetentionMode::Compliance, until: until_then };
    assert_eq!(lock(&format!("{mode}{until}")), Some(NewLock { retention: Some(retention), is_held: None }));
    assert_eq!(lock(hold), Some(NewLock { retention: None, is_held: Some(false) }));
    assert_eq!(lock(""), None);
}

#[test]
fn rows_of_both_manifests_are_form_encoded_and_a_csv_has_no_header() {
    let csv = jobs::spec("boto3-copy").manifest.rows;
    assert_eq!((csv.key_encoding, csv.header), (Some(KeyEncoding::Form), Some(Header::No)));
    let inventory = jobs::spec("boto3-restore").manifest.rows;
    assert_eq!((inventory.key_encoding, inventory.empty_version), (Some(KeyEncoding::Form), None));
}

#[test]
fn what_is_not_carried_out_is_refused_whatever_it_says_and_only_a_switch_can_be_off() {
    let copy = |child: &str| {
        let target = "<TargetResource>arn:aws:s3:::copies</TargetResource>";
        decode_request(with_operation(&format!("<S3PutObjectCopy>{target}{child}</S3PutObjectCopy>")).as_bytes())
    };
    for name in ["ObjectLockEventHold", "AnnotationDirective"] {
        for value in ["false", "OFF", "x"] {
            let told = copy(&format!("<{name}>{value}</{name}>")).unwrap_err().message;
            assert!(told.starts_with(&format!("Operation.S3PutObjectCopy.{name} is not implemented")), "{told}");
        }
        assert!(copy(&format!("<{name}/>")).is_ok(), "an empty element is none");
    }
    let of_metadata = |name: &str, value: &str| {
        copy(&format!("<NewObjectMetadata><{name}>{value}</{name}></NewObjectMetadata>")).map(|_| ())
    };
    for name in ["ContentLength", "ContentMD5"] {
        let told = of_metadata(name, "1").unwrap_err().message;
        assert!(told.contains(&format!("NewObjectMetadata.{name} is not implemented")), "{told}");
    }
    assert!(of_metadata("RequesterCharged", "false").is_ok());
    assert!(of_metadata("RequesterCharged", "true").unwrap_err().message.contains("is not implemented"));
}

#[test]
fn a_copy_redirects_has_a_language_and_a_checksum_is_paid_for_and_grants_to_groups() {
    let copy = |children: &str| {
        let target = "<TargetResource>arn:aws:s3:::copies</TargetResource>";
        decode_request(with_operation(&format!("<S3PutObjectCopy>{target}{children}</S3PutObjectCopy>")).as_bytes())
    };
    let read = |children: &str| {
        let Operation::Copy(copy) = copy(children).unwrap().operation else { panic!() };
        *copy
    };
    let told = |children: &str| copy(children).unwrap_err().message;
    for location in ["/elsewhere", "http://example.com/", "https://example.com/a b"] {
        let redirected = read(&format!("<RedirectLocation>{location}</RedirectLocation>"));
        assert_eq!(redirected.redirect.as_deref(), Some(location));
    }
    for location in ["elsewhere", "ftp://example.com", "/\u{fc}", &format!("/{}", "x".repeat(2048))] {
        let told = told(&format!("<RedirectLocation>{location}</RedirectLocation>"));
        assert!(told.starts_with("Operation.S3PutObjectCopy.RedirectLocation is invalid"), "{told}");
    }
    let language = read("<NewObjectMetadata><ContentLanguage>de</ContentLanguage></NewObjectMetadata>");
    assert_eq!(language.metadata.unwrap().content_language.as_deref(), Some("de"));
    let checksum = |name: &str| format!("<ChecksumAlgorithm>{name}</ChecksumAlgorithm>");
    let checksums = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];
    let read_checksums = checksums.map(|name| read(&checksum(name)).checksum);
    assert_eq!(read_checksums, ChecksumAlgorithm::ALL.map(Some));
    for name in ["MD5", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"] {
        let told = told(&checksum(name));
        assert!(told.starts_with(&format!("Operation.S3PutObjectCopy.ChecksumAlgorithm {name} is not")), "{told}");
    }
    assert!(told(&checksum("x")).contains("ChecksumAlgorithm is invalid"));
    for (text, pays) in [("true", true), ("false", false)] {
        assert_eq!(read(&format!("<RequesterPays>{text}</RequesterPays>")).requester_pays, pays);
    }
    assert!(told("<RequesterPays>maybe</RequesterPays>").contains("must be true or false"));
    let grant = |kind: &str, who: &str| {
        format!(
            "<AccessControlGrants><member><Grantee><TypeIdentifier>{kind}</TypeIdentifier>\
             <Identifier>{who}</Identifier></Grantee><Permission>READ</Permission></member></AccessControlGrants>"
        )
    };
    for (kind, is_group) in [("id", false), ("uri", true)] {
        let grants = read(&grant(kind, "who")).grants;
        assert_eq!((grants[0].grantee.as_str(), grants[0].is_group), ("who", is_group));
    }
    assert!(told(&grant("emailAddress", "a@b")).contains("emailAddress is not implemented"));
}

#[test]
fn a_description_has_256_characters_at_most() {
    let body = String::from_utf8(case("CreateJob", "boto3-tagging").sent().body).unwrap();
    let described = |n: usize| body.replace("<Description>d<", &format!("<Description>{}<", "ü".repeat(n)));
    assert!(decode_request(described(256).as_bytes()).is_ok());
    assert_eq!(message(&described(257)), "Description is invalid: must not be longer than 256 characters");
}

#[test]
fn a_job_has_fifty_tags_at_most() {
    let body = String::from_utf8(case("CreateJob", "aws-cli-tagging").sent().body).unwrap();
    let tagged = |n: usize| {
        let tags: String = (0..n).map(|n| format!("<member><Key>{n}</Key><Value/></member>")).collect();
        body.replace("</CreateJobRequest>", &format!("<Tags>{tags}</Tags></CreateJobRequest>"))
    };
    assert_eq!(decode_request(tagged(50).as_bytes()).unwrap().tags.len(), 50);
    assert_eq!(message(&tagged(51)), "Tags.member is invalid: must not be given more than 50 times");
}

#[test]
fn every_way_to_cut_a_request_off_is_a_bad_request_and_none_panics() {
    let body = case("CreateJob", "boto3-copy-with-every-offered-parameter").sent().body;
    for length in 1..body.len() {
        let error = decode_request(&body[..length]).unwrap_err();
        assert_eq!(error.code, "BadRequestException", "{length}: {error}");
    }
    let large = decode_request(&vec![b'<'; REQUEST_BODY_BYTES_MAX + 1]).unwrap_err();
    assert!(large.message.contains("larger than allowed"), "{large}");
}

#[test]
fn an_invocation_names_its_function_and_only_schema_2_carries_arguments() {
    let invoke = |children: &str| format!("<LambdaInvoke>{children}</LambdaInvoke>");
    let operation = |children: &str| decode_request(with_operation(&invoke(children)).as_bytes()).unwrap().operation;
    let function = "<FunctionArn>arn:aws:lambda:r:1:function:f</FunctionArn>";
    let expected = |schema, arguments| {
        let function = "arn:aws:lambda:r:1:function:f".into();
        Operation::Invoke(Invoke { function, schema, arguments })
    };
    assert_eq!(operation(function), expected(InvocationSchema::V1, vec![]));
    let version = "<InvocationSchemaVersion>2.0</InvocationSchemaVersion>";
    let arguments = "<UserArguments><entry><key>k</key><value>v</value></entry></UserArguments>";
    let with_arguments = format!("{function}{version}{arguments}");
    assert_eq!(operation(&with_arguments), expected(InvocationSchema::V2, vec![("k".into(), "v".into())]));
    let many: String = (0..11).map(|n| format!("<entry><key>{n}</key><value/></entry>")).collect();
    let long = format!("<entry><key>{}</key><value>v</value></entry>", "k".repeat(65));
    let twice = "<entry><key>k</key><value/></entry><entry><key>k</key><value/></entry>";
    for (children, told) in [
        (format!("{function}{arguments}"), "UserArguments is invalid: needs InvocationSchemaVersion 2.0"),
        (format!("{function}<InvocationSchemaVersion>3.0</InvocationSchemaVersion>"), "must be 1.0 or 2.0"),
        (version.to_owned(), "lacks Operation.LambdaInvoke.FunctionArn"),
        ("<FunctionArn>f</FunctionArn>".to_owned(), "must be the ARN of a function"),
        (format!("{function}{version}<UserArguments>{many}</UserArguments>"), "more than 10 times"),
        (format!("{function}{version}<UserArguments>{long}</UserArguments>"), "longer than 64 characters"),
        (format!("{function}{version}<UserArguments>{twice}</UserArguments>"), "another has already"),
    ] {
        let message = message(&with_operation(&invoke(&children)));
        assert!(message.contains(told), "{children}: {message}");
    }
}
