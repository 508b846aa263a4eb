//! The registry: one line per connector; nothing else.
