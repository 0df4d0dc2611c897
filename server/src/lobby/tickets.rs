//! Tickets: single-use words of 256 random bits that stand for a promise, until a moment. Owned by one thread; kept as
//! hashes only, so that whoever reads the memory of this table has none of them.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tickwire_shared::Profile;

use crate::handover::RoomId;

/// What a ticket begins with: a signed token has dots, a ticket has not.
const PREFIX: &str = "tk_";

/// SHA-256 of a ticket. Nobody can choose it bit by bit, so looking it up tells nothing by the time that it takes.
type TicketHash = [u8; 32];

/// What a ticket promises.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ticket {
    /// A seat in this room, which is kept free.
    pub room: Option<RoomId>,
    /// That its holder is this one: account, claims, and the name of its pass, if that counts.
    pub holder: Option<Profile>,
    /// For whom it was issued, where it counts how many an address has.
    pub ip: Option<IpAddr>,
}

/// Why there is no ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TicketError {
    /// There are enough.
    #[error("too many tickets are under way; try again in a moment")]
    TooMany,
    /// The operating system has none.
    #[error("the server has no random numbers for a ticket; try again")]
    NoRandomness,
}

/// See the module.
#[derive(Debug)]
pub struct Tickets {
    by_hash: FxHashMap<TicketHash, (Ticket, Instant)>,
    by_expiry: BTreeSet<(Instant, TicketHash)>,
    /// Without those at zero. Keyed by strangers, so with a hash that they cannot predict.
    by_address: HashMap<IpAddr, usize>,
    max: usize,
}

impl Tickets {
    /// None yet; at most `max` that are good at a time.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { by_hash: FxHashMap::default(), by_expiry: BTreeSet::new(), by_address: HashMap::new(), max }
    }

    /// Whether a pass is of this kind, good or not.
    #[must_use]
    pub fn is_ticket(pass: &str) -> bool {
        pass.starts_with(PREFIX)
    }

    /// A new ticket, good once and before `expires`.
    ///
    /// # Errors
    /// There are too many, or the system gives no random numbers.
    pub fn issue(&mut self, ticket: Ticket, expires: Instant) -> Result<String, TicketError> {
        if self.by_hash.len() >= self.max {
            return Err(TicketError::TooMany);
        }
        let mut bits = [0u8; 32];
        getrandom::fill(&mut bits).map_err(|_| TicketError::NoRandomness)?;
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits));
        let hash = hash(&text);
        if let Some(ip) = ticket.ip {
            *self.by_address.entry(ip).or_default() += 1;
        }
        self.by_hash.insert(hash, (ticket, expires));
        self.by_expiry.insert((expires, hash));
        Ok(text)
    }

    /// Takes a ticket, which is void then; `None` when it never was one, was used, or has expired.
    pub fn redeem(&mut self, text: &str, now: Instant) -> Option<Ticket> {
        let hash = hash(text);
        let (_, expires) = self.by_hash.get(&hash)?;
        if *expires <= now {
            // what it promised is given back by `expire`
            return None;
        }
        let (ticket, expires) = self.by_hash.remove(&hash)?;
        self.by_expiry.remove(&(expires, hash));
        self.forget(&ticket);
        Some(ticket)
    }

    /// The room that a ticket keeps a seat in, if it is good and does.
    #[must_use]
    pub fn room_of(&self, text: &str, now: Instant) -> Option<RoomId> {
        let (ticket, _) = self.by_hash.get(&hash(text)).filter(|(_, expires)| *expires > now)?;
        ticket.room
    }

    /// The next ticket whose time is over: what it promised is free again.
    pub fn expire(&mut self, now: Instant) -> Option<Ticket> {
        let (_, hash) = *self.by_expiry.first().filter(|(expires, _)| *expires <= now)?;
        self.by_expiry.pop_first();
        let (ticket, _) = self.by_hash.remove(&hash)?;
        self.forget(&ticket);
        Some(ticket)
    }

    /// How many an address has that are good or wait for their end.
    #[must_use]
    pub fn of_address(&self, ip: IpAddr) -> usize {
        self.by_address.get(&ip).copied().unwrap_or(0)
    }

    fn forget(&mut self, ticket: &Ticket) {
        let Some(ip) = ticket.ip else { return };
        if let Some(count) = self.by_address.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&ip);
            }
        }
    }

    /// How many are good or wait for their end.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }
}

fn hash(text: &str) -> TicketHash {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_in_its_time() {
        let (mut tickets, now) = (Tickets::new(3), Instant::now());
        let later = now + Duration::from_secs(5);
        let ip = Some([192, 0, 2, 1].into());
        let seat = Ticket { room: Some(RoomId(7)), holder: Some(Profile::named("ann")), ip };
        let text = tickets.issue(seat.clone(), later).expect("the system has random numbers");
        assert!(Tickets::is_ticket(&text) && text.len() == 46, "{text}");
        assert!(!format!("{tickets:?}").contains(&text[3..]));
        assert_eq!(tickets.of_address([192, 0, 2, 1].into()), 1);
        assert_eq!(tickets.redeem("tk_", now), None, "a guess");
        assert_eq!(tickets.redeem(&text, now), Some(seat.clone()));
        assert_eq!(tickets.redeem(&text, now), None, "used");
        let late = tickets.issue(seat.clone(), later).expect("there is room");
        assert_eq!(tickets.redeem(&late, later), None, "too late");
        assert_eq!(tickets.expire(now), None);
        assert_eq!(tickets.expire(later), Some(seat), "what was promised is told once");
        assert_eq!(tickets.expire(later), None);
        assert!(
            tickets.is_empty() && tickets.by_expiry.is_empty() && tickets.by_address.is_empty(),
            "nothing piles up"
        );
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut tickets, now) = (Tickets::new(2), Instant::now());
        for _ in 0..2 {
            tickets.issue(Ticket::default(), now).expect("there is room");
        }
        assert_eq!(tickets.issue(Ticket::default(), now), Err(TicketError::TooMany));
    }
}
