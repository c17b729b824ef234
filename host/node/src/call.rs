//! What callers hold: functions that they found, options of a call, replies.
//! Invariant: a handle names a function with the parameters and the result that it had when it was found; what it
//! calls is that function in the version of its module that is installed, or nothing.

use crate::catalog::{Catalog, Function, FunctionIndex, Module, Place};
use crate::catalogs::Held;
use crate::context::Target;
use crate::error::Error;
use crate::executor::Answer;
use crate::node::{Node, waits};
use interstice_codec::ValueType;
use interstice_engine::{Caller, Returned};
use interstice_log::Sequence;
use interstice_wit::{FunctionKind, Hash, PackageName, Schema};
use std::sync::Arc;

/// When a caller is told of its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When it is in the log and the disk has it.
    #[default]
    Durable,
    /// When it is committed in memory; a crash may take it back.
    Memory,
}

/// How a call is made.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// On whose behalf.
    pub caller: Caller,
    /// When the reply is given; for a query, what it may see.
    pub acknowledge: Acknowledge,
}

impl Default for CallOptions {
    fn default() -> Self {
        CallOptions { caller: Caller::Client("local".to_owned()), acknowledge: Acknowledge::Durable }
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether the function returned the `err` of a WIT `result`; then nothing of it is left.
    pub returned: Returned,
    /// Its result in the row codec; empty if it has none.
    pub result: Vec<u8>,
    /// The record of the transaction, if it left one.
    pub sequence: Option<Sequence>,
    /// The version that the caller has seen.
    pub version: Sequence,
}

/// A call that was sent and not waited for.
pub struct Pending {
    pub(crate) answer: Promised<(Sequence, Result<Reply, Error>)>,
    pub(crate) node: Node,
}

/// An answer that is there already or will be.
pub(crate) enum Promised<T> {
    Now(T),
    Later(Arc<Answer<T>>),
}

impl<T> Promised<T> {
    fn wait(self) -> Result<T, Error> {
        match self {
            Self::Now(answer) => Ok(answer),
            Self::Later(answer) => answer.wait(),
        }
    }
}

impl Pending {
    /// Waits until the call has run and, if that was asked for, is durable.
    pub fn wait(self, acknowledge: Acknowledge) -> Result<Reply, Error> {
        let (version, reply) = self.answer.wait()?;
        if waits(acknowledge, &reply) {
            self.node.wait_durable(version)?;
        }
        reply
    }
}

/// A query that was sent and not waited for. It holds the version that it will see.
pub struct PendingQuery {
    pub(crate) answer: Promised<Held>,
    pub(crate) node: Node,
    pub(crate) function: FunctionHandle,
    pub(crate) arguments: Vec<u8>,
    pub(crate) caller: Caller,
}

impl PendingQuery {
    /// Runs the query, once its version is durable if that was asked for, and waits for its result.
    pub fn wait(self, acknowledge: Acknowledge) -> Result<Reply, Error> {
        let held = self.answer.wait()?;
        if acknowledge == Acknowledge::Durable {
            self.node.wait_durable(Sequence(held.reader.version().0))?;
        }
        self.node.query_held(held, self.function, self.arguments, self.caller)
    }
}

/// An exported function of an installed module, found by name.
#[derive(Clone)]
pub struct FunctionHandle {
    catalog: Arc<Catalog>,
    target: Target,
}

impl FunctionHandle {
    pub(crate) fn find(catalog: Arc<Catalog>, module: &str, function: &str) -> Result<FunctionHandle, Error> {
        let found = catalog.module(module)?;
        let (interface, name) = match function.rsplit_once('.') {
            Some((interface, name)) => (Some(interface), name),
            None => (None, function),
        };
        let matches = |candidate: &Function| {
            candidate.name == name && interface.is_none_or(|interface| candidate.interface == interface)
        };
        let all: Vec<usize> =
            (0..found.functions.len()).filter(|at| matches(&found.functions[*at])).collect();
        let callable: Vec<usize> =
            all.iter().copied().filter(|at| found.functions[*at].not_callable().is_none()).collect();
        let position = match (callable.as_slice(), all.as_slice()) {
            ([one], _) => *one,
            ([], []) => {
                return Err(Error::UnknownFunction {
                    module: Box::new(found.schema.package.clone()),
                    function: function.to_owned(),
                    known: found
                        .functions
                        .iter()
                        .filter(|function| function.not_callable().is_none())
                        .map(Function::local_name)
                        .collect(),
                });
            }
            ([], [first, ..]) => {
                let refused = &found.functions[*first];
                return Err(Error::NotCallable {
                    module: Box::new(found.schema.package.clone()),
                    function: refused.local_name(),
                    why: refused.not_callable().unwrap_or_default(),
                });
            }
            (several, _) => {
                return Err(Error::AmbiguousFunction {
                    module: Box::new(found.schema.package.clone()),
                    function: function.to_owned(),
                    candidates: several.iter().map(|at| found.functions[*at].local_name()).collect(),
                });
            }
        };
        let target = Target {
            module: found.index,
            function: FunctionIndex(u32::try_from(position).expect("a module has far fewer functions")),
        };
        Ok(FunctionHandle { catalog, target })
    }

    fn function(&self) -> &Function {
        self.catalog.function(self.target)
    }

    /// Where the function is in a catalog: that in which it was found, or another one.
    ///
    /// # Errors
    /// If it is not there, or takes or returns something else there.
    #[inline]
    pub(crate) fn target_in(&self, catalog: &Arc<Catalog>) -> Result<Target, Error> {
        if Arc::ptr_eq(&self.catalog, catalog) { Ok(self.target) } else { self.find_again(catalog) }
    }

    #[cold]
    fn find_again(&self, catalog: &Arc<Catalog>) -> Result<Target, Error> {
        let before = self.catalog.at(self.target.module);
        if catalog.installed_at(before.index).is_some_and(|now| Arc::ptr_eq(before, now)) {
            return Ok(self.target);
        }
        let function = self.function();
        let again = FunctionHandle::find(catalog.clone(), &before.name, &function.local_name())?;
        let now = again.function();
        let is_same =
            now.params == function.params && now.result == function.result && now.kind == function.kind;
        if is_same {
            return Ok(again.target);
        }
        Err(Error::FunctionChanged {
            function: function.full_name.to_string(),
            before: Box::new(before.schema.package.clone()),
            now: Box::new(again.package().clone()),
        })
    }

    /// `acme:bank/ledger.transfer`
    pub fn full_name(&self) -> &str {
        &self.function().full_name
    }

    /// The module that exports it.
    pub fn package(&self) -> &PackageName {
        &self.catalog.at(self.target.module).schema.package
    }

    /// Its parameters: names and types.
    pub fn params(&self) -> &[(String, ValueType)] {
        &self.function().params
    }

    /// The type of its result, if it has one.
    pub fn result(&self) -> Option<&ValueType> {
        self.function().result.as_ref()
    }

    /// Whether it is a query; if not, it is a reducer.
    pub fn is_query(&self) -> bool {
        self.function().kind == FunctionKind::Query
    }

    pub(crate) fn check_reducer(&self) -> Result<(), Error> {
        if self.is_query() { Err(self.wrong_kind("query", "reducer", "query")) } else { Ok(()) }
    }

    pub(crate) fn check_query(&self) -> Result<(), Error> {
        if self.is_query() { Ok(()) } else { Err(self.wrong_kind("reducer", "query", "call")) }
    }

    fn wrong_kind(&self, is: &'static str, wanted: &'static str, is_command: &'static str) -> Error {
        Error::WrongKind {
            module: Box::new(self.package().clone()),
            function: self.function().local_name(),
            is,
            wanted,
            is_command,
        }
    }
}

impl Function {
    /// `ledger.transfer`
    fn local_name(&self) -> String {
        format!("{}.{}", self.interface, self.name)
    }

    /// Why clients cannot call it, if they cannot.
    fn not_callable(&self) -> Option<&'static str> {
        match self.kind {
            FunctionKind::On(_) | FunctionKind::Schedule { .. } => Some("a handler of the host"),
            FunctionKind::Migrate => Some("a migration, which an upgrade runs"),
            FunctionKind::Reducer | FunctionKind::Query if !self.public => Some("private"),
            FunctionKind::Reducer | FunctionKind::Query => None,
        }
    }
}

/// An installed module, for people and tools.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// What it declares.
    pub schema: Schema,
    /// The digest of its file.
    pub artifact: Hash,
    /// When this version was installed, in microseconds since the Unix epoch.
    pub installed_micros: u64,
}

impl ModuleInfo {
    /// Those that are installed; the times stand by the modules' numbers.
    pub(crate) fn all(catalog: &Catalog, installed_micros: &[u64]) -> Vec<ModuleInfo> {
        let info = |module: &Arc<Module>| ModuleInfo {
            schema: module.schema.clone(),
            artifact: module.digest,
            installed_micros: installed_micros.get(module.index.0 as usize).copied().unwrap_or_default(),
        };
        catalog.modules().map(info).collect()
    }

    /// Those that were uninstalled, and whose tables were kept.
    pub(crate) fn kept(catalog: &Catalog, installed_micros: &[u64]) -> Vec<ModuleInfo> {
        let mut kept = Vec::new();
        for (place, micros) in catalog.places().iter().zip(installed_micros) {
            if let Place::Kept(module) = place {
                let (schema, artifact) = (module.schema.clone(), module.digest);
                kept.push(ModuleInfo { schema, artifact, installed_micros: *micros });
            }
        }
        kept
    }
}
