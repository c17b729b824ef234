//! A compressed segment: the file as it is, and with its checksums put right.

use crate::folder::Folder;
use crate::seal::{self, SECTOR, header, hex, long, word};
use crate::{Verdict, examine, segment};

/// The table of frames: what stands before its entries, and an entry.
const TABLE_HEAD: usize = 8;
const ENTRY: usize = 8;
/// Segments that say that they are longer are not unpacked for the manifest.
const MAX_UNPACKED: usize = 1 << 20;

/// The input is an archived segment.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let mut archived = input.to_vec();
    archived.resize(input.len().max(SECTOR), 0);
    examine_archived(&archived);
    sealed(&mut archived);
    examine_archived(&archived)
}

/// Puts the checksums of the header, of the table and of the frames right.
fn sealed(archived: &mut [u8]) {
    let id = archived[header::ID].to_vec();
    let table_at = usize::try_from(long(archived, header::TABLE_AT.start)).unwrap_or(usize::MAX);
    if table_at < archived.len() {
        let (frames, table) = archived.split_at_mut(table_at);
        let mut at = SECTOR;
        for entry in table.get_mut(TABLE_HEAD..).unwrap_or(&mut []).chunks_exact_mut(ENTRY) {
            let length = word(entry, 0) as usize;
            let Some(frame) = frames.get(at..at.saturating_add(length)) else { break };
            entry[4..].copy_from_slice(&seal::checksum(&id, frame).to_le_bytes());
            at += length;
        }
        let checksum = seal::checksum(&id, table);
        archived[header::TABLE_CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    }
    seal::first_sector(archived);
}

fn examine_archived(archived: &[u8]) -> Verdict {
    let folder = Folder::new();
    let length = long(archived, header::LENGTH.start);
    let mut unpacked = unpacked(archived);
    let end = seal::batches(&mut unpacked);
    let (first, id) = (long(archived, header::FIRST.start), hex(&archived[header::ID]));
    let (last, link, stored) = (end.last, hex(&end.link), archived.len());
    let listed = format!(
        "archived {first:020} {id} length {length} last {last} link {link} stored {stored} latest 0\n"
    );
    let newest = segment::follow(&folder, &unpacked, &end);
    let lines = segment::manifest(archived, &format!("{listed}{newest}"), 2);
    folder.plant("MANIFEST", seal::manifest(lines.into_bytes()));
    folder.plant(&format!("archive/{first:020}.log"), archived.to_vec());
    examine::log(&folder, segment::start(archived).as_ref())
}

/// The segment, as far as any zstd unpacks its frames.
fn unpacked(archived: &[u8]) -> Vec<u8> {
    let mut segment = archived[..SECTOR].to_vec();
    if let Ok(unpacked) = zstd::bulk::decompress(&archived[SECTOR..], MAX_UNPACKED) {
        segment.extend_from_slice(&unpacked);
    }
    segment
}
