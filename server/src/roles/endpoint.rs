//! An endpoint of the configuration, as operators administer it: its limits, its stop and its
//! capabilities, for all roles and credentials together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade_config::window::Window;
use brigade_engine::multipart_etag::MultipartEtag;
use brigade_engine::places::{Health, Refusal};
use brigade_model::endpoint::{EndpointRow, EndpointSettings, Stopped};
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::Caller;
use brigade_model::waiting::JOB;
use brigade_model::{
    Capabilities, EndpointKind, EndpointName, JobId, Live, LoadLimits, StoreClock, WaitCause, Waiting,
};
use brigade_s3::limit::{Caps, LimitHandle, Usage};
use brigade_s3::retry::{CircuitBreaker, OpenCircuit};
use brigade_s3::unanswered::Unanswered;
use brigade_service::RegisteredEndpoint;

use super::news::Learning;
use crate::roles::protection::{PROBE_EVERY, Protection, ProtectionNow};

/// What the configuration allows.
struct Configured {
    caps: Caps,
    windows: Vec<Window>,
}

/// An endpoint, for the life of the process.
pub struct ActiveEndpoint {
    kind: EndpointKind,
    configured: Live<Configured>,
    protection: Mutex<Option<Arc<Protection>>>,
    clock: Arc<dyn Clock>,
    limit: LimitHandle,
    multipart_etag: Arc<MultipartEtag>,
    stamps: Arc<StoreClock>,
    row: Mutex<EndpointRow>,
    pub(super) learning: Mutex<Learning>,
}

impl ActiveEndpoint {
    /// An endpoint without settings. `clock` is the one that stamps leases: the process's own while the
    /// job store is embedded.
    #[must_use]
    pub fn new(
        name: EndpointName,
        kind: EndpointKind,
        configured: Caps,
        windows: Vec<Window>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (limit, stamps) = (LimitHandle::new(configured), Arc::new(StoreClock::new(Arc::clone(&clock))));
        let row = Mutex::new(EndpointRow::unset(name));
        let (protection, multipart_etag, learning) = (Mutex::default(), Arc::default(), Mutex::default());
        let configured = Live::new(Configured { caps: configured, windows });
        let endpoint = Self { kind, configured, protection, clock, limit, multipart_etag, stamps, row, learning };
        endpoint.follow();
        endpoint
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> EndpointName {
        self.row().endpoint.clone()
    }

    /// Takes what a configuration that was read again allows.
    pub(super) fn allow(&self, caps: Caps, windows: Vec<Window>) {
        self.configured.set(Configured { caps, windows });
        self.follow();
    }

    /// The windows that apply now.
    pub fn windows_now(&self) -> Vec<Window> {
        let now = self.clock.now();
        self.configured.now().windows.iter().filter(|window| window.holds_at(now)).cloned().collect()
    }

    /// Applies the current caps: windows begin and end.
    pub fn follow(&self) {
        let row = self.row();
        self.follow_row(&row);
    }

    fn follow_row(&self, row: &EndpointRow) {
        let allowed = self.allowed(row);
        let share = self.protection().map(|protection| protection.share_of(allowed.requests));
        let caps = Caps { requests: share.unwrap_or(allowed.requests), ..allowed };
        let before = self.limit.caps();
        if caps == before {
            return;
        }
        self.limit.set_caps(caps);
        // A share changes every few seconds.
        if share.is_none_or(|share| share == allowed.requests) {
            tracing::info!(
                endpoint = %row.endpoint,
                requests_in_flight = caps.requests,
                requests_per_second = caps.requests_per_second,
                objects_per_second = caps.objects_per_second,
                bytes_per_second = caps.bytes_per_second,
                "endpoint limits changed"
            );
        } else {
            tracing::debug!(endpoint = %row.endpoint, requests_in_flight = caps.requests, "endpoint share changed");
        }
    }

    /// Its caps without the protection of others: the least of the configuration, the operator's limits
    /// and the windows.
    fn allowed(&self, row: &EndpointRow) -> Caps {
        self.windows_now().iter().map(Window::limits).fold(within(self.configured(), row.settings.limits), within)
    }

    /// Protects its other users from now on like this, or not at all.
    pub(super) fn protect(&self, protection: Option<Protection>) {
        *self.protection.lock().unwrap_or_else(PoisonError::into_inner) = protection.map(Arc::new);
        self.follow();
    }

    fn protection(&self) -> Option<Arc<Protection>> {
        self.protection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The state of its other users' protection.
    #[must_use]
    pub fn protection_now(&self) -> Option<ProtectionNow> {
        self.protection().map(|protection| protection.now())
    }

    /// Measures the latency of others while requests are in flight, and adjusts the limit, as long as the configuration
    /// protects one.
    pub async fn keep_protecting(&self) {
        loop {
            self.clock.sleep(PROBE_EVERY).await;
            let used = self.limit.usage().requests;
            let Some(protection) = self.protection().filter(|_| used > 0) else { continue };
            protection.look(&*self.clock, used, self.configured().requests).await;
            self.follow();
        }
    }

    /// Its configured kind.
    #[must_use]
    pub fn kind(&self) -> EndpointKind {
        self.kind
    }

    /// The clock that stamps its objects, as learned.
    #[must_use]
    pub fn stamps(&self) -> &Arc<StoreClock> {
        &self.stamps
    }

    /// What the configuration allows at most.
    #[must_use]
    pub fn configured(&self) -> Caps {
        self.configured.now().caps
    }

    /// Its capabilities: those that its last probe found, else those known of its kind.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::known(self.kind, self.row().settings.probe.as_ref())
    }

    /// The limit of all its calls.
    #[must_use]
    pub fn limit(&self) -> &LimitHandle {
        &self.limit
    }

    /// What its completions show of the ETags of multipart objects.
    #[must_use]
    pub fn multipart_etag(&self) -> &Arc<MultipartEtag> {
        &self.multipart_etag
    }

    /// Its current usage.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.limit.usage()
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> EndpointSettings {
        self.row().settings.clone()
    }

    /// Applies these settings, unless it has newer ones.
    pub fn adopt(&self, row: EndpointRow) {
        let mut known = self.row();
        if row.revision <= known.revision {
            return;
        }
        // Under the lock, so that the later of two stays. Unchanged settings disturb no waiting call.
        self.follow_row(&row);
        let is_stopped = row.settings.stopped.is_some();
        if is_stopped != self.limit.is_stopped() {
            self.limit.set_stopped(is_stopped);
        }
        self.begin_with(&row.settings.learned);
        // The service itself writes the clock and the learned limits: no news for the log.
        let told = |settings: &EndpointSettings| EndpointSettings {
            clock: Vec::new(),
            learned: Vec::new(),
            ..settings.clone()
        };
        let settings = told(&row.settings);
        if settings != told(&known.settings) {
            tracing::info!(
                endpoint = %row.endpoint,
                requests_in_flight = settings.limits.requests_in_flight,
                requests_per_second = settings.limits.requests_per_second,
                objects_per_second = settings.limits.objects_per_second,
                bytes_per_second = settings.limits.bytes_per_second,
                stopped = settings.stopped.as_ref().map(|stopped| stopped.reason.as_str()),
                probed = settings.probe.as_ref().map(|probe| probe.at.to_string()),
                "endpoint settings applied"
            );
        }
        *known = row;
    }

    fn row(&self) -> MutexGuard<'_, EndpointRow> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its calls wait for while an operator keeps it stopped.
    pub(super) fn waiting_while_stopped(&self) -> Option<Waiting> {
        let row = self.row();
        let since = row.settings.stopped.as_ref()?.since;
        let (name, who, cause) = (row.endpoint.to_string(), "calls".to_owned(), WaitCause::EndpointStopped);
        drop(row);
        Some(Waiting { who, cause, what: self.reason_stopped()?, since: Some(since), name })
    }

    fn reason_stopped(&self) -> Option<String> {
        let row = self.row();
        let Stopped { since, reason } = row.settings.stopped.as_ref()?;
        let colon = if reason.is_empty() { "" } else { ": " };
        Some(format!("endpoint {} is stopped by an operator since {since:.0}{colon}{reason}", row.endpoint))
    }
}

impl RegisteredEndpoint for ActiveEndpoint {
    fn name(&self) -> EndpointName {
        ActiveEndpoint::name(self)
    }

    fn limits_max(&self) -> LoadLimits {
        let Caps { requests, requests_per_second, objects_per_second, bytes_per_second, .. } = self.configured();
        LoadLimits { requests_in_flight: Some(requests), requests_per_second, objects_per_second, bytes_per_second }
    }

    fn settings(&self) -> EndpointSettings {
        ActiveEndpoint::settings(self)
    }

    fn adopt(&self, row: EndpointRow) {
        ActiveEndpoint::adopt(self, row);
    }
}

/// Caps and limits, whichever is less.
fn within(configured: Caps, limits: LoadLimits) -> Caps {
    Caps {
        requests: limits.requests_in_flight.map_or(configured.requests, |limit| limit.min(configured.requests)),
        is_adaptive: configured.is_adaptive,
        requests_per_second: least(configured.requests_per_second, limits.requests_per_second),
        objects_per_second: least(configured.objects_per_second, limits.objects_per_second),
        bytes: configured.bytes,
        bytes_per_second: least(configured.bytes_per_second, limits.bytes_per_second),
    }
}

/// The lesser of two limits; `None` is none.
fn least<N: Ord>(one: Option<N>, other: Option<N>) -> Option<N> {
    one.into_iter().chain(other).min()
}

/// Why calls to an endpoint wait: an operator stopped it, or its circuit breaker is open.
pub(super) struct EndpointHealth {
    pub(super) endpoint: Arc<ActiveEndpoint>,
    pub(super) breaker: Arc<CircuitBreaker>,
    pub(super) unanswered: Arc<Unanswered>,
}

impl Health for EndpointHealth {
    fn reason(&self) -> Option<String> {
        self.endpoint.reason_stopped().or_else(|| self.breaker.reason().map(|closed| closed.to_string()))
    }

    fn waiting(&self) -> Option<Waiting> {
        self.endpoint.waiting_while_stopped().or_else(|| self.breaker.reason().map(|open| open.waiting(JOB)))
    }

    fn unanswered(&self, job: JobId) -> Option<Waiting> {
        self.unanswered.waiting(job)
    }

    fn refusal(&self) -> Option<Refusal> {
        let OpenCircuit { code, message, since, .. } = self.breaker.reason().filter(OpenCircuit::is_lasting)?;
        Some(Refusal { code, message, since })
    }

    fn speed(&self) -> LoadLimits {
        let Caps { requests_per_second, objects_per_second, bytes_per_second, .. } = self.endpoint.limit().caps();
        let requests_in_flight = Some(self.endpoint.limit().expected());
        LoadLimits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second }
    }

    fn has_room_for(&self, caller: Caller) -> bool {
        self.endpoint.limit().has_room_for(caller)
    }
}

#[cfg(test)]
mod tests;
