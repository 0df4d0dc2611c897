//! A client of ten lines, and what it knows of the world.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tickwire_server::Running;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Peer {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What `set` and `gone` have told.
    pub entities: BTreeMap<String, Map<String, Value>>,
    pub own: BTreeMap<String, Map<String, Value>>,
    pub tick: u64,
    /// Events that nobody asked for yet.
    events: VecDeque<Value>,
}

impl Peer {
    pub async fn connect(server: &Running) -> Self {
        let url = format!("ws://{}/ws", server.addr());
        let mut request = url.into_client_request().expect("a URL");
        request.headers_mut().insert("Sec-WebSocket-Protocol", "tickwire.1.json".parse().expect("a value"));
        let (socket, answer) = connect_async(request).await.expect("the server listens");
        assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "tickwire.1.json");
        Self { socket, entities: BTreeMap::new(), own: BTreeMap::new(), tick: 0, events: VecDeque::new() }
    }

    /// With a seat.
    pub async fn joined(server: &Running, name: &str) -> Self {
        let mut peer = Self::connect(server).await;
        peer.say(&format!(r#"{{"join":{{"name":{name:?}}}}}"#)).await;
        peer.hear("joined").await;
        peer
    }

    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the server reads");
    }

    /// The next message; none at the end.
    pub async fn next(&mut self) -> Option<Value> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let text = text.as_str();
                        return Some(serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                    Some(Ok(other)) => panic!("{other:?} is no text"),
                }
            }
        };
        let message: Value = tokio::time::timeout(PATIENCE, next).await.expect("the server says something")?;
        self.learn(&message);
        Some(message)
    }

    /// Reads on until a message has this key; what it says there.
    pub async fn hear(&mut self, key: &str) -> Value {
        self.hear_until(key, |_| true).await
    }

    /// The same, of a value that is meant.
    pub async fn hear_until(&mut self, key: &str, meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("closed, and nobody said {key:?}"));
            match message.get(key) {
                Some(value) if meant(value) => return value.clone(),
                _ if key != "error" && message.get("error").is_some() => panic!("{message}"),
                _ => {}
            }
        }
    }

    /// The next event of this name; those before it are of no interest.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            while let Some(mut event) = self.events.pop_front() {
                if let Some(told) = event.get_mut(name) {
                    return told.take();
                }
            }
            let message = self.next().await.unwrap_or_else(|| panic!("closed, and there was no {name:?}"));
            assert!(message.get("error").is_none(), "{message}");
        }
    }

    /// Until the server closes: code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        let close = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(close)))) => return (close.code.into(), close.reason.to_string()),
                    Some(Ok(_)) => {}
                    other => panic!("no close frame: {other:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, close).await.expect("the server closes")
    }

    fn learn(&mut self, message: &Value) {
        self.tick = message["tick"].as_u64().unwrap_or(self.tick);
        self.events.extend(message["events"].as_array().cloned().unwrap_or_default());
        for (id, fields) in message["set"].as_object().into_iter().flatten() {
            let fields = fields.as_object().expect("fields");
            if fields.contains_key("kind") {
                self.entities.insert(id.clone(), fields.clone());
            } else {
                let entity = self.entities.get_mut(id).expect("what changes was there");
                assert!(fields.keys().all(|name| entity.contains_key(name)), "{id}: {fields:?} beside {entity:?}");
                entity.extend(fields.clone());
            }
        }
        for id in message["gone"].as_array().into_iter().flatten() {
            assert!(self.entities.remove(&id.to_string()).is_some(), "{id} goes and never came");
            self.own.remove(&id.to_string());
        }
        for (id, fields) in message["own"].as_object().into_iter().flatten() {
            match fields.as_object() {
                Some(fields) => self.own.entry(id.clone()).or_default().extend(fields.clone()),
                None => assert!(self.own.remove(id).is_some(), "{id} is own no more and never was"),
            }
        }
    }
}
