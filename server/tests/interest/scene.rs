//! A game in which all that there is to hide follows from a seed and the tick, and what it permits to whom, reckoned
//! from the documented rules alone.

use tickwire_shared::publish::SetId;
use tickwire_shared::{
    Area, EntityId, Game, Interest, Layer, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Sight,
    Step, Teams, Tick, To, World,
};

use crate::mark::{MARK_BYTES, Mark, Of};

const RADIUS: f32 = 60.0;
const SIDE: f32 = RADIUS / 2.0;
const WORLD: u32 = 300;
/// A cell that touches the circle may be in view or not.
const EDGE: f32 = 0.01;
pub const SEATS: u16 = 5;
const BODIES: u32 = 70;
/// Entities that the first seat never sees.
const UNSEEN: u32 = 30;
/// What a client holds that gets less than there is, or lately did, is no older.
const OLD_MAX_TICKS: u32 = 200;
/// A seat's teams are drawn anew every so many ticks.
const SIDES_HOLD: u32 = 13;

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Body(Body),
    Flag(Flag),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Body {
    #[field(min = 0, max = 299)]
    x: u32,
    #[field(min = 0, max = 299)]
    y: u32,
    #[field(max_bytes = 12)]
    mark: String,
    #[field(max_bytes = 12, owner)]
    secret: String,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Flag {
    #[field(max_bytes = 12)]
    mark: String,
}

#[derive(Clone, Default, Replicate)]
pub struct Nothing {
    pressed: bool,
}

/// An entity, with all that only some may know.
#[derive(Clone, Debug)]
pub struct Put {
    id: u32,
    thing: Thing,
    place: Place,
    layer: Layer,
    pub owner: Option<SeatId>,
}

impl Put {
    pub fn id(&self) -> EntityId {
        wire_id(self.id)
    }

    /// As `seat` is to hold it.
    pub fn for_seat(&self, seat: SeatId) -> Thing {
        let mut thing = self.thing.clone();
        if let (Thing::Body(body), true) = (&mut thing, self.owner != Some(seat)) {
            body.secret.clear();
        }
        thing
    }
}

/// What the rules say of an entity and a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Must,
    /// Between the radius and where cells end.
    May,
    /// By its layer.
    Hidden,
    /// By a wall.
    Walled,
    Far,
}

/// All there is to know. With `unseen` there are no spectators, and of all that the first seat may not know something
/// follows from that number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Truth {
    pub seed: u32,
    pub unseen: Option<u32>,
    pub sparing: Sparing,
}

/// What of all that clients may know they get later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sparing {
    /// 0 is no limit.
    pub bytes_per_s: u32,
    pub far_is_rarer: bool,
}

/// An entity's id for the room: what is unseen lies between the others.
fn wire_id(id: u32) -> EntityId {
    EntityId(if id < BODIES { id * 50 } else { (id - BODIES) * 50 + 25 })
}

/// The other way round.
pub fn from_wire(id: u32) -> u32 {
    if id.is_multiple_of(50) { id / 50 } else { id / 50 + BODIES }
}

impl Truth {
    fn noise(self, what: u32, a: u32, b: u32) -> u32 {
        let mut x = self.seed ^ what.wrapping_mul(0x9e37_79b9);
        for part in [a, b] {
            x = (x ^ part).wrapping_mul(0x85eb_ca6b);
            x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
            x ^= x >> 16;
        }
        x
    }

    /// Bodies come and go, walk, stand, jump, change their layer and their owner, each at its own times.
    pub fn put(self, id: u32, tick: Tick) -> Option<Put> {
        if id >= BODIES {
            return self.put_unseen(id, tick);
        }
        let phase = tick.0 / (5 + id % 9);
        if self.noise(1, id, phase).is_multiple_of(8) {
            return None;
        }
        let walk = tick.0 / (20 + id % 23);
        let along = |axis: u32| {
            let speed = self.noise(2 + axis, id, walk) % 5;
            (self.noise(4 + axis, id, walk) + speed * tick.0) % WORLD
        };
        let (x, y) = (along(0), along(1));
        let everywhere = self.noise(6, id, phase).is_multiple_of(9);
        let place = if everywhere { Place::Everywhere } else { Place::at(x as f32, y as f32) };
        let stealth = self.noise(7, id, tick.0 / (2 + id % 11));
        let layer = match stealth % 8 {
            0..4 => Layer::Public,
            4 | 5 => Layer::Teams(Teams::from_bits(stealth >> 8 & 7)),
            6 => Layer::Teams(Teams::one((stealth >> 8) as u8 % 3)),
            _ => Layer::Seat(SeatId((stealth >> 8) as u16 % SEATS)),
        };
        let given = self.noise(8, id, tick.0 / (9 + id % 5));
        let owner = given.is_multiple_of(3).then_some(SeatId((given >> 8) as u16 % SEATS));
        let text = |of, hold: u32| Mark { of, id, tick: tick.0 / hold * hold }.text();
        let mark = text(Of::Entity, 1 + id % 4);
        let thing = if id.is_multiple_of(5) {
            Thing::Flag(Flag { mark })
        } else {
            Thing::Body(Body { x, y, mark, secret: text(Of::Secret, self.secrets_hold(owner)) })
        };
        Some(Put { id, thing, place, layer, owner })
    }

    fn secrets_hold(self, owner: Option<SeatId>) -> u32 {
        self.unseen.filter(|_| owner != Some(SeatId(0))).map_or(3, |unseen| 1 + unseen % 5)
    }

    /// In a layer of others, or far away from all that is looked at.
    fn put_unseen(self, id: u32, tick: Tick) -> Option<Put> {
        let it = Self { seed: self.unseen?, ..Self::default() }.put(id % BODIES, tick)?;
        let text = |of| Mark { of, id, tick: tick.0 }.text();
        let thing = match it.thing {
            Thing::Body(Body { x, y, .. }) => {
                Thing::Body(Body { x, y, mark: text(Of::Entity), secret: text(Of::Secret) })
            }
            Thing::Flag(_) => Thing::Flag(Flag { mark: text(Of::Entity) }),
        };
        let far = match it.place {
            Place::At { x, y } => Place::at(x + 1000.0, y),
            Place::Everywhere => Place::at(-1000.0, 0.0),
        };
        let (place, layer) = match id % 3 {
            0 => (it.place, Layer::Seat(SeatId(1))),
            1 => (it.place, Layer::Teams(Teams::one(8))),
            _ => (far, it.layer),
        };
        Some(Put { id, thing, place, layer, owner: it.owner.filter(|owner| *owner != SeatId(0)) })
    }

    pub fn all(self, tick: Tick) -> impl Iterator<Item = Put> {
        let ids = if self.unseen.is_some() { BODIES + UNSEEN } else { BODIES };
        (0..ids).filter_map(move |id| self.put(id, tick))
    }

    fn sight(self, seat: SeatId, tick: Tick) -> Sight {
        let drawn = self.noise(9, seat.0.into(), tick.0 / SIDES_HOLD);
        match drawn % 8 {
            0 if self.unseen.is_none() => Sight::All,
            0 | 1 => Sight::default(),
            _ => Sight::Teams(Teams::from_bits(drawn >> 8 & 7)),
        }
    }

    /// The last seat looks nowhere at first.
    fn look(self, seat: SeatId, tick: Tick) -> Option<(f32, f32)> {
        let leg = tick.0 / 40;
        let along = |axis: u32| (self.noise(10 + axis, seat.0.into(), leg) + 2 * tick.0) % WORLD;
        // beside the whole numbers, at which a circle touches a cell and rounding decides
        (seat.0 + 1 < SEATS || tick.0 > 30).then(|| (along(0) as f32 + 0.37, along(1) as f32 + 0.61))
    }

    /// Whether a wall is between `seat` and a cell.
    fn walled(self, seat: SeatId, (x, y): (i32, i32), tick: Tick) -> bool {
        let cell = (x + 100) as u32 * 1000 + (y + 100) as u32;
        self.noise(12, cell, u32::from(seat.0) * 1000 + tick.0 / 17).is_multiple_of(4)
    }

    /// Whether `seat` may have this of an entity at `tick`, because some ticks ago it was permitted and so; the fields of
    /// its owner are of now.
    pub fn was_permitted(self, seat: SeatId, (id, held): (u32, &Thing), tick: Tick) -> bool {
        let own = self.put(id, tick).filter(|put| put.owner == Some(seat));
        (0..tick.0.min(OLD_MAX_TICKS)).map(|age| tick.offset(-(age as i32))).any(|then| {
            let Some(put) = self.put(id, then) else { return false };
            let mut thing = put.for_seat(seat);
            if let Thing::Body(body) = &mut thing {
                body.secret.clear();
                if let Some(Thing::Body(Body { secret, .. })) = own.as_ref().map(|own| &own.thing) {
                    body.secret.clone_from(secret);
                }
            }
            thing == *held && matches!(self.verdict(seat, &put, then), Verdict::Must | Verdict::May)
        })
    }

    pub fn verdict(self, seat: SeatId, put: &Put, tick: Tick) -> Verdict {
        let sight = self.sight(seat, tick);
        let in_layer = match (sight, put.layer) {
            (Sight::All, _) => return Verdict::Must,
            (_, Layer::Public) => true,
            (Sight::Teams(own), Layer::Teams(teams)) => own.bits() & teams.bits() != 0,
            (_, Layer::Seat(only)) => only == seat,
        };
        if !in_layer {
            return Verdict::Hidden;
        }
        let Place::At { x, y } = put.place else { return Verdict::Must };
        let Some(look) = self.look(seat, tick) else { return Verdict::Far };
        // a cell is left a little late: it may be any of those that are so near
        let around = |at: f32| (-1..=1).map(move |off| (at / SIDE).floor() as i32 + off);
        let cells = around(x).flat_map(|cx| around(y).map(move |cy| (cx, cy)));
        let cells = cells.filter(|cell| away(*cell, (x, y)) <= Area::MARGIN * SIDE);
        let mut verdicts: Vec<Verdict> = cells
            .map(|cell| match (away(cell, look), self.walled(seat, cell, tick)) {
                (away, _) if away > RADIUS + SIDE / 2.0 + EDGE => Verdict::Far,
                (_, true) => Verdict::Walled,
                (away, false) if away > RADIUS - EDGE => Verdict::May,
                _ => Verdict::Must,
            })
            .collect();
        verdicts.dedup();
        match verdicts[..] {
            [one] => one,
            _ if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Must | Verdict::May)) => Verdict::May,
            _ => Verdict::Walled,
        }
    }

    /// With their numbers.
    fn events(self, tick: Tick) -> Vec<(To, u32)> {
        let drawn = |number: u32| self.noise(13, tick.0, number);
        let at = |number| ((drawn(number) % WORLD) as f32, (drawn(number + 50) % WORLD) as f32);
        let spot = |number| To::At { x: at(number).0, y: at(number).1 };
        let mut to = vec![
            To::All,
            To::Seat(SeatId(drawn(1) as u16 % SEATS)),
            To::Teams(Teams::from_bits(drawn(2) & 7)),
            spot(3),
            spot(4),
        ];
        let unseen = self.unseen.map_or(0, |unseen| (unseen ^ tick.0) as usize % 4);
        to.extend([To::Seat(SeatId(1)), To::Teams(Teams::one(8)), To::At { x: 2000.0, y: 0.0 }].iter().take(unseen));
        to.into_iter().zip(0..).collect()
    }

    /// The events of a tick that `seat` is to receive, as marks.
    pub fn events_for(self, seat: SeatId, tick: Tick) -> Vec<Mark> {
        let sight = self.sight(seat, tick);
        let reached = |to: To| match (to, sight) {
            (To::All, _) | (To::Teams(_) | To::At { .. }, Sight::All) => true,
            (To::Seat(only), _) => only == seat,
            (To::Teams(teams), Sight::Teams(own)) => own.bits() & teams.bits() != 0,
            (To::At { x, y }, _) => {
                let cell = ((x / SIDE).floor() as i32, (y / SIDE).floor() as i32);
                let near = self.look(seat, tick).is_some_and(|look| away(cell, look) <= RADIUS);
                near && !self.walled(seat, cell, tick)
            }
        };
        let events = self.events(tick).into_iter().filter(|(to, _)| reached(*to));
        events.map(|(_, id)| Mark { of: Of::Event, id, tick: tick.0 }).collect()
    }
}

/// From a point to a cell.
fn away((cx, cy): (i32, i32), (x, y): (f32, f32)) -> f32 {
    let off = |at: f32, cell: i32| {
        let low = cell as f32 * SIDE;
        (low - at).max(at - (low + SIDE)).max(0.0)
    };
    off(x, cx).hypot(off(y, cy))
}

pub struct Scene {
    truth: Truth,
    tick: Tick,
    /// Who is there, and since which tick.
    seats: Vec<(SeatId, Tick)>,
}

impl Game for Scene {
    const NAME: &'static str = "scene";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = String;
    /// A [`Truth`].
    type Options = (u32, Option<u32>, u32, bool);

    fn new(options: Self::Options, setup: &mut Setup) -> Result<Self, Refusal> {
        let (seed, unseen, bytes_per_s, far_is_rarer) = options;
        let sparing = Sparing { bytes_per_s, far_is_rarer };
        assert_eq!(MARK_BYTES, 12, "the fields are as long");
        setup.interest = Interest::Radius(RADIUS);
        setup.seats = SEATS;
        setup.client_bytes_per_s = Some(bytes_per_s);
        setup.far_is_rarer = far_is_rarer;
        Ok(Self { truth: Truth { seed, unseen, sparing }, tick: Tick(0), seats: Vec::new() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.seats.push((seat, self.tick.next()));
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.seats.retain(|(other, _)| *other != seat);
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        for (to, id) in self.truth.events(self.tick) {
            step.send(to, Mark { of: Of::Event, id, tick: self.tick.0 }.text());
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for put in self.truth.all(self.tick) {
            let id = put.id();
            let mut out = out.within(put.layer);
            match (&put.thing, put.owner) {
                (Thing::Body(body), Some(owner)) => out.put_owned(id, put.place, owner, body),
                (Thing::Body(body), None) => out.put(id, put.place, body),
                (Thing::Flag(flag), Some(owner)) => out.put_owned(id, put.place, owner, flag),
                // what is in a set is the same as long as its version is; its layer need not be
                (Thing::Flag(flag), None) => {
                    let place = match put.place {
                        Place::At { x, y } => ((x + 1000.0) as u64) << 12 | y as u64,
                        Place::Everywhere => u64::MAX >> 32,
                    };
                    let mark = u64::from_str_radix(&flag.mark[5..], 16).expect("a number");
                    out.set(SetId(put.id), place << 32 | mark, |set| set.put(id, put.place, flag));
                }
            }
        }
        for (seat, since) in &self.seats {
            if let Some((x, y)) = self.truth.look(*seat, self.tick) {
                out.look(*seat, x, y);
            }
            // it holds until another is put
            let news = self.tick.0.is_multiple_of(SIDES_HOLD) || *since == self.tick;
            if news || seat.0.is_multiple_of(2) {
                out.sight(*seat, self.truth.sight(*seat, self.tick));
            }
        }
    }
    fn sees(&self, seat: SeatId, area: Area) -> bool {
        assert!(area.side == SIDE && area.x % SIDE == 0.0 && area.y % SIDE == 0.0, "{area:?} is not a cell");
        !self.truth.walled(seat, ((area.x / SIDE) as i32, (area.y / SIDE) as i32), self.tick)
    }
}
