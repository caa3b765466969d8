//! The table of keys and what is made from it are in step, and no mistake in a file panics or weakens a
//! connection. Set POSTRIDER_BLESS=1 to write the generated files anew.

use std::path::Path;

use postrider::config::{Config, Outgoing, Place, Security, keys, parse, render};

fn place() -> Place {
    Place { file: "/c/config.toml".into(), folder: "/c".into(), home: Some("/home/ada".into()), exposed: false }
}

fn in_step(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("POSTRIDER_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{name} is out of step with src/config/keys.rs; POSTRIDER_BLESS=1 cargo test --test config mends it");
}

#[test]
fn the_example_and_the_page_are_made_from_the_table() {
    in_step("config.example.toml", &render::example());
    in_step("docs/configuration.md", &render::page());
}

#[test]
fn the_example_checks_and_names_every_key() {
    let text = render::example();
    let config = parse(&text, &place());
    assert!(config.findings.is_empty(), "{:#?}", config.findings);
    assert_eq!(config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["work", "home"]);
    for table in keys::TABLES {
        assert!(text.contains(&format!("[{}]", table.example)), "{}", table.path);
        for key in table.keys() {
            assert!(text.contains(&format!("{} = {}", key.name, key.example)), "{}.{}", table.path, key.name);
        }
    }
}

/// Every commented line of the example, alone uncommented in place, is a valid one.
#[test]
fn every_alternative_of_the_example_is_accepted() {
    let text = render::example();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("# ") && line.contains(" = ")) {
        let one: String = text
            .lines()
            .enumerate()
            .map(|(at, l)| if at == number { format!("{}\n", l.trim_start_matches("# ")) } else { format!("{l}\n") })
            .collect();
        let findings: Vec<String> = parse(&one, &place()).findings.into_iter().map(|finding| finding.message).collect();
        // alternatives exclude each other, and pairs and tables stand alone here
        let is_expected = |message: &String| message.contains("stand in one table") || message.contains("belong together");
        let in_table = text
            .lines()
            .take(number)
            .filter(|line| line.trim_start_matches("# ").starts_with('['))
            .last()
            .is_some_and(|l| l.starts_with('['));
        assert!(!in_table || findings.iter().all(is_expected), "{line}: {findings:#?}");
    }
}

#[test]
fn the_defaults_change_nothing() {
    let config = parse(&render::defaults(), &place());
    let plain = Config::default();
    assert!(config.findings.is_empty() && config.accounts.is_empty(), "{:#?}", config.findings);
    assert_eq!(format!("{:?}", (&config.ui, &config.send)), format!("{:?}", (&plain.ui, &plain.send)));
}

#[test]
fn the_schema_knows_every_key() {
    let schema = render::schema();
    for table in keys::TABLES.iter().filter(|table| table.path != "keys.*") {
        let pointer: String = table
            .path
            .split('.')
            .map(|part| if part == "*" { "/additionalProperties".to_owned() } else { format!("/properties/{part}") })
            .collect();
        for key in table.keys() {
            assert!(schema.pointer(&format!("{pointer}/properties/{}", key.name)).is_some(), "{}.{}", table.path, key.name);
        }
    }
}

/// A small generator (xorshift), so that a failing file can be made again from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

fn mutated(base: &str, random: &mut Random) -> String {
    let mut text: Vec<char> = base.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len());
        match random.below(6) {
            0 => drop(text.remove(at)),
            1 => text.insert(at, ['"', '[', ']', '=', '\n', '#', '{', '\u{0}', 'é', '.', '\''][random.below(11)]),
            2 if at > 0 => text.swap(at, at - 1),
            3 => text.truncate(at.max(1)),
            4 => {
                let end = (at + random.below(30)).min(text.len());
                let piece: Vec<char> = text[at..end].to_vec();
                let to = random.below(text.len());
                text.splice(to..to, piece);
            }
            _ => {
                let end = (at + random.below(30)).min(text.len());
                text.drain(at..end);
            }
        }
        if text.is_empty() {
            text.push('\n');
        }
    }
    text.into_iter().collect()
}

/// The weakest connection of a configuration: 0 plaintext beyond this machine, 1 STARTTLS, 2 TLS.
fn weakest(config: &Config) -> u8 {
    let incoming = config.accounts.iter().filter_map(|account| account.incoming.server());
    let outgoing = config.accounts.iter().filter_map(|account| match &account.outgoing {
        Outgoing::Smtp(smtp) => Some(&smtp.server),
        _ => None,
    });
    let servers = incoming.chain(outgoing);
    servers
        .map(|server| match server.security {
            Security::Tls => 2,
            Security::StartTls => 1,
            Security::Plaintext => 0,
        })
        .min()
        .unwrap_or(2)
}

#[test]
fn mutated_files_never_panic_and_never_weaken() {
    let tls = "[accounts.w]\naddress = \"a@b.example\"\n[accounts.w.imap]\nhost = \"h.example\"\nport = 993\nsecurity = \"tls\"\npassword = \"x\"\n\
               [accounts.w.smtp]\nhost = \"s.example\"\nsecurity = \"tls\"\n[ui]\ntheme = \"dark\"\n[accounts.v]\naddress = \"v@b.example\"\n[accounts.v.imap]\nhost = \"v.example\"\nsecurity = \"tls\"\n";
    for (base, floor) in [(tls.to_owned(), 2), (tls.replace("\"tls\"", "\"starttls\""), 1), (render::example(), 2)] {
        for seed in 1..=400_u64 {
            let text = mutated(&base, &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let config = parse(&text, &place());
            assert!(weakest(&config) >= floor, "seed {seed}: {text}");
        }
    }
}

/// Hand-made hostile files (bad TOML, huge, deep, wrong types): each has its finding.
#[test]
fn hostile_files_have_findings() {
    let deep = format!("x = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    let dotted = format!("{}x = 1", "a.".repeat(20_000));
    for text in [
        "= 1",
        "[",
        "[accounts",
        "accounts = 1",
        "accounts.w = 1",
        "[[accounts]]\n",
        "[accounts.w]\nimap = 3\naddress=\"a@b\"",
        "x",
        "\u{0}",
        "\u{feff}[ui",
        "[ui]\nui = {",
        "[accounts.\"\"]\naddress = \"a@b\"",
        "[accounts.\"a/b\"]\naddress = \"a@b\"",
        "[accounts.\"\\u001b[31m\"]",
        "send = []",
        "keys = 1",
        "[keys]\nlist = \"x\"",
        "[keys.list]\na = 1",
        "[ui]\npreview = 1979-05-27",
        "[ui]\nambiguous_width = 99999999999999999999999",
        "[ui]\ntheme = \"\\u001b]0;x\\u0007\"",
        "[accounts.w]\naddress = \"a@b\"\n[accounts.w.imap]\nhost = \"a b\"",
        "[accounts.w]\naddress = \"a@b\"\n[accounts.w.imap]\nhost = \"imaps://x\"",
        &deep,
        &dotted,
    ] {
        let config = parse(text, &place());
        let start: String = text.chars().take(60).collect();
        assert!(!config.findings.is_empty(), "{start:?}");
        assert!(
            config.findings.iter().all(|finding| !finding.message.contains(['\u{1b}', '\u{7}', '\n'])),
            "{start:?}: {:?}",
            config.findings
        );
    }
}

#[test]
fn a_signature_is_written_or_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place { folder: folder.path().to_owned(), ..place() };
    let account = |rest: &str| format!("[accounts.w]\naddress = \"a@b.example\"\n{rest}\n[accounts.w.imap]\nhost = \"h\"\n");
    std::fs::write(folder.path().join("sig"), "Ada\nHarbor\n").unwrap();
    let config = parse(&account("signature_file = \"sig\""), &place());
    assert_eq!(config.accounts[0].signature.as_deref(), Some("Ada\nHarbor\n"), "{:?}", config.findings);
    let config = parse(&account("signature_file = \"nowhere\""), &place());
    assert_eq!(config.accounts[0].signature, None);
    assert!(config.findings.iter().any(|finding| finding.line == 3 && finding.message.contains("nowhere")), "{:?}", config.findings);
}
