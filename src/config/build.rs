//! From checked values to a [`Config`]: what the keys mean together. A server that can't be reached safely
//! as written makes its account unusable ([`Incoming::None`]); it never becomes a weaker connection.

mod outgoing;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::DEFAULT_KEEP_SIZE;
use super::check::{Checked, Value, position};
use super::keys::{leave, octets, recent_days, rest_millis};
use super::{
    Account, AfterTriage, Colors, Config, Credentials, Dates, Density, Finding, Icons, Incoming, Keep, KeyBinding, LayoutChoice, Leave,
    MarkRead, Pop3, Preset, Secret, Security, Server, ThemeChoice, Ui,
};
use crate::mail::{DisplayText, Sort, SortBy};

/// What the meaning of a file depends on beside its text.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The file itself, for the command that mends its permissions.
    pub file: PathBuf,
    /// Relative paths start here.
    pub folder: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// Others than the owner may read the file.
    pub exposed: bool,
}

/// Builds the configuration; its findings are those of `checked` and what the whole adds.
pub fn build(text: &str, checked: Checked, place: &Place) -> Config {
    let mut build = Build { text, checked, place, findings: Vec::new() };
    let accounts = build.account_names().iter().filter_map(|name| build.account(name)).collect();
    let mut config = Config { accounts, ui: build.ui(), keys: build.keys(), ..Config::default() };
    if let Some(seconds) = build.int(&["send", "undo_seconds"]) {
        config.send.undo_seconds = seconds;
    }
    build.expose();
    config.findings = build.checked.findings;
    config.findings.append(&mut build.findings);
    config.findings.sort_by_key(|finding| (finding.line, finding.column));
    config
}

/// Ports by protocol: with TLS from the first byte, with STARTTLS, without.
const PORTS: &[(&str, u16, u16, u16)] = &[("imap", 993, 143, 143), ("pop3", 995, 110, 110), ("smtp", 465, 587, 25)];

/// Where a secret can come from; at most one stands in a server's table.
const SECRETS: &[&str] = &["password_command", "password", "token_command", "keyring", "oauth2"];

struct Build<'a> {
    text: &'a str,
    checked: Checked,
    place: &'a Place,
    findings: Vec<Finding>,
}

impl Build<'_> {
    fn find(&mut self, offset: usize, message: String) {
        let (line, column) = position(self.text, offset);
        self.findings.push(Finding { line, column, message });
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.checked.values.get(&path).map(|(value, _)| value)
    }

    /// Where a key or table stands; the start of the file where it doesn't.
    fn offset(&self, path: &[&str]) -> usize {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let value = self.checked.values.get(&path).map(|(_, offset)| *offset);
        value.or_else(|| self.checked.tables.get(&path).copied()).or_else(|| self.checked.bad.get(&path).copied()).unwrap_or(0)
    }

    fn has_table(&self, path: &[&str]) -> bool {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.checked.tables.contains_key(&path)
    }

    fn is_bad(&self, path: &[&str]) -> bool {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.checked.bad.contains_key(&path)
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        match self.value(path)? {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn bool(&self, path: &[&str]) -> Option<bool> {
        match self.value(path)? {
            Value::Bool(is) => Some(*is),
            _ => None,
        }
    }

    fn int<T: TryFrom<i64>>(&self, path: &[&str]) -> Option<T> {
        match self.value(path)? {
            Value::Int(number) => T::try_from(*number).ok(),
            _ => None,
        }
    }

    fn words(&self, path: &[&str]) -> Option<Vec<String>> {
        match self.value(path)? {
            Value::Words(words) => Some(words.clone()),
            _ => None,
        }
    }

    /// `~` and relative paths resolved; existence is not looked at.
    fn path(&self, path: &[&str]) -> Option<PathBuf> {
        let text = self.text(path)?;
        Some(expand(&text, &self.place.folder, self.place.home.as_deref()))
    }

    /// The signature as written, else what is in its file.
    fn signature(&mut self, name: &str) -> Option<String> {
        if let Some(text) = self.text(&["accounts", name, "signature"]) {
            return Some(text);
        }
        let key = ["accounts", name, "signature_file"];
        let file = self.path(&key)?;
        match read_small(&file) {
            Ok(text) => Some(text),
            Err(why) => {
                let at = self.offset(&key);
                self.find(at, format!("the signature in {} can't be read: {why}", file.display()));
                None
            }
        }
    }

    /// In the file's order: by the first thing said of each, which may be a table below its own.
    fn account_names(&self) -> Vec<String> {
        let places = self.checked.tables.iter().map(|(path, at)| (path, *at));
        let places = places.chain(self.checked.values.iter().map(|(path, (_, at))| (path, *at)));
        let mut first: BTreeMap<&String, usize> = BTreeMap::new();
        for (path, at) in places {
            if let [accounts, name, ..] = path.as_slice()
                && accounts == "accounts"
            {
                let known = first.entry(name).or_insert(at);
                *known = at.min(*known);
            }
        }
        let mut names: Vec<(usize, &String)> = first.into_iter().map(|(name, at)| (at, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    fn account(&mut self, name: &str) -> Option<Account> {
        let at = self.offset(&["accounts", name]);
        if name.is_empty() || name.contains(|c: char| c == '/' || c.is_control()) || DisplayText::new(name).as_str() != name {
            self.find(at, "an account's name is a word that can be shown, without \"/\"".to_owned());
            return None;
        }
        let address = self.text(&["accounts", name, "address"]).unwrap_or_default();
        // a Maildir can be read without an address; what is sent has a sender
        let sends = ["smtp", "sendmail"].iter().any(|kind| self.has_table(&["accounts", name, kind]));
        let needs_none = address.is_empty() && self.has_table(&["accounts", name, "maildir"]) && !sends;
        if !needs_none && !is_address(&address) && !self.is_bad(&["accounts", name, "address"]) {
            let message = match address.as_str() {
                "" => format!("the account \"{name}\" has no address: address = \"you@example.org\""),
                odd => format!("{:?} is not an address (you@example.org)", DisplayText::capped(odd, 60).as_str()),
            };
            let at = self.offset(&["accounts", name, "address"]).max(at);
            self.find(at, message);
        }
        let incoming = self.incoming(name, &address, at);
        let outgoing = self.outgoing(name, &address);
        Some(Account {
            name: name.to_owned(),
            display_name: self.text(&["accounts", name, "name"]).unwrap_or_default(),
            signature: self.signature(name),
            authserv_id: self.text(&["accounts", name, "authserv_id"]),
            mailboxes: self.mailboxes(name),
            address,
            incoming,
            outgoing,
            sent_copy: self.bool(&["accounts", name, "sent_copy"]).unwrap_or(true),
        })
    }

    fn incoming(&mut self, name: &str, address: &str, at: usize) -> Incoming {
        let mut kinds: Vec<(usize, &str)> = ["imap", "maildir", "pop3"]
            .into_iter()
            .filter(|kind| self.has_table(&["accounts", name, kind]))
            .map(|kind| (self.offset(&["accounts", name, kind]), kind))
            .collect();
        kinds.sort_unstable();
        if let Some((second, kind)) = kinds.get(1) {
            let message = format!("the account \"{name}\" has its mail in two places; [accounts.{name}.{kind}] is not used");
            self.find(*second, message);
        }
        if let Some(at) = self.checked.damaged.get(name).copied() {
            let message = format!("the account \"{name}\" is not used until this is mended");
            self.find(at, message);
            return Incoming::None;
        }
        let sends = self.has_table(&["accounts", name, "smtp"]) || self.has_table(&["accounts", name, "sendmail"]);
        match kinds.first() {
            Some((_, "maildir")) => self.maildir(name),
            Some((_, "imap")) => self.server(name, "imap", address).map_or(Incoming::None, Incoming::Imap),
            Some((_, _)) => self.pop3(name, address).map_or(Incoming::None, Incoming::Pop3),
            None => {
                let is_bad = ["imap", "maildir", "pop3"].iter().any(|kind| self.is_bad(&["accounts", name, kind]));
                if !sends && !is_bad {
                    self.find(
                        at,
                        format!("the account \"{name}\" has no mail: it needs [accounts.{name}.imap] or [accounts.{name}.maildir]"),
                    );
                }
                Incoming::None
            }
        }
    }

    fn maildir(&mut self, name: &str) -> Incoming {
        let path = ["accounts", name, "maildir"];
        let key = ["accounts", name, "maildir", "path"];
        match self.path(&key) {
            Some(path) => Incoming::Maildir(path),
            None => {
                if !self.is_bad(&key) {
                    let at = self.offset(&path);
                    self.find(at, format!("[accounts.{name}.maildir] has no path"));
                }
                Incoming::None
            }
        }
    }

    fn pop3(&mut self, name: &str, address: &str) -> Option<Pop3> {
        let server = self.server(name, "pop3", address)?;
        let key = |last| ["accounts", name, "pop3", last];
        // what can't be read as a rule leaves mail where it is
        let leave = self.text(&key("leave")).and_then(|word| leave(&word)).unwrap_or(Leave::Always);
        Some(Pop3 { server, leave, maildir: self.path(&key("maildir")) })
    }

    /// The server of `[accounts.NAME.KIND]`; None where it can't be used safely as written.
    fn server(&mut self, name: &str, kind: &str, address: &str) -> Option<Server> {
        let table = ["accounts", name, kind];
        let at = self.offset(&table);
        let key = |last| ["accounts", name, kind, last];
        let (_, tls_port, starttls_port, clear_port) = PORTS.iter().find(|(known, ..)| *known == kind)?;
        let host = self.text(&key("host"));
        if host.is_none() && !self.is_bad(&key("host")) {
            self.find(at, format!("[accounts.{name}.{kind}] has no host"));
        }
        let security = match self.text(&key("security")).as_deref() {
            _ if self.is_bad(&key("security")) => None,
            Some("starttls") => Some(Security::StartTls),
            Some("plaintext") => Some(Security::Plaintext),
            _ => Some(Security::Tls),
        };
        let (Some(host), Some(security)) = (host, security) else {
            let at = ["security", "host"].iter().map(|last| key(last)).find(|key| self.is_bad(key)).map_or(at, |key| self.offset(&key));
            self.find(at, unused(name, kind));
            return None;
        };
        let allow_plaintext_password = self.bool(&key("allow_plaintext_password")).unwrap_or(false);
        if security == Security::Plaintext && !is_loopback(&host) && !allow_plaintext_password {
            let at = self.offset(&key("security"));
            self.find(
                at,
                format!(
                    "security = \"plaintext\" would send the password of \"{name}\" readable to everyone on the way; {}. \
                     Use \"tls\" or \"starttls\", or add allow_plaintext_password = true",
                    unused(name, kind)
                ),
            );
            return None;
        }
        let usual_port = match security {
            Security::Tls => *tls_port,
            Security::StartTls => *starttls_port,
            Security::Plaintext => *clear_port,
        };
        let port = self.int(&key("port")).unwrap_or(usual_port);
        Some(Server {
            host,
            port,
            security,
            username: self.text(&key("username")).unwrap_or_else(|| address.to_owned()),
            credentials: self.credentials(&table),
            allow_plaintext_password,
            ca_file: self.path(&key("ca_file")),
            client_cert: self.client_cert(&table),
            keep: self.keep(&key("keep")),
            keep_size: self.text(&key("keep_size")).as_deref().and_then(octets).unwrap_or(DEFAULT_KEEP_SIZE),
            compress: self.bool(&key("compress")),
        })
    }

    fn credentials(&mut self, table: &[&str; 3]) -> Credentials {
        let given = self.secrets_in(table);
        if let [first, second, ..] = given.as_slice() {
            let at = self.offset(&[table[0], table[1], table[2], second]);
            self.find(at, format!("{first} and {second} stand in one table; only {first} is used"));
        }
        given.first().map_or(Credentials::Ask, |first| self.secret_by(table, first))
    }

    /// The keys of a server's table that name a secret.
    fn secrets_in(&self, table: &[&str; 3]) -> Vec<&'static str> {
        let key = |last| -> [&str; 4] { [table[0], table[1], table[2], last] };
        let mut given: Vec<&str> =
            SECRETS.iter().copied().filter(|last| self.value(&key(last)).is_some() || self.has_table(&key(last))).collect();
        given.retain(|last| *last != "keyring" || self.bool(&key("keyring")) == Some(true));
        given
    }

    fn secret_by(&self, table: &[&str; 3], last: &str) -> Credentials {
        let key = [table[0], table[1], table[2], last];
        match last {
            "password_command" => self.words(&key).map_or(Credentials::Ask, Credentials::PasswordCommand),
            "token_command" => self.words(&key).map_or(Credentials::Ask, Credentials::TokenCommand),
            "password" if !self.place.exposed => {
                self.text(&key).map_or(Credentials::Ask, |password| Credentials::Password(Secret::new(password)))
            }
            _ => Credentials::Ask,
        }
    }

    /// A password that others can read is refused, of whichever server.
    fn expose(&mut self) {
        if !self.place.exposed {
            return;
        }
        let offsets: Vec<usize> = self
            .checked
            .values
            .iter()
            .filter(|(path, _)| matches!(path.last().map(String::as_str), Some("password" | "client_secret")) && path.len() > 3)
            .map(|(_, (_, offset))| *offset)
            .collect();
        let file = shell_word(&self.place.file.display().to_string());
        for offset in offsets {
            self.find(
                offset,
                format!("others on this machine can read this file, so its password is not used; mend it with: chmod 600 {file}"),
            );
        }
    }

    fn client_cert(&mut self, table: &[&str; 3]) -> Option<(PathBuf, PathBuf)> {
        let cert = [table[0], table[1], table[2], "client_cert"];
        let key = [table[0], table[1], table[2], "client_key"];
        match (self.path(&cert), self.path(&key)) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (found, _) => {
                let (here, missing) = if found.is_some() { (cert, "client_key") } else { (key, "client_cert") };
                let at = self.offset(&here);
                self.find(at, format!("client_cert and client_key belong together; {missing} is missing, so neither is used"));
                None
            }
        }
    }

    fn keep(&self, key: &[&str]) -> Keep {
        match self.text(key).as_deref() {
            Some("headers") => Keep::Headers,
            Some("all") => Keep::All,
            other => Keep::RecentDays(other.and_then(recent_days).unwrap_or(90)),
        }
    }

    fn mailboxes(&self, name: &str) -> BTreeMap<String, String> {
        let under = |path: &super::check::Path| path.len() == 4 && path[0] == "accounts" && path[1] == name && path[2] == "mailboxes";
        self.checked
            .values
            .iter()
            .filter(|(path, _)| under(path))
            .filter_map(|(path, (value, _))| match value {
                Value::Text(text) => path.last().map(|role| (role.clone(), text.clone())),
                _ => None,
            })
            .collect()
    }

    fn keys(&self) -> Vec<KeyBinding> {
        let mut bindings: Vec<(usize, KeyBinding)> = self
            .checked
            .values
            .iter()
            .filter_map(|(path, (value, offset))| match (path.as_slice(), value) {
                ([keys, context, key], Value::Text(action)) if keys == "keys" => {
                    let (line, column) = position(self.text, *offset);
                    Some((*offset, KeyBinding { context: context.clone(), key: key.clone(), action: action.clone(), line, column }))
                }
                _ => None,
            })
            .collect();
        bindings.sort_by_key(|(offset, _)| *offset);
        bindings.into_iter().map(|(_, binding)| binding).collect()
    }

    fn ui(&self) -> Ui {
        let mut ui = Ui::default();
        let word = |key: &str| self.text(&["ui", key]);
        let flag = |key: &str, default: bool| self.bool(&["ui", key]).unwrap_or(default);
        ui.keymap = choose(word("keymap"), KEYMAPS, ui.keymap);
        ui.layout = choose(word("layout"), LAYOUTS, ui.layout);
        ui.density = choose(word("density"), DENSITIES, ui.density);
        ui.after_triage = choose(word("after_triage"), AFTER, ui.after_triage);
        ui.theme = choose(word("theme"), THEMES, ui.theme);
        ui.colors = choose(word("colors"), COLORS, ui.colors);
        ui.icons = choose(word("icons"), ICONS, ui.icons);
        ui.dates = choose(word("dates"), DATES, ui.dates);
        ui.motion = choose(word("motion"), MOTION, ui.motion);
        ui.preview = flag("preview", ui.preview);
        ui.threads = flag("threads", ui.threads);
        ui.hints = flag("hints", ui.hints);
        ui.mouse = flag("mouse", ui.mouse);
        ui.ambiguous_width = self.int(&["ui", "ambiguous_width"]).unwrap_or(ui.ambiguous_width);
        ui.open_command = self.words(&["ui", "open_command"]).unwrap_or_default();
        ui.print_command = self.words(&["ui", "print_command"]).unwrap_or(ui.print_command);
        if let Some(sort) = word("sort") {
            ui.sort = sort_of(&sort);
        }
        ui.mark_read = match word("mark_read").as_deref() {
            Some("open") => MarkRead::Open,
            Some("never") => MarkRead::Never,
            Some(rest) => rest_millis(rest).map_or(ui.mark_read, |millis| MarkRead::Rest(Duration::from_millis(millis))),
            None => ui.mark_read,
        };
        ui
    }
}

const KEYMAPS: &[(&str, Preset)] = &[("vim", Preset::Vim), ("gmail", Preset::Gmail), ("mutt", Preset::Mutt), ("emacs", Preset::Emacs)];
const LAYOUTS: &[(&str, LayoutChoice)] = &[
    ("auto", LayoutChoice::Auto),
    ("columns", LayoutChoice::Columns),
    ("stacked", LayoutChoice::Stacked),
    ("single", LayoutChoice::Single),
];
const DENSITIES: &[(&str, Density)] = &[("auto", Density::Auto), ("compact", Density::Compact), ("cards", Density::Cards)];
const AFTER: &[(&str, AfterTriage)] = &[("next", AfterTriage::Next), ("previous", AfterTriage::Previous), ("stay", AfterTriage::Stay)];
const THEMES: &[(&str, ThemeChoice)] = &[("auto", ThemeChoice::Auto), ("dark", ThemeChoice::Dark), ("light", ThemeChoice::Light)];
const COLORS: &[(&str, Colors)] =
    &[("auto", Colors::Auto), ("truecolor", Colors::TrueColor), ("256", Colors::Ansi256), ("16", Colors::Ansi16), ("none", Colors::None)];
const ICONS: &[(&str, Icons)] = &[("unicode", Icons::Unicode), ("ascii", Icons::Ascii)];
const DATES: &[(&str, Dates)] = &[("relative", Dates::Relative), ("iso", Dates::Iso)];
const MOTION: &[(&str, bool)] = &[("auto", true), ("off", false)];
const SORTS: &[(&str, SortBy)] =
    &[("received", SortBy::Received), ("date", SortBy::Date), ("from", SortBy::From), ("subject", SortBy::Subject), ("size", SortBy::Size)];

fn choose<T: Copy>(word: Option<String>, choices: &[(&str, T)], default: T) -> T {
    word.and_then(|word| choices.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)).unwrap_or(default)
}

fn sort_of(word: &str) -> Sort {
    let (name, reversed) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    Sort { by: choose(Some(name.to_owned()), SORTS, SortBy::Received), reversed }
}

/// What a server that can't be used as written means for the account.
fn unused(name: &str, kind: &str) -> String {
    match kind {
        "smtp" => format!("nothing is sent by the account \"{name}\" until this is mended"),
        _ => format!("the account \"{name}\" is not used until this is mended"),
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '\u{fffd}'))
}

/// This machine, by name or number; what is sent there passes no network.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `~` is the home folder; a relative path starts at `folder`.
pub fn expand(text: &str, folder: &Path, home: Option<&Path>) -> PathBuf {
    let in_home = match text.strip_prefix('~') {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    match (in_home, home) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        _ => folder.join(text),
    }
}

/// A path as a shell takes it as one word.
pub fn shell_word(text: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ':')) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text of a few lines; what is no regular file is not waited for.
fn read_small(file: &std::path::Path) -> Result<String, String> {
    use std::io::Read;
    const LIMIT: u64 = 64 * 1024;
    let said = |error: std::io::Error| error.to_string();
    if !std::fs::metadata(file).map_err(said)?.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut text = String::new();
    std::fs::File::open(file).map_err(said)?.take(LIMIT).read_to_string(&mut text).map_err(said)?;
    Ok(text)
}
