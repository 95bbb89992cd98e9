//! Whom the command line talks to: the service and the stores.
//!
//! Both stand in the configuration (`[client]` and `[endpoints.<name>]`), which `brigade init`
//! writes and whose settings are environment variables too. A store may also be given by
//! flags alone, so that a manifest can be listed where no configuration is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::{Clock, Entropy, ObjectStore};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore};
use brigade_s3::retry::{Gate, Retry, RetryPolicy};
use brigade_s3::timeouts::Timeouts;

use crate::cli::Mistake;
use crate::config;
use crate::config::value::{self, Scalar as _, Url};

mod impatient;

use impatient::Impatient;

/// Commands are short; a connection that rested this long is opened anew.
const IDLE: Duration = Duration::from_secs(10);

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFlag {
    /// The configuration whose client and endpoints are used [default: brigade.toml]
    #[arg(long, global = true, env = "BRIGADE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFlag {
    /// The configuration's part for the command line.
    ///
    /// # Errors
    /// [`Mistake`] with the first thing that is wrong.
    pub fn load(&self) -> Result<config::ClientConfig, Mistake> {
        config::ClientConfig::load(self.config.as_deref()).map_err(|error| Mistake(error.to_string()))
    }
}

/// Which store to use.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Store")]
pub struct StoreFlags {
    /// The endpoint of the configuration to use [default: client.endpoint, or the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "s3_endpoint")]
    endpoint: Option<String>,
    /// A store that stands in no configuration
    #[arg(long, value_name = "URL", env = "BRIGADE_S3_ENDPOINT", requires_all = ["s3_access_key", "s3_secret_key"])]
    s3_endpoint: Option<String>,
    /// Its region [default: us-east-1]
    #[arg(long, value_name = "NAME", env = "BRIGADE_S3_REGION")]
    s3_region: Option<String>,
    /// The id of its access key
    #[arg(long, value_name = "ID", env = "BRIGADE_S3_ACCESS_KEY")]
    s3_access_key: Option<String>,
    /// The access key's secret; better given as BRIGADE_S3_SECRET_KEY, which no process list shows
    #[arg(long, value_name = "SECRET", env = "BRIGADE_S3_SECRET_KEY", hide_env_values = true)]
    s3_secret_key: Option<String>,
}

impl StoreFlags {
    /// The store that the flags, or else the configuration, name.
    ///
    /// # Errors
    /// [`Mistake`] when none is named, or one that does not exist.
    pub fn open(
        &self,
        config: &ConfigFlag,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let http = match (&self.s3_endpoint, &self.s3_access_key, &self.s3_secret_key) {
            (Some(url), Some(key_id), Some(secret)) => self.unconfigured(url, key_id, secret)?,
            _ => configured(&config.load()?, self.endpoint.as_deref())?,
        };
        let http = HttpStore::new(http, Arc::clone(&clock)).map_err(|error| Mistake(error.to_string()))?;
        let gate = Arc::new(Gate::new());
        let retry = Retry::new(Arc::new(http), RetryPolicy::default(), Arc::clone(&gate), clock, entropy);
        Ok(Arc::new(Impatient { inner: Arc::new(retry), gate }))
    }

    fn unconfigured(&self, url: &str, key_id: &str, secret: &str) -> Result<HttpConfig, Mistake> {
        let url = Url::parse(url).ok_or_else(|| Mistake(format!("--s3-endpoint {url}: takes {}", Url::TAKES)))?;
        Ok(HttpConfig {
            endpoint: url.as_str().to_owned(),
            region: self.s3_region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            addressing: Addressing::Path,
            credentials: credentials(key_id, secret, None),
            extra_ca: None,
            timeouts: Timeouts::default(),
            idle: IDLE,
        })
    }
}

/// The endpoint of that name, else the client's, else the only one.
fn configured(config: &config::ClientConfig, name: Option<&str>) -> Result<HttpConfig, Mistake> {
    let name = name.or(config.client.endpoint.as_deref());
    let known = || config.endpoints.keys().cloned().collect::<Vec<_>>().join(", ");
    let (name, endpoint) = match name {
        Some(name) => config
            .endpoints
            .get_key_value(name)
            .ok_or_else(|| Mistake(format!("the configuration has no endpoint {name}; it has {}", known())))?,
        None if config.endpoints.len() == 1 => config.endpoints.first_key_value().expect("there is one"),
        None if config.endpoints.is_empty() => {
            return Err(Mistake("no store: say --s3-endpoint URL or a configuration with --config FILE".to_owned()));
        }
        None => return Err(Mistake(format!("which store? say --endpoint with one of {}", known()))),
    };
    let (Some(key_id), Some(secret)) = (&endpoint.access_key, &endpoint.secret_key) else {
        return Err(Mistake(format!(
            "endpoint {name} has no access_key and secret_key of its own: say --s3-endpoint, --s3-access-key and \
             --s3-secret-key"
        )));
    };
    let token = endpoint.session_token.as_ref().map(|token| token.current().expose().to_owned());
    Ok(HttpConfig {
        endpoint: endpoint.url.as_str().to_owned(),
        region: endpoint.region.clone(),
        addressing: match endpoint.addressing {
            value::Addressing::Path => Addressing::Path,
            value::Addressing::VirtualHosted => Addressing::VirtualHosted,
        },
        credentials: credentials(key_id, secret.current().expose(), token),
        extra_ca: endpoint.ca_file.clone(),
        timeouts: Timeouts::default(),
        idle: IDLE,
    })
}

fn credentials(key_id: &str, secret: &str, token: Option<String>) -> Arc<RotatingCredentials> {
    Arc::new(RotatingCredentials::new(Credentials { key_id: key_id.to_owned(), secret: secret.to_owned(), token }))
}
