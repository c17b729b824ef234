//! A whole node on a simulated machine: its power fails, its disk lies or is full, its clock jumps, its
//! threads take turns by seed.
//! `INTERSTICE_SEED=n` runs one seed again, `INTERSTICE_SEEDS=n` makes the campaign longer, `INTERSTICE_FROM=n` goes on.
#![allow(clippy::unwrap_used, missing_docs)]

mod backups;
mod beside;
mod clock;
mod deliveries;
mod disk;
mod forged;
mod past;
mod power;
mod randomness;
mod schedule;
mod snapshots;
mod upgrades;
