//! A picture that a message has elsewhere, fetched after the user said so: one GET over https to a public address, on the usual
//! port. No redirection is followed; no cookie, no referrer and no name of ours is sent; the answer is bounded and must be a picture.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::net::{Connector, Trust};
use super::post::{self, Target};
use super::{RemoteError, Result};
use crate::config::Security;

/// For all of it.
const DEADLINE: Duration = Duration::from_secs(15);
/// Octets of a picture, and of what stands before it.
const MAX_PICTURE: usize = 8 * 1024 * 1024;
const MAX_HEAD: usize = 16 * 1024;

/// Fetches one.
///
/// # Errors
/// A sentence: the address can't be asked, the server can't be reached or is not who it should be, or it gave no picture.
pub async fn picture(url: &str) -> Result<Vec<u8>> {
    let target = may_be_asked(url).ok_or_else(|| RemoteError::Rejected("the picture has no https address that can be asked".into()))?;
    let connector = Connector::new(target.host, target.port, Trust::default()).only_public();
    ask(&connector, &target).await
}

/// A name on the usual port: with any port, a message could have others' doors tried.
fn may_be_asked(url: &str) -> Option<Target<'_>> {
    let target = post::target(url)?;
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x");
    (target.port == 443 && !target.host.rsplit('.').next().is_none_or(is_number)).then_some(target)
}

async fn ask(connector: &Connector, target: &Target<'_>) -> Result<Vec<u8>> {
    let asked = async {
        let mut stream = connector.open(Security::Tls).await?;
        let lost = |error: std::io::Error| RemoteError::Offline(format!("{}: {error}", target.host));
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: image/*\r\nConnection: close\r\n\r\n", target.path, target.host);
        stream.write_all(request.as_bytes()).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let mut answer = Vec::new();
        let mut bounded = stream.take((MAX_HEAD + MAX_PICTURE) as u64 + 1);
        // a server that leaves without a farewell may have said all
        while !is_all(&answer) && matches!(bounded.read_buf(&mut answer).await, Ok(1..)) {}
        picture_in(&answer, target.host)
    };
    timeout(DEADLINE, asked)
        .await
        .unwrap_or_else(|_| Err(RemoteError::Offline(format!("{} did not answer within {} seconds", target.host, DEADLINE.as_secs()))))
}

/// The header and what follows it, once it is here.
fn split(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.get(..MAX_HEAD.min(answer.len()))?.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(answer.get(..end)?).into_owned(), answer.get(end + 4..)?))
}

/// A field of the header, lower-case.
fn field(head: &str, name: &str) -> Option<String> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut found = fields.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_ascii_lowercase());
    found.next()
}

fn length(head: &str) -> Option<usize> {
    field(head, "content-length")?.parse().ok()
}

/// Nothing more is to come, or wanted.
fn is_all(answer: &[u8]) -> bool {
    match split(answer) {
        Some((head, body)) => length(&head).is_some_and(|length| body.len() >= length) || body.len() > MAX_PICTURE,
        None => answer.len() >= MAX_HEAD,
    }
}

fn picture_in(answer: &[u8], host: &str) -> Result<Vec<u8>> {
    post::judge(answer, host)?;
    let strange = |what: &str| RemoteError::Protocol(format!("{host} {what}"));
    let (head, body) = split(answer).ok_or_else(|| strange("did not answer as a web server does"))?;
    if !field(&head, "content-type").is_some_and(|kind| kind.starts_with("image/")) {
        return Err(strange("gave something else than a picture"));
    }
    if field(&head, "content-encoding").is_some_and(|encoding| encoding != "identity") {
        return Err(strange("packed the picture, which was not asked for"));
    }
    let body = match (field(&head, "transfer-encoding").as_deref(), length(&head)) {
        (Some("chunked"), _) => joined(body),
        (Some(_), _) => None,
        (None, Some(length)) => body.get(..length).map(<[u8]>::to_vec),
        (None, None) => Some(body.to_vec()),
    };
    match body {
        Some(body) if body.len() <= MAX_PICTURE => Ok(body),
        _ if answer.len() > MAX_PICTURE => Err(strange("gave a picture of more than 8 MiB")),
        _ => Err(strange("broke off in the middle of the picture")),
    }
}

/// The octets of a chunked body (RFC 9112 7.1); None where it is cut.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.iter().take(100).position(|byte| *byte == b'\n')?;
        let size = std::str::from_utf8(rest.get(..end)?).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= MAX_PICTURE)?;
        rest = rest.get(end + 1..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn only_names_on_the_usual_port_are_asked() {
        for url in [
            "http://img.example.org/a.png",
            "https://img.example.org:8443/a.png",
            "https://127.0.0.1/a.png",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://127.1/",
            "https://0x7f.0x1/",
            "https://[::1]/",
            "https://user@img.example.org/",
            "https://img.example.org./",
            "data:image/png;base64,AAAA",
            "",
        ] {
            assert_eq!(may_be_asked(url), None, "{url:?}");
        }
        assert_eq!(may_be_asked("https://img.example.org/a.png?x=1#y").unwrap().path, "/a.png?x=1");
        assert!(may_be_asked("https://img.example.org:443/a").is_some());
    }

    #[tokio::test]
    async fn no_address_of_this_machine_is_connected_to() {
        let why = picture("https://localhost/a.png").await.unwrap_err().to_string();
        assert!(why.contains("no public address"), "{why}");
    }

    /// A server that answers with these octets and leaves, and what it heard.
    async fn asked(answer: Vec<u8>) -> (Result<Vec<u8>>, String) {
        let heard: Arc<Mutex<Option<tokio::task::JoinHandle<String>>>> = Arc::default();
        let listener = heard.clone();
        let connector = Connector::new("img.example.org", 443, Trust::default()).through(Arc::new(move || {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            let answer = answer.clone();
            *listener.lock().unwrap() = Some(tokio::spawn(async move {
                let mut said = Vec::new();
                while !said.ends_with(b"\r\n\r\n") && theirs.read_buf(&mut said).await.unwrap_or(0) > 0 {}
                let _ = theirs.write_all(&answer).await;
                String::from_utf8(said).unwrap()
            }));
            Ok(Box::new(ours))
        }));
        let result = ask(&connector, &may_be_asked("https://img.example.org/a.png?x=1").unwrap()).await;
        let task = heard.lock().unwrap().take().unwrap();
        (result, task.await.unwrap())
    }

    fn answer(head: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn one_request_that_says_nothing_of_us_brings_a_picture() {
        let (result, heard) = asked(answer("Content-Type: image/png\r\nContent-Length: 4", b"\x89PNGmore")).await;
        assert_eq!(result, Ok(b"\x89PNG".to_vec()));
        assert_eq!(heard, "GET /a.png?x=1 HTTP/1.1\r\nHost: img.example.org\r\nAccept: image/*\r\nConnection: close\r\n\r\n");
        let chunked = answer("content-type: IMAGE/PNG\r\ntransfer-encoding: chunked", b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!(asked(chunked).await.0, Ok(b"abc".to_vec()));
        assert_eq!(asked(answer("Content-Type: image/gif", b"to the end")).await.0, Ok(b"to the end".to_vec()));
    }

    #[tokio::test]
    async fn what_is_no_picture_is_refused() {
        let image = "Content-Type: image/png";
        for (answer, expect) in [
            (b"HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\n\r\n".to_vec(), "elsewhere"),
            (b"HTTP/1.1 404 Not Found\r\nContent-Type: image/png\r\n\r\nx".to_vec(), "refused"),
            (b"SSH-2.0-x\r\n".to_vec(), "web server"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: image/png".to_vec(), "web server"),
            (answer("Content-Type: text/html", b"x"), "something else"),
            (answer("X: y", b"x"), "something else"),
            (answer(&format!("{image}\r\nContent-Encoding: gzip"), b"x"), "packed"),
            (answer(&format!("{image}\r\nContent-Length: 9"), b"x"), "broke off"),
            (answer(&format!("{image}\r\nTransfer-Encoding: chunked"), b"9\r\nx"), "broke off"),
            (answer(&format!("{image}\r\nTransfer-Encoding: chunked"), b"ffffffffffffffff\r\nx"), "broke off"),
            (answer(&format!("{image}\r\nTransfer-Encoding: gzip"), b"x"), "broke off"),
            (answer(image, &vec![0; MAX_PICTURE + 1]), "more than 8 MiB"),
            (answer(&format!("X: {}", "y".repeat(MAX_HEAD)), b"x"), "web server"),
        ] {
            let why = asked(answer).await.0.unwrap_err().to_string();
            assert!(why.contains(expect), "{why} has no {expect:?}");
        }
    }
}
