//! Which records of a log are wanted, by number, time, module, function and table. What a name means
//! is said once here, for records and for entries of an index alike.
//! Invariant: a block that an index calls without interest holds no record that matches.

use crate::definitions::{Definition, DefinitionId, Definitions};
use crate::record::{Cause, RecordParts};
use crate::sequence::Sequence;

/// Which records are wanted: those for which everything that is said here holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Not those before this number.
    pub from: Option<Sequence>,
    /// Not those after this number.
    pub to: Option<Sequence>,
    /// Not those that began before this moment, in microseconds since 1970-01-01 UTC.
    pub since_micros: Option<u64>,
    /// Not those that began after this moment, in microseconds since 1970-01-01 UTC.
    pub until_micros: Option<u64>,
    /// Those alone that this module ran: its package without the version, such as `acme:bank`.
    pub module: Option<String>,
    /// Those alone that ran this function: its interface and name, such as `ledger.transfer`.
    pub function: Option<String>,
    /// Those alone that changed this table: its interface and name, such as `tables.account`, or the
    /// same after its owner's package, as in `acme:bank/tables.account`.
    pub table: Option<String>,
    /// Besides those, all installs and upgrades up to `to`, by which the others are understood.
    pub with_installs: bool,
}

impl LogFilter {
    /// Whether a record is wanted.
    #[must_use]
    pub fn matches(&self, record: &RecordParts<'_>, definitions: &Definitions) -> bool {
        if self.is_beyond(record.sequence) {
            return false;
        }
        if self.with_installs && matches!(record.cause, Cause::Install(_) | Cause::Upgrade(_)) {
            return true;
        }
        let micros = record.timestamp_micros;
        if self.from.is_some_and(|from| record.sequence < from) || !self.reaches(micros, micros) {
            return false;
        }
        let named = |id: DefinitionId| definitions.get(id);
        let Some(subject) = named(record.subject) else { return false };
        self.matches_subject(subject, named)
            && (self.table.is_none()
                || record
                    .write_set
                    .tables()
                    .iter()
                    .filter_map(|id| named(*id))
                    .any(|it| self.matches_table(it)))
    }

    /// Whether this record and all that follow are too late.
    pub(crate) fn is_beyond(&self, sequence: Sequence) -> bool {
        self.to.is_some_and(|to| sequence > to)
    }

    /// Whether some moment between these two is wanted.
    pub(crate) fn reaches(&self, earliest_micros: u64, latest_micros: u64) -> bool {
        self.since_micros.is_none_or(|since| latest_micros >= since)
            && self.until_micros.is_none_or(|until| earliest_micros <= until)
    }

    /// Whether what ran is wanted: a function, or a module that was installed.
    pub(crate) fn matches_subject<'d>(
        &self,
        subject: &'d Definition,
        named: impl Fn(DefinitionId) -> Option<&'d Definition>,
    ) -> bool {
        let (module, function) = match subject {
            Definition::Function { module, name } => (named(*module), Some(name)),
            module => (Some(module), None),
        };
        let is_module = self.module.as_ref().is_none_or(
            |wanted| matches!(module, Some(Definition::Module { package, .. }) if package == wanted),
        );
        is_module && self.function.as_ref().is_none_or(|wanted| function == Some(wanted))
    }

    /// Whether a change of this table is wanted.
    pub(crate) fn matches_table(&self, table: &Definition) -> bool {
        let Definition::Table { package, name } = table else { return false };
        self.table.as_ref().is_none_or(|wanted| match wanted.split_once('/') {
            Some((owner, wanted)) => owner == package && wanted == name,
            None => wanted == name,
        })
    }
}
