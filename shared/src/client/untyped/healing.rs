//! What is done about a state that is not the server's: the server is told which channels may be wrong; when that does
//! not help, or nothing is sure any more, it is asked for keyframes of all.

use std::time::Duration;

use super::UntypedClient;
use crate::client::UntypedEvent;
use crate::protocol::ClientMessage;
use crate::protocol::limits::REPORT_CHANNELS_MAX;
use crate::tick::Tick;

/// How often a client that heals asks for keyframes: the server may have lost the question.
const RESYNC_INTERVAL: Duration = Duration::from_secs(1);
/// So often the server is told which channels may be wrong, before keyframes of all are asked for.
const REPORTS_MAX: u32 = 2;

/// What became of a mismatch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    told_at: Duration,
    told: u32,
}

impl UntypedClient {
    pub(super) fn wrong(&mut self, tick: Tick) {
        self.stats.desyncs += 1;
        self.events.tell(UntypedEvent::Desync { tick });
    }

    /// The state of `tick` is wrong somewhere. The server finds out where by the channels' hashes and sends keyframes of
    /// those; all else goes on. When that does not help, keyframes of all do.
    pub(super) fn doubt(&mut self, now: Duration, tick: Tick) {
        let told = match self.doubt {
            None => {
                self.wrong(tick);
                0
            }
            Some(doubt) if now.saturating_sub(doubt.told_at) < RESYNC_INTERVAL => return,
            Some(doubt) => doubt.told,
        };
        let mut hashes: Vec<(u16, u32)> = self.replica.channel_hashes().collect();
        if told >= REPORTS_MAX || hashes.len() > REPORT_CHANNELS_MAX {
            return self.resync(now);
        }
        hashes.sort_unstable();
        self.doubt = Some(Doubt { told_at: now, told: told + 1 });
        self.transmit(ClientMessage::Desync { tick, hashes }.encode());
    }

    /// Nothing is sure any more.
    pub(super) fn resync(&mut self, now: Duration) {
        self.healing = Some(now);
        self.transmit(ClientMessage::Resync.encode());
    }

    /// Asks for keyframes again.
    pub(super) fn heal(&mut self, now: Duration) {
        if self.healing.is_some_and(|asked| now.saturating_sub(asked) >= RESYNC_INTERVAL) {
            self.resync(now);
        }
    }
}
