use proptest::prelude::*;

use super::*;
use crate::net::ws::frame::client_frame;

const LIMITS: MessageLimits = MessageLimits { message_max_bytes: 1000, fragments_max: 8, deflate: false };

/// An [`Event`] that owns its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Message(MessageKind, Vec<u8>),
    Deflated(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl From<Event<'_>> for Said {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(kind, payload) => Self::Message(kind, payload.to_vec()),
            Event::Deflated(kind, payload) => Self::Deflated(kind, payload.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(code, reason) => Self::Close(code, reason.to_owned()),
        }
    }
}

/// One read: what it said, or how it broke the rules.
fn feed(frames: &mut Frames, read: &[u8], limits: MessageLimits, said: &mut Vec<Said>) -> Result<(), FrameError> {
    let mut scratch = read.to_vec();
    let mut rest = &mut scratch[..];
    while let Some(event) = frames.next(&mut rest, limits)? {
        said.push(event.into());
    }
    Ok(())
}

/// The verdict on bytes that come in one read; the same one byte at a time must agree.
fn verdict(bytes: &[u8]) -> Result<Vec<Said>, FrameError> {
    let mut at_once = Vec::new();
    let result = feed(&mut Frames::default(), bytes, LIMITS, &mut at_once);

    let mut bytewise = Vec::new();
    let mut frames = Frames::default();
    let bytewise_result = bytes.iter().try_for_each(|byte| feed(&mut frames, &[*byte], LIMITS, &mut bytewise));
    assert_eq!(result, bytewise_result, "the cut of the reads must not matter");
    assert_eq!(at_once, bytewise, "the cut of the reads must not matter");
    result.map(|()| at_once)
}

fn masked(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    client_frame(fin, opcode, payload, [0x11, 0x22, 0x83, 0xF4])
}

#[test]
fn fragments_must_belong_together() {
    assert_eq!(verdict(&masked(true, Opcode::Continuation, b"x")), Err(FrameError::StrayContinuation));
    let interleaved = [masked(false, Opcode::Text, b"a"), masked(true, Opcode::Text, b"b")].concat();
    assert_eq!(verdict(&interleaved), Err(FrameError::InterleavedMessage));
}

#[test]
fn control_frames_may_come_inside_a_message() {
    let bytes = [
        masked(false, Opcode::Text, b"he"),
        masked(true, Opcode::Ping, b"there?"),
        masked(true, Opcode::Continuation, b"llo"),
    ]
    .concat();
    let expected = vec![Said::Ping(b"there?".to_vec()), Said::Message(MessageKind::Text, b"hello".to_vec())];
    assert_eq!(verdict(&bytes), Ok(expected));
}

#[test]
fn a_long_message_is_refused_by_its_length_field_and_no_memory_is_taken() {
    let mut header = masked(true, Opcode::Binary, &[0; 1001]);
    header.truncate(8); // not a byte of payload
    let mut frames = Frames::default();
    let refused = feed(&mut frames, &header, LIMITS, &mut Vec::new());
    assert_eq!(refused, Err(FrameError::MessageTooLong(1000)));
    assert_eq!(frames.held_bytes(), 0);

    let huge = [0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(verdict(&huge), Err(FrameError::MessageTooLong(1000)));
}

#[test]
fn the_limit_holds_for_the_sum_of_the_fragments() {
    let fits = [masked(false, Opcode::Binary, &[1; 600]), masked(true, Opcode::Continuation, &[2; 400])].concat();
    assert!(verdict(&fits).is_ok());
    let over = [masked(false, Opcode::Binary, &[1; 600]), masked(true, Opcode::Continuation, &[2; 401])].concat();
    assert_eq!(verdict(&over), Err(FrameError::MessageTooLong(1000)));
}

#[test]
fn empty_fragments_are_counted() {
    let mut bytes = masked(false, Opcode::Text, b"");
    for _ in 0..6 {
        bytes.extend(masked(false, Opcode::Continuation, b""));
    }
    let mut eight = bytes.clone();
    eight.extend(masked(true, Opcode::Continuation, b"x"));
    assert_eq!(verdict(&eight), Ok(vec![Said::Message(MessageKind::Text, b"x".to_vec())]));

    bytes.extend(masked(false, Opcode::Continuation, b""));
    bytes.extend(masked(false, Opcode::Continuation, b""));
    assert_eq!(verdict(&bytes), Err(FrameError::TooManyFragments(8)));
}

#[test]
fn text_must_be_utf8_however_it_is_cut() {
    assert_eq!(verdict(&masked(true, Opcode::Text, b"\xFF")), Err(FrameError::NotUtf8));
    let split = [masked(false, Opcode::Text, b"\xE2\x82"), masked(true, Opcode::Continuation, b"\xAC")].concat();
    assert_eq!(verdict(&split), Ok(vec![Said::Message(MessageKind::Text, "€".into())]));
    let open_end = [masked(false, Opcode::Text, b"\xE2"), masked(true, Opcode::Continuation, b"\x82")].concat();
    assert_eq!(verdict(&open_end), Err(FrameError::NotUtf8));
    assert!(verdict(&masked(true, Opcode::Binary, b"\xFF")).is_ok(), "binary may be anything");
}

#[test]
fn a_wrong_byte_of_text_is_refused_before_the_message_is_whole() {
    let mut bytes = masked(true, Opcode::Text, b"ok\xFFmore to come");
    bytes.truncate(10);
    assert_eq!(verdict(&bytes), Err(FrameError::NotUtf8));
}

#[test]
fn a_compressed_message_is_told_apart_and_its_bytes_are_not_judged() {
    let limits = MessageLimits { deflate: true, ..LIMITS };
    let mut bytes = [
        masked(false, Opcode::Text, b"\xFF"),
        masked(true, Opcode::Ping, b""),
        masked(true, Opcode::Continuation, b"\xFE"),
        masked(true, Opcode::Text, b"plain"),
    ]
    .concat();
    bytes[0] |= 0x40;
    for size in 1..bytes.len() {
        let (mut frames, mut said) = (Frames::default(), Vec::new());
        bytes.chunks(size).try_for_each(|read| feed(&mut frames, read, limits, &mut said)).unwrap();
        let expected = [
            Said::Ping(Vec::new()),
            Said::Deflated(MessageKind::Text, b"\xFF\xFE".to_vec()),
            Said::Message(MessageKind::Text, b"plain".to_vec()),
        ];
        assert_eq!(said, expected);
    }
    let mut again = [masked(false, Opcode::Text, b"x"), masked(true, Opcode::Continuation, b"x")].concat();
    again[7] |= 0x40;
    let refused = feed(&mut Frames::default(), &again, limits, &mut Vec::new());
    assert_eq!(refused, Err(FrameError::ReservedBits), "not on a continuation");
}

#[test]
fn a_close_body_is_empty_or_a_code_and_text() {
    let close = |body: &[u8]| verdict(&masked(true, Opcode::Close, body));
    assert_eq!(close(b""), Ok(vec![Said::Close(1005, String::new())]));
    assert_eq!(close(b"\x03\xE8bye"), Ok(vec![Said::Close(1000, "bye".into())]));
    assert_eq!(close(b"\x03"), Err(FrameError::CloseBodyOneByte));
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(close(&code.to_be_bytes()), Err(FrameError::CloseCode(code)));
    }
    assert_eq!(close(b"\x03\xE8\xFF"), Err(FrameError::NotUtf8));
}

#[test]
fn nothing_counts_after_the_close_frame() {
    let mut bytes = masked(true, Opcode::Close, b"\x03\xE8");
    bytes.extend(b"\xFF\xFF\xFF garbage");
    assert_eq!(verdict(&bytes), Ok(vec![Said::Close(1000, String::new())]));
}

#[test]
fn an_idle_link_holds_no_buffer() {
    let mut frames = Frames::default();
    let mut said = Vec::new();
    let bytes = [masked(false, Opcode::Binary, &[7; 500]), masked(true, Opcode::Continuation, &[8; 400])].concat();
    feed(&mut frames, &bytes[..700], LIMITS, &mut said).unwrap();
    assert!(frames.is_unfinished());
    assert!(frames.held_bytes() >= 500);
    feed(&mut frames, &bytes[700..], LIMITS, &mut said).unwrap();
    assert_eq!(said.len(), 1);
    assert!(!frames.is_unfinished());
    assert_eq!(frames.held_bytes(), 0);
}

/// What a client may do: a message in fragments of these sizes, with a ping before each, or a pong.
fn sayings() -> impl Strategy<Value = Vec<(Said, Vec<u8>)>> {
    let message =
        (any::<bool>(), "\\PC{0,60}", proptest::collection::vec(0_usize..80, 0..6), any::<[u8; 4]>(), any::<bool>())
            .prop_map(|(is_text, text, cuts, mask, pings)| write_message(is_text, text.as_bytes(), &cuts, mask, pings));
    let pong = proptest::collection::vec(any::<u8>(), 0..126).prop_map(|payload| {
        vec![(Said::Pong(payload.clone()), client_frame(true, Opcode::Pong, &payload, [9, 8, 7, 6]))]
    });
    proptest::collection::vec(prop_oneof![4 => message, 1 => pong], 0..12).prop_map(|all| all.concat())
}

/// The events in order, each with the bytes that end with it.
fn write_message(is_text: bool, payload: &[u8], cuts: &[usize], mask: [u8; 4], pings: bool) -> Vec<(Said, Vec<u8>)> {
    let (kind, first) = if is_text { (MessageKind::Text, Opcode::Text) } else { (MessageKind::Binary, Opcode::Binary) };
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let (mut said, mut bytes, mut from) = (Vec::new(), Vec::new(), 0);
    for (at, cut) in cuts.iter().enumerate() {
        let opcode = if at == 0 { first } else { Opcode::Continuation };
        bytes.extend(client_frame(at + 1 == cuts.len(), opcode, &payload[from..*cut], mask));
        if pings && at + 1 < cuts.len() {
            bytes.extend(client_frame(true, Opcode::Ping, &payload[from..*cut], mask));
            said.push((Said::Ping(payload[from..*cut].to_vec()), std::mem::take(&mut bytes)));
        }
        from = *cut;
    }
    said.push((Said::Message(kind, payload.to_vec()), bytes));
    said
}

/// What is said until a rule is broken, and which.
fn judge<'a>(mut reads: impl Iterator<Item = &'a [u8]>, limits: MessageLimits) -> (Vec<Said>, Result<(), FrameError>) {
    let (mut frames, mut said) = (Frames::default(), Vec::new());
    let result = reads.try_for_each(|read| feed(&mut frames, read, limits, &mut said));
    (said, result)
}

/// Limits that a few small frames reach.
fn any_limits() -> impl Strategy<Value = MessageLimits> {
    (
        prop_oneof![1 => 0_usize..8, 1 => 120_usize..132, 4 => Just(1000)],
        prop_oneof![1 => 0_usize..3, 4 => Just(8)],
        any::<bool>(),
    )
        .prop_map(|(message_max_bytes, fragments_max, deflate)| MessageLimits {
            message_max_bytes,
            fragments_max,
            deflate,
        })
}

/// A client's frame, right or wrong: most are whole messages, and each rule is broken now and then.
fn wire_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        4 => prop_oneof![Just(0x81_u8), Just(0x82)],
        2 => prop_oneof![Just(0x01_u8), Just(0x02), Just(0x00), Just(0x80)],
        1 => prop_oneof![Just(0xC1_u8), Just(0xC2), Just(0x41), Just(0xC0), Just(0xA1)],
        2 => prop_oneof![Just(0x88_u8), Just(0x89), Just(0x8A)],
        1 => any::<u8>().prop_map(|byte| byte & 0x8F),
    ];
    let payload = prop_oneof![
        "\\PC{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..3),
        (120_usize..132).prop_map(|length| vec![b'x'; length]),
        // closes with a code, and what is no UTF-8
        (998_u16..1010).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    // a length in as many bytes as it needs, or in more; whole, or cut off; masked, or not
    let slips = (0_u8..60, 0_u8..60, 0_u8..60);
    (first, payload, any::<[u8; 4]>(), slips).prop_map(|(first, payload, mask, (wide, cut, bare))| {
        let mut bytes = client_frame(true, Opcode::Binary, &payload, mask);
        if wide < 2 && payload.len() < 126 {
            let long = [&[127][..], &(payload.len() as u64).to_be_bytes()].concat();
            let medium = [126, 0, payload.len() as u8];
            let length = if wide == 0 { &medium[..] } else { &long[..] };
            bytes.splice(1..2, length.iter().copied());
            bytes[1] |= 0x80;
        }
        bytes[0] = first;
        bytes[1] &= if bare == 0 { 0x7F } else { 0xFF };
        let whole = bytes.len();
        bytes.truncate(if cut == 0 { whole / 2 } else { whole });
        bytes
    })
}

proptest! {
    #[test]
    fn any_fragments_in_any_reads_say_the_same(sayings in sayings(), reads in proptest::collection::vec(1_usize..90, 1..40)) {
        let expected: Vec<Said> = sayings.iter().map(|(said, _)| said.clone()).collect();
        let bytes: Vec<u8> = sayings.into_iter().flat_map(|(_, bytes)| bytes).collect();

        let (mut frames, mut said) = (Frames::default(), Vec::new());
        let mut rest = &bytes[..];
        for size in reads.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (read, behind) = rest.split_at((*size).min(rest.len()));
            feed(&mut frames, read, LIMITS, &mut said).unwrap();
            rest = behind;
        }
        prop_assert_eq!(said, expected);
        prop_assert!(!frames.is_unfinished());
        prop_assert_eq!(frames.held_bytes(), 0);
    }

    #[test]
    fn the_cut_of_the_reads_changes_no_verdict(
        frames in proptest::collection::vec(wire_frame(), 0..8),
        limits in any_limits(),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let bytes = frames.concat();
        let (said, result) = judge(std::iter::once(&bytes[..]), limits);
        let bytewise = judge(bytes.chunks(1), limits);
        prop_assert_eq!((&said, &result), (&bytewise.0, &bytewise.1), "byte by byte");
        let mut rest = &bytes[..];
        let pieces = cuts.iter().cycle().map_while(|cut| {
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        let pieces = judge(pieces, limits);
        prop_assert_eq!((&said, &result), (&pieces.0, &pieces.1), "cut {:?}", cuts);
    }

    #[test]
    fn garbage_never_panics_nor_takes_memory(reads: Vec<Vec<u8>>) {
        let mut frames = Frames::default();
        for read in &reads {
            if feed(&mut frames, read, LIMITS, &mut Vec::new()).is_err() {
                break;
            }
            prop_assert!(frames.held_bytes() <= 2 * LIMITS.message_max_bytes);
        }
    }
}
