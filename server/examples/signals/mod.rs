//! Ctrl-C and SIGTERM for programs whose reactor runs on the main thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What both set from now on, also where a shell has started this program in the background and made it deaf to Ctrl-C.
/// The signal ends a poll that sleeps, so no thread has to wait for it; one that came just before is seen when the poll
/// ends for another reason.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
