//! The wire, byte by byte. A change here is another protocol: raise `protocol::VERSION` with it.

use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{
    Coder, DeltaScratch, Earlier, KindLayout, Layout, Part, Past, RowBuffer, Tables, encode_delta, encode_delta_by,
    encode_keyframe, encode_row,
};
use tickwire_shared::protocol::frame::{self, Contents, FrameHead, InputAck};
use tickwire_shared::protocol::{self, ClientMessage, JoinRequest, ResumeClaim, ResumeToken, ServerMessage, input};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Tick};

const TOKEN: ResumeToken = {
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = at as u8;
        at += 1;
    }
    ResumeToken(bytes)
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn schema() -> Schema {
    let field = |name: &str, quantizer| Field { name: name.to_owned(), quantizer, count: 1, owner_only: false };
    let fields = vec![
        field("x", Quantizer::Float { min: -8.0, step: 0.5, span: 1000 }),
        field("turn", Quantizer::Angle { bits: 8 }),
        field("up", Quantizer::Bool),
        field("name", Quantizer::Text { max_bytes: 5 }),
        Field { owner_only: true, ..field("ammo", Quantizer::Int { min: 0, max: 99 }) },
    ];
    let keys = vec![field("go", Quantizer::Int { min: -1, max: 1 }), field("fire", Quantizer::Bool)];
    Schema {
        game: "golden".into(),
        version: 0,
        kinds: vec![KindSchema { name: "Ship".into(), fields }, KindSchema { name: "Flag".into(), fields: vec![] }],
        input: KindSchema { name: "Keys".into(), fields: keys },
        tables: Vec::new(),
    }
}

fn rows(entities: &[(u32, u16, &[u32])]) -> RowBuffer {
    let mut rows = RowBuffer::default();
    for (id, kind, lanes) in entities {
        rows.push(EntityId(*id), *kind, lanes.len()).copy_from_slice(lanes);
    }
    rows
}

#[test]
fn client_messages() {
    let messages = [
        (
            ClientMessage::Hello { protocol: 6, game: "arena".into(), fingerprint: 0x0102_0304_0506_0708 },
            "0006056172656e61fd0807060504030201",
        ),
        (ClientMessage::Join(JoinRequest::new("ann")), "0103616e6e0000"),
        (ClientMessage::Join(JoinRequest::new("ann").with_pass("p").wishing("{}")), "0103616e6e0170027b7d"),
        (ClientMessage::Ping { stamp_ms: 1000 }, "02fbe803"),
        (ClientMessage::Resync, "03"),
        (ClientMessage::Command(vec![7, 8]), "04020708"),
        (ClientMessage::Leave, "05"),
        (
            ClientMessage::Desync { tick: Tick(300), hashes: vec![(3, 7), (300, 0xaabb_ccdd)] },
            "06fb2c01020307fb2c01fcddccbbaa",
        ),
        (
            ClientMessage::Resume(ResumeClaim {
                token: TOKEN,
                attempt: 5,
                events: Some(300),
                tick: Some(Tick(7)),
                channels: vec![(3, 7), (300, 0xaabb_ccdd)],
            }),
            "07000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0501fb2c010107020307fb2c01fcddccbbaa",
        ),
    ];
    for (message, golden) in messages {
        assert_eq!(hex(&message.encode()), golden, "{message:?}");
        assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn server_messages() {
    let messages = [
        (ServerMessage::Welcome { fingerprint: 5, schema: None }, "000500"),
        (
            ServerMessage::Joined { room: 3, seat: 2, tick: Tick(300), rate_hz: 30, token: None, code: None },
            "010302fb2c011e0000",
        ),
        (
            ServerMessage::Joined {
                room: 3,
                seat: 2,
                tick: Tick(300),
                rate_hz: 30,
                token: Some(TOKEN),
                code: Some("K7QX4M".into()),
            },
            "010302fb2c011e01000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01064b375158344d",
        ),
        (ServerMessage::Refused { reason: "full".into() }, "020466756c6c"),
        (ServerMessage::Pong { stamp_ms: 1000 }, "03fbe803"),
        (
            ServerMessage::Resumed {
                room: 3,
                seat: 2,
                tick: Tick(300),
                rate_hz: 30,
                token: TOKEN,
                events_lost: 9,
                code: None,
            },
            "040302fb2c011e000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0900",
        ),
        (ServerMessage::Notice { text: "bye".into(), ends_in_s: Some(30) }, "0503627965011e"),
    ];
    for (message, golden) in messages {
        assert_eq!(hex(&message.encode()), golden, "{message:?}");
        assert_eq!(ServerMessage::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn the_schema_and_its_fingerprint() {
    let schema = schema();
    let welcome = ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: Some(schema.clone()) };
    assert_eq!(ServerMessage::decode(&welcome.encode()), Ok(welcome));
    assert_eq!(format!("{:016x}", schema.fingerprint()), "e0831367c50affb8");
}

#[test]
fn inputs() {
    let kind = KindLayout::new(&schema().input).expect("sound");
    let lanes = |go, fire| [go, fire, 0, 0, 0, 0, 0, 0];
    let mut message = Vec::new();
    let told = input::Told { newest: Tick(0x0102), lag: input::ViewLag(0x2d), heard: input::HeardAge(7) };
    input::encode(&kind, &told, &[lanes(2, 1), lanes(2, 1), lanes(0, 0)], &mut message);
    assert_eq!(hex(&message), "f1020100002d07030e");
}

#[test]
fn heard() {
    assert_eq!(hex(&protocol::heard::encode(Tick(0x0102))), "f202010000");
    assert_eq!(protocol::heard::decode(&protocol::heard::encode(Tick(u32::MAX))), Ok(Tick(u32::MAX)));
    assert!(protocol::heard::decode(&[0xf2, 1, 0, 0]).is_err());
    assert!(protocol::heard::decode(&[0xf2, 1, 0, 0, 0, 0]).is_err());
}

#[test]
fn channels() {
    let layout = Layout::new(&schema()).expect("sound");
    let name = u32::from_le_bytes(*b"anna");
    let before = rows(&[(3, 0, &[500, 250, 0, 4, name, 0, 0]), (70_000, 1, &[]), (70_001, 0, &[0, 0, 1, 0, 0, 0, 0])]);
    let after = rows(&[(3, 0, &[497, 2, 0, 4, name, 0, 0]), (9, 1, &[]), (70_001, 0, &[1000, 0, 1, 0, 0, 0, 0])]);
    let mut bytes = Vec::new();
    encode_keyframe(&layout, before.rows(), &mut bytes);
    assert_eq!(hex(&bytes), "b70700b2450600147d00e803c83037b73000");
    bytes.clear();
    let mut scratch = DeltaScratch::default();
    let past = Past { base: before.rows(), earlier: None };
    encode_delta(&layout, &past, after.rows(), &mut scratch, &mut bytes);
    assert_eq!(hex(&bytes), "fe6729830000a01f00");
    // the ship that is still there flies on, straight but for a step; the other one starts
    let earlier = [[511, 252], [521, 255]]
        .map(|[x, turn]| rows(&[(3, 0, &[x, turn, 0, 4, name, 0, 0]), (70_001, 0, &[0, 0, 1, 0, 0, 0, 0])]));
    let earlier = Earlier { rows: [earlier[0].rows(), earlier[1].rows()], spacing: 1, ahead: 2, moved: None };
    bytes.clear();
    let past = Past { base: before.rows(), earlier: Some(earlier) };
    encode_delta(&layout, &past, after.rows(), &mut scratch, &mut bytes);
    assert_eq!(hex(&bytes), "ffe71e80220000d00f00");
    assert_eq!(format!("{:016x}", after.rows().hash(&layout)), "9409c02b7df744e6");
}

#[test]
fn columns() {
    let layout = Layout::new(&schema()).expect("sound");
    // in a range, mostly the least, all equal; and plain, all but one at the largest, all equal and at no end
    for (ships, expected) in [
        ([[500, 0, 1], [507, 0, 1], [560, 9, 1], [531, 0, 1]], "09358440bd0f38f8cf31c10000"),
        ([[3, 255, 0], [1000, 255, 0], [700, 255, 1], [90, 7, 0]], "0935840003a0cfab161e0f100000"),
        ([[77, 8, 0], [77, 8, 0], [77, 8, 0], [77, 8, 0]], "093584803421080100"),
    ] {
        let mut ships_rows = RowBuffer::default();
        for (id, [x, turn, up]) in (10..).zip(ships) {
            ships_rows.push(EntityId(id), 0, 7).copy_from_slice(&[x, turn, up, 0, 0, 0, 0]);
        }
        let mut bytes = Vec::new();
        encode_keyframe(&layout, ships_rows.rows(), &mut bytes);
        assert_eq!(hex(&bytes), expected);
    }
}

#[test]
fn a_rotation() {
    let field = Field { name: "way".into(), quantizer: Quantizer::Quat { bits: 9 }, count: 1, owner_only: false };
    let kinds = vec![KindSchema { name: "Crate".into(), fields: vec![field] }];
    let layout = Layout::new(&Schema { kinds: kinds.clone(), ..schema() }).expect("sound");
    let states = [[3, 256, 256, 500], [3, 256, 250, 505], [3, 256, 244, 509], [2, 256, 272, 510]];
    let states = states.map(|lanes| rows(&[(1, 0, &lanes)]));
    let mut bytes = Vec::new();
    encode_keyframe(&layout, states[2].rows(), &mut bytes);
    assert_eq!(hex(&bytes), "036380f4fa03");
    bytes.clear();
    let earlier = Earlier { rows: [states[1].rows(), states[0].rows()], spacing: 1, ahead: 1, moved: None };
    let past = Past { base: states[2].rows(), earlier: Some(earlier) };
    encode_delta(&layout, &past, states[3].rows(), &mut DeltaScratch::default(), &mut bytes);
    assert_eq!(hex(&bytes), "5500001103");
    // the same where there are tables, by each coder
    let tables = (0..Tables::BYTES).map(|at| (at % 251) as u8).collect();
    let layout = Layout::new(&Schema { kinds, tables, ..schema() }).expect("sound");
    bytes.clear();
    encode_delta_by(Coder::Range, &layout, &past, states[3].rows(), &mut DeltaScratch::default(), &mut bytes);
    assert_eq!(hex(&bytes), "b6e3e942c0");
    bytes.clear();
    encode_delta_by(Coder::Rice, &layout, &past, states[3].rows(), &mut DeltaScratch::default(), &mut bytes);
    assert_eq!(hex(&bytes), "ab00002206");
}

#[test]
fn owner_only_fields() {
    let layout = Layout::new(&schema()).expect("sound");
    let mut bytes = Vec::new();
    let mut bits = BitWriter::new(&mut bytes);
    encode_row(layout.kind(0).expect("the ship"), Part::Owner, &[0, 0, 0, 0, 0, 0, 42], &mut bits);
    bits.finish();
    assert_eq!(hex(&bytes), "2a");
}

#[test]
fn a_frame() {
    let ack = InputAck { tick: Tick(0x0100), margin_100us: -2 };
    let head = FrameHead { tick: Tick(0x0102), reset: true, ack: Some(ack), hash: Some(0xaabb_ccdd), asks: true };
    let mut message = Vec::new();
    frame::write_head(
        &head,
        None,
        &[1, 300],
        Contents { owned: true, events: true, parts: 2, in_order: false },
        &mut message,
    );
    frame::write_owned(&[0x33], &mut message);
    frame::write_events([&[0x44][..]].into_iter(), &mut message);
    frame::write_part_head(5, true, Some(2), &mut message);
    message.extend_from_slice(&[0x11, 0x22]);
    frame::write_late(3, &mut message);
    frame::write_part_head(6, false, None, &mut message);
    message.extend_from_slice(&[0x55]);
    assert_eq!(hex(&message), "df0f020100000200feffddccbbaa0201ac0202013301".to_owned() + "01440b021122fa3f0c55");

    message.clear();
    let head = FrameHead { reset: false, ack: None, hash: None, asks: false, ..head };
    frame::write_head(&head, Some(Tick(0x0100)), &[], Contents { parts: 1, ..Contents::default() }, &mut message);
    frame::write_part_head(5, false, None, &mut message);
    message.extend_from_slice(&[0x11, 0x22]);
    assert_eq!(hex(&message), "a0020a1122");

    message.clear();
    let contents = Contents { parts: 2, in_order: true, ..Contents::default() };
    frame::write_head(&head, None, &[], contents, &mut message);
    frame::write_part_length(2, &mut message);
    message.extend_from_slice(&[0x11, 0x22]);
    message.extend_from_slice(&[0x33]);
    assert_eq!(hex(&message), "c112020100000202112233");
}
