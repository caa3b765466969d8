//! A home, a mail store and a way out that can be put back to where an operation begins; runs of the operation there; and the
//! ledger: every message that the server, the store, the outbox and the receiver hold, one line each.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::operations::{Act, FOLDERS, MESSAGES, Operation, Over};
use crate::support::mail::{Maildir, NOON_TEXT, message};
use crate::support::smtp::{Script, ScriptedSmtp};
use crate::support::terminal::{Home, Terminal};

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Several stages share one server.
static STAGES: AtomicU32 = AtomicU32::new(0);

pub struct Stage {
    pub home: Home,
    /// How everything was before the operation.
    template: tempfile::TempDir,
    smtp: ScriptedSmtp,
    /// Messages that the receiver had before this run.
    taken: usize,
    #[cfg(feature = "servers")]
    dovecot: Option<std::sync::Arc<crate::servers::dovecot::Dovecot>>,
    /// Instead of the server's own.
    #[cfg(feature = "servers")]
    port: Option<u16>,
    /// The user of this run on that server.
    user: String,
    runs: usize,
    with_bodies: bool,
    by_reader: bool,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Ran {
    /// None: killed, or a reader.
    pub code: Option<i32>,
    /// What it said to people.
    pub words: String,
    /// What the user was promised: characters of a draft, or 1 for a change that was acknowledged.
    pub owed: usize,
}

/// Sorted lines.
pub type Ledger = Vec<String>;

impl Stage {
    /// None where the operation needs a server that is not compiled in.
    pub fn new(operation: &Operation) -> Option<Self> {
        let home = Home::new();
        let smtp = ScriptedSmtp::start(Script::default());
        if operation.over == Over::Imap && cfg!(not(feature = "servers")) {
            return None;
        }
        let mut stage = Self {
            home,
            template: tempfile::tempdir().expect("a folder"),
            smtp,
            taken: 0,
            #[cfg(feature = "servers")]
            dovecot: (operation.over == Over::Imap).then(crate::servers::dovecot::Dovecot::shared),
            #[cfg(feature = "servers")]
            port: None,
            user: format!("u{}", STAGES.fetch_add(1, Ordering::Relaxed)),
            runs: 0,
            with_bodies: operation.name == "body fetch",
            by_reader: matches!(operation.run, Act::Keys(_)),
        };
        stage.fill();
        for act in operation.prepare {
            let ran = stage.run(act, &[], None);
            assert!(ran.code.is_none_or(|code| code == 0) && (ran.code.is_some() || ran.owed > 0), "{}: {act:?}: {ran:?}", operation.name);
        }
        copy(stage.home.path(), stage.template.path());
        Some(stage)
    }

    fn fill(&mut self) {
        let path = self.home.path().join("mail");
        match operations_over(self) {
            Over::Maildir => Maildir::create(&path, FOLDERS).fill(MESSAGES),
            Over::Imap => {
                #[cfg(feature = "servers")]
                for number in (1..=MESSAGES).rev() {
                    let text = message(number, &format!("Subject {number}"), &format!("Body of {number}."), i64::from(number));
                    self.dovecot.as_ref().expect("a server").deliver(&self.user, "", text.as_bytes());
                }
                #[cfg(not(feature = "servers"))]
                let _ = message(1, "", "", 0);
            }
        }
        self.configure();
    }

    fn configure(&self) {
        let incoming = match operations_over(self) {
            Over::Maildir => format!("[accounts.local.maildir]\npath = \"{}\"\n", self.home.path().join("mail").display()),
            Over::Imap => self.imap(),
        };
        self.home.configure(&format!(
            "# mine\n[accounts.local]\naddress = \"ada@example.org\"\n{incoming}[accounts.local.smtp]\nhost = \"127.0.0.1\"\nport = {}\n\
             security = \"plaintext\"\nusername = \"ada\"\npassword = \"correct-horse-7\"\n[ui]\nthreads = false\nmark_read = \"never\"\n",
            self.smtp.port
        ));
    }

    #[cfg(feature = "servers")]
    fn imap(&self) -> String {
        let (user, password) = (&self.user, crate::servers::dovecot::PASSWORD);
        let port = self.port.unwrap_or_else(|| self.server_port());
        format!(
            "[accounts.local.imap]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"plaintext\"\nusername = \"{user}\"\npassword = \"{password}\"\n"
        )
    }

    #[cfg(feature = "servers")]
    pub fn server_port(&self) -> u16 {
        self.dovecot.as_ref().expect("a server").imap_port
    }

    /// From the next run on the server is reached by this wire.
    #[cfg(feature = "servers")]
    pub fn through(&mut self, wire: &crate::wire::Wire) {
        self.port = Some(wire.port);
    }

    #[cfg(not(feature = "servers"))]
    fn imap(&self) -> String {
        unreachable!("no server")
    }

    /// Everything as it was before the operation; a server has a user of its own for each run.
    pub fn restore(&mut self) {
        for entry in fs::read_dir(self.home.path()).expect("the home") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("an empty home");
        }
        copy(self.template.path(), self.home.path());
        self.taken = self.smtp.taken().len();
        self.runs += 1;
        #[cfg(feature = "servers")]
        if let Some(dovecot) = &self.dovecot {
            let first = self.user.split('-').next().unwrap_or_default().to_owned();
            if self.runs > 1 {
                let _ = fs::remove_dir_all(dovecot.maildir(&self.user).parent().expect("a home"));
            }
            self.user = format!("{first}-{}", self.runs);
            let home = |user: &str| dovecot.maildir(user).parent().expect("a home").to_owned();
            let done = Command::new("cp").arg("-a").arg(home(&first)).arg(home(&self.user)).status();
            assert!(done.is_ok_and(|status| status.success()), "a copy of the user's mail");
            self.configure();
        }
    }

    /// Runs an act, by the program `before` if there is one, and kills it after `life` if there is one.
    pub fn run(&self, act: &Act, before: &[String], life: Option<Duration>) -> Ran {
        match act {
            Act::Command(words) => {
                let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
                self.command(&words, None, before, life)
            }
            Act::Send(words, subject) => {
                let text = format!(
                    "From: ada@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\nText\r\n"
                );
                let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
                self.command(&words, Some(&text), before, life)
            }
            Act::Keys(keys) => {
                let mut terminal = self.reader(before);
                let killing = life.map(|life| kill_after(terminal.process_id(), life));
                let owed = keys(&mut terminal);
                drop(terminal);
                killing.into_iter().for_each(|killing| killing.join().expect("a kill"));
                Ran { code: None, words: String::new(), owed }
            }
            Act::Do(run) => {
                run(self.home.path());
                Ran { code: Some(0), ..Ran::default() }
            }
        }
    }

    pub fn reader(&self, before: &[String]) -> Terminal {
        let above: Vec<&str> = before.iter().map(String::as_str).collect();
        Terminal::start_under(&self.home, &above, &[], (100, 30), &[("POSTRIDER_NOW", NOON_TEXT)])
    }

    /// `{3}` becomes the id of "Subject 3", `{home}` the home.
    fn filled(&self, word: &str) -> String {
        if let Some(number) = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            if number == "home" {
                return self.home.path().display().to_string();
            }
            let (_, list, _) = self.home.run(&["list", "--json"]);
            let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
            let found = list["messages"].as_array().expect("messages").iter().find(|one| one["subject"] == format!("Subject {number}"));
            return found.expect("the message")["id"].to_string();
        }
        word.replace("{home}", &self.home.path().display().to_string())
    }

    fn command(&self, words: &[String], stdin: Option<&str>, before: &[String], life: Option<Duration>) -> Ran {
        let (events, out) = (self.home.path().join("events.jsonl"), self.home.path().join("words.out"));
        let _ = fs::remove_file(&events);
        let program = env!("CARGO_BIN_EXE_postrider").to_owned();
        let mut all = before.to_vec();
        all.extend([program, "--events".to_owned(), events.display().to_string()]);
        all.extend_from_slice(words);
        let said = fs::File::create(&out).expect("a file for its words");
        let mut child = Command::new(&all[0])
            .args(&all[1..])
            .env_clear()
            .envs(self.home.environment())
            .env("POSTRIDER_NOW", NOON_TEXT)
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(said.try_clone().expect("the same file"))
            .stderr(said)
            .spawn()
            .expect("the program starts");
        // who was killed reads no more
        let _ = child.stdin.take().expect("its stdin").write_all(stdin.unwrap_or_default().as_bytes());
        let killing = life.map(|life| kill_after(child.id(), life));
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < end, "{all:?} does not end");
            // a child's end can't be waited for with a deadline
            std::thread::sleep(Duration::from_millis(1));
        };
        killing.into_iter().for_each(|killing| killing.join().expect("a kill"));
        let mut words = fs::read_to_string(&out).unwrap_or_default();
        fs::File::open(&events).and_then(|mut file| file.read_to_string(&mut words)).unwrap_or_default();
        Ran { code: status.code().filter(|code| *code != 137), words, owed: 0 }
    }

    /// Starts normally and lets everything come to rest.
    pub fn settle(&self) -> Result<(), String> {
        if self.by_reader {
            let mut terminal = self.reader(&[]);
            terminal.wait_text("Subject");
            terminal.settle();
            if terminal.quit() != 0 {
                return Err("the reader did not end well".into());
            }
        }
        for _ in 0..2 {
            let (code, out, errors) = self.home.run(&["sync"]);
            if code != 0 {
                return Err(format!("the next sync ends with {code}: {out}{errors}"));
            }
        }
        Ok(())
    }

    pub fn ledger(&self) -> Ledger {
        let mut lines = Vec::new();
        for folder in std::iter::once(&"").chain(FOLDERS) {
            let name = if folder.is_empty() { "Inbox" } else { folder };
            for (path, flags) in files(&self.mail(folder)) {
                let text = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
                let (header, body) = text.split_once("\n\n").unwrap_or((&text, ""));
                let subject = header.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
                lines.push(format!("server {name} [{subject}] {flags} {}", body.trim()));
            }
            lines.extend(self.stored(name));
        }
        let json = |words: &[&str]| {
            let (_, out, errors) = self.home.run(words);
            serde_json::from_str::<serde_json::Value>(&out).unwrap_or_else(|_| panic!("{words:?}: {out}{errors}"))
        };
        for item in json(&["outbox", "--json"])["items"].as_array().into_iter().flatten() {
            lines.push(format!("outbox [{}] {}", item["subject"].as_str().unwrap_or_default(), item["state"].as_str().unwrap_or_default()));
        }
        let status = json(&["status", "--json"]);
        lines.push(format!("waiting {}, drafts {}", status["waiting"], status["drafts"]));
        for taken in self.smtp.taken().split_off(self.taken) {
            let text = String::from_utf8_lossy(&taken.data).into_owned();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
            lines.push(format!("taken [{subject}]"));
        }
        let configuration = fs::read_to_string(self.home.path().join("config/postrider/config.toml")).unwrap_or_default();
        lines.push(format!("configuration {}", configuration.replace(&self.user, "USER").replace('\n', "|")));
        lines.sort();
        lines
    }

    /// What the store shows of a mailbox.
    fn stored(&self, name: &str) -> Vec<String> {
        let (code, list, _) = self.home.run(&["list", "--json", "--limit", "1000", "--mailbox", &format!("local/{name}")]);
        if code != 0 {
            return Vec::new();
        }
        let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
        let line = |one: &serde_json::Value| {
            let text = match self.with_bodies {
                true => self.home.run(&["show", &one["id"].to_string(), "--text"]).1.replace('\n', "|"),
                false => String::new(),
            };
            format!("store {name} [{}] {} {text}", one["subject"].as_str().unwrap_or_default(), one["flags"])
        };
        list["messages"].as_array().expect("messages").iter().map(line).collect()
    }

    /// Where the messages of a folder lie, here or on the server.
    fn mail(&self, folder: &str) -> PathBuf {
        #[cfg(feature = "servers")]
        let root = self.dovecot.as_ref().map(|dovecot| dovecot.maildir(&self.user));
        #[cfg(not(feature = "servers"))]
        let root = None;
        let root = root.unwrap_or_else(|| self.home.path().join("mail"));
        if folder.is_empty() { root } else { root.join(format!(".{folder}")) }
    }
}

fn operations_over(stage: &Stage) -> Over {
    #[cfg(feature = "servers")]
    if stage.dovecot.is_some() {
        return Over::Imap;
    }
    let _ = stage;
    Over::Maildir
}

/// Messages of a folder and their flags in the order of the alphabet; those marked as deleted are on their way out.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = ["cur", "new"].into_iter().flat_map(|sub| fs::read_dir(folder.join(sub)).into_iter().flatten().flatten());
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (entry.path(), name.split_once(":2,").map(|(_, flags)| flags.to_owned()).unwrap_or_default())
        })
        .collect()
}

/// All of a folder with owners and times.
pub fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()), "{} is copied", from.display());
}

/// SIGKILL after a while, to this process and no other that gets its number later.
fn kill_after(process: u32, life: Duration) -> std::thread::JoinHandle<()> {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    let handle = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty());
    std::thread::spawn(move || {
        // the moment of death is part of the seed, as far as a machine allows
        std::thread::sleep(life);
        // who ended before can't be killed
        let _ = handle.and_then(|handle| rustix::process::pidfd_send_signal(handle, rustix::process::Signal::KILL));
    })
}
