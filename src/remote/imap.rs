//! IMAP4.
pub mod frame;
