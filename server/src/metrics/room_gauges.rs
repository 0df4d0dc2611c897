//! What is told of one room, for lists of rooms: written by its tick thread, read by control. Prometheus does not get
//! these: their number grows with the rooms.

use std::time::Duration;

use super::Gauge;

/// Of one room; only its tick thread writes.
#[derive(Debug, Default)]
pub struct RoomGauges {
    rate_hz: Gauge,
    players: Gauge,
    ticks: Gauge,
    ticks_late: Gauge,
    tick_mean_ns: Gauge,
    tick_max_ns: Gauge,
    frames: Gauge,
    bytes: Gauge,
}

/// What they tell, not all of one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoomFigures {
    /// Ticks a second; 0 before the room has opened.
    pub rate_hz: u64,
    /// Players in seats.
    pub players: u64,
    /// Ticks run.
    pub ticks: u64,
    /// Of these, those that began later than [`RoomGauges::LATE`].
    pub ticks_late: u64,
    /// Length of a tick: a running mean over some 16 of them.
    pub tick_mean: Duration,
    /// The longest tick so far.
    pub tick_max: Duration,
    /// Frames composed.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl RoomGauges {
    /// From a tick's deadline to its begin, from when on it is late.
    pub const LATE: Duration = Duration::from_millis(5);

    /// The room runs so many ticks a second.
    pub fn opened(&self, rate_hz: u16) {
        self.rate_hz.set(rate_hz.into());
    }

    /// So many are in seats.
    pub fn seated(&self, players: u64) {
        self.players.set(players);
    }

    /// A tick is over, which began `late` after its deadline; and the sums of all of them.
    pub fn ticked(&self, took: Duration, late: Duration, frames: u64, bytes: u64) {
        self.ticks.set(self.ticks.value() + 1);
        self.ticks_late.set(self.ticks_late.value() + u64::from(late > Self::LATE));
        let took = took.as_nanos() as u64;
        let mean = self.tick_mean_ns.value();
        self.tick_mean_ns.set(if mean == 0 { took } else { (mean * 15 + took) / 16 });
        self.tick_max_ns.set(self.tick_max_ns.value().max(took));
        self.frames.set(frames);
        self.bytes.set(bytes);
    }

    /// What they tell now.
    #[must_use]
    pub fn figures(&self) -> RoomFigures {
        RoomFigures {
            rate_hz: self.rate_hz.value(),
            players: self.players.value(),
            ticks: self.ticks.value(),
            ticks_late: self.ticks_late.value(),
            tick_mean: Duration::from_nanos(self.tick_mean_ns.value()),
            tick_max: Duration::from_nanos(self.tick_max_ns.value()),
            frames: self.frames.value(),
            bytes: self.bytes.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_tick_and_a_long_one_are_remembered() {
        let gauges = RoomGauges::default();
        let ms = Duration::from_millis;
        gauges.opened(20);
        for (took, late) in [(ms(1), ms(0)), (ms(9), ms(6)), (ms(1), ms(5))] {
            gauges.ticked(took, late, 7, 700);
        }
        let told = gauges.figures();
        assert_eq!((told.rate_hz, told.ticks, told.ticks_late, told.tick_max), (20, 3, 1, ms(9)));
        assert!(told.tick_mean > ms(1) && told.tick_mean < ms(2), "{told:?}");
        assert_eq!((told.frames, told.bytes), (7, 700), "sums are taken as they are told");
    }
}
