//! Everything as it is at one moment, by kind: what columns are read from.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tickwire_shared::client::{UntypedClient, UntypedPrediction};
use tickwire_shared::replica::Between;
use tickwire_shared::schema::{Field, Quantizer, Schema, Value};

/// See the module. Keeps its memory.
#[derive(Debug)]
pub(crate) struct Sampled {
    schema: Arc<Schema>,
    tables: Vec<Table>,
    /// By id: kind, place.
    places: FxHashMap<u32, (u16, usize)>,
    off: Vec<f32>,
}

/// The entities of a kind.
#[derive(Debug)]
struct Table {
    lanes: usize,
    /// First lane of each field.
    firsts: Vec<usize>,
    ids: Vec<u32>,
    earlier: Vec<u32>,
    later: Vec<u32>,
    off: Vec<f32>,
    t: Vec<f32>,
}

/// A field of a kind's entities.
pub(crate) struct Column<'a> {
    pub(crate) field: &'a Field,
    first: usize,
    table: &'a Table,
}

impl Sampled {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let tables = schema.kinds.iter().map(|kind| {
            let firsts = kind.fields.iter().scan(0, |next, field| {
                let first = *next;
                *next += field.quantizer.lanes() * usize::from(field.count);
                Some(first)
            });
            let (lanes, firsts) = (kind.lanes(), firsts.collect());
            Table { lanes, firsts, ids: vec![], earlier: vec![], later: vec![], off: vec![], t: vec![] }
        });
        Self { tables: tables.collect(), schema, places: FxHashMap::default(), off: Vec::new() }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// As it is drawn; what is predicted, where it will be.
    pub(crate) fn draw(&mut self, client: &UntypedClient, predicted: Option<&UntypedPrediction>, now: Duration) {
        self.clear();
        for (own, off) in predicted.into_iter().flat_map(|predicted| predicted.drawn(now)) {
            self.add(&own, &off);
        }
        let mut off = std::mem::take(&mut self.off);
        let others = client.sample(now).filter(|between| !predicted.is_some_and(|predicted| predicted.has(between.id)));
        for between in others {
            client.off(&between, &mut off);
            self.add(&between, &off);
        }
        self.off = off;
    }

    /// As the server told it last.
    pub(crate) fn take_newest(&mut self, client: &UntypedClient) {
        self.clear();
        for (id, kind, row) in client.newest_all() {
            let (earlier, later) = (row, row);
            let still = Between { id, kind, earlier, later, t: 0.0, span: 0.0, before: None, after: None, beyond: 0.0 };
            self.add(&still, &[]);
        }
    }

    /// Ids of a kind's entities.
    pub(crate) fn ids(&self, kind: u32) -> Option<&[u32]> {
        Some(&self.tables.get(usize::try_from(kind).ok()?)?.ids)
    }

    pub(crate) fn column(&self, kind: u32, field: u32) -> Option<Column<'_>> {
        let (kind, at) = (usize::try_from(kind).ok()?, usize::try_from(field).ok()?);
        let (table, field) = (self.tables.get(kind)?, self.schema.kinds.get(kind)?.fields.get(at)?);
        Some(Column { field, first: table.firsts[at], table })
    }

    /// Kind of an entity, and where in its kind's columns it stands.
    pub(crate) fn place(&self, id: u32) -> Option<(u16, usize)> {
        self.places.get(&id).copied()
    }

    fn clear(&mut self) {
        self.places.clear();
        for table in &mut self.tables {
            table.ids.clear();
            table.earlier.clear();
            table.later.clear();
            table.off.clear();
            table.t.clear();
        }
    }

    fn add(&mut self, entity: &Between<'_>, off: &[f32]) {
        let Some(table) = self.tables.get_mut(usize::from(entity.kind)) else { return };
        self.places.insert(entity.id.0, (entity.kind, table.ids.len()));
        table.ids.push(entity.id.0);
        table.earlier.extend_from_slice(&entity.earlier[..table.lanes]);
        table.later.extend_from_slice(&entity.later[..table.lanes]);
        table.off.extend((0..table.lanes).map(|lane| off.get(lane).copied().unwrap_or(0.0)));
        table.t.push(entity.t);
    }
}

impl Column<'_> {
    /// Numbers that an element is.
    pub(crate) fn components(&self) -> usize {
        components(&self.field.quantizer)
    }

    pub(crate) fn elements(&self) -> usize {
        self.field.count.into()
    }

    /// Entities of the kind.
    pub(crate) fn rows(&self) -> usize {
        self.table.ids.len()
    }

    pub(crate) fn value(&self, row: usize, element: usize) -> Value {
        let (table, lanes) = (self.table, self.field.quantizer.lanes());
        let at = row * table.lanes + self.first + element * lanes;
        let (earlier, later) = (&table.earlier[at..at + lanes], &table.later[at..at + lanes]);
        // what has several lanes does not move off its line
        self.field.quantizer.value_moved(earlier, later, table.t[row], table.off[at])
    }
}

/// Numbers that one value is.
pub(crate) fn components(quantizer: &Quantizer) -> usize {
    if matches!(quantizer, Quantizer::Quat { .. }) { 4 } else { 1 }
}
