//! One phase of a scenario: which keys each sort takes.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{BOTS_MAX, Mistake, read};
use crate::plan::{BACK_OFF_MAX, Phase, What};
use crate::units;

/// Each sort, and the keys that it needs.
pub(super) const SORTS: [(&str, &[&str]); 7] = [
    ("ramp", &["bots", "over"]),
    ("hold", &["for"]),
    ("stampede", &["bots", "for"]),
    ("burst", &["bots", "for"]),
    ("churn", &["per_s", "for"]),
    ("storm", &["share", "over", "for"]),
    ("slow", &["share", "for"]),
];
const CHURN_MAX_PER_S: f64 = 10_000.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    #[serde(rename = "do")]
    sort: Spanned<String>,
    bots: Option<Spanned<u64>>,
    over: Option<Spanned<String>>,
    #[serde(rename = "for")]
    time: Option<Spanned<String>>,
    per_s: Option<Spanned<f64>>,
    share: Option<Spanned<String>>,
    measure: Option<bool>,
}

impl RawPhase {
    pub(super) fn checked(&self, place: &Spanned<Self>) -> Result<Phase, Mistake> {
        let sort = self.sort.get_ref().as_str();
        let Some((_, keys)) = SORTS.iter().find(|(name, _)| *name == sort) else {
            let names: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
            return Err(Mistake::at(&self.sort, format!("there is no phase {sort:?}: there are {}", names.join(", "))));
        };
        self.has_just(sort, keys, place)?;
        let (bots, share) = (self.bots()?, self.share()?);
        let (over, time) = (self.over()?, self.time()?);
        // or those who break last come back when nobody looks any more
        let most = time.saturating_sub(BACK_OFF_MAX);
        if let (Some(given), true) = (&self.over, sort == "storm" && over > most) {
            let what = format!(
                "over is too long for the phase: bots come back after {}, so give at most {}",
                units::shown(BACK_OFF_MAX),
                units::shown(most)
            );
            return Err(Mistake::at(given, what));
        }
        let what = match sort {
            "ramp" => What::Ramp { bots, over },
            "hold" => What::Hold { time },
            "stampede" => What::Stampede { bots, time },
            "burst" => What::Burst { bots, time },
            "churn" => What::Churn { per_s: self.per_s()?, time },
            "storm" => What::Storm { share, over, time },
            _ => What::Slow { share, time },
        };
        // who joins says little about the game
        Ok(Phase { what, measured: self.measure.unwrap_or(sort != "ramp") })
    }

    fn has_just(&self, sort: &str, keys: &[&str], place: &Spanned<Self>) -> Result<(), Mistake> {
        let given = [
            ("bots", self.bots.as_ref().map(|key| key.span().start)),
            ("over", self.over.as_ref().map(|key| key.span().start)),
            ("for", self.time.as_ref().map(|key| key.span().start)),
            ("per_s", self.per_s.as_ref().map(|key| key.span().start)),
            ("share", self.share.as_ref().map(|key| key.span().start)),
        ];
        for (key, at) in given {
            match (keys.contains(&key), at) {
                (true, None) => {
                    let what = format!("a {sort} needs {key}; it takes {}", keys.join(", "));
                    return Err(Mistake::at(place, what));
                }
                (false, Some(at)) => {
                    return Err(Mistake { at, what: format!("a {sort} has no {key}; it takes {}", keys.join(", ")) });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn bots(&self) -> Result<usize, Mistake> {
        let Some(bots) = &self.bots else { return Ok(0) };
        if !(1..=BOTS_MAX).contains(bots.get_ref()) {
            return Err(Mistake::at(bots, format!("bots is a number from 1 to {BOTS_MAX}")));
        }
        Ok(*bots.get_ref() as usize)
    }

    fn share(&self) -> Result<f64, Mistake> {
        Ok(read("share", self.share.as_ref(), units::share)?.unwrap_or_default())
    }

    fn over(&self) -> Result<Duration, Mistake> {
        Ok(read("over", self.over.as_ref(), units::duration)?.unwrap_or_default())
    }

    fn time(&self) -> Result<Duration, Mistake> {
        let time = read("for", self.time.as_ref(), units::duration)?;
        match (&self.time, time) {
            (Some(text), Some(Duration::ZERO)) => Err(Mistake::at(text, "for is longer than 0")),
            _ => Ok(time.unwrap_or_default()),
        }
    }

    fn per_s(&self) -> Result<f64, Mistake> {
        let Some(per_s) = &self.per_s else { return Ok(0.0) };
        if !(*per_s.get_ref() > 0.0 && *per_s.get_ref() <= CHURN_MAX_PER_S) {
            return Err(Mistake::at(per_s, format!("per_s is a number above 0, at most {CHURN_MAX_PER_S}")));
        }
        Ok(*per_s.get_ref())
    }
}
