//! What an operator asks of this thread's rooms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::{Leave, SeatId};
use tracing::info;

use super::{Running, TickThread, drop_room};
use crate::handover::inspect::Inspect;
use crate::handover::steer::{PartBytes, RoomReport, Steer, SteerRoom, Steered};
use crate::handover::{LinkAddress, RoomId, StayId, ToControl, ToReactor};

/// A thread looks into its rooms for operators no more often, and rests so many times as long as a look took: that is 2 %
/// of its time, however large a room is.
const INSPECT_EVERY: Duration = Duration::from_millis(25);
const INSPECT_REST: u32 = 50;

/// Of a larger room the inspector tells the others, in pages.
const PLAYERS_MAX: usize = 1_000;

impl TickThread {
    /// Answers at once, but for looks into rooms; nothing here waits.
    pub(super) fn steer(&mut self, asked: SteerRoom) {
        if matches!(asked.what, Steer::Inspect(_)) {
            return self.looks.push(asked);
        }
        self.answer(asked);
    }

    /// Looks into rooms, when the rooms that were due have had their ticks: nobody's is late for them.
    pub(super) fn answer_looks(&mut self) {
        for asked in std::mem::take(&mut self.looks) {
            self.answer(asked);
        }
    }

    fn answer(&mut self, asked: SteerRoom) {
        let SteerRoom { room, what, answer } = asked;
        let steered = match what {
            Steer::Look => self.look(room),
            Steer::Inspect(asked) => self.inspect(room, &asked, Instant::now()),
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
            Steer::Message { seat, text } => self.message(room, seat, &text.into()),
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
        let (traffic, players) = (room.traffic(), room.profiles());
        Steered::Looks(Box::new(RoomReport {
            game: self.games[game].name(),
            thread: self.index,
            tick: room.tick().0,
            rate_hz: room.rate().per_second(),
            seats: room.capacity(),
            players_total: players.len(),
            players: players
                .into_iter()
                .take(PLAYERS_MAX)
                .map(|(seat, who)| (seat, who.name.clone(), who.account.clone()))
                .collect(),
            tick_mean: measure.tick_mean,
            tick_max: measure.tick_max,
            frames: traffic.frames,
            bytes: traffic.bits / 8,
            fields: self.fields[game].bytes_of(traffic),
            parts: PartBytes {
                structure: traffic.structure.sent / 8,
                heads: traffic.heads() / 8,
                owned: traffic.owned / 8,
                events: traffic.events / 8,
            },
        }))
    }

    /// However many look on: it is the rooms' time.
    fn inspect(&mut self, id: RoomId, asked: &Inspect, now: Instant) -> Steered {
        let Some(Running { room, game, .. }) = self.rooms.get(&id) else { return Steered::NoRoom };
        if self.inspect_again.is_some_and(|again| now < again) {
            return Steered::TooSoon;
        }
        let inspection = room.inspect(Arc::clone(&self.schemas[*game]), asked);
        self.inspect_again = Some(now + (now.elapsed() * INSPECT_REST).max(INSPECT_EVERY));
        Steered::Inspected(Box::new(inspection))
    }

    /// For one who may sit in a room, or have left it meanwhile.
    pub(super) fn expel(&mut self, id: RoomId, stay: StayId, reason: CloseReason, text: String) {
        let place = self.rooms.get(&id).and_then(|running| running.room.place_of(stay));
        if let Some((seat, link)) = place {
            self.leave(id, seat, link, Leave::Removed);
            self.send_away(link, reason, text);
        }
    }

    fn message(&mut self, id: RoomId, to: Option<SeatId>, text: &Arc<str>) -> Steered {
        let Some(Running { room, .. }) = self.rooms.get(&id) else { return Steered::NoRoom };
        let links = room.links().into_iter().filter(|(seat, _)| to.is_none_or(|to| to == *seat));
        let links: Vec<LinkAddress> = links.map(|(_, link)| link).collect();
        for link in &links {
            let notice = ToReactor::Notice { link: Some(link.link), text: Arc::clone(text), ends_in_s: None };
            self.reactors[link.reactor].send(notice);
        }
        if to.is_some() && links.is_empty() { Steered::NoSeat } else { Steered::Done { players: links.len() } }
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
