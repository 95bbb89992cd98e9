//! Words of clients and stores in the log, in every place where a call can put them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

use super::*;

/// What was logged in this thread.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Logs everything that can be logged, as the process does.
pub(crate) fn log(is_text: bool) -> (Written, DefaultGuard) {
    let written = Written::default();
    let writer = written.clone();
    let (subscriber, _) = subscriber(is_text, parse_log_filter("trace").unwrap(), move || writer.clone());
    (written, tracing::dispatcher::set_default(&subscriber))
}

/// What a hostile client or store may say.
const HOSTILE: [&str; 12] = [
    "x\n2026-01-01T00:00:00.000000Z  INFO audit: action=DeleteJob job=1 account=victim key=AKID",
    "x\r\nforged",
    "x account=victim",
    "x\" account=\"victim",
    "x\\\" account=victim",
    "\u{1b}[31mred\u{1b}[0m\u{7}\u{8}",
    "\u{9b}31mred\u{85}next",
    "line\u{2028}paragraph\u{2029}end",
    "\u{202e}desrever\u{2066}isolated\u{61c}",
    "nul\0del\u{7f}\u{ad}\u{200b}\u{feff}\u{e0041}",
    "",
    "a=b",
];

/// The fields of a line of text after its level and target: name and value, the message under no name.
fn fields(line: &str) -> Vec<(String, String)> {
    let (_, mut rest) = line.split_once(": ").expect("a target");
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let name_end = rest.find(['=', ' ', '"']).unwrap_or(rest.len());
        let name = match rest[name_end..].starts_with('=') {
            true => {
                let name = &rest[..name_end];
                rest = &rest[name_end + 1..];
                name
            }
            false => "",
        };
        let end = match rest.strip_prefix('"') {
            Some(quoted) => {
                let mut is_escaped = false;
                let is_end = |(_, c): &(usize, char)| {
                    let ends = *c == '"' && !is_escaped;
                    is_escaped = *c == '\\' && !is_escaped;
                    ends
                };
                2 + quoted.char_indices().find(is_end).expect("the quote ends").0
            }
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        fields.push((name.to_owned(), rest[..end].to_owned()));
        rest = rest[end..].trim_start_matches(' ');
    }
    fields
}

#[test]
fn a_foreign_text_is_one_value_of_one_line_of_the_log_whatever_call_puts_it_there() {
    for hostile in HOSTILE {
        let (written, _guard) = log(true);
        tracing::warn!(job = 7, reason = %hostile, "job stage waits");
        tracing::warn!(job = 7, reason = ?hostile, "job stage waits");
        tracing::warn!(job = 7, reason = hostile, "job stage waits");
        let error: &(dyn std::error::Error + 'static) = &std::io::Error::other(hostile);
        tracing::warn!(job = 7, reason = error, "job stage waits");
        let text = written.text();
        assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        for line in text.lines() {
            let fields = fields(line);
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["", "", "", "job", "reason"], "{line}");
            let value = &fields[4].1;
            // A Debug form is a text with quotes in it, and so is quoted again.
            let quoted = [format!("{hostile:?}"), format!("{:?}", format!("{hostile:?}"))];
            assert!(quoted.contains(value) || value == hostile, "{line}");
        }
    }
}

#[test]
fn a_foreign_text_in_a_message_or_a_span_is_no_line_and_no_field_of_the_log() {
    for hostile in HOSTILE {
        let (written, _guard) = log(true);
        tracing::warn!(job = 7, "closed: {hostile}");
        let span = tracing::info_span!("call", reason = %hostile);
        span.in_scope(|| tracing::warn!("it failed"));
        let text = written.text();
        assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        let closed = fields(text.lines().next().unwrap());
        let names: Vec<&str> = closed.iter().map(|(name, _)| name.as_str()).filter(|name| !name.is_empty()).collect();
        assert_eq!(names, ["job"], "{text}");
    }
}

#[test]
fn plain_values_stand_as_they_are() {
    let (written, _guard) = log(true);
    tracing::info!(job = %"j-1", to = ?LogFormat::Text, text = "12", number = 12, free = %"Zürich", "job status changed: on");
    let (text, expected) =
        (written.text(), r#": job status changed: on job=j-1 to=Text text="12" number=12 free=Zürich"#);
    assert!(text.trim_end().ends_with(expected), "{text}");
}

#[test]
fn an_event_is_one_object_of_the_json_log() {
    for hostile in HOSTILE {
        let (written, _guard) = log(false);
        tracing::warn!(reason = %hostile, "closed: {hostile}");
        let text = written.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["reason"], hostile);
        assert_eq!(line["message"], format!("closed: {hostile}"));
    }
}
