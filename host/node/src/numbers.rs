//! The numbers by which records refer to modules, functions and tables.
//! A log gives them out; what runs beside a log has numbers of its own.
//! Invariant: equal definitions have the same number.

use interstice_log::{Definition, DefinitionId, Definitions, Log, LogError};
use parking_lot::Mutex;

/// Gives names their numbers.
pub(crate) trait Numbers {
    /// The number of a definition.
    fn define(&self, definition: Definition) -> Result<DefinitionId, LogError>;
}

impl Numbers for Log {
    fn define(&self, definition: Definition) -> Result<DefinitionId, LogError> {
        Log::define(self, definition)
    }
}

/// Numbers that no log knows.
#[derive(Default)]
pub(crate) struct OwnNumbers(pub(crate) Mutex<Definitions>);

impl Numbers for OwnNumbers {
    fn define(&self, definition: Definition) -> Result<DefinitionId, LogError> {
        self.0.lock().intern(definition)
    }
}
