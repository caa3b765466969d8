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
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(reader);
        }
        answer
    }
}
