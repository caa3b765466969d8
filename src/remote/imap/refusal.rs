//! From a server's NO, BAD or BYE to what the caller does about it (RFC 5530, RFC 9051 7.1).

use super::parse::{Outcome, Status};
use crate::remote::RemoteError;

/// A completed command: its status, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub outcome: Outcome,
    pub code: String,
    pub argument: String,
    pub text: String,
}

impl From<Status<'_>> for Done {
    fn from(status: Status<'_>) -> Self {
        Self { outcome: status.outcome, code: status.code, argument: status.argument, text: status.text }
    }
}

/// Codes that say "not now" (RFC 5530).
const LATER: &[&str] = &["UNAVAILABLE", "INUSE", "LIMIT", "OVERQUOTA", "SERVERBUG"];
/// Codes that say the mailbox is not there, or no longer as it was.
const GONE: &[&str] = &["NONEXISTENT", "TRYCREATE", "CLOSED"];

impl Done {
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// The server's words, for people.
    fn said(&self) -> String {
        match (self.text.as_str(), self.code.as_str()) {
            ("", "") => "without a reason".into(),
            ("", code) => code.to_owned(),
            (text, _) => text.to_owned(),
        }
    }

    /// Ok, or why `what` ("the move") did not happen.
    pub fn check(&self, what: &str) -> Result<(), RemoteError> {
        if self.is_ok() {
            return Ok(());
        }
        let text = format!("the server refused {what}: {}", self.said());
        Err(match self.code.as_str() {
            code if self.outcome == Outcome::No && LATER.contains(&code) => RemoteError::NotNow(text),
            code if self.outcome == Outcome::No && GONE.contains(&code) => RemoteError::Gone(text),
            _ => RemoteError::Rejected(text),
        })
    }

    /// The same for SELECT, where servers without codes mean that the mailbox is not there.
    pub fn check_select(&self, mailbox: &str) -> Result<(), RemoteError> {
        if self.outcome == Outcome::No && self.code.is_empty() {
            return Err(RemoteError::Gone(format!("the server can't open {mailbox}: {}", self.said())));
        }
        self.check(&format!("to open {mailbox}"))
    }

    /// The same for sign-in: whatever is not clearly "later" is a refusal, and is not repeated.
    pub fn check_sign_in(&self) -> Result<(), RemoteError> {
        match self.check("the sign-in") {
            Err(RemoteError::Rejected(text) | RemoteError::Gone(text)) => Err(RemoteError::BadLogin(text)),
            // "Too much mail" is no word about the password, but nothing else can be done either.
            other => other,
        }
    }

    /// FETCH and STORE of messages that went meanwhile: the rest was done (RFC 2180, Dovecot's EXPUNGEISSUED).
    pub fn check_some_gone(&self, what: &str) -> Result<(), RemoteError> {
        if self.outcome == Outcome::No && self.code == "EXPUNGEISSUED" { Ok(()) } else { self.check(what) }
    }
}

/// The server hangs up.
pub fn bye(status: &Status<'_>) -> RemoteError {
    let text = if status.text.is_empty() { "it said BYE" } else { &status.text };
    RemoteError::Offline(format!("the server ended the connection: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(outcome: Outcome, code: &str) -> Done {
        Done { outcome, code: code.into(), argument: String::new(), text: "words".into() }
    }

    #[test]
    fn refusals_are_sorted_by_what_to_do() {
        use Outcome::{Bad, No};
        for code in LATER {
            assert!(matches!(done(No, code).check("x"), Err(RemoteError::NotNow(_))), "{code}");
            assert!(matches!(done(No, code).check_sign_in(), Err(RemoteError::NotNow(_))), "{code}");
        }
        assert!(matches!(done(No, "TRYCREATE").check("x"), Err(RemoteError::Gone(_))));
        assert!(matches!(done(No, "").check_select("x"), Err(RemoteError::Gone(_))));
        assert!(matches!(done(No, "NOPERM").check_select("x"), Err(RemoteError::Rejected(_))));
        assert!(matches!(done(Bad, "").check_select("x"), Err(RemoteError::Rejected(_))));
        assert!(matches!(done(Bad, "LIMIT").check("x"), Err(RemoteError::Rejected(_))));
        for code in ["AUTHENTICATIONFAILED", "", "EXPIRED", "NONEXISTENT"] {
            assert!(matches!(done(No, code).check_sign_in(), Err(RemoteError::BadLogin(text)) if text.contains("words")), "{code}");
        }
        assert!(matches!(done(Bad, "").check_sign_in(), Err(RemoteError::BadLogin(_))));
        assert!(done(No, "EXPUNGEISSUED").check_some_gone("x").is_ok());
    }
}
