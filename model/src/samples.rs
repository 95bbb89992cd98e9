//! A job and its parts to test with. Nothing in them is of a dialect; a test states what matters to it and takes the
//! rest from here.

use crate::job::JobSpec;
use crate::manifest::{Field, ManifestFormat, ManifestLocation, ManifestSpec, RowRules};
use crate::names::{BucketName, ETag, ObjectKey};
use crate::operation::Operation;
use crate::options::JobOptions;
use crate::ports::object_store::At;
use crate::report::{ReportScope, ReportSpec};
use crate::resource::{BucketRef, ObjectRef, Owner, RoleRef};

/// What no test changes its mind about: names are good.
const GOOD: &str = "tests give good names";

/// Deletes the objects that `lists/manifest.csv` names, and writes no report.
#[must_use]
pub fn job_spec() -> JobSpec {
    JobSpec {
        client_request_token: "token".into(),
        confirmation_required: None,
        description: None,
        manifest: manifest("lists", "manifest.csv", ETag::new("e").expect(GOOD)),
        operation: Operation::Delete,
        priority: 1,
        report: no_report(),
        role: role_ref("role"),
        options: JobOptions::default(),
        retry_of: None,
        takes: Default::default(),
        unconfirmed: Default::default(),
        spelling: Vec::new(),
        tags: Vec::new(),
    }
}

/// A manifest of buckets and keys.
#[must_use]
pub fn manifest(bucket: &str, key: &str, etag: ETag) -> ManifestSpec {
    ManifestSpec {
        location: ManifestLocation { object: object_ref(bucket, key), version: None, etag },
        format: ManifestFormat::Csv,
        fields: vec![Field::Bucket, Field::Key],
        rows: RowRules::default(),
    }
}

/// A report of all tasks.
#[must_use]
pub fn report(bucket: &str, prefix: &str) -> ReportSpec {
    ReportSpec {
        enabled: true,
        bucket: Some(bucket_ref(bucket)),
        prefix: Some(prefix.into()),
        scope: Some(ReportScope::AllTasks),
    }
}

/// No report.
#[must_use]
pub fn no_report() -> ReportSpec {
    ReportSpec { enabled: false, bucket: None, prefix: None, scope: None }
}

/// The bucket of that name.
#[must_use]
pub fn bucket(name: &str) -> BucketName {
    BucketName::new(name).expect(GOOD)
}

/// Where an object lies.
#[must_use]
pub fn at(bucket_name: &str, key: &str) -> At {
    At { bucket: bucket(bucket_name), key: ObjectKey::new(key).expect(GOOD) }
}

/// The bucket of that name, as a job names it.
#[must_use]
pub fn bucket_ref(name: &str) -> BucketRef {
    BucketRef { text: name.into(), region: "r".into(), owner: Owner::Unnamed, bucket: bucket(name) }
}

/// An object, as a job names it.
#[must_use]
pub fn object_ref(bucket_name: &str, key: &str) -> ObjectRef {
    let At { bucket, key } = at(bucket_name, key);
    ObjectRef { text: format!("{bucket}/{key}"), region: "r".into(), owner: Owner::Unnamed, bucket, key }
}

/// The role of that name, as a job names it.
#[must_use]
pub fn role_ref(name: &str) -> RoleRef {
    RoleRef { text: name.into(), owner: Owner::Unnamed, name: name.into() }
}
