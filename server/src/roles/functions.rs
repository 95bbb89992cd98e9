//! The functions of the configuration, ready to be called.

use std::sync::Arc;

use anyhow::Context;
use brigade_config::account::Function as FunctionConfig;
use brigade_model::ports::{Clock, Function};
use brigade_s3::http::function::{CurrentSecret, HttpFunction};
use brigade_s3::http::{function, proxy};
use tokio::sync::Semaphore;

use super::route;

/// A function; sends no request.
pub(super) fn build(config: &FunctionConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Function> {
    let secret = config.secret.clone();
    let secret = secret.map(|secret| Arc::new(move || secret.current().expose().to_owned()) as CurrentSecret);
    let proxy = route::of_variables(config.url.as_str())?.map(|(proxy, _)| proxy);
    let invoker = HttpFunction::new(
        function::FunctionConfig {
            url: config.url.as_str().to_owned(),
            timeout: config.timeout,
            route: proxy::Route { connect_to: None, proxy },
            extra_ca: config.ca_file.clone(),
            secret,
        },
        Arc::clone(clock),
    )?;
    let slots = usize::try_from(config.concurrency).context("concurrency")?.min(Semaphore::MAX_PERMITS);
    Ok(Function { invoker: Arc::new(invoker), slots: Arc::new(Semaphore::new(slots)), timeout: config.timeout })
}
