//! Exit codes (those of sysexits.h) and how a command ends that does not end well.

/// Something was found or failed (`config check`, `doctor`).
pub const FINDINGS: u8 = 1;
/// The command line can't be understood.
pub const USAGE: u8 = 64;
/// Unknown id, mailbox or account; unreadable input.
pub const DATA: u8 = 65;
/// Some recipients were refused.
pub const NO_USER: u8 = 67;
/// The server can't be reached or refuses, or what is asked is still to come.
pub const UNAVAILABLE: u8 = 69;
/// A file or folder can't be made.
pub const CANT_CREATE: u8 = 73;
/// Reading or writing failed.
pub const IO: u8 = 74;
/// Saved here, not yet there: try again later.
pub const TRY_AGAIN: u8 = 75;
/// Sign-in refused.
pub const NO_LOGIN: u8 = 77;
/// The configuration is missing or can't be used.
pub const CONFIG: u8 = 78;

/// Why a command failed: a sentence for stderr and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(IO, format!("{error:#}"))
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::new(IO, format!("the mail store: {error}"))
    }
}

/// What a command returns: its exit code, or why it failed.
pub type Outcome = Result<u8, Failure>;
