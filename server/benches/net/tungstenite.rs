//! tokio-tungstenite on one thread: a task for each connection, and its own ways of batching.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::stream::{SplitSink, StreamExt};
use futures_util::{SinkExt, TryStreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use crate::peer::{HZ, Job};

/// tungstenite's own.
pub const READ_BUFFER_DEFAULT_BYTES: usize = 128 * 1024;

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

/// Serves until it is killed. The address comes first on stdout.
pub fn serve(job: Job, read_buffer_bytes: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("ws://{}/", listener.local_addr()?);
        let (sender, sinks) = mpsc::unbounded_channel();
        if let Job::Tick { bytes } = job {
            tokio::spawn(tick(sinks, bytes));
        }
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(connection(stream, read_buffer_bytes, job, sender.clone()));
        }
    })
}

async fn connection(stream: TcpStream, read_buffer_bytes: usize, job: Job, sinks: mpsc::UnboundedSender<Sink>) {
    let config = WebSocketConfig::default().read_buffer_size(read_buffer_bytes);
    let Ok(socket) = accept_async_with_config(stream, Some(config)).await else { return };
    let (sink, messages) = socket.split();
    match job {
        // writes when there is nothing more to read: many answers in one write
        Job::Echo => {
            let echoed = messages.try_filter(|message| std::future::ready(message.is_text() || message.is_binary()));
            let _ = echoed.forward(sink).await;
        }
        Job::Tick { .. } => {
            let _ = sinks.send(sink);
            messages.for_each(|_| std::future::ready(())).await;
        }
    }
}

/// One task for all sinks: cheaper than a channel that wakes a task for each.
async fn tick(mut new: mpsc::UnboundedReceiver<Sink>, bytes: usize) {
    let mut interval = tokio::time::interval(Duration::from_secs(1) / HZ);
    let mut sinks: Vec<Sink> = Vec::new();
    for tick in 0_u32.. {
        interval.tick().await;
        while let Ok(sink) = new.try_recv() {
            sinks.push(sink);
        }
        let mut payload = vec![0; bytes];
        payload[..4].copy_from_slice(&tick.to_le_bytes());
        let payload = Bytes::from(payload);
        for sink in &mut sinks {
            // an ended connection stays: the load ends none while it measures
            let _ = sink.send(Message::Binary(payload.clone())).await;
        }
    }
}
