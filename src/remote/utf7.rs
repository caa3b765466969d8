//! Mailbox names in modified UTF-7 (RFC 3501 5.1.3), and as UTF-8 where a server sends that instead.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// Base64 with "," for "/"; servers are found that leave odd trailing bits.
const CODE: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// The name as UTF-8. What is no valid UTF-7 stays as it is: the wire form is kept beside it anyway.
pub fn decode(wire: &[u8]) -> String {
    let text = String::from_utf8_lossy(wire);
    let mut name = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once('&') {
        name.push_str(before);
        let (code, tail) = after.split_once('-').unwrap_or((after, ""));
        match shifted(code) {
            _ if code.is_empty() => name.push('&'),
            Some(decoded) => name.push_str(&decoded),
            None => {
                name.push('&');
                rest = after;
                continue;
            }
        }
        rest = tail;
    }
    name.push_str(rest);
    name
}

fn shifted(code: &str) -> Option<String> {
    let bytes = CODE.decode(code).ok()?;
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes)).collect();
    String::from_utf16(&units).ok()
}

/// The wire form of a UTF-8 name.
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut pending = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut pending, &mut wire);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            pending.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut pending, &mut wire);
    wire
}

fn flush(pending: &mut Vec<u8>, wire: &mut String) {
    if !pending.is_empty() {
        wire.push('&');
        wire.push_str(&CODE.encode(&pending));
        wire.push('-');
        pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_the_standard_and_broken_ones() {
        for (wire, name) in [
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("A &- B", "A & B"),
            ("&2D3eAA-", "😀"),
            ("a & b", "a & b"),
            ("&", "&"),
            ("&!!!-x", "&!!!-x"),
            ("&2D0-", "&2D0-"),
        ] {
            assert_eq!(decode(wire.as_bytes()), name);
        }
        assert_eq!(decode("Übergrößen".as_bytes()), "Übergrößen");
        assert!(decode(b"\xff\xfe").contains('\u{fffd}'));
    }

    proptest! {
        #[test]
        fn every_name_survives_the_wire(name in "\\PC{0,40}") {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode(wire.as_bytes()), name);
        }

        #[test]
        fn any_bytes_decode_to_something(wire in proptest::collection::vec(any::<u8>(), 0..64)) {
            decode(&wire);
        }
    }
}
