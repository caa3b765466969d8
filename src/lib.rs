//! Postrider, a mail reader for the terminal.
//!
//! ```text
//! ui  --Request-->  worker  --verbs-->  remote (IMAP, Maildir)
//!  ^                  |
//!  |<--WorkerEvent----+--writes-->  store (SQLite)
//!  +----reads by key----------------^
//! ```
//!
//! `ui` decides what the user means, `worker` makes it true, `store` remembers it, `remote` talks to
//! servers, `mail` is the vocabulary they share, `mime` turns bytes into values, `crypt` asks gpg. Arrows point one way;
//! `tests/tidy.rs` holds them. Start reading at [`worker::Request`] and [`ui::action`].

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod crypt;
pub mod demo;
pub mod events;
pub mod fault;
pub mod mail;
pub mod mime;
pub mod paths;
pub mod remote;
pub mod store;
pub mod ui;
pub mod worker;
