//! A Dovecot of our own: IMAP on loopback (one port for plain and STARTTLS, one for TLS), every user name
//! exists with the password [`PASSWORD`], mail in Maildirs under a temporary folder, gone when dropped.
//! Works for root (mail belongs to uid 5000 then) and for ordinary users.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::authority::Authority;

/// The password of every user.
pub const PASSWORD: &str = "correct-horse-7";
/// The name in the server's certificate; it resolves to loopback.
pub const HOST: &str = "localhost";

const WHERE: &[&str] = &["/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/usr/bin/dovecot", "/opt/homebrew/sbin/dovecot"];
const MAIL_UID: u32 = 5000;

/// Runs the server until our end of the pipe closes, also when the test is killed. Dovecot's master leaves
/// children behind that go on serving, so the whole process group ends.
const GUARD: &str = r#"trap : TERM
exec 3<&0
"$0" -F -c "$1" </dev/null 3<&- &
server=$!
(trap : TERM; read -r _ <&3; kill 0) 2>/dev/null &
wait $server
wait $server
kill -9 0"#;

pub struct Dovecot {
    process: Option<Child>,
    folder: tempfile::TempDir,
    /// Plain text, and STARTTLS.
    pub imap_port: u16,
    /// TLS from the first byte.
    pub imaps_port: u16,
    owner: Option<u32>,
}

impl Dovecot {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    /// With a sentence saying what to install where there is no Dovecot, and with its log where it does not start.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// One server for all tests of a program that do not stop it; each test has its own user. The last one to
    /// leave stops it.
    pub fn shared() -> Arc<Self> {
        static SERVER: Mutex<Weak<Dovecot>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        server.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *server = Arc::downgrade(&started);
            started
        })
    }

    /// The same with more lines of configuration (`imap_capability = …`, quota, limits).
    pub fn start_with(extra: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("postrider-dovecot-").tempdir().expect("a temporary folder");
        let root = fs::metadata(folder.path()).expect("the folder").uid() == 0;
        let mut server = Self { process: None, folder, imap_port: 0, imaps_port: 0, owner: root.then_some(MAIL_UID) };
        server.prepare();
        let mut attempts = 0;
        loop {
            // Another process may take a port between choosing and listening: choose again.
            (server.imap_port, server.imaps_port) = (free_port(), free_port());
            fs::write(server.path("dovecot.conf"), server.configuration(extra)).expect("dovecot.conf");
            match server.run() {
                Ok(()) => return server,
                Err(why) if attempts == 3 => panic!("Dovecot did not start:\n{why}"),
                Err(_) => attempts += 1,
            }
        }
    }

    /// The authority to trust (`ca_file`).
    pub fn ca_file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Where a user's inbox lies; made by Dovecot at the first sign-in or by [`Dovecot::deliver`].
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.path("mail").join(user).join("Maildir")
    }

    /// What Dovecot logged until now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("dovecot.log")).unwrap_or_default()
    }

    /// Puts a message into a user's mailbox ("" = the inbox, "Archive", …) as a delivery agent does.
    pub fn deliver(&self, user: &str, mailbox: &str, message: &[u8]) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let home = self.path("mail").join(user);
        let inbox = home.join("Maildir");
        let folder = if mailbox.is_empty() { inbox.clone() } else { inbox.join(format!(".{}", mailbox.replace('/', "."))) };
        for directory in [&home, &inbox, &folder, &folder.join("tmp"), &folder.join("new"), &folder.join("cur")] {
            if !directory.exists() {
                fs::create_dir(directory).expect("a mail folder");
                self.give(directory);
            }
        }
        let name = format!("{}.{}.test", 1_700_000_000 + COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let draft = folder.join("tmp").join(&name);
        fs::write(&draft, message).expect("the message");
        self.give(&draft);
        fs::rename(&draft, folder.join("new").join(&name)).expect("delivery");
    }

    /// Stops the server; connections break.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // The guard hears the end of its input, ends the server and then itself.
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }

    /// Starts again on the same ports with the same mail.
    pub fn restart(&mut self) {
        self.stop();
        self.run().unwrap_or_else(|why| panic!("Dovecot did not start again:\n{why}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn give(&self, path: &Path) {
        if let Some(owner) = self.owner {
            chown(path, Some(owner), Some(owner)).expect("chown");
        }
    }

    fn prepare(&self) {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        for name in ["run", "mail"] {
            fs::create_dir(self.path(name)).expect("a folder");
        }
        self.give(&self.path("mail"));
        let authority = Authority::new("postrider test authority");
        let server = authority.certificate(&[HOST], false);
        for (name, pem) in [("ca.pem", authority.pem()), ("server.pem", server.certificate), ("server.key", server.key)] {
            fs::write(self.path(name), pem).expect("a PEM file");
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let program = WHERE.iter().find(|path| Path::new(path).exists()).unwrap_or_else(|| {
            panic!("this test needs Dovecot: install it (Debian: apt-get install dovecot-imapd) and run again");
        });
        let mut process = Command::new("sh")
            .args(["-c", GUARD])
            .arg(program)
            .arg(self.path("dovecot.conf"))
            .stdin(Stdio::piped())
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("stderr")).map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| e.to_string())?;
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.imaps_port)).is_ok() {
                self.process = Some(process);
                return Ok(());
            }
            if matches!(process.try_wait(), Ok(Some(_))) || Instant::now() > until {
                drop(process.stdin.take());
                let _ = process.wait();
                return Err(format!("{}{}", fs::read_to_string(self.path("stderr")).unwrap_or_default(), self.log()));
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn configuration(&self, extra: &str) -> String {
        let base = self.folder.path().display();
        let (uid, gid, rootless) = match self.owner {
            Some(owner) => (owner, owner, String::new()),
            None => {
                let own = fs::metadata(self.folder.path()).expect("the folder");
                (own.uid(), own.gid(), rootless())
            }
        };
        let (imap, imaps) = (self.imap_port, self.imaps_port);
        let special: String = SPECIAL_USE
            .iter()
            .map(|name| format!("  mailbox {name} {{\n    auto = subscribe\n    special_use = \\{name}\n  }}\n"))
            .collect();
        format!(
            r#"base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 100
mail_fsync = never
first_valid_uid = 1
mail_location = maildir:~/Maildir
mailbox_idle_check_interval = 1s
{rootless}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/mail/%u
}}
namespace inbox {{
  inbox = yes
{special}}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_min_avail = 2
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{extra}
"#
        )
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Mailboxes that every user has, with the same SPECIAL-USE name.
pub const SPECIAL_USE: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash"];

/// What an ordinary user can't do: change to other users, and chroot.
fn rootless() -> String {
    let name = |option: &str| {
        let out = Command::new("id").arg(option).output().expect("id");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let (user, group) = (name("-un"), name("-gn"));
    let mut text = format!("default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n");
    for service in ["anvil", "auth", "imap-login"] {
        text.push_str(&format!("service {service} {{\n  chroot =\n}}\n"));
    }
    text
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
