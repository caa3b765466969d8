//! The loop beside a reader: when it fetches, what it tells of itself, and how it hears of a password.

use std::sync::Arc;
use std::time::Duration;

use postrider::config::{Config, Credentials, Incoming, Leave, Pop3, Secret};
use postrider::events::EventLog;
use postrider::mail::AccountId;
use postrider::worker::{Handle, JobState, LinkState, Options, Request, WorkerEvent, start};

use crate::server::{Act, Maildrop, PASSWORD, message};
use crate::{Client, NOW, letter, letters, maildrop, server_at};

/// A worker with one account over this server.
struct Reader {
    handle: Handle,
    runtime: tokio::runtime::Runtime,
    _client: Client,
}

impl Reader {
    fn start(server: &Maildrop, credentials: Credentials) -> Self {
        let client = Client::new();
        let mut account = client.account("work", server.port, Leave::Always);
        let pop3 = Pop3 { server: server_at(server.port, PASSWORD), leave: Leave::Always, maildir: None };
        account.incoming = Incoming::Pop3(Pop3 { server: postrider::config::Server { credentials, ..pop3.server }, ..pop3 });
        let config = Config { accounts: vec![account], ..Config::default() };
        let options = Options { offline: false, log: EventLog::default(), trace: None, now: Arc::new(|| NOW), seed: 7 };
        let handle = start(&config, client.writer.clone(), options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { handle, runtime, _client: client }
    }

    /// Reads events up to the one that is waited for.
    fn wait(&mut self, what: &str, mut is_it: impl FnMut(&WorkerEvent) -> bool) -> Vec<WorkerEvent> {
        let mut seen = Vec::new();
        loop {
            let next = self.handle.events.recv();
            let next = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), next).await });
            let Ok(Some(event)) = next else { panic!("{what} did not come: {seen:#?}") };
            let found = is_it(&event);
            seen.push(event);
            if found {
                return seen;
            }
        }
    }

    /// Waits until mail was fetched and all is at rest.
    fn wait_online(&mut self) -> Vec<WorkerEvent> {
        let mut seen = self.wait("online", |event| matches!(event, WorkerEvent::Link { state: LinkState::Online { push: false, .. }, .. }));
        seen.extend(self.wait("rest", |event| matches!(event, WorkerEvent::Settled { .. })));
        seen
    }

    fn total(&self) -> u32 {
        let reader = self._client.writer.reader().unwrap();
        reader.mailboxes().unwrap().iter().filter(|mailbox| mailbox.name == "Inbox").map(|mailbox| mailbox.total).sum()
    }

    fn ask(&self, request: Request) {
        self.handle.requests.try_send(request).unwrap();
    }
}

fn password(text: &str) -> Credentials {
    Credentials::Password(Secret::new(text))
}

#[test]
fn mail_is_fetched_at_the_start_and_when_it_is_checked_for_and_is_there_when_all_rests() {
    let server = maildrop(&letters(3));
    let mut reader = Reader::start(&server, password(PASSWORD));
    let seen = reader.wait_online();
    assert!(
        seen.iter().any(|event| matches!(event, WorkerEvent::Job(job) if job.label.contains("work") && job.state == JobState::Finished))
    );
    assert_eq!(reader.total(), 3);
    let reader_names: Vec<String> =
        reader._client.writer.reader().unwrap().mailboxes().unwrap().into_iter().map(|mailbox| mailbox.name).collect();
    assert_eq!(reader_names, ["Inbox", "Drafts", "Sent", "Archive", "Trash"]);
    server.state().messages.push(message("new", &letter(9)));
    reader.ask(Request::Sync { account: None });
    reader.wait_online();
    assert_eq!((reader.total(), server.count("RETR")), (4, 4));
    reader.handle.join();
}

#[test]
fn a_refused_password_waits_for_the_user_and_mail_fetched_before_is_read_meanwhile() {
    let server = maildrop(&letters(2));
    let mut reader = Reader::start(&server, password("wrong"));
    reader.wait("the refusal", |event| matches!(event, WorkerEvent::Link { state: LinkState::SignIn { refused: Some(_) }, .. }));
    reader.wait("rest", |event| matches!(event, WorkerEvent::Settled { .. }));
    reader.ask(Request::Sync { account: None });
    reader.wait("rest again", |event| matches!(event, WorkerEvent::Settled { handled: 1 }));
    assert_eq!(server.state().sessions, 1, "checking for mail does not repeat a refused sign-in");
    reader.ask(Request::Credentials { account: AccountId(1), secret: Secret::new(PASSWORD) });
    reader.wait_online();
    assert_eq!((reader.total(), server.state().sessions), (2, 2));
    reader.handle.join();
}

#[test]
fn fetching_that_is_cancelled_keeps_what_came_and_deletes_nothing() {
    let server = maildrop(&letters(3));
    server.state().acts = vec![("RETR 1".into(), Act::Stall)];
    let mut reader = Reader::start(&server, password(PASSWORD));
    let seen = reader.wait("progress", |event| matches!(event, WorkerEvent::Job(job) if job.state == JobState::Running));
    let Some(WorkerEvent::Job(job)) = seen.last() else { panic!() };
    reader.ask(Request::Cancel(job.id));
    reader.wait("the end", |event| matches!(event, WorkerEvent::Job(job) if job.state == JobState::Cancelled));
    reader.wait_online();
    assert!(reader.total() <= 2 && server.count("DELE") == 0);
    server.state().acts.clear();
    reader.ask(Request::Sync { account: None });
    reader.wait_online();
    assert_eq!(reader.total(), 3);
    reader.handle.join();
}

#[test]
fn a_server_that_is_busy_is_asked_again_later_in_its_own_words() {
    let server = maildrop(&letters(2));
    server.state().acts = vec![("AUTH".into(), Act::Say(b"-ERR [IN-USE] another session has it\r\n".to_vec()))];
    let mut reader = Reader::start(&server, Credentials::Ask);
    reader.wait("the question", |event| matches!(event, WorkerEvent::Link { state: LinkState::SignIn { refused: None }, .. }));
    assert_eq!(server.state().sessions, 0, "without a password nobody is asked");
    reader.ask(Request::Credentials { account: AccountId(1), secret: Secret::new(PASSWORD) });
    let seen = reader.wait("the pause", |event| matches!(event, WorkerEvent::Link { state: LinkState::BackOff { .. }, .. }));
    let Some(WorkerEvent::Link { state: LinkState::BackOff { why, retry_at }, .. }) = seen.last() else { panic!() };
    assert!(why.contains("another session has it") && *retry_at >= NOW + 60, "{why} {retry_at}");
    server.state().acts.clear();
    reader.ask(Request::Retry { account: AccountId(1) });
    reader.wait_online();
    assert_eq!(reader.total(), 2);
    reader.handle.join();
}
