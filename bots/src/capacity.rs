//! How many bots a server holds: the search for the largest number at which the thresholds still hold.
//!
//! Doubling until it fails, then halving the gap, then the number found must hold again as often as asked. A number
//! fails only when it has failed as often: one bad second of the machine's must not say the answer. Where the swarm is
//! the limit nothing is learned of the server: that is tried again once, and the gap is narrowed less.

use std::time::Duration;

use serde::Serialize;

/// The gap is narrowed to this part of the number that fails: finer than two runs agree.
const FINE: usize = 20;
/// The same where the swarm was the limit: it says little about the server where exactly that is.
const FINE_OF_THE_SWARM: usize = 8;

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
    /// The swarm was the limit with whatever number, so nothing is known of the server.
    Unknown,
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
    /// The number that failed last, and how often in a row: by itself, and by the swarm.
    failing: (usize, [usize; 2]),
}

impl Search {
    /// From so many upwards, at most so many; the answer must hold `repeats` times more, and what fails must fail as
    /// often.
    #[must_use]
    pub fn new(from: usize, most: usize, repeats: usize) -> Self {
        let (most, from) = (most.max(1), from.clamp(1, most.max(1)));
        Self { holds: 0, too_many: None, from, most, repeats, confirmed: 0, failing: (0, [0; 2]) }
    }

    /// How many to try; none when the answer is known.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        if self.failing.1 != [0; 2] {
            return Some(self.failing.0);
        }
        let step = match self.too_many {
            None if self.holds == 0 => Some(self.from),
            None if self.holds >= self.most => None,
            None => Some((self.holds * 2).min(self.most)),
            Some((most, why)) => {
                let fine = most / if why == Trial::SwarmLimited { FINE_OF_THE_SWARM } else { FINE };
                let fine = fine.max(1);
                (most - self.holds > fine).then_some(self.holds + (most - self.holds) / 2)
            }
        };
        step.or_else(|| (self.holds > 0 && self.confirmed < self.repeats).then_some(self.holds))
    }

    /// So many were tried.
    pub fn tried(&mut self, bots: usize, trial: Trial) {
        let mut failures = if self.failing.0 == bots { self.failing.1 } else { [0; 2] };
        let counted = &mut failures[usize::from(trial == Trial::SwarmLimited)];
        let again = match trial {
            // what it cannot do it can do no better the third time, nor with some fewer; who held once is asked again
            Trial::SwarmLimited => self.repeats.min(usize::from(self.too_many.is_none() || bots <= self.holds)),
            Trial::Holds | Trial::Fails => self.repeats,
        };
        self.failing = (bots, [0; 2]);
        match trial {
            Trial::Holds if bots == self.holds => self.confirmed += 1,
            Trial::Holds => {
                self.holds = bots;
                self.confirmed = 0;
            }
            Trial::Fails | Trial::SwarmLimited if *counted < again => {
                *counted += 1;
                self.failing = (bots, failures);
            }
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

    /// The fewest and the most that may be tried first; fewer are when not even those hold.
    #[must_use]
    pub fn range(&self) -> (usize, usize) {
        (self.from, self.most)
    }

    /// What is known.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self.too_many {
            Some((_, Trial::SwarmLimited)) if self.holds == 0 => Answer::Unknown,
            _ if self.holds == 0 => Answer::Nothing,
            None => Answer::AtLeast(self.holds, Ceiling::Asked),
            Some((_, Trial::SwarmLimited)) => Answer::AtLeast(self.holds, Ceiling::Swarm),
            Some(_) => Answer::Holds(self.holds),
        }
    }
}

/// How long a search takes at most, wherever its answer lies, when a run with so many bots takes so long; with a
/// quarter more for numbers that hold or fail by luck.
#[must_use]
pub fn longest(search: &Search, run: impl Fn(usize) -> Duration) -> Duration {
    let mut longest = Duration::ZERO;
    let mut holds = 0;
    while holds <= search.most {
        for beyond in [Trial::Fails, Trial::SwarmLimited] {
            let (mut search, mut whole) = (search.clone(), Duration::ZERO);
            while let Some(bots) = search.next() {
                whole += run(bots);
                search.tried(bots, if bots <= holds { Trial::Holds } else { beyond });
            }
            longest = longest.max(whole);
        }
        holds += (holds / 50).max(1);
    }
    longest.mul_f64(1.25)
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
        assert!(matches!(search.answer(), Answer::AtLeast(265..=300, Ceiling::Swarm)), "{:?}", search.answer());
    }

    #[test]
    fn one_late_moment_of_the_swarm_takes_nothing_back_that_is_known_of_the_server() {
        let (mut search, mut is_late) = (Search::new(1_200, 2_400, 1), false);
        while let Some(bots) = search.next() {
            let again = search.too_many.is_some_and(|(most, _)| most - search.holds <= most / FINE) && !is_late;
            is_late |= again;
            let trial = if bots <= 1_230 { Trial::Holds } else { Trial::Fails };
            search.tried(bots, if again { Trial::SwarmLimited } else { trial });
        }
        assert!(is_late && matches!(search.answer(), Answer::Holds(1_170..=1_230)), "{:?}", search.answer());
    }

    #[test]
    fn a_swarm_at_its_limit_is_not_asked_again_and_again() {
        let (mut search, mut tried) = (Search::new(300, 2_400, 3), Vec::new());
        while let Some(bots) = search.next() {
            tried.push(bots);
            search.tried(bots, if bots <= 1_200 { Trial::Holds } else { Trial::SwarmLimited });
        }
        assert_eq!(tried, [300, 600, 1_200, 2_400, 2_400, 1_800, 1_500, 1_350, 1_200, 1_200, 1_200]);
        assert_eq!(search.answer(), Answer::AtLeast(1_200, Ceiling::Swarm));
    }

    #[test]
    fn what_the_server_failed_at_and_what_the_swarm_did_are_counted_apart() {
        let after = |repeats, trials: &[Trial]| {
            let mut search = Search::new(100, 100, repeats);
            for trial in trials {
                assert_eq!(search.next(), Some(100), "{trials:?}");
                search.tried(100, *trial);
            }
            search.too_many.map(|(_, why)| why)
        };
        use Trial::{Fails, SwarmLimited};
        assert_eq!(after(1, &[SwarmLimited, Fails]), None, "it failed once");
        assert_eq!(after(1, &[SwarmLimited, Fails, Fails]), Some(Fails));
        assert_eq!(after(3, &[Fails, Fails, Fails, SwarmLimited]), None, "one late moment takes nothing back");
        assert_eq!(after(3, &[Fails, Fails, Fails, SwarmLimited, Fails]), Some(Fails));
    }

    #[test]
    fn of_a_swarm_that_is_always_late_nothing_is_learned() {
        let (mut search, mut trials) = (Search::new(300, 2_400, 1), 0);
        while let Some(bots) = search.next() {
            search.tried(bots, Trial::SwarmLimited);
            trials += 1;
        }
        assert_eq!(search.answer(), Answer::Unknown, "the server was not judged");
        assert!(trials <= 10, "{trials}");
    }

    #[test]
    fn how_long_it_takes_is_known_beforehand() {
        let run = |bots: usize| Duration::from_secs_f64(13.0 + bots as f64 / 400.0);
        let search = Search::new(300, 2_400, 1);
        let most = longest(&search, run);
        assert!((Duration::from_secs(120)..Duration::from_secs(420)).contains(&most), "{most:?}");
        for holds in [0, 1, 300, 1_200, 1_777, 2_400, 5_000] {
            let (mut search, mut whole) = (search.clone(), Duration::ZERO);
            while let Some(bots) = search.next() {
                whole += run(bots);
                search.tried(bots, if bots <= holds { Trial::Holds } else { Trial::Fails });
            }
            assert!(whole <= most, "{holds}: {whole:?} of {most:?}");
        }
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
