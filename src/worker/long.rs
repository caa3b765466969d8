//! The long work that an account does by itself, as jobs that people see and can stop: the headers of a first
//! sync, and bodies kept for reading offline. What was stopped is left alone until the next check for mail or the
//! next start. Knows no connection; `step.rs` says how far it came.

use super::core::{Core, Inner};
use super::jobs::Progress;
use super::{JobState, WorkerEvent};
use crate::mail::MailboxId;

/// Which long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Long {
    Headers(MailboxId),
    Bodies,
}

/// Headers still to come of which a job is made.
pub const MANY: u64 = 2_000;

/// Shows the work, where it is not shown yet.
pub async fn begin(core: &Core, long: Long, done: u64, total: u64) {
    if core.lock().long.contains_key(&long) {
        return;
    }
    let mut job = core.common.jobs.begin(Some(core.account), label(core, long), Some(total));
    let event = job.tick(done, None);
    core.lock().long.insert(long, job);
    tell(core, event).await;
}

fn label(core: &Core, long: Long) -> String {
    match long {
        Long::Headers(mailbox) => {
            let name = core.lock().state.mailbox(mailbox).map(|progress| progress.name.clone()).unwrap_or_default();
            format!("Fetching headers of {}/{name}", core.name)
        }
        Long::Bodies => format!("Fetching messages of {} for reading offline", core.name),
    }
}

/// So many more came.
pub async fn came(core: &Core, long: Long, count: u64) {
    let event = core.lock().long.get_mut(&long).and_then(|job| job.tick(job.done() + count, None));
    tell(core, event).await;
}

/// All of it is here.
pub async fn end(core: &Core, long: Long) {
    let job = core.lock().long.remove(&long);
    tell(core, job.map(|job| job.finish(JobState::Finished))).await;
}

/// No connection: nothing goes on for now, so nothing is shown.
pub async fn end_all(core: &Core) {
    let jobs = std::mem::take(&mut core.lock().long);
    for job in jobs.into_values() {
        tell(core, Some(job.finish(JobState::Cancelled))).await;
    }
}

/// Stops what the user cancelled.
pub async fn stop_cancelled(core: &Core) {
    let stopped = cancelled(&mut core.lock());
    for (long, mut job) in stopped {
        let what = job.label().to_owned();
        job.relabel(format!("{what}: stopped until the next check for mail or start"));
        tell(core, Some(job.finish(JobState::Cancelled))).await;
        let why = match long {
            Long::Headers(_) => "older messages are not listed yet",
            Long::Bodies => "messages that were not opened can't be read offline yet",
        };
        core.common.out.failed(format!("Stopped: {what}"), why, "It goes on with the next check for mail, or the next start.").await;
    }
}

/// Takes out what the user cancelled and keeps it from being planned.
fn cancelled(inner: &mut Inner) -> Vec<(Long, Progress)> {
    let stopped: Vec<Long> = inner.long.iter().filter(|(_, job)| job.is_cancelled()).map(|(long, _)| *long).collect();
    for long in &stopped {
        match long {
            Long::Headers(mailbox) => {
                if let Some(progress) = inner.state.mailbox_mut(*mailbox) {
                    progress.is_stopped = true;
                }
            }
            Long::Bodies => {
                inner.state.keep_stopped = true;
                inner.state.keep.clear();
            }
        }
    }
    stopped.into_iter().filter_map(|long| Some((long, inner.long.remove(&long)?))).collect()
}

async fn tell(core: &Core, event: Option<WorkerEvent>) {
    if let Some(event) = event {
        core.common.out.send(event).await;
    }
}
