//! Tests of the store through its public face, on real files in a temporary folder.

mod fixture;
mod listings;
mod triage;
