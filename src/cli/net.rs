//! Where commands meet the worker and the servers: sync, trying an account, poking a running reader.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use super::args;
use super::exit::{CANT_CREATE, Failure, IO, NO_LOGIN, Outcome, TRY_AGAIN, UNAVAILABLE};
use super::out::{cell, columns, say};
use super::session::Session;
use crate::config::{Account, Secret};
use crate::mail::DisplayText;
use crate::remote::RemoteError;
use crate::remote::net::Trace;
use crate::worker::{self, JobState, Options, SyncOptions, WorkerEvent};

/// How the worker runs in this session.
pub fn options(session: &Session) -> Result<Options, Failure> {
    let trace =
        session.global.trace.as_deref().map(|file| {
            Trace::open(file).map_err(|error| Failure::new(CANT_CREATE, format!("{} can't be opened: {error}", file.display())))
        });
    let clock = session.clock.clone();
    Ok(Options {
        offline: session.global.offline,
        log: session.events.clone(),
        trace: trace.transpose()?,
        now: Arc::new(move || clock.unix()),
        seed: session.clock.seed_or_random(),
    })
}

/// `postrider sync`.
pub fn sync(session: &Session, args: &args::Sync) -> Outcome {
    let config = session.config()?;
    // an unknown account is said before anything is tried
    session.account(&config)?;
    let writer = session.writer()?;
    let what = SyncOptions { account: session.global.account.clone(), headers_only: args.headers };
    let mut progress = Progress::new();
    let done = worker::sync_once(&config, writer.clone(), what, options(session)?, |event| progress.show(&event));
    progress.end();
    writer.stop();
    let summary = done.map_err(|why| Failure::new(IO, why))?;
    let mut code = 0;
    for account in &summary.accounts {
        let name = DisplayText::new(&account.name);
        match &account.result {
            Ok(()) if account.waiting > 0 => {
                code = code.max(TRY_AGAIN);
                say(&format!("{name}: {} messages; {} changes still wait", account.messages, account.waiting));
            }
            Ok(()) => say(&format!("{name}: {} messages", account.messages)),
            Err(error) => {
                code = code.max(exit_code(error));
                say(&format!("{name}: {}", DisplayText::capped(&error.to_string(), 500)));
            }
        }
    }
    Ok(code)
}

/// What a failure of a server means for a script.
fn exit_code(error: &RemoteError) -> u8 {
    match error {
        RemoteError::BadLogin(_) | RemoteError::NoSecret(_) => NO_LOGIN,
        RemoteError::NotNow(_) => TRY_AGAIN,
        _ => UNAVAILABLE,
    }
}

/// One line on stderr that tells how far it is, where stderr is a terminal.
struct Progress {
    width: Option<usize>,
    is_shown: bool,
}

impl Progress {
    fn new() -> Self {
        let width = std::io::stderr().is_terminal().then(|| columns().unwrap_or(80).saturating_sub(1));
        Self { width, is_shown: false }
    }

    fn show(&mut self, event: &WorkerEvent) {
        let line = match event {
            WorkerEvent::Job(job) if job.state == JobState::Running => match job.total {
                Some(total) => format!("{} {} of {total}", job.label, job.done),
                None => format!("{} {}", job.label, job.done),
            },
            WorkerEvent::Failed { what, why, .. } => {
                self.end();
                return say(&DisplayText::capped(&format!("{what}: {why}"), 500).into_string());
            }
            _ => return,
        };
        if let Some(width) = self.width {
            self.is_shown = true;
            let _ = write!(std::io::stderr(), "\r{}", cell(&line, width));
        }
    }

    fn end(&mut self) {
        if let Some(width) = self.width.filter(|_| self.is_shown) {
            self.is_shown = false;
            let _ = write!(std::io::stderr(), "\r{}\r", " ".repeat(width));
        }
    }
}

/// Signs in before an account is saved; exit code 77 where the server refuses the password.
pub fn probe(session: &Session, account: &Account, secret: Option<Secret>) -> Result<(), Failure> {
    let trace = options(session)?.trace;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(IO, format!("no threads for the network: {error}")))?;
    let tried = runtime.block_on(worker::probe(account, secret, trace));
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    tried
        .map(drop)
        .map_err(|error| Failure::new(exit_code(&error), format!("nothing was saved: {}", DisplayText::capped(&error.to_string(), 500))))
}

/// Tells the processes that own these accounts, where any runs, that changes wait.
pub fn poke(session: &Session, accounts: &[String]) {
    for account in accounts {
        worker::poke(&session.paths.data, account);
    }
}

/// The link's state in a word, and the process that owns the account. Only the owner knows more than that.
pub fn link(session: &Session, account: &str) -> (&'static str, Option<u32>) {
    match worker::owner_of(&session.paths.data, account) {
        None => ("offline", None),
        Some(owner) => ("unknown", Some(owner)),
    }
}
