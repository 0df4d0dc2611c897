//! What is to be drawn, in columns that JavaScript reads in place: nothing is made for each entity and frame.
//! `assets/web/tickwire/src/tables.js` is the other half of this file.
//!
//! A kind has a table: a column of ids, and one for each field. An element of a field is one word, a text or quaternion
//! more; an entity's words are side by side, its array's elements too. Rows `0..rows` are what is drawn, in no
//! particular order; `gone` rows behind them are what was drawn the last time and no longer is, as it was told last.
//!
//! ```text
//! the table of tables    news · where the news is · for each kind { rows · gone · where ids are · for each field where it is }
//! news                   number of words · { 0 spawned | 1 gone | 2 changed · kind · row [ · changed fields, 32 a word ] }
//!
//! type                   words are
//! 0 bool, 2 uint,        u32
//!   6 enum (place)
//! 1 int                  i32
//! 3 offset               u32, how far the integer is above its smallest
//! 4 float, 5 angle,      f32; of a quaternion x, y, z, w
//!   8 quat
//! 7 text                 its length in bytes, then the bytes, four a word
//! ```

use tickwire_shared::EntityId;
use tickwire_shared::replica::Between;
use tickwire_shared::schema::{Field, Quantizer, Schema, Value};

use crate::fields;
use crate::known::{Known, Told};

const SPAWNED: u32 = 0;
const GONE: u32 = 1;
const CHANGED: u32 = 2;
/// Words of the table of tables before the first kind.
const HEAD: usize = 2;

/// Everything as it is drawn at a moment, and what is new since the moment before. Keeps its memory.
#[derive(Debug)]
pub struct Drawn {
    kinds: Vec<Table>,
    known: Known,
    /// What was of another kind under the id of something drawn.
    replaced: Vec<Told>,
    mark: u32,
    news: Vec<u32>,
    table: Vec<u32>,
    spare: Vec<Vec<u32>>,
}

/// What is drawn of one kind.
#[derive(Debug)]
struct Table {
    lanes: usize,
    ids: Vec<u32>,
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    quantizer: Quantizer,
    offset: bool,
    /// Of the field in the row.
    first: usize,
    lanes: usize,
    count: usize,
    words: Vec<u32>,
}

/// An entity that is drawn as it is in one row.
#[must_use]
pub fn still(id: EntityId, kind: u16, row: &[u32]) -> Between<'_> {
    Between { id, kind, earlier: row, later: row, t: 0.0, span: 0.0, before: None, after: None, beyond: 0.0 }
}

impl Drawn {
    /// Nothing of a game.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let kinds: Vec<Table> = schema.kinds.iter().map(|kind| Table::new(&kind.fields)).collect();
        let table = vec![0; HEAD + kinds.iter().map(|table| 3 + table.columns.len()).sum::<usize>()];
        Self {
            kinds,
            known: Known::default(),
            replaced: Vec::new(),
            mark: 0,
            news: Vec::new(),
            table,
            spare: Vec::new(),
        }
    }

    /// Replaces what is drawn.
    pub fn fill<'a>(&mut self, entities: impl Iterator<Item = Between<'a>>) {
        self.mark = self.mark.wrapping_add(1);
        self.news.clear();
        self.kinds.iter_mut().for_each(Table::clear);
        for entity in entities {
            let Some(table) = self.kinds.get_mut(usize::from(entity.kind)) else { continue };
            // what has no newer row goes on as it went
            let beyond = if entity.span > 0.0 { entity.beyond / entity.span } else { 0.0 };
            let row = table.push(entity.id.0, entity.earlier, entity.later, entity.t + beyond);
            self.note(&entity, row);
        }
        for table in &mut self.kinds {
            table.rows = table.ids.len();
        }
        self.note_gone();
        self.write_table();
    }

    /// Where everything is; see the module. Until the next [`Drawn::fill`].
    #[must_use]
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    fn note(&mut self, entity: &Between<'_>, row: usize) {
        let (id, kind, row) = (entity.id.0, u32::from(entity.kind), row as u32);
        let told = if entity.t < 1.0 { entity.earlier } else { entity.later };
        match self.known.find(id) {
            Some(known) if known.kind == entity.kind => {
                known.mark = self.mark;
                if known.row != told {
                    self.news.extend([CHANGED, kind, row]);
                    self.kinds[usize::from(entity.kind)].changed_fields(&known.row, told, &mut self.news);
                    known.row.copy_from_slice(told);
                }
            }
            Some(known) => {
                let was = std::mem::replace(known, Told { id, kind: entity.kind, mark: self.mark, row: told.to_vec() });
                self.replaced.push(was);
                self.news.extend([SPAWNED, kind, row]);
            }
            None => {
                let mut copy = self.spare.pop().unwrap_or_default();
                copy.clear();
                copy.extend_from_slice(told);
                self.known.add(Told { id, kind: entity.kind, mark: self.mark, row: copy });
                self.news.extend([SPAWNED, kind, row]);
            }
        }
    }

    fn note_gone(&mut self) {
        let mut gone = std::mem::take(&mut self.replaced);
        self.known.take_older(self.mark, |told| gone.push(told));
        for told in gone.drain(..) {
            let table = &mut self.kinds[usize::from(told.kind)];
            let row = table.push(told.id, &told.row, &told.row, 0.0);
            self.news.extend([GONE, told.kind.into(), row as u32]);
            self.spare.push(told.row);
        }
        self.replaced = gone;
    }

    fn write_table(&mut self) {
        // in the browser an address has 32 bits
        let at = |words: &Vec<u32>| words.as_ptr() as usize as u32;
        self.table.clear();
        self.table.extend([self.news.len() as u32, at(&self.news)]);
        for kind in &self.kinds {
            self.table.extend([kind.rows as u32, (kind.ids.len() - kind.rows) as u32, at(&kind.ids)]);
            self.table.extend(kind.columns.iter().map(|column| at(&column.words)));
        }
    }
}

impl Table {
    fn new(fields: &[Field]) -> Self {
        let mut first = 0;
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let (lanes, count) = (field.quantizer.lanes(), usize::from(field.count));
            let offset = fields::column(&field.quantizer) == fields::column::OFFSET;
            columns.push(Column { quantizer: field.quantizer.clone(), offset, first, lanes, count, words: Vec::new() });
            first += lanes * count;
        }
        Self { lanes: first, ids: Vec::new(), rows: 0, columns }
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.columns.iter_mut().for_each(|column| column.words.clear());
    }

    /// Adds a row and tells its place.
    fn push(&mut self, id: u32, earlier: &[u32], later: &[u32], t: f32) -> usize {
        let (earlier, later) = (&earlier[..self.lanes], &later[..self.lanes]);
        self.ids.push(id);
        for column in &mut self.columns {
            let field = column.first..column.first + column.lanes * column.count;
            column.push(&earlier[field.clone()], &later[field], t);
        }
        self.ids.len() - 1
    }

    /// A bit for each field.
    fn changed_fields(&self, was: &[u32], is: &[u32], news: &mut Vec<u32>) {
        for columns in self.columns.chunks(32) {
            let bits = columns.iter().enumerate().map(|(bit, column)| {
                let field = column.first..column.first + column.lanes * column.count;
                u32::from(was[field.clone()] != is[field]) << bit
            });
            news.push(bits.sum());
        }
    }
}

impl Column {
    #[inline]
    fn push(&mut self, earlier: &[u32], later: &[u32], t: f32) {
        if self.offset || matches!(self.quantizer, Quantizer::Text { .. }) {
            return self.words.extend_from_slice(if t < 1.0 { earlier } else { later });
        }
        for (earlier, later) in earlier.chunks(self.lanes).zip(later.chunks(self.lanes)) {
            match self.quantizer.value_between(earlier, later, t) {
                Value::Bool(is) => self.words.push(is.into()),
                // both signs fit: what does not is an offset
                Value::Int(whole) => self.words.push(whole as u32),
                Value::Float(number) => self.words.push(number.to_bits()),
                Value::Variant(place) => self.words.push(place),
                Value::Quat(quat) => self.words.extend(quat.map(f32::to_bits)),
                Value::Text(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::schema::KindSchema;

    use super::*;

    fn schema() -> Schema {
        let field = |name: &str, quantizer, count| Field { name: name.into(), quantizer, count, owner_only: false };
        let fields = vec![
            field("at", Quantizer::Float { min: 0.0, step: 0.5, span: 100 }, 2),
            field("coins", Quantizer::Int { min: -5, max: 100 }, 1),
            field("name", Quantizer::Text { max_bytes: 6 }, 1),
        ];
        let kinds = vec![KindSchema { name: "Runner".into(), fields }];
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        Schema { game: "coins".into(), version: 0, kinds, input, tables: Vec::new() }
    }

    fn between<'a>(id: u32, earlier: &'a [u32], later: &'a [u32], t: f32) -> Between<'a> {
        Between { id: EntityId(id), kind: 0, earlier, later, t, span: 1.0, before: None, after: None, beyond: 0.0 }
    }

    #[test]
    fn columns_hold_what_is_drawn_and_news_what_is_new() {
        let mut drawn = Drawn::new(&schema());
        let ann = [2, 4, 7, 3, u32::from_le_bytes(*b"Ann\0"), 0];
        let walked = [4, 4, 7, 3, u32::from_le_bytes(*b"Ann\0"), 0];
        let bob = [0, 0, 5, 3, u32::from_le_bytes(*b"Bob\0"), 0];
        drawn.fill([between(9, &ann, &walked, 0.5), between(4, &bob, &bob, 0.0)].into_iter());
        assert_eq!(drawn.news, [SPAWNED, 0, 0, SPAWNED, 0, 1]);
        assert_eq!(drawn.table[..4], [6, drawn.table[1], 2, 0]);
        let table = &drawn.kinds[0];
        assert_eq!(table.ids, [9, 4]);
        let at: Vec<f32> = table.columns[0].words.iter().map(|word| f32::from_bits(*word)).collect();
        assert_eq!(at, [1.5, 2.0, 0.0, 0.0]);
        assert_eq!(table.columns[1].words, [2, 0]);
        assert_eq!(table.columns[2].words[..3], ann[3..]);

        // what is drawn between two rows is not yet the later one
        drawn.fill([between(9, &ann, &walked, 0.9), between(4, &bob, &bob, 0.0)].into_iter());
        assert_eq!(drawn.news, []);
        drawn.fill([between(9, &walked, &walked, 0.0)].into_iter());
        assert_eq!(drawn.news, [CHANGED, 0, 0, 1, GONE, 0, 1]);
        assert_eq!(drawn.table[2..4], [1, 1]);
        assert_eq!(drawn.kinds[0].ids, [9, 4], "what is gone stands behind, as it was told last");
        assert_eq!(drawn.kinds[0].columns[1].words, [2, 0]);
        // its next row is late by half a step
        drawn.fill([Between { beyond: 0.5, ..between(9, &ann, &walked, 1.0) }].into_iter());
        assert_eq!(f32::from_bits(drawn.kinds[0].columns[0].words[0]), 2.5);
        assert_eq!((drawn.news.len(), drawn.table[3]), (0, 0));
    }
}
