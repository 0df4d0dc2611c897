//! What was drawn the last time, by id.

/// An entity as it was told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) id: u32,
    pub(crate) kind: u16,
    /// When it was drawn last.
    pub(crate) mark: u32,
    /// As the server told it for the moment that was drawn.
    pub(crate) row: Vec<u32>,
}

/// A table by open addressing, from which things go many at a time. A `HashMap` takes six times the code.
#[derive(Debug, Default)]
pub(crate) struct Known {
    told: Vec<Told>,
    /// Places in `told`, plus one; 0 is free. A power of two, at least half of them free.
    slots: Vec<u32>,
}

impl Known {
    pub(crate) fn find(&mut self, id: u32) -> Option<&mut Told> {
        let slot = self.slot(id)?;
        self.told.get_mut((self.slots[slot] as usize).wrapping_sub(1))
    }

    /// Adds one that [`Known::find`] does not find.
    pub(crate) fn add(&mut self, told: Told) {
        self.told.push(told);
        if self.told.len() * 2 > self.slots.len() {
            return self.settle();
        }
        self.enter(self.told.len() - 1);
    }

    /// Takes out what was not drawn at `mark`.
    pub(crate) fn take_older(&mut self, mark: u32, mut gone: impl FnMut(Told)) {
        let (before, mut at) = (self.told.len(), 0);
        while let Some(told) = self.told.get(at) {
            if told.mark == mark {
                at += 1;
            } else {
                gone(self.told.swap_remove(at));
            }
        }
        if at < before {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.slots.clear();
        self.slots.resize((self.told.len() * 4).next_power_of_two(), 0);
        for place in 0..self.told.len() {
            self.enter(place);
        }
    }

    fn enter(&mut self, place: usize) {
        if let Some(slot) = self.slot(self.told[place].id) {
            self.slots[slot] = place as u32 + 1;
        }
    }

    /// Where the id is, or would be.
    fn slot(&self, id: u32) -> Option<usize> {
        let last = self.slots.len().checked_sub(1)?;
        // Knuth's multiplicative hash: ids count up, or are a seat's number
        let mut slot = (id.wrapping_mul(0x9e37_79b9) >> 8) as usize & last;
        while let Some(place) = self.slots[slot].checked_sub(1)
            && self.told[place as usize].id != id
        {
            slot = (slot + 1) & last;
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_a_map_holds() {
        let mut rng = tickwire_shared::rng::Rng::new(7);
        let (mut known, mut map) = (Known::default(), BTreeMap::new());
        for mark in 1..200 {
            for _ in 0..rng.below(60) {
                // some lie next to each other, some on one slot
                let id = rng.below(50) * [1, 256, 1 << 24][rng.below(3) as usize];
                match known.find(id) {
                    Some(told) => told.mark = mark,
                    None => known.add(Told { id, kind: 0, mark, row: vec![id] }),
                }
                map.insert(id, mark);
            }
            let keep = if rng.below(4) == 0 { mark } else { mark - 1 };
            for told in &mut known.told {
                told.mark = told.mark.max(keep);
            }
            map.values_mut().for_each(|of| *of = (*of).max(keep));
            let mut gone = 0;
            known.take_older(mark, |told| {
                assert_eq!(map.remove(&told.id), Some(told.mark));
                gone += 1;
            });
            assert!(gone == 0 || keep < mark);
            assert_eq!(known.told.len(), map.len());
            for (id, mark) in &map {
                assert_eq!(known.find(*id).map(|told| (told.id, told.mark)), Some((*id, *mark)));
            }
            assert!((0..50).all(|id| known.find(id).is_some() == map.contains_key(&id)));
        }
    }
}
