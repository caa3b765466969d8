//! Waiting for other programs: inotify (or what the system has) on `new` and `cur`, with a look at the
//! folders' times once a minute, for network file systems that tell nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::folder::{Stamps, stamps};
use super::{blocking, failed};
use crate::remote::{Hint, Result};

/// A delivery is several events; one look after the last is enough.
const SETTLE: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Without any watcher (no handles left) only looking remains.
const LOOK_EVERY_BLIND: Duration = Duration::from_secs(3);

/// A watch on one mailbox. It lives on between waits, so nothing is missed in between.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    events: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// The folders' times when somebody last read them.
    looked: Option<Stamps>,
}

impl Watch {
    pub fn new(path: &Path) -> Self {
        let events = Arc::new(Notify::new());
        let watcher = watcher(path, events.clone()).ok();
        Self { path: path.to_owned(), events, watcher, looked: None }
    }

    /// The mailbox was read while its folders had these times.
    pub fn looked(&mut self, stamps: Stamps) {
        self.looked = Some(stamps);
    }

    pub async fn wait(&mut self, stop: &Notify) -> Result<Hint> {
        let every = if self.watcher.is_some() { LOOK_EVERY } else { LOOK_EVERY_BLIND };
        let stopped = stop.notified();
        tokio::pin!(stopped);
        while !self.has_changed().await? {
            tokio::select! {
                () = &mut stopped => return Ok(Hint::Nothing),
                // times are coarse: an event counts even where they look the same
                () = self.events.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    self.looked = None;
                }
                () = tokio::time::sleep(every) => {}
            }
        }
        Ok(Hint::Changed)
    }

    /// Whether the folders' times are others than at the last look, or nobody knows; remembers them.
    async fn has_changed(&mut self) -> Result<bool> {
        let path = self.path.clone();
        let now = blocking(move || stamps(&path).map_err(|error| failed("can't watch the mailbox", &path, &error))).await?;
        Ok(self.looked.replace(now) != Some(now))
    }
}

fn watcher(path: &Path, events: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    // reading files makes events too (access); an error is most likely a queue that ran over: look
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            events.notify_one();
        }
    })?;
    for part in ["new", "cur"].map(|part| path.join(part)).iter().filter(|part| part.is_dir()) {
        watcher.watch(part, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
