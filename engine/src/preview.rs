//! What a job is going to do, before it does it: the effects in sentences, the requests and the time that they need at
//! least, and the first rows. Made from the job, its role's places and its first slice; it sends no request. Its dry run
//! tells more, at the price of the reads that the operation makes.

use brigade_model::limits::DELETE_OBJECTS_KEYS_MAX;
use brigade_model::operation::{Copy, Directive, NewMetadata, ObjectAcl, Retention, SetRetention, Tag, Tagging};
use brigade_model::{Job, ObjectKey, Operation, Task};

use crate::context::EngineContext;
use crate::dry_run::{Load, estimate};
use crate::slice;
use crate::stage_error::StageError;

/// Rows that are shown.
const ROWS: usize = 5;

/// What a job is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The effects, the gravest first.
    pub effects: Vec<String>,
    /// The requests of each kind, by the names of the S3 API: at least so many.
    pub requests: Vec<(String, u64)>,
    /// How long they take at least under the limits in force now.
    pub seconds: u64,
    /// The first tasks, each with the key that it writes, where that is another object.
    pub rows: Vec<(Task, Option<ObjectKey>)>,
}

impl EngineContext {
    /// What the job is going to do; `None` before its manifest is read, and once its slices are removed.
    ///
    /// # Errors
    /// [`StageError`] when its first slice cannot be read.
    pub(crate) async fn preview(&self, job: &Job) -> Result<Option<Preview>, StageError> {
        if job.prepared.is_none() || job.outcomes_removed.is_some() {
            return Ok(None);
        }
        let first = self.ports.jobs.slices(job.id, 0, 1).await?;
        let mut rows = Vec::new();
        if let Some(row) = first.first() {
            for task in slice::open(&*self.ports.spool, job, row).await?.take(ROWS) {
                let task = task.map_err(|error| slice::unreadable(row, &error))?;
                let target = match &job.spec.operation {
                    Operation::Copy(copy) => copy.target_of(&task.key),
                    _ => None,
                };
                rows.push((task, target));
            }
        }
        let requests = requests(&job.spec.operation, job.progress.total);
        let count = requests.iter().map(|(_, count)| count).sum();
        let load = Load { requests: count, objects: count.max(job.progress.total), bytes: 0 };
        let seconds = estimate(load, &self.speeds_of(job));
        let bucket = rows.first().map(|(task, _)| task.bucket.to_string()).unwrap_or_default();
        Ok(Some(Preview { effects: self.effects(job, &bucket), requests, seconds, rows }))
    }

    /// The effects, with the places where they happen.
    fn effects(&self, job: &Job, bucket: &str) -> Vec<String> {
        let places = self.places_of(job).ok();
        let at = |endpoint: Option<String>| endpoint.map(|name| format!(" at endpoint {name}")).unwrap_or_default();
        let source = at(places.as_ref().map(|places| places.source.endpoint.to_string()));
        let target = at(places.as_ref().map(|places| places.target.endpoint.to_string()));
        let dry = job.spec.options.is_dry_run().then(|| "dry run: nothing is changed".to_owned());
        let named = job.prepared.as_ref().is_some_and(|prepared| prepared.some_rows_have_versions);
        let effects = match &job.spec.operation {
            Operation::Copy(copy) => copy_effects(copy, (bucket, &source), &target),
            Operation::Delete if named => vec![format!(
                "deletes the versions that rows name from bucket {bucket}{source}, permanently; nothing brings them back"
            )],
            Operation::Delete => vec![
                format!("deletes each object of bucket {bucket}{source}"),
                "permanent, unless the bucket keeps versions: these stay, hidden".to_owned(),
            ],
            operation => vec![format!("{}, in bucket {bucket}{source}", effect(operation))],
        };
        dry.into_iter().chain(effects).collect()
    }
}

/// What an operation without a target does to each object.
fn effect(operation: &Operation) -> String {
    match operation {
        Operation::Tagging(Tagging { directive: Some(Directive::Add), tags }) => {
            format!("adds the tags {} and keeps the others", tag_words(tags))
        }
        Operation::Tagging(Tagging { tags, .. }) => format!("replaces all tags by {}", tag_words(tags)),
        Operation::Untagging(untagging) if untagging.keys.is_empty() => "removes all tags".to_owned(),
        Operation::Untagging(untagging) => format!("removes the tags {}", untagging.keys.join(", ")),
        Operation::Restore(restore) => {
            format!("restores each archived object for {} days, tier {}", restore.days, restore.tier.name())
        }
        Operation::Acl(ObjectAcl::Canned(canned)) => format!("replaces the ACL by {}", canned.name()),
        Operation::Acl(ObjectAcl::Grants(acl)) => format!("replaces the ACL by {} grants", acl.grants.len()),
        Operation::LegalHold(hold) if hold.is_held => "puts each object under legal hold".to_owned(),
        Operation::LegalHold(_) => "lifts the legal hold of each object".to_owned(),
        Operation::Retention(SetRetention { retention: None, .. }) => "lifts the retention of each object".to_owned(),
        Operation::Retention(SetRetention { retention: Some(Retention { mode, until }), .. }) => {
            format!("keeps each object until {until:.0}, mode {}", mode.name())
        }
        Operation::Checksum(compute) => {
            format!("reads each object and computes its {} checksum; changes nothing", compute.algorithm.name())
        }
        Operation::Encryption(update) => format!("encrypts each object with the key {}", update.key),
        Operation::Invoke(invoke) => format!("calls the function {} for each object", invoke.function),
        Operation::Copy(_) | Operation::Delete => String::new(),
    }
}

fn copy_effects(copy: &Copy, (bucket, source): (&str, &str), target: &str) -> Vec<String> {
    let into = &copy.target.bucket;
    let mut effects = vec![format!(
        "copies each object from bucket {bucket}{source} to bucket {into}{target}, over an object of that key"
    )];
    effects.push(match (copy.prefix_replace, &copy.resources_prefix, &copy.target_prefix) {
        (Some(true), from, to) => {
            let text = |prefix: &Option<String>| prefix.clone().unwrap_or_default();
            format!("keys that begin with {:?} begin with {:?} instead", text(from), text(to))
        }
        _ => "keys stay as they are".to_owned(),
    });
    effects.push(format!("class {}", copy.storage_class.as_ref().map_or("STANDARD", |class| class.s3_name())));
    effects.push(match (copy.metadata_directive, &copy.metadata) {
        (Some(Directive::Replaced), new) => format!("metadata replaced by {}", metadata_words(new.as_ref())),
        (Some(Directive::Add), new) => format!("metadata copied, with {} on top", metadata_words(new.as_ref())),
        (Some(Directive::Copy) | None, _) => "metadata copied".to_owned(),
    });
    effects.push(match copy.tagging_directive {
        Some(Directive::Replaced) => format!("tags replaced by {}", tag_words(&copy.tags)),
        Some(Directive::Add) => format!("tags copied, with {} on top", tag_words(&copy.tags)),
        Some(Directive::Copy) | None => "tags copied".to_owned(),
    });
    if copy.canned_acl.is_some() || !copy.grants.is_empty() || copy.acl_directive.is_some() {
        let canned = copy.canned_acl.map(|canned| canned.name().to_owned());
        let grants = (!copy.grants.is_empty()).then(|| format!("{} grants", copy.grants.len()));
        let given = canned.into_iter().chain(grants).collect::<Vec<_>>().join(" and ");
        effects.push(match copy.acl_directive {
            Some(Directive::Copy) => "ACL copied".to_owned(),
            Some(Directive::Add) => format!("ACL copied, with {given} on top"),
            Some(Directive::Replaced) | None => format!("ACL replaced by {given}"),
        });
    }
    effects
}

fn tag_words(tags: &[Tag]) -> String {
    let words: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn metadata_words(new: Option<&NewMetadata>) -> String {
    let Some(new) = new else { return "none".to_owned() };
    let known = [
        ("Cache-Control", &new.cache_control),
        ("Content-Disposition", &new.content_disposition),
        ("Content-Encoding", &new.content_encoding),
        ("Content-Type", &new.content_type),
        ("Expires", &new.expires),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let words: Vec<_> = known.chain(new.user.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The requests that so many tasks need at least: what one reads beforehand, and what it repeats, depends on the store.
fn requests(operation: &Operation, tasks: u64) -> Vec<(String, u64)> {
    let read_and_write = |read: &str, write: &str| vec![(read.to_owned(), tasks), (write.to_owned(), tasks)];
    let one = |name: &str| vec![(name.to_owned(), tasks)];
    match operation {
        Operation::Copy(_) => one("CopyObject"),
        Operation::Restore(_) => one("RestoreObject"),
        Operation::Delete => vec![("DeleteObjects".to_owned(), tasks.div_ceil(DELETE_OBJECTS_KEYS_MAX as u64))],
        Operation::Tagging(Tagging { directive: Some(Directive::Add), .. }) => {
            read_and_write("GetObjectTagging", "PutObjectTagging")
        }
        Operation::Tagging(_) => one("PutObjectTagging"),
        Operation::Untagging(untagging) if untagging.keys.is_empty() => one("DeleteObjectTagging"),
        Operation::Untagging(_) => read_and_write("GetObjectTagging", "PutObjectTagging"),
        Operation::Acl(_) => one("PutObjectAcl"),
        Operation::LegalHold(_) => one("PutObjectLegalHold"),
        Operation::Retention(_) => one("PutObjectRetention"),
        Operation::Checksum(_) => one("GetObject"),
        Operation::Encryption(_) => one("UpdateObjectEncryption"),
        Operation::Invoke(_) => one("Invoke"),
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::operation::StorageClass;
    use brigade_model::samples::bucket_ref;

    use super::*;

    fn tags() -> Vec<Tag> {
        vec![Tag { key: "colour".into(), value: "red".into() }]
    }

    #[test]
    fn tags_are_said_to_be_replaced_or_added() {
        let tagging = |directive| effect(&Operation::Tagging(Tagging { directive, tags: tags() }));
        for directive in [None, Some(Directive::Replaced)] {
            assert_eq!(tagging(directive), "replaces all tags by colour=red");
        }
        assert_eq!(tagging(Some(Directive::Add)), "adds the tags colour=red and keeps the others");
    }

    #[test]
    fn a_copy_says_where_to_under_which_keys_in_which_class_with_which_metadata_and_tags() {
        let plain = Copy::to(bucket_ref("backup"));
        let full = Copy {
            prefix_replace: Some(true),
            resources_prefix: Some("old/".into()),
            target_prefix: Some("new/".into()),
            storage_class: Some(StorageClass::StandardIa),
            metadata_directive: Some(Directive::Replaced),
            metadata: Some(NewMetadata { content_type: Some("text/plain".into()), ..NewMetadata::default() }),
            tagging_directive: Some(Directive::Add),
            tags: tags(),
            ..plain.clone()
        };
        let says = |copy: &Copy| copy_effects(copy, ("photos", " at endpoint main"), " at endpoint west");
        let first = "copies each object from bucket photos at endpoint main to bucket backup at endpoint west, over an \
                     object of that key";
        assert_eq!(says(&plain), [first, "keys stay as they are", "class STANDARD", "metadata copied", "tags copied"]);
        let expected = [
            first,
            "keys that begin with \"old/\" begin with \"new/\" instead",
            "class STANDARD_IA",
            "metadata replaced by Content-Type=text/plain",
            "tags copied, with colour=red on top",
        ];
        assert_eq!(says(&full), expected);
    }

    #[test]
    fn a_thousand_deletes_are_one_request_and_an_added_tag_is_a_read_and_a_write() {
        assert_eq!(requests(&Operation::Delete, 1001), [("DeleteObjects".to_owned(), 2)]);
        let add = Operation::Tagging(Tagging { directive: Some(Directive::Add), tags: tags() });
        let both = [("GetObjectTagging".to_owned(), 7), ("PutObjectTagging".to_owned(), 7)];
        assert_eq!(requests(&add, 7), both);
    }
}
