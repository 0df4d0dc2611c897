//! Who sits where: accounts and addresses of all stays, so that an account has no more seats than it may, is found by
//! its second device, and goes when it is banned.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::handover::{RoomId, StayId};

/// One who has a seat, or is promised one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The account; none for one who is anonymous.
    pub account: Option<Arc<str>>,
    /// From where.
    pub ip: IpAddr,
    /// In this room.
    pub room: RoomId,
    /// Index of its tick thread.
    pub thread: usize,
    /// Index of its game.
    pub game: usize,
    /// It only looks on.
    pub spectates: bool,
    /// It has its seat; before that it is promised one.
    pub is_seated: bool,
}

/// A stay and its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sitting {
    /// Which.
    pub stay: StayId,
    /// In this room.
    pub room: RoomId,
    /// Index of its tick thread.
    pub thread: usize,
    /// It only looks on.
    pub spectates: bool,
}

impl Person {
    fn sitting(&self, stay: StayId) -> Sitting {
        Sitting { stay, room: self.room, thread: self.thread, spectates: self.spectates }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct People {
    by_stay: FxHashMap<StayId, Person>,
    /// Keyed by what strangers have called themselves at the sign-in, so with a hash that they cannot predict.
    by_account: HashMap<Arc<str>, Vec<StayId>>,
}

impl People {
    /// Somebody gets a seat.
    pub fn enter(&mut self, stay: StayId, person: Person) {
        if let Some(account) = &person.account {
            self.by_account.entry(Arc::clone(account)).or_default().push(stay);
        }
        self.by_stay.insert(stay, person);
    }

    /// Somebody has its seat. Gives all that its account has in that game but the newest; those that are only promised
    /// may yet be refused, and do not count.
    pub fn seated(&mut self, stay: StayId) -> Vec<Sitting> {
        let Some(person) = self.by_stay.get_mut(&stay) else { return Vec::new() };
        person.is_seated = true;
        let (game, account) = (person.game, person.account.clone());
        let stays = account.and_then(|account| self.by_account.get(&account)).map_or(&[][..], Vec::as_slice);
        let in_game = |stay: &StayId| {
            let person = self.by_stay.get(stay).filter(|person| person.game == game && person.is_seated)?;
            Some(person.sitting(*stay))
        };
        let mut seated: Vec<Sitting> = stays.iter().filter_map(in_game).collect();
        seated.pop();
        seated
    }

    /// Somebody comes back, perhaps from somewhere else.
    pub fn came_back(&mut self, stay: StayId, ip: IpAddr) {
        if let Some(person) = self.by_stay.get_mut(&stay) {
            person.ip = ip;
        }
    }

    /// A stay is over.
    pub fn left(&mut self, stay: StayId) {
        let Some(account) = self.by_stay.remove(&stay).and_then(|person| person.account) else { return };
        if let Some(stays) = self.by_account.get_mut(&account) {
            stays.retain(|other| *other != stay);
            if stays.is_empty() {
                self.by_account.remove(&account);
            }
        }
    }

    /// A room is no more.
    pub fn room_ended(&mut self, room: RoomId) {
        let in_room = |(stay, person): (&StayId, &Person)| (person.room == room).then_some(*stay);
        let over: Vec<StayId> = self.by_stay.iter().filter_map(in_room).collect();
        over.into_iter().for_each(|stay| self.left(stay));
    }

    /// Who has this stay.
    #[must_use]
    pub fn get(&self, stay: StayId) -> Option<&Person> {
        self.by_stay.get(&stay)
    }

    /// How many seats an account has.
    #[must_use]
    pub fn seats_of(&self, account: &str) -> usize {
        self.by_account.get(account).map_or(0, Vec::len)
    }

    /// The newest seat of an account in a game, be it that it plays or looks on.
    #[must_use]
    pub fn sitting(&self, account: &str, game: usize) -> Option<Sitting> {
        let stays = self.by_account.get(account)?;
        stays.iter().rev().find_map(|stay| {
            let person = self.by_stay.get(stay).filter(|person| person.game == game)?;
            Some(person.sitting(*stay))
        })
    }

    /// All of whom this is true.
    pub fn all(&self, is_meant: impl Fn(&Person) -> bool) -> Vec<Sitting> {
        let sitting = |(stay, person): (&StayId, &Person)| is_meant(person).then_some(person.sitting(*stay));
        self.by_stay.iter().filter_map(sitting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(account: Option<&str>, game: usize, room: u64) -> Person {
        let ip = "203.0.113.7".parse().unwrap();
        Person {
            account: account.map(Into::into),
            ip,
            room: RoomId(room),
            thread: 0,
            game,
            spectates: false,
            is_seated: false,
        }
    }

    #[test]
    fn of_several_seats_in_a_game_the_newest_remains_in_whatever_order_they_are_had() {
        let mut people = People::default();
        (1..=4).for_each(|stay| people.enter(StayId(stay), person(Some("ann"), 0, stay)));
        people.enter(StayId(5), person(Some("ann"), 1, 5));
        people.enter(StayId(6), person(None, 0, 1));
        let mut others = |stay| people.seated(StayId(stay)).iter().map(|other| other.stay.0).collect::<Vec<_>>();
        assert_eq!((others(1), others(5), others(6)), (vec![], vec![], vec![]));
        // the second and the third are promised only, and may be refused
        assert_eq!(others(4), [1]);
        assert_eq!(others(2), [1, 2], "until they have left");
        people.left(StayId(1));
        people.left(StayId(2));
        assert_eq!(people.seated(StayId(3)).iter().map(|other| other.stay.0).collect::<Vec<_>>(), [3]);
        assert_eq!(people.seated(StayId(7)), []);
    }

    #[test]
    fn seats_of_an_account_are_counted_and_nothing_piles_up() {
        let mut people = People::default();
        people.enter(StayId(1), person(Some("ann"), 0, 1));
        people.enter(StayId(2), person(Some("ann"), 1, 2));
        people.enter(StayId(3), person(None, 1, 2));
        assert_eq!((people.seats_of("ann"), people.seats_of("ben")), (2, 0));
        assert_eq!(people.sitting("ann", 1).map(|found| (found.stay, found.room)), Some((StayId(2), RoomId(2))));
        assert_eq!(people.sitting("ann", 2), None);
        people.room_ended(RoomId(2));
        people.left(StayId(2));
        assert_eq!((people.seats_of("ann"), people.sitting("ann", 1)), (1, None));
        people.left(StayId(1));
        assert!(people.by_stay.is_empty() && people.by_account.is_empty());
    }
}
