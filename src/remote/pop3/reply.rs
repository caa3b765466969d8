//! The one line that answers a command: +OK, -ERR with its words and code (RFC 2449 8, RFC 3206), or the "+" of a
//! sign-in. Sorts refusals by what the caller does about them.

use crate::remote::RemoteError;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its words.
    Ok(String),
    No(Refusal),
    /// "+": go on.
    Continue,
}

/// What stands behind -ERR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// "IN-USE", "SYS/TEMP", …; empty without one.
    pub code: String,
    /// The server's words, raw.
    pub text: String,
}

/// Codes that say "not now".
const LATER: &[&str] = &["IN-USE", "LOGIN-DELAY", "SYS/TEMP"];
/// What servers without codes say of a maildrop that another session holds.
const LOCKED: &[&str] = &["already locked", "lock busy", "is locked", "maildrop locked", "unable to lock", "in use"];

impl Answer {
    /// Reads a line without its end; None where it is no answer.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let (word, rest) = line.split_at(line.iter().position(|octet| *octet == b' ').unwrap_or(line.len()));
        let text = || String::from_utf8_lossy(rest).trim().to_owned();
        if word.eq_ignore_ascii_case(b"+OK") {
            return Some(Self::Ok(text()));
        }
        if word.eq_ignore_ascii_case(b"-ERR") {
            return Some(Self::No(Refusal::new(&text())));
        }
        (word == b"+").then_some(Self::Continue)
    }

    /// The words of +OK, or why the server did not do what it was asked ("to list its mail").
    ///
    /// # Errors
    /// The refusal, sorted.
    pub fn check(self, what: &str) -> Result<String, RemoteError> {
        match self {
            Self::Ok(text) => Ok(text),
            Self::No(refusal) => Err(refusal.into_error(what)),
            Self::Continue => Err(RemoteError::Protocol("the server asks back without reason".into())),
        }
    }
}

impl Refusal {
    fn new(text: &str) -> Self {
        let coded = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        match coded {
            Some((code, rest)) => Self { code: code.to_ascii_uppercase(), text: rest.trim().to_owned() },
            None => Self { code: String::new(), text: text.to_owned() },
        }
    }

    /// The server may do it later.
    pub fn is_temporary(&self) -> bool {
        LATER.contains(&self.code.as_str())
    }

    /// The server's words, for people.
    pub fn said(&self) -> &str {
        match (self.text.as_str(), self.code.as_str()) {
            ("", "") => "without a reason",
            ("", code) => code,
            (text, _) => text,
        }
    }

    /// The server refused `what` ("to list its mail").
    pub fn into_error(self, what: &str) -> RemoteError {
        let text = format!("the server refused {what}: {}", self.said());
        if self.is_temporary() { RemoteError::NotNow(text) } else { RemoteError::Rejected(text) }
    }

    /// The server refused the sign-in: what is not clearly "later" is no, and is not repeated.
    pub fn into_sign_in_error(self) -> RemoteError {
        let text = format!("the server refused the sign-in: {}", self.said());
        let words = self.text.to_ascii_lowercase();
        let is_locked = self.code.is_empty() && LOCKED.iter().any(|words_of_lock| words.contains(words_of_lock));
        if self.is_temporary() || is_locked {
            return RemoteError::NotNow(text);
        }
        // a lasting fault of the server says nothing of the password (RFC 3206)
        if self.code == "SYS/PERM" { RemoteError::Rejected(text) } else { RemoteError::BadLogin(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> Refusal {
        match Answer::parse(line.as_bytes()) {
            Some(Answer::No(refusal)) => refusal,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn answers_are_told_from_noise() {
        assert_eq!(Answer::parse(b"+OK 2 320"), Some(Answer::Ok("2 320".into())));
        assert_eq!(Answer::parse(b"+ok"), Some(Answer::Ok(String::new())));
        assert_eq!(Answer::parse(b"+ "), Some(Answer::Continue));
        assert_eq!(refusal("-ERR [SYS/TEMP] later"), Refusal { code: "SYS/TEMP".into(), text: "later".into() });
        for noise in [&b""[..], b"+OKAY", b"OK", b"* OK", b"220 hello", b"-ERROR", b"\xff\xfe", b" +OK"] {
            assert_eq!(Answer::parse(noise), None, "{}", noise.escape_ascii());
        }
    }

    #[test]
    fn refusals_of_the_sign_in_are_sorted_by_what_to_do() {
        for later in
            ["-ERR [IN-USE] x", "-ERR [login-delay] wait", "-ERR [SYS/TEMP]", "-ERR maildrop already locked", "-ERR Lock busy, try later"]
        {
            assert!(matches!(refusal(later).into_sign_in_error(), RemoteError::NotNow(_)), "{later}");
        }
        for bad in ["-ERR [AUTH] no", "-ERR invalid password", "-ERR"] {
            assert!(matches!(refusal(bad).into_sign_in_error(), RemoteError::BadLogin(_)), "{bad}");
        }
        assert!(matches!(refusal("-ERR [SYS/PERM] broken").into_sign_in_error(), RemoteError::Rejected(_)));
        assert!(refusal("-ERR [AUTH] no such user").into_sign_in_error().to_string().contains("no such user"));
    }
}
