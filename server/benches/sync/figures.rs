//! Figures of many ticks.

use std::time::Duration;

/// One figure of each tick, in ms.
pub struct Spread(Vec<f64>);

impl Spread {
    pub fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut sorted: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }

    /// The share `part` of the ticks took no longer.
    fn at(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * part).ceil() as usize).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    pub fn longest(&self) -> f64 {
        self.at(1.0)
    }

    /// Median and 99th percentile.
    pub fn both(&self) -> String {
        format!("{:.2} {:.2}", self.median(), self.at(0.99))
    }
}

/// The mean of what is counted per tick, over another such count.
pub fn per<T>(of: &[T], what: impl Fn(&T) -> f64, each: impl Fn(&T) -> f64) -> f64 {
    of.iter().map(what).sum::<f64>() / of.iter().map(each).sum::<f64>()
}
