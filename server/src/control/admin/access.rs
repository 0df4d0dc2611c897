//! Who may ask the admin listener for what. What steers takes a token; what is only read is free for this machine.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::routes::Needs;
use crate::config::{self, AdminConfig};

/// A token is a line.
const TOKEN_FILE_MAX_BYTES: u64 = 4096;
/// The log hears of wrong tokens this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// Why there is no admin listener: what, where, what to do.
#[derive(Debug, Error)]
pub enum AdminError {
    /// Others could read, and nobody is known who may.
    #[error(
        "admin.listen = {0} can be reached from other machines, so it takes a token: set admin.token_file or \
         TICKWIRE_ADMIN_TOKEN, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// Both places have one.
    #[error("admin.token and admin.token_file are both set; which one counts would be a guess: leave one out")]
    TwoTokens,
    /// The file cannot be read.
    #[error("cannot read admin.token_file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// What is in the file is no token.
    #[error("there is no token in the first line of admin.token_file {}: {allowed}", file.display())]
    NoToken {
        /// The file.
        file: PathBuf,
        /// What may stand there.
        allowed: String,
    },
}

/// Why somebody may not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// There is no token that could be shown.
    NoToken,
    /// The right one was not shown.
    WrongToken,
}

/// Who may do what.
#[derive(Debug)]
pub struct Access {
    token: Option<Secret>,
    /// Reading takes no token: only this machine can.
    is_loopback: bool,
    hosts: Vec<String>,
    refused: Mutex<(Option<Instant>, u64)>,
}

struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(set)")
    }
}

impl Access {
    /// For a listener on this address.
    ///
    /// # Errors
    /// There is no token where one is needed, or it cannot be read.
    pub fn new(config: &AdminConfig, listen: SocketAddr) -> Result<Self, AdminError> {
        let token = match (&config.token, &config.token_file) {
            (Some(_), Some(_)) => return Err(AdminError::TwoTokens),
            (Some(token), None) => Some(token.clone()),
            (None, Some(file)) => Some(token_of(file)?),
            (None, None) => None,
        };
        let is_loopback = listen.ip().to_canonical().is_loopback();
        if token.is_none() && !is_loopback {
            return Err(AdminError::Open(listen));
        }
        let refused = Mutex::default();
        Ok(Self { token: token.map(Secret), is_loopback, hosts: config.hosts.clone(), refused })
    }

    /// Whether the request asks for a name of this listener. A page whose own name suddenly leads here (DNS
    /// rebinding) asks for that name; it cannot ask for an address.
    pub(super) fn allows_host<B>(&self, request: &Request<B>) -> bool {
        let of_header = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
        let Some(host) = request.uri().authority().map(|authority| authority.as_str()).or(of_header) else {
            return false;
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.split(']').next());
        let name = bare.unwrap_or_else(|| host.rsplit_once(':').map_or(host, |(name, _)| name));
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok() || name == "localhost" || self.hosts.contains(&name)
    }

    /// Whether who sent these headers may have what needs this.
    pub(super) fn allows(&self, needs: Needs, headers: &HeaderMap) -> Result<(), Denied> {
        let free = match needs {
            Needs::Nothing => true,
            Needs::Reading => self.is_loopback,
            Needs::Inspection | Needs::Steering => false,
        };
        if free {
            return Ok(());
        }
        let Some(Secret(token)) = &self.token else { return Err(Denied::NoToken) };
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // as long for a nearly right one as for a wrong one
        let is_right = shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into());
        if is_right { Ok(()) } else { Err(Denied::WrongToken) }
    }

    /// Somebody showed a wrong token, or none: `tell` is called once in a while, with how many it stands for.
    pub(super) fn note_refused(&self, tell: impl FnOnce(u64)) {
        let now = Instant::now();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.1 += 1;
        if refused.0.is_none_or(|told| now.duration_since(told) >= COMPLAIN_EVERY) {
            tell(refused.1);
            *refused = (Some(now), 0);
        }
    }
}

/// The first line.
fn token_of(file: &PathBuf) -> Result<String, AdminError> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(TOKEN_FILE_MAX_BYTES).read_to_end(&mut bytes));
    read.map_err(|source| AdminError::Unreadable { file: file.clone(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    config::token(text.lines().next().unwrap_or_default().trim())
        .map_err(|allowed| AdminError::NoToken { file: file.clone(), allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn access(listen: &str, token: Option<&str>) -> Result<Access, AdminError> {
        let config =
            AdminConfig { token: token.map(str::to_owned), hosts: vec!["a.example".into()], ..Default::default() };
        Access::new(&config, listen.parse().unwrap())
    }

    fn asked(uri: &str, host: &str) -> bool {
        let request = Request::builder().uri(uri).header(HOST, host).body(()).unwrap();
        access("127.0.0.1:1", None).unwrap().allows_host(&request)
    }

    #[test]
    fn addresses_and_known_names_may_be_asked_for() {
        for host in
            ["127.0.0.1", "127.0.0.1:7778", "[::1]:7778", "[::1]", "localhost:7778", "LocalHost", "a.example:80"]
        {
            assert!(asked("/metrics", host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:7778", "localhost.evil.example", "", "127.0.0.1.evil.example", "0x7f.1"]
        {
            assert!(!asked("/metrics", host), "{host}");
        }
        assert!(!asked("http://evil.example/metrics", "127.0.0.1"), "the target counts before the header");
    }

    #[test]
    fn what_takes_a_token() {
        let shown = |words: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, words.parse().unwrap());
            headers
        };
        let here = access("127.0.0.1:1", Some(TOKEN)).unwrap();
        let none = HeaderMap::new();
        assert_eq!(here.allows(Needs::Reading, &none), Ok(()));
        assert_eq!(here.allows(Needs::Steering, &none), Err(Denied::WrongToken));
        assert_eq!(here.allows(Needs::Inspection, &none), Err(Denied::WrongToken));
        for wrong in ["Bearer 0123456789abcdee", "Bearer ", "Bearer 0123456789abcdef0", TOKEN, "Basic 0123456789abcdef"]
        {
            assert_eq!(here.allows(Needs::Steering, &shown(wrong)), Err(Denied::WrongToken), "{wrong}");
        }
        assert_eq!(here.allows(Needs::Steering, &shown(&format!("Bearer {TOKEN}"))), Ok(()));
        let without = access("[::1]:1", None).unwrap();
        assert_eq!(without.allows(Needs::Steering, &shown("Bearer ")), Err(Denied::NoToken));
        let open = access("0.0.0.0:1", Some(TOKEN)).unwrap();
        assert_eq!(open.allows(Needs::Reading, &none), Err(Denied::WrongToken));
        assert_eq!(open.allows(Needs::Nothing, &none), Ok(()));
        assert!(matches!(access("0.0.0.0:1", None), Err(AdminError::Open(_))));
    }
}
