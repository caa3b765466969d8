//! Faults that tests ask for by `POSTRIDER_FAULT=KIND@PLACE:WORD`: where bytes with that word pass that place, the process
//! ends or panics as a mistake of ours would make it. Only in debug builds; a release knows none of it. Names nobody.

/// Takes the wish of the environment.
pub fn set(text: Option<String>) {
    #[cfg(debug_assertions)]
    debug::set(text);
    #[cfg(not(debug_assertions))]
    drop(text);
}

/// Bytes pass a place.
#[inline]
pub fn at(place: &str, bytes: &[u8]) {
    #[cfg(debug_assertions)]
    debug::at(place, bytes);
    #[cfg(not(debug_assertions))]
    let _ = (place, bytes);
}

#[cfg(debug_assertions)]
mod debug {
    use std::hint::black_box;
    use std::sync::OnceLock;

    struct Fault {
        kind: String,
        place: String,
        word: String,
    }

    static FAULT: OnceLock<Fault> = OnceLock::new();

    pub fn set(text: Option<String>) {
        let Some(text) = text else { return };
        let (kind, rest) = text.split_once('@').unwrap_or_default();
        let (place, word) = rest.split_once(':').unwrap_or((rest, ""));
        let _ = FAULT.set(Fault { kind: kind.to_owned(), place: place.to_owned(), word: word.to_owned() });
    }

    pub fn at(place: &str, bytes: &[u8]) {
        let Some(fault) = FAULT.get().filter(|fault| fault.place == place) else { return };
        let word = fault.word.as_bytes();
        if !word.is_empty() && !bytes.windows(word.len()).any(|window| window == word) {
            return;
        }
        match fault.kind.as_str() {
            "abort" => std::process::abort(),
            "overflow" => drop(black_box(deeper(0))),
            "hang" => loop {
                std::thread::park();
            },
            _ => panic!("a fault that a test asked for"),
        }
    }

    fn deeper(level: u64) -> u64 {
        let room = black_box([level; 512]);
        if level == u64::MAX { 0 } else { deeper(level + 1) + room[7] }
    }
}
