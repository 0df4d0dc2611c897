//! A room's traffic, by the names of its fields.

use std::sync::Arc;

use tickwire_shared::delta::Layout;
use tickwire_shared::schema::Schema;

use crate::metrics::traffic::{Shared, TrafficCounters};
use crate::sync::{Layers, Spending, Traffic};

/// A game's fields, and which of them each number in a [`Traffic`] is of.
pub(super) struct Fields {
    /// Kind and field.
    names: Vec<(String, String)>,
    /// By number of a unit, a place in `names`.
    of_units: Vec<usize>,
    to: Arc<TrafficCounters>,
}

impl Fields {
    /// Of this schema; counted there.
    pub(super) fn of(schema: &Schema, to: Arc<TrafficCounters>) -> Self {
        // an impossible game has no rooms
        let units = Layout::new(schema).map_or_else(|_| Vec::new(), |layout| layout.field_of().to_vec());
        let mut fields = units.clone();
        fields.dedup();
        let name = |(kind, field): &(u16, usize)| {
            let kind = &schema.kinds[usize::from(*kind)];
            (kind.name.clone(), kind.fields[*field].name.clone())
        };
        let of_units = units.iter().filter_map(|unit| fields.binary_search(unit).ok()).collect();
        Self { names: fields.iter().map(name).collect(), of_units, to }
    }

    /// Bytes that each field took: kind, field, bytes, the most first.
    pub(super) fn bytes_of(&self, traffic: &Traffic) -> Vec<(String, String, u64)> {
        let mut bits = vec![0; self.names.len()];
        for (field, spending) in self.of_units.iter().zip(&traffic.fields) {
            bits[*field] += spending.sent;
        }
        let named = self.names.iter().zip(bits);
        let mut fields: Vec<_> = named.map(|((kind, field), bits)| (kind.clone(), field.clone(), bits / 8)).collect();
        fields.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
        fields
    }

    /// Adds a tick of a room.
    pub(super) fn count(&self, traffic: &Traffic) {
        let to = &*self.to;
        let add = |shared: &Shared, spending: &Spending| {
            shared.encoded.add(spending.encoded);
            shared.sent.add(spending.sent);
        };
        let fields = to.fields_named(self.names.iter().map(|(kind, field)| (kind.as_str(), field.as_str())));
        for (field, spending) in self.of_units.iter().zip(&traffic.fields) {
            add(&fields[*field].bits, spending);
        }
        add(&to.structure, &traffic.structure);
        add(&to.ranged, &traffic.ranged);
        let Layers { public, teams, seat } = &traffic.layers;
        for (layer, parts) in [(&to.public, public), (&to.teams, teams), (&to.seat, seat)] {
            add(&layer.deltas, &parts.deltas);
            add(&layer.keyframes, &parts.keyframes);
        }
        to.frames.add(traffic.frames);
        to.heads.add(traffic.heads());
        to.owned.add(traffic.owned);
        to.events.add(traffic.events);
    }
}
