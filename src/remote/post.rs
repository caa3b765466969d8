//! Leaving a mailing list by RFC 8058, after the user said so: the one thing that is ever posted. HTTP/1.1 by hand, because
//! nothing more is needed: https only, one address, no redirection followed, no cookie, no name of ours, a bounded answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::net::{Connector, Trust};
use super::{RemoteError, Result};
use crate::config::Security;
use crate::mail::url::begins;

/// For all of it.
const DEADLINE: Duration = Duration::from_secs(20);
/// Octets of an answer that are read; the first line is enough.
const ANSWER: u64 = 8 * 1024;
/// Longest address that is asked.
const ADDRESS: usize = 4096;
const BODY: &str = "List-Unsubscribe=One-Click";

/// An https address taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub host: &'a str,
    pub port: u16,
    /// Path and query, without a fragment.
    pub path: String,
}

pub(super) fn target(url: &str) -> Option<Target<'_>> {
    let is_clean = url.len() <= ADDRESS && url.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    let rest = url.get(8..).filter(|_| is_clean && begins(url, "https://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (authority, 443),
    };
    // no user names before the host, no address literals: a name that a certificate holds
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    is_name.then_some(Target { host, port, path })
}

/// Asks once to be taken off a list.
///
/// # Errors
/// A sentence: the address can't be asked, the server can't be reached or is not who it should be, or it did not say yes.
pub async fn one_click(url: &str) -> Result<()> {
    let target = target(url).ok_or_else(|| RemoteError::Rejected("the list names no https address that can be asked".into()))?;
    let connector = Connector::new(target.host, target.port, Trust::default());
    ask(&connector, &target).await
}

async fn ask(connector: &Connector, target: &Target<'_>) -> Result<()> {
    let asked = async {
        let mut stream = connector.open(Security::Tls).await?;
        let lost = |error: std::io::Error| RemoteError::Offline(format!("{}: {error}", target.host));
        stream.write_all(request(target).as_bytes()).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let mut answer = Vec::new();
        let mut bounded = stream.take(ANSWER);
        // servers that leave without a farewell have still answered
        while !answer.contains(&b'\n') && bounded.read_buf(&mut answer).await.map_err(lost)? > 0 {}
        judge(&answer, target.host)
    };
    timeout(DEADLINE, asked)
        .await
        .unwrap_or_else(|_| Err(RemoteError::Offline(format!("{} did not answer within {} seconds", target.host, DEADLINE.as_secs()))))
}

fn request(target: &Target<'_>) -> String {
    let port = if target.port == 443 { String::new() } else { format!(":{}", target.port) };
    format!(
        "POST {} HTTP/1.1\r\nHost: {}{port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{BODY}",
        target.path,
        target.host,
        BODY.len()
    )
}

/// Only a 2xx is a yes.
pub(super) fn judge(answer: &[u8], host: &str) -> Result<()> {
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\n').next().unwrap_or_default()).trim_end().to_owned();
    let mut words = line.splitn(3, ' ');
    let code =
        words.next().filter(|version| version.starts_with("HTTP/1.")).and_then(|_| words.next()).and_then(|code| code.parse::<u16>().ok());
    match code {
        Some(200..300) => Ok(()),
        Some(code @ 300..400) => Err(RemoteError::Rejected(format!("{host} wants to send us elsewhere ({code}), which is not followed"))),
        Some(code) => Err(RemoteError::Rejected(format!("{host} refused ({code} {})", words.next().unwrap_or_default()))),
        None => Err(RemoteError::Protocol(format!("{host} did not answer as a web server does"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn only_plain_https_names_are_asked() {
        for url in [
            "http://lists.example.org/u",
            "https://",
            "https:///x",
            "https://user@lists.example.org/",
            "https://user:secret@lists.example.org/",
            "https://[::1]/",
            "https://lists.example.org:0/",
            "https://lists.example.org:99999/",
            "https://lists.example.org/a b",
            "https://lists.example.org/a\r\nX: y",
            "https://lists.exämple.org/",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(target(url), None, "{url:?}");
        }
        let found = target("HTTPS://lists.example.org?u=1&t=%20#top").unwrap();
        assert_eq!((found.host, found.port, found.path.as_str()), ("lists.example.org", 443, "/?u=1&t=%20"));
        assert_eq!(target("https://lists.example.org:8443/u").unwrap().port, 8443);
    }

    /// A server that answers everything with these octets, and what it heard.
    async fn asked(answer: &'static [u8]) -> (Result<()>, String) {
        let heard: Arc<Mutex<Option<tokio::task::JoinHandle<String>>>> = Arc::default();
        let listener = heard.clone();
        let connector = Connector::new("lists.example.org", 443, Trust::default()).through(Arc::new(move || {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            *listener.lock().unwrap() = Some(tokio::spawn(async move {
                let mut said = Vec::new();
                while !said.ends_with(BODY.as_bytes()) && theirs.read_buf(&mut said).await.unwrap_or(0) > 0 {}
                let _ = theirs.write_all(answer).await;
                String::from_utf8(said).unwrap()
            }));
            Ok(Box::new(ours))
        }));
        let result = ask(&connector, &target("https://lists.example.org/u?x=1").unwrap()).await;
        let task = heard.lock().unwrap().take().unwrap();
        (result, task.await.unwrap())
    }

    #[tokio::test]
    async fn one_request_is_made_and_only_a_yes_is_a_yes() {
        let (result, heard) = asked(b"HTTP/1.1 202 Accepted\r\n\r\n").await;
        assert_eq!(result, Ok(()));
        assert!(heard.starts_with("POST /u?x=1 HTTP/1.1\r\nHost: lists.example.org\r\n"), "{heard}");
        assert!(heard.ends_with("\r\n\r\nList-Unsubscribe=One-Click") && !heard.to_ascii_lowercase().contains("agent"), "{heard}");
        for answer in [
            &b"HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\n\r\n",
            b"HTTP/2 200\r\n",
            b"SSH-2.0-x\r\n",
            b"",
        ] {
            assert!(asked(answer).await.0.is_err(), "{}", answer.escape_ascii());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_or_never_ends_is_left() {
        let connector = Connector::new("lists.example.org", 443, Trust::default()).through(Arc::new(|| {
            let (ours, theirs) = tokio::io::duplex(64);
            tokio::spawn(async move {
                let _held = theirs;
                std::future::pending::<()>().await;
            });
            Ok(Box::new(ours))
        }));
        let result = ask(&connector, &target("https://lists.example.org/").unwrap()).await;
        assert!(matches!(result, Err(RemoteError::Offline(why)) if why.contains("20 seconds")));
        const ENDLESS: &[u8] = &[b'a'; 60_000];
        assert!(asked(ENDLESS).await.0.is_err());
    }
}
