//! All rows of one tick. Ticks between which nobody came, went or moved from channel to channel share what says who is
//! there, and those between which nothing changed at all share the values too: what is still costs its ticks nothing.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tickwire_shared::delta::{EntityRow, Rows};
use tickwire_shared::{EntityId, SeatId, Tick};

use super::channel::{Cell, Channel};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    census: Arc<Census>,
    /// The rows' values, one row after another.
    lanes: Arc<Vec<u32>>,
}

/// Who is there, and where their rows are.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    pub(super) channels: Vec<ChannelRows>,
    columns: Vec<Column>,
    /// When there last were other columns, and when there last were other channels.
    columns_since: Tick,
    channels_since: Tick,
    pub(super) entities: Vec<EntityRow>,
    /// Sorted by seat, then id.
    pub(super) owned: Vec<(SeatId, EntityRow)>,
}

/// A channel in which something is: where its rows are, and where the first one's lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelRows {
    pub(super) channel: Channel,
    first: u32,
    end: u32,
    first_lane: u32,
    /// When there last were others in it, or one of another kind.
    pub(super) since: Tick,
}

/// A column of the grid in which something is.
#[derive(Clone, Copy, Debug)]
struct Column {
    number: i16,
    /// Its first channel's place.
    first: usize,
    /// When there last were other channels in it.
    since: Tick,
}

impl ChannelRows {
    const NONE: Self = Self { channel: Channel::EVERYWHERE, first: 0, end: 0, first_lane: 0, since: Tick(0) };
}

impl Snapshot {
    pub(super) fn new(tick: Tick, census: Arc<Census>, lanes: Arc<Vec<u32>>) -> Self {
        Self { tick, census, lanes }
    }

    /// When it was.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The channels in which something is, sorted.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = Channel> + '_ {
        self.census.channels.iter().map(|rows| rows.channel)
    }

    /// The rows of a channel; none when nothing is there.
    #[must_use]
    pub fn rows(&self, channel: Channel) -> Rows<'_> {
        // nowhere near: it is looked for
        self.rows_near(channel, usize::MAX)
    }

    /// The same for one who knows its place among the channels of another snapshot: it mostly is the same here.
    #[inline]
    pub(super) fn rows_near(&self, channel: Channel, place: usize) -> Rows<'_> {
        self.find_near(channel, place).map_or(Rows::EMPTY, |rows| self.rows_of(rows))
    }

    /// The rows of a channel in several snapshots, the newest first. Where the same are in it in all of them, all have the
    /// list of one, so that who goes through them side by side need not compare what is in it.
    #[inline]
    pub(super) fn rows_beside<const N: usize>(snapshots: [&Self; N], channel: Channel, place: usize) -> [Rows<'_>; N] {
        let mut found = [&ChannelRows::NONE; N];
        found.iter_mut().zip(snapshots).for_each(|(found, of)| *found = of.find_near(channel, place).unwrap_or(found));
        // an empty one of the newest has changed in all of them, if it is not empty there too
        let are_same = snapshots.iter().all(|of| !found[0].since.is_after(of.tick)) && found[0].end > found[0].first;
        let mut rows = [Rows::EMPTY; N];
        if are_same {
            // lanes are counted from the first one of the list's own snapshot: it has to be the one with the fewest before
            let mut least = 0;
            (1..N).for_each(|at| least = if found[at].first_lane < found[least].first_lane { at } else { least });
            let (entities, first) = (snapshots[least].entities_of(found[least]), found[least].first_lane);
            for ((rows, of), found) in rows.iter_mut().zip(snapshots).zip(found) {
                debug_assert!(of.entities_of(found).iter().map(name).eq(entities.iter().map(name)));
                *rows = Rows { entities, lanes: &of.lanes[(found.first_lane - first) as usize..] };
            }
        } else {
            rows.iter_mut().zip(snapshots).zip(found).for_each(|((rows, of), found)| *rows = of.rows_of(found));
        }
        rows
    }

    #[inline]
    fn find_near(&self, channel: Channel, place: usize) -> Option<&ChannelRows> {
        match self.census.channels.get(place) {
            Some(rows) if rows.channel == channel => Some(rows),
            _ => self.find(channel),
        }
    }

    #[cold]
    fn find(&self, channel: Channel) -> Option<&ChannelRows> {
        self.place(channel).map(|place| &self.census.channels[place])
    }

    #[inline]
    fn rows_of(&self, rows: &ChannelRows) -> Rows<'_> {
        Rows { entities: self.entities_of(rows), lanes: &self.lanes }
    }

    #[inline]
    fn entities_of(&self, rows: &ChannelRows) -> &[EntityRow] {
        &self.census.entities[rows.first as usize..rows.end as usize]
    }

    /// All lanes, for rows of this snapshot.
    #[must_use]
    pub fn all_rows(&self) -> Rows<'_> {
        Rows { entities: &self.census.entities, lanes: &self.lanes }
    }

    /// The rows that belong to a seat, owner-only fields included.
    #[must_use]
    pub fn owned(&self, seat: SeatId) -> impl ExactSizeIterator<Item = &EntityRow> + Clone {
        let owned = &self.census.owned;
        let first = owned.partition_point(|(owner, _)| *owner < seat);
        let end = owned.partition_point(|(owner, _)| *owner <= seat);
        owned[first..end].iter().map(|(_, row)| row)
    }

    /// The rows that belong to any seat, by seat and id.
    pub(super) fn all_owned(&self) -> &[(SeatId, EntityRow)] {
        &self.census.owned
    }

    /// Of a channel that holds something, among those.
    pub(super) fn place(&self, channel: Channel) -> Option<usize> {
        self.census.place(channel)
    }

    /// Its memory.
    pub(super) fn into_parts(self) -> (Arc<Census>, Arc<Vec<u32>>) {
        (self.census, self.lanes)
    }

    /// Whether something is in the same channels as at `tick`, and ever since.
    pub(super) fn has_all_channels_of(&self, tick: Tick) -> bool {
        !self.census.channels_since.is_after(tick)
    }

    /// The channels that hold something, in order, from those of `cell` on.
    pub fn channels_from(&self, cell: Cell) -> impl Iterator<Item = Channel> {
        let channels = &self.census.channels;
        let first = channels.partition_point(|rows| rows.channel.cell() < cell);
        channels[first..].iter().map(|rows| rows.channel)
    }

    /// The channels in some columns of the grid, in order, column by column.
    pub(super) fn columns(&self, numbers: RangeInclusive<i16>) -> impl Iterator<Item = (i16, &[ChannelRows])> {
        self.census.columns(numbers)
    }

    /// Whether something is in the same channels of these columns, and of everywhere, as at `tick` and ever since.
    #[inline]
    pub(super) fn has_channels_of(&self, tick: Tick, numbers: &RangeInclusive<i16>) -> bool {
        self.has_all_channels_of(tick) || self.census.has_columns_of(tick, numbers)
    }

    /// Who is there, to be shared.
    pub(super) fn census(&self) -> &Arc<Census> {
        &self.census
    }

    /// The values, to be shared.
    pub(super) fn lanes(&self) -> &Arc<Vec<u32>> {
        &self.lanes
    }
}

impl Census {
    /// Forgets all, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.channels.clear();
        self.columns.clear();
        self.entities.clear();
        self.owned.clear();
    }

    /// Takes note of the last `rows` of the entities: they are in `channel`, which is the last one, or a new one behind
    /// it. Tells whether it is a new one, whose first lane is `first_lane`.
    #[inline]
    pub(super) fn grow(&mut self, channel: Channel, rows: usize, first_lane: usize) -> bool {
        let end = self.entities.len() as u32;
        match self.channels.last_mut() {
            Some(last) if last.channel == channel => {
                last.end = end;
                false
            }
            _ => {
                let number = channel.cell().numbers().0;
                if self.columns.last().is_none_or(|last| last.number != number) {
                    self.columns.push(Column { number, first: self.channels.len(), since: Tick(0) });
                }
                let (first, first_lane) = (end - rows as u32, first_lane as u32);
                self.channels.push(ChannelRows { channel, first, end, first_lane, since: Tick(0) });
                true
            }
        }
    }

    /// Whether all are where they were: this one is not needed then.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        let place = |rows: &ChannelRows| (rows.channel, rows.first, rows.end, rows.first_lane);
        let same_channels = || self.channels.iter().map(place).eq(before.channels.iter().map(place));
        self.entities == before.entities && same_channels() && self.owned == before.owned
    }

    /// Of a channel that holds something, among those.
    pub(super) fn place(&self, channel: Channel) -> Option<usize> {
        self.channels.binary_search_by_key(&channel, |rows| rows.channel).ok()
    }

    /// Whether there are other channels than just before `now`, when this was made.
    pub(super) fn has_new_channels(&self, now: Tick) -> bool {
        self.channels_since == now
    }

    /// Notes where there are other channels than `before`, at the tick `now` that this is made for.
    pub(super) fn note_since(&mut self, before: Option<&Self>, now: Tick) {
        let Some(before) = before else {
            (self.columns_since, self.channels_since) = (now, now);
            return self.columns.iter_mut().for_each(|column| column.since = now);
        };
        let all = i16::MIN..=i16::MAX;
        let same =
            self.columns.iter().map(|column| column.number).eq(before.columns.iter().map(|column| column.number));
        self.columns_since = if same { before.columns_since } else { now };
        let mut old = before.columns.iter().zip(before.columns(all).map(|(_, channels)| channels)).peekable();
        self.channels_since = self.columns_since;
        for at in 0..self.columns.len() {
            let Column { number, first, .. } = self.columns[at];
            let end = self.columns.get(at + 1).map_or(self.channels.len(), |next| next.first);
            let here = self.channels[first..end].iter().map(|rows| rows.channel);
            while old.next_if(|(column, _)| column.number < number).is_some() {}
            let same = old
                .next_if(|(column, there)| column.number == number && here.eq(there.iter().map(|rows| rows.channel)));
            let since = same.map_or(now, |(column, _)| column.since);
            self.columns[at].since = since;
            if since.is_after(self.channels_since) {
                self.channels_since = since;
            }
        }
    }

    fn columns(&self, numbers: RangeInclusive<i16>) -> impl Iterator<Item = (i16, &[ChannelRows])> {
        let from = self.columns.partition_point(|column| column.number < *numbers.start());
        let ends = self.columns[from..].iter().skip(1).map(|column| column.first).chain([self.channels.len()]);
        let columns = self.columns[from..].iter().zip(ends);
        let columns = columns.take_while(move |(column, _)| column.number <= *numbers.end());
        columns.map(|(column, end)| (column.number, &self.channels[column.first..end]))
    }

    fn has_columns_of(&self, tick: Tick, numbers: &RangeInclusive<i16>) -> bool {
        let everywhere = Cell::EVERYWHERE.numbers().0;
        let mut columns = self.columns.iter().filter(|of| of.number == everywhere || numbers.contains(&of.number));
        !self.columns_since.is_after(tick) && columns.all(|column| !column.since.is_after(tick))
    }
}

/// What a client knows an entity by.
fn name(row: &EntityRow) -> (EntityId, u16) {
    (row.id, row.kind)
}
