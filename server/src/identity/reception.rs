//! Where newcomers are received: banned? a good pass? more seats than the account may have? and who is here already.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tickwire_shared::Profile;
use tickwire_shared::protocol::close::CloseReason;

use super::bans::{BanRefusal, Bans, BansError, is_of};
use super::{KeyError, PassError, Passes, People, Person, Shown, Sitting, Tries};
use crate::config::{IdentityConfig, SecondDevice};
use crate::handover::ban::{Ban, Whom};
use crate::handover::steer::Banned;
use crate::handover::{RoomId, StayId};
use crate::net::proxy::Network;

/// Somebody who may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// It needs a seat; when it has that, those end that its account has elsewhere, where it may have but one.
    Newcomer(Profile),
    /// Its account has one: that is to be taken over.
    Second(Sitting),
}

/// Somebody who may not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denied {
    /// For the close code.
    pub reason: CloseReason,
    /// For the counters.
    pub why: DeniedFor,
    /// For the player.
    pub text: String,
}

impl Denied {
    fn of_pass(error: PassError) -> Self {
        let reason = if error == PassError::TooMany { CloseReason::Policy } else { CloseReason::NotKnown };
        Self { reason, why: DeniedFor::Pass(error), text: error.to_string() }
    }
}

/// For what somebody may not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeniedFor {
    /// The pass.
    Pass(PassError),
    /// The account has as many seats as it may.
    AccountSeats,
    /// The account sits in the game, and a second device is refused.
    SecondDevice,
    /// A ban.
    Banned,
}

/// See the module.
#[derive(Debug)]
pub struct Reception {
    passes: Passes,
    bans: Bans,
    tries: Tries,
    people: People,
    account_seats_max: usize,
    second_device: SecondDevice,
}

/// Why there is no reception.
#[derive(Debug, Error)]
pub enum ReceptionError {
    /// There is something wrong with the keys of passes.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// There is something wrong with the file of bans.
    #[error(transparent)]
    Bans(#[from] BansError),
}

/// Where a newcomer comes from, and when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// From this address.
    pub ip: IpAddr,
    /// For rates.
    pub now: Instant,
    /// For bans, in seconds since 1970.
    pub now_unix_s: u64,
}

impl Arrival {
    /// Somebody comes now.
    #[must_use]
    pub fn now(ip: IpAddr) -> Self {
        Self { ip, now: Instant::now(), now_unix_s: unix_s() }
    }
}

/// Now, in seconds since 1970.
#[must_use]
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Reception {
    /// Nobody is here yet; addresses that are `exempt` may show wrong passes as they like.
    ///
    /// # Errors
    /// Keys or bans cannot be read.
    pub fn open(config: &IdentityConfig, bans: Option<&Path>, exempt: &[Network]) -> Result<Self, ReceptionError> {
        Ok(Self {
            passes: Passes::new(config.clone())?,
            bans: Bans::open(bans)?,
            tries: Tries::new(config.failed_per_minute, exempt.to_vec()),
            people: People::default(),
            account_seats_max: config.account_seats_max,
            second_device: config.second_device,
        })
    }

    /// Who plays here.
    #[must_use]
    pub fn passes(&self) -> &Passes {
        &self.passes
    }

    /// Somebody who is known, and says a name, wants into a room of this game; `is_content` says whether with a seat that
    /// its account has.
    ///
    /// # Errors
    /// It may not, with the reason.
    pub fn receive(
        &mut self,
        (shown, name): (Shown, &str),
        game: usize,
        is_content: impl Fn(&Sitting) -> bool,
        arrival: Arrival,
    ) -> Result<Received, Denied> {
        self.check_ban(shown.account.as_deref(), arrival)?;
        let mut moves = false;
        if let Some(account) = &shown.account {
            let sitting = self.people.sitting(account, game);
            match (sitting, self.second_device) {
                (Some(sitting), SecondDevice::TakesOver) if is_content(&sitting) => {
                    return Ok(Received::Second(sitting));
                }
                (Some(_), SecondDevice::TakesOver) => moves = true,
                (Some(_), SecondDevice::Refused) => {
                    let text = "your account plays this game on another device: leave there first".to_owned();
                    return Err(Denied { reason: CloseReason::Refused, why: DeniedFor::SecondDevice, text });
                }
                _ => {}
            }
            let (seats, max) = (self.people.seats_of(account), self.account_seats_max);
            let seats = seats - usize::from(moves);
            if max > 0 && seats >= max {
                let text = format!("your account has {seats} seats here, and may have {max}: leave one of them first");
                return Err(Denied { reason: CloseReason::Refused, why: DeniedFor::AccountSeats, text });
            }
        }
        let Shown { account, name: known, claims } = shown;
        let mut profile = Profile::named(known.as_deref().filter(|known| !known.is_empty()).unwrap_or(name));
        (profile.account, profile.claims) = (account, claims);
        Ok(Received::Newcomer(profile))
    }

    /// Whose pass this is, if neither that account nor the address is banned; an address that has shown too many wrong
    /// ones is not heard.
    ///
    /// # Errors
    /// Nobody's.
    pub fn known(&mut self, pass: &str, arrival: Arrival) -> Result<Shown, Denied> {
        self.check_ban(None, arrival)?;
        let Arrival { ip, now, .. } = arrival;
        let shown = if self.tries.may_try(ip, now) { self.passes.read(pass) } else { Err(PassError::TooMany) };
        let shown = shown.map_err(|error| {
            // none at all is no guess
            if !matches!(error, PassError::Missing | PassError::TooMany) {
                self.tries.failed(ip, now);
            }
            Denied::of_pass(error)
        })?;
        self.check_ban(shown.account.as_deref(), arrival)?;
        Ok(shown)
    }

    /// Whose ticket it was.
    ///
    /// # Errors
    /// Nobody's, and players must be known.
    pub fn known_by_ticket(&self, holder: Option<Profile>) -> Result<Shown, Denied> {
        match holder {
            Some(holder) => Ok(holder.into()),
            None => self.passes.read("").map_err(Denied::of_pass),
        }
    }

    fn check_ban(&self, account: Option<&str>, Arrival { ip, now_unix_s, .. }: Arrival) -> Result<(), Denied> {
        self.bans.of(account, ip, now_unix_s).map_or(Ok(()), |ban| {
            Err(Denied { reason: CloseReason::Refused, why: DeniedFor::Banned, text: ban.words() })
        })
    }

    /// Somebody has got a seat in a room of a tick thread, perhaps only to look on.
    pub fn enter(
        &mut self,
        stay: StayId,
        account: Option<&str>,
        (ip, game): (IpAddr, usize),
        (room, thread, spectates): (RoomId, usize, bool),
    ) {
        let person = Person { account: account.map(Into::into), ip, room, thread, game, spectates, is_seated: false };
        self.people.enter(stay, person);
    }

    /// Somebody has its seat: those that end now, since an account plays once.
    pub fn seated(&mut self, stay: StayId) -> Vec<Sitting> {
        let older = self.people.seated(stay);
        if self.second_device == SecondDevice::TakesOver { older } else { Vec::new() }
    }

    /// Another device has taken a seat over, perhaps from somewhere else.
    pub fn moved(&mut self, stay: StayId, ip: IpAddr) {
        self.people.came_back(stay, ip);
    }

    /// Somebody is back, and may stay.
    ///
    /// # Errors
    /// It is banned.
    pub fn comes_back(&mut self, stay: StayId, arrival: Arrival) -> Result<(), Denied> {
        let account = self.people.get(stay).and_then(|person| person.account.clone());
        self.check_ban(account.as_deref(), arrival)?;
        self.people.came_back(stay, arrival.ip);
        Ok(())
    }

    /// A stay is over.
    pub fn left(&mut self, stay: StayId) {
        self.people.left(stay);
    }

    /// A room is no more.
    pub fn room_ended(&mut self, room: RoomId) {
        self.people.room_ended(room);
    }

    /// Bans somebody; those who must go are in the second value.
    ///
    /// # Errors
    /// What is asked for is not possible, in a sentence.
    pub fn ban(&mut self, whom: Whom, reason: &str, for_s: Option<u64>) -> Result<(Banned, Vec<Sitting>), BanRefusal> {
        let (ban, unkept) = self.bans.add(whom, reason, for_s, unix_s())?;
        let sitting = self.people.all(|person| is_of(&ban.whom, person.account.as_deref(), person.ip));
        let banned = Banned { ban, players: sitting.len(), unkept: unkept.map(|error| error.to_string()) };
        Ok((banned, sitting))
    }

    /// Lifts a ban, if there is one of this number.
    pub fn lift(&mut self, ban: u64) -> Option<Banned> {
        let (ban, unkept) = self.bans.lift(ban, unix_s())?;
        Some(Banned { ban, players: 0, unkept: unkept.map(|error| error.to_string()) })
    }

    /// All bans.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.bans.all(unix_s()).cloned().collect()
    }

    /// Looks whether the files of the keys have changed.
    pub fn look(&mut self) {
        self.passes.look();
    }

    /// Reads the keys anew.
    pub fn reload(&mut self) {
        self.passes.reload();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(ip: &str) -> Arrival {
        Arrival::now(ip.parse().unwrap())
    }

    #[test]
    fn who_comes_back_from_a_banned_address_does_not_come_in() {
        let mut reception = Reception::open(&IdentityConfig::default(), None, &[]).unwrap();
        let (home, away) = (from("198.51.100.1"), from("203.0.113.7"));
        let shown = reception.known("", home).unwrap();
        let received = reception.receive((shown, "ann"), 0, |_| true, home);
        assert_eq!(received, Ok(Received::Newcomer(Profile::named("ann"))));
        reception.enter(StayId(1), None, (home.ip, 0), (RoomId(1), 0, false));
        let (banned, sitting) = reception.ban(Whom::Address("203.0.113.0/24".parse().unwrap()), "", None).unwrap();
        assert_eq!((banned.players, sitting.len()), (0, 0), "nobody is here from there");
        assert_eq!(reception.comes_back(StayId(1), away).map_err(|turned| turned.why), Err(DeniedFor::Banned));
        assert_eq!(reception.comes_back(StayId(1), home), Ok(()));
        assert_eq!(reception.known("", away).map_err(|turned| turned.why), Err(DeniedFor::Banned));
        // somebody moved: where it is now counts
        reception.lift(banned.ban.ban).unwrap();
        assert_eq!(reception.comes_back(StayId(1), away), Ok(()));
        let (banned, _) = reception.ban(Whom::Address("203.0.113.0/24".parse().unwrap()), "", None).unwrap();
        assert_eq!(banned.players, 1);
    }
}
