//! The command line, as clap reads it. Completions and manual pages are made from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// A mail reader for the terminal: IMAP and Maildir, fast triage, nothing lost.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, about, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Read this configuration file
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// The account to work with, instead of the first
    #[arg(long, global = true, value_name = "NAME")]
    pub account: Option<String>,
    /// Never connect
    #[arg(long, global = true)]
    pub offline: bool,
    /// error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Warn, hide_default_value = true, hide_possible_values = true)]
    pub log_level: LogLevel,
    /// Write the log here
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Write the protocol dialogue here, credentials masked
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub trace: Option<PathBuf>,
    /// Append what happens here, one JSON object a line
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub events: Option<PathBuf>,
}

/// How much the log tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look around in a throw-away demo mailbox: no account, no network
    Demo(Demo),
    /// Add an account: it signs in before anything is saved
    Setup(Box<Setup>),
    /// Push what waits and fetch what is new, then exit
    Sync(Sync),
    /// List messages, newest first
    List(List),
    /// Search all accounts
    Search(Search),
    /// Show one message
    Show(Show),
    /// Count messages, total and unread
    Count(Count),
    /// Accounts, mailboxes and what waits
    Status(Json),
    /// Add and remove flags: flag 12 13 +seen -flagged
    Flag(Words),
    /// Add and remove tags (keywords): tag 12 +todo -later
    Tag(Words),
    /// Move messages to a mailbox
    Move(Move),
    /// Move messages to the archive of their account
    Archive(Ids),
    /// Move messages to the trash of their account
    Trash(Ids),
    /// Check everything between here and the server
    Doctor(Json),
    /// The configuration file
    #[command(subcommand)]
    Config(Config),
    /// Every key and what it does
    Keys(Keys),
    /// Completions for a shell, on stdout
    Completions(Completions),
    /// Write the manual pages into a folder
    Man(Man),
    /// Help on a topic
    Help(Help),
    /// Send a message from stdin: queued first, so that nothing is lost
    Send(Send),
    /// The queue of outgoing mail
    Outbox(Outbox),
    /// Write a message in the reader
    Compose(Compose),
    /// `postrider mailto:…`, and words that are no command
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(Clone, Debug, Default, Args)]
pub struct Demo {
    /// Keep the demo's files in this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keep: Option<PathBuf>,
    /// How many messages, instead of about 200
    #[arg(long, value_name = "N")]
    pub messages: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Setup {
    /// Your address
    pub address: Option<String>,
    /// Your name as others see it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The IMAP server
    #[arg(long, value_name = "HOST")]
    pub imap_host: Option<String>,
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub imap_port: Option<u16>,
    /// tls, starttls or plaintext
    #[arg(long, value_name = "HOW", value_enum, hide_possible_values = true)]
    pub imap_security: Option<SecurityWord>,
    /// The name to sign in with; the address if not given
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// A command that prints the password, split into words without a shell
    #[arg(long, value_name = "COMMAND")]
    pub password_command: Option<String>,
    /// A command that prints an OAuth2 access token
    #[arg(long, value_name = "COMMAND", conflicts_with = "password_command")]
    pub token_command: Option<String>,
    /// An extra trust anchor (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// Read a Maildir of this disk instead
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath, conflicts_with = "imap_host")]
    pub maildir: Option<PathBuf>,
    #[command(flatten)]
    pub pop3: SetupPop3,
    #[command(flatten)]
    pub smtp: SetupSmtp,
}

/// Where mail is fetched from.
#[derive(Debug, Args)]
pub struct SetupPop3 {
    /// The POP3 server, instead of an IMAP server
    #[arg(id = "pop3_host", long = "pop3-host", value_name = "HOST", conflicts_with_all = ["imap_host", "maildir"])]
    pub host: Option<String>,
    #[arg(id = "pop3_port", long = "pop3-port", value_name = "PORT", requires = "pop3_host", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// tls, starttls or plaintext
    #[arg(
        id = "pop3_security",
        long = "pop3-security",
        value_name = "HOW",
        requires = "pop3_host",
        value_enum,
        hide_possible_values = true
    )]
    pub security: Option<SecurityWord>,
    /// How long fetched mail stays there: always, days:14, until_deleted or never
    #[arg(id = "pop3_leave", long = "pop3-leave", value_name = "RULE", requires = "pop3_host")]
    pub leave: Option<String>,
}

/// Where mail is handed over.
#[derive(Debug, Args)]
pub struct SetupSmtp {
    /// The submission server
    #[arg(id = "smtp_host", long = "smtp-host", value_name = "HOST")]
    pub host: Option<String>,
    #[arg(id = "smtp_port", long = "smtp-port", value_name = "PORT", requires = "smtp_host", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// tls, starttls or plaintext
    #[arg(
        id = "smtp_security",
        long = "smtp-security",
        value_name = "HOW",
        requires = "smtp_host",
        value_enum,
        hide_possible_values = true
    )]
    pub security: Option<SecurityWord>,
    /// The name to sign in with there; that of the incoming server if not given
    #[arg(id = "smtp_username", long = "smtp-username", value_name = "NAME", requires = "smtp_host")]
    pub username: Option<String>,
    /// A command that prints the password for it; that of the incoming server if not given
    #[arg(id = "smtp_password_command", long = "smtp-password-command", value_name = "COMMAND", requires = "smtp_host")]
    pub password_command: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecurityWord {
    Tls,
    Starttls,
    Plaintext,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Compose {
    /// Attach this file as it is now
    #[arg(short, long = "attach", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub attach: Vec<PathBuf>,
    /// Addresses, or a mailto: link
    #[arg(value_name = "TO")]
    pub to: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Sync {
    /// Headers only, no bodies
    #[arg(long)]
    pub headers: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// account/Mailbox/Child; the default is the inbox of the first account
    #[arg(long, short, value_name = "MAILBOX")]
    pub mailbox: Option<String>,
    /// Only what matches: words, from: to: subject: body: in: has: is: before: after:
    #[arg(long, short, value_name = "QUERY")]
    pub query: Option<String>,
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Debug, Args)]
pub struct Search {
    /// Words, from: to: subject: body: in: has: is: before: after:
    #[arg(required = true, value_name = "QUERY", allow_hyphen_values = true)]
    pub query: Vec<String>,
    #[arg(long, short, value_name = "MAILBOX")]
    pub mailbox: Option<String>,
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Debug, Args)]
pub struct Count {
    #[arg(long, short, value_name = "MAILBOX")]
    pub mailbox: Option<String>,
    #[arg(long, short, value_name = "QUERY")]
    pub query: Option<String>,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Debug, Args)]
pub struct Show {
    pub id: i64,
    /// The text, rendered (the default)
    #[arg(long, group = "form")]
    pub text: bool,
    /// The HTML part as it was sent
    #[arg(long, group = "form")]
    pub html: bool,
    /// The whole message as it was sent
    #[arg(long, group = "form")]
    pub raw: bool,
    /// The header lines as they were sent
    #[arg(long, group = "form")]
    pub headers: bool,
    #[arg(long, group = "form")]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Json {
    /// One JSON object (docs/json.md)
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Words {
    /// Ids, then +WORD to add and -WORD to remove
    #[arg(required = true, allow_hyphen_values = true, value_name = "ID… +WORD -WORD")]
    pub words: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Move {
    #[arg(required = true)]
    pub ids: Vec<i64>,
    /// account/Mailbox/Child
    #[arg(long, value_name = "MAILBOX")]
    pub to: String,
}

#[derive(Debug, Args)]
pub struct Ids {
    #[arg(required = true)]
    pub ids: Vec<i64>,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Where the file is
    Path,
    /// Every mistake with its line; exit code 1 if there is one
    Check(Json),
    /// A file with every key at its default
    Default,
    /// A JSON schema for editors
    Schema,
    /// Open the file in $VISUAL or $EDITOR, then check it
    Edit,
}

#[derive(Debug, Args)]
pub struct Keys {
    /// As docs/keys.md has it
    #[arg(long)]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Help {
    /// A command, or one of: start, config, search, scripts, keys
    pub topic: Option<String>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Send {
    /// The envelope sender (MAIL FROM), instead of the one in the header
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// The envelope recipients, instead of those in the header
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    pub to: Vec<String>,
    /// Delivery reports to ask for: never, or some of success,failure,delay
    #[arg(long, value_name = "WHEN")]
    pub notify: Option<String>,
    /// How much of the message a report brings back: headers or full
    #[arg(long, value_name = "WHAT", value_enum, hide_possible_values = true)]
    pub ret: Option<RetWord>,
    /// An identifier that reports repeat
    #[arg(long, value_name = "ID")]
    pub envid: Option<String>,
    /// End once it is in the outbox, on the disk
    #[arg(long)]
    pub queue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RetWord {
    Headers,
    Full,
}

#[derive(Clone, Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Outbox {
    #[command(subcommand)]
    pub verb: Option<OutboxVerb>,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Clone, Debug, Subcommand)]
pub enum OutboxVerb {
    /// What is in it, oldest first (the default)
    List(Json),
    /// Try now: one message, or all that wait after a failure
    Send { id: Option<i64> },
    /// Take a message out: what was written here is a draft again, all else is forgotten
    Cancel { id: i64 },
}
