//! How few bytes a physics scene takes: sends recordings of 901 cubes through the engine's own path (store, encoder,
//! view, frame) to a real replica, compares every integer of every frame, and prints what it cost.
//!
//! ```text
//! cargo run --release -p tickwire-server --example cubes -- FILE...
//! cargo run --release -p tickwire-server --example cubes -- --train TABLES FILE...
//! cargo run --release -p tickwire-server --example cubes -- --held-out FILE...
//! ```
//! The second form makes tables for the range coder and measures with them; the first one uses those that it made of
//! `cubes901-train`, `scene.tables`. The third tells what tables are worth for recordings that they were not made of: it
//! cuts each recording in halves, and then in pieces of 5 s of which every other one is in the same half, and sends each
//! half with tables of the other one alone. So half as much is known as in `scene.tables`; and the halves of a recording
//! differ more than two recordings do, since the scene is another at its end than at its beginning.
//!
//! A file is raw or compressed by Zstandard; see `recording.rs`. Counted are the frames' bytes as they would be given
//! to the WebSocket, heads included, hashes left out. Times are those of the channel's delta alone, the search for what
//! changed included, for each cube that changed: the best of a few passes. The last one is all that a client does with a
//! frame: to parse it, to decode it once more, and to note for each cube what it was and is, for drawing in between.
//!
//! | mode | the delta builds on |
//! | --- | --- |
//! | 60 Hz | the frame before: an ordered stream |
//! | 60 Hz, 6 back | the frame of 100 ms before: datagrams whose acknowledgement takes as long. Encoder, decoder and frame are the engine's; the replica itself holds no such past yet |
//! | 20 Hz | the frame sent before, which is each third |

mod recording;
mod stream;

use std::path::{Path, PathBuf};

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
/// Pieces for `--held-out`.
const PIECE_FRAMES: usize = 300;
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
    if files.first().is_some_and(|first| first.as_os_str() == "--held-out") {
        ensure!(files.len() > 1, "name the recordings: cubes --held-out FILE...");
        return files[1..].iter().try_for_each(|file| held_out(file));
    }
    ensure!(!files.is_empty(), "give the recordings to send: cubes FILE...");
    for file in files {
        let recording = Recording::read(&file)?;
        println!("{}: {} frames", file.display(), recording.frames().len());
        println!(
            "{:<22}{:>8}{:>18}{:>16}{:>10}{:>10}{:>12}",
            "", "kbit/s", "changed a frame", "bytes a cube", "enc ns", "dec ns", "client ns"
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

/// Tables for the scene.
fn train(files: &[PathBuf]) -> Result<Vec<u8>> {
    let recordings = files.iter().map(|file| Recording::read(file)).collect::<Result<Vec<_>>>()?;
    train_with(&recordings.iter().collect::<Vec<_>>())
}

/// Tables from all modes. What a room sends is the first, so it counts four times.
fn train_with(recordings: &[&Recording]) -> Result<Vec<u8>> {
    let mut training = Training::default();
    for recording in recordings {
        for mode in [MODES[0], MODES[0], MODES[0], MODES[0], MODES[1], MODES[2]] {
            stream::train(recording, mode, &mut training)?;
        }
    }
    Ok(training.tables())
}

/// What the range coder takes with tables that know nothing of what is sent.
fn held_out(file: &Path) -> Result<()> {
    let recording = Recording::read(file)?;
    println!("{}: {} frames, tables of the other half", file.display(), recording.frames().len());
    println!("{:<22}{:>24}{:>24}", "", "halves, kbit/s", "pieces of 5 s, kbit/s");
    let frames = recording.frames().len();
    let folds = [frames.div_ceil(2), PIECE_FRAMES].map(|length| recording.pieces(length));
    let mut tables = Vec::new();
    for pieces in &folds {
        let half = |odd: usize| train_with(&pieces.iter().skip(odd).step_by(2).collect::<Vec<_>>());
        tables.push([half(1)?, half(0)?]);
    }
    for mode in MODES {
        print!("{:<22}", mode.name);
        for (pieces, tables) in folds.iter().zip(&tables) {
            let mut sum = Measured::default();
            for (at, piece) in pieces.iter().enumerate() {
                let measured = stream::measure(piece, mode, &tables[at % 2])?;
                sum.sends += measured.sends;
                sum.bytes += measured.bytes;
            }
            print!("{:>24.1}", kbit_per_s(mode, &sum));
        }
        println!();
    }
    Ok(())
}

fn kbit_per_s(mode: Mode, measured: &Measured) -> f64 {
    measured.bytes as f64 / measured.sends.max(1) as f64 * mode.hz() * 8.0 / 1000.0
}

/// One line: bytes and changes are the same in every pass.
fn print(name: &str, mode: Mode, passes: &[Measured]) {
    let one = &passes[0];
    let changed = one.changed.max(1) as f64;
    let best = |time: fn(&Measured) -> std::time::Duration| {
        passes.iter().map(time).min().unwrap_or_default().as_nanos() as f64 / changed
    };
    let client = best(|measured| measured.applying);
    println!(
        "{:<22}{:>8.1}{:>18.1}{:>16.2}{:>10.0}{:>10.0}{:>12}",
        name,
        kbit_per_s(mode, one),
        changed / one.sends.max(1) as f64,
        one.bytes as f64 / changed,
        best(|measured| measured.encoding),
        best(|measured| measured.decoding),
        if client > 0.0 { format!("{client:.0}") } else { "-".to_owned() },
    );
}
