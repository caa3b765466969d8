//! The real binary under faults of its machine: killed at every call that leaves a trace, a disk that is full or broken at
//! every write (what each operation is, and how its outcome is judged, is in `faults/operations.rs` and `faults/stage.rs`); and
//! under the weather of a real server (`faults/weather.rs`); the connection to it cut at any octet (`faults/cuts.rs`).
//! By default a share of the calls is tried; `POSTRIDER_FULL=1` tries them all.
#![cfg(target_os = "linux")] // strace, /proc, tmpfs

#[cfg(feature = "servers")]
#[path = "support/cut.rs"]
mod cut;
#[cfg(feature = "servers")]
#[path = "faults/cuts.rs"]
mod cuts;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/operations.rs"]
mod operations;
#[path = "faults/power.rs"]
mod power;
#[path = "faults/stage.rs"]
mod stage;
#[path = "faults/strace.rs"]
mod strace;

#[cfg(feature = "servers")]
#[path = "faults/weather.rs"]
mod weather;
#[cfg(feature = "servers")]
#[path = "faults/wire.rs"]
mod wire;

#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "support/second_client.rs"]
mod second_client;
#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "servers/mod.rs"]
mod servers;
#[path = "support/mod.rs"]
mod support;

/// Everything is to be tried, not only a share of it.
fn is_full() -> bool {
    std::env::var("POSTRIDER_FULL").is_ok_and(|value| value == "1")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
