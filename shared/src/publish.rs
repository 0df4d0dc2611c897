//! Immediate-mode publishing: after each tick a game says what there is, and the host works out what changed.

use std::marker::PhantomData;

use crate::game::{EntityId, SeatId};
use crate::interest::{Layer, Sight};
use crate::schema::KindOf;

/// Where an entity is, for interest.
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

/// All that a game put in one tick. Hosts keep one and clear it: no allocation once warm.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// In the order in which they were put.
    pub entities: Vec<PutEntity>,
    /// Their rows, one after another.
    pub lanes: Vec<u32>,
    /// Where each seat looks.
    pub looks: Vec<(SeatId, f32, f32)>,
    /// What each seat sees of the layers.
    pub sights: Vec<(SeatId, Sight)>,
}

impl Published {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.entities.clear();
        self.lanes.clear();
        self.looks.clear();
        self.sights.clear();
    }
}

/// What [`Game::publish`](crate::game::Game::publish) writes to.
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

    /// There is an entity `id` at `place`.
    pub fn put<T: KindOf<W>>(&mut self, id: EntityId, place: Place, entity: &T) {
        self.add(id, place, None, entity);
    }

    /// As [`Publisher::put`], and `owner` receives its owner-only fields and is told that it is theirs, wherever it is
    /// and in whatever layer. To see the rest of it the owner must see place and layer, as everybody.
    pub fn put_owned<T: KindOf<W>>(&mut self, id: EntityId, place: Place, owner: SeatId, entity: &T) {
        self.add(id, place, Some(owner), entity);
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
        let first_lane = self.out.lanes.len();
        self.out.lanes.resize(first_lane + T::LANES, 0);
        entity.to_lanes(&mut self.out.lanes[first_lane..]);
        self.out.entities.push(PutEntity { id, kind: T::KIND, place, layer: self.layer, owner, first_lane });
    }
}
