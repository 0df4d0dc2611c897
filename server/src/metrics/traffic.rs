//! Where the bytes of frames go, over all rooms; and the table of it that a person reads.

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Counter;
use super::exposition::{Exposed, Page, Series, bytes};

/// Of each game that a server hosts. Displays as its table, or one for each game.
#[derive(Debug, Default)]
pub struct TrafficOfGames(Mutex<Vec<Arc<TrafficCounters>>>);

impl TrafficOfGames {
    /// The counters of a game, the same ones for all who ask. Whoever writes asks once: then nothing is locked.
    pub fn of_game(&self, name: &'static str) -> Arc<TrafficCounters> {
        let mut games = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = games.iter().find(|known| known.game == name) {
            return Arc::clone(known);
        }
        let counters = Arc::new(TrafficCounters { game: name, ..TrafficCounters::default() });
        games.push(Arc::clone(&counters));
        counters
    }

    fn all(&self) -> Vec<Arc<TrafficCounters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Display for TrafficOfGames {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let games = self.all();
        for (at, game) in games.iter().enumerate() {
            if games.len() > 1 {
                writeln!(out, "{}{}:", if at > 0 { "\n" } else { "" }, game.game)?;
            }
            game.fmt(out)?;
        }
        Ok(())
    }
}

impl Exposed for TrafficOfGames {
    fn expose(&self, series: &Series<'_>, page: &mut Page) {
        self.all().iter().for_each(|game| game.expose(series, page));
    }
}

/// Bits of frames that rooms of a game composed, by purpose. What of them reached the clients is in
/// [`Metrics::frames_out`](super::Metrics::frames_out) and its neighbours. Displays as a table.
#[derive(Debug, Default)]
pub struct TrafficCounters {
    /// Frames: of which this tells.
    pub frames: Counter,
    /// Bits: heads of frames, handles and lengths of parts.
    pub heads: Counter,
    /// Bits: who is there, who came and went, who changed.
    pub structure: Shared,
    /// Bits: those of fields and structure that are in channels for everybody.
    pub public: LayerTraffic,
    /// Bits: those that are in channels for some teams.
    pub teams: LayerTraffic,
    /// Bits: those that are in channels for one seat.
    pub seat: LayerTraffic,
    /// Bits: of the deltas, those by the range coder.
    pub ranged: Shared,
    /// Bits: owner-only fields.
    pub owned: Counter,
    /// Bits: events of the game.
    pub events: Counter,
    game: &'static str,
    fields: OnceLock<Vec<FieldTraffic>>,
}

/// Bits that many clients may share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Encoded, once for all who share them.
    pub encoded: Counter,
    /// Sent, to each who received them.
    pub sent: Counter,
}

/// Bits of fields and structure in the channels of a kind of layer.
#[derive(Debug, Default)]
pub struct LayerTraffic {
    /// What changed.
    pub deltas: Shared,
    /// What came into view: joins, new cells, heals.
    pub keyframes: Shared,
}

/// One field of the game's kinds.
#[derive(Debug)]
pub struct FieldTraffic {
    /// The kind's name.
    pub kind: String,
    /// The field's name.
    pub field: String,
    /// Its bits.
    pub bits: Shared,
}

impl TrafficCounters {
    /// The fields, whose names are given when they are asked for first: kind and field.
    pub fn fields_named<'a>(&self, names: impl Iterator<Item = (&'a str, &'a str)>) -> &[FieldTraffic] {
        self.fields.get_or_init(|| {
            let field = |(kind, field): (&str, &str)| FieldTraffic {
                kind: kind.to_owned(),
                field: field.to_owned(),
                bits: Shared::default(),
            };
            names.map(field).collect()
        })
    }

    /// The fields; none before a room has run.
    pub fn fields(&self) -> &[FieldTraffic] {
        self.fields.get().map_or(&[], |fields| fields)
    }
}

impl Display for TrafficCounters {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let once = |name: &str, bits: &Counter| (name.to_owned(), bits.value(), bits.value());
        let shared = |name: String, bits: &Shared| (name, bits.sent.value(), bits.encoded.value());
        let mut rows: Vec<(String, u64, u64)> =
            self.fields().iter().map(|of| shared(format!("{}.{}", of.kind, of.field), &of.bits)).collect();
        rows.push(shared("who is there, who changed".to_owned(), &self.structure));
        rows.push(once("heads of frames and parts", &self.heads));
        rows.push(once("owner-only fields", &self.owned));
        rows.push(once("events", &self.events));
        rows.sort_by_key(|(_, sent, _)| std::cmp::Reverse(*sent));

        let all: u64 = rows.iter().map(|(_, sent, _)| sent).sum();
        let frames = self.frames.value();
        let share = |bits: u64| 100.0 * bits as f64 / all.max(1) as f64;
        writeln!(out, "{frames} frames of {:.1} bytes", all as f64 / 8.0 / frames.max(1) as f64)?;
        writeln!(out, "{:>7}  {:>14}  {:>14}", "share", "bytes sent", "encoded")?;
        for (name, sent, encoded) in rows {
            writeln!(out, "{:>5.1} %  {:>14}  {:>14}  {name}", share(sent), sent / 8, encoded / 8)?;
        }
        if self.ranged.encoded.value() > 0 {
            let (sent, encoded) = (self.ranged.sent.value(), self.ranged.encoded.value());
            writeln!(out, "of these, by the range coder:")?;
            writeln!(out, "{:>5.1} %  {:>14}  {:>14}  deltas", share(sent), sent / 8, encoded / 8)?;
        }
        write!(out, "of these, by whom they are for:")?;
        for (name, layer) in [("everybody", &self.public), ("teams", &self.teams), ("one seat", &self.seat)] {
            for (what, bits) in [("deltas", &layer.deltas), ("keyframes", &layer.keyframes)] {
                let (sent, encoded) = (bits.sent.value(), bits.encoded.value());
                if encoded > 0 {
                    let (share, sent, encoded) = (share(sent), sent / 8, encoded / 8);
                    write!(out, "\n{share:>5.1} %  {sent:>14}  {encoded:>14}  {name}, {what}")?;
                }
            }
        }
        Ok(())
    }
}

const SENT: &str = "Bytes of composed frames, by what they are for: fields of the game's kinds, the structure (who is there, who \
                    changed), heads, owner-only fields, events.";
const ENCODED: &str = "Bytes of composed frames as they were encoded, once for all who share them.";

impl Exposed for TrafficCounters {
    fn expose(&self, _: &Series<'_>, page: &mut Page) {
        let game = self.game;
        let mut shared = |labels: &[(&str, &str)], bits: &Shared| {
            let labels = [&[("game", game)], labels].concat();
            page.counter("frame_bytes", SENT, &labels, bytes(bits.sent.value()));
            page.counter("encoded_bytes", ENCODED, &labels, bytes(bits.encoded.value()));
        };
        for FieldTraffic { kind, field, bits } in self.fields() {
            shared(&[("part", "field"), ("kind", kind), ("field", field)], bits);
        }
        shared(&[("part", "structure")], &self.structure);
        for (part, bits) in [("heads", &self.heads), ("owned", &self.owned), ("events", &self.events)] {
            page.counter("frame_bytes", SENT, &[("game", game), ("part", part)], bytes(bits.value()));
        }
        let help = "Bytes of frame_bytes that are deltas by the range coder; all others have Rice codes.";
        page.counter("ranged_bytes", help, &[("game", game)], bytes(self.ranged.sent.value()));
        let help = "Bytes of frame_bytes that are fields or structure, by the layer they were in and by whether they built on \
                    an earlier state.";
        for (layer, bits) in [("public", &self.public), ("teams", &self.teams), ("seat", &self.seat)] {
            for (kind, bits) in [("delta", &bits.deltas), ("keyframe", &bits.keyframes)] {
                let labels = [("game", game), ("layer", layer), ("kind", kind)];
                page.counter("layer_bytes", help, &labels, bytes(bits.sent.value()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_largest_first_and_all_of_it() {
        let traffic = TrafficCounters::default();
        traffic.frames.add(10);
        traffic.fields_named([("Ship", "x"), ("Ship", "name")].into_iter())[1].bits.sent.add(800);
        traffic.heads.add(160);
        traffic.structure.sent.add(640);
        traffic.structure.encoded.add(64);
        traffic.ranged.sent.add(400);
        traffic.ranged.encoded.add(80);
        traffic.teams.keyframes.sent.add(320);
        traffic.teams.keyframes.encoded.add(160);
        let table = traffic.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "10 frames of 20.0 bytes");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["50.0", "%", "100", "0", "Ship.name"]);
        assert_eq!(lines[3].split_whitespace().take(4).collect::<Vec<_>>(), ["40.0", "%", "80", "8"]);
        assert!(lines[4].ends_with("heads of frames and parts") && lines[4].contains("10.0 %"), "{table}");
        assert!(table.contains("Ship.x"), "{table}");
        let ranged = lines.iter().position(|line| *line == "of these, by the range coder:").expect("some were");
        let ranged: Vec<&str> = lines[ranged + 1].split_whitespace().collect();
        assert_eq!(ranged, ["25.0", "%", "50", "10", "deltas"]);
        let last: Vec<&str> = lines[lines.len() - 1].split_whitespace().collect();
        assert_eq!(last, ["20.0", "%", "40", "20", "teams,", "keyframes"], "what nobody was sent is not listed");
    }
}
