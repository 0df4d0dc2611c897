//! What a tick thread tells of its rooms and of itself, and how busy each room keeps it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::handover::RoomId;
use crate::metrics::room_gauges::{RoomFigures, RoomGauges};
use crate::metrics::rooms::{ClassMetrics, RoomClass, TickThreadMetrics};
use crate::sync::Traffic;

/// How often the thread's load is told.
const LOAD_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Measures {
    metrics: Arc<TickThreadMetrics>,
    rooms: FxHashMap<RoomId, RoomMeasure>,
    /// Since then it has been busy for so long.
    since: Instant,
    busy: Duration,
    /// Share of its time in which the thread worked, as it was told last.
    load: f64,
}

/// One room's.
#[derive(Debug)]
struct RoomMeasure {
    class: usize,
    clients: u64,
    gauges: Arc<RoomGauges>,
}

/// When the parts of one tick began and ended.
pub(super) struct TickTimes {
    pub(super) due: Instant,
    pub(super) began: Instant,
    pub(super) simulated: Instant,
    pub(super) ended: Instant,
}

impl Measures {
    pub(super) fn new(metrics: Arc<TickThreadMetrics>, now: Instant) -> Self {
        Self { metrics, rooms: FxHashMap::default(), since: now, busy: Duration::ZERO, load: 0.0 }
    }

    /// A room runs.
    pub(super) fn opened(&mut self, id: RoomId, class: RoomClass, gauges: Arc<RoomGauges>) {
        gauges.opened(class.rate_hz);
        let class = self.metrics.number_of(class);
        self.rooms.insert(id, RoomMeasure { class, clients: 0, gauges });
        self.tell(class, |class| {
            class.rooms.one();
            class.rooms_opened.one();
        });
    }

    /// A room runs no more; its game has `failed` or not.
    pub(super) fn ended(&mut self, id: RoomId, failed: bool) {
        let Some(room) = self.rooms.remove(&id) else { return };
        self.tell(room.class, |class| {
            class.rooms.less();
            (0..room.clients).for_each(|_| class.clients.less());
            class.rooms_failed.add(failed.into());
        });
    }

    /// A player has a seat.
    pub(super) fn joined(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        room.clients += 1;
        room.gauges.seated(room.clients);
        let class = room.class;
        self.tell(class, |class| {
            class.clients.one();
            class.joins.one();
        });
    }

    /// A player has none any more.
    pub(super) fn left(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.clients > 0) else { return };
        room.clients -= 1;
        room.gauges.seated(room.clients);
        let class = room.class;
        self.tell(class, |class| class.clients.less());
    }

    /// A room's tick is over; `traffic` is that of all of them.
    pub(super) fn ticked(&mut self, id: RoomId, times: &TickTimes, traffic: &Traffic) {
        let Some(room) = self.rooms.get(&id) else { return };
        let (took, late) = (times.ended - times.began, times.began.saturating_duration_since(times.due));
        room.gauges.ticked(took, late, traffic.frames, traffic.bits / 8);
        self.tell(room.class, |class| {
            class.lateness.add(late);
            class.tick.add(took);
            class.compose.add(times.ended - times.simulated);
        });
    }

    /// A room's frames were given to the sockets of one reactor.
    pub(super) fn written(&mut self, id: RoomId, took: Duration) {
        if let Some(room) = self.rooms.get(&id) {
            self.tell(room.class, |class| class.write.add(took));
        }
    }

    /// How long the ticks of a room take, and more.
    pub(super) fn of(&self, id: RoomId) -> Option<RoomFigures> {
        self.rooms.get(&id).map(|room| room.gauges.figures())
    }

    /// A pass is over, which the thread worked for.
    pub(super) fn passed(&mut self, began: Instant, ended: Instant) {
        let took = ended - began;
        self.metrics.busy_ns.add(took.as_nanos() as u64);
        self.busy += took;
        let window = ended - self.since;
        if window >= LOAD_EVERY {
            // a running mean over some seconds: one long tick is no load
            self.load += (self.busy.as_secs_f64() / window.as_secs_f64() - self.load) / 4.0;
            self.metrics.load_permille.set((self.load * 1000.0) as u64);
            (self.since, self.busy) = (ended, Duration::ZERO);
        }
    }

    fn tell(&self, class: usize, tell: impl FnOnce(&ClassMetrics)) {
        if let Some(class) = self.metrics.class(class) {
            tell(class);
        }
    }
}
