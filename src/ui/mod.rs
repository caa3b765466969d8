//! The terminal user interface: one thread, three phases. `update` turns events into effects and does no
//! I/O, `load` reads the visible windows from the store by key, `view` draws the model into a buffer. `run.rs`
//! has the loop, over a terminal (`terminal.rs`), a decoder (`input.rs`) and an output (`screen.rs`) of our own.
//!
//! A key is found in two jumps: `action.rs` (the table) and the pane or overlay that its arm in `update.rs` calls.

pub mod action;
pub mod app;
pub mod composer;
pub mod crash;
pub mod event;
pub mod folders;
pub mod format;
mod found;
mod go;
pub mod input;
pub mod keymap;
pub mod layout;
pub mod list;
pub mod load;
pub mod model;
pub mod outbox;
pub mod overlay;
pub mod preview;
pub mod run;
pub mod screen;
pub mod status;
pub mod terminal;
pub mod theme;
pub mod triage;
pub mod update;
pub mod view;
