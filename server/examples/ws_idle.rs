//! What an idle connection costs a server in memory: opens many, waits, reads the server's resident set.
//!
//! ```text
//! cargo run --release -p tickwire-server --example ws_echo -- --port 9001 --tls-cert cert.pem --tls-key key.pem
//! cargo run --release -p tickwire-server --example ws_idle -- --address 127.0.0.1:9001 --pid PID --tls
//! ```
//! The process that is measured must be on this machine and otherwise idle. Certificates are not checked.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use signal_hook::consts::{SIGINT, SIGTERM};
use tickwire_server::net::descriptors;

/// A server that has not answered by then does not.
const PATIENCE: Duration = Duration::from_secs(20);

/// Neither a head nor an echo is longer.
const ANSWER_MAX_BYTES: usize = 16 * 1024;

/// Time for the server to write and free what it has to.
const SETTLE: Duration = Duration::from_secs(1);

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A masked text message, so that each connection has read and written once.
const MESSAGE: &[u8] = b"\x81\x82\0\0\0\0hi";

/// Measures a server's memory for each idle WebSocket connection
#[derive(Parser, Debug)]
struct Args {
    /// Where the server listens
    #[arg(long)]
    address: SocketAddr,

    /// The server's process
    #[arg(long)]
    pid: u32,

    /// Connections
    #[arg(long, default_value_t = 2_000)]
    connections: u32,

    /// Speak TLS
    #[arg(long)]
    tls: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws_idle: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // nothing is to be tidied up here; a shell may have made us deaf to the first
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::new(AtomicBool::new(true)))?;
    }
    descriptors::raise();
    let empty = resident_kib(args.pid)?;
    let config = Arc::new(client_config()?);
    let mut connections = Vec::new();
    for number in 1..=args.connections {
        let connection = connect(args, &config);
        connections.push(connection.map_err(|error| format!("connection {number} to {}: {error}", args.address))?);
    }
    std::thread::sleep(SETTLE);
    let full = resident_kib(args.pid)?;
    let each = (full as f64 - empty as f64) / f64::from(args.connections);
    println!("{} connections: {empty} KiB before, {full} KiB with them, {each:.2} KiB each", args.connections);
    drop(connections);
    Ok(())
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn connect(args: &Args, config: &Arc<ClientConfig>) -> Result<Box<dyn Stream>, Box<dyn Error>> {
    let socket = TcpStream::connect_timeout(&args.address, PATIENCE).map_err(|error| format!("connecting: {error}"))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut stream: Box<dyn Stream> = match args.tls {
        false => Box::new(socket),
        true => {
            let client = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
            Box::new(StreamOwned::new(client, socket))
        }
    };
    let upgrade = stream.write_all(UPGRADE).and_then(|()| read_until(&mut stream, b"\r\n\r\n"));
    let head = upgrade.map_err(|error| format!("asking for a WebSocket: {}", in_words(&error)))?;
    let status = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    if !status.starts_with("HTTP/1.1 101 ") {
        return Err(format!("asking for a WebSocket: the server says {status:?}").into());
    }
    let echo = stream.write_all(MESSAGE).and_then(|()| read_until(&mut stream, b"\x81\x02hi"));
    echo.map_err(|error| format!("waiting for the echo of a message: {}; is it ws_echo?", in_words(&error)))?;
    Ok(stream)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        // as Unix calls the end of a read's time
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("nothing came within {} s", PATIENCE.as_secs()),
        ErrorKind::UnexpectedEof => "the server ended the connection".to_owned(),
        _ => error.to_string(),
    }
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> io::Result<Vec<u8>> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte)?;
        read.extend(byte);
        if read.len() > ANSWER_MAX_BYTES {
            return Err(io::Error::other("the server says something else, and much of it"));
        }
    }
    Ok(read)
}

fn resident_kib(pid: u32) -> Result<u64, Box<dyn Error>> {
    let file = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&file).map_err(|error| format!("--pid {pid}: cannot read {file}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("there is no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked)).with_no_client_auth();
    // each connection with a whole handshake
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Takes every certificate: it is our own server, and only its memory is of interest.
#[derive(Debug)]
struct Unchecked;

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
