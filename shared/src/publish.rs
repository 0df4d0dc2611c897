//! Immediate-mode publishing: after each tick a game says what there is, and the host works out what changed.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::publish::Published;
//!
//! let mut published = Published::default(); // a host's, for all ticks
//! for tick in 1..=3 {
//!     published.clear();
//!     let mut out = Publisher::<Kinds>::new(&mut published);
//!     out.put(EntityId(1), Place::Everywhere, &Thing { at: [0.0; 2], coins: tick });
//! }
//! assert_eq!((published.entities.len(), published.lanes[2]), (1, 3), "what was not put again is gone");
//! ```

use std::marker::PhantomData;

use crate::game::{EntityId, SeatId};
use crate::interest::{Layer, Sight};
use crate::schema::{KindOf, Replicate};

/// Where an entity is, for interest.
///
/// ```
/// use tickwire_shared::Place;
///
/// assert_eq!(Place::at(3.0, 4.0), Place::At { x: 3.0, y: 4.0 }); // who is near receives it
/// let scores = Place::Everywhere; // everybody does
/// # let _ = scores;
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Place {
    /// At a point of the plane that interest is reckoned in; any finite numbers.
    At {
        /// First coordinate.
        x: f32,
        /// Second coordinate.
        y: f32,
    },
    /// Wherever one looks: every client that sees its layer receives it.
    Everywhere,
}

impl Place {
    /// At a point.
    #[must_use]
    pub const fn at(x: f32, y: f32) -> Self {
        Self::At { x, y }
    }
}

/// One entity as the game put it.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::publish::Published;
///
/// let mut published = Published::default();
/// let runner = Thing { at: [1.0, 2.0], coins: 3 };
/// Publisher::<Kinds>::new(&mut published).put_owned(EntityId(2), Place::at(1.0, 2.0), SeatId(0), &runner);
/// let put = published.entities[0];
/// assert_eq!((put.id, put.kind, put.owner, put.layer), (EntityId(2), 0, Some(SeatId(0)), Layer::Public));
/// assert_eq!(Thing::from_lanes(&published.lanes[put.first_lane..]), runner.quantized());
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PutEntity {
    /// Its name.
    pub id: EntityId,
    /// Its kind's number.
    pub kind: u16,
    /// Where it is.
    pub place: Place,
    /// Who may see it.
    pub layer: Layer,
    /// Who receives its owner-only fields.
    pub owner: Option<SeatId>,
    /// Where its row begins in [`Published::lanes`].
    pub first_lane: usize,
}

/// A set's name in its room, chosen by the game. See [`Publisher::set`].
///
/// ```
/// use tickwire_shared::publish::SetId;
///
/// const ROCKS: SetId = SetId(1);
/// const WALLS: SetId = SetId(2); // numbers of its own: an entity may have the same one
/// assert!(ROCKS < WALLS);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SetId(pub u32);

/// Entities that change together and seldom.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::publish::{Published, SetId};
///
/// let mut published = Published::default();
/// let coin = Thing { at: [9.0, 9.0], coins: 0 };
/// Publisher::<Kinds>::new(&mut published).set(SetId(1), 7, |set| set.put(EntityId(1), Place::Everywhere, &coin));
/// let set = &published.sets()[0];
/// assert_eq!((set.version, set.entities.len(), set.is_put()), (7, 1, true));
/// published.clear();
/// assert!(!published.sets()[0].is_put() && published.set(SetId(1)).is_none(), "remembered for the next tick");
/// ```
#[derive(Clone, Debug)]
pub struct PutSet {
    /// Its name.
    pub id: SetId,
    /// As long as it is the same, so are the entities.
    pub version: u64,
    /// In the order in which they were put.
    pub entities: Vec<PutEntity>,
    /// Their rows, one after another.
    pub lanes: Vec<u32>,
    /// The layer that it was put into; in another one its entities are put anew.
    pub layer: Layer,
    is_put: bool,
}

impl PutSet {
    /// Whether it was put in this tick; else it is only remembered.
    #[must_use]
    pub fn is_put(&self) -> bool {
        self.is_put
    }
}

/// All that a game put in one tick. Hosts keep one and clear it: no allocation once warm.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::publish::Published;
///
/// let game = Coins::new((), &mut Setup::new(7))?;
/// let mut published = Published::default();
/// game.publish(&mut Publisher::new(&mut published));
/// assert_eq!(published.entities[0].place, Place::Everywhere, "the coin");
/// assert!(published.looks.is_empty() && published.sights.is_empty() && published.sets().is_empty());
/// # Ok::<(), Refusal>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// In the order in which they were put; without those of sets.
    pub entities: Vec<PutEntity>,
    /// Their rows, one after another.
    pub lanes: Vec<u32>,
    /// Sorted by id.
    sets: Vec<PutSet>,
    /// Where each seat looks.
    pub looks: Vec<(SeatId, f32, f32)>,
    /// What each seat sees of the layers.
    pub sights: Vec<(SeatId, Sight)>,
}

impl Published {
    /// Forgets all, keeps the memory; of sets that were put, it remembers what was in them.
    pub fn clear(&mut self) {
        self.sets.retain_mut(|set| std::mem::take(&mut set.is_put));
        self.entities.clear();
        self.lanes.clear();
        self.looks.clear();
        self.sights.clear();
    }

    /// All sets, sorted by id, those that are only remembered too.
    #[must_use]
    pub fn sets(&self) -> &[PutSet] {
        &self.sets
    }

    /// The set `id` and its place among [`Published::sets`], if it was put.
    #[must_use]
    pub fn set(&self, id: SetId) -> Option<(usize, &PutSet)> {
        let place = self.sets.binary_search_by_key(&id, |set| set.id).ok()?;
        Some((place, &self.sets[place])).filter(|(_, set)| set.is_put)
    }
}

/// What [`Game::publish`](crate::game::Game::publish) writes to.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::publish::Published;
///
/// const RED: Teams = Teams::one(0);
/// let (coin, runner) = (Thing { at: [9.0, 9.0], coins: 0 }, Thing { at: [1.0, 2.0], coins: 3 });
/// let mut published = Published::default();
/// let mut out = Publisher::<Kinds>::new(&mut published); // hosts make it
/// out.put(EntityId(1), Place::Everywhere, &coin);
/// out.put_owned(EntityId(2), Place::at(1.0, 2.0), SeatId(0), &runner);
/// out.within(Layer::Teams(RED)).put(EntityId(3), Place::Everywhere, &coin); // for one team
/// out.look(SeatId(0), 1.0, 2.0); // what is near is sent
/// out.sight(SeatId(0), Sight::Teams(RED)); // of these layers
/// assert_eq!((published.entities.len(), published.looks.len()), (3, 1));
/// ```
pub struct Publisher<'a, W> {
    out: &'a mut Published,
    layer: Layer,
    world: PhantomData<fn(W)>,
}

impl<'a, W> Publisher<'a, W> {
    /// For hosts: a publisher that adds to `out`.
    pub fn new(out: &'a mut Published) -> Self {
        Self { out, layer: Layer::Public, world: PhantomData }
    }

    /// A publisher whose entities lie in `layer`: `out.within(Layer::Teams(RED)).put(…)`. Without it they are public.
    #[must_use]
    pub fn within(&mut self, layer: Layer) -> Publisher<'_, W> {
        Publisher { out: self.out, layer, world: PhantomData }
    }

    /// There is an entity `id` at `place`. Of an id that is put twice in a tick the first counts; the server warns of it
    /// and counts it (`tickwire_game_faults_total`).
    pub fn put<T: KindOf<W>>(&mut self, id: EntityId, place: Place, entity: &T) {
        self.add(id, place, None, entity);
    }

    /// As [`Publisher::put`], and `owner` receives its owner-only fields and is told that it is theirs, wherever it is
    /// and in whatever layer. To see the rest of it the owner must see place and layer, as everybody.
    pub fn put_owned<T: KindOf<W>>(&mut self, id: EntityId, place: Place, owner: SeatId, entity: &T) {
        self.add(id, place, Some(owner), entity);
    }

    /// There are the entities of set `id`, for which `put` is only called when `version` is another than at the tick
    /// before, or this publisher's layer is, or the set was not put then: what is declared to be as it was costs next to
    /// nothing. A set that is not put is gone, and its entities with it. An entity lies in one set, or in none.
    ///
    /// ```
    /// # use tickwire_shared::publish::SetId;
    /// # use tickwire_shared::{EntityId, Place, Publisher, Replicate, World};
    /// # #[derive(World)]
    /// # enum Thing { Rock(Rock) }
    /// # #[derive(Replicate)]
    /// # struct Rock { hard: bool }
    /// # struct Quarry { rocks: Vec<(f32, f32, Rock)>, blown_up: u64 }
    /// # impl Quarry {
    /// fn publish(&self, out: &mut Publisher<'_, Thing>) {
    ///     // the rocks change when one is blown up, and else never
    ///     out.set(SetId(1), self.blown_up, |set| {
    ///         for (id, (x, y, rock)) in (1000..).zip(&self.rocks) {
    ///             set.put(EntityId(id), Place::at(*x, *y), rock);
    ///         }
    ///     });
    /// }
    /// # }
    /// ```
    pub fn set(&mut self, id: SetId, version: u64, put: impl FnOnce(&mut SetPublisher<'_, W>)) {
        let place = self.out.sets.binary_search_by_key(&id, |set| set.id).unwrap_or_else(|place| {
            let (entities, lanes, layer) = (Vec::new(), Vec::new(), self.layer);
            let set = PutSet { id, version: !version, entities, lanes, layer, is_put: false };
            self.out.sets.insert(place, set);
            place
        });
        let set = &mut self.out.sets[place];
        set.is_put = true;
        if set.version != version || set.layer != self.layer {
            (set.version, set.layer) = (version, self.layer);
            set.entities.clear();
            set.lanes.clear();
            put(&mut SetPublisher { out: set, layer: self.layer, world: PhantomData });
        }
    }

    /// The player of `seat` looks at (`x`, `y`): what lies around it is sent. A seat whose look is not put keeps the
    /// last one; one that never looked receives only what is everywhere.
    pub fn look(&mut self, seat: SeatId, x: f32, y: f32) {
        self.out.looks.push((seat, x, y));
    }

    /// What `seat` sees of the layers beside the public one and its own. A seat whose sight is not put keeps the last
    /// one; a newcomer is in no team. What it sees no more it loses with its next frame.
    pub fn sight(&mut self, seat: SeatId, sight: Sight) {
        self.out.sights.push((seat, sight));
    }

    fn add<T: KindOf<W>>(&mut self, id: EntityId, place: Place, owner: Option<SeatId>, entity: &T) {
        let first_lane = add_lanes(entity, &mut self.out.lanes);
        self.out.entities.push(PutEntity { id, kind: T::KIND, place, layer: self.layer, owner, first_lane });
    }
}

/// What [`Publisher::set`] lends to say what is in a set.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::publish::{Published, SetId};
///
/// let mut published = Published::default();
/// let coin = Thing { at: [9.0, 9.0], coins: 0 };
/// Publisher::<Kinds>::new(&mut published).set(SetId(1), 0, |set| {
///     set.put(EntityId(1), Place::Everywhere, &coin);
///     set.within(Layer::Seat(SeatId(3))).put(EntityId(2), Place::Everywhere, &coin); // one player's secret
/// });
/// let (_, set) = published.set(SetId(1)).unwrap();
/// assert_eq!(set.entities[1].layer, Layer::Seat(SeatId(3)));
/// ```
pub struct SetPublisher<'a, W> {
    out: &'a mut PutSet,
    layer: Layer,
    world: PhantomData<fn(W)>,
}

impl<W> SetPublisher<'_, W> {
    /// As [`Publisher::within`].
    #[must_use]
    pub fn within(&mut self, layer: Layer) -> SetPublisher<'_, W> {
        SetPublisher { out: self.out, layer, world: PhantomData }
    }

    /// As [`Publisher::put`].
    pub fn put<T: KindOf<W>>(&mut self, id: EntityId, place: Place, entity: &T) {
        let first_lane = add_lanes(entity, &mut self.out.lanes);
        self.out.entities.push(PutEntity { id, kind: T::KIND, place, layer: self.layer, owner: None, first_lane });
    }
}

/// Quantizes into `lanes`; tells where.
#[inline]
fn add_lanes<T: Replicate>(entity: &T, lanes: &mut Vec<u32>) -> usize {
    let first = lanes.len();
    lanes.resize(first + T::LANES, 0);
    entity.to_lanes(&mut lanes[first..]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::Teams;
    use crate::schema::KindSchema;

    struct Rock;

    impl Replicate for Rock {
        const LANES: usize = 0;
        fn schema() -> KindSchema {
            KindSchema { name: "Rock".into(), fields: Vec::new() }
        }
        fn to_lanes(&self, _: &mut [u32]) {}
        fn from_lanes(_: &[u32]) -> Self {
            Self
        }
        fn from_lanes_between(_: &[u32], _: &[u32], _: f32) -> Self {
            Self
        }
    }

    impl KindOf<()> for Rock {
        const KIND: u16 = 0;
    }

    #[test]
    fn a_set_that_is_put_into_another_layer_is_in_that_one_whatever_its_version() {
        let mut published = Published::default();
        for layer in [Layer::Public, Layer::Teams(Teams::one(0)), Layer::Public] {
            published.clear();
            let mut out = Publisher::<()>::new(&mut published);
            out.within(layer).set(SetId(1), 7, |set| set.put(EntityId(1), Place::Everywhere, &Rock));
            let (_, set) = published.set(SetId(1)).expect("it was put");
            assert_eq!(set.entities[0].layer, layer);
        }
    }
}
