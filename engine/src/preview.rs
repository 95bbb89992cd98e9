//! What a job is going to do, before it does it: the effects in sentences, the requests and the time that they need at
//! least, and the first rows. Made from the job, its role's places and its first slice; it sends no request. Its dry run
//! tells more, at the price of the reads that the operation makes.

use brigade_model::limits::DELETE_OBJECTS_KEYS_MAX;
use brigade_model::operation::{Copy, Directive, NewMetadata, ObjectAcl, Retention, SetRetention, Tag, Tagging};
use brigade_model::ports::object_store::CallKind;
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
        let mut effects = match &job.spec.operation {
            Operation::Copy(copy) => copy_effects(copy, &source, &target),
            Operation::Delete if named => {
                vec![format!("deletes the versions that its rows name{source}, permanently; nothing brings them back")]
            }
            Operation::Delete => vec![
                format!("deletes each object that its rows name{source}"),
                "permanent, unless the bucket keeps versions: these stay, hidden".to_owned(),
            ],
            operation => vec![format!("{}{source}", effect(operation))],
        };
        // Rows may name several buckets, and only the first ones are read here.
        if !bucket.is_empty() {
            effects.insert(1, format!("the first row is in bucket {bucket}"));
        }
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
        Operation::WaitForRestore(wait) => {
            format!("looks at each object until it is readable, for {} hours at most; changes nothing", wait.hours)
        }
        Operation::Copy(_) | Operation::Delete => String::new(),
    }
}

fn copy_effects(copy: &Copy, source: &str, target: &str) -> Vec<String> {
    let into = &copy.target.bucket;
    let mut effects = vec![format!(
        "copies each object that its rows name{source} to bucket {into}{target}, over an object of that key"
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
    effects.extend(further_effects(copy));
    effects
}

/// What a copy does that few copies do.
fn further_effects(copy: &Copy) -> impl Iterator<Item = String> {
    let own_key = copy.metadata.as_ref().is_some_and(|new| new.sse_aes256);
    let key = copy.key_service.as_ref().map(|service| match &service.key {
        Some(key) => format!("encrypted with the key {key}"),
        None => "encrypted with the key service's own key".to_owned(),
    });
    let lock = copy.lock.as_ref();
    let retention = lock.and_then(|lock| lock.retention.as_ref());
    let held = lock.and_then(|lock| lock.is_held).map(|is_held| if is_held { "under" } else { "not under" });
    let effects = [
        own_key.then(|| "encrypted with the store's own key".to_owned()),
        key,
        retention.map(|Retention { mode, until }| format!("kept until {until:.0}, mode {}", mode.name())),
        held.map(|held| format!("{held} legal hold")),
        copy.redirect.as_ref().map(|to| format!("readers of a website are sent to {to}")),
        copy.checksum.map(|algorithm| format!("with a {} checksum that the store keeps", algorithm.name())),
        copy.requester_pays.then(|| "requests are paid by us where buckets ask for that".to_owned()),
    ];
    effects.into_iter().flatten()
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
        ("Content-Language", &new.content_language),
        ("Content-Type", &new.content_type),
        ("Expires", &new.expires),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let words: Vec<_> = known.chain(new.user.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The requests that so many tasks need at least: what one reads beforehand, and what it repeats, depends on the store.
fn requests(operation: &Operation, tasks: u64) -> Vec<(String, u64)> {
    let count = match operation {
        Operation::Delete => tasks.div_ceil(DELETE_OBJECTS_KEYS_MAX as u64),
        _ => tasks,
    };
    names(operation).into_iter().map(|name| (name.to_owned(), count)).collect()
}

/// The names of the requests that one task needs at least, or one group of a delete.
fn names(operation: &Operation) -> Vec<&'static str> {
    let calls: &[CallKind] = match operation {
        // It goes to a function and not to a store.
        Operation::Invoke(_) => return vec!["Invoke"],
        Operation::Copy(_) => &[CallKind::CopyObject],
        Operation::Restore(_) => &[CallKind::RestoreObject],
        Operation::Delete => &[CallKind::DeleteObjects],
        Operation::Tagging(Tagging { directive: Some(Directive::Add), .. }) => {
            &[CallKind::GetObjectTagging, CallKind::PutObjectTagging]
        }
        Operation::Tagging(_) => &[CallKind::PutObjectTagging],
        Operation::Untagging(untagging) if untagging.keys.is_empty() => &[CallKind::DeleteObjectTagging],
        Operation::Untagging(_) => &[CallKind::GetObjectTagging, CallKind::PutObjectTagging],
        Operation::Acl(_) => &[CallKind::PutObjectAcl],
        Operation::LegalHold(_) => &[CallKind::PutObjectLegalHold],
        Operation::Retention(_) => &[CallKind::PutObjectRetention],
        Operation::Checksum(_) => &[CallKind::GetObject],
        Operation::WaitForRestore(_) => &[CallKind::HeadObject],
        Operation::Encryption(_) => &[CallKind::UpdateObjectEncryption],
    };
    calls.iter().map(|call| call.name()).collect()
}

#[cfg(test)]
mod tests {
    use brigade_model::operation::{KeyService, NewLock, RetentionMode, StorageClass};
    use brigade_model::ports::object_store::ChecksumAlgorithm;
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
        let says = |copy: &Copy| copy_effects(copy, " at endpoint main", " at endpoint west");
        let first = "copies each object that its rows name at endpoint main to bucket backup at endpoint west, over an \
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

        let until = "2027-01-31T00:00:00Z".parse().unwrap();
        let rare = Copy {
            metadata_directive: Some(Directive::Add),
            metadata: Some(NewMetadata { content_language: Some("de".into()), ..NewMetadata::default() }),
            key_service: Some(KeyService { key: Some("arn:k".into()), bucket_key: None }),
            lock: Some(NewLock {
                retention: Some(Retention { mode: RetentionMode::Compliance, until }),
                is_held: Some(true),
            }),
            redirect: Some("/new".into()),
            checksum: Some(ChecksumAlgorithm::Sha256),
            requester_pays: true,
            ..plain
        };
        let expected = [
            "metadata copied, with Content-Language=de on top",
            "tags copied",
            "encrypted with the key arn:k",
            "kept until 2027-01-31T00:00:00Z, mode COMPLIANCE",
            "under legal hold",
            "readers of a website are sent to /new",
            "with a sha256 checksum that the store keeps",
            "requests are paid by us where buckets ask for that",
        ];
        assert_eq!(says(&rare)[3..], expected);
    }

    #[test]
    fn a_thousand_deletes_are_one_request_and_an_added_tag_is_a_read_and_a_write() {
        assert_eq!(requests(&Operation::Delete, 1001), [("DeleteObjects".to_owned(), 2)]);
        let add = Operation::Tagging(Tagging { directive: Some(Directive::Add), tags: tags() });
        let both = [("GetObjectTagging".to_owned(), 7), ("PutObjectTagging".to_owned(), 7)];
        assert_eq!(requests(&add, 7), both);
    }
}
