//! What leaves the loop beside frames: requests to the worker, lines for `--events`, the title, the
//! clipboard.

use std::collections::VecDeque;

use base64::Engine;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::events::EventLog;
use crate::mail::DisplayText;
use crate::worker::{Request, WorkerEvent};

/// Requests in order; none is lost when the channel is full.
#[derive(Debug)]
pub(super) struct Outbound {
    channel: Sender<Request>,
    waiting: VecDeque<Request>,
    sent: u64,
    said_gone: bool,
}

impl Outbound {
    pub(super) fn new(channel: Sender<Request>) -> Self {
        Self { channel, waiting: VecDeque::new(), sent: 0, said_gone: false }
    }

    /// False if nobody is there to take it.
    pub(super) fn send(&mut self, request: Request) -> bool {
        self.waiting.push_back(request);
        self.flush()
    }

    fn flush(&mut self) -> bool {
        while let Some(request) = self.waiting.pop_front() {
            match self.channel.try_send(request) {
                Ok(()) => self.sent += 1,
                Err(TrySendError::Full(request)) => {
                    self.waiting.push_front(request);
                    return true;
                }
                Err(TrySendError::Closed(_)) => {
                    self.waiting.clear();
                    return false;
                }
            }
        }
        true
    }

    /// Requests that found the channel full.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// It was said that nobody is there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.said_gone
    }

    /// Waits until the channel has room for what waits, and sends it; false if nobody is there any more. Can be
    /// dropped at any time: a request leaves the queue only with a permit in hand.
    pub(super) async fn room(&mut self) -> bool {
        if self.waiting.is_empty() {
            self.channel.closed().await;
            return false;
        }
        let open = match self.channel.reserve().await {
            Ok(permit) => {
                if let Some(request) = self.waiting.pop_front() {
                    permit.send(request);
                    self.sent += 1;
                }
                true
            }
            Err(_) => {
                self.waiting.clear();
                false
            }
        };
        open && self.flush()
    }

    /// How many requests the worker was given.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// True the first time only.
    pub(super) fn says_gone(&mut self) -> bool {
        !std::mem::replace(&mut self.said_gone, true)
    }
}

/// Lines for `--events`, written when what they tell is on the screen.
#[derive(Debug)]
pub(super) struct Reports {
    log: EventLog,
    waiting: Vec<(&'static str, Value)>,
    /// Requests that the worker said it has dealt with.
    handled: Option<u64>,
    worker_ended: bool,
    /// Something happened since the last `settled`.
    busy: bool,
}

impl Reports {
    pub(super) fn new(log: EventLog) -> Self {
        Self { log, waiting: Vec::new(), handled: None, worker_ended: false, busy: true }
    }

    pub(super) fn busy(&mut self) {
        self.busy = true;
    }

    pub(super) fn settled(&mut self, handled: u64) {
        self.handled = Some(handled);
    }

    pub(super) fn worker_ended(&mut self) {
        self.worker_ended = true;
    }

    /// Notes what a script waits for; `mailbox` is the name of a listing.
    pub(super) fn note(&mut self, event: &WorkerEvent, mailbox: Option<String>) {
        match event {
            WorkerEvent::Listed { rows, .. } => self.waiting.push(("listed", json!({ "mailbox": mailbox, "n": rows.len() }))),
            WorkerEvent::Rendered { id, page: Ok(_), .. } => self.waiting.push(("body", json!({ "id": id.0 }))),
            WorkerEvent::Applied { label, .. } => self.waiting.push(("applied", json!({ "label": label }))),
            _ => {}
        }
    }

    pub(super) fn painted(&self) {
        self.log.emit("painted", json!({}));
    }

    /// The screen shows everything; `quiet` if nothing is under way here, with `sent` requests made.
    pub(super) fn drawn(&mut self, quiet: bool, sent: u64) {
        for (name, fields) in self.waiting.drain(..) {
            self.log.emit(name, fields);
        }
        let idle = self.worker_ended || self.handled.is_some_and(|handled| handled >= sent);
        if self.busy && quiet && idle {
            self.busy = false;
            self.log.emit("settled", json!({}));
        }
    }
}

/// OSC 52 with the "c;" form that mosh needs; terminals take about 74 kB.
pub(super) fn clipboard(text: &str) -> Vec<u8> {
    const MAX: usize = 74_000 / 4 * 3;
    let mut end = text.len().min(MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text.get(..end).unwrap_or_default());
    format!("\x1b]52;c;{encoded}\x07").into_bytes()
}

/// OSC 2. The model gives fixed words and numbers; this only makes sure of it.
pub(super) fn title(text: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x07", DisplayText::capped(text, 80)).into_bytes()
}
