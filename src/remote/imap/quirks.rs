//! What servers do that the standards do not say, one row each: who, what, how it is met, and where it was seen. Most
//! are met where the answer is read, by taking what comes as it is; the words that decide something stand here.
//! `docs/servers.md` is made from [`QUIRKS`].

/// One habit of a server.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    pub server: &'static str,
    pub does: &'static str,
    /// What postrider does about it.
    pub met: &'static str,
    pub source: &'static str,
}

/// NetEase refuses SELECT with these words until the program gave a name (RFC 2971).
pub const WANTS_ID: &str = "unsafe login";
/// The name it gets; no version, no system, no host.
pub const ID: &str = "ID (\"name\" \"postrider\")";

/// Who offers this keeps a message once and shows it in several mailboxes, which are its labels.
pub const GMAIL: &str = "X-GM-EXT-1";

pub const QUIRKS: &[Quirk] = &[
    Quirk {
        server: "Gmail",
        does: "takes an expunged message out of one mailbox, a label, and keeps it in All Mail",
        met: "to delete for ever, it is moved to the trash, which takes it out of all others, and expunged there",
        source: "postalsys/imapflow#69, chatmail/core#3957",
    },
    Quirk {
        server: "Gmail",
        does: "has one message in several mailboxes, and in All Mail in any case",
        met: "what has the same X-GM-MSGID is one message in lists; archiving moves it to \\All, where it is already",
        source: "mailpile/Mailpile#1847",
    },
    Quirk {
        server: "hMailServer, Cyrus behind a proxy",
        does: "turn on UTF8=ACCEPT and do not know APPEND's UTF8 form",
        met: "a message is sent in the plain form first, and in that form only where the plain one was refused",
        source: "Progressiverobot/hmailserver#53, cyrusimap/cyrus-imapd#6078",
    },
    Quirk {
        server: "NetEase (163.com, 126.com, yeah.net)",
        does: "refuses to open any mailbox (\"Unsafe Login\") until the program says its name with ID",
        met: "the name is given when it is refused so, and to nobody else; the mailbox is opened again",
        source: "mjs/imapclient#544, OfflineIMAP/offlineimap#696",
    },
    Quirk {
        server: "iCloud",
        does: "offers QRESYNC, does not confirm it, and sends odd VANISHED lines and sequence numbers",
        met: "QRESYNC is used only where ENABLE was confirmed; uids count, sequence numbers of answers do not",
        source: "Foundry376/Mailspring-Sync#91, lswith/imap-mcp#8",
    },
    Quirk {
        server: "Purelymail",
        does: "says HIGHESTMODSEQ 0 of an empty mailbox",
        met: "0 is no count: all of the mailbox is compared",
        source: "Purelymail/purelymail-issues#446",
    },
    Quirk {
        server: "Amazon WorkMail",
        does: "offers QRESYNC and counts its changes wrong",
        met: "another number of messages than ours, and each day, has all of the mailbox compared",
        source: "nextcloud/mail#10581",
    },
    Quirk {
        server: "servers with CONDSTORE alone",
        does: "refuse CHANGEDSINCE though they count changes",
        met: "the ability is given up for the connection, and the next plainer way taken",
        source: "kenn-io/msgvault#699",
    },
    Quirk {
        server: "Exchange",
        does: "gives sizes that are not the message's",
        met: "a shorter answer than was asked for is whole unless far too much is missing",
        source: "`fetch.rs`, `is_whole`",
    },
    Quirk {
        server: "Dovecot",
        does: "answers NO [EXPUNGEISSUED] when some of the messages went meanwhile",
        met: "the others count as done (RFC 2180)",
        source: "`refusal.rs`, `check_some_gone`",
    },
    Quirk {
        server: "older Gmail and its kin",
        does: "tell roles as \\AllMail, \\Spam, \\Starred, and lists as XLIST",
        met: "these words are read as SPECIAL-USE",
        source: "`list.rs`, `USES`",
    },
];

/// The table of `docs/servers.md`.
pub fn markdown() -> String {
    let mut text = String::from("| server | what it does | what postrider does | seen in |\n|---|---|---|---|\n");
    for quirk in QUIRKS {
        text.push_str(&format!("| {} | {} | {} | {} |\n", quirk.server, quirk.does, quirk.met, quirk.source));
    }
    text
}
