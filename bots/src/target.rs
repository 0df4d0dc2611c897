//! Where the server is: its address as a URL, looked up once for all bots.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tickwire_shared::native::ConnectError;

/// A host with several addresses: the first that answers in this time is taken.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);

/// A server that bots connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was given.
    pub url: String,
    /// Where connections go.
    pub addr: SocketAddr,
    /// The header `Host`.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Over TLS: with whom, and whom to believe.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Target {
    /// Whether somebody listens there.
    ///
    /// # Errors
    /// Nobody does.
    pub fn answers(&self) -> Result<(), ConnectError> {
        let tried = TcpStream::connect_timeout(&self.addr, TRY_TIMEOUT);
        tried.map(drop).map_err(|source| ConnectError::Unreachable { url: self.url.clone(), source })
    }

    /// The parts of a WebSocket's address, and whether it is over TLS; nothing is looked up.
    ///
    /// # Errors
    /// It is none.
    pub fn read(url: &str) -> Result<(Uri, bool), ConnectError> {
        let bad = |reason: &str| ConnectError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        let is_secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            Some(_) => return Err(bad("only ws:// and wss:// are WebSockets")),
            None => return Err(bad("ws:// or wss:// is missing")),
        };
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("the host is missing"));
        }
        Ok((uri, is_secure))
    }

    /// Reads `url` and looks its host up; `tls` is used for `wss://`.
    ///
    /// # Errors
    /// It is no WebSocket address, or its host is not found.
    pub fn find(url: &str, tls: &Arc<ClientConfig>) -> Result<Self, ConnectError> {
        let bad = |reason: &str| ConnectError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let (uri, is_secure) = Self::read(url)?;
        let name = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let tls = is_secure.then(|| {
            let server = ServerName::try_from(name.to_owned()).map_err(|_| bad("the host is no name for TLS"));
            server.map(|server| (Arc::clone(tls), server))
        });
        Ok(Self {
            url: url.to_owned(),
            addr: look_up(name, port).map_err(|source| ConnectError::Unreachable { url: url.to_owned(), source })?,
            host: uri.authority().map_or_else(|| name.to_owned(), |authority| authority.as_str().to_owned()),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            tls: tls.transpose()?,
        })
    }
}

/// Of several addresses the first that answers: a name of this machine is often both ::1 and 127.0.0.1.
pub(crate) fn look_up(name: &str, port: u16) -> io::Result<SocketAddr> {
    let addrs: Vec<SocketAddr> = (name, port).to_socket_addrs()?.collect();
    let first = *addrs.first().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
    let answers = |addr: &&SocketAddr| TcpStream::connect_timeout(addr, TRY_TIMEOUT).is_ok();
    Ok(if addrs.len() > 1 { *addrs.iter().find(answers).unwrap_or(&first) } else { first })
}

#[cfg(test)]
mod tests {
    use tickwire_shared::native::Trust;

    use super::*;

    #[test]
    fn a_url_has_all_that_is_needed() {
        let target = Target::find("ws://127.0.0.1:7777/ws?a=b", &Trust::default().client_config()).expect("it is one");
        assert_eq!((target.host.as_str(), target.path.as_str()), ("127.0.0.1:7777", "/ws?a=b"));
        assert_eq!(target.addr, "127.0.0.1:7777".parse().expect("an address"));
        let secure = Target::find("wss://127.0.0.1/", &Trust::default().client_config()).expect("it is one");
        assert_eq!((secure.addr.port(), secure.tls.is_some()), (443, true));
        for (url, like) in [
            ("http://a/ws", "ws://a/ws"),
            ("127.0.0.1:9000", "ws://127.0.0.1:9000/ws"),
            ("ws://", "ws://127.0.0.1:7777/ws"),
            ("not a url", "ws://127.0.0.1:7777/ws"),
            ("", "ws://127.0.0.1:7777/ws"),
            ("/ws", "ws://127.0.0.1:7777/ws"),
        ] {
            let error = Target::find(url, &Trust::default().client_config()).expect_err(url).to_string();
            assert!(error.ends_with(&format!("use one like {like}")), "{url}: {error}");
        }
    }
}
