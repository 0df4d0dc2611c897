//! A client that predicts and a server that may bump the entity or get inputs late, in ticks that wrap.

use proptest::prelude::*;

use super::*;
use crate::protocol::limits::INPUT_LANES_MAX;
use crate::schema::{Field, KindSchema, Quantizer};

const FIRST: Tick = Tick(u32::MAX - 20);
const PERIOD_S: f64 = 0.02;
const ID: EntityId = EntityId(7);

/// A place, a heading of 256 steps, and a score that the server alone knows.
fn schema() -> Schema {
    let field = |name: &str, quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
    let fields = vec![
        field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 1_000_000 }),
        field("heading", Quantizer::Angle { bits: 8 }),
        field("score", Quantizer::Int { min: 0, max: 1000 }),
    ];
    let input = KindSchema { name: "Wish".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Thing".into(), fields }];
    Schema { game: "test".into(), version: 0, kinds, input, tables: Vec::new() }
}

struct Turtle;

impl Rules for Turtle {
    fn step(&self, _: EntityId, _: u16, _: Tick, input: &InputLanes, row: &mut [u32]) {
        row[1] = (row[1] + input[1]) % 256;
        // what it does depends on what it did
        row[0] += input[0] * 10 + row[1] / 64;
    }

    fn jumped(&self, _: u16, drawn: &[u32], is: &[u32]) -> bool {
        drawn[0].abs_diff(is[0]) > 50_000
    }
}

fn wish(push: u32, turn: u32) -> InputLanes {
    let mut lanes = [0; INPUT_LANES_MAX];
    (lanes[0], lanes[1]) = (push, turn);
    lanes
}

/// One tick of the world.
#[derive(Clone, Copy, Debug)]
struct Weather {
    push: u32,
    turn: u32,
    /// The input for this tick comes only with the next one that is not late.
    late: bool,
    bump: u32,
    score: u32,
}

fn fair() -> impl Strategy<Value = Weather> {
    (0u32..20, 0u32..256, 0u32..1000).prop_map(|(push, turn, score)| Weather {
        push,
        turn,
        late: false,
        bump: 0,
        score,
    })
}

fn rough() -> impl Strategy<Value = Weather> {
    let bump = prop_oneof![9 => Just(0u32), 1 => 1u32..500, 1 => Just(100_000u32)];
    (fair(), prop::bool::weighted(0.2), bump).prop_map(|(fair, late, bump)| Weather { late, bump, ..fair })
}

struct Rig {
    prediction: Prediction,
    /// The server's state, and how it is told of.
    row: [u32; 3],
    used: InputLanes,
    acked: Option<Tick>,
    ahead: i32,
}

impl Rig {
    fn new(ahead: i32) -> Self {
        let prediction = Prediction::of(&schema(), &["x", "heading"], wish(0, 0)).expect("the fields are there");
        Self { prediction, row: [5000, 0, 0], used: wish(0, 0), acked: None, ahead }
    }

    fn moment(&self, tick: Tick, part: f64) -> Moment {
        let ticks = f64::from(tick.offset(self.ahead).since(FIRST)) + part;
        Moment { now_s: ticks * PERIOD_S, ticks, origin: FIRST, period_s: PERIOD_S, dt: PERIOD_S as f32 }
    }

    /// The input for `tick` leaves; the server makes `tick` less the lead of `weathers`; its frame comes.
    fn tick(&mut self, i: usize, weathers: &[Weather]) {
        let tick = FIRST.offset(i as i32);
        let leaving = weathers.get(i + self.ahead as usize).copied().unwrap_or(weathers[weathers.len() - 1]);
        let left = wish(leaving.push, leaving.turn);
        self.prediction.input(&self.moment(tick, 0.1), Some(tick.offset(self.ahead)), left, &Turtle);
        let Weather { push, turn, late, bump, score } = weathers[i];
        if !late && i >= self.ahead as usize {
            self.used = wish(push, turn);
            self.acked = Some(tick);
        }
        Turtle.step(ID, 0, tick, &self.used, &mut self.row);
        self.row[0] += bump;
        self.row[2] = score;
        let now = self.moment(tick, 0.6);
        let picture = self.picture(now.now_s);
        self.prediction.settle(&now, tick, self.acked, [(ID, 0, &self.row[..])].into_iter(), &Turtle);
        let jumped = bump >= 100_000;
        if let (Some(before), Some(after), false) = (picture, self.picture(now.now_s), jumped) {
            let lanes = self.prediction.motion.lanes(0);
            for (lane, moves) in lanes.iter().enumerate().filter(|_| self.prediction.corrections.jumps == 0) {
                let step = moves.shortest(after[lane] - before[lane]).abs();
                assert!(step < 0.51, "the picture of lane {lane} jumped by {step} steps at {tick:?}");
            }
        }
    }

    fn picture(&self, now_s: f64) -> Option<Vec<f64>> {
        let own = self.prediction.own.first()?;
        let moment = self.prediction.drawn_moment(now_s);
        let now = Moment { now_s, ticks: 0.0, origin: FIRST, period_s: PERIOD_S, dt: 0.0 };
        Some(own.picture(self.prediction.motion.lanes(0), &now, moment))
    }
}

proptest! {
    #[test]
    fn while_inputs_come_in_time_the_server_does_what_was_foretold(
        weathers in prop::collection::vec(fair(), 40..90), ahead in 0i32..12
    ) {
        let mut rig = Rig::new(ahead);
        for i in 0..weathers.len() {
            rig.tick(i, &weathers);
            let settled = i > 2 * ahead as usize + 2;
            if settled && i == 2 * ahead as usize + 3 {
                rig.prediction.corrections = Corrections::default();
            }
            if settled {
                prop_assert_eq!(rig.prediction.corrections, Corrections::default());
            }
            let own = rig.prediction.own.first().expect("it was told of");
            // the first input left before there was anything to predict
            prop_assert!(i == 0 || own.last_tick() == FIRST.offset(i as i32 + ahead));
        }
    }

    #[test]
    fn whatever_happened_prediction_and_picture_end_at_the_servers_word(
        weathers in prop::collection::vec(rough(), 20..90), ahead in 0i32..12
    ) {
        let mut rig = Rig::new(ahead);
        let mut all = weathers;
        let quiet = Weather { push: 3, turn: 1, late: false, bump: 0, score: 0 };
        all.extend(std::iter::repeat_n(quiet, 60));
        for i in 0..all.len() {
            rig.tick(i, &all);
        }
        // the server goes on alone, and is where the client said that it would be
        let last = FIRST.offset(all.len() as i32 - 1);
        let mut row = rig.row;
        for tick in 1..=ahead {
            Turtle.step(ID, 0, last.offset(tick), &wish(3, 1), &mut row);
        }
        let own = rig.prediction.own.first().expect("it was told of");
        prop_assert_eq!(own.last(), &row[..]);
        let now = rig.moment(last, 0.6);
        prop_assert!(!own.fade.is_seen(now.now_s));
    }
}

#[test]
fn a_field_that_no_kind_has_is_refused() {
    let error = UntypedPrediction::new(&schema(), &["x", "y"]).expect_err("there is no y");
    assert!(error.to_string().contains("\"y\""));
    assert!(PredictError::NoSuchField("y").to_string().contains("\"y\""));
}

#[test]
fn before_the_first_input_an_entity_rests() {
    let mut rig = Rig::new(3);
    rig.prediction.rest = wish(2, 0);
    let row = [5000, 0, 0];
    let settle = |rig: &mut Rig, i| {
        let (tick, now) = (FIRST.offset(i), rig.moment(FIRST.offset(i), 0.6));
        rig.prediction.settle(&now, tick, None, [(ID, 0, &row[..])].into_iter(), &Turtle);
        now
    };
    let now = settle(&mut rig, 0);
    rig.prediction.input(&now, Some(FIRST.offset(3)), wish(0, 0), &Turtle);
    assert_eq!(rig.prediction.own[0].last()[0], 5040, "it rests at 2 for two ticks, then stands");
}

#[test]
fn what_only_the_server_knows_is_taken_without_a_correction() {
    let mut rig = Rig::new(3);
    let still = |score| Weather { push: 0, turn: 0, late: false, bump: 0, score };
    for i in 0..20 {
        rig.tick(i, &(0..40).map(still).collect::<Vec<_>>());
    }
    assert_eq!(rig.prediction.corrections, Corrections::default());
    assert_eq!(rig.prediction.own[0].last()[2], 19);
}
