//! What is tested across the rooms, and what those tests share.
//! See `end-to-end/`, `hostile/`, `model/`, `simulator/` and `benches/`.
#![allow(clippy::unwrap_used)]

pub mod events;
pub mod machine;
