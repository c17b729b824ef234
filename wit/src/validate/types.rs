//! The types of a schema from outside: that they resolve, end, and stay within the limits.
//! Every named type is measured once, and nothing is expanded to measure it.
//! Invariant: a type that was measured can be expanded.

use super::{Checker, InvalidSchema, check_unique, invalid};
use crate::limits::{MAX_FLAGS, MAX_MEMBERS, MAX_SCHEMA_NODES, MAX_TYPE_DEPTH, MAX_TYPE_NODES};
use crate::schema::{Type, TypeKind, TypeName};

/// The size of an expanded type.
#[derive(Clone, Copy)]
pub(super) struct Size {
    nodes: u64,
    depth: u32,
}

impl<'a> Checker<'a> {
    /// The size of what a name stands for.
    fn named(&mut self, context: &str, name: &'a TypeName, level: u32) -> Result<Size, InvalidSchema> {
        match self.sizes.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return invalid(context, format!("the type `{name}` contains itself")),
            None => {}
        }
        let Some(kind) = self.defs.get(&(&name.interface, name.name.as_str())).copied() else {
            return invalid(context, format!("there is no type `{name}`"));
        };
        self.sizes.insert(name, None);
        let size = self.kind(context, kind, level)?;
        self.sizes.insert(name, Some(size));
        Ok(size)
    }

    pub(super) fn kind(
        &mut self,
        context: &str,
        kind: &'a TypeKind,
        level: u32,
    ) -> Result<Size, InvalidSchema> {
        let members = |count: usize, most: usize| match count {
            0 => invalid(context, "the type is empty"),
            count if count > most => invalid(context, "the type has too many members"),
            _ => Ok(()),
        };
        match kind {
            TypeKind::Record(fields) => {
                members(fields.len(), MAX_MEMBERS)?;
                check_unique(context, fields.iter().map(|field| field.name.as_str()))?;
                self.around(context, 0, fields.iter().map(|field| &field.ty), level)
            }
            TypeKind::Variant(cases) => {
                members(cases.len(), MAX_MEMBERS)?;
                check_unique(context, cases.iter().map(|case| case.name.as_str()))?;
                self.around(context, cases.len(), cases.iter().filter_map(|case| case.ty.as_ref()), level)
            }
            TypeKind::Enum(labels) | TypeKind::Flags(labels) => {
                let most = if matches!(kind, TypeKind::Flags(_)) { MAX_FLAGS } else { MAX_MEMBERS };
                members(labels.len(), most)?;
                check_unique(context, labels.iter().map(|label| label.name.as_str()))?;
                self.around(context, labels.len(), std::iter::empty(), level)
            }
            // An alias is not part of the value, but a step of every walk to it.
            TypeKind::Alias(ty) => self.around(context, 0, std::iter::once(ty), level),
            TypeKind::Use(name) => self.named(context, name, level + 1),
        }
    }

    fn around(
        &mut self,
        context: &str,
        labels: usize,
        parts: impl Iterator<Item = &'a Type>,
        level: u32,
    ) -> Result<Size, InvalidSchema> {
        let mut size = Size { nodes: labels as u64 + 1, depth: 0 };
        for part in parts {
            let part = self.ty(context, part, level + 1)?;
            size.nodes = size.nodes.saturating_add(part.nodes);
            size.depth = size.depth.max(part.depth);
        }
        size.depth += 1;
        if size.nodes > MAX_TYPE_NODES || size.depth > MAX_TYPE_DEPTH {
            return invalid(context, "the type is too large");
        }
        Ok(size)
    }

    pub(super) fn ty(&mut self, context: &str, ty: &'a Type, level: u32) -> Result<Size, InvalidSchema> {
        if level > MAX_TYPE_DEPTH {
            return invalid(context, "the type nests too deep");
        }
        match ty {
            Type::List(inner) | Type::Option(inner) => {
                self.around(context, 0, std::iter::once(inner.as_ref()), level)
            }
            Type::Result { ok, err } => {
                self.around(context, 0, ok.as_deref().into_iter().chain(err.as_deref()), level)
            }
            Type::Tuple(elements) if elements.is_empty() || elements.len() > MAX_MEMBERS => {
                invalid(context, "a tuple is empty or has too many elements")
            }
            Type::Tuple(elements) => self.around(context, 0, elements.iter(), level),
            Type::Named(name) => self.named(context, name, level),
            _ => Ok(Size { nodes: 1, depth: 1 }),
        }
    }

    /// Counts the nodes of a table or function towards the limit of the whole, and expands nothing.
    pub(super) fn count(&mut self, context: &str, ty: &'a Type) -> Result<(), InvalidSchema> {
        let size = self.ty(context, ty, 0)?;
        self.nodes = self.nodes.saturating_add(size.nodes);
        if self.nodes > MAX_SCHEMA_NODES {
            return invalid(context, "the types up to here are too large together");
        }
        Ok(())
    }
}
