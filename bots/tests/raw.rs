//! Other servers than Tickwire's, from outside: what is measured of them, and how what they do wrong is named.

mod outside;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::thread;

use outside::{bots, server};
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

/// A WebSocket server that answers each message by what this gives.
fn answers(answer: fn(&Message) -> Option<Message>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let Ok(mut socket) = tokio_tungstenite::tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if let Some(answer) = answer(&message)
                        && socket.send(answer).is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    url
}

fn raw(url: &str, flags: &[&str]) -> (Output, Value) {
    let mut common = vec!["raw", "--url", url, "--connections", "5", "--json", "-"];
    if !flags.contains(&"--seconds") {
        common.extend(["--seconds", "2"]);
    }
    let output = bots(&[&common[..], flags].concat());
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    (output, json)
}

#[test]
fn raw_measures_the_echoes_of_any_server() {
    let url = answers(|message| message.is_binary().then(|| message.clone()));
    let (output, json) = raw(&url, &["--hz", "20"]);
    assert_eq!(output.status.code(), Some(0), "{json}");
    let echoes = json["input_to_ack_ms"]["samples"].as_u64().expect("a number");
    assert!((100..=230).contains(&echoes), "5 connections with 20 a second for 2 s: {echoes}");
    let frames = json["frames_per_s"].as_f64().expect("a number");
    assert!((60.0..=115.0).contains(&frames), "{frames}");
}

#[test]
fn raw_says_what_it_is_given() {
    // takes nothing but what a server would that wants to be greeted
    let url = answers(|message| match message.to_text().ok()? {
        "hello" => Some("welcome".into()),
        text if text.starts_with("{\"id\": ") && text.ends_with("}") => Some(message.clone()),
        _ => None,
    });
    let flags = ["--text", "--first", "hello", "--message", "{\"id\": {n}}", "--threshold", "p50_input_to_ack < 5s"];
    let (output, json) = raw(&url, &flags);
    assert_eq!(output.status.code(), Some(0), "{json}");
    let echoes = json["input_to_ack_ms"]["samples"].as_u64().expect("a number");
    assert!((100..=230).contains(&echoes), "the greeting's answer is no echo: {json}");
    assert_eq!(json["thresholds"][0]["holds"], true, "{json}");
}

#[test]
fn raw_takes_no_other_message_for_an_echo() {
    let url = answers(|message| message.is_binary().then(|| "thank you".into()));
    let (output, json) = raw(&url, &[]);
    assert_eq!(output.status.code(), Some(1), "{json}");
    assert!(json["findings"].to_string().contains("no frame") || json["failed"] == 5, "{json}");
    assert!(json["input_to_ack_ms"]["p50"].as_f64() >= Some(500.0), "what never came is no short trip: {json}");
}

#[test]
fn raw_goes_on_when_a_server_drops_messages() {
    // every sixteenth of a connection, whose numbers are hexadecimal
    let url = answers(|message| {
        let drops = !message.is_binary() || message.clone().into_data().get(7) == Some(&b'f');
        (!drops).then(|| message.clone())
    });
    let (output, json) = raw(&url, &["--hz", "100"]);
    assert_eq!(output.status.code(), Some(0), "{json}");
    let trips = &json["input_to_ack_ms"];
    assert!(trips["samples"].as_u64() >= Some(600), "most come back: {json}");
    assert!(trips["max"].as_f64() >= Some(1_000.0), "those that never do are as late as the run is long: {json}");
}

#[test]
fn raw_loads_what_must_be_asked_first() {
    let (server, url) = server();
    let join = "{\"join\": {\"name\": \"ann\"}}";
    let (output, json) =
        raw(&url, &["--mode", "push", "--text", "--subprotocol", "tickwire.1.json", "--first", join, "--hz", "30"]);
    server.stop();
    assert_eq!(output.status.code(), Some(0), "{json}");
    assert!(json["frames_per_s_per_bot"].as_f64() >= Some(10.0), "sessions in JSON: {json}");
}

#[test]
fn raw_says_what_is_no_websocket() {
    let (server, url) = server();
    let output = bots(&["raw", "--url", &url.replace("/ws", "/nothing-here"), "--connections", "1"]);
    server.stop();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("404") && !stderr.contains("Tickwire server's"), "{stderr}");
}

/// What becomes of the connections after the first, each of which is served badly in its own way.
fn misbehaves(number: usize, mut stream: TcpStream) {
    let says = |stream: &mut TcpStream, answer: &str| {
        let _ = stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(answer.as_bytes()));
    };
    match number {
        1 | 2 => says(&mut stream, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull"),
        3 => says(&mut stream, "SSH-2.0-OpenSSH_9.6\r\n"),
        _ => {
            let Ok(mut socket) = tungstenite::accept(stream) else { return };
            while let Ok(message) = socket.read() {
                if number == 4 {
                    let frame = CloseFrame { code: 1011.into(), reason: "out of order".into() };
                    let _ = socket.close(Some(frame));
                } else if message.is_binary() {
                    let _ = socket.send(message);
                }
            }
        }
    }
}

#[test]
fn raw_names_what_went_wrong_and_how_often() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            // the first one is served, or nothing would be measured
            thread::spawn(move || misbehaves(if number == 0 { usize::MAX } else { number }, stream));
        }
    });
    let (output, json) = raw(&url, &["--ramp", "0.5"]);
    assert_eq!(output.status.code(), Some(1), "{json}");
    let failures = json["failures"].as_array().expect("a list");
    let told = |wanted: &str| {
        let found = failures.iter().find(|failure| failure["reason"].to_string().contains(wanted));
        found.and_then(|failure| failure["bots"].as_u64())
    };
    assert_eq!(told("503 Service Unavailable: full"), Some(2), "{json}");
    assert_eq!(told("no WebSocket was opened: "), Some(1), "{json}");
    assert_eq!(told("the server closed the connection: out of order (1011)"), Some(1), "{json}");
    assert_eq!((&json["failed"], json["failures"].to_string().contains("Tickwire")), (&4.into(), false), "{json}");
    assert!(json["input_to_ack_ms"]["samples"].as_u64() >= Some(10), "who is served is measured: {json}");
}

#[test]
fn raw_runs_on_several_machines() {
    let url = answers(|message| message.is_binary().then(|| message.clone()));
    let parts = ["0/2", "1/2"].map(|part| raw(&url, &["--seconds", "1", "--shard", part]).1);
    assert_eq!(parts.each_ref().map(|part| part["joined"].as_u64()), [Some(3), Some(2)]);
    assert_eq!(parts.each_ref().map(|part| part["shard"].to_string()), ["[0,2]", "[1,2]"]);
    let nobody = bots(&["raw", "--url", &url, "--connections", "1", "--shard", "1/2"]);
    let stderr = String::from_utf8_lossy(&nobody.stderr);
    assert_eq!(nobody.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("there is nobody in part 1/2: take fewer parts, or more bots"), "{stderr}");
}
