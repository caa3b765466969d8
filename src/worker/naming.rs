//! How a mailbox that has to be made is to be called beside those there are. Pure.

use crate::mail::Mailbox;
use crate::mail::mailbox::Role;
use crate::remote::utf7;

/// How a mailbox of this name (UTF-8, "/"-separated) is to be made beside the known ones (wire name first): its full
/// name and its wire name.
pub fn made(name: &str, is_local: bool, known: &[(String, Mailbox)]) -> (String, String) {
    made_with(name, is_local, known, None)
}

/// The same where the server may have told what splits levels.
pub fn made_with(name: &str, is_local: bool, known: &[(String, Mailbox)], delimiter: Option<char>) -> (String, String) {
    if is_local {
        // a dot splits levels on the disk
        let levels: Vec<String> = name.split('/').map(|level| utf7::encode(level).replace('.', "&AC4-")).collect();
        return (name.to_owned(), format!(".{}", levels.join(".")));
    }
    // what splits levels shows where a mailbox has some
    let delimiter = delimiter.or_else(|| {
        known.iter().find_map(|(wire, mailbox)| {
            let (first, _) = mailbox.name.split_once('/')?;
            wire.chars().nth(utf7::encode(first).chars().count())
        })
    });
    let delimiter = delimiter.unwrap_or('/').to_string();
    // servers that keep everything below the inbox take nothing beside it
    let others = || known.iter().filter(|(_, mailbox)| mailbox.role != Some(Role::Inbox));
    let is_below = others().next().is_some() && others().all(|(_, mailbox)| mailbox.name.starts_with("Inbox/"));
    let name = if is_below && !name.starts_with("Inbox/") { format!("Inbox/{name}") } else { name.to_owned() };
    let levels: Vec<String> = name
        .split('/')
        .enumerate()
        .map(|(at, level)| if at == 0 && level == "Inbox" { "INBOX".to_owned() } else { utf7::encode(level) })
        .collect();
    (name, levels.join(&delimiter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{AccountId, MailboxId};

    fn known(list: &[(&str, &str)]) -> Vec<(String, Mailbox)> {
        let mailbox = |name: &str| Mailbox {
            id: MailboxId(1),
            account: AccountId(1),
            name: name.into(),
            role: (name == "Inbox").then_some(Role::Inbox),
            selectable: true,
            total: 0,
            unread: 0,
            uid_validity: None,
            synced: None,
        };
        list.iter().map(|(wire, name)| ((*wire).to_owned(), mailbox(name))).collect()
    }

    #[test]
    fn a_mailbox_is_made_as_the_others_are_named() {
        for (name, is_local, others, expected) in [
            ("Sent", true, &[][..], ("Sent", ".Sent")),
            ("Post/Gesendet", true, &[], ("Post/Gesendet", ".Post.Gesendet")),
            ("v1.2", true, &[], ("v1.2", ".v1&AC4-2")),
            ("Sent", false, &[("INBOX", "Inbox")], ("Sent", "Sent")),
            ("Entwürfe", false, &[("INBOX", "Inbox")], ("Entwürfe", "Entw&APw-rfe")),
            ("Sent", false, &[("INBOX", "Inbox"), ("Trash", "Trash")], ("Sent", "Sent")),
            ("Sent", false, &[("INBOX", "Inbox"), ("INBOX.Trash", "Inbox/Trash")], ("Inbox/Sent", "INBOX.Sent")),
            ("a/b", false, &[("INBOX", "Inbox"), ("x.y", "x/y")], ("a/b", "a.b")),
        ] {
            let (name, wire) = made(name, is_local, &known(others));
            assert_eq!((name.as_str(), wire.as_str()), expected);
        }
        assert_eq!(made_with("a/b", false, &known(&[("INBOX", "Inbox")]), Some('.')), ("a/b".to_owned(), "a.b".to_owned()));
    }
}
