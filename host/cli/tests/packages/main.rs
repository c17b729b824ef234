//! Packages as a user meets them: publish, add, build with pins, update, yank, fetch; and what is said of
//! everything that does not fit.

#![allow(clippy::unwrap_used)]

mod elsewhere;
#[path = "../support/packages.rs"]
mod harness;
mod project;
mod published;
#[path = "../support/mod.rs"]
mod support;
