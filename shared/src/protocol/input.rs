//! The input message: what a player wants at a tick, and at a few before it.
//!
//! ```text
//! tag · tick of the newest u32 LE · lag u8 · heard u8 · count u8 · newest, then older ones: same as the one before? or its fields
//! ```
//! Older inputs repeat what the server may not have taken; they cost a bit each while nothing changes. The lag is that
//! of the newest, and stands for the older ones too. Heard is which frame is the newest that the client has taken:
//! [`HeardAge`].
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::delta::KindLayout;
//! use tickwire_shared::protocol::input::{self, HeardAge, InputLanes, Told, ViewLag};
//!
//! let kind = KindLayout::new(&Keys::schema())?;
//! let mut lanes = InputLanes::default();
//! Keys { go: [1, 0] }.to_lanes(&mut lanes[..Keys::LANES]);
//! let told = Told { newest: Tick(9), lag: ViewLag::of_ticks(3.5), heard: HeardAge::UNKNOWN };
//! let mut message = Vec::new();
//! input::encode(&kind, &told, &[lanes, lanes], &mut message);
//! let mut ticks = Vec::new();
//! assert_eq!(input::decode(&kind, &message, |one| ticks.push(one.tick)), Ok(told));
//! assert!(ticks == [Tick(8), Tick(9)] && message.len() < 12);
//! # Ok::<(), delta::LayoutError>(())
//! ```

use super::limits::{INPUT_LANES_MAX, INPUTS_PER_MESSAGE_MAX};
use super::{TAG_INPUT, varint::ByteReader};
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::delta::{KindLayout, Part, decode_row, encode_row};
use crate::tick::Tick;

/// An input's lanes; those that the game does not use are 0.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::protocol::input::InputLanes;
///
/// let mut lanes = InputLanes::default();
/// Keys { go: [-1, 1] }.to_lanes(&mut lanes[..Keys::LANES]);
/// assert_eq!(lanes, [0, 2, 0, 0, 0, 0, 0, 0]);
/// ```
pub type InputLanes = [u32; INPUT_LANES_MAX];

/// How far the moment that a client drew lay before the tick that its input is for, in eighths of a tick, at most 31.9
/// ticks. Never negative: a client cannot claim to have seen the future.
///
/// ```
/// use tickwire_shared::protocol::input::ViewLag;
///
/// assert_eq!(ViewLag::of_ticks(3.5).ticks(), 3.5);
/// assert_eq!((ViewLag::of_ticks(-1.0).ticks(), ViewLag::of_ticks(99.0).ticks()), (0.0, 31.875));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ViewLag(pub u8);

impl ViewLag {
    /// The nearest to so many ticks.
    #[must_use]
    pub fn of_ticks(ticks: f64) -> Self {
        // `as` saturates
        Self((ticks * 8.0).round() as u8)
    }

    /// In ticks.
    #[must_use]
    pub fn ticks(self) -> f32 {
        f32::from(self.0) / 8.0
    }
}

/// So many ticks before an input's tick lies that of the newest frame that its client has taken. 255 says nothing: it is
/// longer ago, or there was none. A frame that is newer than the input is told as one of the input's tick, which is
/// older and so no lie.
///
/// ```
/// use tickwire_shared::{Tick, protocol::input::HeardAge};
///
/// let input = Tick(100);
/// assert_eq!(HeardAge::of(input, Some(Tick(93))).frame(input), Some(Tick(93)));
/// assert_eq!(HeardAge::of(input, None), HeardAge::UNKNOWN);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeardAge(pub u8);

impl HeardAge {
    /// Says nothing.
    pub const UNKNOWN: Self = Self(u8::MAX);

    /// For an input of `input`, whose client's newest frame is that of `frame`.
    #[must_use]
    pub fn of(input: Tick, frame: Option<Tick>) -> Self {
        // `as` saturates after the clamp
        frame.map_or(Self::UNKNOWN, |frame| Self(input.since(frame).clamp(0, u8::MAX.into()) as u8))
    }

    /// The frame's tick, of an input of `input`.
    #[must_use]
    pub fn frame(self, input: Tick) -> Option<Tick> {
        (self != Self::UNKNOWN).then(|| input.offset(-i32::from(self.0)))
    }
}

/// One input as it travels.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::protocol::input::{TickInput, ViewLag};
///
/// let one = TickInput { tick: Tick(9), lag: ViewLag::default(), lanes: [2, 1, 0, 0, 0, 0, 0, 0] };
/// assert_eq!(Keys::from_lanes(&one.lanes[..Keys::LANES]), Keys { go: [1, 0] });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TickInput {
    /// For this tick.
    pub tick: Tick,
    /// How old the picture was that the player saw.
    pub lag: ViewLag,
    /// What they want.
    pub lanes: InputLanes,
}

/// What a message tells beside the inputs.
///
/// ```
/// use tickwire_shared::{Tick, protocol::input::{HeardAge, Told, ViewLag}};
///
/// let told = Told { newest: Tick(9), lag: ViewLag::of_ticks(2.0), heard: HeardAge(4) };
/// assert_eq!((told.newest.offset(-2), told.heard.frame(told.newest)), (Tick(7), Some(Tick(5))), "saw 7, has 5");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The tick of the newest input.
    pub newest: Tick,
    /// How old the picture was that the player saw.
    pub lag: ViewLag,
    /// The newest frame that the client has taken.
    pub heard: HeardAge,
}

/// Appends a message with `inputs`: the newest first, each next one for the tick before.
/// At most [`INPUTS_PER_MESSAGE_MAX`]; more are left out.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::{delta::KindLayout, protocol::input::{self, HeardAge, Told, ViewLag}};
///
/// let kind = KindLayout::new(&Keys::schema())?;
/// let told = Told { newest: Tick(9), lag: ViewLag::default(), heard: HeardAge::UNKNOWN };
/// let bytes = |inputs: &[input::InputLanes]| {
///     let mut message = Vec::new();
///     input::encode(&kind, &told, inputs, &mut message);
///     message.len()
/// };
/// assert!(bytes(&[[1; 8]; 4]) <= bytes(&[[1; 8]]) + 1, "repeats of the same cost a bit each");
/// # Ok::<(), delta::LayoutError>(())
/// ```
pub fn encode(kind: &KindLayout, told: &Told, inputs: &[InputLanes], out: &mut Vec<u8>) {
    let inputs = &inputs[..inputs.len().min(INPUTS_PER_MESSAGE_MAX)];
    out.push(TAG_INPUT);
    out.extend_from_slice(&told.newest.0.to_le_bytes());
    out.extend_from_slice(&[told.lag.0, told.heard.0, inputs.len() as u8]);
    let mut bits = BitWriter::new(out);
    let mut before: Option<&InputLanes> = None;
    for input in inputs {
        let same = before == Some(input);
        if before.is_some() {
            bits.flag(same);
        }
        if !same {
            encode_row(kind, Part::Public, input, &mut bits);
        }
        before = Some(input);
    }
    bits.finish();
}

/// Calls `each` for the inputs of a message, the oldest first; gives what else it tells.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::{bits::DecodeError, delta::KindLayout, protocol::{TAG_INPUT, input}};
///
/// let kind = KindLayout::new(&Keys::schema())?;
/// let cut_off = [TAG_INPUT, 9, 0];
/// assert_eq!(input::decode(&kind, &cut_off, |_| unreachable!()), Err(DecodeError::Missing("tick")));
/// # Ok::<(), delta::LayoutError>(())
/// ```
///
/// # Errors
/// The message is malformed; `each` was not called then.
pub fn decode(kind: &KindLayout, message: &[u8], mut each: impl FnMut(TickInput)) -> Result<Told, DecodeError> {
    let mut bytes = ByteReader::new(message);
    if bytes.byte("tag")? != TAG_INPUT {
        return Err(DecodeError::OutOfRange("tag"));
    }
    let newest = Tick(u32::from_le_bytes(bytes.array("tick")?));
    let lag = ViewLag(bytes.byte("lag")?);
    let heard = HeardAge(bytes.byte("heard")?);
    let count = usize::from(bytes.byte("count")?);
    if count == 0 || count > INPUTS_PER_MESSAGE_MAX {
        return Err(DecodeError::OutOfRange("count"));
    }
    let mut bits = BitReader::new(bytes.rest());
    let mut inputs = [[0; INPUT_LANES_MAX]; INPUTS_PER_MESSAGE_MAX];
    for i in 0..count {
        if i > 0 && bits.flag()? {
            inputs[i] = inputs[i - 1];
        } else {
            decode_row(kind, Part::Public, &mut bits, &mut inputs[i])?;
        }
    }
    bits.all()?;
    for (age, lanes) in inputs[..count].iter().enumerate().rev() {
        each(TickInput { tick: newest.offset(-(age as i32)), lag, lanes: *lanes });
    }
    Ok(Told { newest, lag, heard })
}
