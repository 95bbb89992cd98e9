//! A hostile service's words, as the program prints them on standard output and standard error.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::kept::{brigade, told};

/// Answers each request in turn with a status and a body; gives its URL.
fn serve(answers: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut peer, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                peer.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let length = body.len();
            write!(peer, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        }
    });
    url
}

/// Runs a command against a service that answers so.
fn run(arguments: &[&str], answers: Vec<(&'static str, String)>) -> (String, String, Option<i32>) {
    let mut command = brigade(arguments);
    command.current_dir(std::env::temp_dir()).env("BRIGADE_CLIENT_URL", serve(answers));
    for (name, value) in [("APPID", "1250000000"), ("UIN", "1"), ("SECRET_ID", "A"), ("SECRET_KEY", "s")] {
        command.env(format!("BRIGADE_CLIENT_{name}"), value);
    }
    told(&command.output().unwrap())
}

const JOB: &str = "0190d5a0-0000-7000-8000-000000000001";
/// Clears the screen, sets its title, turns the text around, and forges a line. XML can say no other
/// control characters than these.
const IN_XML: &str = "no&#x9b;2J&#x9d;0;title&#x9c;&#x7f;&#x202e;&#x2028;&#13;&#10;error: forged";
/// The same as JSON, which can say all.
const IN_JSON: &str = r"no\u001b[2J\u001b]0;title\u0007\u202e\u2028\r\nerror: forged";

fn harmless(text: &str) {
    let is_plain = |c: char| c == '\n' || !(c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'));
    assert!(text.chars().all(is_plain), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text}");
}

#[test]
fn an_error_of_a_service_is_one_line_that_does_nothing_to_the_terminal() {
    let in_xml = format!("<Error><Code>{IN_XML}</Code><Message>{IN_XML}</Message></Error>");
    let in_json = format!(r#"{{"code":"{IN_JSON}","message":"{IN_JSON}","request_id":"1"}}"#);
    for (arguments, refused, shown) in [
        (&["job", "describe", JOB][..], &in_xml, r"error: no\u{9b}2J"),
        (&["job", "list", "--output", "xml"], &in_xml, r"error: no\u{9b}2J"),
        (&["job", "watch", JOB], &in_xml, r"error: no\u{9b}2J"),
        (&["endpoint", "list"], &in_json, r"error: no\u{1b}[2J"),
    ] {
        let (out, err, code) = run(arguments, vec![("403 Forbidden", refused.clone())]);
        assert_eq!((out.as_str(), code), ("", Some(1)), "{err}");
        assert!(err.starts_with(shown) && err.lines().count() == 1, "{err}");
        harmless(&err);
    }
}

#[test]
fn an_answer_of_a_service_does_nothing_to_the_terminal_in_any_form() {
    let list = format!(
        "<ListJobsResult><Jobs><member><CreationTime>2026-01-01T00:00:00Z</CreationTime><Description>{IN_XML}</Description>\
         <JobId>{JOB}</JobId><Operation>{IN_XML}</Operation><Priority>1</Priority><ProgressSummary>\
         <NumberOfTasksFailed>0</NumberOfTasksFailed><NumberOfTasksSucceeded>0</NumberOfTasksSucceeded>\
         <TotalNumberOfTasks>0</TotalNumberOfTasks></ProgressSummary><Status>New</Status>\
         <TerminationDate/></member></Jobs></ListJobsResult>"
    );
    for form in ["table", "json", "xml"] {
        // Of an operator's API, which is asked first for all but XML, it knows nothing.
        let without_such_api = [("404 Not Found", String::new())];
        let answers = without_such_api.into_iter().filter(|_| form != "xml").chain([("200 OK", list.clone())]);
        let (out, err, code) = run(&["job", "list", "--output", form], answers.collect());
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains("title"), "{form}: {out}");
        harmless(&out);
        harmless(&err);
    }
    let answers = vec![("404 Not Found", String::new()), ("200 OK", list)];
    let (out, _, _) = run(&["job", "list", "--output", "json"], answers);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let meant = json["Jobs"][0]["Description"].as_str().unwrap();
    assert!(meant.contains("\u{9b}2J\u{9d}0;title\u{9c}\u{7f}\u{202e}\u{2028}"), "{meant:?}");
}
