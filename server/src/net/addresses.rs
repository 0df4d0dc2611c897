//! How many connections there are, in all and of each address, over all reactors of a server.
//!
//! The one thing in this layer that several threads touch: a lock is taken when a connection comes, when its peer is
//! known, when its handshake ends and when it goes, and never for a message.
//!
//! ```text
//! enter ─> a place among all ─> settle(ip) ─> one of that address too ─> end_handshake ─> dropped
//!   └─> full: turn_away ─> a place among those who hear so, or none
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::complaints::Complaints;
use super::proxy::Network;
use super::rate::{Meter, Rate};

/// Below this many addresses nobody looks for forgotten ones.
const SWEEP_MIN: usize = 1024;

/// Connections over a limit that may be here to hear their 503 or 429; others are dropped without a word.
const TURNED_AWAY_MAX: usize = 64;

/// What one address may have; of IPv6 addresses a whole /64, because that is what one subscriber gets.
#[derive(Clone, Debug)]
pub struct AddressLimits {
    /// Connections at once.
    pub open_max: usize,
    /// Of these in their handshake.
    pub handshakes_max: usize,
    /// New connections.
    pub new: Rate,
    /// These are not limited.
    pub exempt: Vec<Network>,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            open_max: 64,
            handshakes_max: 16,
            new: Rate { per_s: 20, burst: 40 },
            // swarms on the same machine
            exempt: vec![IpAddr::from(Ipv4Addr::LOCALHOST).into(), IpAddr::from(Ipv6Addr::LOCALHOST).into()],
        }
    }
}

/// What there are too many of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Excess {
    /// Connections in all.
    All,
    /// Connections of the address.
    Open,
    /// Connections that came from it lately.
    New,
    /// Handshakes of it that are not through.
    Handshakes,
}

/// See the module.
#[derive(Debug)]
pub struct Addresses {
    limits: AddressLimits,
    connections_max: usize,
    started: Instant,
    counts: Mutex<Counts>,
    /// About those who were refused before they were counted.
    pub(super) complaints: Complaints,
}

#[derive(Debug)]
struct Counts {
    connections: usize,
    turned_away: usize,
    /// Keyed by strangers, so with a hash that they cannot predict.
    by_address: HashMap<Address, Count>,
    sweep_at: usize,
}

/// What is counted as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Address {
    V4(Ipv4Addr),
    V6Prefix(u64),
}

#[derive(Default, Debug)]
struct Count {
    open: usize,
    handshakes: usize,
    new: Meter,
}

impl Addresses {
    /// Nobody is here yet, and so many may come.
    pub fn new(limits: AddressLimits, connections_max: usize) -> Self {
        let counts = Counts { connections: 0, turned_away: 0, by_address: HashMap::new(), sweep_at: SWEEP_MIN };
        let (started, counts) = (Instant::now(), Mutex::new(counts));
        Self { limits, connections_max, started, counts, complaints: Complaints::default() }
    }

    /// A connection comes: its place, to be dropped when it goes.
    pub fn enter(self: &Arc<Self>) -> Result<Place, Excess> {
        let mut counts = self.counts();
        if counts.connections >= self.connections_max {
            return Err(Excess::All);
        }
        counts.connections += 1;
        Ok(Place { book: Arc::clone(self), kind: Kind::Guest, address: None, in_handshake: false })
    }

    /// A connection is only to hear why it must go: its place, unless too many are here for that.
    pub fn turn_away(self: &Arc<Self>) -> Option<Place> {
        let mut counts = self.counts();
        let has_room = counts.turned_away < TURNED_AWAY_MAX;
        counts.turned_away += usize::from(has_room);
        has_room.then(|| Place { book: Arc::clone(self), kind: Kind::TurnedAway, address: None, in_handshake: false })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // numbers are never half written
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Forgets addresses of which there is nothing to know any more, now and then.
    fn sweep(&mut self, now_us: u64) {
        if self.by_address.len() >= self.sweep_at {
            self.by_address.retain(|_, count| count.open > 0 || !count.new.is_whole(now_us));
            self.sweep_at = (2 * self.by_address.len()).max(SWEEP_MIN);
        }
    }
}

impl Address {
    /// Of a canonical address.
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6Prefix((ip.to_bits() >> 64) as u64),
        }
    }
}

/// One connection's place.
#[derive(Debug)]
pub struct Place {
    book: Arc<Addresses>,
    kind: Kind,
    /// Of which it is one, once that is known, and unless that is not limited.
    address: Option<Address>,
    in_handshake: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Guest,
    TurnedAway,
}

impl Place {
    /// Whose connection it is: it counts as one of that address from now on. To be called once, at the latest before
    /// the handshake ends.
    pub fn settle(&mut self, ip: IpAddr, now: Instant) -> Result<(), Excess> {
        debug_assert_eq!(self.address, None);
        let Addresses { limits, started, .. } = &*self.book;
        let ip = ip.to_canonical();
        if limits.exempt.iter().any(|exempt| exempt.contains(ip)) {
            return Ok(());
        }
        let address = Address::of(ip);
        let now_us = now.saturating_duration_since(*started).as_micros() as u64;
        let mut counts = self.book.counts();
        counts.sweep(now_us);
        let count = counts.by_address.entry(address).or_default();
        if count.open >= limits.open_max {
            return Err(Excess::Open);
        }
        if count.handshakes >= limits.handshakes_max {
            return Err(Excess::Handshakes);
        }
        if !count.new.take(limits.new, 1, now_us) {
            return Err(Excess::New);
        }
        count.open += 1;
        count.handshakes += 1;
        drop(counts);
        self.address = Some(address);
        self.in_handshake = true;
        Ok(())
    }

    /// It is only here any more to hear why it must go; then it is none of the others, unless too many are.
    pub fn turn_away(&mut self) {
        let mut counts = self.book.counts();
        if self.kind == Kind::Guest && counts.turned_away < TURNED_AWAY_MAX {
            counts.connections -= 1;
            counts.turned_away += 1;
            self.kind = Kind::TurnedAway;
        }
    }

    /// The handshake is through, well or badly.
    pub fn end_handshake(&mut self) {
        if std::mem::replace(&mut self.in_handshake, false)
            && let Some(address) = self.address
            && let Some(count) = self.book.counts().by_address.get_mut(&address)
        {
            count.handshakes -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_handshake();
        let mut counts = self.book.counts();
        match self.kind {
            Kind::Guest => counts.connections -= 1,
            Kind::TurnedAway => counts.turned_away -= 1,
        }
        // the entry stays for its rate, until a sweep
        if let Some(count) = self.address.and_then(|address| counts.by_address.get_mut(&address)) {
            count.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn book(limits: AddressLimits) -> (Arc<Addresses>, Instant) {
        let book = Addresses::new(limits, 1_000_000);
        let started = book.started;
        (Arc::new(book), started)
    }

    /// In and known at once.
    fn admit(book: &Arc<Addresses>, ip: IpAddr, now: Instant) -> Result<Place, Excess> {
        let mut place = book.enter()?;
        place.settle(ip, now)?;
        Ok(place)
    }

    fn plenty() -> Rate {
        Rate { per_s: 1_000_000, burst: 1_000_000 }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_limit_is_reached_and_not_passed_and_who_goes_makes_room() {
        let (book, now) = book(AddressLimits { new: plenty(), ..AddressLimits::default() });
        let one_more = || {
            admit(&book, ip("10.0.0.1"), now).map(|mut place| {
                place.end_handshake();
                place
            })
        };
        let mut places: Vec<Place> = (0..64).map(|_| one_more().unwrap()).collect();
        assert_eq!(one_more().unwrap_err(), Excess::Open);
        assert!(admit(&book, ip("10.0.0.2"), now).is_ok(), "another address");
        places.pop();
        places.push(one_more().unwrap());
        assert_eq!(one_more().unwrap_err(), Excess::Open);
    }

    #[test]
    fn handshakes_are_counted_until_they_end() {
        let (book, now) = book(AddressLimits { new: plenty(), ..AddressLimits::default() });
        let one_more = || admit(&book, ip("10.0.0.1"), now);
        let mut places: Vec<Place> = (0..16).map(|_| one_more().unwrap()).collect();
        assert_eq!(one_more().unwrap_err(), Excess::Handshakes);
        places[3].end_handshake();
        places[3].end_handshake();
        places.push(one_more().unwrap());
        assert_eq!(one_more().unwrap_err(), Excess::Handshakes);
        drop(places);
        assert!(one_more().is_ok());
    }

    #[test]
    fn newcomers_have_a_burst_and_a_rate() {
        let (book, now) = book(AddressLimits::default());
        let arrivals = |after_ms| {
            let now = now + Duration::from_millis(after_ms);
            (0..100).take_while(|_| admit(&book, ip("10.0.0.1"), now).is_ok()).count()
        };
        assert_eq!(arrivals(0), 40);
        assert_eq!(arrivals(1_000), 20);
    }

    #[test]
    fn who_is_exempt_and_what_is_one_address() {
        let mut exempt = ["127.0.0.1", "::1", "::ffff:10.9.9.9"].map(|one| Network::from(ip(one))).to_vec();
        exempt.extend(["192.168.0.0/16", "2001:db8:1::/48"].map(|network| network.parse::<Network>().unwrap()));
        let (book, now) = book(AddressLimits { open_max: 1, handshakes_max: 1, new: plenty(), exempt });
        let in_networks = ["192.168.7.7", "::ffff:192.168.7.7", "2001:db8:1:2::3"];
        let single = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.9.9.9", "::ffff:10.9.9.9"];
        for exempt in single.into_iter().chain(in_networks) {
            let places = [(); 3].map(|()| admit(&book, ip(exempt), now));
            assert!(places.iter().all(Result::is_ok), "{exempt}");
        }
        for (first, second, is_same) in [
            ("127.0.0.2", "127.0.0.2", true),
            ("192.169.0.1", "192.169.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let _first = admit(&book, ip(first), now).unwrap();
            assert_eq!(admit(&book, ip(second), now).is_err(), is_same, "{first} {second}");
        }
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let (book, now) = book(AddressLimits::default());
        for n in 0..10 * SWEEP_MIN as u32 {
            let later = now + Duration::from_millis(u64::from(n));
            drop(admit(&book, IpAddr::V4((0x0A00_0000 + n).into()), later).unwrap());
        }
        assert!(book.counts().by_address.len() <= SWEEP_MIN, "{}", book.counts().by_address.len());
    }

    #[test]
    fn all_together_are_counted_whoever_they_are() {
        let book = Arc::new(Addresses::new(AddressLimits::default(), 3));
        let now = Instant::now();
        let mut places: Vec<Place> =
            ["127.0.0.1", "10.0.0.1"].map(|text| admit(&book, ip(text), now).unwrap()).into_iter().collect();
        places.push(book.enter().unwrap());
        assert_eq!(book.enter().unwrap_err(), Excess::All);
        let told: Vec<Place> = std::iter::from_fn(|| book.turn_away()).collect();
        assert_eq!(told.len(), TURNED_AWAY_MAX);
        drop(told);
        assert!(book.turn_away().is_some());
        places.pop();
        assert!(book.enter().is_ok());
    }
}
