//! Rows that would keep a new index from being unique, found while an upgrade is planned.
//! Every row is read once for its hash, and those whose hash repeats once more.
//! Invariant: what is named here is what the upgrade itself would refuse.

use crate::error::Error;
use crate::rollback::{conversion, find};
use crate::tables::{not_unique, table_definition};
use interstice_codec::key::KeyLayout;
use interstice_codec::row::{Batch, Conversion, Layout};
use interstice_store::{KeyRange, Reader, StoreError, TableHandle};
use interstice_wit::evolution::{Step, TableChange, TableEvolution};
use interstice_wit::{Schema, Table};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// How many bytes of rows are looked at between two locks of the table.
const BATCH_BYTES: usize = 64 << 10;

/// How many pairs of rows are named.
const NAMED_PAIRS: usize = 10;

/// The rows that keep an index of a table from being unique, in words.
pub(crate) fn repeated(
    old: &Schema,
    new: &Schema,
    evolution: &TableEvolution,
    table: Option<&TableHandle>,
    reader: &Reader,
) -> Result<Vec<String>, Error> {
    let (Some(before), Some(after), Some(table)) = (&evolution.old, &evolution.new, table) else {
        return Ok(Vec::new());
    };
    match (find(old, before), find(new, after)) {
        (Some(was), Some(is)) => repeated_keys((old, was), (new, is), evolution, table, reader),
        _ => Ok(Vec::new()),
    }
}

/// For each index that becomes unique the rows that keep it from that, in words.
fn repeated_keys(
    old: (&Schema, &Table),
    new: (&Schema, &Table),
    evolution: &TableEvolution,
    table: &TableHandle,
    reader: &Reader,
) -> Result<Vec<String>, Error> {
    let TableChange::Automatic { steps, .. } = &evolution.change else { return Ok(Vec::new()) };
    let becomes_unique = |name: &str| {
        steps
            .iter()
            .any(|step| matches!(step, Step::IndexAdded { name: added, unique: true } if added == name))
    };
    let definition = table_definition(new.0, new.1);
    let layout = Layout::new(&definition.columns);
    let Ok(conversion) =
        conversion(&table_definition(old.0, old.1).columns, &definition.columns, &evolution.change)
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for index in definition.indexes.iter().filter(|index| index.unique && becomes_unique(&index.name)) {
        let keys = [&index.columns, &definition.primary_key].map(|columns| KeyLayout::new(&layout, columns));
        let [Ok(values), Ok(primary)] = keys else { continue };
        let search = Search { reader, table, conversion: &conversion, values, primary };
        if let Some((rows, more)) = search.pairs()? {
            let (table, index) = (definition.name.clone(), index.name.clone());
            found.push(not_unique(new.0, &StoreError::NotUnique { table, index, rows, more }));
        }
    }
    Ok(found)
}

/// The primary keys of two rows with the same values.
type Pair = (Vec<u8>, Vec<u8>);

struct Search<'s> {
    reader: &'s Reader,
    table: &'s TableHandle,
    conversion: &'s Conversion,
    values: KeyLayout,
    primary: KeyLayout,
}

impl Search<'_> {
    /// The first pairs in the order of the index, and how many there are besides; nothing if no values repeat.
    fn pairs(&self) -> Result<Option<(Vec<Pair>, u64)>, Error> {
        let hasher = RandomState::new();
        let mut hashes = Vec::new();
        self.each(|values, _| hashes.push(hasher.hash_one(values)))?;
        hashes.sort_unstable();
        let repeats = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let (mut repeated, mut pairs) = (HashSet::new(), 0_u64);
        repeats.for_each(|hash| {
            repeated.insert(hash);
            pairs += 1;
        });
        drop(hashes);
        if repeated.is_empty() {
            return Ok(None);
        }
        // The first keys in the order of the index, each with the first rows that have it, in their order.
        let mut first: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        self.each(|values, primary| {
            let is_first = || {
                first.len() <= NAMED_PAIRS || first.keys().next_back().is_some_and(|last| values < &last[..])
            };
            if !repeated.contains(&hasher.hash_one(values)) || !(first.contains_key(values) || is_first()) {
                return;
            }
            let rows = first.entry(values.to_vec()).or_default();
            if rows.len() <= NAMED_PAIRS {
                rows.push(primary.to_vec());
            }
            if first.len() > NAMED_PAIRS + 1 {
                first.pop_last();
            }
        })?;
        let of_key = |rows: &Vec<Vec<u8>>| {
            rows.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>()
        };
        let named: Vec<Pair> = first.values().flat_map(of_key).take(NAMED_PAIRS).collect();
        let more = pairs.saturating_sub(named.len() as u64);
        Ok((!named.is_empty()).then_some((named, more)))
    }

    /// Goes through all rows in the order of the primary key: the values of the index, and the key.
    fn each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), Error> {
        let mut scan = self.reader.scan(self.table, &KeyRange::default()).map_err(Error::Store)?;
        let (mut batch, mut row) = (Vec::new(), Vec::new());
        let (mut values, mut primary) = (Vec::new(), Vec::new());
        loop {
            batch.clear();
            let read = scan.next_batch(&mut batch, BATCH_BYTES, usize::MAX).map_err(Error::Store)?;
            for old in Batch::new(&batch) {
                [&mut row, &mut values, &mut primary].into_iter().for_each(Vec::clear);
                self.conversion.convert_valid(old.expect("the store makes whole batches"), &mut row);
                self.values.extract(&row, &mut values);
                self.primary.extract(&row, &mut primary);
                visit(&values, &primary);
            }
            if !read.more {
                return Ok(());
            }
        }
    }
}
