//! A moment to begin at, for swarms on several machines: each waits for it by its own clock.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::say;

const DAY_S: u64 = 24 * 3600;
/// Who waits looks at the clock so often, in case it is set meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Reads a moment, as seen at `now`: a time of day in UTC, of tomorrow when it was more than 12 h ago, or Unix
/// seconds.
///
/// # Errors
/// It is neither, or over; the message says what would be right.
pub fn moment(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let day = Duration::from_secs(since.as_secs() / DAY_S * DAY_S);
    if let Some(time) = time_of_day(text) {
        let today = day + time;
        // who types it a second too late does not mean tomorrow
        let is_tomorrow = today + Duration::from_secs(DAY_S / 2) < since;
        return not_over(if is_tomorrow { today + Duration::from_secs(DAY_S) } else { today }, since);
    }
    let at = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let at = at.filter(|at| at.as_secs() < since.as_secs() + 7 * DAY_S).ok_or_else(|| {
        "give a time of day in UTC such as 20:15 or 20:15:30, or Unix seconds within a week, such as $(date -d '+1 min' +%s)"
            .to_owned()
    })?;
    not_over(at, since)
}

/// Both since the epoch.
fn not_over(at: Duration, since: Duration) -> Result<SystemTime, String> {
    match since.checked_sub(at) {
        Some(ago) if !ago.is_zero() => Err(format!(
            "that was {:.0} s ago: this machine's clock says {} UTC",
            ago.as_secs_f64(),
            clock(UNIX_EPOCH + since)
        )),
        _ => Ok(UNIX_EPOCH + at),
    }
}

/// `20:15` or `20:15:30`.
fn time_of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<u64>().ok() } else { None }
    });
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let is_time = parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60;
    is_time.then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// Its time of day in UTC.
#[must_use]
pub fn clock(at: SystemTime) -> String {
    let s = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % DAY_S;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Its day in UTC, such as 2026-11-21.
#[must_use]
pub fn day(at: SystemTime) -> String {
    let mut days = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_S;
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}

/// Sleeps until `at`, and says so.
pub(crate) fn wait(at: SystemTime) {
    let left = || at.duration_since(SystemTime::now()).unwrap_or_default();
    say::aside(format_args!("begins at {} UTC, in {:.1} s; Ctrl-C ends it", clock(at), left().as_secs_f64()));
    while !left().is_zero() {
        thread::sleep(left().min(LOOK_INTERVAL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 20:15:00 UTC.
    const NOW_S: u64 = 1_795_292_100;

    fn at(text: &str) -> Result<i64, String> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW_S);
        let moment = moment(text, now)?;
        Ok(moment.duration_since(UNIX_EPOCH).expect("it is later").as_secs() as i64 - NOW_S as i64)
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        assert_eq!(clock(UNIX_EPOCH + Duration::from_secs(NOW_S)), "20:15:00");
        let found = ["20:15", "20:16", "20:15:30", "8:14:59", "0:00"].map(at);
        assert_eq!(found, [0, 60, 30, DAY_S as i64 / 2 - 1, 13_500].map(Ok));
        let over = at("20:14:59").expect_err("a second ago");
        assert_eq!(over, "that was 1 s ago: this machine's clock says 20:15:00 UTC");
    }

    #[test]
    fn a_day_is_that_of_the_calendar() {
        let of = |s| day(UNIX_EPOCH + Duration::from_secs(s));
        let found = [0, NOW_S, 951_782_399, 951_782_400, 951_868_800, 1_798_761_599, 1_798_761_600].map(of);
        let wanted = ["1970-01-01", "2026-11-21", "2000-02-28", "2000-02-29", "2000-03-01", "2026-12-31", "2027-01-01"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn unix_seconds_are_taken_and_what_is_over_is_not() {
        assert_eq!(at(&(NOW_S + 90).to_string()), Ok(90));
        assert_eq!(at(&format!("{}.5", NOW_S + 90)), Ok(90));
        let over = at(&(NOW_S - 12).to_string()).expect_err("it is over");
        assert_eq!(over, "that was 12 s ago: this machine's clock says 20:15:00 UTC");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "soon",
            "24:00",
            "20:60",
            "20",
            "20:15:60",
            "20:15:30:1",
            "-1:00",
            "+1:00",
            "nan",
            "1e300",
            "99999999999",
        ] {
            assert!(at(text).is_err(), "{text} was taken");
        }
    }
}
