//! What a client offers for permessage-deflate, and what both ends agree on (RFC 7692 7.1).

use super::DeflateConfig;

/// What both ends agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// We begin each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// Our window is at most 2 to the power of this.
    pub server_window_bits: u8,
    /// The client's window is at most 2 to the power of this.
    pub client_window_bits: u8,
    /// The client's offer had `server_max_window_bits`, or `client_max_window_bits`: only then may the answer.
    names_server_bits: bool,
    names_client_bits: bool,
}

/// The first offer that can be accepted, over all lines of `Sec-WebSocket-Extensions` (RFC 7692 5.1: offers come
/// in the client's order of preference; what cannot be accepted is declined, never an error).
pub fn agree<'a>(lines: impl Iterator<Item = &'a str>, config: &DeflateConfig) -> Option<Agreed> {
    lines.flat_map(|line| split_unquoted(line, ',')).find_map(|offer| accept(offer, config))
}

impl Agreed {
    /// Appends the value of the answer's `Sec-WebSocket-Extensions`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"permessage-deflate");
        if self.server_no_context_takeover {
            out.extend_from_slice(b"; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            out.extend_from_slice(b"; client_no_context_takeover");
        }
        if self.names_server_bits {
            out.extend_from_slice(format!("; server_max_window_bits={}", self.server_window_bits).as_bytes());
        }
        if self.names_client_bits {
            out.extend_from_slice(format!("; client_max_window_bits={}", self.client_window_bits).as_bytes());
        }
    }
}

/// The parameters of one offer, as they were written.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_bits: Option<u8>,
    /// The inner one: the value, which is optional.
    client_bits: Option<Option<u8>>,
}

fn accept(offer: &str, config: &DeflateConfig) -> Option<Agreed> {
    let offer = Offer::parse(offer)?;
    let server_window_bits = offer.server_bits.unwrap_or(15).min(config.server_window_bits.max(8));
    // 7.1.2.2: only a client that offers it can be asked to keep its window small
    let client_window_bits = match offer.client_bits {
        None if config.client_window_bits < 15 => return None,
        None => 15,
        Some(bits) => bits.unwrap_or(15).min(config.client_window_bits.max(8)),
    };
    Some(Agreed {
        server_no_context_takeover: offer.server_no_context_takeover || !config.server_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || !config.client_context_takeover,
        server_window_bits,
        client_window_bits,
        // 7.1.2.1: an offer with it is accepted by naming it; without it, naming it is allowed but says nothing new
        names_server_bits: offer.server_bits.is_some(),
        names_client_bits: offer.client_bits.is_some() && client_window_bits < 15,
    })
}

impl Offer {
    /// 7.1: unknown parameters, values that are not allowed and parameters that come twice decline the offer.
    fn parse(offer: &str) -> Option<Self> {
        let mut parts = split_unquoted(offer, ';');
        if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
            return None;
        }
        let mut parsed = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end_matches(BLANK), Some(unquoted(value.trim_start_matches(BLANK))?)),
                None => (part, None),
            };
            let is_new = match (name, value) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut parsed.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut parsed.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(bits)) => parsed.server_bits.replace(window_bits(bits)?).is_none(),
                ("client_max_window_bits", None) => parsed.client_bits.replace(None).is_none(),
                ("client_max_window_bits", Some(bits)) => {
                    parsed.client_bits.replace(Some(window_bits(bits)?)).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(parsed)
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// 7.1.2: "a decimal integer value without leading zeroes between 8 to 15".
fn window_bits(value: &str) -> Option<u8> {
    let is_plain = !value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|bits| is_plain && (8..=15).contains(bits))
}

/// RFC 6455 9.1: a value is a token, in quotes or not.
fn unquoted(value: &str) -> Option<&str> {
    let bare = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    let is_token = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_token.then_some(bare)
}

/// The trimmed elements between separators that stand outside of quotes. A value that needs a backslash is none of
/// ours, so it may be cut wrongly: the offer is declined either way.
fn split_unquoted(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |letter: char| {
        quoted ^= letter == '"';
        letter == separator && !quoted
    })
    .map(|element| element.trim_matches(BLANK))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open() -> DeflateConfig {
        DeflateConfig { server_context_takeover: true, client_context_takeover: true, ..DeflateConfig::default() }
    }

    fn answer(line: &str, config: &DeflateConfig) -> Option<String> {
        let agreed = agree([line].into_iter(), config)?;
        let mut out = Vec::new();
        agreed.write(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn good_offers_are_answered_with_what_they_ask_for() {
        for (offer, expected) in [
            ("permessage-deflate", "permessage-deflate"),
            ("Permessage-Deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
            ("permessage-deflate;client_max_window_bits=15", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"),
            ("permessage-deflate; server_max_window_bits=\"8\"", "permessage-deflate; server_max_window_bits=8"),
            ("permessage-deflate ; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
            ("permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"),
            ("x-other; a=\"b,c;d\", permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; unknown, permessage-deflate", "permessage-deflate"),
        ] {
            assert_eq!(answer(offer, &open()).as_deref(), Some(expected), "{offer}");
        }
    }

    #[test]
    fn bad_offers_are_declined() {
        for offer in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate-2",
            "permessage-deflate; unknown",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=\"9",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; client_max_window_bits=x",
            "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate;",
        ] {
            assert_eq!(answer(offer, &open()), None, "{offer}");
        }
    }

    #[test]
    fn a_small_server_says_what_it_wants() {
        let small = DeflateConfig { server_window_bits: 10, client_window_bits: 9, ..DeflateConfig::default() };
        assert_eq!(answer("permessage-deflate", &small), None, "this client cannot be asked for a small window");
        let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let bits = "; client_max_window_bits=9";
        assert_eq!(answer("permessage-deflate; client_max_window_bits", &small), Some(format!("{expected}{bits}")));
        let agreed = agree(["permessage-deflate; client_max_window_bits"].into_iter(), &small).unwrap();
        assert_eq!(agreed.server_window_bits, 10, "a smaller window than allowed needs no word");
    }

    #[test]
    fn lines_are_one_list() {
        let lines = ["x-first", "permessage-deflate; server_max_window_bits=11"];
        assert_eq!(agree(lines.into_iter(), &open()).map(|agreed| agreed.server_window_bits), Some(11));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(line: String, tail in "permessage-deflate[;=, \"a-z_0-9]{0,60}") {
            let _ = answer(&line, &open());
            let _ = answer(&tail, &open());
        }
    }
}
