//! A Postfix of our own that hands its mail to a Dovecot of our own: submission with STARTTLS and with TLS from
//! the first byte, sign-in by Dovecot, delivery by LMTP, so that what one user sends arrives with another. Everybody
//! at [`DOMAIN`] exists but names that begin with "nobody". Postfix changes users: it needs root.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::dovecot::{Dovecot, free_port};

/// Whose mail is taken; the user names are Dovecot's.
pub const DOMAIN: &str = "example.org";
/// Octets of the largest message taken.
pub const SIZE_LIMIT: usize = 2_000_000;

const DAEMONS: &[&str] = &["/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix"];

/// Runs the master in a process group of its own until our end of the pipe closes, also when the test is killed.
const GUARD: &str = r#"exec 3<&0
setsid "$0" -c "$1" -d </dev/null 3<&- &
server=$!
(read -r _ <&3; kill -TERM "$server"; kill -TERM "-$server"; kill -KILL "-$server") 2>/dev/null &
wait "$server" 2>/dev/null
kill -KILL "-$server" 2>/dev/null"#;

pub struct Mta {
    process: Option<Child>,
    folder: tempfile::TempDir,
    /// Where other servers would bring mail: no sign-in, mail for [`DOMAIN`] only.
    pub smtp_port: u16,
    /// STARTTLS, and then sign-in.
    pub submission_port: u16,
    /// TLS from the first byte, and sign-in.
    pub smtps_port: u16,
    /// Where the mail goes, and who knows the passwords ([`super::dovecot::PASSWORD`]).
    pub dovecot: Dovecot,
}

impl Mta {
    /// Starts both servers and waits until they answer.
    ///
    /// # Panics
    /// With a sentence saying what to install, and with the log where it does not start.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// One pair of servers for all tests of a program that do not stop it; each test has its own users.
    pub fn shared() -> Arc<Self> {
        static SERVER: Mutex<Weak<Mta>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        server.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *server = Arc::downgrade(&started);
            started
        })
    }

    /// The same with more lines of main.cf; later lines win.
    pub fn start_with(extra: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("postrider-postfix-").tempdir().expect("a temporary folder");
        assert_eq!(fs::metadata(folder.path()).expect("the folder").uid(), 0, "Postfix can be started by root only");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let dovecot = Dovecot::start_with(&dovecot_configuration(folder.path()));
        let mut server = Self { process: None, folder, smtp_port: 0, submission_port: 0, smtps_port: 0, dovecot };
        server.prepare();
        let mut attempts = 0;
        loop {
            // Another process may take a port between choosing and listening: choose again.
            (server.smtp_port, server.submission_port, server.smtps_port) = (free_port(), free_port(), free_port());
            fs::write(server.path("conf/main.cf"), server.main_cf(extra)).expect("main.cf");
            fs::write(server.path("conf/master.cf"), server.master_cf()).expect("master.cf");
            match server.run() {
                Ok(()) => return server,
                Err(why) if attempts == 3 => panic!("Postfix did not start:\n{why}"),
                Err(_) => attempts += 1,
            }
        }
    }

    /// The authority to trust (`ca_file`), for both servers.
    pub fn ca_file(&self) -> PathBuf {
        self.dovecot.ca_file()
    }

    /// The address of a user.
    pub fn address(user: &str) -> String {
        format!("{user}@{DOMAIN}")
    }

    /// The command that queues mail on this server, for `[accounts.x.sendmail]`.
    pub fn sendmail(&self) -> Vec<String> {
        ["/usr/sbin/sendmail", "-C", &self.path("conf").display().to_string(), "-t", "-i"].map(str::to_owned).to_vec()
    }

    /// What Postfix logged until now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("postfix.log")).unwrap_or_default()
    }

    /// The messages in a user's inbox as they are on the disk, oldest first.
    pub fn inbox(&self, user: &str) -> Vec<Vec<u8>> {
        let inbox = self.dovecot.maildir(user);
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .filter_map(|sub| fs::read_dir(inbox.join(sub)).ok())
            .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
            .collect();
        files.sort_by_key(|file| file.file_name().map(std::ffi::OsStr::to_owned));
        // one that a reader moves meanwhile is found at its other name in the next look
        files.iter().filter_map(|file| fs::read(file).ok()).collect()
    }

    /// Waits until a user has so many messages.
    ///
    /// # Panics
    /// After half a minute, with the log.
    pub fn wait_inbox(&self, user: &str, count: usize) -> Vec<Vec<u8>> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.inbox(user);
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < until, "{user} has {} of {count} messages:\n{}\n{}", found.len(), self.log(), self.dovecot.log());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Stops Postfix; Dovecot goes on.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }

    /// Starts again on the same ports with the same queue.
    pub fn restart(&mut self) {
        self.stop();
        self.run().unwrap_or_else(|why| panic!("Postfix did not start again:\n{why}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folders as Postfix's own installation makes them.
    fn prepare(&self) {
        let (postfix, postdrop) = (id("passwd", "postfix"), id("group", "postdrop"));
        for (name, mode, owner, group) in [
            ("conf", 0o755, None, None),
            ("data", 0o700, Some(postfix), None),
            ("queue", 0o755, None, None),
            ("queue/pid", 0o755, None, None),
            ("queue/maildrop", 0o730, Some(postfix), Some(postdrop)),
            ("queue/public", 0o710, Some(postfix), Some(postdrop)),
        ] {
            self.make(name, mode, owner, group);
        }
        for name in ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"] {
            self.make(&format!("queue/{name}"), 0o700, Some(postfix), None);
        }
        let users = format!("if !/^nobody/\n/@{}$/ here\nendif\n", DOMAIN.replace('.', "\\."));
        fs::write(self.path("conf/users"), users).expect("the users");
    }

    fn make(&self, name: &str, mode: u32, owner: Option<u32>, group: Option<u32>) {
        let path = self.path(name);
        fs::create_dir(&path).expect("a folder");
        chown(&path, owner, group).expect("chown");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    fn run(&mut self) -> Result<(), String> {
        let master = daemons().join("master");
        let mut process = Command::new("sh")
            .args(["-c", GUARD])
            .arg(master)
            .arg(self.path("conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("stderr")).map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| e.to_string())?;
        let until = Instant::now() + Duration::from_secs(20);
        let ports = [self.smtp_port, self.submission_port, self.smtps_port];
        loop {
            if ports.iter().all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
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

    fn main_cf(&self, extra: &str) -> String {
        let (base, daemons) = (self.folder.path().display(), daemons());
        let (daemons, certificates) = (daemons.display(), self.ca_file());
        let certificates = certificates.parent().expect("a folder").display();
        format!(
            "compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {base}/postfix.log
maillog_file_prefixes = {base}
myhostname = mx.{DOMAIN}
myorigin = {DOMAIN}
mydestination =
mynetworks = 192.0.2.1/32
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
alias_maps =
local_recipient_maps =
default_transport = discard:
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = regexp:{base}/conf/users
virtual_transport = lmtp:unix:{base}/lmtp
lmtp_destination_concurrency_limit = 20
message_size_limit = {SIZE_LIMIT}
in_flow_delay = 0s
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_type = dovecot
smtpd_sasl_path = {base}/auth
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificates}/server.pem
smtpd_tls_key_file = {certificates}/server.key
{extra}
"
        )
    }

    fn master_cf(&self) -> String {
        let (smtp, submission, smtps) = (self.smtp_port, self.submission_port, self.smtps_port);
        format!(
            "127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_client_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
        )
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Dovecot's part: who one is, and where mail is brought.
fn dovecot_configuration(postfix: &Path) -> String {
    let base = postfix.display();
    format!(
        "protocols = imap lmtp
auth_username_format = %Ln
postmaster_address = postmaster@{DOMAIN}
service auth {{
  unix_listener {base}/auth {{
    mode = 0666
  }}
}}
service lmtp {{
  process_min_avail = 2
  unix_listener {base}/lmtp {{
    mode = 0666
  }}
}}
"
    )
}

fn daemons() -> PathBuf {
    let found = DAEMONS.iter().map(Path::new).find(|folder| folder.join("master").exists());
    found.map(Path::to_owned).unwrap_or_else(|| {
        panic!("this test needs Postfix: install it (Debian: apt-get install postfix dovecot-lmtpd) and run again");
    })
}

/// The number of a user or group.
fn id(table: &str, name: &str) -> u32 {
    let text = fs::read_to_string(format!("/etc/{table}")).expect("the users of this machine");
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    let number = line.and_then(|line| line.split(':').nth(2)).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("there is no {name} in /etc/{table}: Postfix is not installed"))
}
