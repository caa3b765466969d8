//! Long work that shows progress and can be cancelled: numbers, throttling, and who listens for a cancel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    cancels: Arc<Mutex<HashMap<JobId, Cancel>>>,
}

/// How a job hears that the user cancels it.
#[derive(Clone, Debug, Default)]
struct Cancel {
    notify: Arc<Notify>,
    is_asked: Arc<AtomicBool>,
}

impl Jobs {
    pub fn new(out: Out) -> Self {
        Self { out, next: Arc::new(AtomicU64::new(1)), cancels: Arc::default() }
    }

    /// Begins a job; told at the first [`Progress::at`] or its end.
    pub fn begin(&self, account: Option<AccountId>, label: String, total: Option<u64>) -> Progress {
        let id = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        let cancel = Cancel::default();
        self.lock().insert(id, cancel.clone());
        let job = Job { id, account, label, done: 0, total, state: JobState::Running };
        Progress { jobs: self.clone(), job, cancel: cancel.notify, is_cancelled: cancel.is_asked, last: None }
    }

    /// Cancels a job; one that ended is no error.
    pub fn cancel(&self, id: JobId) {
        if let Some(cancel) = self.lock().get(&id) {
            cancel.is_asked.store(true, Ordering::SeqCst);
            cancel.notify.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Cancel>> {
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
    is_cancelled: Arc<AtomicBool>,
    last: Option<Instant>,
}

impl Progress {
    /// Tells how far it is, if the last report is old enough.
    pub async fn at(&mut self, done: u64, total: Option<u64>) {
        if let Some(event) = self.tick(done, total) {
            self.jobs.out.send(event).await;
        }
    }

    /// The same for whoever holds a lock: what is to be told, if anything is.
    pub fn tick(&mut self, done: u64, total: Option<u64>) -> Option<WorkerEvent> {
        self.job.done = done;
        self.job.total = total.or(self.job.total).map(|total| total.max(done));
        let now = Instant::now();
        if self.last.is_some_and(|last| now < last + PAUSE) {
            return None;
        }
        self.last = Some(now);
        Some(WorkerEvent::Job(self.job.clone()))
    }

    pub fn done(&self) -> u64 {
        self.job.done
    }

    pub fn label(&self) -> &str {
        &self.job.label
    }

    pub fn relabel(&mut self, label: String) {
        self.job.label = label;
    }

    /// The user cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// Tells the end.
    pub async fn end(self, state: JobState) {
        let out = self.jobs.out.clone();
        out.send(self.finish(state)).await;
    }

    /// The end, to be told.
    pub fn finish(mut self, state: JobState) -> WorkerEvent {
        self.job.state = state;
        WorkerEvent::Job(self.job.clone())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job.id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::events::EventLog;

    #[tokio::test(start_paused = true)]
    async fn a_job_tells_of_itself_four_times_a_second_at_most_and_always_its_end() {
        let (events, mut heard) = mpsc::channel(64);
        let jobs = Jobs::new(Out::new(events, EventLog::default()));
        let mut job = jobs.begin(None, "work".into(), Some(100));
        for done in 0..100 {
            tokio::time::advance(Duration::from_millis(10)).await;
            job.at(done, None).await;
        }
        let id = job.job.id;
        assert!(!job.is_cancelled());
        jobs.cancel(id);
        assert!(job.is_cancelled());
        job.end(JobState::Cancelled).await;
        jobs.cancel(id);
        drop(jobs);
        let mut told = Vec::new();
        while let Some(event) = heard.recv().await {
            told.push(event);
        }
        assert_eq!(told.len(), 5, "{told:?}");
        assert!(matches!(&told[4], WorkerEvent::Job(Job { done: 99, total: Some(100), state: JobState::Cancelled, .. })));
    }
}
