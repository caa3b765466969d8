//! Reading messages: flags, headers, bodies, slices. Everything by uid, except the newest page right after
//! SELECT. Answers are complete or an error; what a server adds unasked is merged by uid or left out.

use std::collections::BTreeMap;

use super::command::Command;
use super::parse::{Fetch, Response};
use super::refusal::Done;
use super::session::Session;
use super::set::{holds, texts, window_text};
use super::structure::structure;
use crate::mail::server::{Body, Opened, RemoteMessage, Window};
use crate::mail::{Flags, Key, Uid, Uids};
use crate::remote::{RemoteError, Result};

/// Fields that a list and its threads need; Content-Type for the attachment mark.
const FIELDS: &str = "BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT MESSAGE-ID IN-REPLY-TO REFERENCES CONTENT-TYPE LIST-ID)]";
/// Octets of a message fetched at first: its headers and nearly always its text.
const PREFIX: usize = 64 * 1024;
/// How much more at a time where the text is longer, and how much at most.
const MORE: usize = 256 * 1024;
const MOST: usize = 1024 * 1024;
/// Messages of a mailbox whose headers are worth compressing.
const MANY: u32 = 1_000;
/// Headers of parts before the text, and the boundary lines.
const SLACK: usize = 4096;

type Fetched = BTreeMap<u32, Fetch>;

impl Session {
    pub(super) async fn newest_messages(&mut self, mailbox: &str, count: u32) -> Result<(Opened, Vec<RemoteMessage>)> {
        let opened = self.open_mailbox(mailbox).await?;
        if opened.exists == 0 || count == 0 {
            return Ok((opened, Vec::new()));
        }
        let first = opened.exists.saturating_sub(count - 1).max(1);
        let command = Command::new(&format!("FETCH {first}:{} {}", opened.exists, self.header_items()));
        let (found, done) = self.fetch(mailbox, vec![command], |fetch| (first..=opened.exists).contains(&fetch.sequence)).await?;
        check_all(&done, "the newest messages")?;
        self.linger();
        Ok((opened, found.into_values().rev().map(message).collect()))
    }

    pub(super) async fn flags_in(&mut self, mailbox: &str, window: Window) -> Result<Vec<(Key, Flags)>> {
        self.ensure(mailbox).await?;
        self.compress_much(window).await?;
        let command = Command::new(&format!("UID FETCH {} (UID FLAGS)", window_text(window)));
        let mut found: BTreeMap<u32, Flags> = BTreeMap::new();
        let last = self.last_of_open(window);
        // A message without readable flags is there all the same: missing would mean deleted.
        let done = self
            .run(&[command], |response, _| match response {
                Response::Fetch(fetch) => match fetch.uid {
                    Some(uid) if holds(window, uid) => {
                        match fetch.flags {
                            Some(flags) => drop(found.insert(uid, flags)),
                            None => drop(found.entry(uid).or_default()),
                        }
                        true
                    }
                    // anything else is news of a message that was not asked for
                    other => other.is_some() && fetch.sequence >= last,
                },
                _ => false,
            })
            .await?;
        check_all(&done, "the flags")?;
        Ok(found.into_iter().map(|(uid, flags)| (Key::Uid(Uid(uid)), flags)).collect())
    }

    pub(super) async fn headers_of(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
        let set = Uids::from_keys(keys);
        let items = self.header_items();
        let found = self.fetch_set(mailbox, &set, &items, "the headers").await?;
        Ok(found.into_values().map(message).collect())
    }

    pub(super) async fn headers_within(&mut self, mailbox: &str, window: Window) -> Result<Vec<RemoteMessage>> {
        self.ensure(mailbox).await?;
        self.compress_much(window).await?;
        let command = Command::new(&format!("UID FETCH {} {}", window_text(window), self.header_items()));
        let last = self.last_of_open(window);
        let wanted = |fetch: &Fetch| fetch.uid.is_some_and(|uid| holds(window, uid) || fetch.sequence >= last);
        let (mut found, done) = self.fetch(mailbox, vec![command], wanted).await?;
        check_all(&done, "the headers")?;
        found.retain(|uid, _| holds(window, *uid));
        Ok(found.into_values().map(message).collect())
    }

    /// A large mailbox is gone through, window by window: that pays a round trip for compression. What is new at its top does not.
    async fn compress_much(&mut self, window: Window) -> Result<()> {
        let exists = self.selected.as_ref().map_or(0, |selected| selected.exists);
        if window.high == u32::MAX || exists < MANY { Ok(()) } else { self.compress().await }
    }

    /// From this sequence number on, an answer outside a window without an end is no news: `n:*` always
    /// brings the last message too (RFC 9051 6.4.9).
    fn last_of_open(&self, window: Window) -> u32 {
        let exists = self.selected.as_ref().map_or(u32::MAX, |selected| selected.exists);
        if window.high == u32::MAX { exists } else { u32::MAX }
    }

    pub(super) async fn bodies_of(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<Body>> {
        let set = Uids::from_keys(keys);
        let items = format!("(UID RFC822.SIZE BODYSTRUCTURE BODY.PEEK[]<0.{PREFIX}>)");
        let found = self.fetch_set(mailbox, &set, &items, "the messages").await?;
        let mut bodies = Vec::with_capacity(found.len());
        for (uid, fetch) in found {
            // Foreign flag changes come as FETCH without a body: that is no message read.
            if fetch.body.is_some() || fetch.damaged {
                bodies.push(self.body(mailbox, uid, fetch).await?);
            }
        }
        self.linger();
        Ok(bodies)
    }

    /// Goes on until the first text is here, where the prefix was too short for it.
    async fn body(&mut self, mailbox: &str, uid: u32, fetch: Fetch) -> Result<Body> {
        let key = Key::Uid(Uid(uid));
        let mut bytes = fetch.body.unwrap_or_default();
        let mut whole = !fetch.damaged && is_whole(bytes.len(), fetch.size);
        if whole {
            return Ok(Body { key, bytes, whole, parts: Vec::new() });
        }
        let structure = structure(fetch.structure.as_deref().unwrap_or_default(), fetch.structure.is_none());
        let text_end = structure.text_end.map_or(0, |end| usize::try_from(end).unwrap_or(MOST));
        let needed = header_end(&bytes).saturating_add(text_end).saturating_add(SLACK).min(MOST);
        while !whole && bytes.len() >= PREFIX && bytes.len() < needed {
            let more = self.slice_of_uid(mailbox, uid, "", bytes.len() as u64, MORE as u32).await?;
            whole = more.len() < MORE;
            bytes.extend_from_slice(&more);
        }
        Ok(Body { key, bytes, whole, parts: if whole { Vec::new() } else { structure.parts } })
    }

    pub(super) async fn slice_of(&mut self, mailbox: &str, key: &Key, part: Option<&str>, offset: u64, length: u32) -> Result<Vec<u8>> {
        let part = part.unwrap_or_default();
        let Some(Uid(uid)) = key.uid().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')) else {
            return Err(RemoteError::Rejected(format!("no such part: {}", part.escape_default())));
        };
        self.slice_of_uid(mailbox, uid, part, offset, length).await
    }

    async fn slice_of_uid(&mut self, mailbox: &str, uid: u32, part: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        let command = Command::new(&format!("UID FETCH {uid} (UID BODY.PEEK[{part}]<{offset}.{}>)", length.max(1)));
        let (mut found, done) = self.fetch(mailbox, vec![command], |fetch| fetch.uid == Some(uid)).await?;
        check_all(&done, "a part of the message")?;
        let body = found.remove(&uid).and_then(|fetch| fetch.body);
        let mut bytes = body.ok_or_else(|| RemoteError::Rejected("the message is no longer on the server".into()))?;
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    pub(super) fn header_items(&self) -> String {
        let identity = self.caps.identity_item().map(|item| format!(" {item}")).unwrap_or_default();
        format!("(UID FLAGS INTERNALDATE RFC822.SIZE{identity} {FIELDS})")
    }

    /// `UID FETCH` of a set, in as many commands as its text needs, all in one write.
    async fn fetch_set(&mut self, mailbox: &str, set: &Uids, items: &str, what: &str) -> Result<Fetched> {
        if set.is_empty() {
            return Ok(Fetched::new());
        }
        let commands: Vec<Command> = texts(set).iter().map(|text| Command::new(&format!("UID FETCH {text} {items}"))).collect();
        let (found, done) = self.fetch(mailbox, commands, |fetch| fetch.uid.is_some_and(|uid| set.contains(uid))).await?;
        for done in done {
            done.check_some_gone(what)?;
        }
        Ok(found)
    }

    async fn fetch<W>(&mut self, mailbox: &str, commands: Vec<Command>, wanted: W) -> Result<(Fetched, Vec<Done>)>
    where
        W: Fn(&Fetch) -> bool + Send + Sync,
    {
        let mut found = Fetched::new();
        let done = self
            .read_in(mailbox, commands, |response, too_deep| match response {
                Response::Fetch(mut fetch) => {
                    let Some(uid) = fetch.uid.filter(|_| wanted(&fetch)) else { return false };
                    if fetch.damaged {
                        tracing::debug!(uid, "a message whose answer could only be read in part");
                    }
                    if too_deep {
                        fetch.structure = None;
                    }
                    match found.entry(uid) {
                        std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().merge(*fetch),
                        std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(*fetch)),
                    }
                    true
                }
                _ => false,
            })
            .await?;
        Ok((found, done))
    }
}

fn check_all(done: &[Done], what: &str) -> Result<()> {
    done.iter().try_for_each(|done| done.check(what))
}

pub(super) fn message(fetch: Fetch) -> RemoteMessage {
    RemoteMessage {
        key: Key::Uid(Uid(fetch.uid.unwrap_or_default())),
        flags: fetch.flags.unwrap_or_default(),
        received: fetch.received.unwrap_or_default(),
        size: fetch.size.unwrap_or_default(),
        header: fetch.body.unwrap_or_default(),
        identity: fetch.identity,
    }
}

/// Whether a prefix of `length` octets is all of a message. Sizes are found to be somewhat wrong (Exchange), so
/// an answer shorter than what was asked for counts too, unless far too much is missing.
fn is_whole(length: usize, size: Option<u64>) -> bool {
    let length_octets = length as u64;
    match size {
        Some(size) => size <= length_octets || (length < PREFIX && size <= length_octets * 2),
        None => length < PREFIX && length > 0,
    }
}

/// Where the header block ends.
pub(super) fn header_end(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_is_whole_unless_far_too_much_is_missing() {
        for (length, size, whole) in [
            (100, Some(100), true),
            (100, Some(90), true),
            (100, Some(150), true),
            (100, Some(10_000), false),
            (0, Some(500), false),
            (0, Some(0), true),
            (100, None, true),
            (0, None, false),
            (PREFIX, Some(PREFIX as u64), true),
            (PREFIX, Some(PREFIX as u64 + 1), false),
            (PREFIX, None, false),
        ] {
            assert_eq!(is_whole(length, size), whole, "{length} of {size:?}");
        }
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), 8);
        assert_eq!(header_end(b"A: b"), 4);
    }
}
