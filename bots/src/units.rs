//! How durations, rates and shares are written, and what is wrong with those that are not.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum UnitError {
    /// No duration.
    #[error("it is no duration: give a number with us, ms, s, m or h, such as 80ms")]
    Duration,
    /// No rate.
    #[error("it is no rate: give bits a second with bit, kbit, mbit or gbit, such as 1mbit")]
    Rate,
    /// No share.
    #[error("it is no share: give a number from 0% to 100%, such as 1%")]
    Share,
    /// No stall.
    #[error("it is no stall: give how many packets are held up and for how long, such as 1%:200ms")]
    Stall,
}

/// Longest that means anything in a test.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A duration such as `80ms`, `1.5s` or `2m`, from 0 to a week.
///
/// # Errors
/// It has no unit, an unknown one, or no sensible number.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text).ok_or(UnitError::Duration)?;
    let unit_s = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(UnitError::Duration),
    };
    let duration = Duration::try_from_secs_f64(number * unit_s).map_err(|_| UnitError::Duration)?;
    if duration <= LONGEST { Ok(duration) } else { Err(UnitError::Duration) }
}

/// Bits a second, such as `512kbit` or `1mbit`; at least one.
///
/// # Errors
/// It has no unit, an unknown one, or no sensible number.
pub fn rate_bits_per_s(text: &str) -> Result<u64, UnitError> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    let (number, unit) = split(text).ok_or(UnitError::Rate)?;
    let unit_bits = match unit {
        "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" | "Mbit" => 1e6,
        "gbit" | "Gbit" => 1e9,
        _ => return Err(UnitError::Rate),
    };
    let bits = number * unit_bits;
    if (1.0..=1e12).contains(&bits) { Ok(bits as u64) } else { Err(UnitError::Rate) }
}

/// A part of a whole, such as `1%` or `0.5%`, as a number from 0 to 1.
///
/// # Errors
/// It is no percentage from 0 to 100.
pub fn share(text: &str) -> Result<f64, UnitError> {
    let percent: f64 = text.strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or(UnitError::Share)?;
    if (0.0..=100.0).contains(&percent) { Ok(percent / 100.0) } else { Err(UnitError::Share) }
}

/// A duration as a person would write it.
#[must_use]
pub fn shown(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms >= 1000.0 { format!("{} s", ms / 1000.0) } else { format!("{ms} ms") }
}

/// The number in front, and its unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(unit_at);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in [("80ms", 80.0), ("1.5s", 1500.0), ("250us", 0.25), ("2m", 120_000.0), ("0ms", 0.0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(ms / 1000.0)), "{text}");
        }
        for text in ["", "80", "ms", "-1ms", "1e3ms", "80 parsecs", "nan", "1.2.3s", "9999h"] {
            assert_eq!(duration(text), Err(UnitError::Duration), "{text}");
        }
    }

    #[test]
    fn rates_have_units() {
        for (text, bits) in
            [("1mbit", 1_000_000), ("512kbit", 512_000), ("2.5Mbit/s", 2_500_000), ("1gbit", 1_000_000_000)]
        {
            assert_eq!(rate_bits_per_s(text), Ok(bits), "{text}");
        }
        for text in ["", "1", "mbit", "0mbit", "-1mbit", "1mb", "9999gbit"] {
            assert_eq!(rate_bits_per_s(text), Err(UnitError::Rate), "{text}");
        }
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!((share("1%"), share("0.5 %"), share("100%")), (Ok(0.01), Ok(0.005), Ok(1.0)));
        for text in ["1", "%", "101%", "-1%", "nan%", "half"] {
            assert_eq!(share(text), Err(UnitError::Share), "{text}");
        }
    }
}
