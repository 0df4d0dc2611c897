//! The flags that say where the server is and whom to believe.

use std::path::PathBuf;

use clap::Args;

/// A server.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// The server's session address [default: ws://127.0.0.1:7777/ws].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Over wss:// trust the authorities or servers whose certificates are in this PEM file, and nobody else.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Over wss:// take any certificate; for servers of your own on networks of your own.
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
}

impl ServerArgs {
    /// The address that is meant, when a scenario may name one too.
    #[must_use]
    pub fn url(&self, scenario: Option<&str>) -> String {
        self.url.as_deref().or(scenario).unwrap_or("ws://127.0.0.1:7777/ws").to_owned()
    }
}
