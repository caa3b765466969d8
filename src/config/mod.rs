//! The configuration as the user wrote it. Loading never fails as a whole: what is good is used, the rest
//! is a list of [`Finding`]s with line and column. A typo never weakens a connection.

mod build;
mod check;
pub mod keys;
pub mod load;
pub mod render;
pub mod secret;
pub mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use build::{Place, expand, is_loopback, shell_word};
pub use load::{load, parse};
pub use secret::Secret;

/// Everything of one configuration file, defaults filled in.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where it was read from; None for built-in (demo, no file).
    pub path: Option<PathBuf>,
    /// In the file's order; the first is the default.
    pub accounts: Vec<Account>,
    pub send: Send,
    pub ui: Ui,
    /// `[keys.CONTEXT]` tables as written: key -> action name, with the line; `ui::keymap` resolves them.
    pub keys: Vec<KeyBinding>,
    pub findings: Vec<Finding>,
}

/// Something wrong in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// 1-based; 0 where it concerns the whole file.
    pub line: usize,
    pub column: usize,
    /// A sentence: what, and the nearest valid name.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBinding {
    /// "list", "reader", …
    pub context: String,
    pub key: String,
    /// Action name; empty = unbound.
    pub action: String,
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug)]
pub struct Account {
    /// The table's name: what "account" means in scripts and on screen.
    pub name: String,
    pub address: String,
    pub display_name: String,
    pub signature: Option<String>,
    pub authserv_id: Option<String>,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
    /// A copy of sent mail is put into Sent; false where the server does it.
    pub sent_copy: bool,
    /// `[accounts.x.mailboxes]`: role word -> mailbox name.
    pub mailboxes: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub enum Incoming {
    Imap(Server),
    /// Path of the root (the inbox itself).
    Maildir(PathBuf),
    /// Fetched from a server into a Maildir, and read there.
    Pop3(Pop3),
    /// Nothing usable; the findings say why. The account is listed and does nothing.
    None,
}

impl Incoming {
    /// The server it comes from, where there is one.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Imap(server) => Some(server),
            Self::Pop3(pop3) => Some(&pop3.server),
            Self::Maildir(_) | Self::None => None,
        }
    }
}

/// How mail leaves.
#[derive(Clone, Debug)]
pub enum Outgoing {
    Smtp(Box<Smtp>),
    /// Program and arguments of `[accounts.x.sendmail]`; the message is its standard input.
    Sendmail(Vec<String>),
    /// Into the Maildirs of these addresses: the demo's.
    Deliver(Vec<(String, PathBuf)>),
    /// Nothing, or nothing that can be used; the findings say why.
    None,
}

/// A submission server.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub server: Server,
    /// The name in EHLO; None = an address literal.
    pub helo: Option<String>,
    /// The local address to connect from.
    pub bind: Option<std::net::IpAddr>,
    /// Delivery reports asked for by default.
    pub dsn: crate::mail::outgoing::Dsn,
}

/// A POP3 server, and what becomes of its mail.
#[derive(Clone, Debug)]
pub struct Pop3 {
    pub server: Server,
    pub leave: Leave,
    /// Where it is delivered; None = under the data folder.
    pub maildir: Option<PathBuf>,
}

/// How long fetched mail stays on a POP3 server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Always,
    /// Days after it was fetched.
    Days(u32),
    /// Until it is deleted here.
    UntilDeleted,
    /// Deleted there as soon as it is safely here.
    Never,
}

/// A server to sign in to.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub username: String,
    pub credentials: Credentials,
    pub allow_plaintext_password: bool,
    pub ca_file: Option<PathBuf>,
    /// PEM certificate and key for TLS client authentication.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    pub keep: Keep,
    /// Octets of bodies kept, at most.
    pub keep_size: u64,
    /// Have much that comes compressed; None: where the server is not this machine.
    pub compress: Option<bool>,
}

/// 2 GB: some hundred thousand messages without what is attached to them.
pub const DEFAULT_KEEP_SIZE: u64 = 2_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Tls,
    StartTls,
    Plaintext,
}

/// Where the secret comes from. Commands are argument vectors, never a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Password(Secret),
    PasswordCommand(Vec<String>),
    /// Prints an OAuth2 access token (XOAUTH2, OAUTHBEARER).
    TokenCommand(Vec<String>),
    Ask,
}

/// Bodies kept offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Headers,
    /// Received within this many days.
    RecentDays(u32),
    All,
}

#[derive(Clone, Debug)]
pub struct Send {
    pub undo_seconds: u32,
}

impl Default for Send {
    fn default() -> Self {
        Self { undo_seconds: 10 }
    }
}

#[derive(Clone, Debug)]
pub struct Ui {
    pub keymap: Preset,
    pub layout: LayoutChoice,
    pub preview: bool,
    pub density: Density,
    pub threads: bool,
    pub sort: crate::mail::Sort,
    pub mark_read: MarkRead,
    pub after_triage: AfterTriage,
    pub theme: ThemeChoice,
    pub colors: Colors,
    pub icons: Icons,
    pub hints: bool,
    pub dates: Dates,
    pub motion: bool,
    pub ambiguous_width: u8,
    pub mouse: bool,
    /// Program and arguments that open a link or a file; the default is the desktop's opener.
    pub open_command: Vec<String>,
    /// Program and arguments that print the text on their standard input.
    pub print_command: Vec<String>,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            keymap: Preset::Vim,
            layout: LayoutChoice::Auto,
            preview: true,
            density: Density::Auto,
            threads: true,
            sort: crate::mail::Sort::default(),
            mark_read: MarkRead::Rest(std::time::Duration::from_millis(1500)),
            after_triage: AfterTriage::Next,
            theme: ThemeChoice::Auto,
            colors: Colors::Auto,
            icons: Icons::Unicode,
            hints: true,
            dates: Dates::Relative,
            motion: true,
            ambiguous_width: 1,
            mouse: true,
            open_command: Vec::new(),
            print_command: vec!["lpr".to_owned()],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Vim,
    Gmail,
    Mutt,
    Emacs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutChoice {
    Auto,
    Columns,
    Stacked,
    Single,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    Auto,
    Compact,
    Cards,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkRead {
    Rest(std::time::Duration),
    Open,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterTriage {
    Next,
    Previous,
    Stay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThemeChoice {
    Auto,
    Dark,
    Light,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    Auto,
    TrueColor,
    Ansi256,
    Ansi16,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icons {
    Ascii,
    Unicode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    Relative,
    Iso,
}
