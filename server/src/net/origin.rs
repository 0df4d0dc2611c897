//! From which pages a browser may connect. Not authentication: a program sends what it likes, or no Origin.

use std::fmt;
use std::str::FromStr;

use super::http_head::RequestHead;

/// The same-origin policy does not hold for WebSockets, so the server must ask (RFC 6455 10.2). A request without
/// an Origin is no browser's and is allowed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum OriginRule {
    /// Pages from the host and port that the request is sent to, over http or https.
    #[default]
    SameHost,
    /// Pages from these origins, compared letter for letter: `https://game.example:8443`.
    Listed(Vec<String>),
    /// Every page.
    Any,
}

impl OriginRule {
    /// Whether pages of this origin, on a request to this host, may read answers.
    pub fn allows_page(&self, origin: &str, host: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(allowed) => allowed.iter().any(|allowed| allowed == origin),
            Self::SameHost => host.is_some_and(|host| is_of_host(origin, host)),
        }
    }

    pub(super) fn allows(&self, head: &RequestHead<'_>) -> bool {
        let mut origins = head.values("Origin");
        let Some(first) = origins.next() else { return true };
        match self {
            Self::Any => true,
            // two of them are no browser's, and one of them would be wrong
            _ if origins.next().is_some() => false,
            Self::Listed(allowed) => allowed.iter().any(|allowed| allowed.as_bytes() == first),
            Self::SameHost => match (std::str::from_utf8(first), head.header("Host")) {
                (Ok(origin), Some(host)) => is_of_host(origin, host),
                _ => false,
            },
        }
    }
}

/// The scheme cannot be compared: a proxy in front may speak TLS for us. `null` has no scheme and is foreign. Browsers
/// leave the scheme's own port out; a proxy may write it into Host.
fn is_of_host(origin: &str, host: &str) -> bool {
    let Some((authority, port)) = authority(origin) else { return false };
    let [authority, host] = [authority, host].map(|text| text.strip_suffix(port).unwrap_or(text));
    !authority.is_empty() && authority.eq_ignore_ascii_case(host)
}

/// Of a web page's origin: what is behind the scheme, and the scheme's own port.
fn authority(origin: &str) -> Option<(&str, &'static str)> {
    let secure = origin.strip_prefix("https://").map(|authority| (authority, ":443"));
    secure.or_else(|| origin.strip_prefix("http://").map(|authority| (authority, ":80")))
}

impl fmt::Display for OriginRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameHost => f.write_str("same-host"),
            Self::Any => f.write_str("*"),
            Self::Listed(origins) => f.write_str(&origins.join(",")),
        }
    }
}

impl FromStr for OriginRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "same-host" => Ok(Self::SameHost),
            "*" => Ok(Self::Any),
            list => {
                let origins: Vec<String> = list.split(',').map(|origin| origin.trim().to_owned()).collect();
                match origins.iter().all(|origin| is_origin(origin)) {
                    true => Ok(Self::Listed(origins)),
                    false => Err(
                        "it takes same-host, * for every page, or one or more origins as a browser sends them, in small \
                                  letters, without a path and without :443 or :80 where https or http has it anyway, \
                                  such as https://game.example,http://localhost:5173",
                    ),
                }
            }
        }
    }
}

/// As a browser writes one: what is spelled otherwise would never match.
fn is_origin(text: &str) -> bool {
    if authority(text).is_some_and(|(authority, port)| authority.ends_with(port)) {
        return false;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_scheme =
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-.".contains(&byte));
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    is_scheme && !authority.is_empty() && authority.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http_head::{Request, parse};

    fn allows(rule: &OriginRule, lines: &str) -> bool {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: Game.example:8443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        );
        parse(head.as_bytes(), Default::default(), ([127, 0, 0, 1], 9).into(), |request| match request {
            Request::Upgrade(head, _) => rule.allows(&head),
            Request::Plain(_) => panic!("an upgrade"),
        })
        .unwrap()
    }

    #[test]
    fn pages_of_the_same_host_and_programs_are_let_in() {
        for (lines, is_allowed) in [
            ("", true),
            ("Origin: https://game.example:8443\r\n", true),
            ("Origin: http://game.example:8443\r\n", true),
            ("Origin: https://game.example\r\n", false),
            ("Origin: https://evilgame.example:8443\r\n", false),
            ("Origin: https://game.example:8443.evil.example\r\n", false),
            ("Origin: https://game.example:84430\r\n", false),
            ("Origin: ftp://game.example:8443\r\n", false),
            ("Origin: null\r\n", false),
            ("Origin: \r\n", false),
            ("Origin: https://\r\n", false),
            ("Origin: https://game.example:8443\r\nOrigin: https://game.example:8443\r\n", false),
        ] {
            assert_eq!(allows(&OriginRule::SameHost, lines), is_allowed, "{lines:?}");
        }
    }

    #[test]
    fn a_schemes_own_port_may_be_left_out() {
        for (origin, host, is_same) in [
            ("https://a.example", "a.example:443", true),
            ("http://a.example", "a.example:80", true),
            ("https://a.example", "a.example:80", false),
            ("http://a.example", "a.example:443", false),
            ("https://a.example:443", "a.example", true),
            ("https://[::443]", "[::]", false),
            ("https://[2001:db8::1]", "[2001:db8::1]:443", true),
            ("https://:443", ":443", false),
            ("https://", "", false),
        ] {
            assert_eq!(is_of_host(origin, host), is_same, "{origin} at {host}");
        }
    }

    #[test]
    fn a_list_is_exact() {
        let rule: OriginRule = "https://a.example, http://localhost:5173".parse().unwrap();
        for (lines, is_allowed) in [
            ("", true),
            ("Origin: https://a.example\r\n", true),
            ("Origin: http://localhost:5173\r\n", true),
            ("Origin: http://a.example\r\n", false),
            ("Origin: https://a.example.evil\r\n", false),
            ("Origin: https://b.a.example\r\n", false),
            ("Origin: https://game.example:8443\r\n", false),
            ("Origin: null\r\n", false),
        ] {
            assert_eq!(allows(&rule, lines), is_allowed, "{lines:?}");
        }
        assert!(allows(&OriginRule::Any, "Origin: null\r\n"));
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in ["same-host", "*", "https://a.example", "https://a.example:80,http://[::1]:443"] {
            assert_eq!(text.parse::<OriginRule>().unwrap().to_string(), text);
        }
        for text in ["", "a.example", "https://a.example/", "https://A.example", "null", "https://a.example,,", "*,*"] {
            assert!(text.parse::<OriginRule>().is_err(), "{text:?}");
        }
        for text in ["https://a.example:443", "http://[::1]:80"] {
            assert!(text.parse::<OriginRule>().is_err(), "no browser sends {text:?}");
        }
    }
}
