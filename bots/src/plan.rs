//! What a swarm is to do: who the bots are, and what happens when.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime};

use tickwire_shared::native::Trust;
use tickwire_shared::{JoinRequest, Rng};

use crate::link::Conditions;
use crate::threshold::{Scope, Threshold, Undecidable};
use crate::worker::Act;

/// A bot whose connection broke comes back after the shorter of these, and at most after the longer.
const BACK_OFF_MS: (f32, f32) = (50.0, 500.0);
/// The latter.
pub(crate) const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// What is asked of a swarm.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server's session address.
    pub url: String,
    /// Whose certificates are taken over `wss://`.
    pub trust: Trust,
    /// Where all dice come from: bot `i` gets `seed + i`.
    pub seed: u64,
    /// How bots ask for their seats; behind the name of bot `i` comes `i`.
    pub request: JoinRequest,
    /// Threads that the bots run on, at least 1.
    pub threads: usize,
    /// Which part of the bots runs here.
    pub shard: Shard,
    /// When all shards begin; at once if it is left out.
    pub start_at: Option<SystemTime>,
    /// What sorts of bots there are, at least one.
    pub groups: Vec<Group>,
    /// What happens, in order.
    pub phases: Vec<Phase>,
    /// What must hold in the end.
    pub thresholds: Vec<Threshold>,
}

/// A part of a swarm, for one of several machines: every `of`-th bot from `number` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    /// From 0.
    pub number: usize,
    /// At least 1.
    pub of: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { number: 0, of: 1 }
    }
}

impl Shard {
    /// Whether bot `index` is here.
    #[must_use]
    pub fn has(&self, index: usize) -> bool {
        index % self.of == self.number
    }

    /// Which of the bots that are here it is, counted from 0.
    #[must_use]
    pub fn place(&self, index: usize) -> usize {
        index / self.of
    }
}

/// How much a bot looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Depth {
    /// A whole client: decodes, compares hashes, behaves.
    #[default]
    Play,
    /// Counts and times frames.
    Watch,
}

/// One sort of bots.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Of all bots, in parts: groups of 3 and 1 are three quarters and one.
    pub share: f64,
    /// How much they look at.
    pub depth: Depth,
    /// Name of their behaviour; none for the game's usual one.
    pub behaviour: Option<String>,
    /// What their links are like.
    pub link: Conditions,
    /// They misbehave; see [`Chaotic`](crate::session::Chaotic).
    pub chaos: bool,
}

impl Default for Group {
    fn default() -> Self {
        Self { share: 1.0, depth: Depth::Play, behaviour: None, link: Conditions::default(), chaos: false }
    }
}

impl Display for Group {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(if self.depth == Depth::Play { "play" } else { "watch" })?;
        if let Some(behaviour) = &self.behaviour {
            write!(out, " as {behaviour}")?;
        }
        if !self.link.are_perfect() {
            write!(out, ", {}", self.link)?;
        }
        out.write_str(if self.chaos { ", misbehaving" } else { "" })
    }
}

/// One part of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Phase {
    /// What happens.
    pub what: What,
    /// Whether it counts in the figures.
    pub measured: bool,
}

/// What happens in a phase. Bots are counted without those that failed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum What {
    /// More bots come, evenly, until there are so many.
    Ramp {
        /// In all.
        bots: usize,
        /// How long it takes.
        over: Duration,
    },
    /// All play on.
    Hold {
        /// So long.
        time: Duration,
    },
    /// So many more come at the same moment, and stay.
    Stampede {
        /// More.
        bots: usize,
        /// How long the phase is.
        time: Duration,
    },
    /// So many more come at the same moment, and leave together at the end.
    Burst {
        /// More.
        bots: usize,
        /// How long they stay.
        time: Duration,
    },
    /// Some leave and as many others come, all the time.
    Churn {
        /// So many a second.
        per_s: f64,
        /// How long.
        time: Duration,
    },
    /// Connections break without a word, and come back.
    Storm {
        /// Of the bots that play.
        share: f64,
        /// Within this time.
        over: Duration,
        /// How long the phase is.
        time: Duration,
    },
    /// Some do not read.
    Slow {
        /// Of the bots that play.
        share: f64,
        /// How long.
        time: Duration,
    },
}

impl What {
    /// How it is called in a scenario.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ramp { .. } => "ramp",
            Self::Hold { .. } => "hold",
            Self::Stampede { .. } => "stampede",
            Self::Burst { .. } => "burst",
            Self::Churn { .. } => "churn",
            Self::Storm { .. } => "storm",
            Self::Slow { .. } => "slow",
        }
    }

    /// Whether each of its seconds should be like the others.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        matches!(self, Self::Hold { .. } | Self::Churn { .. })
    }

    /// How long it takes at least.
    #[must_use]
    pub fn length(&self) -> Duration {
        match *self {
            Self::Ramp { over, .. } => over,
            Self::Hold { time }
            | Self::Stampede { time, .. }
            | Self::Burst { time, .. }
            | Self::Churn { time, .. }
            | Self::Storm { time, .. }
            | Self::Slow { time, .. } => time,
        }
    }
}

impl Plan {
    /// Whether all thresholds can be judged after a run of this scope.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn is_decidable(&self, scope: Scope<'_>) -> Result<(), Undecidable> {
        self.thresholds.iter().try_for_each(|threshold| threshold.decidable(scope))
    }

    /// Most bots that there are here at a time, if none fails.
    #[must_use]
    pub fn bots_max(&self) -> usize {
        self.everywhere_max().saturating_sub(self.shard.number).div_ceil(self.shard.of)
    }

    fn everywhere_max(&self) -> usize {
        let (mut bots, mut most) = (0_usize, 0);
        for phase in &self.phases {
            let (more, leave) = match phase.what {
                What::Ramp { bots: wanted, .. } => (wanted.saturating_sub(bots), 0),
                What::Stampede { bots, .. } => (bots, 0),
                What::Burst { bots, .. } => (bots, bots),
                _ => (0, 0),
            };
            most = most.max(bots + more);
            bots += more - leave;
        }
        most
    }

    /// How long it is measured.
    #[must_use]
    pub fn measured(&self) -> Duration {
        self.phases.iter().filter(|phase| phase.measured).map(|phase| phase.what.length()).sum()
    }

    /// What sorts of bots there are, in words; which part of all when there are several.
    #[must_use]
    pub fn sorts(&self) -> Vec<String> {
        if let [group] = &self.groups[..] {
            return vec![group.to_string()];
        }
        let whole: f64 = self.groups.iter().map(|group| group.share).sum();
        self.groups.iter().map(|group| format!("{:.0} % {group}", group.share / whole * 100.0)).collect()
    }

    /// The group of bot `index`. Any run of bots has about the groups' shares.
    #[must_use]
    pub fn group(&self, index: usize) -> &Group {
        let whole: f64 = self.groups.iter().map(|group| group.share).sum();
        // the fractional parts of multiples of the golden ratio are spread evenly
        let mut at = ((index as f64 + 0.5) * 0.618_033_988_749_895).fract() * whole;
        let found = self.groups.iter().find(|group| {
            at -= group.share;
            at < 0.0
        });
        found.unwrap_or_else(|| &self.groups[self.groups.len() - 1])
    }
}

/// Who is there, as the plan has it; makes the acts of each phase.
#[derive(Debug)]
pub struct Population {
    /// Bots that should be there now.
    present: Vec<usize>,
    next: usize,
    dice: Rng,
}

impl Population {
    /// With bot 0, who has knocked where it belongs.
    #[must_use]
    pub fn knocked(seed: u64) -> Self {
        Self { present: vec![0], next: 1, dice: Rng::new(seed ^ 0x70_6f70_756c) }
    }

    /// How many should be there.
    #[must_use]
    pub fn present(&self) -> usize {
        self.present.len()
    }

    /// What is to be done in a phase that begins at `start`, in no particular order.
    pub fn acts(&mut self, what: &What, start: Duration) -> Vec<(Duration, usize, Act)> {
        match *what {
            What::Hold { .. } => Vec::new(),
            What::Ramp { bots, over } => {
                let more = bots.saturating_sub(self.present.len());
                let step = over.div_f64(bots.max(1) as f64);
                let from = self.present.len();
                // bot `i` comes at its own moment, as if the ramp had begun with nobody
                (0..more).map(|i| (start + step.mul_f64((from + i) as f64), self.newcomer(), Act::Join)).collect()
            }
            What::Stampede { bots, .. } => (0..bots).map(|_| (start, self.newcomer(), Act::Join)).collect(),
            What::Burst { bots, time } => {
                let mut acts = Vec::new();
                for _ in 0..bots {
                    let bot = self.newcomer();
                    acts.push((start, bot, Act::Join));
                    acts.push((start + time, bot, Act::Leave));
                }
                self.present.truncate(self.present.len() - bots);
                acts
            }
            What::Churn { per_s, time } => {
                let mut acts = Vec::new();
                for i in 0..(per_s * time.as_secs_f64()) as usize {
                    let due = start + Duration::from_secs_f64(i as f64 / per_s);
                    if !self.present.is_empty() {
                        let place = self.dice.below(self.present.len() as u32) as usize;
                        acts.push((due, self.present.swap_remove(place), Act::Leave));
                    }
                    acts.push((due, self.newcomer(), Act::Join));
                }
                acts
            }
            What::Storm { share, over, .. } => {
                let mut acts = Vec::new();
                for bot in self.some(share) {
                    let broken = start + over.mul_f64(f64::from(self.dice.unit()));
                    let back_off_ms = self.dice.between(BACK_OFF_MS.0, BACK_OFF_MS.1);
                    acts.push((broken, bot, Act::Break));
                    acts.push((broken + Duration::from_secs_f32(back_off_ms / 1000.0), bot, Act::Return));
                }
                acts
            }
            What::Slow { share, time } => {
                let some = self.some(share);
                some.into_iter().flat_map(|bot| [(start, bot, Act::Pause), (start + time, bot, Act::Resume)]).collect()
            }
        }
    }

    fn newcomer(&mut self) -> usize {
        self.present.push(self.next);
        self.next += 1;
        self.next - 1
    }

    /// A share of those who are there, drawn.
    fn some(&mut self, share: f64) -> Vec<usize> {
        let mut all = self.present.clone();
        let count = (share * all.len() as f64).round() as usize;
        for i in 0..count.min(all.len()) {
            let other = i + self.dice.below((all.len() - i) as u32) as usize;
            all.swap(i, other);
        }
        all.truncate(count);
        all
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan() -> Plan {
        let hold = Phase { what: What::Hold { time: Duration::from_secs(10) }, measured: true };
        let ramp = Phase { what: What::Ramp { bots: 3, over: Duration::ZERO }, measured: false };
        Plan {
            url: "ws://127.0.0.1:7777/ws".to_owned(),
            trust: Trust::default(),
            seed: 1,
            request: JoinRequest::new("bot-"),
            threads: 1,
            shard: Shard::default(),
            start_at: None,
            groups: vec![Group::default()],
            phases: vec![ramp, hold],
            thresholds: Vec::new(),
        }
    }

    fn s(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_shards_bots_are_numbered_without_gaps() {
        let shard = Shard { number: 2, of: 3 };
        let places: Vec<usize> = (0..12).filter(|bot| shard.has(*bot)).map(|bot| shard.place(bot)).collect();
        assert_eq!(places, [0, 1, 2, 3], "each thread of the shard has its part of them");
        let ramp = Phase { what: What::Ramp { bots: 7, over: Duration::ZERO }, measured: true };
        let here = |number| Plan { phases: vec![ramp], shard: Shard { number, of: 3 }, ..plan() }.bots_max();
        assert_eq!([here(0), here(1), here(2)], [3, 2, 2]);
    }

    #[test]
    fn groups_have_their_shares_in_any_run_of_bots() {
        let watch = Group { share: 3.0, depth: Depth::Watch, ..Group::default() };
        let plan = Plan { groups: vec![watch, Group::default()], ..plan() };
        for from in [0, 100, 12_345] {
            let watching = (from..from + 400).filter(|i| plan.group(*i).depth == Depth::Watch).count();
            assert!((295..=305).contains(&watching), "{watching} of 400 from {from}");
        }
    }

    #[test]
    fn a_ramp_fills_up_and_churn_keeps_the_number() {
        let mut population = Population::knocked(1);
        let acts = population.acts(&What::Ramp { bots: 10, over: s(10) }, s(100));
        assert_eq!(acts.len(), 9, "one has knocked");
        assert_eq!((acts[0].0, acts[8].0, acts[8].1), (s(101), s(109), 9));
        let acts = population.acts(&What::Churn { per_s: 2.0, time: s(20) }, s(200));
        let count = |act| acts.iter().filter(|(_, _, a)| *a == act).count();
        assert_eq!((count(Act::Leave), count(Act::Join), population.present()), (40, 40, 10));
        let acts = population.acts(&What::Burst { bots: 5, time: s(3) }, s(300));
        assert_eq!((acts.len(), population.present()), (10, 10));
    }

    #[test]
    fn a_storm_breaks_a_share_and_all_come_back() {
        let acts = |seed| {
            let mut population = Population::knocked(seed);
            population.acts(&What::Ramp { bots: 100, over: s(0) }, s(0));
            population.acts(&What::Storm { share: 0.3, over: s(2), time: s(10) }, s(50))
        };
        let found = acts(1);
        assert_eq!(found.len(), 60);
        for pair in found.chunks(2) {
            let [(broken, bot, Act::Break), (back, same, Act::Return)] = pair else { panic!("{pair:?}") };
            assert!(bot == same && *broken >= s(50) && *broken <= s(52) && back > broken);
        }
        assert_eq!((found == acts(1), found == acts(2)), (true, false), "a seed is a storm");
    }

    #[test]
    fn the_most_bots_at_a_time_are_known_before() {
        let phase = |what| Phase { what, measured: true };
        let phases = vec![
            phase(What::Ramp { bots: 100, over: s(1) }),
            phase(What::Burst { bots: 50, time: s(1) }),
            phase(What::Stampede { bots: 20, time: s(1) }),
        ];
        assert_eq!(Plan { phases, ..plan() }.bots_max(), 150);
    }
}
