//! Tests of the store through its public face, on real files in a temporary folder.

mod files;
mod fixture;
mod listings;
mod plans;
mod sync;
mod triage;
