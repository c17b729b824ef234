//! What the author of an Interstice module depends on.
