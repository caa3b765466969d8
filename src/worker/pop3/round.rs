//! One session with the server: list, plan, fetch in batches, delete, QUIT. A batch is complete on the disk and in
//! the table before anything of it may be deleted there; deleting comes last of all.

use std::collections::{HashMap, HashSet, VecDeque};

use super::plan::{BY_CONTENT, Plan, plan};
use super::{Fetcher, store_failed};
use crate::config::Leave;
use crate::mail::DisplayText;
use crate::mime;
use crate::remote::maildir::deliver::{Delivery, Parcel, Shelf};
use crate::remote::pop3::reply::Refusal;
use crate::remote::pop3::{Entry, Listing, Session, identity};
use crate::remote::{RemoteError, Result};
use crate::store::Popped;
use crate::worker::JobState;
use crate::worker::jobs::Progress;

/// Messages that are made durable together.
const BATCH: usize = 32;
/// Octets that are.
const BATCH_OCTETS: u64 = 8 << 20;
/// What of a message is held in memory before it goes to the disk.
const SPILL: usize = 512 * 1024;
/// Octets of a message in which its header is looked for.
const HEAD: usize = 64 * 1024;
/// Header fields that servers write into messages themselves: no part of what a message is.
const CHANGING: &[&str] = &["status", "x-status", "x-uid", "x-uidl", "x-imap", "x-imapbase", "x-keywords", "content-length"];

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(RemoteError::Offline("writing the mail was interrupted".into())))
}

/// Fetching, over one or several sessions.
pub(super) struct Round<'a> {
    fetcher: &'a Fetcher,
    /// Messages that came.
    fetched: u64,
    /// Lessons from broken connections.
    learned: u64,
}

/// A message to be fetched.
#[derive(Clone, Debug)]
struct Wanted {
    entry: Entry,
    /// How the table names it; None where only its content will tell.
    id: Option<String>,
}

impl Wanted {
    /// What tells it from others in this round.
    fn label(&self) -> Box<str> {
        let number = || format!(" number {} of {} octets", self.entry.number, self.entry.size).into();
        self.entry.unique_id.clone().filter(|_| !self.entry.is_doubled).unwrap_or_else(number)
    }
}

/// A message whose end was seen, not yet in its place.
#[derive(Debug)]
struct Complete {
    wanted: Wanted,
    parcel: Parcel,
    head: Vec<u8>,
}

/// What this session learned of messages without unique-ids.
#[derive(Debug, Default)]
struct Contents {
    /// Names in the table, of all those listed.
    seen: HashSet<String>,
    /// How often a header came until now.
    counts: HashMap<String, usize>,
    is_complete: bool,
}

impl Contents {
    /// The name of a message with this header; the second with the same one is another message.
    fn name(&mut self, header: &[u8]) -> String {
        let token = content(header);
        let count = self.counts.entry(token.clone()).or_insert(0);
        *count += 1;
        let name = if *count == 1 { format!("{BY_CONTENT}{token}") } else { format!("{BY_CONTENT}{token}-{count}") };
        self.seen.insert(name.clone());
        name
    }
}

/// A token of a header, without what servers change in it.
fn content(header: &[u8]) -> String {
    let lines = header.split_inclusive(|octet| *octet == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let mut is_kept = true;
    let mut kept = Vec::new();
    for line in lines {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|octet| *octet == b':').next().unwrap_or_default().trim_ascii();
            is_kept = !CHANGING.iter().any(|changing| name.eq_ignore_ascii_case(changing.as_bytes()));
        }
        if is_kept {
            kept.extend_from_slice(line.trim_ascii_end());
            kept.push(b'\n');
        }
    }
    identity::token(&[&kept])
}

impl<'a> Round<'a> {
    pub fn new(fetcher: &'a Fetcher) -> Self {
        Self { fetcher, fetched: 0, learned: 0 }
    }

    /// Grows with everything that need not be done again.
    pub fn progress(&self) -> u64 {
        self.fetched + self.learned
    }

    /// Signs in and does what is to be done.
    pub async fn session(&mut self) -> Result<()> {
        let mut session = self.fetcher.server.connect().await?;
        let listing = session.list().await?;
        let known = self.known().await?;
        self.check_unique_ids(&listing, &known).await?;
        let mut plan = self.plan(&listing, &known).await?;
        self.tidy(&mut plan).await?;
        let (mut wanted, mut contents) = self.look_at_contents(&mut session, &plan, &known).await?;
        wanted.extend(plan.fetch.iter().map(|entry| Wanted { entry: entry.clone(), id: entry.unique_id.as_deref().map(Into::into) }));
        let Some(mut delete) = self.fetch(&mut session, wanted, &mut contents, &known).await? else { return Ok(()) };
        delete.extend(plan.delete);
        if listing.is_complete && contents.is_complete {
            self.forget_contents(&known, &contents).await?;
        }
        self.delete(session, &delete).await
    }

    async fn known(&self) -> Result<Vec<Popped>> {
        let ground = self.fetcher.ground.clone();
        blocking(move || ground.own()?.popped(&ground.maildrop).map_err(store_failed)).await
    }

    /// Says where a server has no unique-ids. One that had them and now has none is not believed: all of its mail
    /// would seem to be new.
    async fn check_unique_ids(&self, listing: &Listing, known: &[Popped]) -> Result<()> {
        if listing.has_unique_ids {
            return Ok(());
        }
        if known.iter().any(|row| !row.unique_id.starts_with(BY_CONTENT)) {
            return Err(RemoteError::NotNow("the server gives no unique-ids (UIDL) today, so new mail can't be told from old".into()));
        }
        let what = format!("{}: the server has no unique-ids (UIDL)", self.fetcher.ground.account);
        self.fetcher
            .say(what, "so its mail is told apart by its headers, and is never deleted there", "Mail is fetched and read as usual.")
            .await;
        Ok(())
    }

    async fn plan(&self, listing: &Listing, known: &[Popped]) -> Result<Plan> {
        let (leave, now) = (self.fetcher.leave, self.fetcher.clock.wall());
        if leave != Leave::UntilDeleted {
            return Ok(plan(listing, known, leave, now, None));
        }
        let mut here = self.base_names().await?;
        let first = plan(listing, known, leave, now, Some(&here));
        if first.gone.is_empty() {
            return Ok(first);
        }
        // a file that another program was moving may have been missed: what is gone is gone in two looks
        here.extend(self.base_names().await?);
        Ok(plan(listing, known, leave, now, Some(&here)))
    }

    async fn base_names(&self) -> Result<HashSet<String>> {
        let delivery = self.fetcher.ground.delivery.clone();
        blocking(move || Ok(delivery.shelf()?.base_names().collect())).await
    }

    /// What of a plan needs no server: the table, and words.
    async fn tidy(&mut self, plan: &mut Plan) -> Result<()> {
        let ground = &self.fetcher.ground;
        if !plan.forget.is_empty() {
            ground.writer.forget_popped(&ground.maildrop, std::mem::take(&mut plan.forget)).await.map_err(store_failed)?;
        }
        if !plan.gone.is_empty() {
            ground.writer.set_popped(&ground.maildrop, std::mem::take(&mut plan.gone)).await.map_err(store_failed)?;
        }
        for entry in &plan.too_large {
            self.not_fetched(entry, &format!("it has {} octets, which no mail has", entry.size)).await;
        }
        Ok(())
    }

    /// Asks for the headers of messages that have no unique-id of their own; answers those that are not known.
    async fn look_at_contents(&self, session: &mut Session, plan: &Plan, known: &[Popped]) -> Result<(Vec<Wanted>, Contents)> {
        let known: HashSet<&str> = known.iter().map(|row| row.unique_id.as_str()).collect();
        let mut contents = Contents { is_complete: true, ..Contents::default() };
        let mut wanted = Vec::new();
        let mut has_top = true;
        for entry in &plan.by_content {
            let header = if has_top { session.top(entry.number).await? } else { Err(Refusal::default()) };
            match header {
                Ok(header) => {
                    let id = contents.name(&header);
                    if !known.contains(id.as_str()) {
                        wanted.push(Wanted { entry: entry.clone(), id: Some(id) });
                    }
                }
                Err(_) => {
                    // a server without TOP: the whole message tells
                    has_top = false;
                    contents.is_complete = false;
                    wanted.push(Wanted { entry: entry.clone(), id: None });
                }
            }
        }
        Ok((wanted, contents))
    }

    /// Fetches, batch by batch. Answers the numbers that may be deleted there now; None where the user cancelled it.
    async fn fetch(
        &mut self,
        session: &mut Session,
        wanted: Vec<Wanted>,
        contents: &mut Contents,
        known: &[Popped],
    ) -> Result<Option<Vec<u32>>> {
        let mut queue = self.queue(wanted);
        let mut delete = Vec::new();
        if queue.is_empty() {
            return Ok(Some(delete));
        }
        let delivery = self.fetcher.ground.delivery.clone();
        let mut shelf = blocking(move || delivery.shelf()).await?;
        let label = format!("Fetching mail of {}", DisplayText::new(&self.fetcher.ground.account));
        let mut job = self.fetcher.jobs.begin(Some(self.fetcher.core.account), label, Some(queue.len() as u64));
        let cancel = job.cancel.clone();
        let (mut done, learned) = (0, self.learned);
        while !queue.is_empty() {
            let batch = next_batch(&mut queue, if self.fetcher.trouble().is_careful { 1 } else { BATCH });
            let mut complete = Vec::new();
            let result = tokio::select! {
                result = self.batch(session, &batch, &mut complete, &mut job, done) => Some(result),
                () = cancel.notified() => None,
            };
            done += batch.len() as u64;
            // whatever ended the batch: what came whole is kept
            let kept = self.keep(complete, shelf, contents, known).await;
            let error = match (result, kept) {
                (Some(Ok(())), Ok((numbers, given_back))) => {
                    shelf = given_back;
                    delete.extend(numbers);
                    continue;
                }
                (None, Ok(_)) => {
                    job.end(JobState::Cancelled).await;
                    return Ok(None);
                }
                (Some(Err(error)), _) | (_, Err(error)) => error,
            };
            // what was learned is used at once, over a new connection: nothing failed yet
            let is_tried_again = matches!(error, RemoteError::Protocol(_)) && self.learned == learned + 1;
            job.end(if is_tried_again { JobState::Finished } else { JobState::Failed(error.to_string()) }).await;
            return Err(error);
        }
        job.end(JobState::Finished).await;
        Ok(Some(delete))
    }

    /// In this order, but what cut a line before comes last, and what broke the protocol not at all.
    fn queue(&self, wanted: Vec<Wanted>) -> VecDeque<Wanted> {
        let trouble = self.fetcher.trouble();
        let wanted = wanted.into_iter().filter(|one| !trouble.skipped.contains(&one.label()));
        let (last, first): (Vec<Wanted>, Vec<Wanted>) = wanted.partition(|one| trouble.last.contains(&one.label()));
        first.into_iter().chain(last).collect()
    }

    /// Brings the messages of a batch, each to its end.
    async fn batch(
        &mut self,
        session: &mut Session,
        batch: &[Wanted],
        complete: &mut Vec<Complete>,
        job: &mut Progress,
        done: u64,
    ) -> Result<()> {
        let numbers: Vec<u32> = batch.iter().map(|wanted| wanted.entry.number).collect();
        let mut at = 0;
        while let Some(open) = numbers.get(at..).filter(|open| !open.is_empty()) {
            let asked = session.ask(open).await?;
            for wanted in batch.iter().skip(at).take(asked) {
                match self.message(session, wanted, complete).await {
                    Ok(Some(refusal)) => self.not_fetched(&wanted.entry, refusal.said()).await,
                    Ok(None) => {}
                    Err(error) => return Err(self.blame(error, wanted, complete).await),
                }
                job.at(done + complete.len() as u64, None).await;
            }
            at += asked;
        }
        // a message that ended where its server did not mean it to shows as nonsense in the next answer
        match (session.noop().await, batch.last()) {
            (Err(error), Some(last)) => Err(self.blame(error, last, complete).await),
            (result, _) => result,
        }
    }

    /// What a connection that broke over a message teaches. Where the server broke the protocol, the message before
    /// may have been cut: it is not kept, and from now on they come one by one, each with a word in between.
    async fn blame(&mut self, error: RemoteError, wanted: &Wanted, complete: &mut Vec<Complete>) -> RemoteError {
        match &error {
            RemoteError::Protocol(why) => {
                complete.pop();
                self.learned += 1;
                if std::mem::replace(&mut self.fetcher.trouble().is_careful, true) {
                    self.fetcher.trouble().skipped.insert(wanted.label());
                    self.not_fetched(&wanted.entry, why).await;
                }
            }
            RemoteError::Offline(_) => drop(self.fetcher.trouble().last.insert(wanted.label())),
            _ => {}
        }
        error
    }

    /// Reads one message into a file, to its end; a refusal is the server's word about this one only.
    async fn message(&mut self, session: &mut Session, wanted: &Wanted, complete: &mut Vec<Complete>) -> Result<Option<Refusal>> {
        if let Err(refusal) = session.next_message().await? {
            return Ok(Some(refusal));
        }
        let (mut parcel, mut buffer, mut head) = (None, Vec::new(), Vec::new());
        loop {
            let goes_on = session.data(&mut buffer).await?;
            if goes_on && buffer.len() < SPILL {
                continue;
            }
            if head.is_empty() {
                head = buffer.get(..HEAD).unwrap_or(&buffer).to_vec();
            }
            let listed = wanted.entry.size;
            parcel = Some(self.write(parcel, std::mem::take(&mut buffer), (!goes_on).then_some(listed)).await?);
            if !goes_on {
                break;
            }
        }
        if let Some(parcel) = parcel {
            // some servers only guess sizes; among many answers it may as well be two that ran together
            if parcel.octets() != wanted.entry.size && !self.fetcher.trouble().is_careful {
                return Err(RemoteError::Protocol("a message has not the size it was listed with".into()));
            }
            complete.push(Complete { wanted: wanted.clone(), parcel, head });
        }
        Ok(None)
    }

    /// Adds to a message's file. At its end, `listed` is its size in the listing: a message without a line end gets one
    /// on the way (RFC 1939 3), which is no part of it.
    async fn write(&self, parcel: Option<Parcel>, octets: Vec<u8>, listed: Option<u64>) -> Result<Parcel> {
        let delivery = self.fetcher.ground.delivery.clone();
        blocking(move || {
            let mut parcel = match parcel {
                Some(parcel) => parcel,
                None => delivery.begin()?,
            };
            parcel.write(&octets)?;
            if let Some(listed) = listed
                && parcel.octets() == listed.saturating_add(2)
                && octets.ends_with(b"\r\n")
            {
                parcel.truncate(listed)?;
            }
            Ok(parcel)
        })
        .await
    }

    /// Makes a batch durable: files, folder, table. Answers the numbers that may be deleted there.
    async fn keep(
        &mut self,
        complete: Vec<Complete>,
        shelf: Shelf,
        contents: &mut Contents,
        known: &[Popped],
    ) -> Result<(Vec<u32>, Shelf)> {
        if complete.is_empty() {
            return Ok((Vec::new(), shelf));
        }
        let fetcher = self.fetcher;
        let (now, may_delete) = (fetcher.clock.wall(), fetcher.leave == Leave::Never);
        let contents_known: HashMap<&str, &Popped> =
            known.iter().filter(|row| row.unique_id.starts_with(BY_CONTENT)).map(|row| (row.unique_id.as_str(), row)).collect();
        let token = |id: &str| identity::token(&[fetcher.ground.account.as_bytes(), id.as_bytes()]);
        let (mut rows, mut numbers, mut parcels) = (Vec::new(), Vec::new(), Vec::new());
        for Complete { wanted, parcel, head } in complete {
            let Wanted { entry, id } = wanted;
            let is_named = id.as_ref().is_some_and(|id| !id.starts_with(BY_CONTENT));
            let id = id.unwrap_or_else(|| contents.name(&head));
            let mut tokens = vec![token(entry.unique_id.as_deref().unwrap_or(&id))];
            let row = Popped { unique_id: id, size: entry.size, base_name: None, fetched: now, gone: false };
            if is_named && may_delete {
                numbers.push(entry.number);
            }
            if is_named && !contents_known.is_empty() {
                // it may have come before its server had unique-ids
                tokens.push(token(&format!("{BY_CONTENT}{}", content(&head))));
            }
            match contents_known.get(row.unique_id.as_str()) {
                Some(twin) => rows.push(Popped { base_name: twin.base_name.clone(), ..row }),
                None => parcels.push((parcel, tokens, mime::arrived(&head).map_or(now, |at| at.min(now)), row)),
            }
        }
        let delivery = fetcher.ground.delivery.clone();
        let (delivered, shelf) = blocking(move || put(&delivery, parcels, shelf)).await?;
        rows.extend(delivered);
        self.fetched += rows.len() as u64;
        fetcher.ground.writer.set_popped(&fetcher.ground.maildrop, rows).await.map_err(store_failed)?;
        fetcher.poke_reader();
        Ok((numbers, shelf))
    }

    async fn forget_contents(&self, known: &[Popped], contents: &Contents) -> Result<()> {
        let ground = &self.fetcher.ground;
        let lost: Vec<String> = known
            .iter()
            .map(|row| &row.unique_id)
            .filter(|id| id.starts_with(BY_CONTENT) && !contents.seen.contains(*id))
            .cloned()
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        ground.writer.forget_popped(&ground.maildrop, lost).await.map_err(store_failed)
    }

    /// Deletes there and commits by QUIT.
    async fn delete(&self, mut session: Session, numbers: &[u32]) -> Result<()> {
        let what = || format!("Not all mail of {} was deleted on the server", self.fetcher.ground.account);
        let refused = session.delete(numbers).await?;
        if let Some((_, refusal)) = refused.first() {
            let why = format!("it refused {} of {}: {}", refused.len(), numbers.len(), refusal.said());
            self.fetcher.say(what(), why, "It is tried again the next time.").await;
        }
        match session.quit().await {
            // some deleted messages not removed (RFC 1939 6)
            Err(RemoteError::Rejected(why) | RemoteError::NotNow(why)) => {
                self.fetcher.say(what(), why, "It is tried again the next time.").await;
                Ok(())
            }
            // nothing was marked: whether the goodbye was heard changes nothing
            Err(_) if numbers.is_empty() => Ok(()),
            result => result,
        }
    }

    async fn not_fetched(&mut self, entry: &Entry, why: &str) {
        let what = format!("A message of {} was not fetched", self.fetcher.ground.account);
        let id = entry.unique_id.as_deref().map_or_else(|| format!("number {}", entry.number), ToOwned::to_owned);
        self.fetcher.say(what, format!("{id}: {why}"), "It stays on the server; the others are fetched.").await;
    }
}

/// The next messages that are made durable together.
fn next_batch(queue: &mut VecDeque<Wanted>, most: usize) -> Vec<Wanted> {
    let (mut batch, mut octets) = (Vec::new(), 0_u64);
    while let Some(next) = queue.pop_front() {
        octets = octets.saturating_add(next.entry.size);
        batch.push(next);
        if batch.len() >= most || octets >= BATCH_OCTETS {
            break;
        }
    }
    batch
}

/// A message with its tokens, its time, and its row without a name.
type Parcels = Vec<(Parcel, Vec<String>, i64, Popped)>;

/// Gives every message its place; durable when it returns.
fn put(delivery: &Delivery, parcels: Parcels, mut shelf: Shelf) -> Result<(Vec<Popped>, Shelf)> {
    let mut rows = Vec::new();
    for (parcel, tokens, received, row) in parcels {
        let name = delivery.put(parcel, &tokens, received, &mut shelf)?;
        rows.push(Popped { base_name: Some(name), ..row });
    }
    delivery.settle()?;
    Ok((rows, shelf))
}
