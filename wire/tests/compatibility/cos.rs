//! COS Batch.

use std::fmt::Write;

use brigade_model::JobId;
use brigade_wire::cos::create_job::{decode_request, encode_request};
use brigade_wire::cos::route::Action;

use crate::dialect::{Field, Read, field, named, table};

const MANIFEST: &str = "<Manifest><Spec><Format>COSBatchOperations_CSV_V1</Format><Fields><member>Bucket</member>\
    <member>Key</member></Fields></Spec><Location><ObjectArn>qcs::cos:ap-chengdu::m-1250000000/m.csv</ObjectArn>\
    <ETag>e</ETag></Location></Manifest>";
const REPORT: &str = "<Report><Enabled>false</Enabled></Report>";
const REST: &str = "<Priority>1</Priority><RoleArn>qcs::cam::uin/100000000001:roleName/batch</RoleArn>\
    <ClientRequestToken>t</ClientRequestToken>";

/// The action, what differs, and the tests that prove it.
const ACTIONS: [(&str, &str, &str); 6] = [
    ("CreateJob", "job options are signed `x-brigade-<option>` headers", "each_request_gets_its_result_or_its_error"),
    ("DescribeJob", "", "each_job_is_described_as_its_fixture_has_it"),
    ("ListJobs", "", "lists_are_written_as_their_fixtures_have_them"),
    ("UpdateJobPriority", "", "an_update_of_a_priority_says_what_it_is_now"),
    ("UpdateJobStatus", "", "an_update_of_a_status_says_what_it_is_now_and_why"),
    ("DeleteJob", "", "a_deletion_answers_without_a_body"),
];

const REQUEST: &[Field] = &[
    field("ConfirmationRequired", "<ConfirmationRequired>true</ConfirmationRequired>", ""),
    field("ClientRequestToken", "", ""),
    field("Description", "<Description>d</Description>", ""),
    field("Priority", "", ""),
    field("RoleArn", "", "the role of that name of the configuration"),
];

const MANIFEST_FIELDS: &[Field] = &[
    field("Spec.Format", MANIFEST, "an inventory may be in Parquet, too"),
    field("Spec.Fields", MANIFEST, ""),
    field("Location.ObjectArn", MANIFEST, ""),
    field("Location.ETag", MANIFEST, ""),
    field(
        "Location.ObjectVersionId",
        "<Manifest><Spec><Format>COSInventoryReport_CSV_V1</Format></Spec><Location>\
         <ObjectArn>qcs::cos:ap-chengdu::m-1250000000/m.json</ObjectArn><ObjectVersionId>v</ObjectVersionId><ETag>e</ETag>\
         </Location></Manifest>",
        "",
    ),
];

const ENABLED: &str = "<Report><Enabled>true</Enabled><Bucket>qcs::cos:ap-chengdu::r-1250000000</Bucket>\
    <Format>Report_CSV_V1</Format><Prefix>p</Prefix><ReportScope>AllTasks</ReportScope></Report>";
const REPORT_FIELDS: &[Field] = &[
    field("Enabled", ENABLED, ""),
    field("Bucket", ENABLED, ""),
    field("Format", ENABLED, ""),
    field("Prefix", ENABLED, ""),
    field("ReportScope", ENABLED, ""),
];

macro_rules! copy {
    ($more:literal) => {
        concat!(
            "<COSPutObjectCopy><TargetResource>qcs::cos:ap-beijing:uid/1250000000:t-1250000000</TargetResource>",
            $more,
            "</COSPutObjectCopy>"
        )
    };
}

macro_rules! metadata {
    ($more:literal) => {
        concat!(
            "<COSPutObjectCopy><TargetResource>qcs::cos:ap-beijing:uid/1250000000:t-1250000000</TargetResource>",
            "<MetadataDirective>Replaced</MetadataDirective><NewObjectMetadata>",
            $more,
            "</NewObjectMetadata></COSPutObjectCopy>"
        )
    };
}

const GRANT: &str = copy!(
    "<AccessControlGrants><COSGrant><Grantee><DisplayName>d</DisplayName>\
     <Identifier>qcs::cam::uin/100000000001:uin/100000000001</Identifier><TypeIdentifier>ID</TypeIdentifier></Grantee>\
     <Permission>READ</Permission></COSGrant></AccessControlGrants>"
);
const TAGS: &str = copy!(
    "<TaggingDirective>Replaced</TaggingDirective>\
     <NewObjectTagging><COSTag><Key>k</Key><Value>v</Value></COSTag></NewObjectTagging>"
);
const PREFIX: &str = copy!(
    "<PrefixReplace>true</PrefixReplace><ResourcesPrefix>a</ResourcesPrefix><TargetKeyPrefix>b</TargetKeyPrefix>"
);

const COPY: &[Field] = &[
    field("TargetResource", copy!(""), "of any size: above 5 GB by parts"),
    field("AccessControlDirective", copy!("<AccessControlDirective>Copy</AccessControlDirective>"), ""),
    field("AccessControlGrants[].Grantee.DisplayName", GRANT, ""),
    field("AccessControlGrants[].Grantee.Identifier", GRANT, ""),
    field("AccessControlGrants[].Grantee.TypeIdentifier", GRANT, ""),
    field("AccessControlGrants[].Permission", GRANT, ""),
    field("CannedAccessControlList", copy!("<CannedAccessControlList>private</CannedAccessControlList>"), ""),
    field("PrefixReplace", PREFIX, ""),
    field("ResourcesPrefix", PREFIX, ""),
    field("TargetKeyPrefix", PREFIX, ""),
    field("MetadataDirective", copy!("<MetadataDirective>Copy</MetadataDirective>"), ""),
    field("ModifiedSinceConstraint", copy!("<ModifiedSinceConstraint>1546300800</ModifiedSinceConstraint>"), ""),
    field("UnModifiedSinceConstraint", copy!("<UnModifiedSinceConstraint>1546300800</UnModifiedSinceConstraint>"), ""),
    field("NewObjectMetadata.CacheControl", metadata!("<CacheControl>c</CacheControl>"), ""),
    field("NewObjectMetadata.ContentDisposition", metadata!("<ContentDisposition>c</ContentDisposition>"), ""),
    field("NewObjectMetadata.ContentEncoding", metadata!("<ContentEncoding>c</ContentEncoding>"), ""),
    field("NewObjectMetadata.ContentType", metadata!("<ContentType>t/p</ContentType>"), ""),
    field(
        "NewObjectMetadata.HttpExpiresDate",
        metadata!("<HttpExpiresDate>Thu, 19 Dec 2019 18:00:30 GMT</HttpExpiresDate>"),
        "",
    ),
    field("NewObjectMetadata.SSEAlgorithm", metadata!("<SSEAlgorithm>AES256</SSEAlgorithm>"), "AES256"),
    field(
        "NewObjectMetadata.UserMetadata",
        metadata!("<UserMetadata><member><Key>k</Key><Value>v</Value></member></UserMetadata>"),
        "",
    ),
    field("TaggingDirective", TAGS, ""),
    field("NewObjectTagging[].Key", TAGS, ""),
    field("NewObjectTagging[].Value", TAGS, ""),
    field("StorageClass", copy!("<StorageClass>ARCHIVE</StorageClass>"), "any class that the store has"),
];

const RESTORE: &str = "<COSInitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><JobTier>Bulk</JobTier>\
    </COSInitiateRestoreObject>";
const TAGGING: &str = "<COSPutObjectTagging><TaggingDirective>Add</TaggingDirective><TagSet><COSTag><Key>k</Key>\
    <Value>v</Value></COSTag></TagSet></COSPutObjectTagging>";

const WAIT: &str = "<BrigadeWaitForRestore><PatienceInHours>48</PatienceInHours></BrigadeWaitForRestore>";

/// Every operation, its fields, and the tests that prove it.
const OPERATIONS: [(&str, &[Field], &str); 5] = [
    ("COSPutObjectCopy", COPY, "each_accepted_request_is_read_as_it_was_meant"),
    (
        "COSInitiateRestoreObject",
        &[field("ExpirationInDays", RESTORE, ""), field("JobTier", RESTORE, "")],
        "each_accepted_request_is_read_as_it_was_meant",
    ),
    ("COSDeleteObject", &[], "each_accepted_request_is_read_as_it_was_meant"),
    (
        "COSPutObjectTagging",
        &[
            field("TaggingDirective", TAGGING, ""),
            field("TagSet[].Key", TAGGING, "an empty set is refused"),
            field("TagSet[].Value", TAGGING, ""),
        ],
        "each_accepted_request_is_read_as_it_was_meant",
    ),
    (
        "BrigadeWaitForRestore",
        &[field("PatienceInHours", WAIT, "ours: COS waits for no restore; from 1 to 720")],
        "a_request_is_read_as_it_was_written",
    ),
];

fn decode(more: &str, operation: &str, manifest: &str, report: &str) -> Read {
    let body = format!(
        "<CreateJobRequest><Operation>{operation}</Operation>{manifest}{report}{REST}{more}</CreateJobRequest>"
    );
    match decode_request(body.as_bytes()) {
        Ok(spec) => Read::Accepted(String::from_utf8(encode_request(&spec)).unwrap()),
        Err(error) => Read::Refused(error.message),
    }
}

pub(crate) fn render() -> String {
    let mut page =
        "\n## COS Batch: actions, operations, fields\n\n| action | what differs from COS | proved by |\n|---|---|---|\n".to_owned();
    let id = || JobId::from_u128(1).into();
    let routed = [
        Action::CreateJob,
        Action::DescribeJob(id()),
        Action::ListJobs,
        Action::UpdateJobPriority(id()),
        Action::UpdateJobStatus(id()),
        Action::DeleteJob(id()),
    ];
    assert_eq!(routed.each_ref().map(Action::name), ACTIONS.map(|(name, ..)| name));
    for (name, note, proofs) in ACTIONS {
        writeln!(page, "| {name} | {note} | {} |", named(proofs)).unwrap();
    }
    let (proofs, operation) = ("each_accepted_request_is_read_as_it_was_meant", "<COSDeleteObject/>");
    table(&mut page, "CreateJob", proofs, REQUEST, |xml| decode(xml, operation, MANIFEST, REPORT));
    table(&mut page, "CreateJob: Manifest", proofs, MANIFEST_FIELDS, |xml| decode("", operation, xml, REPORT));
    table(&mut page, "CreateJob: Report", proofs, REPORT_FIELDS, |xml| decode("", operation, MANIFEST, xml));
    for (name, fields, proofs) in OPERATIONS {
        table(&mut page, &format!("CreateJob: {name}"), proofs, fields, |xml| decode("", xml, MANIFEST, REPORT));
    }
    page
}
