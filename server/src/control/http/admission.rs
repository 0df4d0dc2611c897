//! How many plain connections there may be, of all peers and of one, and who holds them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Plain connections at a time. A page is a handful of requests.
pub(super) const ALL_MAX: usize = 256;
/// Of these, connections of one address, so that one peer cannot take the page away from all. A browser opens six; a
/// school or a café shares an address.
pub(super) const ADDRESS_MAX: usize = 64;

/// Counts the plain connections; whoever comes in gets a [`Permit`] or nothing.
#[derive(Default, Debug)]
pub(super) struct Admission {
    counts: Arc<watch::Sender<Counts>>,
}

#[derive(Default, Debug)]
struct Counts {
    all: usize,
    /// Without those at zero.
    by_address: HashMap<IpAddr, usize>,
}

/// The right to one plain connection, until it is dropped.
#[must_use = "the connection counts for as long as this lives"]
#[derive(Debug)]
pub struct Permit {
    counts: Arc<watch::Sender<Counts>>,
    address: Option<IpAddr>,
}

impl Admission {
    /// Nothing when all places, or those of this address, are taken.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Permit> {
        let address = counted(peer);
        // nobody waits for more connections, so nobody is told
        let mut admitted = false;
        self.counts.send_if_modified(|counts| {
            let of_address = address.and_then(|address| counts.by_address.get(&address)).copied().unwrap_or(0);
            admitted = counts.all < ALL_MAX && of_address < ADDRESS_MAX;
            if admitted {
                counts.all += 1;
                if let Some(address) = address {
                    *counts.by_address.entry(address).or_default() += 1;
                }
            }
            false
        });
        admitted.then(|| Permit { counts: Arc::clone(&self.counts), address })
    }

    /// Whether more than half of the places are taken.
    pub(super) fn is_crowded(&self) -> bool {
        self.counts.borrow().all > ALL_MAX / 2
    }

    /// Waits until nobody holds a permit, but no longer than `grace`. Says whether that came.
    pub(super) async fn drained(&self, grace: Duration) -> bool {
        let mut counts = self.counts.subscribe();
        let drained = tokio::time::timeout(grace, counts.wait_for(|counts| counts.all == 0)).await;
        matches!(drained, Ok(Ok(_)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counts.send_modify(|counts| {
            counts.all -= 1;
            let Some(address) = self.address else { return };
            let Some(of_address) = counts.by_address.get_mut(&address) else { return };
            *of_address -= 1;
            if *of_address == 0 {
                counts.by_address.remove(&address);
            }
        });
    }
}

/// What a peer is counted under. Nothing for this machine: a proxy on it may bring everybody's requests. One address in
/// IPv6 is a network of 64 bits, because every host has all addresses of its own.
fn counted(peer: IpAddr) -> Option<IpAddr> {
    match peer.to_canonical() {
        // as by default among all connections: no other loopback address
        peer if peer == Ipv4Addr::LOCALHOST || peer == Ipv6Addr::LOCALHOST => None,
        IpAddr::V6(peer) => Some(Ipv6Addr::from_bits(peer.to_bits() & (u128::MAX << 64)).into()),
        peer => Some(peer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// As many as are let in, of twice as many as there may be.
    fn crowd(admission: &Admission, peers: impl Fn(usize) -> IpAddr) -> Vec<Permit> {
        (0..2 * ALL_MAX).filter_map(|index| admission.admit(peers(index))).collect()
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let admission = Admission::default();
        let mut greedy = crowd(&admission, |_| ip("192.0.2.1"));
        assert_eq!(greedy.len(), ADDRESS_MAX);
        assert!(admission.admit(ip("::ffff:192.0.2.1")).is_none(), "the same address written for IPv6");
        assert!(admission.admit(ip("192.0.2.2")).is_some(), "somebody else");
        greedy.pop();
        assert!(admission.admit(ip("192.0.2.1")).is_some(), "whose connection ended may come again");
    }

    #[test]
    fn a_hosts_many_addresses_in_ipv6_are_one() {
        let admission = Admission::default();
        let host = |index: usize| Ipv6Addr::from_bits((0x2001_0db8 << 96) + index as u128).into();
        assert_eq!(crowd(&admission, host).len(), ADDRESS_MAX);
        let neighbour = Admission::default();
        let network = |index: usize| Ipv6Addr::from_bits((0x2001_0db8 << 96) + ((index as u128) << 64)).into();
        assert_eq!(crowd(&neighbour, network).len(), ALL_MAX);
    }

    #[test]
    fn this_machine_may_take_all_and_no_more() {
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let admission = Admission::default();
            assert_eq!(crowd(&admission, |_| ip(loopback)).len(), ALL_MAX, "{loopback}");
        }
        assert_eq!(crowd(&Admission::default(), |_| ip("127.0.0.2")).len(), ADDRESS_MAX);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let admission = Admission::default();
        let all = crowd(&admission, |index| IpAddr::from([10, 0, 0, (index % 250) as u8]));
        assert_eq!(all.len(), ALL_MAX);
        assert!(admission.is_crowded());
        drop(all);
        assert!(!admission.is_crowded());
        let counts = admission.counts.borrow();
        assert!(counts.all == 0 && counts.by_address.is_empty(), "{counts:?}");
    }

    #[test]
    fn the_last_permit_ends_the_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let admission = Admission::default();
            let forever = Duration::from_secs(3600);
            assert!(admission.drained(forever).await, "nobody is there");
            let permits = [admission.admit(ip("::1")), admission.admit(ip("192.0.2.1"))];
            assert!(!admission.drained(Duration::from_millis(1)).await, "two are there");
            let leave = async { drop(permits) };
            assert!(tokio::join!(admission.drained(forever), leave).0);
        });
    }
}
