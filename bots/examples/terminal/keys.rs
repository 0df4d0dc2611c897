//! Keys, as a terminal tells them: bytes when one is pressed, and again while it is held. The terminal is raw and shows
//! its second screen as long as a [`Keyboard`] lives.

use std::io::{Read, Write, stdin, stdout};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tickwire_arena::Input;

/// A press counts for so long: over the wait before a held key repeats.
const HELD: Duration = Duration::from_millis(450);
/// To turn, less: a tap is to turn a little.
const TURNED: Duration = Duration::from_millis(90);

const SHOW: &str = "\x1b[?1049h\x1b[?25l";
const HIDE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// What the player wants.
pub enum Wish {
    /// To go on.
    Fly(Input),
    /// To leave.
    Leave,
}

/// See the module.
pub struct Keyboard {
    before: Termios,
    bytes: Receiver<u8>,
    /// How far an arrow's three bytes have come.
    escape: usize,
    thrust: Option<Instant>,
    fire: Option<Instant>,
    turn: Option<(Instant, i8)>,
}

impl Keyboard {
    /// Makes the terminal raw.
    ///
    /// # Errors
    /// There is none.
    pub fn open() -> std::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        let (send, bytes) = channel();
        // it ends with the program, or when nobody listens at the next key
        std::thread::spawn(move || stdin().lock().bytes().map_while(Result::ok).all(|byte| send.send(byte).is_ok()));
        let keyboard = Self { before, bytes, escape: 0, thrust: None, fire: None, turn: None };
        stdout().write_all(SHOW.as_bytes())?;
        Ok(keyboard)
    }

    /// What the keys of late say.
    pub fn wish(&mut self, now: Instant) -> Wish {
        while let Ok(byte) = self.bytes.try_recv() {
            if self.press(byte, now) {
                return Wish::Leave;
            }
        }
        let held = |since: Option<Instant>| since.is_some_and(|since| now - since < HELD);
        let turn = self.turn.filter(|(since, _)| now.duration_since(*since) < TURNED).map_or(0, |(_, turn)| turn);
        Wish::Fly(Input { thrust: held(self.thrust), fire: held(self.fire), turn, ..Input::default() })
    }

    /// Takes a byte; tells whether the player leaves.
    fn press(&mut self, byte: u8, now: Instant) -> bool {
        let arrow = self.escape == 2;
        self.escape = match (self.escape, byte) {
            (_, 0x1b) => 1,
            (1, b'[' | b'O') => 2,
            _ => 0,
        };
        match (arrow, byte.to_ascii_lowercase()) {
            (true, b'a') | (false, b'w') => self.thrust = Some(now),
            (true, b'c') | (false, b'd') => self.turn = Some((now, 1)),
            (true, b'd') | (false, b'a') => self.turn = Some((now, -1)),
            (false, b' ') => self.fire = Some(now),
            (false, b'q' | 3) => return true, // raw, Ctrl-C is a byte
            _ => {}
        }
        false
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // if that fails the terminal is gone
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
        let _ = stdout().write_all(HIDE.as_bytes()).and_then(|()| stdout().flush());
    }
}

/// The terminal's columns and rows.
pub fn window() -> (u16, u16) {
    let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 2);
    size.map_or((80, 24), |size| (size.ws_col, size.ws_row))
}
