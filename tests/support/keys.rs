//! Keys and certificates made for one test in a home of its own, and what is signed and encrypted with them by the real programs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;

/// A GnuPG home; its agent ends with it.
pub struct Keyring {
    folder: PathBuf,
}

impl Keyring {
    /// `home` is the HOME of the program under test; short, because a socket's path has 108 octets.
    pub fn create(home: &Path) -> Self {
        let folder = home.join(".gnupg");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a program with this keyring; gives what it prints.
    pub fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8").env("GNUPGHOME", &self.folder).env("HOME", &self.folder).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut feed = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || drop(feed.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        const ALWAYS: [&str; 5] = ["--batch", "--no-tty", "--yes", "--quiet", "--trust-model=always"];
        self.run("gpg", &[&ALWAYS[..], arguments].concat(), input)
    }

    /// A key without a passphrase, of the user's own and so trusted. Gives its fingerprint.
    pub fn key(&self, user: &str) -> String {
        self.gpg(&["--passphrase", "", "--quick-gen-key", user, "future-default", "default", "never"], b"");
        self.fingerprint(user)
    }

    pub fn fingerprint(&self, user: &str) -> String {
        let listed = String::from_utf8_lossy(&self.gpg(&["--with-colons", "--list-keys", user], b"")).into_owned();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// 2: nothing is known of the owner; 6: the user.
    pub fn set_trust(&self, fingerprint: &str, trust: u8) {
        self.gpg(&["--import-ownertrust"], format!("{fingerprint}:{trust}:\n").as_bytes());
    }

    pub fn revoke(&self, fingerprint: &str) {
        let prepared = std::fs::read_to_string(self.path(&format!("openpgp-revocs.d/{fingerprint}.rev"))).unwrap();
        self.gpg(&["--import"], prepared.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }

    pub fn text(&self, arguments: &[&str], input: &str) -> String {
        String::from_utf8(self.gpg(&[&["--armor"], arguments].concat(), input.as_bytes())).unwrap()
    }

    pub fn signature(&self, user: &str, entity: &str) -> String {
        self.text(&["-u", user, "--detach-sign"], entity)
    }

    pub fn encrypted(&self, to: &str, more: &[&str], entity: &str) -> String {
        self.text(&[&["-r", to, "--encrypt"], more].concat(), entity)
    }

    /// A certificate that signs itself, trusted, with its key.
    pub fn certificate(&self, name: &str, address: &str) {
        let settings = format!(
            "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\nCN={name}\n[ext]\nbasicConstraints=critical,CA:true\n\
             keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\nsubjectAltName=email:{address}\nsubjectKeyIdentifier=hash\n"
        );
        std::fs::write(self.path("request.cnf"), settings).unwrap();
        let words = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 3650 -config request.cnf";
        self.run("openssl", &words.split(' ').collect::<Vec<_>>(), b"");
        // what gpgsm 2.2 can read
        let old = "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1";
        let words = format!("pkcs12 -export -legacy -inkey key.pem -in certificate.pem -passout pass: -out both.p12 {old}");
        self.run("openssl", &words.split(' ').collect::<Vec<_>>(), b"");
        let both = self.path("both.p12");
        self.gpgsm(&["--pinentry-mode", "loopback", "--passphrase-fd", "0", "--import", both.to_str().unwrap()], b"\n");
        let printed = self.run("openssl", &"x509 -in certificate.pem -noout -fingerprint -sha1".split(' ').collect::<Vec<_>>(), b"");
        let printed = String::from_utf8(printed).unwrap();
        let mut list = std::fs::read_to_string(self.path("trustlist.txt")).unwrap_or_default();
        list.push_str(&format!("{} S relax\n", printed.trim().split_once('=').unwrap().1));
        self.set_trusted(&list);
        for name in ["key.pem", "both.p12", "request.cnf"] {
            std::fs::remove_file(self.path(name)).unwrap();
        }
    }

    /// The last certificate is no longer trusted.
    pub fn distrust_last(&self) {
        let list = std::fs::read_to_string(self.path("trustlist.txt")).unwrap();
        let kept: Vec<&str> = list.lines().collect();
        self.set_trusted(&format!("{}\n", kept[..kept.len() - 1].join("\n")));
    }

    fn set_trusted(&self, list: &str) {
        std::fs::write(self.path("trustlist.txt"), list).unwrap();
        self.run("gpgconf", &["--reload", "gpg-agent"], b"");
    }

    pub fn gpgsm(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        const ALWAYS: [&str; 5] = ["--batch", "--no-tty", "--quiet", "--disable-dirmngr", "--disable-crl-checks"];
        self.run("gpgsm", &[&ALWAYS[..], arguments].concat(), input)
    }

    pub fn gpgsm_base64(&self, arguments: &[&str], input: &str) -> String {
        base64(&self.gpgsm(arguments, input.as_bytes()))
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let folder = self.folder.display().to_string();
        let _ = Command::new("gpgconf").args(["--homedir", &folder, "--kill", "all"]).output();
    }
}

/// In lines of 76, as in a mail.
pub fn base64(bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    text.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

/// A part that says `text`.
pub fn entity(text: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n")
}

/// multipart/signed of RFC 3156, the part and the signature as they are.
pub fn signed(entity: &str, signature: &str) -> String {
    format!(
        "Content-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=sig\r\n\r\n--sig\r\n{entity}\r\n--sig\r\n\
         Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n{signature}\r\n--sig--\r\n"
    )
}

/// multipart/encrypted of RFC 3156.
pub fn encrypted(armored: &str) -> String {
    format!(
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=enc\r\n\r\n--enc\r\nContent-Type: application/pgp-encrypted\r\n\r\n\
         Version: 1\r\n\r\n--enc\r\nContent-Type: application/octet-stream; name=encrypted.asc\r\n\r\n{armored}\r\n--enc--\r\n"
    )
}
