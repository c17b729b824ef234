//! How long the log of a database is kept, which is said once and remembered beside the data: a later command that
//! says nothing must not give up what an earlier one was told to keep.
//! Invariant: the file holds what was said last, whole, or is not there.

use crate::exit::{Exit, Failure};
use interstice_node::log::{KEEP_LOG_PATH, Retention};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Where nobody ever said anything.
const DEFAULT: Retention = Retention::KeepDays(7);

/// Reads `all`, `none` or `7d`.
pub(crate) fn parse(text: &str) -> Result<Retention, String> {
    let days = |text: &str| text.strip_suffix('d').and_then(|days| days.parse().ok());
    match text {
        "all" => Ok(Retention::KeepAll),
        "none" => Ok(Retention::KeepNone),
        _ => {
            days(text).map(Retention::KeepDays).ok_or_else(|| "say `all`, `none`, or days as `7d`".to_owned())
        }
    }
}

fn print(retention: Retention) -> String {
    match retention {
        Retention::KeepAll => "all\n".to_owned(),
        Retention::KeepNone => "none\n".to_owned(),
        Retention::KeepDays(days) => format!("{days}d\n"),
    }
}

/// What holds for a database: what is said now, or was said last.
pub(crate) fn of(data: &Path, said: Option<Retention>) -> Result<Retention, Failure> {
    if let Some(said) = said {
        return Ok(said);
    }
    let path = data.join(KEEP_LOG_PATH);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DEFAULT),
        Err(error) => {
            let what = format!("cannot read {}: {error}; `--keep-log` says it anew", path.display());
            return Err(Failure::new(Exit::Ours, what));
        }
        Ok(text) => text,
    };
    text.strip_suffix('\n').map_or(Err(()), |text| parse(text).map_err(drop)).map_err(|()| {
        let what = format!(
            "{} holds no `all`, `none` or days as `7d` on one line; `--keep-log` says it anew",
            path.display()
        );
        Failure::new(Exit::Ours, what)
    })
}

/// Remembers what was said, for a database that this process has open.
pub(crate) fn remember(data: &Path, said: Option<Retention>) -> Result<(), Failure> {
    let Some(said) = said else { return Ok(()) };
    let (path, text) = (data.join(KEEP_LOG_PATH), print(said));
    let is_known = match fs::read_to_string(&path) {
        Ok(known) => known == text,
        Err(error) => error.kind() == io::ErrorKind::NotFound && said == DEFAULT,
    };
    if is_known {
        return Ok(());
    }
    let write = || {
        let temporary = path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(data)?.sync_all()
    };
    write().map_err(|error: io::Error| {
        let what = format!("cannot remember `--keep-log` in {}: {error}", path.display());
        Failure::new(Exit::Ours, what)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_said_last_holds_until_something_else_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        assert_eq!(of(data, None).ok(), Some(DEFAULT));
        remember(data, Some(DEFAULT)).ok().unwrap();
        assert!(!data.join(KEEP_LOG_PATH).exists(), "that is so without a word");
        for said in [Retention::KeepAll, Retention::KeepDays(30), Retention::KeepNone, DEFAULT] {
            remember(data, Some(said)).ok().unwrap();
            remember(data, None).ok().unwrap();
            assert_eq!(of(data, None).ok(), Some(said));
            assert_eq!(of(data, Some(Retention::KeepAll)).ok(), Some(Retention::KeepAll));
        }
        for wrong in ["", "all", "some\n", "7d\n\n", "-1d\n"] {
            fs::write(data.join(KEEP_LOG_PATH), wrong).unwrap();
            assert!(of(data, None).is_err(), "{wrong:?}");
        }
        remember(data, Some(Retention::KeepAll)).ok().unwrap();
        assert_eq!(of(data, None).ok(), Some(Retention::KeepAll));
    }

    #[test]
    fn a_retention_is_all_none_or_days() {
        assert_eq!(parse("all"), Ok(Retention::KeepAll));
        assert_eq!(parse("none"), Ok(Retention::KeepNone));
        assert_eq!(parse("30d"), Ok(Retention::KeepDays(30)));
        for wrong in ["", "d", "7", "-1d", "7 d", "7h", "99999999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
