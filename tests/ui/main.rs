//! The interface without a terminal and without a worker: keys in, requests and screen text out, over a
//! real store in a temporary folder. `screen.rs` drives it; start with `triage.rs`.

mod app;
mod compose;
mod conversation;
mod folders;
mod frames;
mod handling;
mod reading;
mod search;
mod sending;
mod setup;
mod threads;
mod triage;
mod undo;
