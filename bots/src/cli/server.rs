//! The flags that say where the server is and whom to believe.

use std::path::PathBuf;

use clap::Args;
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::limits::WISH_MAX_BYTES;

/// A server.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// The server's session address [default: ws://127.0.0.1:7777/ws].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
    #[command(flatten)]
    seat: SeatArgs,
}

/// Whose certificates count.
#[derive(Args, Clone, Debug)]
pub struct TrustArgs {
    /// Over wss:// trust the authorities or servers whose certificates are in this PEM file, and nobody else.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Over wss:// take any certificate; for servers of your own on networks of your own.
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
}

/// Which seats.
#[derive(Args, Clone, Debug)]
struct SeatArgs {
    /// Which room the bots want, such as '{"where": {"map": "ice"}}' or '{"room": 17}' [default: any].
    #[arg(long, value_name = "JSON", value_parser = wish)]
    wish: Option<String>,
    /// Who the bots are, where the server asks: a signed token. A ticket is good for one bot only.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        env = "TICKWIRE_BOTS_PASS",
        hide_env_values = true
    )]
    pass: Option<String>,
}

/// JSON, so that a slip is told before thousands of bots are refused for it.
fn wish(text: &str) -> Result<String, String> {
    if text.len() > WISH_MAX_BYTES {
        return Err(format!("give at most {WISH_MAX_BYTES} bytes"));
    }
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(_)) => Ok(text.to_owned()),
        Ok(_) => Err("give a JSON object, such as '{\"room\": 17}'".to_owned()),
        Err(error) => Err(format!("give JSON ({error}), such as '{{\"room\": 17}}'")),
    }
}

impl ServerArgs {
    /// The address that is meant, when a scenario may name one too.
    #[must_use]
    pub fn url(&self, scenario: Option<&str>) -> String {
        self.url.as_deref().or(scenario).unwrap_or("ws://127.0.0.1:7777/ws").to_owned()
    }

    /// How bots ask for a seat, under names that begin so.
    #[must_use]
    pub fn request(&self, name_prefix: &str) -> JoinRequest {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        JoinRequest::new(name_prefix).wishing(given(&self.seat.wish)).with_pass(given(&self.seat.pass))
    }
}
