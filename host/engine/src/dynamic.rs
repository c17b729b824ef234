//! Host functions whose signature is known only when a component is linked: they take and give
//! bytes of the row codec.
//! Invariant: what a function is given is a valid encoding of its parameters; what it answers is
//! checked against its result when it is lowered.

use crate::canonical::{Buffer, MAX_FLAT_PARAMS, Params, Reply, flat_count};
use crate::host::Host;
use crate::signature::Signature;
use crate::state::State;
use std::sync::Arc;
use wasmtime::component::LinkerInstance;
use wasmtime::{Result, StoreContextMut};

/// The body of such a function.
pub(crate) type Body<H> =
    Arc<dyn Fn(&mut StoreContextMut<'_, State<H>>, Buffer) -> Result<Buffer> + Send + Sync>;

/// Links a function of that signature.
pub(crate) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    name: &str,
    signature: &Signature,
    body: Body<H>,
) -> Result<()> {
    let params = match flat_count(signature.params.iter().map(|(_, ty)| ty)) {
        // What does not fit is in memory, whatever the count of the wrapper.
        count if count > MAX_FLAT_PARAMS => 1,
        count => count,
    };
    match flat_count(&signature.result) {
        0 => link_params::<H, 0>(linker, name, params, body),
        _ => link_params::<H, 1>(linker, name, params, body),
    }
}

/// wasmtime's wrappers are made for a fixed number of core values, so there is one for each.
fn link_params<H: Host, const R: usize>(
    linker: &mut LinkerInstance<'_, State<H>>,
    name: &str,
    params: usize,
    body: Body<H>,
) -> Result<()> {
    match params {
        0 => wrap::<H, 0, R>(linker, name, body),
        1 => wrap::<H, 1, R>(linker, name, body),
        2 => wrap::<H, 2, R>(linker, name, body),
        3 => wrap::<H, 3, R>(linker, name, body),
        4 => wrap::<H, 4, R>(linker, name, body),
        5 => wrap::<H, 5, R>(linker, name, body),
        6 => wrap::<H, 6, R>(linker, name, body),
        7 => wrap::<H, 7, R>(linker, name, body),
        8 => wrap::<H, 8, R>(linker, name, body),
        9 => wrap::<H, 9, R>(linker, name, body),
        10 => wrap::<H, 10, R>(linker, name, body),
        11 => wrap::<H, 11, R>(linker, name, body),
        12 => wrap::<H, 12, R>(linker, name, body),
        13 => wrap::<H, 13, R>(linker, name, body),
        14 => wrap::<H, 14, R>(linker, name, body),
        15 => wrap::<H, 15, R>(linker, name, body),
        _ => wrap::<H, 16, R>(linker, name, body),
    }
}

fn wrap<H: Host, const N: usize, const R: usize>(
    linker: &mut LinkerInstance<'_, State<H>>,
    name: &str,
    body: Body<H>,
) -> Result<()> {
    linker.func_wrap(name, move |mut store: StoreContextMut<'_, State<H>>, Params(params): Params<N>| {
        Ok(Reply::<R>(body(&mut store, params)?))
    })
}
