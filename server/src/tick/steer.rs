//! What an operator asks of this thread's rooms.

use tickwire_shared::Leave;
use tickwire_shared::protocol::close::CloseReason;
use tracing::info;

use super::{Running, TickThread, drop_room};
use crate::handover::steer::{RoomReport, Steer, SteerRoom, Steered};
use crate::handover::{LinkAddress, RoomId, ToControl, ToReactor};

impl TickThread {
    /// Answers at once; nothing here waits.
    pub(super) fn steer(&mut self, asked: SteerRoom) {
        let SteerRoom { room, what, answer } = asked;
        let steered = match what {
            Steer::Look => self.look(room),
            Steer::Kick { seat, text } => {
                match self.rooms.get(&room).map(|running| running.room.link_of(seat)) {
                    None => Steered::NoRoom,
                    Some(None) => Steered::NoSeat,
                    Some(Some(link)) => {
                        // at once: a seat whose connection only ends is held for its player
                        self.leave(room, seat, link, Leave::Removed);
                        self.send_away(link, CloseReason::Refused, text);
                        Steered::Done { players: 1 }
                    }
                }
            }
            Steer::Dispose { text } => self.dispose(room, &text),
        };
        // whoever asked may have given up
        let _ = answer.send(steered);
    }

    fn look(&self, id: RoomId) -> Steered {
        let (Some(running), Some(measure)) = (self.rooms.get(&id), self.measures.of(id)) else {
            return Steered::NoRoom;
        };
        let (room, game) = (&running.room, running.game);
        let traffic = room.traffic();
        Steered::Looks(Box::new(RoomReport {
            game: self.games[game].name(),
            thread: self.index,
            tick: room.tick().0,
            rate_hz: room.rate().per_second(),
            seats: room.capacity(),
            players: room.profiles().into_iter().map(|(seat, profile)| (seat, profile.name.clone())).collect(),
            tick_mean: measure.tick_mean,
            tick_max: measure.tick_max,
            frames: traffic.frames,
            bytes: traffic.bits / 8,
            fields: self.fields[game].bytes_of(traffic),
        }))
    }

    fn dispose(&mut self, id: RoomId, text: &str) -> Steered {
        let Some(Running { room, .. }) = self.rooms.remove(&id) else { return Steered::NoRoom };
        self.schedule.remove(id);
        self.measures.ended(id, false);
        let links: Vec<LinkAddress> = room.links().into_iter().map(|(_, link)| link).collect();
        for link in &links {
            self.send_away(*link, CloseReason::Done, text.to_owned());
        }
        drop_room(room);
        self.control.send(ToControl::RoomEnded(id));
        info!(room = id.0, players = links.len(), "room disposed of");
        Steered::Done { players: links.len() }
    }

    fn send_away(&mut self, link: LinkAddress, reason: CloseReason, text: String) {
        self.reactors[link.reactor].send(ToReactor::Close { link: link.link, reason, text });
    }
}
