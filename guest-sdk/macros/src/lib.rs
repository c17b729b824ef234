//! The module! macro.
