//! Refusals that a setting would change: whoever runs the server must hear of them, although peers cause them. At most
//! one line in a while for each cause, of all reactors together; it says how many it stands for.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http_head::RequestHead;
use super::origin::OriginRule;

/// The log hears of a cause this often.
const INTERVAL: Duration = Duration::from_secs(10);

/// Of what a peer wrote, so much is shown.
const SHOWN_MAX_CHARS: usize = 80;

/// One sample for each cause.
#[derive(Default, Debug)]
pub(super) struct Complaints {
    origin: Sample,
    forwarded: Sample,
    header_unasked: Sample,
    header_missing: Sample,
    system: Sample,
}

impl Complaints {
    /// A page of this origin was answered 403.
    pub(super) fn origin(&self, now: Instant, rule: &OriginRule, head: &RequestHead<'_>) {
        let Some(refused) = self.origin.due(now) else { return };
        let origin = shown(head.values("Origin").next().unwrap_or_default());
        let host = shown(head.values("Host").next().unwrap_or_default());
        let why = match rule {
            OriginRule::Listed(_) => "net.origins does not name its origin; add that if the page is yours",
            _ => {
                "its origin is not the Host that it asked for; if it is yours, name the origin in net.origins, \
                 or let the proxy in front pass Host on as it came"
            }
        };
        tracing::warn!(%origin, %host, peer = %head.peer(), refused, "a page may not connect (403): {why}");
    }

    /// An X-Forwarded-For was not read.
    pub(super) fn forwarded(&self, now: Instant, peer: SocketAddr) {
        let Some(ignored) = self.forwarded.due(now) else { return };
        tracing::warn!(
            peer = %peer.ip(),
            ignored,
            "X-Forwarded-For is ignored, because net.proxies does not name its sender; add that if it is your proxy: \
             until then all who come through it count as one address"
        );
    }

    /// A PROXY header was taken for a broken request.
    pub(super) fn header_unasked(&self, now: Instant, peer: SocketAddr) {
        let Some(refused) = self.header_unasked.due(now) else { return };
        tracing::warn!(
            peer = %peer.ip(),
            refused,
            "a PROXY header is refused (400); if a proxy of yours sent it, name that in net.proxies, set \
             net.proxy_protocol = true, and let it send version 2 (HAProxy: send-proxy-v2)"
        );
    }

    /// A proxy's connection did not begin with its header.
    pub(super) fn header_missing(&self, now: Instant, peer: SocketAddr, error: &io::Error) {
        let Some(refused) = self.header_missing.due(now) else { return };
        tracing::warn!(
            peer = %peer.ip(),
            refused,
            %error,
            "a connection of a proxy is dropped: with net.proxy_protocol = true all in net.proxies must begin with \
             PROXY v2 (HAProxy: send-proxy-v2); set it to false if this one does not"
        );
    }

    /// The system, or rustls, did not give a connection what it needs, and it was dropped.
    pub(super) fn system(&self, now: Instant, what: &'static str, error: &dyn std::error::Error) {
        let Some(dropped) = self.system.due(now) else { return };
        tracing::error!(%error, dropped, "a connection is dropped: {what}; the system may be out of memory or descriptors");
    }
}

/// Quoted, so that nothing in it moves the terminal.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    format!("{:?}", text.chars().take(SHOWN_MAX_CHARS).collect::<String>())
}

/// How often one cause was met since the log heard of it.
#[derive(Default, Debug)]
pub(crate) struct Sample(Mutex<Met>);

#[derive(Default, Debug)]
struct Met {
    told: Option<Instant>,
    count: u64,
}

impl Sample {
    /// It is met once more. Some: that is to be told, for so many times.
    pub(crate) fn due(&self, now: Instant) -> Option<u64> {
        // a number is never half written
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        met.count += 1;
        if met.told.is_some_and(|told| now.saturating_duration_since(told) < INTERVAL) {
            return None;
        }
        met.told = Some(now);
        Some(std::mem::take(&mut met.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_at_once_and_then_every_ten_seconds_with_what_came_between() {
        let (sample, begun) = (Sample::default(), Instant::now());
        let at = |ms| sample.due(begun + Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(1), at(9_999), at(10_000), at(10_001), at(60_000)],
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }

    #[test]
    fn what_a_peer_wrote_is_short_and_quoted() {
        assert_eq!(shown(b"https://a\x1b[2J\xff"), "\"https://a\\u{1b}[2J\u{fffd}\"");
        assert_eq!(shown(&[b'a'; 9_000]).len(), SHOWN_MAX_CHARS + 2);
    }
}
