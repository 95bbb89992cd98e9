//! A store's response, and how the calls read what they need from it.

use brigade_model::Timestamp;
use brigade_model::names::{ETag, VersionId};
use brigade_model::operation::{NewLock, Retention, RetentionMode};
use brigade_model::ports::object_store::{Checksum, ChecksumAlgorithm, Metadata, ObjectHead};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::download::Download;
use super::request::REDIRECT;
use crate::metadata_text;
use crate::xml::{self, Element};

/// An answer with a success's status, or any other.
pub(crate) struct StoreResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Whole; empty when it is streamed.
    pub(crate) body: Bytes,
    /// Elements that its document may have.
    pub(crate) elements_max: usize,
    /// The body of an object.
    pub(crate) stream: Option<Box<Download>>,
}

/// Why an answer with a success's status proves nothing.
#[derive(Debug)]
pub(crate) struct InvalidResponse {
    /// The store's own code, when the body of a 2xx is an error.
    pub(crate) code: Option<String>,
    /// The body is empty where a result belongs.
    pub(crate) is_empty: bool,
    pub(crate) message: String,
}

/// Of an object that was uploaded in parts: how many, where one of them was asked for.
pub(crate) const PARTS_COUNT: &str = "x-amz-mp-parts-count";

/// An invalid response without a code of the store.
pub(crate) fn invalid_response(message: impl Into<String>) -> InvalidResponse {
    InvalidResponse { code: None, is_empty: false, message: message.into() }
}

impl StoreResponse {
    /// A header's text; bytes that are not UTF-8 are replaced.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    pub(crate) fn version(&self) -> Option<VersionId> {
        VersionId::new(self.header("x-amz-version-id")?).ok()
    }

    /// The ETag that this answer has to have.
    pub(crate) fn etag(&self) -> Result<ETag, InvalidResponse> {
        etag(self.header("etag").as_deref())
    }

    /// The body as a document with that root.
    pub(crate) fn document(&self, root: &str) -> Result<Element<'_>, InvalidResponse> {
        if self.is_bare() {
            return Err(InvalidResponse {
                is_empty: true,
                ..invalid_response(format!("the answer is empty where a {root} belongs"))
            });
        }
        let document = xml::read(&self.body, self.elements_max)
            .map_err(|error| invalid_response(format!("the answer is not whole XML: {error}")))?;
        match document.name.as_str() {
            name if name == root => Ok(document),
            "Error" => Err(error_inside(&document)),
            other => Err(invalid_response(format!("the answer is a {other}, not a {root}"))),
        }
    }

    /// Nothing, as it should be; some servers send an XML declaration and nothing after it.
    pub(crate) fn nothing(&self) -> Result<(), InvalidResponse> {
        if self.is_bare() {
            return Ok(());
        }
        match xml::read(self.body.trim_ascii(), self.elements_max) {
            Ok(document) if document.name == "Error" => Err(error_inside(&document)),
            _ => Err(invalid_response("the answer has a body where none belongs")),
        }
    }

    /// Empty, or only an XML declaration.
    fn is_bare(&self) -> bool {
        let text = self.body.trim_ascii();
        let declaration = text.strip_prefix(b"<?xml").and_then(|rest| rest.strip_suffix(b"?>"));
        text.is_empty() || declaration.is_some_and(|inside| !inside.contains(&b'<'))
    }

    /// What the headers say about an object of that many bytes.
    pub(crate) fn object_head(&self, size: u64) -> ObjectHead {
        let (metadata, unreadable) = self.metadata();
        let etag = self.etag().ok();
        let parts_by_etag: Option<u32> = etag.as_ref().and_then(|tag| tag.unquoted().rsplit_once('-')?.1.parse().ok());
        ObjectHead {
            size,
            modified: self.header("last-modified").and_then(|text| http_date(&text)),
            version: self.version(),
            storage_class: self.header("x-amz-storage-class"),
            restore: self.header("x-amz-restore"),
            metadata,
            parts: self.number(PARTS_COUNT).or(parts_by_etag),
            tag_count: self.number("x-amz-tagging-count"),
            sse: self.sse(),
            lock: self.lock(),
            sse_key: self.header("x-amz-server-side-encryption-aws-kms-key-id"),
            redirect: self.header(REDIRECT),
            checksums: self.checksums(parts_by_etag.is_some()),
            untold_metadata: self.number("x-amz-missing-meta").unwrap_or(0) + unreadable,
            etag,
        }
    }

    pub(crate) fn sse(&self) -> Option<String> {
        self.header("x-amz-server-side-encryption")
    }

    /// Told only to those who may read it.
    fn lock(&self) -> NewLock {
        let mode = self.header("x-amz-object-lock-mode");
        let mode = mode.and_then(|told| RetentionMode::ALL.into_iter().find(|mode| mode.name() == told));
        let until = self.header("x-amz-object-lock-retain-until-date").and_then(|text| xml_time(&text));
        let is_held = self.header("x-amz-object-lock-legal-hold").map(|told| told == "ON");
        NewLock { retention: mode.zip(until).map(|(mode, until)| Retention { mode, until }), is_held }
    }

    /// Servers that do not tell the type of a checksum tell those of parts by a count at the end;
    /// of an object in parts only the CRC-64 is always one of the whole.
    fn checksums(&self, is_in_parts: bool) -> Vec<Checksum> {
        let told = self.header("x-amz-checksum-type");
        let declared = |algorithm: ChecksumAlgorithm| {
            let value = self.header(&format!("x-amz-checksum-{}", algorithm.name()))?;
            let is_of_whole = match told.as_deref() {
                Some(told) => told == "FULL_OBJECT",
                None => !value.contains('-') && (!is_in_parts || algorithm == ChecksumAlgorithm::Crc64Nvme),
            };
            Some(Checksum { algorithm, value, is_of_whole })
        };
        ChecksumAlgorithm::ALL.into_iter().filter_map(declared).collect()
    }

    /// With the number of values whose bytes are no text.
    fn metadata(&self) -> (Metadata, u32) {
        let (mut user, mut unreadable) = (Vec::new(), 0);
        for (name, value) in &self.headers {
            let Some(name) = name.as_str().strip_prefix("x-amz-meta-") else { continue };
            let text = String::from_utf8_lossy(value.as_bytes());
            unreadable += u32::from(text.as_bytes() != value.as_bytes());
            user.push((name.to_owned(), text.into_owned()));
        }
        user.sort_unstable();
        let mut metadata = Metadata {
            cache_control: self.header("cache-control"),
            content_disposition: self.header("content-disposition"),
            content_encoding: self.header("content-encoding").and_then(|text| stored_encoding(&text)),
            content_language: self.header("content-language"),
            content_type: self.header("content-type"),
            expires: self.header("expires"),
            user,
            form: None,
        };
        metadata_text::read(&mut metadata);
        (metadata, unreadable)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.header(name)?.parse().ok()
    }
}

/// An ETag that has to be there.
pub(crate) fn etag(text: Option<&str>) -> Result<ETag, InvalidResponse> {
    let text = text.filter(|text| !text.trim_matches(['"', ' ']).is_empty());
    text.and_then(|text| ETag::new(text).ok()).ok_or_else(|| invalid_response("the answer has no ETag"))
}

/// A time in an XML document: ISO 8601, to the whole second that headers give too.
pub(crate) fn xml_time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.trim().parse().ok()?;
    Timestamp::from_second(time.as_second()).ok()
}

/// A time in a header: RFC 1123.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

fn error_inside(document: &Element<'_>) -> InvalidResponse {
    let message = document.text_of("Message").unwrap_or_default();
    let code = document.text_of("Code").filter(|code| !code.is_empty());
    let message = format!("an error with a success's status: {message}");
    InvalidResponse { code: code.map(str::to_owned), is_empty: false, message }
}

/// A Content-Encoding without `aws-chunked`: that names how a client once sent the bytes, and some stores
/// keep it although they took the framing off.
fn stored_encoding(text: &str) -> Option<String> {
    let codings = text.split(',').map(str::trim).filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
    Some(codings.collect::<Vec<_>>().join(", ")).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &'static str) -> StoreResponse {
        StoreResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
            elements_max: 9,
            stream: None,
        }
    }

    #[test]
    fn the_framing_of_an_upload_is_no_encoding_of_the_object() {
        assert_eq!(stored_encoding("aws-chunked"), None);
        assert_eq!(stored_encoding("aws-chunked,gzip").as_deref(), Some("gzip"));
        assert_eq!(stored_encoding("gzip, AWS-Chunked , br").as_deref(), Some("gzip, br"));
        assert_eq!(stored_encoding("gzip").as_deref(), Some("gzip"));
    }

    #[test]
    fn an_answer_where_nothing_belongs_is_empty_or_only_a_declaration() {
        for body in ["", " \n", "<?xml version=\"1.0\"?>\n"] {
            assert!(reply(body).nothing().is_ok(), "{body:?}");
        }
        assert!(reply("<html>login</html>").nothing().is_err());
        let hidden = reply("<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>").nothing().unwrap_err();
        assert_eq!(hidden.code.as_deref(), Some("SlowDown"));
    }

    #[test]
    fn an_etag_of_parts_tells_their_number() {
        let head = |etag: &'static str| {
            let mut reply = reply("");
            reply.headers.insert("etag", etag.parse().unwrap());
            reply.object_head(0)
        };
        assert_eq!(head("\"0123-17\"").parts, Some(17));
        assert_eq!(head("\"0123\"").parts, None);
        assert_eq!(head("\"\"").etag, None);
    }

    #[test]
    fn times_of_headers_and_documents_are_read_to_the_second() {
        let expected = Timestamp::from_second(1_445_412_480).unwrap();
        assert_eq!(http_date("Wed, 21 Oct 2015 07:28:00 GMT"), Some(expected));
        assert_eq!(xml_time("2015-10-21T07:28:00.000Z"), Some(expected));
        assert_eq!(xml_time("2015-10-21T07:28:00.987Z"), Some(expected));
        assert_eq!(http_date("yesterday"), None);
    }
}
