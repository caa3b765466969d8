//! Maildir (stub until it lands).
