//! Frames that are written and parsed, and bytes that are none.

use proptest::prelude::*;

use super::*;

/// An owned block, two events, and two parts of which the second is late.
fn all_there_is(head: &FrameHead, last: Option<Tick>) -> Vec<u8> {
    let mut message = Vec::new();
    let contents = Contents { owned: true, events: true, parts: 2, in_order: false };
    write_head(head, last, &[3, 300], contents, &mut message);
    write_owned(b"own", &mut message);
    write_events([&b"e1"[..], b""].into_iter(), &mut message);
    write_part_head(5, true, Some(3), &mut message);
    message.extend_from_slice(b"abc");
    write_late(32, &mut message);
    write_part_head(200, false, None, &mut message);
    message.extend_from_slice(b"de");
    message
}

#[test]
fn a_frame_comes_back_as_it_was_written() {
    let ack = InputAck { tick: Tick(103), margin_100us: -7 };
    let head = FrameHead { tick: Tick(100), reset: true, ack: Some(ack), hash: Some(9), asks: true };
    let mut message = all_there_is(&head, None);

    let mut frame = Frame::default();
    frame.parse(&message).expect("it is well formed");
    assert_eq!(frame.head, head);
    assert_eq!(glance(&message, None), Ok((head.tick, head.asks)));
    assert_eq!(frame.closed, [3, 300]);
    let parts: Vec<_> = frame.parts.iter().map(|p| (p.handle, p.keyframe, p.late, &message[p.bits.clone()])).collect();
    assert_eq!(parts, [(5, true, 0, &b"abc"[..]), (200, false, 32, b"de")]);
    assert_eq!(&message[frame.owned.clone().expect("it was written")], b"own");
    let events: Vec<_> = frame.events.iter().map(|e| &message[e.clone()]).collect();
    assert_eq!(events, [&b"e1"[..], b""]);

    // the last part has what is left, so its bits may end anywhere
    for cut in 0..message.len() - 2 {
        assert!(frame.parse(&message[..cut]).is_err(), "a frame cut at {cut} was accepted");
    }
    message.clear();
    write_head(&head, None, &[], Contents::default(), &mut message);
    message.push(0);
    assert_eq!(frame.parse(&message), Err(DecodeError::Trailing));
}

#[test]
fn nothing_but_a_part_takes_three_bytes_more() {
    let mut message = Vec::new();
    write_head(
        &FrameHead { tick: Tick(70_000), ..FrameHead::default() },
        Some(Tick(69_999)),
        &[],
        Contents { parts: 1, ..Contents::default() },
        &mut message,
    );
    write_part_head(63, false, None, &mut message);
    assert_eq!(message.len(), 3);
}

#[test]
fn what_comes_in_order_needs_no_handles() {
    let mut message = Vec::new();
    let contents = Contents { parts: 3, in_order: true, ..Contents::default() };
    write_head(&FrameHead::default(), None, &[], contents, &mut message);
    let head = message.len();
    for bits in [&b"abc"[..], b"de"] {
        write_part_length(bits.len(), &mut message);
        message.extend_from_slice(bits);
    }
    message.extend_from_slice(b"f");
    assert_eq!(message.len(), head + 8);
    let mut frame = Frame::default();
    frame.parse(&message).expect("it is well formed");
    let parts = frame.parts.iter().map(|part| (part.handle, part.keyframe, part.late, &message[part.bits.clone()]));
    assert!(parts.eq([(0, true, 0, &b"abc"[..]), (1, true, 0, b"de"), (2, true, 0, b"f")]));
    for cut in head..message.len() - 1 {
        assert!(frame.parse(&message[..cut]).is_err(), "a frame cut at {cut} was accepted");
    }
}

#[test]
fn a_byte_tells_a_tick_after_the_last_frame() {
    let message = |tick: Tick, last: Option<Tick>| {
        let mut message = Vec::new();
        write_head(&FrameHead { tick, ..FrameHead::default() }, last, &[], Contents::default(), &mut message);
        message
    };
    for last in [Tick(0), Tick(255), Tick(1000), Tick(u32::MAX), Tick(u32::MAX - 200)] {
        for ahead in [1, 2, 100, 254, 255, 256, 257, 1000, 1 << 30, -1, 0] {
            let tick = last.offset(ahead);
            let bytes = message(tick, Some(last));
            assert_eq!(bytes.len() == 2, (1..=255).contains(&ahead));
            let mut frame = Frame::after(last);
            frame.parse(&bytes).expect("it is well formed");
            assert_eq!(frame.head.tick, tick);
        }
    }
    // one who joins, one who lost some, and one whose frame was refused
    assert_eq!(message(Tick(7), None).len(), 6);
    let mut frame = Frame::default();
    assert_eq!(frame.parse(&message(Tick(7), Some(Tick(6)))), Err(DecodeError::NoBaseline("tick")));
    frame.parse(&message(Tick(7), None)).expect("it is well formed");
    frame.parse(&message(Tick(200), Some(Tick(7)))).expect("it is well formed");
    assert!(frame.parse(&[FRAME | MORE, 0xff]).is_err());
    frame.parse(&message(Tick(300), Some(Tick(200)))).expect("it is well formed");
    assert_eq!(frame.head.tick, Tick(300));
}

#[test]
fn a_frame_that_names_a_channel_twice_is_refused() {
    let write = |closed: &[u16], handles: &[u16]| {
        let (mut message, contents) = (Vec::new(), Contents { parts: handles.len(), ..Contents::default() });
        write_head(&FrameHead::default(), None, closed, contents, &mut message);
        for (at, handle) in handles.iter().enumerate() {
            write_part_head(*handle, true, (at + 1 < handles.len()).then_some(1), &mut message);
            message.push(0);
        }
        Frame::default().parse(&message)
    };
    assert_eq!(write(&[], &[300, 2, 300]), Err(DecodeError::OutOfRange("handle")));
    assert_eq!(write(&[7, 7], &[]), Err(DecodeError::OutOfRange("closed handle")));
    assert_eq!(write(&[], &[OPEN_MAX as u16]), Err(DecodeError::OutOfRange("handle")));
    // closed and opened anew in one frame is another thing
    assert_eq!(write(&[7], &[7]), Ok(()));
}

#[test]
fn late_marks_are_for_what_follows_and_never_alone() {
    let (mut message, contents) = (Vec::new(), Contents { parts: 3, ..Contents::default() });
    write_head(&FrameHead::default(), None, &[], contents, &mut message);
    write_part_head(1, false, Some(0), &mut message);
    write_late(1, &mut message);
    write_part_head(2, false, Some(0), &mut message);
    let cut = message.len();
    write_part_head(3, false, None, &mut message);
    let mut frame = Frame::default();
    frame.parse(&message).expect("it is well formed");
    assert_eq!(frame.parts.iter().map(|part| part.late).collect::<Vec<_>>(), [0, 1, 1]);
    message.truncate(cut);
    write_late(2, &mut message);
    assert_eq!(frame.parse(&message), Err(DecodeError::Missing("handle")));
    write_late(3, &mut message);
    assert_eq!(frame.parse(&message), Err(DecodeError::OutOfRange("handle")));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..80)) {
        bytes[0] |= FRAME;
        let mut frame = Frame::after(Tick(9));
        if frame.parse(&bytes).is_ok() {
            prop_assert!(frame.parts.iter().all(|part| part.bits.end <= bytes.len()));
        }
    }
}
