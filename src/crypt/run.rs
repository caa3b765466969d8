//! One run of `gpg` or `gpgsm`: what goes in, what comes out, within limits. The status lines come back on the socket that is the
//! program's standard input, so that nothing it prints for people can stand among them.

use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::{MAX_OCTETS, Trouble};
use crate::mail::seal::Scheme;

/// Octets of status lines.
const MAX_STATUS: usize = 1 << 20;

/// No question, no terminal, no network, whatever the user's own configuration says; status lines to the socket.
const ALWAYS: &[&str] = &["--batch", "--no-tty", "--status-fd", "0", "--disable-dirmngr"];
const OF_GPG: &[&str] = &["--no-auto-key-retrieve", "--no-auto-key-locate"];
const OF_GPGSM: &[&str] = &["--disable-crl-checks"];

/// What came of it.
#[derive(Debug, Default)]
pub struct Done {
    pub status: Vec<u8>,
    pub text: Zeroizing<Vec<u8>>,
}

/// Octets in a file (0600) that goes when it is dropped.
pub async fn file(bytes: &[u8]) -> Result<tempfile::NamedTempFile, Trouble> {
    let bytes = bytes.to_vec();
    let write = move || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(&bytes)?;
        Ok::<_, std::io::Error>(file)
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(_)) | Err(_) => Err(Trouble::Unreadable),
    }
}

/// Runs the program of a scheme; dropped, it is killed.
pub async fn run(scheme: Scheme, arguments: &[&OsStr], input: &[u8], limit: Duration) -> Result<Done, Trouble> {
    if input.len() > MAX_OCTETS {
        return Err(Trouble::TooLarge);
    }
    let (mut child, socket) = start(scheme, arguments)?;
    match tokio::time::timeout(limit, serve(&mut child, socket, input)).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::TooSlow),
    }
}

fn start(scheme: Scheme, arguments: &[&OsStr]) -> Result<(Child, UnixStream), Trouble> {
    let failed = |_: std::io::Error| Trouble::Unreadable;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let child = Command::new(scheme.program())
        .args(ALWAYS)
        .args(if scheme == Scheme::OpenPgp { OF_GPG } else { OF_GPGSM })
        .args(arguments)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // a passphrase is asked for in a window or not at all: a question on this terminal would be drawn over the screen
        .env_remove("GPG_TTY")
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let child = child.map_err(|error| if error.kind() == std::io::ErrorKind::NotFound { Trouble::Missing } else { Trouble::Unreadable })?;
    Ok((child, UnixStream::from_std(ours).map_err(failed)?))
}

async fn serve(child: &mut Child, socket: UnixStream, input: &[u8]) -> Result<Done, Trouble> {
    let (mut status_from, mut feed) = socket.into_split();
    let mut text_from = child.stdout.take();
    let (mut status, mut text) = (Vec::new(), Zeroizing::new(Vec::with_capacity(input.len().min(1 << 20))));
    let feed = async {
        // a program that has read enough closes its end: no failure
        let _ = feed.write_all(input).await;
        let _ = feed.shutdown().await;
        Ok(())
    };
    let take_text = async {
        match &mut text_from {
            Some(from) => all(from, &mut text, MAX_OCTETS).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(feed, take_text, all(&mut status_from, &mut status, MAX_STATUS))?;
    // how it ended says less than its status lines: a missing key of the signer is a failure too
    child.wait().await.map_err(|_| Trouble::Unreadable)?;
    Ok(Done { status, text })
}

/// Everything, or the program is ended. Grown by hand: what a vector leaves behind as it grows would not be wiped.
async fn all(from: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>, most: usize) -> Result<(), Trouble> {
    let mut piece = Zeroizing::new([0_u8; 16 * 1024]);
    loop {
        match from.read(&mut piece[..]).await {
            Ok(0) => return Ok(()),
            // the other end of a socket may be gone with something unread
            Err(_) => return Ok(()),
            Ok(count) if into.len() + count > most => return Err(Trouble::TooLarge),
            Ok(count) => {
                if into.len() + count > into.capacity() {
                    let mut larger = Vec::with_capacity((into.capacity() * 2).max(into.len() + count));
                    larger.extend_from_slice(into);
                    drop(Zeroizing::new(std::mem::replace(into, larger)));
                }
                into.extend_from_slice(piece.get(..count).unwrap_or_default());
            }
        }
    }
}
