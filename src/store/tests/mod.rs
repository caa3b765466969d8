//! Tests of the store through its public face, on real files in a temporary folder.

mod contacts;
mod damage;
mod drafts;
mod files;
mod fixture;
mod history;
mod keeping;
mod listings;
mod local;
mod mailboxes;
mod outbox;
mod plans;
mod server;
mod sync;
mod threads;
mod triage;
mod undo;
mod upgrades;
mod waiting;
