//! An answer's XML as people and programs like to read it: indented, or as JSON.
//!
//! The JSON keeps the element names. Containers whose children are rows become arrays, counters
//! and flags become numbers and booleans (`ARRAYS`, `NUMBERS`, `FLAGS`); whatever the
//! service adds besides comes along as strings and objects.

use brigade_model::printable::is_printable;
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

/// Containers whose children are rows of one kind.
const ARRAYS: &[&str] =
    &["Jobs", "Fields", "FailureReasons", "AccessControlGrants", "NewObjectTagging", "TagSet", "UserMetadata"];
/// Elements that hold whole numbers.
const NUMBERS: &[&str] = &[
    "Priority",
    "NumberOfTasksFailed",
    "NumberOfTasksSucceeded",
    "TotalNumberOfTasks",
    "ExpirationInDays",
    "ModifiedSinceConstraint",
    "UnModifiedSinceConstraint",
];
/// Elements that hold `true` or `false`.
const FLAGS: &[&str] = &["ConfirmationRequired", "DryRun", "Enabled", "PrefixReplace"];

/// An answer that is not XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not well-formed XML")]
pub struct NotXml;

#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// The document with an element a line, each level two blanks further in.
///
/// # Errors
/// [`NotXml`].
pub fn indent(xml: &[u8]) -> Result<String, NotXml> {
    let mut lines = String::new();
    write_element(&read(xml)?, 0, &mut lines);
    Ok(lines)
}

/// The content of the document's root as JSON.
///
/// # Errors
/// [`NotXml`].
pub fn to_json(xml: &[u8]) -> Result<Value, NotXml> {
    read(xml).map(|root| value_of(&root))
}

fn read(xml: &[u8]) -> Result<Element, NotXml> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).map_err(|_| NotXml)?);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| NotXml)? {
            Event::Start(start) => open.push(named(start.name().as_ref())),
            Event::Empty(empty) => innermost(&mut open)?.children.push(named(empty.name().as_ref())),
            Event::End(_) => {
                let element = open.pop().ok_or(NotXml)?;
                innermost(&mut open)?.children.push(element);
            }
            Event::Text(text) => innermost(&mut open)?.text.push_str(&text.xml10_content()),
            Event::CData(data) => innermost(&mut open)?.text.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => innermost(&mut open)?.text.push(resolve(&reference)?),
            Event::Eof => break,
            _ => {}
        }
    }
    match open.as_mut_slice() {
        [document] => document.children.pop().ok_or(NotXml),
        _ => Err(NotXml),
    }
}

fn named(name: &str) -> Element {
    Element { name: name.to_owned(), ..Element::default() }
}

fn innermost(open: &mut [Element]) -> Result<&mut Element, NotXml> {
    open.last_mut().ok_or(NotXml)
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, NotXml> {
    if let Some(letter) = reference.resolve_char_ref().map_err(|_| NotXml)? {
        return Ok(letter);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(NotXml),
    }
}

fn write_element(element: &Element, depth: usize, lines: &mut String) {
    let (margin, name) = ("  ".repeat(depth), &element.name);
    if element.children.is_empty() {
        // Text as it is: its blanks may mean something.
        lines.push_str(&format!("{margin}<{name}>{}</{name}>\n", by_number(&escape(element.text.as_str()))));
        return;
    }
    lines.push_str(&format!("{margin}<{name}>\n"));
    for child in &element.children {
        write_element(child, depth + 1, lines);
    }
    lines.push_str(&format!("{margin}</{name}>\n"));
}

/// What is not printable, as a character reference: XML's way to say it, and harmless on a terminal.
fn by_number(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) { numbered.push(c) } else { numbered.push_str(&format!("&#{};", u32::from(c))) }
    }
    numbered
}

fn value_of(element: &Element) -> Value {
    let name = element.name.as_str();
    if ARRAYS.contains(&name) {
        return element.children.iter().map(value_of).collect();
    }
    if element.children.is_empty() {
        return scalar_of(name, &element.text);
    }
    let members = element.children.iter().map(|child| (child.name.clone(), value_of(child)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn scalar_of(name: &str, text: &str) -> Value {
    let parsed = match text {
        "true" | "false" if FLAGS.contains(&name) => Some(Value::Bool(text == "true")),
        _ if NUMBERS.contains(&name) => text.parse::<i64>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &[u8] = b"<?xml version='1.0' encoding='utf-8' ?>\n<DescribeJobResult><Job>\
        <ConfirmationRequired>false</ConfirmationRequired><JobId>j&amp;1</JobId>\
        <Manifest><Location><ETag>&quot;e&quot;</ETag></Location><Spec><Fields><member>Bucket</member>\
        <member>Key</member></Fields></Spec></Manifest><Operation><COSDeleteObject/></Operation>\
        <Priority>10</Priority></Job></DescribeJobResult>";

    #[test]
    fn the_document_is_indented_and_says_the_same() {
        let text = indent(JOB).unwrap();
        assert!(
            text.starts_with("<DescribeJobResult>\n  <Job>\n    <ConfirmationRequired>false</ConfirmationRequired>\n")
        );
        assert!(text.contains("    <JobId>j&amp;1</JobId>\n"), "{text}");
        assert_eq!(to_json(text.as_bytes()).unwrap(), to_json(JOB).unwrap());
    }

    #[test]
    fn what_would_steer_a_terminal_is_written_by_its_number_and_read_back() {
        let text = indent(b"<Job><Description>a&#27;[2J\xc2\x9b\xe2\x80\xae&#10;b</Description></Job>").unwrap();
        assert_eq!(text, "<Job>\n  <Description>a&#27;[2J&#155;&#8238;&#10;b</Description>\n</Job>\n");
        assert_eq!(to_json(text.as_bytes()).unwrap()["Description"], "a\u{1b}[2J\u{9b}\u{202e}\nb");
    }

    #[test]
    fn json_has_numbers_flags_and_arrays_where_they_are_meant() {
        let json = serde_json::json!({"Job": {
            "ConfirmationRequired": false,
            "JobId": "j&1",
            "Manifest": {"Location": {"ETag": "\"e\""}, "Spec": {"Fields": ["Bucket", "Key"]}},
            "Operation": {"COSDeleteObject": ""},
            "Priority": 10,
        }});
        assert_eq!(to_json(JOB).unwrap(), json);
        assert_eq!(to_json(b"<ListJobsResult><Jobs/></ListJobsResult>").unwrap(), serde_json::json!({"Jobs": []}));
    }

    #[test]
    fn what_is_not_xml_is_refused() {
        for text in [&b""[..], b"{}", b"<a><b></a>", b"<a>", b"<a>&unknown;</a>", b"\xff"] {
            assert_eq!(indent(text), Err(NotXml), "{text:?}");
        }
    }
}
