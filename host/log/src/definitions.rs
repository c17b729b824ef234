//! Numbers for the names that records use again and again: artifacts, modules, functions, tables,
//! callers. A definition travels inside the batch that uses it first in a segment, so that every
//! segment can be read alone. Invariant: within one opened log a number means one thing only.

use crate::bytes::{Bytes, Malformed, put_run, put_varint};
use crate::error::LogError;
use crate::hex;
use crate::limits::{MAX_DEFINITION_BYTES, MAX_DEFINITIONS, MAX_NUMBERED_CALLER_BYTES, MAX_NUMBERED_CALLERS};
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// The number of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DefinitionId(pub u32);

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A name that records refer to by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Definition {
    /// A component file.
    Artifact(Digest),
    /// A module as one artifact makes it.
    Module {
        /// Its package without the version, such as `acme:bank`.
        package: String,
        /// Its version, such as `1.2.0`.
        version: String,
        /// The component: a [`Definition::Artifact`].
        artifact: DefinitionId,
    },
    /// A function of a module as one artifact makes it.
    Function {
        /// A [`Definition::Module`].
        module: DefinitionId,
        /// Its interface and name, such as `ledger.transfer`.
        name: String,
    },
    /// A table. It stays the same when its module is upgraded.
    Table {
        /// The package that owns it, without the version.
        package: String,
        /// Its interface and name, such as `tables.account`.
        name: String,
    },
    /// Who called, in the node's encoding.
    Caller(Vec<u8>),
}

/// The kinds of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Artifact,
    Module,
    Function,
    Table,
    Caller,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Module => "module",
            Self::Function => "function",
            Self::Table => "table",
            Self::Caller => "caller",
        }
    }
}

impl Definition {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Artifact(_) => Kind::Artifact,
            Self::Module { .. } => Kind::Module,
            Self::Function { .. } => Kind::Function,
            Self::Table { .. } => Kind::Table,
            Self::Caller(_) => Kind::Caller,
        }
    }

    /// The definition that must stand before this one, and its kind.
    pub(crate) fn needs(&self) -> Option<(DefinitionId, Kind)> {
        match self {
            Self::Module { artifact, .. } => Some((*artifact, Kind::Artifact)),
            Self::Function { module, .. } => Some((*module, Kind::Module)),
            _ => None,
        }
    }

    /// Appends the definition with its number.
    pub(crate) fn encode(&self, number: DefinitionId, out: &mut Vec<u8>) {
        out.push(self.kind() as u8);
        put_varint(out, number.0.into());
        match self {
            Self::Artifact(digest) => out.extend_from_slice(&digest.0),
            Self::Module { package, version, artifact } => {
                put_run(out, package.as_bytes());
                put_run(out, version.as_bytes());
                put_varint(out, artifact.0.into());
            }
            Self::Function { module, name } => {
                put_varint(out, module.0.into());
                put_run(out, name.as_bytes());
            }
            Self::Table { package, name } => {
                put_run(out, package.as_bytes());
                put_run(out, name.as_bytes());
            }
            Self::Caller(caller) => put_run(out, caller),
        }
    }

    /// Reads a definition and the number that it has where it stands.
    pub(crate) fn decode_numbered(bytes: &mut Bytes<'_>) -> Result<(DefinitionId, Self), Malformed> {
        Self::decode(bytes).map(|(number, definition)| (DefinitionId(number), definition))
    }

    fn decode(bytes: &mut Bytes<'_>) -> Result<(u32, Self), Malformed> {
        let kind = bytes.byte()?;
        let number = bytes.number()?;
        let definition = match kind {
            0 => Self::Artifact(Digest(bytes.array()?)),
            1 => Self::Module {
                package: bytes.text()?.to_owned(),
                version: bytes.text()?.to_owned(),
                artifact: DefinitionId(bytes.number()?),
            },
            2 => Self::Function { module: DefinitionId(bytes.number()?), name: bytes.text()?.to_owned() },
            3 => Self::Table { package: bytes.text()?.to_owned(), name: bytes.text()?.to_owned() },
            4 => Self::Caller(bytes.run()?.to_vec()),
            _ => return Err(bytes.malformed("a definition of an unknown kind")),
        };
        Ok((number, definition))
    }
}

/// What a caller's definition takes beside the caller: its kind, its number and its length.
const DEFINITION_HEAD_BYTES: usize = 16;

/// All definitions of an opened log.
#[derive(Debug, Default)]
pub struct Definitions {
    by_number: Vec<Option<Definition>>,
    numbers: HashMap<Definition, DefinitionId>,
    callers: usize,
    caller_bytes: usize,
    /// Artifacts to which modules were upgraded: the records say so themselves.
    upgraded_to: BTreeSet<Digest>,
}

impl Definitions {
    /// The artifacts that the records name which were read.
    pub(crate) fn artifacts(&self) -> BTreeSet<Digest> {
        let defined = self.iter().filter_map(|(_, definition)| match definition {
            Definition::Artifact(digest) => Some(*digest),
            _ => None,
        });
        defined.chain(self.upgraded_to.iter().copied()).collect()
    }

    /// Learns the artifacts of a change of the catalog, as docs/format.md describes it.
    pub(crate) fn learn_change(&mut self, change: &[u8]) {
        self.upgraded_to.extend(artifacts_of(change));
    }

    /// What this number stands for.
    #[must_use]
    pub fn get(&self, id: DefinitionId) -> Option<&Definition> {
        self.by_number.get(id.0 as usize)?.as_ref()
    }

    /// The numbers given out, with gaps.
    pub fn iter(&self) -> impl Iterator<Item = (DefinitionId, &Definition)> {
        self.by_number.iter().enumerate().filter_map(|(number, definition)| {
            definition.as_ref().map(|definition| (DefinitionId(number as u32), definition))
        })
    }

    /// The numbers given out, each after the one that it needs.
    pub(crate) fn in_order_of_need(&self) -> impl Iterator<Item = (DefinitionId, &Definition)> {
        let kinds = [Kind::Artifact, Kind::Module, Kind::Function, Kind::Table, Kind::Caller];
        kinds.into_iter().flat_map(|kind| self.iter().filter(move |(_, found)| found.kind() == kind))
    }

    /// The number that this definition has, if it has one.
    pub(crate) fn find(&self, definition: &Definition) -> Option<DefinitionId> {
        self.numbers.get(definition).copied()
    }

    /// Whether one more caller, of this length, may have a number.
    pub(crate) fn has_room_for_a_caller(&self, length: usize) -> bool {
        self.callers < MAX_NUMBERED_CALLERS
            && self.caller_bytes + length <= MAX_NUMBERED_CALLER_BYTES
            && length + DEFINITION_HEAD_BYTES <= MAX_DEFINITION_BYTES
    }

    /// The number of a definition, a new one when it has none yet.
    ///
    /// # Errors
    /// If there are too many, or it is too long.
    pub fn intern(&mut self, definition: Definition) -> Result<DefinitionId, LogError> {
        if let Some(id) = self.find(&definition) {
            return Ok(id);
        }
        if let Some((id, kind)) = definition.needs() {
            self.require(id, kind)?;
        }
        let mut encoded = Vec::new();
        definition.encode(DefinitionId(0), &mut encoded);
        if encoded.len() > MAX_DEFINITION_BYTES {
            let (size, limit) = (encoded.len(), MAX_DEFINITION_BYTES);
            return Err(LogError::DefinitionTooLarge { size, limit });
        }
        if self.by_number.len() >= MAX_DEFINITIONS as usize {
            return Err(LogError::TooManyDefinitions { limit: MAX_DEFINITIONS });
        }
        let id = DefinitionId(self.by_number.len() as u32);
        self.by_number.push(None);
        self.place(id, definition);
        Ok(id)
    }

    /// Gives a definition that a segment brings the number that it has there, when that is free.
    fn intern_at(&mut self, number: u32, definition: Definition) -> Result<DefinitionId, LogError> {
        let slot = number as usize;
        let free = self.by_number.get(slot).is_none_or(Option::is_none);
        if !free || self.numbers.contains_key(&definition) {
            return self.intern(definition);
        }
        if self.by_number.len() <= slot {
            self.by_number.resize(slot + 1, None);
        }
        self.place(DefinitionId(number), definition);
        Ok(DefinitionId(number))
    }

    fn place(&mut self, id: DefinitionId, definition: Definition) {
        if let Definition::Caller(caller) = &definition {
            self.callers += 1;
            self.caller_bytes += caller.len();
        }
        self.numbers.insert(definition.clone(), id);
        self.by_number[id.0 as usize] = Some(definition);
    }

    fn require(&self, id: DefinitionId, kind: Kind) -> Result<(), LogError> {
        match self.get(id) {
            Some(found) if found.kind() == kind => Ok(()),
            _ => Err(LogError::UnknownDefinition { number: id.0, kind: kind.name() }),
        }
    }
}

/// The numbers of one segment while it is read: each stands for the number that the same
/// definition has in the opened log, which is nearly always the same one.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    slots: Vec<Option<(DefinitionId, Kind)>>,
    renumbered: bool,
}

impl Scope {
    /// What a number in the segment stands for.
    #[inline]
    pub(crate) fn get(&self, number: u32, kind: Kind) -> Option<DefinitionId> {
        match self.slots.get(number as usize) {
            Some(Some((id, found))) if *found == kind => Some(*id),
            _ => None,
        }
    }

    /// Whether some number means something else in the opened log.
    pub(crate) fn is_renumbered(&self) -> bool {
        self.renumbered
    }

    /// All numbers defined so far.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(number, _)| number as u32)
    }

    /// Reads one definition of a batch.
    pub(crate) fn read(
        &mut self,
        bytes: &mut Bytes<'_>,
        definitions: &mut Definitions,
    ) -> Result<(), Malformed> {
        let start = bytes.clone();
        let (number, mut definition) = Definition::decode(bytes)?;
        if bytes.position() - start.position() > MAX_DEFINITION_BYTES + 8 || number >= MAX_DEFINITIONS {
            return Err(start.malformed("a definition is beyond the limits"));
        }
        if let Some((needed, kind)) = definition.needs() {
            let found = self.get(needed.0, kind);
            let found = found.ok_or_else(|| start.malformed("a definition refers to none"))?;
            if let Definition::Module { artifact: needed, .. } | Definition::Function { module: needed, .. } =
                &mut definition
            {
                *needed = found;
            }
        }
        let slot = number as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        if self.slots[slot].is_some() {
            return Err(start.malformed("a number is defined twice"));
        }
        let kind = definition.kind();
        let id = definitions
            .intern_at(number, definition)
            .map_err(|_| start.malformed("there are more definitions than the limit"))?;
        self.renumbered |= id.0 != number;
        self.slots[slot] = Some((id, kind));
        Ok(())
    }
}

/// The digests under the key `artifact` in JSON. Within a text its quotation marks would be escaped.
fn artifacts_of(json: &[u8]) -> impl Iterator<Item = Digest> {
    const KEY: &[u8] = b"\"artifact\"";
    let behind = |at: usize| json[at..].strip_prefix(KEY);
    let digest = |rest: &[u8]| {
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let digits = rest.strip_prefix(b"\"")?.get(..64)?;
        hex::parse(std::str::from_utf8(digits).ok()?).map(Digest)
    };
    (0..json.len()).filter_map(behind).filter_map(digest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(
        scope: &mut Scope,
        definitions: &mut Definitions,
        all: &[(u32, Definition)],
    ) -> Result<(), Malformed> {
        let mut bytes = Vec::new();
        all.iter().for_each(|(number, definition)| definition.encode(DefinitionId(*number), &mut bytes));
        let mut bytes = Bytes::new(&bytes);
        while !bytes.is_empty() {
            scope.read(&mut bytes, definitions)?;
        }
        Ok(())
    }

    fn table(name: &str) -> Definition {
        Definition::Table { package: "acme:bank".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_segment_with_other_numbers_is_understood() {
        let mut definitions = Definitions::default();
        let (mut first, mut second) = (Scope::default(), Scope::default());
        read(&mut first, &mut definitions, &[(0, table("a")), (1, table("b"))]).unwrap();
        assert!(!first.is_renumbered());
        read(&mut second, &mut definitions, &[(0, table("b")), (7, table("c"))]).unwrap();
        assert!(second.is_renumbered());
        assert_eq!(second.get(0, Kind::Table), first.get(1, Kind::Table));
        assert_eq!(second.get(7, Kind::Table), Some(DefinitionId(7)));
        assert_eq!(definitions.get(DefinitionId(7)), Some(&table("c")));
        assert_eq!(second.get(0, Kind::Function), None);
        assert_eq!(second.get(1, Kind::Table), None);
    }

    #[test]
    fn definitions_that_cannot_be_are_refused() {
        let module =
            Definition::Module { package: String::new(), version: String::new(), artifact: DefinitionId(0) };
        for wrong in [
            vec![(0, table("a")), (0, table("b"))],
            vec![(MAX_DEFINITIONS, table("a"))],
            vec![(0, table("a")), (1, module.clone())],
            vec![(1, module)],
            vec![(0, table(&"x".repeat(MAX_DEFINITION_BYTES + 10)))],
        ] {
            assert!(read(&mut Scope::default(), &mut Definitions::default(), &wrong).is_err(), "{wrong:?}");
        }
    }
}
