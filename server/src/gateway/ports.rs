//! The way from a reactor to one tick thread.

use crossbeam_channel::Sender;

use crate::handover::{Batch, Post, RoomInput, ToTick};

/// See the module. A tick thread is never woken: it takes what came when its next room is due.
pub struct TickPort {
    post: Post<Sender<ToTick>, ToTick>,
    inputs: Sender<RoomInput>,
    home: Sender<Box<Batch>>,
}

impl TickPort {
    /// A port from the three channels' sending halves.
    #[must_use]
    pub fn new(post: Sender<ToTick>, inputs: Sender<RoomInput>, home: Sender<Box<Batch>>) -> Self {
        Self { post: Post::new(post), inputs, home }
    }

    /// Sends; never lost.
    pub(super) fn send(&mut self, message: ToTick) {
        self.post.send(message);
    }

    /// Sends now, or tells that the port is full.
    pub(super) fn offer(&mut self, message: ToTick) -> bool {
        self.post.offer(message).is_ok()
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        self.post.flush();
    }

    /// Sends an input, or tells that the port is full.
    pub(super) fn offer_input(&mut self, input: RoomInput) -> bool {
        self.inputs.try_send(input).is_ok()
    }

    /// Sends a batch home.
    pub(super) fn send_home(&mut self, batch: Box<Batch>) {
        // the channel has no bound; when the thread is gone, so is the room
        let _ = self.home.send(batch);
    }
}
