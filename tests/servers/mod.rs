//! Real servers that tests start for themselves on loopback, each in its own temporary folder. Take them
//! into an integration test with `#[path = "servers/mod.rs"] mod servers;` behind the feature `servers`.

pub mod authority;
pub mod dovecot;
pub mod postfix;
