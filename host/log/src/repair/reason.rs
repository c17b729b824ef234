//! Why a repair is needed. Invariant: it says what is wrong, and not what to do about it: whoever plans a repair is
//! told by the plan.

use crate::error::LogError;

/// What an error says of the files, without the advice to those who only wanted to open the database, which is to see
/// what a repair would do.
#[must_use]
pub fn reason_of(error: &LogError) -> String {
    match error {
        LogError::Damaged { path, offset, what } => format!("{path} is damaged at byte {offset}: {what}"),
        LogError::MissingSegment { path, first } => {
            format!("{path} is missing; it holds the records from {first} on and is listed in the manifest")
        }
        LogError::MissingManifest { path, evidence } => {
            format!("{path} is missing, but {evidence} shows that this directory holds a database")
        }
        LogError::UnlistedSegment { path, last, listed } => format!(
            "{path} holds records up to {last}, but the manifest does not list it and the listed segments end at \
             {listed}; an old manifest may have been put back"
        ),
        error => error.with_causes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Sequence;

    #[test]
    fn a_reason_begins_as_the_error_does_and_gives_no_advice() {
        let path = || "data/log/1.log".to_owned();
        for error in [
            LogError::Damaged { path: path(), offset: 7, what: "no header".to_owned() },
            LogError::MissingSegment { path: path(), first: Sequence(3) },
            LogError::MissingManifest { path: path(), evidence: "data/log".to_owned() },
            LogError::UnlistedSegment { path: path(), last: Sequence(9), listed: Sequence(4) },
        ] {
            let (reason, whole) = (reason_of(&error), error.to_string());
            assert!(whole.starts_with(&reason) && whole.len() > reason.len(), "{reason}\n{whole}");
            assert!(!reason.contains("nothing was changed") && !reason.contains("repair"), "{reason}");
        }
    }
}
