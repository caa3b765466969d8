//! Long work that shows progress and can be cancelled: numbers, throttling, and who listens for a cancel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::out::Out;
use super::{Job, JobState, WorkerEvent};
use crate::mail::{AccountId, JobId};

/// Time between two reports of one job.
const PAUSE: Duration = Duration::from_millis(250);

/// All jobs of this run.
#[derive(Clone, Debug)]
pub struct Jobs {
    out: Out,
    next: Arc<AtomicU64>,
    cancels: Arc<Mutex<HashMap<JobId, Arc<Notify>>>>,
}

impl Jobs {
    pub fn new(out: Out) -> Self {
        Self { out, next: Arc::new(AtomicU64::new(1)), cancels: Arc::default() }
    }

    /// Begins a job; told at the first [`Progress::at`] or its end.
    pub fn begin(&self, account: Option<AccountId>, label: String, total: Option<u64>) -> Progress {
        let id = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        let cancel = Arc::new(Notify::new());
        self.lock().insert(id, cancel.clone());
        let job = Job { id, account, label, done: 0, total, state: JobState::Running };
        Progress { jobs: self.clone(), job, cancel, last: None }
    }

    /// Cancels a job; one that ended is no error.
    pub fn cancel(&self, id: JobId) {
        if let Some(cancel) = self.lock().get(&id) {
            cancel.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Arc<Notify>>> {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One job under way.
#[derive(Debug)]
pub struct Progress {
    jobs: Jobs,
    job: Job,
    /// Notified when the user cancels.
    pub cancel: Arc<Notify>,
    last: Option<Instant>,
}

impl Progress {
    /// Tells how far it is, if the last report is old enough.
    pub async fn at(&mut self, done: u64, total: Option<u64>) {
        self.job.done = done;
        self.job.total = total.or(self.job.total);
        let now = Instant::now();
        if self.last.is_none_or(|last| now >= last + PAUSE) {
            self.last = Some(now);
            self.jobs.out.send(WorkerEvent::Job(self.job.clone())).await;
        }
    }

    /// Tells the end.
    pub async fn end(mut self, state: JobState) {
        self.job.state = state;
        self.jobs.lock().remove(&self.job.id);
        self.jobs.out.send(WorkerEvent::Job(self.job.clone())).await;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job.id);
    }
}
