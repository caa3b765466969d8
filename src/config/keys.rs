//! The table of every key: where it stands, what it may hold, its default and its sentence. Validation
//! (`check.rs`), nearest names, `config default`, `config schema`, config.example.toml and
//! docs/configuration.md all read it, so a new key is one row here and one line in `build.rs`.

use super::Leave;

/// A TOML table of the file.
#[derive(Debug)]
pub struct Table {
    /// `*` stands for a name of the user's.
    pub path: &'static str,
    /// The header in the example file.
    pub example: &'static str,
    /// Written out in the example file; else commented.
    pub live: bool,
    pub doc: &'static str,
    pub keys: &'static [&'static [Key]],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// As TOML, or words in parentheses where it follows from something else; empty = none.
    pub default: &'static str,
    /// As TOML.
    pub example: &'static str,
    /// Written out in the example file; else commented.
    pub live: bool,
    pub doc: &'static str,
}

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    /// Never repeated in a message.
    Secret,
    /// A host name or an IP address.
    Host,
    /// `~` and relative paths allowed.
    Path,
    Bool,
    Int(i64, i64),
    OneOf(&'static [&'static str]),
    /// A command: program and arguments.
    Words,
    /// One of the words, or a form of its own.
    Form {
        words: &'static [&'static str],
        hint: &'static str,
        accepts: fn(&str) -> bool,
    },
}

/// Words of `security`.
pub const SECURITY: &[&str] = &["tls", "starttls", "plaintext"];

/// Contexts that `[keys.…]` may name.
pub const CONTEXTS: &[&str] =
    &["all", "folders", "list", "preview", "reader", "compose", "confirm", "prompt", "picker", "help", "tasks", "accounts", "welcome"];

const fn key(name: &'static str, kind: Kind, default: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, example, live: true, doc }
}

const fn other(name: &'static str, kind: Kind, default: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, example, live: false, doc }
}

const ACCOUNT: &[Key] = &[
    key("address", Kind::Text, "", "\"ada@example.org\"", "Your address."),
    key("name", Kind::Text, "", "\"Ada Lovelace\"", "Your name as others see it."),
    key("signature", Kind::Text, "", "\"Ada\"", "What stands under your mail."),
    other("signature_file", Kind::Path, "", "\"signature.txt\"", "The same from a file."),
    other(
        "authserv_id",
        Kind::Text,
        "",
        "\"mx.example.org\"",
        "The server whose Authentication-Results are believed: its verdict on the sender stands above the text.",
    ),
    other(
        "sent_copy",
        Kind::Bool,
        "true",
        "false",
        "Put a copy of sent mail into Sent; false where the server does that itself, as Gmail does.",
    ),
];

const IMAP_HOST: &[Key] = &[
    key("host", Kind::Host, "", "\"imap.example.org\"", "The server's name or address."),
    other("port", Kind::Int(1, 65535), "(993 with tls, else 143)", "993", "The server's port."),
];

const POP3_HOST: &[Key] = &[
    key("host", Kind::Host, "", "\"pop.example.org\"", "The server's name or address."),
    other("port", Kind::Int(1, 65535), "(995 with tls, else 110)", "995", "The server's port."),
];

const SMTP_HOST: &[Key] = &[
    key("host", Kind::Host, "", "\"smtp.example.org\"", "The server's name or address."),
    other("port", Kind::Int(1, 65535), "(465 with tls, 587 with starttls, else 25)", "465", "The server's port."),
];

const SERVER: &[Key] = &[
    key(
        "security",
        Kind::OneOf(SECURITY),
        "\"tls\"",
        "\"tls\"",
        "\"tls\" from the first byte, \"starttls\" (required once chosen), or \"plaintext\" (only to this machine, or with allow_plaintext_password).",
    ),
    other("username", Kind::Text, "(the address)", "\"ada@example.org\"", "The name to sign in with."),
    key(
        "password_command",
        Kind::Words,
        "",
        "[\"pass\", \"show\", \"mail/work\"]",
        "A command that prints the password: program and arguments, no shell. With none of password_command, password, keyring, token_command and oauth2 you are asked.",
    ),
    other("password", Kind::Secret, "", "\"…\"", "The password itself; the file must then be readable by you alone (chmod 600)."),
    other("keyring", Kind::Bool, "false", "true", "Take the password from the system's keyring (still to come: until then you are asked)."),
    other("token_command", Kind::Words, "", "[\"oauth-helper\", \"token\"]", "A command that prints an OAuth2 access token."),
    other(
        "allow_plaintext_password",
        Kind::Bool,
        "false",
        "true",
        "Send the password unencrypted over the network with security = \"plaintext\".",
    ),
    other("ca_file", Kind::Path, "", "\"ca.pem\"", "An extra trust anchor (PEM), beside the system's."),
    other("client_cert", Kind::Path, "", "\"me.pem\"", "A certificate (PEM) to show to the server; with client_key."),
    other("client_key", Kind::Path, "", "\"me.key\"", "The key (PEM) of client_cert."),
];

const KEEP: &[Key] = &[
    other(
        "keep",
        Kind::Form { words: &["headers", "all", "recent:90d"], hint: "\"headers\", \"all\" or \"recent:90d\"", accepts: is_keep },
        "\"recent:90d\"",
        "\"recent:90d\"",
        "Bodies kept for reading offline: \"headers\" (none), \"recent:AGE\" (d, w, m or y), or \"all\".",
    ),
    other(
        "keep_size",
        Kind::Form { words: &["2GB", "500MB"], hint: "a size as \"2GB\" or \"500MB\"", accepts: is_octets },
        "\"2GB\"",
        "\"2GB\"",
        "The most that kept bodies may take; beyond it the oldest go (kB, MB, GB), but none that is starred.",
    ),
    other(
        "compress",
        Kind::Bool,
        "(true, but not to this machine)",
        "false",
        "Have the server compress what it sends from the first fetch of many headers on (COMPRESS=DEFLATE), where it can.",
    ),
];

const LEAVE: &[Key] = &[
    other(
        "leave",
        Kind::Form {
            words: &["always", "until_deleted", "never", "days:14"],
            hint: "\"always\", \"days:14\", \"until_deleted\" or \"never\"",
            accepts: is_leave,
        },
        "\"always\"",
        "\"always\"",
        "How long fetched mail stays on the server: \"always\", \"days:14\" (after it was fetched), \"until_deleted\" (here, for good) or \"never\" (deleted there once safely here).",
    ),
    other(
        "maildir",
        Kind::Path,
        "(under the data folder)",
        "\"~/Mail/old\"",
        "The Maildir that the mail is delivered into and read from; made where it is missing.",
    ),
];

const SMTP: &[Key] = &[
    other("helo", Kind::Host, "(the local address)", "\"laptop.example.org\"", "The name said in EHLO."),
    other("bind", Kind::Host, "", "\"192.0.2.7\"", "The local address to connect from."),
    other(
        "dsn_notify",
        Kind::Form {
            words: &["never", "success", "failure", "delay"],
            hint: "\"never\", or some of success,failure,delay",
            accepts: is_notify,
        },
        "",
        "\"failure,delay\"",
        "Delivery reports to ask for (RFC 3461).",
    ),
    other("dsn_ret", Kind::OneOf(&["headers", "full"]), "", "\"headers\"", "How much of the message comes back in a delivery report."),
];

const OAUTH2: &[Key] = &[
    other("provider", Kind::Text, "", "\"example\"", "A provider known by name."),
    other("client_id", Kind::Text, "", "\"…\"", "The client identifier."),
    other("client_secret", Kind::Secret, "", "\"…\"", "The client secret, where the provider wants one."),
    other("auth_url", Kind::Text, "", "\"https://login.example.org/authorize\"", "The authorization endpoint."),
    other("token_url", Kind::Text, "", "\"https://login.example.org/token\"", "The token endpoint."),
    other("scope", Kind::Text, "", "\"mail\"", "The scope to ask for."),
];

const MAILBOXES: &[Key] = &[
    key("archive", Kind::Text, "", "\"Archive\"", "Where archived mail goes."),
    key("sent", Kind::Text, "", "\"Sent\"", "Copies of what was sent."),
    other("drafts", Kind::Text, "", "\"Drafts\"", "Unfinished mail."),
    other("junk", Kind::Text, "", "\"Junk\"", "Junk mail."),
    other("trash", Kind::Text, "", "\"Trash\"", "Where trashed mail goes."),
    other("all", Kind::Text, "", "\"[Gmail]/All Mail\"", "The mailbox that shows every message."),
    other("flagged", Kind::Text, "", "\"[Gmail]/Starred\"", "The mailbox that shows every flagged message."),
];

const SEND: &[Key] = &[key(
    "undo_seconds",
    Kind::Int(0, 600),
    "10",
    "10",
    "How long a message written here can be taken back before it goes; 0 = not at all.",
)];

const UI: &[Key] = &[
    key("keymap", Kind::OneOf(&["vim", "gmail", "mutt", "emacs"]), "\"vim\"", "\"vim\"", "The keys' preset."),
    key(
        "layout",
        Kind::OneOf(&["auto", "columns", "stacked", "single"]),
        "\"auto\"",
        "\"auto\"",
        "How the panes stand; \"auto\" follows the terminal's size.",
    ),
    key("preview", Kind::Bool, "true", "true", "Show the message under the cursor beside the list."),
    key("density", Kind::OneOf(&["auto", "compact", "cards"]), "\"auto\"", "\"auto\"", "\"compact\" is one line a message, \"cards\" two."),
    key("threads", Kind::Bool, "true", "true", "One row for a thread instead of one for a message."),
    key("sort", Kind::OneOf(SORTS), "\"received\"", "\"received\"", "Order of lists, newest first; a \"-\" before it turns it round."),
    key(
        "mark_read",
        Kind::Form {
            words: &["open", "never", "rest:1500"],
            hint: "\"open\", \"never\" or \"rest:1500\" (milliseconds)",
            accepts: is_mark_read,
        },
        "\"rest:1500\"",
        "\"rest:1500\"",
        "When a message counts as read: \"rest:1500\" = after 1.5 seconds under the cursor, \"open\" = when opened, or \"never\".",
    ),
    key(
        "after_triage",
        Kind::OneOf(&["next", "previous", "stay"]),
        "\"next\"",
        "\"next\"",
        "Where the cursor goes when its message leaves the list.",
    ),
    key("theme", Kind::OneOf(&["auto", "dark", "light"]), "\"auto\"", "\"auto\"", "\"auto\" asks the terminal."),
    key("icons", Kind::OneOf(&["unicode", "ascii"]), "\"unicode\"", "\"unicode\"", "Signs for the state of a message."),
    key(
        "colors",
        Kind::OneOf(&["auto", "truecolor", "256", "16", "none"]),
        "\"auto\"",
        "\"auto\"",
        "How many colours; \"auto\" follows COLORTERM, TERM and NO_COLOR.",
    ),
    key("hints", Kind::Bool, "true", "true", "Show the row of keys at the bottom."),
    key("dates", Kind::OneOf(&["relative", "iso"]), "\"relative\"", "\"relative\"", "Dates in lists."),
    key(
        "motion",
        Kind::OneOf(&["auto", "off"]),
        "\"auto\"",
        "\"auto\"",
        "\"off\" puts words in place of moving signs (still to come: nothing moves yet).",
    ),
    key("ambiguous_width", Kind::Int(1, 2), "1", "1", "Cells your terminal gives to characters of ambiguous width."),
    key("mouse", Kind::Bool, "true", "true", "Click and wheel; false leaves the mouse to the terminal."),
    key(
        "notify",
        Kind::OneOf(&["auto", "bell", "osc9", "osc777", "osc99", "command", "off"]),
        "\"auto\"",
        "\"auto\"",
        "How new mail is announced (still to come).",
    ),
    key("editor_mode", Kind::OneOf(&["plain", "vim"]), "\"plain\"", "\"plain\"", "Keys of the composer's editor (still to come)."),
    other(
        "open_command",
        Kind::Words,
        "(the desktop's opener)",
        "[\"xdg-open\"]",
        "Opens links and files: program and arguments, no shell. Without it a file is shown by the program that mailcap names, if any, and a picture or an archive here.",
    ),
    other(
        "print_command",
        Kind::Words,
        "[\"lpr\"]",
        "[\"lpr\", \"-o\", \"sides=two-sided-long-edge\"]",
        "Prints the text on its standard input: program and arguments, no shell.",
    ),
];

const SORTS: &[&str] = &["received", "date", "from", "subject", "size", "-received", "-date", "-from", "-subject", "-size"];

/// Every table, in the order of the example file. `[keys.*]` has keys of the user's own.
pub const TABLES: &[Table] = &[
    Table {
        path: "accounts.*",
        example: "accounts.work",
        live: true,
        doc: "An account; the first in the file is the default. Its name is what scripts and the screen call it.",
        keys: &[ACCOUNT],
    },
    Table {
        path: "accounts.*.imap",
        example: "accounts.work.imap",
        live: true,
        doc: "Where its mail is: an IMAP server. Or [accounts.x.maildir], or [accounts.x.pop3].",
        keys: &[IMAP_HOST, SERVER, KEEP],
    },
    Table {
        path: "accounts.*.imap.oauth2",
        example: "accounts.work.imap.oauth2",
        live: false,
        doc: "OAuth2 without a helper command (still to come).",
        keys: &[OAUTH2],
    },
    Table {
        path: "accounts.*.smtp",
        example: "accounts.work.smtp",
        live: true,
        doc: "Where its mail is handed over: a submission server. Or [accounts.x.sendmail]. Without a username it signs in with that of the incoming server, and without any of password_command, password, keyring, token_command and oauth2 with its password too.",
        keys: &[SMTP_HOST, SERVER, SMTP],
    },
    Table {
        path: "accounts.*.smtp.oauth2",
        example: "accounts.work.smtp.oauth2",
        live: false,
        doc: "OAuth2 for sending (still to come).",
        keys: &[OAUTH2],
    },
    Table {
        path: "accounts.*.mailboxes",
        example: "accounts.work.mailboxes",
        live: true,
        doc: "Which mailbox is for what, only where the server does not tell. Names have \"/\" between levels.",
        keys: &[MAILBOXES],
    },
    Table {
        path: "accounts.*.maildir",
        example: "accounts.home.maildir",
        live: true,
        doc: "Mail on this disk: the folder with new, cur and tmp. (The account beside it needs its own [accounts.home] with an address.)",
        keys: &[&[key("path", Kind::Path, "", "\"~/Mail\"", "The Maildir; subfolders (Maildir++) are its mailboxes.")]],
    },
    Table {
        path: "accounts.*.sendmail",
        example: "accounts.home.sendmail",
        live: true,
        doc: "Sending by a command of this machine, as a local mail server, msmtp or nullmailer have it.",
        keys: &[&[key(
            "command",
            Kind::Words,
            "",
            "[\"/usr/sbin/sendmail\", \"-t\", \"-i\"]",
            "Program and arguments, no shell; the message goes to its stdin. \"-i -f SENDER -- RECIPIENT…\" is added and \"-t\" taken out: it would forget Bcc. A command that gives its arguments to a shell (ssh) must quote them.",
        )]],
    },
    Table {
        path: "accounts.*.pop3",
        example: "accounts.old.pop3",
        live: false,
        doc: "Where its mail comes from: a POP3 server. It is fetched into a Maildir (docs/pop3.md).",
        keys: &[POP3_HOST, SERVER, LEAVE],
    },
    Table {
        path: "accounts.*.pop3.oauth2",
        example: "accounts.old.pop3.oauth2",
        live: false,
        doc: "OAuth2 for POP3 (still to come).",
        keys: &[OAUTH2],
    },
    Table { path: "send", example: "send", live: true, doc: "Sending.", keys: &[SEND] },
    Table { path: "ui", example: "ui", live: true, doc: "The screen. What stands here are the defaults.", keys: &[UI] },
    Table {
        path: "keys.*",
        example: "keys.list",
        live: true,
        doc: "Keys of your own on top of the preset, by context: all, folders, list, preview, reader, compose, confirm, prompt, picker, help, tasks, accounts, welcome. Each is key = \"action\"; \"\" takes a key away. `postrider keys` lists the actions.",
        keys: &[],
    },
];

impl Table {
    /// Its keys, those shared with other tables among them.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|part| part.iter())
    }

    /// The table of a path pattern.
    pub fn find(pattern: &str) -> Option<&'static Table> {
        TABLES.iter().find(|table| table.path == pattern)
    }
}

/// `headers`, `all`, `recent:90d`: the days, 0 for the words.
pub fn recent_days(value: &str) -> Option<u32> {
    let age = value.strip_prefix("recent:")?;
    let unit = age.chars().last()?;
    let days = match unit {
        'd' => 1,
        'w' => 7,
        'm' => 30,
        'y' => 365,
        _ => return None,
    };
    let count: u32 = age.strip_suffix(unit)?.parse().ok()?;
    (1..=36_500).contains(&count).then(|| count.saturating_mul(days).min(36_500))
}

/// `rest:1500`: the milliseconds.
pub fn rest_millis(value: &str) -> Option<u64> {
    value.strip_prefix("rest:")?.parse().ok().filter(|millis| *millis <= 3_600_000)
}

/// `500MB`: the octets.
pub fn octets(value: &str) -> Option<u64> {
    let (number, unit) = [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)]
        .into_iter()
        .find_map(|(word, unit)| Some((value.strip_suffix(word)?.trim_end(), unit)))?;
    number.parse::<u64>().ok().filter(|number| *number > 0).and_then(|number| number.checked_mul(unit))
}

fn is_octets(value: &str) -> bool {
    octets(value).is_some()
}

fn is_keep(value: &str) -> bool {
    matches!(value, "headers" | "all") || recent_days(value).is_some()
}

/// `always`, `days:14`, `until_deleted`, `never`.
pub fn leave(value: &str) -> Option<Leave> {
    match value {
        "always" => Some(Leave::Always),
        "until_deleted" => Some(Leave::UntilDeleted),
        "never" => Some(Leave::Never),
        days => days.strip_prefix("days:")?.parse().ok().filter(|days| (1..=36_500).contains(days)).map(Leave::Days),
    }
}

fn is_leave(value: &str) -> bool {
    leave(value).is_some()
}

fn is_notify(value: &str) -> bool {
    value == "never" || value.split(',').all(|word| matches!(word.trim(), "success" | "failure" | "delay"))
}

fn is_mark_read(value: &str) -> bool {
    matches!(value, "open" | "never") || rest_millis(value).is_some()
}
