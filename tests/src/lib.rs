//! What is tested across the rooms; there is no code of its own here.
//! See `end-to-end/`, `hostile/`, `simulator/` and `benches/`.
