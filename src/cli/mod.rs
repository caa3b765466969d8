//! The scriptable commands (stub until they land).
