//! The service, from its configuration to its end.
//!
//! [`start`] opens the stores, starts the engine and answers requests; [`Running::stop`] reverses it:
//! not ready, no new connections, tasks in flight recorded, done. `brigade serve`, the demo and the tests
//! all use these two.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use brigade_config::config_source::ConfigMistake;
use brigade_config::secret::SecretSource;
use brigade_config::{Config, Explained, UsageError};
use brigade_engine::{Engine, Ports};
use brigade_model::Live;
use brigade_model::ports::{Clock, Entropy, JobStore, Spawn, Spawned, Spool};
use brigade_runtime::{SystemClock, SystemEntropy, TokioSpawn};
use brigade_s3::http::IdleConnections;
use brigade_service::{EndpointService, JobService, Pace};
use brigade_store::directory::{DirectorySpool, SPOOL};
use brigade_store::sqlite::{OpenError, SqliteStore};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::api::Api;
use crate::clock_watch::ClockWatch;
use crate::descriptors;
use crate::keys::Keys;
use crate::listener::{self, Listening, METRICS_CONNECTIONS_MAX};
use crate::log;
use crate::metrics::Metrics;
use crate::notify;
use crate::reload::Reload;
use crate::roles::{ConfiguredRoles, Tools};
use crate::router;
use crate::settings::{engine_config, job_rules, rules};
use crate::tls::Certificate;

/// The time between two checks of what may change outside this process: secrets, the certificate, and
/// what operators set for endpoints at another node.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The process closes a connection that a store has closed within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How soon after its time a window of an endpoint begins and ends.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// A stop waits no longer for what the limits learned to be written: it is a convenience.
const LEARNED_PATIENCE: Duration = Duration::from_secs(2);

/// A service that runs in this process.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its metrics are, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    api: Arc<Api>,
    engine: Arc<Engine>,
    jobs: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    listening: Box<dyn Spawned>,
    telling: Option<Box<dyn Spawned>>,
    carrying: Box<dyn Spawned>,
    looking: Box<dyn Spawned>,
    sweeping: Box<dyn Spawned>,
    following: Box<dyn Spawned>,
}

/// Starts the service on a listener.
///
/// # Errors
/// When the data directory is in use or cannot be opened, or an endpoint, the certificate or the
/// address of the metrics cannot be used.
pub async fn start(mut config: Config, listener: TcpListener) -> anyhow::Result<Running> {
    let idle = IdleConnections::new(descriptors::fit(&mut config, descriptors::raise()));
    let metrics_listener = match config.server.metrics_listen.0 {
        Some(address) => Some(bind(address, "server.metrics_listen").await?),
        None => None,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let spawn: Arc<dyn Spawn> = Arc::new(TokioSpawn);
    let certificate = open_certificate(&config)?;
    let metrics = Metrics::new(Arc::clone(&clock));
    let tools = Tools {
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        metrics: Arc::clone(&metrics),
        idle: idle.clone(),
    };
    let roles = Arc::new(ConfiguredRoles::build(&config, &tools)?);
    let Stores { jobs, spool, clock_missed_ms } = open_stores(&config.server.data_dir, &clock)?;
    roles.adopt(jobs.endpoints().await.context("cannot read the endpoints' settings")?);
    say_what_was_found(&config, &*jobs).await?;
    let ports = Ports {
        jobs: Arc::clone(&jobs),
        spool: Arc::clone(&spool),
        roles: Arc::clone(&roles) as _,
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        spawn: Arc::clone(&spawn),
        report_layouts: brigade_wire::report_layout,
        observer: Arc::clone(&metrics) as _,
    };
    let engine = Engine::new(ports, engine_config(&config));
    let api = Arc::new(Api {
        keys: Keys::new(&config.accounts, config.server.signature_strictness)?,
        job_service: JobService {
            jobs: Arc::clone(&jobs),
            roles: Arc::clone(&roles) as _,
            engine: Arc::clone(&engine) as _,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            rules: Live::new(job_rules(&config)?),
            pace: Pace::default(),
        },
        endpoint_service: EndpointService {
            registry: Arc::clone(&roles) as _,
            jobs: Arc::clone(&jobs),
            engine: Arc::clone(&engine) as _,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            spawn: Arc::clone(&spawn),
        },
        roles: Arc::clone(&roles),
        jobs: Arc::clone(&jobs),
        spool,
        engine: Arc::clone(&engine) as _,
        clock: Arc::clone(&clock),
        entropy,
        metrics: Arc::clone(&metrics),
        rules: rules(&config),
        clock_watch: ClockWatch::new(Arc::clone(&clock), clock_missed_ms),
        is_stopping: AtomicBool::new(false),
    });
    let address = listener.local_addr().context("the listener has no address")?;
    let listening = Listening {
        router: router::router(Arc::clone(&api)),
        tls: certificate.as_ref().map(Certificate::acceptor),
        connections_max: config.server.connections_max,
        trusted_proxies: config.server.trusted_proxies.clone().unwrap_or_default(),
        head_timeout: config.server.head_timeout,
        answer_timeout: config.server.request_timeout,
        idle: idle.clone(),
        clock: Arc::clone(&clock),
        spawn: Arc::clone(&spawn),
    };
    let (stop, stopped) = watch::channel(false);
    let metrics_address = metrics_listener.as_ref().map(TcpListener::local_addr).transpose();
    let metrics_address = metrics_address.context("the metrics' listener has no address")?;
    let telling = metrics_listener.map(|metrics_listener| {
        let router = router::metrics_router(Arc::clone(&api));
        let telling = Listening { router, tls: None, connections_max: METRICS_CONNECTIONS_MAX, ..listening.clone() };
        let serving = listener::listen(metrics_listener, telling, stopped.clone(), config.server.stop_timeout);
        spawn.spawn("metrics listener", Box::pin(serving))
    });
    let carrying = spawn.spawn("engine", Box::pin(Arc::clone(&engine).run()));
    let serving = listener::listen(listener, listening, stopped, config.server.stop_timeout);
    let listening = spawn.spawn("listener", Box::pin(serving));
    let looking = spawn.spawn("look", Box::pin(look(config.secrets(), certificate, Arc::clone(&api))));
    let following = spawn.spawn("follow", Box::pin(follow(Arc::clone(&roles), Arc::clone(&clock))));
    let sweeping = spawn.spawn("sweep", Box::pin(sweep(idle, Arc::clone(&clock))));
    Ok(Running {
        address,
        metrics_address,
        api,
        engine,
        jobs,
        clock,
        stop,
        listening,
        telling,
        carrying,
        looking,
        sweeping,
        following,
    })
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    Ok(bound.map_err(|error| cannot_listen(address, &error, setting))?)
}

/// Why the address cannot be listened on, and what to do; `setting` is what names the address.
#[must_use]
pub fn cannot_listen(address: SocketAddr, error: &io::Error, setting: &str) -> Explained {
    let way_out = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another process listens there, perhaps this program: stop it, or give {setting} another port")
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for privileged users: give {setting} another one")
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine has no such address: give {setting} one of its own"),
        _ => format!("see {setting}"),
    };
    Explained::new(UsageError(format!("cannot listen on {address}: {error}")), [way_out])
}

impl Running {
    /// Stops it: not ready any more, no new connections, no new tasks; returns once the requests
    /// and the tasks in flight have ended and are recorded, and the data directory is free.
    pub async fn stop(self) {
        let Self { api, engine, jobs, clock, stop, listening, telling, carrying, looking, sweeping, following, .. } =
            self;
        api.is_stopping.store(true, Ordering::SeqCst);
        stop.send_replace(true);
        looking.abort();
        sweeping.abort();
        following.abort();
        tokio::join!(engine.shut_down(), listening.ended(), looking.ended());
        if let Some(telling) = telling {
            telling.ended().await;
        }
        carrying.ended().await;
        tokio::select! {
            () = api.roles.keep_learned(&*jobs, true) => {}
            () = clock.sleep(LEARNED_PATIENCE) => tracing::warn!("learned endpoint limits not saved before the stop"),
        }
        drop((api, engine));
        close(jobs, &*clock).await;
    }
}

/// Lets go of the store last: work that has ended a moment ago may not have let go of it yet.
async fn close(jobs: Arc<dyn JobStore>, clock: &dyn Clock) {
    let patience = clock.monotonic().after(Duration::from_secs(5));
    while Arc::strong_count(&jobs) > 1 && clock.monotonic() < patience {
        clock.sleep(Duration::from_millis(1)).await;
    }
    // Waits for its writer's thread.
    drop(jobs);
}

/// Looks at what may have changed outside this process, for as long as the service runs.
async fn look(secrets: Vec<SecretSource>, certificate: Option<Arc<Certificate>>, api: Arc<Api>) {
    loop {
        api.clock.sleep(LOOK_EVERY).await;
        api.metrics.fold();
        api.clock_watch.look();
        for secret in secrets.iter().chain(&api.keys.secrets()) {
            if let Err(error) = secret.refresh() {
                tracing::warn!(%error, "cannot load changed secret file; keeping the last secret");
            }
        }
        api.roles.rotate();
        match api.jobs.endpoints().await {
            Ok(rows) => api.roles.adopt(rows),
            Err(error) => tracing::warn!(%error, "cannot read endpoint settings; keeping the last ones"),
        }
        api.roles.keep_learned(&*api.jobs, false).await;
        match certificate.as_ref().map(|certificate| certificate.refresh()) {
            Some(Ok(true)) => tracing::info!("TLS certificate reloaded"),
            Some(Err(error)) => tracing::warn!(%error, "cannot load changed TLS certificate; keeping the last one"),
            Some(Ok(false)) | None => {}
        }
    }
}

/// Begins and ends the endpoints' windows and protects their other users, for as long as the service runs.
async fn follow(roles: Arc<ConfiguredRoles>, clock: Arc<dyn Clock>) {
    let windows = async {
        loop {
            clock.sleep(FOLLOW_EVERY).await;
            roles.follow();
        }
    };
    tokio::join!(windows, roles.keep_protecting()).1
}

/// Closes idle connections to stores, for as long as the service runs.
async fn sweep(idle: IdleConnections, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(SWEEP_EVERY).await;
        idle.sweep(clock.monotonic());
    }
}

/// Logs which open jobs the service takes up.
async fn say_what_was_found(config: &Config, jobs: &dyn JobStore) -> anyhow::Result<()> {
    let open = jobs.open_jobs().await?;
    let held = open.iter().filter(|job| job.held_by_user).count();
    let (version, data_dir) = (env!("CARGO_PKG_VERSION"), config.server.data_dir.display());
    let tls = config.server.tls_cert_file.is_some();
    tracing::info!(version, %data_dir, tls, jobs_open = open.len(), jobs_held = held, "service starting");
    Ok(())
}

fn open_certificate(config: &Config) -> anyhow::Result<Option<Arc<Certificate>>> {
    let files = config.server.tls_cert_file.as_ref().zip(config.server.tls_key_file.as_ref());
    Ok(files.map(|(cert_file, key_file)| Certificate::open(cert_file, key_file)).transpose()?)
}

struct Stores {
    jobs: Arc<dyn JobStore>,
    spool: Arc<dyn Spool>,
    /// How far the time of day had moved beyond what the service clock counts.
    clock_missed_ms: i64,
}

fn open_stores(folder: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<Stores> {
    let jobs = SqliteStore::open(folder, Arc::clone(clock)).map_err(tell)?;
    let spool = DirectorySpool::open(&folder.join(SPOOL))
        .with_context(|| format!("cannot open the spool of the data directory {}", folder.display()))?;
    let clock_missed_ms = jobs.missed_ms();
    Ok(Stores { jobs: Arc::new(jobs), spool: Arc::new(spool), clock_missed_ms })
}

/// An error that only an operator can correct is a usage error: to start again does not help.
fn tell(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Newer { .. } | OpenError::HalfRestored(_) => UsageError(error.to_string()).into(),
        OpenError::InUse(_) | OpenError::Io { .. } | OpenError::Database { .. } => error.into(),
    }
}

/// Logs, and serves on the configured address until SIGTERM or SIGINT; SIGHUP reads the configuration's file again. The
/// warnings beside the configuration go to the log.
///
/// # Errors
/// [`UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(config: Config, warnings: Vec<ConfigMistake>, file: &Path) -> anyhow::Result<()> {
    let set_filter = log::start(config.server.log_format, &config.server.log_filter)?;
    let mut reload = Reload::new(file, config.clone(), set_filter)?;
    let mut hangup = signal(SignalKind::hangup())?;
    for warning in warnings {
        tracing::warn!(%warning, "old configuration setting used");
    }
    let listener = bind(config.server.listen, "server.listen").await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let running = start(config, listener).await?;
    if let Some(address) = running.metrics_address {
        tracing::info!(%address, "metrics listening");
    }
    tracing::info!(address = %running.address, "API listening");
    notify::ready();
    // The service can end while it is not held here.
    let (api, engine) = (Arc::downgrade(&running.api), Arc::downgrade(&running.engine));
    let signal = async || {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => {
                    if let (Some(api), Some(engine)) = (api.upgrade(), engine.upgrade()) {
                        reload.read_again(&api, &engine);
                    }
                }
            }
        }
    };
    run_until(running, signal).await
}

/// Serves until it is asked to stop, and stops then; a second wish to stop ends it at once. If the
/// engine fails before, that is the error with which it ends: who supervises it starts it again.
async fn run_until(running: Running, mut asked: impl AsyncFnMut()) -> anyhow::Result<()> {
    let ended = tokio::select! {
        () = asked() => Ok(()),
        () = running.engine.failed() => {
            Err(anyhow::anyhow!("the engine has failed: the panic stands before this; start the service again"))
        }
    };
    notify::stopping();
    tracing::info!("service stopping; waiting for tasks in flight");
    tokio::select! {
        () = running.stop() => tracing::info!("service stopped"),
        () = asked() => anyhow::bail!("stopped at once by a second signal"),
    }
    ended
}

#[cfg(test)]
mod tests;
