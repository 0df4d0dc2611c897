//! A player that reads of each frame only the head, and says what a player says: it costs a fraction of one, so that a
//! thousand of them leave the machine to the server.

use tickwire_shared::delta::KindLayout;
use tickwire_shared::protocol::input::{self, HeardAge, Told, ViewLag};
use tickwire_shared::protocol::limits::INPUT_LANES_MAX;
use tickwire_shared::protocol::{ClientMessage, JoinRequest, ServerMessage, VERSION, frame, heard};
use tickwire_shared::{Game, Schema, Tick};

use super::scene::{Circles, HZ};

/// An input leaves with every so manieth frame: every 100 ms.
const FRAMES_PER_INPUT: u32 = HZ as u32 / 10;
/// Its inputs are for so many ticks ahead.
const AHEAD: i32 = 3;

pub struct Heads {
    input: KindLayout,
    frames: u32,
    pub tick: Option<Tick>,
}

impl Heads {
    /// With its first messages.
    pub fn new(name: String, out: &mut Vec<Vec<u8>>) -> Self {
        let schema = Schema::of::<Circles>();
        let (game, fingerprint) = (Circles::NAME.to_owned(), schema.fingerprint());
        out.push(ClientMessage::Hello { protocol: VERSION, game, fingerprint }.encode());
        out.push(ClientMessage::Join(JoinRequest::new(name)).encode());
        Self { input: KindLayout::new(&schema.input).expect("the game's own"), frames: 0, tick: None }
    }

    /// Takes a message; what there is to answer goes to `out`.
    pub fn take(&mut self, message: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), String> {
        if !frame::is_frame(message) {
            return match ServerMessage::decode(message).map_err(|error| error.to_string())? {
                ServerMessage::Refused { reason } => Err(reason),
                _ => Ok(()),
            };
        }
        let (tick, asks) = frame::glance(message, self.tick).map_err(|error| error.to_string())?;
        self.tick = Some(tick);
        self.frames += 1;
        if self.frames.is_multiple_of(FRAMES_PER_INPUT) {
            let newest = tick.offset(AHEAD);
            let told = Told { newest, lag: ViewLag(8 * AHEAD as u8), heard: HeardAge::of(newest, Some(tick)) };
            let mut message = Vec::with_capacity(16);
            input::encode(&self.input, &told, &[[0; INPUT_LANES_MAX]; 2], &mut message);
            out.push(message);
        } else if asks {
            out.push(heard::encode(tick));
        }
        Ok(())
    }
}
