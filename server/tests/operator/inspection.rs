//! A look into a room: what is there, by the game's own schema, and who is sent what of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tickwire_server::config::AdminConfig;
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::native::Connection;
use tickwire_shared::{
    EntityId, Game, Interest, Layer, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Teams,
    TickRate, World,
};

use crate::http::{Answer, TOKEN, ask, get, steer};
use crate::{swirl, until};

const COLUMNS: u32 = 50;
const TREES: u32 = 1500;
const FIRST_TREE: u32 = 100;
const FLAG: EntityId = EntityId(50);

/// A park that stands still: trees in rows, whoever looks at them, and a flag that one team sees.
struct Park {
    visitors: Vec<(SeatId, String)>,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Tree(Tree),
    Visitor(Visitor),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Tree {
    #[field(min = 0, max = 30)]
    height: u8,
    leaves: Leaves,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Replicate)]
enum Leaves {
    #[default]
    Green,
    Fallen,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Visitor {
    #[field(max_bytes = 12)]
    name: String,
    #[field(min = 0.0, max = 10.0, step = 0.1)]
    hunger: f32,
    #[field(min = 0, max = 99, owner)]
    coins: [u8; 2],
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl Game for Park {
    const NAME: &'static str = "park";
    type World = Thing;
    type Input = Nothing;
    type Command = String;
    type Event = String;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(60);
        setup.seats = 4;
        setup.interest = Interest::Radius(40.0);
        Ok(Self { visitors: Vec::new() })
    }
    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        self.visitors.push((seat, who.name.clone()));
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.visitors.retain(|(other, _)| *other != seat);
    }
    fn tick(&mut self, _: &mut Step<'_, Self>) {}
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for number in 0..TREES {
            let leaves = if number == 7 { Leaves::Fallen } else { Leaves::Green };
            let tree = Tree { height: (number % 30) as u8, leaves };
            let place = Place::at((number % COLUMNS * 10) as f32, (number / COLUMNS * 10) as f32);
            out.put(EntityId(FIRST_TREE + number), place, &tree);
        }
        for (seat, name) in &self.visitors {
            let (id, x) = (EntityId(seat.0.into()), 105.0 + 200.0 * f32::from(seat.0));
            let visitor = Visitor { name: name.clone(), hunger: 0.1, coins: [4, 2] };
            out.put_owned(id, Place::at(x, 105.0), *seat, &visitor);
            out.look(*seat, x, 105.0);
        }
        out.within(Layer::Teams(Teams::one(3))).put(
            FLAG,
            Place::Everywhere,
            &Tree { height: 3, leaves: Leaves::Green },
        );
    }
}

fn start() -> (Running, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = AdminConfig { listen: Some(any), token: Some(TOKEN.to_owned()), ..AdminConfig::default() };
    let server = Server::bind(Config { listen: any, admin, ..Config::default() }).expect("free ports");
    let running = server.start::<Park>((), Site::default()).expect("it starts");
    let admin = running.admin_addr().expect("the admin listener is on");
    (running, admin)
}

async fn visit(server: &Running, name: &str) -> Connection<Park> {
    let url = format!("ws://{}/ws", server.addr());
    let mut connection = Connection::connect(&url, Profile::named(name)).await.expect("it listens").once();
    let seeing = async {
        while connection.client.newest_all().count() < 40 {
            connection.receive().await.expect("the connection lives");
        }
    };
    tokio::time::timeout(crate::PATIENCE, seeing).await.expect("the park comes into sight");
    connection
}

/// Asks again when somebody has only just looked.
fn inspect(admin: SocketAddr, query: &str) -> Value {
    let target = format!("/admin/rooms/1/inspect?{query}");
    let answer = until("a look into the room", || {
        Some(steer(admin, "GET", &target, "")).filter(|answer: &Answer| answer.status != 429)
    });
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    answer.json()
}

fn with_id(room: &Value, id: u32) -> &Value {
    let entities = room["entities"].as_array().expect("entities");
    entities.iter().find(|entity| entity["id"] == id).unwrap_or_else(|| panic!("{id} is not told"))
}

/// The ids of what is in channels that the asked seat holds.
fn held(room: &Value) -> BTreeSet<u64> {
    let held: Vec<&Value> = room["held"].as_array().expect("somebody was asked for").iter().collect();
    let entities = room["entities"].as_array().expect("entities").iter();
    entities.filter(|entity| held.contains(&&entity["channel"])).filter_map(|entity| entity["id"].as_u64()).collect()
}

#[test]
fn a_room_is_told_as_its_schema_says_and_who_holds_what_of_it() {
    let (server, admin) = start();
    swirl::run(async {
        let ann = visit(&server, "ann").await;
        let _ben = visit(&server, "ben").await;
        let room = until("both look", || {
            Some(inspect(admin, "seat=0&limit=2000")).filter(|room| room["seats"][1]["look"] == json!([305.0, 105.0]))
        });
        assert_eq!((&room["room"], &room["game"], &room["rate_hz"]), (&1.into(), &"park".into(), &60.into()));
        assert_eq!((&room["cell_size"], &room["bounds"]), (&20.0.into(), &json!([0.0, 0.0, 490.0, 290.0])));
        let all = u64::from(TREES) + 3;
        assert_eq!((&room["entities_total"], &room["entities_within"]), (&all.into(), &all.into()));
        assert_eq!(room["entities"].as_array().map(Vec::len), Some(all as usize));

        let kinds = &room["kinds"];
        assert_eq!((&kinds[0]["name"], &kinds[1]["name"]), (&"Tree".into(), &"Visitor".into()));
        assert_eq!(kinds[1]["fields"][2], json!({ "name": "coins", "owner_only": true }));
        let tree = with_id(&room, FIRST_TREE + 7);
        assert_eq!((&tree["values"], &tree["at"]), (&json!([7, "Fallen"]), &json!([70.0, 0.0])));
        assert_eq!(room["channels"][tree["channel"].as_u64().expect("one") as usize]["cell"], json!([3, 0]));
        let visitor = with_id(&room, 0);
        assert_eq!((&visitor["values"], &visitor["owner"]), (&json!(["ann", 0.1, [4, 2]]), &0.into()));
        let flag = with_id(&room, FLAG.0);
        let channel = &room["channels"][flag["channel"].as_u64().expect("one") as usize];
        assert_eq!(channel, &json!({ "cell": null, "layer": "teams 3" }));

        // what is said of a seat is what its client has
        let there: BTreeSet<u64> = ann.client.newest_all().map(|(id, _)| id.0.into()).collect();
        assert_eq!(held(&room), there, "what ann holds");
        assert!(there.len() > 40 && !there.contains(&FLAG.0.into()) && !there.contains(&1), "{there:?}");
        let seat = &room["seats"][0];
        assert_eq!((&seat["name"], &seat["sees"], &seat["away"]), (&"ann".into(), &"public".into(), &false.into()));
        assert_eq!(seat["channels"].as_u64(), room["held"].as_array().map(|held| held.len() as u64));
        assert!(seat["frame_age_ticks"].as_u64().is_some(), "{seat}");

        assert_eq!(inspect(admin, "")["held"], Value::Null, "nobody was asked for");
        // of a full room some seats are told, and the one that is asked for
        let seats = |query: &str| {
            let room = inspect(admin, query);
            assert_eq!(room["seats_total"], 2);
            let seats = room["seats"].as_array().expect("seats").clone();
            seats.iter().map(|seat| seat["seat"].as_u64().expect("a number")).collect::<Vec<_>>()
        };
        assert_eq!(
            (seats("seats=1"), seats("seats=1&seats_after=0"), seats("seats_after=1")),
            (vec![0], vec![1], vec![])
        );
        assert_eq!((seats("seats=1&seat=1"), seats("seats=1&seat=0"), seats("")), (vec![1, 0], vec![0], vec![0, 1]));
        // who goes on behind the last one of each answer comes to the end, whoever is asked for
        assert_eq!((seats("seats=1&seat=0&seats_after=0"), seats("seat=0&seats_after=1")), (vec![1], vec![]));
        assert_eq!(steer(admin, "GET", "/admin/rooms/1", "").json()["players_total"], 2);
        assert_eq!(inspect(admin, "seat=3")["held"], Value::Null, "nobody sits there");
    });
    server.stop();
}

#[test]
fn what_is_told_of_a_room_is_bounded() {
    let (server, admin) = start();
    swirl::run(async {
        let _ann = visit(&server, "ann").await;
        let all = u64::from(TREES) + 2;
        let some = inspect(admin, "limit=100");
        assert_eq!((some["entities"].as_array().map(Vec::len), &some["entities_within"]), (Some(100), &all.into()));
        let rows = |room: &Value| -> BTreeSet<u64> {
            let entities = room["entities"].as_array().expect("entities").iter();
            entities.filter_map(|entity| Some(entity["at"][1].as_f64()? as u64 / 10)).collect()
        };
        assert!(rows(&some).len() > 25, "some of all parts: {:?}", rows(&some));
        let corner = inspect(admin, "area=-5,-5,45,25");
        assert_eq!(corner["entities_within"], 5 * 3 + 1, "and what is everywhere");
        assert_eq!((corner["entities_total"].as_u64(), rows(&corner)), (Some(all), BTreeSet::from([0, 1, 2])));
        assert_eq!(corner["bounds"], some["bounds"], "the room's, not the part's");

        assert_eq!(steer(admin, "GET", "/admin/rooms/9/inspect", "").status, 404);
        let wrong = steer(admin, "GET", "/admin/rooms/1/inspect?limit=1000000", "");
        assert_eq!((wrong.status, wrong.error().contains("1 to 2000")), (400, true));
        assert_eq!(get(admin, "/admin/rooms/1/inspect").status, 401);

        // at once from all sides: only so many are worth the rooms' time
        let refused = until("somebody is told to wait", || {
            let askers =
                [(); 24].map(|()| std::thread::spawn(move || steer(admin, "GET", "/admin/rooms/1/inspect", "")));
            let answers = askers.map(|asker| asker.join().expect("it asks"));
            assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 429)), "another answer");
            answers.into_iter().find(|answer| answer.status == 429)
        });
        assert!(refused.error().contains("ask again"), "{}", refused.body);
    });
    server.stop();
}

#[test]
fn the_list_of_rooms_and_the_summary_tell_how_it_runs() {
    let (server, admin) = start();
    assert_eq!((get(admin, "/admin/summary").status, get(admin, "/admin/rooms").status), (401, 401));
    let empty = steer(admin, "GET", "/admin/summary", "").json();
    assert_eq!((&empty["rooms"], &empty["players"], &empty["readiness"]), (&0.into(), &0.into(), &"ready".into()));
    swirl::run(async {
        let _ann = visit(&server, "ann").await;
        let room = until("a list that tells of ticks", || {
            let rooms = steer(admin, "GET", "/admin/rooms", "").json();
            Some(rooms["rooms"][0].clone()).filter(|room| room["ticks"].as_u64() > Some(20))
        });
        let line = [&room["game"], &room["players"], &room["seats"], &room["rate_hz"]];
        assert_eq!(line, [&json!("park"), &json!(1), &json!(4), &json!(60)]);
        let seconds = |name: &str| room[name].as_f64().unwrap_or_else(|| panic!("{name}: {room}"));
        assert!(0.0 < seconds("tick_mean_s") && seconds("tick_mean_s") <= seconds("tick_max_s"), "{room}");
        assert!(room["frames"].as_u64() > Some(0) && room["frame_bytes"].as_u64() > Some(200), "{room}");
        assert!(room["ticks_late"].as_u64() <= room["ticks"].as_u64(), "{room}");

        let summary = steer(admin, "GET", "/admin/summary", "").json();
        assert_eq!((&summary["rooms"], &summary["players"]), (&1.into(), &1.into()));
        assert!(summary["bytes_out"].as_u64() > Some(200) && summary["connections"].as_u64() >= Some(1), "{summary}");
        let counts: Vec<u64> =
            summary["tick_counts"].as_array().expect("counts").iter().flat_map(Value::as_u64).collect();
        let bounds = summary["bounds_s"].as_array().map(Vec::len).expect("bounds");
        assert_eq!(counts.len(), bounds + 1, "and those above all bounds");
        assert!(counts.iter().sum::<u64>() >= room["ticks"].as_u64().expect("ticks"), "{summary}");
        assert!(summary["threads"][0]["load_ratio"].is_number() && summary["threads"][0]["players"] == 1, "{summary}");
    });
    server.stop();
}

#[test]
fn the_dashboard_is_there_for_a_browser_and_runs_nothing_but_its_own() {
    let (server, admin) = start();
    let page = get(admin, "/");
    assert_eq!(page.status, 200);
    let head = page.head.to_ascii_lowercase();
    for rule in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self';",
        "frame-ancestors 'none'",
    ] {
        assert!(head.contains(rule), "no {rule:?} in {}", page.head);
    }
    assert!(!head.contains("unsafe"), "{}", page.head);
    // what the rules would stop is not in it, and what it names is there
    let named: Vec<&str> =
        page.body.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")).collect();
    assert!(named.len() >= 2, "{named:?}");
    for file in named {
        let answer = get(admin, &format!("/{file}"));
        assert_eq!(answer.status, 200, "{file}");
        let imports = answer.body.split("from './").skip(1).filter_map(|rest| rest.split('\'').next());
        for import in imports {
            let imported = get(admin, &format!("/{import}"));
            assert!(imported.status == 200 && imported.head.contains("text/javascript"), "{import} of {file}");
        }
    }
    for inline in ["style=\"", "onclick", "onload", "<script>", "<style"] {
        assert!(!page.body.contains(inline), "{inline} in the page");
    }
    assert_eq!(ask(admin, "POST", "/", &format!("Host: {admin}\r\n"), "").status, 404);
    assert_eq!(ask(admin, "GET", "/", "Host: evil.example\r\n", "").status, 421, "a name that was made to lead here");
    assert!(!page.body.contains(TOKEN), "it holds nothing secret");
    server.stop();
}
