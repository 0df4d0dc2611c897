//! What tick threads tell of their rooms: by game and class of rooms, never by player. Each thread writes its own; a
//! scrape merges them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::exposition::{Exposed, Page, Series, seconds};
use super::histogram::Counts;
use super::{Counter, Gauge, Histogram};

/// Classes of rooms that a thread tells apart; what comes beyond them is together in the last.
const CLASSES_MAX: usize = 16;

/// Rooms that are measured together, because their ticks have as much time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RoomClass {
    /// The game's name.
    pub game: &'static str,
    /// Ticks a second; 0 stands for all others.
    pub rate_hz: u16,
}

/// All tick threads of a server.
#[derive(Debug, Default)]
pub struct TickThreads(Mutex<Vec<Arc<TickThreadMetrics>>>);

/// One tick thread's.
#[derive(Debug, Default)]
pub struct TickThreadMetrics {
    /// Nanoseconds in which it worked.
    pub busy_ns: Counter,
    /// Thousandths of its time in which it works, over the last seconds.
    pub load_permille: Gauge,
    classes: [OnceLock<Box<ClassMetrics>>; CLASSES_MAX],
}

/// One class of rooms on one tick thread.
#[derive(Debug)]
pub struct ClassMetrics {
    class: RoomClass,
    /// From the deadline of a tick to its begin.
    pub lateness: Histogram,
    /// A whole tick: inputs, the game, frames for all.
    pub tick: Histogram,
    /// Of it: encoding, and composing the frames.
    pub compose: Histogram,
    /// Giving a tick's frames to the sockets of one reactor.
    pub write: Histogram,
    /// Rooms that run now.
    pub rooms: Gauge,
    /// Rooms that were opened.
    pub rooms_opened: Counter,
    /// Rooms that ended because their game panicked.
    pub rooms_failed: Counter,
    /// Players in seats now.
    pub clients: Gauge,
    /// Players who got a seat.
    pub joins: Counter,
}

impl TickThreads {
    /// Adds a thread. Its metrics are its own to write; nothing here is locked then.
    pub fn add(&self) -> Arc<TickThreadMetrics> {
        let thread = Arc::<TickThreadMetrics>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&thread));
        thread
    }

    /// All of them, in the order in which they came.
    pub fn all(&self) -> Vec<Arc<TickThreadMetrics>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TickThreadMetrics {
    /// The number of a class, for [`TickThreadMetrics::class`].
    pub fn number_of(&self, class: RoomClass) -> usize {
        let known = |slot: &OnceLock<Box<ClassMetrics>>| slot.get_or_init(|| ClassMetrics::new(class)).class == class;
        let (others, named) = self.classes.split_last().unwrap_or_else(|| unreachable!("there are classes"));
        named.iter().position(known).unwrap_or_else(|| {
            others.get_or_init(|| ClassMetrics::new(RoomClass { rate_hz: 0, ..class }));
            named.len()
        })
    }

    /// All classes.
    pub fn classes(&self) -> impl Iterator<Item = &ClassMetrics> {
        self.classes.iter().filter_map(|class| class.get().map(|class| &**class))
    }

    /// The class of this number; `None` when nobody asked for its number.
    pub fn class(&self, number: usize) -> Option<&ClassMetrics> {
        self.classes.get(number)?.get().map(|class| &**class)
    }
}

impl ClassMetrics {
    fn new(class: RoomClass) -> Box<Self> {
        Box::new(Self {
            class,
            lateness: Histogram::default(),
            tick: Histogram::default(),
            compose: Histogram::default(),
            write: Histogram::default(),
            rooms: Gauge::default(),
            rooms_opened: Counter::default(),
            rooms_failed: Counter::default(),
            clients: Gauge::default(),
            joins: Counter::default(),
        })
    }
}

/// A histogram of a class: its name without unit, what it means, where it is.
type Measured = (&'static str, &'static str, fn(&ClassMetrics) -> &Histogram);

const HISTOGRAMS: [Measured; 4] = [
    ("tick", "A whole tick of a room: inputs, the game, frames for all.", |class| &class.tick),
    ("tick_lateness", "From the deadline of a room's tick to its begin.", |class| &class.lateness),
    ("compose", "Of a tick: encoding the state and composing the frames.", |class| &class.compose),
    ("write", "Giving one tick's frames of a room to the sockets of one reactor.", |class| &class.write),
];

type Counted = (&'static str, &'static str, fn(&ClassMetrics) -> u64);

const GAUGES: [Counted; 2] = [
    ("rooms", "Rooms that run now.", |class| class.rooms.value()),
    ("clients", "Players who have a seat now.", |class| class.clients.value()),
];

const COUNTERS: [Counted; 3] = [
    ("joins", "Players who got a seat.", |class| class.joins.value()),
    ("rooms_opened", "Rooms that were opened.", |class| class.rooms_opened.value()),
    ("rooms_failed", "Rooms that ended because their game panicked.", |class| class.rooms_failed.value()),
];

impl Exposed for TickThreads {
    fn expose(&self, _: &Series<'_>, page: &mut Page) {
        let threads = self.all();
        for (index, thread) in threads.iter().enumerate() {
            let (index, load) = (index.to_string(), thread.load_permille.value() as f64 / 1000.0);
            let labels = [("thread", index.as_str())];
            let help = "Time in which a tick thread worked.";
            page.counter("tick_thread_busy_seconds", help, &labels, seconds(thread.busy_ns.value()));
            let help = "Share of its time in which a tick thread works, over the last seconds; above 1 it is too much.";
            page.gauge("tick_thread_load_ratio", help, &labels, load);
        }
        let all = || threads.iter().flat_map(|thread| thread.classes.iter().filter_map(OnceLock::get));
        let mut classes: Vec<RoomClass> = all().map(|class| class.class).collect();
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            let of_class = || all().filter(|other| other.class == class);
            let rate = if class.rate_hz == 0 { "other".to_owned() } else { format!("{}hz", class.rate_hz) };
            let labels = [("game", class.game), ("class", rate.as_str())];
            for (name, help, histogram) in HISTOGRAMS {
                let mut counts = Counts::default();
                of_class().for_each(|class| histogram(class).add_to(&mut counts));
                page.histogram(name, help, &labels, &counts);
            }
            for (name, help, value) in GAUGES {
                page.gauge(name, help, &labels, of_class().map(|class| value(class)).sum::<u64>());
            }
            for (name, help, value) in COUNTERS {
                page.counter(name, help, &labels, of_class().map(|class| value(class)).sum::<u64>());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_apart_until_there_are_too_many() {
        let thread = TickThreadMetrics::default();
        let number = |rate_hz| thread.number_of(RoomClass { game: "test", rate_hz });
        assert_eq!((number(30), number(60), number(30)), (0, 1, 0));
        assert!((1..=100).all(|rate| number(rate) < CLASSES_MAX));
        assert_eq!((number(99), number(100)), (CLASSES_MAX - 1, CLASSES_MAX - 1));
        assert_eq!(thread.class(CLASSES_MAX - 1).map(|class| class.class.rate_hz), Some(0));
    }

    #[test]
    fn threads_are_merged_by_class() {
        let threads = TickThreads::default();
        for rate_hz in [30, 60, 30] {
            let thread = threads.add();
            let number = thread.number_of(RoomClass { game: "test", rate_hz });
            thread.class(number).unwrap().joins.add(2);
        }
        let mut page = Page::default();
        threads.expose(&Series { name: "", help: "", label: None }, &mut page);
        let text = page.text();
        assert!(text.contains("tickwire_joins_total{game=\"test\",class=\"30hz\"} 4\n"), "{text}");
        assert!(text.contains("tickwire_joins_total{game=\"test\",class=\"60hz\"} 2\n"), "{text}");
    }
}
