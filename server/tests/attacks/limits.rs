//! Where the machine, or what one address may have of it, ends.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use crate::Attack;
use crate::peer::{Peer, upgrade};
use crate::server::{Server, wait_for};
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] =
    &[Attack("limits: one address", one_address), Attack("limits: out of descriptors", out_of_descriptors)];

/// One address takes what it may, and is told when that is all.
fn one_address(name: &str) -> Row {
    // each time another one, with its allowance whole
    let mut addresses = (2..=250).map(|last| Ipv4Addr::new(127, 0, 0, last));
    let attack = |server: &Server| {
        let greedy = addresses.next().expect("there are more than rounds");
        let (mut peers, mut refused, mut dropped) = (Vec::new(), 0, 0);
        for _ in 0..300 {
            let mut peer = Peer::connect_from(server, greedy);
            peer.try_send(upgrade(server));
            let mut status = [0; 12];
            match peer.stream.read_exact(&mut status) {
                Ok(()) if status.ends_with(b"101") => peers.push(peer),
                Ok(()) => {
                    assert!(status.ends_with(b"429"), "{}", String::from_utf8_lossy(&status));
                    refused += 1;
                }
                // beyond those who are being told
                Err(_) => dropped += 1,
            }
        }
        assert!((40..=64).contains(&peers.len()), "{} were let in", peers.len());
        assert!(refused > 0);
        // another address is served meanwhile
        Peer::open(server);
        format!("{} let in, {refused} heard 429, {dropped} dropped", peers.len())
    };
    trial::run(name, 3, || Server::tickwire(&[]), attack)
}

/// It keeps those that it has, does not spin, and takes new ones when it can again.
fn out_of_descriptors(name: &str) -> Row {
    trial::run(
        name,
        2,
        || Server::tickwire_with_descriptors(64),
        |server| {
            let mut knocking: Vec<Peer> = (0..200).map(|_| Peer::connect(server)).collect();
            for peer in &mut knocking {
                peer.try_send(upgrade(server));
            }
            let before = server.processor_time();
            thread::sleep(Duration::from_secs(1));
            let worked = server.processor_time() - before;
            assert!(worked < Duration::from_millis(250), "{worked:?} of a second while it can do nothing");
            let mut served = 0;
            for peer in &mut knocking {
                peer.stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout can be set");
                let mut status = [0; 12];
                served += usize::from(peer.stream.read_exact(&mut status).is_ok() && status.ends_with(b"101"));
            }
            assert!((10..64).contains(&served), "{served} were served with 64 descriptors");
            drop(knocking);
            let began = Instant::now();
            let again = wait_for(Duration::from_secs(5), || {
                let mut peer = Peer::connect(server);
                peer.stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
                peer.try_send(upgrade(server)) && peer.stream.read_exact(&mut [0; 12]).is_ok()
            });
            assert!(again, "nobody is let in when there are descriptors again");
            format!(
                "{served} of 200 served, {} ms worked, back after {} ms",
                worked.as_millis(),
                began.elapsed().as_millis()
            )
        },
    )
}
