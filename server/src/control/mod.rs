//! The control thread (tokio): the lobby, and connections that speak plain HTTP. Nothing here is on a tick's path.

pub mod capsules;
pub mod certificate;
pub mod http;
pub mod site;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use crossbeam_channel::Sender;
use tickwire_shared::Profile;
use tickwire_shared::protocol::ResumeClaim;
use tickwire_shared::protocol::close::CloseReason;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::handover::{LinkAddress, Post, ReactorPort, SEAT_GONE, ToControl, ToReactor, ToTick};
use crate::lobby::Lobby;
use crate::lobby::directory::Directory;
use crate::net::PlainStream;
use capsules::Capsules;
use certificate::Certificate;
use http::Plain;

/// How soon a stop that found a full inbox is tried again.
const STOP_RETRY: std::time::Duration = std::time::Duration::from_millis(5);

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
    /// The ways back to their seats.
    pub directory: Directory,
    /// What plain requests are answered from.
    pub plain: Arc<Plain>,
    /// If the server speaks TLS.
    pub certificate: Option<Certificate>,
    /// Where capsules go, if anywhere.
    pub capsules: Option<Capsules>,
    /// How long answers under way may take when the server stops.
    pub stop_grace: std::time::Duration,
}

impl Control {
    /// Runs until `stop` is ready; then tells the reactors to stop.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        // what a full port held back is tried again
        let mut flush = tokio::time::interval(std::time::Duration::from_millis(100));
        let mut look = tokio::time::interval(certificate::LOOK_INTERVAL);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = flush.tick() => {}
                _ = look.tick() => self.certificate.iter_mut().for_each(Certificate::look),
                message = self.inbox.recv() => match message {
                    Some(ToControl::Plain { stream, read, peer }) => self.serve_plain(stream, read, peer),
                    Some(message) => self.handle(message),
                    None => break,
                },
            }
            for thread in &mut self.threads {
                thread.flush();
            }
            self.reactors.iter_mut().for_each(ReactorPort::wake);
        }
        self.plain.stop();
        self.stop_reactors().await;
        // an answer under way arrives whole
        self.plain.drained(self.stop_grace).await;
    }

    /// Tells all, and stays until the last has the message: a full inbox must not swallow the end.
    async fn stop_reactors(&mut self) {
        for reactor in &mut self.reactors {
            reactor.send(ToReactor::Stop);
        }
        loop {
            self.reactors.iter_mut().for_each(ReactorPort::wake);
            if self.reactors.iter().all(ReactorPort::is_flushed) {
                break;
            }
            tokio::time::sleep(STOP_RETRY).await;
        }
    }

    fn handle(&mut self, message: ToControl) {
        match message {
            ToControl::Join { link, profile } => self.place(link, profile),
            ToControl::Resume { link, claim } => self.resume(link, claim),
            ToControl::TokenShown(stay, turn) => self.directory.shown(stay, turn),
            ToControl::SeatFreed(room, stay) => {
                self.directory.left(stay);
                if let Some(thread) = self.lobby.freed(room) {
                    self.threads[thread].send(ToTick::Close(room));
                }
            }
            ToControl::RoomEnded(room) => {
                self.lobby.ended(room);
                self.directory.room_ended(room);
            }
            ToControl::Capsule { name, bytes } => {
                self.capsules.as_mut().map(|capsules| capsules.keep(&name, &bytes));
            }
            ToControl::ReloadCertificate => match &mut self.certificate {
                Some(certificate) => certificate.reload(),
                None => info!("there is no certificate to read anew: the server does not speak TLS"),
            },
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
        let (stay, pass) = self.directory.enter(placement.room, placement.thread);
        thread.send(ToTick::Join { room: placement.room, link, profile, stay, pass });
    }

    fn resume(&mut self, link: LinkAddress, claim: ResumeClaim) {
        match self.directory.resume(&claim.token, claim.attempt) {
            Some((room, thread, pass)) => self.threads[thread].send(ToTick::Resume { room, link, pass, claim }),
            None => {
                let (reason, text) = (CloseReason::SeatGone, SEAT_GONE.to_owned());
                let close = ToReactor::Close { link: link.link, reason, text };
                self.reactors[link.reactor].send(close);
            }
        }
    }

    fn serve_plain(&self, stream: PlainStream, read: Vec<u8>, peer: SocketAddr) {
        let plain = Arc::clone(&self.plain);
        match plain.admit(peer.ip()) {
            Some(permit) => tokio::spawn(http::serve_plain(stream, read, plain, permit)),
            None => tokio::spawn(http::shed(stream, read, plain)),
        };
    }
}

/// Seeds come from the operating system; a room's numbers are then its own.
fn random_seed() -> u64 {
    getrandom::u64().unwrap_or_else(|error| {
        warn!(%error, "the system gives no random numbers: a room gets a fixed seed");
        0
    })
}
