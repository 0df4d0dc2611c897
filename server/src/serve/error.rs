//! Why a server does not start, or stops by itself.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::config::CLOSE_TEXT_MAX_BYTES;
use crate::control::admin::access::AdminError;
use crate::identity::reception::ReceptionError;
use crate::net::descriptors;
use crate::net::tls::TlsError;
use crate::room::RoomError;

/// Why a server stopped without being told to.
#[derive(Error)]
pub enum RunError {
    /// The system does not tell of signals, or gives no thread to wait for them.
    #[error("cannot listen for signals: {0}")]
    Signals(#[from] io::Error),
    /// A thread of the server ended.
    #[error("the server's thread {0} ended by itself; this is a bug: please report what the log says above")]
    ThreadEnded(String),
}

/// Why a server could not start: what, where, and what to do.
#[derive(Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("{source} (--listen, or listen in the configuration)")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What is wrong, with what to do.
        source: io::Error,
    },
    /// There is no certificate to speak TLS with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// More connections are allowed than the system allows descriptors.
    #[error(
        "net.connections_max = {connections} needs {} descriptors, and this process may have {descriptors}; \
         allow it more (ulimit -n, LimitNOFILE= of systemd) or set net.connections_max lower",
        connections + descriptors::RESERVE
    )]
    Descriptors {
        /// What is configured.
        connections: usize,
        /// What the system allows.
        descriptors: usize,
    },
    /// The admin listener's address cannot be listened on.
    #[error("{source} (--admin-listen, or admin.listen in the configuration)")]
    AdminListen {
        /// What is wrong, with what to do.
        source: io::Error,
    },
    /// Players and operators would share a port.
    #[error("admin.listen = {admin} is the port that players have with listen = {players}; give it another one")]
    OnePort {
        /// What `listen` says.
        players: SocketAddr,
        /// What `admin.listen` says.
        admin: SocketAddr,
    },
    /// There is something wrong with who may use the admin listener.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// There is something wrong with the keys of passes, or with the file of bans.
    #[error(transparent)]
    Reception(#[from] ReceptionError),
    /// The two do not fit into a close frame together.
    #[error(
        "stop_text and return_to have {0} bytes together with a blank, and a close frame can carry {CLOSE_TEXT_MAX_BYTES}; shorten one"
    )]
    ReturnTo(usize),
    /// Of certificate and key only one was given.
    #[error("{given} needs {missing} beside it: TLS takes a certificate and its key")]
    HalfTls {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A thread or its poll could not be made.
    #[error("cannot start a {what} thread: {source}; the system may be out of threads, descriptors or memory")]
    Thread {
        /// What for.
        what: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// Clients would not know which of them they get.
    #[error("two games have the name {game}: give one of them another NAME")]
    GameTwice {
        /// The name.
        game: &'static str,
    },
    /// The game cannot run.
    #[error("cannot host {game}: {source}")]
    Game {
        /// Its name.
        game: &'static str,
        /// Why.
        source: RoomError,
    },
}

impl StartError {
    /// The key of the configuration that it is about, if it is about one.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        Some(match self {
            Self::Listen { .. } => "listen",
            Self::Tls(_) => "tls_cert",
            Self::HalfTls { given, .. } => given,
            Self::Descriptors { .. } => "net.connections_max",
            Self::AdminListen { .. } | Self::OnePort { .. } | Self::Admin(AdminError::Open(_)) => "admin.listen",
            Self::Admin(_) => "admin.token_file",
            Self::Reception(ReceptionError::Bans(_)) => "admin.bans_file",
            Self::Reception(ReceptionError::Keys(error)) => error.key(),
            Self::ReturnTo(_) => "return_to",
            Self::Thread { .. } | Self::GameTwice { .. } | Self::Game { .. } => return None,
        })
    }
}

/// As [`fmt::Display`]: a `main` that returns it shows it so.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As [`fmt::Display`]: a `main` that returns it shows it so.
impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
