//! Reading and triage over IMAP: the real binary, a real Dovecot, and a second client to say what the
//! server holds.

use base64::Engine as _;

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};
use crate::support::mail::{NOON, NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal, until};

/// One user's mailbox on a server, and a home configured for it.
struct World {
    home: Home,
    dovecot: Dovecot,
}

impl World {
    /// An inbox of `count` messages, number 1 the newest.
    fn new(count: u32) -> Self {
        let dovecot = Dovecot::start();
        for number in (1..=count).rev() {
            dovecot.deliver(
                "ada",
                "",
                message(number, &format!("Subject {number}"), &format!("Body of {number}."), i64::from(number)).as_bytes(),
            );
        }
        let home = Home::new();
        home.configure(&format!(
            "[accounts.work]\naddress = \"ada@example.org\"\nname = \"Ada\"\n[accounts.work.imap]\nhost = \"{HOST}\"\nport = {}\nsecurity = \"tls\"\n\
             username = \"ada\"\npassword = \"{PASSWORD}\"\nca_file = \"{}\"\n[ui]\nmark_read = \"never\"\n",
            dovecot.imaps_port,
            dovecot.ca_file().display()
        ));
        Self { home, dovecot }
    }

    fn open(&self) -> Terminal {
        let mut terminal = self.open_without_waiting();
        terminal.wait_event("link", |event| event["state"] == "online");
        terminal.settle();
        terminal
    }

    fn open_without_waiting(&self) -> Terminal {
        let terminal = Terminal::start_with(&self.home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait_text("Subject 1");
        terminal
    }

    fn other(&self) -> SecondClient {
        SecondClient::login(self.dovecot.imap_port, "ada", PASSWORD)
    }

    /// Where message `number` is and its flags, as a second client sees it; exactly one place or a panic.
    fn place(&self, number: u32) -> (String, Vec<String>) {
        let id = format!("m{number}@example.org");
        let all = self.other().snapshot();
        let found: Vec<_> = all
            .iter()
            .flat_map(|(mailbox, messages)| messages.iter().map(move |message| (mailbox, message)))
            .filter(|(_, message)| message.message_id == id && !message.flags.iter().any(|flag| flag == "\\Deleted"))
            .collect();
        assert_eq!(found.len(), 1, "message {number} is not in exactly one place: {all:?}");
        (found[0].0.clone(), found[0].1.flags.clone())
    }

    /// Waits until the server holds message `number` in `mailbox`.
    fn wait_place(&self, number: u32, mailbox: &str) {
        until(&format!("message {number} in {mailbox}"), || {
            let id = format!("m{number}@example.org");
            let all = self.other().snapshot();
            let places: Vec<_> = all
                .iter()
                .filter(|(_, messages)| messages.iter().any(|message| message.message_id == id))
                .map(|(name, _)| name.as_str())
                .collect();
            places == [mailbox]
        });
    }

    fn wait_flag(&self, number: u32, flag: &str, set: bool) {
        until(&format!("message {number} {flag} {set}"), || self.place(number).1.iter().any(|known| known == flag) == set);
    }
}

#[test]
fn mail_is_listed_opened_and_paged() {
    let world = World::new(90);
    let mut terminal = world.open();
    terminal.press("\r");
    terminal.wait_text("Body of 1.");
    terminal.press("q");
    terminal.press("G");
    terminal.wait_text("Subject 90");
    terminal.press("gg");
    terminal.wait_text("Subject 1 ");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn every_verb_reaches_the_server_and_is_taken_back() {
    let world = World::new(5);
    let mut terminal = world.open();
    terminal.press("s");
    world.wait_flag(1, "\\Flagged", true);
    terminal.press("u");
    world.wait_flag(1, "\\Flagged", false);
    terminal.press("I");
    world.wait_flag(1, "\\Seen", true);
    terminal.press("u");
    world.wait_flag(1, "\\Seen", false);
    for (keys, mailbox) in [("e", "Archive"), ("d", "Trash"), ("!", "Junk"), ("mSent\r", "Sent")] {
        terminal.press("gg");
        terminal.press(keys);
        world.wait_place(1, mailbox);
        terminal.press("u");
        world.wait_place(1, "INBOX");
    }
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn changes_made_while_the_server_is_down_arrive_when_it_is_back() {
    let mut world = World::new(6);
    let mut terminal = world.open();
    world.dovecot.stop();
    terminal.wait_event("link", |event| event["state"] != "online");
    terminal.press("e");
    terminal.press("s");
    terminal.press("jd");
    terminal.press("u");
    terminal.wait_gone("Subject 1 ");
    world.dovecot.restart();
    terminal.wait_event("link", |event| event["state"] == "online");
    world.wait_place(1, "Archive");
    world.wait_flag(2, "\\Flagged", true);
    world.wait_place(3, "INBOX");
    terminal.press("uu");
    world.wait_place(1, "INBOX");
    world.wait_flag(2, "\\Flagged", false);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_was_done_without_a_server_and_taken_back_without_one_leaves_no_trace() {
    let mut world = World::new(4);
    let mut terminal = world.open();
    let before = world.other().snapshot();
    world.dovecot.stop();
    terminal.wait_event("link", |event| event["state"] != "online");
    terminal.press("e");
    terminal.press("d");
    terminal.press("uu");
    world.dovecot.restart();
    terminal.wait_event("link", |event| event["state"] == "online");
    terminal.settle();
    assert_eq!(world.other().snapshot(), before);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_delivery_appears_without_a_key() {
    let world = World::new(3);
    let terminal = world.open();
    world.dovecot.deliver("ada", "", message(50, "Fresh from outside", "New.", 0).as_bytes());
    terminal.wait_text("Fresh from outside");
    assert_eq!(terminal.quit(), 0);
}

/// The mailboxes are looked at by themselves every ten minutes only: this is the server's word.
#[test]
fn a_delivery_into_another_folder_shows_without_a_key() {
    let world = World::new(3);
    let mut other = world.other();
    other.command("CREATE Lists");
    let terminal = world.open();
    let has_unread = |screen: &str| screen.lines().any(|line| line.contains("Lists") && line.contains('1'));
    terminal.wait("the folder, with nothing new", |screen| screen.contains("Lists") && !has_unread(screen));
    other.append("Lists", "", &message(60, "Elsewhere", "New.", 0));
    terminal.wait("one unread in Lists", has_unread);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn changes_by_another_client_appear_and_the_users_touch_stays() {
    let world = World::new(4);
    let mut terminal = world.open();
    let mut other = world.other();
    let uid = |other: &mut SecondClient, number: u32| {
        let id = format!("m{number}@example.org");
        other
            .messages("INBOX")
            .into_iter()
            .find(|message| message.message_id == id)
            .map(|message| message.uid.to_string())
            .expect("the message")
    };
    let (second, third) = (uid(&mut other, 2), uid(&mut other, 3));
    other.store("INBOX", &second, "+FLAGS", "\\Flagged");
    terminal.wait("the other's flag", |screen| screen.lines().any(|line| line.contains("Subject 2") && line.contains('⚑')));
    other.expunge("INBOX", &third);
    terminal.wait_gone("Subject 3");
    // the user reads while the other unflags: both stand
    terminal.press("ggj");
    terminal.press("I");
    other.store("INBOX", &second, "-FLAGS", "\\Flagged");
    world.wait_flag(2, "\\Seen", true);
    world.wait_flag(2, "\\Flagged", false);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn the_first_screen_needs_no_server() {
    let mut world = World::new(30);
    let terminal = world.open();
    assert_eq!(terminal.quit(), 0);
    world.dovecot.stop();
    let mut terminal = world.open_without_waiting();
    terminal.press("jj");
    terminal.press("e");
    assert_eq!(terminal.quit(), 0);
    world.dovecot.restart();
    let (code, _, errors) = world.home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    world.wait_place(3, "Archive");
}

#[test]
fn refusals_are_sentences_with_a_next_step() {
    let world = World::new(1);
    let config = std::fs::read_to_string(world.home.path().join("config/postrider/config.toml")).expect("the configuration");
    for (broken, words) in [
        (config.replace(PASSWORD, "wrong-password"), "sign-in"),
        (config.replace(&format!("ca_file = \"{}\"", world.dovecot.ca_file().display()), ""), "certificate"),
        (config.replace(&format!("host = \"{HOST}\""), "host = \"127.0.0.2\""), "127.0.0.2"),
        (config.replace(&format!("port = {}", world.dovecot.imaps_port), "port = 1"), "refused"),
    ] {
        let home = Home::new();
        home.configure(&broken);
        let (code, _, errors) = home.run(&["sync"]);
        assert_ne!(code, 0);
        assert!(errors.to_lowercase().contains(words), "{words:?} is not said: {errors}");
        assert!(!errors.contains("wrong-password"), "a password was printed");
        let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait_event("link", |event| matches!(event["state"].as_str(), Some("sign-in" | "back-off")));
        terminal.press("gA");
        terminal.wait("the reason", |screen| screen.to_lowercase().contains(words));
        assert_eq!(terminal.quit(), 0);
    }
    assert_eq!(NOON % 60, 0);
}

/// Of a large message the beginning is fetched first; its pictures are fetched when they are asked for.
#[test]
fn a_large_picture_on_a_server_is_fetched_and_drawn_at_a_key() {
    let world = World::new(1);
    // what can't be packed
    let noise = image::RgbImage::from_fn(500, 400, |x, y| {
        image::Rgb((x * 7919 + y * 104_729).wrapping_mul(2_654_435_761).to_be_bytes()[..3].try_into().unwrap())
    });
    let mut png = std::io::Cursor::new(Vec::new());
    noise.write_to(&mut png, image::ImageFormat::Png).expect("a picture");
    let body = base64::engine::general_purpose::STANDARD.encode(png.into_inner());
    let lines: Vec<&str> = body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    assert!(body.len() > 500_000, "{}", body.len());
    let text = format!(
        "From: Ada <ada@example.org>\r\nTo: ada@example.org\r\nSubject: Large\r\nMessage-ID: <large@example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nLook at this\r\n--b\r\n\
         Content-Type: image/png; name=noise.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    );
    world.dovecot.deliver("ada", "", text.as_bytes());
    let mut terminal = world.open();
    terminal.wait_text("Large");
    terminal.press("gg\r");
    terminal.wait("the beginning", |screen| screen.contains("Look at this") && screen.contains("is not here yet"));
    terminal.press("zi");
    terminal.wait("the picture", |screen| screen.contains("[noise.png, PNG 500×400]") && screen.contains('▀'));
    assert_eq!(terminal.quit(), 0);
}
