//! One [`Config`] from four layers: defaults, then a TOML file, then the environment, then flags.
//!
//! All layers and the help text read one table of keys (`keys.rs`): a key of the file such as
//! `net.ping_interval_ms` is the variable `TICKWIRE_NET_PING_INTERVAL_MS`, and a flag, where there is one, is
//! the key with dashes. What a person gets wrong comes back as one sentence with the place, see [`ConfigError`].
//!
//! ```toml
//! listen = "0.0.0.0:7777"
//! rooms_max = 500
//!
//! [net]
//! ping_interval_ms = 10000
//! ```

mod error;
mod file;
mod filter;
mod hints;
mod identity;
mod keys;
mod lobby;
mod operator;
mod printed;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;

pub use error::ConfigError;
pub use identity::{IdentityConfig, SecondDevice};
pub use keys::{CLOSE_TEXT_MAX_BYTES, KeyHelp, keys};
pub use lobby::LobbyConfig;
pub(crate) use operator::token;
pub use operator::{AdminConfig, LoadLimits, LogFormat};
pub use session::SessionLimits;

use crate::net::NetConfig;
use error::Place;
use keys::{Given, Key};

/// What the environment's variables begin with.
const PREFIX: &str = "TICKWIRE_";

/// Names the configuration file; read by the command line, so no key.
pub const FILE_VARIABLE: &str = "TICKWIRE_CONFIG";

/// Most reactors by default: more make thinner batches, and each batch costs a wake.
const DEFAULT_REACTORS_MAX: usize = 16;

/// Everything a person may set about the server; the games have their own options.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Threads that read and write sockets.
    pub reactors: usize,
    /// Threads that run rooms.
    pub tick_threads: usize,
    /// A folder to serve instead of the built-in web client. In a file it is relative to that file.
    pub assets: Option<PathBuf>,
    /// A folder for capsules: what the server knows of states that clients found wrong, to be replayed. In a file it is
    /// relative to that file.
    pub capsules: Option<PathBuf>,
    /// The certificates to speak TLS with, as PEM, the whole chain; goes with `tls_key`. In a file both are relative
    /// to that file. Both are read anew when they change.
    pub tls_cert: Option<PathBuf>,
    /// The private key of the first of them, as PEM.
    pub tls_key: Option<PathBuf>,
    /// How long players are told of the end and may leave, after SIGTERM.
    pub stop_grace_ms: u64,
    /// What players are told when the server stops, with close code 1001: when and where to return.
    pub stop_text: String,
    /// Where players find the next server, such as `https://eu2.game.example`: it stands behind `stop_text`.
    pub return_to: Option<String>,
    /// After SIGTERM no rooms are opened and nobody may join; when all rooms have ended, or after so many seconds, the
    /// server stops. 0 stops at once.
    pub drain_s: u64,
    /// Limits of sockets and WebSocket framing.
    pub net: NetConfig,
    /// How much and how fast a client may speak.
    pub session: SessionLimits,
    /// Most rooms at once.
    pub rooms_max: usize,
    /// Bytes a second that a client of a room is sent at most of what it sees, unless the game says another number; 0
    /// is no limit.
    pub client_bytes_per_s: u32,
    /// Which events are logged: `info`, or by module `info,tickwire_server::net=debug`.
    pub log: String,
    /// In which form.
    pub log_format: LogFormat,
    /// From which load on the server refuses.
    pub load: LoadLimits,
    /// What players may ask of the lobby.
    pub lobby: LobbyConfig,
    /// The listener for metrics and steering.
    pub admin: AdminConfig,
    /// Who players are.
    pub identity: IdentityConfig,
}

impl Config {
    /// Puts the layers together, the later over the earlier: defaults, `file`, `variables` (those that begin
    /// with `TICKWIRE_`; an empty one counts as not set), `flags` (name without dashes in front, value).
    ///
    /// Unknown variables are no error, because others may own them; for each there is a sentence in the second value,
    /// unless it is known whose it is (Kubernetes sets `TICKWIRE_PORT` beside a service of that name).
    ///
    /// # Errors
    /// The first thing that is wrong, as one sentence.
    pub fn read<'a>(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let layers = Layers::read(file, variables, flags);
        match layers.faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok((layers.config, layers.slips)),
        }
    }
}

/// A configuration, where each value came from, and all that is wrong with it.
#[derive(Debug, Default)]
pub struct Layers {
    /// What counts; a value that is wrong is left out.
    pub config: Config,
    /// Where its values came from.
    pub sources: Sources,
    /// What is wrong, in the order of the layers, and of the lines of the file.
    pub faults: Vec<ConfigError>,
    /// A sentence for each variable that begins as ours do and says nothing here.
    pub slips: Vec<String>,
}

/// Where the values came from that are not the defaults.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<&'static str, Place>);

impl Sources {
    /// The place of this key's value, in words.
    fn of(&self, key: &str) -> Option<String> {
        self.0.get(key).map(Place::short)
    }
}

impl Layers {
    /// All layers, as [`Config::read`] takes them; it does not stop at the first fault.
    pub fn read<'a>(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut layers = Self::default();
        if let Some(file) = file {
            file::apply(&mut layers, file);
        }
        layers.apply_variables(variables);
        for (flag, value) in flags {
            match keys::all().find(|key| key.flag() == flag) {
                Some(key) => layers.set(key, &Given::Untyped(value), Place::Flag { name: flag.to_owned() }),
                None => layers.faults.push(ConfigError::UnknownFlag { flag: flag.to_owned() }),
            }
        }
        layers
    }

    /// The whole configuration as a file that can be read again, with what each key means and where its value came from.
    #[must_use]
    pub fn printed(&self) -> String {
        printed::printed(&self.config, &self.sources)
    }

    /// The line of the file that this key's value stands in, from 1, and the file.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<(usize, &Path)> {
        match self.sources.0.get(key)? {
            Place::Line { file, line, .. } => Some((*line, file)),
            Place::Variable { .. } | Place::Flag { .. } => None,
        }
    }

    fn apply_variables(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            if value.is_empty() || name == FILE_VARIABLE {
                continue;
            }
            match keys::all().find(|key| variable_of(key) == name) {
                Some(key) => {
                    let place = Place::Variable { name: name.to_owned() };
                    self.set(key, &Given::Untyped(&value.to_string_lossy()), place);
                }
                None => self.slips.extend(slip(name)),
            }
        }
    }

    fn set(&mut self, key: &Key, given: &Given<'_>, place: Place) {
        match key.set(&mut self.config, given, &place) {
            Ok(()) => {
                self.sources.0.insert(key.name, place);
            }
            Err(fault) => self.faults.push(fault),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (reactors, tick_threads) = threads_for(cores);
        Self {
            listen: (Ipv4Addr::LOCALHOST, 7777).into(),
            reactors,
            tick_threads,
            assets: None,
            capsules: None,
            tls_cert: None,
            tls_key: None,
            stop_grace_ms: 2_000,
            stop_text: "the server stops; come back soon".to_owned(),
            return_to: None,
            // with the grace below the ten seconds that containers are given as a rule
            drain_s: 5,
            net: NetConfig::default(),
            session: SessionLimits::default(),
            rooms_max: 10_000,
            client_bytes_per_s: 1_048_576,
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            load: LoadLimits::default(),
            lobby: LobbyConfig::default(),
            admin: AdminConfig::default(),
            identity: IdentityConfig::default(),
        }
    }
}

/// Reactors and tick threads for a machine. Together never more than its cores, except that each is at least
/// one: 16 reactors on 2 cores cost 30 % more CPU than 2 (`ARCHITECTURE.md`, section 1).
fn threads_for(cores: usize) -> (usize, usize) {
    let half = (cores / 2).max(1);
    (half.min(DEFAULT_REACTORS_MAX), half)
}

fn variable_of(key: &Key) -> String {
    format!("{PREFIX}{}", key.name.replace('.', "_").to_ascii_uppercase())
}

/// A sentence about a variable that is not ours; none when it is known whose it is.
fn slip(name: &str) -> Option<String> {
    let unknown = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    // Kubernetes sets TICKWIRE_SERVICE_HOST and TICKWIRE_PORT_80_TCP beside a service; the swarm has its own
    let is_anothers =
        unknown.starts_with("bots_") || unknown.split('_').any(|part| part == "port" || part == "service");
    if is_anothers {
        return None;
    }
    let section = |section: &&str| Some(format!("{section}.{}", unknown.strip_prefix(section)?.strip_prefix('_')?));
    let key = hints::SECTIONS.iter().find_map(section).unwrap_or_else(|| unknown.clone());
    let meant = keys::all().find(|known| Some(known.name) == hints::meant(&key)).map(variable_of);
    let hint = meant.map_or("nothing reads it".to_owned(), |meant| format!("did you mean {meant}?"));
    Some(format!("{name} is not a setting of this server; {hint}"))
}
