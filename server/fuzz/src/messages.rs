//! Every message of the protocol: what is read can be written, and reads the same then. True: it is one.
//!
//! ```text
//! input   a message; its first byte says which
//! ```

use std::sync::LazyLock;

use tickwire_shared::delta::{KindLayout, Layout, RowBuffer, decode_keyframe};
use tickwire_shared::protocol::frame::{self, Contents, Frame, FramePart, OPEN_MAX};
use tickwire_shared::protocol::input::TickInput;
use tickwire_shared::protocol::limits::{
    CLIENT_MESSAGE_MAX_BYTES, EVENTS_PER_FRAME_MAX, INPUTS_PER_MESSAGE_MAX, SERVER_MESSAGE_MAX_BYTES,
};
use tickwire_shared::protocol::{self, ClientMessage, ServerMessage, TAG_INPUT};
use tickwire_shared::schema::{KindSchema, Schema};
use tickwire_shared::{Game, Tick};

use super::layouts;

pub fn hold(message: &[u8]) -> bool {
    match message.first() {
        // one's last frame was of the tick before
        Some(&TAG_INPUT) => read_inputs(message) | read_frame(message),
        Some(first) if first & protocol::FRAME != 0 => read_frame(message),
        Some(_) => read_cold(message),
        None => ClientMessage::decode(message).is_ok() || ServerMessage::decode(message).is_ok(),
    }
}

fn read_frame(message: &[u8]) -> bool {
    assert!(ClientMessage::decode(message).is_err() && ServerMessage::decode(message).is_err());
    const LAST: Tick = Tick(u32::MAX - 100);
    let mut read = Frame::after(LAST);
    if read.parse(message).is_err() {
        return false;
    }
    assert!(read.closed.len() <= OPEN_MAX && read.parts.len() <= OPEN_MAX);
    assert!(read.events.len() <= EVENTS_PER_FRAME_MAX);
    let ranges = read.owned.iter().chain(&read.events).chain(read.parts.iter().map(|part| &part.bits));
    let ends = ranges.fold(0, |end, range| {
        assert!(end <= range.start && range.start <= range.end, "pieces are in order");
        range.end
    });
    assert!(ends <= message.len());

    let owned = read.owned.clone().map(|range| &message[range]);
    let events: Vec<&[u8]> = read.events.iter().map(|range| &message[range.clone()]).collect();
    let mut written = Vec::new();
    let parts = read.parts.len();
    let is_at = |(at, part): (usize, &FramePart)| usize::from(part.handle) == at && part.keyframe && part.late == 0;
    let in_order = parts > 0 && read.parts.iter().enumerate().all(is_at);
    let contents = Contents { owned: owned.is_some(), events: !events.is_empty(), parts, in_order };
    frame::write_head(&read.head, Some(LAST), &read.closed, contents, &mut written);
    owned.inspect(|bits| frame::write_owned(bits, &mut written));
    if !events.is_empty() {
        frame::write_events(events.iter().copied(), &mut written);
    }
    let mut late = 0;
    for (at, part) in read.parts.iter().enumerate() {
        if part.late != late {
            late = part.late;
            frame::write_late(late, &mut written);
        }
        let bits = &message[part.bits.clone()];
        let length = (at + 1 < parts).then_some(bits.len());
        if in_order {
            length.into_iter().for_each(|length| frame::write_part_length(length, &mut written));
        } else {
            frame::write_part_head(part.handle, part.keyframe, length, &mut written);
        }
        written.extend_from_slice(bits);
    }
    assert!(written.len() <= message.len(), "we write nothing longer than it needs to be");

    let mut again = Frame::after(LAST);
    again.parse(&written).expect("we wrote it");
    assert_eq!((&again.head, &again.closed), (&read.head, &read.closed));
    let pieces = |frame: &Frame, message: &[u8]| {
        let parts =
            frame.parts.iter().map(|part| (part.handle, part.keyframe, part.late, message[part.bits.clone()].to_vec()));
        let owned = frame.owned.clone().map(|range| message[range].to_vec());
        let events = frame.events.iter().map(|range| message[range.clone()].to_vec());
        (parts.collect::<Vec<_>>(), owned, events.collect::<Vec<_>>())
    };
    assert_eq!(pieces(&again, &written), pieces(&read, message));
    true
}

fn read_inputs(message: &[u8]) -> bool {
    assert!(ClientMessage::decode(message).is_err() && ServerMessage::decode(message).is_err());
    static KINDS: LazyLock<[(KindSchema, KindLayout); 2]> = LazyLock::new(|| {
        [layouts::SCHEMA.input.clone(), Schema::of::<tickwire_arena::Arena>().input]
            .map(|kind| (kind.clone(), KindLayout::new(&kind).expect("it is sound")))
    });
    let mut accepted = false;
    for (schema, kind) in &*KINDS {
        let mut inputs = Vec::new();
        let Ok(told) = protocol::input::decode(kind, message, |input| inputs.push(input)) else {
            assert!(inputs.is_empty(), "nothing of a wrong message is told");
            continue;
        };
        accepted = true;
        assert!((1..=INPUTS_PER_MESSAGE_MAX).contains(&inputs.len()));
        let TickInput { tick: newest, lag, .. } = inputs[inputs.len() - 1];
        assert_eq!((newest, lag), (told.newest, told.lag));
        for (age, TickInput { tick, lanes, .. }) in inputs.iter().rev().enumerate() {
            assert_eq!(*tick, newest.offset(-(age as i32)), "unbroken, the oldest first");
            layouts::check_row(schema, lanes);
        }
        let mut written = Vec::new();
        let lanes: Vec<_> = inputs.iter().rev().map(|input| input.lanes).collect();
        protocol::input::encode(kind, &told, &lanes, &mut written);
        assert!(written.len() <= message.len());
        let mut again = Vec::new();
        protocol::input::decode(kind, &written, |input| again.push(input)).expect("we wrote it");
        assert_eq!(again, inputs);
    }
    accepted
}

fn read_cold(message: &[u8]) -> bool {
    type Event = <tickwire_arena::Arena as Game>::Event;
    if let Ok(event) = protocol::decode_payload::<Event>(message) {
        let written = protocol::encode_payload(&event);
        assert!(protocol::decode_payload::<Event>(&written).is_ok_and(|again| again == event));
    }
    if let Ok(words) = protocol::decode_command::<Vec<String>>(message) {
        assert!(protocol::encode_payload(&words).len() <= message.len());
    }
    let client = ClientMessage::decode(message);
    if let Ok(read) = &client {
        assert!(message.len() <= CLIENT_MESSAGE_MAX_BYTES);
        let written = read.encode();
        assert!(written.len() <= message.len());
        assert_eq!(ClientMessage::decode(&written).as_ref(), Ok(read));
    }
    let server = ServerMessage::decode(message);
    if let Ok(read) = &server {
        assert!(message.len() <= SERVER_MESSAGE_MAX_BYTES);
        let written = read.encode();
        assert!(written.len() <= message.len());
        // a schema's numbers may be none, which equal nothing
        assert_eq!(ServerMessage::decode(&written).map(|again| again.encode()), Ok(written));
    }
    if let Ok(ServerMessage::Welcome { schema: Some(schema), .. }) = &server {
        check_schema(schema, message);
    }
    client.is_ok() || server.is_ok()
}

/// A stranger's description is refused, or rows are read by it.
fn check_schema(schema: &Schema, bytes: &[u8]) {
    let _ = KindLayout::new(&schema.input);
    let Ok(layout) = Layout::new(schema) else { return };
    assert!(schema.kinds.len() <= Layout::KINDS_MAX);
    assert!(schema.kinds.iter().all(|kind| kind.lanes() <= Layout::LANES_MAX));
    let mut rows = RowBuffer::default();
    for from in 0..bytes.len().min(8) {
        if decode_keyframe(&layout, &bytes[from..], &mut rows).is_ok() {
            layouts::check_rows(schema, &layout, rows.rows());
        }
    }
}
