//! Admission: refuses a new job for everything that can be known to be wrong with it, and stores
//! nothing then.

use brigade_engine::operation::missing_capabilities;
use brigade_engine::{Place, RolePlaces};
use brigade_model::job::CannotRetry;
use brigade_model::limits::{THRESHOLD_FAILED_PERCENT, THRESHOLD_TASKS_MIN};
use brigade_model::operation::StorageClass;
use brigade_model::ports::job_store::CreateJobError;
use brigade_model::resource::RoleRef;
use brigade_model::{BucketName, Dialect, EndpointKind, Job, JobId, JobSpec, Operation, Quota};

use crate::caller::Changed;
use crate::{Caller, JobService, PlaceUse, ServiceError};

impl JobService {
    /// Creates a job of that dialect: from then on the engine carries it out.
    ///
    /// # Errors
    /// Why the job is not admitted; nothing is stored then, but for [`ServiceError::Store`].
    pub async fn create_job(&self, caller: &Caller, dialect: Dialect, mut spec: JobSpec) -> Result<Job, ServiceError> {
        self.set_thresholds(&mut spec);
        let job = self.admit(caller, spec, dialect)?;
        self.store_job(&job).await?;
        caller.audit_job("create", &job, &Changed::default());
        self.engine.notify();
        Ok(job)
    }

    /// The same, but a repeat of the request that created a job gives that job.
    ///
    /// # Errors
    /// As for [`JobService::create_job`]; [`ServiceError::TokenInUse`] when another request had the token.
    pub async fn create_job_once(&self, caller: &Caller, dialect: Dialect, spec: JobSpec) -> Result<Job, ServiceError> {
        let mut asked = spec.clone();
        self.set_thresholds(&mut asked);
        match self.create_job(caller, dialect, spec).await {
            Err(ServiceError::TokenInUse(other)) => {
                let found = self.jobs.job(other).await.map_err(ServiceError::store)?;
                found.filter(|job| job.spec == asked).ok_or(ServiceError::TokenInUse(other))
            }
            created => created,
        }
    }

    /// Stores a job within what its account may take.
    pub(crate) async fn store_job(&self, job: &Job) -> Result<(), ServiceError> {
        let (account, rules) = (&job.account, self.rules.now());
        let quota = rules.quotas.of(account);
        let now = self.clock.monotonic();
        if !self.pace.count(account, quota.jobs_per_minute_max, now) {
            // A repeat of an earlier request gets the same answer.
            let token = &job.spec.client_request_token;
            let other = self.jobs.job_of_token(account, job.dialect, token).await.map_err(ServiceError::store)?;
            let too_many = ServiceError::TooManyCreates { max: quota.jobs_per_minute_max };
            return Err(other.map_or(too_many, ServiceError::TokenInUse));
        }
        let Err(error) = self.jobs.create_job(job, quota).await else { return Ok(()) };
        // After a failure of the store it may have been created.
        if !matches!(error, CreateJobError::Store(_)) {
            self.pace.forget(account, now);
        }
        Err(not_created(error, quota))
    }

    /// A job that the caller's role and the service can carry out, by all that is known now. Does not
    /// store it.
    pub(crate) fn admit(&self, caller: &Caller, spec: JobSpec, dialect: Dialect) -> Result<Job, ServiceError> {
        let places = self.role_of(caller, &spec.role, dialect)?;
        check_operation(&spec, &places)?;
        self.check_places(&spec, &places)?;
        self.check_function(caller, &spec)?;
        if let Some(reason) = self.engine.why_full() {
            return Err(ServiceError::NoSpace(reason));
        }
        Ok(self.new_job(caller, spec, dialect, &places))
    }

    /// Gives a job without a threshold the configuration's, where it differs from the dialect's own.
    fn set_thresholds(&self, spec: &mut JobSpec) {
        let (options, rules) = (&mut spec.options, self.rules.now());
        if rules.threshold_percent != THRESHOLD_FAILED_PERCENT {
            options.threshold_percent.get_or_insert(rules.threshold_percent);
        }
        if rules.threshold_tasks != THRESHOLD_TASKS_MIN {
            options.threshold_tasks.get_or_insert(rules.threshold_tasks);
        }
    }

    /// The caller's role; one of another account answers exactly as one that does not exist.
    fn role_of(&self, caller: &Caller, role: &RoleRef, dialect: Dialect) -> Result<RolePlaces, ServiceError> {
        let is_own = caller.account.is_named(&role.owner, dialect);
        let places = is_own.then(|| self.roles.places(&caller.account.name, &role.name)).flatten();
        places.ok_or(ServiceError::NoSuchRole)
    }

    /// Buckets that the role may touch, in regions that their endpoints have, and grantees whom
    /// the target's endpoint knows.
    fn check_places(&self, spec: &JobSpec, places: &RolePlaces) -> Result<(), ServiceError> {
        // A retry reads no manifest.
        if spec.retry_of.is_none() {
            let manifest = &spec.manifest.location.object;
            self.check_place(PlaceUse::Manifest, &places.manifest, &manifest.bucket, &manifest.region)?;
        }
        if let (true, Some(bucket)) = (spec.report.enabled, &spec.report.bucket) {
            self.check_place(PlaceUse::Report, &places.report, &bucket.bucket, &bucket.region)?;
        }
        if let Operation::Copy(copy) = &spec.operation {
            let target = &copy.target;
            self.check_place(PlaceUse::Target, &places.target, &target.bucket, &target.region)?;
            if let (EndpointKind::Cos, Some(StorageClass::Other(name))) = (places.target.kind, &copy.storage_class) {
                return Err(ServiceError::UnknownStorageClass(name.clone()));
            }
            // A group has no id of its own.
            for grant in copy.grants.iter().filter(|grant| !grant.is_group) {
                places.target.grantees.resolve(&grant.grantee).map_err(ServiceError::UnknownGrantee)?;
            }
        }
        Ok(())
    }

    /// A function that the caller's account may call.
    fn check_function(&self, caller: &Caller, spec: &JobSpec) -> Result<(), ServiceError> {
        match &spec.operation {
            Operation::Invoke(invoke) if self.roles.function(&caller.account.name, &invoke.function).is_none() => {
                Err(ServiceError::NoSuchFunction(invoke.function.clone()))
            }
            _ => Ok(()),
        }
    }

    fn check_place(
        &self,
        used: PlaceUse,
        place: &Place,
        bucket: &BucketName,
        region: &str,
    ) -> Result<(), ServiceError> {
        if place.buckets.resolve(bucket).is_none() {
            return Err(ServiceError::BucketDenied { place: used, bucket: bucket.clone() });
        }
        if !self.rules.now().knows_region(&place.endpoint, region) {
            return Err(ServiceError::WrongRegion { place: used, bucket: bucket.clone(), region: region.to_owned() });
        }
        Ok(())
    }

    fn new_job(&self, caller: &Caller, spec: JobSpec, dialect: Dialect, places: &RolePlaces) -> Job {
        let now = self.clock.now();
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let endpoint = places.endpoint_of(spec.operation.kind()).clone();
        let id = JobId::new(now, &random);
        Job::new(id, caller.account.name.clone(), dialect, endpoint, spec, now)
    }
}

fn not_created(error: CreateJobError, quota: &Quota) -> ServiceError {
    match error {
        CreateJobError::TokenInUse(other) => ServiceError::TokenInUse(other),
        CreateJobError::TooManyJobs => ServiceError::TooManyJobs { max: quota.open_jobs_max },
        CreateJobError::TooManyListed => ServiceError::TooManyListed { max: quota.jobs_listed_max },
        CreateJobError::DiskQuotaFull => ServiceError::DiskQuotaFull { max: quota.bytes_max },
        CreateJobError::RetriedJobGone(_) => ServiceError::NoSuchJob,
        CreateJobError::RetriedOutcomesRemoved { at, .. } => {
            ServiceError::CannotRetry(CannotRetry::OutcomesRemoved(at))
        }
        CreateJobError::Store(error) => ServiceError::store(error),
    }
}

/// An operation that the role allows and the endpoints can do.
fn check_operation(spec: &JobSpec, places: &RolePlaces) -> Result<(), ServiceError> {
    let operation = spec.operation.kind();
    if !places.operations.contains(&operation) {
        return Err(ServiceError::OperationDenied(operation));
    }
    let missing = missing_capabilities(&spec.operation, &places.source.capabilities, &places.target.capabilities);
    if missing.is_empty() { Ok(()) } else { Err(ServiceError::MissingCapabilities { operation, missing }) }
}
