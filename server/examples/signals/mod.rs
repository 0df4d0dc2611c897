//! Ctrl-C and SIGTERM for programs whose reactor runs on the main thread.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Calls `stop` when one of the two comes, on a thread of its own. They are listened to from now on, also where a shell
/// has started this program in the background and made it deaf to Ctrl-C.
pub(crate) fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime
        .block_on(async { Ok::<_, io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)) });
    let (mut interrupt, mut terminate) = signals?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        stop();
    });
    Ok(())
}
