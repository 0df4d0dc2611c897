//! The board of leaders: the best players with points and how many play, brought up to date once a second.

use tickwire_shared::{EntityId, Place, Publisher};

use crate::craft::Craft;
use crate::kinds::{Entity, LEADERS, Leader, Roster};

/// Lines of the board are the entities 1 to [`LEADERS`], the roster is the next; all others come after.
const ROSTER_ID: EntityId = EntityId(LEADERS as u32 + 1);
pub(crate) const FIRST_FREE_ID: u32 = ROSTER_ID.0 + 1;

/// The board.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaders {
    lines: Vec<Leader>,
    players: u16,
}

impl Leaders {
    /// Reads the scores.
    pub(crate) fn update(&mut self, crafts: &[Craft]) {
        self.players = crafts.iter().filter(|craft| craft.seat().is_some()).count() as u16;
        let mut players: Vec<&Craft> = crafts.iter().filter(|craft| craft.score > 0 && !craft.is_drone()).collect();
        // a stable sort: of two with the same score, who came first stays ahead
        players.sort_by_key(|craft| std::cmp::Reverse(craft.score));
        self.lines.clear();
        self.lines.extend((1..=LEADERS).zip(players).filter_map(|(rank, craft)| line(rank, craft)));
    }

    pub(crate) fn publish(&self, out: &mut Publisher<'_, Entity>) {
        out.put(ROSTER_ID, Place::Everywhere, &Roster { players: self.players });
        for line in &self.lines {
            out.put(EntityId(line.rank.into()), Place::Everywhere, line);
        }
    }
}

fn line(rank: u8, craft: &Craft) -> Option<Leader> {
    let shown = craft.shown();
    let (seat, name) = (craft.seat()?.0, shown.name.clone());
    Some(Leader { rank, seat, name, hue: shown.hue, score: craft.score, x: shown.x, y: shown.y })
}
