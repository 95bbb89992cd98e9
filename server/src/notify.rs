//! Notifies the supervisor: systemd's `Type=notify`; does nothing under any other.

use sd_notify::NotifyState;

/// Requests are answered.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// It is about to end.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
