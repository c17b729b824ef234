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

    /// The scan with that number, if it is open on that table.
    pub(crate) fn get(&mut self, number: u32, table: TableId) -> Result<&mut OpenScan, Stop> {
        (number as usize)
            .checked_sub(1)
            .and_then(|place| self.open.get_mut(place))
            .and_then(Option::as_mut)
            .filter(|scan| scan.table == table)
            .ok_or_else(|| Stop::Misbehaved {
                reason: format!("it went on with scan {number}, which is not open on this table"),
            })
    }

    /// Closes a scan; one that is not open stays so.
    pub(crate) fn close(&mut self, number: u32, table: TableId) {
        let Some(place) = (number as usize).checked_sub(1) else { return };
        if let Some(slot) = self.open.get_mut(place)
            && slot.as_ref().is_some_and(|scan| scan.table == table)
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
