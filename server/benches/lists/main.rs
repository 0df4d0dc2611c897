//! What a list of rooms costs the control thread, which seats everybody: 10,000 rooms with four properties each.
//!
//! ```text
//! cargo bench -p tickwire-server --bench lists
//! ```
//! Each list is made anew, as if nobody had asked for the same; what is kept for a moment costs a look into a table. It
//! exits with 1 if the list of a hundred rooms that everybody asks for takes more than five milliseconds.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tickwire_server::control::lists::Lists;
use tickwire_server::lobby::wish::Wish;
use tickwire_server::lobby::{Load, Lobby, Sought};

const ROOMS: usize = 10_000;
const LISTS: usize = 200;
const BOUND: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let lobby = lobby();
    let conditions = json!({ "map": "map 3", "skill": { "min": 100, "max": 1500 } });
    println!("{:>22} {:>8} {:>12} {:>12} {:>12}", "list", "bytes", "median", "p99", "kept");
    let mut holds = true;
    for (name, wish, max) in [
        ("all, 100", json!({}), 100),
        ("all, 1000", json!({}), 1_000),
        ("where and sort, 100", json!({ "where": conditions, "sort": ["-skill", "players"] }), 100),
        ("sort, 100", json!({ "sort": ["-skill", "map"] }), 100),
    ] {
        let (bytes, median, p99, kept) = lists(&lobby, &wish, max);
        let us = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
        println!("{name:>22} {bytes:>8} {:>12} {:>12} {:>12}", us(median), us(p99), us(kept));
        holds &= name != "all, 100" || median <= BOUND;
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lobby() -> Lobby {
    let mut lobby = Lobby::new(&[("game", 8)], ROOMS, 2);
    let load = Load { threads_permille: vec![0, 0], rooms_max_permille: 1_000, joins_max_permille: 1_000 };
    for room in 0..ROOMS {
        let skill = room * 7_919 % 2_000;
        let properties =
            json!({ "map": format!("map {}", room % 17), "mode": room % 3, "skill": skill, "ranked": room % 2 == 0 });
        let wish = Wish::of_json(json!({ "create": { "properties": properties } })).expect("a wish");
        let sought = Sought { game: 0, which: &wish.which, seats: 1 + room % 7 };
        lobby.place(sought, &load).expect("there is space");
    }
    lobby
}

/// Bytes of a list, the median and the 99th percentile of making it, and what it costs when it is kept.
fn lists(lobby: &Lobby, wish: &Value, max: usize) -> (usize, Duration, Duration, Duration) {
    let (mut bytes, mut made, mut kept) = (0, Vec::with_capacity(LISTS), Vec::with_capacity(LISTS));
    for _ in 0..LISTS {
        let (mut lists, began) = (Lists::default(), Instant::now());
        bytes = lists.told(lobby, (0, wish.clone(), max), began).expect("a list").len();
        made.push(began.elapsed());
        let again = Instant::now();
        lists.told(lobby, (0, wish.clone(), max), began).expect("the same list");
        kept.push(again.elapsed());
    }
    made.sort_unstable();
    kept.sort_unstable();
    (bytes, made[LISTS / 2], made[LISTS * 99 / 100], kept[LISTS / 2])
}
