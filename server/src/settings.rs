//! What the configuration says, as the parts of the service take it: at the start, and when it is read again.

use brigade_config::Config;
use brigade_config::endpoint::Endpoint;
use brigade_engine::EngineConfig;
use brigade_model::{EndpointName, NameError};
use brigade_service::JobRules;

use crate::api::Rules;

/// How the engine works.
pub(crate) fn engine_config(config: &Config) -> EngineConfig {
    let engine = &config.engine;
    EngineConfig {
        active_jobs: engine.active_jobs,
        slices: engine.slices_in_flight,
        tasks: engine.tasks_in_flight,
        bytes_in_flight: engine.bytes_in_flight.0,
        stages: engine.stages_in_flight,
        poll: engine.poll,
        stop_patience: config.server.stop_timeout,
        confirmation_patience: engine.confirmation_patience,
        hold_patience: engine.hold_patience,
        restore_look_every: engine.restore_look_every,
        prepare_patience: engine.prepare_patience,
        report_patience: engine.report_patience,
        ended_jobs_kept: engine.ended_jobs_listed,
        outcomes_kept: engine.outcomes_kept,
        quotas: config.quotas(),
        free_bytes_to_lease: engine.free_space_to_lease.0,
        free_bytes_to_start: engine.free_space_to_start.0,
        ..EngineConfig::default()
    }
}

/// What the configuration says about the API.
pub(crate) fn rules(config: &Config) -> Rules {
    Rules {
        request_timeout: config.server.request_timeout,
        require_content_md5: config.server.requires_content_md5(),
        metrics_bucket_names: config.server.metrics_bucket_names,
        s3control_region: config.server.s3control_region.clone(),
        s3control_confirmation_required: config.server.s3control_confirmation_required,
    }
}

/// What the configuration says about jobs.
///
/// # Errors
/// When an endpoint's name is none; a checked configuration has no such endpoint.
pub(crate) fn job_rules(config: &Config) -> Result<JobRules, NameError> {
    let regions = |(name, endpoint): (&String, &Endpoint)| {
        let regions = endpoint.regions.clone()?;
        Some(EndpointName::new(name).map(|name| (name, regions)))
    };
    Ok(JobRules {
        quotas: config.quotas(),
        ended_jobs_listed: config.engine.ended_jobs_listed,
        threshold_percent: config.engine.threshold_percent,
        threshold_tasks: config.engine.threshold_tasks,
        regions: config.endpoints.iter().filter_map(regions).collect::<Result<_, _>>()?,
    })
}
