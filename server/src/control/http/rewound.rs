//! A socket with bytes put back in front of it, TLS if the peer speaks it, and an end to writes that make no progress.
//!
//! ```text
//! hyper <- front, then <- Tls::read  <- socket
//! hyper ->                Tls::write -> unsent -> socket
//! ```

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Permit;
use crate::net::addresses::Place;
use crate::net::tls::Tls;

/// Most plain bytes that are encrypted before the socket has taken them; what one record of TLS holds.
const RECORD_BYTES: usize = 16 * 1024;

/// For the peer to close too, when all is said: closed with unread bytes in it, a socket is reset, and the peer may lose
/// the answer (RFC 9112 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Of what the peer still sends, so much is taken: the rest of a request.
const LINGER_MAX_BYTES: usize = 64 * 1024;

/// Reads `front` first, then from `stream`. When the socket has taken nothing for `stall_timeout`, what wants to write
/// fails with [`io::ErrorKind::TimedOut`]; each byte that the peer takes starts the time anew.
pub(super) struct Rewound<S> {
    front: Vec<u8>,
    /// How much of `front` has been read.
    taken: usize,
    tls: Option<Tls>,
    is_closed: bool,
    /// Goes to the socket as it is, before anything else.
    unsent: Vec<u8>,
    /// How much of `unsent` has been written.
    written: usize,
    watched: Watched<S>,
    /// Free when all is said.
    permit: Option<Permit>,
    /// Free when the socket is closed.
    _place: Option<Place>,
}

/// The socket itself.
struct Watched<S> {
    stream: S,
    stall_timeout: Duration,
    /// Runs while a write waits.
    stall: Pin<Box<Sleep>>,
    is_waiting: bool,
    /// Bytes that came since the FIN was sent.
    discarded: Option<usize>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Rewound<S> {
    pub(super) fn new(front: Vec<u8>, stream: S, stall_timeout: Duration) -> Self {
        let stall = Box::pin(sleep(stall_timeout));
        let watched = Watched { stream, stall_timeout, stall, is_waiting: false, discarded: None };
        Self {
            front,
            taken: 0,
            tls: None,
            is_closed: false,
            unsent: Vec::new(),
            written: 0,
            watched,
            permit: None,
            _place: None,
        }
    }

    /// With TLS on the socket, if it is there, and what has to be said of its handshake.
    pub(super) fn over(mut self, tls: Option<Tls>, unsent: Vec<u8>) -> Self {
        self.tls = tls;
        self.unsent = unsent;
        self
    }

    /// In a place among the server's connections.
    pub(super) fn holding(self, place: Option<Place>) -> Self {
        Self { _place: place, ..self }
    }

    /// One of those that are answered.
    pub(super) fn with_permit(self, permit: Permit) -> Self {
        Self { permit: Some(permit), ..self }
    }

    /// Writes what is encrypted.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.unsent.len() {
            match ready!(self.watched.poll_write(cx, &self.unsent[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // an idle connection holds no buffer
        self.unsent = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    /// Sends the FIN, and throws away what comes until the peer's.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut discarded = match self.discarded {
            Some(discarded) => discarded,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                self.stall.as_mut().reset(Instant::now() + LINGER);
                0
            }
        };
        while discarded <= LINGER_MAX_BYTES {
            let mut bytes = [0; 4096];
            let mut bytes = ReadBuf::new(&mut bytes);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut bytes);
            self.discarded = Some(discarded);
            match read {
                Poll::Pending => return self.stall.as_mut().poll(cx).map(Ok),
                // the peer's FIN, or its reset
                Poll::Ready(_) if bytes.filled().is_empty() => break,
                Poll::Ready(_) => discarded += bytes.filled().len(),
            }
        }
        Poll::Ready(Ok(()))
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.front.get(this.taken..).unwrap_or_default();
        if !left.is_empty() {
            let count = left.len().min(out.remaining());
            out.put_slice(&left[..count]);
            this.taken += count;
            if this.taken == this.front.len() {
                this.front = Vec::new();
                this.taken = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let Some(tls) = &mut this.tls else { return Pin::new(&mut this.watched.stream).poll_read(cx, out) };
        let mut socket = Polled { stream: &mut this.watched.stream, cx };
        let read = tls.read(&mut socket, out.initialize_unfilled(), &mut this.unsent);
        let has_more = tls.has_more();
        // an alert, for example; what the socket does not take of it can wait
        if let Poll::Ready(Err(error)) = this.poll_unsent(cx) {
            return Poll::Ready(Err(error));
        }
        match read {
            Ok(count) => out.advance(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if has_more {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_unsent(cx))?;
        // a socket has nothing of its own to flush, and must not stop the time of a write that waits
        Pin::new(&mut this.watched.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(tls) = &mut this.tls
            && !std::mem::replace(&mut this.is_closed, true)
        {
            tls.close(&mut this.unsent);
        }
        ready!(this.poll_unsent(cx))?;
        this.permit = None;
        this.watched.poll_end(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_unsent(cx))?;
        let Some(tls) = &mut this.tls else { return this.watched.poll_write_vectored(cx, slices) };
        let mut count = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(RECORD_BYTES - count)];
            tls.write(part, &mut this.unsent);
            count += part.len();
        }
        // the plain bytes are taken: what the socket does not take of them keeps the next write waiting
        match this.poll_unsent(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_some() || self.watched.stream.is_write_vectored()
    }
}

/// A socket as [`Tls`] reads it.
struct Polled<'a, 'b, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> Read for Polled<'_, '_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut bytes = ReadBuf::new(bytes);
        match Pin::new(&mut *self.stream).poll_read(self.cx, &mut bytes)? {
            Poll::Ready(()) => Ok(bytes.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
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
