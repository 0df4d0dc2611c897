//! The queue: groups that wait for others about as good as they are. How far apart they may be grows while they wait.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tickwire_shared::Profile;

use crate::handover::lobby_call::GroupId;

/// Who has not asked for so long has gone.
const SILENT: Duration = Duration::from_secs(45);
/// So many rooms are made for a group before it is told that they refuse to begin.
const TRIES_MAX: u32 = 3;
/// Most players that the queue brings together, and so how many neighbours in skill are looked at on each side of a group.
pub const PLAYERS_MAX: usize = 64;

/// How far apart groups may be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Window {
    /// At first.
    pub start: f64,
    /// More with each second.
    pub growth_per_s: f64,
    /// At most.
    pub max: f64,
}

impl Window {
    /// After so much waiting.
    #[must_use]
    pub fn after(&self, waited: Duration) -> f64 {
        (self.start + self.growth_per_s * waited.as_secs_f64()).min(self.max.max(self.start))
    }
}

/// A group that wants to play.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The place of the game among the hosted ones.
    pub game: usize,
    /// How good it is, a finite number.
    pub skill: f64,
    /// How many it is.
    pub size: usize,
    /// How many play together.
    pub players: usize,
    /// Whose seats they will be, if somebody has shown that.
    pub holder: Option<Profile>,
    /// The address that asked, where those are counted.
    pub ip: Option<IpAddr>,
}

/// Groups that shall play together.
#[derive(Clone, PartialEq, Debug)]
pub struct Matched {
    /// The game.
    pub game: usize,
    /// How many seats in all.
    pub players: usize,
    /// Their skill in the mean, by players.
    pub skill: f64,
    /// Who.
    pub groups: Vec<GroupId>,
}

/// Where a group is.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// It waits.
    Waiting {
        /// For so long.
        waited: Duration,
        /// So far apart may others be now.
        window: f64,
    },
    /// It has its seats, until a moment.
    Seated {
        /// As the API tells it.
        told: serde_json::Value,
    },
    /// Its rooms refused to begin, and it does not wait any more.
    Refused {
        /// An HTTP status.
        status: u16,
        /// A sentence.
        text: String,
    },
}

/// How a group stands with its match.
#[derive(Debug)]
enum Stage {
    /// It has none.
    Waits,
    /// Its room is being made.
    Matched,
    /// It has its seats, kept until then.
    Seated(serde_json::Value, Instant),
    /// It has tried often enough; until then it may read why.
    Refused((u16, String), Instant),
}

#[derive(Debug)]
struct Waiting {
    group: Group,
    since: Instant,
    asked: Instant,
    /// How many of its rooms could not be.
    missed: u32,
    stage: Stage,
}

/// See the module. Owned by one thread.
#[derive(Debug)]
pub struct Queue {
    window: Window,
    max: usize,
    groups: BTreeMap<GroupId, Waiting>,
}

impl Queue {
    /// An empty one for `max` groups.
    #[must_use]
    pub fn new(window: Window, max: usize) -> Self {
        Self { window, max, groups: BTreeMap::new() }
    }

    /// A group comes. None when there are too many, or the system gives no random numbers.
    pub fn enter(&mut self, group: Group, now: Instant) -> Option<GroupId> {
        if self.groups.len() >= self.max {
            return None;
        }
        let mut bits = [0u8; 16];
        getrandom::fill(&mut bits).ok()?;
        let id = GroupId(u128::from_le_bytes(bits));
        let waiting = Waiting { group, since: now, asked: now, missed: 0, stage: Stage::Waits };
        // a name that is in use is drawn once in more times than there are
        self.groups.insert(id, waiting).is_none().then_some(id)
    }

    /// How many seats wait for one address.
    #[must_use]
    pub fn seats_of(&self, ip: IpAddr) -> usize {
        let of_ip = self
            .groups
            .values()
            .filter(|waiting| waiting.group.ip == Some(ip) && matches!(waiting.stage, Stage::Waits | Stage::Matched));
        of_ip.map(|waiting| waiting.group.size).sum()
    }

    /// A group does not want to any more; tells whether it was there.
    pub fn leave(&mut self, id: GroupId) -> bool {
        self.groups.remove(&id).is_some()
    }

    /// Where a group is, which has asked.
    pub fn ask(&mut self, id: GroupId, now: Instant) -> Option<Standing> {
        let waiting = self.groups.get_mut(&id)?;
        waiting.asked = now;
        Some(match &waiting.stage {
            Stage::Seated(told, _) => Standing::Seated { told: told.clone() },
            Stage::Refused((status, text), _) => Standing::Refused { status: *status, text: text.clone() },
            Stage::Waits | Stage::Matched => {
                let waited = now.saturating_duration_since(waiting.since);
                Standing::Waiting { waited, window: self.window.after(waited) }
            }
        })
    }

    /// A group that waits.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id).map(|waiting| &waiting.group)
    }

    /// A group has its seats, kept until then.
    pub fn seated(&mut self, id: GroupId, told: serde_json::Value, until: Instant) {
        if let Some(waiting) = self.groups.get_mut(&id) {
            waiting.stage = Stage::Seated(told, until);
        }
    }

    /// The room of these is being made: until it has told, nobody else is matched with them.
    pub fn hold(&mut self, groups: &[GroupId]) {
        self.change(groups, |waiting| waiting.stage = Stage::Matched);
    }

    /// Those of these wait on who have no seats.
    pub fn release(&mut self, groups: &[GroupId]) {
        self.change(groups, |waiting| {
            if matches!(waiting.stage, Stage::Matched) {
                waiting.stage = Stage::Waits;
            }
        });
    }

    /// The room of these could not be, for this reason: an HTTP status and a sentence. They wait on; whose rooms failed too
    /// often may read that until then.
    pub fn missed(&mut self, groups: &[GroupId], why: &(u16, String), until: Instant) {
        self.change(groups, |waiting| {
            waiting.missed += 1;
            let is_enough = waiting.missed >= TRIES_MAX;
            waiting.stage = if is_enough { Stage::Refused(why.clone(), until) } else { Stage::Waits };
        });
    }

    fn change(&mut self, groups: &[GroupId], mut change: impl FnMut(&mut Waiting)) {
        for id in groups {
            if let Some(waiting) = self.groups.get_mut(id) {
                change(waiting);
            }
        }
    }

    /// Who shall play together now. They are to be held, or are matched again.
    pub fn match_up(&mut self, now: Instant) -> Vec<Matched> {
        self.groups.retain(|_, waiting| match &waiting.stage {
            Stage::Seated(_, until) | Stage::Refused(_, until) => *until > now,
            Stage::Matched => true,
            Stage::Waits => now.saturating_duration_since(waiting.asked) < SILENT,
        });
        let mut tables: BTreeMap<(usize, usize), Vec<(GroupId, &Waiting)>> = BTreeMap::new();
        for (id, waiting) in self.groups.iter().filter(|(_, waiting)| matches!(waiting.stage, Stage::Waits)) {
            tables.entry((waiting.group.game, waiting.group.players)).or_default().push((*id, waiting));
        }
        let window = |waiting: &Waiting| self.window.after(now.saturating_duration_since(waiting.since));
        tables.into_iter().flat_map(|(table, groups)| match_table(table, groups, window)).collect()
    }

    /// How many groups are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// Those of one game and number of players. Who has waited longest chooses first, the nearest in skill; two fit if each
/// lies in the other's window.
fn match_table(
    (game, players): (usize, usize),
    mut groups: Vec<(GroupId, &Waiting)>,
    window: impl Fn(&Waiting) -> f64,
) -> Vec<Matched> {
    groups.sort_by(|(_, one), (_, other)| one.group.skill.total_cmp(&other.group.skill));
    let mut by_age: Vec<usize> = (0..groups.len()).collect();
    by_age.sort_by_key(|place| groups[*place].1.since);
    let (mut is_taken, mut matched) = (vec![false; groups.len()], Vec::new());
    let reach: Vec<(f64, f64)> = groups.iter().map(|(_, waiting)| (waiting.group.skill, window(waiting))).collect();
    let fit = |one: usize, other: usize| {
        let ((one, its), (other, others)) = (reach[one], reach[other]);
        (one - other).abs() <= its.min(others)
    };
    for oldest in by_age {
        if is_taken[oldest] {
            continue;
        }
        let away = |place: usize| (reach[place].0 - reach[oldest].0).abs();
        let (from, to) = (oldest.saturating_sub(players), (oldest + players).min(groups.len() - 1));
        let is_near = |place: &usize| *place != oldest && !is_taken[*place] && fit(oldest, *place);
        let mut near: Vec<usize> = (from..=to).filter(is_near).collect();
        near.sort_by(|one, other| away(*one).total_cmp(&away(*other)));
        let (mut chosen, mut size) = (vec![oldest], groups[oldest].1.group.size);
        for place in near {
            if size == players {
                break;
            }
            let more = groups[place].1.group.size;
            if size + more <= players && chosen.iter().all(|other| fit(*other, place)) {
                chosen.push(place);
                size += more;
            }
        }
        if size == players {
            chosen.iter().for_each(|place| is_taken[*place] = true);
            let of = |place: &usize| &groups[*place].1.group;
            let sum: f64 = chosen.iter().map(|place| of(place).skill * of(place).size as f64).sum();
            let groups = chosen.iter().map(|place| groups[*place].0).collect();
            matched.push(Matched { game, players, skill: sum / players as f64, groups });
        }
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn queue() -> Queue {
        Queue::new(Window { start: 50.0, growth_per_s: 10.0, max: 200.0 }, 100)
    }

    fn group(skill: f64, size: usize, players: usize) -> Group {
        Group { game: 0, skill, size, players, holder: None, ip: None }
    }

    #[test]
    fn the_window_widens_until_they_meet_and_no_further() {
        let (mut queue, now) = (queue(), Instant::now());
        let ann = queue.enter(group(1000.0, 1, 2), now).expect("there is room");
        let ben = queue.enter(group(1100.0, 1, 2), now).expect("there is room");
        let far = queue.enter(group(1350.0, 1, 2), now).expect("there is room");
        assert!(queue.match_up(now).is_empty());
        assert!(queue.match_up(now + 4 * S).is_empty(), "90 is too little");
        let matched = queue.match_up(now + 5 * S);
        assert_eq!((matched.len(), matched[0].groups.len(), matched[0].skill), (1, 2, 1050.0));
        assert!(matched[0].groups.contains(&ann) && matched[0].groups.contains(&ben));
        for id in [ann, ben] {
            queue.seated(id, serde_json::json!({ "room": 1 }), now + 60 * S);
        }
        for second in 5..60 {
            queue.ask(far, now + second * S);
            assert!(queue.match_up(now + second * S).is_empty(), "nobody is in reach");
        }
        assert_eq!(queue.ask(far, now + 59 * S), Some(Standing::Waiting { waited: 59 * S, window: 200.0 }));
        assert!(matches!(queue.ask(ann, now + 59 * S), Some(Standing::Seated { .. })));
        assert!(queue.match_up(now + 60 * S).is_empty());
        assert_eq!(queue.ask(ann, now + 60 * S), None, "its seats are not kept any more");
    }

    #[test]
    fn groups_stay_whole_and_fill_the_room_exactly() {
        let (mut queue, now) = (queue(), Instant::now());
        let of = |queue: &mut Queue, skill: f64, size| queue.enter(group(skill, size, 4), now).expect("there is room");
        let three = of(&mut queue, 1000.0, 3);
        let pair = of(&mut queue, 1001.0, 2);
        assert!(queue.match_up(now).is_empty(), "five do not go into four");
        let one = of(&mut queue, 1040.0, 1);
        let other_pair = of(&mut queue, 1002.0, 2);
        let matched = queue.match_up(now);
        let mut groups: Vec<Vec<GroupId>> = matched.into_iter().map(|matched| matched.groups).collect();
        groups.iter_mut().for_each(|groups| groups.sort());
        for mut wanted in [vec![three, one], vec![pair, other_pair]] {
            wanted.sort();
            assert!(groups.contains(&wanted), "{groups:?}");
        }
    }

    #[test]
    fn as_many_as_may_be_find_each_other() {
        let (mut queue, now) = (queue(), Instant::now());
        for skill in 0..PLAYERS_MAX {
            assert!(queue.match_up(now).is_empty(), "{skill} are too few");
            queue.enter(group(skill as f64 / 2.0, 1, PLAYERS_MAX), now).expect("there is room");
        }
        let matched = queue.match_up(now);
        assert_eq!(matched.iter().map(|matched| matched.groups.len()).collect::<Vec<_>>(), [PLAYERS_MAX]);
    }

    #[test]
    fn who_asks_no_more_has_gone_and_there_are_only_so_many() {
        let (mut queue, now) = (queue(), Instant::now());
        let gone = queue.enter(group(1000.0, 1, 2), now).expect("there is room");
        let here = queue.enter(group(1000.0, 1, 3), now).expect("there is room");
        queue.ask(here, now + 40 * S);
        assert!(queue.match_up(now + 45 * S).is_empty());
        assert_eq!(queue.ask(gone, now + 45 * S), None);
        assert!(queue.leave(here) && !queue.leave(here) && queue.is_empty());
        (0..100).for_each(|_| assert!(queue.enter(group(0.0, 1, 2), now).is_some()));
        assert_eq!(queue.enter(group(0.0, 1, 2), now), None);
    }

    #[test]
    fn ten_thousand_who_wait_are_no_burden() {
        let mut queue = Queue::new(Window { start: 5.0, growth_per_s: 0.0, max: 5.0 }, 20_000);
        let now = Instant::now();
        for i in 0..10_000 {
            queue.enter(group(f64::from(i) * 10.0, 1, 2), now).expect("there is room");
        }
        let began = Instant::now();
        assert!(queue.match_up(now).is_empty(), "nobody is in reach of another");
        println!("10,000 in the queue are looked at in {:?}", began.elapsed());
    }
}
