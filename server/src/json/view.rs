//! One client's copy of what it may see, and what of it the client was told.
//!
//! ```text
//! {"tick":123, "set":{"17":{"kind":"Ship","x":1.5,...}}, "gone":[18], "own":{"17":{"heat":4}}, "events":[...]}
//! ```
//! A frame is decoded when its text can leave, and not otherwise: the room learns that it was skipped, and its next one
//! says all that is new since. So nothing waits here, and this holds no more than the client sees.

use rustc_hash::FxHashMap;
use tickwire_shared::bits::DecodeError;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::replica::{Change, Replica};
use tickwire_shared::{EntityId, Tick};

use super::fields::{GameText, integer, list};

/// While it waits for keyframes, it asks for them again after so many frames.
const ASK_AGAIN_FRAMES: u32 = 30;

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameTold {
    /// Its tick.
    pub tick: Tick,
    /// The room waits for word that the client has it.
    pub asks: bool,
    /// There is something to tell.
    pub has_text: bool,
    /// The copy is wrong: the room is to send keyframes.
    pub wrong: bool,
}

/// See the module.
#[derive(Debug)]
pub struct View {
    replica: Replica,
    frame: Frame,
    told: FxHashMap<EntityId, Told>,
    /// Entities of the seat, as told.
    own: Vec<EntityId>,
    /// Frames since keyframes were asked for, while the copy is wrong.
    healing: Option<u32>,
    /// Scratch: entities that are to be told.
    news: Vec<EntityId>,
}

/// An entity as it was told.
#[derive(Debug)]
struct Told {
    kind: u16,
    row: Vec<u32>,
}

impl View {
    /// Of a client that was told nothing yet.
    #[must_use]
    pub fn new(game: &GameText) -> Self {
        Self {
            replica: Replica::new(game.layout().clone()),
            frame: Frame::default(),
            told: FxHashMap::default(),
            own: Vec::new(),
            healing: None,
            news: Vec::new(),
        }
    }

    /// Takes a frame and makes `out` the text of it.
    ///
    /// # Errors
    /// It is none.
    pub fn take(&mut self, game: &GameText, message: &[u8], out: &mut Vec<u8>) -> Result<FrameTold, DecodeError> {
        self.frame.parse(message)?;
        let head = self.frame.head;
        if head.reset {
            self.healing = None;
        }
        let mut wrong = false;
        if let Some(frames) = &mut self.healing {
            *frames += 1;
            wrong = frames.is_multiple_of(ASK_AGAIN_FRAMES);
        } else if self.replica.apply(&self.frame, message).is_err()
            || head.hash.is_some_and(|hash| hash != self.replica.hash() as u32)
        {
            (self.healing, wrong) = (Some(0), true);
        }
        out.clear();
        out.extend_from_slice(b"{\"tick\":");
        integer(head.tick.0.into(), out);
        let empty = out.len();
        if self.healing.is_none() {
            self.replica.forget_before(head.tick, 0.0);
            self.tell_state(game, head.reset, out);
        }
        self.tell_events(game, message, out);
        out.push(b'}');
        Ok(FrameTold { tick: head.tick, asks: head.asks, has_text: out.len() > empty + 1, wrong })
    }

    fn tell_state(&mut self, game: &GameText, reset: bool, out: &mut Vec<u8>) {
        let mut gone: Vec<EntityId> = Vec::new();
        for change in self.replica.changes() {
            if let Change::Despawned(id, _) = *change
                && self.replica.newest(id).is_none()
                && self.told.remove(&id).is_some()
            {
                gone.push(id);
            }
        }
        if reset {
            // what went while the copy was wrong was not told
            self.told.retain(|id, _| {
                let is_there = self.replica.newest(*id).is_some();
                if !is_there {
                    gone.push(*id);
                }
                is_there
            });
        }
        self.news.clear();
        for (id, kind, row) in self.replica.newest_all() {
            if self.told.get(&id).is_none_or(|told| told.kind != kind || told.row != row) {
                self.news.push(id);
            }
        }
        self.news.sort_unstable();
        self.tell_set(game, out);
        if !gone.is_empty() {
            gone.sort_unstable();
            out.extend_from_slice(b",\"gone\":");
            list(out, b'[', b']', gone.iter(), |id, out| integer(id.0.into(), out));
        }
        self.tell_own(game, &gone, out);
        for id in &self.news {
            let Some((kind, row)) = self.replica.newest(*id) else { continue };
            let told = self.told.entry(*id).or_insert_with(|| Told { kind, row: Vec::new() });
            told.kind = kind;
            told.row.clear();
            told.row.extend_from_slice(row);
        }
    }

    /// What everybody sees.
    fn tell_set(&self, game: &GameText, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b",\"set\":{");
        let empty = out.len();
        for id in &self.news {
            let Some((kind, row)) = self.replica.newest(*id) else { continue };
            let Some(text) = game.kind(kind) else { continue };
            let before = self.told.get(id).filter(|told| told.kind == kind);
            let entity = out.len();
            key(*id, out.len() > empty, out);
            let mut fields = 0;
            if before.is_none() {
                out.extend_from_slice(b"\"kind\":");
                out.extend_from_slice(text.name.as_bytes());
                fields += 1;
            }
            for field in text.fields.iter().filter(|field| !field.owner_only) {
                if before.is_none_or(|told| field.of(&told.row) != field.of(row)) {
                    if fields > 0 {
                        out.push(b',');
                    }
                    field.write(row, out);
                    fields += 1;
                }
            }
            if fields == 0 {
                out.truncate(entity);
            } else {
                out.push(b'}');
            }
        }
        close(start, empty, out);
    }

    /// What only the owner sees, of entities that are the seat's; null for one that is not any more.
    fn tell_own(&mut self, game: &GameText, gone: &[EntityId], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b",\"own\":{");
        let empty = out.len();
        for id in self.replica.owned() {
            let Some((kind, row)) = self.replica.newest(id) else { continue };
            let Some(text) = game.kind(kind) else { continue };
            let before = self.told.get(&id).filter(|told| told.kind == kind && self.own.contains(&id));
            let entity = out.len();
            key(id, out.len() > empty, out);
            let mut fields = 0;
            for field in text.fields.iter().filter(|field| field.owner_only) {
                if before.is_none_or(|told| field.of(&told.row) != field.of(row)) {
                    if fields > 0 {
                        out.push(b',');
                    }
                    field.write(row, out);
                    fields += 1;
                }
            }
            if fields == 0 && before.is_some() {
                out.truncate(entity);
            } else {
                out.push(b'}');
            }
        }
        for id in &self.own {
            if !gone.contains(id) && self.replica.owned().all(|owned| owned != *id) {
                key(*id, out.len() > empty, out);
                out.pop();
                out.extend_from_slice(b"null");
            }
        }
        close(start, empty, out);
        self.own.clear();
        // what is owned and not there yet is told when it is
        self.own.extend(self.replica.owned().filter(|id| self.replica.newest(*id).is_some()));
    }

    fn tell_events(&self, game: &GameText, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b",\"events\":[");
        let empty = out.len();
        for event in &self.frame.events {
            let before = out.len();
            if before > empty {
                out.push(b',');
            }
            // what the game has sent can be read; a serializer of its own may still fail
            if game.event(&message[event.clone()], out).is_err() {
                out.truncate(before);
            }
        }
        if out.len() == empty { out.truncate(start) } else { out.push(b']') }
    }
}

/// Appends an entity's id and an open brace.
fn key(id: EntityId, comma: bool, out: &mut Vec<u8>) {
    if comma {
        out.push(b',');
    }
    out.push(b'"');
    integer(id.0.into(), out);
    out.extend_from_slice(b"\":{");
}

/// Ends an object, or takes it back when there is nothing in it.
fn close(start: usize, empty: usize, out: &mut Vec<u8>) {
    if out.len() == empty { out.truncate(start) } else { out.push(b'}') }
}
