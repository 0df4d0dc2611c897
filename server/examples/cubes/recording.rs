//! A recording: frames of 901 cubes at 60 Hz, eight little-endian `i32` a cube, no header.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tickwire_shared::{Replicate, World};

/// Cubes in a frame.
pub const CUBES: usize = 901;
/// Numbers of a cube.
const NUMBERS: usize = 8;
const FRAME_BYTES: usize = CUBES * NUMBERS * 4;
/// First byte of every Zstandard frame, lowest first.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Where the ranges of x, y and z begin.
const MIN: [i32; NUMBERS] = [0, 0, 0, 0, -131_072, -131_072, 0, 0];

/// What a cube is to the engine. Its lanes are the recording's numbers, each less its smallest value.
#[derive(Replicate)]
pub struct Cube {
    #[field(quat, bits = 9)]
    attitude: [f32; 4],
    #[field(min = -256.0, max = 256.0 - 1.0 / 512.0, step = 1.0 / 512.0)]
    x: f32,
    #[field(min = -256.0, max = 256.0 - 1.0 / 512.0, step = 1.0 / 512.0)]
    y: f32,
    #[field(min = 0.0, max = 32.0 - 1.0 / 512.0, step = 1.0 / 512.0)]
    z: f32,
    touched: bool,
}

#[derive(World)]
pub enum Scene {
    Cube(Cube),
}

/// The lanes of all frames.
pub struct Recording {
    lanes: Vec<u32>,
}

impl Recording {
    /// Reads a file, raw or compressed by Zstandard.
    pub fn read(path: &Path) -> Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = if file.starts_with(&ZSTD_MAGIC) { decompress(&file)? } else { file };
        ensure!(
            !bytes.is_empty() && bytes.len() % FRAME_BYTES == 0,
            "{} has {} bytes: a recording is frames of {FRAME_BYTES}",
            path.display(),
            bytes.len()
        );
        let spans = spans();
        let lane = |(at, bytes): (usize, &[u8; 4])| {
            let (value, field) = (i32::from_le_bytes(*bytes), at % NUMBERS);
            u32::try_from(value.wrapping_sub(MIN[field]))
                .ok()
                .filter(|lane| *lane <= spans[field])
                .with_context(|| format!("number {field} of record {} is {value}: out of range", at / NUMBERS))
        };
        let (numbers, _) = bytes.as_chunks();
        Ok(Self { lanes: numbers.iter().enumerate().map(lane).collect::<Result<_>>()? })
    }

    /// It in pieces of so many frames, the last one shorter.
    pub fn pieces(&self, frames: usize) -> Vec<Self> {
        self.lanes.chunks(frames * CUBES * Cube::LANES).map(|lanes| Self { lanes: lanes.to_vec() }).collect()
    }

    /// The lanes of each frame, cube after cube.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.lanes.chunks_exact(CUBES * Cube::LANES)
    }
}

/// The largest value of each lane.
fn spans() -> [u32; NUMBERS] {
    [3, 511, 511, 511, 262_143, 262_143, 16_383, 1]
}

fn decompress(file: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
