//! What becomes of a plain connection for which there is no place: one sentence, if that is quickly said.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Plain, rewound};
use crate::net::PlainStream;

/// Connections that are told so at a time; those beyond it just end.
pub(super) const SHEDDING_MAX: usize = 64;
/// For the answer to leave and the peer to close.
const SHED_TIMEOUT: Duration = Duration::from_secs(1);

const REASON: &str = "Too many ask at the same time; try again in a second.\n";

/// Tells a peer that was not [admitted](Plain::admit) to try again (503), and closes. It takes a second at most, and
/// where too many are being told already, the connection just ends. `read` is what was read from it.
///
/// To be spawned on a tokio runtime whose I/O and time drivers are on.
pub async fn shed(stream: PlainStream, read: Vec<u8>, plain: Arc<Plain>) {
    let Ok(_place) = plain.shedding.try_acquire() else { return };
    match tokio::time::timeout(SHED_TIMEOUT, tell(stream, read.starts_with(b"HEAD "))).await {
        Ok(Ok(())) => tracing::debug!("a plain connection too many was told to come again"),
        Ok(Err(error)) => tracing::debug!(%error, "a plain connection too many could not be told"),
        Err(_) => tracing::debug!("a plain connection too many was told to come again, and dropped"),
    }
}

async fn tell(stream: PlainStream, without_body: bool) -> io::Result<()> {
    let mut stream = rewound(stream, Vec::new())?;
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nCache-Control: no-store\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        REASON.len()
    );
    if !without_body {
        answer += REASON;
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
