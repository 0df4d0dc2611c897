//! fastwebsockets on one tokio thread, used as its documentation shows.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket, WebSocketWrite};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::floor::shake_hands;
use crate::peer::{HZ, Job};

type Sink = WebSocketWrite<OwnedWriteHalf>;

/// Serves until it is killed. The address comes first on stdout.
pub fn serve(job: Job) -> io::Result<()> {
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
            let mut stream = stream.into_std()?;
            shake_hands(&mut stream)?;
            let socket = WebSocket::after_handshake(TcpStream::from_std(stream)?, Role::Server);
            match job {
                Job::Echo => drop(tokio::spawn(echo(socket))),
                Job::Tick { .. } => drop(tokio::spawn(receive(socket, sender.clone()))),
            }
        }
    })
}

async fn echo(mut socket: WebSocket<TcpStream>) {
    // a close frame is answered by the socket, and the next read fails
    while let Ok(frame) = socket.read_frame().await {
        if !matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
            continue;
        }
        // a new frame: the one that came still has its mask, and would be sent with it
        let answer = Frame::new(true, frame.opcode, None, frame.payload);
        if socket.write_frame(answer).await.is_err() {
            return;
        }
    }
}

async fn receive(socket: WebSocket<TcpStream>, sinks: mpsc::UnboundedSender<Sink>) {
    let (mut frames, sink) = socket.split(TcpStream::into_split);
    let _ = sinks.send(sink);
    // the load pings nobody, so nothing is owed
    while frames.read_frame(&mut |_| async { Ok::<(), Infallible>(()) }).await.is_ok() {}
}

async fn tick(mut new: mpsc::UnboundedReceiver<Sink>, bytes: usize) {
    let mut interval = tokio::time::interval(Duration::from_secs(1) / HZ);
    let mut sinks: Vec<Sink> = Vec::new();
    let mut payload = vec![0; bytes];
    for tick in 0_u32.. {
        interval.tick().await;
        while let Ok(sink) = new.try_recv() {
            sinks.push(sink);
        }
        payload[..4].copy_from_slice(&tick.to_le_bytes());
        for sink in &mut sinks {
            // an ended connection stays: the load ends none while it measures
            let _ = sink.write_frame(Frame::binary(Payload::Borrowed(&payload))).await;
        }
    }
}
