//! A POP3 session over 100,000 messages with nothing new, beside the mere exchange of the same lines.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use postrider::config::{Account, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Leave, Outgoing, Pop3, Secret, Security, Server};
use postrider::events::EventLog;
use postrider::remote::pop3::Deadlines;
use postrider::store::{Paths, Popped, Writer, open};
use postrider::worker::Options;
use postrider::worker::pop3::fetch_once;

#[allow(dead_code)]
#[path = "../tests/support/pop3.rs"]
mod server;

use server::{Maildrop, PASSWORD};

const MESSAGES: usize = 100_000;

fn main() {
    divan::main();
}

fn unique_id(number: usize) -> String {
    format!("{number:08x}5f3c2b1a0000{number:08x}")
}

fn maildrop() -> Maildrop {
    let server = Maildrop::start(&[]);
    let message = |number| server::Message { unique_id: unique_id(number), bytes: Vec::new(), listed: Some(4_321) };
    server.state().messages = (1..=MESSAGES).map(message).collect();
    server
}

/// All of it was fetched before.
fn known(writer: &Writer) {
    let row = |number| Popped {
        unique_id: unique_id(number),
        size: 4_321,
        base_name: Some(format!("1700000000.U{number:032x}.pop3,S=4321")),
        fetched: 1_790_000_000,
        gone: false,
    };
    writer.set_popped("work ada@127.0.0.1", (1..=MESSAGES).map(row).collect()).wait().expect("rows");
}

fn account(port: u16, maildir: std::path::PathBuf) -> Account {
    let server = Server {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::All,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    Account {
        name: "work".into(),
        address: "ada@example.org".into(),
        display_name: String::new(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::Pop3(Pop3 { server, leave: Leave::Days(14), maildir: Some(maildir) }),
        outgoing: Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn nothing_new(bencher: divan::Bencher) {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = open(&Paths::in_folder(folder.path())).expect("a store");
    let server = maildrop();
    let account = account(server.port, folder.path().join("mail"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let round = || {
        let options = Options { offline: false, log: EventLog::default(), trace: None, now: Arc::new(|| 1_790_000_100), seed: 7 };
        let (tell, _events) = tokio::sync::mpsc::channel(100);
        runtime.block_on(fetch_once(writer.clone(), &account, options, Deadlines::default(), tell)).expect("a round");
    };
    // the Maildir is made by a first round over an empty maildrop
    let messages = std::mem::take(&mut server.state().messages);
    round();
    server.state().messages = messages;
    known(&writer);
    bencher.bench_local(round);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn raw_exchange(bencher: divan::Bencher) {
    let server = maildrop();
    bencher.bench_local(|| {
        let mut output = TcpStream::connect(("127.0.0.1", server.port)).expect("the server");
        let mut input = BufReader::new(output.try_clone().expect("the stream"));
        let mut line = String::new();
        input.read_line(&mut line).expect("a greeting");
        for (command, is_long) in [
            ("CAPA", true),
            ("USER ada", false),
            (&format!("PASS {PASSWORD}"), false),
            ("STAT", false),
            ("LIST", true),
            ("UIDL", true),
            ("QUIT", false),
        ] {
            output.write_all(format!("{command}\r\n").as_bytes()).expect("a command");
            loop {
                line.clear();
                input.read_line(&mut line).expect("an answer");
                if !is_long || line == ".\r\n" {
                    break;
                }
            }
        }
    });
}
