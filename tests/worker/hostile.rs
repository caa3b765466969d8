//! One account whose server does everything wrong, and one beside it: the other's new mail shows, requests are answered, the
//! program ends.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider::config::{Account, Config, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Secret, Security, Server};
use postrider::mail::{AccountId, Listing};
use postrider::store::{self, Paths};
use postrider::worker::{LinkState, Request, WorkerEvent, start};

use super::{Stage, wait_for};

/// What a server says to a connection; false ends it.
type Evil = fn(&mut BufReader<TcpStream>) -> bool;

/// How the account stands when its server has done it; empty: it goes on doing it.
const KINDS: &[(&str, Evil, &[&str])] = &[
    ("says nothing", |_| true, &[]),
    ("closes at once", |_| false, &["back-off"]),
    ("says goodbye", |it| say(it, "* BYE full\r\n"), &["back-off"]),
    ("speaks another protocol", |it| say(it, "220 smtp.example.org ESMTP\r\n"), &["back-off"]),
    ("sends garbage", |it| say(it, "\0\u{7}}{(((\"\r\n* (((((\r\n"), &["back-off"]),
    ("greets without end", |it| for_ever(it, "* OK x"), &["back-off"]),
    ("answers without end", |it| signs_in(it) && for_ever(it, "* 1 FETCH (UID 1 FLAGS ())\r\n"), &["back-off"]),
    ("sends one line without end", |it| signs_in(it) && for_ever(it, "* LIST () \"/\" xxxxxxxxxxxxxxxxxxxxxxx"), &["back-off"]),
    ("nests without end", |it| signs_in(it) && for_ever(it, "((((((((((((((("), &["back-off"]),
    ("promises a literal", |it| signs_in(it) && say(it, "* 1 FETCH (BODY[] {99999999999}\r\n"), &["back-off"]),
    ("hangs after the sign-in", |it| signs_in(it) && say(it, "* 3 EXISTS\r\n"), &[]),
    ("leaves after the sign-in", |it| !signs_in(it), &["back-off"]),
    ("refuses the password", |it| hears(it) && say(it, "p1 NO [AUTHENTICATIONFAILED] no\r\n"), &["sign-in"]),
    ("answers what was not asked", |it| hears(it) && say(it, "zz OK done\r\n"), &["back-off"]),
];

fn say(it: &mut BufReader<TcpStream>, text: &str) -> bool {
    it.get_mut().write_all(text.as_bytes()).is_ok()
}

fn for_ever(it: &mut BufReader<TcpStream>, text: &str) -> bool {
    let text = text.repeat(1000);
    while say(it, &text) {}
    false
}

/// Greets and hears the first command.
fn hears(it: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    say(it, "* OK [CAPABILITY IMAP4rev1] hello\r\n") && it.read_line(&mut line).is_ok_and(|count| count > 0)
}

fn signs_in(it: &mut BufReader<TcpStream>) -> bool {
    hears(it) && say(it, "p1 OK [CAPABILITY IMAP4rev1 IDLE] welcome\r\n")
}

/// A server that does this to everybody; its port, and how many came.
fn serve(evil: Evil) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = came.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                if evil(&mut stream) {
                    // and nothing more until the client leaves
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                }
            });
        }
    });
    (port, came)
}

fn account(port: u16) -> Account {
    let server = Server {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new("canary")),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    Account {
        name: "hostile".into(),
        address: "ada@example.org".into(),
        display_name: String::new(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::Imap(server),
        outgoing: postrider::config::Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

fn link(event: &WorkerEvent, of: AccountId, words: &[&str]) -> Option<()> {
    let is_so = |state: &LinkState| words.contains(&state.word());
    matches!(event, WorkerEvent::Link { account, state } if *account == of && is_so(state)).then_some(())
}

#[test]
fn whatever_one_server_does_the_other_account_goes_on() {
    for (kind, evil, words) in KINDS {
        println!("{kind}");
        let (port, came) = serve(*evil);
        let mut stage = Stage::new(3);
        let config = Config { accounts: vec![account(port), stage.config.accounts[0].clone()], ..Config::default() };
        stage.writer.stop();
        stage.writer = store::open(&Paths::in_folder(&stage.folder.path().join("both"))).unwrap();
        let ids = stage.writer.set_accounts(vec!["hostile".into(), "local".into()]).wait().unwrap();
        let mut handle = start(&config, stage.writer.clone(), stage.options()).unwrap();
        let words = if words.is_empty() { &["connecting"] } else { *words };
        // both in either order
        let (mut is_so, mut is_here) = (false, false);
        wait_for(&mut handle, |event| {
            is_so |= link(event, ids[0], words).is_some();
            is_here |= link(event, ids[1], &["online"]).is_some();
            (is_so && is_here).then_some(())
        });
        while came.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let text = "From: b@example.org\r\nSubject: fresh\r\nMessage-ID: <fresh@x>\r\n\r\nnew\r\n";
        std::fs::write(stage.folder.path().join("mail/new/1800000000.fresh.host"), text).unwrap();
        let inbox = || stage.writer.reader().unwrap().find_mailbox("local/Inbox").unwrap().map(|mailbox| mailbox.id);
        let listing = loop {
            if let Some(inbox) = inbox() {
                break Listing::mailbox(inbox, false);
            }
            std::thread::yield_now();
        };
        handle.requests.blocking_send(Request::List(listing.clone())).unwrap();
        wait_for(&mut handle, |event| match event {
            WorkerEvent::Listed { rows, whole: true, .. } => (rows.len() == 4).then_some(()),
            _ => None,
        });
        // what the user asks is answered, and a refused password is not tried again for a check of all mail
        handle.requests.blocking_send(Request::Sync { account: None }).unwrap();
        handle.requests.blocking_send(Request::List(listing)).unwrap();
        wait_for(&mut handle, |event| matches!(event, WorkerEvent::Listed { whole: true, .. }).then_some(()));
        if *kind == "refuses the password" {
            assert_eq!(came.load(Ordering::SeqCst), 1, "{kind}");
        }
        handle.join();
    }
}
