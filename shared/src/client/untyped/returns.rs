//! From one connection to the next.

use std::time::Duration;

use super::UntypedClient;
use crate::client::clock::Clock;
use crate::client::event::UntypedEvent;
use crate::client::reconnect::{Meanwhile, Reconnect, Returning};
use crate::client::{ClientError, State};
use crate::game::SeatId;
use crate::protocol::close::CloseReason;
use crate::protocol::{ClientMessage, JoinRequest, ResumeClaim, ResumeToken};
use crate::tick::{Tick, TickRate};

/// Commands that are kept while there is no connection; the oldest goes.
const KEPT_MAX: usize = 64;

impl UntypedClient {
    /// As [`Client::returning`](crate::client::Client::returning).
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::client::{Returning, State, UntypedClient};
    ///
    /// fn deliver(client: &mut UntypedClient, room: &mut Room<Coins>) {
    ///     while let Some(message) = client.poll_transmit() {
    ///         if let Some(answer) = room.answer(&message) {
    ///             client.handle_message(Duration::ZERO, &answer).expect("it belongs here");
    ///         }
    ///     }
    /// }
    /// let mut room = Room::new(());
    /// let mut client = UntypedClient::of_game("coins", Profile::default()).returning(Returning::new(7));
    /// deliver(&mut client, &mut room);
    /// assert!(client.handle_disconnected(Duration::ZERO, 1006, "connection lost"));
    /// client.hurry();
    /// assert!(client.poll_connect(Duration::ZERO));
    /// client.handle_connected();
    /// deliver(&mut client, &mut room);
    /// client.command(protocol::encode_payload(&()));
    /// assert!(matches!(client.state(), State::Playing { .. }) && client.poll_transmit().is_some());
    /// ```
    #[must_use]
    pub fn returning(self, returning: Returning) -> Self {
        Self { reconnect: Some(Reconnect::new(returning)), ..self }
    }

    /// As [`Client::token`](crate::client::Client::token).
    #[must_use]
    pub fn token(&self) -> Option<ResumeToken> {
        self.token
    }

    /// As [`Client::once`](crate::client::Client::once).
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::coins::*, std::time::Duration, tickwire_shared::{*, client::UntypedClient, protocol::ResumeToken}};
    /// let mut client = UntypedClient::back_to(Schema::of::<Coins>(), ResumeToken([7; 32]))?.once();
    /// assert!(!client.handle_disconnected(Duration::ZERO, 1006, "connection lost"), "that was it");
    /// # Ok::<(), delta::LayoutError>(())
    /// ```
    #[must_use]
    pub fn once(self) -> Self {
        Self { reconnect: None, ..self }
    }

    /// As [`Client::handle_connected`](crate::client::Client::handle_connected).
    pub fn handle_connected(&mut self) {
        if self.state.ended().is_some() {
            return;
        }
        self.reconnect.iter_mut().for_each(Reconnect::connected);
        // what was for the connection before is not for this one
        self.transmits.clear();
        let Some(token) = self.token else {
            self.state = State::Joining;
            return self.ask_for_a_seat();
        };
        self.state = State::Resuming { attempt: self.reconnect.as_ref().map_or(1, Reconnect::attempt), next_try: None };
        self.greet();
        let held = if self.healing.is_some() { None } else { self.replica.go_on() };
        let (tick, channels) = held.map_or((None, Vec::new()), |(tick, channels)| (Some(tick), channels));
        let attempt = self.reconnect.as_ref().map_or(0, Reconnect::connections);
        let events = self.seat.is_some().then_some(self.events_had);
        let claim = ResumeClaim { token, attempt, events, tick, channels };
        self.transmit(ClientMessage::Resume(claim).encode());
    }

    /// As [`Client::handle_disconnected`](crate::client::Client::handle_disconnected).
    pub fn handle_disconnected(&mut self, now: Duration, code: u16, reason: &str) -> bool {
        let before = self.state.clone();
        // a refusal of a server that is full, or of one that stops, is not its last word
        let is_over = match &before {
            State::Closed { .. } => true,
            State::Refused { .. } => !CloseReason::may_retry(code),
            _ => false,
        };
        // one that had a seat comes back to that, or not at all
        let has_way = self.seat.is_none() || self.token.is_some();
        let reconnect = self.reconnect.as_mut().filter(|_| !is_over && has_way);
        if let Some(reconnect) = reconnect
            && reconnect.broke(now, code)
        {
            self.transmits.clear();
            self.clock.gap();
            (self.last_ping, self.doubt) = (None, None);
            self.show_way();
            if matches!(before, State::Playing { .. }) {
                self.events.tell(UntypedEvent::Disconnected { code });
            }
            return true;
        }
        self.reconnect.iter_mut().for_each(Reconnect::end);
        if before.ended().is_none() {
            let reason = if reason.is_empty() { format!("the connection is over ({code})") } else { reason.to_owned() };
            self.state = State::Closed { reason };
        }
        false
    }

    /// As [`Client::poll_connect`](crate::client::Client::poll_connect).
    pub fn poll_connect(&mut self, now: Duration) -> bool {
        let is_waiting = matches!(self.state, State::Connecting { .. } | State::Resuming { .. });
        let due = is_waiting && self.reconnect.as_mut().is_some_and(|reconnect| reconnect.poll(now));
        if due {
            self.show_way();
        }
        due
    }

    /// As [`Client::hurry`](crate::client::Client::hurry).
    pub fn hurry(&mut self) {
        self.reconnect.iter_mut().for_each(Reconnect::hurry);
        if matches!(self.state, State::Connecting { next_try: Some(_), .. } | State::Resuming { next_try: Some(_), .. })
        {
            self.show_way();
        }
    }

    /// As [`UntypedClient::back_to`] of a client that knows no more than the game's name.
    ///
    /// ```
    /// use tickwire_shared::client::UntypedClient;
    /// use tickwire_shared::protocol::ResumeToken;
    ///
    /// let mut client = UntypedClient::back_to_game("coins", ResumeToken([7; 32])); // what UntypedClient::token gave
    /// assert!(client.schema().is_none() && client.poll_transmit().is_some(), "it asks for both");
    /// ```
    #[must_use]
    pub fn back_to_game(name: &str, token: ResumeToken) -> Self {
        let mut client = Self::awaiting(name.to_owned(), JoinRequest::default());
        client.token = Some(token);
        client.handle_connected();
        client
    }

    /// The server gave the seat back.
    pub(super) fn handle_resumed(
        &mut self,
        (room, seat): (u64, SeatId),
        (tick, rate): (Tick, TickRate),
        events_lost: u32,
    ) -> Result<(), ClientError> {
        if !matches!(self.state, State::Resuming { .. }) {
            return Err(ClientError::Unexpected("resumed"));
        }
        if self.schema.is_none() {
            return Err(ClientError::Unexpected("resumed before the game's schema"));
        }
        match self.seat.replace((room, seat)) {
            None => {
                self.clock = Clock::new(rate, tick);
                self.events.tell(UntypedEvent::Joined { room, seat });
            }
            Some(before) if before == (room, seat) => {
                self.events_had = self.events_had.wrapping_add(events_lost);
                self.events.tell(UntypedEvent::Resumed { events_lost });
            }
            Some(_) => return Err(ClientError::Unexpected("resumed in another seat")),
        }
        self.state = State::Playing { room, seat };
        Ok(())
    }

    /// There is a seat. What is said next tells the server that the token has arrived.
    pub(super) fn take_token(&mut self, now: Duration, token: Option<ResumeToken>) {
        self.token = token;
        self.reconnect.iter_mut().for_each(Reconnect::seated);
        self.ping(now);
        while let Some(command) = self.kept.pop_front() {
            self.transmit(command);
        }
    }

    /// A command while there is no connection.
    pub(super) fn keep_command(&mut self, command: Vec<u8>) {
        let meanwhile = self.reconnect.as_ref().map(|reconnect| reconnect.returning().meanwhile);
        if meanwhile != Some(Meanwhile::Keep) {
            return;
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(command);
    }

    fn show_way(&mut self) {
        let Some(reconnect) = &self.reconnect else { return };
        let (attempt, next_try) = (reconnect.attempt(), reconnect.next_try());
        self.state = if self.token.is_some() {
            State::Resuming { attempt, next_try }
        } else {
            State::Connecting { attempt, next_try }
        };
    }
}
