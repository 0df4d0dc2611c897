//! A client, and everything it can learn held against what it is permitted to know.

use std::collections::BTreeSet;
use std::time::Duration;

use tickwire_server::handover::LinkAddress;
use tickwire_server::net::LinkId;
use tickwire_server::room::Room;
use tickwire_shared::bits::BitReader;
use tickwire_shared::client::{Client, Event};
use tickwire_shared::delta::{Layout, Part, decode_row, entity_hash};
use tickwire_shared::protocol::ServerMessage;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::schema::{KindOf, Replicate, Schema};
use tickwire_shared::{EntityId, Profile, SeatId, Tick};

use crate::mark::{Mark, Of};
use crate::scene::{Scene, Sparing, Thing, Truth, Verdict, from_wire};

/// Of one who takes nothing for so many ticks the server forgets all but the last events: 16 KiB of them (see
/// `Game::Event`), with what each takes beside its 13 bytes.
const STARVED_TICKS: i32 = 32;
const KEPT_FOR_STARVED: usize = 200;
/// Of anybody: so many wait, those of a frame that is under way among them.
const EVENTS_MAX: usize = 256;

/// How often each thing was seen to be as it should: a test that checks nothing shows here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    pub frames: u32,
    pub held: u32,
    pub hidden: u32,
    pub walled: u32,
    pub far: u32,
    /// Marks in the bytes.
    pub entity_marks: u32,
    pub secret_marks: u32,
    pub event_marks: u32,
    pub events: u32,
    /// Entities that went out of sight while they were still there.
    pub lost_sight: u32,
    pub hashes: u64,
    /// Entities that were held as they were some ticks ago.
    pub old: u32,
}

impl Checked {
    pub fn sum(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            held: self.held + other.held,
            hidden: self.hidden + other.hidden,
            walled: self.walled + other.walled,
            far: self.far + other.far,
            entity_marks: self.entity_marks + other.entity_marks,
            secret_marks: self.secret_marks + other.secret_marks,
            event_marks: self.event_marks + other.event_marks,
            events: self.events + other.events,
            lost_sight: self.lost_sight + other.lost_sight,
            hashes: self.hashes + other.hashes,
            old: self.old + other.old,
        }
    }
}

pub struct Player {
    pub address: LinkAddress,
    pub seat: SeatId,
    truth: Truth,
    layout: Layout,
    client: Client<Scene>,
    frame: Frame,
    /// Delivered when the count is down.
    pub leftover: Option<(u8, Vec<u8>)>,
    /// The tick of the last frame; before the first, of the room when it joined.
    last: Tick,
    /// Events of that frame.
    taken: usize,
    spawned: BTreeSet<u32>,
    /// All bytes that it was sent.
    pub told: Vec<u8>,
    pub checked: Checked,
}

impl Player {
    pub fn join(room: &mut Room<Scene>, truth: Truth, link: u64, checked: Checked) -> Self {
        let address = LinkAddress { reactor: 0, link: LinkId(link) };
        let seat = room.join(address, Profile::default()).expect("there is space");
        let mut client = Client::<Scene>::new(Profile::default()).expect("the test's kinds are sound");
        let joined =
            ServerMessage::Joined { room: 1, seat: seat.0, tick: room.tick(), rate_hz: 30, token: None, code: None };
        client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
        let layout = Layout::new(&Schema::of::<Scene>()).expect("the test's kinds are sound");
        let (frame, last, spawned) = (Frame::default(), room.tick(), BTreeSet::new());
        let told = Vec::new();
        Self { address, seat, truth, layout, client, frame, leftover: None, last, taken: 0, spawned, told, checked }
    }

    /// Takes a frame.
    pub fn deliver(&mut self, message: &[u8]) {
        self.told.extend_from_slice(message);
        self.frame.parse(message).expect("the room's frames are sound");
        let tick = self.frame.head.tick;
        self.check_bytes(message, tick);
        self.check_owned(message, tick);
        let now = Duration::from_millis(u64::from(self.checked.frames) * 33);
        self.client.handle_message(now, message).expect("the room's frames are sound");
        self.checked.frames += 1;
        self.check_events(tick);
        self.check_state(tick);
        self.check_hash();
        self.last = tick;
    }

    /// Whatever stands anywhere in the bytes, decoded or not.
    fn check_bytes(&mut self, message: &[u8], tick: Tick) {
        for mark in Mark::find_all(message) {
            let Mark { of, id, .. } = mark;
            let put = self.truth.put(id, tick);
            match of {
                Of::Entity => {
                    let verdict = put.map(|put| self.truth.verdict(self.seat, &put, tick));
                    let permitted = matches!(verdict, Some(Verdict::Must | Verdict::May));
                    assert!(permitted, "{mark:?} was sent to {:?} at {tick:?}: {verdict:?}", self.seat);
                    self.checked.entity_marks += 1;
                }
                Of::Secret => {
                    let owner = put.and_then(|put| put.owner);
                    assert_eq!(owner, Some(self.seat), "{mark:?} was sent to {:?} at {tick:?}", self.seat);
                    self.checked.secret_marks += 1;
                }
                Of::Event => {
                    let theirs = self.truth.events_for(self.seat, Tick(mark.tick));
                    assert!(theirs.contains(&mark), "{mark:?} was sent to {:?}, who is to have {theirs:?}", self.seat);
                    self.checked.event_marks += 1;
                }
            }
        }
    }

    /// The owned block speaks of the seat's own entities and no other.
    fn check_owned(&self, message: &[u8], tick: Tick) {
        let Some(owned) = self.frame.owned.clone() else { return };
        let mut bits = BitReader::new(&message[owned]);
        let mut ids = Vec::new();
        for _ in 0..bits.count(1).expect("a count") {
            ids.push(bits.read(32).expect("an id"));
            let kind = bits.read(16).expect("a kind") as u16;
            let kind = self.layout.kind(kind).expect("a kind of the test");
            decode_row(kind, Part::Owner, &mut bits, &mut vec![0; kind.lanes()]).expect("owner-only fields");
        }
        bits.all().expect("nothing is left over");
        assert_eq!(ids, self.own(tick), "what {:?} owns at {tick:?}", self.seat);
    }

    /// Exactly the events that are this seat's, each once and in order; of one who starved, or for whom too many waited,
    /// the last of them.
    fn check_events(&mut self, tick: Tick) {
        let since = (1..=tick.since(self.last)).map(|after| self.last.offset(after));
        let due: Vec<Mark> = since.flat_map(|tick| self.truth.events_for(self.seat, tick)).collect();
        self.checked.events += due.len() as u32;
        let mut texts = Vec::new();
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Game(text) => texts.push(text),
                Event::Spawned(id) => assert!(self.spawned.insert(id.0), "{id:?} came twice"),
                Event::Despawned(id) => {
                    assert!(self.spawned.remove(&id.0), "{id:?} is gone, and never was");
                    self.checked.lost_sight += u32::from(self.truth.put(from_wire(id.0), tick).is_some());
                }
                Event::Desync { tick } => panic!("desync at {tick:?}"),
                Event::Joined { .. } | Event::Refused { .. } | Event::Acked { .. } => {}
                Event::Disconnected { .. } | Event::Resumed { .. } => unreachable!("no connection breaks here"),
            }
        }
        let mut due: Vec<String> = due.into_iter().map(Mark::text).collect();
        let is_starved = tick.since(self.last) > STARVED_TICKS && texts.len() >= KEPT_FOR_STARVED;
        let are_many = self.taken + due.len() > EVENTS_MAX && self.taken + texts.len() >= EVENTS_MAX;
        if is_starved || are_many {
            due.drain(..due.len().saturating_sub(texts.len()));
        }
        self.taken = texts.len();
        assert_eq!(texts, due, "events of {:?} from {:?} to {tick:?}", self.seat, self.last);
    }

    /// What must be seen is there as it is, what may not is not.
    fn check_state(&mut self, tick: Tick) {
        if self.truth.sparing == Sparing::default() {
            self.check_newest(tick);
        } else {
            self.check_past(tick);
        }
        let held: BTreeSet<u32> = self.client.newest_all().map(|(id, _)| id.0).collect();
        assert_eq!(held, self.spawned, "what came and went adds up to what is there");
        let mut owned: Vec<u32> = self.client.owned().map(|id| id.0).collect();
        owned.sort_unstable();
        assert_eq!(owned, self.own(tick), "what {:?} owns at {tick:?}", self.seat);
    }

    /// All that is there was permitted when it was so.
    fn check_past(&mut self, tick: Tick) {
        for (id, held) in self.client.newest_all() {
            let from_wire = from_wire(id.0);
            let permitted = self.truth.was_permitted(self.seat, (from_wire, &held), tick);
            assert!(permitted, "{:?} holds {held:?} of {from_wire} at {tick:?}", self.seat);
            let now = self.truth.put(from_wire, tick).map(|put| put.for_seat(self.seat));
            self.checked.held += 1;
            self.checked.old += u32::from(now.is_none_or(|now| now != held));
        }
    }

    fn check_newest(&mut self, tick: Tick) {
        for put in self.truth.all(tick) {
            let (id, seat) = (put.id(), self.seat);
            let held = self.client.newest(id);
            let verdict = self.truth.verdict(seat, &put, tick);
            let counter = match verdict {
                Verdict::Must | Verdict::May => &mut self.checked.held,
                Verdict::Hidden => &mut self.checked.hidden,
                Verdict::Walled => &mut self.checked.walled,
                Verdict::Far => &mut self.checked.far,
            };
            *counter += 1;
            match held {
                Some(held) => {
                    let permitted = matches!(verdict, Verdict::Must | Verdict::May);
                    assert!(permitted, "{seat:?} holds {put:?} at {tick:?}: {verdict:?}");
                    assert_eq!(held, put.for_seat(seat), "what {seat:?} holds of {put:?} at {tick:?}");
                }
                None => assert_ne!(verdict, Verdict::Must, "{seat:?} lacks {put:?} at {tick:?}"),
            }
        }
        let held: BTreeSet<u32> = self.client.newest_all().map(|(id, _)| id.0).collect();
        for id in &held {
            assert!(self.truth.put(from_wire(*id), tick).is_some(), "{id} is a ghost at {tick:?}");
        }
    }

    /// The channels hold what the client shows and nothing besides; but where one is old, an entity may stand in it that
    /// has gone to another. That the server's hashes are the client's is seen either way.
    fn check_hash(&mut self) {
        if self.truth.sparing != Sparing::default() {
            return;
        }
        let hash = |id, thing: &Thing| match thing {
            Thing::Body(body) => self.hash_of(id, body),
            Thing::Flag(flag) => self.hash_of(id, flag),
        };
        let shown = self.client.newest_all().map(|(id, thing)| hash(id, &thing)).fold(0, u64::wrapping_add);
        assert_eq!(self.client.state_hash(), shown as u32, "{:?} holds more than it shows", self.seat);
    }

    fn hash_of<T: Replicate + KindOf<Thing>>(&self, id: EntityId, entity: &T) -> u64 {
        let mut lanes = vec![0; T::LANES];
        entity.to_lanes(&mut lanes);
        entity_hash(self.layout.kind(T::KIND).expect("a kind of the test"), id, T::KIND, &lanes)
    }

    fn own(&self, tick: Tick) -> Vec<u32> {
        let own = self.truth.all(tick).filter(|put| put.owner == Some(self.seat));
        let mut ids: Vec<u32> = own.map(|put| put.id().0).collect();
        ids.sort_unstable();
        ids
    }

    /// With the hashes that the server's were compared to.
    pub fn checked(&self) -> Checked {
        Checked { hashes: self.checked.hashes + self.client.stats().hashes_checked, ..self.checked }
    }
}
