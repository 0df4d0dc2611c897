//! Which token leads to which seat. Owned by one thread; tokens are kept as hashes only.
//!
//! A token is renewed each time it is used. The answer with the new one can be lost on the way, so the old one stays
//! good until the client has shown that it has the new one; then it is void.

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use tickwire_shared::protocol::ResumeToken;
use tracing::error;

use crate::handover::{Pass, RoomId, StayId};

/// SHA-256 of a token. Nobody can choose it bit by bit, so looking it up tells nothing by the time that it takes.
type TokenHash = [u8; 32];

/// See the module.
#[derive(Debug, Default)]
pub struct Directory {
    stays: FxHashMap<StayId, Stay>,
    by_token: FxHashMap<TokenHash, StayId>,
    next: u64,
}

#[derive(Debug)]
struct Stay {
    room: RoomId,
    /// Index of the room's tick thread.
    thread: usize,
    turn: u32,
    current: TokenHash,
    /// The one that was used last, until the client has shown the current one.
    previous: Option<TokenHash>,
    /// The try that used it.
    attempt: u32,
}

impl Directory {
    /// Somebody gets a seat in a room of a tick thread. Without a pass, when the system gives no random numbers, there
    /// is no way back.
    pub fn enter(&mut self, room: RoomId, thread: usize) -> (StayId, Option<Pass>) {
        self.next += 1;
        let stay = StayId(self.next);
        let Some(token) = new_token() else { return (stay, None) };
        let current = hash(&token);
        self.by_token.insert(current, stay);
        self.stays.insert(stay, Stay { room, thread, turn: 0, current, previous: None, attempt: 0 });
        (stay, Some(Pass { stay, turn: 0, token }))
    }

    /// Somebody comes back: the room, its tick thread, and a new pass. `None` when the token leads nowhere, or when a
    /// later try than this `attempt` has used it already; 0 is for one who does not count.
    pub fn resume(&mut self, token: &ResumeToken, attempt: u32) -> Option<(RoomId, usize, Pass)> {
        let used = hash(token);
        let id = *self.by_token.get(&used)?;
        let stay = self.stays.get_mut(&id)?;
        if stay.previous == Some(used) && attempt != 0 && attempt <= stay.attempt {
            return None;
        }
        let token = new_token()?;
        // of the two it knew one; the other it never got, or will not need
        for void in [Some(stay.current), stay.previous].into_iter().flatten().filter(|known| *known != used) {
            self.by_token.remove(&void);
        }
        stay.turn = stay.turn.wrapping_add(1);
        stay.attempt = attempt;
        (stay.current, stay.previous) = (hash(&token), Some(used));
        self.by_token.insert(stay.current, id);
        Some((stay.room, stay.thread, Pass { stay: id, turn: stay.turn, token }))
    }

    /// Somebody has another right to a stay than its token: a new pass; every token before it is void. `None` when the
    /// stay is over or cannot be come back to, or the system gives no random numbers.
    pub fn take_over(&mut self, id: StayId) -> Option<Pass> {
        let stay = self.stays.get_mut(&id)?;
        let token = new_token()?;
        for void in [Some(stay.current), stay.previous.take()].into_iter().flatten() {
            self.by_token.remove(&void);
        }
        (stay.turn, stay.attempt) = (stay.turn.wrapping_add(1), 0);
        stay.current = hash(&token);
        self.by_token.insert(stay.current, id);
        Some(Pass { stay: id, turn: stay.turn, token })
    }

    /// The client has the token of this turn.
    pub fn shown(&mut self, id: StayId, turn: u32) {
        let stay = self.stays.get_mut(&id).filter(|stay| stay.turn == turn);
        if let Some(void) = stay.and_then(|stay| stay.previous.take()) {
            self.by_token.remove(&void);
        }
    }

    /// A stay is over.
    pub fn left(&mut self, id: StayId) {
        let Some(stay) = self.stays.remove(&id) else { return };
        for void in [Some(stay.current), stay.previous].into_iter().flatten() {
            self.by_token.remove(&void);
        }
    }

    /// A room is no more, and all stays in it are over.
    pub fn room_ended(&mut self, room: RoomId) {
        let in_room = |(id, stay): (&StayId, &Stay)| (stay.room == room).then_some(*id);
        let over: Vec<StayId> = self.stays.iter().filter_map(in_room).collect();
        over.into_iter().for_each(|id| self.left(id));
    }

    /// How many stays there are that one can come back to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stays.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stays.is_empty()
    }
}

fn new_token() -> Option<ResumeToken> {
    let mut token = ResumeToken([0; 32]);
    let filled = getrandom::fill(&mut token.0);
    filled.inspect_err(|error| error!(%error, "the system gives no random numbers: nobody can come back")).ok()?;
    Some(token)
}

fn hash(token: &ResumeToken) -> TokenHash {
    Sha256::digest(token.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId(7);

    #[test]
    fn a_used_token_is_good_until_the_new_one_is_shown() {
        let mut directory = Directory::default();
        let (stay, pass) = directory.enter(ROOM, 3);
        let first = pass.expect("the system has random numbers").token;
        let (room, thread, second) = directory.resume(&first, 1).expect("it leads back");
        assert_eq!((room, thread, second.stay), (ROOM, 3, stay));
        assert_ne!(second.token, first);
        // the answer was lost; so was the next
        let (_, _, third) = directory.resume(&first, 2).expect("nobody has shown the second");
        assert!(directory.resume(&second.token, 3).is_none(), "it was replaced before anybody had it");
        directory.shown(stay, second.turn);
        assert!(directory.resume(&first, 2).is_none(), "two tries crossed: the later one stands");
        let (_, _, newest) = directory.resume(&first, 3).expect("what shows an older turn shows nothing");
        assert!(directory.resume(&third.token, 4).is_none());
        directory.shown(stay, newest.turn);
        assert!(directory.resume(&first, 5).is_none(), "a used token is void");
        assert!(directory.resume(&newest.token, 1).is_some());
    }

    #[test]
    fn who_takes_a_stay_over_voids_all_tokens_of_the_one_before() {
        let mut directory = Directory::default();
        let (stay, pass) = directory.enter(ROOM, 3);
        let first = pass.expect("the system has random numbers").token;
        let (_, _, second) = directory.resume(&first, 1).expect("it leads back");
        let taken = directory.take_over(stay).expect("the stay lasts");
        assert_eq!((taken.stay, taken.turn), (stay, 2));
        assert!(directory.resume(&first, 2).is_none() && directory.resume(&second.token, 1).is_none());
        assert!(directory.resume(&taken.token, 1).is_some());
        directory.left(stay);
        assert!(directory.take_over(stay).is_none());
        assert!(directory.by_token.is_empty(), "nothing piles up");
    }

    #[test]
    fn the_end_of_a_stay_or_a_room_voids_its_tokens() {
        let mut directory = Directory::default();
        let token = |(stay, pass): (StayId, Option<Pass>)| (stay, pass.expect("the system has random numbers").token);
        let (stay, left) = token(directory.enter(ROOM, 0));
        let (_, ended) = token(directory.enter(ROOM, 0));
        let (_, other) = token(directory.enter(RoomId(8), 0));
        directory.resume(&left, 1).expect("it leads back");
        directory.left(stay);
        assert!(directory.resume(&left, 2).is_none());
        directory.room_ended(ROOM);
        assert!(directory.resume(&ended, 1).is_none());
        assert!(directory.resume(&other, 1).is_some());
        assert!(directory.resume(&ResumeToken([0; 32]), 1).is_none(), "a guess");
        directory.room_ended(RoomId(8));
        assert!(directory.is_empty() && directory.by_token.is_empty(), "nothing piles up");
    }
}
