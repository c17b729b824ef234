//! Reading the batches of one segment in order, with every check that a batch must pass. Nothing
//! is written here and nothing is decided about damage. Invariant: a record is handed on only after
//! the checksums of its batch, its place in the sequence and its link have been found right.

use crate::batch::{BatchHeader, HEADER_BYTES, Link, SECTOR_BYTES, Seed};
use crate::bytes::Bytes;
use crate::definitions::{Definitions, Scope};
use crate::error::LogError;
use crate::limits::MAX_PAYLOAD_BYTES;
use crate::record::{Cause, RecordParts};
use crate::record_codec::{Scratch, decode};
use crate::segment::SegmentHeader;
use crate::sequence::Sequence;
use crate::window::Window;
use std::ops::ControlFlow;

/// What is done with each record.
pub(crate) type Visit<'v> =
    dyn FnMut(&RecordParts<'_>, &Definitions) -> Result<ControlFlow<()>, LogError> + 'v;

/// What stands where a batch may begin.
#[derive(Debug)]
pub(crate) enum Found {
    /// A batch whose checksums are right.
    Batch(BatchHeader),
    /// The end of the file, or zeros.
    Nothing,
    /// Bytes that are no batch, as a torn write or damage leaves them: where, and why not.
    Broken(u64, &'static str),
}

/// Looks for a batch at `offset`.
pub(crate) fn look(window: &mut Window, offset: u64, seed: Seed) -> Result<Found, LogError> {
    if offset >= window.end {
        return Ok(Found::Nothing);
    }
    if window.end - offset < SECTOR_BYTES {
        return Ok(Found::Broken(offset, "the file ends inside a sector"));
    }
    let bytes: [u8; HEADER_BYTES] =
        window.bytes(offset, HEADER_BYTES)?.try_into().expect("a whole header was read");
    if bytes == [0; HEADER_BYTES] {
        return Ok(Found::Nothing);
    }
    let Some(header) = BatchHeader::decode(&bytes, seed) else {
        return Ok(Found::Broken(offset, "the checksum of the batch's header is wrong"));
    };
    if header.payload_bytes as usize > MAX_PAYLOAD_BYTES || header.length() > window.end - offset {
        // The header is what was written, so no torn write explains this.
        return Err(window.damaged(offset + 52, "a batch is longer than the segment has room for"));
    }
    let length = header.length() as usize;
    let filled = HEADER_BYTES + header.payload_bytes as usize;
    let bytes = window.bytes(offset, length)?;
    if seed.checksum(&bytes[HEADER_BYTES..filled]) != header.payload_checksum {
        return Ok(Found::Broken(
            offset + HEADER_BYTES as u64,
            "the checksum of the batch's records is wrong",
        ));
    }
    if let Some(at) = bytes[filled..].iter().position(|byte| *byte != 0) {
        return Ok(Found::Broken(offset + (filled + at) as u64, "a byte after the batch is not zero"));
    }
    Ok(Found::Batch(header))
}

/// Where reading has come to in the chain of batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// The link of the last batch.
    pub(crate) link: Link,
    /// The record that comes next.
    pub(crate) next: Sequence,
    /// The highest record known to be synced.
    pub(crate) mark: Sequence,
    /// The hash of the catalog.
    pub(crate) catalog: [u8; 32],
    /// The latest time in a record.
    pub(crate) latest_micros: u64,
}

impl Chain {
    /// At the start of a segment, going by its header.
    pub(crate) fn at(header: &SegmentHeader) -> Self {
        Self {
            link: header.previous,
            next: header.first,
            // The next segment is begun only when all of the one before it has been synced.
            mark: header.first.previous(),
            catalog: header.catalog,
            latest_micros: 0,
        }
    }
}

/// Everything that reading a segment builds up.
pub(crate) struct Reading<'d> {
    pub(crate) definitions: &'d mut Definitions,
    pub(crate) scope: Scope,
    pub(crate) scratch: Scratch,
    pub(crate) chain: Chain,
    pub(crate) records: u64,
}

impl<'d> Reading<'d> {
    pub(crate) fn new(definitions: &'d mut Definitions, chain: Chain) -> Self {
        Self { definitions, scope: Scope::default(), scratch: Scratch::default(), chain, records: 0 }
    }

    /// Checks that a batch found at `offset` is the next one, and hands its records on.
    pub(crate) fn batch(
        &mut self,
        window: &mut Window,
        offset: u64,
        header: &BatchHeader,
        seed: Seed,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, LogError> {
        let chain = &mut self.chain;
        if header.first != chain.next {
            let what = format!("a batch begins with record {}, expected {}", header.first, chain.next);
            return Err(window.damaged(offset + 32, what));
        }
        if header.previous != chain.link {
            return Err(window.damaged(offset, "a batch is not linked to the one before it"));
        }
        if header.mark < chain.mark || header.mark >= header.first {
            let what = format!(
                "a mark at record {}, expected {} to {}",
                header.mark,
                chain.mark,
                header.first.previous()
            );
            return Err(window.damaged(offset + 40, what));
        }
        if header.is_definitions() != window.has_definitions_at(offset) {
            let what = match header.is_definitions() {
                true => "a batch without records has a payload",
                false => "the segment says that it begins with definitions, and does not",
            };
            return Err(window.damaged(offset + 48, what));
        }
        chain.mark = header.mark;
        let payload_at = offset + HEADER_BYTES as u64;
        let payload = window.bytes(payload_at, header.payload_bytes as usize)?;
        chain.link = header.link(seed, payload);
        let mut bytes = Bytes::new(payload);
        let read = self.payload(&mut bytes, header.count, visit);
        read.map_err(|failure| failure.in_window(window, payload_at))
    }

    /// Reads so many records of the batch that comes next, which has more. Returns how long the payload is
    /// with these alone. The link in the chain is left as it is: that of a part is another one.
    pub(crate) fn first_records(
        &mut self,
        window: &mut Window,
        offset: u64,
        header: &BatchHeader,
        count: u32,
    ) -> Result<usize, LogError> {
        assert!(count > 0 && count < header.count, "{count} records of a batch that has {}", header.count);
        let payload_at = offset + HEADER_BYTES as u64;
        let mut bytes = Bytes::new(window.bytes(payload_at, header.payload_bytes as usize)?);
        let nothing = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Continue(()));
        match self.records(&mut bytes, count, nothing) {
            Ok(_) => Ok(bytes.position()),
            Err(failure) => Err(failure.in_window(window, payload_at)),
        }
    }

    fn payload(
        &mut self,
        bytes: &mut Bytes<'_>,
        count: u32,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Failure> {
        if count == 0 && bytes.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let read = self.records(bytes, count, visit)?;
        if read.is_continue() && !bytes.is_empty() {
            return Err(bytes.malformed("bytes are left over after the last record").into());
        }
        Ok(read)
    }

    /// Reads the definitions of a batch, and so many of its records.
    fn records(
        &mut self,
        bytes: &mut Bytes<'_>,
        count: u32,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut micros = bytes.varint()?;
        for _ in 0..bytes.varint()? {
            self.scope.read(bytes, self.definitions)?;
        }
        for _ in 0..count {
            let record = decode(bytes, self.chain.next, micros, &self.scope, &mut self.scratch)?;
            micros = record.timestamp_micros;
            self.chain.latest_micros = self.chain.latest_micros.max(micros);
            if let Cause::Install(installed) | Cause::Upgrade(installed) = record.cause {
                self.chain.catalog = installed.catalog;
            }
            if let Cause::Upgrade(change) = record.cause {
                self.definitions.learn_change(change.schema);
            }
            if visit(&record, self.definitions).map_err(Failure::Visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.chain.next = self.chain.next.next();
            self.records += 1;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Why a payload was not read to its end.
enum Failure {
    Malformed(crate::bytes::Malformed),
    Visit(LogError),
}

impl Failure {
    /// What it says about the payload at this place.
    fn in_window(self, window: &Window, payload_at: u64) -> LogError {
        match self {
            Self::Malformed(malformed) => {
                let what = format!("{} (the checksum is right, so this was written so)", malformed.what);
                window.damaged(payload_at + malformed.at as u64, what)
            }
            Self::Visit(error) => error,
        }
    }
}

impl From<crate::bytes::Malformed> for Failure {
    fn from(malformed: crate::bytes::Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// What follows the place where the batches of the newest segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remainder {
    /// A batch header that is right, beyond that place: what lies between was once synced.
    pub(crate) later_batch: Option<u64>,
    /// The end of the last sector that is not all zero.
    pub(crate) used_until: Option<u64>,
}

/// Looks through everything from `offset` to the end of the file.
pub(crate) fn survey(window: &mut Window, offset: u64, seed: Seed) -> Result<Remainder, LogError> {
    let mut remainder = Remainder { later_batch: None, used_until: None };
    let mut at = offset;
    while at < window.end {
        let length = (window.end - at).min(SECTOR_BYTES) as usize;
        let sector = window.bytes(at, length)?;
        if sector.iter().any(|byte| *byte != 0) {
            if at > offset
                && let Some(head) = sector.first_chunk::<HEADER_BYTES>()
                && BatchHeader::decode(head, seed).is_some()
            {
                remainder.later_batch.get_or_insert(at);
            }
            remainder.used_until = Some(at + length as u64);
        }
        at += length as u64;
    }
    Ok(remainder)
}
