//! A way out that does as it is told, and remembers what it took.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use postrider::mail::outgoing::Fate;
use postrider::remote::submit::{Handover, Submission, Submit, SubmitError};
use tokio::sync::Semaphore;

/// Subject and recipients of what was taken.
type Taken = Arc<Mutex<Vec<(String, Vec<String>)>>>;

/// How one attempt goes; what is not told goes well.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    pub prepare: Option<SubmitError>,
    /// Fates other than Accepted, by address.
    pub fates: Vec<(String, Fate)>,
    pub commit: Option<SubmitError>,
    /// Taken although the answer is something else.
    pub takes: bool,
    /// Waits here until the test lets it go on.
    pub holds_prepare: bool,
    pub holds_commit: bool,
    pub panics: bool,
}

#[derive(Debug)]
pub struct Fake {
    turns: Mutex<VecDeque<Turn>>,
    taken: Taken,
    attempts: Mutex<u32>,
    pub reached: Arc<Semaphore>,
    pub go: Arc<Semaphore>,
}

pub struct Held {
    turn: Turn,
    subject: String,
    accepted: Vec<String>,
    taken: Taken,
    reached: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Fake {
    pub fn new(turns: Vec<Turn>) -> Arc<Self> {
        Arc::new(Self {
            turns: Mutex::new(turns.into()),
            taken: Arc::default(),
            attempts: Mutex::default(),
            reached: Arc::new(Semaphore::new(0)),
            go: Arc::new(Semaphore::new(0)),
        })
    }

    pub fn taken(&self) -> Vec<(String, Vec<String>)> {
        self.taken.lock().unwrap().clone()
    }

    pub fn subjects(&self) -> Vec<String> {
        self.taken().into_iter().map(|(subject, _)| subject).collect()
    }

    pub fn attempts(&self) -> u32 {
        *self.attempts.lock().unwrap()
    }

    /// Waits until an attempt holds.
    pub async fn held(&self) {
        self.reached.acquire().await.unwrap().forget();
    }
}

fn subject(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
}

impl Submit for Fake {
    type Handover = Held;

    async fn prepare(&self, mail: &Submission) -> Result<(Held, Vec<(String, Fate)>), SubmitError> {
        *self.attempts.lock().unwrap() += 1;
        let turn = self.turns.lock().unwrap().pop_front().unwrap_or_default();
        assert!(!turn.panics, "told to");
        if turn.holds_prepare {
            self.reached.add_permits(1);
            self.go.acquire().await.unwrap().forget();
        }
        if let Some(error) = turn.prepare.clone() {
            return Err(error);
        }
        let asked = mail.envelope.recipients.iter().filter(|one| matches!(one.fate, Fate::Pending | Fate::Deferred(_)));
        let fate = |address: &str| turn.fates.iter().find(|(known, _)| known == address).map_or(Fate::Accepted, |(_, fate)| fate.clone());
        let fates: Vec<(String, Fate)> = asked.map(|one| (one.address.clone(), fate(&one.address))).collect();
        let accepted = fates.iter().filter(|(_, fate)| *fate == Fate::Accepted).map(|(address, _)| address.clone()).collect();
        let held = Held {
            turn,
            subject: subject(&mail.bytes),
            accepted,
            taken: self.taken.clone(),
            reached: self.reached.clone(),
            go: self.go.clone(),
        };
        Ok((held, fates))
    }
}

impl Handover for Held {
    async fn commit(self) -> Result<String, SubmitError> {
        if self.turn.commit.is_none() || self.turn.takes {
            self.taken.lock().unwrap().push((self.subject.clone(), self.accepted.clone()));
        }
        if self.turn.holds_commit {
            self.reached.add_permits(1);
            self.go.acquire().await.unwrap().forget();
        }
        self.turn.commit.clone().map_or_else(|| Ok("250 ok".into()), Err)
    }

    async fn abandon(self) {}
}
