//! Ctrl-C, and a polite `kill`: a run ends before its time, and what it found is written all the same.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Is set when somebody wants the program to end; who wants it twice gets it at once. Call it once.
#[must_use]
pub(crate) fn when_asked() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // without handlers the default action ends us
        let _ = flag::register_conditional_default(signal, Arc::clone(&stop));
        let _ = flag::register(signal, Arc::clone(&stop));
    }
    stop
}
