//! `flag`, `tag`, `move`, `archive` and `trash`: the same changes as the keys make, saved here; a running
//! reader or the next `sync` pushes them. All ids or none: an unknown one changes nothing.

use super::args;
use super::exit::{CONFIG, DATA, Failure, Outcome, USAGE};
use super::net;
use super::out::say;
use super::session::{Names, Session};
use crate::mail::flags::FLAG_NAMES;
use crate::mail::{AccountId, Change, FlagBits, Flags, Keywords, MessageId, Role, Summary, nearest};
use crate::store::Reader;

/// `postrider flag ID… +seen -flagged`.
pub fn flag(session: &Session, args: &args::Words) -> Outcome {
    let (ids, add, remove) = split(&args.words, |word| {
        let bit = FlagBits::find(word).ok_or_else(|| {
            let near = nearest(word, FLAG_NAMES.iter().map(|(name, _)| *name));
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            let known: Vec<&str> = FLAG_NAMES.iter().map(|(name, _)| *name).collect();
            Failure::new(USAGE, format!("there is no flag {word:?}{near} (one of {})", known.join(", ")))
        })?;
        Ok(Flags::bits(bit))
    })?;
    change_flags(session, &ids, add, remove)
}

/// `postrider tag ID… +todo -later`.
pub fn tag(session: &Session, args: &args::Words) -> Outcome {
    let (ids, add, remove) = split(&args.words, |word| {
        if !is_keyword(word) {
            return Err(Failure::new(USAGE, format!("{word:?} can't be a tag: use letters, digits, - _ . $ and the like")));
        }
        Ok(Flags { keywords: Keywords::new([word]), ..Flags::default() })
    })?;
    change_flags(session, &ids, add, remove)
}

/// What a keyword may hold: an atom (RFC 9051 9), so that every server can keep it.
fn is_keyword(word: &str) -> bool {
    !word.is_empty() && word.len() <= 100 && word.bytes().all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]+".contains(&b))
}

/// Ids, and what `+word` adds and `-word` removes.
fn split(words: &[String], read: impl Fn(&str) -> Result<Flags, Failure>) -> Result<(Vec<MessageId>, Flags, Flags), Failure> {
    let (mut ids, mut add, mut remove) = (Vec::new(), Flags::default(), Flags::default());
    for word in words {
        if word.starts_with("--") {
            return Err(Failure::new(USAGE, format!("{word} belongs before the ids")));
        } else if let Some(word) = word.strip_prefix('+') {
            add = add.with(&read(word)?);
        } else if let Some(word) = word.strip_prefix('-') {
            remove = remove.with(&read(word)?);
        } else {
            let id = word.parse().map_err(|_| Failure::new(USAGE, format!("{word:?} is neither an id nor +WORD or -WORD")))?;
            ids.push(MessageId(id));
        }
    }
    if ids.is_empty() || (add.is_empty() && remove.is_empty()) {
        return Err(Failure::new(USAGE, "give ids and what to change, as in: 12 13 +seen -flagged"));
    }
    Ok((ids, add, remove))
}

fn change_flags(session: &Session, ids: &[MessageId], add: Flags, remove: Flags) -> Outcome {
    session.config()?;
    let (reader, summaries) = known(session, ids)?;
    let label = format!("Changed {}", messages(ids.len()));
    let owners = owners(&Names::load(&reader)?, &summaries);
    apply(session, &owners, Change::Flags { ids: ids.to_vec(), add, remove }, label)
}

/// `postrider move ID… --to MAILBOX`.
pub fn move_to(session: &Session, args: &args::Move) -> Outcome {
    let config = session.config()?;
    let account = session.account(&config)?.name.clone();
    let ids: Vec<MessageId> = args.ids.iter().copied().map(MessageId).collect();
    let (reader, summaries) = known(session, &ids)?;
    let names = Names::load(&reader)?;
    let target = names.find(&args.to, Some(&account))?;
    if !target.selectable {
        return Err(Failure::new(DATA, format!("{:?} holds mailboxes, not messages", names.path(target))));
    }
    let label = format!("Moved {} to {}", messages(ids.len()), names.path(target));
    let mut owners = owners(&names, &summaries);
    owners.push(names.account(target.account).to_owned());
    apply(session, &owners, Change::Move { ids, to: target.id }, label)
}

/// `postrider archive ID…`.
pub fn archive(session: &Session, args: &args::Ids) -> Outcome {
    to_role(session, args, Role::Archive, "Archived")
}

/// `postrider trash ID…`.
pub fn trash(session: &Session, args: &args::Ids) -> Outcome {
    to_role(session, args, Role::Trash, "Trashed")
}

/// Each message goes to the mailbox of that role in its own account; without one nothing is changed.
fn to_role(session: &Session, args: &args::Ids, role: Role, done: &str) -> Outcome {
    session.config()?;
    let ids: Vec<MessageId> = args.ids.iter().copied().map(MessageId).collect();
    let (reader, summaries) = known(session, &ids)?;
    let names = Names::load(&reader)?;
    let mut accounts: Vec<AccountId> = summaries.iter().map(|summary| summary.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut changes = Vec::new();
    for account in accounts {
        // where the server shows every message in one mailbox (Gmail), archived is "only there"
        let all = if role == Role::Archive { names.role(account, Role::All) } else { None };
        let target = names.role(account, role).or(all).ok_or_else(|| {
            let (name, word) = (names.account(account), role.word());
            Failure::new(
                CONFIG,
                format!("the account {name:?} has no mailbox for {word}; name one: [accounts.{name}.mailboxes] {word} = \"…\""),
            )
        })?;
        let ids: Vec<MessageId> = summaries.iter().filter(|summary| summary.account == account).map(|summary| summary.id).collect();
        changes.push(Change::Move { ids, to: target.id });
    }
    let label = format!("{done} {}", messages(summaries.len()));
    apply(session, &owners(&names, &summaries), Change::Together(changes), label)
}

/// The accounts that these messages are of.
fn owners(names: &Names, summaries: &[Summary]) -> Vec<String> {
    let mut owners: Vec<String> = summaries.iter().map(|summary| names.account(summary.account).to_owned()).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// The messages of all these ids; exit code 65 if one is unknown.
fn known(session: &Session, ids: &[MessageId]) -> Result<(Reader, Vec<Summary>), Failure> {
    let unknown = |ids: &[MessageId]| {
        let list: Vec<String> = ids.iter().map(MessageId::to_string).collect();
        Failure::new(DATA, format!("no message has the id {}; nothing was changed", list.join(", ")))
    };
    let reader = session.reader()?.ok_or_else(|| unknown(ids))?;
    let summaries = reader.summaries(ids)?;
    let missing: Vec<MessageId> = ids.iter().copied().filter(|id| !summaries.iter().any(|summary| summary.id == *id)).collect();
    if missing.is_empty() { Ok((reader, summaries)) } else { Err(unknown(&missing)) }
}

fn apply(session: &Session, owners: &[String], change: Change, label: String) -> Outcome {
    let writer = session.writer()?;
    let applied = writer.apply(change, label).wait()?;
    session.events.emit("applied", serde_json::json!({"label": applied.label}));
    let part = if applied.done < applied.asked { format!(" ({} of {})", applied.done, applied.asked) } else { String::new() };
    say(&format!("{}{part}", applied.label));
    writer.stop();
    net::poke(session, owners);
    Ok(0)
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ids_or_changes() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let read = |word: &str| FlagBits::find(word).map(Flags::bits).ok_or_else(|| Failure::new(USAGE, "x"));
        let (ids, add, remove) = split(&words("12 13 +seen -flagged"), read).unwrap();
        assert_eq!((ids, add, remove), (vec![MessageId(12), MessageId(13)], Flags::bits(FlagBits::SEEN), Flags::bits(FlagBits::FLAGGED)));
        for wrong in ["12", "+seen", "12 seen", "12 +sen", "12 +seen --json"] {
            assert!(split(&words(wrong), read).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_what_every_server_can_keep() {
        for (word, is) in [("todo", true), ("$Label1", true), ("a b", false), ("a(b", false), ("", false), ("ä", false), ("a\\b", false)] {
            assert_eq!(is_keyword(word), is, "{word}");
        }
    }
}
