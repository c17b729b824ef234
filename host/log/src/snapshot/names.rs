//! The names of a snapshot's files, and the two families that keep consecutive snapshots apart.
//! Invariant: the name of an object says its family, so snapshots of different families cannot refer
//! to the same file.

use crate::hex;
use crate::segment::Id;
use crate::sequence::Sequence;

/// The folder of the heads.
pub(crate) const SNAPSHOT_DIRECTORY: &str = "snapshots";
/// The folder of the objects: the rows of one table each.
pub(crate) const OBJECT_DIRECTORY: &str = "snapshots/objects";
/// How the name of a file ends that is not published yet.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";
const HEAD_SUFFIX: &str = ".snapshot";
const OBJECT_SUFFIX: &str = ".rows";

/// Snapshots of one family may share files; consecutive snapshots are of different families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// That of the first snapshot.
    A,
    /// The other one.
    B,
}

impl Family {
    /// The family of the snapshot that follows one of this family.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        [Self::A, Self::B].into_iter().find(|family| family.number() == number)
    }

    fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// The path of the head of the snapshot up to this record. Names sort as their records do.
pub(crate) fn head_path(sequence: Sequence) -> String {
    format!("{SNAPSHOT_DIRECTORY}/{:020}{HEAD_SUFFIX}", sequence.0)
}

/// The record up to which the snapshot with this head goes, if it is the name of a head.
pub(crate) fn parse_head_name(name: &str) -> Option<Sequence> {
    let digits = name.strip_suffix(HEAD_SUFFIX)?;
    if digits.len() != 20 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Sequence)
}

/// The path of an object.
pub(super) fn object_path(family: Family, id: &Id) -> String {
    format!("{OBJECT_DIRECTORY}/{}-{}{OBJECT_SUFFIX}", family.letter(), hex::text(id))
}

/// Whether a file in the folder of the objects is one that this program made there.
pub(crate) fn is_object_name(name: &str) -> bool {
    let id = name.strip_suffix(OBJECT_SUFFIX).and_then(|name| name.split_once('-'));
    id.is_some_and(|(family, id)| matches!(family, "a" | "b") && hex::parse::<16>(id).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_what_they_name_are_the_same_thing() {
        let path = head_path(Sequence(42));
        assert_eq!(path, "snapshots/00000000000000000042.snapshot");
        assert_eq!(parse_head_name(path.rsplit('/').next().unwrap()), Some(Sequence(42)));
        assert_eq!(parse_head_name("42.snapshot"), None);
        assert_eq!(parse_head_name("00000000000000000042.snapshot.tmp"), None);
        let path = object_path(Family::B, &[0xab; 16]);
        assert!(path.starts_with("snapshots/objects/b-abab"));
        assert!(is_object_name(path.rsplit('/').next().unwrap()));
        assert!(!is_object_name("c-00.rows") && !is_object_name("notes.txt"));
    }
}
