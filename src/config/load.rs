//! Reads the file. Never fails as a whole: a file that can't be read is a configuration with a finding.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::build::{Place, build};
use super::check::{check, position};
use super::{Config, Finding};

/// Larger than any real configuration; what is longer is not read.
const MAX_BYTES: u64 = 1 << 20;

/// Loads the configuration at `path`. `home` is what `~` stands for.
pub fn load(path: &Path, home: Option<&Path>) -> Config {
    let (bytes, mode) = match read(path) {
        Ok(read) => read,
        Err(why) => {
            let finding = Finding { line: 0, column: 0, message: why };
            return Config { path: Some(path.to_owned()), findings: vec![finding], ..Config::default() };
        }
    };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
    let place = Place { file: path.to_owned(), folder, home: home.map(Path::to_owned), exposed: mode & 0o077 != 0 };
    let mut config = parse_bytes(&bytes, &place);
    config.path = Some(path.to_owned());
    config
}

/// Parses a configuration that is not (or not yet) a file.
pub fn parse(text: &str, place: &Place) -> Config {
    build(text, check(text), place)
}

fn parse_bytes(bytes: &[u8], place: &Place) -> Config {
    let Err(error) = std::str::from_utf8(bytes) else {
        return parse(&String::from_utf8_lossy(bytes), place);
    };
    let text = String::from_utf8_lossy(bytes);
    let (line, column) = position(&text, error.valid_up_to());
    let mut config = parse(&text, place);
    config.findings.insert(0, Finding { line, column, message: "this is not UTF-8; save the file in UTF-8".to_owned() });
    for account in &mut config.accounts {
        account.incoming = super::Incoming::None;
        account.outgoing = super::Outgoing::None;
    }
    config
}

/// The bytes and the permission bits; a sentence where there are none.
fn read(path: &Path) -> Result<(Vec<u8>, u32), String> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let about = file.metadata().map_err(|error| format!("{shown} can't be read: {error}"))?;
    if about.is_dir() {
        return Err(format!("{shown} is a folder, not a file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("{shown} can't be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{shown} is larger than 1 MiB; that is no configuration, and it was not read"));
    }
    Ok((bytes, about.permissions().mode()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credentials, Incoming, Keep, Security, Server};

    fn place() -> Place {
        Place { file: "/c/config.toml".into(), folder: "/c".into(), home: Some("/home/ada".into()), exposed: false }
    }

    fn findings(text: &str) -> Vec<String> {
        parse(text, &place()).findings.iter().map(|f| format!("{}:{}: {}", f.line, f.column, f.message)).collect()
    }

    fn imap(text: &str) -> Option<Server> {
        match parse(text, &place()).accounts.into_iter().next()?.incoming {
            Incoming::Imap(server) => Some(server),
            _ => None,
        }
    }

    const GOOD: &str = "[accounts.w]\naddress = \"a@b.example\"\n[accounts.w.imap]\nhost = \"h.example\"\n";

    #[test]
    fn a_short_file_gets_the_defaults() {
        let server = imap(GOOD).unwrap();
        assert_eq!((server.port, server.security, server.username.as_str()), (993, Security::Tls, "a@b.example"));
        assert_eq!(server.keep, Keep::RecentDays(90));
        assert!(matches!(server.credentials, Credentials::Ask));
        assert!(findings(GOOD).is_empty());
    }

    #[test]
    fn each_mistake_has_its_place_and_the_nearest_name() {
        for (line, expect) in [
            ("security = \"tsl\"", "5:12: \"tsl\" is not a value of security; did you mean \"tls\"?"),
            ("securty = \"tls\"", "5:1: unknown key \"securty\" in [accounts.w.imap]; did you mean \"security\"?"),
            ("port = 70000", "5:8: port is a number from 1 to 65535, not 70000"),
            ("port = \"993\"", "5:8: port is a number from 1 to 65535, not \"993\""),
            ("keep = \"recent:90\"", "5:8: \"recent:90\" is not a value of keep; did you mean \"recent:90d\"?"),
            ("password_command = \"pass\"", "5:20: password_command is a list of the program"),
            ("client_cert = \"x.pem\"", "5:15: client_cert and client_key belong together; client_key is missing"),
            ("[u]\npreview = true", "5:2: unknown key \"u\" at the top of the file"),
            ("[ui]\ntheme = \"drak\"", "6:9: \"drak\" is not a value of theme; did you mean \"dark\"?"),
            ("[ui]\nmark_read = \"nevr\"", "6:13: \"nevr\" is not a value of mark_read; did you mean \"never\"?"),
            ("[keys.lst]\nx = \"archive\"", "5:7: unknown context \"lst\"; did you mean \"list\"?"),
            ("host = = 3", "5:8: "),
            ("[accounts.w.mailboxes]\narchiv = \"x\"", "6:1: unknown key \"archiv\" in [accounts.w.mailboxes]; did you mean \"archive\"?"),
            ("[accounts.x]\naddress = \"nobody\"\n[accounts.x.maildir]\npath = \"m\"", "6:11: \"nobody\" is not an address"),
            ("[accounts.x]\naddress = \"a@b\"", "5:11: the account \"x\" has no mail"),
            ("[ui]\nnotify = 3\npreview = 1", "6:10: notify is one of"),
        ] {
            let found = findings(&format!("{GOOD}{line}\n"));
            assert!(found.iter().any(|f| f.starts_with(expect)), "{line}: {found:#?}");
        }
    }

    #[test]
    fn several_mistakes_come_at_once_and_the_rest_is_used() {
        let text = format!("{GOOD}hst = 1\n[ui]\npreview = \"no\"\nthreads = false\n[sned]\nx = 1\n");
        let config = parse(&text, &place());
        assert_eq!(config.findings.len(), 3, "{:#?}", config.findings);
        assert!(!config.ui.threads && config.ui.preview);
    }

    #[test]
    fn what_follows_an_error_of_syntax_is_still_checked() {
        let text = format!("[ui]\nthreads = false\npreview = yes\n{GOOD}port = 0\n");
        let config = parse(&text, &place());
        assert_eq!(config.findings.iter().map(|f| f.line).collect::<Vec<_>>(), [3, 8], "{:#?}", config.findings);
        assert!(!config.ui.threads);
        assert!(matches!(config.accounts[0].incoming, Incoming::Imap(_)));
    }

    #[test]
    fn a_mistake_never_weakens_the_connection() {
        for line in [
            "security = \"plain\"",
            "security = false",
            "security = plaintext",
            "security = \"plaintext\"",
            "security = \"tls\"\nsecurity = \"plaintext\"",
            "security = \"plaintext\"\nallow_plaintext_password = \"true\"",
            "security = \"plaintext\"\nalow_plaintext_password = true",
        ] {
            let server = imap(&format!("{GOOD}{line}\n"));
            assert!(server.is_none_or(|server| server.security == Security::Tls), "{line}");
        }
    }

    #[test]
    fn a_broken_header_gives_no_account_anothers_settings() {
        let text =
            format!("{GOOD}password = \"one\"\n[accounts.x\naddress = \"x@y\"\n[accounts.x.imap]\nhost = \"other\"\npassword = \"two\"\n");
        for account in parse(&text, &place()).accounts {
            assert!(matches!(account.incoming, Incoming::None) || account.name == "x", "{account:?}");
        }
    }

    #[test]
    fn plaintext_is_for_this_machine_or_for_those_who_say_so() {
        for (host, more, is_used) in [
            ("localhost", "", true),
            ("127.0.0.1", "", true),
            ("::1", "", true),
            ("mail.example", "", false),
            ("127.0.0.1.example", "", false),
            ("mail.example", "allow_plaintext_password = true", true),
        ] {
            let text = format!(
                "[accounts.w]\naddress = \"a@b\"\n[accounts.w.imap]\nhost = \"{host}\"\nsecurity = \"plaintext\"\npassword = \"x\"\n{more}\n"
            );
            assert_eq!(imap(&text).is_some(), is_used, "{host} {more}");
            assert_eq!(findings(&text).is_empty(), is_used, "{host} {more}");
        }
    }

    #[test]
    fn a_password_that_others_can_read_is_not_used() {
        let text = format!("{GOOD}password = \"canary\"\n");
        let config = parse(&text, &Place { exposed: true, ..place() });
        let Incoming::Imap(server) = &config.accounts[0].incoming else { panic!("{config:?}") };
        assert!(matches!(server.credentials, Credentials::Ask));
        assert!(config.findings[0].message.ends_with("chmod 600 /c/config.toml"), "{:?}", config.findings);
        assert!(!format!("{config:?}").contains("canary"));
        let mine = imap(&text).unwrap();
        assert!(matches!(&mine.credentials, Credentials::Password(secret) if secret.expose() == "canary"));
    }

    #[test]
    fn no_message_repeats_a_secret() {
        for line in
            ["password = [\"canary\"]", "pasword = \"canary\"", "password_command = \"canary\"", "password = canary", "password = \"canary"]
        {
            let config = parse(&format!("{GOOD}{line}\n"), &place());
            assert!(!config.findings.is_empty(), "{line}");
            assert!(!format!("{config:?}").contains("canary"), "{line}: {:?}", config.findings);
        }
    }

    #[test]
    fn paths_start_at_the_files_folder_or_at_home() {
        for (path, expect) in [("Mail", "/c/Mail"), ("~/Mail", "/home/ada/Mail"), ("~", "/home/ada"), ("/m", "/m"), ("~bob/x", "/c/~bob/x")]
        {
            let text = format!("[accounts.h]\naddress = \"a@b\"\n[accounts.h.maildir]\npath = \"{path}\"\n");
            let config = parse(&text, &place());
            let Incoming::Maildir(found) = &config.accounts[0].incoming else { panic!("{config:?}") };
            assert_eq!(found, Path::new(expect));
        }
    }

    #[test]
    fn accounts_keep_the_files_order_and_keys_their_place() {
        let text = "[accounts.z.maildir]\npath = \"z\"\n[accounts.a]\naddress = \"a@b\"\nmaildir.path = \"a\"\n[accounts.z]\naddress = \"z@b\"\n[keys.list]\n\"ctrl-e\" = \"archive\"\n";
        let config = parse(text, &place());
        assert_eq!(config.accounts.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
        let key = &config.keys[0];
        assert_eq!(
            (key.context.as_str(), key.key.as_str(), key.action.as_str(), key.line, key.column),
            ("list", "ctrl-e", "archive", 9, 12)
        );
    }
}
