//! What `gpg` and `gpgsm` say of a message: whether a signature holds and whose it is, and what is in a cipher text. They are run without
//! a shell, a terminal or a network; only their status lines are believed, and what they print for people is thrown away.
//! Knows no MIME; what is sealed is found by `mime`. Start at [`verify`] and [`decrypt`]; words are in [`words`].

mod keys;
mod run;
mod status;
pub mod words;

use std::time::Duration;
use zeroize::Zeroizing;

pub use keys::{Holder, Validity};

use crate::mail::seal::Scheme;
use status::{Kind, Report};

/// The longest that a signature takes.
const CHECK: Duration = Duration::from_secs(20);
/// The longest that a cipher text takes: somebody may have to find a card or a passphrase.
const ASK: Duration = Duration::from_secs(120);
/// Octets that go in and come out.
pub const MAX_OCTETS: usize = 64 * 1024 * 1024;

/// Why a program said nothing that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The program is not there.
    Missing,
    /// No key of the user's opens it.
    NoKey,
    /// The key is locked, and nothing could ask for its passphrase.
    Locked,
    /// The user gave no passphrase.
    Declined,
    /// The cipher text could have been changed on its way.
    Unprotected,
    /// Several texts, or something beside the one that was meant.
    Ambiguous,
    TooLarge,
    TooSlow,
    /// It is damaged, or of a kind that the program does not know.
    Unreadable,
}

/// What became of one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub state: State,
    /// Fingerprint or id of the key in hexadecimal digits; empty where none was told.
    pub key: String,
    /// Whom the key belongs to, as it says itself; empty where the key is not here.
    pub holders: Vec<Holder>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// It does not fit the text.
    Bad,
    /// The key is not here.
    Unknown,
    ExpiredKey,
    RevokedKey,
    ExpiredSignature,
    /// Anything else: nothing is proven.
    Unchecked,
}

/// A text that was in a seal, and the signatures that were in it too.
#[derive(Debug)]
pub struct Opened {
    pub text: Zeroizing<Vec<u8>>,
    pub signatures: Vec<Signature>,
    /// A change on the way would have been noticed.
    pub is_authentic: bool,
}

/// Checks a signature that stands beside its text.
///
/// # Errors
/// See [`Trouble`].
pub async fn verify(scheme: Scheme, signed: &[u8], signature: &[u8]) -> Result<Vec<Signature>, Trouble> {
    // it holds nothing of the text: a file is where both programs take it from
    let file = run::file(signature).await?;
    let arguments = ["--verify".as_ref(), "--".as_ref(), file.path().as_os_str(), "-".as_ref()];
    let done = run::run(scheme, &arguments, signed, CHECK).await?;
    let report = Report::read(&done.status);
    if report.count(Kind::Plaintext) > 0 || !done.text.is_empty() {
        return Err(Trouble::Ambiguous);
    }
    keys::complete(scheme, report.signatures()).await
}

/// Takes a text out of a signature around it.
///
/// # Errors
/// See [`Trouble`]. A text whose signature does not hold is given with that signature.
pub async fn unwrap(scheme: Scheme, bytes: &[u8]) -> Result<Opened, Trouble> {
    let arguments: &[&str] = match scheme {
        Scheme::OpenPgp => &["--decrypt"],
        Scheme::Smime => &["--output", "-", "--verify"],
    };
    let done = run::run(scheme, &arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>(), bytes, CHECK).await?;
    let report = Report::read(&done.status);
    if report.has_decryption() || scheme == Scheme::OpenPgp && report.count(Kind::Plaintext) != 1 {
        return Err(Trouble::Ambiguous);
    }
    let signatures = keys::complete(scheme, report.signatures()).await?;
    Ok(Opened { text: done.text, signatures, is_authentic: true })
}

/// Opens a cipher text.
///
/// # Errors
/// See [`Trouble`]. Of an OpenPGP text without protection against changes nothing is given (EFAIL).
pub async fn decrypt(scheme: Scheme, bytes: &[u8]) -> Result<Opened, Trouble> {
    let done = run::run(scheme, &["--decrypt".as_ref()], bytes, ASK).await?;
    let report = Report::read(&done.status);
    let is_authentic = report.decrypted(scheme)?;
    let signatures = keys::complete(scheme, report.signatures_within()).await?;
    Ok(Opened { text: done.text, signatures, is_authentic })
}
