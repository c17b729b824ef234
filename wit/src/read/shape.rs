//! The structure of wit-parser's types: how large each is when expanded, and its `ValueType`.
//! Sizes are counted once for all types, in the order in which wit-parser sorts them, so that no
//! chain of names makes this recurse or repeat.
//! Invariant: a type is expanded only after it was found to be within the limits.

use crate::limits::{MAX_TYPE_DEPTH, MAX_TYPE_NODES};
use interstice_codec::{Case, Field, ValueType};
use std::collections::HashMap;
use wit_parser::{Resolve, Type, TypeDefKind, TypeId};

/// The size of a type once every name in it is replaced by what it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) nodes: u64,
    pub(super) depth: u32,
}

impl Size {
    const LEAF: Size = Size { nodes: 1, depth: 1 };

    /// The size of something that is made of `parts`, with `labels` names of its own beside them.
    fn around(labels: usize, parts: impl IntoIterator<Item = Size>) -> Size {
        let inner = Size { nodes: labels as u64, depth: 0 };
        let inner = parts.into_iter().fold(inner, |sum, part| Size {
            nodes: sum.nodes.saturating_add(part.nodes),
            depth: sum.depth.max(part.depth),
        });
        Size { nodes: inner.nodes.saturating_add(1), depth: inner.depth.saturating_add(1) }
    }

    pub(super) fn is_within_limits(self) -> bool {
        self.nodes <= MAX_TYPE_NODES && self.depth <= MAX_TYPE_DEPTH
    }
}

/// The sizes of all types of a `Resolve`.
pub(super) struct Shapes<'a> {
    resolve: &'a Resolve,
    sizes: HashMap<TypeId, Size>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let mut shapes = Shapes { resolve, sizes: HashMap::new() };
        for (id, def) in &resolve.types {
            // An alias counts too: it is not part of the value, but a step of every walk to it.
            let parts = parts(&def.kind);
            let size = Size::around(labels(&def.kind), parts.iter().map(|part| shapes.size(part)));
            shapes.sizes.insert(id, size);
        }
        shapes
    }

    pub(super) fn size(&self, ty: &Type) -> Size {
        match ty {
            Type::Id(id) => self.sizes.get(id).copied().unwrap_or(Size::LEAF),
            _ => Size::LEAF,
        }
    }

    /// Whether this type is beyond the limits although none of its parts is: the one to blame.
    pub(super) fn is_first_beyond_limits(&self, id: TypeId) -> bool {
        let kind = &self.resolve.types[id].kind;
        !self.size(&Type::Id(id)).is_within_limits()
            && parts(kind).iter().all(|part| self.size(part).is_within_limits())
    }

    /// The structure of a type, or nothing for one that is too large or no value.
    pub(super) fn value_type(&self, ty: &Type) -> Option<ValueType> {
        if self.size(ty).is_within_limits() { self.expand(ty) } else { None }
    }

    fn expand(&self, ty: &Type) -> Option<ValueType> {
        let boxed = |ty: &Type| self.expand(ty).map(Box::new);
        let side = |ty: &Option<Type>| match ty {
            Some(ty) => boxed(ty).map(Some),
            None => Some(None),
        };
        Some(match ty {
            Type::Bool => ValueType::Bool,
            Type::U8 => ValueType::U8,
            Type::U16 => ValueType::U16,
            Type::U32 => ValueType::U32,
            Type::U64 => ValueType::U64,
            Type::S8 => ValueType::S8,
            Type::S16 => ValueType::S16,
            Type::S32 => ValueType::S32,
            Type::S64 => ValueType::S64,
            Type::F32 => ValueType::F32,
            Type::F64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::ErrorContext => return None,
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Type(target) => self.expand(target)?,
                TypeDefKind::List(element) => ValueType::List(boxed(element)?),
                TypeDefKind::Option(some) => ValueType::Option(boxed(some)?),
                TypeDefKind::Result(result) => {
                    ValueType::Result { ok: side(&result.ok)?, err: side(&result.err)? }
                }
                TypeDefKind::Tuple(tuple) => {
                    let elements: Option<_> = tuple.types.iter().map(|ty| self.expand(ty)).collect();
                    ValueType::Tuple(elements?)
                }
                TypeDefKind::Record(record) => {
                    let fields = record.fields.iter();
                    let fields: Option<_> = fields
                        .map(|field| Some(Field { name: field.name.clone(), ty: self.expand(&field.ty)? }))
                        .collect();
                    ValueType::Record(fields?)
                }
                TypeDefKind::Variant(variant) => {
                    let cases = variant.cases.iter().map(|case| {
                        let ty = match &case.ty {
                            Some(ty) => Some(self.expand(ty)?),
                            None => None,
                        };
                        Some(Case { name: case.name.clone(), ty })
                    });
                    ValueType::Variant(cases.collect::<Option<_>>()?)
                }
                TypeDefKind::Enum(kind) => {
                    ValueType::Enum(kind.cases.iter().map(|case| case.name.clone()).collect())
                }
                TypeDefKind::Flags(kind) => {
                    ValueType::Flags(kind.flags.iter().map(|flag| flag.name.clone()).collect())
                }
                _ => return None,
            },
        })
    }
}

/// The types of which this one is directly made.
fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::List(ty)
        | TypeDefKind::Option(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Map(key, value) => vec![*key, *value],
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => ty.iter().copied().collect(),
        TypeDefKind::Enum(_)
        | TypeDefKind::Flags(_)
        | TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Unknown => Vec::new(),
    }
}

/// The names of cases and flags: they take memory too, where a type is expanded.
fn labels(kind: &TypeDefKind) -> usize {
    match kind {
        TypeDefKind::Variant(variant) => variant.cases.len(),
        TypeDefKind::Enum(kind) => kind.cases.len(),
        TypeDefKind::Flags(kind) => kind.flags.len(),
        _ => 0,
    }
}
