//! The status lines of `gpg` and `gpgsm` (doc/DETAILS of GnuPG): one table of those that count, and what follows from them. A line that
//! is not there proves nothing, and one too many spoils it. Pure.

use super::{Signature, State, Trouble};
use crate::mail::seal::Scheme;

const PREFIX: &str = "[GNUPG:] ";
/// Lines that are looked at.
const MAX_LINES: usize = 10_000;
/// Signatures of one text whose keys are looked up.
const MAX_SIGNATURES: usize = 8;
/// GPG_ERR_NO_PUBKEY, GPG_ERR_NO_SECKEY, GPG_ERR_CANCELED, GPG_ERR_FULLY_CANCELED (gpg-error.h).
const NO_PUBKEY: u32 = 9;
const NO_SECKEY: u32 = 17;
const CANCELLED: [u32; 2] = [99, 198];

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NewSignature,
    /// The outcome of a signature; of each there is one.
    Outcome(State),
    Valid,
    Begin,
    End,
    /// How the cipher text is protected.
    Info,
    Okay,
    Failed,
    Protected,
    Plaintext,
    SecretKeyMissing,
    Error,
    /// What can only come of a text that is not what it should be.
    Odd,
    /// What gpgsm says of the chain of certificates.
    Trusted,
    Distrusted,
}

const LINES: &[(&str, Kind)] = &[
    ("NEWSIG", Kind::NewSignature),
    ("GOODSIG", Kind::Outcome(State::Good)),
    ("BADSIG", Kind::Outcome(State::Bad)),
    ("EXPSIG", Kind::Outcome(State::ExpiredSignature)),
    ("EXPKEYSIG", Kind::Outcome(State::ExpiredKey)),
    ("REVKEYSIG", Kind::Outcome(State::RevokedKey)),
    ("ERRSIG", Kind::Outcome(State::Unchecked)),
    ("VALIDSIG", Kind::Valid),
    ("BEGIN_DECRYPTION", Kind::Begin),
    ("END_DECRYPTION", Kind::End),
    ("DECRYPTION_INFO", Kind::Info),
    ("DECRYPTION_OKAY", Kind::Okay),
    ("DECRYPTION_FAILED", Kind::Failed),
    ("GOODMDC", Kind::Protected),
    ("PLAINTEXT", Kind::Plaintext),
    ("NO_SECKEY", Kind::SecretKeyMissing),
    ("ERROR", Kind::Error),
    ("BADMDC", Kind::Odd),
    ("NODATA", Kind::Odd),
    ("UNEXPECTED", Kind::Odd),
    ("BADARMOR", Kind::Odd),
    ("TRUST_FULLY", Kind::Trusted),
    ("TRUST_ULTIMATE", Kind::Trusted),
    ("TRUST_NEVER", Kind::Distrusted),
];

/// A line: what it says and its words.
type Line<'a> = (Kind, Vec<&'a str>);

/// The lines that count, in order.
#[derive(Debug, Default)]
pub struct Report<'a>(Vec<Line<'a>>);

/// A signature as the status lines tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub signature: Signature,
    /// The chain of its certificate holds (gpgsm).
    pub is_chain_trusted: bool,
}

impl<'a> Report<'a> {
    pub fn read(status: &'a [u8]) -> Self {
        let lines = status.split(|byte| *byte == b'\n').take(MAX_LINES);
        let parsed = lines.filter_map(|line| {
            // user ids and file names may be of any charset; they are not read here
            let line = std::str::from_utf8(line).unwrap_or_else(|error| {
                let upto = error.valid_up_to();
                line.get(..upto).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default()
            });
            let mut words = line.strip_prefix(PREFIX)?.split(' ');
            let name = words.next()?.trim_end();
            let (_, kind) = LINES.iter().find(|(known, _)| *known == name)?;
            Some((*kind, words.map(str::trim_end).collect()))
        });
        Self(parsed.collect())
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.0.iter().filter(|(known, _)| *known == kind).count()
    }

    fn has(&self, kind: Kind) -> bool {
        self.count(kind) > 0
    }

    /// Something was decrypted, or was to be.
    pub fn has_decryption(&self) -> bool {
        [Kind::Begin, Kind::Info, Kind::Okay, Kind::Failed].into_iter().any(|kind| self.has(kind))
    }

    /// All signatures.
    pub fn signatures(&self) -> Vec<Found> {
        signatures(&self.0)
    }

    /// Those that stand within the cipher text; one around it was made by who knows nothing of what is in it.
    pub fn signatures_within(&self) -> Vec<Found> {
        let at = |kind: Kind| self.0.iter().position(|(known, _)| *known == kind);
        match (at(Kind::Begin), at(Kind::End)) {
            (Some(begin), Some(end)) => signatures(self.0.get(begin..end).unwrap_or_default()),
            _ => Vec::new(),
        }
    }

    /// Whether a text was opened, and whether a change on its way would have been noticed.
    ///
    /// # Errors
    /// There is no text that may be shown.
    pub fn decrypted(&self, scheme: Scheme) -> Result<bool, Trouble> {
        if self.has(Kind::Failed) || !self.has(Kind::Okay) {
            return Err(self.trouble());
        }
        // of several recipients' keys one may be locked and the next may fit
        let is_other_error = |line: &&Line| line.0 == Kind::Error && line.1.first() != Some(&"pkdecrypt_failed");
        if self.has(Kind::Odd) || self.0.iter().any(|line| is_other_error(&line)) {
            return Err(Trouble::Ambiguous);
        }
        // cipher algorithm, digest of the protection (0: none), AEAD (0: none)
        let info: Vec<&Vec<&str>> = self.0.iter().filter(|(kind, _)| *kind == Kind::Info).map(|(_, words)| words).collect();
        let is_set = |word: Option<&&str>| word.is_some_and(|word| word.parse::<u32>().is_ok_and(|number| number > 0));
        match (scheme, info.as_slice()) {
            (Scheme::OpenPgp, [info]) => {
                let once = [Kind::Begin, Kind::End, Kind::Okay, Kind::Plaintext].into_iter().all(|kind| self.count(kind) == 1);
                let (mdc, aead) = (is_set(info.first()), is_set(info.get(2)));
                match (once, aead || mdc && self.has(Kind::Protected)) {
                    (false, _) => Err(Trouble::Ambiguous),
                    (true, false) => Err(Trouble::Unprotected),
                    (true, true) => Ok(true),
                }
            }
            (Scheme::OpenPgp, _) => Err(Trouble::Ambiguous),
            (Scheme::Smime, info) => Ok(matches!(info, [info] if is_set(info.get(2)))),
        }
    }

    fn trouble(&self) -> Trouble {
        let errors = self.0.iter().filter(|(kind, _)| *kind == Kind::Error);
        let named: Vec<(&str, u32)> = errors.map(|(_, words)| (words.first().copied().unwrap_or_default(), code(words.get(1)))).collect();
        let is_mdc = |name: &str| name == "nomdc_with_legacy_cipher";
        if named.iter().any(|(name, _)| is_mdc(name))
            || self.0.iter().any(|(kind, words)| *kind == Kind::Info && words.first() == Some(&"0"))
        {
            return Trouble::Unprotected;
        }
        // the key is here and did not open it
        match named.iter().find(|(name, code)| *name == "pkdecrypt_failed" && *code != NO_SECKEY) {
            Some((_, code)) if CANCELLED.contains(code) => Trouble::Declined,
            Some(_) => Trouble::Locked,
            None if self.has(Kind::SecretKeyMissing) => Trouble::NoKey,
            None => Trouble::Unreadable,
        }
    }
}

/// The error of a "SOURCE and CODE" number (gpg-error.h).
fn code(word: Option<&&str>) -> u32 {
    let digits = word.map(|word| word.split('_').next().unwrap_or_default());
    digits.and_then(|digits| digits.parse::<u32>().ok()).unwrap_or_default() & 0xffff
}

fn signatures(lines: &[Line<'_>]) -> Vec<Found> {
    let mut groups: Vec<Vec<&Line<'_>>> = Vec::new();
    for line in lines {
        match line.0 {
            Kind::NewSignature => groups.push(Vec::new()),
            Kind::Outcome(_) | Kind::Valid | Kind::Trusted | Kind::Distrusted => {
                if groups.is_empty() {
                    groups.push(Vec::new());
                }
                groups.last_mut().into_iter().for_each(|group| group.push(line));
            }
            _ => {}
        }
    }
    groups.truncate(MAX_SIGNATURES);
    groups.iter().map(|group| found(group)).collect()
}

fn found(group: &[&Line<'_>]) -> Found {
    let outcomes: Vec<(State, &Vec<&str>)> = group
        .iter()
        .filter_map(|(kind, words)| match kind {
            Kind::Outcome(state) => Some((*state, words)),
            _ => None,
        })
        .collect();
    let valid: Vec<&Vec<&str>> = group.iter().filter(|(kind, _)| *kind == Kind::Valid).map(|(_, words)| words).collect();
    let hex = |word: Option<&&str>| word.filter(|word| is_key(word)).map(|word| (*word).to_owned()).unwrap_or_default();
    let (state, key) = match (outcomes.as_slice(), valid.as_slice()) {
        ([(State::Unchecked, words)], []) => {
            let state = if code(words.get(5)) == NO_PUBKEY { State::Unknown } else { State::Unchecked };
            (state, hex(words.first()))
        }
        ([(State::Bad, words)], _) => (State::Bad, hex(words.first())),
        // the primary key's fingerprint where there is one, else the only one
        ([(state, _)], [valid]) if is_of_text(valid) => {
            (*state, Some(hex(valid.get(9))).filter(|key| !key.is_empty()).unwrap_or(hex(valid.first())))
        }
        (outcomes, _) if outcomes.iter().any(|(state, _)| *state == State::Bad) => (State::Bad, String::new()),
        _ => (State::Unchecked, String::new()),
    };
    let state = if key.is_empty() && !matches!(state, State::Bad | State::Unchecked) { State::Unchecked } else { state };
    let has = |wanted: Kind| group.iter().any(|(kind, _)| *kind == wanted);
    Found { signature: Signature { state, key, holders: Vec::new() }, is_chain_trusted: has(Kind::Trusted) && !has(Kind::Distrusted) }
}

/// Class 0 or 1: a signature of a document, not of a key (RFC 9580 5.2.1).
fn is_of_text(valid: &[&str]) -> bool {
    matches!(valid.get(8), Some(&("00" | "01")))
}

fn is_key(word: &str) -> bool {
    (8..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "5D4FAFD48B6C915E84B53A402114EAC4CEAF9ED1";

    fn lines(words: &[&str]) -> Vec<u8> {
        words.iter().map(|line| format!("{PREFIX}{}\n", line.replace('@', KEY))).collect::<String>().into_bytes()
    }

    fn states(words: &[&str]) -> Vec<(State, bool)> {
        let status = lines(words);
        Report::read(&status).signatures().into_iter().map(|found| (found.signature.state, !found.signature.key.is_empty())).collect()
    }

    const VALID: &str = "VALIDSIG @ 2026-11-21 1795289651 0 4 0 1 10 00 @";

    #[test]
    fn a_signature_is_good_only_with_all_of_its_lines_and_none_more() {
        for (words, expect) in [
            (&["NEWSIG", "GOODSIG 2114EAC4CEAF9ED1 Ada", VALID][..], vec![(State::Good, true)]),
            // old programs don't begin one
            (&["GOODSIG 2114EAC4CEAF9ED1 Ada", VALID], vec![(State::Good, true)]),
            (&["NEWSIG", "GOODSIG 2114EAC4CEAF9ED1 Ada"], vec![(State::Unchecked, false)]),
            (&["NEWSIG", VALID], vec![(State::Unchecked, false)]),
            (&["NEWSIG"], vec![(State::Unchecked, false)]),
            (&[], vec![]),
            // of a key, not of a text
            (&["NEWSIG", "GOODSIG A Ada", "VALIDSIG @ 2026-11-21 1795289651 0 4 0 1 10 10 @"], vec![(State::Unchecked, false)]),
            (&["NEWSIG", "GOODSIG A Ada", "VALIDSIG @"], vec![(State::Unchecked, false)]),
            (&["NEWSIG", "GOODSIG A Ada", "VALIDSIG ../../x 2026-11-21 1 0 4 0 1 10 00 -rf"], vec![(State::Unchecked, false)]),
            // two outcomes of one signature
            (&["NEWSIG", "GOODSIG A Ada", VALID, "GOODSIG B Eve"], vec![(State::Unchecked, false)]),
            (&["NEWSIG", "BADSIG 2114EAC4CEAF9ED1 Eve", "GOODSIG A Ada", VALID], vec![(State::Bad, false)]),
            (&["NEWSIG", "BADSIG 2114EAC4CEAF9ED1 Ada"], vec![(State::Bad, true)]),
            (&["NEWSIG", "EXPKEYSIG 2114EAC4CEAF9ED1 Ada", VALID], vec![(State::ExpiredKey, true)]),
            (&["NEWSIG", "REVKEYSIG 2114EAC4CEAF9ED1 Ada", VALID], vec![(State::RevokedKey, true)]),
            (&["NEWSIG", "EXPSIG 2114EAC4CEAF9ED1 Ada", VALID], vec![(State::ExpiredSignature, true)]),
            (&["NEWSIG", "ERRSIG 2114EAC4CEAF9ED1 1 10 00 1795289651 9 @"], vec![(State::Unknown, true)]),
            (&["NEWSIG", "ERRSIG 2114EAC4CEAF9ED1 1 1 00 1795289651 5 -"], vec![(State::Unchecked, true)]),
            (&["NEWSIG", "BADSIG A x", "NEWSIG", "GOODSIG A Ada", VALID], vec![(State::Bad, false), (State::Good, true)]),
        ] {
            assert_eq!(states(words), expect, "{words:?}");
        }
        // what is printed for people, and a prefix within a line
        let loose = format!("gpg: [GNUPG:] GOODSIG A Ada\nx[GNUPG:] {VALID}\n[GNUPG:]GOODSIG A\n");
        assert_eq!(Report::read(loose.as_bytes()).signatures(), []);
        let flood = lines(&["NEWSIG"; 20_000]);
        assert_eq!(Report::read(&flood).signatures().len(), MAX_SIGNATURES);
    }

    #[test]
    fn names_that_are_no_text_do_no_harm() {
        let mut status = lines(&["NEWSIG"]);
        status.extend_from_slice(b"[GNUPG:] GOODSIG 2114EAC4CEAF9ED1 \xff\xfe\x1b[31m\n");
        status.extend_from_slice(&lines(&[VALID]));
        assert_eq!(Report::read(&status).signatures()[0].signature.state, State::Good);
    }

    #[test]
    fn a_text_is_opened_only_where_every_line_says_so() {
        const BEGIN: &str = "BEGIN_DECRYPTION";
        const END: &str = "END_DECRYPTION";
        const TEXT: &str = "PLAINTEXT 62 1795289651 ";
        let gpg = |words: &[&str]| Report::read(&lines(words)).decrypted(Scheme::OpenPgp);
        for (words, expect) in [
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", "GOODMDC", END][..], Ok(true)),
            (&[BEGIN, "DECRYPTION_INFO 0 9 2", TEXT, "DECRYPTION_OKAY", END], Ok(true)),
            (&["ERROR pkdecrypt_failed 83886179", BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", "GOODMDC", END], Ok(true)),
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", END], Err(Trouble::Unprotected)),
            (&[BEGIN, "DECRYPTION_INFO 0 2 0", TEXT, "DECRYPTION_OKAY", END], Err(Trouble::Unprotected)),
            (&[BEGIN, "DECRYPTION_INFO 0 2 0", TEXT, "DECRYPTION_OKAY", "GOODMDC", END], Err(Trouble::Unprotected)),
            (
                &[BEGIN, "DECRYPTION_INFO 0 2 0", TEXT, "ERROR nomdc_with_legacy_cipher 152", "DECRYPTION_FAILED", END],
                Err(Trouble::Unprotected),
            ),
            (&[BEGIN, TEXT, "DECRYPTION_OKAY", "GOODMDC", END], Err(Trouble::Ambiguous)),
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, TEXT, "DECRYPTION_OKAY", "GOODMDC", END], Err(Trouble::Ambiguous)),
            (&[TEXT, BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", "GOODMDC", END], Err(Trouble::Ambiguous)),
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "NODATA 3", "DECRYPTION_OKAY", "GOODMDC", END], Err(Trouble::Ambiguous)),
            (
                &[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", "GOODMDC", END, "ERROR proc_pkt.plaintext 89_BAD_DATA"],
                Err(Trouble::Ambiguous),
            ),
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "DECRYPTION_OKAY", "DECRYPTION_FAILED", "GOODMDC", END], Err(Trouble::Unreadable)),
            (&[BEGIN, "DECRYPTION_INFO 2 9 0", TEXT, "BADMDC", "DECRYPTION_FAILED", END], Err(Trouble::Unreadable)),
            (&[TEXT], Err(Trouble::Unreadable)),
            (&[], Err(Trouble::Unreadable)),
            (&["ENC_TO A 1 0", "NO_SECKEY A", BEGIN, "DECRYPTION_FAILED", END], Err(Trouble::NoKey)),
            (&["ERROR pkdecrypt_failed 83886179", "NO_SECKEY A", BEGIN, "DECRYPTION_FAILED", END], Err(Trouble::Declined)),
            (&["ERROR pkdecrypt_failed 83918950", BEGIN, "DECRYPTION_FAILED", END], Err(Trouble::Locked)),
            (&["ERROR pkdecrypt_failed 67108949", BEGIN, "DECRYPTION_FAILED", END], Err(Trouble::Locked)),
        ] {
            assert_eq!(gpg(words), expect, "{words:?}");
        }
        let gpgsm = |words: &[&str]| Report::read(&lines(words)).decrypted(Scheme::Smime);
        assert_eq!(gpgsm(&["ENC_TO A 0 0", "DECRYPTION_OKAY"]), Ok(false));
        assert_eq!(gpgsm(&["DECRYPTION_INFO 0 9 2", "DECRYPTION_OKAY"]), Ok(true));
        assert_eq!(gpgsm(&["NO_SECKEY A", "DECRYPTION_FAILED"]), Err(Trouble::NoKey));
    }

    #[test]
    fn a_signature_around_a_cipher_text_is_none_of_its_text() {
        let status = lines(&[
            "NEWSIG",
            "GOODSIG A Ada",
            VALID,
            "BEGIN_DECRYPTION",
            "DECRYPTION_OKAY",
            "END_DECRYPTION",
            "NEWSIG",
            "GOODSIG A Ada",
            VALID,
        ]);
        assert_eq!(Report::read(&status).signatures_within(), []);
    }
}
