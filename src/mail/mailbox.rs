//! Mailboxes: a server's named stores of messages, under our UTF-8 names with "/" between levels.

use super::ids::{AccountId, MailboxId, UidValidity};

/// What a mailbox is for (RFC 6154), from SPECIAL-USE, the configuration, or its usual name, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Role {
    Inbox = 1,
    Drafts = 2,
    Sent = 3,
    Archive = 4,
    Junk = 5,
    Trash = 6,
    All = 7,
    Flagged = 8,
}

/// Every role with its number in the store, its word in the configuration and the usual names of such mailboxes.
pub const ROLES: &[(Role, &str, &[&str])] = &[
    (Role::Inbox, "inbox", &["inbox"]),
    (Role::Drafts, "drafts", &["drafts", "draft", "[gmail]/drafts"]),
    (Role::Sent, "sent", &["sent", "sent items", "sent mail", "sent messages", "[gmail]/sent mail"]),
    (Role::Archive, "archive", &["archive", "archives"]),
    (Role::Junk, "junk", &["junk", "spam", "junk e-mail", "junk email", "bulk mail", "[gmail]/spam"]),
    (Role::Trash, "trash", &["trash", "deleted items", "deleted messages", "bin", "[gmail]/trash"]),
    (Role::All, "all", &["[gmail]/all mail"]),
    (Role::Flagged, "flagged", &["[gmail]/starred"]),
];

/// What the inbox is called here, whatever its server calls it.
pub const INBOX: &str = "Inbox";

/// A name that a user may give: levels that people can read and no server takes for something else. `Err`: why not.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let level = |level: &str| match () {
        () if level.is_empty() => Err("a level of the name is empty"),
        () if level != level.trim() => Err("a level of the name begins or ends with a blank"),
        () if matches!(level, "." | "..") => Err("\".\" and \"..\" are no names"),
        () if level.chars().any(|c| matches!(c, '*' | '%' | '\\' | '"')) => Err("servers take * % \\ and \" for something else"),
        () => Ok(()),
    };
    match () {
        () if name.len() > 200 => Err("the name is too long"),
        () if crate::mail::DisplayText::new(name).as_str() != name => Err("the name holds characters that can't be seen"),
        () if name.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(INBOX) && first != INBOX) => {
            Err("the inbox is written \"Inbox\"")
        }
        () => name.split('/').try_for_each(level),
    }
}

impl Role {
    pub fn from_number(number: i64) -> Option<Self> {
        ROLES.iter().map(|(role, ..)| *role).find(|role| *role as i64 == number)
    }

    pub fn word(self) -> &'static str {
        ROLES.iter().find(|(role, ..)| *role == self).map_or("", |(_, word, _)| word)
    }

    /// The role that a mailbox of this (UTF-8, "/"-separated) name usually has.
    pub fn from_usual_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = name.strip_prefix("inbox/").unwrap_or(&name);
        ROLES.iter().find(|(_, _, usual)| usual.contains(&name)).map(|(role, ..)| *role)
    }
}

/// A mailbox as the store keeps it; counts are of what the user wants (rows shown), kept in the same
/// transaction as the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub id: MailboxId,
    pub account: AccountId,
    /// UTF-8, levels split by "/", the inbox is "Inbox".
    pub name: String,
    pub role: Option<Role>,
    /// False for a mere branch of the tree (`\Noselect`).
    pub selectable: bool,
    pub total: u32,
    pub unread: u32,
    pub uid_validity: Option<UidValidity>,
    /// Unix seconds of the last complete sync; None before the first.
    pub synced: Option<i64>,
}

impl Mailbox {
    /// The last level of the name.
    pub fn leaf(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// How many levels deep, 0 at the top.
    pub fn depth(&self) -> usize {
        self.name.matches('/').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_server_or_a_screen_would_read_otherwise_are_not_taken() {
        for good in ["Work", "Lists/rust", "Entwürfe", "日本語", "v1.2", "a & b", "Inbox/below"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in
            ["", "a//b", "/a", "a/", " a", "a /b", ".", "a/..", "a*", "%", "a\\b", "a\"", "a\r\nb", "a\u{202e}b", "\u{7f}", "inbox/x"]
        {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name(&"x".repeat(201)).is_err());
    }
}
