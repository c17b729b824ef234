//! The scans that a transaction or a query has open, by the numbers that guests know them by.
//! A number belongs to one table and to the call that opened it, so that a guest can neither guess
//! its way into another table nor keep a scan beyond its call.

use crate::stop::Stop;
use interstice_store::{Scan, TableId};

/// An open scan.
pub(crate) struct OpenScan {
    pub(crate) scan: Scan,
    pub(crate) table: TableId,
    /// How large its next batch may be, in bytes.
    pub(crate) batch_bytes: usize,
    /// How deep in nested calls it was opened.
    level: usize,
}

impl OpenScan {
    /// Whether it belongs to that table, and to a call at that level: a module that is called within another's scan
    /// guesses its number in vain.
    fn is_of(&self, table: TableId, level: usize) -> bool {
        self.table == table && self.level == level
    }
}

/// All open scans, by number; number 1 stands first.
#[derive(Default)]
pub(crate) struct Scans {
    open: Vec<Option<OpenScan>>,
    count: usize,
}

impl Scans {
    /// Keeps a scan and gives it a number, never 0.
    pub(crate) fn keep(
        &mut self,
        scan: Scan,
        table: TableId,
        batch_bytes: usize,
        level: usize,
        limit: usize,
    ) -> Result<u32, Stop> {
        if self.count >= limit {
            return Err(Stop::Limit {
                limit: "open-scans",
                message: format!("{limit} scans are open already; close or drop those that are done"),
            });
        }
        let place = match self.open.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.open.push(None);
                self.open.len() - 1
            }
        };
        self.open[place] = Some(OpenScan { scan, table, batch_bytes, level });
        self.count += 1;
        Ok(u32::try_from(place + 1).expect("the limit of open scans is far below 2^32"))
    }

    /// The scan with that number, if it is open on that table and was opened at this level of nested calls.
    pub(crate) fn get(&mut self, number: u32, table: TableId, level: usize) -> Result<&mut OpenScan, Stop> {
        (number as usize)
            .checked_sub(1)
            .and_then(|place| self.open.get_mut(place))
            .and_then(Option::as_mut)
            .filter(|scan| scan.is_of(table, level))
            .ok_or_else(|| Stop::Misbehaved {
                reason: format!("it went on with scan {number}, which it has not open on this table"),
            })
    }

    /// Closes a scan; one that is not open stays so.
    pub(crate) fn close(&mut self, number: u32, table: TableId, level: usize) {
        let Some(place) = (number as usize).checked_sub(1) else { return };
        if let Some(slot) = self.open.get_mut(place)
            && slot.as_ref().is_some_and(|scan| scan.is_of(table, level))
        {
            *slot = None;
            self.count -= 1;
        }
    }

    /// Closes every scan that was opened at this level of nested calls or deeper.
    pub(crate) fn close_from(&mut self, level: usize) {
        if self.count == 0 {
            return;
        }
        for slot in &mut self.open {
            if slot.as_ref().is_some_and(|scan| scan.level >= level) {
                *slot = None;
                self.count -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use interstice_codec::ValueType;
    use interstice_store::{KeyRange, Store, StoreLimits, TableDefinition, Version};

    fn scan() -> Scan {
        let store = Store::new(StoreLimits::default(), 0);
        let definition = TableDefinition {
            name: "t".to_owned(),
            columns: vec![ValueType::U64],
            primary_key: vec![0],
            auto_increment: None,
            indexes: Vec::new(),
        };
        let table = store.create_table(TableId(1), &definition).unwrap();
        store.reader(Version(0)).unwrap().scan(&table, &KeyRange::default()).unwrap()
    }

    #[test]
    fn a_scan_belongs_to_one_table_and_to_the_call_that_opened_it() {
        let mut scans = Scans::default();
        let number = scans.keep(scan(), TableId(1), 1, 2, 8).unwrap();
        for (table, level) in [(2, 2), (1, 1), (1, 3)] {
            let error = scans.get(number, TableId(table), level).err().unwrap();
            assert!(matches!(error, Stop::Misbehaved { .. }), "table {table}, level {level}");
            scans.close(number, TableId(table), level);
        }
        assert!(scans.get(number + 1, TableId(1), 2).is_err());
        assert!(scans.get(0, TableId(1), 2).is_err());
        assert!(scans.get(number, TableId(1), 2).is_ok(), "nobody else has closed it");
        scans.close(number, TableId(1), 2);
        assert!(scans.get(number, TableId(1), 2).is_err());
    }
}
