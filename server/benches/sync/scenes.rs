//! How things grow with the clients: rooms of each number of them, side by side.

use std::time::Duration;

use indicatif::ProgressBar;

use crate::agents::{Crowd, Rocks};
use crate::figures::{Spread, per};
use crate::rig::{Phases, Rig};
use crate::room::{Stepped, Whole};
use crate::table::Table;
use crate::{Args, Part, WARM_TICKS};

/// Ticks over which clients come, so that not all their hashes are due at once.
const JOIN_TICKS: usize = 32;
/// A room's turn.
const TURN_TICKS: usize = 25;
/// The first ticks of a turn bring near what the other rooms have pushed out of the caches.
const UNTOLD_TICKS: usize = 5;

/// How things grow with the clients.
pub fn by_clients(args: &Args, part: Part, bar: &ProgressBar) -> Table {
    let heads = [
        "clients",
        "updates",
        "made ahead",
        "rows of keyframes",
        "encode",
        "ns a row",
        "ahead",
        "ns an update",
        "compose",
        "receipts",
        "room's step",
        "bytes a client",
        "within 64 m",
        "held",
        "bytes an update",
        "decode, ns an update",
    ];
    let everything = part == Part::Everything;
    let crowds: Vec<Crowd> = args
        .clients
        .iter()
        .map(|seats| Crowd {
            agents: args.agents,
            seats: *seats,
            everything,
            far_is_rarer: part == Part::Tiers,
            rocks: Rocks::None,
        })
        .collect();
    let rooms = in_turn(args, &crowds, bar);
    let apart = |of: &dyn Fn(&Measured) -> f64| {
        let all = || rooms.iter().map(of);
        (all().fold(f64::NAN, f64::max) / all().fold(f64::NAN, f64::min) - 1.0) * 100.0
    };
    let ahead = apart(&Measured::ahead_ns);
    let encode = apart(&|room| room.spread(|phases| phases.encode).median());
    let title = match part {
        Part::Tiers => {
            "The same where cells up to 38 m away are sent each tick, those within 64 m every second, others every fourth \
             (goal: 200 bytes a client); what differs in age has parts of its own, so more is encoded"
                .to_owned()
        }
        Part::Everything => format!(
            "By clients who all see everything: the same is encoded for any number (goal: encode the same within 10 %). \
             Encode differs by {encode:.0} %, deltas made ahead by {ahead:.0} %"
        ),
        _ => format!(
            "By clients, of whom each sees 64 m around it. Encode has what they share: parts, hashes, a look at each \
             channel. Cells that nobody sees are not encoded, and cells that come into view are encoded once more, so it \
             is to be compared by row: updates and rows of keyframes; and of updates those that are made ahead, which \
             differ by {ahead:.0} % (goal: 10 %; and compose 2 ms at 5,000)"
        ),
    };
    let mut table = Table::new(title, heads.map(str::to_owned).into_iter());
    rooms.iter().for_each(|room| table.row(room.row()));
    table
}

/// A room's ticks: phase by phase, and as a whole.
struct Measured {
    seats: usize,
    ticks: Vec<Phases>,
    steps: Vec<Stepped>,
}

/// Runs rooms of all these crowds in turn.
fn in_turn(args: &Args, crowds: &[Crowd], bar: &ProgressBar) -> Vec<Measured> {
    let mut measured = Vec::new();
    let mut rigs: Vec<Rig> = Vec::new();
    let mut sent: Vec<Vec<usize>> = Vec::new();
    for crowd in crowds {
        // those who see everything hold a replica of everything
        let decoding = if crowd.everything { args.decoding.div_ceil(5) } else { args.decoding };
        let (mut rig, mut bytes) = (Rig::new(crowd.clone(), decoding), Vec::new());
        arrive(crowd.seats.into(), |joining| {
            rig.join(joining);
            bytes.push(rig.step().sent);
        });
        rigs.push(rig);
        sent.push(bytes);
        measured.push(Measured { seats: crowd.seats.into(), ticks: Vec::new(), steps: Vec::new() });
    }
    let turns = (args.ticks as usize).div_ceil(TURN_TICKS - UNTOLD_TICKS);
    for _ in 0..turns {
        for (rig, room) in rigs.iter_mut().zip(&mut measured) {
            room.ticks.extend((0..TURN_TICKS).map(|_| rig.step()));
        }
    }
    drop(rigs);

    let mut wholes: Vec<Whole> = Vec::new();
    for (crowd, sent) in crowds.iter().zip(&sent) {
        let (mut whole, mut bytes) = (Whole::new(crowd.clone()), Vec::new());
        arrive(crowd.seats.into(), |joining| {
            whole.join(joining);
            bytes.push(whole.step().sent);
        });
        assert_eq!(&bytes, sent, "the room sends what the rig does");
        wholes.push(whole);
        bar.inc(1);
    }
    for _ in 0..turns {
        for (whole, room) in wholes.iter_mut().zip(&mut measured) {
            room.steps.extend((0..TURN_TICKS).map(|_| whole.step()));
        }
    }
    for room in &mut measured {
        let same = room.ticks.iter().map(|phases| phases.sent).eq(room.steps.iter().map(|stepped| stepped.sent));
        assert!(same, "the room sends what the rig does");
        room.ticks = told(&room.ticks);
        room.steps = told(&room.steps);
    }
    measured
}

/// Of each turn, what is told of it.
fn told<T: Copy>(ticks: &[T]) -> Vec<T> {
    ticks.chunks(TURN_TICKS).flat_map(|turn| &turn[UNTOLD_TICKS..]).copied().collect()
}

impl Measured {
    fn mean(&self, what: impl Fn(&Phases) -> f64) -> f64 {
        per(&self.ticks, what, |_| 1.0)
    }

    fn spread(&self, time: impl Fn(&Phases) -> Duration) -> Spread {
        Spread::of(self.ticks.iter().map(time))
    }

    /// What an update takes that is made ahead.
    fn ahead_ns(&self) -> f64 {
        self.spread(|phases| phases.ahead).median() * 1e6 / self.mean(|phases| phases.made_ahead.updates as f64)
    }

    fn row(&self) -> Vec<String> {
        let (ticks, steps) = (&self.ticks, &self.steps);
        let encode = self.spread(|phases| phases.encode);
        let updates = self.mean(|phases| phases.made.updates as f64);
        let rows = self.mean(|phases| phases.made.rows as f64);
        let decoded = |what: &dyn Fn(&Phases) -> f64, each: &dyn Fn(&Phases) -> f64| per(ticks, what, each);
        vec![
            self.seats.to_string(),
            format!("{updates:.0}"),
            format!("{:.0}", self.mean(|phases| phases.made_ahead.updates as f64)),
            format!("{rows:.0}"),
            encode.both(),
            format!("{:.0}", encode.median() * 1e6 / (updates + rows)),
            self.spread(|phases| phases.ahead).both(),
            format!("{:.1}", self.ahead_ns()),
            self.spread(|phases| phases.compose).both(),
            Spread::of(steps.iter().map(|stepped| stepped.receipts)).both(),
            Spread::of(steps.iter().map(|stepped| stepped.step)).both(),
            format!("{:.0}", self.mean(|phases| phases.sent as f64 / self.seats as f64)),
            format!("{:.0}", decoded(&|p| p.decoded.within as f64, &|p| p.decoded.frames as f64)),
            format!("{:.0}", decoded(&|p| p.decoded.held as f64, &|p| p.decoded.frames as f64)),
            format!("{:.2}", decoded(&|p| p.decoded.bytes as f64, &|p| p.decoded.updates as f64)),
            format!("{:.0}", decoded(&|p| p.decoded.took.as_nanos() as f64, &|p| p.decoded.updates as f64)),
        ]
    }
}

/// Lets clients join over some ticks, and warms up; `tick` runs one, in which so many join.
pub fn arrive(seats: usize, mut tick: impl FnMut(usize)) {
    let at_once = seats.div_ceil(JOIN_TICKS);
    let mut left = seats;
    for _ in 0..JOIN_TICKS + WARM_TICKS {
        let joining = at_once.min(left);
        left -= joining;
        tick(joining);
    }
}
