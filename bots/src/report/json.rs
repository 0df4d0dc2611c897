//! The results as one JSON object.

use std::io::{self, Write};

use super::Report;

/// Writes `report` and a line's end. The members are those of [`Report`]; what was not measured is null.
///
/// # Errors
/// `out` does not take it.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)?;
    out.flush()
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// It is something else.
pub fn read(text: &str) -> serde_json::Result<Report> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{played, report};
    use super::*;
    use crate::swarm::Total;

    fn written(report: &Report) -> serde_json::Value {
        let mut out = Vec::new();
        write(report, &mut out).expect("a Vec takes everything");
        serde_json::from_slice(&out).expect("it is JSON")
    }

    /// Scripts read these names.
    #[test]
    fn names_stay() {
        let json = written(&report(&played(1, Duration::from_millis(1))));
        assert_eq!(json["good"], true);
        assert_eq!(json["joined"], 1);
        assert_eq!(json["failed"], 0);
        assert_eq!(json["desyncs"], 0);
        assert_eq!(json["frames_per_s_per_bot"], 30.0);
        for times in ["tick_interval_ms", "input_to_ack_ms", "age_ms", "join_ms", "swarm_lateness_ms"] {
            for percentile in ["p50", "p99", "p99_9", "max"] {
                assert!(json[times][percentile].is_f64(), "{times}.{percentile} is {}", json[times][percentile]);
            }
        }
    }

    #[test]
    fn what_was_written_can_be_read() {
        let report = report(&played(2, Duration::from_millis(1)));
        let mut out = Vec::new();
        write(&report, &mut out).expect("a Vec takes everything");
        assert_eq!(read(&String::from_utf8_lossy(&out)).expect("it is a report"), report);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let json = written(&report(&Total::default()));
        assert!(json["tick_interval_ms"].is_null());
        assert_eq!(json["failures"], serde_json::json!([]));
    }
}
