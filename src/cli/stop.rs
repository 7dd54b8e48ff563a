//! Ctrl-C, SIGTERM or a closed terminal: the first lets what runs finish, the second leaves at once.

use tokio::sync::watch;

use crate::error::{Error, Kind, Result};
use crate::events::Events;

/// Runs `work` with a flag that the first signal turns on; the second ends it.
pub async fn stoppable<T, F>(
    events: &Events,
    work: impl FnOnce(watch::Receiver<bool>) -> F,
) -> Result<T>
where
    F: Future<Output = T>,
{
    let (stop, stopped) = watch::channel(false);
    let interrupted = async {
        signal().await;
        let _ = stop.send(true);
        events
            .alert("Stopping: what runs is finished, nothing new starts. Again to leave at once.");
        signal().await;
    };
    tokio::select! {
        done = work(stopped) => Ok(done),
        () = interrupted => Err(Error::new(
            Kind::Interrupted,
            "left at once; calls that were under way may still take effect",
        )
        .hint("run the same command again: it finds what is there and goes on")),
    }
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
