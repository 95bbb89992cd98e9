//! Any job survives the wire: what one end writes, the other reads as it was.

use brigade_model::manifest::{Field, ManifestFormat, ManifestLocation};
use brigade_model::operation::{
    CannedAcl, Copy, Directive, Grant, NewMetadata, Permission, Restore, RestoreTier, StorageClass, Tag, Tagging,
    WaitForRestore,
};
use brigade_model::{
    AccountId, Dialect, ETag, EndpointName, Job, JobFailure, JobId, JobSpec, ManifestSpec, Operation, Progress,
    ReportScope, ReportSpec, Status, Timestamp, VersionId, samples,
};
use brigade_wire::cos::update_job_priority::UpdatedPriority;
use brigade_wire::cos::update_job_status::UpdatedStatus;
use brigade_wire::cos::{create_job, describe_job, list_jobs, qcs, update_job_priority, update_job_status};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::results::{carried, listed};

/// Text of at most `chars_max` characters that XML can carry.
fn text(chars_max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![3 => "[ -~]", 1 => "[\t\r\n&<>\"']", 1 => "[à-ÿ中文😀]"], 0..=chars_max)
        .prop_map(|chars| chars.concat())
}

fn filled(chars_max: usize) -> impl Strategy<Value = String> {
    text(chars_max).prop_filter("not empty", |text| !text.is_empty())
}

/// Text without control characters, as headers and names need it.
fn plain(chars_max: usize) -> impl Strategy<Value = String> {
    filled(chars_max).prop_map(|text| text.replace(char::is_control, "-"))
}

/// Text that a header carries unchanged.
fn header(chars_max: usize) -> impl Strategy<Value = String> {
    prop::string::string_regex(&format!("[!-~]([ -~]{{0,{}}}[!-~])?", chars_max - 2)).unwrap()
}

fn second() -> impl Strategy<Value = Timestamp> {
    (0_i64..=4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn bucket() -> impl Strategy<Value = brigade_model::resource::BucketRef> {
    ("[a-z-]{0,8}", select(vec!["", "uid/125", "uin/1000"]), "[a-z][a-z0-9-]{0,20}")
        .prop_map(|(region, owner, bucket)| qcs::parse_bucket(&format!("qcs::cos:{region}:{owner}:{bucket}")).unwrap())
}

fn manifest() -> impl Strategy<Value = ManifestSpec> {
    let object =
        (bucket(), filled(40)).prop_map(|(bucket, key)| qcs::parse_object(&format!("{}/{key}", bucket.text)).unwrap());
    let location = (object, of(plain(20)), plain(34)).prop_map(|(object, version, etag)| ManifestLocation {
        object,
        version: version.map(|version| VersionId::new(version).unwrap()),
        etag: ETag::new(etag).unwrap(),
    });
    let csv = prop::collection::vec(Just(Field::Ignore), 0..3).prop_flat_map(|ignored| {
        let fields = [vec![Field::Bucket, Field::Key, Field::VersionId], ignored].concat();
        Just(fields).prop_shuffle().prop_map(|fields| (ManifestFormat::Csv, fields))
    });
    let inventory = Just((ManifestFormat::Inventory, Vec::new()));
    (location, prop_oneof![csv, inventory]).prop_map(|(location, (format, fields))| ManifestSpec {
        location,
        format,
        fields,
        rows: Default::default(),
    })
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    prop::collection::btree_map(filled(128), text(256), 1..=10)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| Tag { key, value }).collect())
}

fn metadata() -> impl Strategy<Value = Option<NewMetadata>> {
    let user = prop::collection::btree_map("[a-wyz][a-z0-9-]{0,20}", header(20), 0..5);
    let headers = (of(header(30)), of(header(30)), of(header(30)), of(header(30)));
    let expires = of(second().prop_map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    (headers, expires, any::<bool>(), user).prop_map(|(headers, expires, sse_aes256, user)| {
        let (cache_control, content_disposition, content_encoding, content_type) = headers;
        let user = user.into_iter().collect();
        let headers =
            NewMetadata { cache_control, content_disposition, content_encoding, content_type, ..Default::default() };
        Some(NewMetadata { expires, sse_aes256, user, ..headers })
            .filter(|metadata| *metadata != NewMetadata::default())
    })
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    let permission = select(vec![Permission::Read, Permission::Write, Permission::FullControl]);
    let grant = (plain(40), of(plain(20)), permission).prop_map(|(grantee, display_name, permission)| Grant {
        grantee,
        is_group: false,
        display_name,
        permission,
    });
    prop::collection::vec(grant, 0..4)
}

fn copy() -> impl Strategy<Value = Operation> {
    let directive = || of(select(vec![Directive::Copy, Directive::Replaced, Directive::Add]));
    let acl = (directive(), grants(), of(select(vec![CannedAcl::Private, CannedAcl::PublicRead])));
    let prefixes = prop_oneof![
        Just((None, None, None)),
        Just((Some(false), Some(String::new()), None)),
        (of(text(40)), of(text(40))).prop_map(|(from, to)| (Some(true), from, to)),
    ];
    let tagging = prop_oneof![Just((None, Vec::new())), (directive(), tags())];
    let rest = (directive(), metadata(), of(second()), of(second()), of(select(StorageClass::ALL.to_vec())));
    (bucket(), acl, prefixes, tagging, rest).prop_map(|(target, acl, prefixes, tagging, rest)| {
        let (acl_directive, grants, canned_acl) = acl;
        let (prefix_replace, resources_prefix, target_prefix) = prefixes;
        let (tagging_directive, tags) = tagging;
        let (metadata_directive, metadata, modified_since, unmodified_since, storage_class) = rest;
        Operation::Copy(Box::new(Copy {
            acl_directive,
            grants,
            canned_acl,
            prefix_replace,
            resources_prefix,
            target_prefix,
            metadata_directive,
            modified_since,
            unmodified_since,
            metadata,
            tagging_directive,
            tags,
            storage_class,
            ..Copy::to(target)
        }))
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let tier = select(vec![RestoreTier::Bulk, RestoreTier::Standard]);
    let restore = (1_u32..=365, tier).prop_map(|(days, tier)| Operation::Restore(Restore { days, tier }));
    let directive = of(select(vec![Directive::Replaced, Directive::Add]));
    let tagging = (directive, tags()).prop_map(|(directive, tags)| Operation::Tagging(Tagging { directive, tags }));
    let wait = (1_u32..=720).prop_map(|hours| Operation::WaitForRestore(WaitForRestore { hours }));
    prop_oneof![4 => copy(), 1 => restore, 1 => tagging, 1 => wait, 1 => Just(Operation::Delete)]
}

fn report() -> impl Strategy<Value = ReportSpec> {
    let scope = || select(vec![ReportScope::AllTasks, ReportScope::FailedTasksOnly]);
    let enabled = (bucket(), of(text(60)), scope()).prop_map(|(bucket, prefix, scope)| ReportSpec {
        enabled: true,
        bucket: Some(bucket),
        prefix,
        scope: Some(scope),
    });
    let disabled = (of(bucket()), of(text(60)), of(scope())).prop_map(|(bucket, prefix, scope)| ReportSpec {
        enabled: false,
        bucket,
        prefix,
        scope,
    });
    prop_oneof![enabled, disabled]
}

fn spec() -> impl Strategy<Value = JobSpec> {
    let texts = (filled(16), of(any::<bool>()), of(filled(60)));
    let role = "[A-Za-z_]{1,20}".prop_map(|name| qcs::parse_role(&qcs::role_text("1000", &name)).unwrap());
    (texts, manifest(), operation(), 0..=i32::MAX, report(), role).prop_map(
        |((client_request_token, confirmation_required, description), manifest, operation, priority, report, role)| {
            JobSpec {
                client_request_token,
                confirmation_required,
                description,
                manifest,
                operation,
                priority,
                report,
                role,
                ..samples::job_spec()
            }
        },
    )
}

fn id() -> impl Strategy<Value = JobId> {
    any::<u128>().prop_map(JobId::from_u128)
}

fn status() -> impl Strategy<Value = Status> {
    select(Status::ALL.to_vec())
}

fn job() -> impl Strategy<Value = Job> {
    let failure = (filled(16), text(60)).prop_map(|(code, reason)| JobFailure { code, reason });
    let told = (text(60), prop::collection::vec(failure, 0..3), of(filled(60)));
    let times = (second(), of(second()), of(second()));
    let numbers = (0..=i32::MAX, any::<u64>(), any::<u64>(), any::<u64>());
    (id(), spec(), status(), told, times, numbers).prop_map(|(id, spec, status, told, times, numbers)| {
        let account = AccountId::new("1250000000").unwrap();
        let mut job = Job::new(id, account, Dialect::Cos, EndpointName::new("main").unwrap(), spec, times.0);
        (job.status, job.priority) = (status, numbers.0);
        (job.status_update_reason, job.failures, job.suspended_cause) = told;
        (job.suspended, job.terminated) = (times.1, times.2);
        job.progress = Progress { total: numbers.1, succeeded: numbers.2, failed: numbers.3 };
        job
    })
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(spec in spec()) {
        prop_assert_eq!(create_job::decode_request(&create_job::encode_request(&spec)), Ok(spec));
    }

    #[test]
    fn a_description_is_read_as_it_was_written(job in job()) {
        prop_assert_eq!(describe_job::decode_result(&describe_job::encode_result(&job)), Ok(carried(&job)));
    }

    #[test]
    fn a_list_is_read_as_it_was_written(jobs in prop::collection::vec(job(), 0..4), next in of(id())) {
        let read = list_jobs::decode_result(&list_jobs::encode_result(&jobs, next));
        prop_assert_eq!(read, Ok(list_jobs::ListedJobs { jobs: jobs.iter().map(listed).collect(), next }));
    }

    #[test]
    fn small_results_are_read_as_they_were_written(id in id(), priority in 0..=i32::MAX, status in status(), reason in text(60)) {
        prop_assert_eq!(create_job::decode_result(&create_job::encode_result(id)), Ok(id));
        let result = update_job_priority::encode_result(id, priority);
        prop_assert_eq!(update_job_priority::decode_result(&result), Ok(UpdatedPriority { id, priority }));
        let result = update_job_status::encode_result(id, status, &reason);
        prop_assert_eq!(update_job_status::decode_result(&result), Ok(UpdatedStatus { id, status, reason }));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in any::<Vec<u8>>(), markup in "[<>/&;a-cA-C!\\[\\] =\"']{0,60}") {
        for body in [bytes.as_slice(), markup.as_bytes()] {
            prop_assert!(create_job::decode_request(body).is_err());
            prop_assert!(describe_job::decode_result(body).is_err());
            prop_assert!(list_jobs::decode_result(body).is_err());
        }
    }
}
