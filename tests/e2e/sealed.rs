//! Signed and encrypted mail in the real reader: what it says of them stands where no message can write, and what it opens is
//! nowhere on the disk.

use std::path::{Path, PathBuf};

use crate::keys::{Keyring, encrypted, entity, signed};
use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};
use crate::support::mail::{Maildir, NOON_TEXT};
use crate::support::terminal::{Home, Terminal, until};

const SECRET: &str = "zanzibar-at-dawn";
const SEAL: &str = "signed by Ada <ada@x.example> (trusted key)";

struct World {
    home: Home,
    keys: Keyring,
    maildir: Maildir,
}

fn world() -> World {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive", "Drafts", "Sent", "Trash"]);
    home.configure(&maildir.configuration("local"));
    let keys = Keyring::create(home.path());
    World { home, keys, maildir }
}

impl World {
    fn deliver(&self, number: u32, header: &str, content: &str) {
        let text = format!(
            "{header}\r\nTo: me@home.example\r\nDate: Fri, 20 Nov 2026 11:00:00 +0000\r\nMessage-ID: <e{number}@test.example>\r\nMIME-Version: 1.0\r\n{content}"
        );
        self.maildir.deliver("", number, &text, "", i64::from(number));
    }

    fn reader(&self, more: &[(&str, &str)]) -> Terminal {
        let mut terminal = self.reader_that_waits(more);
        terminal.settle();
        terminal
    }

    /// One that does not come to rest.
    fn reader_that_waits(&self, more: &[(&str, &str)]) -> Terminal {
        Terminal::start_with(&self.home, &[], 120, 40, &[&[("POSTRIDER_NOW", NOON_TEXT)], more].concat())
    }
}

/// Lines of the screen that begin with this, in the first column.
fn at_the_edge(screen: &str, start: &str) -> usize {
    screen.lines().filter(|line| line.starts_with(start)).count()
}

#[test]
fn a_signature_is_told_where_no_message_can_write() {
    let world = world();
    let ada = world.keys.key("Ada <ada@x.example>");
    let hello = entity("words of Ada");
    world.deliver(1, "From: Ada <ada@x.example>\r\nSubject: first", &signed(&hello, &world.keys.signature(&ada, &hello)));
    // the same row as a name, a subject, a text, and as all that a fact is made of
    let row = format!("✓ {SEAL}");
    let filler = "\u{a0}".repeat(110);
    let header = format!("From: \"{filler} {row}\" <eve@evil.example>\r\nList-Id: <{}>\r\nSubject: {row}", row.replace(' ', ""));
    world.deliver(2, &header, &format!("Content-Type: text/plain; charset=utf-8\r\n\r\nwords of Eve\r\n{row}\r\n{SEAL}\r\n"));
    world.deliver(
        3,
        "From: Ada <ada@x.example>\r\nSubject: third",
        &signed(&entity("words of Eve too"), &world.keys.signature(&ada, &hello)),
    );
    let mut terminal = world.reader(&[]);
    terminal.wait_text("words of Ada");
    terminal.press("\r");
    let screen = terminal.wait("the seal", |screen| at_the_edge(screen, &row) == 1);
    assert!(screen.contains("words of Ada"), "{screen}");
    terminal.press("J");
    let screen = terminal.wait("the text that imitates it", |screen| screen.contains("words of Eve"));
    assert!(screen.contains(SEAL) && at_the_edge(&screen, "✓") == 0, "{screen}");
    terminal.press("J");
    let screen = terminal.wait("the forgery", |screen| screen.contains("words of Eve too") && screen.contains("BAD signature"));
    assert!(at_the_edge(&screen, "✗ BAD signature") == 1, "{screen}");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_is_opened_is_read_answered_and_saved_and_lies_nowhere_else() {
    let world = world();
    let ada = world.keys.key("Ada <ada@x.example>");
    let inner = format!(
        "Content-Type: multipart/mixed; protected-headers=v1; boundary=in\r\nSubject: subject of {SECRET}\r\n\r\n--in\r\nContent-Type: text/plain\r\n\r\n\
         text of {SECRET}\r\n--in\r\nContent-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment\r\n\r\nfile of {SECRET}\r\n--in--\r\n"
    );
    let secret = world.keys.encrypted(&ada, &["-u", &ada, "--sign"], &inner);
    world.deliver(1, "From: Ada <ada@x.example>\r\nSubject: ...", &encrypted(&secret));
    let mut terminal = world.reader(&[]);
    terminal.press("\r");
    let screen = terminal.wait("the opened text", |screen| screen.contains(&format!("text of {SECRET}")));
    assert!(screen.contains(&format!("subject of {SECRET}")), "{screen}");
    assert!(at_the_edge(&screen, "✓ encrypted for you") == 1 && at_the_edge(&screen, &format!("✓ {SEAL}")) == 1, "{screen}");
    // its file would lie among the temporary ones
    terminal.press("oa\r");
    terminal.wait_text("came encrypted");
    // it goes where the user says
    terminal.press("S");
    terminal.press("notes");
    terminal.press("\r\r");
    until("the saved file", || holding(world.home.path(), SECRET).iter().any(|path| path.ends_with("notes.txt")));
    // an answer has nothing of it
    terminal.press("r");
    let screen = terminal.wait("the composer", |screen| screen.contains("encrypted and is not quoted"));
    assert!(!screen.contains(SECRET), "{screen}");
    terminal.send("my own words");
    terminal.wait_text("my own words");
    terminal.send("\x18q");
    terminal.wait_gone("my own words");
    until("the draft in its mailbox", || !world.maildir.list("Drafts").is_empty());
    assert_eq!(terminal.quit(), 0);
    let found = holding(world.home.path(), SECRET);
    assert!(found.len() == 1 && found[0].ends_with("notes.txt"), "{found:?}");
    assert_eq!(std::fs::read_to_string(&found[0]).unwrap().trim(), format!("file of {SECRET}"));
}

/// The files below a folder in which a text stands.
fn holding(folder: &Path, wanted: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    holds(folder, wanted.as_bytes(), &mut found);
    found
}

fn holds(folder: &Path, wanted: &[u8], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            holds(&path, wanted, found);
        } else if kind.is_file() && std::fs::read(&path).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted)) {
            found.push(path);
        }
    }
}

#[test]
fn a_locked_key_is_told_and_nothing_is_asked_on_the_screen() {
    let world = world();
    world.keys.gpg(
        &[
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "x",
            "--quick-gen-key",
            "Lock <lock@x.example>",
            "future-default",
            "default",
            "never",
        ],
        b"",
    );
    let secret = world.keys.encrypted("lock@x.example", &[], &entity(SECRET));
    world.keys.run("gpgconf", &["--kill", "gpg-agent"], b"");
    // an agent that was started here asks on this terminal if it is told of it
    let asked = world.home.path().join("asked");
    let script = world.home.path().join("pinentry");
    let text = format!(
        "#!/bin/sh\necho OK\nwhile read -r line; do echo \"$line\" >>{}\ncase \"$line\" in GETPIN*) echo 'ERR 83918950 no terminal <Pinentry>';; BYE*) echo OK; exit;; *) echo OK;; esac; done\n",
        asked.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(world.keys.path("gpg-agent.conf"), format!("pinentry-program {}\n", script.display())).unwrap();
    world.deliver(1, "From: Ada <ada@x.example>\r\nSubject: locked", &encrypted(&secret));
    let mut terminal = world.reader(&[("GPG_TTY", "/dev/tty")]);
    terminal.press("\r");
    let screen = terminal.wait("why it can't be read", |screen| at_the_edge(screen, "✗ encrypted, can't be read: your key is locked") == 1);
    assert!(screen.contains("graphical pinentry") && !screen.contains(SECRET), "{screen}");
    let asked = std::fs::read_to_string(asked).unwrap();
    assert!(asked.contains("GETPIN") && !asked.contains("ttyname"), "{asked}");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_takes_long_is_shown_unchecked_and_ends_when_the_user_goes_on() {
    let world = world();
    let hello = entity("words of Ada");
    world.deliver(1, "From: Ada <ada@x.example>\r\nSubject: first", &signed(&hello, "no signature"));
    world.deliver(2, "From: Ada <ada@x.example>\r\nSubject: second", &entity("plain words"));
    let programs = world.home.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let begun = world.home.path().join("begun");
    std::fs::write(programs.join("gpg"), format!("#!/bin/sh\necho $$ >{}\nexec sleep 1000\n", begun.display())).unwrap();
    std::fs::set_permissions(programs.join("gpg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut terminal = world.reader_that_waits(&[("PATH", &path)]);
    let screen = terminal.wait("the text before it is checked", |screen| screen.contains("signed, being checked"));
    assert!(screen.contains("words of Ada"), "{screen}");
    let process = std::fs::read_to_string(&begun).unwrap();
    let process = Path::new("/proc").join(process.trim());
    assert!(process.exists());
    terminal.press("\rJ");
    terminal.wait_text("plain words");
    until("the program is ended", || !process.exists());
    assert_eq!(terminal.quit(), 0);
}

/// Of a large message the beginning is fetched first; a seal needs all of it.
#[test]
fn a_large_encrypted_message_on_a_server_is_fetched_whole_and_opened() {
    let dovecot = Dovecot::start();
    let home = Home::new();
    let keys = Keyring::create(home.path());
    let ada = keys.key("Ada <ada@example.org>");
    // what can't be packed
    let noise: String = (0..60_000_u64).map(|n| format!("{:x}\r\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let secret = keys.encrypted(&ada, &["-u", &ada, "--sign"], &entity(&format!("the first words\r\n{noise}")));
    let content = encrypted(&secret);
    assert!(content.len() > 600_000, "{}", content.len());
    let text = format!(
        "From: Ada <ada@example.org>\r\nTo: ada@example.org\r\nSubject: Large\r\nMessage-ID: <large@example.org>\r\nMIME-Version: 1.0\r\n{content}"
    );
    dovecot.deliver("ada", "", text.as_bytes());
    home.configure(&format!(
        "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"{HOST}\"\nport = {}\nsecurity = \"tls\"\nusername = \"ada\"\n\
         password = \"{PASSWORD}\"\nca_file = \"{}\"\n",
        dovecot.imaps_port,
        dovecot.ca_file().display()
    ));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Large");
    terminal.press("\r");
    terminal.wait("the opened text", |screen| {
        screen.contains("the first words") && at_the_edge(screen, "✓ signed by Ada <ada@example.org> (trusted key)") == 1
    });
    assert_eq!(terminal.quit(), 0);
}
