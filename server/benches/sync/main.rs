//! What the engine between the game and the sockets costs: publish, diff, encode, compose, receipts, decode.
//!
//! ```text
//! cargo bench -p tickwire-server --bench sync                 all of it: about a minute
//! cargo bench -p tickwire-server --bench sync -- --quick      fewer ticks: about 20 s
//! ```
//! The scene: 10,000 agents wander over a square of 1,024 m at 20 Hz, 30 % of them stand; clients see 64 m around an
//! agent of theirs. A sample of the clients are real replicas: at every tick all that they hold is compared with what
//! was published, and whether they hold all that is near. The real room runs the same scene, and its frames must be of
//! the same length.
//!
//! What clients share (parts, hashes) is told from what each costs by itself by composing every frame twice: with
//! nothing encoded, and when all is there, the caches being as cold as for the first. The first less the second is
//! called encode; compose is the second.
//!
//! Of encode, what the encoder makes ahead is told apart: the deltas of clients who are in step, all of one kind however
//! many there are. The rest is keyframes of cells that come into view, deltas for those who lately got one, and hashes.
//! The rooms of a table run in turn, some ticks of each: a machine whose speed changes is as fast for one as for the
//! other. The first ticks of a turn are not told.
//!
//! Times are what the one thread had of its processor; whoever else is busy still takes its share of the caches.

mod agents;
mod client;
mod figures;
mod rig;
mod room;
mod scenes;
#[path = "../net/table.rs"]
#[allow(dead_code)] // the other benchmark needs more of it
mod table;
mod world;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use agents::{Crowd, Rocks};
use figures::{Spread, per};
use rig::{Phases, Rig};
use room::Whole;
use scenes::arrive;
use table::Table;
use world::Coded;

/// Ticks that only warm the memory: the ring is full then.
const WARM_TICKS: usize = 40;

/// Measures the engine from publish to frames, phase by phase, and checks what clients decode.
#[derive(Parser, Debug)]
struct Args {
    /// A third of the ticks, fewer rounds
    #[arg(long)]
    quick: bool,

    /// Only these tables
    #[arg(
        long,
        value_delimiter = ',',
        value_enum,
        default_value = "world,clients,tiers,everything,joins,appearances,sets"
    )]
    only: Vec<Part>,

    /// How many clients
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,5000", value_parser = clap::value_parser!(u16).range(1..))]
    clients: Vec<u16>,

    /// Agents in the square
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    agents: u32,

    /// Ticks that are measured
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    ticks: u64,

    /// Clients whose state is compared with what was published
    #[arg(long, default_value_t = 10)]
    decoding: usize,

    /// `cargo bench` says that this is a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// All cells, whoever sees them
    World,
    /// How it grows with clients who see what is near
    Clients,
    /// The same where what is far is sent more rarely
    Tiers,
    /// The same with clients who see everything
    Everything,
    /// Many join in one tick
    Joins,
    /// Half of the world vanishes, and appears
    Appearances,
    /// Things that never change, put or declared
    Sets,
}

fn main() {
    let mut args = Args::parse();
    if args.quick {
        args.ticks = args.ticks.div_ceil(3);
    }
    table::print_machine();
    println!(
        "{} agents, {} ticks each; times are median and 99th percentile of a tick, in ms\n",
        args.agents, args.ticks
    );
    let scenes = |part: &Part| match part {
        Part::Clients | Part::Tiers | Part::Everything => args.clients.len() as u64,
        _ => 1,
    };
    let bar = ProgressBar::new(args.only.iter().map(scenes).sum());
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} scenes, {eta} left").expect("a template"));
    let tables = args.only.iter().map(|part| match part {
        Part::World => whole_world(&args, &bar),
        Part::Clients | Part::Tiers | Part::Everything => scenes::by_clients(&args, *part, &bar),
        Part::Joins => joins(&args, &bar),
        Part::Appearances => appearances(&args, &bar),
        Part::Sets => sets(&args, &bar),
    });
    let tables: Vec<Table> = tables.collect();
    bar.finish_and_clear();
    tables.iter().for_each(Table::print);
}

/// All there is to encode, without regard to who sees it.
fn whole_world(args: &Args, bar: &ProgressBar) -> Table {
    let mut rig = Rig::new(Crowd { agents: args.agents, seats: 1, rocks: Rocks::None, ..Crowd::default() }, 0);
    (0..WARM_TICKS).for_each(|_| _ = rig.step());
    (0..WARM_TICKS).for_each(|_| _ = (rig.step(), rig.code_all()));
    let ticks: Vec<(Phases, Coded)> = (0..args.ticks).map(|_| (rig.step(), rig.code_all())).collect();
    bar.inc(1);
    let updates = per(&ticks, |(_, coded)| coded.updates as f64, |_| 1.0);
    let channels = per(&ticks, |(_, coded)| coded.channels as f64, |_| 1.0);
    let bytes = per(&ticks, |(_, coded)| coded.bytes as f64, |(_, coded)| coded.updates as f64);
    let heads = ["", "ms", "ns an update"];
    let mut table = Table::new(
        format!(
            "The whole square: {updates:.0} updates a tick in {channels:.0} cells of {} m, {bytes:.2} bytes an update \
             (goal: 2.2)",
            agents::RADIUS / 2.0
        ),
        heads.map(str::to_owned).into_iter(),
    );
    let mut row = |name: &str, time: &dyn Fn(&(Phases, Coded)) -> Duration| {
        let spread = Spread::of(ticks.iter().map(time));
        table.row(vec![name.to_owned(), spread.both(), format!("{:.0}", spread.median() * 1e6 / updates)]);
    };
    row("publish", &|(phases, _)| phases.publish);
    row("diff", &|(phases, _)| phases.diff);
    row("encode, all cells", &|(_, coded)| coded.encode);
    row("these three (goal: 1.5 ms)", &|(phases, coded)| phases.publish + phases.diff + coded.encode);
    row("decode, all cells", &|(_, coded)| coded.decode);
    table
}

/// A first frame: its bytes, and how many entities it has and how many are within the radius.
type First = (usize, (usize, usize));

/// Many join in one tick.
fn joins(args: &Args, bar: &ProgressBar) -> Table {
    const THERE: u16 = 1000;
    const JOINING: u16 = 500;
    let rounds = if args.quick { 4 } else { 12 };
    let crowd = Crowd { agents: args.agents, seats: THERE + JOINING, rocks: Rocks::None, ..Crowd::default() };
    // each round: they come, stay a little, and go
    let stay = 10;

    let mut rig = Rig::new(crowd.clone(), 3 * args.decoding);
    let (mut sent, mut first): (Vec<usize>, Vec<First>) = Default::default();
    arrive(THERE.into(), |joining| {
        rig.join(joining);
        sent.push(rig.step().sent);
    });
    for _ in 0..rounds {
        rig.join(JOINING.into());
        sent.push(rig.step().sent);
        let joined = rig.clients().iter().filter(|client| client.seat().0 >= THERE);
        first.extend(joined.map(|client| (client.received, client.in_view(&rig.game))));
        (0..stay).for_each(|_| sent.push(rig.step().sent));
        rig.leave(THERE.into());
        (0..stay).for_each(|_| sent.push(rig.step().sent));
    }
    drop(rig);

    let mut whole = Whole::new(crowd);
    let mut steps: Vec<usize> = Vec::new();
    let (mut usual, mut storms): (Vec<Duration>, Vec<Duration>) = Default::default();
    arrive(THERE.into(), |joining| {
        whole.join(joining);
        steps.push(whole.step().sent);
    });
    for _ in 0..rounds {
        let joining = whole.join(JOINING.into());
        let stepped = whole.step();
        storms.push(joining + stepped.step);
        steps.push(stepped.sent);
        (0..stay).for_each(|_| steps.push(whole.step().sent));
        whole.leave(THERE.into());
        for _ in 0..stay {
            let stepped = whole.step();
            usual.push(stepped.step);
            steps.push(stepped.sent);
        }
    }
    assert_eq!(sent, steps, "the room sends what the rig does");
    bar.inc(1);

    let heads = ["", "median", "longest"];
    let mut table =
        Table::new(format!("{JOINING} join a room of {THERE} in one tick"), heads.map(str::to_owned).into_iter());
    let (usual, storms) = (Spread::of(usual.into_iter()), Spread::of(storms.into_iter()));
    let more = |storm: f64| format!("{:.2} ms", storm - usual.median());
    table.row(vec!["the tick takes longer by (goal: 5 ms)".into(), more(storms.median()), more(storms.longest())]);
    first.sort_unstable();
    let at = |place: usize| {
        let (bytes, (held, within)) = first[place];
        format!("{bytes} for {held} in its cells, {within} within 64 m")
    };
    table.row(vec!["bytes of a first frame".into(), at(first.len() / 2), at(first.len() - 1)]);
    let bytes = |of: &dyn Fn(&First) -> usize| 117.0 * per(&first, |(bytes, _)| *bytes as f64, |one| of(one) as f64);
    let rows = [
        ("bytes for 117 entities (goal: 1,300)", bytes(&|(_, (held, _))| *held)),
        ("bytes where 117 are within 64 m, and more in its cells", bytes(&|(_, (_, within))| *within)),
    ];
    for (name, bytes) in rows {
        table.row(vec![name.into(), format!("{bytes:.0}"), String::new()]);
    }
    table
}

/// Half of the world vanishes, and appears again.
fn appearances(args: &Args, bar: &ProgressBar) -> Table {
    const CLIENTS: u16 = 1000;
    let rounds = if args.quick { 4 } else { 12 };
    let mut rig =
        Rig::new(Crowd { agents: args.agents, seats: CLIENTS, rocks: Rocks::None, ..Crowd::default() }, args.decoding);
    arrive(CLIENTS.into(), |joining| {
        rig.join(joining);
        rig.step();
    });
    let (mut usual, mut vanished, mut appeared): (Vec<Phases>, Vec<Phases>, Vec<Phases>) = Default::default();
    let half = args.agents as usize / 2;
    for _ in 0..rounds {
        usual.extend((0..10).map(|_| rig.step()));
        rig.game.hidden = half / 2..half / 2 + half;
        vanished.push(rig.step());
        (0..10).for_each(|_| _ = rig.step());
        rig.game.hidden = 0..0;
        appeared.push(rig.step());
        (0..10).for_each(|_| _ = rig.step());
    }
    bar.inc(1);
    let heads = ["", "publish", "diff", "encode", "compose", "all", "longest tick", "longest frame, bytes"];
    let mut table = Table::new(
        format!("{half} entities vanish or appear in one tick, before {CLIENTS} clients"),
        heads.map(str::to_owned).into_iter(),
    );
    for (name, ticks) in [("a usual tick", &usual), ("vanishing", &vanished), ("appearing", &appeared)] {
        let spread = |time: &dyn Fn(&Phases) -> Duration| Spread::of(ticks.iter().map(time));
        let all = spread(&|p| p.publish + p.diff + p.encode + p.compose);
        let median = |time: &dyn Fn(&Phases) -> Duration| format!("{:.2}", spread(time).median());
        table.row(vec![
            name.to_owned(),
            median(&|p| p.publish),
            median(&|p| p.diff),
            median(&|p| p.encode),
            median(&|p| p.compose),
            format!("{:.2}", all.median()),
            format!("{:.2}", all.longest()),
            ticks.iter().map(|phases| phases.longest).max().unwrap_or(0).to_string(),
        ]);
    }
    table
}

/// Twice as many entities, of which half never change.
fn sets(args: &Args, bar: &ProgressBar) -> Table {
    let heads = ["", "publish", "diff", "encode, all cells"];
    let mut table = Table::new(
        format!("{} rocks that never change, beside the agents", args.agents),
        heads.map(str::to_owned).into_iter(),
    );
    for (name, rocks) in
        [("no rocks", Rocks::None), ("put in each tick", Rocks::Put), ("declared as a set", Rocks::Set)]
    {
        let mut rig = Rig::new(Crowd { agents: args.agents, seats: 1, rocks, ..Crowd::default() }, 0);
        (0..WARM_TICKS).for_each(|_| _ = rig.step());
        let ticks: Vec<(Phases, Coded)> = (0..args.ticks).map(|_| (rig.step(), rig.code_all())).collect();
        table.row(vec![
            name.to_owned(),
            Spread::of(ticks.iter().map(|(phases, _)| phases.publish)).both(),
            Spread::of(ticks.iter().map(|(phases, _)| phases.diff)).both(),
            Spread::of(ticks.iter().map(|(_, coded)| coded.encode)).both(),
        ]);
    }
    bar.inc(1);
    table
}
