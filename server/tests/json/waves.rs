//! A game that moves all the time and has a field of each sort: what is told adds up to what is there.

use serde_json::json;
use tickwire_shared::native::Connection;
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, TickRate, World,
};

use crate::peer::Peer;
use crate::{run, start};

const WAVES: u32 = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Replicate)]
pub enum Mood {
    Calm,
    Rough,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Wave {
    #[field(min = -50.0, max = 50.0, step = 0.05)]
    pub at: [f32; 2],
    #[field(quat, bits = 10)]
    pub turned: [f32; 4],
    pub mood: Mood,
    pub is_high: bool,
    #[field(max_bytes = 12)]
    pub name: String,
    pub height: i16,
    #[field(owner)]
    pub secret: u32,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Wave(Wave),
}

#[derive(Clone, Default, Replicate)]
pub struct Blow {
    #[field(min = -1, max = 1)]
    pub wind: [i8; 2],
}

pub struct Waves {
    tick: Tick,
    wind: [i8; 2],
}

/// Some come and go.
fn is_away(id: u32, tick: u32) -> bool {
    id.is_multiple_of(7) && (tick / 20 + id).is_multiple_of(3)
}

fn is_calm(id: u32, tick: u32) -> bool {
    (tick / 30 + id).is_multiple_of(2)
}

impl Game for Waves {
    const NAME: &'static str = "waves";
    type World = Kinds;
    type Input = Blow;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(60);
        Ok(Self { tick: Tick(0), wind: [0; 2] })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        self.wind = step.input(SeatId(0)).wind;
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        let tick = self.tick.0;
        for id in 0..WAVES {
            if is_away(id, tick) {
                continue;
            }
            let swing = |speed: u32| ((id * 37 + tick * speed) % 2001) as f32 / 20.0 - 50.0;
            let wave = Wave {
                at: [swing(3), swing(id % 2)],
                turned: [0.0, (id as f32).sin(), 0.0, (id as f32).cos()],
                mood: if is_calm(id, tick) { Mood::Calm } else { Mood::Rough },
                is_high: (tick + id) % 50 < 25,
                name: format!("wave \"{id}\""),
                height: if id == 1 { i16::from(self.wind[0]) } else { -(id as i16) },
                secret: tick / 10,
            };
            // one after the other belongs to the first seat
            if id < 3 && (tick / 15) % 3 == id {
                out.put_owned(EntityId(id), Place::Everywhere, SeatId(0), &wave);
            } else {
                out.put(EntityId(id), Place::Everywhere, &wave);
            }
        }
    }
}

/// What the game published at the peer's tick, as JSON.
fn assert_whole(peer: &Peer) {
    let tick = peer.tick as u32;
    let there: Vec<u32> = (0..WAVES).filter(|id| !is_away(*id, tick)).collect();
    assert_eq!(peer.entities.len(), there.len(), "at {tick}");
    for id in there {
        let wave = &peer.entities[&id.to_string()];
        let swing = |speed: u32| (f64::from((id * 37 + tick * speed) % 2001) * 5.0 - 5000.0) / 100.0;
        let at: Vec<f64> = wave["at"].as_array().expect("a list").iter().filter_map(|at| at.as_f64()).collect();
        // exact: a step of 0.05 has two decimals
        assert_eq!(at, [swing(3), swing(id % 2)], "{id} at {tick}");
        assert_eq!(wave["mood"], json!(if is_calm(id, tick) { "Calm" } else { "Rough" }));
        assert_eq!(wave["is_high"], json!((tick + id) % 50 < 25), "{id} at {tick}");
        assert_eq!(wave["name"], json!(format!("wave \"{id}\"")));
        assert_eq!(wave["turned"].as_array().map(Vec::len), Some(4));
        assert!(!wave.contains_key("secret"), "only its owner is told");
    }
}

#[test]
fn what_is_told_adds_up_to_what_is_there() {
    let server = start::<Waves>(|_| {});
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        let (mut owned, mut whole) = (Vec::new(), 0);
        while whole < 150 {
            ann.next().await.expect("it goes on");
            if ann.tick > 0 && !ann.entities.is_empty() {
                assert_whole(&ann);
                whole += 1;
                let tick = ann.tick as u32;
                let id = (tick / 15) % 3;
                // the first of each seven is sometimes not there
                if id > 0 {
                    let own = &ann.own[&id.to_string()];
                    assert_eq!(own["secret"], json!(tick / 10), "at {tick}");
                    assert_eq!(ann.own.len(), 1, "at {tick}");
                }
                owned.push(ann.own.keys().next().cloned());
            }
        }
        owned.dedup();
        assert!(owned.len() > 3, "it changed hands: {owned:?}");
        ann.say(r#"{"input":{"wind":[-1,1]}}"#).await;
        while ann.entities["1"]["height"] != json!(-1) {
            ann.next().await.expect("it goes on");
        }
        assert_eq!(server.metrics().resyncs.value(), 0);
        assert_eq!(server.metrics().desyncs.value(), 0);
    });
    server.stop();
}

/// Nothing waits for one who reads nothing: the room skips it, and it goes on from the newest state.
#[test]
fn who_reads_nothing_for_a_while_goes_on_with_what_is_new() {
    let server = start::<Waves>(|_| {});
    let url = format!("ws://{}/ws", server.addr());
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        let metrics = server.metrics();
        let mut bystander = Connection::<Waves>::connect(&url, Profile::default()).await.expect("it listens");
        let told = |metrics: &tickwire_server::metrics::Metrics| metrics.json_bytes.value();
        let stalled = async {
            loop {
                let before = told(metrics);
                for _ in 0..60 {
                    bystander.receive().await.expect("it goes on for others");
                }
                if told(metrics) == before && metrics.frames_skipped.value() + metrics.frames_left.value() > 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), stalled).await.expect("its buffers are full");
        let newest = u64::from(bystander.client.tick().expect("it has a state").0);
        let (mut last, mut gap) = (ann.tick, 0);
        while ann.tick < newest {
            ann.next().await.expect("it goes on");
            assert_whole(&ann);
            gap = gap.max(if last > 0 { ann.tick - last } else { 0 });
            last = ann.tick;
        }
        assert!(gap >= 50, "at most {gap} ticks were left out");
        assert_eq!(metrics.resyncs.value(), 0, "and nothing was wrong");
    });
    server.stop();
}

#[test]
fn who_sees_too_much_for_text_is_told_so() {
    let server = start::<Waves>(|config| config.net.write_buffer_max_bytes = 8 * 1024);
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        let refused = ann.hear("refused").await;
        let words = refused.as_str().unwrap_or_default();
        assert!(words.starts_with("what this seat sees takes ") && words.contains("binary client"), "{words}");
        assert_eq!(ann.closed().await.0, 1009);
    });
    server.stop();
}
