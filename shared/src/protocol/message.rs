//! Cold messages.

use serde::{Serialize, de::DeserializeOwned};

use super::limits::{CLIENT_MESSAGE_MAX_BYTES, EVENT_MAX_BYTES, SERVER_MESSAGE_MAX_BYTES};
use super::{FRAME, JoinRequest, ResumeClaim, ResumeToken};
use crate::bits::DecodeError;
use crate::cold::{Cold, bytes_of, form, whole};
use crate::schema::Schema;
use crate::tick::Tick;

/// What a client says, inputs aside.
///
/// ```
/// use tickwire_shared::protocol::{ClientMessage, VERSION};
///
/// let hello = ClientMessage::Hello { protocol: VERSION, game: "coins".into(), fingerprint: 7 };
/// assert_eq!(ClientMessage::decode(&hello.encode()), Ok(hello));
/// assert!(ClientMessage::decode(&[99]).is_err());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum ClientMessage {
    /// The first message.
    Hello {
        /// [`VERSION`](super::VERSION).
        protocol: u16,
        /// Name of the game.
        game: String,
        /// [`Schema::fingerprint`] of the client's build.
        fingerprint: u64,
    },
    /// Asks for a seat.
    Join(JoinRequest),
    /// Asks for a [`ServerMessage::Pong`].
    Ping {
        /// Comes back as it is.
        stamp_ms: u32,
    },
    /// The client's state is wrong, it cannot say where: asks for keyframes of all.
    Resync,
    /// A command for the game, in its own encoding.
    Command(Vec<u8>),
    /// Gives the seat back.
    Leave,
    /// The hash of a frame is not that of the client's state: which channels are wrong? They are healed.
    Desync {
        /// The frame's tick.
        tick: Tick,
        /// What the client held then: by channel handle, the low half of the channel's hash; at most
        /// [`REPORT_CHANNELS_MAX`](super::limits::REPORT_CHANNELS_MAX).
        hashes: Vec<(u16, u32)>,
    },
    /// Instead of a join, by one whose connection broke: asks for its seat.
    Resume(ResumeClaim),
}

form!(enum ClientMessage {
    0 = Hello { protocol, game, fingerprint },
    1 = Join(request),
    2 = Ping { stamp_ms },
    3 = Resync,
    4 = Command(command),
    5 = Leave,
    6 = Desync { tick, hashes },
    7 = Resume(claim),
});

/// What a server says, frames aside.
///
/// ```
/// use tickwire_shared::protocol::ServerMessage;
///
/// let no = ServerMessage::Refused { reason: "The room is full.".into() };
/// assert_eq!(ServerMessage::decode(&no.encode()), Ok(no));
/// let mut pong = ServerMessage::Pong { stamp_ms: 1 }.encode();
/// pong.push(0);
/// assert!(ServerMessage::decode(&pong).is_err(), "bytes are left over");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum ServerMessage {
    /// Answers a hello.
    Welcome {
        /// [`Schema::fingerprint`] of the server's build.
        fingerprint: u64,
        /// The description, when the client's fingerprint is another.
        schema: Option<Schema>,
    },
    /// Answers a join.
    Joined {
        /// The room.
        room: u64,
        /// The seat.
        seat: u16,
        /// The room's tick now.
        tick: Tick,
        /// Ticks a second.
        rate_hz: u16,
        /// For [`ClientMessage::Resume`], should the connection break; none where a lost seat is not held.
        token: Option<ResumeToken>,
        /// What others join this room by; none where a room has no code.
        code: Option<String>,
    },
    /// A "no" with a reason for a person; the connection closes.
    Refused {
        /// One sentence.
        reason: String,
    },
    /// Answers a ping.
    Pong {
        /// The ping's stamp.
        stamp_ms: u32,
    },
    /// Answers a resume.
    Resumed {
        /// The room.
        room: u64,
        /// The seat; as it was.
        seat: u16,
        /// The room's tick now.
        tick: Tick,
        /// Ticks a second.
        rate_hz: u16,
        /// For the next time.
        token: ResumeToken,
        /// Events that were sent to the seat and that the server no longer has.
        events_lost: u32,
        /// What others join this room by; none where a room has no code.
        code: Option<String>,
    },
    /// Word from whoever runs the server, for the player.
    Notice {
        /// A sentence or two.
        text: String,
        /// The connection ends within so many seconds; none when it goes on.
        ends_in_s: Option<u32>,
    },
}

form!(enum ServerMessage {
    0 = Welcome { fingerprint, schema },
    1 = Joined { room, seat, tick, rate_hz, token, code },
    2 = Refused { reason },
    3 = Pong { stamp_ms },
    4 = Resumed { room, seat, tick, rate_hz, token, events_lost, code },
    5 = Notice { text, ends_in_s },
});

impl ClientMessage {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        bytes_of(self)
    }

    /// Reads a whole message; at most [`CLIENT_MESSAGE_MAX_BYTES`].
    ///
    /// # Errors
    /// Malformed, too long, or bytes left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, CLIENT_MESSAGE_MAX_BYTES)
    }
}

impl ServerMessage {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        bytes_of(self)
    }

    /// Reads a whole message; at most [`SERVER_MESSAGE_MAX_BYTES`].
    ///
    /// # Errors
    /// Malformed, too long, or bytes left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, SERVER_MESSAGE_MAX_BYTES)
    }
}

/// A game's command as the bytes of [`ClientMessage::Command`], or its event as those in a frame.
///
/// ```
/// use tickwire_shared::protocol::encode_payload;
///
/// assert_eq!(encode_payload(&(3u8, "hi")), [3, 2, b'h', b'i']);
/// ```
#[must_use]
pub fn encode_payload<T: Serialize>(payload: &T) -> Vec<u8> {
    try_encode_payload(payload).expect("payloads are plain data without maps of unknown length, and the buffer grows")
}

/// The same, for one who did not make the payload. `None` where its type has no form in bytes, such as one with maps of
/// unknown length.
///
/// ```
/// assert_eq!(tickwire_shared::protocol::try_encode_payload(&true), Some(vec![1]));
/// ```
#[must_use]
pub fn try_encode_payload<T: Serialize>(payload: &T) -> Option<Vec<u8>> {
    bincode::serde::encode_to_vec(payload, bincode::config::standard()).ok()
}

/// Reads a game's command, taking no more than [`CLIENT_MESSAGE_MAX_BYTES`] of memory: a client's word.
///
/// ```
/// use tickwire_shared::protocol::{decode_command, encode_payload};
///
/// let said: String = decode_command(&encode_payload(&"hello"))?;
/// assert_eq!(said, "hello");
/// assert!(decode_command::<String>(&[253, 0, 0, 0, 0, 0, 1, 0, 0]).is_err(), "says that it has 2^40 bytes");
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
///
/// # Errors
/// Malformed, too long, or bytes left over.
pub fn decode_command<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    payload::<_, CLIENT_MESSAGE_MAX_BYTES>(bytes)
}

/// Reads a game's event of at most [`EVENT_MAX_BYTES`] bytes on the wire; a server's word, which in memory may be a
/// good deal larger.
///
/// ```
/// use tickwire_shared::protocol::{decode_payload, encode_payload, limits::EVENT_MAX_BYTES};
///
/// let scores: Vec<u32> = decode_payload(&encode_payload(&vec![3u32, 7]))?;
/// assert_eq!(scores, [3, 7]);
/// assert!(decode_payload::<Vec<u8>>(&vec![0; EVENT_MAX_BYTES + 1]).is_err());
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
///
/// # Errors
/// Malformed, too long, or bytes left over.
pub fn decode_payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    const MEMORY_MAX_BYTES: usize = 64 * EVENT_MAX_BYTES;
    if bytes.len() > EVENT_MAX_BYTES {
        return Err(DecodeError::Malformed);
    }
    payload::<_, MEMORY_MAX_BYTES>(bytes)
}

/// A message of all of `bytes`, at most `most` of them. Its tag has one byte, whose highest bit is that of a frame.
fn decode<T: Cold>(bytes: &[u8], most: usize) -> Result<T, DecodeError> {
    if bytes.first().is_some_and(|tag| tag & FRAME != 0) {
        return Err(DecodeError::OutOfRange("tag"));
    }
    if bytes.len() <= most { whole(bytes) } else { Err(DecodeError::Malformed) }
}

/// A game's own type of all of `bytes`, taking no more than `LIMIT` bytes of memory on the way.
fn payload<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bincode::serde::decode_from_slice(bytes, bincode::config::standard().with_limit::<LIMIT>()) {
        Ok((message, read)) if read == bytes.len() => Ok(message),
        Ok(_) => Err(DecodeError::Trailing),
        Err(_) => Err(DecodeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::Tables;
    use crate::protocol::limits::REPORT_CHANNELS_MAX;
    use crate::schema::KindSchema;

    #[test]
    fn leftovers_and_hostile_lengths_are_refused() {
        let mut bytes = ClientMessage::Join(JoinRequest::new("ann")).encode();
        assert_eq!(ClientMessage::decode(&bytes), Ok(ClientMessage::Join(JoinRequest::new("ann"))));
        bytes.push(0);
        assert_eq!(ClientMessage::decode(&bytes), Err(DecodeError::Trailing));
        // a command that claims 2^40 bytes
        let hostile = [4, 253, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(ClientMessage::decode(&hostile), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_welcome_brings_the_tables_of_the_range_coder() {
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        let tables = vec![200; Tables::BYTES];
        let schema = Schema { game: "cubes".into(), version: 1, kinds: Vec::new(), input, tables };
        let welcome = ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: Some(schema.clone()) };
        assert_eq!(ServerMessage::decode(&welcome.encode()), Ok(welcome));
        let other = Schema { tables: vec![201; Tables::BYTES], ..schema.clone() };
        assert_ne!(other.fingerprint(), schema.fingerprint(), "the fingerprint names them");
    }

    #[test]
    fn the_longest_report_of_a_wrong_state_is_taken() {
        let hashes = (0..REPORT_CHANNELS_MAX as u16).map(|handle| (u16::MAX - handle, u32::MAX)).collect();
        let report = ClientMessage::Desync { tick: Tick(u32::MAX), hashes };
        assert!(report.encode().len() <= CLIENT_MESSAGE_MAX_BYTES);
        assert_eq!(ClientMessage::decode(&report.encode()), Ok(report));
    }

    #[test]
    fn cold_tags_stay_below_the_hot_ones() {
        assert_eq!(ClientMessage::Leave.encode(), [5]);
        assert_eq!(ServerMessage::Pong { stamp_ms: 1 }.encode(), [3, 1]);
        for long_tag in [&[251, 3, 0, 1][..], &[252, 3, 0, 0, 0, 1]] {
            assert_eq!(ServerMessage::decode(long_tag), Err(DecodeError::OutOfRange("tag")));
        }
    }
}
