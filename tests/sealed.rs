//! Signed and encrypted mail with the real gpg and gpgsm: keys of every kind, shapes that pretend to be signed, and those that want
//! a text to be stolen. Read by `postrider show`, which does what the reader does.
#![cfg(feature = "servers")]

#[path = "support/keys.rs"]
mod keys;
#[path = "support/mod.rs"]
mod support;

#[path = "sealed/shapes.rs"]
mod shapes;

use std::collections::BTreeMap;
use std::process::Command;

use keys::{Keyring, encrypted, entity, signed};
use support::mail::Maildir;
use support::terminal::Home;

/// A home with keys and a Maildir, and messages that are read together.
struct World {
    keys: Keyring,
    home: Home,
    maildir: Maildir,
    count: u32,
}

/// What `show` says of one message.
#[derive(Debug)]
struct Shown {
    /// "good: signed by …"
    seals: Vec<String>,
    /// All of the page.
    page: String,
    text: String,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let maildir = Maildir::create(&home.path().join("mail"), &[]);
        home.configure(&maildir.configuration("local"));
        Self { keys: Keyring::create(home.path()), home, maildir, count: 0 }
    }

    /// Delivers a message that has only its content; gives its name.
    fn deliver(&mut self, from: &str, content: &str) -> String {
        self.deliver_whole(&format!("From: {from}\r\nTo: me@home.example\r\nSubject: outside\r\n"), content)
    }

    fn deliver_whole(&mut self, header: &str, content: &str) -> String {
        self.count += 1;
        let name = format!("n{}@test.example", self.count);
        let text = format!("{header}Message-ID: <{name}>\r\nDate: Fri, 20 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n{content}");
        self.maildir.deliver("", self.count, &text, "", i64::from(self.count));
        name
    }

    fn run(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.home.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    /// Everything that was delivered, by its name.
    fn show(&self) -> BTreeMap<String, Shown> {
        self.run(&["sync"]);
        self.ids().into_iter().map(|(name, id)| (name, self.shown(&id))).collect()
    }

    fn ids(&self) -> BTreeMap<String, String> {
        let list: serde_json::Value = serde_json::from_str(&self.run(&["list", "--json", "--limit", "1000"])).unwrap();
        let messages = list["messages"].as_array().unwrap();
        assert_eq!(messages.len(), self.count as usize);
        messages.iter().map(|one| (one["rfc_message_id"].as_str().unwrap().to_owned(), one["id"].to_string())).collect()
    }

    fn shown(&self, id: &str) -> Shown {
        let value: serde_json::Value = serde_json::from_str(&self.run(&["show", "--json", id])).unwrap();
        let seals = value["seals"].as_array().unwrap().iter();
        Shown {
            seals: seals.map(|seal| format!("{}: {}", seal["standing"].as_str().unwrap(), seal["words"].as_str().unwrap())).collect(),
            page: self.run(&["show", id]),
            text: value["text"].as_str().unwrap().to_owned(),
        }
    }
}

/// A message, what its seals begin with, and what its text holds.
type Case = (String, Vec<&'static str>, &'static str);

fn check(world: &World, cases: &[Case]) -> BTreeMap<String, Shown> {
    let shown = world.show();
    for (name, seals, text) in cases {
        let found = &shown[name];
        assert_eq!(found.seals.len(), seals.len(), "{name}: {found:#?}");
        for (found_seal, seal) in found.seals.iter().zip(seals) {
            assert!(found_seal.starts_with(seal), "{name}: expected {seal:?}: {found:#?}");
        }
        assert!(found.text.contains(text), "{name}: expected {text:?}: {found:#?}");
    }
    shown
}

const ADA: &str = "Ada <ada@x.example>";
const TRUSTED: &str = "good: signed by Ada <ada@x.example> (trusted key)";

#[test]
fn openpgp_signatures_say_what_they_prove() {
    let mut world = World::new();
    let keys = &world.keys;
    let ada = keys.key(ADA);
    let stranger = keys.key("Bob <bob@y.example>");
    keys.set_trust(&stranger, 2);
    // one user id is vouched for, the other is not: the trust of one must not stand for the other
    let mixed = keys.key("Mallory <mallory@evil.example>");
    keys.gpg(&["--passphrase", "", "--quick-add-uid", &mixed, "Carol <carol@x.example>"], b"");
    keys.set_trust(&mixed, 2);
    keys.gpg(&["-u", &ada, "--quick-lsign-key", &mixed, "Mallory <mallory@evil.example>"], b"");
    let lost = keys.key("Lost <lost@y.example>");
    let revoked = keys.key("Rita <rita@y.example>");
    const THEN: &str = "--faked-system-time=20200101T000000!";
    keys.gpg(&[THEN, "--passphrase", "", "--quick-gen-key", "Otto <otto@y.example>", "future-default", "default", "1y"], b"");
    keys.gpg(&["--passphrase", "", "--quick-gen-key", "Äda Ünï <uni@x.example>", "future-default", "default", "never"], b"");
    let hello = entity("hello there");
    let by = |user: &str| signed(&hello, &keys.signature(user, &hello));
    let (good, bobs, carols, losts, ritas) = (by(&ada), by(&stranger), by(&mixed), by(&lost), by(&revoked));
    let ottos = signed(&hello, &keys.text(&[THEN, "-u", "otto@y.example", "--detach-sign"], &hello));
    let unis = by("uni@x.example");
    let brief = signed(&hello, &keys.text(&[THEN, "-u", "otto@y.example", "--default-sig-expire", "1d", "--detach-sign"], &hello));
    keys.gpg(&["--delete-secret-and-public-key", &lost], b"");
    keys.revoke(&revoked);
    let clear = |text: &str| format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", keys.text(&["-u", &ada, "--clearsign"], text));
    let (clear, dashed) = (clear("clear words\n"), clear("- a dash\nand more äöü\n"));
    let two = signed(&hello, &keys.text(&["-u", &ada, "-u", &stranger, "--detach-sign"], &hello));
    let files = format!(
        "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n{hello}\r\n--in\r\nContent-Type: text/x-notes; name=n.txt\r\nContent-Disposition: attachment\r\n\r\nn\r\n--in--\r\n"
    );
    let files = signed(&files, &keys.signature(&ada, &files));
    let unix = good.replace("\r\n", "\n");
    let mut deliver = |from: &str, content: &str| world.deliver(from, content);
    let cases = vec![
        (deliver(ADA, &good), vec![TRUSTED], "hello there"),
        (deliver("ADA@X.Example", &unix), vec![TRUSTED], "hello there"),
        (deliver(ADA, &two), vec![TRUSTED], "hello there"),
        (deliver(ADA, &files), vec![TRUSTED], "hello there"),
        (deliver("uni@x.example", &unis), vec!["good: signed by Äda Ünï <uni@x.example> (trusted key)"], "hello"),
        (deliver("Bob <bob@y.example>", &bobs), vec!["open: signed with the key 0x"], "hello"),
        (deliver("Mallory <mallory@evil.example>", &carols), vec!["good: signed by Mallory <mallory@evil.example>"], "hello"),
        (deliver("Carol <carol@x.example>", &carols), vec!["open: signed with the key 0x"], "hello"),
        (deliver("Lost <lost@y.example>", &losts), vec!["open: signed with the key 0x"], "hello"),
        (deliver("Rita <rita@y.example>", &ritas), vec!["bad: signed with the key 0x"], "hello"),
        (deliver("Otto <otto@y.example>", &ottos), vec!["bad: signed with the key 0x"], "hello"),
        (deliver("Otto <otto@y.example>", &brief), vec!["bad: "], "hello"),
        (
            deliver("Eve <eve@evil.example>", &good),
            vec!["bad: signed by another than the sender: with the key of ada@x.example, not of eve@evil.example"],
            "hello",
        ),
        (deliver(ADA, &good.replace("hello there", "hello their")), vec!["bad: BAD signature"], "hello their"),
        (deliver(ADA, &clear), vec![TRUSTED], "clear words"),
        (deliver(ADA, &dashed), vec![TRUSTED], "and more äöü"),
        (deliver(ADA, &clear.replace("clear words", "clean words")), vec!["bad: BAD signature"], "clean words"),
    ];
    let shown = check(&world, &cases);
    for (number, words) in [
        (5, "not trusted"),
        (7, "carol@x.example and is not trusted"),
        (8, "not in your keyring"),
        (9, "revoked"),
        (10, "expired"),
        (11, "expired"),
    ] {
        assert!(shown[&cases[number].0].seals[0].contains(words), "{words}: {:#?}", shown[&cases[number].0]);
    }
    assert!(!shown[&cases[14].0].text.contains("BEGIN PGP"), "only what was signed is shown");
    // the program is away
    let missing = Command::new(env!("CARGO_BIN_EXE_postrider"))
        .args(["show", &world.ids()[&cases[0].0]])
        .env_clear()
        .envs(world.home.environment())
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let missing = String::from_utf8(missing.stdout).unwrap();
    assert!(missing.contains("Seal: open: signed, but not checked: the program gpg is not there; install GnuPG"), "{missing}");
    assert!(missing.contains("hello there"));
}

#[test]
fn openpgp_texts_are_opened_where_nobody_could_have_changed_them() {
    let mut world = World::new();
    let keys = &world.keys;
    let ada = keys.key(ADA);
    let other = keys.key("Other <other@y.example>");
    let hello = entity("the secret words");
    let plain = keys.encrypted(&ada, &[], &hello);
    let both = keys.encrypted(&ada, &["-u", &ada, "--sign"], &hello);
    let inner = signed(&hello, &keys.signature(&ada, &hello));
    let around = keys.encrypted(&ada, &[], &inner);
    let not_mine = keys.encrypted(&other, &[], &hello);
    keys.gpg(&["--delete-secret-keys", &other], b"");
    let unprotected = |cipher: &str| keys.encrypted(&ada, &["--rfc2440", "--disable-mdc", "--cipher-algo", cipher], &hello);
    let (old, newer) = (unprotected("3DES"), unprotected("AES256"));
    let signed_only = keys.text(&["-u", &ada, "--sign"], &hello);
    let mut changed: Vec<u8> = keys.gpg(&["-r", &ada, "--encrypt"], hello.as_bytes());
    let last = changed.len() - 30;
    changed[last] ^= 1;
    let changed = format!("-----BEGIN PGP MESSAGE-----\r\n\r\n{}-----END PGP MESSAGE-----\r\n", keys::base64(&changed));
    let inline = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", keys.encrypted(&ada, &[], "inline secret äöü\n"));
    // lines for the status of gpg, where a name may be
    let injected = keys.encrypted(&ada, &["--set-filename", "x\n[GNUPG:] GOODSIG 2114EAC4CEAF9ED1 Ada <ada@x.example>\n"], &hello);
    let large = keys.encrypted(&ada, &[], &entity(&"0123456789 words and words\r\n".repeat(40_000)));
    let bomb = keys.encrypted(&ada, &[], &"0".repeat(70_000_000));
    let twice = keys.encrypted(&ada, &[], &encrypted(&plain));
    std::fs::write(world.keys.path("gpg.conf"), "ignore-mdc-error\nverbose\nallow-multiple-messages\n").unwrap();
    let mut deliver = |content: &str| world.deliver(ADA, content);
    let closed = "bad: encrypted, can't be read: ";
    let cases = vec![
        (deliver(&encrypted(&plain)), vec!["open: encrypted for you, and not signed"], "the secret words"),
        (deliver(&encrypted(&both)), vec!["good: encrypted for you", TRUSTED], "the secret words"),
        (deliver(&encrypted(&around)), vec!["good: encrypted for you", TRUSTED], "the secret words"),
        (deliver(&inline), vec!["open: encrypted for you, and not signed"], "inline secret äöü"),
        (deliver(&encrypted(&injected)), vec!["open: encrypted for you, and not signed"], "the secret words"),
        (deliver(&encrypted(&large)), vec!["open: encrypted for you, and not signed"], "0123456789"),
        // of all that follows nothing is shown
        (deliver(&encrypted(&not_mine)), vec!["bad: encrypted, can't be read: none of your keys opens it"], ""),
        (deliver(&encrypted(&old)), vec!["bad: encrypted, can't be read: it has no protection"], ""),
        (deliver(&encrypted(&newer)), vec!["bad: encrypted, can't be read: it has no protection"], ""),
        (deliver(&encrypted(&changed)), vec![closed], ""),
        (deliver(&encrypted(&signed_only)), vec![closed], ""),
        (deliver(&encrypted(&(plain.clone() + &both))), vec![closed], ""),
        (deliver(&encrypted("not armored at all")), vec![closed], ""),
        (deliver(&encrypted(&bomb)), vec!["bad: encrypted, can't be read: it is larger than 64 MiB"], ""),
    ];
    let twice = deliver(&encrypted(&twice));
    let last = (twice, vec!["open: encrypted for you", "bad: what is in it is encrypted once more"], "");
    let shown = check(&world, &[&cases[..], &[last]].concat());
    for (name, ..) in &cases[6..] {
        assert!(!shown[name].page.contains("secret"), "{:#?}", shown[name]);
    }
}

#[test]
fn a_header_within_the_seal_speaks_for_the_message() {
    let mut world = World::new();
    let keys = &world.keys;
    let ada = keys.key(ADA);
    let part = |marks: &str, header: &str| format!("Content-Type: text/plain; charset=utf-8; {marks}\r\n{header}\r\ntext of it\r\n");
    let draft = part("protected-headers=v1", "Subject: =?utf-8?q?the_real_s=C3=BCbject?=\r\nFrom: Ada <ada@x.example>\r\n");
    let standard = part("hp=\"cipher\"", "Subject: the real subject\r\nHP-Outer: Subject: outside\r\nFrom: ada@x.example\r\n");
    let silent = part("x=y", "Subject: not meant\r\n");
    let other = part("hp=clear", "Subject: the real subject\r\nFrom: boss@x.example\r\nTo: me@home.example\r\n");
    let sign = |part: &str| signed(part, &keys.signature(&ada, part));
    let hide = |part: &str| encrypted(&keys.encrypted(&ada, &[], part));
    let (hidden, hidden_standard, silent, other) = (hide(&draft), hide(&standard), hide(&silent), sign(&other));
    let forged = sign(&draft).replace("text of it", "text of me");
    let good = sign(&draft);
    let unsigned = signed(&draft, "no signature at all");
    let dots = "From: Ada <ada@x.example>\r\nTo: me@home.example\r\nSubject: ...\r\n";
    let names = [
        world.deliver_whole(dots, &hidden),
        world.deliver(ADA, &hidden_standard),
        world.deliver(ADA, &silent),
        world.deliver(ADA, &other),
        world.deliver(ADA, &forged),
        world.deliver(ADA, &good),
        world.deliver(ADA, &unsigned),
    ];
    let shown = world.show();
    let page = |number: usize| shown[&names[number]].page.as_str();
    assert!(page(0).starts_with("Subject: the real sübject\n") && !page(0).contains("Warning"), "{}", page(0));
    assert!(page(1).starts_with("Subject: the real subject\n") && !page(1).contains("Warning"), "{}", page(1));
    assert!(page(2).starts_with("Subject: outside\n"), "{}", page(2));
    assert!(page(3).contains("Warning: in what is sealed another sender is named: boss@x.example"), "{}", page(3));
    assert!(page(4).starts_with("Subject: outside\n") && page(4).contains("BAD signature"), "{}", page(4));
    assert!(page(6).starts_with("Subject: outside\n"), "{}", page(6));
    assert!(page(5).contains("Warning: outside of what is sealed the subject is another: “outside”"), "{}", page(5));
}

#[test]
fn smime_is_checked_and_opened_by_gpgsm() {
    let mut world = World::new();
    let keys = &world.keys;
    keys.certificate("Ada", "ada@x.example");
    keys.certificate("Nobody", "nobody@y.example");
    let hello = entity("words in a certificate's care");
    let beside = |entity: &str, signature: &str| {
        format!(
            "Content-Type: multipart/signed; micalg=sha-256; protocol=\"application/pkcs7-signature\"; boundary=sig\r\n\r\n--sig\r\n{entity}\r\n--sig\r\n\
             Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n{signature}\r\n--sig--\r\n"
        )
    };
    let around = |kind: &str, content: &str| {
        format!(
            "Content-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n{content}"
        )
    };
    let sign = |user: &str, text: &str| keys.gpgsm_base64(&["-u", user, "--detach-sign"], text);
    let signature = sign("<ada@x.example>", &hello);
    let doubtful = sign("<nobody@y.example>", &hello);
    keys.distrust_last();
    let opaque = keys.gpgsm_base64(&["-u", "<ada@x.example>", "--sign"], &hello);
    let hide = |text: &str| keys.gpgsm_base64(&["-r", "<ada@x.example>", "--encrypt"], text);
    let link = entity("see https://evil.example/steal?");
    let (hidden, hidden_link) = (hide(&hello), hide(&link));
    let inner = beside(&hello, &signature);
    let signed_within = hide(&inner);
    let signed_around = keys.gpgsm_base64(&["-u", "<ada@x.example>", "--sign"], &around("enveloped-data", &hidden));
    let mut deliver = |from: &str, content: &str| world.deliver(from, content);
    let trusted = "good: signed by Ada <ada@x.example> (trusted key)";
    let loose = "bad: encrypted for you, but without protection";
    let cases = vec![
        (deliver(ADA, &beside(&hello, &signature)), vec![trusted], "certificate's care"),
        (deliver(ADA, &beside(&hello, &signature).replace("words in", "words on")), vec!["bad: BAD signature"], ""),
        (
            deliver("Eve <eve@evil.example>", &beside(&hello, &signature)),
            vec!["bad: signed by another than the sender: with the key of ada@x.example"],
            "",
        ),
        (deliver("nobody@y.example", &beside(&hello, &doubtful)), vec!["open: signed with the key 0x"], "certificate's care"),
        (deliver(ADA, &around("signed-data", &opaque)), vec![trusted], "certificate's care"),
        // what it is it says itself
        (deliver(ADA, &around("enveloped-data", &opaque)), vec![trusted], "certificate's care"),
        (deliver(ADA, &around("enveloped-data", &hidden)), vec![loose], "certificate's care"),
        (deliver(ADA, &around("enveloped-data", &hidden_link)), vec![loose], "evil.example"),
        (deliver(ADA, &around("enveloped-data", &signed_within)), vec!["open: encrypted for you", trusted], "certificate's care"),
        (deliver(ADA, &around("signed-data", &signed_around)), vec!["open: signed, but what is signed is an encrypted text"], ""),
        (deliver(ADA, &beside(&hello, "bm90aGluZw==")), vec!["open: "], "certificate's care"),
        // a signed message in the place of the signature
        (deliver(ADA, &beside(&entity("other words"), &opaque)), vec!["open: "], "other words"),
    ];
    check(&world, &cases);
}

/// A name in a key is text of others: what acts on a terminal is shown as marks, and no second name is believed.
#[test]
fn names_in_keys_are_cleaned() {
    let mut world = World::new();
    let keys = &world.keys;
    let cases: Vec<(String, &str, &str)> = [
        ("A\u{1b}]0;x\u{7}\u{1b}[31mB\u{202e}C <h1@x.example>", "h1@x.example", "good: "),
        ("Z\u{200b}\u{9b}31m\u{e0041} <h2@x.example>", "h2@x.example", "good: "),
        // two addresses: neither
        ("ada@x.example <h3@x.example>", "ada@x.example", "bad: signed by another than the sender"),
        ("<ada@x.example> <h4@x.example>", "ada@x.example", "bad: signed by another than the sender"),
        ("Ada <ada@x.example> h5@x.example", "ada@x.example", "bad: signed by another than the sender"),
        ("Ada <ada@x.example>> <h6", "ada@x.example", "bad: signed by another than the sender"),
    ]
    .into_iter()
    .map(|(user, from, expect)| {
        keys.gpg(&["--allow-freeform-uid", "--passphrase", "", "--quick-gen-key", user, "future-default", "default", "never"], b"");
        let listed = String::from_utf8_lossy(&keys.gpg(&["--with-colons", "--list-keys"], b"")).into_owned();
        let print = listed.lines().rfind(|line| line.starts_with("pub:")).and_then(|line| line.split(':').nth(4)).unwrap().to_owned();
        let hello = entity("hello");
        (signed(&hello, &keys.signature(&print, &hello)), from, expect)
    })
    .collect();
    let names: Vec<String> = cases.iter().map(|(content, from, _)| world.deliver(from, content)).collect();
    let shown = world.show();
    for (name, (_, from, expect)) in names.iter().zip(&cases) {
        let found = &shown[name];
        assert!(found.seals.len() == 1 && found.seals[0].starts_with(expect), "{from}: {found:#?}");
        let is_acting = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{200b}' | '\u{e0041}');
        assert!(!found.page.contains(is_acting) && !found.seals[0].contains(is_acting), "{found:#?}");
    }
}
