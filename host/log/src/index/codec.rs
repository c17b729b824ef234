//! An index as bytes, as docs/format.md lays them out. Invariant: an index has one encoding, every byte
//! of it is under the checksum, and decoding allocates no more than a few times what it was given.

use super::{Block, Index};
use crate::batch::{SECTOR_BYTES, Seed};
use crate::bytes::{Bytes, Malformed, put_varint};
use crate::definitions::Definition;
use crate::segment::{Id, SEGMENT_HEADER_BYTES};
use crate::sequence::Sequence;

const MAGIC: &[u8; 8] = b"INTERIDX";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 4;

/// Bits of a block's first byte.
const HAS_INSTALLS: u8 = 1;
const HAS_NAMES: u8 = 2;

impl Index {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.link);
        put_varint(&mut out, self.length / SECTOR_BYTES);
        put_varint(&mut out, self.first.0);
        put_varint(&mut out, self.last.0);
        put_varint(&mut out, self.definitions.len() as u64);
        for (number, definition) in &self.definitions {
            definition.encode(*number, &mut out);
        }
        put_varint(&mut out, self.blocks.len() as u64);
        let mut before = self.origin();
        for block in &self.blocks {
            let flags = u8::from(block.installs) * HAS_INSTALLS + u8::from(block.names.is_some()) * HAS_NAMES;
            out.push(flags);
            out.extend_from_slice(&block.link);
            put_varint(&mut out, (block.offset - before.offset) / SECTOR_BYTES);
            put_varint(&mut out, block.first.0 - before.first.0);
            put_varint(&mut out, block.records);
            put_varint(&mut out, u64::from(block.definitions - before.definitions));
            put_varint(&mut out, block.earliest_micros);
            put_varint(&mut out, block.latest_micros - block.earliest_micros);
            if let Some(names) = &block.names {
                put_varint(&mut out, names.len() as u64);
                let mut least = 0;
                for name in names {
                    put_varint(&mut out, u64::from(name - least));
                    least = name + 1;
                }
            }
            before = block.clone();
        }
        let checksum = Seed::new(&self.id).checksum(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// What the first block is counted from.
    fn origin(&self) -> Block {
        Block { offset: SEGMENT_HEADER_BYTES, first: self.first, ..Block::default() }
    }

    /// Reads the index of the segment with this id.
    pub(crate) fn decode(bytes: &[u8], id: &Id) -> Result<Self, Malformed> {
        let body = bytes.len().checked_sub(CHECKSUM_BYTES);
        let (body, checksum) =
            bytes.split_at(body.ok_or(Malformed { at: 0, what: "the index is too short" })?);
        if checksum != Seed::new(id).checksum(body).to_le_bytes() {
            return Err(Malformed { at: body.len(), what: "the checksum of the index is wrong" });
        }
        let mut bytes = Bytes::new(body);
        if &bytes.array()? != MAGIC || bytes.array()? != VERSION.to_le_bytes() || bytes.array()? != *id {
            return Err(bytes.malformed("this is not an index of this version and segment"));
        }
        let link = bytes.array()?;
        let length = bytes.varint()?.checked_mul(SECTOR_BYTES);
        let length = length.ok_or_else(|| bytes.malformed("a length does not fit into 64 bits"))?;
        let (first, last) = (Sequence(bytes.varint()?), Sequence(bytes.varint()?));
        let mut definitions = Vec::new();
        for _ in 0..bytes.varint()? {
            definitions.push(Definition::decode_numbered(&mut bytes)?);
        }
        let mut index = Self { id: *id, link, length, first, last, definitions, blocks: Vec::new() };
        let mut before = index.origin();
        for _ in 0..bytes.varint()? {
            let block = index.decode_block(&mut bytes, &before)?;
            index.blocks.push(block.clone());
            before = block;
        }
        if !bytes.is_empty() {
            return Err(bytes.malformed("bytes are left over after the last block"));
        }
        if index.blocks.first().is_none_or(|block| block.offset != SEGMENT_HEADER_BYTES) {
            return Err(bytes.malformed("the first block does not begin where the batches do"));
        }
        Ok(index)
    }

    fn decode_block(&self, bytes: &mut Bytes<'_>, before: &Block) -> Result<Block, Malformed> {
        let flags = bytes.byte()?;
        if flags & !(HAS_INSTALLS | HAS_NAMES) != 0 {
            return Err(bytes.malformed("a block of an unknown kind"));
        }
        let link = bytes.array()?;
        let further = |value: Option<u64>, bytes: &Bytes<'_>| {
            value.ok_or_else(|| bytes.malformed("a number does not fit into 64 bits"))
        };
        let sectors = bytes.varint()?.checked_mul(SECTOR_BYTES);
        let offset = further(sectors.and_then(|more| before.offset.checked_add(more)), bytes)?;
        let first = bytes.varint()?;
        let first = Sequence(further(before.first.0.checked_add(first), bytes)?);
        let records = bytes.varint()?;
        let definitions = bytes.varint()?;
        let definitions = further(u64::from(before.definitions).checked_add(definitions), bytes)?;
        let earliest_micros = bytes.varint()?;
        let latest = bytes.varint()?;
        let latest_micros = further(earliest_micros.checked_add(latest), bytes)?;
        if offset >= self.length || (offset == before.offset) != self.blocks.is_empty() {
            return Err(bytes.malformed("a block lies outside its segment"));
        }
        if definitions > self.definitions.len() as u64 {
            return Err(bytes.malformed("a block counts more definitions than there are"));
        }
        let mut names = (flags & HAS_NAMES != 0).then(Vec::new);
        if let Some(names) = &mut names {
            let mut least = 0;
            for _ in 0..bytes.varint()? {
                let name = bytes.varint()?.checked_add(least);
                let name = name.filter(|name| *name < self.definitions.len() as u64);
                let name = name.ok_or_else(|| bytes.malformed("a name that is not defined"))?;
                names.push(name as u32);
                least = name + 1;
            }
        }
        let (definitions, installs) = (definitions as u32, flags & HAS_INSTALLS != 0);
        Ok(Block {
            offset,
            link,
            first,
            records,
            definitions,
            earliest_micros,
            latest_micros,
            installs,
            names,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::definitions::{DefinitionId, Digest};
    use crate::limits::MAX_DEFINITION_BYTES;
    use proptest::prelude::*;

    fn index() -> Index {
        let artifact = Definition::Artifact(Digest([7; 32]));
        let table = Definition::Table { package: "acme:bank".to_owned(), name: "tables.account".to_owned() };
        let block = |offset, first, definitions, names: Option<Vec<u32>>| Block {
            offset,
            link: [offset as u8; 32],
            first: Sequence(first),
            records: 4,
            definitions,
            earliest_micros: 1000 + first,
            latest_micros: 2000 + first,
            installs: first == 5,
            names,
        };
        Index {
            id: [1; 16],
            link: [2; 32],
            length: 4096,
            first: Sequence(5),
            last: Sequence(12),
            definitions: vec![(DefinitionId(3), artifact), (DefinitionId(9), table)],
            blocks: vec![block(512, 5, 0, Some(vec![1])), block(2048, 9, 2, None)],
        }
    }

    #[test]
    fn an_index_comes_back_and_every_flipped_bit_is_noticed() {
        let bytes = index().encode();
        assert_eq!(Index::decode(&bytes, &[1; 16]).unwrap(), index());
        assert!(Index::decode(&bytes, &[2; 16]).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Index::decode(&flipped, &[1; 16]).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Index::decode(&bytes[..length], &[1; 16]).is_err(), "length {length}");
        }
        assert!(bytes.len() < MAX_DEFINITION_BYTES);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn changed_bytes_are_refused_or_are_the_one_encoding(at in 0_usize..1000, to in any::<u8>(), cut in 0_usize..40) {
            let mut bytes = index().encode();
            bytes.truncate(bytes.len() - CHECKSUM_BYTES - cut);
            let at = at % bytes.len();
            bytes[at] = to;
            let checksum = Seed::new(&[1; 16]).checksum(&bytes);
            bytes.extend_from_slice(&checksum.to_le_bytes());
            if let Ok(index) = Index::decode(&bytes, &[1; 16]) {
                prop_assert_eq!(index.encode(), bytes);
            }
        }
    }
}
