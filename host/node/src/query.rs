//! Queries: read-only calls at one version, beside the writer.
//! Each has a context of its own from a small pool, so that queries wait neither for each other nor
//! for a transaction.
//! Invariant: a query sees one version, and unless its caller asked for `memory` a durable one.

use crate::catalog::Catalog;
use crate::context::{Context, Target, Work};
use crate::error::Error;
use crate::limits::Limits;
use crate::stop::fault_error;
use interstice_engine::{Caller, Returned};
use interstice_log::doors::Clock;
use interstice_store::Reader;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Contexts of queries that wait for the next one.
pub(crate) struct Readers {
    #[expect(clippy::vec_box, reason = "a context is boxed for its way through the instances")]
    idle: Mutex<Vec<Box<Context>>>,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    /// The time of the last record.
    latest_micros: Arc<AtomicU64>,
    database_key: [u8; 16],
}

/// A query that is about to be run.
pub(crate) struct Question<'q> {
    pub(crate) catalog: &'q Arc<Catalog>,
    /// What it sees.
    pub(crate) reader: Reader,
    pub(crate) target: Target,
    pub(crate) arguments: &'q [u8],
    pub(crate) caller: &'q Caller,
}

impl Readers {
    /// An empty pool.
    pub(crate) fn new(
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        latest_micros: Arc<AtomicU64>,
        database_key: [u8; 16],
    ) -> Readers {
        Readers { idle: Mutex::new(Vec::new()), limits, clock, latest_micros, database_key }
    }

    /// Lets contexts go that wait with a catalog of their last query, and with its instances.
    pub(crate) fn forget(&self) {
        self.idle.lock().clear();
    }

    /// Runs a query. Its result replaces what is in `result`.
    pub(crate) fn query(&self, question: &Question<'_>, result: &mut Vec<u8>) -> Result<Returned, Error> {
        let Question { catalog, ref reader, target, arguments, caller } = *question;
        let idle = self.idle.lock().pop();
        let mut context =
            idle.unwrap_or_else(|| Context::new(catalog.clone(), self.limits.clone(), self.database_key));
        context.use_catalog(catalog.clone());
        // Time does not go back: a query sees none before that of the rows that it reads.
        let now_micros = self.clock.now_micros().max(self.latest_micros.load(Ordering::Relaxed));
        let mut fresh_only = false;
        let returned = loop {
            context.begin(reader.version().0, now_micros, caller);
            context.work = Work::Read(reader.clone());
            let (back, _, outcome) = context.run(target, arguments, result, self.limits.fuel);
            context = back;
            match outcome {
                Ok(returned) => break Ok(returned),
                Err(fault) => {
                    let again = !fresh_only && context.reused_an_instance() && fault.depends_on_history();
                    let place = context.failed_in().unwrap_or_else(|| Arc::from("the query"));
                    context.discard_entered();
                    context.finish();
                    if !again {
                        break Err(fault_error(fault, &place, self.limits.fuel, &self.limits));
                    }
                    fresh_only = true;
                }
            }
        };
        context.finish();
        let mut idle = self.idle.lock();
        if idle.len() < self.limits.idle_readers {
            idle.push(context);
        }
        returned
    }
}
