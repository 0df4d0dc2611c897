//! The socket alone, on a thread of its own: for programs that drive a client by hand, once for each picture.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt};
use tokio::runtime;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{SILENCE, Socket, Trust, dial, poll_next, socket_error};
use crate::protocol::close::CloseReason;

/// So many events wait for [`SocketThread::poll`]; then nothing more is read, and the server waits.
const EVENTS_MAX: usize = 1024;
/// So long a close is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a [`SocketThread`] tells.
///
/// ```
/// use std::time::Instant;
/// use tickwire_shared::native::SocketEvent;
///
/// let lost = SocketEvent::Lost { at: Instant::now(), code: 1006, reason: "connection lost".into() };
/// let SocketEvent::Lost { code, reason, .. } = lost else { unreachable!() };
/// assert_eq!((code, reason.as_str()), (1006, "connection lost")); // for Client::handle_disconnected
/// ```
#[derive(Debug)]
pub enum SocketEvent {
    /// The connection stands.
    Connected,
    /// A whole binary message arrived.
    Message {
        /// When, whatever the program did meanwhile.
        at: Instant,
        /// Its payload.
        bytes: Vec<u8>,
    },
    /// The connection is over, or could not be made. There is none until [`SocketThread::dial`].
    Lost {
        /// When.
        at: Instant,
        /// The WebSocket close code; 1006 when there was none. Of a try that failed, what a close would have said.
        code: u16,
        /// For a person.
        reason: String,
    },
}

enum Order {
    Dial,
    Send(Vec<u8>),
    Close { code: u16, reason: String },
}

/// A WebSocket to one address that lives on a thread of its own. It is read and answers pings whatever the program does,
/// and knows when each message arrived, so a slow picture does not pass for a slow network. Nothing here blocks but the
/// drop, which waits up to a second for the close.
///
/// What becomes of a lost connection is up to whoever holds it: see
/// [`UntypedClient::handle_disconnected`](crate::client::UntypedClient::handle_disconnected).
///
/// ```no_run
/// use tickwire_shared::native::{SocketEvent, SocketThread, Trust};
///
/// let mut socket = SocketThread::start("ws://127.0.0.1:7777/ws", &Trust::default())?;
/// // once for each picture
/// while let Some(event) = socket.poll() {
///     match event {
///         SocketEvent::Connected => println!("it stands: Client::handle_connected, unless it is the first"),
///         SocketEvent::Message { bytes, .. } => println!("{} bytes for Client::handle_message", bytes.len()),
///         SocketEvent::Lost { reason, .. } => println!("{reason}: Client::handle_disconnected"),
///     }
/// }
/// socket.send(vec![5]); // what Client::poll_transmit gives
/// socket.dial(); // when Client::poll_connect says so
/// socket.close(1000, "left"); // at the end
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SocketThread {
    /// None when it is being dropped.
    orders: Option<UnboundedSender<Order>>,
    events: Option<Receiver<SocketEvent>>,
    thread: Option<JoinHandle<()>>,
}

impl SocketThread {
    /// Starts the thread, which begins to dial.
    ///
    /// # Errors
    /// The system gives no thread, or no event loop for it.
    pub fn start(url: &str, trust: &Trust) -> io::Result<Self> {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (telling, events) = mpsc::channel(EVENTS_MAX);
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (url, trust) = (url.to_owned(), trust.clone());
        let thread = Builder::new().name("tickwire-socket".to_owned()).spawn(move || {
            runtime.block_on(live(&url, &trust, ordered, telling));
            // a look-up of a name that hangs is not waited for
            runtime.shutdown_background();
        })?;
        let this = Self { orders: Some(orders), events: Some(events), thread: Some(thread) };
        this.dial();
        Ok(this)
    }

    /// Connects again after [`SocketEvent::Lost`].
    pub fn dial(&self) {
        self.order(Order::Dial);
    }

    /// Sends a binary message; where there is no connection it is dropped.
    pub fn send(&self, message: Vec<u8>) {
        self.order(Order::Send(message));
    }

    /// Ends the connection, or the try to make one, after what was sent; no [`SocketEvent::Lost`] follows.
    pub fn close(&self, code: u16, reason: &str) {
        self.order(Order::Close { code, reason: reason.to_owned() });
    }

    /// The next thing that happened.
    pub fn poll(&mut self) -> Option<SocketEvent> {
        self.events.as_mut()?.try_recv().ok()
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // the thread ends only with this
            let _ = orders.send(order);
        }
    }
}

impl Drop for SocketThread {
    fn drop(&mut self) {
        // first this one, for whom the thread may be waiting
        self.events = None;
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn live(url: &str, trust: &Trust, mut orders: UnboundedReceiver<Order>, told: Sender<SocketEvent>) {
    while let Some(order) = orders.recv().await {
        if !matches!(order, Order::Dial) {
            // was for the connection before
            continue;
        }
        let dialed = tokio::select! {
            dialed = dial::dial(url.to_owned(), trust.clone()) => dialed,
            () = given_up(&mut orders) => continue,
        };
        let lost = match dialed {
            Ok(socket) if told.send(SocketEvent::Connected).await.is_ok() => serve(socket, &mut orders, &told).await,
            Ok(mut socket) => {
                close(&mut socket, VecDeque::new(), CloseReason::Done.code(), "").await;
                None
            }
            Err(error) => Some((dial::close_code(&error), error.to_string())),
        };
        if let Some((code, reason)) = lost {
            let _ = told.send(SocketEvent::Lost { at: Instant::now(), code, reason }).await;
        }
    }
}

/// Nobody wants the connection any more that is being made.
async fn given_up(orders: &mut UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if matches!(order, Order::Close { .. }) {
            return;
        }
    }
}

/// Until the connection is over; tells why, if it was not closed from here.
async fn serve(
    mut socket: Socket,
    orders: &mut UnboundedReceiver<Order>,
    told: &Sender<SocketEvent>,
) -> Option<(u16, String)> {
    let mut outgoing = VecDeque::new();
    let mut heard = tokio::time::Instant::now();
    loop {
        let came = tokio::select! {
            order = orders.recv() => {
                match order {
                    Some(Order::Send(message)) => outgoing.push_back(message),
                    Some(Order::Dial) => {}
                    Some(Order::Close { code, reason }) => {
                        close(&mut socket, outgoing, code, &reason).await;
                        return None;
                    }
                    None => {
                        close(&mut socket, outgoing, CloseReason::Done.code(), "").await;
                        return None;
                    }
                }
                continue;
            }
            came = poll_fn(|context| poll_next(|| outgoing.pop_front(), &mut socket, context)) => came,
            () = tokio::time::sleep_until(heard + SILENCE) => {
                return Some((1006, format!("the server said nothing for {} s", SILENCE.as_secs())));
            }
        };
        match came {
            Some(Ok(Message::Binary(bytes))) => {
                let event = SocketEvent::Message { at: Instant::now(), bytes: bytes.into() };
                // nobody listens: what is left to do is told by the orders
                let _ = told.send(event).await;
            }
            Some(Ok(Message::Close(frame))) => {
                // the answer to the close; if there is no room for it now, so be it
                let _ = socket.flush().now_or_never();
                return Some(frame.map_or((1005, "no reason given".to_owned()), |frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                }));
            }
            Some(Ok(Message::Text(_))) => {
                let code = CloseReason::ProtocolError.code();
                let reason = "the server sent a text message that does not belong here";
                close(&mut socket, VecDeque::new(), code, reason).await;
                return Some((code, reason.to_owned()));
            }
            // tungstenite answers pings itself
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some((1006, socket_error(error).to_string())),
            None => return Some((1006, "connection lost".to_owned())),
        }
        heard = tokio::time::Instant::now();
    }
}

async fn close(socket: &mut Socket, outgoing: VecDeque<Vec<u8>>, code: u16, reason: &str) {
    let closing = async {
        for message in outgoing {
            socket.feed(Message::Binary(message.into())).await?;
        }
        socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })).await?;
        Ok::<(), SocketError>(())
    };
    // whoever does not take it is left
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}
