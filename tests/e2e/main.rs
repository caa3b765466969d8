//! The real binary in a pseudo-terminal: what a person sees and what the mail store holds afterwards.

#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "../support/keys.rs"]
mod keys;
#[cfg(feature = "servers")]
#[path = "../support/proxy.rs"]
mod proxy;
#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "../support/second_client.rs"]
mod second_client;
#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "servers")]
mod beside;
mod compose;
mod demo;
#[cfg(feature = "servers")]
mod imap;

mod kill;
mod kill_sending;
mod kill_typing;
mod maildir;
#[cfg(feature = "servers")]
mod network;
mod picture;
mod poison;
#[cfg(feature = "servers")]
mod sealed;
mod sending;
mod terminal;
#[cfg(feature = "servers")]
mod writing;
