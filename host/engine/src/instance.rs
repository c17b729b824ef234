//! An instance of a module: its memory, and calls into it.
//! Invariant: an instance that has ended in a fault is never entered again.

use crate::canonical::{Arguments, Outcome};
use crate::fault::Fault;
use crate::host::{Called, Host, Returned};
use crate::limits::MAX_VALUE_BYTES;
use crate::program::{ExportedFunction, FunctionIndex};
use crate::state::State;
use crate::thread::stack_left;
use std::error::Error;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::TypedFunc;

type Entry = TypedFunc<Arguments<'static>, Outcome>;

/// A component instance in a store of its own.
pub struct Instance<H: Host> {
    store: Store<State<H>>,
    inner: wasmtime::component::Instance,
    functions: Arc<[ExportedFunction]>,
    /// The functions that were called before, by index.
    entries: Box<[Option<Entry>]>,
    level_bytes: usize,
    poisoned: bool,
}

impl<H: Host> Instance<H> {
    pub(crate) fn new(
        store: Store<State<H>>,
        inner: wasmtime::component::Instance,
        functions: Arc<[ExportedFunction]>,
        level_bytes: usize,
    ) -> Self {
        let entries = vec![None; functions.len()].into();
        Instance { store, inner, functions, entries, level_bytes, poisoned: false }
    }

    /// Whether it has ended in a fault. Then it must be thrown away.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The linear memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.used_bytes
    }

    /// Calls a function with arguments in the row codec, one after the other, and at most that
    /// fuel. Its result replaces what is in `result`.
    ///
    /// # Panics
    /// If the function is one of another program.
    pub fn call(
        &mut self,
        host: Box<H>,
        function: FunctionIndex,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<H> {
        if let Err(fault) = self.check(arguments) {
            return (host, fuel, Err(fault));
        }
        // Until the call has returned the instance counts as failed, also if the host panics.
        self.poisoned = true;
        self.store.data_mut().host = Some(host);
        let outcome = self.enter(function, arguments, fuel);
        let left = self.store.get_fuel().unwrap_or(0);
        let state = self.store.data_mut();
        let host = state.host.take().expect("host functions put the host back before they return");
        match outcome {
            Ok(Outcome(mut bytes)) => {
                self.poisoned = false;
                state.panic = None;
                std::mem::swap(result, &mut bytes);
                let failed = self.functions[function.position()].fallible && result.first() == Some(&1);
                (host, left, Ok(if failed { Returned::Err } else { Returned::Ok }))
            }
            Err(error) => {
                let fault = Fault::of(error, state);
                (host, left, Err(fault))
            }
        }
    }

    fn check(&self, arguments: &[u8]) -> Result<(), Fault<H::Stop>> {
        if self.poisoned {
            return Err(Fault::Poisoned);
        }
        if arguments.len() > MAX_VALUE_BYTES {
            return Err(Fault::TooLarge { limit_bytes: MAX_VALUE_BYTES });
        }
        check_stack(self.level_bytes)
    }

    fn enter(&mut self, function: FunctionIndex, arguments: &[u8], fuel: u64) -> wasmtime::Result<Outcome> {
        self.store.set_fuel(fuel)?;
        let entry = match self.entries[function.position()] {
            Some(entry) => entry,
            None => self.resolve(function)?,
        };
        entry.call(&mut self.store, Arguments(arguments))
    }

    #[cold]
    fn resolve(&mut self, function: FunctionIndex) -> wasmtime::Result<Entry> {
        let position = function.position();
        let entry = self
            .inner
            .get_func(&mut self.store, self.functions[position].export)
            .expect("every instance of a component has its exports")
            .typed(&self.store)?;
        self.entries[position] = Some(entry);
        Ok(entry)
    }
}

/// Fails unless the stack of this thread holds one more guest.
#[inline]
pub(crate) fn check_stack<S: Error>(needed_bytes: usize) -> Result<(), Fault<S>> {
    match stack_left() {
        Some(left) if left >= needed_bytes => Ok(()),
        left_bytes => Err(Fault::ThreadStack { needed_bytes, left_bytes }),
    }
}
