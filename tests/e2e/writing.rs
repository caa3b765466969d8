//! Writing and sending: the real binary with two accounts, a real Postfix that hands to a real Dovecot, and what arrives.

use crate::second_client::SecondClient;
use crate::servers::dovecot::{HOST, PASSWORD};
use crate::servers::postfix::Mta;
use crate::support::mail::{NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal, until};

/// A reader with the accounts `work` (ada) and `home` (bob) on one pair of servers; every test has its own.
struct World {
    mta: Mta,
    home: Home,
}

const UNDO_NONE: &str = "undo_seconds = 0";

impl World {
    fn new(send: &str) -> Self {
        let mta = Mta::start();
        let home = Home::new();
        let account = |name: &str, user: &str| {
            let (imaps, smtps, ca) = (mta.dovecot.imaps_port, mta.smtps_port, mta.ca_file());
            format!(
                "[accounts.{name}]\naddress = \"{user}@example.org\"\nname = \"{user} the sender\"\n\
                 [accounts.{name}.imap]\nhost = \"{HOST}\"\nport = {imaps}\nusername = \"{user}\"\npassword = \"{PASSWORD}\"\nca_file = \"{ca}\"\n\
                 [accounts.{name}.smtp]\nhost = \"{HOST}\"\nport = {smtps}\nusername = \"{user}\"\npassword = \"{PASSWORD}\"\nca_file = \"{ca}\"\n",
                ca = ca.display()
            )
        };
        home.configure(&format!("{}{}[send]\n{send}\n[ui]\nmark_read = \"never\"\n", account("work", "ada"), account("home", "bob")));
        Self { mta, home }
    }

    /// A message in ada's inbox; `header`: From, To and the like.
    fn deliver(&self, number: u32, subject: &str, header: &str) {
        let text = message(number, subject, "Shall we meet on Friday?\r\nThe quay is free.", i64::from(number));
        let (_, rest) = text.split_once("Subject:").expect("its own From and To");
        self.mta.dovecot.deliver("ada", "", format!("{header}Subject:{rest}").as_bytes());
    }

    fn open(&self) -> Terminal {
        let mut terminal = Terminal::start_with(&self.home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
        for _ in 0..2 {
            terminal.wait_event("link", |event| event["state"] == "online");
        }
        terminal.settle();
        terminal
    }

    /// The Message-IDs in a mailbox as another client sees it.
    fn held(&self, user: &str, mailbox: &str) -> Vec<String> {
        let mut other = SecondClient::login(self.mta.dovecot.imap_port, user, PASSWORD);
        let all = other.snapshot();
        all.get(mailbox).into_iter().flatten().map(|message| message.message_id.clone()).collect()
    }

    fn wait_held(&self, user: &str, mailbox: &str, count: usize) -> Vec<String> {
        until(&format!("{count} messages in {mailbox} of {user}"), || self.held(user, mailbox).len() == count);
        self.held(user, mailbox)
    }

    /// The only message in a user's inbox, as text with "\n".
    fn arrived(&self, user: &str) -> String {
        let all = self.mta.wait_inbox(user, 1);
        assert_eq!(all.len(), 1, "once and no more");
        String::from_utf8_lossy(&all[0]).replace("\r\n", "\n")
    }
}

/// The unfolded value of a header field.
fn field(message: &str, name: &str) -> Option<String> {
    let (header, _) = message.split_once("\n\n").unwrap_or((message, ""));
    let unfolded = header.replace("\n ", " ").replace("\n\t", " ");
    unfolded.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

/// Waits until messages of the outbox have come to this state for the `count`-th time.
fn wait_outbox(terminal: &Terminal, state: &str, count: usize) {
    terminal.wait_events(count, "outbox", |event| event["state"] == state);
}

#[test]
fn a_reply_with_a_file_arrives_in_the_other_account_and_shows_there_by_itself() {
    let world = World::new(UNDO_NONE);
    world.deliver(1, "The quay", "From: Bob <bob@example.org>\r\nTo: Ada <ada@example.org>\r\n");
    std::fs::write(world.home.path().join("plan.txt"), "first the racks\n").expect("the file");
    let mut terminal = world.open();
    terminal.wait_text("The quay");
    terminal.press("r");
    terminal.wait_text("Re: The quay");
    terminal.press("Friday works, the plan is attached.");
    terminal.press("\x18a");
    terminal.press(&format!("{}/plan.txt\r", world.home.path().display()));
    terminal.wait_text("plan.txt");
    terminal.press("\x18s");
    wait_outbox(&terminal, "filed", 1);

    let arrived = world.arrived("bob");
    let sent = world.wait_held("ada", "Sent", 1);
    assert_eq!(field(&arrived, "Message-ID").as_deref(), Some(&*format!("<{}>", sent[0])));
    assert!(sent[0].ends_with("@example.org"), "{sent:?}");
    assert_eq!(field(&arrived, "From").as_deref(), Some("\"ada the sender\" <ada@example.org>"));
    assert!(field(&arrived, "To").expect("To").contains("bob@example.org"));
    assert_eq!(field(&arrived, "Subject").as_deref(), Some("Re: The quay"));
    assert_eq!(field(&arrived, "In-Reply-To").as_deref(), Some("<m1@example.org>"));
    assert_eq!(field(&arrived, "References").as_deref(), Some("<m1@example.org>"));
    assert!(field(&arrived, "User-Agent").is_none() && field(&arrived, "X-Mailer").is_none() && field(&arrived, "Bcc").is_none());
    assert!(arrived.contains("filename=\"plan.txt\"") || arrived.contains("filename=plan.txt"), "{arrived}");
    assert!(arrived.contains("Friday works, the plan is attached."), "{arrived}");
    assert!(arrived.contains("> Shall we meet on Friday?"), "{arrived}");

    // the other account hears of it without a key
    terminal.wait("one message in home's inbox", |screen| {
        let home = screen.lines().skip_while(|line| !line.starts_with("home")).nth(1);
        home.is_some_and(|inbox| inbox.contains("Inbox") && inbox.chars().take(22).collect::<String>().trim_end().ends_with('1'))
    });
    // what was answered says so
    until("the answered mark on the server", || {
        let mut other = SecondClient::login(world.mta.dovecot.imap_port, "ada", PASSWORD);
        other.snapshot()["INBOX"].iter().any(|message| message.flags.iter().any(|flag| flag == "\\Answered"))
    });
    assert_eq!(world.mta.inbox("bob").len(), 1);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_reply_to_all_goes_to_everyone_but_us_and_a_forward_takes_the_text_along() {
    let world = World::new(UNDO_NONE);
    world.deliver(
        1,
        "The quay",
        "From: Carl <carl@example.org>\r\nTo: Ada <ada@example.org>, Dora <dora@example.org>\r\nCc: Bob <bob@example.org>\r\n",
    );
    let mut terminal = world.open();
    terminal.wait_text("The quay");
    terminal.press("a");
    terminal.wait_text("Re: The quay");
    terminal.press("Yes.");
    terminal.press("\x18s");
    wait_outbox(&terminal, "filed", 1);
    for user in ["carl", "dora"] {
        let arrived = world.arrived(user);
        let everyone = format!("{} {}", field(&arrived, "To").unwrap_or_default(), field(&arrived, "Cc").unwrap_or_default());
        assert!(everyone.contains("carl@example.org") && everyone.contains("dora@example.org"), "{everyone}");
        assert!(!everyone.contains("ada@example.org"), "{everyone}");
    }
    assert!(world.mta.inbox("ada").len() == 1, "nothing came back to the writer");

    terminal.press("f");
    terminal.wait_text("Fwd: The quay");
    terminal.press("eve@example.org");
    terminal.press("\x18s");
    wait_outbox(&terminal, "filed", 2);
    let arrived = world.arrived("eve");
    assert_eq!(field(&arrived, "Subject").as_deref(), Some("Fwd: The quay"));
    assert!(arrived.contains("The quay is free.") && arrived.contains("carl@example.org"), "{arrived}");
    world.wait_held("ada", "Sent", 2);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_is_sent_can_be_taken_back_into_the_composer_and_then_goes_once() {
    let world = World::new("undo_seconds = 600");
    world.deliver(1, "The quay", "From: Bob <bob@example.org>\r\nTo: Ada <ada@example.org>\r\n");
    let mut terminal = world.open();
    terminal.wait_text("The quay");
    terminal.press("r");
    terminal.wait_text("Re: The quay");
    terminal.press("Too early.");
    terminal.press("\x18s");
    wait_outbox(&terminal, "held", 1);
    terminal.press("u");
    terminal.wait_text("Too early.");
    assert!(world.mta.inbox("bob").is_empty() && world.held("ada", "Sent").is_empty());
    terminal.press("Now.");
    terminal.press("\x18s");
    wait_outbox(&terminal, "held", 2);
    // sent now instead of when the time is over
    terminal.press("g$");
    terminal.press("s");
    wait_outbox(&terminal, "filed", 1);
    let arrived = world.arrived("bob");
    assert!(arrived.contains("Too early.Now."), "{arrived}");
    world.wait_held("ada", "Sent", 1);
    terminal.press("q");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_is_to_be_sent_later_waits_for_its_time_also_over_a_restart() {
    let world = World::new(UNDO_NONE);
    world.deliver(1, "The quay", "From: Bob <bob@example.org>\r\nTo: Ada <ada@example.org>\r\n");
    let mut terminal = world.open();
    terminal.wait_text("The quay");
    terminal.press("r");
    terminal.wait_text("Re: The quay");
    terminal.press("Later.");
    terminal.press("\x18l");
    terminal.press("2h\r");
    wait_outbox(&terminal, "held", 1);
    assert_eq!(terminal.quit(), 0);
    assert!(world.mta.inbox("bob").is_empty());
    // an hour later it is still early, three hours later it is due
    for (now, due) in [("2026-11-20T13:00:00Z", false), ("2026-11-20T15:00:00Z", true)] {
        let mut terminal = Terminal::start_with(&world.home, &[], 120, 40, &[("POSTRIDER_NOW", now)]);
        terminal.wait_event("link", |event| event["state"] == "online");
        terminal.settle();
        if due {
            wait_outbox(&terminal, "filed", 1);
        } else {
            assert!(world.mta.inbox("bob").is_empty());
        }
        assert_eq!(terminal.quit(), 0);
    }
    assert!(world.arrived("bob").contains("Later."));
}

#[test]
fn with_the_server_down_it_waits_and_goes_when_the_server_is_back() {
    let mut world = World::new(UNDO_NONE);
    world.deliver(1, "The quay", "From: Bob <bob@example.org>\r\nTo: Ada <ada@example.org>\r\n");
    let mut terminal = world.open();
    terminal.wait_text("The quay");
    world.mta.stop();
    terminal.press("r");
    terminal.wait_text("Re: The quay");
    terminal.press("Through the storm.");
    terminal.press("\x18s");
    terminal.wait_text("outbox 1");
    wait_outbox(&terminal, "sending", 1);
    wait_outbox(&terminal, "queued", 2);
    world.mta.restart();
    terminal.press("g$");
    terminal.press("s");
    wait_outbox(&terminal, "filed", 1);
    assert!(world.arrived("bob").contains("Through the storm."));
    world.wait_held("ada", "Sent", 1);
    terminal.press("q");
    terminal.wait_gone("outbox 1");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_refused_recipient_brings_the_text_back_with_the_servers_words() {
    let world = World::new(UNDO_NONE);
    let mut terminal = world.open();
    terminal.press("c");
    terminal.press("nobody@example.org\tHello\tAnybody there?");
    terminal.press("\x18s");
    wait_outbox(&terminal, "refused", 1);
    terminal.wait("the server's words", |screen| screen.contains("Not sent") && screen.contains("550"));
    terminal.press("\x18o");
    terminal.wait_text("Anybody there?");
    assert!(world.held("ada", "Sent").is_empty(), "what was not sent is not in Sent");
    terminal.press("\x18k");
    assert_eq!(terminal.quit(), 0);
}
