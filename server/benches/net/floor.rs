//! What cannot be done without: one thread, one epoll, a read for what came and a `send(2)` for what goes.
//!
//! It is no WebSocket server: its handshake looks for the key alone, its broadcast writes one ready frame again and
//! again, and its echo takes it for granted that each read is a row of whole frames of the size that the load sends,
//! takes their masks off and sends them back with one write. Whatever checks, limits, keeps state or may be written to
//! later costs more than this.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::SockRef;
use tickwire_server::net::NetConfig;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::peer::{HZ, Job};

const LISTENER: u64 = u64::MAX;

/// Serves until it is killed. The address comes first on stdout.
pub fn serve(job: Job) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    println!("ws://{}/", listener.local_addr()?);

    let period = Duration::from_secs(1) / HZ;
    let mut due = Instant::now() + period;
    let mut frame = match job {
        Job::Tick { bytes } => ready_frame(bytes),
        Job::Echo => Vec::new(),
    };
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let mut scratch = vec![0; 64 * 1024];
    let mut out = Vec::new();
    let mut tick = 0_u32;
    loop {
        let timeout = match job {
            Job::Tick { .. } => Some(due.saturating_duration_since(Instant::now())),
            Job::Echo => None,
        };
        let timeout = timeout.map(|left| Timespec::try_from(left).expect("less than a second"));
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), timeout.as_ref())?;
        for event in &events {
            let event: &epoll::Event = event;
            if event.data.u64() == LISTENER {
                let (mut stream, _) = listener.accept()?;
                shake_hands(&mut stream)?;
                let data = epoll::EventData::new_u64(streams.len() as u64);
                epoll::add(&epoll, &stream, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
                streams.push(Some(stream));
                continue;
            }
            let place = &mut streams[event.data.u64() as usize];
            let Some(stream) = place else { continue };
            match stream.read(&mut scratch) {
                Ok(0) | Err(_) => *place = None,
                Ok(count) => {
                    if job == Job::Echo {
                        unmask_all(&mut scratch[..count], &mut out);
                        // a load that does not read is not a case here
                        stream.write_all(&out)?;
                    }
                }
            }
        }
        if timeout.is_some() && Instant::now() >= due {
            due += period;
            tick += 1;
            let payload_at = frame.len() - payload_bytes(job);
            frame[payload_at..payload_at + 4].copy_from_slice(&tick.to_le_bytes());
            for stream in streams.iter_mut().flatten() {
                // who does not read misses it
                let _ = stream.write(&frame);
            }
        }
    }
}

fn payload_bytes(job: Job) -> usize {
    if let Job::Tick { bytes } = job { bytes } else { 0 }
}

fn ready_frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match bytes {
        0..=125 => frame.push(bytes as u8),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(bytes).expect("at most 65,535 bytes").to_be_bytes());
        }
    }
    frame.resize(frame.len() + bytes, 0);
    frame
}

/// Turns whole masked frames of less than 126 bytes into a server's.
fn unmask_all(mut frames: &mut [u8], out: &mut Vec<u8>) {
    out.clear();
    while let [first, second, a, b, c, d, rest @ ..] = frames {
        let len = usize::from(*second & 0x7F);
        let mask = u64::from_ne_bytes([*a, *b, *c, *d, *a, *b, *c, *d]);
        out.extend_from_slice(&[*first, len as u8]);
        let (payload, behind) = rest.split_at_mut(len);
        let (words, tail) = payload.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ mask).to_ne_bytes();
        }
        for (byte, mask) in tail.iter_mut().zip(mask.to_ne_bytes()) {
            *byte ^= mask;
        }
        out.extend_from_slice(payload);
        frames = behind;
    }
}

/// Takes the request and says yes.
pub fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    // as ours, so that the kernel has the same to do
    SockRef::from(&*stream).set_send_buffer_size(NetConfig::default().send_buffer_bytes)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut scratch = [0; 1024];
        let count = stream.read(&mut scratch)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&scratch[..count]);
    }
    let head = String::from_utf8_lossy(&head);
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    stream.set_nonblocking(true)
}
