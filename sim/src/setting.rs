//! The set-up of a job: its objects, its manifest, its request.

use std::io::Write;

use brigade_model::operation::{
    CannedAcl, ChecksumType, ComputeChecksum, Copy, DigestAlgorithm, Directive, InvocationSchema, Invoke, LegalHold,
    NewMetadata, ObjectAcl, Restore, RestoreTier, Retention, RetentionMode, SetRetention, StorageClass, Tag, Tagging,
    Untagging, UpdateEncryption, WaitForRestore,
};
use brigade_model::ports::job_store::JobStore;
use brigade_model::ports::object_store::{
    CompleteMultipartUpload, CreateMultipartUpload, Encryption, Metadata, NewObject, PutObject, PutObjectRetention,
    Request, RestoreObject, UploadPart,
};
use brigade_model::ports::{Clock, Entropy};
use brigade_model::resource::RoleRef;
use brigade_model::{
    AccountId, Dialect, ETag, Field, Job, JobId, JobOptions, JobSpec, ManifestSpec, ObjectKey, Operation, Quota,
    ReportSpec, Timestamp, VersionId, samples,
};
use brigade_runtime::SeededEntropy;
use brigade_s3::simulated::{Body, Habit, Habits, ObjectLock, Versioning};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cluster::{ASIDE, SOURCE, SimulatedCluster, TARGET, TaskObject, at, at_once, bucket, key_of, reports_of};
use crate::process::{ACROSS, endpoint};
use crate::run_plan::{JobKind, JobPlan};

/// An object of so many bytes is more than one CopyObject carries.
const LARGE_BYTES: u64 = (5 << 30) + (100 << 20);

/// What a copy in place sets, so that it can be told from what was there.
const MARK: (&str, &str) = ("mark", "copied");
const STATE: &str = "state";

impl SimulatedCluster {
    /// Makes the buckets and fills them.
    pub(crate) fn fill(&mut self) {
        let habits = &self.run_plan.habits;
        // A clock is as it always was; other habits would spoil what has to be there.
        let clocks = [Habit::ClockIsAhead, Habit::ClockIsBehind].into_iter().filter(|clock| habits.has(*clock));
        self.bucket.set_habits(Habits { set: clocks.collect(), ..habits.clone() });
        for name in [SOURCE, TARGET] {
            self.bucket.create_bucket(&bucket(name), self.run_plan.versioning).expect("a new bucket");
        }
        if self.run_plan.versioning == Versioning::Enabled {
            self.bucket.set_lock(&bucket(SOURCE), ObjectLock::default()).expect("a bucket with versions");
        }
        self.bucket.create_bucket(&bucket(ASIDE), Versioning::Off).expect("a new bucket");
        for number in 0..self.run_plan.jobs.len() {
            self.bucket.create_bucket(&bucket(&reports_of(number)), Versioning::Off).expect("a new bucket");
        }
        let jobs = self.run_plan.jobs.clone();
        self.objects = jobs.iter().enumerate().map(|(number, run_plan)| self.fill_job(number, run_plan)).collect();
        for number in 0..jobs.len() {
            let unlisted = ObjectKey::new(format!("j{number}/unlisted")).expect("good");
            for name in [SOURCE, TARGET] {
                self.put(name, &unlisted, "first", None);
                self.bystanders.push(at(name, &unlisted), None, &self.bucket);
            }
        }
        self.bucket.set_habits(self.run_plan.habits.clone());
    }

    fn fill_job(&mut self, number: usize, run_plan: &JobPlan) -> Vec<TaskObject> {
        let objects: Vec<TaskObject> =
            (0..run_plan.tasks).map(|task| self.put_object(run_plan, key_of(number, task))).collect();
        // A row without a version concerns the latest one only; one with it no other.
        for object in objects.iter().filter(|object| object.version.is_some()) {
            let place = at(SOURCE, &object.key);
            let versions = self.bucket.versions(&place).into_iter().map(|(version, _)| version);
            let others: Vec<_> = versions.filter(|version| Some(version) != object.version.as_ref()).collect();
            others.into_iter().for_each(|version| self.bystanders.push(place.clone(), Some(version), &self.bucket));
        }
        objects
    }

    /// A row of a key that is not there, and beside it an object that such a store takes for the same.
    fn put_stray(&mut self, key: &ObjectKey) -> TaskObject {
        for name in [SOURCE, TARGET] {
            self.put(name, key, "first", None);
            self.bystanders.push(at(name, key), None, &self.bucket);
        }
        let key = ObjectKey::new(format!("/{key}")).expect("good");
        TaskObject { key, version: None, is_missing: true, is_stray: true }
    }

    fn put_object(&mut self, run_plan: &JobPlan, key: ObjectKey) -> TaskObject {
        if self.run_plan.habits.has(Habit::FoldsKeys) && self.chance.below(5) == 0 {
            return self.put_stray(&key);
        }
        if self.chance.below(100) < run_plan.missing_percent {
            let version = (run_plan.job_kind == JobKind::DeleteVersion)
                .then(|| VersionId::new("00000000000000aa").expect("good"));
            return TaskObject { key, version, is_missing: true, is_stray: false };
        }
        let version = match run_plan.job_kind {
            JobKind::CopyLarge => {
                let size = LARGE_BYTES + self.chance.below(1 << 20);
                self.bucket.put(&at(SOURCE, &key), Body::zeros(size)).expect("the bucket is there");
                None
            }
            // Of a store without versions the row names one all the same.
            JobKind::DeleteVersion if self.run_plan.habits.has(Habit::IgnoresVersions) => {
                self.put(SOURCE, &key, "first", None);
                Some(VersionId::new("00000000000000aa").expect("good"))
            }
            JobKind::DeleteVersion => {
                let versions = [self.put(SOURCE, &key, "first", None), self.put(SOURCE, &key, "second", None)];
                self.chance.pick(&versions).cloned().flatten()
            }
            JobKind::Restore => {
                self.put(SOURCE, &key, "first", Some("GLACIER"));
                None
            }
            JobKind::WaitForRestore => {
                self.put(SOURCE, &key, "first", Some("GLACIER"));
                let tier = RestoreTier::Standard.name().to_owned();
                self.act(RestoreObject { at: at(SOURCE, &key), version: None, days: 3, tier });
                None
            }
            // The ETag of one made of parts says nothing of its bytes.
            JobKind::Copy if self.chance.below(3) == 0 => {
                self.put_in_parts(SOURCE, &key, "first");
                None
            }
            JobKind::Encryption => {
                let with = NewObject { sse: Some(Encryption::OwnKey), ..NewObject::default() };
                self.act(PutObject::new(at(SOURCE, &key), format!("{key} first"), with));
                None
            }
            JobKind::ChecksumOfParts => {
                self.put_in_parts(SOURCE, &key, "first");
                None
            }
            JobKind::AddTags | JobKind::Untag | JobKind::RemoveTags => {
                let old = Tag { value: "old".into(), ..tag() };
                let with = NewObject { tags: vec![other_tag(), old], ..NewObject::default() };
                self.act(PutObject::new(at(SOURCE, &key), format!("{key} first"), with));
                None
            }
            JobKind::Retention => {
                self.put(SOURCE, &key, "first", None);
                if self.chance.below(2) == 0 {
                    let longer = Retention { until: second_of(RETAINED_UNTIL_S * 2), ..retention() };
                    let (at, retention) = (at(SOURCE, &key), Some(longer));
                    let retain = PutObjectRetention { at, version: None, retention, bypass_governance: false };
                    self.bucket.retain(&retain).expect("the bucket has object lock");
                }
                None
            }
            JobKind::CopyMerged => {
                self.put_with(SOURCE, &key, "first", state_metadata("first"));
                None
            }
            JobKind::CopyAcross if self.run_plan.habits.has(Habit::Decompresses) => {
                let metadata = Metadata { content_encoding: Some("gzip".into()), ..Metadata::default() };
                let put = PutObject::new(at(SOURCE, &key), gzip(&format!("{key} first")), dressed(metadata));
                self.bucket.act(put.into_call()).expect("the bucket is there");
                None
            }
            JobKind::Copy
            | JobKind::CopyInPlace
            | JobKind::CopyDressed
            | JobKind::CopyAcross
            | JobKind::Delete
            | JobKind::Tag
            | JobKind::Acl
            | JobKind::LegalHold
            | JobKind::Checksum
            | JobKind::Invoke => {
                self.put(SOURCE, &key, "first", None);
                None
            }
        };
        TaskObject { key, version, is_missing: false, is_stray: false }
    }

    /// Puts an object in one part.
    pub(crate) fn put_in_parts(&self, bucket_name: &str, key: &ObjectKey, state: &str) {
        let at = at(bucket_name, key);
        let create = CreateMultipartUpload { at: at.clone(), with: Box::default() };
        let upload_id = self.act(create);
        let body = format!("{key} {state}").into();
        let etag = self.act(UploadPart { at: at.clone(), upload_id: upload_id.clone(), part: 1, body });
        self.act(CompleteMultipartUpload::new(at, upload_id, vec![(1, etag.etag)]));
    }

    /// Puts an object whose metadata say which it is, like its bytes.
    pub(crate) fn put_with(&self, bucket_name: &str, key: &ObjectKey, state: &str, metadata: Metadata) {
        self.act(PutObject::new(at(bucket_name, key), format!("{key} {state}"), dressed(metadata)));
    }

    /// A call without faults: the store always answers.
    fn act<R: Request>(&self, request: R) -> R::Answer {
        let answer = self.bucket.act(request.into_call()).expect("the bucket is there");
        R::from_answer(answer).expect("an answer to the call")
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
        self.act(put).version
    }

    /// Creates the job of that number.
    pub(crate) fn create_job(&self, number: usize) {
        let run_plan = &self.run_plan.jobs[number];
        let key = ObjectKey::new(format!("manifest-{number}.csv")).expect("good");
        let mut etag = self.put_manifest(number, &key);
        if run_plan.is_manifest_changed {
            etag = ETag::new("\"of another manifest\"").expect("good");
        }
        let spec = spec(number, run_plan, &key, etag);
        let mut random = [0; 10];
        SeededEntropy::new(self.seed ^ (number as u64) << 8).fill(&mut random);
        let id = JobId::new(self.clock.now(), &random);
        let account = AccountId::new(run_plan.account.to_string()).expect("digits are a name");
        let job = Job::new(id, account, Dialect::Cos, endpoint(), spec, self.clock.now());
        at_once(self.jobs.create_job(&job, &Quota::of_open_jobs(1000))).expect("a new job");
        self.enter(number, id);
    }

    fn put_manifest(&self, number: usize, key: &ObjectKey) -> ETag {
        let row = |object: &TaskObject| match &object.version {
            Some(version) => format!("{SOURCE},{},{version}\n", object.key),
            None => format!("{SOURCE},{},\n", object.key),
        };
        let rows: String = self.objects[number].iter().map(row).collect();
        let put = PutObject::new(at(ASIDE, key), rows, NewObject::default());
        self.act(put).etag
    }
}

fn spec(number: usize, run_plan: &JobPlan, manifest: &ObjectKey, etag: ETag) -> JobSpec {
    let manifest = samples::manifest(ASIDE, manifest.as_str(), etag);
    JobSpec {
        client_request_token: number.to_string(),
        confirmation_required: run_plan.must_be_confirmed.then_some(true),
        manifest: ManifestSpec { fields: vec![Field::Bucket, Field::Key, Field::VersionId], ..manifest },
        operation: operation(run_plan.job_kind),
        priority: run_plan.priority,
        report: ReportSpec { enabled: run_plan.has_report, ..samples::report(&reports_of(number), "reports") },
        role: role_of(run_plan.job_kind),
        options: JobOptions {
            requests_per_second_max: run_plan.requests_per_second,
            threshold_tasks: run_plan.threshold_tasks,
            ..JobOptions::default()
        },
        ..samples::job_spec()
    }
}

fn role_of(job_kind: JobKind) -> RoleRef {
    samples::role_ref(if job_kind == JobKind::CopyAcross { ACROSS } else { "role" })
}

/// What a job does.
pub(crate) fn operation(job_kind: JobKind) -> Operation {
    match job_kind {
        JobKind::Copy | JobKind::CopyLarge | JobKind::CopyAcross => Operation::Copy(Box::new(copy(TARGET))),
        JobKind::CopyDressed => Operation::Copy(Box::new(Copy {
            canned_acl: Some(CannedAcl::PublicRead),
            storage_class: Some(StorageClass::StandardIa),
            tagging_directive: Some(Directive::Replaced),
            tags: vec![tag()],
            ..marking(Directive::Replaced, TARGET)
        })),
        JobKind::CopyMerged => Operation::Copy(Box::new(marking(Directive::Add, TARGET))),
        JobKind::CopyInPlace => Operation::Copy(Box::new(marking(Directive::Replaced, SOURCE))),
        JobKind::Delete | JobKind::DeleteVersion => Operation::Delete,
        JobKind::Tag => Operation::Tagging(Tagging { directive: None, tags: vec![tag()] }),
        JobKind::AddTags => Operation::Tagging(Tagging { directive: Some(Directive::Add), tags: vec![tag()] }),
        JobKind::Untag => Operation::Untagging(Untagging::default()),
        JobKind::RemoveTags => Operation::Untagging(Untagging { keys: vec![tag().key] }),
        JobKind::Acl => Operation::Acl(ObjectAcl::Canned(CannedAcl::PublicRead)),
        JobKind::LegalHold => Operation::LegalHold(LegalHold { is_held: true }),
        JobKind::Retention => {
            Operation::Retention(SetRetention { retention: Some(retention()), bypass_governance: true })
        }
        JobKind::Checksum => checksum_of(ChecksumType::FullObject),
        JobKind::ChecksumOfParts => checksum_of(ChecksumType::Composite),
        JobKind::Encryption => Operation::Encryption(UpdateEncryption { key: KEY.to_owned(), bucket_key: None }),
        JobKind::Invoke => {
            let (function, schema) = ("function".to_owned(), InvocationSchema::V1);
            Operation::Invoke(Invoke { function, schema, arguments: Vec::new() })
        }
        JobKind::WaitForRestore => Operation::WaitForRestore(WaitForRestore { hours: 1 }),
        JobKind::Restore => Operation::Restore(Restore { days: 3, tier: RestoreTier::Standard }),
    }
}

/// The key that objects are encrypted with afterwards.
pub(crate) const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/other";

fn checksum_of(checksum_type: ChecksumType) -> Operation {
    Operation::Checksum(ComputeChecksum { algorithm: DigestAlgorithm::Md5, checksum_type })
}

fn marking(directive: Directive, to: &str) -> Copy {
    let metadata = NewMetadata { user: vec![(MARK.0.into(), MARK.1.into())], ..NewMetadata::default() };
    Copy { metadata_directive: Some(directive), metadata: Some(metadata), ..copy(to) }
}

/// User metadata that say which state of an object it is.
pub(crate) fn state_metadata(state: &str) -> Metadata {
    Metadata { user: vec![(STATE.into(), state.into())], ..Metadata::default() }
}

/// What the metadata of an object say of its state, if they do.
pub(crate) fn state_of(metadata: &Metadata) -> Option<&str> {
    metadata.user.iter().find(|(name, _)| name == STATE).map(|(_, state)| state.as_str())
}

fn dressed(metadata: Metadata) -> NewObject {
    NewObject { metadata, ..NewObject::default() }
}

/// A text that gzip makes neither longer nor shorter, so that sizes tell nothing.
fn gzip(text: &str) -> Vec<u8> {
    let zipped = |text: String| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let zipped = gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish()).expect("memory takes bytes");
        (zipped.len() == text.len()).then_some(zipped)
    };
    let mut texts = (0..100).map(|n| format!("{text}{:a<n$}", ""));
    texts.find_map(zipped).expect("gzip adds some bytes and saves all but a few of those that repeat")
}

/// The tag that jobs put.
pub(crate) fn tag() -> Tag {
    Tag { key: "a".into(), value: "b".into() }
}

/// A tag that objects have from the beginning.
pub(crate) fn other_tag() -> Tag {
    Tag { key: "kept".into(), value: "yes".into() }
}

/// In 2033: beyond the end of every run.
const RETAINED_UNTIL_S: i64 = 2_000_000_000;

/// What jobs keep objects by.
pub(crate) fn retention() -> Retention {
    Retention { mode: RetentionMode::Governance, until: second_of(RETAINED_UNTIL_S) }
}

fn second_of(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("this century is a time")
}

/// Whether an object bears the mark of a copy in place.
pub(crate) fn is_marked(user: &[(String, String)]) -> bool {
    user.iter().any(|(name, value)| (name.as_str(), value.as_str()) == MARK)
}

fn copy(to: &str) -> Copy {
    Copy::to(samples::bucket_ref(to))
}
