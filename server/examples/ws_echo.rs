//! Echoes every text and binary message as the same kind: the network layer alone, for conformance runs and benchmarks.
//!
//! ```text
//! cargo run --release -p tickwire-server --example ws_echo -- --port 9001
//! ```
//! The address comes first on stdout. There is no rate limit, and messages may have 65,536 fragments.

mod signals;

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tickwire_server::net::{
    CloseCause, DeflateConfig, Handler, HttpRefusal, Identity, Io, LinkId, MessageKind, Metrics, NetConfig, OriginRule,
    PlainStream, Rate, Reactor, RequestHead, accept, descriptors,
};

/// Time for clients to answer the close frame.
const GRACE: Duration = Duration::from_secs(1);

/// A signal that did not end a poll is seen after so long.
const LOOK_FOR_STOP: Duration = Duration::from_secs(1);

/// Echoes WebSocket messages on 127.0.0.1
#[derive(Parser, Debug)]
struct Args {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Longest message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024)]
    max_message: usize,

    /// Speak permessage-deflate with clients that offer it
    #[arg(long)]
    deflate: bool,

    /// Speak TLS with the certificates of this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the first certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Until it is told to stop.
struct Echo(Arc<AtomicBool>);

impl Handler for Echo {
    fn upgrade(&mut self, _: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
        Ok(None)
    }

    fn open(&mut self, _: &mut Io<'_>, _: LinkId, _: SocketAddr) {}

    fn message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]) {
        io.queue(link, kind, payload);
    }

    fn drained(&mut self, _: &mut Io<'_>, _: LinkId) {}

    fn closed(&mut self, _: LinkId, _: CloseCause) {}

    fn plain_http(&mut self, _: PlainStream, _: Vec<u8>, _: SocketAddr) {
        // dropped: there is nothing here for browsers
    }

    fn turn(&mut self, io: &mut Io<'_>) {
        if self.0.load(Ordering::Relaxed) {
            io.shut_down(1001, "the server stops", GRACE);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        Some(Instant::now() + LOOK_FOR_STOP)
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws_echo: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    descriptors::raise();
    let listener = accept::bind((Ipv4Addr::LOCALHOST, args.port).into())?;
    let addr = listener.local_addr()?;
    let echo = Echo(signals::stop_flag()?);
    let mut reactor = Reactor::new(listener, config(args), echo, Arc::new(Metrics::default()))?;
    let mut scheme = "ws";
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        reactor = reactor.with_tls(Arc::new(Identity::load(certificate, key)?));
        scheme = "wss";
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{scheme}://{addr}/")?;
    out.flush()?;
    drop(out);
    Ok(reactor.run()?)
}

fn config(args: &Args) -> NetConfig {
    NetConfig {
        message_max_bytes: args.max_message,
        // Autobahn ends its 65,536 pieces with an empty one
        fragments_max: 65_537,
        // on loopback a segment is 64 KiB, and a buffer of that size waits for the delayed ack of each
        send_buffer_bytes: 1024 * 1024,
        // a slow machine may need long for 16 MiB in pieces of 64 bytes
        unfinished_message_timeout_ms: 120_000,
        // some echoes of the longest message
        write_buffer_max_bytes: args.max_message.saturating_mul(4).max(1024 * 1024),
        write_buffers_max_bytes: usize::MAX,
        pings: Rate { per_s: u32::MAX, burst: u32::MAX },
        origins: OriginRule::Any,
        deflate: DeflateConfig {
            enabled: args.deflate,
            server_context_takeover: true,
            client_context_takeover: true,
            message_min_bytes: 1,
            ..DeflateConfig::default()
        },
        ..NetConfig::default()
    }
}
