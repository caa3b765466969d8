//! The real binary in a pseudo-terminal: what a person sees and what the mail store holds afterwards.

#[path = "../support/mod.rs"]
mod support;

mod demo;
mod maildir;
mod picture;
mod terminal;
