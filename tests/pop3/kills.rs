//! The real binary, killed by `kill -9` at seeded moments of fetching and deleting: each message is here or there
//! after any kill, and all are here, once, in the end. `POSTRIDER_SEEDS` says how many kills (default 120),
//! `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cuts::twenty;
use crate::random::Random;
use crate::server::{Maildrop, PASSWORD};
use crate::{files, maildrop, sorted};

/// Each maildrop is fetched from, and killed over, so often.
const KILLS_EACH: u64 = 6;
/// Commands of a session over twenty messages.
const COMMANDS: u64 = 48;

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Home(tempfile::TempDir);

impl Home {
    fn new(server: &Maildrop) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config/postrider");
        std::fs::create_dir_all(&config).unwrap();
        let text = format!(
            "[accounts.old]\naddress = \"ada@example.org\"\n[accounts.old.pop3]\nhost = \"127.0.0.1\"\nport = {}\n\
             security = \"plaintext\"\npassword = \"{PASSWORD}\"\nleave = \"never\"\n",
            server.port
        );
        std::fs::write(config.join("config.toml"), text).unwrap();
        std::fs::set_permissions(config.join("config.toml"), std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command.args(arguments).env_clear().env("HOME", self.0.path()).stdin(Stdio::null());
        for (name, folder) in
            [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache")]
        {
            command.env(name, self.0.path().join(folder));
        }
        command
    }

    fn sync(&self) -> Child {
        self.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The bodies here, leftovers of a kill in `tmp` not among them.
    fn bodies(&self) -> Vec<Vec<u8>> {
        let root = self.0.path().join("data/postrider/pop3/old");
        for left in std::fs::read_dir(root.join("tmp")).into_iter().flatten().flatten() {
            assert!(left.file_name().to_string_lossy().starts_with("fetch-"), "{}", left.path().display());
            std::fs::remove_file(left.path()).unwrap();
        }
        let mut bodies: Vec<Vec<u8>> = files(&root).iter().map(|path| std::fs::read(path).unwrap()).collect();
        bodies.sort();
        bodies
    }
}

#[test]
fn whenever_it_is_killed_every_message_is_here_or_there_and_in_the_end_here_once() {
    let (from, kills) = (number_of("POSTRIDER_SEED_FROM", 1), number_of("POSTRIDER_SEEDS", 120));
    let sent = twenty();
    let all: BTreeSet<Vec<u8>> = sent.iter().map(|(_, bytes)| bytes.clone()).collect();
    for seed in from..from + kills.div_ceil(KILLS_EACH) {
        let server = maildrop(&sent);
        if seed % 2 == 0 {
            server.state().caps = None;
        }
        let home = Home::new(&server);
        let mut random = Random::new(seed);
        for kill in 0..KILLS_EACH {
            let (command, pause) = (random.below(COMMANDS), random.below(15_000));
            let heard = server.state().heard.len();
            let mut child = home.sync();
            server.wait_heard(heard + command as usize, || matches!(child.try_wait(), Ok(Some(_))));
            // the moment of death is part of the seed, as far as a machine allows
            std::thread::sleep(Duration::from_micros(pause));
            let _ = child.kill();
            child.wait().unwrap();
            let context = format!("seed {seed}, kill {kill} after command {command} and {pause} µs");
            let here = home.bodies();
            let once: BTreeSet<Vec<u8>> = here.iter().cloned().collect();
            let there: BTreeSet<Vec<u8>> = server.state().messages.iter().map(|message| message.bytes.clone()).collect();
            assert_eq!(once.len(), here.len(), "{context}: a message is here twice");
            assert!(once.is_subset(&all), "{context}: a part of a message is here");
            assert_eq!(once.union(&there).count(), all.len(), "{context}: a message is lost");
        }
        let done = home.command(&["sync"]).output().unwrap();
        assert!(done.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!((home.bodies(), server.ids().len()), (sorted(&sent), 0), "seed {seed}, settled");
        let list = home.command(&["list", "--json", "--limit", "100"]).output().unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        assert_eq!(list["messages"].as_array().map(Vec::len), Some(20), "seed {seed}: what is listed");
    }
    println!("figure: POP3 fetch and delete: {kills} kills from seed {from}: every message once");
}
