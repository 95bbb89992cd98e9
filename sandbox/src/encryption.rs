//! UpdateObjectEncryption, an action that `s3s` does not know: a route of its own, for requests that are signed
//! like any other.

use brigade_model::ports::object_store::UpdateObjectEncryption;
use brigade_s3::simulated::SimulatedStore;
use http::{Extensions, HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::input;
use super::store::Sandbox;

/// A key's ARN and a flag, with room to spare.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// `PUT /BUCKET/KEY?encryption`.
pub(super) struct UpdateEncryption(pub(super) SimulatedStore);

#[async_trait::async_trait]
impl S3Route for UpdateEncryption {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        method == Method::PUT && object_of(uri).is_some() && parameter(uri, "encryption").is_some()
    }

    async fn call(&self, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let (bucket, key) = object_of(&request.uri).ok_or(S3ErrorCode::InvalidURI)?;
        let key = percent_decode_str(key).decode_utf8().map_err(|_| S3Error::from(S3ErrorCode::InvalidURI))?;
        let (at, version) = (input::at(bucket, &key)?, input::version(parameter(&request.uri, "versionId"))?);
        let body = request.input.store_all_limited(BODY_BYTES_MAX).await;
        let body = body.map_err(|_| S3Error::from(S3ErrorCode::EntityTooLarge))?;
        let (key, bucket_key) = read(&body).ok_or(S3ErrorCode::MalformedXML)?;
        let sandbox = Sandbox::new(self.0.clone()).asked_by(&request.headers);
        sandbox.call(UpdateObjectEncryption { at, version, key, bucket_key }).await?;
        Ok(S3Response::new(Body::empty()))
    }
}

/// Bucket and key, as they stand in the path.
fn object_of(uri: &Uri) -> Option<(&str, &str)> {
    uri.path().trim_start_matches('/').split_once('/').filter(|(_, key)| !key.is_empty())
}

fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = brigade_wire::parse_query(uri.query().unwrap_or_default());
    pairs.into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// The key, and whether the bucket's own is used. Neither has anything that XML escapes.
fn read(body: &[u8]) -> Option<(String, bool)> {
    let text = std::str::from_utf8(body).ok()?;
    let inside = |name: &str| Some(text.split_once(&format!("<{name}>"))?.1.split_once("</")?.0.trim().to_owned());
    let key = inside("KMSKeyArn").filter(|key| key.starts_with("arn:"))?;
    Some((key, inside("BucketKeyEnabled").is_some_and(|text| text == "true")))
}
