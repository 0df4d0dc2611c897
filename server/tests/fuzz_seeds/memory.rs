//! What is refused has taken little memory until then, whatever it claims to be.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tickwire_server::json;
use tickwire_shared::bits::DecodeError;
use tickwire_shared::delta::{DeltaScratch, KindLayout, Layout, Past, RowBuffer, decode_delta, decode_keyframe};
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::protocol::{self, ClientMessage, ServerMessage};
use tickwire_shared::replica::Replica;
use tickwire_shared::{Rng, Tick};

use super::properties::{self, layouts, slices};
use super::{folder, seeds};

const MAX_BYTES: u64 = 64 * 1024;
/// Rows are checked one by one, and each that is sound is kept until the rest turns out not to be: an entry and 20 lanes
/// for at least five bits. So a keyframe may take this for each of its bytes, and as much again while a buffer grows.
const ROWS_BYTES_PER_BYTE: u64 = 2 * 2 * 100;

/// A list in a game's own command: serde reserves no more for one that says that it is long.
const LIST_BYTES: u64 = 1024 * 1024;

/// The most bytes that `work` had at a time, and what it gave.
fn peak<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let taken = allocation_counter::measure(|| result = Some(work()));
    (taken.bytes_max, result.expect("it ran"))
}

/// Every piece of `bytes` is read as everything that it could be, from nothing; tells how many were refused, and what
/// the greediest of them took.
#[derive(Debug, Default)]
struct Refused {
    count: u32,
    most: BTreeMap<&'static str, u64>,
}

impl Refused {
    fn note(&mut self, what: &'static str, bytes: &[u8], allowed: u64, read: impl FnOnce() -> bool) {
        let (taken, accepted) = peak(read);
        if !accepted {
            self.count += 1;
            let most = self.most.entry(what).or_default();
            *most = taken.max(*most);
            assert!(taken <= allowed, "{what} of {} bytes took {taken}: {bytes:?}", bytes.len());
        }
    }

    fn read_all(&mut self, bytes: &[u8]) {
        let rows = MAX_BYTES.max(ROWS_BYTES_PER_BYTE * bytes.len() as u64);
        for layout in [&*layouts::LAYOUT, &*layouts::RANGE_LAYOUT] {
            self.note("a keyframe", bytes, rows, || decode_keyframe(layout, bytes, &mut RowBuffer::default()).is_ok());
            self.note("a delta", bytes, rows, || read_delta(layout, bytes).is_ok());
        }
        self.note("a frame", bytes, MAX_BYTES, || Frame::after(Tick(7)).parse(bytes).is_ok());
        self.note("a client's message", bytes, MAX_BYTES, || ClientMessage::decode(bytes).is_ok());
        self.note("a server's message", bytes, MAX_BYTES, || ServerMessage::decode(bytes).is_ok());
        self.note("inputs", bytes, MAX_BYTES, || protocol::input::decode(input(), bytes, |_| ()).is_ok());
        self.note("a command", bytes, MAX_BYTES + LIST_BYTES, || {
            protocol::decode_command::<Vec<String>>(bytes).is_ok()
        });
        if let Ok(text) = std::str::from_utf8(bytes) {
            self.note("a JSON text", bytes, MAX_BYTES, || json::read(&properties::json::GAME, text).is_ok());
        }
        if let Some(message) = slices::frame(Tick(8), bytes) {
            let mut frame = Frame::after(Tick(7));
            if frame.parse(&message).is_ok() {
                let mut replica = Replica::new(layouts::LAYOUT.clone());
                self.note("what is in a frame", bytes, rows, || replica.apply(&frame, &message).is_ok());
            }
        }
    }
}

fn input() -> &'static KindLayout {
    static INPUT: std::sync::LazyLock<KindLayout> =
        std::sync::LazyLock::new(|| KindLayout::new(&layouts::SCHEMA.input).expect("it is sound"));
    &INPUT
}

fn read_delta(layout: &Layout, bytes: &[u8]) -> Result<(), DecodeError> {
    let nothing = RowBuffer::default();
    let past = Past { base: nothing.rows(), earlier: None };
    decode_delta(layout, &past, bytes, &mut DeltaScratch::default(), &mut RowBuffer::default())
}

#[test]
fn what_is_refused_took_little() {
    let mut refused = Refused::default();
    // all that is made once
    ["delta", "json", "messages"].into_iter().for_each(|target| drop(seeds_of(target)));
    refused.read_all(&[]);
    let mut refused = Refused::default();
    for target in ["delta", "replica", "client", "messages", "json"] {
        for (name, bytes) in seeds_of(target) {
            // and each piece of those that have several
            let (mut rest, mut pieces) = (&bytes[..], vec![&bytes[..]]);
            while let Some(piece) = slices::take(&mut rest) {
                pieces.push(piece);
                pieces.extend(piece.get(1..));
            }
            println!("{target}/{name}: {} pieces", pieces.len());
            pieces.into_iter().for_each(|piece| refused.read_all(piece));
        }
    }
    let of_seeds = std::mem::take(&mut refused);
    let sound: Vec<Vec<u8>> = seeds::all().into_iter().map(|(_, _, bytes)| bytes).collect();
    let mut rng = Rng::new(11);
    for round in 0..4_000 {
        let mut bytes = match round % 2 {
            0 => (0..rng.below(1024)).map(|_| rng.bits() as u8).collect(),
            _ => sound[rng.below(sound.len() as u32) as usize].clone(),
        };
        for _ in 0..rng.below(4) {
            let Some(last) = bytes.len().checked_sub(1) else { break };
            bytes[rng.below(last as u32 + 1) as usize] ^= 1 << rng.below(8);
        }
        bytes.truncate(1024);
        refused.read_all(&bytes);
    }
    println!("of seeds {of_seeds:?}, of noise {refused:?}");
    assert!(of_seeds.count > 500 && refused.count > 20_000);
}

fn seeds_of(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder(target)).expect("the target has seeds");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read(&path).expect("it was just there"));
    paths.into_iter().map(read).collect()
}
