//! The client of any game: it learns the game from the server, speaks lanes, and no schema of a stranger breaks it.

use std::time::Duration;

use proptest::prelude::*;
use tickwire_shared::client::{ClientError, Notice, State, UntypedClient, UntypedEvent};
use tickwire_shared::delta::{Layout, LayoutError, RowBuffer, encode_keyframe, entity_hash};
use tickwire_shared::protocol::frame::{Contents, FrameHead, write_events, write_head, write_part_head};
use tickwire_shared::protocol::{ClientMessage, ServerMessage, TAG_INPUT};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, JoinRequest, Profile, SeatId, Tick};

const NOW: Duration = Duration::from_secs(9);

fn field(name: &str, quantizer: Quantizer, count: u16) -> Field {
    Field { name: name.into(), quantizer, count, owner_only: false }
}

fn kind(name: &str, fields: Vec<Field>) -> KindSchema {
    KindSchema { name: name.into(), fields }
}

fn coins() -> Schema {
    let place = |name| field(name, Quantizer::Float { min: 0.0, step: 0.5, span: 200 }, 1);
    let kinds = vec![kind("Runner", vec![place("x"), place("y")]), kind("Coin", vec![place("x")])];
    let input = kind("Keys", vec![field("go", Quantizer::Int { min: -1, max: 1 }, 2)]);
    Schema { game: "coins".into(), version: 1, kinds, input, tables: Vec::new() }
}

fn welcome(schema: &Schema) -> Vec<u8> {
    ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: Some(schema.clone()) }.encode()
}

fn joined() -> Vec<u8> {
    ServerMessage::Joined { room: 3, seat: 4, tick: Tick(1000), rate_hz: 20, token: None, code: None }.encode()
}

fn transmits(client: &mut UntypedClient) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| client.poll_transmit()).collect()
}

fn events(client: &mut UntypedClient) -> Vec<UntypedEvent> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

/// A keyframe of one channel with these entities, with its hash, and an event.
fn frame(layout: &Layout, tick: u32, entities: &[(u32, u16, &[u32])]) -> Vec<u8> {
    let mut rows = RowBuffer::default();
    let mut hash = 0u64;
    for (id, kind, lanes) in entities {
        let known = layout.kind(*kind).expect("it is one of the schema's");
        rows.push(EntityId(*id), *kind, known.lanes()).copy_from_slice(lanes);
        hash = hash.wrapping_add(entity_hash(known, EntityId(*id), *kind, lanes));
    }
    let mut bits = Vec::new();
    encode_keyframe(layout, rows.rows(), &mut bits);
    let mut message = Vec::new();
    let head = FrameHead { tick: Tick(tick), reset: tick == 1001, hash: Some(hash as u32), ..FrameHead::default() };
    write_head(&head, None, &[], Contents { events: true, parts: 1, ..Contents::default() }, &mut message);
    write_events([&b"ting"[..]].into_iter(), &mut message);
    write_part_head(7, true, None, &mut message);
    message.extend_from_slice(&bits);
    message
}

#[test]
fn a_game_is_learnt_from_the_server_and_played_in_lanes() {
    let schema = coins();
    let layout = Layout::new(&schema).expect("it is sound");
    let mut client = UntypedClient::of_game("coins", Profile { name: "Ann".into() });
    let hello = transmits(&mut client);
    assert!(matches!(
        ClientMessage::decode(&hello[0]),
        Ok(ClientMessage::Hello { game, fingerprint: 0, .. }) if game == "coins"
    ));
    assert_eq!(ClientMessage::decode(&hello[1]), Ok(ClientMessage::Join(JoinRequest::new("Ann"))));
    assert!(client.schema().is_none());
    assert_eq!(client.input(NOW, &[1, 2]), Ok(false), "nobody plays yet");

    client.handle_message(NOW, &welcome(&schema)).expect("it is sound");
    assert_eq!(client.schema().map(|known| &**known), Some(&schema));
    client.handle_message(NOW, &joined()).expect("it was welcomed");
    client.handle_message(NOW, &frame(&layout, 1001, &[(5, 0, &[10, 20]), (9, 1, &[30])])).expect("a frame");
    client.handle_message(NOW, &frame(&layout, 1002, &[(5, 0, &[11, 20])])).expect("a frame");
    let (runner, coin) = (EntityId(5), EntityId(9));
    let game = || UntypedEvent::Game(b"ting".to_vec());
    assert_eq!(
        events(&mut client),
        [
            UntypedEvent::Joined { room: 3, seat: SeatId(4) },
            UntypedEvent::Spawned { id: runner, kind: 0 },
            UntypedEvent::Spawned { id: coin, kind: 1 },
            game(),
            UntypedEvent::Despawned { id: coin, kind: 1 },
            game(),
        ]
    );
    assert_eq!(client.newest(runner), Some((0, &[11, 20][..])));
    assert_eq!(client.newest_all().count(), 1);
    assert_eq!(client.stats().desyncs, 0);
    assert_eq!(client.stats().hashes_checked, 2);

    for wrong in [&[][..], &[1], &[1, 3], &[u32::MAX, 0], &[1, 1, 1], &[0; 9]] {
        let error = client.input(NOW, wrong).expect_err("no input of the game");
        assert_eq!((error.given, error.of), (wrong.len(), 2));
    }
    assert_eq!(client.input(NOW, &[2, 0]), Ok(true));
    client.command(vec![1, 2]);
    let said = transmits(&mut client);
    assert!(said.iter().any(|message| message[0] == TAG_INPUT), "{said:?}");
    assert_eq!(ClientMessage::decode(said.last().expect("the command")), Ok(ClientMessage::Command(vec![1, 2])));
}

#[test]
fn a_schema_that_is_not_of_the_game_is_refused() {
    let refused = |message: &[u8]| {
        UntypedClient::of_game("coins", Profile::default()).handle_message(NOW, message).expect_err("it is refused")
    };
    let schema = coins();
    let other = Schema { game: "chess".into(), ..schema.clone() };
    assert!(matches!(refused(&welcome(&other)), ClientError::Unexpected(_)));
    let lies = ServerMessage::Welcome { fingerprint: 1, schema: Some(schema.clone()) };
    assert!(matches!(refused(&lies.encode()), ClientError::Unexpected(_)));
    let none = ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: None };
    assert!(matches!(refused(&none.encode()), ClientError::Unexpected(_)));
    assert!(matches!(refused(&joined()), ClientError::Unexpected(_)), "a seat before there is a schema");

    let with_input = |fields| Schema { input: kind("Keys", fields), ..schema.clone() };
    let wide = with_input(vec![field("go", Quantizer::Bool, 9)]);
    let error = refused(&welcome(&wide));
    assert_eq!(error, ClientError::Layout(LayoutError::InputLanes("Keys".into(), 9)));
    // more lanes than a 32-bit number counts
    let wider = vec![field("go", Quantizer::Text { max_bytes: 255 }, u16::MAX); 1200];
    assert!(matches!(refused(&welcome(&with_input(wider))), ClientError::Layout(_)));
    for (min, step) in [(f64::NAN, 1.0), (0.0, 0.0), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 1.0), (0.0, -1.0)] {
        let nowhere = with_input(vec![field("x", Quantizer::Float { min, step, span: 9 }, 1)]);
        assert!(matches!(refused(&welcome(&nowhere)), ClientError::Layout(LayoutError::Field(..))), "{min} {step}");
    }
}

#[test]
fn who_knows_the_game_is_refused_by_another_version() {
    let schema = coins();
    let mut client = UntypedClient::new(schema.clone(), Profile::default()).expect("it is sound");
    let hello = transmits(&mut client);
    let fingerprint = schema.fingerprint();
    assert!(
        matches!(ClientMessage::decode(&hello[0]), Ok(ClientMessage::Hello { fingerprint: f, .. }) if f == fingerprint)
    );
    client.handle_message(NOW, &welcome(&Schema { version: 2, ..schema })).expect("no fault of the protocol");
    assert!(matches!(client.state(), State::Refused { reason } if reason.contains("coins")), "{:?}", client.state());
    assert_eq!(transmits(&mut client), [ClientMessage::Leave.encode()]);
}

fn quantizer() -> impl Strategy<Value = Quantizer> {
    prop_oneof![
        Just(Quantizer::Bool),
        (any::<i64>(), any::<i64>()).prop_map(|(min, max)| Quantizer::Int { min, max }),
        (-50i64..50, 0i64..1000).prop_map(|(min, more)| Quantizer::Int { min, max: min + more }),
        (any::<f64>(), any::<f64>(), any::<u32>()).prop_map(|(min, step, span)| Quantizer::Float { min, step, span }),
        (-9.0f64..9.0, 0.01f64..2.0, any::<u32>()).prop_map(|(min, step, span)| Quantizer::Float { min, step, span }),
        any::<u8>().prop_map(|bits| Quantizer::Angle { bits }),
        (0usize..5).prop_map(|count| Quantizer::Enum { variants: vec!["A".into(); count] }),
        any::<u8>().prop_map(|max_bytes| Quantizer::Text { max_bytes }),
        any::<u8>().prop_map(|bits| Quantizer::Quat { bits }),
    ]
}

fn any_kind() -> impl Strategy<Value = KindSchema> {
    let count = prop_oneof![8 => Just(1u16), 2 => 0u16..4, 1 => any::<u16>()];
    let field = ("[a-z_]{0,9}", quantizer(), count, prop::bool::weighted(0.1))
        .prop_map(|(name, quantizer, count, owner_only)| Field { name, quantizer, count, owner_only });
    ("[A-Z]{0,5}", prop::collection::vec(field, 0..5)).prop_map(|(name, fields)| KindSchema { name, fields })
}

fn any_schema() -> impl Strategy<Value = Schema> {
    let tables = prop_oneof![9 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 0..40)];
    (prop::collection::vec(any_kind(), 0..4), any_kind(), tables).prop_map(|(kinds, input, tables)| Schema {
        game: "coins".into(),
        version: 0,
        kinds,
        input,
        tables,
    })
}

proptest! {
    /// Whatever schema a server sends, and whatever frames behind it, they are taken or refused.
    #[test]
    fn no_schema_of_a_stranger_breaks_the_client(
        schema in any_schema(),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        keyframe in prop::collection::vec(any::<u8>(), 0..200),
        lanes in prop::collection::vec(prop_oneof![Just(0u32), 0u32..3, any::<u32>()], 0..9),
    ) {
        let mut client = UntypedClient::of_game("coins", Profile::default());
        if client.handle_message(NOW, &welcome(&schema)).is_err() {
            prop_assert!(client.schema().is_none());
            return Ok(());
        }
        client.handle_message(NOW, &joined()).expect("the schema was taken");
        let mut first = Vec::new();
        let head = FrameHead { tick: Tick(1001), reset: true, ..FrameHead::default() };
        write_head(&head, None, &[], Contents { parts: 1, ..Contents::default() }, &mut first);
        write_part_head(0, true, None, &mut first);
        first.extend_from_slice(&keyframe);
        // frames of one tick after the other, with several parts, and what follows
        let behind = frames.iter().zip(1002u32..).map(|(bytes, tick)| [&[0xc0, tick as u8][..], bytes].concat());
        for message in std::iter::once(first).chain(behind) {
            let _ = client.handle_message(NOW, &message);
        }
        if let Ok(true) = client.input(NOW, &lanes) {
            prop_assert_eq!(lanes.len(), schema.input.lanes());
        }
        for (_, kind, row) in client.newest_all() {
            prop_assert_eq!(row.len(), schema.kinds[usize::from(kind)].lanes());
        }
        for between in client.sample(NOW) {
            prop_assert_eq!(between.earlier.len(), between.later.len());
        }
    }

    /// The same of bytes that are hardly a schema at all.
    #[test]
    fn no_bytes_of_a_welcome_break_the_client(schema in any_schema(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = welcome(&schema);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = UntypedClient::of_game("coins", Profile::default()).handle_message(NOW, &bytes);
    }
}

#[test]
fn a_wish_travels_and_the_operators_words_and_the_rooms_code_come_back() {
    let schema = coins();
    let request = JoinRequest::new("Ann").wishing(r#"{"code": "K7QX4M"}"#).with_pass("ticket");
    let mut client = UntypedClient::new(schema.clone(), request.clone()).expect("it is sound");
    assert_eq!(ClientMessage::decode(&transmits(&mut client)[1]), Ok(ClientMessage::Join(request)));
    let welcome = ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: None };
    client.handle_message(NOW, &welcome.encode()).expect("the same schema");
    let told = |text: &str, ends_in_s| ServerMessage::Notice { text: text.into(), ends_in_s }.encode();
    client.handle_message(NOW, &told("welcome", None)).expect("it may come at any time");
    let code = Some("K7QX4M".to_owned());
    let joined = ServerMessage::Joined { room: 3, seat: 4, tick: Tick(1000), rate_hz: 20, token: None, code };
    client.handle_message(NOW, &joined.encode()).expect("it was welcomed");
    assert_eq!(client.code(), Some("K7QX4M"));
    for minute in 0..20 {
        client.handle_message(NOW, &told("a break", Some(60 * (20 - minute)))).expect("it may come at any time");
    }
    let polled: Vec<_> = std::iter::from_fn(|| client.poll_notice()).collect();
    assert_eq!(polled.len(), 16, "the oldest go");
    let last = Notice { text: "a break".into(), ends_in: Some(Duration::from_secs(60)) };
    assert_eq!(polled.last(), Some(&last));
}
