//! Sending halves that never block, and lose and reorder nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::{Sender, TrySendError};

use super::{Batch, ToReactor};

/// A channel's sending half that never blocks.
pub trait TryPost<T> {
    /// Sends, or gives the message back when the channel is full. A closed channel swallows it: the other thread has
    /// ended, and so will this one.
    ///
    /// # Errors
    /// The channel is full.
    fn try_post(&self, message: T) -> Result<(), T>;
}

impl<T> TryPost<T> for Sender<T> {
    fn try_post(&self, message: T) -> Result<(), T> {
        match self.try_send(message) {
            Err(TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}

impl<T> TryPost<T> for tokio::sync::mpsc::Sender<T> {
    fn try_post(&self, message: T) -> Result<(), T> {
        match self.try_send(message) {
            Err(tokio::sync::mpsc::error::TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// A sender for messages that must neither be lost nor reordered: what the channel cannot take waits here.
#[derive(Debug)]
pub struct Post<S, T> {
    sender: S,
    waiting: VecDeque<T>,
}

impl<S: TryPost<T>, T> Post<S, T> {
    /// Posts through `sender`.
    pub fn new(sender: S) -> Self {
        Self { sender, waiting: VecDeque::new() }
    }

    /// Sends now or, with [`Post::flush`], later.
    pub fn send(&mut self, message: T) {
        if let Err(message) = self.offer(message) {
            self.waiting.push_back(message);
        }
    }

    /// Sends now or gives the message back.
    ///
    /// # Errors
    /// The channel is full, or earlier messages wait.
    pub fn offer(&mut self, message: T) -> Result<(), T> {
        self.flush();
        if self.waiting.is_empty() { self.sender.try_post(message) } else { Err(message) }
    }

    /// Tries again to send what waits; call it once in a while. Tells whether anything was sent.
    pub fn flush(&mut self) -> bool {
        let mut sent = false;
        while let Some(message) = self.waiting.pop_front() {
            if let Err(message) = self.sender.try_post(message) {
                self.waiting.push_front(message);
                break;
            }
            sent = true;
        }
        sent
    }

    /// Whether all is sent.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The way to one reactor.
pub struct ReactorPort {
    post: Post<Sender<ToReactor>, ToReactor>,
    waker: Arc<mio::Waker>,
    /// Something was sent since the reactor was last woken.
    pending: bool,
}

impl ReactorPort {
    /// A port that sends through `sender` and wakes with `waker`.
    pub fn new(sender: Sender<ToReactor>, waker: Arc<mio::Waker>) -> Self {
        Self { post: Post::new(sender), waker, pending: false }
    }

    /// Sends; never lost.
    pub fn send(&mut self, message: ToReactor) {
        self.post.send(message);
        self.pending = true;
    }

    /// Wakes the reactor if something was sent since the last call.
    pub fn wake(&mut self) {
        self.pending |= self.post.flush();
        if std::mem::take(&mut self.pending)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "cannot wake a reactor");
        }
    }

    /// Whether all that was sent is in the reactor's inbox.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.post.is_flushed()
    }

    /// Sends a batch now or gives it back.
    ///
    /// # Errors
    /// The reactor's inbox is full, or earlier messages wait.
    pub fn offer(&mut self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        self.pending = true;
        self.post.offer(ToReactor::Batch(batch)).map_err(|message| match message {
            ToReactor::Batch(batch) => batch,
            other => unreachable!("a batch was offered, {other:?} came back"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_neither_loses_nor_reorders() {
        let (sender, receiver) = crossbeam_channel::bounded(2);
        let mut post = Post::new(sender);
        for i in 0..5 {
            post.send(i);
        }
        assert_eq!(post.offer(9), Err(9), "what comes later may not overtake");
        let mut received = Vec::new();
        while let Ok(i) = receiver.try_recv() {
            received.push(i);
            post.flush();
        }
        assert_eq!(received, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_had_to_wait_wakes_the_reactor_too() {
        let mut poll = mio::Poll::new().expect("the system has epoll");
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(1)).expect("a waker"));
        let (sender, inbox) = crossbeam_channel::bounded(1);
        let mut port = ReactorPort::new(sender, waker);
        let mut woken = move || {
            let mut events = mio::Events::with_capacity(4);
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).expect("it polls");
            !events.is_empty()
        };
        let stop = || ToReactor::Stop { text: String::new() };
        port.send(stop());
        port.send(stop());
        port.wake();
        assert!(woken());
        assert!(!port.is_flushed(), "the second waits: the inbox is full");
        assert!(inbox.try_recv().is_ok());
        port.wake();
        assert!(port.is_flushed());
        assert!(woken(), "what waited is in the inbox, and nobody would look");
    }
}
