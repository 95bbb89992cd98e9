//! Looks at what a job will meet before it may run: at the objects of a sample of its rows and at the
//! bucket that it copies into. It changes nothing.
//!
//! ```text
//! the bucket that is copied into     one ListObjectsV2 of one key, and one GetBucketOwnershipControls where
//!                                    the copy sets an ACL
//! each row of the sample             one HeadObject, at most 100
//! the bucket of the rows             one ListObjectsV2 of one key, only where no HeadObject found
//!                                    anything: a HEAD has no body, and does not tell a missing object
//!                                    from a missing bucket, nor a refused object from a refused key
//! the same bucket                    one GetBucketRequestPayment, only where a look was denied
//! ```
//!
//! [`PreflightFinding`] is the table of what may be found: what dooms every row fails the job, the rest is told
//! in its reason and its notes. The report's place is proved before (`report/trial`). A store that does
//! not answer ends the looks: the job waits for it when it runs, and a stage's place is not for that.

use brigade_model::job::Prepared;
use brigade_model::limits::COPY_OBJECT_BYTES_MAX;
use brigade_model::operation::{Copy, Directive};
use brigade_model::ports::object_store::{
    At, BUCKET_OWNER_ENFORCED, CallError, GetBucketOwnershipControls, GetBucketRequestPayment, HeadObject,
    ListObjectsV2, ObjectHead, REQUESTER, Verdict, send,
};
use brigade_model::{BucketName, Job, Operation, Task};
use futures::stream::{self, StreamExt};

use super::context::Prepare;
use super::doubts::read_as;
use crate::manifest::row::Row;
use crate::places::Place;
use crate::slice::{codec, meaning_of_empty_version};
use crate::stage_error::StageError;
use finding::PreflightFinding;

mod finding;

/// Looks under way at once: a few round trips for a sample, and no burst. ours
const LOOKS_AT_ONCE: usize = 16;

/// A key and a store's words are shown this long each, bytes: a job's reason has 256 in all. ours
const SHOWN_BYTES: usize = 80;

/// What was found, in the order in which it is told.
type Findings = Vec<(PreflightFinding, String)>;

/// Looks at the sampled rows of a job whose rows are all counted; gives what was prepared, with what
/// was found as notes.
///
/// # Errors
/// [`StageError::Failed`] when what was found dooms every row.
pub(crate) async fn preflight(
    what: Prepare<'_>,
    mut prepared: Prepared,
    rows: Vec<Row>,
) -> Result<Prepared, StageError> {
    let tasks = meant_tasks(what.job, &prepared, rows);
    let Some(first) = tasks.first() else { return Ok(prepared) };
    let mut found = Findings::new();
    if let Operation::Copy(copy) = &what.job.spec.operation {
        found.extend(look_at_bucket(what, &what.places.target, &copy.target.bucket).await?);
        fail(&found)?;
        if sets_acl(copy) && found.is_empty() {
            found.extend(look_for_acls(what, &copy.target.bucket).await?);
        }
    }
    let bucket = first.bucket.clone();
    let seen = look_at_objects(what, tasks).await?;
    if seen.is_nothing_found() {
        found.extend(look_at_bucket(what, &what.places.source, &bucket).await?);
        fail(&found)?;
    }
    found.extend(seen.findings(what.job));
    fail(&found)?;
    if seen.refusal.as_ref().is_some_and(|refusal| refusal.verdict == Verdict::Denied) {
        found.extend(look_for_payer(what, &bucket).await?);
    }
    prepared.notes.extend(found.into_iter().map(|(_, text)| text));
    Ok(prepared)
}

/// The tasks of the rows, as a worker will read them; without those that fail by themselves. All name
/// one bucket, for rows of another than the first are defects.
fn meant_tasks(job: &Job, prepared: &Prepared, rows: Vec<Row>) -> Vec<Task> {
    let meaning = meaning_of_empty_version(&Job { prepared: Some(prepared.clone()), ..job.clone() });
    let read = |row| read_as(row, prepared.separator).map(|task| codec::read_empty_version(task, meaning));
    rows.into_iter().filter_map(read).filter(|task| task.defect.is_none()).collect()
}

fn fail(found: &Findings) -> Result<(), StageError> {
    match found.iter().find_map(|(finding, text)| finding.failure(text)) {
        Some(why) => Err(StageError::Failed(why)),
        None => Ok(()),
    }
}

/// What keeps the job from a bucket, as far as listing one key of it tells.
async fn look_at_bucket(
    what: Prepare<'_>,
    place: &Place,
    named: &BucketName,
) -> Result<Option<(PreflightFinding, String)>, StageError> {
    let Some(bucket) = place.buckets.resolve(named) else { return Ok(Some(not_allowed(named))) };
    let list = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 };
    let Err(error) = send(&*place.store, what.cancel, list).await else { return Ok(None) };
    if error.verdict == Verdict::Stopped {
        return Err(StageError::Stopped);
    }
    let finding = PreflightFinding::of_error(&error).unwrap_or(PreflightFinding::LookRefused);
    let said = shown(without_wait(&error.to_string()));
    let text = match finding {
        PreflightFinding::BucketMissing => format!("there is no bucket {named} at endpoint {}: {said}", place.endpoint),
        PreflightFinding::WrongRegion => {
            format!("bucket {named} is in another region than endpoint {}: {said}", place.endpoint)
        }
        PreflightFinding::CredentialsRefused => format!("endpoint {} refuses the credentials: {said}", place.endpoint),
        PreflightFinding::Unanswered => format!("bucket {named} was not looked at: {said}"),
        _ => format!("bucket {named} may not be listed, as the job need not: {said}"),
    };
    Ok(Some((finding, text)))
}

/// What the store said, without the words on the wait of a call that the refusal ended: the finding has them.
fn without_wait(said: &str) -> &str {
    said.rsplit_once(" refuses the credentials: ").map_or(said, |(_, said)| said)
}

/// Whether the target gets another ACL than its bucket's default.
fn sets_acl(copy: &Copy) -> bool {
    let takes_sources = matches!(copy.acl_directive, Some(Directive::Copy | Directive::Add));
    takes_sources || copy.canned_acl.is_some() || !copy.grants.is_empty()
}

/// Whether the bucket says that its objects have no ACLs. Few roles may ask, and few stores know of it:
/// no answer says anything.
async fn look_for_acls(
    what: Prepare<'_>,
    named: &BucketName,
) -> Result<Option<(PreflightFinding, String)>, StageError> {
    let place = &what.places.target;
    let Some(bucket) = place.buckets.resolve(named) else { return Ok(None) };
    match send(&*place.store, what.cancel, GetBucketOwnershipControls { bucket }).await {
        Ok(Some(ownership)) if ownership == BUCKET_OWNER_ENFORCED => {
            let text = format!("bucket {named} has no ACLs, and the copy sets one: the store may refuse every row");
            Ok(Some((PreflightFinding::WithoutAcls, text)))
        }
        Err(error) if error.verdict == Verdict::Stopped => Err(StageError::Stopped),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether the bucket says that its requester pays, which its owner may ask. No answer says anything.
async fn look_for_payer(
    what: Prepare<'_>,
    named: &BucketName,
) -> Result<Option<(PreflightFinding, String)>, StageError> {
    let place = &what.places.source;
    let Some(bucket) = place.buckets.resolve(named) else { return Ok(None) };
    match send(&*place.store, what.cancel, GetBucketRequestPayment { bucket }).await {
        Ok(Some(payer)) if payer == REQUESTER => {
            let text = format!(
                "the requester pays for bucket {named}: it refuses requests unless endpoint {} has requester_pays = true",
                place.endpoint
            );
            Ok(Some((PreflightFinding::RequesterPays, text)))
        }
        Err(error) if error.verdict == Verdict::Stopped => Err(StageError::Stopped),
        Ok(_) | Err(_) => Ok(None),
    }
}

fn not_allowed(bucket: &BucketName) -> (PreflightFinding, String) {
    (PreflightFinding::BucketNotAllowed, format!("every row fails: the role does not allow bucket {bucket}"))
}

/// What reading the head of an object told.
enum HeadResult {
    Head(Box<ObjectHead>),
    /// It is there, as a delete marker.
    Marker,
    NotAllowed,
    Error(CallError),
}

/// The objects of a sample, as far as they were looked at.
#[derive(Default)]
struct Seen {
    /// Those for which the store answered whether they exist.
    answered: usize,
    existing: usize,
    missing: Counted,
    refused: Counted,
    archived: Counted,
    large: Counted,
    /// What the first refusal said.
    refusal: Option<CallError>,
    /// The role does not allow the bucket.
    not_allowed: Option<BucketName>,
    /// Why not all were looked at.
    unanswered: Option<CallError>,
}

/// How many objects, and the first of them.
#[derive(Default)]
struct Counted {
    objects: usize,
    first: Option<(u64, String)>,
}

impl Counted {
    fn add(&mut self, task: &Task) {
        self.objects += 1;
        if self.first.as_ref().is_none_or(|(number, _)| task.number < *number) {
            self.first = Some((task.number, shown(task.key.as_str())));
        }
    }

    /// `None` when there are none.
    fn tell(&self, of: usize, what: &str) -> Option<String> {
        let (_, key) = self.first.as_ref()?;
        Some(format!("{} of {of} objects looked at {what}, such as {key:?}", self.objects))
    }
}

/// Reads the heads of the objects of these tasks, until the store does not answer.
async fn look_at_objects(what: Prepare<'_>, tasks: Vec<Task>) -> Result<Seen, StageError> {
    let mut seen = Seen::default();
    let mut looks = stream::iter(tasks).map(|task| look_at(what, task)).buffer_unordered(LOOKS_AT_ONCE);
    while let Some((task, look)) = looks.next().await {
        match look {
            HeadResult::Error(error) if error.verdict == Verdict::Stopped => return Err(StageError::Stopped),
            look => seen.note(&what.job.spec.operation, &task, look),
        }
        if seen.unanswered.is_some() || seen.not_allowed.is_some() {
            break;
        }
    }
    Ok(seen)
}

async fn look_at(what: Prepare<'_>, task: Task) -> (Task, HeadResult) {
    let source = &what.places.source;
    let Some(bucket) = source.buckets.resolve(&task.bucket) else { return (task, HeadResult::NotAllowed) };
    let head = HeadObject { at: At { bucket, key: task.key.clone() }, version: task.version.clone() };
    let look = match send(&*source.store, what.cancel, head).await {
        Ok(head) => HeadResult::Head(Box::new(head)),
        Err(error) if error.http_status == Some(405) => HeadResult::Marker,
        Err(error) => HeadResult::Error(error),
    };
    (task, look)
}

impl Seen {
    fn note(&mut self, operation: &Operation, task: &Task, look: HeadResult) {
        match look {
            HeadResult::Head(head) => {
                (self.answered, self.existing) = (self.answered + 1, self.existing + 1);
                if matches!(operation, Operation::Copy(_)) {
                    self.note_copied(task, &head);
                }
            }
            HeadResult::Marker => (self.answered, self.existing) = (self.answered + 1, self.existing + 1),
            HeadResult::NotAllowed => self.not_allowed = Some(task.bucket.clone()),
            HeadResult::Error(error) => match PreflightFinding::of_error(&error) {
                None => {
                    self.answered += 1;
                    self.missing.add(task);
                }
                Some(PreflightFinding::Unanswered) => self.unanswered = Some(error),
                Some(_) => {
                    self.answered += 1;
                    self.refused.add(task);
                    self.refusal.get_or_insert(error);
                }
            },
        }
    }

    fn note_copied(&mut self, task: &Task, head: &ObjectHead) {
        if is_archived(head) {
            self.archived.add(task);
        }
        if head.size > COPY_OBJECT_BYTES_MAX {
            self.large.add(task);
        }
    }

    /// Whether the store said of every object only that it is not there or not for us: it may be the
    /// bucket, or the key that signs.
    fn is_nothing_found(&self) -> bool {
        self.answered > 0 && self.existing == 0 && self.unanswered.is_none()
    }

    /// What the job is told of its objects.
    fn findings(&self, job: &Job) -> Findings {
        let of = self.answered;
        let missing = PreflightFinding::of_missing(job, self.missing.objects, of);
        let refused = self.refusal.as_ref().map(refused_text).unwrap_or_default();
        let counted = [
            (missing, self.missing.tell(of, "do not exist")),
            (PreflightFinding::LookRefused, self.refused.tell(of, &refused)),
            (PreflightFinding::Archived, self.archived.tell(of, "are archived and cannot be copied before a restore")),
            (PreflightFinding::Large, self.large.tell(of, "are above 5 GiB and will be copied in parts")),
        ];
        let unanswered = self.unanswered.as_ref().map(|error| {
            (PreflightFinding::Unanswered, format!("not all objects were looked at: {}", shown(&error.to_string())))
        });
        let counted = counted.into_iter().filter_map(|(finding, text)| Some((finding, text?)));
        self.not_allowed.iter().map(not_allowed).chain(counted).chain(unanswered).collect()
    }
}

/// A HEAD is refused without a word on why.
fn refused_text(error: &CallError) -> String {
    let why = match error.verdict {
        Verdict::Denied => ": a right is missing, or the bucket's requester pays",
        _ => "",
    };
    format!("may not be looked at ({}{why})", error.code)
}

/// Whether its bytes cannot be read before a restore: the stores' words for such classes.
fn is_archived(head: &ObjectHead) -> bool {
    let is_in_archive = matches!(head.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE" | "ARCHIVE"));
    let is_restored = head.restore.as_deref().is_some_and(|said| said.contains("ongoing-request=\"false\""));
    is_in_archive && !is_restored
}

fn shown(text: &str) -> String {
    brigade_model::outcome::cut(text.to_owned(), SHOWN_BYTES)
}

#[cfg(test)]
mod tests;
