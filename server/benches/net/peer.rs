//! Who is measured, and at what.

use std::fmt;

use clap::ValueEnum;

/// Ticks a second of every broadcast: as many as one core gets through of two servers with the most connections.
pub const HZ: u32 = 5;

/// A server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Peer {
    /// A bare epoll loop
    Floor,
    /// This project's examples
    Tickwire,
    /// tokio-tungstenite as it comes
    Tungstenite,
    /// tokio-tungstenite with a read buffer of 4 KiB
    Tungstenite4k,
    /// fastwebsockets on tokio
    Fastwebsockets,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Floor => "floor",
            Self::Tickwire => "tickwire",
            Self::Tungstenite => "tokio-tungstenite",
            Self::Tungstenite4k => "… 4 KiB buffer",
            Self::Fastwebsockets => "fastwebsockets",
        })
    }
}

/// What a server does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// A binary frame of so many bytes to everybody, [`HZ`] times a second.
    Tick { bytes: usize },
    /// Every message back.
    Echo,
}

impl Job {
    /// As [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("tick", bytes)) => bytes.parse().ok().map(|bytes| Self::Tick { bytes }),
            None if text == "echo" => Some(Self::Echo),
            _ => None,
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick { bytes } => write!(f, "tick:{bytes}"),
            Self::Echo => f.write_str("echo"),
        }
    }
}
