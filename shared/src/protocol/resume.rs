//! Coming back: the token that leads a client to its seat, and what it says of the state that it still holds.

use std::fmt;

use super::limits::{CHANNELS_MAX, REPORT_CHANNELS_MAX};
use crate::cold::form;
use crate::tick::Tick;

/// Leads its holder back to a seat: 256 random bits from the server's operating system. Whoever has it has the seat, so
/// it is shown to nobody: its `Debug` tells nothing.
///
/// Each [`ServerMessage::Joined`](super::ServerMessage::Joined) and
/// [`ServerMessage::Resumed`](super::ServerMessage::Resumed) brings a new one. The one before is good until the client's
/// next input or ping, which shows that the new one has arrived.
///
/// ```
/// use tickwire_shared::protocol::ResumeToken;
///
/// let token = ResumeToken([7; 32]); // a server's word; write its bytes where nobody else reads them
/// assert_eq!(ResumeToken(token.0), token);
/// assert_eq!(format!("{token:?}"), "ResumeToken(..)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken(pub [u8; 32]);

form!(struct ResumeToken { 0 });

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(..)")
    }
}

/// What a client that comes back says of itself. A wrong word harms nobody else: it gets deltas that it cannot read.
///
/// ```
/// use tickwire_shared::{Tick, protocol::{ResumeClaim, ResumeToken}};
///
/// let channels = vec![(0, 0xfeed), (3, 0xbeef)]; // as Replica::go_on tells them
/// let claim = ResumeClaim { token: ResumeToken([7; 32]), attempt: 1, events: Some(4), tick: Some(Tick(93)), channels };
/// assert!(claim.is_sound());
/// let twice = ResumeClaim { channels: vec![(3, 1), (3, 2)], ..claim };
/// assert!(!twice.is_sound());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeClaim {
    /// Which seat.
    pub token: ResumeToken,
    /// Counts the client's connections. Of two that use one token and cross on the way the later stands; 0 for one that
    /// does not count.
    pub attempt: u32,
    /// How many events it has had since it joined, over all its connections; wraps. None: it begins anew, and none is
    /// to come again.
    pub events: Option<u32>,
    /// The tick of the newest frame that it has applied. None: it holds nothing that could be built upon, and gets
    /// keyframes of all.
    pub tick: Option<Tick>,
    /// The channels that it holds: handles in rising order, and the low half of each one's hash. At most
    /// [`REPORT_CHANNELS_MAX`]; who has more says none, and no tick.
    pub channels: Vec<(u16, u32)>,
}

form!(struct ResumeClaim { token, attempt, events, tick, channels });

impl ResumeClaim {
    /// Whether it is of the form above.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let rising = self.channels.is_sorted_by(|(a, _), (b, _)| a < b);
        let last = self.channels.last().is_none_or(|(handle, _)| usize::from(*handle) < CHANNELS_MAX);
        rising && last && self.channels.len() <= REPORT_CHANNELS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientMessage, limits::CLIENT_MESSAGE_MAX_BYTES};
    use super::*;

    fn claim(channels: Vec<(u16, u32)>) -> ResumeClaim {
        ResumeClaim {
            token: ResumeToken([0xab; 32]),
            attempt: u32::MAX,
            events: Some(u32::MAX),
            tick: Some(Tick(u32::MAX)),
            channels,
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", ClientMessage::Resume(claim(Vec::new())));
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
    }

    #[test]
    fn the_longest_claim_is_taken() {
        let most = REPORT_CHANNELS_MAX as u16;
        let claim = claim((CHANNELS_MAX as u16 - most..CHANNELS_MAX as u16).map(|handle| (handle, u32::MAX)).collect());
        assert!(claim.is_sound());
        let bytes = ClientMessage::Resume(claim.clone()).encode();
        assert!(bytes.len() <= CLIENT_MESSAGE_MAX_BYTES);
        assert_eq!(ClientMessage::decode(&bytes), Ok(ClientMessage::Resume(claim)));
    }

    #[test]
    fn claims_of_another_form_are_told() {
        assert!(claim(vec![(0, 1), (7, 1)]).is_sound());
        for channels in [vec![(7, 1), (7, 2)], vec![(8, 1), (7, 1)], vec![(CHANNELS_MAX as u16, 1)]] {
            assert!(!claim(channels.clone()).is_sound(), "{channels:?}");
        }
        let many = (0..=REPORT_CHANNELS_MAX as u16).map(|handle| (handle, 0)).collect();
        assert!(!claim(many).is_sound());
    }
}
