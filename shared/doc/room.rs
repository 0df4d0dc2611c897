pub mod coins {
    include!("coins.rs");
}

use std::collections::BTreeMap;
use std::time::Duration;

use coins::{Coins, Keys};
use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{KindLayout, Layout, Part, RowBuffer, encode_keyframe, encode_row};
use tickwire_shared::protocol::frame::{
    Contents, FrameHead, InputAck, write_events, write_head, write_owned, write_part_head,
};
use tickwire_shared::protocol::{ClientMessage, ResumeToken, ServerMessage, TAG_INPUT, encode_payload, input};
use tickwire_shared::publish::Published;
use tickwire_shared::*;

/// A room of one seat, without sockets, that sends keyframes only.
pub struct Room<G: Game> {
    game: G,
    setup: Setup,
    layout: Layout,
    tick: Tick,
    /// For ticks to come.
    inputs: BTreeMap<u32, G::Input>,
    wish: Option<G::Input>,
    ack: Option<InputAck>,
}

impl<G: Game> Room<G> {
    /// An empty room.
    pub fn new(options: G::Options) -> Self {
        let mut setup = Setup::new(7);
        let game = G::new(options, &mut setup).expect("a playable room");
        let layout = Layout::new(&Schema::of::<G>()).expect("possible kinds");
        Self { game, setup, layout, tick: Tick(1), inputs: BTreeMap::new(), wish: None, ack: None }
    }

    /// What the server says to a client's message.
    pub fn answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if message[0] == TAG_INPUT {
            let kind = KindLayout::new(&G::Input::schema()).expect("a possible input");
            let take = |one: input::TickInput| {
                if one.tick.is_after(self.tick) {
                    self.inputs.insert(one.tick.0, G::Input::from_lanes(&one.lanes[..G::Input::LANES]));
                }
            };
            input::decode(&kind, message, take).expect("an input");
            return None;
        }
        let answer = match ClientMessage::decode(message).ok()? {
            ClientMessage::Hello { .. } => {
                let schema = Schema::of::<G>();
                ServerMessage::Welcome { fingerprint: schema.fingerprint(), schema: Some(schema) }
            }
            ClientMessage::Join(request) => match self.game.join(SeatId(0), &Profile::named(&request.name)) {
                Ok(()) => self.joined(),
                Err(refusal) => ServerMessage::Refused { reason: refusal.to_string() },
            },
            ClientMessage::Resume(_) => self.resumed(),
            ClientMessage::Ping { stamp_ms } => ServerMessage::Pong { stamp_ms },
            _ => return None,
        };
        Some(answer.encode())
    }

    /// One tick, and the frame of it.
    pub fn tick(&mut self) -> Vec<u8> {
        self.tick = self.tick.next();
        if let Some(input) = self.inputs.remove(&self.tick.0) {
            self.wish = Some(input);
            self.ack = Some(InputAck { tick: self.tick, margin_100us: 500 });
        }
        let inputs = [self.wish.clone()];
        let (mut commands, mut events) = (Vec::new(), Vec::new());
        let rng = &mut self.setup.rng.clone();
        self.game.tick(&mut Step::new(self.tick, self.setup.rate, &inputs, &mut commands, &mut events, rng));
        self.setup.rng = rng.clone();
        let mut published = Published::default();
        self.game.publish(&mut Publisher::new(&mut published));
        self.frame(&mut published, &events)
    }

    fn frame(&mut self, published: &mut Published, events: &[(To, G::Event)]) -> Vec<u8> {
        published.entities.sort_unstable_by_key(|entity| entity.id);
        let (mut rows, mut part, mut owned, mut frame) = (RowBuffer::default(), Vec::new(), Vec::new(), Vec::new());
        let mine: Vec<_> = published.entities.iter().filter(|entity| entity.owner.is_some()).collect();
        let mut bits = BitWriter::new(&mut owned);
        bits.count(mine.len() as u32, 1);
        for entity in &published.entities {
            let kind = self.layout.kind(entity.kind).expect("one of the game's");
            let row = &published.lanes[entity.first_lane..entity.first_lane + kind.lanes()];
            rows.push(entity.id, entity.kind, row.len()).copy_from_slice(row);
            if entity.owner.is_some() {
                bits.write(entity.id.0, 32);
                bits.write(entity.kind.into(), 16);
                encode_row(kind, Part::Owner, row, &mut bits);
            }
        }
        bits.finish();
        encode_keyframe(&self.layout, rows.rows(), &mut part);
        let events: Vec<Vec<u8>> = events.iter().map(|(_, event)| encode_payload(event)).collect();
        let head = FrameHead { tick: self.tick, reset: true, ack: self.ack.take(), ..FrameHead::default() };
        let contents = Contents { owned: true, events: !events.is_empty(), parts: 1, in_order: false };
        write_head(&head, None, &[], contents, &mut frame);
        write_owned(&owned, &mut frame);
        if !events.is_empty() {
            write_events(events.iter().map(Vec::as_slice), &mut frame);
        }
        write_part_head(0, true, None, &mut frame);
        frame.extend_from_slice(&part);
        frame
    }

    fn joined(&self) -> ServerMessage {
        let (rate_hz, token) = (self.setup.rate.per_second(), Some(ResumeToken([1; 32])));
        ServerMessage::Joined { room: 1, seat: 0, tick: self.tick, rate_hz, token, code: None }
    }

    fn resumed(&self) -> ServerMessage {
        let (rate_hz, token) = (self.setup.rate.per_second(), ResumeToken([2; 32]));
        ServerMessage::Resumed { room: 1, seat: 0, tick: self.tick, rate_hz, token, events_lost: 0, code: None }
    }
}

/// A client that plays coins for half a second with its finger on a key, and its room.
pub fn playing() -> (Client<Coins>, Room<Coins>, Duration) {
    play(Client::new(Profile::named("ann")).expect("possible kinds"))
}

/// As [`playing`], with this client.
pub fn play(mut client: Client<Coins>) -> (Client<Coins>, Room<Coins>, Duration) {
    let mut host = Room::new(());
    let mut now = Duration::ZERO;
    for _ in 0..10 {
        client.input(now, &Keys { go: [1, 0] });
        while let Some(message) = client.poll_transmit() {
            if let Some(answer) = host.answer(&message) {
                client.handle_message(now, &answer).expect("it belongs here");
            }
        }
        client.handle_message(now, &host.tick()).expect("a frame");
        now += Duration::from_millis(50);
    }
    (client, host, now)
}
