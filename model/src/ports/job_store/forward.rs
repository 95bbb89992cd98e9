//! A job store that hands its calls to another one: what a decorator of the port does not say itself.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;

/// A call of a job store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobStoreCall {
    /// The name of the method.
    pub name: &'static str,
    /// Whether it changes nothing that the caller can see.
    pub is_read: bool,
}

/// Writes each method of [`JobStore`] twice: as a default of [`ForwardJobStore`], and as the method of the port that
/// calls it. A method of the port that lacks here is a compile error of this file; one that stands here is forwarded
/// by every decorator.
macro_rules! forward_job_store {
    ($($kind:ident $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A decorator of a job store. A type that implements it is a [`JobStore`] that forwards every method to another
        /// store, and has two ways to be different: all calls pass [`around`](ForwardJobStore::around), and each method
        /// can be written anew (then it does not pass `around`).
        #[async_trait]
        pub trait ForwardJobStore: Send + Sync + 'static {
            /// The store that answers.
            fn inner(&self) -> &dyn JobStore;

            /// Carries a call out; `answer` is the inner store's, which does nothing until it is awaited.
            async fn around<T, E, A>(&self, _call: JobStoreCall, answer: A) -> Result<T, E>
            where
                T: Send,
                E: From<StoreError> + Send,
                A: Future<Output = Result<T, E>> + Send,
            {
                answer.await
            }

            $(
                #[doc = concat!("Forwards [`JobStore::", stringify!($name), "`].")]
                async fn $name(&self, $($argument: $type),*) -> $answer {
                    let call = JobStoreCall { name: stringify!($name), is_read: forward_job_store!(@is_read $kind) };
                    self.around(call, self.inner().$name($($argument),*)).await
                }
            )*
        }

        #[async_trait]
        impl<S: ForwardJobStore> JobStore for S {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                ForwardJobStore::$name(self, $($argument),*).await
            })*
        }
    };
    (@is_read read) => { true };
    (@is_read write) => { false };
}

forward_job_store! {
    read service_time() -> Result<ServiceTime, StoreError>;
    write create_job(job: &Job, quota: &Quota) -> Result<(), CreateJobError>;
    read job_of_token(account: &AccountId, dialect: Dialect, token: &str) -> Result<Option<JobId>, StoreError>;
    read job(id: JobId) -> Result<Option<Job>, StoreError>;
    read list_jobs(query: &ListJobs) -> Result<Vec<Job>, StoreError>;
    write apply(apply: Apply) -> Result<Job, ApplyError>;
    read open_jobs() -> Result<Vec<JobHead>, StoreError>;
    read count_jobs() -> Result<Vec<(Status, u64)>, StoreError>;
    write reschedule(endpoint: &EndpointName, slots: usize) -> Result<Vec<(JobId, SlotMove)>, StoreError>;
    write purge(due: &Due, rows_max: usize) -> Result<Purged, StoreError>;
    write lease_stage(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration, grace: Duration) -> Result<Option<StageLease>, StoreError>;
    write renew_stage(lease: &StageLease, ttl: Duration) -> Result<(), LeaseError>;
    write release_stage(lease: &StageLease) -> Result<(), StoreError>;
    write add_slices(lease: &StageLease, slices: Vec<NewSlice>, bytes_max: u64) -> Result<(), AddSlicesError>;
    read slices(job: JobId, from: u32, limit: usize) -> Result<Vec<SliceRow>, StoreError>;
    write lease_slice(job: JobId, owner: OwnerId, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, StoreError>;
    write lease_slice_to_close(stage: &StageLease, slice: u32, token: LeaseToken, ttl: Duration) -> Result<Option<SliceLease>, LeaseError>;
    write renew_slice(lease: &SliceLease, ttl: Duration) -> Result<Status, LeaseError>;
    write release_slice(lease: &SliceLease, must_check: bool) -> Result<(), StoreError>;
    write put_off_slice(lease: &SliceLease, round: u32) -> Result<(), StoreError>;
    write revoke_lost(job: JobId, grace: Duration, known: Option<KnownLeases>) -> Result<u64, StoreError>;
    read count_leased(job: JobId) -> Result<u64, StoreError>;
    write record_part(part: OutcomePart) -> Result<(), LeaseError>;
    read parts(job: JobId, slice: u32) -> Result<Vec<(u64, Bytes)>, StoreError>;
    write record_upload(job: JobId, scope: &UploadScope, upload: &OpenUpload) -> Result<(), LeaseError>;
    write forget_upload(job: JobId, upload_id: &str) -> Result<(), StoreError>;
    read uploads(job: JobId, of: UploadsOf) -> Result<Vec<OpenUpload>, StoreError>;
    read left_uploads(job: JobId, uploads_max: usize) -> Result<LeftUploads, StoreError>;
    write record_report_file(lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError>;
    read report_files(job: JobId) -> Result<Vec<ReportFile>, StoreError>;
    read endpoints() -> Result<Vec<EndpointRow>, StoreError>;
    write set_endpoint(row: &EndpointRow) -> Result<EndpointRow, SetEndpointError>;
}
