//! One target of `../targets.rs` under libFuzzer; `POSTRIDER_TARGET` names it.
#![no_main]

#[path = "../targets.rs"]
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

fn chosen() -> targets::Target {
    static CHOSEN: OnceLock<targets::Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("POSTRIDER_TARGET").expect("POSTRIDER_TARGET names a target");
        let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no target {name:?}")).1
    })
}

fuzz_target!(|bytes: &[u8]| chosen()(bytes));
