//! The table of keys: name, meaning, what is allowed, and the field it fills. The one place to add a key.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::Config;
use super::error::{ConfigError, Place};
use super::operator::{self, LogFormat};
use super::{filter, identity};
use crate::net::http_head::HEADERS_CEILING;
use crate::net::origin::OriginRule;
use crate::net::proxy::Network;

/// One thing that can be set.
pub(super) struct Key {
    /// As in the file, with its section: `net.fragments_max`.
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    slot: Slot,
}

/// What kind of value a key takes, and its field.
pub(super) enum Slot {
    Address(fn(&mut Config) -> &mut SocketAddr),
    Folder(fn(&mut Config) -> &mut Option<PathBuf>),
    File(fn(&mut Config) -> &mut Option<PathBuf>),
    Filter(fn(&mut Config) -> &mut String),
    Count(RangeInclusive<usize>, fn(&mut Config) -> &mut usize),
    Millis(RangeInclusive<u64>, fn(&mut Config) -> &mut u64),
    Times(RangeInclusive<u32>, fn(&mut Config) -> &mut u32),
    Small(RangeInclusive<u8>, fn(&mut Config) -> &mut u8),
    Networks(fn(&mut Config) -> &mut Vec<Network>),
    Origins(fn(&mut Config) -> &mut OriginRule),
    Switch(fn(&mut Config) -> &mut bool),
    MaybeAddress(fn(&mut Config) -> &mut Option<SocketAddr>),
    Token(fn(&mut Config) -> &mut Option<String>),
    Names(fn(&mut Config) -> &mut Vec<String>),
    Sentence(usize, fn(&mut Config) -> &mut String),
    Format(fn(&mut Config) -> &mut LogFormat),
    Files(fn(&mut Config) -> &mut Vec<PathBuf>),
    MaybeText(fn(&mut Config) -> &mut Option<String>),
    MaybeSwitch(fn(&mut Config) -> &mut Option<bool>),
    Words(fn(&mut Config) -> &mut Vec<String>),
    /// One of these; it is read and set by name.
    OneOf(&'static [&'static str], fn(&Config) -> &'static str, fn(&mut Config, &str) -> bool),
}

use Slot::{
    Address, Count, File, Files, Filter, Folder, Format, MaybeAddress, MaybeSwitch, MaybeText, Millis, Names, Networks,
    OneOf, Origins, Sentence, Small, Switch, Times, Token, Words,
};

static KEYS: [Key; 78] = [
    key("listen", "where to listen; port 0 takes any free port", Address(|c| &mut c.listen)),
    key("reactors", "threads that read and write sockets", Count(1..=256, |c| &mut c.reactors)),
    key("tick_threads", "threads that run rooms", Count(1..=256, |c| &mut c.tick_threads)),
    key("assets", "a folder to serve instead of the built-in page", Folder(|c| &mut c.assets)),
    key("capsules", "a folder for what is known of wrong states", Folder(|c| &mut c.capsules)),
    key("tls_cert", "PEM file of certificates: speak TLS", File(|c| &mut c.tls_cert)),
    key("tls_key", "PEM file of their private key", File(|c| &mut c.tls_key)),
    key("stop_grace_ms", "time for players to leave after SIGTERM", Millis(0..=600_000, |c| &mut c.stop_grace_ms)),
    key("stop_text", "what players read at the end", Sentence(CLOSE_TEXT_MAX_BYTES, |c| &mut c.stop_text)),
    key("return_to", "and where they find the next server", MaybeText(|c| &mut c.return_to)),
    key("drain_s", "time for rooms to end after SIGTERM", Millis(0..=604_800, |c| &mut c.drain_s)),
    key("rooms_max", "most rooms at once", Count(1..=1_000_000, |c| &mut c.rooms_max)),
    key(
        "client_bytes_per_s",
        "of the world for one client; 0: no limit",
        Times(0..=1_000_000_000, |c| &mut c.client_bytes_per_s),
    ),
    key(
        "rooms_load_max_percent",
        "no new rooms when all tick threads do more",
        Times(1..=100, |c| &mut c.load.rooms_max_percent),
    ),
    key(
        "joins_load_max_percent",
        "no players for rooms of a thread that does more",
        Times(1..=100, |c| &mut c.load.joins_max_percent),
    ),
    key("log", "which events are logged", Filter(|c| &mut c.log)),
    key("log_format", "pretty for people, json for programs", Format(|c| &mut c.log_format)),
    key(
        "net.message_max_bytes",
        "longest message of a client",
        Count(1_024..=1_048_576, |c| &mut c.net.message_max_bytes),
    ),
    key("net.fragments_max", "most fragments in one message", Count(1..=1_000_000, |c| &mut c.net.fragments_max)),
    key("net.head_max_bytes", "longest head of a request", Count(1_024..=65_536, |c| &mut c.net.head.head_max_bytes)),
    key("net.headers_max", "most header fields in it", Count(8..=HEADERS_CEILING, |c| &mut c.net.head.headers_max)),
    key("net.target_max_bytes", "longest target in it", Count(64..=65_536, |c| &mut c.net.head.target_max_bytes)),
    key(
        "net.handshake_timeout_ms",
        "from accept to the end of the handshake",
        Millis(100..=600_000, |c| &mut c.net.handshake_timeout_ms),
    ),
    key(
        "net.unfinished_message_timeout_ms",
        "a begun message must be whole by then",
        Millis(100..=600_000, |c| &mut c.net.unfinished_message_timeout_ms),
    ),
    key(
        "net.ping_interval_ms",
        "silence after which the server pings",
        Millis(1_000..=3_600_000, |c| &mut c.net.ping_interval_ms),
    ),
    key("net.close_timeout_ms", "from our close frame to the end", Millis(1..=60_000, |c| &mut c.net.close_timeout_ms)),
    key(
        "net.drain_max_bytes",
        "what a peer may still send after that",
        Count(0..=16_777_216, |c| &mut c.net.drain_max_bytes),
    ),
    key(
        "net.write_buffer_max_bytes",
        "most bytes that wait for one client",
        Count(4_096..=67_108_864, |c| &mut c.net.write_buffer_max_bytes),
    ),
    key(
        "net.write_stall_timeout_ms",
        "a client that takes nothing is dropped",
        Millis(1_000..=600_000, |c| &mut c.net.write_stall_timeout_ms),
    ),
    key(
        "net.send_buffer_bytes",
        "the kernel's send buffer for one client",
        Count(4_096..=16_777_216, |c| &mut c.net.send_buffer_bytes),
    ),
    key(
        "net.unsent_max_bytes",
        "bytes in it that wait to be sent",
        Count(1_024..=16_777_216, |c| &mut c.net.unsent_max_bytes),
    ),
    key(
        "net.unacked_max_bytes",
        "bytes under way to one client; 0: no limit",
        Count(0..=67_108_864, |c| &mut c.net.unacked_max_bytes),
    ),
    key("net.connections_max", "most connections at once", Count(1..=10_000_000, |c| &mut c.net.connections_max)),
    key("net.backlog", "connections that wait to be accepted", Times(1..=65_535, |c| &mut c.net.backlog)),
    key("net.proxies", "addresses or networks of proxies", Networks(|c| &mut c.net.proxies.networks)),
    key("net.proxy_protocol", "they begin with a PROXY v2 header", Switch(|c| &mut c.net.proxies.protocol)),
    key(
        "net.write_buffers_max_bytes",
        "most memory for what waits for all clients",
        Count(1_048_576..=1_099_511_627_776, |c| &mut c.net.write_buffers_max_bytes),
    ),
    key("net.pings_per_s", "pings of one client", Times(1..=100_000, |c| &mut c.net.pings.per_s)),
    key("net.pings_burst", "pings at once", Times(1..=100_000, |c| &mut c.net.pings.burst)),
    key("net.deflate", "compress messages, but no frames", Switch(|c| &mut c.net.deflate.enabled)),
    key("net.deflate_level", "1 is fast, 9 is small", Small(1..=9, |c| &mut c.net.deflate.level)),
    key(
        "net.deflate_min_bytes",
        "shorter ones stay as they are",
        Count(0..=1_048_576, |c| &mut c.net.deflate.message_min_bytes),
    ),
    key(
        "net.deflate_ratio_max",
        "how much longer a message may get",
        Count(1..=10_000, |c| &mut c.net.deflate.ratio_max),
    ),
    key(
        "net.deflate_ratio_free_bytes",
        "up to here it may get longer still",
        Count(0..=1_048_576, |c| &mut c.net.deflate.ratio_free_bytes),
    ),
    key(
        "net.deflate_server_window_bits",
        "the server's window, a power of 2",
        Small(8..=15, |c| &mut c.net.deflate.server_window_bits),
    ),
    key(
        "net.deflate_client_window_bits",
        "the client's window",
        Small(8..=15, |c| &mut c.net.deflate.client_window_bits),
    ),
    key(
        "net.deflate_server_takeover",
        "its window stays: 256 KiB a client",
        Switch(|c| &mut c.net.deflate.server_context_takeover),
    ),
    key(
        "net.deflate_client_takeover",
        "and the client's: 40 KiB",
        Switch(|c| &mut c.net.deflate.client_context_takeover),
    ),
    key("net.origins", "same-host, *, or a list of origins", Origins(|c| &mut c.net.origins)),
    key(
        "net.address_connections_max",
        "most connections of one address",
        Count(1..=10_000_000, |c| &mut c.net.addresses.open_max),
    ),
    key(
        "net.address_handshakes_max",
        "of these in their handshake",
        Count(1..=10_000_000, |c| &mut c.net.addresses.handshakes_max),
    ),
    key("net.address_new_per_s", "new ones of one address", Times(1..=1_000_000, |c| &mut c.net.addresses.new.per_s)),
    key("net.address_new_burst", "new ones at once", Times(1..=1_000_000, |c| &mut c.net.addresses.new.burst)),
    key("net.address_exempt", "addresses or networks without limits", Networks(|c| &mut c.net.addresses.exempt)),
    key(
        "session.hello_timeout_ms",
        "from connecting to hello and join",
        Millis(100..=600_000, |c| &mut c.session.hello_timeout_ms),
    ),
    key(
        "session.hello_max_bytes",
        "longest message before that",
        Count(64..=1_048_576, |c| &mut c.session.hello_max_bytes),
    ),
    key(
        "session.messages_per_s",
        "of one client, beside one a tick",
        Times(1..=1_000_000, |c| &mut c.session.messages.per_s),
    ),
    key(
        "session.messages_burst",
        "at once, beside two a tick",
        Times(1..=1_000_000, |c| &mut c.session.messages.burst),
    ),
    key(
        "session.bytes_per_s",
        "bytes of one client's messages",
        Times(1_024..=1_073_741_824, |c| &mut c.session.bytes.per_s),
    ),
    key("session.bytes_burst", "bytes of them at once", Times(1_024..=1_073_741_824, |c| &mut c.session.bytes.burst)),
    key(
        "session.too_fast_timeout_ms",
        "a client that is too fast for so long is closed",
        Millis(0..=600_000, |c| &mut c.session.too_fast_timeout_ms),
    ),
    key(
        "session.grace_max_ms",
        "a lost client's seat is held at most so long",
        Millis(0..=86_400_000, |c| &mut c.session.grace_max_ms),
    ),
    key("lobby.create", "players may create rooms", Switch(|c| &mut c.lobby.create)),
    key(
        "lobby.creations_per_minute",
        "rooms, from one address",
        Times(1..=100_000, |c| &mut c.lobby.creations_per_minute),
    ),
    key("lobby.client_options", "with options of the game", Switch(|c| &mut c.lobby.client_options)),
    key("lobby.reservation_s", "how long reserved seats are kept", Times(1..=86_400, |c| &mut c.lobby.reservation_s)),
    key(
        "lobby.reserved_per_address",
        "of them, for one address",
        Count(0..=10_000_000, |c| &mut c.lobby.reserved_per_address),
    ),
    key("lobby.tickets_max", "reserved seats and tickets at once", Count(0..=10_000_000, |c| &mut c.lobby.tickets_max)),
    key("lobby.queue_window", "difference of skill in a match", Times(0..=1_000_000, |c| &mut c.lobby.queue_window)),
    key("lobby.queue_growth_per_s", "by how much it grows", Times(0..=1_000_000, |c| &mut c.lobby.queue_growth_per_s)),
    key("lobby.queue_window_max", "and how far", Times(0..=1_000_000, |c| &mut c.lobby.queue_window_max)),
    key("lobby.queue_max", "most groups that wait", Count(0..=1_000_000, |c| &mut c.lobby.queue_max)),
    key(
        "lobby.api_requests_per_s",
        "of one address to the HTTP API",
        Times(1..=1_000_000, |c| &mut c.lobby.api_requests_per_s),
    ),
    key("admin.listen", "where metrics and steering listen", MaybeAddress(|c| &mut c.admin.listen)),
    key("admin.token", "what whoever steers must show", Token(|c| &mut c.admin.token)),
    key("admin.token_file", "a file with that token", File(|c| &mut c.admin.token_file)),
    key("admin.hosts", "names that requests may ask for", Names(|c| &mut c.admin.hosts)),
    key("admin.bans_file", "where bans are kept over a restart", File(|c| &mut c.admin.bans_file)),
];

/// What a close frame can carry beside its code (RFC 6455 5.5).
pub const CLOSE_TEXT_MAX_BYTES: usize = 123;

pub(super) const fn key(name: &'static str, meaning: &'static str, slot: Slot) -> Key {
    Key { name, meaning, slot }
}

/// All keys, in the order in which people read them.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(&identity::KEYS)
}

/// A key as the help text shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyHelp {
    /// With its section.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// On this machine; empty when there is none.
    pub default: String,
    /// Of numbers, the least and the most, in words; else empty.
    pub range: String,
}

/// All keys of the configuration, for a help text.
pub fn keys() -> Vec<KeyHelp> {
    let mut config = Config::default();
    let line = |key: &'static Key| KeyHelp {
        name: key.name,
        meaning: key.meaning,
        default: key.shown(&mut config),
        range: key.range(),
    };
    all().map(line).collect()
}

/// A value as it was written.
#[derive(Clone)]
pub(super) enum Given<'a> {
    /// From the environment or a flag: the key says what it should be.
    Untyped(&'a str),
    /// A string of the file.
    Text(&'a str),
    /// A whole number of the file.
    Whole(i64),
    /// True or false of the file.
    Switch(bool),
    /// A list of strings of the file.
    List(Vec<&'a str>),
    /// Anything else of the file, in words.
    Other(&'static str),
}

impl Given<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Untyped(text) | Self::Text(text) => Some(text),
            Self::Whole(_) | Self::Switch(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// With commas, however it was written.
    fn list(&self) -> Option<String> {
        match self {
            Self::List(items) => Some(items.join(",")),
            other => other.text().map(str::to_owned),
        }
    }

    fn switch(&self) -> Option<bool> {
        match self {
            Self::Untyped(text) => text.parse().ok(),
            Self::Switch(switch) => Some(*switch),
            Self::Text(_) | Self::Whole(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    fn whole(&self) -> Option<u64> {
        match self {
            Self::Untyped(text) => text.parse().ok(),
            Self::Whole(number) => u64::try_from(*number).ok(),
            Self::Text(_) | Self::Switch(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    fn shown(&self) -> String {
        const SHOWN_MAX_CHARS: usize = 80;
        match self {
            Self::Untyped(text) | Self::Text(text) => {
                // a person may have given a whole file by accident; and no control characters to the terminal
                let shortened: String = text.chars().take(SHOWN_MAX_CHARS).collect();
                if matches!(self, Self::Text(_)) || !shortened.chars().all(|c| c.is_ascii_graphic()) {
                    format!("{shortened:?}")
                } else {
                    shortened
                }
            }
            Self::Whole(number) => number.to_string(),
            Self::Switch(switch) => switch.to_string(),
            Self::List(items) => format!("{items:?}").chars().take(SHOWN_MAX_CHARS).collect(),
            Self::Other(kind) => format!("({kind})"),
        }
    }
}

impl Key {
    /// Without dashes in front: `tick-threads`.
    pub(super) fn flag(&self) -> String {
        self.name.replace(['_', '.'], "-")
    }

    /// Puts the value into its field, or says why not.
    pub(super) fn set(&self, config: &mut Config, given: &Given<'_>, place: &Place) -> Result<(), ConfigError> {
        self.fill(config, given).map_err(|allowed| ConfigError::NotAllowed {
            place: place.clone(),
            // a secret is for no log
            given: if self.is_secret() { "(what stands there)".to_owned() } else { given.shown() },
            allowed,
        })
    }

    /// The error says what is allowed.
    fn fill(&self, config: &mut Config, given: &Given<'_>) -> Result<(), String> {
        match &self.slot {
            Address(field) => *field(config) = address(given.text().unwrap_or_default())?,
            Folder(field) => match given.text() {
                Some(text) if !text.is_empty() => *field(config) = Some(text.into()),
                _ => return Err("it takes the path of a folder, such as \"web\"".to_owned()),
            },
            File(field) => match given.text() {
                Some(text) if !text.is_empty() => *field(config) = Some(text.into()),
                _ => return Err("it takes the path of a file, such as \"cert.pem\"".to_owned()),
            },
            Filter(field) => *field(config) = filter::checked(given.text().unwrap_or_default())?,
            Count(range, field) => *field(config) = whole(given, range)?,
            Millis(range, field) => *field(config) = whole(given, range)?,
            Times(range, field) => *field(config) = whole(given, range)?,
            Small(range, field) => *field(config) = whole(given, range)?,
            Networks(field) => *field(config) = networks(given.list())?,
            Switch(field) => *field(config) = given.switch().ok_or("it takes true or false, without quotes")?,
            Origins(field) => *field(config) = given.list().unwrap_or_default().parse()?,
            MaybeAddress(field) => *field(config) = Some(address(given.text().unwrap_or_default())?),
            Token(field) => *field(config) = Some(operator::token(given.text().unwrap_or_default())?),
            Names(field) => *field(config) = names(given.list())?,
            Sentence(max_bytes, field) => *field(config) = sentence(given.text(), *max_bytes)?,
            Format(field) => *field(config) = format(given.text())?,
            Files(field) => {
                *field(config) = words(given.list(), "paths of files")?.into_iter().map(Into::into).collect();
            }
            MaybeText(field) => *field(config) = Some(word(given.text())?),
            MaybeSwitch(field) => {
                *field(config) = Some(given.switch().ok_or("it takes true or false, without quotes")?);
            }
            Words(field) => *field(config) = words(given.list(), "names of claims")?,
            OneOf(names, _, set) => {
                let is_one = set(config, given.text().unwrap_or_default());
                return if is_one { Ok(()) } else { Err(format!("it takes one of {}", quoted(names))) };
            }
        }
        Ok(())
    }

    pub(super) fn range(&self) -> String {
        match &self.slot {
            Count(range, _) => in_words(range),
            Millis(range, _) => in_words(range),
            Times(range, _) => in_words(range),
            Small(range, _) => in_words(range),
            _ => String::new(),
        }
    }

    /// Whether its value is for nobody to see.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.slot, Token(_))
    }

    /// As a value of the file; none when it is not set, or a secret.
    pub(super) fn toml(&self, config: &mut Config) -> Option<String> {
        let shown = self.shown(config);
        match &self.slot {
            Token(_) => None,
            Folder(_) | File(_) | MaybeAddress(_) | MaybeText(_) | MaybeSwitch(_) if shown.is_empty() => None,
            Count(..) | Millis(..) | Times(..) | Small(..) | Switch(_) | MaybeSwitch(_) => Some(shown),
            _ => Some(toml::Value::String(shown).to_string()),
        }
    }

    fn shown(&self, config: &mut Config) -> String {
        match &self.slot {
            Address(field) => field(config).to_string(),
            Folder(field) | File(field) => {
                field(config).as_ref().map(|path| path.display().to_string()).unwrap_or_default()
            }
            Filter(field) => field(config).clone(),
            Count(_, field) => field(config).to_string(),
            Millis(_, field) => field(config).to_string(),
            Times(_, field) => field(config).to_string(),
            Small(_, field) => field(config).to_string(),
            Networks(field) => field(config).iter().map(Network::to_string).collect::<Vec<_>>().join(","),
            Switch(field) => field(config).to_string(),
            Origins(field) => field(config).to_string(),
            MaybeAddress(field) => field(config).map(|address| address.to_string()).unwrap_or_default(),
            Token(field) => field(config).as_ref().map(|_| "(set)".to_owned()).unwrap_or_default(),
            Names(field) => field(config).join(","),
            Sentence(_, field) => field(config).clone(),
            Format(field) => field(config).name().to_owned(),
            Files(field) => field(config).iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(","),
            MaybeText(field) => field(config).clone().unwrap_or_default(),
            MaybeSwitch(field) => field(config).map(|switch| switch.to_string()).unwrap_or_default(),
            Words(field) => field(config).join(","),
            OneOf(_, name, _) => name(config).to_owned(),
        }
    }
}

fn whole<N>(given: &Given<'_>, range: &RangeInclusive<N>) -> Result<N, String>
where
    N: TryFrom<u64> + PartialOrd + std::fmt::Display,
{
    given
        .whole()
        .and_then(|number| N::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("it takes a whole number from {}, without quotes or unit", in_words(range)))
}

fn in_words(range: &RangeInclusive<impl std::fmt::Display>) -> String {
    format!("{} to {}", range.start(), range.end())
}

/// An address with its port; `localhost` is 127.0.0.1. No other name is resolved: which of its addresses is
/// meant would be a guess.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    port.map(|port| (Ipv4Addr::LOCALHOST, port).into()).ok_or_else(|| {
        "it takes an address and a port from 0 to 65535, such as 127.0.0.1:7777 (this machine only), \
         0.0.0.0:7777 (everyone) or [::1]:7777"
            .to_owned()
    })
}

fn sentence(text: Option<&str>, max_bytes: usize) -> Result<String, String> {
    let fits = |text: &&str| !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control);
    text.filter(fits)
        .map(str::to_owned)
        .ok_or_else(|| format!("it takes a sentence of 1 to {max_bytes} bytes, which is what a close frame can carry"))
}

fn word(text: Option<&str>) -> Result<String, String> {
    const MAX_BYTES: usize = 256;
    let is_fine = |text: &&str| (1..=MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    text.filter(is_fine)
        .map(str::to_owned)
        .ok_or_else(|| format!("it takes a text of 1 to {MAX_BYTES} bytes, in quotes"))
}

/// What stands between commas, or in a list; nothing at all is allowed.
fn words(list: Option<String>, what: &str) -> Result<Vec<String>, String> {
    let list = list.ok_or_else(|| format!("it takes {what} between commas, or as a list"))?;
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| word(Some(item))).collect()
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn format(text: Option<&str>) -> Result<LogFormat, String> {
    let known = [LogFormat::Pretty, LogFormat::Json].into_iter().find(|format| Some(format.name()) == text);
    known.ok_or_else(|| "it takes pretty or json".to_owned())
}

/// Names of hosts between commas, without ports.
fn names(list: Option<String>) -> Result<Vec<String>, String> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let names = list.map(|list| {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_ascii_lowercase).collect::<Vec<_>>()
    });
    names.filter(|names| names.iter().all(|name| is_name(name))).ok_or_else(|| {
        "it takes names of hosts between commas or as a list, without ports, such as [\"admin.example\"]".to_owned()
    })
}

/// What stands between commas; nothing at all is allowed.
fn networks(list: Option<String>) -> Result<Vec<Network>, String> {
    let allowed = "it takes addresses or networks between commas or as a list, such as \"127.0.0.1,10.0.0.0/8\" or \
                   [\"127.0.0.1\", \"10.0.0.0/8\"]";
    let one = |item: &str| item.parse().map_err(|_| allowed.to_owned());
    list.ok_or(allowed)?.split(',').map(str::trim).filter(|item| !item.is_empty()).map(one).collect()
}
