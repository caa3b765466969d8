//! Maildir: one file a message, flags in the file name (<https://cr.yp.to/proto/maildir.html>, Maildir++).
//! Owns the way from [`Remote`]'s verbs to files; knows nothing of rows or of parsed mail. Other programs
//! rename, add and delete at any time: a name is only ever a guess that may have to be looked up again.
//!
//! [`folder`] is one mailbox with the file names it had at the last look (`entries`); `names` reads file names,
//! `mailboxes` the tree, `read` and `change` the files, `watch` waits; [`deliver`] is for mail fetched elsewhere.

mod change;
pub mod deliver;
mod entries;
mod folder;
mod keywords;
mod mailboxes;
mod names;
mod read;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::Notify;

pub use self::change::{make_folders, sync_folder};
use self::folder::Folder;
use self::watch::Watch;
use super::{Abilities, Body, Connect, Hint, Moved, Opened, Remote, RemoteError, RemoteMailbox, RemoteMessage, Result, Window};
use crate::mail::{Flags, Key};

/// Enough for a hundred thousand files on a slow disk; a dead network file system ends here.
const DEADLINE: Duration = Duration::from_secs(300);

/// A Maildir account: the folder that is its inbox.
#[derive(Clone, Debug)]
pub struct Account {
    pub root: PathBuf,
}

impl Connect for Account {
    type Remote = Connection;

    async fn connect(&self, _first: Option<&str>) -> Result<Connection> {
        let root = self.root.clone();
        blocking(move || mailboxes::check_root(&root)).await?;
        Ok(Connection { root: self.root.clone(), folder: None, watch: None, rests: None })
    }
}

/// One user of the files; any number may be open at the same time.
#[derive(Debug)]
pub struct Connection {
    root: PathBuf,
    /// The mailbox last used, with its file names.
    folder: Option<(String, Folder)>,
    watch: Option<(String, Watch)>,
    rests: Option<Arc<Notify>>,
}

impl Connection {
    /// Notifies when it first has nothing to do but to wait.
    #[must_use]
    pub fn when_resting(mut self, rests: Arc<Notify>) -> Self {
        self.rests = Some(rests);
        self
    }

    /// Runs file work on a mailbox off the async threads. The folder travels there and back; when the
    /// caller gives up in between, it is simply read again next time.
    async fn run<T: Send + 'static>(&mut self, mailbox: &str, work: impl FnOnce(&mut Folder) -> Result<T> + Send + 'static) -> Result<T> {
        let mut folder = match self.folder.take() {
            Some((name, folder)) if name == mailbox => folder,
            _ => Folder::new(self.path_of(mailbox)?),
        };
        let (folder, answer) = blocking(move || {
            let answer = work(&mut folder);
            Ok((folder, answer))
        })
        .await?;
        self.folder = Some((mailbox.to_owned(), folder));
        answer
    }

    fn path_of(&self, mailbox: &str) -> Result<PathBuf> {
        mailboxes::path_of(&self.root, mailbox)
            .ok_or_else(|| RemoteError::Rejected(format!("{mailbox:?} is not a mailbox of the Maildir {}", self.root.display())))
    }
}

impl Remote for Connection {
    fn abilities(&self) -> Abilities {
        Abilities { atomic_move: true, push: true, exact_delete: true }
    }

    async fn mailboxes(&mut self) -> Result<Vec<RemoteMailbox>> {
        let root = self.root.clone();
        blocking(move || mailboxes::list(&root)).await
    }

    async fn open(&mut self, mailbox: &str) -> Result<Opened> {
        self.run(mailbox, |folder| {
            folder.scan()?;
            Ok(folder.opened())
        })
        .await
    }

    async fn newest(&mut self, mailbox: &str, count: u32) -> Result<(Opened, Vec<RemoteMessage>)> {
        self.run(mailbox, move |folder| {
            folder.scan()?;
            let keys = folder.newest(usize::try_from(count).unwrap_or(usize::MAX));
            Ok((folder.opened(), read::headers(folder, &keys)?))
        })
        .await
    }

    async fn flags(&mut self, mailbox: &str, _window: Window) -> Result<Vec<(Key, Flags)>> {
        self.run(mailbox, |folder| {
            folder.scan()?;
            Ok(folder.flags(None, usize::MAX))
        })
        .await
    }

    async fn flags_before(&mut self, mailbox: &str, key: Option<Key>, count: usize) -> Result<Vec<(Key, Flags)>> {
        self.run(mailbox, move |folder| {
            let before = key.as_ref().and_then(Key::base_name);
            // whoever begins anew may have been told of a change that no time shows
            if before.is_some() {
                folder.refresh()?
            } else {
                folder.scan()?
            }
            Ok(folder.flags(before, count))
        })
        .await
    }

    async fn headers(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
        let keys = keys.to_vec();
        self.run(mailbox, move |folder| read::headers(folder, &keys)).await
    }

    async fn headers_in(&mut self, mailbox: &str, _window: Window) -> Result<Vec<RemoteMessage>> {
        self.run(mailbox, |folder| {
            folder.scan()?;
            let keys = folder.newest(usize::MAX);
            read::headers(folder, &keys)
        })
        .await
    }

    async fn bodies(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<Body>> {
        let keys = keys.to_vec();
        self.run(mailbox, move |folder| read::bodies(folder, &keys)).await
    }

    async fn slice(&mut self, mailbox: &str, key: &Key, part: Option<&str>, offset: u64, length: u32) -> Result<Vec<u8>> {
        if part.is_some() {
            return Err(RemoteError::Rejected("a Maildir gives messages only as a whole, not by parts".to_owned()));
        }
        let key = key.clone();
        self.run(mailbox, move |folder| read::slice(folder, &key, offset, length)).await
    }

    async fn store_flags(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
        let (keys, add, remove) = (keys.to_vec(), add.clone(), remove.clone());
        self.run(mailbox, move |folder| change::store_flags(folder, &keys, &add, &remove)).await
    }

    async fn move_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        let (keys, to) = (keys.to_vec(), self.path_of(to)?);
        self.run(mailbox, move |folder| change::move_to(folder, &keys, &mut Folder::new(to))).await
    }

    async fn copy_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        let (keys, to) = (keys.to_vec(), self.path_of(to)?);
        self.run(mailbox, move |folder| change::copy_to(folder, &keys, &mut Folder::new(to))).await
    }

    async fn append(&mut self, mailbox: &str, bytes: Vec<u8>, flags: &Flags, received: i64) -> Result<Option<Key>> {
        let flags = flags.clone();
        self.run(mailbox, move |folder| change::append(folder, &bytes, &flags, received).map(Some)).await
    }

    async fn create(&mut self, mailbox: &str) -> Result<()> {
        let path = self.path_of(mailbox)?;
        blocking(move || change::create(&path)).await
    }

    async fn rename_mailbox(&mut self, mailbox: &str, to: &str) -> Result<()> {
        let (root, old, new) = (self.root.clone(), mailbox.to_owned(), to.to_owned());
        self.path_of(to)?;
        self.folder = None;
        blocking(move || mailboxes::rename(&root, &old, &new)).await
    }

    async fn delete_mailbox(&mut self, mailbox: &str) -> Result<()> {
        let path = self.path_of(mailbox)?;
        let is_root = path == self.root;
        self.folder = None;
        blocking(move || mailboxes::delete(&path, is_root)).await
    }

    async fn delete(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        let keys = keys.to_vec();
        self.run(mailbox, move |folder| change::delete(folder, &keys)).await
    }

    async fn find(&mut self, mailbox: &str, rfc_message_id: &str) -> Result<Vec<Key>> {
        let wanted = rfc_message_id.to_owned();
        self.run(mailbox, move |folder| {
            folder.scan()?;
            read::find(folder, &wanted)
        })
        .await
    }

    async fn wait(&mut self, mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        if let Some(rests) = self.rests.take() {
            rests.notify_one();
        }
        let path = self.path_of(mailbox)?;
        if self.watch.as_ref().is_none_or(|(name, _)| name != mailbox) {
            self.watch = Some((mailbox.to_owned(), Watch::new(&path)));
        }
        let looked = match &mut self.folder {
            Some((name, folder)) if name == mailbox => folder.take_stamps(),
            _ => None,
        };
        let Some((_, watch)) = &mut self.watch else { return Ok(Hint::Nothing) };
        if let Some(looked) = looked {
            watch.looked(looked);
        }
        watch.wait(&stop).await
    }

    async fn close(self) {}
}

/// Runs file work on the blocking pool, with the deadline every verb has.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(RemoteError::Offline("reading the Maildir was interrupted".to_owned())),
        Err(_) => Err(RemoteError::Offline("the file system of the Maildir does not answer".to_owned())),
    }
}

/// Says what failed on which path, sorted by what the caller does about it.
fn failed(what: &str, path: &Path, error: &io::Error) -> RemoteError {
    let text = format!("{what} {}: {error}", path.display());
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => RemoteError::Gone(text),
        Some(Errno::EXIST | Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE | Errno::BUSY | Errno::NOMEM) => {
            RemoteError::NotNow(text)
        }
        Some(Errno::IO | Errno::STALE | Errno::TIMEDOUT) => RemoteError::Offline(text),
        _ => RemoteError::Rejected(text),
    }
}
