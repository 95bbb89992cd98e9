//! Decides what the rows of a manifest do not tell by themselves: what separates their cells,
//! whether keys are percent-encoded, whether the first row is a header.
//!
//! It tries a sample of the rows in doubt in each reading, without changing anything:
//!
//! ```text
//! doubt                            objects exist of              so
//! one blank behind each comma      the keys with their blanks    blanks belong to keys
//!                                  the keys without them         the blank is the separator's
//!                                  both, neither, or a refusal   the job fails: separator
//! keys with %XX, taken as raw      the decoded keys only         the job fails: key-encoding
//!                                  anything else                 keys are raw
//! another bucket in the 1st row    the second row's bucket only, the job fails: header
//!                                  or a refusal to look there
//! ```
//!
//! A failure names the job option that ends the doubt. A store that is away decides nothing:
//! the job waits.

use brigade_model::options::{KeyEncoding, Separator};
use brigade_model::ports::object_store::{At, CallError, HeadObject, ListObjectsV2, Verdict, send};
use brigade_model::{BucketName, JobId, ObjectKey, Task};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::context::Prepare;
use super::sample::Sample;
use crate::manifest::csv::StrangeFirstRow;
use crate::manifest::row::{self, Row};
use crate::manifest::tasks::TaskReader;
use crate::manifest::{Doubt, Located};
use crate::stage_error::StageError;

/// Looks under way at once: a few round trips for a sample, and no burst. ours
const LOOKS_AT_ONCE: usize = 16;

/// A refusal is told this long, bytes: a failure's reason has 256 in all.
const SHOWN_REFUSAL_BYTES: usize = 60;

/// The rows in doubt of a manifest that is being read.
pub(super) struct Doubts {
    separated: Sample<Row>,
    encoded: Sample<Row>,
}

impl Doubts {
    pub(super) fn new(job: JobId) -> Self {
        Self { separated: Sample::new(job), encoded: Sample::new(job) }
    }

    /// Takes a row of the manifest in.
    pub(super) fn see(&mut self, row: &Row, manifest: &TaskReader<'_>) {
        if row.task.defect.is_some() {
            return;
        }
        if manifest.separator().is_none() {
            self.separated.offer(row.task.number, || row.clone());
        }
        if manifest.is_encoding_assumed() && row::has_escapes(row.task.key.as_str()) {
            self.encoded.offer(row.task.number, || row.clone());
        }
    }

    /// Decides what is in doubt now that all rows are known; gives what separates cells: what the
    /// rows tell, or else one of those that they leave possible.
    ///
    /// # Errors
    /// [`StageError::Failed`] when a doubt remains, [`StageError::Again`] when the store is away.
    pub(super) async fn decide(
        self,
        what: Prepare<'_>,
        (known, possible): (Option<Separator>, Vec<Separator>),
    ) -> Result<Separator, StageError> {
        let separator = match known {
            Some(separator) => separator,
            None => decide_separator(what, &possible, self.separated.into_rows().collect()).await?,
        };
        let encoded = self.encoded.into_rows().filter_map(|row| read_as(row, separator)).collect();
        check_encoding(what, encoded).await?;
        Ok(separator)
    }
}

/// The task of a row in this reading; `None` when its key would be none.
pub(super) fn read_as(row: Row, separator: Separator) -> Option<Task> {
    let key = match separator {
        Separator::Comma if row.is_behind_blank => ObjectKey::new(format!(" {}", row.task.key)).ok()?,
        Separator::Comma | Separator::CommaBlank => row.task.key,
    };
    Some(Task { key, ..row.task })
}

async fn decide_separator(what: Prepare<'_>, possible: &[Separator], rows: Vec<Row>) -> Result<Separator, StageError> {
    // Without a task there is nothing to read.
    if rows.is_empty() {
        return Ok(Separator::Comma);
    }
    let tasks = |separator| -> Vec<Task> {
        let rows = rows.iter().filter(|_| possible.contains(&separator));
        rows.filter_map(|row| read_as(row.clone(), separator)).collect()
    };
    let exact = look(what, tasks(Separator::Comma)).await?;
    let without_blank = look(what, tasks(Separator::CommaBlank)).await?;
    let why = match (exact, without_blank) {
        (Existing { refusal: Some(refusal), .. }, _) | (_, Existing { refusal: Some(refusal), .. }) => {
            format!("a look was refused: {refusal}")
        }
        (Existing { exists: true, .. }, Existing { exists: false, .. }) => return Ok(Separator::Comma),
        (Existing { exists: false, .. }, Existing { exists: true, .. }) => return Ok(Separator::CommaBlank),
        (Existing { exists: true, .. }, Existing { exists: true, .. }) => {
            "objects exist with and without it".to_owned()
        }
        (Existing { exists: false, .. }, Existing { exists: false, .. }) => {
            "no object exists with it or without".to_owned()
        }
    };
    Err(doubtful(what, Doubt::Separator(why)))
}

async fn check_encoding(what: Prepare<'_>, tasks: Vec<Task>) -> Result<(), StageError> {
    let decoded = |encoding, tasks: &[Task]| -> Vec<Task> {
        let decode = |task: &Task| {
            let key = row::key(task.number, task.key.as_str(), encoding).ok()?;
            Some(Task { key, ..task.clone() })
        };
        tasks.iter().filter_map(decode).collect()
    };
    // Only a `+` tells the two encodings apart.
    let with_plus: Vec<Task> = tasks.iter().filter(|task| task.key.as_str().contains('+')).cloned().collect();
    // What a refusal hides is not known to be there: raw keys are acted on only where nothing
    // speaks for the others.
    let has_decoded = look(what, decoded(KeyEncoding::Url, &tasks)).await?.exists;
    let has_form = !has_decoded && look(what, decoded(KeyEncoding::Form, &with_plus)).await?.exists;
    if (has_decoded || has_form) && !look(what, tasks).await?.exists {
        let value = if has_decoded { "url" } else { "form" };
        return Err(doubtful(what, Doubt::Encoding(value)));
    }
    Ok(())
}

/// Refuses a first row whose bucket does not exist, or is none of the role's, while the next
/// row's may: it is a header with other names, and would be the job's bucket. A role that may not
/// list the next row's bucket hides nothing by that.
///
/// # Errors
/// [`StageError::Failed`] when it is, [`StageError::Again`] when the store is away.
pub(super) async fn refuse_header(what: Prepare<'_>, first: StrangeFirstRow) -> Result<(), StageError> {
    let is_missing = bucket_exists(what, &first.bucket).await? == Bucket::Missing;
    if !is_missing || bucket_exists(what, &first.next_bucket).await? == Bucket::Missing {
        return Ok(());
    }
    Err(doubtful(what, Doubt::Header(first)))
}

fn doubtful(what: Prepare<'_>, doubt: Doubt) -> StageError {
    Located::manifest_of(what.job).error(doubt).into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    /// It does, or the store does not say.
    MayExist,
    /// There is none that the role may touch.
    Missing,
}

async fn bucket_exists(what: Prepare<'_>, bucket: &BucketName) -> Result<Bucket, StageError> {
    let source = &what.places.source;
    let Some(bucket) = source.buckets.resolve(bucket) else { return Ok(Bucket::Missing) };
    let list = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 };
    match send(&*source.store, what.cancel, list).await {
        Ok(_) => Ok(Bucket::MayExist),
        // No bucket has a name that the store does not take: a column's name often is none.
        Err(error) if error.verdict == Verdict::Missing || error.code == "InvalidBucketName" => Ok(Bucket::Missing),
        Err(error) => away(error).map(|_| Bucket::MayExist),
    }
}

/// What reading the heads of some objects found.
#[derive(Debug, Default)]
struct Existing {
    /// One of them exists.
    exists: bool,
    /// Why the store refused to read one of them.
    refusal: Option<String>,
}

/// Looks whether any of these objects exists.
async fn look(what: Prepare<'_>, tasks: Vec<Task>) -> Result<Existing, StageError> {
    let looks = stream::iter(tasks).map(|task| look_at(what, task)).buffer_unordered(LOOKS_AT_ONCE);
    let found: Vec<Existing> = looks.try_collect().await?;
    let exists = found.iter().any(|found| found.exists);
    Ok(Existing { exists, refusal: found.into_iter().find_map(|found| found.refusal) })
}

async fn look_at(what: Prepare<'_>, task: Task) -> Result<Existing, StageError> {
    let source = &what.places.source;
    let Some(bucket) = source.buckets.resolve(&task.bucket) else {
        return Ok(Existing { exists: false, refusal: Some("the role does not allow the bucket".to_owned()) });
    };
    let head = HeadObject { at: At { bucket, key: task.key }, version: task.version };
    match send(&*source.store, what.cancel, head).await {
        Ok(_) => Ok(Existing { exists: true, refusal: None }),
        Err(error) if error.verdict == Verdict::Missing => Ok(Existing::default()),
        // The version is there, and is a delete marker.
        Err(error) if error.http_status == Some(405) => Ok(Existing { exists: true, refusal: None }),
        Err(error) => away(error).map(|refusal| Existing { exists: false, refusal: Some(refusal) }),
    }
}

/// What a refused call says; an error when the store did not answer it.
fn away(error: CallError) -> Result<String, StageError> {
    match error.verdict {
        _ if error.names_unknown_credentials() => Err(StageError::credentials_refused(&error)),
        Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid => {
            Ok(brigade_model::outcome::cut(error.to_string(), SHOWN_REFUSAL_BYTES))
        }
        Verdict::Stopped => Err(StageError::Stopped),
        Verdict::Throttled | Verdict::Transient | Verdict::Unavailable | Verdict::CredentialsRefused => {
            Err(StageError::Again(format!("the objects of the manifest cannot be looked at: {error}")))
        }
    }
}
