//! A few read-only connections that tasks take turns with, always on the blocking pool.

use std::sync::{Arc, Mutex, PoisonError};

use crate::store::{Reader, StoreError, Writer};

/// Hands out readers; a reader is kept for the next one who asks.
#[derive(Clone, Debug)]
pub struct Readers {
    writer: Writer,
    idle: Arc<Mutex<Vec<Reader>>>,
}

/// More idle readers than this are closed.
const KEPT: usize = 3;

impl Readers {
    pub fn new(writer: Writer) -> Self {
        Self { writer, idle: Arc::default() }
    }

    /// Runs a query on the blocking pool.
    pub async fn with<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        let run = tokio::task::spawn_blocking(move || this.with_blocking(query));
        run.await.unwrap_or_else(|_| Err(StoreError::Other("the query failed unexpectedly".into())))
    }

    /// Runs a query here; only where blocking is allowed.
    pub fn with_blocking<T>(&self, query: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => self.writer.reader()?,
        };
        let answer = query(&reader);
        self.writer.look_into(&answer);
        if reader.take_doubt() {
            self.writer.suspect();
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(reader);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Listing;
    use crate::store::{Paths, open};

    #[tokio::test]
    async fn a_list_that_its_counter_does_not_count_has_the_files_checked_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::in_folder(folder.path());
        let writer = open(&paths).unwrap();
        let work = writer.set_accounts(vec!["work".into()]).await.unwrap()[0];
        let remote = crate::mail::server::RemoteMailbox {
            name: "Inbox".into(),
            wire_name: "INBOX".into(),
            role: None,
            selectable: true,
            total: None,
            unread: None,
            state: None,
        };
        let inbox = writer.set_mailboxes(work, vec![remote], Default::default()).await.unwrap()[0].id;
        let readers = Readers::new(writer.clone());
        let look = || readers.with(move |reader| reader.rows(&Listing::mailbox(inbox, false)));
        assert_eq!(look().await.unwrap(), []);
        rusqlite::Connection::open(&paths.mail_db).unwrap().execute("UPDATE mailbox SET total = 7", []).unwrap();
        assert_eq!(look().await.unwrap(), [], "what is there is shown");
        writer.noticed().await;
        let notices = writer.notices();
        assert!(notices.len() == 1 && notices[0].contains("mail.db is damaged; the next start mends it"), "{notices:?}");
    }
}
