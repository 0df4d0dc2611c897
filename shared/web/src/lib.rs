//! The browser's rim around the client, for any game by the schema that its server sends.
//!
//! The SDK (`assets/web/tickwire/`) owns the WebSocket and the clock; this crate turns its calls into those of a
//! [`Player`] and lends what is to be drawn as arrays of numbers ([`drawn`]). Call order for each session:
//!
//! ```text
//! new(game, name)                    then, whenever something was called: poll_transmit until it gives nothing
//! handle_message(now, bytes)         an error: close the socket; then poll_event, state, reason
//! rest, put(...), input(now), sample(now)  once a frame; what sample points at lies there until the next one
//! ```
//! `now` is `performance.now()`: milliseconds that never go back.
//!
//! A game with rules of its own in the browser links this crate and makes the [`Client`] of another [`Player`].
#![warn(missing_docs)]

pub mod drawn;
mod fields;
mod player;

use std::time::Duration;

use tickwire_shared::Profile;
use tickwire_shared::client::{State, UntypedClient, Wish};
use tickwire_shared::schema::{Field, KindSchema};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

pub use drawn::Drawn;
pub use player::Player;

/// Stands for the input where a kind's number is asked for, and for no seat.
const INPUT: u16 = u16::MAX;

/// Runs once when the module is loaded: a panic shall reach the console with its message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// One player's end of a session.
#[wasm_bindgen]
pub struct Client {
    player: Box<dyn Player>,
    /// None until the schema is known.
    drawn: Option<Drawn>,
    wish: Wish,
}

impl Client {
    /// The client of a player who knows more than the schema.
    pub fn of(player: impl Player + 'static) -> Self {
        let mut client = Self { player: Box::new(player), drawn: None, wish: Wish::default() };
        client.learn();
        client
    }

    fn learn(&mut self) {
        if self.drawn.is_none()
            && let Some(schema) = self.player.untyped().schema()
        {
            self.drawn = Some(Drawn::new(schema));
            self.wish = Wish::new(&schema.input);
        }
    }

    fn kind(&self, kind: u16) -> Option<&KindSchema> {
        let schema = self.player.untyped().schema()?;
        if kind == INPUT { Some(&schema.input) } else { schema.kinds.get(usize::from(kind)) }
    }

    fn field(&self, kind: u16, field: usize) -> Option<&Field> {
        self.kind(kind)?.fields.get(field)
    }
}

#[wasm_bindgen]
impl Client {
    /// Asks for a seat in a game under this name.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(game: &str, name: String) -> Self {
        Self::of(UntypedClient::of_game(game, Profile { name }))
    }

    /// A whole binary message arrived.
    ///
    /// # Errors
    /// The server broke the protocol: close the socket.
    pub fn handle_message(&mut self, now_ms: f64, message: &[u8]) -> Result<(), JsError> {
        self.player.handle_message(since_epoch(now_ms), message)?;
        self.learn();
        Ok(())
    }

    /// The input that leaves next says nothing again: false, 0, empty.
    pub fn rest(&mut self) {
        self.wish.rest();
    }

    /// Sets a number of the input that leaves next: a boolean, an integer, a float, an angle, a variant's number or a
    /// component of a quaternion.
    ///
    /// # Errors
    /// The input has no such field or element, or it takes another value: the rest of a sentence that begins with the
    /// field's name.
    pub fn put(&mut self, field: usize, element: usize, number: f64) -> Result<(), JsError> {
        Ok(self.wish.put(field, element, number)?)
    }

    /// Sets a text of the input that leaves next, or names a variant.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub fn put_text(&mut self, field: usize, element: usize, text: String) -> Result<(), JsError> {
        Ok(self.wish.put_text(field, element, text)?)
    }

    /// Sets a quaternion of the input that leaves next: x, y, z, w.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub fn put_quat(&mut self, field: usize, element: usize, x: f32, y: f32, z: f32, w: f32) -> Result<(), JsError> {
        Ok(self.wish.put_quat(field, element, [x, y, z, w])?)
    }

    /// What was put is what the player wants now; at most one input leaves for each tick. Tells whether one left.
    pub fn input(&mut self, now_ms: f64) -> bool {
        self.player.input(since_epoch(now_ms), self.wish.lanes()).unwrap_or(false)
    }

    /// Sends a command in the game's own encoding.
    pub fn command(&mut self, command: Vec<u8>) {
        self.player.command(command);
    }

    /// Gives the seat back.
    pub fn leave(&mut self) {
        self.player.leave();
    }

    /// The next message for the socket.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.player.poll_transmit()
    }

    /// The next event of the game, in its own encoding.
    pub fn poll_event(&mut self) -> Option<Vec<u8>> {
        self.player.poll_event()
    }

    /// Brings what is drawn to `now_ms` and gives where its table lies: see [`drawn`]. 0 before the schema is known.
    pub fn sample(&mut self, now_ms: f64) -> *const u32 {
        let Some(drawn) = &mut self.drawn else { return std::ptr::null() };
        self.player.draw(since_epoch(now_ms), drawn);
        drawn.table().as_ptr()
    }

    /// 0 connecting, joining or resuming, 1 playing, 2 ended.
    #[must_use]
    pub fn state(&self) -> u8 {
        match self.player.untyped().state() {
            State::Connecting { .. } | State::Joining | State::Resuming { .. } => 0,
            State::Playing { .. } => 1,
            State::Refused { .. } | State::Closed { .. } => 2,
        }
    }

    /// Why it is over, for a person; nothing while it is not.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.player.untyped().state().ended().map(str::to_owned)
    }

    /// The seat; nothing while not playing.
    #[must_use]
    pub fn seat(&self) -> Option<u16> {
        self.player.untyped().seat().map(|seat| seat.0)
    }

    /// The entities of the seat.
    #[must_use]
    pub fn owned(&self) -> Vec<u32> {
        self.player.untyped().owned().map(|id| id.0).collect()
    }

    /// The tick of the newest state; nothing before the first.
    #[must_use]
    pub fn tick(&self) -> Option<u32> {
        self.player.untyped().tick().map(|tick| tick.0)
    }

    /// The low half of the state's hash.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.player.untyped().state_hash()
    }

    /// Round trip, jitter and input to ack in milliseconds, -1 while unknown; frames; bytes in and out; hashes checked;
    /// desyncs; milliseconds from tick to tick.
    #[must_use]
    pub fn stats(&self) -> Vec<f64> {
        let stats = self.player.untyped().stats();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let known = |time: Option<Duration>| time.map_or(-1.0, ms);
        let counts = [stats.frames, stats.bytes_in, stats.bytes_out, stats.hashes_checked, stats.desyncs];
        let mut all = vec![known(stats.rtt), ms(stats.jitter), known(stats.input_to_ack)];
        all.extend(counts.map(|count| count as f64));
        all.push(ms(self.player.untyped().tick_interval()));
        all
    }

    /// Names of the kinds, by number.
    #[must_use]
    pub fn kind_names(&self) -> Vec<String> {
        let schema = self.player.untyped().schema();
        schema.map_or_else(Vec::new, |schema| schema.kinds.iter().map(|kind| kind.name.clone()).collect())
    }

    /// Names of a kind's fields; 65,535 is the input.
    #[must_use]
    pub fn field_names(&self, kind: u16) -> Vec<String> {
        self.kind(kind).map_or_else(Vec::new, |kind| kind.fields.iter().map(|field| field.name.clone()).collect())
    }

    /// What each of a kind's fields is: type, elements (0 where the field is no array), words an element, whether only
    /// the owner has it. See [`drawn`] for the types.
    #[must_use]
    pub fn field_types(&self, kind: u16) -> Vec<u32> {
        self.kind(kind).map_or_else(Vec::new, |kind| kind.fields.iter().flat_map(fields::describe).collect())
    }

    /// Smallest and largest value of a field that has such.
    #[must_use]
    pub fn field_range(&self, kind: u16, field: usize) -> Vec<f64> {
        self.field(kind, field).map_or_else(Vec::new, fields::range)
    }

    /// Names of a field's variants.
    #[must_use]
    pub fn field_variants(&self, kind: u16, field: usize) -> Vec<String> {
        self.field(kind, field).map_or_else(Vec::new, fields::variants)
    }
}

fn since_epoch(now_ms: f64) -> Duration {
    Duration::try_from_secs_f64(now_ms / 1000.0).unwrap_or_default()
}
