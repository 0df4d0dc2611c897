//! Why a connection is closed: the WebSocket close codes that Tickwire uses, each with its reason.
//!
//! ```
//! use tickwire_shared::protocol::close::CloseReason;
//!
//! let (code, reason) = (CloseReason::TakenOver.code(), "you play in another window"); // what a server closes with
//! assert!((4000..5000).contains(&code) && !CloseReason::may_retry(code), "{reason}");
//! ```

/// A reason to close, as the WebSocket close code that tells it (RFC 6455 section 7.4; 4000 and up are ours).
///
/// ```
/// use tickwire_shared::protocol::close::CloseReason;
///
/// assert_eq!(CloseReason::SeatGone.code(), 4011);
/// assert!(!CloseReason::may_retry(4011), "the server means it");
/// assert!(CloseReason::may_retry(1013) && CloseReason::is_busy(1013), "later");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The session is over by agreement.
    Done,
    /// The server stops.
    GoingAway,
    /// The peer broke the protocol.
    ProtocolError,
    /// A message is no valid data.
    InvalidData,
    /// Too fast, too slow, or not allowed.
    Policy,
    /// A message is too long.
    TooBig,
    /// The room failed through the server's own fault.
    RoomFailed,
    /// The server has no room for this client now.
    TryLater,
    /// The client speaks another version of the protocol.
    Version,
    /// The client was built for another version of the game.
    Game,
    /// The room or the game refused the player.
    Refused,
    /// Who the player is was not shown, or cannot be believed.
    NotKnown,
    /// Another connection took the seat: with its token, or of the same account.
    TakenOver,
    /// The seat that a client comes back to is not held any more, or never was.
    SeatGone,
}

impl CloseReason {
    /// The close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::InvalidData => 1007,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::RoomFailed => 1011,
            Self::TryLater => 1013,
            Self::Version => 4001,
            Self::Game => 4002,
            Self::Refused => 4003,
            Self::NotKnown => 4004,
            Self::TakenOver => 4010,
            Self::SeatGone => 4011,
        }
    }

    /// Whether a client may try again by itself after a connection was closed with this code: it broke (1005, 1006, or
    /// 1015 where something stands in between that fails at TLS), or the server, or what is in front of it, stops or is
    /// full. Not when the server meant it: the session is over by agreement, a rule was broken, the client was refused,
    /// the room failed, another connection has the seat.
    #[must_use]
    pub const fn may_retry(code: u16) -> bool {
        matches!(code, 1001 | 1005 | 1006 | 1012..=1015)
    }

    /// Whether a server that closes with this code should not be asked again at once.
    #[must_use]
    pub const fn is_busy(code: u16) -> bool {
        matches!(code, 1001 | 1012 | 1013)
    }
}
