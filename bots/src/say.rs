//! Words for the person who looks on. Who has gone away (`… 2>&1 | head -1`) misses them, and that is all: the run goes
//! on, and its exit code is what it found.

use std::fmt::Display;
use std::io::{self, Write};

/// A line on stderr.
pub(crate) fn aside(words: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}

/// On stdout, as it is.
pub(crate) fn result(words: impl Display) {
    let mut out = io::stdout().lock();
    let _ = write!(out, "{words}").and_then(|()| out.flush());
}
