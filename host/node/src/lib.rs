//! Transactions, scheduling, subscriptions and the catalog: joins store, log and engine.
