//! The configured roles and the object stores that they act on: implements the engine's port [`Roles`].
//!
//! Each endpoint and pair of credentials has one chain with one circuit breaker, which all places with
//! that pair share; the chains of an endpoint share its limit:
//!
//! ```text
//! Retries (counts) -> Retry -> Limit -> Metered (counts) -> Stamps -> HttpStore -> the server
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use brigade_config::account::{Account, Place as PlaceConfig, Role};
use brigade_config::endpoint::Endpoint;
use brigade_config::{Config, value};
use brigade_engine::{BucketRules, Place, RolePlaces, Roles};
use brigade_model::ports::object_store::ObjectStore;
use brigade_model::ports::{Clock, Entropy, Function, JobStore, Monotonic, OwnIds};
use brigade_model::{AccountId, BucketName, EndpointKind, EndpointName, EndpointRow, Waiting};
use brigade_s3::credentials::CredentialSource;
use brigade_s3::fail_fast::FailFast;
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE, IdleConnections};
use brigade_s3::limit::{AdaptiveUsage, Caps, Limit, Reason};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use brigade_s3::stamps::Stamps;
use brigade_s3::timeouts::Timeouts;
use brigade_s3::unanswered::Unanswered;
use brigade_service::{EndpointRegistry, RegisteredEndpoint};
use brigade_wire::cos::grantees::GranteesByUin;

use crate::metrics::metered::{CallMeters, Metered, Retries};
use crate::metrics::{EndpointNow, LaneNow, Metrics};

pub mod credentials;
pub mod endpoint;
mod functions;
mod learning;
mod news;
pub mod protection;
pub mod route;

use credentials::{Login, Pair};
use endpoint::{ActiveEndpoint, EndpointHealth};
use protection::{HeadOfBucket, Protection};

/// The parts that all chains share.
pub struct Tools {
    /// The process's clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counts calls.
    pub metrics: Arc<Metrics>,
    /// Keeps idle connections to all stores.
    pub idle: IdleConnections,
}

/// An endpoint as one pair of credentials uses it.
struct Chain {
    endpoint: EndpointName,
    login: Login,
    store: Arc<dyn ObjectStore>,
    breaker: Arc<CircuitBreaker>,
    unanswered: Arc<Unanswered>,
}

/// The roles, ready to act.
pub struct ConfiguredRoles {
    chains: Vec<Chain>,
    /// Chains of probes, for endpoints with credentials of their own: jobs have other circuit breakers.
    probing: BTreeMap<EndpointName, Chain>,
    endpoints: BTreeMap<EndpointName, Arc<ActiveEndpoint>>,
    /// What each endpoint that has credentials of its own signs with.
    logins: BTreeMap<EndpointName, Login>,
    places: BTreeMap<(AccountId, String), RolePlaces>,
    /// By account and ARN.
    functions: BTreeMap<(AccountId, String), Function>,
    clock: Arc<dyn Clock>,
    idle: IdleConnections,
}

impl ConfiguredRoles {
    /// Builds every role of every account. Sends no request.
    ///
    /// # Errors
    /// When an endpoint cannot be used as configured.
    pub fn build(config: &Config, tools: &Tools) -> anyhow::Result<Self> {
        let mut roles = Self {
            chains: Vec::new(),
            probing: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            logins: BTreeMap::new(),
            places: BTreeMap::new(),
            functions: BTreeMap::new(),
            clock: Arc::clone(&tools.clock),
            idle: tools.idle.clone(),
        };
        for (name, endpoint) in &config.endpoints {
            let name = EndpointName::new(name)?;
            route::of(endpoint)?.say(&name);
            let active = ActiveEndpoint::new(
                name.clone(),
                endpoint.kind,
                caps(endpoint),
                endpoint.windows.clone(),
                Arc::clone(&tools.clock),
            );
            let login = Login::of_endpoint(name.as_str(), endpoint, &tools.clock);
            if let Some(login) = login.with_context(|| format!("endpoints.{name}"))? {
                roles.logins.insert(name.clone(), login.clone());
                let chain = build_chain(&name, &active, endpoint, login, at_once(policy(endpoint)), tools)?;
                let store = Arc::new(FailFast { inner: chain.store, breaker: Arc::clone(&chain.breaker) });
                roles.probing.insert(name.clone(), Chain { store, ..chain });
            }
            roles.endpoints.insert(name, Arc::new(active));
        }
        for (name, account) in &config.accounts {
            let id = AccountId::new(name)?;
            for (role_name, role) in &account.roles {
                let places = roles
                    .build_role(config, account, role, tools)
                    .with_context(|| format!("accounts.{name}.roles.{role_name}"))?;
                roles.places.insert((id.clone(), role_name.clone()), places);
            }
            for (function_name, function) in &account.functions {
                let built = functions::build(function, &tools.clock);
                let built = built.with_context(|| format!("accounts.{name}.functions.{function_name}"))?;
                roles.functions.insert((id.clone(), function.arn.clone()), built);
            }
        }
        for (name, endpoint) in &config.endpoints {
            if let (Some(latency), Some((_, active))) = (endpoint.protect_latency, roles.endpoint(name)) {
                let protection = roles.protection_of(name, latency, config);
                active.protect(Some(protection.with_context(|| format!("endpoints.{name}"))?));
            }
        }
        Ok(roles)
    }

    /// How the endpoint's other users are protected: probes the first bucket that a role names, in the order of
    /// account and role names, with that role's credentials, and so needs no further rights.
    fn protection_of(&self, name: &str, latency: Duration, config: &Config) -> anyhow::Result<Protection> {
        let endpoint = config.endpoints.get(name).context("there is no such endpoint")?;
        let mut named = config.accounts.values().flat_map(|account| account.roles.values()).flat_map(|role| {
            role.buckets_at(name).map(move |(place, bucket)| (self.login_of(role, place, name), bucket))
        });
        let (login, bucket) = named.next().context("no role names a bucket of it")?;
        let login = login.context("it has no credentials")?;
        let is_its = |chain: &&Chain| chain.endpoint.as_str() == name && chain.login.is_like(&login);
        let chain = self.chains.iter().find(is_its).context("every place has its chain")?;
        let store = bare_store(endpoint, chain.login.source(), Arc::clone(&self.clock), self.idle.clone())?;
        let bucket = BucketName::new(bucket)?;
        let probe = Arc::new(HeadOfBucket { store, bucket: bucket.clone() });
        Ok(Protection::new(latency, bucket, probe))
    }

    /// Takes what the configuration says of the endpoints' limits, windows and protection, which another one said before.
    ///
    /// # Errors
    /// When an endpoint's other users cannot be protected as configured; nothing is taken then.
    pub(crate) fn reconfigure(&self, before: &Config, config: &Config) -> anyhow::Result<()> {
        let mut protections = Vec::new();
        for (name, endpoint) in &config.endpoints {
            let protected = before.endpoints.get(name).and_then(|endpoint| endpoint.protect_latency);
            if endpoint.protect_latency != protected {
                let built = endpoint.protect_latency.map(|latency| self.protection_of(name, latency, config));
                protections.push((name, built.transpose().with_context(|| format!("endpoints.{name}"))?));
            }
        }
        for (name, protection) in protections {
            if let Some((_, active)) = self.endpoint(name) {
                active.protect(protection);
            }
        }
        for (name, endpoint) in &config.endpoints {
            if let Some((_, active)) = self.endpoint(name) {
                active.allow(caps(endpoint), endpoint.windows.clone());
            }
        }
        Ok(())
    }

    /// Protects the other users of every endpoint that is so configured, until this future is dropped.
    pub async fn keep_protecting(&self) {
        futures::future::join_all(self.endpoints.values().map(|endpoint| endpoint.keep_protecting())).await;
    }

    fn build_role(
        &mut self,
        config: &Config,
        account: &Account,
        role: &Role,
        tools: &Tools,
    ) -> anyhow::Result<RolePlaces> {
        let mut place = |place: &Option<PlaceConfig>| match place {
            None => self.build_place(config, account, role, &role.source, tools),
            Some(place) => self.build_place(config, account, role, place, tools),
        };
        Ok(RolePlaces {
            operations: role.operations.clone(),
            source: place(&None)?,
            target: place(&role.target)?,
            manifest: place(&role.manifest)?,
            report: place(&role.report)?,
        })
    }

    fn build_place(
        &mut self,
        config: &Config,
        account: &Account,
        role: &Role,
        place: &PlaceConfig,
        tools: &Tools,
    ) -> anyhow::Result<Place> {
        let name = place.endpoint.as_ref().or(role.source.endpoint.as_ref()).context("names no endpoint")?;
        let endpoint = config.endpoints.get(name).with_context(|| format!("there is no endpoint {name}"))?;
        let login = self.login_of(role, place, name).with_context(|| format!("no credentials for {name}"))?;
        let name = EndpointName::new(name)?;
        let active = Arc::clone(self.endpoints.get(&name).context("every endpoint is there before its places")?);
        let chain = self.chain(&name, &active, endpoint, login, tools)?;
        Ok(Place {
            endpoint: name,
            kind: active.kind(),
            store: Arc::clone(&chain.store),
            capabilities: active.capabilities().emulating(endpoint.emulate.iter().flatten().copied()),
            buckets: BucketRules {
                allowed: place.buckets.clone().or_else(|| role.source.buckets.clone()).unwrap_or_default(),
                strip_suffix: endpoint.strip_appid.then(|| format!("-{}", account.cos.appid)),
            },
            multipart_etag: Arc::clone(active.multipart_etag()),
            stamps: Arc::clone(active.stamps()),
            grantees: match endpoint.kind {
                // COS knows uins itself.
                EndpointKind::Cos => Arc::new(OwnIds),
                _ => Arc::new(GranteesByUin(account.grantees.clone())),
            },
            health: Arc::new(EndpointHealth {
                endpoint: active,
                breaker: Arc::clone(&chain.breaker),
                unanswered: Arc::clone(&chain.unanswered),
            }),
        })
    }

    /// What requests to that place are signed with: keys of its own, the source's on the same endpoint, or what the
    /// endpoint has.
    fn login_of(&self, role: &Role, place: &PlaceConfig, name: &str) -> Option<Login> {
        let own = |place: &PlaceConfig| Pair::of(&place.access_key, &place.secret_key, &place.session_token);
        let is_source = role.source.endpoint.as_deref() == Some(name);
        let pair = own(place).or_else(|| is_source.then(|| own(&role.source)).flatten());
        pair.map(Login::of_pair).or_else(|| self.logins.get(&EndpointName::new(name).ok()?).cloned())
    }

    /// The chain of that endpoint and those credentials; builds it at the first use.
    fn chain(
        &mut self,
        name: &EndpointName,
        active: &ActiveEndpoint,
        endpoint: &Endpoint,
        login: Login,
        tools: &Tools,
    ) -> anyhow::Result<&Chain> {
        let same = |chain: &Chain| chain.endpoint == *name && chain.login.is_like(&login);
        let index = match self.chains.iter().position(same) {
            Some(index) => index,
            None => {
                self.chains.push(build_chain(name, active, endpoint, login, policy(endpoint), tools)?);
                self.chains.len() - 1
            }
        };
        Ok(&self.chains[index])
    }

    /// Reads the secrets again and signs with the current ones.
    pub fn rotate(&self) {
        for chain in self.chains.iter().chain(self.probing.values()) {
            if let Some(access_key) = chain.login.rotate() {
                tracing::info!(endpoint = %chain.endpoint, access_key, "store credentials changed; signing with the new ones");
            }
        }
    }

    /// The endpoint of that name.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<(&EndpointName, &Arc<ActiveEndpoint>)> {
        self.endpoints.get_key_value(&EndpointName::new(name).ok()?)
    }

    /// Every endpoint, by name.
    pub fn endpoints(&self) -> impl Iterator<Item = (&EndpointName, &Arc<ActiveEndpoint>)> {
        self.endpoints.iter()
    }

    /// Applies the limits that each endpoint's windows set now.
    pub fn follow(&self) {
        self.endpoints.values().for_each(|endpoint| endpoint.follow());
    }

    /// Applies stored settings. Ignores endpoints that the configuration does not name.
    pub fn adopt(&self, rows: Vec<EndpointRow>) {
        for row in rows {
            if let Some(endpoint) = self.endpoints.get(&row.endpoint) {
                endpoint.adopt(row);
            }
        }
    }

    /// Saves what every endpoint's limits have learned, for the next process: at most once a minute,
    /// unless `is_last`.
    pub async fn keep_learned(&self, jobs: &dyn JobStore, is_last: bool) {
        for (name, endpoint) in &self.endpoints {
            if let Err(error) = endpoint.keep_learned(jobs, is_last).await {
                tracing::warn!(endpoint = %name, %error, "cannot save learned endpoint limits; the saved ones stay");
            }
        }
    }

    /// Whether the endpoint's circuit is closed for all its credentials.
    #[must_use]
    pub fn is_up(&self, endpoint: &EndpointName) -> bool {
        let is_closed = |chain: &Chain| chain.endpoint == *endpoint && chain.breaker.reason().is_some();
        !self.chains.iter().any(is_closed)
    }

    /// Why calls to the endpoint wait, if they do: an operator stopped it, or a circuit of its credentials is open.
    #[must_use]
    pub fn waiting(&self, endpoint: &EndpointName) -> Option<Waiting> {
        let stopped = self.endpoints.get(endpoint).and_then(|active| active.waiting_while_stopped());
        let breakers = self.chains.iter().filter(|chain| chain.endpoint == *endpoint).map(|chain| &chain.breaker);
        stopped.or_else(|| breakers.filter_map(|breaker| breaker.reason()).map(|open| open.waiting("calls")).next())
    }

    /// The state of every endpoint, for the metrics.
    #[must_use]
    pub fn now(&self) -> Vec<EndpointNow> {
        self.endpoints.iter().map(|(name, endpoint)| self.endpoint_now(name, endpoint)).collect()
    }

    fn endpoint_now(&self, name: &EndpointName, endpoint: &ActiveEndpoint) -> EndpointNow {
        let (usage, now) = (endpoint.usage(), endpoint.stamps().ours().monotonic());
        let moves = usage.moves.into_iter().map(|(class, reason, count)| (class.word(), reason.name(), count));
        EndpointNow {
            endpoint: name.to_string(),
            is_up: self.is_up(name),
            is_stopped: endpoint.limit().is_stopped(),
            waiting: usage.waiting,
            lanes: usage.adaptive.into_iter().map(|lane| lane_now(lane, now)).collect(),
            moves: moves.collect(),
        }
    }
}

fn build_chain(
    name: &EndpointName,
    active: &ActiveEndpoint,
    endpoint: &Endpoint,
    login: Login,
    policy: RetryPolicy,
    tools: &Tools,
) -> anyhow::Result<Chain> {
    let meters = CallMeters::new(&tools.metrics, name.as_str());
    let clock = || Arc::clone(&tools.clock);
    let http = bare_store(endpoint, login.source(), clock(), tools.idle.clone())?;
    let unanswered = Arc::new(Unanswered::at(name.clone(), clock()));
    let http = http.telling_dates_to(Arc::clone(active.stamps())).telling_unanswered_to(Arc::clone(&unanswered));
    let stamped = Stamps::new(Arc::new(http), Arc::clone(active.stamps()));
    let metered = Arc::new(Metered::new(Arc::new(stamped), Arc::clone(&meters), clock()));
    let limit = Limit::sharing(metered, active.limit(), policy.timeouts, clock());
    let breaker = Arc::new(CircuitBreaker::of(name.clone()));
    let retry = Retry::new(Arc::new(limit), policy, Arc::clone(&breaker), clock(), Arc::clone(&tools.entropy));
    let store = Arc::new(Retries::new(Arc::new(retry), meters));
    Ok(Chain { endpoint: name.clone(), login, store, breaker, unanswered })
}

/// The retry policy of jobs' calls.
fn policy(endpoint: &Endpoint) -> RetryPolicy {
    RetryPolicy {
        attempts_max: endpoint.attempts_max,
        timeouts: timeouts(endpoint),
        wait_attempts_max: endpoint.wait_attempts_max,
        wait_max: endpoint.wait_max,
        has_host_per_bucket: matches!(endpoint.addressing, value::Addressing::VirtualHosted),
        ..RetryPolicy::default()
    }
}

/// The retry policy of a probe: short, since an operator waits for it, and since it must find out which
/// kinds of call always fail.
fn at_once(policy: RetryPolicy) -> RetryPolicy {
    RetryPolicy { burst: Duration::ZERO, wait_attempts_max: policy.attempts_max, wait_max: Duration::ZERO, ..policy }
}

fn lane_now(lane: AdaptiveUsage, now: Monotonic) -> LaneNow {
    let per_second = lane.answered.per_second(now);
    // Old answers say nothing about the store's latency now.
    let latency = |latency: Duration| if per_second > 0.0 { latency.as_secs_f64() } else { 0.0 };
    LaneNow {
        bucket: Some(lane.bucket.map_or_else(|| "other".to_owned(), String::from)),
        class: lane.class.word(),
        limit: lane.limit,
        has_moved: lane.reason != Reason::Start,
        in_flight: lane.requests,
        waiting: lane.waiting,
        objects_per_second: per_second,
        pace: lane.pace,
        latency: [latency(lane.latency_p50), latency(lane.latency_p99)],
    }
}

impl Roles for ConfiguredRoles {
    fn places(&self, account: &AccountId, role: &str) -> Option<RolePlaces> {
        let mut places = self.places.get(&(account.clone(), role.to_owned())).cloned()?;
        // Read anew: a probe may have run since.
        for place in [&mut places.source, &mut places.target, &mut places.manifest, &mut places.report] {
            place.capabilities = self.endpoints.get(&place.endpoint)?.capabilities();
        }
        Some(places)
    }

    fn function(&self, account: &AccountId, name: &str) -> Option<Function> {
        self.functions.get(&(account.clone(), name.to_owned())).cloned()
    }
}

impl EndpointRegistry for ConfiguredRoles {
    fn find(&self, name: &str) -> Option<Arc<dyn RegisteredEndpoint>> {
        self.endpoint(name).map(|(_, endpoint)| Arc::clone(endpoint) as _)
    }

    fn store_to_probe(&self, endpoint: &EndpointName) -> Option<Arc<dyn ObjectStore>> {
        self.probing.get(endpoint).map(|chain| Arc::clone(&chain.store))
    }
}

/// An endpoint with its own credentials, without retries and limits: for a call from the command line.
///
/// # Errors
/// When the endpoint has no credentials or cannot be used as configured.
pub fn open_endpoint(endpoint: &Endpoint, clock: Arc<dyn Clock>) -> anyhow::Result<HttpStore> {
    let credentials = credentials::of_endpoint("main", endpoint, &clock)?.context("the endpoint has no credentials")?;
    bare_store(endpoint, credentials, clock, IdleConnections::default())
}

/// An endpoint with these credentials, without retries and limits.
///
/// # Errors
/// When the endpoint cannot be used as configured.
pub fn bare_store(
    endpoint: &Endpoint,
    credentials: Arc<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    idle: IdleConnections,
) -> anyhow::Result<HttpStore> {
    let config = HttpConfig {
        endpoint: endpoint.url.as_str().to_owned(),
        region: endpoint.region.clone(),
        addressing: match endpoint.addressing {
            value::Addressing::Path => Addressing::Path,
            value::Addressing::VirtualHosted => Addressing::VirtualHosted,
        },
        credentials,
        extra_ca: endpoint.ca_file.clone(),
        route: route::of(endpoint)?.route,
        timeouts: timeouts(endpoint),
        idle: IDLE,
        requester_pays: endpoint.requester_pays,
    };
    Ok(HttpStore::keeping_connections_in(idle, config, clock)?)
}

/// The time-outs of the configuration.
fn timeouts(endpoint: &Endpoint) -> Timeouts {
    Timeouts {
        attempt: endpoint.idle_timeout,
        per_mib: endpoint.idle_timeout_per_mib,
        copy: endpoint.copy_timeout,
        ..Timeouts::default()
    }
}

/// The hard caps of the configuration.
fn caps(endpoint: &Endpoint) -> Caps {
    Caps {
        requests: endpoint.requests_in_flight,
        is_adaptive: endpoint.adaptive,
        requests_per_second: endpoint.requests_per_second,
        objects_per_second: endpoint.objects_per_second,
        bytes: endpoint.bytes_in_flight.map(|bytes| bytes.0),
        bytes_per_second: endpoint.bytes_per_second.map(|bytes| bytes.0),
    }
}

#[cfg(test)]
mod tests;
