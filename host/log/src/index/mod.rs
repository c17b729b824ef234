//! The index of a closed segment: for each block of batches its place, records, times, and the names
//! that occur in it. It is derived, and made anew from the segment when it is missing or damaged.
//! Invariant: an index is used only for the very segment, up to its last link, that it was made from.

mod builder;
mod codec;
mod pass;

pub(crate) use builder::IndexBuilder;
pub(crate) use pass::SegmentPass;

use crate::batch::Link;
use crate::definitions::{Definition, DefinitionId};
use crate::doors::Disk;
use crate::error::LogError;
use crate::filter::LogFilter;
use crate::limits::MAX_INDEX_BYTES;
use crate::manifest::ClosedSegment;
use crate::publish::{publish, read_whole};
use crate::segment::{ARCHIVE_DIRECTORY, Id, LOG_DIRECTORY};
use crate::sequence::Sequence;
use std::collections::HashMap;

/// An index that is being written, beside a plain and beside an archived segment.
pub(crate) const INDEX_TEMPORARY_PATHS: [&str; 2] = ["log/index.tmp", "archive/index.tmp"];

/// What a segment's index says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// The segment's random id.
    pub(crate) id: Id,
    /// The link of its last batch.
    pub(crate) link: Link,
    /// Its length, uncompressed.
    pub(crate) length: u64,
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    /// All definitions of the segment with the numbers that they have there, in order.
    pub(crate) definitions: Vec<(DefinitionId, Definition)>,
    /// The blocks in order; together they are the whole segment.
    pub(crate) blocks: Vec<Block>,
}

/// Some batches of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where they begin in the segment.
    pub(crate) offset: u64,
    /// The link of the batch before.
    pub(crate) link: Link,
    /// The first record.
    pub(crate) first: Sequence,
    /// How many records there are.
    pub(crate) records: u64,
    /// How many definitions come before.
    pub(crate) definitions: u32,
    /// The times of the records. None of them matters when there is no record.
    pub(crate) earliest_micros: u64,
    pub(crate) latest_micros: u64,
    /// Some record is an install or an upgrade.
    pub(crate) installs: bool,
    /// What ran and which tables changed: places in the list of definitions, ascending. `None` stands for
    /// a block that may hold any.
    pub(crate) names: Option<Vec<u32>>,
}

/// What was found where an index should be.
#[derive(Debug)]
pub(crate) enum FoundIndex {
    /// The index of this segment.
    Fits(Box<Index>),
    Missing,
    /// Something that is not the index of this segment: the place of the fault, and what it is.
    Unfit(u64, &'static str),
}

/// The path of a segment's index, beside the segment.
pub(crate) fn index_path(first: Sequence, is_archived: bool) -> String {
    let directory = if is_archived { ARCHIVE_DIRECTORY } else { LOG_DIRECTORY };
    format!("{directory}/{:020}.index", first.0)
}

impl Index {
    /// Reads the index of a closed segment.
    pub(crate) fn read(disk: &dyn Disk, segment: &ClosedSegment) -> Result<FoundIndex, LogError> {
        let path = index_path(segment.first, segment.archived.is_some());
        let bytes = match read_whole(disk, &path, MAX_INDEX_BYTES) {
            Err(LogError::Damaged { offset, .. }) => {
                return Ok(FoundIndex::Unfit(offset, "the index is longer than any"));
            }
            read => read?,
        };
        let Some(bytes) = bytes else { return Ok(FoundIndex::Missing) };
        let index = match Self::decode(&bytes, &segment.id) {
            Ok(index) => index,
            Err(malformed) => return Ok(FoundIndex::Unfit(malformed.at as u64, malformed.what)),
        };
        let is_of_segment = index.link == segment.link
            && index.length == segment.length
            && (index.first, index.last) == (segment.first, segment.last);
        if !is_of_segment {
            return Ok(FoundIndex::Unfit(0, "the index was made from another segment"));
        }
        Ok(FoundIndex::Fits(Box::new(index)))
    }

    /// Writes the index beside its segment.
    pub(crate) fn publish(&self, disk: &dyn Disk, is_archived: bool) -> Result<(), LogError> {
        let temporary = INDEX_TEMPORARY_PATHS[usize::from(is_archived)];
        publish(disk, temporary, &index_path(self.first, is_archived), &self.encode())
    }

    /// Where a block ends, and the link of its last batch.
    pub(crate) fn end_of(&self, block: usize) -> (u64, Link) {
        self.blocks.get(block + 1).map_or((self.length, self.link), |next| (next.offset, next.link))
    }

    /// Says of each block whether it may hold records that are wanted.
    pub(crate) fn select(&self, filter: &LogFilter) -> Vec<bool> {
        let by_number: HashMap<DefinitionId, &Definition> =
            self.definitions.iter().map(|(number, definition)| (*number, definition)).collect();
        let named = |id: DefinitionId| by_number.get(&id).copied();
        let asks_subject = filter.module.is_some() || filter.function.is_some();
        let wanted: Vec<(bool, bool)> = self
            .definitions
            .iter()
            .map(|(_, definition)| match definition {
                Definition::Function { .. } | Definition::Module { .. } => {
                    (filter.matches_subject(definition, named), false)
                }
                Definition::Table { .. } => (false, filter.matches_table(definition)),
                _ => (false, false),
            })
            .collect();
        let any = |names: &[u32], which: fn(&(bool, bool)) -> bool| {
            names.iter().any(|name| wanted.get(*name as usize).is_some_and(which))
        };
        let select = |block: &Block| {
            if block.records == 0 || filter.is_beyond(block.first) {
                return false;
            }
            if filter.with_installs && block.installs {
                return true;
            }
            let last = block.first.0.saturating_add(block.records - 1);
            if filter.from.is_some_and(|from| last < from.0)
                || !filter.reaches(block.earliest_micros, block.latest_micros)
            {
                return false;
            }
            let Some(names) = &block.names else { return true };
            (!asks_subject || any(names, |wanted| wanted.0))
                && (filter.table.is_none() || any(names, |wanted| wanted.1))
        };
        self.blocks.iter().map(select).collect()
    }
}
