//! How many bots a server holds: the search for the largest number at which the thresholds still hold.
//!
//! Doubling until it fails, then halving the gap, then the number found must hold again as often as asked. A number
//! fails only when it has failed as often: one bad second of the machine's must not say the answer.

use serde::Serialize;

/// What a run with so many bots came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trial {
    /// The thresholds hold.
    Holds,
    /// They do not.
    Fails,
    /// The swarm was the limit, so nobody knows.
    SwarmLimited,
}

/// What is known in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The server holds so many, and fails above.
    Holds(usize),
    /// It holds at least so many: no more were tried.
    AtLeast(usize, Ceiling),
    /// Not even the fewest.
    Nothing,
}

/// Why no more were tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ceiling {
    /// More were not asked for.
    Asked,
    /// The swarm itself could not do more.
    Swarm,
}

/// The search. Ask [`Search::next`] for a number, try it, and tell by [`Search::tried`].
#[derive(Clone, Debug)]
pub struct Search {
    holds: usize,
    /// The fewest that are too many, and why.
    too_many: Option<(usize, Trial)>,
    from: usize,
    most: usize,
    repeats: usize,
    confirmed: usize,
    /// The number that failed last, and how often in a row.
    failing: (usize, usize),
}

impl Search {
    /// From so many upwards, at most so many; the answer must hold `repeats` times more, and what fails must fail as
    /// often.
    #[must_use]
    pub fn new(from: usize, most: usize, repeats: usize) -> Self {
        let (most, from) = (most.max(1), from.clamp(1, most.max(1)));
        Self { holds: 0, too_many: None, from, most, repeats, confirmed: 0, failing: (0, 0) }
    }

    /// How many to try; none when the answer is known.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        if self.failing.1 > 0 {
            return Some(self.failing.0);
        }
        let step = match self.too_many {
            None if self.holds == 0 => Some(self.from),
            None if self.holds >= self.most => None,
            None => Some((self.holds * 2).min(self.most)),
            Some((most, _)) => {
                // a twentieth is finer than two runs agree
                let fine = (most / 20).max(1);
                (most - self.holds > fine).then_some(self.holds + (most - self.holds) / 2)
            }
        };
        step.or_else(|| (self.holds > 0 && self.confirmed < self.repeats).then_some(self.holds))
    }

    /// So many were tried.
    pub fn tried(&mut self, bots: usize, trial: Trial) {
        let failures = if self.failing.0 == bots { self.failing.1 } else { 0 };
        self.failing = (bots, 0);
        match trial {
            Trial::Holds if bots == self.holds => self.confirmed += 1,
            Trial::Holds => {
                self.holds = bots;
                self.confirmed = 0;
            }
            Trial::Fails | Trial::SwarmLimited if failures < self.repeats => self.failing = (bots, failures + 1),
            Trial::Fails | Trial::SwarmLimited => {
                self.too_many = Some((bots, trial));
                if bots <= self.holds {
                    // it held once by luck, so did perhaps all below
                    self.holds = 0;
                    self.confirmed = 0;
                }
            }
        }
    }

    /// What is known.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self.too_many {
            _ if self.holds == 0 => Answer::Nothing,
            None => Answer::AtLeast(self.holds, Ceiling::Asked),
            Some((_, Trial::SwarmLimited)) => Answer::AtLeast(self.holds, Ceiling::Swarm),
            Some(_) => Answer::Holds(self.holds),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(holds: usize, most: usize) -> (Answer, usize) {
        let (mut search, mut trials) = (Search::new(10, most, 1), 0);
        while let Some(bots) = search.next() {
            trials += 1;
            assert!(trials < 60, "no end");
            search.tried(bots, if bots <= holds { Trial::Holds } else { Trial::Fails });
        }
        (search.answer(), trials)
    }

    #[test]
    fn what_holds_everywhere_holds_at_least_what_was_asked() {
        assert_eq!(search(1_000, 100).0, Answer::AtLeast(100, Ceiling::Asked));
        assert_eq!(search(0, 100).0, Answer::Nothing);
    }

    #[test]
    fn a_swarm_at_its_limit_proves_nothing_about_the_server() {
        let mut search = Search::new(10, 1_000, 0);
        while let Some(bots) = search.next() {
            search.tried(bots, if bots <= 300 { Trial::Holds } else { Trial::SwarmLimited });
        }
        assert!(matches!(search.answer(), Answer::AtLeast(280..=300, Ceiling::Swarm)), "{:?}", search.answer());
    }

    #[test]
    fn luck_does_not_hold() {
        let (mut search, mut lucky) = (Search::new(10, 1_000, 2), true);
        while let Some(bots) = search.next() {
            let holds = bots <= 100 || bots <= 130 && std::mem::take(&mut lucky);
            search.tried(bots, if holds { Trial::Holds } else { Trial::Fails });
        }
        assert!(matches!(search.answer(), Answer::Holds(85..=130)), "{:?}", search.answer());
    }

    #[test]
    fn one_bad_second_of_the_machines_does_not_count() {
        let (mut search, mut trials) = (Search::new(10, 1_000, 1), 0_usize);
        while let Some(bots) = search.next() {
            trials += 1;
            // every third trial fails, whatever it is of
            let holds = bots <= 300 && !trials.is_multiple_of(3);
            search.tried(bots, if holds { Trial::Holds } else { Trial::Fails });
        }
        assert!(matches!(search.answer(), Answer::Holds(285..=300)), "{:?}", search.answer());
    }

    proptest! {
        #[test]
        fn the_answer_is_within_a_twentieth_and_found_soon(holds in 1usize..50_000) {
            let (answer, trials) = search(holds, 60_000);
            let Answer::Holds(found) = answer else { panic!("{answer:?}") };
            prop_assert!(found <= holds && holds - found <= holds / 15 + 2, "{found} of {holds}");
            prop_assert!(trials <= 45);
        }
    }
}
