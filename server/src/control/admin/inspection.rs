//! What is in a room, as JSON: lanes become values here, far from the tick thread.

use std::collections::HashMap;

use serde::Serialize;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Value};
use tickwire_shared::{Layer, Sight};

use crate::handover::inspect::{InspectedChannel, InspectedEntity, InspectedSeat, Inspection};

#[derive(Serialize)]
struct Room<'a> {
    room: u64,
    game: &'a str,
    tick: u32,
    rate_hz: u16,
    cell_size: Option<f32>,
    bounds: Option<[f32; 4]>,
    entities_total: usize,
    entities_within: usize,
    kinds: Vec<Kind<'a>>,
    /// All that are named below.
    channels: Vec<ChannelOf>,
    entities: Vec<EntityOf<'a>>,
    seats_total: usize,
    seats: Vec<SeatOf<'a>>,
    /// Places in `channels`.
    held: Option<Vec<usize>>,
}

#[derive(Serialize)]
struct Kind<'a> {
    name: &'a str,
    fields: Vec<FieldOf<'a>>,
}

#[derive(Serialize)]
struct FieldOf<'a> {
    name: &'a str,
    owner_only: bool,
}

#[derive(Serialize)]
struct ChannelOf {
    /// Column and row; none: everywhere.
    cell: Option<(i16, i16)>,
    layer: String,
}

#[derive(Serialize)]
struct EntityOf<'a> {
    id: u32,
    /// Places in `kinds` and `channels`.
    kind: u16,
    channel: usize,
    at: Option<(f32, f32)>,
    owner: Option<u16>,
    /// One for each field.
    values: Vec<Shown<'a>>,
}

/// 32 bits stay 32 bits: 0.1 is no 0.10000000149.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Bool(bool),
    Int(i64),
    Float(f32),
    Named(&'a str),
    Text(String),
    Quat([f32; 4]),
    Array(Vec<Shown<'a>>),
}

#[derive(Serialize)]
struct SeatOf<'a> {
    seat: u16,
    name: &'a str,
    account: Option<&'a str>,
    look: Option<(f32, f32)>,
    sees: String,
    away: bool,
    blocked: bool,
    channels: usize,
    frame_age_ticks: Option<u32>,
    unacked_bytes: u64,
    events_waiting: usize,
    limit_bytes_per_s: Option<u32>,
}

/// Channels by the place that they have in the answer.
#[derive(Default)]
struct Places {
    of: HashMap<InspectedChannel, usize>,
    all: Vec<ChannelOf>,
}

impl Places {
    fn place(&mut self, channel: InspectedChannel) -> usize {
        *self.of.entry(channel).or_insert_with(|| {
            self.all.push(ChannelOf { cell: channel.cell, layer: layer(channel.layer) });
            self.all.len() - 1
        })
    }
}

pub(super) fn json(room: u64, inspection: &Inspection) -> String {
    let Inspection { schema, entities, seats, held, .. } = inspection;
    let mut places = Places::default();
    let held = held.as_ref().map(|held| held.iter().map(|channel| places.place(*channel)).collect());
    let entities = entities.iter().map(|entity| entity_of(inspection, entity, &mut places)).collect();
    let shown = Room {
        room,
        game: &schema.game,
        tick: inspection.tick,
        rate_hz: inspection.rate_hz,
        cell_size: inspection.cell_size,
        bounds: inspection.bounds,
        entities_total: inspection.entities_total,
        entities_within: inspection.entities_within,
        kinds: schema.kinds.iter().map(kind_of).collect(),
        channels: places.all,
        entities,
        seats_total: inspection.seats_total,
        seats: seats.iter().map(seat_of).collect(),
        held,
    };
    serde_json::to_string(&shown).unwrap_or_else(|_| unreachable!("all keys are strings")) + "\n"
}

fn kind_of(kind: &KindSchema) -> Kind<'_> {
    let fields = kind.fields.iter().map(|field| FieldOf { name: &field.name, owner_only: field.owner_only });
    Kind { name: &kind.name, fields: fields.collect() }
}

fn entity_of<'a>(inspection: &'a Inspection, entity: &InspectedEntity, places: &mut Places) -> EntityOf<'a> {
    let fields = inspection.schema.kinds.get(usize::from(entity.kind)).map_or(&[][..], |kind| &kind.fields);
    let mut lanes = inspection.lanes.get(entity.first_lane..).unwrap_or_default();
    let values = fields.iter().map_while(|field| value_of(field, &mut lanes)).collect();
    EntityOf {
        id: entity.id.0,
        kind: entity.kind,
        channel: places.place(entity.channel),
        at: entity.place,
        owner: entity.owner.map(|seat| seat.0),
        values,
    }
}

/// Takes a field's lanes.
fn value_of<'a>(field: &'a Field, lanes: &mut &[u32]) -> Option<Shown<'a>> {
    let mut one = || {
        let (own, rest) = lanes.split_at_checked(field.quantizer.lanes())?;
        *lanes = rest;
        Some(shown(&field.quantizer, own))
    };
    match field.count {
        1 => one(),
        count => (0..count).map(|_| one()).collect::<Option<Vec<_>>>().map(Shown::Array),
    }
}

fn shown<'a>(quantizer: &'a Quantizer, lanes: &[u32]) -> Shown<'a> {
    match (quantizer.value(lanes), quantizer) {
        (Value::Variant(number), Quantizer::Enum { variants }) => match variants.get(number as usize) {
            Some(name) => Shown::Named(name),
            None => Shown::Int(number.into()),
        },
        (Value::Variant(number), _) => Shown::Int(number.into()),
        (Value::Bool(is), _) => Shown::Bool(is),
        (Value::Int(whole), _) => Shown::Int(whole),
        (Value::Float(number), _) => Shown::Float(number),
        (Value::Text(text), _) => Shown::Text(text),
        (Value::Quat(quat), _) => Shown::Quat(quat),
    }
}

fn seat_of(seat: &InspectedSeat) -> SeatOf<'_> {
    SeatOf {
        seat: seat.seat.0,
        name: &seat.name,
        account: seat.account.as_deref(),
        look: seat.look,
        sees: match seat.sight {
            Sight::All => "everything".to_owned(),
            Sight::Teams(teams) => match layer(Layer::Teams(teams)).as_str() {
                "teams" => "public".to_owned(),
                own => format!("public, {own}"),
            },
        },
        away: seat.is_away,
        blocked: seat.is_blocked,
        channels: seat.channels,
        frame_age_ticks: seat.frame_age,
        unacked_bytes: seat.unacked_bytes,
        events_waiting: seat.events_waiting,
        limit_bytes_per_s: seat.limit_bytes_per_s,
    }
}

/// For whom it is, for a person.
fn layer(layer: Layer) -> String {
    match layer {
        Layer::Public => "public".to_owned(),
        Layer::Teams(teams) => {
            let numbers = (0..32).filter(|number| teams.bits() >> number & 1 == 1).map(|number| number.to_string());
            ["teams".to_owned()].into_iter().chain(numbers).collect::<Vec<_>>().join(" ")
        }
        Layer::Seat(seat) => format!("seat {}", seat.0),
    }
}
