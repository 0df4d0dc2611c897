//! Links that speak JSON ([`crate::json`]): the gateway has the session of a binary client for each, and holds the
//! client's copy of what it sees.
//!
//! Frames are decoded when their text can leave; while it cannot, they are skipped as those of a binary link are, and the
//! room's next one says all that is new since. Answers to frames that ask are given here, when the text is in the kernel:
//! what lies beyond nobody tells us of, so a JSON client may have more that is old under way than a binary one.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::input::{InputLanes, TickInput, ViewLag};
use tickwire_shared::protocol::{self, ClientMessage};
use tracing::{debug, error};

use super::Gateway;
use crate::handover::{RoomInput, SeatAddress, Told};
use crate::json::{self, FrameTold, GameText, Said, View};
use crate::net::{Io, LinkId, MessageKind, Outcome};
use crate::session::{HostTerms, Session, Verdict};

/// From the 101 to the join: a person may be typing, and there are not many of them (`session.json_links_max`).
pub(super) const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Inputs are for the next tick; of those that come faster than ticks, as many are for later ones. Of more the newest
/// waits.
const AHEAD_MAX_TICKS: i32 = 3;
/// So many ticks after the newest frame it is not known any more which one it is now.
const GUESSED_MAX_TICKS: i32 = 8;
/// How soon an input that waits is looked at again.
const WISHES_EVERY: Duration = Duration::from_millis(10);
/// Most bytes of answers that may wait before a frame's text.
const SAID_MAX_BYTES: usize = 1024;
/// What is said to one who is too fast, once for each time.
const TOO_FAST: &str =
    "too fast: messages are dropped; send fewer, and an input only when it changes, because it holds";

/// All links of one reactor that speak JSON.
#[derive(Debug, Default)]
pub(super) struct JsonLinks {
    links: FxHashMap<LinkId, Box<JsonLink>>,
    /// The link that opens next speaks JSON.
    pub(super) upgrading: bool,
    /// Links that may not have asked for a seat, the oldest first.
    pub(super) newcomers: VecDeque<(Instant, LinkId)>,
    /// Links with an input that waits.
    wishing: Vec<LinkId>,
    wishes_due: Option<Instant>,
    /// Scratch: a frame's bytes, and its text.
    frame: Vec<u8>,
    text: Vec<u8>,
}

/// One of them.
#[derive(Debug, Default)]
struct JsonLink {
    /// What it sees, once it has a seat.
    view: Option<View>,
    /// The room's tick at a moment, and ticks a second.
    clock: Option<(Tick, Instant, u16)>,
    /// What the player wants and the room does not know.
    wish: Option<InputLanes>,
    /// The tick of the newest input that the room got.
    wished: Option<Tick>,
    /// A frame that asks whether its text has left.
    asked: Option<Tick>,
    told_too_fast: bool,
    /// It takes no place of those that speak JSON.
    uncounted: bool,
}

impl JsonLinks {
    pub(super) fn has(&self, link: LinkId) -> bool {
        !self.links.is_empty() && self.links.contains_key(&link)
    }

    /// A link has a seat in a room of this game.
    pub(super) fn seated(&mut self, link: LinkId, game: &GameText, (tick, rate_hz): (Tick, u16), now: Instant) {
        if let Some(link) = self.links.get_mut(&link) {
            (link.view, link.clock) = (Some(View::new(game)), Some((tick, now, rate_hz)));
        }
    }

    /// All text of a link has left: the frame that asked.
    pub(super) fn has_left(&mut self, link: LinkId) -> Option<Tick> {
        self.links.get_mut(&link)?.asked.take()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let silent = self.newcomers.front().map(|(since, _)| *since + JOIN_TIMEOUT);
        self.wishes_due.filter(|_| !self.wishing.is_empty()).into_iter().chain(silent).min()
    }
}

impl JsonLink {
    /// The tick that an input of now is for, and how many ticks before it lies what the client saw. None while there is
    /// no seat, and when earlier ones are for so many ticks already.
    fn stamp(&self, now: Instant) -> Option<(Tick, ViewLag)> {
        let (seen, at, rate_hz) = self.clock?;
        let since = now.saturating_duration_since(at).as_secs_f64() * f64::from(rate_hz);
        let current = seen.offset((since as i32).min(GUESSED_MAX_TICKS));
        let next = self.wished.map_or(1, |wished| wished.since(current) + 1).max(1);
        (next <= AHEAD_MAX_TICKS).then(|| {
            let stamp = current.offset(next);
            (stamp, ViewLag::of_ticks(f64::from(stamp.since(seen))))
        })
    }
}

/// What a binary client would begin with. The error is for the client.
fn hello(terms: &HostTerms, game: Option<String>) -> Result<ClientMessage, String> {
    let game = match (game, terms.games.as_slice()) {
        (Some(game), _) => game,
        (None, [only]) => only.schema.game.clone(),
        (None, several) => {
            let example = several.first().map_or("", |first| first.schema.game.as_str());
            let names: Vec<&str> = several.iter().map(|hosted| hosted.schema.game.as_str()).collect();
            let example = format!("{{\"join\":{{\"game\":{example:?}}}}}");
            return Err(format!("this server hosts {}: say which one, such as {example}", names.join(", ")));
        }
    };
    // of a game that is not hosted none; that is said in the answer
    let fingerprint =
        terms.games.iter().find(|hosted| hosted.schema.game == game).map_or(0, |hosted| hosted.fingerprint);
    Ok(ClientMessage::Hello { protocol: protocol::VERSION, game, fingerprint })
}

impl Gateway {
    pub(super) fn open_json(&mut self, io: &mut Io<'_>, link: LinkId) {
        let max = self.terms.limits.json_links_max;
        let others = self.terms.json_links.fetch_add(1, Ordering::Relaxed);
        self.metrics.json_links_open.one();
        self.json.newcomers.push_back((io.now(), link));
        self.json.links.insert(link, Box::default());
        if others >= max {
            // until it has gone it keeps nobody out
            self.uncount_json(link);
            self.metrics.json_links_refused.one();
            let text = "too many clients speak JSON here (session.json_links_max); try again, or use a binary client";
            self.refuse(io, link, CloseReason::TryLater, text);
        }
    }

    pub(super) fn close_json(&mut self, link: LinkId) {
        self.uncount_json(link);
        self.json.links.remove(&link);
    }

    fn uncount_json(&mut self, link: LinkId) {
        let uncounted = self.json.links.get_mut(&link).map(|json| std::mem::replace(&mut json.uncounted, true));
        if uncounted == Some(false) {
            self.terms.json_links.fetch_sub(1, Ordering::Relaxed);
            self.metrics.json_links_open.less();
        }
    }

    /// One text of a client: what it says goes the way of a binary client's messages. What cannot be understood is
    /// answered, and the conversation goes on: a person may be typing.
    pub(super) fn json_message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]) {
        let (Some(session), Some(json)) = (self.sessions.get_mut(&link), self.json.links.get_mut(&link)) else {
            return;
        };
        if session.has_ended() {
            return;
        }
        let unheard = session.handle_length(io.now(), payload.len());
        let told_too_fast = std::mem::replace(&mut json.told_too_fast, unheard == Some(Verdict::Dropped));
        if let Some(verdict) = unheard {
            if verdict == Verdict::Dropped && !told_too_fast {
                io.queue(link, MessageKind::Text, json::error(TOO_FAST).as_bytes());
            }
            return self.act(io, link, verdict);
        }
        let text = std::str::from_utf8(payload).ok().filter(|_| kind == MessageKind::Text);
        let Some(text) = text else {
            let text = "binary messages are not part of tickwire.1.json: send text, or offer tickwire.1";
            return self.refuse(io, link, CloseReason::ProtocolError, text);
        };
        // of which game matters when there is a seat
        let game = &self.terms.games[session.game()];
        let said = json::read(&game.text, text).map_err(|error| error.to_string());
        if let Err(wrong) = said.and_then(|said| self.json_said(io, link, said)) {
            debug!(link = link.0, "a message in JSON that is none");
            self.metrics.json_errors.one();
            io.queue(link, MessageKind::Text, json::error(&wrong).as_bytes());
        }
    }

    /// The error is for the client.
    fn json_said(&mut self, io: &mut Io<'_>, link: LinkId, said: Said) -> Result<(), String> {
        let Some(session) = self.sessions.get_mut(&link) else { return Ok(()) };
        let (asks, seated) = (session.awaits_join(), session.seat().is_some());
        let verdict = match said {
            Said::Join { .. } if !asks => return Err("you have joined already".to_owned()),
            Said::Join { game, request } => {
                let hello = hello(&self.terms, game)?;
                match session.handle_client_message(hello) {
                    // what it says is for binary clients
                    Verdict::Reply(_) => session.handle_client_message(ClientMessage::Join(request)),
                    refused => refused,
                }
            }
            Said::Ping(stamp) => {
                io.queue(link, MessageKind::Text, json::pong(&stamp).as_bytes());
                return Ok(());
            }
            Said::Input(_) | Said::Command(_) if !seated => {
                return Err("there is no seat yet: join first, and wait for the word joined".to_owned());
            }
            Said::Input(wish) => {
                self.json.links.entry(link).and_modify(|json| json.wish = Some(wish));
                if !self.pass_wish(link, io.now()) && !self.json.wishing.contains(&link) {
                    self.json.wishing.push(link);
                    self.json.wishes_due.get_or_insert(io.now() + WISHES_EVERY);
                }
                return Ok(());
            }
            Said::Command(bytes) => session.handle_client_message(ClientMessage::Command(bytes)),
            Said::Leave => session.handle_client_message(ClientMessage::Leave),
        };
        self.act(io, link, verdict);
        Ok(())
    }

    /// Passes on what a player wants, if the room does not know it. False: that must be tried again.
    fn pass_wish(&mut self, link: LinkId, now: Instant) -> bool {
        let Some(SeatAddress { thread, room, seat }) = self.sessions.get(&link).and_then(Session::seat) else {
            return true;
        };
        let address = self.address(link);
        let Some(json) = self.json.links.get_mut(&link) else { return true };
        let Some(lanes) = json.wish else { return true };
        let Some((tick, lag)) = json.stamp(now) else { return false };
        let told = Told::Input(TickInput { tick, lag, lanes });
        if !self.threads[thread].offer_input(RoomInput { room, seat, link: address, told, arrived: now }) {
            return false;
        }
        (json.wish, json.wished) = (None, Some(tick));
        true
    }

    pub(super) fn pass_wishes(&mut self, now: Instant) {
        if !self.json.wishing.is_empty() {
            let mut wishing = std::mem::take(&mut self.json.wishing);
            wishing.retain(|link| !self.pass_wish(*link, now));
            self.json.wishes_due = (!wishing.is_empty()).then_some(now + WISHES_EVERY);
            self.json.wishing = wishing;
        }
    }

    /// Tells a client what a room's frame has for it, if anything may leave now.
    pub(super) fn tell_frame<'p>(
        &mut self,
        io: &mut Io<'_>,
        link: LinkId,
        pieces: impl Iterator<Item = &'p [u8]>,
    ) -> Outcome {
        if let Err(refused) = io.takes_frames(link) {
            return refused;
        }
        let JsonLinks { links, frame, text, .. } = &mut self.json;
        let (Some(json), Some(session)) = (links.get_mut(&link), self.sessions.get(&link)) else {
            return Outcome::Closed;
        };
        let Some(view) = &mut json.view else { return Outcome::Closed };
        frame.clear();
        pieces.for_each(|piece| frame.extend_from_slice(piece));
        let FrameTold { tick, asks, has_text, wrong } =
            match view.take(&self.terms.games[session.game()].text, frame, text) {
                Ok(told) => told,
                Err(error) => {
                    error!(link = link.0, %error, "a frame of a room is none: this is a bug, please report it");
                    let text = "the server composed a frame that it cannot read; this is its fault, not yours";
                    self.refuse(io, link, CloseReason::RoomFailed, text);
                    return Outcome::Closed;
                }
            };
        // with its header, and what may be said before it
        if text.len() + SAID_MAX_BYTES > io.write_buffer_max_bytes() {
            let told = format!(
                "what this seat sees takes {} bytes of JSON, more than net.write_buffer_max_bytes allows: use a binary \
                 client",
                text.len()
            );
            self.refuse(io, link, CloseReason::TooBig, &told);
            return Outcome::Closed;
        }
        json.clock = json.clock.map(|(_, _, rate_hz)| (tick, io.now(), rate_hz));
        let outcome = if has_text {
            self.metrics.json_bytes.add(text.len() as u64);
            if asks {
                json.asked = Some(tick);
            }
            io.send_message(link, MessageKind::Text, text)
        } else {
            Outcome::Written
        };
        if !has_text && asks {
            self.pass_heard_or_keep(link, tick, io.now());
        }
        if wrong {
            self.act(io, link, Verdict::Resync);
        }
        outcome
    }
}
