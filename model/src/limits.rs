//! Every bound of the service in one place, each with its reason or its source.
//!
//! Sources: `COS` = the COS Batch pages (CreateJob, DescribeJob, ListJobs, common elements);
//! `S3` = the S3 API reference; `ours` = a decision of this project, with the arithmetic.

use std::time::Duration;

/// The head of a request of the control API: its line and headers. The longest parts are a token
/// (8 KiB), a signature (8 KiB) and a query with a reason; a thousand connections that each send
/// as much hold 64 MiB. ours
pub const REQUEST_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of a request: those that a signature can list. ours
pub const REQUEST_HEADERS_MAX: usize = 100;
/// A request body of the control API. COS gives no number; the largest legal CreateJob
/// (every field at its limit, five-fold escaped) is below 100 KiB. ours
pub const REQUEST_BODY_BYTES_MAX: usize = 256 * 1024;
/// Nesting of a request document; the deepest legal element stands at depth 7. ours
pub const XML_DEPTH_MAX: usize = 16;

/// `ClientRequestToken`, bytes. COS
pub const CLIENT_REQUEST_TOKEN_BYTES_MAX: usize = 64;
/// `Description`, bytes. COS
pub const DESCRIPTION_BYTES_MAX: usize = 256;
/// `StatusUpdateReason`, bytes. COS
pub const STATUS_UPDATE_REASON_BYTES_MAX: usize = 256;
/// `FailureCode`, bytes. COS
pub const FAILURE_CODE_BYTES_MAX: usize = 64;
/// `FailureReason`, bytes. COS
pub const FAILURE_REASON_BYTES_MAX: usize = 256;
/// `SuspendedCause`, bytes. COS
pub const SUSPENDED_CAUSE_BYTES_MAX: usize = 1024;
/// `RoleArn`, `ObjectArn`, `ObjectVersionId` and `ETag`, bytes. COS
pub const RESOURCE_NAME_BYTES_MAX: usize = 1024;
/// A checksum in a row of a manifest, bytes: a SHA-512 in hexadecimal. ours
pub const CHECKSUM_TEXT_BYTES_MAX: usize = 128;
/// `x-cos-appid`, bytes. COS
pub const APPID_BYTES_MAX: usize = 64;
/// `JobId`, characters. COS
pub const JOB_ID_CHARS_MAX: usize = 64;
/// `Priority` runs from 0 to this. COS
pub const PRIORITY_MAX: i32 = i32::MAX;
/// `maxResults` of ListJobs, its greatest and default value. COS
pub const LIST_JOBS_MAX: usize = 1000;
/// Report prefix, bytes. COS
pub const REPORT_PREFIX_BYTES_MAX: usize = 256;
/// `ResourcesPrefix` and `TargetKeyPrefix`, bytes. COS
pub const COPY_PREFIX_BYTES_MAX: usize = 1024;

/// An object key, bytes of UTF-8. S3
pub const KEY_BYTES_MAX: usize = 1024;
/// Tags on an object. S3, COS
pub const TAGS_MAX: usize = 10;
/// A tag's key, characters. S3
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// A tag's value, characters. S3
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// User metadata in all, bytes of keys and values. S3, COS
pub const USER_METADATA_BYTES_MAX: usize = 2048;
/// The name of a storage class, bytes: the longest known has 22. ours
pub const STORAGE_CLASS_BYTES_MAX: usize = 64;
/// `ExpirationInDays` of a restore. COS
pub const RESTORE_DAYS_MAX: u32 = 365;
/// The largest object that one CopyObject carries, bytes. S3
pub const COPY_OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Parts of a multipart upload. S3
pub const PARTS_MAX: u32 = 10_000;
/// The least size of a part other than the last, bytes. S3
pub const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// The wanted size of a part of a multipart copy: 10,000 such parts reach 5 TiB only with
/// growth, so [`part_size`] raises it. 256 MiB copies inside a server in seconds. ours
pub const COPY_PART_BYTES: u64 = 256 * 1024 * 1024;
/// Keys in one multi-object delete. S3
pub const DELETE_OBJECTS_KEYS_MAX: usize = 1000;
/// Body of one multi-object delete: 1,000 keys of 200 bytes and their tags. ours
pub const DELETE_OBJECTS_BYTES_MAX: usize = 256 * 1024;

/// Jobs that have not ended, for each account. COS has `TooManyJobs` without a number. ours
pub const OPEN_JOBS_MAX: usize = 1000;
/// Ended jobs stay listed this long. COS
pub const ENDED_JOBS_LISTED: Duration = Duration::from_secs(90 * 24 * 3600);
/// The slices and outcomes of an ended job are kept this long: a month in which what failed is
/// retried; the report tells of them for ever. ours
pub const OUTCOMES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Jobs that an account keeps, the ended ones included: at some 2 KiB each 220 MB. ours
pub const JOBS_LISTED_MAX: u64 = 100_000;
/// Jobs that an account creates within a minute: a hundred a second. ours
pub const JOBS_PER_MINUTE_MAX: usize = 6000;
/// Slices and outcomes of an account, bytes: those of 10^9 tasks whose keys share nothing. ours
pub const ACCOUNT_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// A suspended job that its user does not confirm fails after this. COS is silent; S3 says 30 days.
pub const CONFIRMATION_PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);
/// So many tasks of one bucket that fail alike, by what a person must change, with no success between
/// them hold their job: more than a handful of odd objects, and few enough to repeat. ours
pub const HOLD_FAILURES: u32 = 10;
/// How often a task of a held job is tried: what was put right is noticed within a minute, and a store
/// that refuses everything gets little to refuse. ours
pub const HOLD_TRY_EVERY: Duration = Duration::from_secs(60);
/// A job that was held for longer fails: a client that waits for its end learns why. ours
pub const HOLD_PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What the service clock advances at a start, at most, for the time in which no process ran: only
/// the time of day tells how long that was, and it may have been set. ours
pub const SERVICE_CLOCK_GAP_MAX: Duration = Duration::from_secs(24 * 3600);
/// The service clock is stored this often at least: so much of it a crash can cost, where the time
/// of day is set back meanwhile. ours
pub const SERVICE_CLOCK_STORED_EVERY: Duration = Duration::from_secs(60);
/// Why an operator stopped an endpoint, characters: in ASCII and with the words around it, it fits
/// into a job's [`STATUS_UPDATE_REASON_BYTES_MAX`]; what does not is cut there. ours
pub const STOP_REASON_CHARS_MAX: usize = 160;
/// The failure threshold applies to jobs of more tasks than this ... COS, S3
pub const THRESHOLD_TASKS_MIN: u64 = 1000;
/// ... and fails them when failures exceed this share of the outcomes, in percent. COS, S3
pub const THRESHOLD_FAILED_PERCENT: u8 = 50;

/// Tasks in the first slice; each following slice doubles, up to the operation's cap, so
/// that a small job spreads over the workers and a large one has few rows. ours
pub const SLICE_TASKS_FIRST: u32 = 64;
/// Tasks in a slice of metadata calls and deletes: 10^9 tasks are 122,070 slices. ours
pub const SLICE_TASKS_METADATA: u32 = 8192;
/// Tasks in a slice of copies: a slice lasts seconds, not hours. ours
pub const SLICE_TASKS_BODY: u32 = 1024;
/// Tasks in a slice of a job that works in rounds: fewer than [`WINDOW_TASKS`], because a task that stays
/// open holds the window back. ours
pub const SLICE_TASKS_ROUND: u32 = WINDOW_TASKS / 2;
/// The first pause between two rounds of a job that waits for restores, unless the configuration says
/// otherwise; an expedited restore takes as long. ours
pub const RESTORE_LOOK_EVERY: Duration = Duration::from_secs(5 * 60);
/// Pauses between rounds double up to so many times the first: from 5 minutes to an hour, which is little
/// against the hours that a restore takes. ours
pub const ROUND_PAUSE_GROWTH: u32 = 12;
/// A job waits for restores this many hours, unless it says otherwise: the slowest tier of the deepest
/// archive takes 48, and a store may be late. ours
pub const RESTORE_WAIT_HOURS: u32 = 72;
/// The most hours that a job waits for restores: 30 days. ours
pub const RESTORE_WAIT_HOURS_MAX: u32 = 30 * 24;
/// Tasks started beyond the first one without a committed outcome: what a crash can repeat. ours
pub const WINDOW_TASKS: u32 = 2048;
/// An outcome part closes at this many outcomes ...
pub const PART_OUTCOMES_MAX: u32 = 1000;
/// ... or at this many bytes ...
pub const PART_OUTCOME_BYTES_MAX: usize = 256 * 1024;
/// ... or at this age. ours
pub const PART_AGE_MAX: Duration = Duration::from_secs(1);
/// A task begins only while its worker has seen within this time that the job may run, so a
/// cancel that another node stored starts nothing later. Workers check it three times as often. ours
pub const NOTICE_MAX: Duration = Duration::from_secs(1);
/// What has begun when its job is stopped waits and is tried again for this long: a person who
/// cancels waits for it. The job then reports what is missing. ours
pub const FINISHING_MAX: Duration = Duration::from_secs(30);
/// Units of one slice that wait for long beside those that run; each keeps some kilobytes. ours
pub const STUCK_TASKS_MAX: usize = 512;
/// Slices of one job that only wait, and so give their places to others, in one process: each keeps
/// its lease, and up to a thousand rows in memory. ours
pub const SLICES_ASIDE_MAX: usize = 8;
/// Jobs that only wait, and so give their slots to others, for each endpoint. ours
pub const JOBS_ASIDE_MAX: usize = 16;
/// A slice that was revoked this often fails its job, because its content kills workers: unless
/// something of the job was recorded in between, or its calls waited when the last worker died. ours
pub const SLICE_REVOCATIONS_MAX: u32 = 10;
/// A lease of a stage, or of a slice of metadata calls and deletes, lasts this long unless
/// renewed; it is renewed at a third of it, so at least [`LEASE_LEFT`] remain for an attempt, and
/// more while the renewals go on. No attempt outlives the lease. ours
pub const LEASE_TTL: Duration = Duration::from_secs(60);
/// What remains of any lease that is renewed in time. ours
pub const LEASE_LEFT: Duration = Duration::from_secs(40);
/// A lease of a slice of copies: when the renewals end, because the job is stopped or the job store
/// is away, at least 800 s remain for an attempt that was begun. One that copies
/// [`COPY_OBJECT_BYTES_MAX`] has 655 s ([`ATTEMPT_TIME`] and [`ATTEMPT_TIME_PER_MIB`]). ours
pub const LEASE_TTL_BODY: Duration = Duration::from_secs(1200);
/// An attempt ends when nothing of its answer came for this long, unless its endpoint says
/// otherwise. ours
pub const ATTEMPT_TIME: Duration = Duration::from_secs(15);
/// An attempt may be without a word this much longer for each MiB that it moves: 8 MiB/s. ours
pub const ATTEMPT_TIME_PER_MIB: Duration = Duration::from_millis(125);
/// A copy of unknown size, and the completion of an upload of any size, may be without a word this
/// long: 1 GiB at that pace. ours
pub const COPY_TIME: Duration = Duration::from_secs(120);
/// Bytes of bodies that a process holds at once: 32 parts of a streamed copy, and half of what a
/// process may take in all. ours
pub const BYTES_IN_FLIGHT: u64 = 256 * 1024 * 1024;
/// Rows in one report file. ours
pub const REPORT_FILE_ROWS_MAX: u64 = 1_000_000;
/// A preparation that cannot go on is tried again for this long. ours
pub const PREPARE_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// An invocation of a function may take this long at most: less than remains of the lease of its slice
/// ([`LEASE_TTL_BODY`]). ours
pub const INVOCATION_TIME_MAX: Duration = Duration::from_secs(600);
/// An answer of a function, bytes: it is about one task. ours
pub const FUNCTION_ANSWER_BYTES_MAX: usize = 256 << 10;
/// A report that cannot be delivered is tried again for this long. ours
pub const REPORT_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Error codes of failed tasks that a job counts one by one; those that come later are counted together. Stores have
/// some dozens of codes, and a job meets a handful: with the longest keys these take 20 KiB in its row. ours
pub const FAILURE_CODES_MAX: usize = 16;
/// Uploads that the document of an ended job names one by one; it counts them all. With the longest keys these take
/// some 200 KiB. ours
pub const LEFT_UPLOADS_NAMED_MAX: usize = 100;
/// A message in an outcome, bytes; longer ones are cut at a character. ours
pub const OUTCOME_MESSAGE_BYTES_MAX: usize = 1024;

/// The size of the parts that carry `size` bytes within [`PARTS_MAX`] parts.
///
/// `wanted` is kept where it suffices; otherwise the smallest multiple of 1 MiB that does.
#[must_use]
pub fn part_size(size: u64, wanted: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    let least = size.div_ceil(u64::from(PARTS_MAX)).div_ceil(MIB) * MIB;
    wanted.max(least).max(PART_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_object_number_ten_thousand_at_most() {
        for size in [0, 1, COPY_OBJECT_BYTES_MAX, 5 << 40, 50 << 40] {
            assert!(size.div_ceil(part_size(size, COPY_PART_BYTES)) <= u64::from(PARTS_MAX));
        }
    }
}
