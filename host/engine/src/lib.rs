//! Compiles, links and instantiates components under limits.
