//! Lag compensation: a game is given what a seat saw, to a fraction of a tick, whatever the way between them is like;
//! and no older than it allows, whatever a client says.

mod marksman;
mod net;

use std::time::{Duration, Instant};

use net::{Delay, Net, noise};
use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::client::Event;
use tickwire_shared::protocol::input::{TickInput, ViewLag};
use tickwire_shared::publish::{Published, Publisher as HostPublisher};
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, Rng, SeatId, Setup, Step, Tick, TickRate, To,
    World,
};

const HAND: EntityId = EntityId(7);
/// There every other second only.
const COMET: EntityId = EntityId(3);
const RATE_HZ: u16 = 30;

/// A hand whose `x` is the tick: what is seen of it tells the moment. Each new input is judged.
struct Dial {
    tick: Tick,
    judged: [u32; 2],
}

#[derive(Clone, Debug, World)]
enum Thing {
    Hand(Hand),
    Comet(Comet),
}

#[derive(Clone, Debug, Replicate)]
struct Hand {
    #[field(min = 0.0, max = 100_000.0, step = 0.01)]
    x: f32,
}

#[derive(Clone, Debug, Replicate)]
struct Comet {
    up: bool,
}

#[derive(Clone, Default, Replicate)]
struct Saw {
    number: u32,
    /// Where the player sees the hand.
    #[field(min = 0.0, max = 100_000.0, step = 0.01)]
    x: f32,
    comet: bool,
}

/// What a player saw, and what the game was told that they saw.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Judged {
    at: u32,
    lag_ticks: f32,
    saw: f32,
    was: Option<f32>,
    saw_comet: bool,
    was_comet: bool,
}

fn comet_is_there(tick: Tick) -> bool {
    (tick.0 / u32::from(RATE_HZ)).is_multiple_of(2)
}

impl Game for Dial {
    const NAME: &'static str = "dial";
    type World = Thing;
    type Input = Saw;
    type Command = ();
    type Event = Judged;
    /// The longest way back in milliseconds.
    type Options = u64;

    fn new(rewind_max_ms: u64, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(RATE_HZ);
        setup.rewind_max = Duration::from_millis(rewind_max_ms);
        Ok(Self { tick: Tick(0), judged: [0; 2] })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        for seat in 0..2 {
            let saw = step.input(SeatId(seat));
            if std::mem::replace(&mut self.judged[usize::from(seat)], saw.number) == saw.number {
                continue;
            }
            let past = step.rewind(SeatId(seat));
            let was = past.entity::<Hand>(HAND).map(|hand| hand.x);
            let found: Vec<_> = past.entities::<Hand>().map(|(id, hand)| (id, hand.x)).collect();
            assert_eq!(
                found,
                was.map(|x| (HAND, x)).into_iter().collect::<Vec<_>>(),
                "one by one and all are the same"
            );
            assert!(past.entity::<Comet>(HAND).is_none(), "it is of another kind");
            let was_comet = past.entity::<Comet>(COMET).is_some();
            let (at, lag_ticks) = (self.tick.0, past.lag_ticks());
            let judged = Judged { at, lag_ticks, saw: saw.x, was, saw_comet: saw.comet, was_comet };
            step.send(To::Seat(SeatId(seat)), judged);
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        out.put(HAND, Place::Everywhere, &Hand { x: self.tick.0 as f32 });
        if comet_is_there(self.tick) {
            out.put(COMET, Place::Everywhere, &Comet { up: true });
        }
    }
}

/// Two players for so many seconds; what was judged of each after the first two seconds.
fn play(rewind_max_ms: u64, delays: [Delay; 2], seconds: f64) -> ([Vec<Judged>; 2], u64) {
    let mut net = Net::<Dial>::new(rewind_max_ms, delays.into());
    let mut number = 0;
    let mut judged = [Vec::new(), Vec::new()];
    net.play(seconds, |player, client, now| {
        let (mut x, mut comet) = (None, false);
        for (_, thing) in client.sample(now) {
            match thing {
                Thing::Hand(hand) => x = Some(hand.x),
                Thing::Comet(Comet { up }) => comet = up,
            }
        }
        if let Some(x) = x {
            number += 1;
            client.input(now, &Saw { number, x, comet });
        }
        while let Some(event) = client.poll_event() {
            match event {
                Event::Game(told) if told.at > 2 * u32::from(RATE_HZ) => judged[player].push(told),
                Event::Desync { tick } => panic!("desync at {tick:?}"),
                _ => {}
            }
        }
    });
    (judged, net.counts.rewinds_bounded)
}

fn steady(one_way_ms: f64) -> Delay {
    Box::new(move |_| one_way_ms)
}

fn jittery(one_way_ms: f64) -> Delay {
    Box::new(move |ms| one_way_ms + 20.0 * noise(ms))
}

#[test]
fn a_game_is_given_what_each_seat_saw_to_a_fraction_of_a_tick() {
    // a lag travels in eighths of a tick
    const EXACT: f32 = 0.5 / 8.0 + 0.02;
    for (delays, lags) in [
        ([steady(0.0), steady(100.0)], [1.0..4.5, 7.0..10.5]),
        ([jittery(30.0), jittery(150.0)], [3.0..8.0, 10.0..16.0]),
    ] {
        let (judged, bounded) = play(900, delays, 14.0);
        assert_eq!(bounded, 0);
        for (judged, lags) in judged.iter().zip(lags) {
            assert!(judged.len() > 300, "{} inputs were judged", judged.len());
            let off = |told: &&Judged| told.was.is_none_or(|was| (was - told.saw).abs() > EXACT);
            assert_eq!(judged.iter().filter(off).count(), 0, "{:?}", judged.iter().find(off));
            // on the edge of its coming and going an eighth of a tick decides
            let comets = judged.iter().filter(|told| told.saw_comet != told.was_comet).count();
            assert!(comets <= judged.len() / 50, "{comets} comets were seen otherwise");
            assert!(judged.iter().any(|told| told.was_comet) && judged.iter().any(|told| !told.was_comet));
            let strange = judged.iter().find(|told| !lags.contains(&told.lag_ticks));
            assert!(strange.is_none(), "{strange:?}, where {lags:?} ticks are usual");
        }
    }
}

#[test]
fn who_sees_older_states_than_the_game_allows_is_judged_by_the_oldest_allowed() {
    let (judged, bounded) = play(250, [steady(10.0), steady(250.0)], 8.0);
    assert!(judged[0].iter().all(|told| told.lag_ticks < 7.5));
    assert!(judged[1].len() > 100 && bounded > 100);
    for told in &judged[1] {
        assert_eq!(told.lag_ticks, 7.5, "250 ms at 30 Hz");
        let was = told.was.expect("it is kept");
        assert!((was - (told.at as f32 - 7.5)).abs() < 0.02 && told.saw < was - 5.0, "{told:?}");
    }
}

#[test]
fn a_game_that_rewinds_nobody_is_given_the_newest_state_that_was_sent() {
    let (judged, bounded) = play(0, [steady(10.0), steady(100.0)], 4.0);
    assert_eq!(bounded, 0, "there is no bound to hit");
    for told in judged.iter().flatten() {
        assert_eq!((told.lag_ticks, told.was), (0.0, Some(told.at as f32 - 1.0)), "the newest that was sent");
    }
}

#[test]
fn a_client_that_lies_can_only_choose_a_time_within_the_bound() {
    let mut room = Room::<Dial>::new(RoomId(1), 250, 1, 0, 1).expect("the test's game starts");
    let address = LinkAddress { reactor: 0, link: LinkId(1) };
    let seat = room.join(address, Profile::default()).expect("there is space");
    let mut client = tickwire_shared::Client::<Dial>::new(Profile::default()).expect("sound");
    let joined = tickwire_shared::protocol::ServerMessage::Joined {
        room: 1,
        seat: 0,
        tick: Tick(0),
        rate_hz: 30,
        token: None,
        code: None,
    };
    client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
    let (mut judged, mut lag) = (0, 0u8);
    for tick in 1..600u32 {
        lag = lag.wrapping_add(37);
        // for ticks long gone, due, and to come
        let stamp = Tick(tick).offset([0, -1, -31, 1, 5, i32::MIN, i32::MAX, -100_000][tick as usize % 8]);
        let lanes = [tick, 0, 0, 0, 0, 0, 0, 0];
        room.input(seat, address, TickInput { tick: stamp, lag: ViewLag(lag), lanes }, Instant::now());
        let mut home = None;
        room.step(Instant::now(), |mut batch| {
            for frame in &batch.frames {
                let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
                client.handle_message(Duration::from_millis(u64::from(tick) * 33), &message).expect("sound");
                batch.outcomes.push(Outcome::Written);
            }
            home = Some(batch);
            Ok(())
        });
        room.home(home.expect("there is a player"));
        while let Some(event) = client.poll_event() {
            let Event::Game(Judged { at, lag_ticks, was, .. }) = event else { continue };
            judged += 1;
            assert!((0.0..=7.5).contains(&lag_ticks) && lag_ticks < at as f32, "{lag_ticks} at {at}");
            match was {
                Some(was) => assert!((at as f32 - 7.52..=at as f32 - 0.98).contains(&was), "{was} at {at}"),
                None => assert_eq!(at, 1, "nothing was sent before the first tick"),
            }
        }
    }
    assert!(judged > 100, "{judged} inputs were judged");
}

#[test]
fn a_host_without_a_past_gives_none() {
    let mut game = Dial { tick: Tick(0), judged: [0; 2] };
    let inputs = [Some(Saw { number: 1, x: 1.0, comet: false })];
    let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(1));
    let rate = TickRate::hz(30);
    game.tick(&mut Step::new(Tick(9), rate, &inputs, &mut commands, &mut events, &mut rng));
    game.publish(&mut HostPublisher::new(&mut Published::default()));
    assert!(matches!(events[..], [(_, Judged { lag_ticks: 0.0, was: None, .. })]), "{events:?}");
}
