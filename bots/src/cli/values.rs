//! What the flags' values may be. The sentences say what is allowed.

use std::fmt::Display;
use std::fs;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use tickwire_shared::protocol::limits::NAME_MAX_BYTES;

use super::raw::Given;

/// Digits of the largest bot number that a name must have room for.
const NAME_DIGITS: usize = 5;

/// A whole number in this range.
pub(super) fn whole<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("give a whole number from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    // an hour-long run is plausible, a year-long one is a slip of the finger
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| duration.as_secs() <= 7 * 24 * 3600)
        .ok_or_else(|| "give seconds from 0 to a week".to_owned())
}

pub(super) fn seconds_above_zero(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|duration| {
        if duration.is_zero() {
            Err("there must be time to measure: give more than 0".to_owned())
        } else {
            Ok(duration)
        }
    })
}

pub(super) fn name_prefix(text: &str) -> Result<String, String> {
    let most = NAME_MAX_BYTES - NAME_DIGITS;
    if text.len() > most {
        return Err(format!("give at most {most} bytes, so that there is room for the number"));
    }
    Ok(text.to_owned())
}

/// A text as it is, or behind an @ the file that has it.
pub(super) fn message(text: &str) -> Result<Given, String> {
    match text.strip_prefix('@') {
        Some(file) => fs::read(file).map(Given).map_err(|error| format!("cannot read {file}: {error}")),
        None => Ok(Given(text.as_bytes().to_vec())),
    }
}

pub(super) fn host_and_port(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':').filter(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    parts.map(|_| text.to_owned()).ok_or_else(|| "give a host and a port, such as 127.0.0.1:7777".to_owned())
}
