//! Subscriptions: which handlers a commit owes a delivery, and the transactions that pay them.
//! What is owed is decided once, in the commit; a delivery that fails is closed all the same.
//! Invariant: every owed delivery is closed by exactly one record, also across a crash.

use crate::catalog::{Catalog, Subscriber};
use crate::context::Target;
use crate::error::Error;
use crate::node::DELIVERIES_BEFORE_A_CALL;
use crate::stop::explain;
use crate::transaction::{RecordFrame, Request, Tools, Writer};
use crate::view::View;
use interstice_engine::{Caller, Returned};
use interstice_log::{Cause, Closed, EventKind, Outcome, Owed, Sequence, WriteSetEncoder};
use interstice_store::{RowChange, TableChanges};
use interstice_wit::RowEvent;
use std::borrow::Cow;
use std::sync::Arc;

/// A delivery that is owed to a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwedDelivery {
    /// The record that owes it, and its place there.
    pub(crate) closes: Closed,
    pub(crate) target: Target,
    /// The rows of the event, as the handler's arguments.
    pub(crate) arguments: Arc<[u8]>,
    /// How many deliveries led to this one, itself included.
    pub(crate) depth: u32,
}

/// Walks through the changes of a transaction and notes what the log and the subscribers get.
pub(crate) struct Collector<'c> {
    pub(crate) catalog: &'c Catalog,
    pub(crate) write_set: &'c mut WriteSetEncoder,
    /// What the record says.
    pub(crate) owed: &'c mut Vec<Owed>,
    /// What will be run.
    pub(crate) pending: &'c mut Vec<OwedDelivery>,
    /// Whether rows changed that no record tells of.
    pub(crate) ephemeral: &'c mut bool,
    /// Where keys are put together.
    pub(crate) key: &'c mut Vec<u8>,
    /// How many deliveries may be owed, and whether there would be more.
    pub(crate) most_owed: usize,
    pub(crate) owes_too_much: &'c mut bool,
    pub(crate) origin: Sequence,
    pub(crate) depth: u32,
}

impl Collector<'_> {
    /// Takes the changes of one table.
    pub(crate) fn table(&mut self, changes: &TableChanges<'_>) {
        let table = self.catalog.table(changes.table().id());
        if table.ephemeral {
            *self.ephemeral |= true;
            return;
        }
        let subscribers = self.catalog.subscribers.get(&changes.table().id()).map_or(&[][..], Vec::as_slice);
        self.write_set.table(table.definition, changes.counter());
        for (position, row) in changes.rows().enumerate() {
            match row {
                RowChange::Inserted { after } => self.write_set.insert(after),
                RowChange::Updated { after, .. } => self.write_set.update(after),
                RowChange::Deleted { before } => {
                    self.key.clear();
                    table.handle.primary_key().extract(before, self.key);
                    self.write_set.delete(self.key);
                }
            }
            for subscriber in subscribers {
                self.notify(subscriber, table.definition, position, &row);
            }
        }
    }

    fn notify(
        &mut self,
        subscriber: &Subscriber,
        table: interstice_log::DefinitionId,
        position: usize,
        row: &RowChange<'_>,
    ) {
        let (kind, before, last) = match (subscriber.event, row) {
            (RowEvent::Insert, RowChange::Inserted { after }) => (EventKind::Insert, None, *after),
            (RowEvent::Update, RowChange::Updated { before, after }) => {
                (EventKind::Update, Some(*before), *after)
            }
            (RowEvent::Delete, RowChange::Deleted { before }) => (EventKind::Delete, None, *before),
            _ => return,
        };
        let last = seen(subscriber.view.as_deref(), last);
        if subscriber.filter.as_ref().is_some_and(|filter| !filter.holds(&last)) {
            return;
        }
        let arguments: Arc<[u8]> = match before {
            None => Arc::from(&*last),
            Some(before) => Arc::from([&*seen(subscriber.view.as_deref(), before), &*last].concat()),
        };
        if self.owed.len() >= self.most_owed {
            *self.owes_too_much = true;
            return;
        }
        let target = Target { module: subscriber.module, function: subscriber.function };
        let function = self.catalog.function(target);
        let ordinal = u32::try_from(self.owed.len()).expect("a transaction is far smaller than 2^32 changes");
        self.owed.push(Owed {
            subscriber: function.definition,
            table,
            change: u32::try_from(position).expect("a transaction is far smaller than 2^32 changes"),
            event: kind,
        });
        self.pending.push(OwedDelivery {
            closes: Closed { sequence: self.origin, ordinal },
            target,
            arguments,
            depth: self.depth + 1,
        });
    }
}

/// A row as a subscriber sees it.
pub(crate) fn seen<'r>(view: Option<&View>, row: &'r [u8]) -> Cow<'r, [u8]> {
    view.map_or(Cow::Borrowed(row), |view| Cow::Owned(view.row(row)))
}

impl Writer {
    /// Makes a few of the deliveries that are owed before a call gets its turn; more of them when so many
    /// wait that they would fill the memory.
    pub(crate) fn deliver_before_a_call(&mut self, tools: &Tools<'_>) {
        if self.owed.is_empty() {
            return;
        }
        let beyond = self.owed.len().saturating_sub(tools.limits.deliveries);
        if let Err(error) = self.deliver(tools, DELIVERIES_BEFORE_A_CALL.max(beyond)) {
            // They stay owed, and the call may be what helps: one that deletes rows where memory is short.
            tracing::warn!(target: "interstice::node", "deliveries wait: {}", explain(&error));
        }
    }

    /// Pays the deliveries that are owed, and those that they cause, at most `budget` of them.
    /// Answers whether none is left.
    ///
    /// # Errors
    /// If the log or the store fails. A handler that fails is no error here: its delivery is closed.
    pub(crate) fn deliver(&mut self, tools: &Tools<'_>, budget: usize) -> Result<bool, Error> {
        for _ in 0..budget {
            let Some(delivery) = self.owed.front().cloned() else { return Ok(true) };
            self.deliver_one(tools, &delivery)?;
            self.owed.pop_front();
        }
        Ok(self.owed.is_empty())
    }

    fn deliver_one(&mut self, tools: &Tools<'_>, delivery: &OwedDelivery) -> Result<(), Error> {
        let cause = Cause::Delivery(delivery.closes);
        let mut result = Vec::new();
        let request = Request {
            target: delivery.target,
            arguments: &delivery.arguments,
            caller: &Caller::System,
            cause,
            depth: delivery.depth,
        };
        let outcome = if delivery.depth > tools.limits.subscription_depth {
            Err(Error::Limit {
                limit: "subscription-depth",
                place: self.context().catalog.function(delivery.target).full_name.to_string(),
                message: format!(
                    "deliveries caused each other more than {} times; the delivery is given up",
                    tools.limits.subscription_depth
                ),
            })
        } else {
            self.run(tools, &request, &mut result)
        };
        self.close_run(tools, &request, outcome, &result, "a delivery")
    }

    /// Writes the record of a run that leaves one in any case, however it ended.
    pub(crate) fn close_run(
        &mut self,
        tools: &Tools<'_>,
        request: &Request<'_>,
        outcome: Result<Returned, Error>,
        result: &[u8],
        what: &str,
    ) -> Result<(), Error> {
        let subject = self.context().catalog.function(request.target).definition;
        let ended = self.end_for_record(tools, outcome, what)?;
        let frame = RecordFrame {
            subject,
            cause: request.cause,
            caller: request.caller,
            arguments: request.arguments,
            outcome: ended.outcome(result),
            depth: request.depth,
            even_if_empty: true,
        };
        match self.commit(tools, &frame) {
            // What it did cannot be recorded, and never could: the run has failed, and its record says so.
            Err(error) if error.ends_delivery() => {
                let ended = self.end_for_record(tools, Err(error), what)?;
                self.commit(tools, &RecordFrame { outcome: ended.outcome(result), ..frame }).map(drop)
            }
            committed => committed.map(drop),
        }
    }

    /// Brings a run that must leave a record to the point where it can be committed: what failed is
    /// undone, and an empty transaction stands in its place.
    pub(crate) fn end_for_record(
        &mut self,
        tools: &Tools<'_>,
        outcome: Result<Returned, Error>,
        what: &str,
    ) -> Result<Ended, Error> {
        let ended = match outcome {
            Ok(Returned::Ok) => return Ok(Ended::Ok),
            Ok(Returned::Err) => {
                self.abort();
                Ended::Err
            }
            Err(error) if error.ends_delivery() => {
                tracing::warn!(target: "interstice::node", "{what} failed: {}", explain(&error));
                Ended::Failed(error.to_string())
            }
            Err(error) => return Err(error),
        };
        self.begin(tools, &Caller::System)?;
        Ok(ended)
    }
}

/// How a run ended that leaves a record in any case.
pub(crate) enum Ended {
    Ok,
    Err,
    Failed(String),
}

impl Ended {
    /// What the record says.
    pub(crate) fn outcome<'r>(&'r self, result: &'r [u8]) -> Outcome<'r> {
        match self {
            Ended::Ok => Outcome::Ok(result),
            Ended::Err => Outcome::Err(result),
            Ended::Failed(reason) => Outcome::Failed(reason.as_bytes()),
        }
    }
}
