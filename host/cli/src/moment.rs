//! Moments as people write them: `2026-03-01T12:30:00Z`, `2026-03-01`, or `2h` for two hours ago.
//! Invariant: a moment without an offset is in UTC, as all output is.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A moment, in microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) u64);

/// Reads a moment on the command line.
pub(crate) fn parse(text: &str) -> Result<Moment, String> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<Moment, String> {
    let parsed = if let Ok(moment) = text.parse::<Timestamp>() {
        Ok(moment)
    } else if let Ok(moment) = text.parse::<DateTime>() {
        moment.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    } else if let Ok(duration) = text.trim_end_matches("ago").trim_end().parse::<SignedDuration>() {
        now.checked_sub(duration.abs())
    } else {
        let example = "2026-03-01T12:30:00Z, 2026-03-01, or 90s, 15m, 2h or 72h for so long ago";
        return Err(format!("expected a moment, such as {example}"));
    };
    let moment = parsed.map_err(|error| error.to_string())?;
    let micros = u64::try_from(moment.as_microsecond()).map_err(|_| "expected a moment since 1970-01-01")?;
    Ok(Moment(micros))
}

/// A moment as text, to the microsecond.
pub(crate) fn print(micros: u64) -> String {
    match i64::try_from(micros).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()) {
        Some(moment) => format!("{moment:.6}"),
        None => format!("{micros} microseconds after 1970-01-01"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        let now = "2026-03-01T12:30:00Z".parse().unwrap();
        let read = |text| parse_at(text, now).map(|moment| print(moment.0));
        for (text, expected) in [
            ("2026-02-03T04:05:06.000007Z", "2026-02-03T04:05:06.000007Z"),
            ("2026-02-03T04:05:06+02:00", "2026-02-03T02:05:06.000000Z"),
            ("2026-02-03T04:05", "2026-02-03T04:05:00.000000Z"),
            ("2026-02-03 04:05:06", "2026-02-03T04:05:06.000000Z"),
            ("2026-02-03", "2026-02-03T00:00:00.000000Z"),
            ("90s", "2026-03-01T12:28:30.000000Z"),
            ("2h", "2026-03-01T10:30:00.000000Z"),
            ("2h 30m ago", "2026-03-01T10:00:00.000000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "12", "2026-13-01", "1969-12-31", "999999999h"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_printed_in_utc_to_the_microsecond() {
        assert_eq!(print(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(print(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(print(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
        assert_eq!(print(u64::MAX), "18446744073709551615 microseconds after 1970-01-01");
    }
}
