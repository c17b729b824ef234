//! A change of the catalog as its record in the log says it: which modules, in which version, and what becomes of
//! each of their tables. Replay does what stands here and decides nothing.
//! Invariant: what is read is what was written, and every table of the new schema has one step.

use crate::replay::check_schema;
use interstice_wit::{Hash, Schema};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one record changes in the catalog: an upgrade of one or more modules, an uninstallation, or a purge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogChange {
    /// Which modules, in the order of their names.
    pub modules: Vec<ModuleChange>,
}

/// What happens to one module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleChange {
    /// The package, without a version.
    pub package: String,
    /// What is installed from here on; nothing if the module is uninstalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NewVersion>,
    /// What becomes of its tables: those of the new schema in its order, then those that go.
    pub tables: Vec<TableStep>,
}

/// A module as an upgrade brings it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewVersion {
    /// What it declares.
    pub schema: Schema,
    /// The digest of its file.
    pub artifact: Hash,
}

/// What becomes of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStep {
    /// Its interface and name from here on, such as `tables.account`; of one that goes, those that it had.
    pub table: String,
    /// What it was called before, if that was something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What is done.
    pub becomes: Becomes,
}

/// What is done with a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// Nothing.
    Kept,
    /// Its rows are read in another shape from here on: each column from where it says.
    Converted(Vec<Source>),
    /// It is new and empty.
    Added,
    /// It is new and takes the place of the one before; what is in it, migration functions have written.
    Filled,
    /// It goes, with its rows.
    Removed,
}

/// Where a column of a converted table comes from; numbers are those of the columns before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A column as it is.
    Same(u32),
    /// A column with a wider integer type.
    Widened(u32),
    /// A column that became an option: there is `some` in it.
    MadeOptional(u32),
    /// On the way back: a column whose values fit the narrower type that it had.
    Fitted(u32),
    /// A value in the row codec, in hexadecimal digits.
    Default(HexBytes),
}

/// Bytes that stand as hexadecimal digits in text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HexBytes(pub Vec<u8>);

impl From<HexBytes> for String {
    fn from(HexBytes(bytes): HexBytes) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for HexBytes {
    type Error = String;

    fn try_from(text: String) -> Result<HexBytes, String> {
        let digits = text.as_bytes();
        let is_hex = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16);
        let bytes: Result<Vec<u8>, _> = digits.chunks(2).map(byte).collect();
        match bytes {
            Ok(bytes) if is_hex => Ok(HexBytes(bytes)),
            _ => Err(format!("`{text}` is not bytes in hexadecimal digits")),
        }
    }
}

impl CatalogChange {
    /// As the record has it.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a change is plain data")
    }

    /// Reads what [`NamedCause::Upgrade`](interstice_log::NamedCause::Upgrade) carries.
    ///
    /// # Errors
    /// If it is none, or a schema in it does not hold together.
    pub fn read(json: &[u8]) -> Result<CatalogChange, String> {
        let change: CatalogChange = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if change.modules.is_empty() {
            return Err("it changes no module".to_owned());
        }
        for module in &change.modules {
            if let Some(to) = &module.to {
                check_schema(&to.schema)?;
                if to.schema.package.unversioned() != module.package {
                    return Err(format!("{} becomes {}", module.package, to.schema.package));
                }
            }
        }
        Ok(change)
    }

    /// What became of its modules, such as `upgraded to 1.3.0 (…)`. That one is not named of which is known already
    /// that this is about it.
    pub fn describe(&self, known: &str) -> String {
        let parts = self.modules.iter().map(|module| match module.package == known {
            true => module.to_string(),
            false => format!("{} {module}", module.package),
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl ModuleChange {
    /// Whether its tables go.
    pub fn is_purge(&self) -> bool {
        self.to.is_none()
            && self.tables.iter().all(|step| step.becomes == Becomes::Removed)
            && !self.tables.is_empty()
    }
}

impl fmt::Display for ModuleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "upgraded to {} ({})", to.schema.package.version, to.artifact),
            None if self.is_purge() => f.write_str("purged"),
            None => f.write_str("uninstalled, its tables kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let step = |table: &str, was: Option<&str>, becomes| TableStep {
            table: table.to_owned(),
            was: was.map(str::to_owned),
            becomes,
        };
        let sources = vec![
            Source::Same(1),
            Source::Widened(0),
            Source::MadeOptional(2),
            Source::Fitted(3),
            Source::Default(HexBytes(vec![0, 255])),
        ];
        let tables = vec![
            step("tables.a", None, Becomes::Kept),
            step("tables.b", Some("tables.c"), Becomes::Converted(sources)),
            step("tables.d", None, Becomes::Filled),
            step("tables.e", None, Becomes::Removed),
        ];
        let module = ModuleChange { package: "acme:bank".to_owned(), to: None, tables };
        let change = CatalogChange { modules: vec![module] };
        assert_eq!(CatalogChange::read(&change.to_json()).unwrap(), change);
        assert!(!change.modules[0].is_purge());
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for wrong in [
            r#"{"modules":[]}"#,
            r#"{}"#,
            r#"{"modules":[{"package":"a:b","tables":[{"table":"t","becomes":{"converted":[{"default":"0"}]}}]}]}"#,
            r#"{"modules":[{"package":"a:b","tables":[{"table":"t","becomes":{"converted":[{"default":"+1"}]}}]}]}"#,
            r#"{"modules":[{"package":"a:b","tables":[{"table":"t","becomes":"vanished"}]}]}"#,
        ] {
            assert!(CatalogChange::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
