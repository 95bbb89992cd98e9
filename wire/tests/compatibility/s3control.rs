//! S3 Batch Operations.

use std::fmt::Write;

use brigade_model::JobId;
use brigade_wire::s3control::create_job::{decode_request, encode_request};
use brigade_wire::s3control::operation::element_names;
use brigade_wire::s3control::route::{Action, JobAction, route};

use crate::dialect::{Field, Read, field, named, table};

const OPERATION: &str = "<S3DeleteObjectTagging/>";
const MANIFEST: &str = "<Manifest><Spec><Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member>\
    <member>Key</member></Fields></Spec><Location><ObjectArn>arn:aws:s3:::m/x.csv</ObjectArn><ETag>e</ETag></Location>\
    </Manifest>";
const REPORT: &str = "<Report><Enabled>false</Enabled></Report>";
const REST: &str = "<Priority>1</Priority><RoleArn>arn:aws:iam::123456789012:role/batch</RoleArn>\
    <ClientRequestToken>t</ClientRequestToken>";

/// The action, what differs, and the tests that prove it.
const ACTIONS: [(&str, &str, &str); 8] = [
    (
        "CreateJob",
        "an absent ConfirmationRequired means true, with a setting for the other way; job options are signed \
      `x-brigade-<option>` headers",
        "each_request_gets_its_result_or_an_error_that_names_what_is_wrong \
      a_job_that_does_not_say_waits_for_a_confirmation_unless_the_setting_says_otherwise",
    ),
    (
        "DescribeJob",
        "neither ManifestGenerator nor GeneratedManifestDescriptor: no job has one",
        "each_job_is_described_as_its_fixture_has_it",
    ),
    ("ListJobs", "oldest first; `nextToken` is a job's id", "pages_follow_each_other_by_their_tokens"),
    ("UpdateJobPriority", "", "a_job_is_described_listed_and_changed_as_sdks_expect"),
    ("UpdateJobStatus", "", "a_job_is_described_listed_and_changed_as_sdks_expect"),
    ("PutJobTagging", "", "tags_are_stored_with_the_job_replaced_and_taken_off_also_once_it_has_ended"),
    ("GetJobTagging", "", "tags_are_stored_with_the_job_replaced_and_taken_off_also_once_it_has_ended"),
    ("DeleteJobTagging", "", "tags_are_stored_with_the_job_replaced_and_taken_off_also_once_it_has_ended"),
];

const REQUEST: &[Field] = &[
    field(
        "ConfirmationRequired",
        "<ConfirmationRequired>true</ConfirmationRequired>",
        "absent means true, as AWS has it",
    ),
    field("ClientRequestToken", "", ""),
    field("Description", "<Description>d</Description>", ""),
    field("Priority", "", ""),
    field("RoleArn", "", "the role of that name of the configuration"),
    field("Tags[].Key", "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>", ""),
    field("Tags[].Value", "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>", ""),
    field(
        "ManifestGenerator",
        "<ManifestGenerator><S3JobManifestGenerator/></ManifestGenerator>",
        "`brigade manifest list` makes a manifest",
    ),
];

const MANIFEST_FIELDS: &[Field] = &[
    field("Spec.Format", MANIFEST, "an inventory may be in Parquet, too: AWS reads CSV only"),
    field("Spec.Fields", MANIFEST, ""),
    field("Location.ObjectArn", MANIFEST, ""),
    field("Location.ETag", MANIFEST, ""),
    field(
        "Location.ObjectVersionId",
        "<Manifest><Spec><Format>S3InventoryReport_CSV_20161130</Format></Spec><Location>\
         <ObjectArn>arn:aws:s3:::m/x.json</ObjectArn><ObjectVersionId>v</ObjectVersionId><ETag>e</ETag></Location></Manifest>",
        "",
    ),
];

macro_rules! enabled {
    ($more:literal) => {
        concat!(
            "<Report><Enabled>true</Enabled><Bucket>arn:aws:s3:::r</Bucket><Format>Report_CSV_20180820</Format>",
            "<ReportScope>AllTasks</ReportScope>",
            $more,
            "</Report>"
        )
    };
}

const REPORT_FIELDS: &[Field] = &[
    field("Enabled", enabled!(""), ""),
    field("Bucket", enabled!(""), ""),
    field("Format", enabled!(""), ""),
    field("ReportScope", enabled!(""), ""),
    field("Prefix", enabled!("<Prefix>p</Prefix>"), ""),
    field(
        "ExpectedBucketOwner",
        enabled!("<ExpectedBucketOwner>123456789012</ExpectedBucketOwner>"),
        "stores name owners each in their way, so nothing is compared",
    ),
];

macro_rules! copy {
    ($more:literal) => {
        concat!("<S3PutObjectCopy><TargetResource>arn:aws:s3:::b</TargetResource>", $more, "</S3PutObjectCopy>")
    };
}

macro_rules! metadata {
    ($more:literal) => {
        concat!(
            "<S3PutObjectCopy><TargetResource>arn:aws:s3:::b</TargetResource><NewObjectMetadata>",
            $more,
            "</NewObjectMetadata></S3PutObjectCopy>"
        )
    };
}

macro_rules! grant {
    ($list:literal) => {
        concat!(
            "<",
            $list,
            "><member><Grantee><TypeIdentifier>id</TypeIdentifier><Identifier>x</Identifier>",
            "<DisplayName>d</DisplayName></Grantee><Permission>READ</Permission></member></",
            $list,
            ">"
        )
    };
}

const COPY_GRANT: &str = concat!(
    "<S3PutObjectCopy><TargetResource>arn:aws:s3:::b</TargetResource>",
    grant!("AccessControlGrants"),
    "</S3PutObjectCopy>"
);
const ACL_LIST: &str = concat!(
    "<S3PutObjectAcl><AccessControlPolicy><AccessControlList><Owner><ID>o</ID><DisplayName>d</DisplayName></Owner>",
    grant!("Grants"),
    "</AccessControlList></AccessControlPolicy></S3PutObjectAcl>"
);
const NO_EVENT_HOLD: &str = "no store that we know has holds until an event";
const COPY_LOCK: &str = copy!(
    "<ObjectLockMode>GOVERNANCE</ObjectLockMode><ObjectLockRetainUntilDate>2036-01-02T03:04:05Z</ObjectLockRetainUntilDate>"
);
const COPY_KEY: &str = copy!(
    "<NewObjectMetadata><SSEAlgorithm>KMS</SSEAlgorithm></NewObjectMetadata><SSEAwsKmsKeyId>k</SSEAwsKmsKeyId>\
     <BucketKeyEnabled>true</BucketKeyEnabled>"
);
const COPY_TAGS: &str = copy!("<NewObjectTagging><member><Key>k</Key><Value>v</Value></member></NewObjectTagging>");
const COPY_EVENT_HOLD: &str = copy!("<ObjectLockEventHoldDuration><Days>1</Days></ObjectLockEventHoldDuration>");

const COPY: &[Field] = &[
    field("TargetResource", copy!(""), "of any size: above 5 GB by parts"),
    field(
        "CannedAccessControlList",
        copy!("<CannedAccessControlList>private</CannedAccessControlList>"),
        "no AccessControlGrants beside one whose grants the store alone knows",
    ),
    field(
        "AccessControlGrants[].Grantee.TypeIdentifier",
        COPY_GRANT,
        "`id` and `uri`: `emailAddress` is refused by name",
    ),
    field("AccessControlGrants[].Grantee.Identifier", COPY_GRANT, ""),
    field("AccessControlGrants[].Grantee.DisplayName", COPY_GRANT, ""),
    field("AccessControlGrants[].Permission", COPY_GRANT, ""),
    field("MetadataDirective", copy!("<MetadataDirective>COPY</MetadataDirective>"), ""),
    field(
        "AnnotationDirective",
        copy!("<AnnotationDirective>COPY</AnnotationDirective>"),
        "no store that we know has annotations",
    ),
    field(
        "ModifiedSinceConstraint",
        copy!("<ModifiedSinceConstraint>2026-01-01T00:00:00Z</ModifiedSinceConstraint>"),
        "",
    ),
    field(
        "UnModifiedSinceConstraint",
        copy!("<UnModifiedSinceConstraint>2026-01-01T00:00:00Z</UnModifiedSinceConstraint>"),
        "",
    ),
    field("NewObjectMetadata.CacheControl", metadata!("<CacheControl>c</CacheControl>"), ""),
    field("NewObjectMetadata.ContentDisposition", metadata!("<ContentDisposition>c</ContentDisposition>"), ""),
    field("NewObjectMetadata.ContentEncoding", metadata!("<ContentEncoding>c</ContentEncoding>"), ""),
    field("NewObjectMetadata.ContentLanguage", metadata!("<ContentLanguage>c</ContentLanguage>"), ""),
    field(
        "NewObjectMetadata.ContentLength",
        metadata!("<ContentLength>1</ContentLength>"),
        "of no use to a copy; AWS calls it deprecated",
    ),
    field(
        "NewObjectMetadata.ContentMD5",
        metadata!("<ContentMD5>m</ContentMD5>"),
        "of no use to a copy; AWS calls it deprecated",
    ),
    field("NewObjectMetadata.ContentType", metadata!("<ContentType>t/p</ContentType>"), ""),
    field(
        "NewObjectMetadata.HttpExpiresDate",
        metadata!("<HttpExpiresDate>2026-01-01T00:00:00Z</HttpExpiresDate>"),
        "",
    ),
    field(
        "NewObjectMetadata.RequesterCharged",
        metadata!("<RequesterCharged>true</RequesterCharged>"),
        "of no use to a copy; AWS calls it deprecated",
    ),
    field("NewObjectMetadata.SSEAlgorithm", metadata!("<SSEAlgorithm>AES256</SSEAlgorithm>"), ""),
    field(
        "NewObjectMetadata.UserMetadata",
        metadata!("<UserMetadata><entry><key>k</key><value>v</value></entry></UserMetadata>"),
        "",
    ),
    field("NewObjectTagging[].Key", COPY_TAGS, ""),
    field("NewObjectTagging[].Value", COPY_TAGS, ""),
    field("RedirectLocation", copy!("<RedirectLocation>/x</RedirectLocation>"), "read back from each copy"),
    field(
        "RequesterPays",
        copy!("<RequesterPays>true</RequesterPays>"),
        "an endpoint can have it for all its requests, too: `requester_pays`",
    ),
    field("StorageClass", copy!("<StorageClass>GLACIER</StorageClass>"), "any class that the store has"),
    field("SSEAwsKmsKeyId", COPY_KEY, ""),
    field("BucketKeyEnabled", COPY_KEY, "only beside an encryption with a key service"),
    field(
        "TargetKeyPrefix",
        copy!("<TargetKeyPrefix>p</TargetKeyPrefix>"),
        "a folder: the copies are `<prefix>/<key>`",
    ),
    field(
        "ObjectLockLegalHoldStatus",
        copy!("<ObjectLockLegalHoldStatus>ON</ObjectLockLegalHoldStatus>"),
        "at an endpoint that is known to have object lock",
    ),
    field("ObjectLockMode", COPY_LOCK, "at an endpoint that is known to have object lock, and with a date"),
    field("ObjectLockRetainUntilDate", COPY_LOCK, "with a mode"),
    field("ObjectLockEventHold", copy!("<ObjectLockEventHold>ON</ObjectLockEventHold>"), NO_EVENT_HOLD),
    field("ObjectLockEventHoldDuration.Days", COPY_EVENT_HOLD, NO_EVENT_HOLD),
    field("ObjectLockEventHoldDuration.Years", COPY_EVENT_HOLD, NO_EVENT_HOLD),
    field(
        "ChecksumAlgorithm",
        copy!("<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"),
        "where the store is proved to keep checksums, and read back from each copy",
    ),
];

const ACL: &[Field] = &[
    field(
        "AccessControlPolicy.CannedAccessControlList",
        "<S3PutObjectAcl><AccessControlPolicy><CannedAccessControlList>private</CannedAccessControlList></AccessControlPolicy></S3PutObjectAcl>",
        "",
    ),
    field("AccessControlPolicy.AccessControlList.Owner.ID", ACL_LIST, ""),
    field("AccessControlPolicy.AccessControlList.Owner.DisplayName", ACL_LIST, "stores name owners themselves"),
    field(
        "AccessControlPolicy.AccessControlList.Grants[].Grantee.TypeIdentifier",
        ACL_LIST,
        "`id` and `uri`: `emailAddress` is refused by name",
    ),
    field("AccessControlPolicy.AccessControlList.Grants[].Grantee.Identifier", ACL_LIST, ""),
    field(
        "AccessControlPolicy.AccessControlList.Grants[].Grantee.DisplayName",
        ACL_LIST,
        "stores name grantees themselves",
    ),
    field("AccessControlPolicy.AccessControlList.Grants[].Permission", ACL_LIST, ""),
];

const TAG_SET: &str =
    "<S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v</Value></member></TagSet></S3PutObjectTagging>";
const RETENTION: &str = "<S3PutObjectRetention><BypassGovernanceRetention>true</BypassGovernanceRetention><Retention>\
    <Mode>GOVERNANCE</Mode><RetainUntilDate>2036-01-02T03:04:05Z</RetainUntilDate></Retention></S3PutObjectRetention>";
const EVENT_DURATION: &str = "<S3PutObjectRetention><Retention><EventHoldDuration><Days>1</Days></EventHoldDuration></Retention>\
    </S3PutObjectRetention>";
const RESTORE: &str = "<S3InitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><GlacierJobTier>BULK</GlacierJobTier>\
    </S3InitiateRestoreObject>";
const CHECKSUM: &str = "<S3ComputeObjectChecksum><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>\
    <ChecksumType>FULL_OBJECT</ChecksumType></S3ComputeObjectChecksum>";
const INVOKE: &str = "<LambdaInvoke><FunctionArn>arn:aws:lambda:us-east-1:123456789012:function:f</FunctionArn>\
    <InvocationSchemaVersion>2.0</InvocationSchemaVersion><UserArguments><entry><key>k</key><value>v</value></entry>\
    </UserArguments></LambdaInvoke>";
const ENCRYPTION: &str = "<S3UpdateObjectEncryption><ObjectEncryption><SSE-KMS><KMSKeyArn>arn:aws:kms:us-east-1:123456789012:key/k\
    </KMSKeyArn><BucketKeyEnabled>true</BucketKeyEnabled></SSE-KMS></ObjectEncryption></S3UpdateObjectEncryption>";

const WAIT: &str = "<BrigadeWaitForRestore><PatienceInHours>48</PatienceInHours></BrigadeWaitForRestore>";

/// Every element of `Operation`, its fields, and the tests that prove it.
const OPERATIONS: [(&str, &[Field], &str); 15] = [
    (
        "LambdaInvoke",
        &[
            field("FunctionArn", INVOKE, "posted to the URL that the configuration has for it"),
            field("InvocationSchemaVersion", INVOKE, ""),
            field("UserArguments", INVOKE, "with schema 2.0"),
        ],
        "an_invocation_names_its_function_and_only_schema_2_carries_arguments",
    ),
    (
        "S3PutObjectCopy",
        COPY,
        "a_copy_says_what_becomes_of_metadata_and_tags_as_the_interface_has_it \
      a_copy_takes_a_key_of_a_key_service_only_where_it_is_encrypted_with_one a_copy_is_retained_in_a_mode_until_a_date_or_not_at_all",
    ),
    ("S3PutObjectAcl", ACL, "an_acl_is_canned_or_of_grants_and_a_retention_is_whole_or_lifted"),
    (
        "S3PutObjectTagging",
        &[
            field("TagSet[].Key", TAG_SET, "an empty set is refused: S3DeleteObjectTagging removes all"),
            field("TagSet[].Value", TAG_SET, ""),
        ],
        "each_accepted_request_is_read_as_it_was_meant",
    ),
    ("S3DeleteObjectTagging", &[], "each_accepted_request_is_read_as_it_was_meant"),
    (
        "S3InitiateRestoreObject",
        &[
            field("ExpirationInDays", RESTORE, "required: tiers of Intelligent-Tiering are not restored"),
            field("GlacierJobTier", RESTORE, ""),
        ],
        "each_accepted_request_is_read_as_it_was_meant",
    ),
    (
        "S3PutObjectLegalHold",
        &[field(
            "LegalHold.Status",
            "<S3PutObjectLegalHold><LegalHold><Status>ON</Status></LegalHold></S3PutObjectLegalHold>",
            "at an endpoint that is known to have object lock",
        )],
        "each_accepted_request_is_read_as_it_was_meant",
    ),
    (
        "S3PutObjectRetention",
        &[
            field("BypassGovernanceRetention", RETENTION, ""),
            field(
                "Retention.Mode",
                RETENTION,
                "at an endpoint that is known to have object lock; an empty Retention lifts it",
            ),
            field("Retention.RetainUntilDate", RETENTION, ""),
            field(
                "Retention.EventHold",
                "<S3PutObjectRetention><Retention><EventHold>ON</EventHold></Retention></S3PutObjectRetention>",
                NO_EVENT_HOLD,
            ),
            field("Retention.EventHoldDuration.Days", EVENT_DURATION, NO_EVENT_HOLD),
            field("Retention.EventHoldDuration.Years", EVENT_DURATION, NO_EVENT_HOLD),
        ],
        "an_acl_is_canned_or_of_grants_and_a_retention_is_whole_or_lifted",
    ),
    ("S3ReplicateObject", &[], "each_of_the_eleven_operations_is_carried_out_or_refused_by_its_name"),
    (
        "S3ComputeObjectChecksum",
        &[
            field("ChecksumAlgorithm", CHECKSUM, "without it CRC64NVME"),
            field(
                "ChecksumType",
                CHECKSUM,
                "COMPOSITE at an endpoint that is not known to hide the parts of objects, and not by CRC64NVME",
            ),
        ],
        "a_checksum_is_of_all_bytes_or_of_parts_by_each_algorithm_that_has_such_a_one",
    ),
    (
        "S3UpdateObjectEncryption",
        &[
            field(
                "ObjectEncryption.SSEKMS.KMSKeyArn",
                ENCRYPTION,
                "by the store's own call on Amazon S3; elsewhere where the endpoint says that it is emulated",
            ),
            field("ObjectEncryption.SSEKMS.BucketKeyEnabled", ENCRYPTION, ""),
        ],
        "encryption_is_changed_to_a_key_of_a_key_service_by_its_arn",
    ),
    ("BrigadeDeleteObject", &[], "a_delete_stands_in_a_name_space_of_our_own"),
    (
        "BrigadeWaitForRestore",
        &[field("PatienceInHours", WAIT, "from 1 to 720; 72 where it is left out")],
        "a_wait_for_restores_stands_in_a_name_space_of_our_own",
    ),
    ("BrigadeAddObjectTagging", &[], "some_tags_are_added_or_removed_by_elements_of_our_own"),
    ("BrigadeRemoveObjectTagging", &[], "some_tags_are_added_or_removed_by_elements_of_our_own"),
];

/// What the decoder makes of a request with these parts.
fn decode(more: &str, operation: &str, manifest: &str, report: &str) -> Read {
    let body = format!(
        "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">\
         <Operation>{operation}</Operation>{manifest}{report}{REST}{more}</CreateJobRequest>"
    );
    match decode_request(body.as_bytes()) {
        Ok(spec) => Read::Accepted(String::from_utf8(encode_request(&spec)).unwrap()),
        Err(error) => Read::Refused(error.message),
    }
}

pub(crate) fn render() -> String {
    let mut page = "## S3 Batch Operations: actions, operations, fields\n\n| action | what differs from AWS | proved by |\n|---|---|---|\n"
        .to_owned();
    let routed: Vec<String> = actions();
    assert_eq!(routed, ACTIONS.map(|(name, ..)| name.to_owned()), "the table has every action that is served");
    for (name, note, proofs) in ACTIONS {
        writeln!(page, "| {name} | {note} | {} |", named(proofs)).unwrap();
    }
    let proofs = "each_request_gets_its_result_or_an_error_that_names_what_is_wrong";
    table(&mut page, "CreateJob", proofs, REQUEST, |xml| decode(xml, OPERATION, MANIFEST, REPORT));
    table(&mut page, "CreateJob: Manifest", proofs, MANIFEST_FIELDS, |xml| decode("", OPERATION, xml, REPORT));
    table(&mut page, "CreateJob: Report", proofs, REPORT_FIELDS, |xml| decode("", OPERATION, MANIFEST, xml));
    let mut named: Vec<_> = OPERATIONS.iter().map(|(name, ..)| *name).collect();
    let mut read: Vec<_> = element_names().collect();
    named.sort_unstable();
    read.sort_unstable();
    assert_eq!(named, read, "the table has every operation that is read");
    for (name, fields, proofs) in OPERATIONS {
        let is_refused = |read: &Read| matches!(read, Read::Refused(message) if message.starts_with(name));
        let bare = decode("", &format!("<{name}/>"), MANIFEST, REPORT);
        let title = if is_refused(&bare) {
            format!("CreateJob: {name}, refused by its name")
        } else {
            format!("CreateJob: {name}")
        };
        table(&mut page, &title, proofs, fields, |xml| match decode("", xml, MANIFEST, REPORT) {
            // Of an operation that is refused every field is.
            Read::Refused(message) if message.starts_with(name) => {
                Read::Refused(fields.iter().map(|field| field.path).collect::<Vec<_>>().join(" ") + &message)
            }
            read => read,
        });
    }
    page
}

/// The names of the actions that are routed.
fn actions() -> Vec<String> {
    let create = [route("POST", "/v20180820/jobs").unwrap(), route("GET", "/v20180820/jobs").unwrap()];
    let id = JobId::from_u128(1);
    let of_job = JobAction::ALL.iter().map(|action| Action::OfJob(*action, id.into()));
    let mut names: Vec<String> = create.into_iter().chain(of_job).map(|action| action.name().to_owned()).collect();
    // As the reference of AWS goes through a job's life.
    names.sort_by_key(|name| ACTIONS.iter().position(|(known, ..)| known == name));
    names
}
