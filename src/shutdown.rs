//! Going down in order: one signal starts it, every part that holds something is waited for, within a limit.
//!
//! `serve` owns the [`Trigger`]; parts get a clone of [`Shutdown`] and keep it for as long as they have work to finish
//! (a `bye` to send, a commit to wait for). No part may wait for another here.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// Tells everybody that it is time to go. Dropping it does the same.
#[derive(Debug)]
pub struct Trigger {
    begin: watch::Sender<bool>,
    all_gone: mpsc::Receiver<Infallible>,
}

/// Held by a part of the server; while any is alive, the process waits (up to a limit).
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: watch::Receiver<bool>,
    _alive: mpsc::Sender<Infallible>,
}

/// A connected pair.
pub fn channel() -> (Trigger, Shutdown) {
    let (begin, begun) = watch::channel(false);
    let (alive, all_gone) = mpsc::channel(1);
    (Trigger { begin, all_gone }, Shutdown { begun, _alive: alive })
}

impl Trigger {
    /// Starts the shutdown and waits until every [`Shutdown`] was dropped or `limit` has passed; says whether all
    /// were done in time.
    pub async fn begin_and_wait(mut self, limit: Duration) -> bool {
        self.begin.send_replace(true);
        tokio::time::timeout(limit, self.all_gone.recv()).await.is_ok()
    }
}

impl Shutdown {
    /// Waits until the server goes down.
    pub async fn begun(&mut self) {
        // An error means that the trigger is gone, which is a shutdown, too.
        let _ = self.begun.wait_for(|begun| *begun).await;
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// When the operating system refuses a handler.
pub async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_everybody_who_holds_a_part() {
        let (trigger, mut shutdown) = channel();
        let part = tokio::spawn(async move {
            shutdown.begun().await;
            "saved"
        });
        assert!(trigger.begin_and_wait(Duration::from_secs(60)).await);
        assert_eq!(part.await.expect("no panic"), "saved");
    }

    #[tokio::test]
    async fn gives_up_on_a_part_that_hangs() {
        let (trigger, _held) = channel();
        assert!(!trigger.begin_and_wait(Duration::ZERO).await);
    }
}
