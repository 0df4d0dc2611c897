//! What the connections of `raw` say: messages of so many bytes, or some that were given.

use std::borrow::Cow;
use std::time::Duration;

/// Where the number of a message stands.
const NUMBER: &str = "{n}";
/// Hexadecimal digits of a number in a message that is made up.
const DIGITS: usize = 8;

/// What each connection says.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// Once it is open, in order.
    pub first: Vec<Vec<u8>>,
    /// Again and again, and how much time is between them; none for who only listens.
    pub again: Option<(Message, Duration)>,
    /// As text.
    pub text: bool,
}

/// A message that is said again and again.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// Made up, of so many bytes: its number in up to eight hexadecimal digits, then `x`.
    MadeUp(usize),
    /// This one; for `{n}` it says its number.
    Given(Vec<u8>),
}

impl Message {
    /// How long it is, but for its number.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::MadeUp(bytes) => *bytes,
            Self::Given(given) => given.len(),
        }
    }

    /// The message with this number; the first of a connection is 0.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Cow<'_, [u8]> {
        match self {
            Self::MadeUp(bytes) => {
                let digits = format!("{:0DIGITS$x}", number & 0xffff_ffff);
                // the last digits differ most
                let mut message = digits.as_bytes()[DIGITS - DIGITS.min(*bytes)..].to_vec();
                message.resize(*bytes, b'x');
                message.into()
            }
            Self::Given(given) => match std::str::from_utf8(given) {
                Ok(text) if text.contains(NUMBER) => text.replace(NUMBER, &number.to_string()).into_bytes().into(),
                _ => given.as_slice().into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_bear_their_numbers() {
        let said = |message: &Message, number| String::from_utf8(message.numbered(number).into_owned()).expect("text");
        assert_eq!(said(&Message::MadeUp(12), 0x1a), "0000001axxxx");
        assert_eq!((said(&Message::MadeUp(2), 0x1a), said(&Message::MadeUp(0), 7)), ("1a".into(), String::new()));
        let given = Message::Given(b"{\"id\": {n}, \"again\": {n}}".to_vec());
        assert_eq!(said(&given, 7), "{\"id\": 7, \"again\": 7}");
        assert_eq!(Message::Given(vec![0xff, b'{', b'n', b'}']).numbered(7), &[0xff, b'{', b'n', b'}'][..]);
    }
}
