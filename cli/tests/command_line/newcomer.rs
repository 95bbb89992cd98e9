//! The first errors that a newcomer meets: a line says what is wrong, and one below it what to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use crate::kept::{Kept, interrupt, told};

/// The text of a run with everything that differs from run to run written as what it is.
pub(crate) fn redacted(kept: &Kept, text: &str) -> String {
    let mut text = text.replace(&kept.folder().display().to_string(), "FOLDER");
    for rest in kept.said.split("127.0.0.1:").skip(1) {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        text = text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:PORT");
    }
    for before in ["request id ", "(request "] {
        let pieces: Vec<&str> = text.split(before).collect();
        let rest = pieces[1..].iter().map(|piece| piece.find(')').map_or("", |end| &piece[end..]));
        text = std::iter::once(pieces[0].to_owned()).chain(rest.map(|rest| format!("{before}ID{rest}"))).collect();
    }
    text
}

#[test]
fn first_errors_say_what_is_wrong_and_below_it_what_to_do() {
    let kept = Kept::start();
    std::fs::write(kept.folder().join("some.csv"), "photos,2016/01/img-0000000.jpg\n").unwrap();
    let tag = ["job", "create", "tag", "--tag", "a=b", "--manifest", "some.csv"];
    let to = |manifest, report| [&tag[..], &["--manifest-to", manifest, "--report", report]].concat();
    let list = || vec!["manifest", "list", "s3://photos/", "--out", "x"];
    let nothing = ("", "");
    let cases: Vec<((&str, &str), Vec<&str>)> = vec![
        // No configuration.
        (("BRIGADE_CONFIG", "absent.toml"), vec!["serve"]),
        (("BRIGADE_CONFIG", "absent.toml"), vec!["job", "list"]),
        // Nothing answers: the service, the store.
        (("BRIGADE_CLIENT_URL", "http://127.0.0.1:1"), vec!["job", "list"]),
        (("BRIGADE_ENDPOINTS_SANDBOX_URL", "http://127.0.0.1:1"), list()),
        (nothing, vec!["init", "--endpoint", "http://127.0.0.1:1", "--access-key", "A", "--secret-key", "s"]),
        // A wrong key or secret: of the service, of the store.
        (("BRIGADE_CLIENT_SECRET_KEY", "wrong"), vec!["job", "list"]),
        (("BRIGADE_CLIENT_SECRET_ID", "wrong"), vec!["job", "list"]),
        (("BRIGADE_ENDPOINTS_SANDBOX_SECRET_KEY", "wrong"), list()),
        (("BRIGADE_ENDPOINTS_SANDBOX_ACCESS_KEY", "wrong"), list()),
        // No such bucket; none that the role may use.
        (nothing, vec!["manifest", "list", "s3://photso/", "--out", "x"]),
        (nothing, to("s3://lits/", "s3://reports/r")),
        (nothing, to("s3://lists/", "s3://elsewhere/r")),
        // No such file here; a bucket with more behind it; more than the configuration allows.
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "--manifest", "absent.csv"]),
        (nothing, vec!["job", "create", "copy", "--to", "s3://backup/2016/", "--manifest", "some.csv"]),
        (nothing, vec!["endpoint", "limit", "sandbox", "--in-flight-max", "99999"]),
        // A file in the place of a bucket, a bucket alone, a folder, a prefix that nothing has, a folder that is not there.
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "./some.csv"]),
        (nothing, vec!["manifest", "list", "photos"]),
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "--manifest", "."]),
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "s3://photos/2106/"]),
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "s3://photos/2016/", "--larger-than", "1TiB"]),
        (nothing, vec!["manifest", "list", "s3://photos/", "--out", "absent/some.csv"]),
        // No such role; a probe of no such bucket; a command of another group.
        (nothing, vec!["job", "create", "tag", "--tag", "a=b", "--add", "--manifest", "some.csv", "--role", "btach"]),
        (nothing, vec!["endpoint", "probe", "sandbox", "--bucket", "lits"]),
        (nothing, vec!["create", "copy", "s3://photos/", "--to", "backup"]),
        // No such endpoint; no rights.
        (nothing, vec!["endpoint", "stop", "sandbx"]),
        (("BRIGADE_CLIENT_APPID", "1"), vec!["job", "list"]),
        // The port is taken.
        (nothing, vec!["serve"]),
        // No such job.
        (nothing, vec!["job", "describe", "01978a00-0000-7000-8000-000000000001"]),
    ];
    let mut told_all = String::new();
    for ((name, value), arguments) in cases {
        let mut command = kept.command(&arguments);
        let setting = if name.is_empty() { String::new() } else { format!("{name}={value} ") };
        if !name.is_empty() {
            command.env(name, value);
        }
        let (out, err, code) = told(&command.output().unwrap());
        assert!(out.is_empty() && matches!(code, Some(1 | 2)), "{arguments:?}: {out}{err}");
        told_all.push_str(&format!("$ {setting}brigade {}\n{err}\n", arguments.join(" ")));
    }
    insta::assert_snapshot!(redacted(&kept, &told_all));
}

/// A store that answers no PUT, and tells of each; gives its URL.
fn serve_without_puts() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (to, puts) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((mut peer, _)) = listener.accept() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                peer.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            if head.starts_with(b"PUT ") {
                held.push(peer);
                to.send(()).unwrap();
            } else {
                write!(peer, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            }
        }
    });
    (url, puts)
}

/// `brigade job create tag --manifest some.csv --tag a=b --no-report`, ctrl-C during the upload
#[test]
fn an_interrupt_while_a_manifest_is_uploaded_creates_no_job_and_says_so() {
    let kept = Kept::start();
    let jobs = || kept.run(&["job", "list", "--output", "json"]).0;
    let before = jobs();
    std::fs::write(kept.folder().join("some.csv"), "photos,2016/01/img-0000000.jpg\n").unwrap();
    let (url, puts) = serve_without_puts();
    let mut create = kept.command(&["job", "create", "tag", "--manifest", "some.csv", "--tag", "a=b", "--no-report"]);
    let process = create.arg("--add").env("BRIGADE_ENDPOINTS_SANDBOX_URL", url).spawn().unwrap();
    puts.recv().unwrap();
    interrupt(&process);
    let (out, err, code) = told(&process.wait_with_output().unwrap());
    assert_eq!((out.as_str(), code), ("", Some(130)), "{err}");
    assert_eq!(err.trim(), "interrupted: no job was created");
    assert_eq!(jobs(), before);
}
