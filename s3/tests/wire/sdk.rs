//! What `http` sends is what the AWS SDK sends for the same call.
//!
//! Left out of the comparison: the SDK's `x-id` parameter, which no server reads, and headers
//! that name the client or its checksum.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    AccessControlPolicy, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, EncodingType,
    GlacierJobParameters, Grant, MetadataDirective, ObjectAttributes, ObjectEncryption, ObjectIdentifier,
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockRetention, Owner, RestoreRequest, SsekmsEncryption, Tag,
    Tagging, TaggingDirective, Type,
};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use brigade_model::VersionId;
use brigade_model::operation::{KeyService, NewLock, Retention};
use brigade_model::ports::object_store::{
    At, Call, CallKind, CancelToken, Encryption, Grantee, NewAcl, NewObject, ObjectStore, TagSet,
};
use brigade_s3::http::endpoint::Address;
use brigade_s3::http::proxy::Route;
use brigade_s3::http::{Addressing, HttpConfig};

use crate::calls::{ODD_KEYS, all_on, at};
use crate::store::{config, credentials, store_of};
use crate::stub::{Recorded, Stub, answer};

/// The headers in which a request of ours is like the SDK's.
const COMPARED: [&str; 30] = [
    "x-amz-website-redirect-location",
    "x-amz-checksum-algorithm",
    "host",
    "content-type",
    "content-length",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "range",
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-checksum-mode",
    "x-amz-checksum-sha256",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-range",
    "x-amz-meta-colour",
    "x-amz-meta-empty",
    "x-amz-metadata-directive",
    "x-amz-object-attributes",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "transfer-encoding",
];

/// Takes the SDK's requests and answers none.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<Recorded>>>);

impl HttpConnector for Captured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: http::Uri = request.uri().parse().unwrap();
        // A real connector gives a request that names no host the one of its address.
        let host = uri.authority().unwrap().to_string();
        let mut headers: Vec<_> = request.headers().iter().map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
        headers.push(("host".into(), host));
        self.0.lock().unwrap().push(Recorded {
            method: request.method().to_owned(),
            target: uri.path_and_query().unwrap().to_string(),
            headers,
            body: request.body().bytes().unwrap_or_default().to_vec(),
            connection: 0,
        });
        HttpConnectorFuture::ready(Err(ConnectorError::user("captured".into())))
    }
}

fn sdk(url: &str, is_path_style: bool, captured: &Captured) -> Client {
    let connector = SharedHttpConnector::new(captured.clone());
    let ours = credentials();
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .force_path_style(is_path_style)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .credentials_provider(Credentials::new(ours.key_id, ours.secret, ours.token, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn encoded_source(at: &At, version: Option<&VersionId>) -> String {
    let mut source = format!("{}/{}", at.bucket, encode(at.key.as_str(), "/"));
    if let Some(version) = version {
        source.push_str(&format!("?versionId={}", encode(version.as_str(), "")));
    }
    source
}

/// Written apart from the service's own encoder.
fn encode(text: &str, kept: &str) -> String {
    let byte = |b: u8| match char::from(b) {
        c if c.is_ascii_alphanumeric() || "-._~".contains(c) || kept.contains(c) => c.to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn encoded_tags(tags: &TagSet) -> Option<String> {
    let pairs = tags.iter().map(|tag| format!("{}={}", encode(&tag.key, ""), encode(&tag.value, "")));
    (!tags.is_empty()).then(|| pairs.collect::<Vec<_>>().join("&"))
}

fn version(version: Option<&VersionId>) -> Option<String> {
    version.map(|version| version.as_str().to_owned())
}

fn text(etag: Option<&brigade_model::ETag>) -> Option<String> {
    etag.map(|etag| etag.as_str().to_owned())
}

fn any(is_asked: bool) -> Option<String> {
    is_asked.then(|| "*".to_owned())
}

fn key_service(sse: Option<&Encryption>) -> Option<KeyService> {
    sse.and_then(Encryption::key_service).cloned()
}

fn retention(lock: Option<&NewLock>) -> Option<Retention> {
    lock.and_then(|lock| lock.retention)
}

fn status(is_held: bool) -> ObjectLockLegalHoldStatus {
    if is_held { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off }
}

macro_rules! with_new_object {
    ($builder:expr, $with:expr) => {{
        let with: &NewObject = $with;
        let mut builder = with_metadata!($builder, &with.metadata)
            .set_tagging(encoded_tags(&with.tags))
            .set_acl(with.canned_acl.as_deref().map(Into::into))
            .set_storage_class(with.storage_class.as_deref().map(Into::into))
            .set_server_side_encryption(with.sse.as_ref().map(|sse| sse.name().into()))
            .set_object_lock_mode(retention(with.lock.as_deref()).map(|kept| kept.mode.name().into()))
            .set_object_lock_retain_until_date(
                retention(with.lock.as_deref()).map(|kept| DateTime::from_secs(kept.until.as_second())),
            )
            .set_object_lock_legal_hold_status(with.lock.as_deref().and_then(|lock| lock.is_held).map(status))
            .set_website_redirect_location(with.redirect.clone())
            .set_ssekms_key_id(key_service(with.sse.as_ref()).and_then(|service| service.key))
            .set_bucket_key_enabled(key_service(with.sse.as_ref()).and_then(|service| service.bucket_key));
        for (name, value) in &with.metadata.user {
            builder = builder.metadata(name, value);
        }
        builder
    }};
}

macro_rules! with_metadata {
    ($builder:expr, $metadata:expr) => {{
        let metadata = $metadata;
        let expires =
            metadata.expires.as_deref().map(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).unwrap());
        $builder
            .set_cache_control(metadata.cache_control.clone())
            .set_content_disposition(metadata.content_disposition.clone())
            .set_content_encoding(metadata.content_encoding.clone())
            .set_content_language(metadata.content_language.clone())
            .set_content_type(metadata.content_type.clone())
            .set_expires(expires)
    }};
}

/// Makes the call with the SDK; it ends in the connector's refusal.
async fn send_by_sdk(sdk: &Client, call: &Call) {
    match call {
        Call::HeadObject(r) => {
            let request = sdk.head_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.checksum_mode(ChecksumMode::Enabled);
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::GetObject(r) => {
            let request = sdk.get_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.checksum_mode(ChecksumMode::Enabled);
            let range = r.range.map(|(first, last)| format!("bytes={first}-{last}"));
            let request = request.set_range(range).set_if_match(r.if_match.as_ref().map(|tag| tag.as_str().to_owned()));
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::PutObject(r) => {
            let request = sdk.put_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let body = ByteStream::from(r.body.to_vec());
            let request = request.set_checksum_sha256(r.with.checksum_sha256.clone());
            let request = request.set_if_match(text(r.if_match.as_ref())).set_if_none_match(any(r.if_none_match));
            with_new_object!(request, &r.with).body(body).send().await.unwrap_err();
        }
        Call::CopyObject(r) => {
            let lock = r.extras.as_ref().and_then(|extras| extras.lock.as_ref());
            let request = sdk.copy_object().bucket(r.target.bucket.as_str()).key(r.target.key.as_str());
            let mut request = request
                .copy_source(encoded_source(&r.source, r.source_version.as_ref()))
                .set_copy_source_if_match(text(r.source_if_match.as_ref()))
                .set_if_match(text(r.if_match.as_ref()))
                .set_if_none_match(any(r.if_none_match))
                .set_acl(r.canned_acl.as_deref().map(Into::into))
                .set_storage_class(r.storage_class.as_deref().map(Into::into))
                .set_server_side_encryption(r.sse.as_ref().map(|sse| sse.name().into()))
                .set_object_lock_mode(retention(lock).map(|kept| kept.mode.name().into()))
                .set_object_lock_retain_until_date(
                    retention(lock).map(|kept| DateTime::from_secs(kept.until.as_second())),
                )
                .set_object_lock_legal_hold_status(lock.and_then(|lock| lock.is_held).map(status))
                .set_website_redirect_location(r.extras.as_ref().and_then(|extras| extras.redirect.clone()))
                .set_checksum_algorithm(r.checksum.map(|algorithm| algorithm.name().to_uppercase().as_str().into()))
                .set_ssekms_key_id(key_service(r.sse.as_ref()).and_then(|service| service.key))
                .set_bucket_key_enabled(key_service(r.sse.as_ref()).and_then(|service| service.bucket_key));
            if let Some(metadata) = &r.metadata {
                request = with_metadata!(request, metadata).metadata_directive(MetadataDirective::Replace);
                for (name, value) in &metadata.user {
                    request = request.metadata(name, value);
                }
            }
            if let Some(tags) = &r.tags {
                request = request.tagging_directive(TaggingDirective::Replace).set_tagging(encoded_tags(tags));
            }
            request.send().await.unwrap_err();
        }
        Call::DeleteObject(r) => {
            let request = sdk.delete_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_if_match(r.if_match.as_ref().map(|tag| tag.as_str().to_owned()));
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::DeleteObjects(r) => {
            let object = |(key, id): &(brigade_model::ObjectKey, Option<VersionId>)| {
                let object = ObjectIdentifier::builder().key(key.as_str()).set_version_id(version(id.as_ref()));
                object.build().unwrap()
            };
            let delete = Delete::builder().set_objects(Some(r.objects.iter().map(object).collect())).build().unwrap();
            sdk.delete_objects().bucket(r.bucket.as_str()).delete(delete).send().await.unwrap_err();
        }
        Call::GetObjectTagging(r) => {
            let request = sdk.get_object_tagging().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::PutObjectTagging(r) => {
            let tags = r.tags.iter().map(|tag| Tag::builder().key(&tag.key).value(&tag.value).build().unwrap());
            let tagging = Tagging::builder().set_tag_set(Some(tags.collect())).build().unwrap();
            let request = sdk.put_object_tagging().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            request.tagging(tagging).send().await.unwrap_err();
        }
        Call::DeleteObjectTagging(r) => {
            let request = sdk.delete_object_tagging().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::GetObjectAcl(r) => {
            let request = sdk.get_object_acl().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            request.set_version_id(version(r.version.as_ref())).send().await.unwrap_err();
        }
        Call::PutObjectAcl(r) => {
            let request = sdk.put_object_acl().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            let request = match &r.acl {
                NewAcl::Canned(name) => request.acl(name.as_str().into()),
                NewAcl::Grants(acl) => {
                    let owner = Owner::builder().id(&acl.owner).build();
                    let grants = acl.grants.iter().map(grant);
                    let policy = AccessControlPolicy::builder().owner(owner).set_grants(Some(grants.collect()));
                    request.access_control_policy(policy.build())
                }
            };
            request.send().await.unwrap_err();
        }
        Call::RestoreObject(r) => {
            let job = GlacierJobParameters::builder().tier(r.tier.as_str().into()).build().unwrap();
            let restore =
                RestoreRequest::builder().days(r.days.try_into().unwrap()).glacier_job_parameters(job).build();
            let request = sdk.restore_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            request.restore_request(restore).send().await.unwrap_err();
        }
        Call::ListObjectsV2(r) => {
            let request = sdk.list_objects_v2().bucket(r.bucket.as_str()).prefix(&r.prefix);
            let request = request.max_keys(r.max_keys.try_into().unwrap()).encoding_type(EncodingType::Url);
            request.set_continuation_token(r.continuation_token.clone()).send().await.unwrap_err();
        }
        Call::CreateMultipartUpload(r) => {
            let request = sdk.create_multipart_upload().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            with_new_object!(request, &r.with).send().await.unwrap_err();
        }
        Call::UploadPart(r) => {
            let request = sdk.upload_part().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.upload_id(&r.upload_id).part_number(r.part.try_into().unwrap());
            request.body(ByteStream::from(r.body.to_vec())).send().await.unwrap_err();
        }
        Call::UploadPartCopy(r) => {
            let request = sdk.upload_part_copy().bucket(r.target.bucket.as_str()).key(r.target.key.as_str());
            request
                .upload_id(&r.upload_id)
                .part_number(r.part.try_into().unwrap())
                .copy_source(encoded_source(&r.source, r.source_version.as_ref()))
                .copy_source_range(format!("bytes={}-{}", r.range.0, r.range.1))
                .set_copy_source_if_match(r.source_if_match.as_ref().map(|tag| tag.as_str().to_owned()))
                .send()
                .await
                .unwrap_err();
        }
        Call::CompleteMultipartUpload(r) => {
            let part = |(number, tag): &(u32, brigade_model::ETag)| {
                CompletedPart::builder().part_number((*number).try_into().unwrap()).e_tag(tag.as_str()).build()
            };
            let parts = r.parts.iter().map(part).collect();
            let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
            let request = sdk.complete_multipart_upload().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_if_match(text(r.if_match.as_ref())).set_if_none_match(any(r.if_none_match));
            request.upload_id(&r.upload_id).multipart_upload(upload).send().await.unwrap_err();
        }
        Call::ListParts(r) => {
            let request = sdk.list_parts().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            request.upload_id(&r.upload_id).send().await.unwrap_err();
        }
        Call::AbortMultipartUpload(r) => {
            let request = sdk.abort_multipart_upload().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            request.upload_id(&r.upload_id).send().await.unwrap_err();
        }
        Call::ListObjectVersions(r) => {
            let request = sdk.list_object_versions().bucket(r.bucket.as_str()).prefix(&r.prefix);
            let after = r.after.as_ref();
            let request = request.set_key_marker(after.map(|after| after.key.clone()));
            let request = request.set_version_id_marker(after.and_then(|after| after.version.clone()));
            request.encoding_type(EncodingType::Url).send().await.unwrap_err();
        }
        Call::ListMultipartUploads(r) => {
            let request = sdk.list_multipart_uploads().bucket(r.bucket.as_str()).prefix(&r.prefix);
            request.encoding_type(EncodingType::Url).send().await.unwrap_err();
        }
        Call::UpdateObjectEncryption(r) => {
            let service =
                SsekmsEncryption::builder().kms_key_arn(&r.key).bucket_key_enabled(r.bucket_key).build().unwrap();
            let request = sdk.update_object_encryption().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            request.object_encryption(ObjectEncryption::Ssekms(service)).send().await.unwrap_err();
        }
        Call::PutObjectLegalHold(r) => {
            let status = if r.is_held { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
            let request = sdk.put_object_legal_hold().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            let hold = ObjectLockLegalHold::builder().status(status).build();
            request.legal_hold(hold).send().await.unwrap_err();
        }
        Call::PutObjectRetention(r) => {
            let retention = r.retention.map(|retention| {
                let until = aws_sdk_s3::primitives::DateTime::from_secs(retention.until.as_second());
                let mode = retention.mode.name().into();
                ObjectLockRetention::builder().mode(mode).retain_until_date(until).build()
            });
            let request = sdk.put_object_retention().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            let request = request.set_bypass_governance_retention(r.bypass_governance.then_some(true));
            let nothing = || ObjectLockRetention::builder().build();
            request.retention(retention.unwrap_or_else(nothing)).send().await.unwrap_err();
        }
        Call::GetObjectAttributes(r) => {
            let request = sdk.get_object_attributes().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            request.object_attributes(ObjectAttributes::Checksum).send().await.unwrap_err();
        }
        Call::HeadPart(r) => {
            let request = sdk.head_object().bucket(r.at.bucket.as_str()).key(r.at.key.as_str());
            let request = request.set_version_id(version(r.version.as_ref()));
            request.part_number(i32::try_from(r.part).unwrap()).send().await.unwrap_err();
        }
        Call::GetBucketOwnershipControls(r) => {
            sdk.get_bucket_ownership_controls().bucket(r.bucket.as_str()).send().await.unwrap_err();
        }
        Call::GetBucketRequestPayment(r) => {
            sdk.get_bucket_request_payment().bucket(r.bucket.as_str()).send().await.unwrap_err();
        }
    }
}

fn grant(grant: &brigade_model::ports::object_store::AclGrant) -> Grant {
    let grantee = aws_sdk_s3::types::Grantee::builder();
    let grantee = match &grant.grantee {
        Grantee::Id(id) => grantee.r#type(Type::CanonicalUser).id(id),
        Grantee::Group(uri) => grantee.r#type(Type::Group).uri(uri),
    };
    Grant::builder().grantee(grantee.build().unwrap()).permission(grant.permission.as_str().into()).build()
}

/// A request in the words that are compared: of query and headers, those that count, sorted.
fn comparable(request: &Recorded) -> impl PartialEq + Debug {
    let mut query = request.query();
    query.retain(|(name, _)| name != "x-id");
    let mut headers: Vec<_> = request.headers.clone();
    headers.retain(|(name, _)| COMPARED.contains(&name.as_str()));
    headers.sort();
    let body = String::from_utf8(request.body.clone()).unwrap();
    (request.method.clone(), request.path().to_owned(), query, headers, body)
}

/// The SDK leaves the length of an empty body to the connector, and names a type for bytes that
/// have none and for the empty body of a canned ACL.
fn forget_what_stands_to_choice(kind: CallKind, ours: &mut Recorded, theirs: &mut Recorded) {
    let forget = |request: &mut Recorded, header: &str| request.headers.retain(|(name, _)| name != header);
    if ours.body.is_empty() {
        forget(ours, "content-length");
        forget(theirs, "content-length");
    }
    if kind == CallKind::UploadPart || kind == CallKind::PutObjectAcl && ours.body.is_empty() {
        forget(theirs, "content-type");
    }
}

#[tokio::test]
async fn every_call_sends_what_the_aws_sdk_sends() {
    let mut seen = Vec::new();
    for key in ODD_KEYS {
        for call in all_on(key) {
            seen.push(call.kind());
            let stub = Stub::scripted([answer(400, &[], ""), answer(400, &[], "")]).await;
            store_of(config(&stub.url())).call(&CancelToken::unbounded(), call.clone()).await.unwrap_err();
            let captured = Captured::default();
            send_by_sdk(&sdk(&stub.url(), true, &captured), &call).await;
            let (mut ours, mut theirs) = (stub.recorded()[0].clone(), captured.0.lock().unwrap()[0].clone());
            forget_what_stands_to_choice(call.kind(), &mut ours, &mut theirs);
            assert_eq!(comparable(&ours), comparable(&theirs), "{call:?}");
        }
    }
    for kind in CallKind::ALL {
        assert!(seen.contains(kind), "{kind:?} is not among the examples");
    }
}

#[tokio::test]
async fn below_a_path_a_request_goes_where_the_aws_sdk_sends_it() {
    // Without a '/' at the end the SDK forgets the one before a bucket.
    let url = "http://store.test/storage/v1/s3/";
    for (addressing, is_path_style) in [(Addressing::Path, true), (Addressing::VirtualHosted, false)] {
        for call in all_on(at("a//b c/ü").key.as_str()) {
            let stub = Stub::scripted([answer(400, &[], ""), answer(400, &[], "")]).await;
            let connect_to = Address::parse(&format!("127.0.0.1:{}", stub.port));
            let config = HttpConfig { addressing, route: Route { connect_to, proxy: None }, ..config(url) };
            store_of(config).call(&CancelToken::unbounded(), call.clone()).await.unwrap_err();
            let captured = Captured::default();
            send_by_sdk(&sdk(url, is_path_style, &captured), &call).await;
            let (ours, theirs) = (stub.recorded()[0].clone(), captured.0.lock().unwrap()[0].clone());
            let place = |request: &Recorded| (request.header("host").map(str::to_owned), request.path().to_owned());
            assert_eq!(place(&ours), place(&theirs), "{call:?}");
        }
    }
}
