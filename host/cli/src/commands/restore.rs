//! `interstice restore`: a database made from a backup, whole or as of an earlier moment.
//! Invariant: an existing database is never changed, neither the one that is restored nor one in its way.

use crate::commands::backup::{tell_keep_log, tell_left_out};
use crate::database::{NewFolder, copying_bar, existing_doors, show};
use crate::exit::Failure;
use crate::moment::{self, Moment};
use crate::terminal::Output;
use interstice_node::log::{DamageBehind, LeftOut, RestoreOptions, RestoreReport, Sequence, Until, restore};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Makes a database from a backup, or from a data directory that no process has open.
///
/// With `--until` it is the state after that record, or after the last record not later than that time; later
/// transactions are in no file of it. The database goes on in a timeline of its own. What was written is read back.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The backup.
    backup: PathBuf,
    /// The data directory that is made: an empty one, or one that does not exist.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// The last record, or a time such as `2026-03-01T12:30:00Z`, or `2h` for two hours ago.
    #[arg(long, value_name = "SEQUENCE|TIME", value_parser = parse_until)]
    until: Option<Until>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Reads the number of a record, or a moment.
fn parse_until(text: &str) -> Result<Until, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(sequence) = text.parse()
    {
        return Ok(Until::Sequence(Sequence(sequence)));
    }
    let parsed = moment::parse(text).map(|Moment(micros)| Until::Time(micros));
    parsed.map_err(|error| format!("expected the number of a record, or a moment: {error}"))
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let from = existing_doors(&arguments.backup)?;
    let to = NewFolder::make(&arguments.data)?;
    let until = arguments.until.unwrap_or_default();
    let options = RestoreOptions { until, ..RestoreOptions::default() };
    let bar = copying_bar();
    let restored = restore(from.disk.as_ref(), &to.doors, options, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let report = to.settle(restored)?;
    tell_left_out(&report.left_out);
    tell_keep_log(&arguments.data);
    let mut output = Output::new();
    output.line(if arguments.json { object(&report).to_string() } else { text(&report) })?;
    Ok(output.flush()?)
}

fn text(report: &RestoreReport) -> String {
    let RestoreReport { sequence, timestamp_micros, files, bytes, .. } = report;
    let when = timestamp_micros.map(|micros| format!(" of {}", moment::print(micros))).unwrap_or_default();
    let mut text = format!("restored up to record {sequence}{when}: {files} files, {bytes} bytes, read back");
    if let Some(given_up) = &report.given_up {
        let LeftOut { first, last, first_micros, last_micros } = given_up;
        text.push_str(&format!(
            "\nleft out: {} transactions, {first} to {last}, from {} to {}",
            given_up.count(),
            moment::print(*first_micros),
            moment::print(*last_micros)
        ));
    }
    if let Some(DamageBehind { what, read_until, known_until }) = &report.damage {
        text.push_str(&format!(
            "\nthe original is damaged behind that record, and was not read behind the damage: {what}"
        ));
        if known_until > read_until {
            text.push_str(&format!("\nleft out, too: the records {} to {known_until}", read_until.next()));
        }
    }
    text.push_str(&format!("\nthe database goes on as timeline {}", timeline(report)));
    text
}

fn timeline(report: &RestoreReport) -> String {
    report.timeline.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object(report: &RestoreReport) -> Value {
    let given_up = report.given_up.map(|given_up| {
        json!({
            "count": given_up.count(),
            "first": given_up.first.0,
            "last": given_up.last.0,
            "first_time": moment::print(given_up.first_micros),
            "last_time": moment::print(given_up.last_micros),
        })
    });
    let damage = report.damage.as_ref().map(|damage| {
        json!({
            "what": damage.what,
            "read_until": damage.read_until.0,
            "known_until": damage.known_until.0,
        })
    });
    json!({
        "sequence": report.sequence.0,
        "time": report.timestamp_micros.map(moment::print),
        "given_up": given_up,
        "damage": damage,
        "timeline": timeline(report),
        "snapshots": report.snapshots.iter().map(|sequence| sequence.0).collect::<Vec<_>>(),
        "left_out": report.left_out,
        "files": report.files,
        "bytes": report.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_record_or_a_moment() {
        assert_eq!(parse_until("12"), Ok(Until::Sequence(Sequence(12))));
        assert_eq!(parse_until("1970-01-01T00:00:01Z"), Ok(Until::Time(1_000_000)));
        for wrong in ["", "-1", "yesterday", "99999999999999999999999"] {
            assert!(parse_until(wrong).is_err(), "{wrong}");
        }
    }
}
