//! What a store makes of what a game published: whatever came before, it holds the same as one that begins anew, and
//! knows when each channel changed; and what is encoded between its states leads from one to the other. Sets that are declared to be as they were are there without being put again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tickwire_server::sync::{Channel, Encoder, Grid, Snapshot, Store};
use tickwire_shared::delta::{
    DeltaScratch, Earlier, EntityRow, Held, KindLayout, Layout, Past, RowBuffer, Rows, decode_delta,
};
use tickwire_shared::publish::{Published, Publisher, SetId};
use tickwire_shared::schema::{KindSchema, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, Replicate, SeatId, Teams, Tick, World};

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Body(Body),
    Mark(Mark),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Body {
    #[field(min = 0, max = 3)]
    shown: u8,
    #[field(min = 0, max = 3, owner)]
    hidden: u8,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Mark {
    on: bool,
}

fn layout() -> Layout {
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    Layout::new(&Schema { game: "settling".into(), version: 0, kinds: Thing::kinds(), input, tables: Vec::new() })
        .expect("a sound schema")
}

/// One entity as the script has it.
#[derive(Clone, Copy, Debug)]
struct Put {
    id: u32,
    spot: u8,
    layer: u8,
    value: u8,
    mark: bool,
    owner: Option<u16>,
}

impl Put {
    /// In the middle of a cell, so that where it was before is of no account.
    fn place(&self) -> Place {
        if self.spot == 0 { Place::Everywhere } else { Place::at(f32::from(self.spot) * 50.0 + 25.0, 25.0) }
    }

    fn layer(&self) -> Layer {
        match self.layer {
            0 => Layer::Public,
            1 => Layer::Teams(Teams::one(1)),
            _ => Layer::Seat(SeatId(1)),
        }
    }

    fn body(&self) -> Body {
        Body { shown: self.value & 1, hidden: self.value >> 1 }
    }
}

fn put() -> impl Strategy<Value = Put> {
    // some of the sets' ids, too
    let id = prop_oneof![8 => 0u32..16, 1 => 100u32..106];
    let owner = prop_oneof![2 => Just(None), 1 => (0u16..3).prop_map(Some)];
    (id, 0u8..3, 0u8..3, 0u8..4, prop::bool::weighted(0.2), owner)
        .prop_map(|(id, spot, layer, value, mark, owner)| Put { id, spot, layer, value, mark, owner })
}

/// What a game does between two ticks.
#[derive(Clone, Debug)]
enum Act {
    Add(prop::sample::Index, Put),
    Remove(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Change(prop::sample::Index, Put),
    /// All are put in the other order.
    Reverse,
    Clear,
    SetTo(u8, Vec<Put>),
    LeaveOut(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), put()).prop_map(|(at, put)| Act::Add(at, put)),
        2 => at().prop_map(Act::Remove),
        1 => (at(), at()).prop_map(|(a, b)| Act::Swap(a, b)),
        4 => (at(), put()).prop_map(|(at, put)| Act::Change(at, put)),
        1 => Just(Act::Reverse),
        1 => Just(Act::Clear),
        2 => (0u8..3, prop::collection::vec(put(), 0..6)).prop_map(|(set, puts)| Act::SetTo(set, puts)),
        1 => (0u8..3).prop_map(Act::LeaveOut),
    ]
}

/// The game.
#[derive(Default)]
struct Scene {
    puts: Vec<Put>,
    /// Version, members; none when it is left out.
    sets: [Option<(u64, Vec<Put>)>; 3],
    version: u64,
    asked: std::cell::Cell<usize>,
}

impl Scene {
    fn act(&mut self, act: &Act) {
        let puts = &mut self.puts;
        match act {
            Act::Add(at, put) => puts.insert(at.index(puts.len() + 1), *put),
            Act::Clear => puts.clear(),
            Act::Reverse => puts.reverse(),
            Act::SetTo(set, members) => {
                self.version += 1;
                // each set has ids of its own
                let own = |put: &Put| Put { id: 100 + u32::from(*set) * 10 + put.id % 8, owner: None, ..*put };
                self.sets[usize::from(*set)] = Some((self.version, members.iter().map(own).collect()));
            }
            Act::LeaveOut(set) => self.sets[usize::from(*set)] = None,
            _ if puts.is_empty() => {}
            Act::Remove(at) => drop(puts.remove(at.index(puts.len()))),
            Act::Swap(a, b) => {
                let (a, b) = (a.index(puts.len()), b.index(puts.len()));
                puts.swap(a, b);
            }
            Act::Change(at, put) => {
                let at = at.index(puts.len());
                puts[at] = Put { id: puts[at].id, ..*put };
            }
        }
    }

    fn publish(&self, out: &mut Published) {
        out.clear();
        let mut out = Publisher::<Thing>::new(out);
        for put in &self.puts {
            let mut out = out.within(put.layer());
            let id = EntityId(put.id);
            match (put.mark, put.owner) {
                (true, _) => out.put(id, put.place(), &Mark { on: put.value > 1 }),
                (_, Some(owner)) => out.put_owned(id, put.place(), SeatId(owner), &put.body()),
                (_, None) => out.put(id, put.place(), &put.body()),
            }
        }
        for (number, set) in (0..).zip(&self.sets) {
            let Some((version, members)) = set else { continue };
            out.set(SetId(number), *version, |set| {
                self.asked.set(self.asked.get() + 1);
                for put in members {
                    set.within(put.layer()).put(EntityId(put.id), put.place(), &put.body());
                }
            });
        }
    }
}

/// Everything in a snapshot: channel, id, kind, row; and who owns what.
type Contents = (Vec<(Channel, EntityId, u16, Vec<u32>)>, Vec<(u16, EntityId, Vec<u32>)>);

fn contents(layout: &Layout, snapshot: &Snapshot) -> Contents {
    let kind = |number: u16| -> &KindLayout { layout.kind(number).expect("a kind of the game") };
    let mut all = Vec::new();
    for channel in snapshot.channels() {
        let rows = snapshot.rows(channel);
        // rows of a channel stand side by side
        let ends = rows.entities.iter().map(|row| row.first + kind(row.kind).lanes());
        assert!(rows.entities.iter().skip(1).map(|row| row.first).eq(ends.take(rows.entities.len() - 1)));
        all.extend(rows.entities.iter().map(|row| (channel, row.id, row.kind, rows.row(kind(row.kind), row).to_vec())));
    }
    assert!(all.is_sorted_by_key(|(channel, id, _, _)| (*channel, *id)));
    let owned = (0..4).flat_map(|seat| {
        let row = |row: &EntityRow| snapshot.all_rows().row(kind(row.kind), row).to_vec();
        snapshot.owned(SeatId(seat)).map(move |entity| (seat, entity.id, row(entity))).collect::<Vec<_>>()
    });
    (all, owned.collect())
}

/// What clients see of a channel.
fn public(layout: &Layout, rows: Rows<'_>) -> Vec<(EntityId, u16, Vec<u32>)> {
    let row = |row: &EntityRow| {
        let kind = layout.kind(row.kind).expect("a kind of the game");
        let mut lanes = rows.row(kind, row).to_vec();
        kind.copy_owner_lanes(&vec![0; kind.lanes()], &mut lanes);
        (row.id, row.kind, lanes)
    };
    rows.entities.iter().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_store_holds_what_one_that_begins_anew_holds(
        script in prop::collection::vec(prop::collection::vec(act(), 0..4), 1..90)
    ) {
        let layout = layout();
        let grid = Grid::new(Interest::Radius(100.0));
        let (mut store, mut published) = (Store::new(layout.clone()), Published::default());
        let mut scene = Scene::default();
        for (number, acts) in (1..).zip(&script) {
            let tick = Tick(number);
            acts.iter().for_each(|act| scene.act(act));
            scene.publish(&mut published);
            let doubled = store.settle(tick, &published, &grid);
            let mut fresh = Store::new(layout.clone());
            let mut all = Published::default();
            scene.publish(&mut all);
            fresh.settle(tick, &all, &grid);

            let (now, truth) = (store.newest().expect("settled"), fresh.newest().expect("settled"));
            let (held, expected) = (contents(&layout, now), contents(&layout, truth));
            // in sets only those of a new version are counted
            let single: BTreeSet<u32> = scene.puts.iter().map(|put| put.id).filter(|id| !in_sets(&scene, *id)).collect();
            let dynamic = scene.puts.len() - single.len();
            prop_assert!(doubled >= dynamic, "{} of {}", doubled, dynamic);
            prop_assert_eq!(held, expected);

            let Some(before) = store.at(tick.offset(-1)) else { continue };
            for channel in before.channels().chain(now.channels()) {
                let same = public(&layout, before.rows(channel)) == public(&layout, now.rows(channel));
                prop_assert_eq!(store.unchanged_since(channel, before.tick()), same, "{:?} at {:?}", channel, tick);
            }
        }
    }

    #[test]
    fn deltas_lead_to_what_is_there_whoever_came_and_went(
        script in prop::collection::vec(prop::collection::vec(act(), 0..3), 4..60)
    ) {
        let (layout, grid) = (layout(), Grid::new(Interest::Radius(100.0)));
        let (mut store, mut published, mut scene) = (Store::new(layout.clone()), Published::default(), Scene::default());
        let (mut encoder, mut scratch, mut there) = <(Encoder, DeltaScratch, RowBuffer)>::default();
        for (number, acts) in (1..).zip(&script) {
            let tick = Tick(number);
            acts.iter().for_each(|act| scene.act(act));
            scene.publish(&mut published);
            store.settle(tick, &published, &grid);
            encoder.clear();
            let past = [1, 2, 3].map(|back| store.at(tick.offset(-back)));
            let [Some(base), Some(before), Some(older)] = past else { continue };
            let now = store.newest().expect("settled");
            let in_step = Held::keyframe(older.tick()).frame(before.tick()).frame(base.tick());
            for channel in base.channels().chain(now.channels()) {
                let rows = [before.rows(channel), older.rows(channel)];
                let earlier = Earlier { rows, spacing: 1, ahead: 1, moved: None };
                // one who has all frames, and one who has but the last
                for (held, earlier) in [(in_step, Some(earlier)), (Held::keyframe(base.tick()), None)] {
                    let (part, _) = encoder.part(&store, channel, Some(held));
                    let past = Past { base: base.rows(channel), earlier };
                    let decoded = decode_delta(&layout, &past, encoder.bits(part), &mut scratch, &mut there);
                    prop_assert_eq!(decoded, Ok(()), "{:?} at {:?}", channel, tick);
                    prop_assert_eq!(public(&layout, there.rows()), public(&layout, now.rows(channel)));
                }
            }
        }
    }
}

fn in_sets(scene: &Scene, id: u32) -> bool {
    scene.sets.iter().flatten().any(|(_, members)| members.iter().any(|put| put.id == id))
}

fn body(id: u32, spot: u8) -> Put {
    Put { id, spot, layer: 0, value: 1, mark: false, owner: None }
}

/// A scene, its store, and the ids that are there.
struct Play {
    scene: Scene,
    published: Published,
    store: Store,
    grid: Grid,
    tick: Tick,
}

impl Play {
    fn new() -> Self {
        let (store, grid) = (Store::new(layout()), Grid::new(Interest::Radius(100.0)));
        Self { scene: Scene::default(), published: Published::default(), store, grid, tick: Tick(0) }
    }

    fn tick(&mut self) -> Vec<u32> {
        self.tick = self.tick.next();
        self.scene.publish(&mut self.published);
        self.store.settle(self.tick, &self.published, &self.grid);
        let mut ids: Vec<u32> =
            self.store.newest().expect("settled").all_rows().entities.iter().map(|row| row.id.0).collect();
        ids.sort_unstable();
        ids
    }
}

#[test]
fn a_set_is_asked_for_when_its_version_changes_and_gone_when_it_is_left_out() {
    let mut play = Play::new();
    play.scene.puts = vec![body(1, 1)];
    play.scene.sets[0] = Some((7, vec![body(20, 1), body(21, 2)]));
    for _ in 0..200 {
        assert_eq!(play.tick(), [1, 20, 21]);
    }
    assert_eq!(play.scene.asked.get(), 1, "it was the same for 200 ticks");
    play.scene.sets[0] = Some((8, vec![body(21, 2), body(22, 2)]));
    assert_eq!(play.tick(), [1, 21, 22]);
    assert_eq!(play.scene.asked.get(), 2);
    let set = play.scene.sets[0].take();
    assert_eq!(play.tick(), [1]);
    assert_eq!(play.tick(), [1]);
    play.scene.sets[0] = set;
    assert_eq!(play.tick(), [1, 21, 22], "it is back, though its version is an old one");
}

#[test]
fn a_set_that_is_as_it_was_changes_no_channel() {
    let mut play = Play::new();
    play.scene.sets[0] = Some((1, (0..50).map(|id| body(id, (id % 3) as u8)).collect()));
    play.tick();
    let settled = play.tick;
    for version in 0..100 {
        // another set goes on changing somewhere else
        play.scene.sets[1] = Some((version, vec![Put { value: (version % 2) as u8, ..body(90, 3) }]));
        assert_eq!(play.tick().len(), 51);
    }
    let (old, now) = (play.tick.offset(-30), play.store.newest().expect("settled"));
    let unchanged = now.channels().filter(|channel| play.store.unchanged_since(*channel, old)).count();
    assert_eq!((unchanged, now.channels().count()), (3, 3 + 1));
    assert!(play.tick.is_after(settled));
}

#[test]
fn an_entity_may_leave_its_set_and_stay() {
    let mut play = Play::new();
    play.scene.sets[0] = Some((1, vec![body(5, 1), body(6, 1)]));
    play.tick();
    play.scene.sets[0] = Some((2, vec![body(6, 1)]));
    play.scene.puts = vec![body(5, 1)];
    assert_eq!(play.tick(), [5, 6]);
    let here = play.store.newest().expect("settled").channels().next().expect("they are there");
    assert!(play.store.unchanged_since(here, play.tick.offset(-1)), "clients see no difference");
    play.scene.puts[0].value = 0;
    play.tick();
    assert!(!play.store.unchanged_since(here, play.tick.offset(-1)), "it is compared again");
}

#[test]
fn an_id_that_is_used_twice_is_counted_and_the_first_one_counts() {
    let mut play = Play::new();
    play.scene.puts = vec![body(1, 1), body(2, 1), Put { value: 0, ..body(1, 2) }];
    for _ in 0..3 {
        assert_eq!(play.tick(), [1, 2]);
        let now = play.store.newest().expect("settled");
        assert_eq!(now.channels().count(), 1, "the first one is in the same cell as the other");
    }
    play.scene.publish(&mut play.published);
    assert_eq!(play.store.settle(play.tick.next(), &play.published, &play.grid), 1);
}

#[test]
fn a_cell_is_left_late_and_a_layer_at_once() {
    let mut play = Play::new();
    let mut channel = |x: f32, layer: Layer| {
        play.tick = play.tick.next();
        play.published.clear();
        let mut out = Publisher::<Thing>::new(&mut play.published);
        out.within(layer).put(EntityId(1), Place::at(x, 0.0), &Mark { on: true });
        play.store.settle(play.tick, &play.published, &play.grid);
        let channels: Vec<Channel> = play.store.newest().expect("settled").channels().collect();
        assert_eq!(channels.len(), 1);
        channels[0]
    };
    let home = channel(49.0, Layer::Public);
    assert_eq!(channel(51.0, Layer::Public), home);
    for layer in [Layer::Seat(SeatId(3)), Layer::Teams(Teams::one(0)), Layer::Public] {
        assert_eq!(channel(51.0, layer), Channel::new(home.cell(), layer));
    }
    assert_ne!(channel(60.0, Layer::Public), home);
}
