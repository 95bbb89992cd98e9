//! A request of the service as sent: which call it is, and which objects of tasks it names.

use brigade_model::VersionId;
use brigade_model::ports::object_store::CallKind;
use http::Method;
use http::request::Parts;

use super::BEFORE_THE_LARGE_SLICE;
use super::history::Object;
use super::run::task_of;
use super::scenario::On;
use crate::function::{self, Invocation};
use crate::test_service::at;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `None`: it invokes the function.
    pub(crate) kind: Option<CallKind>,
    pub(crate) invocation: Option<Invocation>,
    bucket: String,
    /// Empty where it is none for a task.
    pub(crate) objects: Vec<Object>,
}

impl Message {
    /// Reads what the service writes: buckets stand in the path, keys need no decoding.
    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
        if head.uri.path() == function::PATH {
            return Self::of_function(head, body);
        }
        let path = head.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let kind = kind_of(head);
        let is_of_tasks = matches!(bucket, "photos" | "backup");
        let objects = match kind {
            _ if !is_of_tasks => Vec::new(),
            CallKind::DeleteObjects => named_in(bucket, &String::from_utf8_lossy(body)),
            // A call about the bucket itself.
            _ if key.is_empty() => Vec::new(),
            _ => vec![Object { at: at(bucket, key), version: query(head, "versionId").map(version) }],
        };
        Self { kind: Some(kind), invocation: None, bucket: bucket.to_owned(), objects }
    }

    /// An invocation acts on the object that it is for.
    fn of_function(head: &Parts, body: &[u8]) -> Self {
        let invocation = Invocation::read(&head.headers, body);
        let objects = vec![Object { at: at("photos", &invocation.key), version: None }];
        Self { kind: None, invocation: Some(invocation), bucket: "photos".to_owned(), objects }
    }

    /// Whether it may change an object, or what the function does.
    pub(crate) fn acts(&self) -> bool {
        self.kind.is_none_or(CallKind::changes_objects)
    }

    /// The same, for no task: no trap waits for it.
    pub(crate) fn of_no_task(self) -> Self {
        Self { bucket: String::new(), objects: Vec::new(), ..self }
    }

    /// Which trap waits for it.
    pub(crate) fn on(&self) -> Option<On> {
        match self.bucket.as_str() {
            "lists" => Some(On::Manifest),
            "reports" if !matches!(self.kind, Some(CallKind::HeadObject | CallKind::GetObject)) => Some(On::Report),
            "photos" | "backup" if self.acts() => match self.objects.first() {
                Some(first) if task_of(first.at.key.as_str()) >= BEFORE_THE_LARGE_SLICE => Some(On::ActOfLargeSlice),
                _ => Some(On::Act),
            },
            "photos" | "backup" => Some(On::Look),
            _ => None,
        }
    }
}

fn version(text: &str) -> VersionId {
    VersionId::new(text).unwrap()
}

fn query<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = head.uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn kind_of(head: &Parts) -> CallKind {
    let has = |name| query(head, name).is_some();
    let is_copy = head.headers.contains_key("x-amz-copy-source");
    match head.method {
        Method::HEAD if has("partNumber") => CallKind::HeadPart,
        Method::HEAD => CallKind::HeadObject,
        Method::GET if has("tagging") => CallKind::GetObjectTagging,
        Method::GET if has("acl") => CallKind::GetObjectAcl,
        Method::GET if has("uploadId") => CallKind::ListParts,
        Method::GET => CallKind::GetObject,
        Method::PUT if has("tagging") => CallKind::PutObjectTagging,
        Method::PUT if has("acl") => CallKind::PutObjectAcl,
        Method::PUT if has("legal-hold") => CallKind::PutObjectLegalHold,
        Method::PUT if has("retention") => CallKind::PutObjectRetention,
        Method::PUT if has("encryption") => CallKind::UpdateObjectEncryption,
        Method::PUT if is_copy => CallKind::CopyObject,
        Method::PUT if has("partNumber") => CallKind::UploadPart,
        Method::PUT => CallKind::PutObject,
        Method::DELETE if has("tagging") => CallKind::DeleteObjectTagging,
        Method::DELETE if has("uploadId") => CallKind::AbortMultipartUpload,
        Method::DELETE => CallKind::DeleteObject,
        Method::POST if has("delete") => CallKind::DeleteObjects,
        Method::POST if has("restore") => CallKind::RestoreObject,
        Method::POST if has("uploads") => CallKind::CreateMultipartUpload,
        Method::POST => CallKind::CompleteMultipartUpload,
        _ => panic!("the service never sends {}", head.method),
    }
}

/// The objects that a multi-object delete names.
fn named_in(bucket: &str, document: &str) -> Vec<Object> {
    let text_of = |element: &str, name: &str| {
        let rest = element.split(&format!("<{name}>")).nth(1)?;
        rest.split("</").next().map(str::to_owned)
    };
    let object = |element: &str| Object {
        at: at(bucket, &text_of(element, "Key").unwrap()),
        version: text_of(element, "VersionId").map(|text| version(&text)),
    };
    document.split("<Object>").skip(1).map(object).collect()
}
