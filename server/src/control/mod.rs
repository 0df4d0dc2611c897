//! The control thread (tokio): the lobby, and connections that speak plain HTTP. Nothing here is on a tick's path.

pub mod http;
pub mod site;

use std::future::Future;
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;

use crossbeam_channel::Sender;
use tickwire_shared::Profile;
use tickwire_shared::protocol::close::CloseReason;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use crate::handover::{LinkAddress, Post, ReactorPort, ToControl, ToReactor, ToTick};
use crate::lobby::Lobby;
use http::Plain;

/// Plain connections at a time; more are dropped. A page is a handful of requests.
const PLAIN_MAX: usize = 256;

/// What the control thread listens to and speaks to.
pub struct Control {
    /// From reactors and tick threads.
    pub inbox: mpsc::Receiver<ToControl>,
    /// To each tick thread.
    pub threads: Vec<Post<Sender<ToTick>, ToTick>>,
    /// To each reactor.
    pub reactors: Vec<ReactorPort>,
    /// The rooms.
    pub lobby: Lobby,
    /// What plain requests are answered from.
    pub plain: Arc<Plain>,
}

impl Control {
    /// Runs until `stop` is ready; then tells the reactors to stop.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let plain_connections = Arc::new(Semaphore::new(PLAIN_MAX));
        let mut stop = pin!(stop);
        // what a full port held back is tried again
        let mut flush = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = flush.tick() => {}
                message = self.inbox.recv() => match message {
                    Some(ToControl::Plain { stream, read, .. }) => self.serve_plain(stream, read, &plain_connections),
                    Some(message) => self.handle(message),
                    None => break,
                },
            }
            self.threads.iter_mut().for_each(Post::flush);
            self.reactors.iter_mut().for_each(ReactorPort::wake);
        }
        self.plain.stop();
        for reactor in &mut self.reactors {
            reactor.send(ToReactor::Stop);
            reactor.wake();
        }
    }

    fn handle(&mut self, message: ToControl) {
        match message {
            ToControl::Join { link, profile } => self.place(link, profile),
            ToControl::SeatFreed(room) => {
                if let Some(thread) = self.lobby.freed(room) {
                    self.threads[thread].send(ToTick::Close(room));
                }
            }
            ToControl::RoomEnded(room) => {
                self.lobby.ended(room);
            }
            ToControl::Plain { .. } => unreachable!("plain connections are served before"),
        }
    }

    fn place(&mut self, link: LinkAddress, profile: Profile) {
        let Some(placement) = self.lobby.place() else {
            let text = "all rooms are full; try again in a moment".to_owned();
            let close = ToReactor::Close { link: link.link, reason: CloseReason::TryLater, text };
            return self.reactors[link.reactor].send(close);
        };
        let thread = &mut self.threads[placement.thread];
        if placement.new {
            thread.send(ToTick::Open { room: placement.room, seed: random_seed() });
        }
        thread.send(ToTick::Join { room: placement.room, link, profile });
    }

    fn serve_plain(&self, stream: TcpStream, read: Vec<u8>, connections: &Arc<Semaphore>) {
        let Ok(permit) = Arc::clone(connections).try_acquire_owned() else {
            warn!(max = PLAIN_MAX, "too many plain HTTP connections: one was dropped");
            return;
        };
        let plain = Arc::clone(&self.plain);
        tokio::spawn(async move {
            http::serve_plain(stream, read, plain).await;
            drop(permit);
        });
    }
}

/// Seeds come from the operating system; a room's numbers are then its own.
fn random_seed() -> u64 {
    getrandom::u64().unwrap_or_else(|error| {
        warn!(%error, "the system gives no random numbers: a room gets a fixed seed");
        0
    })
}
