//! The list of mailboxes: LIST with SPECIAL-USE and counts where the server has them (RFC 5258, 5819, 6154),
//! and names as people read them.

use std::collections::{HashMap, HashSet};

use super::command::Command;
use super::parse::{List, Outcome, Response, StatusOf};
use super::session::Session;
use crate::mail::server::{Opened, RemoteMailbox};
use crate::mail::{Role, UidValidity};
use crate::remote::Result;
use crate::remote::utf7;

/// SPECIAL-USE attributes and what they mean to us.
const USES: &[(&str, Role)] = &[
    ("\\Drafts", Role::Drafts),
    ("\\Sent", Role::Sent),
    ("\\Archive", Role::Archive),
    ("\\Junk", Role::Junk),
    ("\\Spam", Role::Junk),
    ("\\Trash", Role::Trash),
    ("\\All", Role::All),
    ("\\AllMail", Role::All),
    ("\\Flagged", Role::Flagged),
    ("\\Starred", Role::Flagged),
];

impl Session {
    pub(super) async fn list_mailboxes(&mut self) -> Result<Vec<RemoteMailbox>> {
        let plain = "LIST \"\" \"*\"";
        let extended = self.caps.list_return().map(|options| format!("{plain} RETURN ({options})"));
        let mut answer = self.list(extended.as_deref().unwrap_or(plain)).await?;
        if extended.is_some() && answer.2.outcome == Outcome::Bad {
            answer = self.list(plain).await?;
        }
        let (lists, counts, done) = answer;
        done.check("the list of mailboxes")?;
        self.delimiter = lists.iter().find_map(|list| list.delimiter).or(self.delimiter);
        Ok(mailboxes(lists, &counts))
    }

    async fn list(&mut self, command: &str) -> Result<(Vec<List>, Vec<StatusOf>, super::refusal::Done)> {
        let (mut lists, mut counts) = (Vec::new(), Vec::new());
        let done = self
            .run_one(Command::new(command), |response, _| {
                match response {
                    Response::List(list) => lists.push(list),
                    Response::StatusOf(status) => counts.push(status),
                    _ => return false,
                }
                true
            })
            .await?;
        for list in &mut lists {
            list.name = self.wire_name(std::mem::take(&mut list.name));
        }
        for status in &mut counts {
            status.name = self.wire_name(std::mem::take(&mut status.name));
        }
        Ok((lists, counts, done))
    }
}

/// Mailboxes in the server's order, each wire name once, each of our names once.
fn mailboxes(lists: Vec<List>, counts: &[StatusOf]) -> Vec<RemoteMailbox> {
    let counts: HashMap<&[u8], &StatusOf> = counts.iter().map(|status| (status.name.as_slice(), status)).collect();
    let mut wires = HashSet::new();
    let mut names = HashSet::new();
    let mut found = Vec::with_capacity(lists.len());
    for list in lists {
        let unusable = list.name.is_empty() || list.name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if unusable || !wires.insert(list.name.clone()) {
            tracing::debug!("a mailbox with an unusable or repeated name was left out");
            continue;
        }
        let name = unique(display_name(&list), &mut names);
        let has = |attribute: &str| list.attributes.iter().any(|known| known.eq_ignore_ascii_case(attribute));
        let wire = String::from_utf8(list.name.clone());
        let role = if name == "Inbox" { Some(Role::Inbox) } else { USES.iter().find(|(word, _)| has(word)).map(|(_, role)| *role) };
        let count = counts.get(list.name.as_slice());
        found.push(RemoteMailbox {
            name,
            // A name that is no UTF-8 can't be said back: shown, never opened.
            selectable: wire.is_ok() && !has("\\Noselect") && !has("\\NonExistent"),
            wire_name: wire.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            role,
            total: count.and_then(|count| count.item("MESSAGES")),
            unread: count.and_then(|count| count.item("UNSEEN")),
            state: count.and_then(|count| state(count)),
        });
    }
    found
}

/// What STATUS told of what SELECT would tell; None where it is not all.
fn state(status: &StatusOf) -> Option<Opened> {
    let mod_seq = status.items.iter().find(|(item, _)| item == "HIGHESTMODSEQ").map(|(_, number)| *number);
    Some(Opened {
        uid_validity: status.item("UIDVALIDITY").map(UidValidity),
        uid_next: Some(status.item("UIDNEXT")?),
        exists: status.item("MESSAGES")?,
        read_only: false,
        mod_seq: Some(mod_seq.filter(|number| *number > 0)?),
    })
}

/// Levels split by "/", the inbox as "Inbox". A "/" inside a level, where the server splits by something
/// else, is shown as "%2F".
fn display_name(list: &List) -> String {
    let decoded = utf7::decode(&list.name);
    let levels: Vec<&str> = match list.delimiter {
        Some(delimiter) => decoded.trim_end_matches(delimiter).split(delimiter).collect(),
        None => vec![decoded.as_str()],
    };
    let mut levels: Vec<String> = levels.into_iter().map(|level| level.replace('/', "%2F")).collect();
    if let Some(first) = levels.first_mut()
        && first.eq_ignore_ascii_case("INBOX")
    {
        *first = "Inbox".into();
    }
    levels.join("/")
}

fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let mut free = name.clone();
    let mut count = 2;
    while !taken.insert(free.clone()) {
        free = format!("{name} ({count})");
        count += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(attributes: &str, delimiter: Option<char>, name: &str) -> List {
        List { attributes: attributes.split_whitespace().map(str::to_owned).collect(), delimiter, name: name.as_bytes().to_vec() }
    }

    #[test]
    fn names_are_read_as_people_write_them() {
        for (delimiter, wire, name) in [
            (Some('/'), "INBOX", "Inbox"),
            (Some('.'), "inbox.Sent", "Inbox/Sent"),
            (Some('.'), "a.b/c", "a/b%2Fc"),
            (None, "a/b", "a%2Fb"),
            (Some('/'), "Entw&APw-rfe/x/", "Entwürfe/x"),
            (Some('\\'), "a\\b", "a/b"),
        ] {
            assert_eq!(display_name(&list("", delimiter, wire)), name);
        }
    }

    #[test]
    fn odd_lists_give_every_mailbox_once() {
        let lists = vec![
            list("\\HasNoChildren", Some('/'), "INBOX"),
            list("\\Sent", Some('/'), "Gesendet"),
            list("\\Noselect", Some('/'), "branch"),
            list("", Some('/'), "Inbox"),
            list("", Some('/'), "Gesendet"),
            list("", Some('/'), "a\r\nb"),
            List { name: b"\xff".to_vec(), ..List::default() },
        ];
        let counts = [StatusOf { name: b"INBOX".to_vec(), items: vec![("MESSAGES".into(), 3), ("UNSEEN".into(), 1)] }];
        let found = mailboxes(lists, &counts);
        let names: Vec<&str> = found.iter().map(|mailbox| mailbox.name.as_str()).collect();
        assert_eq!(names, ["Inbox", "Gesendet", "branch", "Inbox (2)", "\u{fffd}"]);
        assert_eq!((found[0].role, found[0].total, found[0].unread), (Some(Role::Inbox), Some(3), Some(1)));
        assert_eq!(found[1].role, Some(Role::Sent));
        assert!(found[1].selectable && !found[2].selectable && !found[4].selectable);
    }
}
