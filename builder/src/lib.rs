//! From a core module to a component that carries its schema.
