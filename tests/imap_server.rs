//! The real store, the real account steps and the real IMAP client over a whole IMAP server in memory, on a paused clock: the
//! session cut at every octet, and servers that change under a client's feet.

#[path = "imap_server/client.rs"]
mod client;
#[path = "support/cut.rs"]
mod cut;
#[path = "imap_server/cuts.rs"]
mod cuts;
#[path = "support/imap.rs"]
mod imap;
#[path = "imap_server/threats.rs"]
mod threats;
