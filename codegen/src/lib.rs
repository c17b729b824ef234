//! From a Schema to Rust guest bindings and guest worlds.
