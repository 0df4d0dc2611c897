//! Echoes what Autobahn's fuzzing server says, through the WebSocket that native clients and the swarm have: the same
//! crate, with the same settings. `.ci/autobahn/run --client` lets it be judged.
//!
//! ```text
//! cargo run --release -p tickwire-bots --example autobahn_client -- ws://127.0.0.1:9001
//! ```

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use tickwire_shared::native::websocket_config;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// What the report calls us.
const AGENT: &str = "native-client";
/// The suite needs a moment to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// The suite itself gives up earlier.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: autobahn_client ws://HOST:PORT");
        return ExitCode::from(2);
    };
    match run(&url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str) -> anyhow::Result<()> {
    let cases = case_count(url).await?;
    for case in 1..=cases {
        let socket = connect(&format!("{url}/runCase?case={case}&agent={AGENT}")).await?;
        // what ends a case is the suite's to judge
        let _ = tokio::time::timeout(CASE_TIMEOUT, echo(socket)).await;
    }
    let mut socket = connect(&format!("{url}/updateReports?agent={AGENT}")).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<Socket> {
    let config = Some(websocket_config());
    let (socket, _) =
        connect_async_with_config(url, config, true).await.with_context(|| format!("cannot connect to {url}"))?;
    Ok(socket)
}

async fn case_count(url: &str) -> anyhow::Result<u32> {
    let begun = Instant::now();
    let url = format!("{url}/getCaseCount");
    let mut socket = loop {
        match connect(&url).await {
            Ok(socket) => break socket,
            Err(error) if begun.elapsed() > START_TIMEOUT => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    match socket.next().await {
        Some(Ok(Message::Text(count))) => Ok(count.parse()?),
        other => bail!("the suite tells how many cases there are, not {other:?}"),
    }
}

/// Until the connection is over.
async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.next().await {
        let sent = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            // pings and the close are answered by the library, when it is flushed
            _ => socket.flush().await,
        };
        if sent.is_err() {
            return;
        }
    }
}
