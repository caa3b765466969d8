//! Changing mail on the server: flags, move, copy, append, delete, and finding by Message-ID. By uid only,
//! in ranges; nobody else's messages are ever expunged.

use std::collections::HashSet;

use super::command::{Command, date_time};
use super::fetch::header_end;
use super::parse::{Fetch, Outcome, Response, SYSTEM_FLAGS};
use super::quirks::GMAIL;
use super::refusal::Done;
use super::session::Session;
use super::set::{parse_ordered, texts};
use crate::mail::server::Moved;
use crate::mail::{Flags, Key, Role, Uid, Uids};
use crate::remote::{RemoteError, Result};

impl Session {
    pub(super) async fn store(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
        let set = Uids::from_keys(keys);
        if set.is_empty() {
            return Ok(());
        }
        self.ensure(mailbox).await?;
        let selected = self.selected.as_ref();
        if selected.is_some_and(|selected| selected.read_only) {
            return Err(RemoteError::Rejected(format!("{mailbox} is read-only")));
        }
        let kept = |flags: &Flags| {
            let words = flag_words(flags);
            let keeps = |word: &&String| word.starts_with('\\') || selected.is_none_or(|selected| selected.keeps(word));
            words.iter().filter(keeps).cloned().collect::<Vec<_>>().join(" ")
        };
        let mut commands = Vec::new();
        for (sign, words) in [('+', kept(add)), ('-', kept(remove))] {
            if !words.is_empty() {
                commands.extend(texts(&set).iter().map(|text| Command::new(&format!("UID STORE {text} {sign}FLAGS.SILENT ({words})"))));
            }
        }
        if commands.is_empty() {
            return Ok(());
        }
        // a server that counts changes tells the new number of each (RFC 7162 3.1.3): no news where it tells no more
        let is_echo = |fetch: &Fetch| fetch.flags.is_none() && fetch.uid.is_some_and(|uid| set.contains(uid));
        let done = self.run(&commands, |response, _| matches!(response, Response::Fetch(fetch) if is_echo(&fetch))).await?;
        done.iter().try_for_each(|done| done.check_some_gone("the flags"))
    }

    pub(super) async fn move_messages(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        let set = Uids::from_keys(keys);
        if set.is_empty() {
            return Ok(Moved::new());
        }
        if !self.caps.moves() {
            return self.copy_and_delete(mailbox, keys, to).await;
        }
        self.ensure(mailbox).await?;
        self.own_expunges = set.len();
        match self.transfer("UID MOVE", &set, to, "the move").await {
            // Offered and not known after all: nothing happened yet.
            Err(Transfer::Unknown(_)) => {
                self.caps.deny("MOVE");
                self.copy_and_delete(mailbox, keys, to).await
            }
            other => other.map_err(Transfer::into_error),
        }
    }

    pub(super) async fn copy_messages(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        let set = Uids::from_keys(keys);
        if set.is_empty() {
            return Ok(Moved::new());
        }
        self.ensure(mailbox).await?;
        self.transfer("UID COPY", &set, to, "the copy").await.map_err(Transfer::into_error)
    }

    /// MOVE for servers without it: copies, and deletes only what was copied.
    async fn copy_and_delete(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        let moved = self.copy_messages(mailbox, keys, to).await?;
        let copied: Vec<Key> = moved.iter().map(|(old, _)| old.clone()).collect();
        match self.expunge(mailbox, &copied).await {
            // Only marked, because others' deleted messages are there: it is in the target all the same.
            Ok(()) | Err(RemoteError::Rejected(_)) => Ok(moved),
            Err(error) => Err(error),
        }
    }

    async fn transfer(&mut self, verb: &str, set: &Uids, to: &str, what: &str) -> Result<Moved, Transfer> {
        let mut commands = Vec::new();
        for text in texts(set) {
            commands.push(self.command(&format!("{verb} {text}")).mailbox(to)?);
        }
        let mut codes: Vec<String> = Vec::new();
        let done = self
            .run(&commands, |response, _| match response {
                Response::Status(status) if status.code == "COPYUID" => {
                    codes.push(status.argument);
                    true
                }
                _ => false,
            })
            .await?;
        codes.extend(done.iter().filter(|done| done.code == "COPYUID").map(|done| done.argument.clone()));
        if let Some(bad) = done.iter().find(|done| done.outcome == Outcome::Bad) {
            return Err(Transfer::Unknown(bad.clone()));
        }
        for done in &done {
            done.check_some_gone(what)?;
        }
        Ok(pairs(&codes, set, self.caps.uidplus()))
    }

    pub(super) async fn append_message(&mut self, mailbox: &str, bytes: &[u8], flags: &Flags, received: i64) -> Result<Option<Key>> {
        let mut head = self.command("APPEND").mailbox(mailbox)?;
        let words = flag_words(flags);
        if !words.is_empty() {
            head = head.word(&format!("({})", words.join(" ")));
        }
        if let Some(date) = date_time(received) {
            head = head.word(&date);
        }
        let what = "to add the message";
        let mut done = self.run_one(head.clone().message(bytes), |_, _| false).await?;
        // Where UTF-8 is on, some servers want to be told of it in a header, and others do not know that form.
        let is_refused = matches!(done.check(what), Err(RemoteError::Rejected(_)));
        if is_refused && self.dialect().utf8 && !header(bytes).is_ascii() {
            done = self.run_one(head.utf8_message(bytes), |_, _| false).await?;
        }
        done.check(what)?;
        let uid = (done.code == "APPENDUID").then(|| done.argument.split(' ').nth(1)?.parse().ok().filter(|uid| *uid > 0)).flatten();
        Ok(uid.map(|uid| Key::Uid(Uid(uid))))
    }

    pub(super) async fn delete_messages(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        if self.caps.has(GMAIL) && !keys.is_empty() { self.delete_labelled(mailbox, keys).await } else { self.expunge(mailbox, keys).await }
    }

    /// Gmail takes an expunged message out of that mailbox only, a label of it, and keeps it in All Mail. For good it goes
    /// from its trash and its spam, and moving it there takes it out of all others.
    async fn delete_labelled(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        let list = self.list_mailboxes().await?;
        if list.iter().any(|one| one.wire_name == mailbox && matches!(one.role, Some(Role::Trash | Role::Junk))) {
            return self.expunge(mailbox, keys).await;
        }
        let Some(trash) = list.into_iter().find(|one| one.role == Some(Role::Trash) && one.selectable) else {
            return Err(RemoteError::Rejected("messages are deleted for ever from the trash only, and the server shows none".into()));
        };
        let moved = self.move_messages(mailbox, keys, &trash.wire_name).await?;
        let (known, unknown): (Vec<_>, Vec<_>) = moved.into_iter().map(|(_, new)| new).partition(Option::is_some);
        self.select(&trash.wire_name).await?;
        self.expunge(&trash.wire_name, &known.into_iter().flatten().collect::<Vec<_>>()).await?;
        if unknown.is_empty() {
            return Ok(());
        }
        Err(RemoteError::Rejected("they are in the trash now, but the server does not tell as which messages".into()))
    }

    async fn expunge(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        let set = Uids::from_keys(keys);
        if set.is_empty() {
            return Ok(());
        }
        self.ensure(mailbox).await?;
        let each =
            |command: &str, end: &str| texts(&set).iter().map(|text| Command::new(&format!("{command} {text}{end}"))).collect::<Vec<_>>();
        let mut commands = each("UID STORE", " +FLAGS.SILENT (\\Deleted)");
        if self.caps.uidplus() {
            commands.extend(each("UID EXPUNGE", ""));
            self.own_expunges = set.len();
            let done = self.run(&commands, |_, _| false).await?;
            let (stored, expunged) = done.split_at(done.len() / 2);
            stored.iter().try_for_each(|done| done.check_some_gone("to delete"))?;
            if !expunged.iter().any(|done| done.outcome == Outcome::Bad) {
                return expunged.iter().try_for_each(|done| done.check_some_gone("to delete"));
            }
            self.caps.deny("UIDPLUS");
        } else {
            let done = self.run(&commands, |_, _| false).await?;
            done.iter().try_for_each(|done| done.check_some_gone("to delete"))?;
        }
        // Plain EXPUNGE takes everything that is marked: only where all of it is ours.
        let marked = self.search(Command::new("UID SEARCH DELETED")).await?;
        if !marked.without(&set).is_empty() {
            return Err(RemoteError::Rejected(
                "the server can only delete all messages marked as deleted, and others are marked too; these are marked now".into(),
            ));
        }
        self.own_expunges = set.len();
        self.run_one(Command::new("EXPUNGE"), |_, _| false).await?.check("to delete")
    }

    pub(super) async fn find_message_id(&mut self, mailbox: &str, rfc_message_id: &str) -> Result<Vec<Key>> {
        self.ensure(mailbox).await?;
        let command = self.command("UID SEARCH HEADER MESSAGE-ID").string(format!("<{rfc_message_id}>").as_bytes())?;
        let found = self.search(command).await?;
        Ok(found.iter().map(|uid| Key::Uid(Uid(uid))).collect())
    }

    /// Uids that a SEARCH finds.
    pub(super) async fn search(&mut self, command: Command) -> Result<Uids> {
        let (mut ranges, mut told, most) = (Vec::new(), 0, self.most_messages());
        let done = self
            .run_one(command, |response, _| match response {
                Response::Search(found) => {
                    told += found.uids.len();
                    if told <= most {
                        ranges.extend_from_slice(found.uids.ranges());
                    }
                    true
                }
                _ => false,
            })
            .await?;
        done.check("the search")?;
        let all = Uids::from_ranges(ranges);
        if told > most {
            return Err(RemoteError::Protocol("the server found more messages than there can be".into()));
        }
        Ok(all)
    }
}

/// Why MOVE or COPY gave nothing.
enum Transfer {
    /// BAD: the server does not know the command.
    Unknown(Done),
    Failed(RemoteError),
}

impl From<RemoteError> for Transfer {
    fn from(error: RemoteError) -> Self {
        Self::Failed(error)
    }
}

impl Transfer {
    fn into_error(self) -> RemoteError {
        match self {
            Self::Unknown(done) => done.check("the command").err().unwrap_or_else(|| RemoteError::Rejected("refused".into())),
            Self::Failed(error) => error,
        }
    }
}

/// Old and new keys from COPYUID (RFC 4315): pairs by position, only of what was asked for. A server with
/// UIDPLUS that gives none moved nothing; odd or missing otherwise means that the new keys are unknown. So does one
/// key for several messages.
fn pairs(codes: &[String], set: &Uids, uidplus: bool) -> Moved {
    let unknown = || set.iter().map(|uid| (Key::Uid(Uid(uid)), None)).collect();
    if codes.is_empty() {
        return if uidplus { Moved::new() } else { unknown() };
    }
    let most = usize::try_from(set.len()).unwrap_or(usize::MAX);
    let mut moved = Moved::new();
    for code in codes {
        let mut words = code.split_ascii_whitespace().skip(1);
        let read = |text: Option<&str>| parse_ordered(text.unwrap_or_default(), most);
        let (Some(old), Some(new)) = (read(words.next()), read(words.next())) else { return unknown() };
        if old.len() != new.len() {
            return unknown();
        }
        let asked = old.into_iter().zip(new).filter(|(old, _)| set.contains(*old));
        moved.extend(asked.map(|(old, new)| (Key::Uid(Uid(old)), Some(Key::Uid(Uid(new))))));
    }
    let mut seen = HashSet::new();
    if moved.iter().all(|(_, new)| seen.insert(new)) { moved } else { unknown() }
}

/// Flags as STORE and APPEND take them; keywords that are no atoms are left out.
fn flag_words(flags: &Flags) -> Vec<String> {
    let system = SYSTEM_FLAGS.iter().filter(|(_, bit)| flags.bits.contains(*bit)).map(|(name, _)| (*name).to_owned());
    system.chain(flags.keywords.iter().filter(|word| is_atom(word)).map(str::to_owned)).collect()
}

fn header(message: &[u8]) -> &[u8] {
    message.get(..header_end(message)).unwrap_or_default()
}

pub(super) fn is_atom(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{FlagBits, Keywords};

    #[test]
    fn copyuid_pairs_count_only_what_was_asked() {
        let set = Uids::from_uids(vec![1, 2, 3]);
        let key = |uid| Key::Uid(Uid(uid));
        assert_eq!(pairs(&["7 1:2 11:12".into()], &set, true), [(key(1), Some(key(11))), (key(2), Some(key(12)))]);
        assert_eq!(pairs(&["7 3,9 5,6".into()], &set, true), [(key(3), Some(key(5)))]);
        assert_eq!(pairs(&[], &set, true), []);
        let unknown = [(key(1), None), (key(2), None), (key(3), None)];
        assert_eq!(pairs(&[], &set, false), unknown);
        for odd in ["7 1:3 5:6", "7 1:2 5,5", "7 1:4294967295 1:4294967295", "7", "", "7 x y"] {
            assert_eq!(pairs(&[odd.into()], &set, true), unknown, "{odd:?}");
        }
    }

    #[test]
    fn forwarded_is_a_keyword_on_the_wire_and_odd_words_stay_home() {
        let flags = Flags { bits: FlagBits::SEEN.with(FlagBits::FORWARDED), keywords: Keywords::new(["work", "a(b", "ü", "\\Evil"]) };
        assert_eq!(flag_words(&flags), ["\\Seen", "$Forwarded", "work"]);
    }
}
