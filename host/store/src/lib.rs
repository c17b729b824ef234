//! Tables and indexes in memory, with versions for readers. No I/O.
mod pages;
mod tree;
