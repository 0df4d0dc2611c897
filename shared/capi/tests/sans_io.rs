//! The C interface as C uses it, without sockets: the recorded session gives the recorded states, what is asked wrongly
//! is refused, and whatever a server sends is taken or refused, never a crash.

// it does what C does
#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use tickwire_client::*;

/// shared/tests/session/README.md has the layout. Miri takes its time, so it sees the beginning.
const MESSAGES: usize = if cfg!(miri) { 24 } else { usize::MAX };

/// A client that is freed.
struct Handle(*mut Client);

impl Handle {
    fn new(game: &str) -> Self {
        let (game, mut client) = (CString::new(game).unwrap(), null_mut());
        // SAFETY: texts that end with a zero, and a place
        let made = unsafe { tickwire_client_new(game.as_ptr(), c"ann".as_ptr(), null(), &raw mut client) };
        assert_eq!(made, Status::Ok);
        Self(client)
    }

    fn handle(&self, now_ns: u64, message: &[u8]) -> Status {
        // SAFETY: a client, and a slice
        unsafe { tickwire_handle_message(self.0, now_ns, message.as_ptr(), message.len()) }
    }

    fn session(&self) -> Session {
        let mut session = std::mem::MaybeUninit::uninit();
        // SAFETY: a client, and a place that is filled on success
        unsafe {
            assert_eq!(tickwire_session_read(self.0, session.as_mut_ptr()), Status::Ok);
            session.assume_init()
        }
    }

    fn error(&self) -> String {
        // SAFETY: a client
        text(|buffer, capacity| unsafe { tickwire_error_text(self.0, buffer, capacity) })
    }

    fn field(&self, kind: u32, name: &str) -> u32 {
        let (name, mut field) = (CString::new(name).unwrap(), 0);
        // SAFETY: a client, a text and a place
        assert_eq!(unsafe { tickwire_field_find(self.0, kind, name.as_ptr(), &raw mut field) }, Status::Ok);
        field
    }

    fn kind(&self, name: &str) -> u32 {
        let (name, mut kind) = (CString::new(name).unwrap(), 0);
        // SAFETY: a client, a text and a place
        assert_eq!(unsafe { tickwire_kind_find(self.0, name.as_ptr(), &raw mut kind) }, Status::Ok);
        kind
    }

    fn ids(&self, kind: u32) -> Vec<u32> {
        // SAFETY: a client, and room for what the first call tells
        numbers(|out, capacity, count| unsafe { tickwire_ids(self.0, kind, out, capacity, count) })
    }

    fn set(&self, field: &str, number: f64) -> Status {
        let field = CString::new(field).unwrap();
        // SAFETY: a client and a text
        unsafe { tickwire_input_set_number(self.0, field.as_ptr(), number) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: once
        unsafe { tickwire_free(self.0) };
    }
}

fn text(read: impl Fn(*mut c_char, usize) -> usize) -> String {
    let mut bytes = vec![0xffu8; read(null_mut(), 0)];
    let needed = read(bytes.as_mut_ptr().cast(), bytes.len());
    assert_eq!(needed, bytes.len());
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(0));
    String::from_utf8(bytes).expect("UTF-8")
}

fn numbers<T: Copy + Default>(read: impl Fn(*mut T, usize, *mut usize) -> Status) -> Vec<T> {
    let mut count = 0;
    let asked = read(null_mut(), 0, &raw mut count);
    assert_eq!(asked, if count == 0 { Status::Ok } else { Status::ErrorShort });
    let mut all = vec![T::default(); count];
    assert_eq!(read(all.as_mut_ptr(), count, &raw mut count), Status::Ok);
    all
}

struct Step {
    now_ns: u64,
    message: Vec<u8>,
    hash: u32,
    entities: u32,
}

fn number<const BYTES: usize>(file: &mut &[u8]) -> u64 {
    let (taken, left) = file.split_at(BYTES);
    *file = left;
    taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The game's name, and what arrived.
fn recording() -> (String, Vec<Step>) {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/session/arena.session")).unwrap();
    let mut file = bytes.strip_prefix(b"tickwire").expect("a recording");
    number::<2>(&mut file);
    let (name, mut file) = file[1..].split_at(file[0].into());
    let mut steps = Vec::new();
    while !file.is_empty() && steps.len() < MESSAGES {
        let now_ns = number::<8>(&mut file) * 1000;
        let length = number::<4>(&mut file) as usize;
        let (message, rest) = file.split_at(length);
        file = rest;
        let (hash, entities) = (number::<4>(&mut file) as u32, number::<4>(&mut file) as u32);
        steps.push(Step { now_ns, message: message.to_vec(), hash, entities });
    }
    (String::from_utf8(name.to_vec()).unwrap(), steps)
}

/// A client that plays, and when.
fn playing() -> (Handle, u64) {
    let (game, steps) = recording();
    let client = Handle::new(&game);
    for step in &steps {
        assert_eq!(client.handle(step.now_ns, &step.message), Status::Ok, "{}", client.error());
    }
    (client, steps.last().expect("messages").now_ns)
}

#[test]
fn the_recorded_session_gives_the_recorded_states() {
    let (game, steps) = recording();
    let client = Handle::new(&game);
    assert_eq!(client.session().state, State::Joining);
    for (i, step) in steps.iter().enumerate() {
        assert_eq!(client.handle(step.now_ns, &step.message), Status::Ok, "message {i}: {}", client.error());
        let session = client.session();
        assert_eq!((session.state_hash, session.entities), (step.hash, step.entities), "after message {i}");
    }
    let session = client.session();
    assert_eq!((session.state, session.seat), (State::Playing, 0));
    let mut stats = std::mem::MaybeUninit::<Stats>::uninit();
    // SAFETY: a client, and a place that is filled on success
    let stats = unsafe {
        assert_eq!(tickwire_stats_read(client.0, stats.as_mut_ptr()), Status::Ok);
        stats.assume_init()
    };
    assert_eq!(stats.desyncs, 0);
    assert!(stats.hashes_checked > if cfg!(miri) { 0 } else { 5 });
}

#[test]
fn columns_hold_what_single_entities_do() {
    let (client, now_ns) = playing();
    // SAFETY: a client
    assert_eq!(unsafe { tickwire_sample(client.0, now_ns) }, Status::Ok);
    let rock = client.kind("Rock");
    let ids = client.ids(rock);
    assert!(ids.len() > 3, "{} rocks", ids.len());
    let x = client.field(rock, "x");
    // SAFETY: a client, and room for what the first call tells
    let xs = numbers(|out, capacity, count| unsafe { tickwire_column_f32(client.0, rock, x, out, capacity, count) });
    assert_eq!(xs.len(), ids.len());
    assert!(xs.iter().any(|x| *x != xs[0]), "they lie in different places");
    for (row, id) in ids.iter().enumerate() {
        // SAFETY: as above
        let one =
            numbers(|out, capacity, count| unsafe { tickwire_entity_f64(client.0, *id, x, out, capacity, count) });
        assert_eq!(one, [f64::from(xs[row])]);
        let (mut kind, mut at) = (9, 9);
        // SAFETY: a client and places
        assert_eq!(unsafe { tickwire_find(client.0, *id, &raw mut kind, &raw mut at) }, Status::Ok);
        assert_eq!((kind, at), (rock, row));
    }
    let ship = client.kind("Ship");
    let (name, ships) = (client.field(ship, "name"), client.ids(ship));
    let mut told = std::mem::MaybeUninit::<Field>::uninit();
    // SAFETY: a client, and a place that is filled on success
    let told = unsafe {
        assert_eq!(tickwire_field_describe(client.0, ship, name, told.as_mut_ptr()), Status::Ok);
        told.assume_init()
    };
    assert_eq!((told.field_type, told.components, told.elements), (FieldType::Text, 0, 1));
    // SAFETY: as above
    let all = numbers(|out, room, count| unsafe { tickwire_column_text(client.0, ship, name, out, room, count) });
    assert_eq!(all.len(), ships.len() * told.text_bytes as usize);
    for (chars, id) in all.chunks(told.text_bytes as usize).zip(&ships) {
        // SAFETY: as above
        let one = text(|buffer, room| unsafe { tickwire_entity_text(client.0, *id, name, 0, buffer, room) });
        let chars: Vec<u8> = chars.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect();
        assert_eq!(String::from_utf8(chars).unwrap(), one);
    }
}

#[test]
fn the_schema_is_described() {
    let (client, _) = playing();
    let turn = client.field(TICKWIRE_INPUT, "turn");
    let mut told = std::mem::MaybeUninit::<Field>::uninit();
    // SAFETY: a client, and a place that is filled on success
    let told = unsafe {
        assert_eq!(tickwire_field_describe(client.0, TICKWIRE_INPUT, turn, told.as_mut_ptr()), Status::Ok);
        told.assume_init()
    };
    assert_eq!((told.field_type, told.min, told.max, told.components), (FieldType::Int, -1.0, 1.0, 1));
    let ship = client.kind("Ship");
    // SAFETY: clients
    unsafe {
        assert_eq!(text(|buffer, room| tickwire_kind_name(client.0, ship, buffer, room)), "Ship");
        assert!(tickwire_kind_count(client.0) > 4 && tickwire_field_count(client.0, ship) > 10);
        assert_eq!(tickwire_field_count(client.0, 99), 0);
        let gun = client.field(ship, "gun");
        assert_eq!(text(|buffer, room| tickwire_variant_name(client.0, ship, gun, 0, buffer, room)), "Plain");
        assert_eq!(tickwire_variant_name(client.0, ship, gun, 99, null_mut(), 0), 0);
        assert!(client.error().contains("gun has"), "{}", client.error());
        let mut kind = 0;
        assert_eq!(tickwire_kind_find(client.0, c"Boat".as_ptr(), &raw mut kind), Status::ErrorUnknown);
        assert!(client.error().contains("there are Ship"), "{}", client.error());
    }
}

#[test]
fn inputs_are_set_by_name_and_leave_as_messages() {
    let (client, now_ns) = playing();
    let message = |room: usize| {
        let (mut bytes, mut length) = (vec![0; room], 0);
        // SAFETY: a client, a buffer and a place
        let status = unsafe { tickwire_next_message(client.0, bytes.as_mut_ptr(), room, &raw mut length) };
        (status, length)
    };
    let (status, length) = message(0);
    assert!(status == Status::ErrorShort && length > 0);
    assert_eq!(message(length), (Status::Ok, length), "it waited");
    while message(4096).0 == Status::Ok {}
    assert_eq!(message(4096), (Status::Nothing, 0));

    assert_eq!(client.set("turn", 1.0), Status::Ok);
    assert_eq!(client.set("turn", 2.0), Status::ErrorValue);
    assert_eq!(client.error(), "turn takes a number from -1 to 1, not 2");
    assert_eq!(client.set("jump", 1.0), Status::ErrorUnknown);
    assert!(client.error().contains("has no field \"jump\": it has thrust"), "{}", client.error());
    let mut left = false;
    // SAFETY: a client and a place
    unsafe {
        assert_eq!(tickwire_input_set_number_at(client.0, 0, 7, 1.0), Status::ErrorUnknown);
        assert_eq!(tickwire_input_send(client.0, now_ns + 1_000_000, &raw mut left), Status::Ok);
    }
    assert!(left, "an input left");
    assert_eq!(message(4096).0, Status::Ok);
}

#[test]
fn events_come_with_what_belongs_to_them() {
    let (client, _) = playing();
    let mut seen = Vec::new();
    loop {
        let (mut event, mut payload) = (std::mem::MaybeUninit::<Event>::uninit(), [0; 256]);
        // SAFETY: a client, a place and a buffer
        match unsafe { tickwire_poll_event(client.0, event.as_mut_ptr(), payload.as_mut_ptr(), payload.len()) } {
            // SAFETY: filled on success
            Status::Ok => seen.push(unsafe { event.assume_init() }),
            other => break assert_eq!(other, Status::Nothing),
        }
    }
    assert_eq!(seen[0].kind, EventKind::Joined);
    let count = |kind| seen.iter().filter(|event| event.kind == kind).count();
    let (session, spawned) = (client.session(), count(EventKind::Spawned));
    assert_eq!(session.entities as usize, spawned - count(EventKind::Despawned));
    assert_eq!(count(EventKind::Desync), 0);
    let owned: Vec<u32> =
        // SAFETY: a client, and room for what the first call tells
        numbers(|out, capacity, count| unsafe { tickwire_owned(client.0, out, capacity, count) });
    assert!(seen.iter().any(|event| event.kind == EventKind::Spawned && owned.contains(&event.entity)));
}

#[test]
fn null_and_short_and_wrong_are_errors() {
    // SAFETY: null is what these calls must take
    unsafe {
        let (game, nowhere) = (c"arena".as_ptr(), null_mut());
        assert_eq!(tickwire_client_new(game, game, null(), nowhere), Status::ErrorPointer);
        let mut client = null_mut();
        assert_eq!(tickwire_client_new(null(), game, null(), &raw mut client), Status::ErrorPointer);
        assert!(client.is_null());
        let told = text(|buffer, room| tickwire_error_text(null(), buffer, room));
        assert_eq!(told, "the game is NULL or not aligned");
        assert_eq!(tickwire_client_new(c"\xff".as_ptr(), game, null(), &raw mut client), Status::ErrorArgument);
        assert_eq!(tickwire_sample(null_mut(), 0), Status::ErrorPointer);
        assert_eq!(tickwire_client_state(null_mut()), State::None);
        assert_eq!(tickwire_kind_name(null_mut(), 0, null_mut(), 0), 0);
        assert_eq!(tickwire_handle_message(null_mut(), 0, null(), 0), Status::ErrorPointer);
        assert_eq!(tickwire_poll_event(null_mut(), null_mut(), null_mut(), 0), Status::ErrorPointer);
        assert_eq!(tickwire_now_ns(null()), 0);
        tickwire_free(null_mut());

        let fresh = Handle::new("arena");
        assert_eq!(tickwire_sample(fresh.0, 0), Status::ErrorNotReady);
        assert_eq!(fresh.set("turn", 1.0), Status::ErrorNotReady);
        assert_eq!(tickwire_ids(fresh.0, 0, null_mut(), 0, null_mut()), Status::ErrorPointer);
        let mut left = true;
        assert_eq!(tickwire_input_send(fresh.0, 0, &raw mut left), Status::Ok);
        assert!(!left);

        let (client, now_ns) = playing();
        assert_eq!(tickwire_handle_message(client.0, now_ns, null(), 9), Status::ErrorPointer);
        assert_eq!(tickwire_session_read(client.0, null_mut()), Status::ErrorPointer);
        assert_eq!(tickwire_poll_event(client.0, null_mut(), null_mut(), 0), Status::ErrorPointer);
        assert_eq!(tickwire_sample(client.0, now_ns), Status::Ok);
        let (ship, mut count, mut short) = (client.kind("Ship"), 7, [7.5f32]);
        let (x, name) = (client.field(ship, "x"), client.field(ship, "name"));
        let rock = client.kind("Rock");
        let of = short.as_mut_ptr();
        assert_eq!(tickwire_column_f32(client.0, rock, 0, of, 1, &raw mut count), Status::ErrorShort);
        assert!(count > 1 && short == [7.5], "the count is told and nothing written");
        let of = short.as_mut_ptr();
        assert_eq!(tickwire_column_f32(client.0, rock, 0, null_mut(), 1, &raw mut count), Status::ErrorPointer);
        assert_eq!(tickwire_column_f32(client.0, 99, 0, of, 1, &raw mut count), Status::ErrorUnknown);
        assert_eq!(tickwire_column_f32(client.0, ship, 99, of, 1, &raw mut count), Status::ErrorUnknown);
        assert_eq!(tickwire_column_f32(client.0, ship, name, of, 1, &raw mut count), Status::ErrorValue);
        let askew = of.byte_add(1);
        assert_eq!(tickwire_column_f32(client.0, ship, x, askew, 1, &raw mut count), Status::ErrorPointer);
        assert_eq!(tickwire_column_f32(client.0, ship, x, of, usize::MAX, &raw mut count), Status::ErrorArgument);
        let mut whole = [0i32; 64];
        let of = whole.as_mut_ptr();
        assert_eq!(tickwire_column_i32(client.0, ship, x, of, 64, &raw mut count), Status::ErrorValue);
        assert_eq!(tickwire_find(client.0, 999_999, null_mut(), null_mut()), Status::ErrorUnknown);

        let mut cut = [0x55u8; 3];
        assert_eq!(tickwire_kind_name(client.0, ship, cut.as_mut_ptr().cast(), 3), 5);
        assert_eq!(&cut, b"Sh\0");
    }
}

#[test]
fn whatever_a_server_sends_is_taken_or_refused() {
    let (game, steps) = recording();
    let (rounds, mut seed) = (if cfg!(miri) { 4 } else { 150 }, 1u32);
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize
    };
    let mut refused = 0;
    for _ in 0..rounds {
        let (client, broken) = (Handle::new(&game), random() % steps.len().min(30));
        for (i, step) in steps.iter().take(30).enumerate() {
            let mut message = step.message.clone();
            if i == broken {
                for _ in 0..1 + random() % 8 {
                    let at = random() % message.len();
                    message[at] = random() as u8;
                }
                message.truncate(1 + random() % (2 * message.len()));
            }
            let status = client.handle(step.now_ns, &message);
            refused += usize::from(status == Status::ErrorProtocol);
            assert!([Status::Ok, Status::ErrorProtocol].contains(&status), "{status:?}: {}", client.error());
            let mut count = 0;
            // SAFETY: a client, a buffer and a place
            unsafe {
                tickwire_sample(client.0, step.now_ns);
                let mut out = [0.0; 512];
                for kind in 0..tickwire_kind_count(client.0) {
                    for field in 0..tickwire_field_count(client.0, kind) {
                        tickwire_column_f64(client.0, kind, field, out.as_mut_ptr(), out.len(), &raw mut count);
                    }
                }
                assert_ne!(tickwire_client_state(client.0), State::None, "no bug was met: {}", client.error());
            }
        }
    }
    assert!(refused > 0, "some of it was wrong");
    let noise = Handle::new(&game);
    assert_eq!(noise.handle(0, &[]), Status::ErrorProtocol);
    assert_eq!(noise.session().state, State::Closed);
    // SAFETY: a client
    let reason = text(|buffer, room| unsafe { tickwire_reason(noise.0, buffer, room) });
    assert!(reason.contains("message is wrong"), "{reason}");
}

#[test]
fn a_broken_connection_is_made_again() {
    let (client, now_ns) = (Handle::new("arena"), 1_000_000_000);
    let mut returns = false;
    // SAFETY: a client and a place
    unsafe {
        let told = tickwire_disconnected(client.0, now_ns, 1006, c"cable".as_ptr(), &raw mut returns);
        assert_eq!((told, returns), (Status::Ok, true));
        let session = client.session();
        assert_eq!((session.state, session.seat, session.attempt), (State::Connecting, TICKWIRE_NONE, 1));
        assert_eq!(text(|buffer, room| tickwire_reason(client.0, buffer, room)), "cable");
        let mut length = 0;
        assert_eq!(tickwire_next_message(client.0, null_mut(), 0, &raw mut length), Status::Nothing);
        assert_eq!(tickwire_poll_connect(client.0, session.next_try_ns), Status::Ok);
        assert_eq!(tickwire_poll_connect(client.0, session.next_try_ns), Status::Nothing, "said once");
        assert_eq!(tickwire_connected(client.0), Status::Ok);
        assert_eq!(client.session().state, State::Joining);
        assert_eq!(tickwire_next_message(client.0, null_mut(), 0, &raw mut length), Status::ErrorShort);
        assert_eq!(tickwire_leave(client.0), Status::Ok);
        assert_eq!(client.session().state, State::Closed);
    }

    // the recording's room holds no seats, so there is no way back to one
    let (client, now_ns) = playing();
    // SAFETY: a client and a place
    let told = unsafe { tickwire_disconnected(client.0, now_ns, 1006, null(), &raw mut returns) };
    assert_eq!((told, returns, client.session().state), (Status::Ok, false, State::Closed));
}

#[test]
fn a_wish_travels_and_the_operators_words_come_back() {
    use tickwire_shared::protocol::{ClientMessage, JoinRequest, ServerMessage};

    let mut options = std::mem::MaybeUninit::uninit();
    // SAFETY: a place that is filled
    let mut options = unsafe {
        assert_eq!(tickwire_options_init(options.as_mut_ptr()), Status::Ok);
        options.assume_init()
    };
    let make = |options: &Options| {
        let mut client = null_mut();
        // SAFETY: texts that end with a zero, and places
        (unsafe { tickwire_client_new(c"coins".as_ptr(), c"ann".as_ptr(), options, &raw mut client) }, Handle(client))
    };
    let long = CString::new(" ".repeat(1025)).unwrap();
    options.wish = long.as_ptr();
    assert_eq!(make(&options).0, Status::ErrorArgument);
    (options.wish, options.pass) = (c"{\"room\": 3}".as_ptr(), c"ticket".as_ptr());
    let (made, client) = make(&options);
    assert_eq!(made, Status::Ok);
    let mut said = Vec::new();
    for _ in 0..2 {
        let (mut buffer, mut length) = ([0; 4096], 0);
        // SAFETY: a client, a buffer and a place
        let next = unsafe { tickwire_next_message(client.0, buffer.as_mut_ptr(), buffer.len(), &raw mut length) };
        assert_eq!(next, Status::Ok);
        said.push(buffer[..length].to_vec());
    }
    let request = JoinRequest::new("ann").wishing("{\"room\": 3}").with_pass("ticket");
    assert_eq!(ClientMessage::decode(&said[1]), Ok(ClientMessage::Join(request)));

    let notice = ServerMessage::Notice { text: "tea time".into(), ends_in_s: Some(30) };
    assert_eq!(client.handle(0, &notice.encode()), Status::Ok);
    let (mut buffer, mut ends_in_s) = ([0xffu8; 16], 0);
    // SAFETY: a client, a buffer and a place
    let mut poll = |room: usize| unsafe {
        let status = tickwire_poll_notice(client.0, buffer.as_mut_ptr().cast(), room, &raw mut ends_in_s);
        (status, buffer, ends_in_s)
    };
    let (status, text, seconds) = poll(16);
    assert_eq!((status, seconds, &text[..9]), (Status::Ok, 30, &b"tea time\0"[..]));
    assert_eq!(poll(16).0, Status::Nothing);
    assert_eq!(client.handle(0, &ServerMessage::Notice { text: "tea".into(), ends_in_s: None }.encode()), Status::Ok);
    let (status, text, seconds) = poll(3);
    assert_eq!((status, seconds, &text[..3]), (Status::Ok, -1, &b"te\0"[..]), "as much as there is room for");
    assert_eq!(room_code(&client), "", "it has none");
}

fn room_code(client: &Handle) -> String {
    // SAFETY: a client
    text(|buffer, capacity| unsafe { tickwire_room_code(client.0, buffer, capacity) })
}
