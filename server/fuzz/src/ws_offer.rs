//! An offer of permessage-deflate is accepted as RFC 7692 allows and answered within what was offered.
//! True: it is accepted.
//!
//! ```text
//! input   takeovers · bits of both windows · lines of Sec-WebSocket-Extensions, each with a line feed behind it
//! ```

use tickwire_server::net::ws::DeflateConfig;
use tickwire_server::net::ws::deflate::offer::{Agreed, agree};

pub fn hold(input: &[u8]) -> bool {
    let Some((&[takeovers, bits], lines)) = input.split_first_chunk::<2>() else { return false };
    let Ok(text) = std::str::from_utf8(lines) else { return false };
    let config = DeflateConfig {
        server_context_takeover: takeovers & 1 != 0,
        client_context_takeover: takeovers & 2 != 0,
        server_window_bits: 8 + (bits & 7),
        client_window_bits: 8 + (bits >> 3 & 7),
        ..DeflateConfig::default()
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let agreed = agree(lines.iter().copied(), &config);
    if let Some(agreed) = &agreed {
        check_bounds(agreed, &config);
    }
    // a header field that is a list may come in any number of lines
    let elements: Option<Vec<_>> = lines.iter().map(|line| elements(line)).collect();
    let Some(elements) = elements else { return agreed.is_some() };
    assert_eq!(agree([&lines.join(",")[..]].into_iter(), &config), agreed, "one line");
    let expected = elements.concat().iter().find_map(|extension| answer(extension, &config));
    assert_eq!(agreed.as_ref().map(written), expected, "the first offer that can be accepted");
    agreed.is_some()
}

fn check_bounds(agreed: &Agreed, config: &DeflateConfig) {
    assert!((8..=config.server_window_bits).contains(&agreed.server_window_bits));
    assert!((8..=config.client_window_bits).contains(&agreed.client_window_bits));
    assert!(agreed.server_no_context_takeover || config.server_context_takeover);
    assert!(agreed.client_no_context_takeover || config.client_context_takeover);
}

fn written(agreed: &Agreed) -> String {
    let mut out = Vec::new();
    agreed.write(&mut out);
    String::from_utf8(out).expect("it is ASCII")
}

/// Name, and parameters with their values.
#[derive(Clone)]
struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

/// RFC 6455 9.1, letter by letter; `None` where a line is not of its grammar, or escapes a letter that needs none.
fn elements(line: &str) -> Option<Vec<Extension>> {
    let mut rest = line.trim_matches(BLANK);
    let mut list = Vec::new();
    loop {
        // RFC 9110 5.6.1: empty elements are ignored
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(list);
        }
        let mut extension = Extension { name: token(&mut rest)?, parameters: Vec::new() };
        while skip(&mut rest, ';') {
            let name = token(&mut rest)?;
            let value = if skip(&mut rest, '=') { Some(value(&mut rest)?) } else { None };
            extension.parameters.push((name, value));
        }
        list.push(extension);
        if !rest.is_empty() && !skip(&mut rest, ',') {
            return None;
        }
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// Takes a separator with the blanks around it.
fn skip(rest: &mut &str, separator: char) -> bool {
    let behind = rest.trim_start_matches(BLANK).strip_prefix(separator);
    *rest = behind.map_or(*rest, |behind| behind.trim_start_matches(BLANK));
    behind.is_some()
}

fn token(rest: &mut &str) -> Option<String> {
    let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    let end = rest.find(|letter| !is_token(letter)).unwrap_or(rest.len());
    let (token, behind) = rest.split_at(end);
    *rest = behind.trim_start_matches(BLANK);
    (!token.is_empty()).then(|| token.to_owned())
}

/// A token, in quotes or not.
fn value(rest: &mut &str) -> Option<String> {
    let Some(quoted) = rest.strip_prefix('"') else { return token(rest) };
    let (mut inner, behind) = quoted.split_once('"')?;
    *rest = behind.trim_start_matches(BLANK);
    let value = token(&mut inner)?;
    // blanks inside of the quotes are no token's
    (inner.is_empty() && !quoted[value.len()..].starts_with(BLANK)).then_some(value)
}

/// RFC 7692 7.1: what to answer to this offer.
fn answer(extension: &Extension, config: &DeflateConfig) -> Option<String> {
    if !extension.name.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let known = |name: &str| extension.parameters.iter().filter(|(other, _)| other == name).collect::<Vec<_>>();
    let (server_plain, client_plain) = (known("server_no_context_takeover"), known("client_no_context_takeover"));
    let (server_bits, client_bits) = (known("server_max_window_bits"), known("client_max_window_bits"));
    let all = [&server_plain, &client_plain, &server_bits, &client_bits];
    if all.iter().any(|named| named.len() > 1)
        || all.iter().map(|named| named.len()).sum::<usize>() != extension.parameters.len()
        || server_plain.iter().chain(&client_plain).any(|(_, value)| value.is_some())
    {
        return None;
    }
    let bits = |text: &str| (8..=15_u8).find(|bits| bits.to_string() == text);
    let server = match server_bits.first() {
        Some((_, value)) => Some(bits(value.as_deref()?)?.min(config.server_window_bits)),
        None => None,
    };
    let client = match client_bits.first() {
        Some((_, Some(value))) => Some(bits(value)?.min(config.client_window_bits)),
        Some((_, None)) => Some(config.client_window_bits),
        None if config.client_window_bits < 15 => return None,
        None => None,
    };
    let mut answer = "permessage-deflate".to_owned();
    if !server_plain.is_empty() || !config.server_context_takeover {
        answer += "; server_no_context_takeover";
    }
    if !client_plain.is_empty() || !config.client_context_takeover {
        answer += "; client_no_context_takeover";
    }
    answer += &server.map_or(String::new(), |bits| format!("; server_max_window_bits={bits}"));
    // 15 is what a client does anyway
    answer +=
        &client.filter(|bits| *bits < 15).map_or(String::new(), |bits| format!("; client_max_window_bits={bits}"));
    Some(answer)
}
