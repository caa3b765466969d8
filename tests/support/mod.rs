//! What the end-to-end tests share: the program in a terminal, and mail to put before it.
#![allow(dead_code)] // every test binary uses its own share of it

pub mod mail;
pub mod random;
pub mod smtp;
pub mod terminal;
