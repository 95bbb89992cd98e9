//! Bystanders: objects that no row names. They must be unchanged at the end of a run.

use brigade_model::VersionId;
use brigade_model::ports::object_store::At;
use brigade_s3::simulated::{SimulatedObject, SimulatedStore};

/// Objects that no call may touch.
#[derive(Default)]
pub(crate) struct Bystanders(Vec<Bystander>);

struct Bystander {
    at: At,
    version: Option<VersionId>,
    /// As it was.
    looks: Option<String>,
}

impl Bystanders {
    /// Adds an object, which no call may touch from now on.
    pub(crate) fn push(&mut self, at: At, version: Option<VersionId>, bucket: &SimulatedStore) {
        let looks = looks(bucket, &at, version.as_ref());
        self.0.push(Bystander { at, version, looks });
    }

    /// Those that are not as they were; others may have written an object of theirs, of which only
    /// named versions are judged.
    pub(crate) fn changed(&self, bucket: &SimulatedStore, is_foreign: impl Fn(&At) -> bool) -> Vec<String> {
        let changed = self.0.iter().filter(|one| looks(bucket, &one.at, one.version.as_ref()) != one.looks);
        let changed = changed.filter(|one| one.version.as_ref().is_some_and(is_kept) || !is_foreign(&one.at));
        let told = changed.map(|one| {
            let version = one.version.as_ref().map_or(String::new(), |version| format!(" version {version}"));
            let now = looks(bucket, &one.at, one.version.as_ref()).unwrap_or_else(|| "nothing".to_owned());
            format!("{}/{}{version} is {now}", one.at.bucket, one.at.key)
        });
        told.collect()
    }
}

/// The one called `null` is overwritten like any object.
fn is_kept(version: &VersionId) -> bool {
    version.as_str() != "null"
}

/// Everything that can be told from outside.
fn looks(bucket: &SimulatedStore, at: &At, version: Option<&VersionId>) -> Option<String> {
    let object = match version {
        None => bucket.object(at),
        Some(version) => bucket.object_version(at, version),
    };
    object.map(|SimulatedObject { head, tags, acl, .. }| format!("{head:?} {tags:?} {acl:?}"))
}
