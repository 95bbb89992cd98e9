//! CreateJob: everything that can be known to be wrong is refused here, and then nothing is
//! stored.

use axum::body::Body;
use brigade_engine::operation::missing_capabilities;
use brigade_engine::{Place, RolePlaces};
use brigade_model::job::CannotRetry;
use brigade_model::limits::{THRESHOLD_FAILED_PERCENT, THRESHOLD_TASKS_MIN};
use brigade_model::ports::job_store::CreateJobError;
use brigade_model::resource::{Owner, RoleRef};
use brigade_model::{BucketName, Dialect, Job, JobId, JobSpec, Operation, Quota};
use brigade_wire::cos::{CosError, create_job};

use crate::api::answer::{Answer, Refusal};
use crate::api::operator::errors;
use crate::api::request::Asked;
use crate::api::{Api, options};
use crate::auth::Caller;

impl Api {
    pub(super) async fn create_job(&self, asked: &Asked, caller: &Caller, body: Body) -> Result<Answer, Refusal> {
        let is_body_signed = asked.has_header("content-md5") && caller.has_signed("content-md5");
        if self.rules.require_content_md5 && !is_body_signed {
            return Err(CosError::access_denied("CreateJob must send its Content-MD5, signed").into());
        }
        let body = self.read_body(asked, body).await?;
        create_job::decode_query(&asked.query())?;
        let mut spec = create_job::decode_request(&body)?;
        spec.options = options::read(asked, caller)?;
        self.set_thresholds(&mut spec);
        let job = self.admit(caller, spec, Dialect::Cos)?;
        if self.store_job(&job).await?.is_some() {
            return Err(CosError::duplicate_token().into());
        }
        self.audit(asked, caller, "create", job.id);
        self.engine.ring();
        Ok(Answer::document(create_job::encode_result(job.id)))
    }

    /// Stores a job within what its account may take; gives the job that has its token already.
    pub(super) async fn store_job(&self, job: &Job) -> Result<Option<JobId>, Refusal> {
        let (account, quota) = (&job.account, self.rules.quotas.of(&job.account));
        let now = self.clock.monotonic();
        if !self.pace.count(account, quota.jobs_per_minute_max, now) {
            // Who only asks again for what was created is told as ever.
            let token = &job.spec.client_request_token;
            let other = self.jobs.job_of_token(account, job.dialect, token).await.map_err(Refusal::store)?;
            return match other {
                Some(other) => Ok(Some(other)),
                None => Err(CosError::too_many_creates(quota.jobs_per_minute_max).into()),
            };
        }
        let Err(error) = self.jobs.create_job(job, quota).await else { return Ok(None) };
        // After a failure of the store it may have been created.
        if !matches!(error, CreateJobError::Store(_)) {
            self.pace.forget(account, now);
        }
        match error {
            CreateJobError::TokenInUse(other) => Ok(Some(other)),
            error => Err(not_created(error, quota)),
        }
    }

    /// A job that the caller's role and the service can carry out as far as is known now; it is
    /// not stored yet.
    pub(super) fn admit(&self, caller: &Caller, spec: JobSpec, dialect: Dialect) -> Result<Job, Refusal> {
        let places = self.role_of(caller, &spec.role)?;
        check_operation(&spec, &places)?;
        self.check_places(&spec, &places)?;
        if let Some(reason) = self.engine.why_full() {
            return Err(CosError::cannot_create(reason).into());
        }
        Ok(self.new_job(caller, spec, dialect, &places))
    }

    /// A job that does not say its threshold gets the configuration's, where that is another
    /// than the dialect's own.
    fn set_thresholds(&self, spec: &mut JobSpec) {
        let options = &mut spec.options;
        if self.rules.threshold_percent != THRESHOLD_FAILED_PERCENT {
            options.threshold_percent.get_or_insert(self.rules.threshold_percent);
        }
        if self.rules.threshold_tasks != THRESHOLD_TASKS_MIN {
            options.threshold_tasks.get_or_insert(self.rules.threshold_tasks);
        }
    }

    /// The caller's role; one of another account answers exactly as one that does not exist.
    fn role_of(&self, caller: &Caller, role: &RoleRef) -> Result<RolePlaces, CosError> {
        let is_own = match &role.owner {
            Owner::Unnamed => true,
            Owner::Uin(uin) => *uin == caller.owner.uin,
            Owner::Appid(appid) => *appid == caller.owner.appid,
        };
        let places = is_own.then(|| self.role_places(caller, &role.name)).flatten();
        places.ok_or_else(|| CosError::invalid_parameter("RoleArn", "the account has no such role"))
    }

    /// Buckets that the role may touch, in regions that their endpoints have, and grantees whom
    /// the target's endpoint knows.
    fn check_places(&self, spec: &JobSpec, places: &RolePlaces) -> Result<(), CosError> {
        // A retry reads no manifest.
        if spec.retry_of.is_none() {
            let manifest = &spec.manifest.location.object;
            self.check_place("Manifest.Location.ObjectArn", &places.manifest, &manifest.bucket, &manifest.region)?;
        }
        if let (true, Some(bucket)) = (spec.report.enabled, &spec.report.bucket) {
            self.check_place("Report.Bucket", &places.report, &bucket.bucket, &bucket.region)?;
        }
        if let Operation::Copy(copy) = &spec.operation {
            let target = &copy.target;
            self.check_place("TargetResource", &places.target, &target.bucket, &target.region)?;
            for grant in &copy.grants {
                let known = places.target.grantees.resolve(&grant.grantee);
                known.map_err(|unknown| CosError::invalid_parameter("AccessControlGrants", unknown.to_string()))?;
            }
        }
        Ok(())
    }

    fn check_place(&self, parameter: &str, place: &Place, bucket: &BucketName, region: &str) -> Result<(), CosError> {
        if place.buckets.resolve(bucket).is_none() {
            let why = format!("the role may not use bucket {bucket}");
            return Err(CosError::invalid_parameter(parameter, why));
        }
        if !self.roles.knows_region(&place.endpoint, region) {
            let why = format!("the endpoint of bucket {bucket} is not in region {region}");
            return Err(CosError::invalid_parameter(parameter, why));
        }
        Ok(())
    }

    fn new_job(&self, caller: &Caller, spec: JobSpec, dialect: Dialect, places: &RolePlaces) -> Job {
        let now = self.clock.now();
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let endpoint = places.endpoint_of(spec.operation.kind()).clone();
        let id = JobId::new(now, &random);
        Job::new(id, caller.owner.account.clone(), dialect, endpoint, spec, now)
    }
}

/// Why a job was not created, in the words of the dialect.
fn not_created(error: CreateJobError, quota: &Quota) -> Refusal {
    match error {
        CreateJobError::TokenInUse(_) => CosError::duplicate_token().into(),
        CreateJobError::TooManyJobs => CosError::too_many_jobs(quota.open_jobs_max).into(),
        CreateJobError::TooManyListed => CosError::too_many_listed_jobs(quota.jobs_listed_max).into(),
        CreateJobError::DiskQuotaFull => CosError::disk_quota_full(quota.bytes_max).into(),
        CreateJobError::RetriedJobGone(_) => CosError::no_such_job().into(),
        CreateJobError::RetriedOutcomesRemoved { at, .. } => {
            errors::cannot_retry(CannotRetry::OutcomesRemoved(at)).into()
        }
        CreateJobError::Store(_) => Refusal::store(error),
    }
}

/// An operation that the role allows and the endpoints can do.
fn check_operation(spec: &JobSpec, places: &RolePlaces) -> Result<(), CosError> {
    let kind = spec.operation.kind();
    if !places.operations.contains(&kind) {
        let why = format!("the role may not do {}", kind.cos_name());
        return Err(CosError::invalid_parameter("Operation", why));
    }
    let missing = missing_capabilities(&spec.operation, &places.source.capabilities, &places.target.capabilities);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|capability| capability.name()).collect();
    let why = format!("{} needs what the endpoint lacks: {}", kind.cos_name(), names.join(", "));
    Err(CosError::invalid_parameter("Operation", why))
}
