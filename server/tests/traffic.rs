//! Where the bytes of frames went, as a room tells it: to the bit, and nothing is left out.

use std::time::Instant;

use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::metrics::traffic::TrafficCounters;
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_server::sync::{Parts, Spending};
use tickwire_shared::{
    EntityId, Game, Layer, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Sight, Step, Teams,
    Tick, To, World,
};

const LAMPS: u32 = 10;
const CLIENTS: u16 = 3;

/// Lamps that stand still, and blink.
struct Lamps {
    tick: Tick,
    /// Some are not for everybody.
    shaded: bool,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Sign(Sign),
    Lamp(Lamp),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Sign {
    #[field(max_bytes = 7)]
    text: String,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Lamp {
    #[field(min = 0.0, max = 1023.0, step = 1.0)]
    place: [f32; 2],
    lit: bool,
    #[field(min = 0, max = 255, owner)]
    oil: u8,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl Game for Lamps {
    const NAME: &'static str = "lamps";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = u64;
    type Options = bool;

    fn new(shaded: bool, _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self { tick: Tick(0), shaded })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        if self.tick.0.is_multiple_of(7) {
            step.send(To::All, 1 << 40);
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        if self.shaded {
            let lamp = Lamp { place: [self.tick.0 as f32, 9.0], lit: true, oil: 0 };
            out.sight(SeatId(0), Sight::Teams(Teams::one(3)));
            out.sight(SeatId(1), Sight::Teams(Teams::one(3)));
            out.within(Layer::Teams(Teams::one(3))).put(EntityId(200), Place::Everywhere, &lamp);
            out.within(Layer::Seat(SeatId(2))).put(EntityId(201), Place::Everywhere, &lamp);
        }
        out.put(EntityId(100), Place::Everywhere, &Sign { text: "lamps".to_owned() });
        for id in 0..LAMPS {
            let lit = (self.tick.0 + id).is_multiple_of(4);
            let lamp = Lamp { place: [id as f32, 7.0], lit, oil: (self.tick.0 / 10) as u8 };
            match u16::try_from(id).ok().filter(|seat| *seat < CLIENTS) {
                Some(seat) => out.put_owned(EntityId(id), Place::Everywhere, SeatId(seat), &lamp),
                None => out.put(EntityId(id), Place::Everywhere, &lamp),
            }
        }
    }
}

/// Steps a room whose clients take everything; tells the bits of the frames.
fn step(room: &mut Room<Lamps>) -> u64 {
    let (mut sent, mut bits) = (None, 0);
    room.step(Instant::now(), |batch| {
        sent = Some(batch);
        Ok(())
    });
    let mut batch = sent.expect("clients are there");
    for frame in &batch.frames {
        bits += 8 * batch.frame_bytes(frame).map(<[u8]>::len).sum::<usize>() as u64;
    }
    batch.outcomes.resize(batch.frames.len(), Outcome::Written);
    room.home(batch);
    bits
}

fn room() -> Room<Lamps> {
    room_of(false)
}

fn room_of(shaded: bool) -> Room<Lamps> {
    let mut room = Room::new(RoomId(1), shaded, 1, 0, 1).expect("the test's game starts");
    for client in 0..CLIENTS {
        let link = LinkAddress { reactor: 0, link: LinkId(client.into()) };
        assert_eq!(room.join(link, Profile::default()), Ok(SeatId(client)));
    }
    room
}

#[test]
fn the_first_frames_bits_are_those_of_each_field() {
    let mut room = room();
    let bits = step(&mut room);
    let traffic = room.traffic();
    assert_eq!((traffic.frames, traffic.bits), (CLIENTS.into(), bits));
    let shared = |encoded| Spending { encoded, sent: encoded * u64::from(CLIENTS) };
    // text: 3 bits of length, 8 for each byte; the two numbers of a place; whether it is lit
    let lamps = u64::from(LAMPS);
    assert_eq!(traffic.fields[0], shared(3 + 8 * 5));
    // numbers stand in columns, which are no longer than the plain numbers but for a head
    const HEAD: u64 = 8;
    for (field, plain) in traffic.fields[1..].iter().zip([10 * lamps, 10 * lamps, lamps]) {
        assert_eq!(*field, shared(field.encoded));
        assert!((1..=plain + HEAD).contains(&field.encoded), "{} bits, {plain} plain", field.encoded);
    }
    assert!(traffic.structure.encoded >= lamps, "who is there takes some bits: {traffic:?}");
    let parts: u64 = traffic.fields.iter().map(|field| field.sent).sum::<u64>() + traffic.structure.sent;
    assert_eq!(traffic.keyframes().sent, parts, "nothing but keyframes");
    // each is told its lamp: count, id, kind, oil; padded, behind a length
    assert_eq!(traffic.owned, u64::from(CLIENTS) * 8 * (1 + (2u64 + 32 + 16 + 8).div_ceil(8)));
    assert_eq!(traffic.heads() + parts + traffic.owned, bits);
}

#[test]
fn bits_are_told_apart_by_whom_they_are_for() {
    let mut room = room_of(true);
    step(&mut room);
    let first = room.traffic().layers;
    let lamp = |receivers: u64, of: Parts| {
        assert!(of.keyframes.encoded > 21, "a whole lamp: {of:?}");
        assert_eq!(of.keyframes.sent, receivers * of.keyframes.encoded);
        assert_eq!(of.deltas, Spending::default());
    };
    lamp(CLIENTS.into(), first.public);
    lamp(2, first.teams);
    lamp(1, first.seat);
    for _ in 0..100 {
        step(&mut room);
    }
    let (traffic, now) = (room.traffic(), room.traffic().layers);
    for (layer, before, receivers) in [(now.teams, first.teams, 2), (now.seat, first.seat, 1)] {
        assert_eq!(layer.keyframes, before.keyframes, "nobody joined");
        assert!(layer.deltas.encoded >= 100, "they move: {layer:?}");
        assert_eq!(layer.deltas.sent, receivers * layer.deltas.encoded);
    }
    let parts: u64 = traffic.fields.iter().map(|field| field.sent).sum::<u64>() + traffic.structure.sent;
    let layers = [now.public, now.teams, now.seat];
    assert_eq!(
        layers.iter().map(|of| of.deltas.sent + of.keyframes.sent).sum::<u64>(),
        parts,
        "all parts are in a layer"
    );
}

#[test]
fn only_what_changes_takes_bits_and_nothing_is_left_out() {
    let mut room = room();
    let mut bits = step(&mut room);
    let first = room.traffic().clone();
    for _ in 0..210 {
        bits += step(&mut room);
    }
    let traffic = room.traffic();
    assert_eq!(traffic.bits, bits);
    assert_eq!(traffic.frames, 211 * u64::from(CLIENTS));
    // whoever stands still or blinks says nothing of its sign, and of places next to nothing: a residual of a bit
    assert_eq!(traffic.fields[0], first.fields[0]);
    let lit = traffic.fields[3].sent - first.fields[3].sent;
    assert!(lit > 0 && traffic.keyframes() == first.keyframes(), "{traffic:?}");
    assert!(traffic.events > 210 / 7 * u64::from(CLIENTS) * 8, "{traffic:?}");
    assert!(traffic.owned > first.owned, "oil burns");
    let parts: u64 = traffic.fields.iter().map(|field| field.sent).sum::<u64>() + traffic.structure.sent;
    assert_eq!(traffic.heads() + parts + traffic.owned + traffic.events, bits);
    let mut each = room.tick_traffic().clone();
    let before = room.traffic().clone();
    each.clear();
    each += &before;
    step(&mut room);
    each += room.tick_traffic();
    assert_eq!(&each, room.traffic(), "a tick's traffic is what came on top");
}

#[test]
fn what_nobody_receives_any_more_is_encoded_in_vain_but_once() {
    let mut room = room_of(true);
    (0..20).for_each(|_| _ = step(&mut room));
    let of_seat_2 = |room: &Room<Lamps>| room.tick_traffic().layers.seat.deltas;
    let before = of_seat_2(&room);
    assert!(before.sent > 0 && before.encoded == before.sent, "its lamp moves, and only it is told: {before:?}");
    assert!(room.leave(SeatId(2), LinkAddress { reactor: 0, link: LinkId(2) }, Leave::Left));
    step(&mut room);
    let after = of_seat_2(&room);
    assert!(after.sent == 0 && after.encoded > 0, "made ahead for who asked for it at the last tick: {after:?}");
    for _ in 0..10 {
        step(&mut room);
        assert_eq!(of_seat_2(&room), Spending::default(), "the lamp still moves");
    }
}

#[test]
fn counters_have_names_for_fields() {
    let traffic = TrafficCounters::default();
    assert_eq!(traffic.fields().len(), 0);
    traffic.fields_named([("Lamp", "place"), ("Lamp", "lit")].into_iter())[1].bits.encoded.add(7);
    let again = traffic.fields_named(std::iter::empty());
    assert_eq!((again[1].field.as_str(), again[1].bits.encoded.value()), ("lit", 7), "names are given once");
}
