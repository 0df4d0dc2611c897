//! How far ahead of the arriving ticks an input must be stamped to be there in time.

/// How early an input should be there, beside what the way's own deviation asks for.
const MARGIN_S: f64 = 0.005;
/// How much the time from one call to the next moves what is known of it, when it is longer and when it is not: rather
/// too long than too short.
const PAUSE_GAINS: (f64, f64) = (0.25, 0.02);
const DEVIATIONS: f64 = 2.0;
/// How much an ack moves the lead: all at first, then less and less, down to this.
const GAIN_MIN: f64 = 0.1;
const DEVIATION_GAIN: f64 = 1.0 / 16.0;
const LEAD_MAX_S: f64 = 1.0;

/// See the module.
///
/// An input leaves at the first call after its tick has begun, for which it waits up to a pause between two calls. How
/// long it waited is known and no property of the way, so it is not learnt from: what the lead aims at is that one
/// which waited for a whole pause is in time. Else the lead and the moments of the calls would chase each other.
///
/// An ack tells how an input fared that was stamped with the lead of a round trip ago. So the lead is set from that
/// old one and its margin; adding to the present lead would count each error once for every input under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    lead_s: f64,
    /// Mean of the margins less what was aimed at, without sign.
    deviation_s: f64,
    /// Mean of the margins.
    margin_s: f64,
    /// Acks since the (re)start.
    acks: f64,
    /// When it was last asked for, and how long the caller lets pass between calls.
    asked_s: Option<f64>,
    pause_s: f64,
    interval_s: f64,
}

impl Lead {
    pub(super) fn new(interval_s: f64) -> Self {
        let lead_s = 2.0 * interval_s;
        Self { lead_s, deviation_s: 0.0, margin_s: 0.0, acks: 0.0, asked_s: None, pause_s: 0.0, interval_s }
    }

    /// The caller has an input now, whether one leaves or not.
    pub(super) fn asked(&mut self, now_s: f64) {
        if let Some(asked_s) = self.asked_s.replace(now_s) {
            // an input is missed for good after an interval, whatever the pause
            let error_s = (now_s - asked_s).clamp(0.0, self.interval_s) - self.pause_s;
            self.pause_s += error_s * if error_s > 0.0 { PAUSE_GAINS.0 } else { PAUSE_GAINS.1 };
        }
    }

    /// The way may be another now: the next ack counts in full.
    pub(super) fn restart(&mut self) {
        self.acks = 0.0;
    }

    /// An input that was stamped with `lead_s`, less what it waited for a call, had this margin.
    pub(super) fn margin(&mut self, lead_s: f64, margin_s: f64) {
        self.acks += 1.0;
        self.margin_s += (margin_s - self.margin_s) * (1.0 / self.acks).max(GAIN_MIN);
        // the lead at which the input would have come just in time
        let needed_s = lead_s - margin_s;
        let error_s = needed_s + self.target_s() - self.lead_s;
        if self.acks > 8.0 {
            self.deviation_s += (error_s.abs() - self.deviation_s) * DEVIATION_GAIN;
        }
        self.lead_s = (self.lead_s + error_s * (1.0 / self.acks).max(GAIN_MIN)).clamp(0.0, LEAD_MAX_S);
    }

    /// What is aimed at, and the mean of what was reached.
    pub(super) fn margins_s(&self) -> (f64, f64) {
        (self.target_s() - self.pause_s / 2.0, self.margin_s)
    }

    pub(super) fn lead_s(&self) -> f64 {
        self.lead_s
    }

    fn target_s(&self) -> f64 {
        MARGIN_S + DEVIATIONS * self.deviation_s + self.pause_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_settles_at_any_delay() {
        for delay in [1, 8, 50] {
            let mut lead = Lead::new(1.0 / 128.0);
            let mut under_way = std::collections::VecDeque::from(vec![lead.lead_s(); delay]);
            for _ in 0..delay + 200 {
                under_way.push_back(lead.lead_s());
                let stamped = under_way.pop_front().expect("it was just filled");
                lead.margin(stamped, stamped - 0.3);
            }
            let margin_s = lead.lead_s() - 0.3;
            assert!((0.0..0.02).contains(&margin_s), "a margin of {margin_s} s with {delay} inputs under way");
        }
    }
}
