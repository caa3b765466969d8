//! The demo's way out: mail to the addresses it knows goes into their Maildirs (tmp, fsync, rename into new), all
//! else is refused in the words of a server. Nothing leaves the machine.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::maildir::{make_folders, sync_folder};
use super::submit::{Handover, Submission, Submit, SubmitError};
use crate::mail::outgoing::Fate;

/// Distinguishes deliveries of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Addresses and their Maildirs.
#[derive(Clone, Debug)]
pub struct Account {
    known: Vec<(String, PathBuf)>,
}

/// Written, but not yet where anybody reads it.
#[derive(Debug)]
pub struct Delivery {
    /// From `tmp` to `new`.
    moves: Vec<(PathBuf, PathBuf)>,
}

impl Account {
    pub fn new(known: Vec<(String, PathBuf)>) -> Self {
        Self { known }
    }

    fn maildir(&self, address: &str) -> Option<&Path> {
        self.known.iter().find(|(known, _)| known.eq_ignore_ascii_case(address)).map(|(_, path)| path.as_path())
    }

    fn refusal(&self, address: &str) -> String {
        let domain = |address: &str| address.rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_ascii_lowercase());
        let is_ours = self.known.iter().any(|(known, _)| domain(known) == domain(address));
        if is_ours {
            format!("550 5.1.1 <{address}>: nobody of that name here")
        } else {
            format!("550 5.7.1 <{address}>: mail of the demo stays in the demo")
        }
    }
}

impl Submit for Account {
    type Handover = Delivery;

    async fn prepare(&self, mail: &Submission) -> Result<(Delivery, Vec<(String, Fate)>), SubmitError> {
        let mut fates = Vec::new();
        let mut targets: Vec<PathBuf> = Vec::new();
        for recipient in mail.envelope.recipients.iter().filter(|one| matches!(one.fate, Fate::Pending | Fate::Deferred(_))) {
            let fate = match self.maildir(&recipient.address) {
                Some(path) => {
                    if !targets.iter().any(|known| known == path) {
                        targets.push(path.to_owned());
                    }
                    Fate::Accepted
                }
                None => Fate::Refused(self.refusal(&recipient.address)),
            };
            fates.push((recipient.address.clone(), fate));
        }
        if targets.is_empty() {
            let text = fates.iter().find_map(|(_, fate)| if let Fate::Refused(words) = fate { Some(words.clone()) } else { None });
            return Err(SubmitError::NoRecipient { text: text.unwrap_or_else(|| "no recipient".into()), fates });
        }
        let bytes = mail.bytes.clone();
        let written = tokio::task::spawn_blocking(move || targets.iter().map(|target| write(target, &bytes)).collect::<io::Result<_>>());
        match written.await {
            Ok(Ok(moves)) => Ok((Delivery { moves }, fates)),
            Ok(Err(error)) => Err(SubmitError::Later(format!("the demo's mailbox can't be written: {error}"))),
            Err(_) => Err(SubmitError::Later("the demo's delivery was interrupted".into())),
        }
    }
}

impl Handover for Delivery {
    async fn commit(self) -> Result<String, SubmitError> {
        let moved = tokio::task::spawn_blocking(move || {
            let mut done = 0;
            for (from, to) in &self.moves {
                match fs::rename(from, to).and_then(|()| to.parent().map_or(Ok(()), sync_folder)) {
                    Ok(()) => done += 1,
                    Err(error) if done == 0 && from.exists() => return Err(SubmitError::Later(format!("the demo's mailbox: {error}"))),
                    Err(error) => return Err(SubmitError::Unknown(format!("the demo's mailbox: {error}"))),
                }
            }
            Ok(format!("250 2.0.0 delivered to {done}"))
        });
        moved.await.unwrap_or_else(|_| Err(SubmitError::Unknown("the demo's delivery was interrupted".into())))
    }

    async fn abandon(self) {
        let _ = tokio::task::spawn_blocking(move || self.moves.iter().for_each(|(from, _)| drop(fs::remove_file(from)))).await;
    }
}

/// Writes the message into `tmp` of a Maildir, which is made where it is missing; from where to where it is to move.
fn write(maildir: &Path, bytes: &[u8]) -> io::Result<(PathBuf, PathBuf)> {
    make_folders(maildir)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}.M{}P{}Q{count}.demo,S={}", now.as_secs(), now.subsec_micros(), std::process::id(), bytes.len());
    let from = maildir.join("tmp").join(&name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&from)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| drop(fs::remove_file(&from)))?;
    Ok((from, maildir.join("new").join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::SmtpEnvelope;
    use crate::mail::outgoing::Recipient;

    fn mail(to: &[&str]) -> Submission {
        let recipients = to.iter().map(|address| Recipient { address: (*address).into(), fate: Fate::Pending }).collect();
        Submission { envelope: SmtpEnvelope { recipients, ..SmtpEnvelope::default() }, bytes: b"Subject: x\r\n\r\n".as_slice().into() }
    }

    fn account(folder: &Path) -> Account {
        Account::new(vec![("ada@harbor.example".into(), folder.join("ada")), ("ben@harbor.example".into(), folder.join("ben"))])
    }

    fn arrived(folder: &Path, who: &str) -> usize {
        fs::read_dir(folder.join(who).join("new")).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn mail_arrives_only_when_it_is_committed_and_each_recipient_hears_their_fate() {
        let folder = tempfile::tempdir().unwrap();
        let account = account(folder.path());
        let mail = mail(&["Ada@harbor.example", "cid@harbor.example", "you@elsewhere.example"]);
        let (delivery, fates) = account.prepare(&mail).await.unwrap();
        assert_eq!(arrived(folder.path(), "ada"), 0);
        assert_eq!(fates[0].1, Fate::Accepted);
        assert!(matches!(&fates[1].1, Fate::Refused(words) if words.starts_with("550 5.1.1")));
        assert!(matches!(&fates[2].1, Fate::Refused(words) if words.contains("stays in the demo")));
        delivery.commit().await.unwrap();
        assert_eq!((arrived(folder.path(), "ada"), arrived(folder.path(), "ben")), (1, 0));
    }

    #[tokio::test]
    async fn nobody_known_is_a_refusal_and_what_is_abandoned_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let account = account(folder.path());
        assert!(matches!(account.prepare(&mail(&["x@y.example"])).await, Err(SubmitError::NoRecipient { .. })));
        let (delivery, _) = account.prepare(&mail(&["ben@harbor.example"])).await.unwrap();
        delivery.abandon().await;
        assert_eq!(arrived(folder.path(), "ben"), 0);
        assert_eq!(fs::read_dir(folder.path().join("ben/tmp")).unwrap().count(), 0);
    }
}
