//! The host's own WIT package, built in so that no module has to vendor it.
//! Invariant: the text is that of `wit/host/host.wit`.

/// The text of `interstice:host`.
pub const HOST_WIT: &str = include_str!("../../wit/host/host.wit");

/// The interface with the circumstances of a call.
pub(crate) const CONTEXT: &str = "interstice:host/context@0.1.0";
/// The interface with what the doors share.
pub(crate) const DOOR: &str = "interstice:host/door@0.1.0";
