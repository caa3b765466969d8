//! Whom a key belongs to: the user ids of one key as the keyring lists them, each with how far it is believed. The name in a status
//! line is not enough: it is one of several, and the trust beside it may be in another of them.

use std::time::Duration;

use super::run;
use super::status::Found;
use super::{Signature, State, Trouble};
use crate::mail::seal::Scheme;
use crate::mail::url::octets;

const LIMIT: Duration = Duration::from_secs(20);
/// User ids of one key that are looked at.
const MAX_HOLDERS: usize = 100;

/// How far a user id is believed to be the key's owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    Unknown,
    Marginal,
    Full,
}

/// One user id of a key that names an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// As the key says; not cleaned.
    pub name: String,
    pub address: String,
    pub validity: Validity,
}

/// The signatures with the holders of their keys.
pub async fn complete(scheme: Scheme, found: Vec<Found>) -> Result<Vec<Signature>, Trouble> {
    let mut out = Vec::new();
    for Found { mut signature, is_chain_trusted } in found {
        if !signature.key.is_empty() && !matches!(signature.state, State::Unknown | State::Unchecked) {
            let name = format!("0x{}", signature.key);
            let words = ["--with-colons", "--list-keys", "--", name.as_str()].map(AsRef::as_ref);
            let listed = run::run(scheme, &words, b"", LIMIT).await?;
            signature.holders = holders(scheme, &String::from_utf8_lossy(&listed.text), &signature.key, is_chain_trusted);
        }
        out.push(signature);
    }
    Ok(out)
}

/// The holders of the one key with that fingerprint in a listing (doc/DETAILS of GnuPG); none where several keys are listed.
fn holders(scheme: Scheme, listing: &str, key: &str, is_chain_trusted: bool) -> Vec<Holder> {
    let records: Vec<Vec<&str>> = listing.lines().map(|line| line.split(':').collect()).collect();
    let is = |record: &[&str], names: &[&str]| record.first().is_some_and(|name| names.contains(name));
    let keys = records.iter().filter(|record| is(record, &["pub", "crt", "crs"])).count();
    // the first fingerprint is the primary key's
    let print = records.iter().find(|record| is(record, &["fpr"])).and_then(|record| record.get(9));
    if keys != 1 || !print.is_some_and(|print| print.to_ascii_uppercase().ends_with(&key.to_ascii_uppercase())) {
        return Vec::new();
    }
    let uids = records.iter().filter(|record| is(record, &["uid"])).take(MAX_HOLDERS);
    let uids: Vec<(Validity, String)> = uids
        // revoked, expired, not its owner's, invalid, disabled; of a certificate that is the chain's matter
        .filter(|record| scheme == Scheme::Smime || !matches!(record.get(1), Some(&("r" | "e" | "n" | "i" | "d"))))
        .map(|record| (validity(record.get(1)), unescaped(record.get(9).copied().unwrap_or_default())))
        .collect();
    match scheme {
        Scheme::OpenPgp => uids
            .iter()
            .filter_map(|(validity, text)| {
                let (name, address) = name_and_address(text)?;
                Some(Holder { name, address, validity: *validity })
            })
            .collect(),
        Scheme::Smime => {
            // the first is the subject, the others its alternative names
            let name = uids.first().map(|(_, subject)| common_name(subject)).unwrap_or_default();
            let validity = if is_chain_trusted { Validity::Full } else { Validity::Unknown };
            let addresses = uids.iter().filter_map(|(_, text)| name_and_address(text).filter(|(before, _)| before.is_empty()));
            addresses.map(|(_, address)| Holder { name: name.clone(), address, validity }).collect()
        }
    }
}

fn validity(word: Option<&&str>) -> Validity {
    match word {
        Some(&("f" | "u")) => Validity::Full,
        Some(&"m") => Validity::Marginal,
        _ => Validity::Unknown,
    }
}

/// `Ada (work) <ada@example.org>` or a bare address; nothing where it could be read in two ways.
fn name_and_address(text: &str) -> Option<(String, String)> {
    let is_address = |text: &str| {
        let halves = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        halves && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ','))
    };
    let (name, address) = match text.strip_suffix('>') {
        Some(rest) => rest.split_once('<')?,
        None => ("", text),
    };
    (is_address(address) && !name.contains(['<', '>'])).then(|| (name.trim().to_owned(), address.to_owned()))
}

/// `CN=Ada,O=Example` to `Ada`.
fn common_name(subject: &str) -> String {
    let found = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="));
    found.unwrap_or_default().to_owned()
}

/// `\x3a` and the like undone.
fn unescaped(text: &str) -> String {
    String::from_utf8_lossy(&octets(text, "\\x")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_names_one_address_or_none() {
        for (text, expect) in [
            ("Ada <ada@x.example>", Some(("Ada", "ada@x.example"))),
            ("Ada (work, old) <ada@x.example>", Some(("Ada (work, old)", "ada@x.example"))),
            ("<ada@x.example>", Some(("", "ada@x.example"))),
            ("ada@x.example", Some(("", "ada@x.example"))),
            ("ada@x.example <eve@evil.example>", Some(("ada@x.example", "eve@evil.example"))),
            ("Ada <ada@x.example> <eve@evil.example>", None),
            ("Ada <ada@x.example> eve@evil.example", None),
            ("Ada <<ada@x.example>", None),
            ("Ada <ada@x.example>>", None),
            ("Ada <ada@x.example,eve@evil.example>", None),
            ("Ada <ada@x.example eve@evil.example>", None),
            ("Ada <ada@x.example\n>", None),
            ("Ada", None),
            ("Ada <@>", None),
            ("", None),
        ] {
            let found = name_and_address(text);
            assert_eq!(found, expect.map(|(name, address)| (name.to_owned(), address.to_owned())), "{text}");
        }
    }

    #[test]
    fn holders_are_those_of_the_one_key_that_was_asked_for() {
        let key = "AB".repeat(20);
        let list = |more: &str| {
            format!(
                "pub:u:255:22:ABABABABABABABAB:1:::u:::scESC:::\nfpr:::::::::{key}:\nuid:f::::1::X::Ada \\x3a <ada@x.example>::\nuid:-::::1::Y::Carol <carol@x.example>:\nuid:r::::1::Z::Old <old@x.example>:\n{more}"
            )
        };
        let read = |listing: &str| holders(Scheme::OpenPgp, listing, &key, false);
        let found = read(&list(""));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].validity), ("Ada :", Validity::Full));
        assert_eq!((found[1].address.as_str(), found[1].validity), ("carol@x.example", Validity::Unknown));
        assert_eq!(read(&list("pub:u:255:22:CDCD:1:\n")), []);
        assert_eq!(read(&list("").replace(&key, &"CD".repeat(20))), []);
        assert_eq!(read(""), []);
    }

    #[test]
    fn a_certificate_names_its_addresses_beside_its_subject() {
        let key = "AB".repeat(20);
        let listing =
            format!("crs:u:2048:1:X:\nfpr:::::::::{key}::::\nuid:u::::::::CN=Ada,O=<eve@evil.example>::\nuid:u::::::::<ada@x.example>::\n");
        let found = holders(Scheme::Smime, &listing, &key, true);
        assert_eq!(found, [Holder { name: "Ada".into(), address: "ada@x.example".into(), validity: Validity::Full }]);
        assert_eq!(holders(Scheme::Smime, &listing, &key, false)[0].validity, Validity::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn escapes_are_undone_without_harm(text in ".{0,60}") {
            let escaped: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
            assert_eq!(unescaped(&escaped), text);
            unescaped(&text);
        }
    }
}
