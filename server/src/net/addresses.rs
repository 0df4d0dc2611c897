//! How many connections each address has, over all reactors of a server.
//!
//! The one thing in this layer that several threads touch: a lock is taken when a connection comes, when its
//! handshake ends and when it goes, and never for a message.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::rate::{Meter, Rate};

/// Below this many addresses nobody looks for forgotten ones.
const SWEEP_MIN: usize = 1024;

/// What one address may have; of IPv6 addresses a whole /64, because that is what one subscriber gets.
#[derive(Clone, Debug)]
pub struct AddressLimits {
    /// Connections at once.
    pub open_max: usize,
    /// Of these in their handshake.
    pub handshakes_max: usize,
    /// New connections.
    pub new: Rate,
    /// Exactly these are not limited.
    pub exempt: Vec<IpAddr>,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            open_max: 64,
            handshakes_max: 16,
            new: Rate { per_s: 20, burst: 40 },
            // swarms on the same machine
            exempt: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        }
    }
}

/// What an address has too many of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Excess {
    /// Connections.
    Open,
    /// Connections that came lately.
    New,
    /// Handshakes that are not through.
    Handshakes,
}

/// See the module.
#[derive(Debug)]
pub struct Addresses {
    limits: AddressLimits,
    started: Instant,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// Keyed by strangers, so with a hash that they cannot predict.
    by_address: HashMap<Address, Count>,
    sweep_at: usize,
}

/// What is counted as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Address {
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
    /// Nobody is here yet.
    pub fn new(limits: AddressLimits) -> Self {
        let counts = Counts { by_address: HashMap::new(), sweep_at: SWEEP_MIN };
        Self { limits, started: Instant::now(), counts: Mutex::new(counts) }
    }

    /// A connection comes: its place, to be dropped when it goes, or why it must not stay. None: not limited.
    pub fn admit(self: &Arc<Self>, ip: IpAddr, now: Instant) -> Result<Option<Place>, Excess> {
        let ip = ip.to_canonical();
        if self.limits.exempt.contains(&ip) {
            return Ok(None);
        }
        let address = Address::of(ip);
        let now_us = now.saturating_duration_since(self.started).as_micros() as u64;
        let mut counts = self.counts();
        if counts.by_address.len() >= counts.sweep_at {
            counts.by_address.retain(|_, count| count.open > 0 || !count.new.is_whole(now_us));
            counts.sweep_at = (2 * counts.by_address.len()).max(SWEEP_MIN);
        }
        let count = counts.by_address.entry(address).or_default();
        if count.open >= self.limits.open_max {
            return Err(Excess::Open);
        }
        if count.handshakes >= self.limits.handshakes_max {
            return Err(Excess::Handshakes);
        }
        if !count.new.take(self.limits.new, now_us) {
            return Err(Excess::New);
        }
        count.open += 1;
        count.handshakes += 1;
        Ok(Some(Place { book: Arc::clone(self), address, in_handshake: true }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // numbers are never half written
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Address {
    fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6Prefix((ip.to_bits() >> 64) as u64),
        }
    }
}

/// One connection's place among those of its address.
#[derive(Debug)]
pub struct Place {
    book: Arc<Addresses>,
    address: Address,
    in_handshake: bool,
}

impl Place {
    /// The handshake is through, well or badly.
    pub fn end_handshake(&mut self) {
        if std::mem::replace(&mut self.in_handshake, false)
            && let Some(count) = self.book.counts().by_address.get_mut(&self.address)
        {
            count.handshakes -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_handshake();
        // the entry stays for its rate, until a sweep
        if let Some(count) = self.book.counts().by_address.get_mut(&self.address) {
            count.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn book(limits: AddressLimits) -> (Arc<Addresses>, Instant) {
        let book = Addresses::new(limits);
        let started = book.started;
        (Arc::new(book), started)
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
        let admit = || {
            book.admit(ip("10.0.0.1"), now).map(|place| {
                let mut place = place.expect("limited");
                place.end_handshake();
                place
            })
        };
        let mut places: Vec<Place> = (0..64).map(|_| admit().unwrap()).collect();
        assert_eq!(admit().unwrap_err(), Excess::Open);
        assert!(book.admit(ip("10.0.0.2"), now).is_ok(), "another address");
        places.pop();
        places.push(admit().unwrap());
        assert_eq!(admit().unwrap_err(), Excess::Open);
    }

    #[test]
    fn handshakes_are_counted_until_they_end() {
        let (book, now) = book(AddressLimits { new: plenty(), ..AddressLimits::default() });
        let admit = || book.admit(ip("10.0.0.1"), now).map(|place| place.expect("limited"));
        let mut places: Vec<Place> = (0..16).map(|_| admit().unwrap()).collect();
        assert_eq!(admit().unwrap_err(), Excess::Handshakes);
        places[3].end_handshake();
        places[3].end_handshake();
        places.push(admit().unwrap());
        assert_eq!(admit().unwrap_err(), Excess::Handshakes);
        drop(places);
        assert!(admit().is_ok());
    }

    #[test]
    fn newcomers_have_a_burst_and_a_rate() {
        let (book, now) = book(AddressLimits::default());
        let arrivals = |after_ms| {
            let now = now + Duration::from_millis(after_ms);
            (0..100).take_while(|_| book.admit(ip("10.0.0.1"), now).is_ok()).count()
        };
        assert_eq!(arrivals(0), 40);
        assert_eq!(arrivals(1_000), 20);
    }

    #[test]
    fn who_is_exempt_and_what_is_one_address() {
        let tight = AddressLimits { open_max: 1, handshakes_max: 1, new: plenty(), ..AddressLimits::default() };
        let (book, now) = book(tight);
        for exempt in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(book.admit(ip(exempt), now).unwrap().is_none(), "{exempt}");
        }
        for (first, second, is_same) in [
            ("127.0.0.2", "127.0.0.2", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let _first = book.admit(ip(first), now).unwrap().expect("limited");
            assert_eq!(book.admit(ip(second), now).is_err(), is_same, "{first} {second}");
        }
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let (book, now) = book(AddressLimits::default());
        for n in 0..10 * SWEEP_MIN as u32 {
            let later = now + Duration::from_millis(u64::from(n));
            drop(book.admit(IpAddr::V4((0x0A00_0000 + n).into()), later).unwrap());
        }
        assert!(book.counts().by_address.len() <= SWEEP_MIN, "{}", book.counts().by_address.len());
    }
}
