//! Requests to the admin listener, as a program would make them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

pub const TOKEN: &str = "only-for-these-tests-0123";

/// An answer's status, head and body.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What went wrong, in the server's words.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request with these header lines (each with its CRLF) and hears the whole answer.
pub fn ask(addr: SocketAddr, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).expect("the admin listener listens");
    // only so that a fault fails instead of hanging
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
    let length = body.len();
    let request =
        format!("{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Without a token.
pub fn get(addr: SocketAddr, target: &str) -> Answer {
    ask(addr, "GET", target, &format!("Host: {addr}\r\n"), "")
}

/// With the token.
pub fn steer(addr: SocketAddr, method: &str, target: &str, body: &str) -> Answer {
    ask(addr, method, target, &format!("Host: {addr}\r\nAuthorization: Bearer {TOKEN}\r\n"), body)
}
