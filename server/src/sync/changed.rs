//! Which rows deltas changed: a delta that leans on two states need not look for those that moved from one to the other.
//!
//! The lists of all channels of a tick stand side by side, in the order in which their deltas were made, and the deltas
//! of the next tick are made in the same order: a list for each channel would be somewhere in memory.

use tickwire_shared::Tick;

use super::slots::SlotId;

/// Spacings of states that tell motion: see [`Held`](tickwire_shared::delta::Held).
const SPACINGS: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ChangedRows {
    /// By how many ticks ahead the deltas lead: of so many ticks and one, the latest at which there were any.
    by_spacing: [[TickChanges; SPACINGS + 1]; SPACINGS],
}

/// Of the deltas to one tick.
#[derive(Debug, Default)]
struct TickChanges {
    tick: Tick,
    /// Places of rows in the state at that tick.
    places: Vec<u32>,
    /// By slot: from where to where its places are, if there is a delta of it.
    ranges: Vec<Option<(u32, u32)>>,
}

impl ChangedRows {
    /// The rows of a channel that changed between two ticks, as places in the later one; none where that is not known.
    #[inline]
    pub(super) fn between(&self, slot: SlotId, [before, tick]: [Tick; 2]) -> Option<&[u32]> {
        let changes = &self.by_spacing.get(spacing(before, tick)?)?[place(before, tick)];
        let (start, end) = (*changes.ranges.get(slot as usize)?).filter(|_| changes.tick == tick)?;
        changes.places.get(start as usize..end as usize)
    }

    /// Takes note of a delta from one tick to another.
    pub(super) fn note(&mut self, slot: SlotId, [before, tick]: [Tick; 2], places: &[u32]) {
        let Some(by_tick) = spacing(before, tick).and_then(|spacing| self.by_spacing.get_mut(spacing)) else { return };
        let changes = &mut by_tick[place(before, tick)];
        if changes.tick != tick {
            changes.tick = tick;
            changes.places.clear();
            changes.ranges.clear();
        }
        let slot = slot as usize;
        if changes.ranges.len() <= slot {
            changes.ranges.resize(slot + 1, None);
        }
        let start = changes.places.len() as u32;
        changes.places.extend_from_slice(places);
        changes.ranges[slot] = Some((start, changes.places.len() as u32));
    }
}

/// The place of the lists for two such ticks.
fn spacing(before: Tick, tick: Tick) -> Option<usize> {
    usize::try_from(tick.since(before) - 1).ok()
}

/// As long as they are needed, no later tick has the same.
fn place(before: Tick, tick: Tick) -> usize {
    match tick.since(before) {
        1 => (tick.0 & 1) as usize, // mostly, and a division takes longer than all else here
        spacing => tick.0 as usize % (spacing.unsigned_abs() as usize + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_there_until_the_next_delta_of_its_spacing_leans_on_it() {
        for spacing in 1..=SPACINGS as i32 {
            // across the wrap
            let mut changed = ChangedRows::default();
            let mut tick = Tick(u32::MAX - 9);
            for number in 0..30 {
                let next = tick.offset(1);
                let before = next.offset(-spacing);
                changed.note(7, [before, next], &[number, number + 1]);
                changed.note(2, [before, next], &[]);
                if number >= 20 {
                    let base = next.offset(-spacing);
                    let list = changed.between(7, [base.offset(-spacing), base]);
                    let expected = [number - spacing.cast_unsigned(), number - spacing.cast_unsigned() + 1];
                    assert_eq!(list, Some(&expected[..]), "{spacing} ticks apart");
                    assert_eq!(changed.between(2, [base.offset(-spacing), base]), Some(&[][..]));
                    assert_eq!(changed.between(3, [base.offset(-spacing), base]), None, "it had no delta");
                    assert_eq!(changed.between(7, [base.offset(-spacing - 1), base]), None, "from another tick on");
                }
                tick = next;
            }
            assert_eq!(changed.between(7, [tick.offset(-40), tick.offset(-40 + spacing)]), None, "long ago");
        }
    }

    #[test]
    fn of_states_too_far_apart_nothing_is_noted() {
        let mut changed = ChangedRows::default();
        for [before, tick] in [[1, 6], [1, 1], [2, 1]].map(|ticks| ticks.map(Tick)) {
            changed.note(0, [before, tick], &[1]);
            assert_eq!(changed.between(0, [before, tick]), None);
        }
    }
}
