//! The task of a core that takes new connections.

use super::core_loop::CoreLoop;
use super::listener::Listener;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(20);

/// Connections that are accepted in one go, before those that are there have their turn.
const ACCEPT_BATCH: u32 = 32;

/// Accepts connections until the listener is shut down.
pub(super) async fn run(core: Rc<CoreLoop>, listener: Rc<Listener>) {
    let mut is_exhausted = false;
    let mut accepted = 0;
    loop {
        match listener.accept() {
            Ok((socket, peer)) => {
                if std::mem::take(&mut is_exhausted) {
                    tracing::info!(core = %core.id(), "accepting again");
                }
                if let Err(error) = core.admit(socket, peer.ip()) {
                    tracing::warn!(core = %core.id(), %error, "a connection is lost");
                }
                accepted += 1;
                if accepted % ACCEPT_BATCH == 0 {
                    core.yield_to_ring().await;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.readable().await,
            Err(_) if core.is_stopping() => return,
            // The client has left again.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            // Out of descriptors or memory, as a rule.
            Err(error) => {
                if !std::mem::replace(&mut is_exhausted, true) {
                    tracing::warn!(core = %core.id(), %error, "not accepting until this is over");
                }
                monoio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
