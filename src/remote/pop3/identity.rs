//! Names for messages that nobody can forge: the SHA-256 that TLS brings along. Used where a file name must follow
//! from account and unique-id, and where a server has no unique-ids.

use std::fmt::Write;

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

/// 32 hexadecimal digits of SHA-256 over these parts, each told from the next.
pub fn token(parts: &[&[u8]]) -> String {
    let mut octets = Vec::new();
    for part in parts {
        octets.extend_from_slice(&(part.len() as u64).to_be_bytes());
        octets.extend_from_slice(part);
    }
    let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else { return String::new() };
    let digest = suite.common.hash_provider.hash(&octets);
    digest.as_ref().iter().take(16).fold(String::with_capacity(32), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_for_ever_and_differ_by_every_part() {
        assert_eq!(token(&[]), "e3b0c44298fc1c149afbf4c8996fb924");
        assert_ne!(token(&[b"ab", b"c"]), token(&[b"a", b"bc"]));
        assert_eq!(token(&[b"work", b"17"]), token(&[b"work", b"17"]));
    }
}
