//! Real servers: Dovecot's pop3d over TLS, STLS and plaintext, and mailutils' over plaintext.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use postrider::config::{Account, Incoming, Leave, Pop3, Security, Server};
use postrider::remote::RemoteError;

use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};
use crate::{Client, letter, letters, server_at, sorted};

/// Dovecot with its pop3d.
struct Pop3d {
    dovecot: Dovecot,
    port: u16,
    tls_port: u16,
}

impl Pop3d {
    fn start() -> Self {
        let installed = ["/usr/lib/dovecot/pop3", "/usr/libexec/dovecot/pop3"].iter().any(|path| Path::new(path).exists());
        assert!(installed, "this test needs Dovecot's POP3 server: install it (Debian: apt-get install dovecot-pop3d) and run again");
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (port, tls_port) = (free(), free());
        let dovecot = Dovecot::start_with(&format!(
            "protocols = imap pop3\nservice pop3-login {{\n  chroot =\n  inet_listener pop3 {{\n    port = {port}\n  }}\n  \
             inet_listener pop3s {{\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n"
        ));
        Self { dovecot, port, tls_port }
    }

    fn server(&self, user: &str, security: Security) -> Server {
        Server {
            host: HOST.into(),
            port: if security == Security::Tls { self.tls_port } else { self.port },
            security,
            username: user.into(),
            ca_file: Some(self.dovecot.ca_file()),
            ..server_at(0, PASSWORD)
        }
    }

    fn account(&self, client: &Client, server: Server, leave: Leave) -> Account {
        let maildir = Some(client.maildir(&server.username));
        Account { incoming: Incoming::Pop3(Pop3 { server, leave, maildir }), ..client.account("work", 1, leave) }
    }

    fn left(&self, user: &str) -> usize {
        ["new", "cur"].iter().flat_map(|part| std::fs::read_dir(self.dovecot.maildir(user).join(part)).into_iter().flatten()).count()
    }
}

#[tokio::test]
async fn dovecot_gives_every_octet_over_every_kind_of_connection_and_deletes_what_came() {
    let pop3d = Pop3d::start();
    let mut client = Client::new();
    for (user, security) in [("tls", Security::Tls), ("starttls", Security::StartTls), ("plain", Security::Plaintext)] {
        // Dovecot keeps messages with LF and sends CRLF, and has no NUL
        let octets: Vec<u8> = (1..=255).filter(|octet| !matches!(octet, b'\n' | b'\r')).collect();
        let mut sent = letters(40);
        sent.push(("odd".into(), [b"Subject: odd\r\n\r\n.\r\n..\r\n...\r\n\r\n", &octets[..], b"\r\n.\r\n"].concat()));
        sent.push(("long".into(), [b"Subject: long\r\n\r\n", &b"x".repeat(300_000)[..], b"\r\n"].concat()));
        sent.push(("unended".into(), b"Subject: unended\r\n\r\nno line end".to_vec()));
        for (_, bytes) in &sent {
            pop3d.dovecot.deliver(user, "", bytes);
        }
        let account = pop3d.account(&client, pop3d.server(user, security), Leave::Never);
        client.fetch_account(&account).await.unwrap();
        assert_eq!(client.bodies_of(user), sorted(&sent), "{user}");
        assert_eq!(pop3d.left(user), 0, "{user}");
        assert!(client.told.is_empty(), "{:?}", client.told);
    }
}

#[tokio::test]
async fn dovecot_keeps_mail_as_long_as_the_rule_says_and_new_mail_comes_alone() {
    let pop3d = Pop3d::start();
    let mut client = Client::new();
    let mut sent = letters(5);
    sent.iter().for_each(|(_, bytes)| pop3d.dovecot.deliver("ada", "", bytes));
    let account = pop3d.account(&client, pop3d.server("ada", Security::Tls), Leave::Days(14));
    for _ in 0..2 {
        client.fetch_account(&account).await.unwrap();
        assert_eq!((client.bodies_of("ada"), pop3d.left("ada")), (sorted(&sent), 5));
    }
    client.days_pass(10);
    sent.push(("u6".into(), letter(6)));
    pop3d.dovecot.deliver("ada", "", &letter(6));
    client.fetch_account(&account).await.unwrap();
    client.days_pass(5);
    client.fetch_account(&account).await.unwrap();
    assert_eq!((client.bodies_of("ada"), pop3d.left("ada")), (sorted(&sent), 1), "the five old ones are over 14 days");
}

#[tokio::test]
async fn dovecots_refusals_and_a_wrong_authority_are_told_apart() {
    let pop3d = Pop3d::start();
    let mut client = Client::new();
    let wrong = Server { credentials: server_at(0, "wrong").credentials, ..pop3d.server("ada", Security::Tls) };
    let account = pop3d.account(&client, wrong, Leave::Never);
    assert!(matches!(client.fetch_account(&account).await, Err(RemoteError::BadLogin(_))));
    for security in [Security::Tls, Security::StartTls] {
        let account = pop3d.account(&client, Server { ca_file: None, ..pop3d.server("ada", security) }, Leave::Never);
        assert!(matches!(client.fetch_account(&account).await, Err(RemoteError::Untrusted(_))), "{security:?}");
    }
}

#[test]
fn the_program_sets_up_doctors_fetches_and_lists_a_pop3_account() {
    let pop3d = Pop3d::start();
    letters(3).iter().for_each(|(_, bytes)| pop3d.dovecot.deliver("ada@example.org", "", bytes));
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command.args(arguments).env_clear().env("HOME", home.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let out = command.env("TERM", "xterm").env("LANG", "C.UTF-8").stdin(Stdio::null()).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
    };
    let (port, ca) = (pop3d.tls_port.to_string(), pop3d.dovecot.ca_file().display().to_string());
    let setup = |password: &str| {
        let password = format!("printf {password}");
        run(&[
            "setup",
            "ada@example.org",
            "--pop3-host",
            HOST,
            "--pop3-port",
            &port,
            "--pop3-leave",
            "never",
            "--ca-file",
            &ca,
            "--password-command",
            &password,
        ])
    };
    let (code, text) = setup("wrong");
    assert_eq!(code, Some(77), "{text}");
    assert!(!home.path().join(".config/postrider/config.toml").exists(), "nothing is saved that was refused");
    let (code, text) = setup(PASSWORD);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["doctor"]);
    assert!(code == Some(0) && text.contains("accepted") && text.contains("UIDL") && text.contains("made when mail is fetched"), "{text}");
    let (code, text) = run(&["sync"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = run(&["list"]);
    assert!((1..=3).all(|number| text.contains(&format!("number {number}"))), "{text}");
    assert_eq!(pop3d.left("ada@example.org"), 0);
}

/// mailutils' pop3d reads and writes one connection, as inetd would start it; its mail is an mbox file.
fn mailutils(folder: &Path, mail: &[u8]) -> u16 {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let pop3d = ["/usr/sbin/pop3d", "/usr/local/sbin/pop3d"].into_iter().find(|path| Path::new(path).exists());
    let pop3d =
        pop3d.expect("this test needs the POP3 server of mailutils: install it (Debian: apt-get install mailutils-pop3d) and run again");
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let own = std::fs::metadata(folder).unwrap();
    let (uid, gid) = if own.uid() == 0 { (5000, 5000) } else { (own.uid(), own.gid()) };
    let (home, inbox) = (folder.join("home"), folder.join("home/INBOX"));
    std::fs::create_dir(&home).unwrap();
    std::fs::write(&inbox, mail).unwrap();
    for path in [&home, &inbox] {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
    // SHA-512 crypt of the password with a fixed salt
    let user = format!("ada:{CRYPTED}:{uid}:{gid}:Ada:{}:/bin/sh\n", home.display());
    std::fs::write(folder.join("example.org"), user).unwrap();
    let config = folder.join("pop3d.conf");
    let text = format!(
        "auth {{\n  authorization virtdomain;\n  authentication generic;\n}}\nvirtdomain {{\n  passwd-dir {};\n}}\nlogging {{\n  syslog no;\n}}\n",
        folder.display()
    );
    std::fs::write(&config, text).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (input, output): (OwnedFd, OwnedFd) = (stream.try_clone().unwrap().into(), stream.into());
            let mut command = Command::new(pop3d);
            command.arg(format!("--config-file={}", config.display())).arg("--inetd");
            let child = command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null()).spawn();
            if let Ok(mut child) = child {
                std::thread::spawn(move || child.wait());
            }
        }
    });
    port
}

const CRYPTED: &str = "$6$postrider$b6MH8QoejoJDq7IuVNynraYW5tB/MYqu4D.r2EtBiHHR6U3IS0t1Ze80In0MG2evYFGjU13qhH2Zcsj2gC.YW.";

#[tokio::test]
async fn mailutils_gives_its_mail_once_and_deletes_it() {
    let folder = tempfile::tempdir().unwrap();
    let one = |number: usize| {
        format!(
            "From a@b Mon Jan  1 10:00:{number:02} 2024\nSubject: number {number}\nMessage-ID: <m{number}@x>\n\nBody {number}\n.dot\n..two\n.\n\n"
        )
    };
    let port = mailutils(folder.path(), (1..=5).map(one).collect::<String>().as_bytes());
    let mut client = Client::new();
    let account = |client: &Client, leave| {
        let server = Server { username: "ada@example.org".into(), ..server_at(port, PASSWORD) };
        Account {
            incoming: Incoming::Pop3(Pop3 { server, leave, maildir: Some(client.maildir("work")) }),
            ..client.account("work", 1, leave)
        }
    };
    for _ in 0..2 {
        client.fetch_account(&account(&client, Leave::Always)).await.unwrap();
        assert_eq!(client.bodies().len(), 5);
    }
    for body in client.bodies() {
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("\r\n.dot\r\n..two\r\n.\r\n"), "{text:?}");
    }
    client.fetch_account(&account(&client, Leave::Never)).await.unwrap();
    assert_eq!(client.bodies().len(), 5);
    assert_eq!(std::fs::read(folder.path().join("home/INBOX")).unwrap(), b"");
}
