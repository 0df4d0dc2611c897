//! The server's threads: how they begin, tell that they have ended, and are waited for.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::error;

use super::StartError;
use crate::gateway::Gateway;
use crate::net::reactor::Reactor;

/// How long a thread may take to end beyond the grace that clients get.
const JOIN_SLACK: Duration = Duration::from_secs(1);
const JOIN_POLL: Duration = Duration::from_millis(2);

/// Tells the name of its thread when that ends, also by a panic: a server without one of its threads must not look
/// alive.
struct TellEnded(String, mpsc::Sender<String>);

impl Drop for TellEnded {
    fn drop(&mut self) {
        let _ = self.1.try_send(std::mem::take(&mut self.0));
    }
}

pub(super) fn spawn(
    what: &'static str,
    index: usize,
    ended: &mpsc::Sender<String>,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let name = format!("{what}-{index}");
    let tell = TellEnded(name.clone(), ended.clone());
    let run = move || {
        let _tell = tell;
        run();
    };
    std::thread::Builder::new().name(name).spawn(run).map_err(|source| StartError::Thread { what, source })
}

/// What the control thread will run on: who drops it before that may be in a runtime of their own, where tokio's must
/// not be dropped.
pub(super) struct ControlRuntime(Option<Runtime>);

impl ControlRuntime {
    /// To be made before anybody can connect: a crowd at the door might leave no descriptors for it.
    pub(super) fn new() -> Result<Self, StartError> {
        // where there is no descriptor for its signals, tokio panics
        let build = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = std::panic::catch_unwind(build).unwrap_or_else(|_| Err(io::Error::other("too few descriptors")));
        runtime.map(|runtime| Self(Some(runtime))).map_err(|source| StartError::Thread { what: "control", source })
    }

    pub(super) fn run(mut self, work: impl Future<Output = ()>) {
        if let Some(runtime) = self.0.take() {
            runtime.block_on(work);
        }
    }
}

impl Drop for ControlRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) fn run_reactor(mut reactor: Reactor<Gateway>) {
    if let Err(error) = reactor.run() {
        error!(%error, "a reactor ended: its poll failed");
    }
}

/// Waits for threads that were told to end. One that does not is left behind: a game's tick may never return, and
/// the server stops all the same.
pub(super) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>, grace: Duration) {
    let until = Instant::now() + grace + JOIN_SLACK;
    for thread in threads {
        let name = thread.thread().name().unwrap_or_default().to_owned();
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(JOIN_POLL);
        }
        if !thread.is_finished() {
            error!(thread = name, "a thread does not end and is left behind; a game's tick may hang");
        } else if thread.join().is_err() {
            error!(thread = name, "a thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_start_that_fails_half_way_takes_its_runtime_back_wherever_it_is() {
        drop(ControlRuntime::new().expect("there are descriptors"));
        let (tell, told) = std::sync::mpsc::channel();
        let runtime = ControlRuntime::new().expect("there are descriptors");
        std::thread::spawn(move || runtime.run(async move { tell.send(7).expect("somebody listens") }));
        assert_eq!(told.recv(), Ok(7));
    }
}
