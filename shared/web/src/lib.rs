//! The browser's rim around the client, for any game by the schema that its server sends.
//!
//! The SDK (`assets/web/tickwire/`) owns the WebSocket and the clock; this crate turns its calls into those of a
//! [`Player`] and lends what is to be drawn as arrays of numbers ([`drawn`]). Call order for each session:
//!
//! ```text
//! new(game, name, pass, wish, token, seed)
//!                                    then, whenever something was called: poll_transmit until it gives nothing
//! handle_message(now, bytes)         an error: close the socket; then state, reason
//! rest, put(...), input(now), sample(now), poll_event(now)
//!                                    once a frame; what sample points at lies there until the next one
//! handle_disconnected(now, ...)      the socket is gone; true: at next_try call poll_connect(now), and when that says
//!                                    so open another; handle_connected() when it is open
//! ```
//! `now` is `performance.now()`: milliseconds that never go back.
//!
//! A game with rules of its own in the browser links this crate and makes the [`Client`] of another [`Player`].
#![warn(missing_docs)]

pub mod drawn;
mod fields;
mod known;
mod player;

use std::time::Duration;

use tickwire_shared::JoinRequest;
use tickwire_shared::client::{Returning, State, UntypedClient, Wish};
use tickwire_shared::protocol::ResumeToken;
use tickwire_shared::schema::{Field, KindSchema};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

pub use drawn::Drawn;
pub use player::Player;

/// Stands for the input where a kind's number is asked for, and for no seat.
const INPUT: u16 = u16::MAX;
/// So long a page without a connection tries to come back.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15 * 60);

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
    /// Asks for a seat in a game under this name, with this pass, in the room that the wish (JSON) tells, both of which may
    /// be empty; or, with its `token`, for one that it had. When its connection breaks it comes back at times drawn from
    /// `seed`.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(game: &str, name: String, pass: String, wish: String, token: &[u8], seed: u32) -> Self {
        let client = match token_of(token) {
            Some(token) => UntypedClient::back_to_game(game, token),
            None => UntypedClient::of_game(game, JoinRequest { name, pass, wish }),
        };
        Self::of(client.returning(returning(seed)))
    }

    /// Another socket is open.
    pub fn handle_connected(&mut self) {
        self.player.handle_connected();
    }

    /// The socket is gone, or could not be opened, with this close code (1006 when there was none). Tells whether the
    /// client will come back.
    pub fn handle_disconnected(&mut self, now_ms: f64, code: u16, reason: &str) -> bool {
        self.player.handle_disconnected(since_epoch(now_ms), code, reason)
    }

    /// Whether to open a socket now; said once for each try.
    pub fn poll_connect(&mut self, now_ms: f64) -> bool {
        self.player.poll_connect(since_epoch(now_ms))
    }

    /// The next try is due at once.
    pub fn hurry(&mut self) {
        self.player.hurry();
    }

    /// What leads back to the seat; empty where none does. Whoever has it has the seat.
    #[must_use]
    pub fn token(&self) -> Vec<u8> {
        self.player.untyped().token().map_or_else(Vec::new, |token| token.0.to_vec())
    }

    /// Which try to come back is awaited or under way, from 1; 0 while there is none.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        match self.player.untyped().state() {
            State::Connecting { attempt, .. } | State::Resuming { attempt, .. } => *attempt,
            _ => 0,
        }
    }

    /// When the next try is due; nothing while none is awaited.
    #[must_use]
    pub fn next_try(&self) -> Option<f64> {
        match self.player.untyped().state() {
            State::Connecting { next_try, .. } | State::Resuming { next_try, .. } => next_try.map(to_ms),
            _ => None,
        }
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

    /// The next event of the game, in its own encoding; each when what is drawn has reached its tick.
    pub fn poll_event(&mut self, now_ms: f64) -> Option<Vec<u8>> {
        self.player.poll_event_at(since_epoch(now_ms))
    }

    /// The next word from whoever runs the server. Ask after each message.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        let notice = self.player.poll_notice()?;
        Some(Notice { text: notice.text, ends_in_s: notice.ends_in.map(|time| time.as_secs_f64()) })
    }

    /// Brings what is drawn to `now_ms` and gives where its table lies: see [`drawn`]. 0 before the schema is known.
    pub fn sample(&mut self, now_ms: f64) -> *const u32 {
        let Some(drawn) = &mut self.drawn else { return std::ptr::null() };
        self.player.draw(since_epoch(now_ms), drawn);
        drawn.table().as_ptr()
    }

    /// 0 connecting, 1 joining, 2 playing, 3 resuming, 4 refused, 5 closed.
    #[must_use]
    pub fn state(&self) -> u8 {
        match self.player.untyped().state() {
            State::Connecting { .. } => 0,
            State::Joining => 1,
            State::Playing { .. } => 2,
            State::Resuming { .. } => 3,
            State::Refused { .. } => 4,
            State::Closed { .. } => 5,
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

    /// What others join this room by; nothing where it has no code.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.player.untyped().code().map(str::to_owned)
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

    /// In the order of `STATS` in `assets/web/tickwire/src/room.js`: times in milliseconds, -1 while unknown.
    #[must_use]
    pub fn stats(&self) -> Vec<f64> {
        let stats = self.player.stats();
        let known = |time: Option<Duration>| time.map_or(-1.0, to_ms);
        let count = |count: u64| count as f64;
        vec![
            known(stats.rtt),
            to_ms(stats.jitter),
            known(stats.input_to_ack),
            count(stats.frames),
            count(stats.bytes_in),
            count(stats.bytes_out),
            count(stats.hashes_checked),
            count(stats.desyncs),
            to_ms(self.player.untyped().tick_interval()),
            to_ms(stats.interpolation_delay),
            count(stats.underruns),
            f64::from(stats.margin_ms),
            f64::from(stats.margin_wanted_ms),
            count(stats.corrections),
            f64::from(stats.correction_steps_max),
            to_ms(stats.correction_longest),
        ]
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

/// Word from whoever runs the server, for the player. Free it after reading.
#[wasm_bindgen(getter_with_clone)]
#[derive(Debug)]
pub struct Notice {
    /// A sentence or two.
    pub text: String,
    /// The connection ends in so many seconds, or before.
    pub ends_in_s: Option<f64>,
}

/// A resume token, if these bytes are one.
#[must_use]
pub fn token_of(bytes: &[u8]) -> Option<ResumeToken> {
    bytes.try_into().ok().map(ResumeToken)
}

/// How a page comes back: it tries for long, since somebody may look at it again.
#[must_use]
pub fn returning(seed: u32) -> Returning {
    Returning { give_up_after: GIVE_UP_AFTER, ..Returning::new(seed.into()) }
}

fn to_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Zero for what is no time.
fn since_epoch(now_ms: f64) -> Duration {
    Duration::from_nanos((now_ms * 1e6) as u64)
}
