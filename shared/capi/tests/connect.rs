//! The transport of the library's own, where there is no server and where there is a bad one.
#![allow(unsafe_code)]
#![cfg(feature = "native")]

use std::ffi::CString;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::ptr::{null, null_mut};
use std::thread;
use std::time::{Duration, Instant};

use tickwire_client::*;

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(url: &str, options: Option<&Options>) -> *mut Client {
    let (url, mut client) = (CString::new(url).unwrap(), null_mut());
    let options = options.map_or(null(), |options| options as *const Options);
    // SAFETY: texts that end with a zero, options, and a place
    let made = unsafe { tickwire_connect(url.as_ptr(), c"arena".as_ptr(), c"ann".as_ptr(), options, &raw mut client) };
    assert_eq!(made, Status::Ok);
    client
}

/// Updates until the state is this one; tells the reason.
fn reach(client: *mut Client, state: State) -> String {
    let given_up = Instant::now() + PATIENCE;
    // SAFETY: a client, and a buffer
    unsafe {
        while tickwire_client_state(client) != state {
            assert!(Instant::now() < given_up, "still {:?}", tickwire_client_state(client));
            tickwire_update(client);
            thread::sleep(Duration::from_millis(5));
        }
        let mut text = [0u8; 500];
        let length = tickwire_reason(client, text.as_mut_ptr().cast(), text.len());
        String::from_utf8_lossy(&text[..length - 1]).into_owned()
    }
}

#[test]
fn what_is_no_address_ends_it_and_nobody_there_is_tried_again() {
    let wrong = connect("http://127.0.0.1:1/", None);
    let reason = reach(wrong, State::Closed);
    assert!(reason.contains("no WebSocket address"), "{reason}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = connect(&format!("ws://{free}/ws"), None);
    let reason = reach(nobody, State::Connecting);
    assert!(reason.contains("is the server running there?"), "{reason}");
    let once = Options { reconnects: false, ..Options::default() };
    let once = connect(&format!("ws://{free}/ws"), Some(&once));
    reach(once, State::Closed);
    // SAFETY: each once
    unsafe {
        for client in [wrong, nobody, once] {
            tickwire_free(client);
        }
    }
}

#[test]
fn a_server_that_never_answers_does_not_hold_the_end_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = connect(&format!("ws://{}/ws", silent.local_addr().unwrap()), None);
    let (mut taken, _) = silent.accept().unwrap();
    taken.write_all(b"HTTP/1.1 101 ").unwrap();
    let started = Instant::now();
    // SAFETY: once
    unsafe { tickwire_free(client) };
    // dialing itself would take 10 s to give up
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let _ = taken.read_to_end(&mut Vec::new());
}
