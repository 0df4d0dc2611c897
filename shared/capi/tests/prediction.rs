//! Prediction with a step in C: own entities are drawn ahead of what the server told, and right.

// it does what C does
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use room::Room;
use room::coins::Coins;
use tickwire_client::*;

#[allow(dead_code)]
mod room {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../doc/room.rs"));
}

const TICK_NS: u64 = 50_000_000;

/// What the step is given: how fast it runs, and how often it was asked.
struct Legs {
    speed: f64,
    steps: Cell<u32>,
}

unsafe extern "C" fn run(user: *mut c_void, step: *const Step, input: *const f64, own: *mut f64) {
    // SAFETY: as the header says
    let (legs, step) = unsafe { (&*user.cast::<Legs>(), &*step) };
    // SAFETY: as the header says
    let (keys, own) = unsafe { (from_raw_parts(input, step.input_count), from_raw_parts_mut(own, step.own_count)) };
    assert_eq!((keys.len(), own.len(), step.entity, step.kind), (2, 3, 0, 0));
    legs.steps.set(legs.steps.get() + 1);
    for (at, go) in own.iter_mut().zip(keys) {
        *at = (*at + go * legs.speed * f64::from(step.dt_s)).clamp(0.0, 100.0);
    }
    own[2] = -7.0; // others' coins are the server's affair, and below 0 there are none
}

unsafe extern "C" fn always(_: *mut c_void, kind: u32, drawn: *const f64, is: *const f64) -> bool {
    // SAFETY: a thing has three numbers
    let (drawn, is) = unsafe { (from_raw_parts(drawn, 3), from_raw_parts(is, 3)) };
    kind == 0 && drawn[0] != is[0]
}

struct Player {
    client: *mut Client,
    room: Room<Coins>,
    now_ns: u64,
}

impl Player {
    fn new() -> Self {
        let mut client = null_mut();
        // SAFETY: texts that end with a zero, and a place
        let made = unsafe { tickwire_client_new(c"coins".as_ptr(), c"ann".as_ptr(), null(), &raw mut client) };
        assert_eq!(made, Status::Ok);
        Self { client, room: Room::new(()), now_ns: 0 }
    }

    fn predict(&self, field: &CStr, step: StepFunction, jumped: JumpedFunction, legs: &Legs) -> Status {
        let (fields, user) = ([field.as_ptr()], (&raw const *legs).cast_mut().cast());
        // SAFETY: a client, one text; the legs outlive the client's last call
        unsafe { tickwire_predict(self.client, fields.as_ptr(), 1, step, jumped, user) }
    }

    /// So many ticks with a finger on a key.
    fn play(&mut self, ticks: u32, go: f64) {
        let mut buffer = [0; 4096];
        for _ in 0..ticks {
            self.now_ns += TICK_NS;
            // SAFETY: a client
            unsafe {
                tickwire_input_set_number_at(self.client, 0, 0, go);
                tickwire_input_send(self.client, self.now_ns, null_mut());
            }
            let mut length = 0;
            // SAFETY: a client and a buffer
            while unsafe { tickwire_next_message(self.client, buffer.as_mut_ptr(), buffer.len(), &raw mut length) }
                == Status::Ok
            {
                if let Some(answer) = self.room.answer(&buffer[..length]) {
                    self.handle(&answer);
                }
            }
            let frame = self.room.tick();
            self.handle(&frame);
        }
    }

    fn handle(&self, message: &[u8]) {
        // SAFETY: a client, and a slice
        let handled = unsafe { tickwire_handle_message(self.client, self.now_ns, message.as_ptr(), message.len()) };
        assert_eq!(handled, Status::Ok);
    }

    /// Where the own runner is in the last sample.
    fn x(&self) -> f64 {
        let (mut at, mut count) = ([0.0; 2], 0);
        // SAFETY: a client, and room for both elements
        let read = unsafe { tickwire_entity_f64(self.client, 0, 0, at.as_mut_ptr(), 2, &raw mut count) };
        assert_eq!((read, count), (Status::Ok, 2));
        at[0]
    }

    fn drawn(&self) -> f64 {
        // SAFETY: a client
        assert_eq!(unsafe { tickwire_sample(self.client, self.now_ns) }, Status::Ok);
        self.x()
    }

    fn told(&self) -> f64 {
        // SAFETY: a client
        assert_eq!(unsafe { tickwire_sample_newest(self.client) }, Status::Ok);
        self.x()
    }

    fn corrections(&self) -> Corrections {
        let mut told = Corrections { count: 9, jumps: 9, longest_ns: 9, steps_max: 9.0 };
        // SAFETY: a client and a place
        assert_eq!(unsafe { tickwire_corrections_read(self.client, &raw mut told) }, Status::Ok);
        told
    }

    fn place(&self, kind: u32, field: &CStr) -> Result<usize, Status> {
        let mut at = 99;
        // SAFETY: a client, a text and a place
        match unsafe { tickwire_number_find(self.client, kind, field.as_ptr(), &raw mut at) } {
            Status::Ok => Ok(at),
            status => Err(status),
        }
    }

    fn error(&self) -> String {
        let mut bytes = [0u8; 300];
        // SAFETY: a client and a buffer
        unsafe { tickwire_error_text(self.client, bytes.as_mut_ptr().cast::<c_char>(), bytes.len()) };
        CStr::from_bytes_until_nul(&bytes).expect("a zero").to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // SAFETY: once
        unsafe { tickwire_free(self.client) };
    }
}

fn legs(speed: f64) -> Legs {
    Legs { speed, steps: Cell::new(0) }
}

#[test]
fn an_own_entity_is_drawn_where_its_inputs_take_it() {
    let legs = legs(20.0);
    let mut player = Player::new();
    player.play(4, 1.0);
    assert!(player.drawn() <= player.told(), "without prediction it is a little in the past");
    assert_eq!(player.predict(c"at", Some(run), None, &legs), Status::Ok, "{}", player.error());
    player.play(60, 1.0);
    assert!(player.drawn() > player.told(), "{} is ahead of {}", player.drawn(), player.told());
    player.play(30, -1.0);
    assert!(player.drawn() < player.told() && legs.steps.get() > 90);
    let told = player.corrections();
    assert_eq!((told.count, told.jumps, told.longest_ns, told.steps_max), (0, 0, 0, 0.0));
    // no more of it
    assert_eq!(player.predict(c"at", None, None, &legs), Status::Ok);
    player.play(5, -1.0);
    assert!(player.drawn() >= player.told());
}

#[test]
fn a_step_that_is_not_the_servers_is_corrected() {
    let (wrong, mut player) = (legs(24.0), Player::new());
    player.play(4, 0.0);
    assert_eq!(player.predict(c"at", Some(run), None, &wrong), Status::Ok);
    player.play(30, 1.0);
    let told = player.corrections();
    assert!(told.count > 0 && told.jumps == 0 && told.longest_ns > 0, "{told:?}");
    assert!(told.steps_max >= 3.0, "0.2 a tick too far are four steps: {told:?}");

    let mut player = Player::new();
    player.play(4, 0.0);
    assert_eq!(player.predict(c"at", Some(run), Some(always), &wrong), Status::Ok);
    player.play(30, 1.0);
    let told = player.corrections();
    assert!(told.count == 0 && told.jumps > 0, "nothing glides: {told:?}");
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let legs = legs(20.0);
    let mut player = Player::new();
    assert_eq!(player.predict(c"at", Some(run), None, &legs), Status::ErrorNotReady);
    assert_eq!(player.place(0, c"at"), Err(Status::ErrorNotReady));
    player.play(4, 1.0);
    assert_eq!(player.predict(c"place", Some(run), None, &legs), Status::ErrorUnknown);
    assert!(player.error().contains("place"), "{}", player.error());
    // SAFETY: a client; NULL is refused
    let without = unsafe { tickwire_predict(player.client, null(), 1, Some(run), None, null_mut()) };
    assert_eq!(without, Status::ErrorPointer);
    assert_eq!(
        (player.place(0, c"at"), player.place(0, c"coins"), player.place(TICKWIRE_INPUT, c"go")),
        (Ok(0), Ok(2), Ok(0))
    );
    assert_eq!(
        (player.place(0, c"go"), player.place(7, c"at")),
        (Err(Status::ErrorUnknown), Err(Status::ErrorUnknown))
    );
    assert_eq!(legs.steps.get(), 0);
}
