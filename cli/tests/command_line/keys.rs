//! Keys that are hard to encode, from a manifest to a report and back, over real HTTP with real
//! signatures.

use std::sync::Arc;

use brigade::command::access::{Tools, open_endpoint};
use brigade_config::Config;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    At, CancelToken, GetObject, GetObjectTagging, HeadObject, ListObjectsV2, NewObject, PutObject, Verdict, send,
};

use crate::kept::Kept;

/// A name for each kind of key, and the key.
fn hard_keys() -> Vec<(&'static str, String)> {
    let plain = [
        ("spaces", "a b  c"),
        ("a blank at each end", " blank "),
        ("a plus", "a+b"),
        ("a percent sign", "100%"),
        ("what looks encoded", "%41/a%20b"),
        ("a hash", "#1/a#b"),
        ("a query", "q?x=1&y=2"),
        ("double quotes", "\"quoted\" 5\""),
        ("single quotes", "it's"),
        ("commas", "a,b,,c"),
        ("a line feed", "line\nfeed"),
        ("a carriage return", "carriage\rreturn"),
        ("both", "both\r\nof them\r\n"),
        ("a tab", "\ttab\tkey"),
        ("control characters", "\u{1}\u{8}\u{1b}\u{7f}"),
        ("emoji", "😀/👩‍👩‍👧.jpg"),
        ("letters of many scripts", "ü/日本語/עברית"),
        ("a leading slash", "/leading"),
        ("slashes only", "//"),
        ("doubled slashes", "a//b///c"),
        ("a trailing slash", "folder/"),
        ("dots", ".."),
        ("a dot", "."),
        ("dots that go up", "../../up"),
        ("dots inside", "a/../b/./c"),
        ("a backslash", "back\\slash\\..\\x"),
        ("XML", "<a>&amp;]]></a>"),
        ("what a shell reads", "$HOME `x` * ~ ! ; |"),
        ("colons", "qcs::cos:r::bucket/key"),
        ("a spreadsheet's formula", "=1+1"),
        ("the name of a field", "Key"),
    ];
    let mut keys: Vec<_> = plain.map(|(what, key)| (what, key.to_owned())).into();
    keys.push(("1,024 bytes", "k".repeat(1024)));
    keys.push(("1,024 bytes that become 3,072", "é".repeat(512)));
    keys
}

/// The sandbox of a demo, as a program with its keys reaches it.
pub(crate) struct Store(Arc<dyn ObjectStore>);

impl Store {
    pub(crate) fn of(kept: &Kept) -> Self {
        let text = std::fs::read_to_string(kept.folder().join("brigade.toml")).unwrap();
        let config = Config::from_text(&text).unwrap();
        Self(open_endpoint("sandbox", &config.endpoints["sandbox"], &Tools::of_system()).unwrap())
    }

    pub(crate) async fn put(&self, bucket: &str, key: &str, body: impl AsRef<[u8]>) {
        let put = PutObject::new(at(bucket, key), body.as_ref().to_vec(), NewObject::default());
        send(&*self.0, &CancelToken::unbounded(), put).await.unwrap();
    }

    async fn text(&self, bucket: &str, key: &str) -> Option<String> {
        let get = GetObject { at: at(bucket, key), version: None, range: None, if_match: None };
        let mut got = send(&*self.0, &CancelToken::unbounded(), get).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = got.body.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        String::from_utf8(bytes).ok()
    }

    pub(crate) async fn tags(&self, key: &str) -> usize {
        let get = GetObjectTagging { at: at("photos", key), version: None };
        send(&*self.0, &CancelToken::unbounded(), get).await.unwrap().len()
    }

    async fn is_gone(&self, key: &str) -> bool {
        let head = HeadObject { at: at("photos", key), version: None };
        send(&*self.0, &CancelToken::unbounded(), head).await.is_err_and(|error| error.verdict == Verdict::Missing)
    }

    async fn count(&self, bucket: &str) -> usize {
        let bucket = bucket.parse().unwrap();
        let list = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1000 };
        send(&*self.0, &CancelToken::unbounded(), list).await.unwrap().objects.len()
    }
}

fn at(bucket: &str, key: &str) -> At {
    At { bucket: bucket.parse().unwrap(), key: key.parse().unwrap() }
}

/// Runs a job over a manifest here; every task must succeed. Gives the file with the report's rows.
fn run(kept: &Kept, manifest: &str, form: &[&str]) -> String {
    let places = ["--manifest", manifest, "--manifest-to", "s3://lists/", "--report", "s3://reports/keys"];
    let (out, err, code) = kept.run(&[&["job", "create"], form, &places[..]].concat());
    assert_eq!(code, Some(0), "{err}");
    let job = out.trim();
    let (_, err, code) = kept.run(&["job", "watch", job]);
    let (rows, _, _) = kept.run(&["job", "report", job, "--failed", "--rows", "100"]);
    assert_eq!(code, Some(0), "{form:?}: {err}\n{rows}");
    let (out, err, _) = kept.run(&["job", "report", job, "--download", &format!("got-{job}")]);
    let file = out.lines().find(|file| file.ends_with(".csv"));
    file.unwrap_or_else(|| panic!("{err}")).to_owned()
}

/// ```text
/// brigade job create copy --to backup --manifest hard.csv ...
/// brigade job report ID --download got
/// brigade job create tag --tag a=b --manifest got/....csv --fields Bucket,Key,VersionId,Ignore,Ignore,Ignore,Ignore
/// brigade job create delete --yes --manifest got/....csv --fields ...
/// ```
#[tokio::test]
async fn hard_keys_go_through_manifest_copy_report_tag_and_delete_and_back() {
    let kept = Kept::start();
    let store = Store::of(&kept);
    let keys = hard_keys();
    let plain = store.count("photos").await;
    let mut manifest = String::from("Bucket,Key\n");
    for (what, key) in &keys {
        store.put("photos", key, what).await;
        manifest.push_str(&format!("photos,\"{}\"\n", key.replace('"', "\"\"")));
    }
    std::fs::write(kept.folder().join("hard.csv"), manifest).unwrap();

    let copied = run(&kept, "hard.csv", &["copy", "--to", "backup"]);
    for (what, key) in &keys {
        assert_eq!(store.text("backup", key).await.as_deref(), Some(*what), "{key:?} is not copied");
    }

    let again = ["--fields", "Bucket,Key,VersionId,Ignore,Ignore,Ignore,Ignore"];
    let tagged = run(&kept, &copied, &[&["tag", "--tag", "a=b"], &again[..]].concat());
    for (what, key) in &keys {
        assert_eq!(store.tags(key).await, 1, "{what} is not tagged");
    }

    run(&kept, &tagged, &[&["delete", "--yes"], &again[..]].concat());
    for (what, key) in &keys {
        assert!(store.is_gone(key).await, "{what} is not deleted");
    }
    assert_eq!(store.count("photos").await, plain, "and nothing else is");
}
