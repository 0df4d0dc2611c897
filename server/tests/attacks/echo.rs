//! The network layer alone, as a process: this program, started with [`ARGUMENT`], echoes messages.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use tickwire_server::metrics::Metrics;
use tickwire_server::net::http_head::RequestHead;
use tickwire_server::net::reactor::Reactor;
use tickwire_server::net::tls::Identity;
use tickwire_server::net::{CloseCause, Handler, HttpRefusal, Io, LinkId, MessageKind, NetConfig, PlainStream, accept};

/// Makes this program a server; what follows are options of the form `name=number`.
pub const ARGUMENT: &str = "--serve-echo";

struct Echo;

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

    fn plain_http(&mut self, _: PlainStream, _: Vec<u8>, _: SocketAddr) {}

    fn turn(&mut self, _: &mut Io<'_>) {}
}

/// Serves until the process is ended.
pub fn run(options: &[String]) -> ExitCode {
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn serve(options: &[String]) -> io::Result<()> {
    let (mut config, mut certificate, mut key) = (NetConfig::default(), None, None);
    for option in options {
        let (name, value) = option.split_once('=').ok_or(io::ErrorKind::InvalidInput)?;
        let file = match name {
            "certificate" => Some(&mut certificate),
            "key" => Some(&mut key),
            _ => None,
        };
        if let Some(file) = file {
            *file = Some(value);
            continue;
        }
        let value = value.parse::<usize>().map_err(io::Error::other)?;
        match name {
            "message_max_bytes" => config.message_max_bytes = value,
            "fragments_max" => config.fragments_max = value,
            "write_buffer_max_bytes" => config.write_buffer_max_bytes = value,
            "deflate" => config.deflate.enabled = value == 1,
            "takeover" => {
                config.deflate.enabled = value == 1;
                config.deflate.server_context_takeover = value == 1;
                config.deflate.client_context_takeover = value == 1;
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    let listener = accept::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let addr = listener.local_addr()?;
    let mut reactor = Reactor::new(listener, config, Echo, Arc::new(Metrics::default()))?;
    if let (Some(certificate), Some(key)) = (certificate, key) {
        let identity = Identity::load(certificate.as_ref(), key.as_ref()).map_err(io::Error::other)?;
        reactor = reactor.with_tls(Arc::new(identity));
    }
    println!("ws://{addr}/");
    io::stdout().flush()?;
    reactor.run()
}
