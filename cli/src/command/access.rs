//! How the command line reaches the service and the stores.
//!
//! The configuration names both (`[client]` and `[endpoints.<name>]`); `brigade init` writes it, and
//! environment variables may set the same. Flags alone may also name a store, so that `brigade
//! manifest` works without a configuration.

use std::path::PathBuf;
use std::sync::Arc;

use brigade_client::{Client, ClientConfig};
use brigade_config as config;
use brigade_config::credentials::CredentialsFrom;
use brigade_config::endpoint::Endpoint;
use brigade_config::nearest::did_you_mean;
use brigade_config::value::{Scalar as _, StoreUrl};
use brigade_config::{Explained, UsageError};
use brigade_model::ports::{Clock, Entropy, ObjectStore};
use brigade_runtime::{SystemClock, SystemEntropy};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::fail_fast::FailFast;
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE, IdleConnections};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use brigade_s3::timeouts::Timeouts;
use brigade_server::roles::credentials::of_endpoint;
use brigade_server::roles::{bare_store, route};

use crate::store_path::StorePath;

/// What calls are made with.
#[derive(Clone)]
pub struct Tools {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Tools {
    /// The machine's own.
    #[must_use]
    pub fn of_system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy::new()) }
    }

    /// A request's own name: a random UUID.
    #[must_use]
    pub fn fresh_token(&self) -> String {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    }
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFlag {
    /// The configuration whose client and endpoints are used [default: brigade.toml here, else brigade/brigade.toml in
    /// $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, global = true, env = "BRIGADE_CONFIG", value_name = "FILE", help_heading = "General")]
    config: Option<PathBuf>,
    /// The profile of the configuration to use instead of its client section
    #[arg(long, global = true, env = "BRIGADE_PROFILE", value_name = "NAME", help_heading = "General")]
    profile: Option<String>,
}

impl ConfigFlag {
    /// The configuration's part for the command line.
    ///
    /// # Errors
    /// [`UsageError`] when there is none, [`config::ConfigError`] with everything that is wrong in it.
    pub fn load(&self) -> anyhow::Result<config::ClientConfig> {
        let is_said_nowhere = self.config.is_none()
            && config::find_file().is_none()
            && !std::env::vars().any(|(name, _)| name.starts_with("BRIGADE_CLIENT_"));
        if is_said_nowhere {
            let places = config::default_files().iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
            let way_out =
                "make one with 'brigade init', name one with --config FILE, or set BRIGADE_CLIENT_URL and others";
            let what = UsageError(format!("there is no {}", places.join(" and no ")));
            return Err(Explained::new(what, [way_out.to_owned()]).into());
        }
        Ok(config::ClientConfig::load(self.config.as_deref(), self.profile.as_deref())?)
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
    /// [`UsageError`] when none is named, or one that does not exist.
    pub fn open(&self, config: &ConfigFlag, tools: &Tools) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let (Some(url), Some(key_id), Some(secret)) = (&self.s3_endpoint, &self.s3_access_key, &self.s3_secret_key)
        else {
            let config = config.load()?;
            let (name, endpoint) = choose(&config, self.endpoint.as_deref())?;
            return open_endpoint(name, endpoint, tools);
        };
        let http = self.unconfigured(url, key_id, secret)?;
        let http = HttpStore::new(http, Arc::clone(&tools.clock)).map_err(|error| UsageError(error.to_string()))?;
        Ok(with_retries(http, tools))
    }

    /// The store that the path names, else as [`StoreFlags::open`].
    ///
    /// # Errors
    /// As [`StoreFlags::open`], and when the flags name a store, too.
    pub fn open_path(
        &self,
        config: &ConfigFlag,
        tools: &Tools,
        path: &StorePath,
    ) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let Some(store) = &path.store else { return self.open(config, tools) };
        self.check_alone(path)?;
        let config = config.load()?;
        known(&config, path)?;
        let (name, endpoint) = choose(&config, Some(store))?;
        open_endpoint(name, endpoint, tools)
    }

    /// Refuses flags that name a store beside a path that does.
    fn check_alone(&self, path: &StorePath) -> Result<(), Explained> {
        let other = self.endpoint.as_ref().filter(|endpoint| Some(*endpoint) != path.store.as_ref());
        let flag = other.map(|_| "--endpoint").or(self.s3_endpoint.as_ref().map(|_| "--s3-endpoint"));
        match (&path.store, flag) {
            (Some(store), Some(flag)) => {
                let what = UsageError(format!("{path} names the store {store}, and {flag} names one, too"));
                Err(Explained::new(what, [format!("leave out {flag}, or write {}", path.url)]))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a path in a store that the configuration does not have, or where the role has no such place: the service goes to
    /// the role's, whatever is said here.
    ///
    /// # Errors
    /// [`UsageError`] says which store is the role's, and which roles have one there.
    pub fn check_path(
        &self,
        config: &ConfigFlag,
        role: &str,
        use_of: PlaceUse,
        path: &StorePath,
    ) -> anyhow::Result<()> {
        let Some(store) = &path.store else { return Ok(()) };
        self.check_alone(path)?;
        let config = config.load()?;
        known(&config, path)?;
        let is_there = |role: &str| endpoint_of_role(&config, role, use_of).map(|(name, _)| name == *store);
        if is_there(role) != Some(false) {
            return Ok(());
        }
        let what = UsageError(format!("{path}: role {role} has its {} on another store than {store}", use_of.word()));
        let others: Vec<&str> =
            config.roles.keys().map(String::as_str).filter(|role| is_there(role) == Some(true)).collect();
        let way_out = match others.as_slice() {
            [] => "no role has them there; see which store each role uses: brigade store list".to_owned(),
            others => format!("say --role with one that has them there: {}", others.join(", ")),
        };
        Err(Explained::new(what, [way_out]).into())
    }

    /// The store at a place of that role, as far as neither the flags name a store nor the configuration leaves the role out: then
    /// as [`StoreFlags::open`]. Says whether it is the role's.
    ///
    /// # Errors
    /// As [`StoreFlags::open`].
    pub fn open_place(
        &self,
        config: &ConfigFlag,
        tools: &Tools,
        role: &str,
        use_of: PlaceUse,
    ) -> anyhow::Result<(Arc<dyn ObjectStore>, bool)> {
        if self.s3_endpoint.is_some() || self.endpoint.is_some() {
            return Ok((self.open(config, tools)?, false));
        }
        match endpoint_of_role(&config.load()?, role, use_of) {
            Some((name, endpoint)) => Ok((open_endpoint(&name, &endpoint, tools)?, true)),
            None => Ok((self.open(config, tools)?, false)),
        }
    }

    /// The store of a path, which [`StoreFlags::check_path`] let pass: the role's, else the one that the path names.
    ///
    /// # Errors
    /// As [`StoreFlags::open`].
    pub fn open_path_of(
        &self,
        config: &ConfigFlag,
        tools: &Tools,
        role: &str,
        use_of: PlaceUse,
        path: &StorePath,
    ) -> anyhow::Result<Arc<dyn ObjectStore>> {
        if path.store.is_some() && endpoint_of_role(&config.load()?, role, use_of).is_none() {
            return self.open_path(config, tools, path);
        }
        Ok(self.open_place(config, tools, role, use_of)?.0)
    }

    fn unconfigured(&self, url: &str, key_id: &str, secret: &str) -> Result<HttpConfig, UsageError> {
        let wrong = |problem: String| UsageError(format!("--s3-endpoint {url}: {problem}"));
        let url = StoreUrl::parse(url).ok_or_else(|| wrong(format!("takes {}", StoreUrl::TAKES)))?;
        Ok(HttpConfig {
            endpoint: url.as_str().to_owned(),
            region: self.s3_region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
            addressing: Addressing::Path,
            credentials: credentials(key_id, secret),
            extra_ca: None,
            route: route::of_url(url.as_str()).map_err(|error| wrong(format!("{error:#}")))?.route,
            timeouts: Timeouts::default(),
            idle: IDLE,
            requester_pays: false,
        })
    }
}

/// Refuses a path in a store that the configuration does not have.
fn known(config: &config::ClientConfig, path: &StorePath) -> Result<(), Explained> {
    let Some(store) = path.store.as_ref().filter(|store| !config.endpoints.contains_key(*store)) else { return Ok(()) };
    let meant = did_you_mean(store, config.endpoints.keys().map(String::as_str));
    let what = UsageError(format!("{path}: the configuration names no store {store}{meant}"));
    let of_bucket = format!("if {store} is a bucket: s3://{store}/{}/{}", path.url.bucket, path.url.path);
    Err(Explained::new(what, ["see which there are: brigade store list".to_owned(), of_bucket]))
}

/// What a place of a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceUse {
    /// Objects lie there.
    Source,
    /// Copies go there.
    Target,
    /// Manifests lie there.
    Manifest,
    /// Reports go there.
    Report,
}

impl PlaceUse {
    /// What lies there.
    fn word(self) -> &'static str {
        match self {
            PlaceUse::Source => "objects",
            PlaceUse::Target => "copies",
            PlaceUse::Manifest => "manifests",
            PlaceUse::Report => "reports",
        }
    }
}

/// The endpoint at a place of that role, with the place's own keys where it has such.
fn endpoint_of_role(config: &config::ClientConfig, role: &str, use_of: PlaceUse) -> Option<(String, Endpoint)> {
    let role = config.roles.get(role)?;
    let place = match use_of {
        PlaceUse::Source => None,
        PlaceUse::Target => role.target.as_ref(),
        PlaceUse::Manifest => role.manifest.as_ref(),
        PlaceUse::Report => role.report.as_ref(),
    };
    let source = &role.source;
    let name = place.and_then(|place| place.endpoint.as_ref()).or(source.endpoint.as_ref())?;
    let mut endpoint = config.endpoints.get(name)?.clone();
    // The source's keys are those of every place on its endpoint.
    let is_source = source.endpoint.as_ref() == Some(name);
    let places = place.into_iter().chain(is_source.then_some(source));
    if let Some(own) = places.into_iter().find(|place| place.access_key.is_some()) {
        endpoint.credentials = CredentialsFrom::Keys;
        endpoint.access_key.clone_from(&own.access_key);
        endpoint.secret_key.clone_from(&own.secret_key);
        endpoint.session_token.clone_from(&own.session_token);
    }
    Some((name.clone(), endpoint))
}

/// The endpoint of that name, else the client's, else the only one.
fn choose<'a>(config: &'a config::ClientConfig, name: Option<&str>) -> Result<(&'a str, &'a Endpoint), UsageError> {
    let known = || config.endpoints.keys().cloned().collect::<Vec<_>>().join(", ");
    let found = |name: &str| config.endpoints.get_key_value(name).map(|(name, endpoint)| (name.as_str(), endpoint));
    if let Some(name) = name.or(config.client.endpoint.as_deref()) {
        return found(name).ok_or_else(|| {
            let meant = did_you_mean(name, config.endpoints.keys().map(String::as_str));
            UsageError(format!("the configuration has no endpoint {name}, only {}{meant}", known()))
        });
    }
    let mut all = config.endpoints.iter();
    match (all.next(), all.next()) {
        (Some((name, endpoint)), None) => Ok((name, endpoint)),
        (None, _) => {
            Err(UsageError("no store: say --s3-endpoint URL or a configuration with --config FILE".to_owned()))
        }
        _ => Err(UsageError(format!("which store? say --endpoint with one of {}", known()))),
    }
}

/// A configured store that fails fast, for a person who waits.
///
/// # Errors
/// [`UsageError`] when the endpoint has no keys of its own or cannot be used as configured.
pub fn open_endpoint(name: &str, endpoint: &Endpoint, tools: &Tools) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let credentials = of_endpoint(name, endpoint, &tools.clock);
    let credentials = credentials.map_err(|error| UsageError(format!("endpoint {name}: {error:#}")))?;
    let Some(credentials) = credentials else {
        let way_out = "say --s3-endpoint, --s3-access-key and BRIGADE_S3_SECRET_KEY";
        return Err(
            UsageError(format!("endpoint {name} has no access_key and secret_key of its own: {way_out}")).into()
        );
    };
    let http = bare_store(endpoint, credentials, Arc::clone(&tools.clock), IdleConnections::default());
    Ok(with_retries(http.map_err(|error| UsageError(format!("endpoint {name}: {error:#}")))?, tools))
}

fn credentials(key_id: &str, secret: &str) -> Arc<RotatingCredentials> {
    let (key_id, secret) = (key_id.to_owned(), secret.to_owned());
    Arc::new(RotatingCredentials::new(Credentials { key_id, secret, token: None }))
}

fn with_retries(http: HttpStore, tools: &Tools) -> Arc<dyn ObjectStore> {
    let breaker = Arc::new(CircuitBreaker::new());
    let Tools { clock, entropy } = tools.clone();
    let retry = Retry::new(Arc::new(http), RetryPolicy::default(), Arc::clone(&breaker), clock, entropy);
    Arc::new(FailFast { inner: Arc::new(retry), breaker })
}

/// A client of the configured service.
///
/// # Errors
/// [`UsageError`] when the configuration does not do.
pub fn open_client(client: config::client::Client, tools: &Tools) -> Result<Client, UsageError> {
    let secret_key = client.secret_key.map(|secret| secret.current());
    let config = ClientConfig {
        url: client.url,
        appid: client.appid,
        uin: client.uin,
        region: client.region,
        secret_id: client.secret_id,
        secret_key: secret_key.ok_or_else(|| UsageError("client.secret_key is missing".to_owned()))?,
        security_token: client.security_token.map(|token| token.current()),
        ca: client.ca_file,
    };
    Client::new(config, Arc::clone(&tools.clock)).map_err(|error| UsageError(error.to_string()))
}
