//! Makes the index of a segment while its batches are read. Invariant: whatever a record of a block
//! refers to is in the block's list, so that an index never hides a record.

use super::{Block, Index};
use crate::batch::Link;
use crate::bytes::{Bytes, Malformed};
use crate::definitions::{Definition, DefinitionId, Definitions, Scope};
use crate::limits::{INDEX_BLOCK_BYTES, MAX_INDEX_BYTES};
use crate::manifest::ClosedSegment;
use crate::record::{Cause, RecordParts};
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::sequence::Sequence;
use std::collections::{BTreeSet, HashMap, HashSet};

/// An index in the making.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    definitions: Vec<(DefinitionId, Definition)>,
    /// The places of the definitions, by the numbers that they have for the reader.
    places: HashMap<DefinitionId, u32>,
    blocks: Vec<Block>,
    /// What the records of the last block refer to, by the reader's numbers.
    seen: HashSet<DefinitionId>,
}

impl IndexBuilder {
    /// A batch begins here; `link` is that of the batch before.
    pub(crate) fn begin_batch(&mut self, offset: u64, link: Link, first: Sequence) {
        if self.blocks.last().is_some_and(|block| offset - block.offset < INDEX_BLOCK_BYTES) {
            return;
        }
        self.end_block();
        let definitions = self.definitions.len() as u32;
        self.blocks.push(Block { offset, link, first, definitions, ..Block::default() });
    }

    /// The next record of the batch.
    pub(crate) fn record(&mut self, record: &RecordParts<'_>, definitions: &Definitions) {
        let Some(block) = self.blocks.last_mut() else { return };
        let micros = record.timestamp_micros;
        block.earliest_micros = if block.records == 0 { micros } else { block.earliest_micros.min(micros) };
        block.latest_micros = block.latest_micros.max(micros);
        block.records += 1;
        block.installs |= matches!(record.cause, Cause::Install(_) | Cause::Upgrade(_));
        if self.seen.insert(record.subject)
            && let Some(Definition::Function { module, .. }) = definitions.get(record.subject)
        {
            self.seen.insert(*module);
        }
        self.seen.extend(record.write_set.tables());
    }

    /// The batch with this payload was read; `scope` has the numbers that it defined.
    pub(crate) fn end_batch(&mut self, payload: &[u8], scope: &Scope) -> Result<(), Malformed> {
        let mut bytes = Bytes::new(payload);
        if bytes.is_empty() {
            return Ok(());
        }
        bytes.varint()?;
        for _ in 0..bytes.varint()? {
            let (number, definition) = Definition::decode_numbered(&mut bytes)?;
            if let Some(id) = scope.get(number.0, definition.kind()) {
                // A name may have two numbers in a segment; the reader knows it by one.
                self.places.entry(id).or_insert(self.definitions.len() as u32);
            }
            self.definitions.push((number, definition));
        }
        Ok(())
    }

    fn end_block(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            let places = self.seen.drain().filter_map(|id| self.places.get(&id).copied());
            block.names = Some(places.collect::<BTreeSet<_>>().into_iter().collect());
        }
    }

    /// The latest time in any record.
    pub(crate) fn latest_micros(&self) -> u64 {
        self.blocks.iter().map(|block| block.latest_micros).max().unwrap_or(0)
    }

    /// The index of the segment that was read.
    pub(crate) fn finish(mut self, segment: &ClosedSegment) -> Index {
        self.end_block();
        let ClosedSegment { first, id, length, last, link, .. } = *segment;
        let Self { definitions, blocks, .. } = self;
        let mut index = Index { id, link, length, first, last, definitions, blocks };
        if index.blocks.is_empty() {
            let block = Block { offset: SEGMENT_HEADER_BYTES, link, first, ..Block::default() };
            index.blocks.push(block);
        }
        if index.encode().len() as u64 > MAX_INDEX_BYTES {
            index.coarsen();
        }
        index
    }
}

impl Index {
    /// Leaves one block that stands for the whole segment and may hold anything.
    fn coarsen(&mut self) {
        let whole = self.blocks.drain(..).reduce(|whole, block| Block {
            records: whole.records + block.records,
            earliest_micros: whole.earliest_micros.min(block.earliest_micros),
            latest_micros: whole.latest_micros.max(block.latest_micros),
            installs: whole.installs | block.installs,
            ..whole
        });
        self.definitions.clear();
        self.blocks.extend(whole.map(|whole| Block { names: None, ..whole }));
    }
}
