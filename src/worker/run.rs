//! Starting and stopping: the runtime with its two threads, and the handle that the other side holds.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::clock::{Clock, Wall};
use super::core::Common;
use super::hand::Hand;
use super::intake::Intake;
use super::jobs::Jobs;
use super::out::Out;
use super::pages::Pages;
use super::readers::Readers;
use super::{Request, WorkerEvent};
use crate::config::Config;
use crate::events::EventLog;
use crate::remote::net::Trace;
use crate::store::Writer;

/// Requests that may wait; a user can't type faster.
const REQUESTS: usize = 1_024;
/// Events that may wait for the screen.
const EVENTS: usize = 1_024;
/// How long the end may take in all.
const END: Duration = Duration::from_secs(6);

/// How the worker runs.
#[derive(Clone)]
pub struct Options {
    /// Never connects.
    pub offline: bool,
    pub log: EventLog,
    /// The protocol dialogue, credentials masked.
    pub trace: Option<Trace>,
    /// Unix seconds now.
    pub now: Wall,
    /// Of jitter.
    pub seed: u64,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("offline", &self.offline).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// The worker as the other side sees it: two channels, and a way to wait for its end.
#[derive(Debug)]
pub struct Handle {
    /// Never full in practice; send with `try_send` from the UI thread, which must not block.
    pub requests: mpsc::Sender<Request>,
    /// Bounded: whoever holds it keeps draining it.
    pub events: mpsc::Receiver<WorkerEvent>,
    intake: JoinHandle<()>,
    runtime: Runtime,
}

impl Handle {
    /// Ends the worker ([`Request::Shutdown`] is implied) and waits for it, for a few seconds at most.
    pub fn join(self) {
        let Self { requests, mut events, intake, runtime } = self;
        let _ = requests.try_send(Request::Shutdown);
        drop(requests);
        events.close();
        runtime.block_on(async {
            let _ = tokio::time::timeout(END, intake).await;
        });
        runtime.shutdown_timeout(Duration::from_millis(500));
    }
}

/// A runtime of two threads.
///
/// # Errors
/// The system refuses threads.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("worker").enable_all().build()
}

/// Starts the worker; connections are opened later, on its own threads.
///
/// # Errors
/// The system refuses threads.
pub fn start(config: &Config, writer: Writer, options: Options) -> std::io::Result<Handle> {
    let runtime = runtime()?;
    let (requests, asked) = mpsc::channel(REQUESTS);
    let (tell, events) = mpsc::channel(EVENTS);
    let (stop, stopping) = watch::channel(false);
    let accounts = config.accounts.clone();
    let config = config.clone();
    let intake = runtime.spawn(async move {
        let common = common(writer, options, tell, stopping);
        Intake::new(common, &config, stop).run(accounts, asked).await;
    });
    Ok(Handle { requests, events, intake, runtime })
}

/// What all accounts share; inside a runtime.
pub(super) fn common(writer: Writer, options: Options, events: mpsc::Sender<WorkerEvent>, stop: watch::Receiver<bool>) -> Common {
    let out = Out::new(events, options.log);
    writer.set_wall(options.now.clone());
    let hand = Hand::new(writer.clone());
    Common {
        readers: Readers::new(writer.clone()),
        pages: Pages::new(out.clone(), hand.clone()),
        hand,
        jobs: Jobs::new(out.clone()),
        clock: Clock::new(options.now),
        rested: std::sync::Arc::new(Notify::new()),
        peers: Default::default(),
        trace: options.trace,
        seed: options.seed,
        offline: options.offline,
        headers_only: false,
        writer,
        out,
        stop,
    }
}
