//! What is saved here and not yet on its server, grouped as a person thinks of it ("Archive 20 messages"), and what
//! came to nothing (refused, cancelled). Pure values and their words; which rows make a group is the store's to say.

use super::flags::{FlagBits, Flags};
use super::ids::{AccountId, MailboxId};
use super::mailbox::Role;

/// What a group of rows waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    Flags {
        add: Flags,
        remove: Flags,
    },
    /// Within the account, or from another one.
    Move(MailboxId),
    Copy(MailboxId),
    Delete,
    /// Written here: no server has it, so it can't be taken back.
    Put(MailboxId),
    /// Asked, and taken back since: only the answer is awaited.
    Answer,
    /// One mailbox itself.
    Mailbox(MailboxId, MailboxWait),
}

/// What a mailbox waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailboxWait {
    Create,
    Rename,
    Delete,
    Subscribe(bool),
}

/// Rows of one account that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingGroup {
    pub account: AccountId,
    pub wait: Wait,
    /// Name and role of the target, where there is one.
    pub target: Option<(String, Option<Role>)>,
    pub count: usize,
    /// Unix seconds of the oldest; None where it is not known.
    pub since: Option<i64>,
    /// Subject of the only one, as its sender wrote it, or the name that a mailbox has on the server: clean it before
    /// showing.
    pub subject: Option<String>,
    /// What the server said when it did not take one of them; it is asked again by itself. Clean it before showing.
    pub refused: Option<String>,
}

/// A wish that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mishap {
    pub id: i64,
    pub account: AccountId,
    /// Unix seconds.
    pub at: i64,
    pub what: String,
    /// May quote a server: clean it before showing.
    pub why: String,
}

/// Everything that waits, and what went wrong lately, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    pub groups: Vec<WaitingGroup>,
    pub mishaps: Vec<Mishap>,
}

/// Flags that have verbs of their own: bit, when added, when removed.
const VERBS: &[(FlagBits, &str, &str)] = &[
    (FlagBits::SEEN, "Mark {} read", "Mark {} unread"),
    (FlagBits::FLAGGED, "Star {}", "Unstar {}"),
    (FlagBits::ANSWERED, "Mark {} answered", "Mark {} unanswered"),
];

impl WaitingGroup {
    /// "Archive 20 messages", "Mark “Lunch” read".
    pub fn label(&self) -> String {
        let which = match &self.subject {
            Some(subject) if self.count == 1 => format!("“{subject}”"),
            _ => messages(self.count),
        };
        let to = self.target.as_ref().map_or("a folder that is gone", |(name, _)| name.as_str());
        match (&self.wait, self.target.as_ref().and_then(|(_, role)| *role)) {
            (Wait::Flags { add, remove }, _) => flags_label(add, remove, &which),
            (Wait::Move(_), Some(Role::Archive)) => format!("Archive {which}"),
            (Wait::Move(_), _) => format!("Move {which} to {to}"),
            (Wait::Copy(_), _) => format!("Copy {which} to {to}"),
            (Wait::Delete, _) => format!("Delete {which} for ever"),
            (Wait::Put(_), _) => format!("Put {which} into {to}"),
            (Wait::Answer, _) => format!("Hear what became of {which}"),
            (Wait::Mailbox(_, MailboxWait::Create), _) => format!("Make folder {to}"),
            (Wait::Mailbox(_, MailboxWait::Rename), _) => format!("Rename folder {} to {to}", self.subject.as_deref().unwrap_or_default()),
            (Wait::Mailbox(_, MailboxWait::Delete), _) => format!("Delete folder {to}"),
            (Wait::Mailbox(_, MailboxWait::Subscribe(true)), _) => format!("Subscribe folder {to}"),
            (Wait::Mailbox(_, MailboxWait::Subscribe(false)), _) => format!("Unsubscribe folder {to}"),
        }
    }

    /// It can be taken back.
    pub fn is_revocable(&self) -> bool {
        !matches!(self.wait, Wait::Put(_) | Wait::Answer)
    }
}

/// "1 message", "20 messages".
pub fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

fn flags_label(add: &Flags, remove: &Flags, which: &str) -> String {
    for (bit, added, removed) in VERBS {
        let only = Flags::bits(*bit);
        if *add == only && remove.is_empty() {
            return added.replace("{}", which);
        }
        if *remove == only && add.is_empty() {
            return removed.replace("{}", which);
        }
    }
    format!("Flags of {which}: {}", flag_words(add, remove))
}

/// "+seen -todo".
pub fn flag_words(add: &Flags, remove: &Flags) -> String {
    [signed('+', add), signed('-', remove)].concat().join(" ")
}

fn signed(sign: char, flags: &Flags) -> Vec<String> {
    let bits = flags.bits.names().map(|name| format!("{sign}{name}"));
    bits.chain(flags.keywords.iter().map(|name| format!("{sign}{name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_said_as_people_say_them() {
        let group = |wait, target: Option<(&str, Option<Role>)>, count, subject: Option<&str>| WaitingGroup {
            account: AccountId(1),
            wait,
            target: target.map(|(name, role)| (name.to_owned(), role)),
            count,
            since: None,
            subject: subject.map(str::to_owned),
            refused: None,
        };
        let add = |bits| Wait::Flags { add: Flags::bits(bits), remove: Flags::default() };
        for (group, label) in [
            (group(Wait::Move(MailboxId(1)), Some(("Archiv", Some(Role::Archive))), 20, None), "Archive 20 messages"),
            (group(Wait::Move(MailboxId(1)), Some(("Trash", Some(Role::Trash))), 1, Some("Lunch")), "Move “Lunch” to Trash"),
            (group(add(FlagBits::SEEN), None, 3, None), "Mark 3 messages read"),
            (group(add(FlagBits::FLAGGED), None, 1, Some("Lunch")), "Star “Lunch”"),
            (group(add(FlagBits::SEEN.with(FlagBits::FLAGGED)), None, 2, None), "Flags of 2 messages: +seen +flagged"),
            (group(Wait::Delete, None, 2, None), "Delete 2 messages for ever"),
        ] {
            assert_eq!(group.label(), label);
        }
    }
}
