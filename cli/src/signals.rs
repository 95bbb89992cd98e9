//! The signals that ask a process to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Done at SIGTERM, at SIGINT (ctrl-c) and at SIGHUP (the terminal is gone); all are listened for from now on, whenever
/// it is waited for.
///
/// # Errors
/// When the system refuses.
pub fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
