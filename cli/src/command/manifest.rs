//! `brigade manifest`: makes a manifest by listing a bucket.
//!
//! The file begins with a header, which names the fields; without it a first row that happens to read
//! `bucket,key` would be taken for one.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use brigade_config::{Explained, UsageError};
use brigade_model::Timestamp;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{CancelToken, ListObjectVersions, ListObjectsV2, VersionMarker, send};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use self::selection::{Entry, Selection};
use super::access::{ConfigFlag, StoreFlags, Tools};
use crate::printer::{self, OnTerminal};
use crate::progress::counted;
use crate::s3_url::S3Url;
use crate::store_path::StorePath;

pub mod selection;

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
    /// Write a CSV manifest of the objects under a prefix, or of their versions: rows of bucket and key, and of version
    List(ListArguments),
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Which objects; STORE/BUCKET/PREFIX for those of a named store
    #[arg(value_name = "s3://BUCKET/PREFIX")]
    from: StorePath,
    /// Write into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    store: StoreFlags,
}

/// What is listed.
pub struct Listing {
    /// Everything under this.
    pub from: S3Url,
    /// Of that, these.
    pub selection: Selection,
    /// When the listing began: ages end here.
    pub now: Timestamp,
}

impl Listing {
    /// All objects under this.
    #[must_use]
    pub fn all(from: S3Url) -> Self {
        // No age is asked for.
        Self { from, selection: Selection::default(), now: Timestamp::UNIX_EPOCH }
    }

    /// The first row, and the fields of all others.
    fn header(&self) -> &'static str {
        if self.selection.versions.is_some() { "Bucket,Key,VersionId" } else { "Bucket,Key" }
    }
}

/// Where the next page begins.
enum Cursor {
    Objects(Option<String>),
    Versions(Option<VersionMarker>),
}

/// Does it.
///
/// # Errors
/// [`brigade_config::UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Action::List(list) = arguments.action;
    let tools = Tools::of_system();
    let store = list.store.open_path(&arguments.config, &tools, &list.from)?;
    let listing = Listing { from: list.from.url, selection: list.selection, now: tools.clock.now() };
    let count = match &list.out {
        None => write_stdout(&*store, &listing).await?,
        Some(path) => write_file(&*store, &listing, path).await?,
    };
    let place = list.out.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let what = counted(count, if listing.selection.versions.is_some() { "version" } else { "object" });
    printer::tell(format_args!("{what} written to {place}, fields {}", listing.header()));
    Ok(())
}

async fn write_stdout(store: &dyn ObjectStore, listing: &Listing) -> anyhow::Result<u64> {
    let out = BufWriter::new(std::io::stdout());
    let listed = match std::io::stdout().is_terminal() {
        true => write_listing(store, listing, OnTerminal::new(out), count_on_stderr()).await,
        false => write_listing(store, listing, out, count_on_stderr()).await,
    };
    listed.map_err(|error| error.downcast::<std::io::Error>().map_or_else(|other| other, printer::told))
}

/// Writes beside the file and renames in the end: half a list must not pass for a whole one.
async fn write_file(store: &dyn ObjectStore, listing: &Listing, path: &Path) -> anyhow::Result<u64> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let what = format!("--out {}: there is no folder {}", path.display(), folder.display());
        return Err(Explained::new(UsageError(what), ["make it, or name another".to_owned()]).into());
    }
    let partial = path.with_added_extension("partial");
    let unwritable = || format!("cannot write {}", partial.display());
    let file = File::create(&partial).with_context(unwritable)?;
    let listed = write_listing(store, listing, BufWriter::new(file), count_on_stderr()).await;
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
pub fn count_on_stderr() -> impl FnMut(u64) {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg}").expect("the template is sound");
    let spinner = ProgressBar::with_draw_target(None, target).with_style(style).with_finish(ProgressFinish::AndClear);
    move |count| {
        spinner.set_message(counted(count, "object"));
        spinner.tick();
    }
}

/// Writes a row for each object or version of the listing, page by page, and says how many they were.
/// `progress` hears the count after each page.
///
/// # Errors
/// When the store does not list or the rows cannot be written.
pub async fn write_listing(
    store: &dyn ObjectStore,
    listing: &Listing,
    mut out: impl Write,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<u64> {
    let bucket = quoted(listing.from.bucket.as_str());
    let (mut count, mut is_first) = (0, true);
    let mut cursor = Some(match listing.selection.versions {
        None => Cursor::Objects(None),
        Some(_) => Cursor::Versions(None),
    });
    while let Some(at) = cursor {
        let page = read_page(store, &listing.from, at).await;
        let entries;
        (entries, cursor) = page.with_context(|| format!("listing {}", listing.from))?;
        // Only once the store has answered: an error leaves nothing behind on standard output.
        if std::mem::take(&mut is_first) {
            writeln!(out, "{}", listing.header())?;
        }
        for entry in entries {
            if !listing.selection.takes(&entry, listing.now)? {
                continue;
            }
            write!(out, "{bucket},{}", quoted(entry.key.as_str()))?;
            if let Some(version) = &entry.version {
                write!(out, ",{}", quoted(version.as_str()))?;
            }
            writeln!(out)?;
            count += 1;
        }
        progress(count);
    }
    out.flush()?;
    Ok(count)
}

/// A page, and where the next one begins.
async fn read_page(store: &dyn ObjectStore, from: &S3Url, at: Cursor) -> anyhow::Result<(Vec<Entry>, Option<Cursor>)> {
    let (bucket, prefix, cancel) = (from.bucket.clone(), from.path.clone(), CancelToken::unbounded());
    Ok(match at {
        Cursor::Objects(continuation_token) => {
            let call = ListObjectsV2 { bucket, prefix, continuation_token, max_keys: PAGE_KEYS };
            let page = send(store, &cancel, call).await?;
            (page.objects.into_iter().map(Entry::from).collect(), page.next.map(|next| Cursor::Objects(Some(next))))
        }
        Cursor::Versions(after) => {
            let page = send(store, &cancel, ListObjectVersions { bucket, prefix, after }).await?;
            (page.versions.into_iter().map(Entry::from).collect(), page.next.map(|next| Cursor::Versions(Some(next))))
        }
    })
}

/// A cell of a CSV file (RFC 4180). One that begins or ends with a blank is quoted too: other
/// programs may trim cells that are not, and this one asks the store what is meant by a blank that
/// stands behind every comma.
pub(crate) fn quoted(cell: &str) -> Cow<'_, str> {
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
    use brigade_model::ports::Clock;
    use brigade_model::ports::object_store::At;
    use brigade_model::ports::object_store::{DeleteObject, NewObject, PutObject};
    use brigade_runtime::{SeededEntropy, SimulatedClock, SystemClock};
    use brigade_s3::simulated::{Body, SimulatedConfig, SimulatedStore, Versioning};
    use brigade_wire::cos::qcs;
    use bytes::Bytes;
    use clap::Parser as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use brigade_config::Config;
    use brigade_server::roles::open_endpoint;

    /// `brigade manifest list s3://photos/p/` with these flags, at the beginning of 2026.
    fn listing(flags: &[&str]) -> Listing {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            selection: Selection,
        }
        let flags = Flags::try_parse_from([&["list"], flags].concat()).unwrap();
        let now = SimulatedClock::new().now();
        Listing { from: "s3://photos/p/".parse().unwrap(), selection: flags.selection, now }
    }

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
        let listing = listing(&[]);
        let error = tokio::select! {
            written = write_file(&store, &listing, &path) => written.unwrap_err(),
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
        let count = write_listing(&store, &listing(&[]), &mut out, |count| pages.push(count)).await.unwrap();
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

    /// A bucket with versions: of `p/a.jpg` two and a delete marker, days old; of `p/b/c.txt` one of today.
    async fn versioned() -> (SimulatedStore, Arc<SimulatedClock>) {
        let clock = Arc::new(SimulatedClock::new());
        let store = SimulatedStore::new(SimulatedConfig::default(), clock.clone(), Arc::new(SeededEntropy::new(1)));
        store.create_bucket(&"photos".parse().unwrap(), Versioning::Enabled).unwrap();
        let at = |key: &str| At { bucket: "photos".parse().unwrap(), key: key.parse().unwrap() };
        let cancel = CancelToken::unbounded();
        let put = async |key: &str, bytes: usize, class: Option<&str>| {
            let with = NewObject { storage_class: class.map(str::to_owned), ..NewObject::default() };
            send(&store, &cancel, PutObject::new(at(key), vec![b'x'; bytes], with)).await.unwrap();
            clock.sleep(std::time::Duration::from_secs(86_400)).await;
        };
        put("p/a.jpg", 10, None).await;
        put("p/a.jpg", 2000, Some("STANDARD_IA")).await;
        send(&store, &cancel, DeleteObject { at: at("p/a.jpg"), version: None, if_match: None }).await.unwrap();
        clock.sleep(std::time::Duration::from_secs(86_400)).await;
        put("p/b/c.txt", 3000, None).await;
        (store, clock)
    }

    /// The keys of the rows, each with the age of its version in days.
    async fn rows(flags: &[&str]) -> Vec<String> {
        let (store, clock) = versioned().await;
        let listing = Listing { now: clock.now(), ..listing(flags) };
        let mut out = Vec::new();
        let count = write_listing(&store, &listing, &mut out, |_| ()).await.unwrap();
        let mut reader = csv::Reader::from_reader(&out[..]);
        let fields = if listing.selection.versions.is_some() { 3 } else { 2 };
        assert_eq!(reader.headers().unwrap().len(), fields);
        let versions = store.list_versions(&"photos".parse().unwrap(), "", None, 99).unwrap().0;
        let rows: Vec<String> = reader
            .records()
            .map(|row| {
                let row = row.unwrap();
                let listed = versions.iter().find(|one| {
                    one.key.as_str() == &row[1] && row.get(2).is_none_or(|version| one.version.as_str() == version)
                });
                format!("{}-{}", &row[1], clock.now().duration_since(listed.unwrap().modified).as_hours() / 24)
            })
            .collect();
        assert_eq!(rows.len() as u64, count);
        rows
    }

    #[tokio::test(start_paused = true)]
    async fn a_manifest_names_the_versions_that_are_asked_for() {
        assert_eq!(rows(&[]).await, ["p/b/c.txt-1"], "a deleted key has no object");
        let all = ["p/a.jpg-2", "p/a.jpg-3", "p/a.jpg-4", "p/b/c.txt-1"];
        assert_eq!(rows(&["--versions", "all"]).await, all);
        assert_eq!(rows(&["--versions", "noncurrent"]).await, all[1..3]);
        assert_eq!(rows(&["--versions", "markers"]).await, all[..1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_manifest_names_what_passes_every_filter() {
        let table: [(&[&str], &[&str]); 11] = [
            (&["--older-than", "72h"], &["p/a.jpg-4"]),
            (&["--newer-than", "60h"], &["p/a.jpg-2", "p/b/c.txt-1"]),
            (&["--older-than", "36h", "--newer-than", "84h"], &["p/a.jpg-2", "p/a.jpg-3"]),
            (&["--larger-than", "1KiB"], &["p/a.jpg-3", "p/b/c.txt-1"]),
            (&["--smaller-than", "2000"], &["p/a.jpg-4"]),
            (&["--class", "STANDARD_IA"], &["p/a.jpg-3"]),
            (&["--class", "STANDARD", "--class", "STANDARD_IA", "--match", "*.jpg"], &["p/a.jpg-3", "p/a.jpg-4"]),
            (&["--match", "p/*.txt"], &["p/b/c.txt-1"]),
            (&["--match", "*.{png,txt}", "--match", "?/a*"], &["p/a.jpg-2", "p/a.jpg-3", "p/a.jpg-4", "p/b/c.txt-1"]),
            (&["--not-match", "*.jpg"], &["p/b/c.txt-1"]),
            (&["--match", "a.jpg"], &[]),
        ];
        for (flags, expected) in table {
            assert_eq!(rows(&[&["--versions", "all"], flags].concat()).await, expected, "{flags:?}");
        }
        assert_eq!(rows(&["--smaller-than", "1KiB"]).await, [] as [&str; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_of_more_versions_than_a_page_has_is_listed_with_all_of_them() {
        let (store, clock) = versioned().await;
        let at = At { bucket: "photos".parse().unwrap(), key: "p/many".parse().unwrap() };
        for _ in 0..2500 {
            store.put(&at, Body::from(Bytes::from("x"))).unwrap();
        }
        let listing = Listing { now: clock.now(), ..listing(&["--versions", "all", "--match", "*many"]) };
        let mut out = Vec::new();
        let count = write_listing(&store, &listing, &mut out, |_| ()).await.unwrap();
        let rows: std::collections::BTreeSet<&[u8]> = out.split(|byte| *byte == b'\n').collect();
        // And the header, and what follows the last line.
        assert_eq!((count, rows.len()), (2500, 2502));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_what_it_takes() {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            selection: Selection,
        }
        let refused = |flag: &str, value: &str| match Flags::try_parse_from(["list", flag, value]) {
            Ok(flags) => panic!("{:?}", flags.selection),
            Err(error) => error.to_string(),
        };
        assert!(refused("--older-than", "30").contains("takes a duration such as"));
        assert!(refused("--larger-than", "1GB").contains("takes a size such as"));
        assert!(refused("--match", "[a").contains("unclosed character class"));
        assert!(refused("--versions", "old").contains("noncurrent"));
    }
}
