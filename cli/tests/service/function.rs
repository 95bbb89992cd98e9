//! A function that jobs invoke: knows a task by its id, says again what it said of it, and keeps a record of its own
//! of what it was invoked for.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Value, json};

/// Where it stands, beside the buckets.
pub(crate) const PATH: &str = "/function";
/// What jobs call it.
pub(crate) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:faces";

/// By the id of a task: the objects that it was invoked for, once for each invocation.
pub(crate) type Invoked = BTreeMap<String, Vec<String>>;

/// An invocation: the task's id, which is its idempotency key, and the object's key.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) task: String,
    pub(crate) key: String,
}

impl Invocation {
    /// Of the header and the body, which must name the same task.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let header = headers.get("x-brigade-task").and_then(|value| value.to_str().ok()).unwrap();
        let body: Value = serde_json::from_slice(body).unwrap();
        let row = &body["tasks"][0];
        assert_eq!(row["taskId"], header, "the header and the body name the same task");
        Self { task: header.to_owned(), key: row["s3Key"].as_str().unwrap().to_owned() }
    }

    /// What the function says of it.
    pub(crate) fn carry_out(&self, invoked: &mut Invoked) -> Response {
        invoked.entry(self.task.clone()).or_default().push(self.key.clone());
        let result = json!({"taskId": self.task, "resultCode": "Succeeded", "resultString": said_of(&self.key)});
        json!({"results": [result]}).to_string().into_response()
    }
}

/// What the report says of a success.
pub(crate) fn said_of(key: &str) -> String {
    format!("saw {key}")
}

/// What the configuration says of it.
pub(crate) fn section(url: &str) -> String {
    format!("[accounts.one.functions.faces]\narn = \"{ARN}\"\nurl = \"{url}{PATH}\"\n")
}
