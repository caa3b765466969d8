//! Where commands meet the worker and the servers: sync, trying an account, poking a running reader.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use super::args;
use super::exit::{CANT_CREATE, Failure, IO, NO_LOGIN, Outcome, TRY_AGAIN, UNAVAILABLE};
use super::out::{cell, columns, say};
use super::session::Session;
use crate::config::{Account, Secret, Smtp};
use crate::mail::{DisplayText, OutItem, Stage};
use crate::remote::net::Trace;
use crate::remote::smtp::caps::Caps;
use crate::remote::smtp::wire::Deadlines;
use crate::remote::submit::SubmitError;
use crate::remote::{RemoteError, smtp};
use crate::store::Own;
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
    let left = unsent(session)?;
    if left > 0 {
        code = code.max(TRY_AGAIN);
        let messages = if left == 1 { "1 message waits".to_owned() } else { format!("{left} messages wait") };
        say(&format!("{messages} in the outbox (postrider outbox)"));
    }
    Ok(code)
}

/// How many messages should have gone out and did not.
fn unsent(session: &Session) -> Result<usize, Failure> {
    let only = session.global.account.as_deref();
    let items = Own::open(&session.store_paths())?.map_or(Ok(Vec::new()), |own| own.outbox())?;
    let is_unsent = |item: &&OutItem| item.stage == Stage::Queued && only.is_none_or(|only| only == item.account);
    Ok(items.iter().filter(is_unsent).count())
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

/// The same for the server that takes mail; nothing is sent.
pub fn probe_sending(session: &Session, account: &str, smtp: &Smtp, secret: Option<Secret>) -> Result<(), Failure> {
    let trace = options(session)?.trace;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(IO, format!("no threads for the network: {error}")))?;
    let tried = runtime.block_on(try_sending(account, smtp, secret, trace));
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    tried.map(drop).map_err(|error| {
        let code = match &error {
            SubmitError::BadLogin(_) | SubmitError::NoSecret(_) => NO_LOGIN,
            _ => UNAVAILABLE,
        };
        Failure::new(code, format!("nothing was saved: {}", DisplayText::capped(&error.to_string(), 500)))
    })
}

/// Signs in to a submission server and tells what it offers.
pub async fn try_sending(account: &str, smtp: &Smtp, secret: Option<Secret>, trace: Option<Trace>) -> Result<Caps, SubmitError> {
    let mut way = smtp::Account::new(account, smtp.clone()).with_deadlines(Deadlines::short());
    if let Some(trace) = trace {
        way = way.with_trace(trace);
    }
    if let Some(secret) = secret {
        way.set_secret(secret);
    }
    way.try_out().await
}

/// Tells the processes that own these accounts, where any runs, that changes wait.
pub fn poke(session: &Session, accounts: &[String]) {
    for account in accounts {
        worker::poke(&session.paths.data, account);
    }
}

/// The link's state in a word, and the process that owns the account, who is asked for it.
pub fn link(session: &Session, account: &str) -> (&'static str, Option<u32>) {
    match worker::owner_of(&session.paths.data, account) {
        None => ("offline", None),
        Some(owner) => (worker::link_of(&session.paths.data, account).unwrap_or("unknown"), Some(owner)),
    }
}
