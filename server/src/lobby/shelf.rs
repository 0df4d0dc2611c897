//! The rooms of one game that take anybody, by how full they are; and how rooms are sorted.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use tickwire_shared::Property;

use super::Entry;
use super::wish::SortBy;
use crate::handover::RoomId;

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) name: &'static str,
    /// Of a room, if nobody says otherwise.
    pub(super) seats: usize,
    open: BTreeSet<(usize, Reverse<RoomId>)>,
}

impl Shelf {
    pub(super) fn new(name: &'static str, seats: usize) -> Self {
        Self { name, seats, open: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, room: RoomId, taken: usize) {
        self.open.insert((taken, Reverse(room)));
    }

    pub(super) fn remove(&mut self, room: RoomId, taken: usize) {
        self.open.remove(&(taken, Reverse(room)));
    }

    /// The fullest first, of equally full ones the oldest.
    pub(super) fn fullest(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.open.iter().rev().map(|(_, Reverse(room))| *room)
    }
}

/// Which of two rooms stands before the other. What has no such property stands behind.
pub(super) fn compare(sort: &[SortBy], (a, one): (RoomId, &Entry), (b, other): (RoomId, &Entry)) -> Ordering {
    for SortBy { name, falling } in sort {
        let in_order = |ordering: Ordering| if *falling { ordering.reverse() } else { ordering };
        let ordering = match name.as_str() {
            "players" => in_order(one.taken.cmp(&other.taken)),
            "free" => in_order(one.free().cmp(&other.free())),
            // the older has the smaller number
            "age" => in_order(b.cmp(&a)),
            name => match (one.listing.get(name), other.listing.get(name)) {
                (Some(one), Some(other)) => in_order(compare_properties(one, other)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            },
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    other.taken.cmp(&one.taken).then(a.cmp(&b))
}

fn compare_properties(one: &Property, other: &Property) -> Ordering {
    let rank = |property: &Property| match property {
        Property::Bool(_) => 0,
        Property::Number(_) => 1,
        Property::Text(_) => 2,
    };
    match (one, other) {
        (Property::Bool(one), Property::Bool(other)) => one.cmp(other),
        (Property::Number(one), Property::Number(other)) => one.total_cmp(other),
        (Property::Text(one), Property::Text(other)) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}
