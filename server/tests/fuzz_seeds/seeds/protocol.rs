//! The game protocol: what a client says, and what a server says.

use tickwire_arena::{Arena, Entity, Rock, RockSize};
use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{
    Coder, DeltaScratch, KindLayout, Layout, Part, Past, RowBuffer, encode_delta, encode_delta_by, encode_keyframe,
    encode_row,
};
use tickwire_shared::protocol::frame::{
    Contents, FrameHead, InputAck, write_events, write_head, write_late, write_owned, write_part_head,
};
use tickwire_shared::protocol::{self, ClientMessage, JoinRequest, ResumeClaim, ResumeToken, ServerMessage};
use tickwire_shared::{EntityId, Replicate, Schema, Tick, World};

use super::{Seed, slice};
use crate::properties::layouts::{LAYOUT, RANGE_LAYOUT};

pub fn seeds() -> Vec<Seed> {
    let messages = messages().into_iter().chain(seats()).map(|(name, message)| ("messages", name, message));
    messages.chain(deltas()).chain(replicas()).chain(clients()).collect()
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let client = |message: ClientMessage| message.encode();
    let server = |message: ServerMessage| message.encode();
    let schema = Schema::of::<Arena>();
    let hello = client(ClientMessage::Hello { protocol: 1, game: "arena".into(), fingerprint: schema.fingerprint() });
    let inputs = {
        let kind = KindLayout::new(&schema.input).expect("it is sound");
        let mut message = Vec::new();
        let input = [0; protocol::limits::INPUT_LANES_MAX];
        let heard = protocol::input::HeardAge(1);
        let told = protocol::input::Told { newest: Tick(2), lag: protocol::input::ViewLag(20), heard };
        protocol::input::encode(&kind, &told, &[input; 3], &mut message);
        message
    };
    let parts = [(5, true, &b"abc"[..]), (200, false, b"")];
    let frame = frame(&FrameHead { hash: Some(7), ..head(100) }, &[3], &parts, Some(&owned(&[])));
    let late = {
        let (mut message, tick) = (Vec::new(), Tick(u32::MAX - 90));
        let contents = Contents { parts: 2, ..Contents::default() };
        write_head(&FrameHead { tick, ..FrameHead::default() }, Some(tick.offset(-10)), &[], contents, &mut message);
        write_part_head(1, false, Some(0), &mut message);
        write_late(3, &mut message);
        write_part_head(2, false, None, &mut message);
        message
    };
    let token = ResumeToken([7; 32]);
    let claim = ResumeClaim {
        token,
        attempt: 1,
        events: Some(300),
        tick: Some(Tick(9)),
        channels: vec![(0, 1), (300, u32::MAX)],
    };
    vec![
        ("ok-hello", hello.clone()),
        ("ok-join", client(ClientMessage::Join(JoinRequest::new("Grüße")))),
        ("ok-ping", client(ClientMessage::Ping { stamp_ms: u32::MAX })),
        ("ok-resync", client(ClientMessage::Resync)),
        ("ok-command", client(ClientMessage::Command(vec![0; 300]))),
        ("ok-leave", client(ClientMessage::Leave)),
        ("ok-welcome", server(ServerMessage::Welcome { fingerprint: 1, schema: None })),
        ("ok-welcome-with-schema", server(ServerMessage::Welcome { fingerprint: 1, schema: Some(schema) })),
        ("ok-refused", server(ServerMessage::Refused { reason: "The room is full.".into() })),
        ("ok-frame", frame.clone()),
        ("ok-frame-with-a-late-part", late.clone()),
        ("ok-inputs", inputs.clone()),
        ("ok-desync", client(ClientMessage::Desync { tick: Tick(9), hashes: vec![(0, 1), (300, u32::MAX)] })),
        ("ok-resume", client(ClientMessage::Resume(claim.clone()))),
        ("bad-resume-with-a-short-token", client(ClientMessage::Resume(claim))[..30].into()),
        ("bad-resume-of-2-to-the-40th-channels", [&[7; 33][..], &[0, 0, 0, 253, 0, 0, 0, 0, 0, 1, 0, 0]].concat()),
        ("bad-unknown-tag", vec![0x7F, 0, 0]),
        ("bad-frame-cut-short", frame[..frame.len() - 2].into()),
        ("bad-frame-with-bytes-behind", vec![0x80, 0, 0]),
        ("bad-frame-of-unknown-flags", [&frame[..1], &[0x22], &frame[2..]].concat()),
        ("bad-frame-of-one-part-and-several", [&[frame[0] | 0x60], &frame[1..]].concat()),
        ("bad-frame-of-endless-parts", vec![0xC0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
        ("bad-frame-that-ends-with-a-late-mark", [&late[..late.len() - 1]].concat()),
        ("bad-inputs-of-none", [&inputs[..7], &[0]].concat()),
        ("bad-inputs-of-nine", [&inputs[..7], &[9], &inputs[8..]].concat()),
        ("bad-hello-with-bytes-behind", [&hello[..], &[0]].concat()),
        ("bad-command-of-2-to-the-40th-bytes", vec![4, 253, 0, 0, 0, 0, 0, 1, 0, 0]),
        ("bad-schema-of-2-to-the-32nd-kinds", vec![0, 1, 1, 1, b'a', 0, 252, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("bad-name-that-is-not-utf8", vec![1, 2, 0xFF, 0xFE]),
        ("bad-nothing", Vec::new()),
    ]
}

/// About a seat.
fn seats() -> Vec<(&'static str, Vec<u8>)> {
    let (room, seat, tick, rate_hz, token) = (1, 2, Tick(3), 30, ResumeToken([7; 32]));
    let join = JoinRequest::new("Ann").with_pass("ticket").wishing(r#"{"code": "K7QX4M"}"#);
    let joined = ServerMessage::Joined { room, seat, tick, rate_hz, token: None, code: None };
    let resumed = ServerMessage::Resumed { room, seat, tick, rate_hz, token, events_lost: 4, code: None };
    vec![
        ("ok-join-with-pass-and-wish", ClientMessage::Join(join).encode()),
        ("ok-joined", joined.encode()),
        ("ok-resumed", resumed.encode()),
        ("ok-notice", ServerMessage::Notice { text: "Tea time.".into(), ends_in_s: Some(30) }.encode()),
    ]
}

fn head(tick: u32) -> FrameHead {
    let ack = InputAck { tick: Tick(tick + 3), margin_100us: -7 };
    FrameHead { tick: Tick(tick), reset: false, ack: Some(ack), hash: None, asks: false }
}

/// A frame with these closed channels and parts; with an owned block it has two events as well.
fn frame(head: &FrameHead, closed: &[u16], parts: &[(u16, bool, &[u8])], owned: Option<&[u8]>) -> Vec<u8> {
    let mut message = Vec::new();
    let contents = Contents { owned: owned.is_some(), events: owned.is_some(), parts: parts.len(), in_order: false };
    write_head(head, None, closed, contents, &mut message);
    if let Some(owned) = owned {
        write_owned(owned, &mut message);
        write_events([&b"e1"[..], b""].into_iter(), &mut message);
    }
    for (at, (handle, keyframe, bits)) in parts.iter().enumerate() {
        write_part_head(*handle, *keyframe, (at + 1 < parts.len()).then_some(bits.len()), &mut message);
        message.extend_from_slice(bits);
    }
    message
}

/// What is left of a frame with a whole tick without that.
fn without_tick(message: &[u8]) -> Vec<u8> {
    [&message[..2], &message[6..]].concat()
}

fn owned(entities: &[(u32, u16, &KindLayout, &[u32])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut bits = BitWriter::new(&mut bytes);
    bits.count(entities.len() as u32, 1);
    for (id, kind, layout, row) in entities {
        bits.write(*id, 32);
        bits.write((*kind).into(), 16);
        encode_row(layout, Part::Owner, row, &mut bits);
    }
    bits.finish();
    bytes
}

/// Entities of the targets' own schema: ids, and what all their numbers are.
fn rows(entities: &[(u32, u16, u32)]) -> RowBuffer {
    let mut rows = RowBuffer::default();
    for (id, kind, lane) in entities {
        let layout = LAYOUT.kind(*kind).expect("a kind of the schema");
        let row = rows.push(EntityId(*id), *kind, layout.lanes());
        match kind {
            0 => {
                // flag, small, wide, float, secret, turn, state, name, array, way
                row[..12].copy_from_slice(&[1, 2, *lane, *lane, 0, *lane, 1, 2, 0x6161, 0, 0, *lane % 100]);
                row[14..18].copy_from_slice(&[*lane % 4, 256, *lane % 512, 300]);
            }
            _ => row.fill(*lane),
        }
    }
    rows
}

fn keyframe(now: &RowBuffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_keyframe(&LAYOUT, now.rows(), &mut bytes);
    bytes
}

fn delta(base: &RowBuffer, now: &RowBuffer) -> Vec<u8> {
    delta_by(Coder::Rice, &LAYOUT, [base, now])
}

fn delta_by(coder: Coder, layout: &Layout, [base, now]: [&RowBuffer; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let scratch = &mut DeltaScratch::default();
    encode_delta_by(coder, layout, &Past { base: base.rows(), earlier: None }, now.rows(), scratch, &mut bytes);
    bytes
}

fn deltas() -> Vec<Seed> {
    let ([a, b, c], none) = (states(), RowBuffer::default());
    let both = [slice(&keyframe(&a)), slice(&delta(&a, &b)), slice(&delta(&b, &c)), slice(&delta(&c, &c))].concat();
    let by = |coder, states| slice(&delta_by(coder, &RANGE_LAYOUT, states));
    let by_each = [slice(&keyframe(&a)), by(Coder::Range, [&a, &b]), by(Coder::Rice, [&b, &c])].concat();
    let cut = keyframe(&a);
    // two groups of rows, of one kind and mixed, which lie in a small range, are mostly equal, or all
    let near: Vec<(u32, u16, u32)> = (0..40).map(|at| (at * 900 + at % 7, 2, 50_000 + at * 619 % 1000)).collect();
    let alike: Vec<(u32, u16, u32)> =
        (0..40).map(|at| (at * 3, (at % 3) as u16, if at == 6 { 90 } else { 7 })).collect();
    let crowds = [&near, &alike].map(|crowd| slice(&keyframe(&rows(crowd)))).concat();
    vec![
        ("delta", "ok-keyframe", slice(&keyframe(&a))),
        ("delta", "ok-keyframe-of-a-crowd", slice(&keyframe(&rows(&near)))),
        ("delta", "ok-keyframe-of-many-alike", slice(&keyframe(&rows(&alike)))),
        ("delta", "any-keyframes-of-crowds", crowds),
        ("delta", "ok-keyframe-and-deltas", both),
        ("delta", "any-deltas-by-each-coder", by_each),
        ("delta", "ok-nothing", [slice(&keyframe(&none)), slice(&delta(&none, &none))].concat()),
        ("delta", "bad-keyframe-cut-short", slice(&cut[..cut.len() - 1])),
        ("delta", "bad-keyframe-of-2-to-the-31st-rows", slice(&[0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0])),
        ("delta", "bad-delta-of-another-baseline", [slice(&keyframe(&none)), slice(&delta(&a, &b))].concat()),
    ]
}

fn states() -> [RowBuffer; 3] {
    [
        rows(&[(1, 0, 5), (2, 2, 700), (70_000, 1, 0)]),
        rows(&[(1, 0, 9), (2, 2, 701), (3, 2, 65535)]),
        rows(&[(2, 2, 1), (3, 0, 20), (u32::MAX, 2, 0)]),
    ]
}

fn replicas() -> Vec<Seed> {
    let [a, b, c] = states();
    let every = LAYOUT.kind(0).expect("the first kind");
    let mut private = [0; 20];
    (private[4], private[18], private[19]) = (150, 1, 0x7A);
    let with = |owned: Option<&[u8]>, parts: &[(u16, bool, &[u8])], closed: &[u16], reset: bool| {
        frame(&FrameHead { reset, ..FrameHead::default() }, closed, parts, owned)
    };
    let plain = |parts: &[(u16, bool, &[u8])], closed: &[u16], reset: bool| with(None, parts, closed, reset);
    let mine = owned(&[(1, 0, every, &private[..every.lanes()])]);
    let open = with(Some(&mine), &[(4, true, &keyframe(&a))], &[], true);
    let go_on = plain(&[(4, false, &delta(&a, &b))], &[], false);
    let move_on = plain(&[(5, true, &keyframe(&c))], &[4], false);
    let twice = plain(&[(5, true, &keyframe(&a)), (5, true, &keyframe(&c))], &[], false);
    let anew = plain(&[(5, true, &keyframe(&a))], &[], true);
    // ticks, then the frame
    let script = |frames: &[&[u8]]| -> Vec<u8> {
        frames.iter().flat_map(|message| slice(&[&[3], &without_tick(message)[..]].concat())).collect()
    };
    vec![
        ("replica", "ok-channel-opens-changes-and-moves", script(&[&open, &go_on, &move_on, &anew])),
        ("replica", "ok-nothing-happens", script(&[&plain(&[], &[], false), &plain(&[], &[], true)])),
        ("replica", "bad-channel-twice-in-a-frame", script(&[&anew, &twice])),
        ("replica", "bad-delta-without-baseline", script(&[&anew, &go_on])),
        ("replica", "bad-close-of-an-unknown-channel", script(&[&open, &move_on, &move_on])),
    ]
}

fn clients() -> Vec<Seed> {
    let layout = Layout::new(&Schema::of::<Arena>()).expect("it is sound");
    let kinds = <Arena as tickwire_shared::Game>::World::kinds();
    let rock = kinds.iter().position(|kind| kind.name == "Rock").expect("Arena has rocks") as u16;
    assert!(matches!(Entity::from_lanes(rock, &[0; 8]), Some(Entity::Rock(_))));
    let at = |x: f32| {
        let mut rows = RowBuffer::default();
        let lanes = rows.push(EntityId(9), rock, Rock::LANES);
        Rock { x, y: -3.0, size: RockSize::Small, seed: 1, broken: false }.to_lanes(lanes);
        rows
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encode_keyframe(&layout, at(10.0).rows(), &mut first);
    let base = at(10.0);
    let past = Past { base: base.rows(), earlier: None };
    encode_delta(&layout, &past, at(11.0).rows(), &mut DeltaScratch::default(), &mut second);
    let hash = at(11.0).rows().hash(&layout) as u32;
    let first = frame(&FrameHead { reset: true, ..head(1001) }, &[], &[(1, true, &first)], None);
    let second =
        |hash| frame(&FrameHead { hash: Some(hash), ack: None, ..head(1002) }, &[], &[(1, false, &second)], None);
    // a frame 33 ms after what was before it
    let arrives = |message: &[u8]| [&[1, 33], &slice(&without_tick(message))[..]].concat();
    let (plays, looks, leaves) = ([2, 16, 0], [3, 16, 0], [4, 16, 0]);
    let pong = [&[0, 1], &slice(&ServerMessage::Pong { stamp_ms: 7000 }.encode())[..]].concat();
    let session = |hash: u32| {
        let (first, second) = (arrives(&first), arrives(&second(hash)));
        [&[1], &first[..], &plays, &looks, &pong, &second, &looks, &plays, &leaves].concat()
    };
    let refused = ServerMessage::Refused { reason: "full".into() }.encode();
    let joined = ServerMessage::Joined { room: 1, seat: 2, tick: Tick(3), rate_hz: 30, token: None, code: None };
    let joined = joined.encode();
    let token = ResumeToken([7; 32]);
    let resumed =
        ServerMessage::Resumed { room: 1, seat: 2, tick: Tick(1001), rate_hz: 30, token, events_lost: 0, code: None }
            .encode();
    let resumed = [&[0, 1], &slice(&resumed)[..]].concat();
    let (goes_on, breaks) = (arrives(&second(hash)), [5, 16, 0]);
    vec![
        (
            "client",
            "ok-comes-back",
            [&[1], &arrives(&first)[..], &breaks, &looks, &breaks, &resumed, &goes_on, &looks].concat(),
        ),
        ("client", "bad-resumed-unasked", [&[1], &arrives(&first)[..], &resumed].concat()),
        ("client", "bad-frame-before-it-is-resumed", [&[1], &arrives(&first)[..], &breaks, &goes_on].concat()),
        ("client", "ok-session", session(hash)),
        ("client", "ok-refused-a-seat", [&[0, 0, 9], &slice(&refused)[..]].concat()),
        ("client", "bad-hash-that-differs", session(hash ^ 1)),
        ("client", "bad-frame-before-a-seat", [&[0], &arrives(&first)[..]].concat()),
        ("client", "bad-second-seat", [&[1, 0, 0], &slice(&joined)[..]].concat()),
    ]
}
