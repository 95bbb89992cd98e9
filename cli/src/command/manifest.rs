//! `brigade manifest`: makes a manifest by listing a bucket.
//!
//! The file begins with a header, which names the fields; without it a first row that happens to read
//! `bucket,key` would be taken for one.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{CancelToken, ListObjectsV2, send};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::access::{ConfigFlag, StoreFlags, Tools};
use crate::printer::{self, OnTerminal};
use crate::progress::grouped;
use crate::s3_url::S3Url;

/// The first row, and the fields of all others.
const HEADER: &str = "Bucket,Key";
/// Keys in a page of a listing: what S3 gives at most.
const PAGE_KEYS: u32 = 1000;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFlag,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a CSV manifest of all objects under a prefix: rows of bucket and key
    List(ListArguments),
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Which objects
    #[arg(value_name = "s3://BUCKET/PREFIX")]
    from: S3Url,
    /// Write into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Action::List(list) = arguments.action;
    let store = list.store.open(&arguments.config, &Tools::of_system())?;
    let count = match &list.out {
        None => write_stdout(&*store, &list.from).await?,
        Some(path) => write_file(&*store, &list.from, path).await?,
    };
    let place = list.out.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    printer::tell(format_args!("{} objects written to {place}, fields {HEADER}", grouped(count)));
    Ok(())
}

async fn write_stdout(store: &dyn ObjectStore, from: &S3Url) -> anyhow::Result<u64> {
    let out = BufWriter::new(std::io::stdout());
    let listed = match std::io::stdout().is_terminal() {
        true => write_listing(store, from, OnTerminal::new(out), count_on_stderr()).await,
        false => write_listing(store, from, out, count_on_stderr()).await,
    };
    listed.map_err(|error| error.downcast::<std::io::Error>().map_or_else(|other| other, printer::told))
}

/// Writes beside the file and renames in the end: half a list must not pass for a whole one.
async fn write_file(store: &dyn ObjectStore, from: &S3Url, path: &Path) -> anyhow::Result<u64> {
    let partial = path.with_added_extension("partial");
    let unwritable = || format!("cannot write {}", partial.display());
    let file = File::create(&partial).with_context(unwritable)?;
    let listed = write_listing(store, from, BufWriter::new(file), count_on_stderr()).await;
    match listed {
        Ok(count) => {
            std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(count)
        }
        Err(error) => {
            // The first error is the one to tell; what remains is named as what it is.
            let _ = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// Shows a running count on a terminal, nothing elsewhere.
fn count_on_stderr() -> impl FnMut(u64) {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let spinner = ProgressBar::with_draw_target(None, target);
    move |count| {
        spinner.set_message(format!("{} objects", grouped(count)));
        spinner.tick();
    }
}

/// Writes a row of bucket and key for each object under the prefix, page by page, and says how
/// many they were. `progress` hears the count after each page.
///
/// # Errors
/// When the store does not list or the rows cannot be written.
pub async fn write_listing(
    store: &dyn ObjectStore,
    from: &S3Url,
    mut out: impl Write,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<u64> {
    let bucket = quoted(from.bucket.as_str());
    let (mut count, mut token) = (0, None);
    loop {
        let call = ListObjectsV2 {
            bucket: from.bucket.clone(),
            prefix: from.path.clone(),
            continuation_token: token.clone(),
            max_keys: PAGE_KEYS,
        };
        let page = send(store, &CancelToken::unbounded(), call).await.with_context(|| format!("listing {from}"))?;
        // Only once the store has answered: an error leaves nothing behind on standard output.
        if token.is_none() {
            writeln!(out, "{HEADER}")?;
        }
        for object in &page.objects {
            writeln!(out, "{bucket},{}", quoted(object.key.as_str()))?;
        }
        count += page.objects.len() as u64;
        progress(count);
        token = page.next;
        if token.is_none() {
            out.flush()?;
            return Ok(count);
        }
    }
}

/// A cell of a CSV file (RFC 4180). One that begins or ends with a blank is quoted too: other
/// programs may trim cells that are not, and this one asks the store what is meant by a blank that
/// stands behind every comma.
fn quoted(cell: &str) -> Cow<'_, str> {
    let is_special = |letter: char| matches!(letter, ',' | '"' | '\r' | '\n');
    let has_edge = cell.trim_matches([' ', '\t']).len() < cell.len();
    if has_edge || cell.contains(is_special) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_engine::manifest::csv::RowReader;
    use brigade_model::manifest::{Field, ManifestFormat, ManifestLocation, ManifestSpec};
    use brigade_model::options::{JobOptions, Separator};
    use brigade_model::ports::object_store::At;
    use brigade_runtime::{SeededEntropy, SystemClock};
    use brigade_s3::simulated::{Body, SimulatedConfig, SimulatedStore, Versioning};
    use brigade_wire::cos::qcs;
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use brigade_config::Config;
    use brigade_server::roles::open_endpoint;

    #[tokio::test]
    async fn a_listing_whose_token_does_not_advance_ends_with_an_error_that_names_it_and_leaves_no_file() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>\
                    <Contents><Key>k</Key><Size>1</Size></Contents></ListBucketResult>";
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
        let serving = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            while tcp.read(&mut buffer).await.unwrap() > 0 {
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let config = Config::from_text(&format!(
            "[endpoints.main]\nurl = \"{url}\"\naccess_key = \"a\"\nsecret_key = \"s\"\n\
             [accounts.a.cos]\nappid = \"1\"\nuin = \"2\"\n[accounts.a.keys.K]\nsecret = \"s\"\n"
        ));
        let config = config.unwrap();
        let store = open_endpoint(&config.endpoints["main"], Arc::new(SystemClock::new())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.csv");
        let from = "s3://photos/p/".parse().unwrap();
        let error = tokio::select! {
            written = write_file(&store, &from, &path) => written.unwrap_err(),
            () = serving => unreachable!("the store keeps its connection"),
        };
        let error = format!("{error:#}");
        assert!(error.contains("listing s3://photos/p/") && error.contains("token \"again\""), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn every_key_is_a_row_and_is_read_back_as_it_is() {
        let store = SimulatedStore::new(
            SimulatedConfig::default(),
            Arc::new(SystemClock::new()),
            Arc::new(SeededEntropy::new(1)),
        );
        let bucket: brigade_model::BucketName = "photos".parse().unwrap();
        store.create_bucket(&bucket, Versioning::Off).unwrap();
        let mut keys = vec![
            "p/a,b",
            "p/\"quoted\"",
            "p/line\nbreak",
            "p/ blank ",
            "p/é😀",
            "p/plain",
            "p/tab\t",
            "p/both\r\n",
            "p/a%20b",
        ];
        for key in keys.iter().chain(&["q/other"]) {
            store.put(&At { bucket: bucket.clone(), key: key.parse().unwrap() }, Body::from(Bytes::from("x"))).unwrap();
        }
        store.fill(&bucket, 2500, |n| format!("p/many/{n:06}").parse().unwrap(), &Bytes::from("x")).unwrap();

        let (mut out, mut pages) = (Vec::new(), Vec::new());
        let from = "s3://photos/p/".parse().unwrap();
        let count = write_listing(&store, &from, &mut out, |count| pages.push(count)).await.unwrap();
        assert_eq!((count, pages), (2509, vec![1000, 2000, 2509]));

        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("Bucket,Key\n") && text.contains("photos,\"p/ blank \"\n"), "blanks are quoted");
        // As the service reads it.
        let job = ManifestSpec {
            location: ManifestLocation {
                object: qcs::parse_object("qcs::cos:r::lists/m.csv").unwrap(),
                version: None,
                etag: "e".parse().unwrap(),
            },
            format: ManifestFormat::Csv,
            fields: vec![Field::Bucket, Field::Key],
            rows: Default::default(),
        };
        let (mut service, mut unread) = (RowReader::new(&job, &JobOptions::default()).unwrap(), text.as_bytes());
        let mut read = Vec::new();
        while let Some(row) = service.next(&mut unread).unwrap() {
            read.push(row.task.key.as_str().to_owned());
        }
        assert_eq!((read.len(), service.separator()), (2509, Some(Separator::Comma)));
        assert!(keys.iter().all(|key| read.iter().any(|read| read == key)));

        // As another program does.
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let mut read: Vec<(String, String)> = rows.deserialize().map(Result::unwrap).collect();
        assert!(read.iter().all(|(bucket, _)| bucket == "photos"));
        read.retain(|(_, key)| !key.starts_with("p/many/"));
        keys.sort_unstable();
        assert_eq!(read.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>(), keys);
    }
}
