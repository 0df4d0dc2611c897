//! A chat in the browser: commands in, events out, no state at all. The page speaks `tickwire.1.json`, so it needs no
//! client library: see `chat.js`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tickwire_server::{Config, Server, Site};
use tickwire_shared::*;

/// Lines that a newcomer is told.
const REMEMBERED: usize = 50;
const LINE_MAX_CHARS: usize = 500;
/// So many lines at once, and then one each second.
const PATIENCE: f32 = 5.0;

/// `{"command":{"say":"hello"}}`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Say(String),
}

/// `{"events":[{"said":{"name":"ann","text":"hello"}}]}`
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Said {
        name: String,
        text: String,
    },
    Came {
        name: String,
    },
    Went {
        name: String,
    },
    /// To a newcomer: who is here, by the names that this chat knows them by.
    Here {
        you: String,
        names: Vec<String>,
    },
    /// To one whose line was not taken.
    Sorry(String),
}

/// Nothing is ever published.
#[derive(Clone, Replicate)]
pub struct Nothing {}
#[derive(Clone, World)]
pub enum Kinds {
    Nothing(Nothing),
}
#[derive(Clone, Default, Replicate)]
pub struct NoInput {}

struct Member {
    name: String,
    /// Lines that they may still say at once.
    patience: f32,
    is_new: bool,
}

#[derive(Default)]
pub struct Chat {
    members: BTreeMap<SeatId, Member>,
    gone: Vec<String>,
    lines: VecDeque<Event>,
}

impl Chat {
    /// Two who are called the same are told apart.
    fn free_name(&self, wanted: &str) -> String {
        let wanted = if wanted.is_empty() { "somebody" } else { wanted };
        let names = (2..).map(|number| format!("{wanted} {number}"));
        let is_free = |name: &String| self.members.values().all(|member| member.name != *name);
        std::iter::once(wanted.to_owned()).chain(names).find(is_free).unwrap_or_default()
    }

    fn say(&mut self, seat: SeatId, text: &str) -> Result<Event, &'static str> {
        let member = self.members.get_mut(&seat).ok_or("you are not here")?;
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = text.trim().to_owned();
        if text.is_empty() {
            return Err("say something");
        }
        if text.chars().count() > LINE_MAX_CHARS {
            return Err("a line has 500 characters at most");
        }
        if member.patience < 1.0 {
            return Err("not so fast: a line a second");
        }
        member.patience -= 1.0;
        Ok(Event::Said { name: member.name.clone(), text })
    }
}

impl Game for Chat {
    const NAME: &'static str = "chat";
    type World = Kinds;
    type Input = NoInput;
    type Command = Command;
    type Event = Event;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(10);
        setup.seats = 200;
        Ok(Self::default())
    }
    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        let name = self.free_name(&who.name);
        self.members.insert(seat, Member { name, patience: PATIENCE, is_new: true });
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.gone.extend(self.members.remove(&seat).map(|member| member.name));
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        for name in self.gone.drain(..) {
            step.send(To::All, Event::Went { name });
        }
        let names: Vec<String> = self.members.values().map(|member| member.name.clone()).collect();
        for (seat, member) in &mut self.members {
            member.patience = (member.patience + step.dt()).min(PATIENCE);
            if std::mem::take(&mut member.is_new) {
                step.send(To::Seat(*seat), Event::Here { you: member.name.clone(), names: names.clone() });
                self.lines.iter().for_each(|line| step.send(To::Seat(*seat), line.clone()));
                step.send(To::All, Event::Came { name: member.name.clone() });
            }
        }
        for (seat, Command::Say(text)) in step.commands().collect::<Vec<_>>() {
            match self.say(seat, &text) {
                Ok(said) => {
                    self.lines.push_back(said.clone());
                    if self.lines.len() > REMEMBERED {
                        self.lines.pop_front();
                    }
                    step.send(To::All, said);
                }
                Err(why) => step.send(To::Seat(seat), Event::Sorry(why.to_owned())),
            }
        }
    }
    fn publish(&self, _: &mut Publisher<'_, Kinds>) {}
}

/// The page, and what it needs.
pub fn site() -> Site {
    Site::default()
        .with_file("/index.html", include_bytes!("chat.html"))
        .with_file("/chat.js", include_bytes!("chat.js"))
        .with_file("/chat.css", include_bytes!("chat.css"))
        .with_file("/page.css", include_bytes!("page.css"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // an address and a port, if any is given
    let listen = std::env::args().nth(1).map_or(Ok(Config::default().listen), |listen| {
        listen.parse().map_err(|_| format!("{listen} is nothing to listen on; it takes such as 127.0.0.1:7777"))
    })?;
    let server = Server::bind(Config { listen, ..Config::default() })?.start::<Chat>((), site())?;
    server.stop_on_signal(|addr| println!("chat is on: http://{addr}/"))?;
    Ok(())
}
