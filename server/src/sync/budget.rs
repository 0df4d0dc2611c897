//! How much of its view a client is sent with a frame: what is far more rarely, and of what is too much the most urgent.
//!
//! Clients of a cell share its ticks, so that their baselines stay the same and a part serves all of them. What is left
//! out keeps its older baseline; its urgency grows until it is sent. A client whose socket or way cannot follow gets every
//! second frame until it has followed for a while, and no more bytes than the way takes; one that missed many ticks gets
//! its frame at one of few ages, which others have too. The private part always goes.

use tickwire_shared::Tick;

use super::channel::Cell;

/// Cells up to here are sent every tick, those up to the other every second, others every fourth. In cells from the nearest
/// point of one; the radius is two.
const NEAR: f32 = 1.2;
const FAR: f32 = 1.6;
/// A client may save up the bytes of so many ticks.
const SAVED_TICKS: i64 = 8;
/// A client that was skipped so many ticks in a row gets every second frame.
const SKIPPED_MAX: u32 = 3;
/// It must follow for so many seconds to get all of them again.
const CLEAN_S: i32 = 2;
/// A client that has never had a channel misses it as much as one that had it so many ticks ago.
pub(super) const NEVER_TICKS: u32 = 16;

/// What the clients of a room are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// Bytes a second for each client, as far as channels go beyond the private part; 0 is no limit.
    pub bytes_per_s: u32,
    /// Ticks a second.
    pub rate_hz: u16,
    /// Far cells are sent at half and at a quarter of the rate.
    pub far_is_rarer: bool,
}

/// The longest period. The others divide it: a cell that is due for those who wait so long is due for all.
pub(super) const LONGEST_PERIOD: u32 = 4;

/// How many ticks there are from one part of a cell to the next for one who is so many cells away, squared.
#[inline]
pub(super) fn period(away_squared: f32) -> u32 {
    match away_squared {
        near if near <= NEAR * NEAR => 1,
        far if far <= FAR * FAR => 2,
        _ => LONGEST_PERIOD,
    }
}

/// Whether a cell's turn came in the last so many ticks, for those who get its part in one of `period` ticks. Neighbours
/// take turns.
#[inline]
pub(super) fn is_due(cell: Cell, tick: Tick, period: u32, ticks: u32) -> bool {
    let (column, row) = cell.numbers();
    let turn = (i32::from(column) + 2 * i32::from(row)).cast_unsigned();
    tick.0.wrapping_add(turn) % period < ticks.max(1)
}

/// The ages up to here are round.
const YOUNG_TICKS: u32 = 4;

/// Whether a part may build on a state of this age, which few ages may: so that clients who were skipped, or whose bytes
/// do not last, share their parts. Who waits for the next such age waits for a fifth of its age at most. From the last
/// one on it is a keyframe that comes, or will with the next tick.
pub(super) fn is_round(ticks: u32) -> bool {
    matches!(ticks, 0..=YOUNG_TICKS | 6 | 8 | 10 | 12 | 14 | 16 | 20 | 24 | 28 | 31..)
}

/// How urgent a part is for one who is so far away and has waited for it.
pub(super) fn urgency(cells_away: f32, ticks: u32) -> f32 {
    ticks as f32 / (0.5 + cells_away)
}

/// The bytes that a client may be sent, by what it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Purse {
    /// In bytes times ticks a second, so that no fraction is lost.
    credit: i64,
    filled: Option<Tick>,
    rate_hz: u16,
    limit: Option<u32>,
}

impl Purse {
    /// The client's way takes so many bytes a second, whatever the terms are.
    pub(super) fn limit(&mut self, bytes_per_s: Option<u32>) {
        self.limit = bytes_per_s;
    }

    /// How many bytes there are at a tick; may be below zero. Without any limit, as many as there can be.
    pub(super) fn bytes(&mut self, terms: &Terms, tick: Tick) -> i64 {
        let of_terms = Some(terms.bytes_per_s).filter(|bytes_per_s| *bytes_per_s > 0);
        let Some(bytes_per_s) = of_terms.into_iter().chain(self.limit).min() else {
            self.rate_hz = 0;
            return i64::MAX;
        };
        let ticks = self.filled.map_or(SAVED_TICKS, |filled| i64::from(tick.since(filled)).clamp(0, SAVED_TICKS));
        self.filled = Some(tick);
        self.rate_hz = terms.rate_hz;
        let a_tick = i64::from(bytes_per_s);
        self.credit = (self.credit + ticks * a_tick).min(SAVED_TICKS * a_tick);
        if self.limit.is_some() {
            // what left before it was known, or in one long part, is on a way that is waited for
            self.credit = self.credit.max(-SAVED_TICKS * a_tick);
        }
        self.credit / i64::from(terms.rate_hz.max(1))
    }

    /// So many bytes have left.
    pub(super) fn charge(&mut self, bytes: usize) {
        // no limit, no rate
        self.credit -= bytes as i64 * i64::from(self.rate_hz);
    }
}

/// How fast a client's socket lets it be served.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// In a row.
    skipped: u32,
    /// Since when it follows again, while it gets every second frame.
    halved: Option<Tick>,
}

impl Pace {
    /// It could not be served at this tick.
    pub(super) fn skip(&mut self, tick: Tick) {
        self.skipped += 1;
        if self.skipped >= SKIPPED_MAX || self.halved.is_some() {
            self.halved = Some(tick);
        }
    }

    /// It gets every second frame for a while.
    pub(super) fn halve(&mut self, tick: Tick) {
        self.halved = Some(tick);
    }

    /// Whether it is to be served at this tick, where it can be. Its last frame is so many ticks old, unless it needs none
    /// of what it has.
    pub(super) fn is_due(&mut self, tick: Tick, rate_hz: u16, age: Option<u32>) -> bool {
        self.skipped = 0;
        if self.halved.is_some_and(|since| tick.since(since) >= CLEAN_S * i32::from(rate_hz)) {
            self.halved = None;
        }
        match age.filter(|age| *age > YOUNG_TICKS) {
            // it has had less than half
            Some(age) => is_round(age),
            None => self.halved.is_none() || tick.0.is_multiple_of(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_follow_gets_half_until_it_has_followed_for_two_seconds() {
        let mut pace = Pace::default();
        let served = |pace: &mut Pace, ticks: std::ops::Range<u32>| {
            ticks.filter(|tick| pace.is_due(Tick(*tick), 20, Some(1))).count()
        };
        assert_eq!(served(&mut pace, 0..10), 10);
        pace.skip(Tick(10));
        pace.skip(Tick(11));
        assert_eq!(served(&mut pace, 12..20), 8, "two may happen to anybody");
        (20..23).for_each(|tick| pace.skip(Tick(tick)));
        assert_eq!(served(&mut pace, 23..43), 10);
        pace.skip(Tick(43));
        assert_eq!(served(&mut pace, 44..83), 20, "one more, and the time begins anew");
        assert_eq!(served(&mut pace, 83..93), 10);
    }

    #[test]
    fn who_missed_more_than_a_few_waits_for_a_round_age_and_for_a_fifth_of_it_at_most() {
        let wait = |pace: &mut Pace, age: u32| (age..).position(|age| pace.is_due(Tick(age), 20, Some(age)));
        let mut halved = Pace::default();
        halved.halve(Tick(0));
        for mut pace in [Pace::default(), halved] {
            let waits: Vec<usize> = (5..80).map(|age| wait(&mut pace, age).expect("it is served")).collect();
            assert!((5..).zip(&waits).all(|(age, wait)| 5 * wait <= age), "{waits:?}");
        }
        assert_eq!((0..32).filter(|age| is_round(*age)).count(), 15, "with 0, the same tick");
    }

    #[test]
    fn a_client_is_charged_for_what_it_got_and_saves_a_little() {
        let terms = Terms { bytes_per_s: 1000, rate_hz: 30, far_is_rarer: false };
        let (mut purse, mut sent) = (Purse::default(), 0);
        for tick in 0..300 {
            if purse.bytes(&terms, Tick(tick)) > 0 {
                purse.charge(70);
                sent += 70;
            }
        }
        assert!((9_900..10_500).contains(&sent), "{sent} bytes in 10 s");
        purse.bytes(&terms, Tick(3000));
        assert_eq!(purse.bytes(&terms, Tick(6000)), 8 * 1000 / 30, "no more is saved up");
    }

    #[test]
    fn every_cell_is_due_once_in_its_period_and_neighbours_take_turns() {
        for (column, row) in [(0, 0), (0, 1), (1, 0), (-3, 7), (-Cell::MAX, Cell::MAX)] {
            let cell = Cell::new(column, row);
            for period in [1, 2, 4] {
                let due = (u32::MAX - 7..=u32::MAX).filter(|tick| is_due(cell, Tick(*tick), period, 1)).count();
                assert_eq!(due, 8 / period as usize, "{cell:?} every {period}");
            }
        }
        let due = |column| (0..4).position(|tick| is_due(Cell::new(column, 0), Tick(tick), 4, 1));
        assert_eq!([0, 1, 2, 3].map(due), [Some(0), Some(3), Some(2), Some(1)]);
    }
}
