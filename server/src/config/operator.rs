//! What whoever runs the server sets for himself: the admin listener, the log's form, how the server ends, and from
//! which load on it refuses.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The listener for metrics and steering; there is none by default: a port that nobody asked for is a surprise.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AdminConfig {
    /// Where it listens. Without a token only a loopback address is taken.
    pub listen: Option<SocketAddr>,
    /// What whoever steers must show. There is no default: without one nobody steers.
    pub token: Option<String>,
    /// A file with the token in its first line. In a file it is relative to that file.
    pub token_file: Option<PathBuf>,
    /// Names that requests may ask for (Host) beside IP addresses and `localhost`.
    pub hosts: Vec<String>,
    /// A file that bans are kept in; without one they end with the process. In a file it is relative to that file.
    pub bans_file: Option<PathBuf>,
}

/// Without the token.
impl std::fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listen, token, token_file, hosts, bans_file } = self;
        let token = token.as_ref().map(|_| "(set)");
        f.debug_struct("AdminConfig")
            .field("listen", listen)
            .field("token", &token)
            .field("token_file", token_file)
            .field("hosts", hosts)
            .field("bans_file", bans_file)
            .finish()
    }
}

/// From which load of its tick threads on a server refuses: first new rooms, then players. In percent of a thread's
/// time; 100 is never reached for long without losing ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadLimits {
    /// No new rooms when the least loaded tick thread has this much to do.
    pub rooms_max_percent: u32,
    /// No players for the rooms of a tick thread that has this much to do.
    pub joins_max_percent: u32,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self { rooms_max_percent: 85, joins_max_percent: 98 }
    }
}

/// The form of the lines of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }
}

/// Shortest token that is taken: what somebody can guess is none.
const TOKEN_MIN_CHARS: usize = 16;
const TOKEN_MAX_CHARS: usize = 256;

/// A token if it is one; the error says what is allowed.
pub(crate) fn token(text: &str) -> Result<String, String> {
    let is_fine =
        (TOKEN_MIN_CHARS..=TOKEN_MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_fine.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "it takes {TOKEN_MIN_CHARS} to {TOKEN_MAX_CHARS} visible ASCII characters without blanks, such as those \
             of `openssl rand -hex 32`"
        )
    })
}
