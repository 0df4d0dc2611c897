//! The states that a client holds of a channel come to what was sent, whatever happened on the way: rows that go on and
//! stop, come and leave, frames that do not mention the channel, gaps in time, frames that are not sound.

use proptest::prelude::*;
use tickwire_shared::delta::{
    Coder, DeltaScratch, Earlier, EntityRow, Held, Layout, Past, RowBuffer, States, Tables, encode_delta_by,
    encode_keyframe,
};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Tick};

const LANES: [usize; 2] = [10, 1];

/// A body, of which everything may change, and something of one number. Without tables and with some that fit
/// nothing, where each delta has the one coder or the other.
fn layouts() -> [Layout; 2] {
    let field = |name: &str, quantizer| Field { name: name.to_owned(), quantizer, count: 1, owner_only: false };
    let body = vec![
        field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 65535 }),
        field("hp", Quantizer::Int { min: 0, max: 100 }),
        field("attitude", Quantizer::Quat { bits: 9 }),
        field("touched", Quantizer::Bool),
        field("heading", Quantizer::Angle { bits: 8 }),
        Field { owner_only: true, ..field("secret", Quantizer::Int { min: 0, max: 9 }) },
        field("score", Quantizer::Int { min: 0, max: 9000 }),
    ];
    let mark = vec![field("level", Quantizer::Int { min: 0, max: 1000 })];
    let kinds = [("body", body), ("mark", mark)].map(|(name, fields)| KindSchema { name: name.to_owned(), fields });
    let input = KindSchema { name: "input".into(), fields: Vec::new() };
    let tables = (0..Tables::BYTES).map(|at| (at * at / 7 % 256) as u8).collect();
    [Vec::new(), tables].map(|tables| {
        let (kinds, input) = (kinds.to_vec(), input.clone());
        let schema = Schema { game: "test".into(), version: 0, kinds, input, tables };
        Layout::new(&schema).expect("the test's schema is sound")
    })
}

/// What happens from one frame to the next.
#[derive(Clone, Debug)]
enum Step {
    /// Rows change: id, which of its numbers, by how much.
    Change(Vec<(u32, usize, u32)>),
    /// Those that are marked move on, in x and in heading.
    Run(u16),
    /// Who was there leaves, who was not enters.
    Enter(Vec<u32>),
    /// The frame does not mention the channel.
    Stay,
    /// The same, and frames are lost.
    Gap(u8),
    /// A delta comes cut short, and then whole.
    Broken(u16),
    /// A keyframe comes instead of a delta.
    Keyframe,
    /// The server's ring has lost the states before the base.
    Forget(u16),
    /// Another connection goes on from here.
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0u32..24, 0usize..10, 0u32..600);
    prop_oneof![
        4 => prop::collection::vec(change, 0..6).prop_map(Step::Change),
        6 => any::<u16>().prop_map(Step::Run),
        2 => prop::collection::vec(0u32..24, 1..3).prop_map(Step::Enter),
        2 => Just(Step::Stay),
        1 => (1u8..40).prop_map(Step::Gap),
        1 => any::<u16>().prop_map(Step::Broken),
        1 => Just(Step::Keyframe),
        1 => any::<u16>().prop_map(Step::Forget),
        1 => Just(Step::Resume),
    ]
}

/// The server's side: the rows by id, and the states that the client holds.
struct Sender {
    rows: std::collections::BTreeMap<u32, [u32; 10]>,
    states: Vec<RowBuffer>,
    held: Held,
}

fn kind(id: u32) -> u16 {
    u16::from(id.is_multiple_of(5))
}

impl Sender {
    fn buffer(&self) -> RowBuffer {
        let mut buffer = RowBuffer::default();
        for (id, row) in &self.rows {
            let lanes = LANES[usize::from(kind(*id))];
            buffer.push(EntityId(*id), kind(*id), lanes).copy_from_slice(&row[..lanes]);
        }
        buffer
    }

    fn change(&mut self, id: u32, lane: usize, by: u32) {
        const SPANS: [u32; 10] = [65535, 100, 3, 511, 511, 511, 1, 255, 0, 9000];
        let span = if kind(id) == 1 { 1000 } else { SPANS[lane] };
        if let Some(row) = self.rows.get_mut(&id) {
            row[lane] = (row[lane] + by) % (span + 1);
        }
    }

    fn run(&mut self, who: u16) {
        for id in (0..16).filter(|id| who & 1 << id != 0) {
            self.change(id, 0, 3);
            self.change(id, 7, 2);
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Change(changes) => changes.iter().for_each(|(id, lane, by)| self.change(*id, *lane, *by)),
            Step::Run(who) | Step::Broken(who) | Step::Forget(who) => self.run(*who),
            Step::Enter(who) => who.iter().for_each(|id| {
                if self.rows.remove(id).is_none() {
                    self.rows.insert(*id, [1; 10].map(|one| one * id));
                    // what is for its owner alone does not travel in channels
                    self.rows.entry(*id).and_modify(|row| (row[2], row[6], row[8]) = (0, 0, 0));
                }
            }),
            _ => {}
        }
    }

    fn delta(&self, layout: &Layout, coder: Coder, tick: Tick, leans: bool) -> Vec<u8> {
        let [.., older, before, base] = &self.states[..] else { panic!("three states") };
        let earlier = self.held.motion(tick).filter(|_| leans).map(|(spacing, ahead)| {
            let rows = [before.rows(), older.rows()];
            Earlier { rows, spacing, ahead, moved: None }
        });
        let (mut bytes, mut scratch) = (Vec::new(), DeltaScratch::default());
        let now = self.buffer();
        encode_delta_by(coder, layout, &Past { base: base.rows(), earlier }, now.rows(), &mut scratch, &mut bytes);
        bytes
    }

    fn keyframe(&mut self, layout: &Layout, tick: Tick) -> Vec<u8> {
        let (now, mut bytes) = (self.buffer(), Vec::new());
        encode_keyframe(layout, now.rows(), &mut bytes);
        (self.states, self.held) = (vec![now.clone(), now.clone(), now], Held::keyframe(tick));
        bytes
    }

    fn confirm(&mut self, tick: Tick) {
        self.states.push(self.buffer());
        self.held = self.held.frame(tick);
    }
}

fn rows(buffer: &RowBuffer) -> (&[EntityRow], &[u32]) {
    (buffer.rows().entities, buffer.rows().lanes)
}

proptest! {
    #[test]
    fn what_is_held_is_what_was_sent(steps in prop::collection::vec((step(), any::<bool>()), 1..40)) {
        for layout in layouts() {
            let mut tick = Tick(1);
            let mut sender = Sender { rows: Default::default(), states: Vec::new(), held: Held::keyframe(tick) };
            sender.take(&Step::Enter((0..16).collect()));
            let (mut states, mut scratch) = (States::default(), DeltaScratch::default());
            prop_assert_eq!(states.keyframe(&layout, &sender.keyframe(&layout, tick), tick), Ok(()));
            for (step, by_rice) in &steps {
                let coder = if *by_rice { Coder::Rice } else { Coder::Range };
                tick = tick.offset(if let Step::Gap(ticks) = step { i32::from(*ticks) } else { 1 });
                sender.take(step);
                match step {
                    Step::Stay | Step::Gap(_) => states.stay(tick),
                    Step::Keyframe => {
                        prop_assert_eq!(states.keyframe(&layout, &sender.keyframe(&layout, tick), tick), Ok(()));
                    }
                    Step::Resume => {
                        states.stay(tick);
                        sender.confirm(tick);
                        states.stand(tick);
                        sender.keyframe(&layout, tick);
                    }
                    _ => {
                        let delta = sender.delta(&layout, coder, tick, !matches!(step, Step::Forget(_)));
                        if let Step::Broken(cut) = step {
                            // a likely delta may have no byte at all
                            let cut = usize::from(*cut) % delta.len().max(1);
                            let _ = states.decode(&layout, tick, &delta[..cut], &mut scratch);
                        }
                        prop_assert_eq!(states.decode(&layout, tick, &delta, &mut scratch), Ok(()));
                        let (was, now) = (&sender.states[sender.states.len() - 1], sender.buffer());
                        prop_assert_eq!((states.newest().entities, states.newest().lanes), rows(was));
                        prop_assert_eq!((states.coming().entities, states.coming().lanes), rows(&now));
                        let gone: Vec<EntityId> = was.rows().entities.iter().map(|entity| entity.id).collect();
                        let gone = gone.into_iter().filter(|id| !sender.rows.contains_key(&id.0));
                        prop_assert!(states.removed().eq(gone));
                        states.accept(tick);
                    }
                }
                if !matches!(step, Step::Keyframe | Step::Resume) {
                    sender.confirm(tick);
                }
                prop_assert_eq!(states.held(), sender.held);
                let now = sender.buffer();
                prop_assert_eq!((states.newest().entities, states.newest().lanes), rows(&now));
            }
        }
    }
}
