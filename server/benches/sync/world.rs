//! All channels coded in both directions, whoever may see them.

use std::time::Duration;

use tickwire_server::sync::{Channel, Encoder, Store};
use tickwire_shared::Tick;
use tickwire_shared::delta::{DeltaScratch, Earlier, Held, Past, RowBuffer, decode_delta};

use crate::rig::timed;

/// As one who sees all of it and gets every frame.
#[derive(Default)]
pub struct WholeWorld {
    encoder: Encoder,
    scratch: DeltaScratch,
    rows: Vec<RowBuffer>,
    /// By channel, the places of the rows that the step before changed.
    moved: Vec<(Channel, Vec<u32>)>,
    moving: Vec<(Channel, Vec<u32>)>,
    coded: Option<Tick>,
}

/// What coding all channels came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coded {
    pub encode: Duration,
    pub decode: Duration,
    pub updates: usize,
    pub bytes: usize,
    pub channels: usize,
}

impl WholeWorld {
    /// Codes the newest state of all channels on the one before; compares what comes out.
    pub fn code(&mut self, store: &Store) -> Coded {
        let now = store.newest().expect("a tick has run");
        let held = Held::keyframe(now.tick().offset(-3)).frame(now.tick().offset(-2)).frame(now.tick().offset(-1));
        let [base, before, older] = [1, 2, 3].map(|back| store.at(now.tick().offset(-back)).expect("the ring is warm"));
        let channels: Vec<Channel> =
            now.channels().filter(|channel| !store.unchanged_since(*channel, base.tick())).collect();
        let mut parts = Vec::new();
        let encode = timed(|| {
            self.encoder.clear();
            parts.extend(channels.iter().map(|channel| self.encoder.part(store, *channel, Some(held)).0));
        });
        let mut coded = Coded { encode, channels: channels.len(), ..Coded::default() };
        std::mem::swap(&mut self.moved, &mut self.moving);
        self.moving.clear();
        let follows = self.coded.replace(now.tick()) == Some(base.tick());
        let pasts: Vec<Past<'_>> = channels
            .iter()
            .map(|channel| {
                let moved = self.moved.binary_search_by_key(channel, |(channel, _)| *channel);
                let earlier = Earlier {
                    rows: [before.rows(*channel), older.rows(*channel)],
                    spacing: 1,
                    ahead: 1,
                    moved: follows.then(|| moved.map_or(&[][..], |at| &self.moved[at].1)),
                };
                Past { base: base.rows(*channel), earlier: Some(earlier) }
            })
            .collect();
        self.rows.resize_with(channels.len(), Default::default);
        coded.decode = timed(|| {
            for (((channel, part), past), rows) in channels.iter().zip(parts).zip(&pasts).zip(&mut self.rows) {
                let bits = self.encoder.bits(part);
                decode_delta(store.layout(), past, bits, &mut self.scratch, rows).expect("a delta");
                coded.updates += self.scratch.changed().len();
                coded.bytes += bits.len();
                self.moving.push((*channel, self.scratch.changed().to_vec()));
            }
        });
        for (channel, rows) in channels.iter().zip(&self.rows) {
            let (truth, rows) = (now.rows(*channel), rows.rows());
            assert!(
                truth.entities.len() == rows.entities.len()
                    && truth.entities.iter().zip(rows.entities).all(|(a, b)| {
                        let kind = store.layout().kind(a.kind).expect("a kind of the game");
                        a.id == b.id && a.kind == b.kind && truth.row(kind, a) == rows.row(kind, b)
                    }),
                "what comes out of {channel:?} is what went in"
            );
        }
        coded
    }
}
