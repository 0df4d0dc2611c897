//! Scenarios: a swarm's plan as a TOML file. What is wrong in one is named with its line and what to write instead.
//!
//! ```toml
//! seed = 7
//! thresholds = ["p99_tick_interval < 60ms", "desyncs == 0"]
//!
//! [[bots]]                # sorts of bots, mixed by share; without any: players on perfect links
//! share = 9
//! depth = "play"          # or "watch"
//! behaviour = "pilot"     # one of the game's; the usual one if it is left out
//! link = { latency = "80ms", jitter = "10ms", stall = "1%:200ms", rate = "1mbit" }
//! chaos = true            # they misbehave; how they fare does not count
//!
//! [[phases]]              # in order; all are measured but ramps, unless `measure` says otherwise
//! do = "ramp"             # ramp, hold, stampede, burst, churn, storm, slow
//! bots = 200
//! over = "5s"
//!
//! [[phases]]
//! do = "hold"
//! for = "30s"
//! ```

mod phase;
mod words;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::link::{Conditions, Stall};
use crate::plan::{Depth, Group, Phase, What};
use crate::target::Target;
use crate::threshold::{Scope, Threshold};
use crate::units;
use phase::RawPhase;

/// Longest file that is read.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// More bots than one machine has ports for.
const BOTS_MAX: u64 = 60_000;

/// What a scenario says.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about, for people.
    pub about: Option<String>,
    /// The server, unless the command line names one.
    pub url: Option<String>,
    /// Where all dice come from.
    pub seed: u64,
    /// What sorts of bots there are, at least one.
    pub groups: Vec<Group>,
    /// What happens, at least one phase.
    pub phases: Vec<Phase>,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
}

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// There is no such file, or it is none.
    #[error("cannot read the scenario {}: {source}", file.display())]
    File {
        /// What was given.
        file: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It is wrong.
    #[error("{}, line {line}: {what}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// A mistake at a place in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mistake {
    at: usize,
    what: String,
}

impl Mistake {
    fn at<T>(place: &Spanned<T>, what: impl Display) -> Self {
        Self { at: place.span().start, what: what.to_string() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    about: Option<String>,
    url: Option<Spanned<String>>,
    seed: Option<u64>,
    #[serde(default)]
    thresholds: Vec<Spanned<String>>,
    #[serde(default)]
    bots: Vec<RawGroup>,
    #[serde(default)]
    phases: Vec<Spanned<RawPhase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    share: Option<Spanned<f64>>,
    depth: Option<Spanned<String>>,
    behaviour: Option<Spanned<String>>,
    link: Option<RawLink>,
    chaos: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    latency: Option<Spanned<String>>,
    jitter: Option<Spanned<String>>,
    stall: Option<Spanned<String>>,
    rate: Option<Spanned<String>>,
}

impl Scenario {
    /// Reads a file. `behaviours` are the game's.
    ///
    /// # Errors
    /// It cannot be read, or is wrong; the message names the line.
    pub fn read(file: &Path, behaviours: &[&str]) -> Result<Self, ScenarioError> {
        let failed = |source| ScenarioError::File { file: file.to_owned(), source };
        let metadata = std::fs::metadata(file).map_err(failed)?;
        if !metadata.is_file() || metadata.len() > FILE_MAX_BYTES {
            return Err(failed(std::io::Error::other("it is no regular file of at most 1 MiB")));
        }
        let text = std::fs::read_to_string(file).map_err(failed)?;
        Self::parse(&text, behaviours).map_err(|mistake| {
            let line = text[..mistake.at.min(text.len())].matches('\n').count() + 1;
            ScenarioError::Wrong { file: file.to_owned(), line, what: mistake.what }
        })
    }

    fn parse(text: &str, behaviours: &[&str]) -> Result<Self, Mistake> {
        let raw: RawScenario = toml::from_str(text).map_err(|error| Mistake {
            at: error.span().map_or(0, |span| span.start),
            what: words::plain(error.message()),
        })?;
        if let Some(url) = &raw.url {
            Target::read(url.get_ref()).map_err(|error| Mistake::at(url, error))?;
        }
        let thresholds = raw.thresholds.iter().map(|text| {
            text.get_ref()
                .parse::<Threshold>()
                .map_err(|error| Mistake::at(text, format!("{:?}: {error}", text.get_ref())))
        });
        let thresholds = thresholds.collect::<Result<Vec<_>, _>>()?;
        let groups = raw.bots.iter().map(|group| group.checked(behaviours)).collect::<Result<Vec<_>, _>>()?;
        let phases = raw.phases.iter().map(|phase| phase.get_ref().checked(phase)).collect::<Result<Vec<_>, _>>()?;
        if phases.is_empty() {
            let what =
                "nothing happens: write at least one [[phases]], such as do = \"ramp\", bots = 200, over = \"5s\"";
            return Err(Mistake { at: text.len(), what: what.to_owned() });
        }
        let brings = |what| matches!(what, What::Ramp { .. } | What::Stampede { .. } | What::Burst { .. });
        if !phases.iter().any(|phase| brings(phase.what)) {
            let what = "nobody comes: begin with a [[phases]] of do = \"ramp\", bots = 200, over = \"5s\"";
            return Err(raw
                .phases
                .first()
                .map_or(Mistake { at: 0, what: what.to_owned() }, |at| Mistake::at(at, what)));
        }
        if !phases.iter().any(|phase| phase.measured) {
            let what = "nothing is measured: add a phase with do = \"hold\" and for = \"30s\"";
            return Err(Mistake { at: text.len(), what: what.to_owned() });
        }
        let groups = if groups.is_empty() { vec![Group::default()] } else { groups };
        for (threshold, text) in thresholds.iter().zip(&raw.thresholds) {
            threshold.decidable(Scope::Game(&groups, &phases)).map_err(|error| Mistake::at(text, error))?;
        }
        let url = raw.url.map(Spanned::into_inner);
        Ok(Self { about: raw.about, url, seed: raw.seed.unwrap_or(1), groups, phases, thresholds })
    }
}

impl RawGroup {
    fn checked(&self, behaviours: &[&str]) -> Result<Group, Mistake> {
        let share = match &self.share {
            Some(share) if !(*share.get_ref() > 0.0 && share.get_ref().is_finite()) => {
                return Err(Mistake::at(
                    share,
                    "share is a number above 0: groups of 3 and 1 are three quarters and one",
                ));
            }
            Some(share) => *share.get_ref(),
            None => 1.0,
        };
        let depth = match &self.depth {
            Some(depth) => match depth.get_ref().as_str() {
                "play" => Depth::Play,
                "watch" => Depth::Watch,
                other => {
                    return Err(Mistake::at(depth, format!("there is no depth {other:?}: take \"play\" or \"watch\"")));
                }
            },
            None => Depth::Play,
        };
        if let Some(name) = self.behaviour.as_ref().filter(|name| !behaviours.contains(&name.get_ref().as_str())) {
            let what = format!("there is no behaviour {:?}: there are {}", name.get_ref(), behaviours.join(", "));
            return Err(Mistake::at(name, what));
        }
        let behaviour = self.behaviour.as_ref().map(|name| name.get_ref().clone());
        let link = self.link.as_ref().map_or(Ok(Conditions::default()), RawLink::checked)?;
        Ok(Group { share, depth, behaviour, link, chaos: self.chaos.unwrap_or_default() })
    }
}

impl RawLink {
    fn checked(&self) -> Result<Conditions, Mistake> {
        Ok(Conditions {
            latency: read("latency", self.latency.as_ref(), units::duration)?.unwrap_or_default(),
            jitter: read("jitter", self.jitter.as_ref(), units::duration)?.unwrap_or_default(),
            stall: read("stall", self.stall.as_ref(), str::parse::<Stall>)?.unwrap_or_default(),
            rate_bits_per_s: read("rate", self.rate.as_ref(), units::rate_bits_per_s)?,
        })
    }
}

/// A value with a unit, if it is there.
fn read<T, E: Display>(
    key: &str,
    text: Option<&Spanned<String>>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Mistake> {
    let read = text.map(|text| {
        parse(text.get_ref()).map_err(|error| Mistake::at(text, format!("{key} = {:?}: {error}", text.get_ref())))
    });
    read.transpose()
}

#[cfg(test)]
mod tests;
