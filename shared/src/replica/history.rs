//! The states of one entity, each from when it became so: in one piece of memory, since a client that draws hundreds of
//! entities waits for memory more than for anything else.

use crate::tick::Tick;

/// Rows of one width, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    /// A tick and its row each; what stands before `start` is forgotten.
    words: Vec<u32>,
    start: usize,
    /// Words of one state.
    stride: usize,
}

impl History {
    /// For rows of so many lanes, in memory of which nothing is kept.
    pub(super) fn new(lanes: usize, mut words: Vec<u32>) -> Self {
        words.clear();
        Self { words, start: 0, stride: lanes + 1 }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.start = 0;
    }

    pub(super) fn into_words(self) -> Vec<u32> {
        self.words
    }

    pub(super) fn len(&self) -> usize {
        (self.words.len() - self.start) / self.stride
    }

    pub(super) fn get(&self, at: usize) -> Option<(Tick, &[u32])> {
        let from = self.start + at * self.stride;
        let (tick, row) = self.words.get(from..from + self.stride)?.split_first()?;
        Some((Tick(*tick), row))
    }

    /// Whether there are so many states or more: without the division that [`History::len`] takes.
    #[inline]
    pub(super) fn has(&self, states: usize) -> bool {
        self.words.len() - self.start >= states * self.stride
    }

    #[inline]
    pub(super) fn last(&self) -> Option<(Tick, &[u32])> {
        let (tick, row) = self.words[self.last_word()?..].split_first()?;
        Some((Tick(*tick), row))
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut [u32]> {
        let from = self.last_word()?;
        Some(&mut self.words[from + 1..])
    }

    /// Where the newest state begins.
    #[inline]
    fn last_word(&self) -> Option<usize> {
        self.words.len().checked_sub(self.stride).filter(|from| *from >= self.start)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (Tick, &[u32])> {
        self.words[self.start..].chunks_exact(self.stride).map(|state| (Tick(state[0]), &state[1..]))
    }

    /// Adds a state: the row of the one before it, with what `fill` makes of it.
    #[inline]
    pub(super) fn push_like_last(&mut self, tick: Tick, fill: impl FnOnce(&mut [u32])) {
        let from = self.words.len();
        match self.last_word() {
            Some(last) => self.words.extend_from_within(last..),
            None => self.words.resize(from + self.stride, 0),
        }
        self.words[from] = tick.0;
        fill(&mut self.words[from + 1..]);
    }

    /// Adds a whole state.
    #[inline]
    pub(super) fn push(&mut self, tick: Tick, row: &[u32]) {
        debug_assert_eq!(row.len() + 1, self.stride, "rows of one width");
        self.words.push(tick.0);
        self.words.extend_from_slice(row);
    }

    /// Forgets the oldest state.
    #[inline]
    pub(super) fn pop_front(&mut self) {
        self.start += self.stride;
        // each word is moved once for each that is forgotten, at most
        if self.start * 2 >= self.words.len() {
            self.words.copy_within(self.start.., 0);
            self.words.truncate(self.words.len() - self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::VecDeque;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue_of_rows(lanes in 0usize..4, steps in prop::collection::vec(any::<Option<u32>>(), 0..60)) {
            let (mut history, mut model) = (History::new(lanes, vec![7; 9]), VecDeque::<(Tick, Vec<u32>)>::new());
            for step in steps {
                match step {
                    Some(value) => {
                        let mut row = model.back().map_or(vec![0; lanes], |(_, row)| row.clone());
                        row.iter_mut().take(1).for_each(|lane| *lane = value);
                        if value % 2 == 0 {
                            history.push(Tick(value), &row);
                        } else {
                            history.push_like_last(Tick(value), |new| new.copy_from_slice(&row));
                        }
                        model.push_back((Tick(value), row));
                    }
                    None if !model.is_empty() => {
                        history.pop_front();
                        model.pop_front();
                    }
                    None => {}
                }
                let rows = || model.iter().map(|(tick, row)| (*tick, &**row));
                prop_assert!(history.iter().eq(rows()));
                prop_assert_eq!(history.len(), model.len());
                prop_assert!(history.has(model.len()) && !history.has(model.len() + 1));
                prop_assert_eq!(history.last(), rows().next_back());
                prop_assert!((0..=model.len()).map(|at| history.get(at)).eq(rows().map(Some).chain([None])));
            }
        }
    }
}
