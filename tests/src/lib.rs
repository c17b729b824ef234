//! What is tested across the rooms.
