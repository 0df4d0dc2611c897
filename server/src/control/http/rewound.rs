//! A socket with bytes put back in front of it, and an end to writes that make no progress.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Reads `front` first, then from `stream`. A write that has waited for `stall_timeout` fails with
/// [`io::ErrorKind::TimedOut`]; each byte that the peer takes starts the time anew.
pub(super) struct Rewound<S> {
    front: Vec<u8>,
    /// How much of `front` has been read.
    taken: usize,
    stream: S,
    stall_timeout: Duration,
    /// Runs while a write waits.
    stall: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Rewound<S> {
    pub(super) fn new(front: Vec<u8>, stream: S, stall_timeout: Duration) -> Self {
        let stall = Box::pin(sleep(stall_timeout));
        Self { front, taken: 0, stream, stall_timeout, stall, is_waiting: false }
    }

    /// Lets the result of a write through, unless the write has waited for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            self.stall.as_mut().reset(Instant::now() + self.stall_timeout);
        }
        ready!(self.stall.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.front.get(self.taken..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, out);
        }
        let count = left.len().min(out.remaining());
        out.put_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.front.len() {
            self.front = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // a socket has nothing of its own to flush, and must not stop the time of a write that waits
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn what_was_read_comes_first_in_any_cut() {
        runtime().block_on(async {
            for cut in 1..12 {
                let (near, mut far) = duplex(64);
                far.write_all(b" world").await.unwrap();
                drop(far);
                let mut rewound = Rewound::new(b"hello".to_vec(), near, Duration::from_secs(60));
                let (mut whole, mut piece) = (Vec::new(), vec![0; cut]);
                loop {
                    let count = rewound.read(&mut piece).await.unwrap();
                    if count == 0 {
                        break;
                    }
                    whole.extend_from_slice(&piece[..count]);
                }
                assert_eq!(whole, b"hello world", "in pieces of {cut}");
            }
        });
    }

    #[test]
    fn a_peer_that_takes_nothing_ends_the_write() {
        runtime().block_on(async {
            let (near, _far) = duplex(8);
            let mut rewound = Rewound::new(Vec::new(), near, Duration::from_millis(1));
            let error = rewound.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
