//! Every kept seed through its target: what a coverage-guided run once found stays found. The runs themselves are
//! `tests/fuzz/guided` (see docs/testing.md).

mod targets;

use std::fs;
use std::path::Path;

use targets::TARGETS;

#[test]
fn nothing_that_fuzzing_kept_breaks_a_reader() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
        let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut played = 0;
        for seed in seeds {
            let path = seed.expect("a seed").path();
            let bytes = fs::read(&path).expect("its octets");
            let result = std::panic::catch_unwind(|| target(&bytes));
            assert!(result.is_ok(), "{}", path.display());
            played += 1;
        }
        assert!(played > 0, "no seed in {}", folder.display());
    }
}
