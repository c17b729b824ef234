//! What a store holds while a guest runs in it: the host of the transaction, and why it must end.
//! Invariant: the host is here exactly while its guest runs; a host function that takes it out puts
//! it back before it returns.

use crate::fault::Fault;
use crate::host::{Host, Panic};
use thiserror::Error;
use wasmtime::{ResourceLimiter, Result, StoreContextMut, Trap, bail};

/// The data of a store.
pub(crate) struct State<H: Host> {
    pub(crate) host: Option<Box<H>>,
    /// Why a host function ended the call; [`Halted`] is what wasmtime is told.
    pub(crate) fault: Option<Fault<H::Stop>>,
    /// What the guest said before it trapped.
    pub(crate) panic: Option<Panic>,
    pub(crate) memory: MemoryLimit,
}

/// A host function ended the call; the state holds why.
#[derive(Debug, Error)]
#[error("the host ended the call")]
pub(crate) struct Halted;

/// A guest asked for more memory than it may have.
#[derive(Debug, Error)]
#[error("{wanted_bytes} bytes of memory are more than {limit_bytes}")]
pub(crate) struct MemoryRefused {
    pub(crate) wanted_bytes: usize,
    pub(crate) limit_bytes: usize,
}

/// Counts the memory of one instance.
pub(crate) struct MemoryLimit {
    pub(crate) used_bytes: usize,
    pub(crate) limit_bytes: usize,
    pub(crate) table_elements: usize,
}

impl<H: Host> State<H> {
    /// Takes the host out for a host function.
    #[inline]
    pub(crate) fn take_host(&mut self) -> Result<Box<H>> {
        match self.host.take() {
            Some(host) => Ok(host),
            None => bail!("an initialiser of the module called the host outside of any transaction"),
        }
    }

    /// Ends the call for this reason.
    #[cold]
    pub(crate) fn halt(&mut self, fault: Fault<H::Stop>) -> wasmtime::Error {
        self.fault = Some(fault);
        Halted.into()
    }
}

/// Lets the host of the transaction do something, with the store beside it for reading the guest's
/// memory.
#[inline]
pub(crate) fn visit<H: Host, R>(
    store: &mut StoreContextMut<'_, State<H>>,
    work: impl FnOnce(&mut H, &StoreContextMut<'_, State<H>>) -> Result<R, H::Stop>,
) -> Result<R> {
    let mut host = store.data_mut().take_host()?;
    let answer = work(&mut host, store);
    let state = store.data_mut();
    state.host = Some(host);
    answer.map_err(|stop| state.halt(Fault::Stopped(stop)))
}

/// Takes fuel for work that the host does.
#[inline]
pub(crate) fn charge<T>(store: &mut StoreContextMut<'_, T>, cost: u64) -> Result<()> {
    match store.get_fuel()?.checked_sub(cost) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

/// A refused growth traps: if it became a value, a recorded outcome would depend on the limit.
impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let wanted_bytes = (self.used_bytes - current.min(self.used_bytes)).saturating_add(desired);
        if wanted_bytes > self.limit_bytes {
            return Err(MemoryRefused { wanted_bytes, limit_bytes: self.limit_bytes }.into());
        }
        self.used_bytes = wanted_bytes;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        if desired > self.table_elements {
            bail!("a table of {desired} elements is larger than {}", self.table_elements);
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        Err(error)
    }
}
