//! IMAP4 (stub until it lands).
