//! Runs one step on a connection and writes down in the memory how far it came. The rules of rows are the
//! store's; here only the order matters: ask, parse on the blocking pool, commit, tell.

use std::panic::catch_unwind;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use super::folders;
use super::hand::{self, Hand};
use super::long::{self, Long};
use super::look::{self, Ask};
use super::plan::{FETCH, Link, PAGE, PATIENCE, Progress, RECENT, SMALL, Step, WALK_PAUSE, Walk, Wanted};
use super::push;
use super::told;
use super::walk;
use crate::config::Keep;
use crate::mail::server::{Body, NewMessage, Opened, RemoteMessage, Window};
use crate::mail::{Envelope, Key, MailboxId};
use crate::remote::{Remote, RemoteError};
use crate::store::{InHand, StoreError, StoredBody, Validity, What};
use crate::{fault, mime};

/// Rows written in one transaction: a large one writes the pages of its indexes once. It gives way to the user.
const BATCH: usize = 2_000;
/// A stretch of a raw message.
const SLICE: u32 = 256 * 1024;
/// A message larger than this is not fetched whole into memory.
const MAX_RAW: usize = 512 * 1024 * 1024;
/// Messages indexed for search in one step: fewer would have the index merge its segments all the time.
const INDEX: usize = 500;
/// Pause after "not now" for a mailbox, milliseconds.
const NOT_NOW: u64 = 30_000;
/// Pause for a mailbox that can't be read, milliseconds.
const LEFT_ALONE: u64 = 10 * 60_000;
/// A window of headers that took longer is too large, and one that took less may be larger.
const SLOW: Duration = Duration::from_millis(1_500);
const QUICK: Duration = Duration::from_millis(500);
/// Bodies asked of the store for the keep policy at a time.
const KEEP_AHEAD: usize = 200;

/// Why a message is not brought whose uid was told wrongly.
const NOT_THERE: &str = "the server said where it is, and it is not there; it is being looked for";

/// Why a step did not end well.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub type Result<T, E = StepError> = std::result::Result<T, E>;

/// Runs one step. Errors that leave the connection usable are dealt with here; what comes out ends it.
pub async fn run<R: Remote>(core: &Core, remote: &mut R, link: Link, step: Step) -> Result<()> {
    let mailbox = step.mailbox();
    if let Some(mailbox) = mailbox {
        core.note_open(link, mailbox);
    }
    let held = in_hand(core, &step).map(|of| core.common.hand.take(of)).transpose();
    let result = match held {
        Ok(_held) => perform(core, remote, link, step).await,
        Err(at) => Err(RemoteError::Rejected(format!("it ended postrider on {}. {}", hand::day(at), hand::AGAIN)).into()),
    };
    long::stop_cancelled(core).await;
    match (result, mailbox) {
        (Err(StepError::Remote(error)), Some(mailbox)) if !error.is_fatal() => {
            put_off(core, mailbox, &error).await;
            Ok(())
        }
        (Ok(()), Some(mailbox)) => {
            if let Some(progress) = core.lock().state.mailbox_mut(mailbox) {
                progress.failures = 0;
            }
            Ok(())
        }
        (Err(StepError::Remote(error)), None) if !error.is_fatal() => {
            core.common
                .out
                .failed(format!("Could not bring {} up to date", core.name), error.to_string(), "It is tried again with the next check.")
                .await;
            core.lock().state.list_due = false;
            Ok(())
        }
        (result, _) => result,
    }
}

/// How a step that reads what the server says is known where it ended the process.
fn in_hand(core: &Core, step: &Step) -> Option<InHand> {
    let key = match step {
        Step::Newest { .. } => "newest",
        Step::Top { .. } => "top",
        Step::Fetch { .. } => "fetch",
        Step::Headers { .. } => "headers",
        Step::Flags { .. } | Step::Names { .. } => "flags",
        Step::List => return Some(InHand { what: What::Step, mailbox: MailboxId(0), key: format!("list-{}", core.account.0) }),
        _ => return None,
    };
    Some(InHand { what: What::Step, mailbox: step.mailbox().unwrap_or(MailboxId(0)), key: key.to_owned() })
}

async fn perform<R: Remote>(core: &Core, remote: &mut R, link: Link, step: Step) -> Result<()> {
    if let Some(of) = in_hand(core, &step) {
        fault::at("step", format!("{} {}", core.name, of.key).as_bytes());
    }
    match step {
        Step::Resolve => push::resolve(core, remote).await,
        Step::Push => push::push(core, remote).await,
        Step::Mailboxes => folders::push(core, remote).await,
        Step::Bodies { mailbox, keys } => bodies(core, remote, mailbox, keys).await,
        Step::Raw => raw(core, remote, link).await,
        Step::Newest { mailbox } => newest(core, remote, link, mailbox).await,
        Step::Top { mailbox } => top(core, remote, link, mailbox).await,
        Step::List => folders::list(core, remote, link).await,
        Step::Fetch { mailbox, keys } => fetch(core, remote, mailbox, keys).await,
        Step::Headers { mailbox, window } => headers(core, remote, mailbox, window).await,
        Step::Flags { mailbox, window } => walk::window(core, remote, link, mailbox, window).await,
        Step::Names { mailbox, before } => walk::names(core, remote, link, mailbox, before).await,
        Step::Finish { mailbox } => finish(core, mailbox).await,
        Step::LookForBodies => look_for_bodies(core).await,
        Step::Index => index(core).await,
        Step::Evict => evict(core).await,
        Step::Wait => Ok(()),
    }
}

/// A mailbox that can't be read does not stop the others.
async fn put_off(core: &Core, mailbox: MailboxId, error: &RemoteError) {
    let told = {
        let mut inner = core.lock();
        let now = core.common.clock.mono();
        inner.state.list_due |= matches!(error, RemoteError::Gone(_));
        let Some(progress) = inner.state.mailbox_mut(mailbox) else { return };
        progress.failures = progress.failures.saturating_add(1);
        match error {
            RemoteError::Gone(_) if progress.failures < PATIENCE => {
                let failures = progress.failures;
                progress.reconnect();
                progress.failures = failures;
                None
            }
            RemoteError::NotNow(_) => {
                progress.not_before = now + NOT_NOW;
                None
            }
            _ if progress.failures < PATIENCE => None,
            _ => {
                progress.not_before = now + LEFT_ALONE;
                Some(progress.name.clone())
            }
        }
    };
    if let Some(name) = told {
        let what = format!("Could not read {}/{name}", core.name);
        core.common.out.failed(what, error.to_string(), "The other mailboxes go on; this one is tried again later.").await;
    }
}

/// Parses headers on the blocking pool. A message whose headers can't be read is a row all the same.
pub async fn parse(core: &Core, mailbox: MailboxId, messages: Vec<RemoteMessage>) -> Result<Vec<NewMessage>> {
    let hand = core.common.hand.clone();
    let work = tokio::task::spawn_blocking(move || {
        let mut held = None;
        let mut parsed = Vec::with_capacity(messages.len());
        let mut rest = messages.into_iter();
        while !rest.as_slice().is_empty() {
            let keys = rest.as_slice().iter().map(|message| InHand { what: What::Headers, mailbox, key: InHand::key_of(&message.key) });
            let taken = hand.take_next(&mut held, keys);
            parsed.extend(rest.by_ref().take(taken.unwrap_or(1).max(1)).map(|message| parse_one(message, taken.err())));
        }
        parsed
    });
    work.await.map_err(|_| StoreError::Other("reading headers failed unexpectedly".into()).into())
}

/// `died_at`: it is left alone since then.
fn parse_one(message: RemoteMessage, died_at: Option<i64>) -> NewMessage {
    let RemoteMessage { key, flags, received, size, header, identity } = message;
    let envelope = match died_at {
        None => catch_unwind(|| {
            fault::at("headers", &header);
            mime::envelope(&header)
        })
        .unwrap_or_else(|_| unread("reading its headers failed; the source can be shown")),
        Some(at) => unread(&format!("reading its headers ended postrider on {}; checking for mail tries again", hand::day(at))),
    };
    NewMessage { key, flags, received, size, envelope, identity }
}

/// What stands in a list for headers that are not read.
fn unread(why: &str) -> Envelope {
    Envelope { subject: format!("({why})"), ..Envelope::default() }
}

/// Commits headers in batches and tells of each. What a look brings that began before a push into this mailbox is not
/// taken, for it may be half of a move: it is missing until the push ended. True: all was taken.
pub async fn add(core: &Core, mailbox: MailboxId, messages: Vec<NewMessage>) -> Result<bool> {
    if messages.is_empty() {
        return Ok(true);
    }
    if let Some(progress) = core.lock().state.mailbox_mut(mailbox).filter(|progress| progress.guards > 0) {
        progress.note_missing(messages.into_iter().map(|message| message.key).collect());
        return Ok(false);
    }
    let mut rest = messages.into_iter().peekable();
    while rest.peek().is_some() {
        let batch = rest.by_ref().take(BATCH).collect();
        let changed = core.common.writer.add_messages(mailbox, batch).await?;
        core.common.out.changed(core.account, changed).await;
    }
    {
        let mut inner = core.lock();
        inner.state.index_due = true;
        inner.state.keep_due = !core.common.headers_only;
        // a row that was awaited may now have a wish of its own
        inner.state.dirty = true;
    }
    push::wake_sources(core).await.map(|()| true)
}

pub fn wire(core: &Core, mailbox: MailboxId) -> Result<String> {
    core.wire_name(mailbox).ok_or_else(|| RemoteError::Gone("the mailbox is gone".into()).into())
}

pub fn with_progress(core: &Core, mailbox: MailboxId, change: impl FnOnce(&mut Progress)) {
    if let Some(progress) = core.lock().state.mailbox_mut(mailbox) {
        change(progress);
    }
}

/// Records the state of a mailbox that was opened for a look asked for at that time, or for none; true where everything known
/// of its keys became void.
pub async fn record_opened(core: &Core, mailbox: MailboxId, opened: Opened, looked_at: Option<u64>) -> Result<bool> {
    // beside a push into it nothing that is new here counts as looked at (see `add`)
    let is_guarded = core.lock().state.mailbox(mailbox).is_some_and(|progress| progress.guards > 0);
    let seen = Opened { uid_next: opened.uid_next.filter(|_| !is_guarded), ..opened };
    let validity = core.common.writer.opened_at(mailbox, seen, looked_at).await?;
    with_progress(core, mailbox, |progress| {
        progress.is_valid = true;
        progress.exists = u64::from(opened.exists);
        progress.opened_mod_seq = opened.mod_seq;
    });
    let Validity::Changed { cancelled } = &validity else {
        with_progress(core, mailbox, |progress| {
            progress.numbered = opened.uid_validity.is_some();
            progress.uid_validity = opened.uid_validity;
            progress.mod_seq = match validity {
                Validity::New => opened.mod_seq,
                _ => progress.mod_seq.filter(|known| opened.mod_seq.is_some_and(|now| now >= *known)),
            };
        });
        return Ok(false);
    };
    with_progress(core, mailbox, |progress| {
        progress.numbered = opened.uid_validity.is_some();
        (progress.uid_validity, progress.mod_seq, progress.whole) = (opened.uid_validity, opened.mod_seq, None);
        progress.reached = None;
        progress.headers_from = None;
        progress.uid_next = 1;
        progress.walk = None;
        progress.missing.clear();
        progress.finish_due = true;
    });
    let name = core.lock().state.mailbox(mailbox).map(|progress| progress.name.clone()).unwrap_or_default();
    if !cancelled.is_empty() {
        core.common
            .out
            .failed(
                format!("{}/{name} was renumbered by the server", core.name),
                format!("these changes were cancelled: {}", cancelled.join("; ")),
                "Nothing was applied to other messages; do them again if you still want them.",
            )
            .await;
    }
    core.common.out.touched().add([mailbox]);
    Ok(true)
}

/// Before anything is asked by a uid that an earlier connection told: opens the mailbox where this one did not yet.
/// False: its uids became void, so that there is nothing to ask.
pub async fn validate<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId) -> Result<bool> {
    let known = core.lock().state.mailbox(mailbox).map(|progress| (progress.is_valid || core.is_local, progress.wire_name.clone()));
    let Some((false, name)) = known else { return Ok(true) };
    // not how far its uids go: nobody has looked at the newest of them yet
    let opened = Opened { uid_next: None, ..remote.open(&name).await? };
    let is_void = record_opened(core, mailbox, opened, None).await?;
    if is_void {
        with_progress(core, mailbox, |progress| progress.newest_due = true);
    }
    Ok(!is_void)
}

async fn newest<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId) -> Result<()> {
    let name = wire(core, mailbox)?;
    if look::at_once(core, remote, link, mailbox, Ask::Changes).await?.is_some() {
        let known = known(core, mailbox).await?;
        let mut inner = core.lock();
        let Some(progress) = inner.state.mailbox_mut(mailbox) else { return Ok(()) };
        progress.known = known.unwrap_or(progress.exists);
        // void or overtaken: it is to be brought still
        if progress.headers_from.is_some() {
            progress.newest_due = false;
            progress.fresh = true;
            progress.finish_due = true;
            if look::is_whole_due(core, progress) {
                progress.walk = Some(Walk::Top);
            }
        }
        return Ok(());
    }
    let asked_at = core.common.writer.clock();
    let (opened, messages) = remote.newest(&name, PAGE).await?;
    record_opened(core, mailbox, opened, Some(asked_at)).await?;
    let lowest = messages.iter().filter_map(|message| message.key.uid()).map(|uid| uid.0).min();
    let highest = messages.iter().filter_map(|message| message.key.uid()).map(|uid| uid.0).max();
    let is_all = u64::from(opened.exists) <= messages.len() as u64;
    let page = parse(core, mailbox, messages).await?;
    let count = page.len() as u64;
    add(core, mailbox, page).await?;
    let known = known(core, mailbox).await?.unwrap_or(count);
    let first_from = {
        let mut inner = core.lock();
        let Some(progress) = inner.state.mailbox_mut(mailbox) else { return Ok(()) };
        progress.newest_due = false;
        progress.top_due = false;
        progress.fresh = true;
        (progress.exists, progress.known) = (u64::from(opened.exists), known);
        progress.uid_next = opened.uid_next.unwrap_or(1).max(highest.map_or(1, |uid| uid.saturating_add(1)));
        let was_known = progress.headers_from.is_some();
        // what is older than the page is compared, or, where nothing is known, fetched downward
        progress.walk = (was_known || !progress.numbered).then_some(Walk::Top);
        progress.finish_due = true;
        if progress.numbered && !was_known {
            progress.headers_from = Some(if is_all { 1 } else { lowest.unwrap_or(progress.uid_next) });
            progress.headers_from
        } else {
            None
        }
    };
    if let Some(from) = first_from {
        core.common.writer.set_headers_from(mailbox, from).await?;
    }
    Ok(())
}

/// How many messages are here of a mailbox whose first sync was begun on an earlier connection.
async fn known(core: &Core, mailbox: MailboxId) -> Result<Option<u64>> {
    let is_begun = core.lock().state.mailbox(mailbox).is_some_and(|progress| progress.headers_from.is_some_and(|from| from > 1));
    if !is_begun {
        return Ok(None);
    }
    let all = core.common.readers.with(|reader| reader.mailboxes()).await?;
    Ok(all.into_iter().find(|one| one.id == mailbox).map(|one| u64::from(one.total)))
}

/// New messages first (one round trip), then what else may have changed near the top.
async fn top<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId) -> Result<()> {
    let name = wire(core, mailbox)?;
    let (numbered, uid_next, floor) = {
        let mut inner = core.lock();
        let Some(progress) = inner.state.mailbox_mut(mailbox) else { return Ok(()) };
        progress.top_due = false;
        (progress.numbered, progress.uid_next, progress.headers_from.unwrap_or(1))
    };
    let now = core.common.clock.mono();
    if let Some(differed) = look::at_once(core, remote, link, mailbox, Ask::Changes).await.inspect_err(|_| hint(core, mailbox))? {
        with_progress(core, mailbox, |progress| progress.note_top(now, differed));
        return Ok(());
    }
    if !numbered {
        let compared = walk::compare_names(core, remote, mailbox, &name, None).await;
        let (compared, from) = compared.inspect_err(|_| hint(core, mailbox))?;
        with_progress(core, mailbox, |progress| {
            progress.note_top(now, compared.differed);
            progress.top_due |= compared.is_stale;
            progress.walk_on(from);
        });
        return Ok(());
    }
    let new = remote.headers_in(&name, Window { low: uid_next, high: u32::MAX }).await.inspect_err(|_| hint(core, mailbox))?;
    let highest = new.iter().filter_map(|message| message.key.uid()).map(|uid| uid.0).max();
    let found = !new.is_empty();
    add(core, mailbox, parse(core, mailbox, new).await?).await?;
    if let Some(highest) = highest {
        with_progress(core, mailbox, |progress| progress.uid_next = progress.uid_next.max(highest.saturating_add(1)));
    }
    let low = if uid_next <= SMALL { floor } else { uid_next.saturating_sub(RECENT).max(floor) };
    let window = Window { low, high: u32::MAX };
    let compared = walk::compare(core, remote, mailbox, &name, window, Some(link)).await.inspect_err(|_| hint(core, mailbox))?;
    with_progress(core, mailbox, |progress| {
        progress.note_top(now, found || compared.differed);
        progress.top_due |= compared.is_stale;
        if window.low > floor {
            // what changed can't be asked for any more: all of it is looked at, soon or, where that is usual, at leisure
            match progress.mod_seq.take() {
                Some(_) => progress.walk = Some(Walk::Top),
                None => drop(progress.walk_at.get_or_insert(now + WALK_PAUSE)),
            }
        }
    });
    Ok(())
}

fn hint(core: &Core, mailbox: MailboxId) {
    with_progress(core, mailbox, |progress| progress.top_due = true);
}

async fn fetch<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, keys: Vec<Key>) -> Result<()> {
    let name = wire(core, mailbox)?;
    let messages = remote.headers(&name, &keys).await?;
    if !add(core, mailbox, parse(core, mailbox, messages).await?).await? {
        return Ok(());
    }
    let asked: std::collections::HashSet<Key> = keys.into_iter().take(FETCH).collect();
    let mut reached = None;
    with_progress(core, mailbox, |progress| {
        // they are the first, so that a long list is not gone through for every few of it
        let first = progress.missing.iter().take_while(|key| asked.contains(key)).count();
        progress.missing.drain(..first);
        if first < asked.len() {
            progress.missing.retain(|key| !asked.contains(key));
        }
        reached = progress.take_reached();
    });
    look::reach(core, mailbox, reached).await
}

async fn headers<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, window: Window) -> Result<()> {
    let name = wire(core, mailbox)?;
    let (known, exists) = core.lock().state.mailbox(mailbox).map_or((0, 0), |progress| (progress.known, progress.exists));
    if exists.saturating_sub(known) > long::MANY {
        long::begin(core, Long::Headers(mailbox), known, exists).await;
    }
    let begun = Instant::now();
    let messages = remote.headers_in(&name, window).await?;
    let (count, took) = (messages.len(), begun.elapsed());
    add(core, mailbox, parse(core, mailbox, messages).await?).await?;
    core.common.writer.set_headers_from(mailbox, window.low).await?;
    with_progress(core, mailbox, |progress| {
        // the mailbox may have been renumbered by the other link meanwhile
        if progress.headers_from == window.high.checked_add(1) {
            progress.headers_from = Some(window.low);
        }
        progress.header_span = adapt_headers(progress.header_span, count, took);
        progress.known += count as u64;
    });
    long::came(core, Long::Headers(mailbox), count as u64).await;
    if window.low <= 1 {
        long::end(core, Long::Headers(mailbox)).await;
    }
    Ok(())
}

/// A window is to hold many messages, for each costs a round trip, but to be done soon, for nothing else is done on the
/// link meanwhile.
fn adapt_headers(span: u32, count: usize, took: Duration) -> u32 {
    match count {
        ..300 => adapt(span, count, 300, usize::MAX),
        _ if took > SLOW => (span / 2).max(50),
        ..1_000 if took < QUICK => adapt(span, count, 1_000, usize::MAX),
        _ => adapt(span, count, 0, 2_000),
    }
}

/// Twice the span where it holds few, half where it holds many.
pub fn adapt(span: u32, count: usize, few: usize, many: usize) -> u32 {
    match count {
        _ if count < few => span.saturating_mul(2).min(1 << 24),
        _ if count > many => (span / 2).max(50),
        _ => span,
    }
}

async fn finish(core: &Core, mailbox: MailboxId) -> Result<()> {
    with_progress(core, mailbox, |progress| progress.finish_due = false);
    let changed = core.common.writer.set_synced(mailbox, core.common.clock.wall()).await?;
    // what waited for a lost row waits no longer
    core.lock().state.dirty = true;
    core.common.out.changed(core.account, changed).await;
    core.common.out.send(super::WorkerEvent::MailboxesChanged { account: core.account }).await;
    Ok(())
}

/// Fetches bodies; those someone waits for are rendered.
async fn bodies<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, keys: Vec<Key>) -> Result<()> {
    let answer = ask_bodies(core, remote, mailbox, &keys).await;
    let waiting = core.take_waiting(mailbox, &keys);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            give_back(core, waiting, &error).await;
            return Err(error);
        }
    };
    for key in keys.iter().filter(|key| !answer.iter().any(|body| body.key == **key)) {
        core.lock().refused_bodies.insert((mailbox, key.clone()));
    }
    for wanted in &waiting {
        let Some(view) = wanted.view else { continue };
        match answer.iter().find(|body| body.key == wanted.key) {
            Some(body) => {
                core.common.pages.forget(wanted.id);
                let (pages, id, account) = (core.common.pages.clone(), wanted.id, core.account);
                let body = StoredBody { bytes: body.bytes.clone(), whole: body.whole, parts: body.parts.clone() };
                tokio::spawn(async move { pages.render(id, account, view, body).await });
            }
            None => {
                let gone = "This message is no longer on the server.".to_owned();
                core.common.pages.tell(wanted.id, view, Err(gone)).await;
                with_progress(core, mailbox, |progress| progress.top_due = true);
            }
        }
    }
    let count = answer.len() as u64;
    keep(core, mailbox, answer).await?;
    long::came(core, Long::Bodies, count).await;
    Ok(())
}

async fn ask_bodies<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, keys: &[Key]) -> Result<Vec<Body>> {
    let name = wire(core, mailbox)?;
    if !validate(core, remote, mailbox).await? {
        return Err(RemoteError::Gone("the server renumbered the mailbox".into()).into());
    }
    if told::is_wrong(core, remote, mailbox, &name, keys).await? {
        return Err(RemoteError::Gone(NOT_THERE.into()).into());
    }
    Ok(remote.bodies(&name, keys).await?)
}

async fn keep(core: &Core, mailbox: MailboxId, bodies: Vec<Body>) -> Result<()> {
    let (is_local, hand) = (core.is_local, core.common.hand.clone());
    let work = tokio::task::spawn_blocking(move || {
        let texts: Vec<String> = bodies.iter().map(|body| text_of(&hand, mailbox, body)).collect();
        let mut bodies = bodies;
        if is_local {
            bodies.iter_mut().for_each(|body| body.bytes = Vec::new());
        }
        (bodies, texts)
    });
    let (bodies, texts) = work.await.map_err(|_| StoreError::Other("reading a body failed unexpectedly".into()))?;
    core.common.writer.add_bodies(mailbox, bodies, texts).await?;
    core.lock().state.evict_due = true;
    Ok(())
}

/// What search finds in a body; nothing where it can't be read.
fn text_of(hand: &Hand, mailbox: MailboxId, body: &Body) -> String {
    let held = hand.take(InHand { what: What::Text, mailbox, key: InHand::key_of(&body.key) });
    let read = held.map(|_held| {
        catch_unwind(|| {
            fault::at("text", &body.bytes);
            mime::search_text(&body.bytes)
        })
    });
    read.ok().and_then(Result::ok).unwrap_or_default()
}

/// Where the connection is lost they wait for the next one; else they hear why.
async fn give_back(core: &Core, waiting: Vec<Wanted>, error: &StepError) {
    let StepError::Remote(error) = error else { return core.want_again(waiting) };
    if error.is_fatal() {
        return core.want_again(waiting);
    }
    for wanted in waiting {
        if let Some(view) = wanted.view {
            core.common.pages.tell(wanted.id, view, Err(format!("The server did not give this message: {error}"))).await;
        }
    }
}

/// The next stretch of the oldest raw message.
async fn raw<R: Remote>(core: &Core, remote: &mut R, link: Link) -> Result<()> {
    let (mailbox, key, offset) = {
        let mut inner = core.lock();
        inner.raws.retain(|raw| !raw.done.is_closed());
        let Some(raw) = inner.raws.first() else { return Ok(()) };
        (raw.mailbox, raw.key.clone(), raw.bytes.len() as u64)
    };
    core.note_open(link, mailbox);
    let name = wire(core, mailbox);
    let is_valid = validate(core, remote, mailbox).await?;
    let answer = match name {
        Ok(name) if is_valid && told::is_wrong(core, remote, mailbox, &name, std::slice::from_ref(&key)).await? => {
            Err(RemoteError::Gone(NOT_THERE.into()))
        }
        Ok(name) if is_valid => remote.slice(&name, &key, None, offset, SLICE).await,
        Ok(_) => Err(RemoteError::Gone("the server renumbered the mailbox".into())),
        Err(_) => Err(RemoteError::Gone("the mailbox is gone".into())),
    };
    let mut inner = core.lock();
    let Some(at) = inner.raws.iter().position(|raw| raw.mailbox == mailbox && raw.key == key && raw.bytes.len() as u64 == offset) else {
        return Ok(());
    };
    match answer {
        Ok(bytes) => {
            let is_end = (bytes.len() as u64) < u64::from(SLICE);
            let Some(raw) = inner.raws.get_mut(at) else { return Ok(()) };
            raw.bytes.extend_from_slice(&bytes);
            if let Some(progress) = &raw.progress {
                progress.send_replace(raw.bytes.len() as u64);
            }
            let is_too_large = raw.bytes.len() > MAX_RAW;
            if is_end || is_too_large {
                let raw = inner.raws.remove(at);
                let whole = if is_too_large { Err("the message is too large".to_owned()) } else { Ok(raw.bytes) };
                let _ = raw.done.send(whole);
            }
            Ok(())
        }
        Err(error) if error.is_fatal() => Err(error.into()),
        Err(error) => {
            let raw = inner.raws.remove(at);
            let _ = raw.done.send(Err(error.to_string()));
            if let (RemoteError::Gone(_), Some(progress)) = (&error, inner.state.mailbox_mut(mailbox)) {
                progress.look_again();
            }
            Ok(())
        }
    }
}

async fn look_for_bodies(core: &Core) -> Result<()> {
    let since = match core.keep {
        Keep::Headers => {
            core.lock().state.keep_due = false;
            return Ok(());
        }
        Keep::RecentDays(days) => Some(core.common.clock.wall() - i64::from(days) * 86_400),
        Keep::All => None,
    };
    let account = core.account;
    // what would be dropped at once is not fetched
    if core.common.readers.with(move |reader| reader.kept(account)).await? >= core.keep_size {
        core.lock().state.keep_due = false;
        long::end(core, Long::Bodies).await;
        return Ok(());
    }
    let found = core.common.readers.with(move |reader| reader.wants_bodies(account, since, KEEP_AHEAD)).await?;
    if found.len() == KEEP_AHEAD && !core.lock().long.contains_key(&Long::Bodies) {
        let all = core.common.readers.with(move |reader| Ok(reader.wants_bodies(account, since, usize::MAX)?.len())).await?;
        long::begin(core, Long::Bodies, 0, all as u64).await;
    }
    let is_done = {
        let mut inner = core.lock();
        let inner = &mut *inner;
        let refused = &inner.refused_bodies;
        inner.state.keep = found.into_iter().filter(|(mailbox, key)| !refused.contains(&(*mailbox, key.clone()))).collect();
        inner.state.keep_due = !inner.state.keep.is_empty();
        !inner.state.keep_due
    };
    if is_done {
        long::end(core, Long::Bodies).await;
    }
    Ok(())
}

async fn evict(core: &Core) -> Result<()> {
    core.lock().state.evict_due = false;
    let is_more = core.common.writer.evict(core.account, core.keep_size).await?;
    core.lock().state.evict_due |= is_more;
    Ok(())
}

async fn index(core: &Core) -> Result<()> {
    let left = core.common.writer.index_some(INDEX).await?;
    core.lock().state.index_due = left > 0;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_headers_grow_on_a_quick_line_and_where_uids_are_sparse_and_shrink_on_a_slow_one() {
        let ms = Duration::from_millis;
        for (count, took, expect) in [
            (10, ms(10), 1_000),
            (10, ms(9_000), 1_000),
            (500, ms(100), 1_000),
            (500, ms(700), 500),
            (500, ms(2_000), 250),
            (1_000, ms(100), 500),
            (2_001, ms(100), 250),
        ] {
            assert_eq!(adapt_headers(500, count, took), expect, "{count} in {took:?}");
        }
    }
}
