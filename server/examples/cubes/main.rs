//! How few bytes a physics scene takes: sends recordings of 901 cubes through the engine's own path (store, encoder,
//! view, frame) to a real replica, compares every integer of every frame, and prints what it cost.
//!
//! ```text
//! cargo run --release -p tickwire-server --example cubes -- FILE...
//! cargo run --release -p tickwire-server --example cubes -- --train TABLES FILE...
//! ```
//! The second form makes tables for the range coder and measures with them; the first one uses those that it made of
//! `cubes901-train`, `scene.tables`.
//!
//! A file is raw or compressed by Zstandard; see `recording.rs`. Counted are the frames' bytes as they would be given
//! to the WebSocket, heads included, hashes left out. Times are those of the channel's delta alone, the search for what
//! changed included, for each cube that changed: the best of a few passes.
//!
//! | mode | the delta builds on |
//! | --- | --- |
//! | 60 Hz | the frame before: an ordered stream |
//! | 60 Hz, 6 back | the frame of 100 ms before: datagrams whose acknowledgement takes as long. Encoder, decoder and frame are the engine's; the replica itself holds no such past yet |
//! | 20 Hz | the frame sent before, which is each third |

mod recording;
mod stream;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tickwire_shared::delta::Training;

use crate::recording::Recording;
use crate::stream::{Measured, Mode};

const MODES: [Mode; 3] = [
    Mode { name: "60 Hz, 1 back", every: 1, back: 1, skipped: 12 },
    Mode { name: "60 Hz, 6 back", every: 1, back: 6, skipped: 6 },
    Mode { name: "20 Hz, 1 back", every: 3, back: 1, skipped: 4 },
];
/// The machine may be busy with other things: the quickest pass counts.
const PASSES: usize = 5;
const TABLES: &[u8] = include_bytes!("scene.tables");

fn main() -> Result<()> {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut tables = TABLES.to_vec();
    if files.first().is_some_and(|first| first.as_os_str() == "--train") {
        ensure!(files.len() > 2, "name a file for the tables and the recordings: cubes --train TABLES FILE...");
        let recordings = files.split_off(2);
        tables = train(&recordings)?;
        std::fs::write(&files[1], &tables).with_context(|| format!("cannot write {}", files[1].display()))?;
        files = recordings;
    }
    ensure!(!files.is_empty(), "give the recordings to send: cubes FILE...");
    for file in files {
        let recording = Recording::read(&file)?;
        println!("{}: {} frames", file.display(), recording.frames().len());
        println!(
            "{:<22}{:>8}{:>18}{:>16}{:>10}{:>10}",
            "", "kbit/s", "changed a frame", "bytes a cube", "enc ns", "dec ns"
        );
        for mode in MODES {
            for (coder, tables) in [("Rice", &[][..]), ("range", &tables)] {
                let pass = || stream::measure(&recording, mode, tables);
                let passes = (0..PASSES).map(|_| pass()).collect::<Result<Vec<_>>>()?;
                print(&format!("{}, {coder}", mode.name), mode, &passes);
            }
        }
    }
    Ok(())
}

/// Tables for the scene, from all modes. What a room sends is the first, so it counts twice.
fn train(files: &[PathBuf]) -> Result<Vec<u8>> {
    let mut training = Training::default();
    for file in files {
        let recording = Recording::read(file)?;
        for mode in [MODES[0], MODES[0], MODES[1], MODES[2]] {
            stream::train(&recording, mode, &mut training)?;
        }
    }
    Ok(training.tables())
}

/// One line: bytes and changes are the same in every pass.
fn print(name: &str, mode: Mode, passes: &[Measured]) {
    let one = &passes[0];
    let changed = one.changed.max(1) as f64;
    let best = |time: fn(&Measured) -> std::time::Duration| {
        passes.iter().map(time).min().unwrap_or_default().as_nanos() as f64 / changed
    };
    println!(
        "{:<22}{:>8.1}{:>18.1}{:>16.2}{:>10.0}{:>10.0}",
        name,
        one.bytes as f64 / one.sends.max(1) as f64 * mode.hz() * 8.0 / 1000.0,
        changed / one.sends.max(1) as f64,
        one.bytes as f64 / changed,
        best(|measured| measured.encoding),
        best(|measured| measured.decoding),
    );
}
