//! The control thread (tokio): the lobby, and connections that speak plain HTTP. Nothing here is on a tick's path.

pub mod admin;
pub mod api;
mod body;
pub mod capsules;
pub mod certificate;
mod drain;
pub mod http;
pub mod lists;
mod lobby_calls;
mod places;
mod promises;
mod reception;
pub mod refusals;
pub mod site;

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;

use crossbeam_channel::Sender;
use tickwire_shared::protocol::ResumeClaim;
use tickwire_shared::protocol::close::CloseReason;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::config::{LoadLimits, LobbyConfig};
use crate::handover::steer::{Steer, SteerRoom, Steered};
use crate::handover::{LinkAddress, Post, ReactorPort, RoomId, SEAT_GONE, ToControl, ToReactor, ToTick};
use crate::identity::{Reception, Tries};
use crate::lobby::directory::Directory;
use crate::lobby::queue::Queue;
use crate::lobby::tickets::Tickets;
use crate::lobby::{Load, Lobby};
use crate::metrics::Metrics;
use crate::metrics::rooms::TickThreadMetrics;
use crate::net::PlainStream;
use crate::net::proxy::Network;
use crate::room::hosted::HostedGame;
use admin::Admin;
use capsules::Capsules;
use certificate::Certificate;
pub use drain::Drain;
use http::Plain;
use lists::Lists;
pub use places::Creations;
use places::{Why, turned_away};
pub use promises::Promises;

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
    /// The games.
    pub games: Arc<[Box<dyn HostedGame>]>,
    /// The rooms.
    pub lobby: Lobby,
    /// What players may ask of them.
    pub lobby_config: LobbyConfig,
    /// Addresses that may keep as many seats as they like.
    pub exempt: Vec<Network>,
    /// Seats that are kept.
    pub tickets: Tickets,
    /// Who waits for others.
    pub queue: Queue,
    /// Who created rooms lately.
    pub creations: Creations,
    /// Who named codes of no room lately.
    pub codes: Tries,
    /// Lists of rooms that were told lately.
    pub lists: Lists,
    /// Who waits for a room that is being made.
    pub promises: Promises,
    /// The ways back to their seats.
    pub directory: Directory,
    /// Who may come in.
    pub reception: Reception,
    /// What plain requests are answered from.
    pub plain: Arc<Plain>,
    /// The server's counters.
    pub metrics: Arc<Metrics>,
    /// If the server speaks TLS.
    pub certificate: Option<Certificate>,
    /// Where capsules go, if anywhere.
    pub capsules: Option<Capsules>,
    /// How long answers under way may take when the server stops.
    pub stop_grace: std::time::Duration,
    /// The operator's listener, if there is one.
    pub admin: Option<(TcpListener, Arc<Admin>)>,
    /// How the server ends.
    pub drain: Drain,
    /// From which load on players are refused.
    pub load: LoadLimits,
}

impl Control {
    /// Runs until `stop` is ready; then tells the reactors to stop.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        // what a full port held back is tried again
        let mut flush = tokio::time::interval(std::time::Duration::from_millis(100));
        let mut pair = tokio::time::interval(lobby_calls::MATCH_INTERVAL);
        let mut look = tokio::time::interval(certificate::LOOK_INTERVAL);
        if let Some((listener, admin)) = self.admin.take() {
            tokio::spawn(admin::serve(listener, admin));
        }
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = flush.tick() => self.expire_tickets(),
                _ = pair.tick() => self.match_queue(),
                _ = look.tick() => {
                    self.certificate.iter_mut().for_each(Certificate::look);
                    self.reception.look();
                }
                message = self.inbox.recv() => match message {
                    Some(ToControl::Plain { stream, read, peer }) => self.serve_plain(stream, read, peer),
                    Some(message) => self.handle(message),
                    None => break,
                },
            }
            self.drain.look(&self.lobby);
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
            reactor.send(ToReactor::Stop { text: self.drain.text().to_owned() });
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
            ToControl::Join { link, ip, game, request } => self.receive((link, ip), game, &request),
            ToControl::Resume { link, ip, claim } => self.resume((link, ip), claim),
            ToControl::TokenShown(stay, turn) => self.directory.shown(stay, turn),
            ToControl::SeatTaken(stay) => self.seated(stay),
            ToControl::SeatFreed(room, stay) => {
                self.directory.left(stay);
                self.reception.left(stay);
                self.give_back(room);
            }
            ToControl::RoomEnded(room) => {
                self.break_promises(
                    room,
                    &turned_away(Why::RoomFailed, "the room ended before it had begun; try again"),
                );
                self.forget(room);
            }
            ToControl::RoomUnopened { room, reason } => {
                self.unopened(room, reason);
                self.forget(room);
            }
            ToControl::Lobby(call) => self.handle_lobby_call(*call),
            ToControl::RoomListed { room, seats, listing } => {
                self.lobby.listed(room, seats, *listing);
                self.keep_promises(room);
            }
            ToControl::Capsule { name, bytes } => {
                self.capsules.as_mut().map(|capsules| capsules.keep(&name, &bytes));
            }
            ToControl::Reload => {
                self.reception.reload();
                match &mut self.certificate {
                    Some(certificate) => certificate.reload(),
                    None => info!("there is no certificate to read anew: the server does not speak TLS"),
                }
            }
            ToControl::Admin(call) => self.handle_admin(call),
            ToControl::Plain { .. } => unreachable!("plain connections are served before"),
        }
    }

    fn forget(&mut self, room: RoomId) {
        self.lobby.ended(room);
        self.directory.room_ended(room);
        self.reception.room_ended(room);
    }

    fn steer(&mut self, asked: SteerRoom) {
        let Some(thread) = self.lobby.thread_of(asked.room) else {
            let _ = asked.answer.send(Steered::NoRoom);
            return;
        };
        if matches!(asked.what, Steer::Dispose { .. }) {
            // nobody is placed there any more, nor is told of seats there
            self.lobby.ended(asked.room);
            let text = "the operator ended the room before it had begun; try again";
            self.break_promises(asked.room, &turned_away(Why::RoomFailed, text));
        }
        self.threads[thread].send(ToTick::Steer(asked));
    }

    /// How busy the tick threads are.
    fn load(&self) -> Load {
        let LoadLimits { rooms_max_percent, joins_max_percent } = self.load;
        let threads = self.metrics.tick_threads.all();
        let permille =
            |thread: &Arc<TickThreadMetrics>| u32::try_from(thread.load_permille.value()).unwrap_or(u32::MAX);
        Load {
            threads_permille: threads.iter().map(permille).collect(),
            rooms_max_permille: 10 * rooms_max_percent,
            joins_max_permille: 10 * joins_max_percent,
        }
    }

    fn resume(&mut self, (link, ip): (LinkAddress, IpAddr), claim: ResumeClaim) {
        match self.directory.resume(&claim.token, claim.attempt) {
            Some((room, thread, pass)) => {
                if self.may_come_back((link, ip), pass.stay) {
                    self.tell_of_drain(link);
                    self.threads[thread].send(ToTick::Resume { room, link, pass, claim });
                }
            }
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
            Some(permit) => tokio::spawn(http::serve_plain(stream, read, (plain, peer.ip()), permit)),
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
