//! Opening a composer: what the draft begins with. The original of an answer is fetched whole where that is
//! needed; where it can't be had the composer opens all the same, and says what is missing.

use std::path::PathBuf;

use tokio::task::spawn_blocking;

use super::{Drafts, attach, attached};
use crate::mail::draft::{Cursor, Field, ReplyTo};
use crate::mail::{Draft, HeaderValue, Identity, MessageId, Start, Summary, mailto};
use crate::mime;
use crate::store::{KeptCopy, StoreError, StoredBody};
use crate::worker::{Opening, whole};

/// What a message needs beside its texts: header, structure.
const SLACK: u64 = 8 * 1024;

/// A draft about to be opened.
#[derive(Debug, Default)]
struct New {
    draft: Draft,
    /// Bytes of its attachments, in their order.
    files: Vec<Vec<u8>>,
    kept: Option<KeptCopy>,
    /// What the user must know of it, in sentences.
    notes: Vec<String>,
}

/// Why none is opened.
struct Failed {
    what: &'static str,
    why: String,
    next: &'static str,
}

impl Failed {
    fn new(what: &'static str, why: impl Into<String>, next: &'static str) -> Self {
        Self { what, why: why.into(), next }
    }
}

impl Drafts {
    /// Opens a composer.
    pub async fn compose(self, start: Start) {
        let new = match start {
            Start::New { account, to, files } => self.plain(account, &to, files).await,
            Start::Mailto(url) => self.mailto(&url),
            Start::Reply { id, to } => self.reply(id, to).await,
            Start::Forward { ids, whole } => self.forward(ids, whole).await,
            Start::Continue { id } => match self.resume(id).await {
                Ok(Some(new)) => Ok(new),
                Ok(None) => return,
                Err(failed) => Err(failed),
            },
        };
        let opened = match new {
            Ok(new) => self.open(new).await,
            Err(failed) => Err(failed),
        };
        if let Err(Failed { what, why, next }) = opened {
            self.0.common.out.failed(what, why, next).await;
        }
    }

    async fn open(&self, new: New) -> Result<(), Failed> {
        let New { draft, files, kept, notes } = new;
        let (this, from, now) = (self.clone(), draft.from.address.clone(), self.now());
        let name = move |id| mime::new_message_id(&from, this.seed_at(id, now));
        let opened = self.0.common.writer.new_draft(draft, files, kept, now, name).await;
        let (id, draft) = opened.map_err(|error| Failed::new("No message can be written", error.to_string(), "Nothing was changed."))?;
        let note = (!notes.is_empty()).then(|| notes.join(" "));
        self.opened(id, draft, Opening::Asked { note }).await;
        Ok(())
    }

    /// The identity of an account, else the first.
    fn identity(&self, account: Option<&str>) -> Result<&Identity, Failed> {
        let named = account.and_then(|name| self.0.me.iter().find(|identity| identity.account == name));
        let none = || Failed::new("No message can be written", "no account is configured", "Add one with: postrider setup");
        named.or(self.0.me.first()).ok_or_else(none)
    }

    async fn plain(&self, account: Option<String>, to: &[String], files: Vec<PathBuf>) -> Result<New, Failed> {
        let mut new = New { draft: Draft { to: to.join(", "), ..mime::blank(Some(self.identity(account.as_deref())?)) }, ..New::default() };
        let taken = spawn_blocking(move || files.iter().map(|path| attach::read(path)).collect::<Vec<_>>()).await;
        for result in taken.unwrap_or_default() {
            match result {
                Ok(snapshot) => {
                    new.draft.attachments.push(attached(&snapshot));
                    new.files.push(snapshot.bytes);
                }
                Err(why) => new.notes.push(format!("{why}.")),
            }
        }
        if !to.is_empty() {
            new.draft.cursor = Cursor { field: Field::Subject, ..Cursor::default() };
        }
        Ok(new)
    }

    fn mailto(&self, url: &str) -> Result<New, Failed> {
        let asked = mailto::parse(url).map_err(|why| Failed::new("The link was not opened", why, "No message was begun."))?;
        let mut new = New { draft: mime::blank(Some(self.identity(None)?)), notes: asked.notes.clone(), ..New::default() };
        asked.fill(&mut new.draft);
        let draft = &mut new.draft;
        draft.cursor.field = match (draft.to.is_empty(), draft.subject.is_empty()) {
            (true, _) => Field::To,
            (false, true) => Field::Subject,
            (false, false) => Field::Text,
        };
        Ok(new)
    }

    async fn reply(&self, id: MessageId, to: ReplyTo) -> Result<New, Failed> {
        const WHAT: &str = "The message could not be answered";
        let original = self.original(id, true).await.map_err(|why| Failed::new(WHAT, why, "Nothing was changed."))?;
        let (me, now) = (self.me_first(&original.account), self.local(self.now()));
        let bytes = original.bytes;
        let made = spawn_blocking(move || (mime::is_encrypted(&bytes), mime::reply(&bytes, to, &me, now))).await;
        let (is_encrypted, mut draft) =
            made.map_err(|_| Failed::new(WHAT, "it could not be taken apart", "Forward it as an attachment instead."))?;
        self.complete_sender(&mut draft, &original.account)?;
        let mut notes: Vec<String> = original.note.into_iter().collect();
        if is_encrypted {
            notes.push("The message is encrypted and is not quoted: what you write is not encrypted, and is kept in Drafts.".into());
        }
        if to == ReplyTo::List && draft.to.is_empty() {
            notes.push("This message names no mailing list; write to whom it goes.".into());
        }
        Ok(New { draft, notes, ..New::default() })
    }

    async fn forward(&self, ids: Vec<MessageId>, whole: bool) -> Result<New, Failed> {
        const WHAT: &str = "The message could not be forwarded";
        const NEXT: &str = "Try again when its account is connected.";
        let (mut notes, mut originals, mut account) = (Vec::new(), Vec::new(), String::new());
        for id in ids {
            let original = self.original(id, false).await.map_err(|why| Failed::new(WHAT, why, NEXT))?;
            if let Some(note) = original.note {
                // half a message must not be passed on as if it were all of it
                if whole || original.is_header_only {
                    return Err(Failed::new(WHAT, note, NEXT));
                }
                notes.push(note);
            }
            account = original.account;
            originals.push(original.bytes);
        }
        let (me, now) = (self.me_first(&account), self.local(self.now()));
        let made = spawn_blocking(move || {
            let is_encrypted = originals.iter().any(|original| mime::is_encrypted(original));
            (is_encrypted, mime::forward(&originals, whole, &me, now))
        });
        let (is_encrypted, (mut draft, files)) = made.await.map_err(|_| Failed::new(WHAT, "it could not be taken apart", NEXT))?;
        if is_encrypted {
            notes.push("It is passed on as encrypted as it came: only who has your key can read it.".into());
        }
        self.complete_sender(&mut draft, &account)?;
        Ok(New { draft, files, notes, ..New::default() })
    }

    /// A message of a Drafts mailbox. None: it is open already, and its composer was told.
    async fn resume(&self, id: MessageId) -> Result<Option<New>, Failed> {
        const WHAT: &str = "The draft could not be opened";
        const NEXT: &str = "It is unchanged.";
        let failed = |error: StoreError| Failed::new(WHAT, error.to_string(), NEXT);
        // one that was just left may be about to take its place
        self.file_left().await;
        let kept = self.0.common.readers.with(move |reader| reader.name_copy(id)).await.map_err(failed)?;
        let kept = kept.ok_or_else(|| Failed::new(WHAT, "it is gone", ""))?;
        if let Some((stored, is_ours)) = self.0.common.writer.find_continued(kept.clone()).await.map_err(failed)? {
            if !is_ours {
                return Err(Failed::new(WHAT, "another postrider has it in a composer", "Close it there first."));
            }
            self.opened(stored.id, stored.draft, Opening::Asked { note: None }).await;
            return Ok(None);
        }
        // written twice it would be sent twice
        if self.0.common.writer.outgoing_of(kept.clone()).await.map_err(failed)?.is_some() {
            return Err(Failed::new("Not opened", "it waits in the outbox", "Take it back there (w, u)."));
        }
        let bytes = self.whole(id).await.map_err(|why| Failed::new(WHAT, why, NEXT))?;
        let read = spawn_blocking(move || mime::draft(&bytes)).await;
        let (mut draft, files) = read.map_err(|_| Failed::new(WHAT, "it could not be taken apart", NEXT))?;
        self.complete_sender(&mut draft, &kept.account)?;
        Ok(Some(New { draft, files, kept: Some(kept), notes: Vec::new() }))
    }

    /// Own identities, those of this account first.
    fn me_first(&self, account: &str) -> Vec<Identity> {
        let mut me = self.0.me.clone();
        me.sort_by_key(|identity| identity.account != account);
        me
    }

    /// Every draft has an account that is configured, and a sender. `account`: where the original is.
    fn complete_sender(&self, draft: &mut Draft, account: &str) -> Result<(), Failed> {
        let is_known = |identity: &&Identity| identity.account == draft.account;
        if !self.0.me.iter().any(|identity| is_known(&identity)) {
            let by_address = self.0.me.iter().find(|identity| identity.from.address.eq_ignore_ascii_case(&draft.from.address));
            draft.account = by_address.map_or_else(|| self.identity(Some(account)), Ok)?.account.clone();
        }
        if draft.from.address.is_empty() {
            draft.from = self.identity(Some(&draft.account))?.from.clone();
        }
        Ok(())
    }

    async fn whole(&self, id: MessageId) -> Result<Vec<u8>, String> {
        whole::whole(&self.0.common.readers, &self.cores(), &self.0.jobs, id).await
    }

    /// A message as far as it can be had. `text_is_enough`: what stands after the texts is not fetched.
    async fn original(&self, id: MessageId, text_is_enough: bool) -> Result<Original, String> {
        let find = self.0.common.readers.with(move |reader| {
            let Some(summary) = reader.summaries(&[id])?.pop() else { return Ok(None) };
            let account = reader.accounts()?.into_iter().find(|(known, _)| *known == summary.account).map(|(_, name)| name);
            let body = reader.body(summary.content)?;
            Ok(Some((summary, account.unwrap_or_default(), body)))
        });
        let found = find.await.map_err(|error| error.to_string())?;
        let (summary, account, body) = found.ok_or("the message is gone")?;
        let original = |bytes, note, is_header_only| Original { bytes, account: account.clone(), note, is_header_only };
        match body {
            Some(body) if body.whole || (text_is_enough && has_all_text(&body)) => Ok(original(body.bytes, None, false)),
            body => match (self.whole(id).await, body) {
                (Ok(bytes), _) => Ok(original(bytes, None, false)),
                (Err(why), Some(body)) => {
                    let note = format!("Only the beginning of the original is here: {why}.");
                    Ok(original(body.bytes, Some(note), false))
                }
                (Err(why), None) => {
                    let note = format!("The text of the original is not here and is not quoted: {why}.");
                    Ok(original(header(&summary), Some(note), true))
                }
            },
        }
    }
}

/// What a composer is made from.
struct Original {
    bytes: Vec<u8>,
    /// Name of its account.
    account: String,
    /// What of it is missing.
    note: Option<String>,
    is_header_only: bool,
}

/// The kept beginning of a message reaches past its texts, which come before what is attached.
fn has_all_text(body: &StoredBody) -> bool {
    let is_text = |part: &&crate::mail::page::Part| !part.is_attachment && part.content_type.starts_with("text/");
    let last_text = body.parts.iter().rposition(|part| is_text(&part));
    let Some(last_text) = last_text else { return false };
    // base64 makes four octets of three
    let upto: u64 = body.parts.iter().take(last_text + 1).map(|part| part.size.saturating_mul(4) / 3 + 1024).sum();
    upto + SLACK <= body.bytes.len() as u64
}

/// The header of a message of which nothing else is here.
fn header(summary: &Summary) -> Vec<u8> {
    let clean = |text: &str| HeaderValue::new(text).as_str().to_owned();
    let list = |list: &[crate::mail::Address]| list.iter().map(|one| clean(&one.typed())).collect::<Vec<_>>().join(", ");
    let mut text = format!("From: {}\r\nTo: {}\r\nSubject: {}\r\n", list(&summary.from), list(&summary.to), clean(&summary.subject));
    if let Some(id) = &summary.rfc_message_id {
        text.push_str(&format!("Message-ID: <{}>\r\n", clean(id)));
    }
    if let Some(date) = summary.date.and_then(|date| jiff::Timestamp::from_second(date).ok()) {
        text.push_str(&format!("Date: {}\r\n", date.strftime("%a, %d %b %Y %H:%M:%S +0000")));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::page::Part;

    #[test]
    fn the_beginning_of_a_message_is_enough_where_it_reaches_past_the_texts() {
        let part = |content_type: &str, size, is_attachment| Part {
            number: "1".into(),
            content_type: content_type.into(),
            name: None,
            size,
            is_attachment,
        };
        let body = |parts: Vec<Part>| StoredBody { bytes: vec![b'x'; 64 * 1024], whole: false, parts };
        let attached = || part("application/pdf", 20_000_000, true);
        for (parts, expect) in [
            (vec![part("text/plain", 2_000, false), attached()], true),
            (vec![part("text/plain", 2_000, false), part("text/html", 20_000, false), attached()], true),
            (vec![part("text/plain", 60_000, false), attached()], false),
            (vec![attached(), part("text/plain", 2_000, false)], false),
            (vec![attached()], false),
            (Vec::new(), false),
        ] {
            assert_eq!(has_all_text(&body(parts.clone())), expect, "{parts:?}");
        }
    }

    #[test]
    fn a_made_up_header_has_no_line_of_others() {
        let summary = Summary {
            id: MessageId(1),
            content: crate::mail::ContentId(1),
            thread: crate::mail::ThreadId(1),
            account: crate::mail::AccountId(1),
            mailbox: crate::mail::MailboxId(1),
            flags: crate::mail::Flags::default(),
            date: Some(1_700_000_000),
            received: 0,
            from: vec![crate::mail::Address::new("Ada\r\nBcc: x", "ada@example.org\r\nX: y")],
            to: Vec::new(),
            subject: "a\nb".into(),
            rfc_message_id: Some("id@x\r\nX: y".into()),
            size: 0,
            has_attachment: false,
            has_body: false,
            is_waiting: false,
        };
        let text = String::from_utf8(header(&summary)).unwrap();
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"), "{text}");
    }
}
