//! Message-IDs and boundaries from a seed: unique without a word about the machine they were made on.

use crate::mail::address::is_addr_spec;
use crate::mail::idn::ascii_domain;

/// A longer id would not fit into a line of 998 octets beside its field name.
const MAX_ID: usize = 900;
/// Where the sender's domain can't be used (RFC 2606 2 keeps it from ever being a host).
const NO_DOMAIN: &str = "mail.invalid";

/// A Message-ID without angle brackets, at the domain of an address.
pub fn new_message_id(domain_of: &str, seed: u64) -> String {
    let ascii = ascii_domain(domain_of);
    let domain = ascii.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_usable = domain.is_ascii() && is_addr_spec(&format!("x@{domain}"));
    let domain = if is_usable { domain.to_ascii_lowercase() } else { NO_DOMAIN.to_owned() };
    format!("{}{}@{domain}", letters(seed, 1), letters(seed, 2))
}

/// A boundary; `nth` tells several apart.
pub fn boundary(seed: u64, nth: u64) -> String {
    format!("={}{}", letters(seed, 3 + 2 * nth), letters(seed, 4 + 2 * nth))
}

/// An id as a header may carry it: ASCII, no blanks, no brackets (RFC 5322 3.6.4). None for what is none.
pub fn clean(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let is_fine = !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
    is_fine.then(|| id.to_owned())
}

/// Thirteen digits and letters.
fn letters(seed: u64, stream: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mixed = mix(seed ^ mix(stream));
    let digit = |place: u32| DIGITS.get((mixed.rotate_left(place * 5) & 31) as usize).copied().unwrap_or(b'0');
    (0..13).map(|place| char::from(digit(place))).collect()
}

/// splitmix64's finisher: every bit of the seed reaches every bit of the result.
fn mix(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_at_the_senders_domain() {
        let id = new_message_id("ada@X.Example", 7);
        assert!(id.ends_with("@x.example") && id.len() > 26, "{id}");
        assert_eq!(id, new_message_id("bob@x.example", 7));
        let many: std::collections::HashSet<String> = (0..10_000).map(|seed| new_message_id("a@b.c", seed)).collect();
        assert_eq!(many.len(), 10_000);
        for odd in ["", "ada", "a@", "a@b c", "a@x\r\nBcc: y", "a@u\u{308}.example"] {
            assert!(new_message_id(odd, 1).ends_with("@mail.invalid"), "{odd}");
        }
    }

    #[test]
    fn only_what_is_an_id_is_passed_on() {
        for (id, expect) in [
            ("a@b", Some("a@b")),
            ("<a@b>", Some("a@b")),
            ("a b@c", None),
            ("a@b\r\nBcc: x", None),
            ("a>b<c", None),
            ("é@x", None),
            ("", None),
            ("\0", None),
        ] {
            assert_eq!(clean(id).as_deref(), expect, "{id:?}");
        }
        assert_eq!(clean(&"a".repeat(901)), None);
    }
}
