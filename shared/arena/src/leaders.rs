//! The board of leaders: the best players with points, brought up to date once a second.

use tickwire_shared::{EntityId, Place, Publisher};

use crate::craft::Craft;
use crate::kinds::{Entity, LEADERS, Leader};

/// Lines of the board are the entities 1 to [`LEADERS`]; all others come after.
pub(crate) const FIRST_FREE_ID: u32 = LEADERS as u32 + 1;

/// The board.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaders {
    lines: Vec<Leader>,
}

impl Leaders {
    /// Reads the scores.
    pub(crate) fn update(&mut self, crafts: &[Craft]) {
        let mut players: Vec<&Craft> = crafts.iter().filter(|craft| craft.score > 0 && !craft.is_drone()).collect();
        // a stable sort: of two with the same score, who came first stays ahead
        players.sort_by_key(|craft| std::cmp::Reverse(craft.score));
        self.lines.clear();
        self.lines.extend((1..=LEADERS).zip(players).filter_map(|(rank, craft)| line(rank, craft)));
    }

    pub(crate) fn publish(&self, out: &mut Publisher<'_, Entity>) {
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
