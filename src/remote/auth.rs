//! Where a secret comes from: the configuration, a command, or the user. Kept in memory until a server
//! refuses it; never printed. Knows nothing of protocols; start with [`Secrets::get`].

use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{RemoteError, Result};
use crate::config::{Credentials, Secret};
use crate::mail::DisplayText;

/// A command that prints a secret may ask the user something (a smart card's PIN).
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
/// Tokens are a few KiB; what is longer is no secret.
const MAX_OUTPUT: u64 = 64 * 1024;
const MAX_COMPLAINT: usize = 200;

/// How a secret is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Password,
    /// An OAuth2 access token.
    Token,
}

/// A secret ready to be sent.
#[derive(Clone, Debug)]
pub struct Given {
    pub secret: Secret,
    pub kind: Kind,
}

impl Given {
    /// What SASL sends for it, before base64: PLAIN (RFC 4616), XOAUTH2, OAUTHBEARER (RFC 7628).
    pub fn sasl(&self, mechanism: &str, user: &str) -> Zeroizing<String> {
        let secret = self.secret.expose();
        Zeroizing::new(match mechanism {
            "XOAUTH2" => format!("user={user}\x01auth=Bearer {secret}\x01\x01"),
            "OAUTHBEARER" => format!("n,a={},\x01auth=Bearer {secret}\x01\x01", sasl_name(user)),
            _ => format!("\0{user}\0{secret}"),
        })
    }
}

/// RFC 5801: "," and "=" would end the name.
fn sasl_name(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

/// The secret of one account, shared by its connections.
#[derive(Debug)]
pub struct Secrets {
    account: String,
    credentials: Credentials,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    secret: Option<Secret>,
    /// A server took it, and no refusal since was believed.
    is_proven: bool,
    /// When it was first refused since then.
    doubted: Option<Instant>,
}

/// Seconds after its first refusal until that of a password that was good is believed.
pub const DOUBT: Duration = Duration::from_secs(5);

impl Secrets {
    pub fn new(account: impl Into<String>, credentials: Credentials) -> Self {
        Self { account: account.into(), credentials, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the user typed; also replaces a configured one that was refused.
    pub fn set(&self, secret: Secret) {
        *self.lock() = Known { secret: Some(secret), ..Known::default() };
    }

    /// The server took it.
    pub fn accepted(&self) {
        let mut known = self.lock();
        (known.is_proven, known.doubted) = (true, None);
    }

    /// The server refused it. Forgets it, so that the next attempt asks again, unless it was good before: Dovecot 2.3 says
    /// AUTHENTICATIONFAILED to everybody while it shuts down. Such a refusal is a "not now" for [`DOUBT`].
    pub fn refused(&self, refusal: RemoteError) -> RemoteError {
        let RemoteError::BadLogin(text) = refusal else { return refusal };
        let mut known = self.lock();
        // a token that expired is renewed at once
        let is_doubted =
            known.is_proven && self.kind() == Kind::Password && known.doubted.get_or_insert_with(Instant::now).elapsed() < DOUBT;
        if !is_doubted {
            *known = Known::default();
            return RemoteError::BadLogin(text);
        }
        // the command may print another by now
        if matches!(self.credentials, Credentials::PasswordCommand(_)) {
            known.secret = None;
        }
        RemoteError::NotNow(format!("{text}; it took the password before, so it is asked once more"))
    }

    /// An access token is kept that a command can renew.
    pub fn holds_token(&self) -> bool {
        self.kind() == Kind::Token && self.lock().secret.is_some()
    }

    fn kind(&self) -> Kind {
        if matches!(self.credentials, Credentials::TokenCommand(_)) { Kind::Token } else { Kind::Password }
    }

    /// The secret, from memory or from where the configuration says.
    ///
    /// # Errors
    /// [`RemoteError::NoSecret`] where the user is to be asked, [`RemoteError::BadLogin`] where a command prints none.
    pub async fn get(&self) -> Result<Given> {
        let kind = self.kind();
        let known = self.lock().secret.clone();
        if let Some(secret) = known {
            return Ok(Given { secret, kind });
        }
        let secret = match &self.credentials {
            Credentials::Password(secret) => secret.clone(),
            Credentials::PasswordCommand(argv) => self.run("password_command", argv).await?,
            Credentials::TokenCommand(argv) => self.run("token_command", argv).await?,
            Credentials::Ask => return Err(RemoteError::NoSecret(format!("account {} needs a password", self.account))),
        };
        self.lock().secret = Some(secret.clone());
        Ok(Given { secret, kind })
    }

    async fn run(&self, what: &str, argv: &[String]) -> Result<Secret> {
        let fail = |why: String| RemoteError::BadLogin(format!("{what} of account {} {why}", self.account));
        let Some((program, arguments)) = argv.split_first() else { return Err(fail("is empty".into())) };
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| fail(format!("can't be started: {error}")))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let finished = timeout(COMMAND_DEADLINE, async { tokio::join!(read(stdout), read(stderr), child.wait()) }).await;
        let Ok((output, complaint, status)) = finished else {
            return Err(fail(format!("did not answer within {} seconds", COMMAND_DEADLINE.as_secs())));
        };
        let status = status.map_err(|error| fail(format!("failed: {error}")))?;
        if !status.success() {
            return Err(fail(format!("failed ({status}){}", first_line(&complaint))));
        }
        let line = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = std::str::from_utf8(line).map_err(|_| fail("printed something that is not UTF-8".into()))?;
        match text.trim_end_matches('\r') {
            "" => Err(fail("printed nothing".into())),
            secret => Ok(Secret::new(secret)),
        }
    }
}

/// All of a pipe, bounded. What can't be read is empty: the exit status decides.
async fn read<R: tokio::io::AsyncRead + Unpin>(pipe: Option<R>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    if let Some(pipe) = pipe {
        let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    }
    bytes
}

/// What the command complained, cleaned and cut, for the end of a sentence.
fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    match text.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", DisplayText::capped(line.trim(), MAX_COMPLAINT)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str) -> Secrets {
        Secrets::new("work", Credentials::PasswordCommand(vec!["/bin/sh".into(), "-c".into(), script.into()]))
    }

    #[test]
    fn sasl_answers_have_the_form_of_their_mechanism() {
        let given = Given { secret: Secret::new("s3cret"), kind: Kind::Token };
        assert_eq!(*given.sasl("PLAIN", "ada"), "\0ada\0s3cret");
        assert_eq!(*given.sasl("XOAUTH2", "ada"), "user=ada\x01auth=Bearer s3cret\x01\x01");
        assert_eq!(*given.sasl("OAUTHBEARER", "a=d,a"), "n,a=a=3Dd=2Ca,\x01auth=Bearer s3cret\x01\x01");
    }

    #[tokio::test]
    async fn a_commands_first_line_is_the_secret_and_is_kept_until_refused() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let secrets = command(&format!("echo x >> '{}'; printf 'pass word \\r\\nrest'", count.display()));
        let first = secrets.get().await.unwrap();
        assert_eq!((first.kind, first.secret.expose()), (Kind::Password, "pass word "));
        secrets.get().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
        assert!(matches!(secrets.refused(RemoteError::BadLogin("no".into())), RemoteError::BadLogin(_)));
        secrets.get().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_that_was_good_is_asked_once_more_before_its_refusal_is_believed() {
        let no = || RemoteError::BadLogin("no".into());
        let secrets = Secrets::new("home", Credentials::Ask);
        secrets.set(Secret::new("typed"));
        secrets.accepted();
        for _ in 0..2 {
            assert!(matches!(secrets.refused(no()), RemoteError::NotNow(text) if text.starts_with("no; ")));
            assert_eq!(secrets.get().await.unwrap().secret.expose(), "typed");
            secrets.accepted();
        }
        assert!(matches!(secrets.refused(RemoteError::Offline("cut".into())), RemoteError::Offline(_)));
        // both connections of an account are refused at once
        for _ in 0..2 {
            assert!(matches!(secrets.refused(no()), RemoteError::NotNow(_)));
        }
        tokio::time::advance(DOUBT).await;
        assert!(matches!(secrets.refused(no()), RemoteError::BadLogin(text) if text == "no"));
        assert!(matches!(secrets.get().await, Err(RemoteError::NoSecret(_))));
    }

    #[tokio::test]
    async fn failures_are_sentences_without_controls_or_secrets() {
        for (script, expect) in [
            ("exit 0", "printed nothing"),
            ("printf 'hunter2'; printf '\\033[31mno key\\nmore' >&2; exit 3", "no key"),
            ("printf '\\377'", "not UTF-8"),
        ] {
            let error = command(script).get().await.unwrap_err();
            let RemoteError::BadLogin(text) = &error else { panic!("{error:?}") };
            assert!(text.contains(expect) && text.contains("work"), "{text}");
            assert!(!text.contains("hunter2") && !text.contains('\x1b') && !text.contains("more"), "{text}");
        }
    }

    #[tokio::test]
    async fn an_account_that_asks_has_no_secret_until_one_is_typed() {
        let secrets = Secrets::new("home", Credentials::Ask);
        assert!(matches!(secrets.get().await, Err(RemoteError::NoSecret(text)) if text.contains("needs a password")));
        secrets.set(Secret::new("typed"));
        assert_eq!(secrets.get().await.unwrap().secret.expose(), "typed");
        assert!(!format!("{secrets:?}").contains("typed"));
    }
}
