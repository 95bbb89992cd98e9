//! What lies there before a job comes, and the job itself: objects, its manifest, its request.

use brigade_model::operation::{Copy, Directive, NewMetadata, Restore, RestoreTier, Tag, Tagging};
use brigade_model::ports::job_store::JobStore;
use brigade_model::ports::object_store::{Leash, NewObject, PutObject, send};
use brigade_model::ports::{Clock, Entropy};
use brigade_model::resource::{BucketRef, ObjectRef, Owner, RoleRef};
use brigade_model::{
    AccountId, Dialect, ETag, Field, Job, JobId, JobOptions, JobSpec, ManifestFormat, ManifestLocation, ManifestSpec,
    ObjectKey, Operation, ReportScope, ReportSpec, VersionId,
};
use brigade_runtime::SeededEntropy;
use brigade_s3::simulated::{Body, Versioning};

use crate::process::endpoint;
use crate::scene::{Deed, JobScene};
use crate::world::{ASIDE, SOURCE, TARGET, TaskObject, World, at, at_once, bucket, key_of, reports_of};

/// An object of so many bytes is more than one CopyObject carries.
const LARGE_BYTES: u64 = (5 << 30) + (100 << 20);

/// What a copy in place sets, so that it can be told from what was there.
const MARK: (&str, &str) = ("mark", "copied");

impl World {
    /// Makes the buckets and fills them.
    pub(crate) fn fill(&mut self) {
        for name in [SOURCE, TARGET] {
            self.bucket.create_bucket(&bucket(name), self.scene.versioning).expect("a new bucket");
        }
        self.bucket.create_bucket(&bucket(ASIDE), Versioning::Off).expect("a new bucket");
        for number in 0..self.scene.jobs.len() {
            self.bucket.create_bucket(&bucket(&reports_of(number)), Versioning::Off).expect("a new bucket");
        }
        let jobs = self.scene.jobs.clone();
        self.objects = jobs.iter().enumerate().map(|(number, scene)| self.fill_job(number, scene)).collect();
    }

    fn fill_job(&self, number: usize, scene: &JobScene) -> Vec<TaskObject> {
        (0..scene.tasks).map(|task| self.put_object(scene, key_of(number, task))).collect()
    }

    fn put_object(&self, scene: &JobScene, key: ObjectKey) -> TaskObject {
        if self.chance.below(100) < scene.missing_percent {
            let version =
                (scene.deed == Deed::DeleteVersion).then(|| VersionId::new("00000000000000aa").expect("good"));
            return TaskObject { key, version, is_missing: true };
        }
        let version = match scene.deed {
            Deed::CopyLarge => {
                let size = LARGE_BYTES + self.chance.below(1 << 20);
                self.bucket.put(&at(SOURCE, &key), Body::zeros(size)).expect("the bucket is there");
                None
            }
            Deed::DeleteVersion => {
                let versions = [self.put(SOURCE, &key, "first", None), self.put(SOURCE, &key, "second", None)];
                self.chance.pick(&versions).cloned().flatten()
            }
            Deed::Restore => {
                self.put(SOURCE, &key, "first", Some("GLACIER"));
                None
            }
            Deed::Copy | Deed::CopyInPlace | Deed::Delete | Deed::Tag | Deed::AddTags => {
                self.put(SOURCE, &key, "first", None);
                None
            }
        };
        TaskObject { key, version, is_missing: false }
    }

    /// Puts an object whose bytes say which it is; gives its version.
    pub(crate) fn put(
        &self,
        bucket_name: &str,
        key: &ObjectKey,
        state: &str,
        class: Option<&str>,
    ) -> Option<VersionId> {
        let with = NewObject { storage_class: class.map(str::to_owned), ..NewObject::default() };
        let put = PutObject::new(at(bucket_name, key), format!("{key} {state}"), with);
        at_once(send(&self.bucket, &Leash::unbounded(), put)).expect("the bucket is there").version
    }

    /// Creates the job of that number.
    pub(crate) fn create_job(&self, number: usize) {
        let scene = &self.scene.jobs[number];
        let key = ObjectKey::new(format!("manifest-{number}.csv")).expect("good");
        let mut etag = self.put_manifest(number, &key);
        if scene.is_manifest_changed {
            etag = ETag::new("\"of another manifest\"").expect("good");
        }
        let spec = spec(number, scene, &key, etag);
        let mut random = [0; 10];
        SeededEntropy::new(self.seed ^ (number as u64) << 8).fill(&mut random);
        let id = JobId::new(self.clock.now(), &random);
        let account = AccountId::new(scene.account.to_string()).expect("digits are a name");
        let job = Job::new(id, account, Dialect::Cos, endpoint(), spec, self.clock.now());
        at_once(self.jobs.create_job(&job, 1000)).expect("a new job");
        self.enter(number, id);
    }

    fn put_manifest(&self, number: usize, key: &ObjectKey) -> ETag {
        let row = |object: &TaskObject| match &object.version {
            Some(version) => format!("{SOURCE},{},{version}\n", object.key),
            None => format!("{SOURCE},{},\n", object.key),
        };
        let rows: String = self.objects[number].iter().map(row).collect();
        let put = PutObject::new(at(ASIDE, key), rows, NewObject::default());
        at_once(send(&self.bucket, &Leash::unbounded(), put)).expect("the bucket is there").etag
    }
}

fn spec(number: usize, scene: &JobScene, manifest: &ObjectKey, etag: ETag) -> JobSpec {
    let object = ObjectRef {
        text: String::new(),
        region: "r".into(),
        owner: Owner::Unnamed,
        bucket: bucket(ASIDE),
        key: manifest.clone(),
    };
    JobSpec {
        client_request_token: number.to_string(),
        confirmation_required: scene.must_be_confirmed.then_some(true),
        description: None,
        manifest: ManifestSpec {
            location: ManifestLocation { object, version: None, etag },
            format: ManifestFormat::CosCsvV1,
            fields: vec![Field::Bucket, Field::Key, Field::VersionId],
        },
        operation: operation(scene.deed),
        priority: scene.priority,
        report: ReportSpec {
            enabled: scene.has_report,
            bucket: Some(bucket_ref(&reports_of(number))),
            prefix: Some("reports".into()),
            scope: Some(ReportScope::AllTasks),
        },
        role: RoleRef { text: "role".into(), owner: Owner::Unnamed, name: "role".into() },
        retry_of: None,
        options: JobOptions {
            requests_per_second_max: scene.requests_per_second,
            threshold_tasks: scene.threshold_tasks,
            ..JobOptions::default()
        },
    }
}

fn operation(deed: Deed) -> Operation {
    match deed {
        Deed::Copy | Deed::CopyLarge => Operation::Copy(Box::new(copy(TARGET))),
        Deed::CopyInPlace => {
            let metadata = NewMetadata { user: vec![(MARK.0.into(), MARK.1.into())], ..NewMetadata::default() };
            let mark = Copy { metadata_directive: Some(Directive::Replaced), metadata: Some(metadata), ..copy(SOURCE) };
            Operation::Copy(Box::new(mark))
        }
        Deed::Delete | Deed::DeleteVersion => Operation::Delete,
        Deed::Tag => Operation::Tagging(Tagging { directive: None, tags: vec![tag()] }),
        Deed::AddTags => Operation::Tagging(Tagging { directive: Some(Directive::Add), tags: vec![tag()] }),
        Deed::Restore => Operation::Restore(Restore { days: 3, tier: RestoreTier::Standard }),
    }
}

/// The tag that jobs put.
pub(crate) fn tag() -> Tag {
    Tag { key: "a".into(), value: "b".into() }
}

/// Whether an object bears the mark of a copy in place.
pub(crate) fn is_marked(user: &[(String, String)]) -> bool {
    user.iter().any(|(name, value)| (name.as_str(), value.as_str()) == MARK)
}

fn copy(to: &str) -> Copy {
    Copy {
        target: bucket_ref(to),
        acl_directive: None,
        grants: Vec::new(),
        canned_acl: None,
        prefix_replace: None,
        resources_prefix: None,
        target_prefix: None,
        metadata_directive: None,
        modified_since: None,
        unmodified_since: None,
        metadata: None,
        tagging_directive: None,
        tags: Vec::new(),
        storage_class: None,
    }
}

fn bucket_ref(name: &str) -> BucketRef {
    BucketRef { text: String::new(), region: "r".into(), owner: Owner::Unnamed, bucket: bucket(name) }
}
