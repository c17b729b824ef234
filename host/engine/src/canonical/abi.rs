//! The one file that tells wasmtime how to carry our bytes: it implements the traits behind
//! wasmtime's statically typed functions for four types whose component type is found at run time,
//! and for the buffer that stands for `list<u8>`.
//!
//! Why `unsafe` is needed and holds. The traits are `unsafe` because wasmtime trusts an
//! implementation to fill and to read the core values of a call. Here every slot is initialised
//! before wasmtime sees it, every type has exactly the slots that it declares in `Lower`, and
//! all reads and writes of guest memory go through checked slices. Core values are plain integers
//! and floats; a wrong one could only mislead the guest that receives it, never the host. The type
//! that drives a conversion is the one that wasmtime hands in from the component itself, so it
//! cannot disagree with the function that is called. The traits are hidden from wasmtime's
//! documentation and may change with it: its version is pinned, and the tests hold each conversion
//! against wasmtime's own [`Val`](wasmtime::component::Val).
//! Invariant: no other file of this crate implements these traits.
#![allow(unsafe_code)]

use super::buffer::Buffer;
use super::lift::{lift, load, unsupported};
use super::lower::{lower, store, store_tuple};
use interstice_codec::DecodeError;
use interstice_codec::row::Reader;
use std::error::Error;
use std::mem::MaybeUninit;
use thiserror::Error;
use wasmtime::component::__internal::wasmtime_environ::component::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};
use wasmtime::component::__internal::{
    CanonicalAbiInfo, ComponentTypes, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};
use wasmtime::{Result, ValRaw, bail};

/// The arguments of an exported function, encoded one after the other.
pub(crate) struct Arguments<'a>(pub(crate) &'a [u8]);

/// What an exported function returned, encoded; empty if it returns nothing.
pub(crate) struct Outcome(pub(crate) Buffer);

/// The arguments of an imported function that takes `N` core values, or whose arguments lie in
/// memory if `N` is 1 and they are more than fit.
pub(crate) struct Params<const N: usize>(pub(crate) Buffer);

/// What an imported function returns, encoded, in `N` core values or in memory.
pub(crate) struct Reply<const N: usize>(pub(crate) Buffer);

/// The arguments of a call are no encoding of the function's parameters.
#[derive(Debug, Error)]
#[error("the arguments do not fit: {0}")]
pub(crate) struct BadArguments(pub(crate) DecodeError);

/// What the host answered is no encoding of the function's result, which is the host's mistake.
#[derive(Debug, Error)]
#[error("the host's answer does not fit: {0}")]
struct BadAnswer(DecodeError);

/// Says whose bytes were malformed.
#[cold]
fn blame<E: Error + Send + Sync + 'static>(
    error: wasmtime::Error,
    wrap: fn(DecodeError) -> E,
) -> wasmtime::Error {
    match error.downcast::<DecodeError>() {
        Ok(malformed) => wrap(malformed).into(),
        Err(other) => other,
    }
}

/// The elements of the tuple that stands for all parameters or results.
#[inline]
fn elements(types: &ComponentTypes, ty: InterfaceType) -> Result<&[InterfaceType]> {
    match ty {
        InterfaceType::Tuple(index) => Ok(&types[index].types),
        other => unsupported(other),
    }
}

/// The core values that all parameters or results take, or `None` if they go through memory.
#[inline]
fn flat_count(types: &ComponentTypes, ty: InterfaceType, most: usize) -> Option<usize> {
    types.canonical_abi(&ty).flat_count(most)
}

impl Arguments<'_> {
    #[inline]
    fn write<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        flat: &mut [ValRaw; MAX_FLAT_PARAMS],
    ) -> Result<()> {
        let types = cx.types;
        let elements = elements(types, ty)?;
        let mut row = Reader::new(self.0);
        if flat_count(types, ty, MAX_FLAT_PARAMS).is_some() {
            let mut flat = flat.iter_mut();
            for element in elements {
                lower(cx, *element, &mut row, &mut flat)?;
            }
        } else {
            let abi = types.canonical_abi(&ty);
            let start = cx.realloc(0, 0, abi.align32, abi.size32 as usize)?;
            store_tuple(cx, elements, &mut row, start)?;
            flat[0] = ValRaw::u64(start as u64);
        }
        Ok(row.finish()?)
    }
}

impl<const N: usize> Reply<N> {
    /// Hands each result to `write`; there is at most one.
    #[inline]
    fn read(
        &self,
        types: &ComponentTypes,
        ty: InterfaceType,
        mut write: impl FnMut(InterfaceType, &mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut row = Reader::new(&self.0);
        let mut read = || {
            for element in elements(types, ty)? {
                write(*element, &mut row)?;
            }
            Ok(row.finish()?)
        };
        read().map_err(|error| blame(error, BadAnswer))
    }
}

// SAFETY: `Lower` is an array of `ValRaw`; see the head of this file.
unsafe impl ComponentType for Arguments<'_> {
    type Lower = [ValRaw; MAX_FLAT_PARAMS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: see the head of this file.
unsafe impl ComponentNamedList for Arguments<'_> {}

// SAFETY: the whole of `dst` is initialised before any slot is set.
unsafe impl Lower for Arguments<'_> {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let flat = dst.write([ValRaw::u64(0); MAX_FLAT_PARAMS]);
        self.write(cx, ty, flat).map_err(|error| blame(error, BadArguments))
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        _: usize,
    ) -> Result<()> {
        unsupported(ty)
    }
}

// SAFETY: `Lower` is an array of `ValRaw`; see the head of this file.
unsafe impl ComponentType for Outcome {
    type Lower = [ValRaw; MAX_FLAT_RESULTS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: see the head of this file.
unsafe impl ComponentNamedList for Outcome {}

// SAFETY: reads only the slot that `Lower` declares, and memory through checked slices.
unsafe impl Lift for Outcome {
    #[inline]
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let types = cx.types;
        let elements = elements(types, ty)?;
        if elements.is_empty() {
            return Ok(Outcome(Buffer::default()));
        }
        let mut out = Buffer::take();
        if flat_count(types, ty, MAX_FLAT_RESULTS).is_some() {
            let mut flat = src.iter();
            for element in elements {
                lift(cx, *element, &mut flat, &mut out)?;
            }
        } else {
            let abi = types.canonical_abi(&ty);
            let start = src[0].get_u32();
            if !start.is_multiple_of(abi.align32) {
                bail!("a return pointer that is not aligned");
            }
            load_elements(cx, elements, start as usize, &mut out)?;
        }
        Ok(Outcome(out))
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, ty: InterfaceType, _: &[u8]) -> Result<Self> {
        unsupported(ty)
    }
}

// SAFETY: `Lower` is an array of `ValRaw`; see the head of this file.
unsafe impl<const N: usize> ComponentType for Params<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match flat_count(types.types, *ty, MAX_FLAT_PARAMS) {
            Some(count) if count != N => bail!("{count} core values where {N} were expected"),
            _ => Ok(()),
        }
    }
}

// SAFETY: see the head of this file.
unsafe impl<const N: usize> ComponentNamedList for Params<N> {}

// SAFETY: reads only the slots that `Lower` declares, and memory through checked slices.
unsafe impl<const N: usize> Lift for Params<N> {
    #[inline]
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let types = cx.types;
        let mut out = Buffer::take();
        let mut flat = src.iter();
        for element in elements(types, ty)? {
            lift(cx, *element, &mut flat, &mut out)?;
        }
        Ok(Params(out))
    }

    /// `bytes` is empty, as `ABI` says; only where it lies in memory counts.
    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let types = cx.types;
        let mut out = Buffer::take();
        let start = bytes.as_ptr().addr() - cx.memory().as_ptr().addr();
        load_elements(cx, elements(types, ty)?, start, &mut out)?;
        Ok(Params(out))
    }
}

// SAFETY: `Lower` is an array of `ValRaw`; see the head of this file.
unsafe impl<const N: usize> ComponentType for Reply<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match flat_count(types.types, *ty, MAX_FLAT_RESULTS) {
            Some(count) if count != N => bail!("{count} core values where {N} were expected"),
            _ => Ok(()),
        }
    }
}

// SAFETY: see the head of this file.
unsafe impl<const N: usize> ComponentNamedList for Reply<N> {}

// SAFETY: the whole of `dst` is initialised before any slot is set.
unsafe impl<const N: usize> Lower for Reply<N> {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let mut flat = dst.write([ValRaw::u64(0); N]).iter_mut();
        self.read(cx.types, ty, |element, row| lower(cx, element, row, &mut flat))
    }

    #[inline]
    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        // A tuple of one result lies as that result.
        self.read(cx.types, ty, |element, row| store(cx, element, row, offset))
    }
}

// SAFETY: everything is that of `[u8]`, which wasmtime implements as `list<u8>`.
unsafe impl ComponentType for Buffer {
    type Lower = <[u8] as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <[u8] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <[u8] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: as above.
unsafe impl Lower for Buffer {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        self.as_slice().linear_lower_to_flat(cx, ty, dst)
    }

    #[inline]
    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        self.as_slice().linear_lower_to_memory(cx, ty, offset)
    }
}

/// Appends the values that lie one after the other at `start` in the guest's memory.
fn load_elements(
    cx: &mut LiftContext<'_>,
    elements: &[InterfaceType],
    start: usize,
    out: &mut Buffer,
) -> Result<()> {
    let types = cx.types;
    let mut at = start;
    for element in elements {
        let abi = types.canonical_abi(element);
        let offset = abi.next_field32_size(&mut at);
        let end = offset.checked_add(abi.size32 as usize);
        match end.and_then(|end| cx.memory().get(offset..end)) {
            Some(bytes) => load(cx, *element, bytes, out)?,
            None => bail!("a pointer out of the bounds of memory"),
        }
    }
    Ok(())
}
