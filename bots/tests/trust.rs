//! The program against the real server over TLS: whom it trusts, and what it says when it does not.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tickwire_arena::{Arena, Options};
use tickwire_server::{Config, Running, Server, Site};

/// A folder that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-bots-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("there is a place for files");
        Self(path)
    }

    fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).expect("the folder takes files");
        path
    }

    /// A server with this certificate and key; its address by a name that the certificate has.
    fn serve(&self, certificate: &str, key: &str) -> (Running, String) {
        let config = Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            tls_cert: Some(self.file("live.pem", certificate)),
            tls_key: Some(self.file("live-key.pem", key)),
            ..Config::default()
        };
        let server = Server::bind(config).expect("loopback has a free port");
        let running = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
        let url = format!("wss://localhost:{}/ws", running.addr().port());
        (running, url)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there are random numbers")
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn swarm(url: &str, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["swarm", "--url", url, "--bots", "2", "--ramp", "0", "--seconds", "0.5"])
        .args(flags)
        .output()
        .expect("the program starts")
}

#[track_caller]
fn plays(output: &Output) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("2 of 2 joined, 0 failed"), "{stdout}{stderr}");
}

/// Could not run: exit code 2, and one sentence with all of `wanted`.
#[track_caller]
fn refuses(output: &Output, wanted: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(wanted.iter().all(|part| stderr.contains(part)), "{wanted:?} are not in: {stderr}");
}

#[test]
fn raw_takes_the_same_certificates() {
    let (scratch, key) = (Scratch::new("raw"), key());
    let certificate = params("localhost", false).self_signed(&key).expect("the key signs").pem();
    let (server, url) = scratch.serve(&certificate, &key.serialize_pem());
    let file = scratch.file("ca.pem", &certificate);
    let run = |trust: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
            .args(["raw", "--url", &url, "--connections", "3", "--seconds", "1", "--mode", "push", "--text"])
            .args(["--subprotocol", "tickwire.1.json", "--first", "{\"join\": {\"name\": \"ann\"}}"])
            .args(trust)
            .output()
            .expect("the program starts")
    };
    let output = run(&["--ca", file.to_str().expect("text")]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("3 of 3 joined, 0 failed"), "{output:?}");
    refuses(&run(&[]), &["the certificate of wss://localhost", "is not trusted", "--ca FILE", "--insecure"]);
    server.stop();
}

/// As `openssl req -x509` makes one, which calls it an authority.
#[test]
fn a_server_that_signed_its_own_certificate_is_trusted_by_that_file_only() {
    for (name, is_ca) in [("localhost", false), ("game.example", true)] {
        let (scratch, key) = (Scratch::new(name), key());
        let certificate = params(name, is_ca).self_signed(&key).expect("the key signs").pem();
        let (server, url) = scratch.serve(&certificate, &key.serialize_pem());
        let file = scratch.file("ca.pem", &certificate);
        plays(&swarm(&url, &["--ca", file.to_str().expect("text")]));
        plays(&swarm(&url, &["--insecure"]));
        refuses(
            &swarm(&url, &[]),
            &["the certificate of wss://localhost", "is not trusted", "--ca FILE", "--insecure"],
        );
        let other = params(name, is_ca).self_signed(&self::key()).expect("the key signs").pem();
        let other = scratch.file("other.pem", &other);
        refuses(&swarm(&url, &["--ca", other.to_str().expect("text")]), &["is not trusted"]);
        server.stop();
    }
}

#[test]
fn an_authority_vouches_for_its_servers_and_their_names() {
    let (authority_key, server_key) = (key(), key());
    let authority = params("authority.example", true);
    let authority_pem = authority.self_signed(&authority_key).expect("the key signs").pem();
    let issuer = Issuer::new(authority, authority_key);
    for (name, is_trusted) in [("localhost", true), ("elsewhere.example", false)] {
        let scratch = Scratch::new(&format!("authority-{name}"));
        let signed = params(name, false).signed_by(&server_key, &issuer).expect("the key signs").pem();
        let (server, url) = scratch.serve(&signed, &server_key.serialize_pem());
        let file = scratch.file("ca.pem", &authority_pem);
        let output = swarm(&url, &["--ca", file.to_str().expect("text")]);
        if is_trusted {
            plays(&output);
        } else {
            refuses(&output, &["is not trusted", "elsewhere.example"]);
        }
        server.stop();
    }
}

#[test]
fn wrong_files_and_both_flags_are_refused() {
    let (scratch, url) = (Scratch::new("wrong"), "wss://localhost:1/ws");
    let empty = scratch.file("empty.pem", "nothing\n");
    let empty = empty.to_str().expect("text");
    refuses(&swarm(url, &["--ca", empty]), &["empty.pem", "no PEM certificate"]);
    refuses(&swarm(url, &["--ca", "/dev/zero"]), &["/dev/zero", "no regular file", "--ca"]);
    refuses(&swarm(url, &["--ca", "/no/such/ca.pem"]), &["/no/such/ca.pem", "--ca"]);
    let broken = scratch.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refuses(&swarm(url, &["--ca", broken.to_str().expect("text")]), &["broken.pem", "cannot be used"]);
    refuses(&swarm(url, &["--insecure", "--ca", empty]), &["--insecure does not go with --ca"]);
}

#[test]
fn a_server_that_refuses_is_told_with_its_reason() {
    let config = Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() };
    let server = Server::bind(config).expect("loopback has a free port");
    let server = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
    let url = format!("ws://{}/play", server.addr());
    refuses(&swarm(&url, &[]), &["404 Not Found", "no WebSocket here; sessions are at /ws"]);
    server.stop();
}
