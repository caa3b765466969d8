//! From wanted state to the server: one push at a time, and what became of pushes whose answer was lost. A
//! push that can't be repeated safely (copy, append, move by copy and delete) is looked for before it is.

use std::collections::HashSet;

use super::core::Core;
use super::outbox::wait_after;
use super::step::{self, StepError, add, parse};
use super::told;
use crate::mail::server::{Moved, NewMessage, Window};
use crate::mail::{Flags, Key, MailboxId};
use crate::remote::{Remote, RemoteError};
use crate::store::{Push, PushEnd, PushKind, Unresolved};

/// Rows in one push: one command in ranges.
const LIMIT: usize = 1_000;
/// Pause after "not now", milliseconds.
const NOT_NOW: u64 = 30_000;
/// Pause while bytes come from another account, milliseconds; their arrival ends it.
const BROUGHT: u64 = 2_000;
/// Pause while the mailbox is looked at from which a message went before it was copied, milliseconds.
const SOURCE_GONE: u64 = 1_000;

type Result<T, E = StepError> = std::result::Result<T, E>;

/// Pushes the next thing that waits.
pub async fn push<R: Remote>(core: &Core, remote: &mut R) -> Result<()> {
    core.lock().state.dirty = false;
    ask_again(core).await?;
    if let Some((mailbox, keys)) = told::waiting(core).await? {
        return look_at_told(core, remote, mailbox, &keys).await;
    }
    let next = core.common.writer.next_push(core.account, LIMIT).await;
    let Some(push) = next.inspect_err(|_| core.lock().state.dirty = true)? else { return Ok(()) };
    guard(core, &push, true);
    let result = match step::validate(core, remote, push.mailbox).await {
        Ok(false) if !push.rows.is_empty() => Err(RemoteError::Gone("the server renumbered the mailbox".into()).into()),
        Ok(_) => attempt(core, remote, &push).await,
        // one that is not there yet is made by the append
        Err(StepError::Remote(RemoteError::Gone(_))) if matches!(push.kind, PushKind::Append { .. }) => attempt(core, remote, &push).await,
        Err(error) => Err(error),
    };
    // of a lost answer nobody knows how far it came: `resolve` lets others look again
    if !matches!(&result, Err(StepError::Remote(error)) if error.is_fatal()) {
        guard(core, &push, false);
    }
    core.lock().state.dirty = true;
    match result {
        Ok(moved) => {
            let asked = push.rows.len();
            let push = without_left_behind(core, remote, push, &moved).await?;
            if asked > 0 && push.rows.is_empty() {
                return Ok(());
            }
            let n = count(&push);
            finish(core, push, PushEnd::Done(moved)).await?;
            core.lock().put_off = None;
            core.common.out.pushed(&core.name, n);
            Ok(())
        }
        Err(StepError::Remote(error)) => answer(core, push, error).await,
        Err(error) => Err(error),
    }
}

/// Nothing is asked by a uid that was only told before its message was seen there.
async fn look_at_told<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, keys: &[Key]) -> Result<()> {
    core.lock().state.dirty = true;
    core.lock().open_on_a = Some(mailbox);
    let look = async {
        let name = step::wire(core, mailbox)?;
        if step::validate(core, remote, mailbox).await? {
            told::is_wrong(core, remote, mailbox, &name, keys).await?;
        }
        Ok(())
    };
    match look.await {
        // nobody may look there: other changes do not wait behind these
        Err(StepError::Remote(RemoteError::Rejected(why))) => {
            let (changed, _) = core.common.writer.look_at_told(mailbox, keys.to_vec(), Vec::new()).await?;
            core.common.out.changed(core.account, changed).await;
            let what = format!("{} does not let its moved messages be looked at", core.name);
            tell(core, what, why, "Changes of them wait until they are found.").await
        }
        Err(StepError::Remote(error)) if !error.is_fatal() => {
            let is_gone = matches!(error, RemoteError::Gone(_));
            look_again(core, mailbox, is_gone);
            core.lock().state.list_due |= is_gone;
            pause(core, if is_gone { 1_000 } else { NOT_NOW });
            Ok(())
        }
        other => other,
    }
}

/// The push without the rows of which the answer to a move tells nothing and that are still where they were (a file
/// that can't be renamed): these are refused. Of a copy a Maildir tells everything that it made.
async fn without_left_behind<R: Remote>(core: &Core, remote: &mut R, push: Push, moved: &Moved) -> Result<Push> {
    let is_copy = matches!(push.kind, PushKind::Copy { .. }) && !core.is_local;
    let is_untold = |key: &Key| !moved.iter().any(|(old, new)| old == key && (new.is_some() || !is_copy));
    if !push.rows.iter().any(|(_, key)| is_untold(key)) {
        return Ok(push);
    }
    if is_copy {
        return without_unsure(core, remote, push, is_untold).await;
    }
    let left: HashSet<Key> = match &push.kind {
        PushKind::Move { .. } => present(remote, &push).await?.into_iter().map(|(key, _)| key).filter(is_untold).collect(),
        PushKind::Copy { .. } => push.rows.iter().map(|(_, key)| key.clone()).filter(is_untold).collect(),
        _ => return Ok(push),
    };
    let (stays, done) = split(push, &left);
    if !stays.rows.is_empty() {
        let what = refused_sentence(core, &stays);
        finish(core, stays, PushEnd::Refused).await?;
        tell(core, what, "they are still where they were".to_owned(), "The others were done.").await?;
    }
    Ok(done)
}

/// A copy without the rows of which the server tells nothing and whose source is gone. It may have found nothing to copy: what
/// came into the target, if anything, is looked at first.
async fn without_unsure<R: Remote>(core: &Core, remote: &mut R, push: Push, is_untold: impl Fn(&Key) -> bool) -> Result<Push> {
    let there = sources(remote, &push).await?;
    let unsure: HashSet<Key> = push.rows.iter().map(|(_, key)| key.clone()).filter(|key| is_untold(key) && !there.contains(key)).collect();
    if !unsure.is_empty() {
        core.lock().state.unresolved = true;
        look_again(core, push.mailbox, false);
        pause(core, SOURCE_GONE);
    }
    Ok(split(push, &unsure).1)
}

/// The rows of these keys, and the others.
fn split(push: Push, keys: &HashSet<Key>) -> (Push, Push) {
    let part = |wanted: bool| {
        let is_in = |at: usize| push.rows.get(at).is_some_and(|(_, key)| keys.contains(key) == wanted);
        let rows = push.rows.iter().filter(|(_, key)| keys.contains(key) == wanted).cloned().collect();
        let kind = match &push.kind {
            PushKind::Copy { to, to_wire, new } => {
                let new = new.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, id)| *id).collect();
                PushKind::Copy { to: *to, to_wire: to_wire.clone(), new }
            }
            other => other.clone(),
        };
        Push { rows, kind, ..push.clone() }
    };
    (part(true), part(false))
}

fn count(push: &Push) -> usize {
    push.rows.len().max(1)
}

/// What an error means for the push.
async fn answer(core: &Core, push: Push, error: RemoteError) -> Result<()> {
    let error = match error {
        RemoteError::Gone(why) if is_gone_for_good(core, &push) => RemoteError::Rejected(why),
        other => other,
    };
    if let (RemoteError::NotNow(_), PushKind::Append { id, .. }) = (&error, &push.kind) {
        let id = *id;
        // half of a move between accounts: a refusal would take the move back, "not now" must not
        if core.common.readers.with(move |reader| reader.is_elsewhere(id)).await? {
            let is_brought = core.lock().bringing.contains(&id);
            finish(core, push, PushEnd::NotNow).await?;
            pause(core, if is_brought { BROUGHT } else { NOT_NOW });
            return Ok(());
        }
    }
    match error {
        // no server has it, so there is nothing that it could be put back to
        RemoteError::Rejected(why) | RemoteError::NotNow(why) if is_kept_here(core, &push) => refused_append(core, push, why).await,
        RemoteError::Rejected(why) => {
            let what = refused_sentence(core, &push);
            finish(core, push, PushEnd::Refused).await?;
            tell(core, what, why, "It was put back as the server has it.").await
        }
        // "no" to some of many: what of it was done is looked up before it is asked again
        RemoteError::NotNow(why) if matches!(push.kind, PushKind::Flags { .. }) => {
            core.lock().state.unresolved = true;
            pause(core, NOT_NOW);
            put_off(core, why).await;
            Ok(())
        }
        RemoteError::NotNow(why) => {
            let is_brought = matches!(&push.kind, PushKind::Append { id, .. } if core.lock().bringing.contains(id));
            finish(core, push, PushEnd::NotNow).await?;
            pause(core, if is_brought { BROUGHT } else { NOT_NOW });
            if !is_brought {
                put_off(core, why).await;
            }
            Ok(())
        }
        RemoteError::Gone(_) => {
            look_again(core, push.mailbox, true);
            finish(core, push, PushEnd::NotNow).await?;
            core.lock().state.list_due = true;
            pause(core, 1_000);
            Ok(())
        }
        // the outcome is unknown: the rows stay in flight until a new connection has looked
        fatal => {
            core.lock().state.unresolved = true;
            Err(fatal.into())
        }
    }
}

/// A mailbox of the push was not there before, and is not though the list was read since: until then it may only have another
/// name, which a rename gave it whose answer was lost.
fn is_gone_for_good(core: &Core, push: &Push) -> bool {
    let mut inner = core.lock();
    !inner.gone.insert((push.mailbox, target(push))) && !inner.state.list_due
}

/// Says why changes wait; the same reason once, until something was pushed.
async fn put_off(core: &Core, why: String) {
    let is_new = core.lock().put_off.replace(why.clone()).is_none_or(|told| told != why);
    if is_new {
        let what = format!("Changes of {} wait", core.name);
        core.common.out.failed(what, why, "They are kept here and tried again by themselves (w shows them).").await;
    }
}

/// A wish came to nothing: said now, and kept for the list of what waits.
pub(super) async fn tell(core: &Core, what: String, why: String, next: &str) -> Result<()> {
    core.common.writer.note_mishap(core.account, what.clone(), why.clone()).await?;
    core.common.out.failed(what, why, next).await;
    Ok(())
}

/// A message that is added to a mailbox and whose bytes are here.
fn is_kept_here(core: &Core, push: &Push) -> bool {
    matches!(&push.kind, PushKind::Append { id, .. } if !core.lock().bringing.contains(id))
}

/// The message is asked for again by itself, ever more rarely; other pushes do not wait for it.
async fn refused_append(core: &Core, push: Push, why: String) -> Result<()> {
    note_own_change(core, &push);
    let what = refused_sentence(core, &push);
    let (now, seed) = (core.common.clock.wall(), core.common.seed);
    let wait = move |times| wait_after(times, seed);
    let (times, changed) = core.common.writer.refused_append(push, why.clone(), now, wait).await?;
    core.common.out.changed(core.account, changed).await;
    if times > 0 {
        let at = core.common.clock.mono() + u64::try_from(wait(times)).unwrap_or_default() * 1_000;
        let state = &mut core.lock().state;
        state.refused_again = Some(state.refused_again.map_or(at, |other| other.min(at)));
    }
    // said once; the tasks view goes on showing it
    if times <= 1 {
        core.common.out.failed(what, why, "It is kept here and tried again by itself (w shows it).").await;
    }
    Ok(())
}

/// What was refused and whose time has come may be pushed again.
async fn ask_again(core: &Core) -> Result<()> {
    let all = {
        let state = &mut core.lock().state;
        if state.refused_again.is_none_or(|at| at > core.common.clock.mono()) {
            return Ok(());
        }
        std::mem::take(&mut state.refused_now)
    };
    let now = core.common.clock.wall();
    let (next, changed) = core.common.writer.release_refused(core.account, now, all).await?;
    let seconds = next.and_then(|next| u64::try_from((next - now).max(1)).ok());
    core.lock().state.refused_again = seconds.map(|seconds| core.common.clock.mono() + seconds * 1_000);
    core.common.out.changed(core.account, changed).await;
    Ok(())
}

fn pause(core: &Core, milliseconds: u64) {
    let until = core.common.clock.mono() + milliseconds;
    core.lock().state.push_not_before = until;
}

/// A sentence for a refused push.
fn refused_sentence(core: &Core, push: &Push) -> String {
    let n = count(push);
    let messages = if n == 1 { "a message".to_owned() } else { format!("{n} messages") };
    let to = |to: MailboxId| core.lock().state.mailbox(to).map_or_else(|| "another mailbox".to_owned(), |known| known.name.clone());
    let name = &core.name;
    match &push.kind {
        PushKind::Flags { .. } => format!("{name} refused to change flags of {messages}"),
        PushKind::Move { to: target, .. } => format!("{name} refused to move {messages} to {}", to(*target)),
        PushKind::Copy { to: target, .. } => format!("{name} refused to copy {messages} to {}", to(*target)),
        PushKind::Delete => format!("{name} refused to delete {messages}"),
        PushKind::Append { .. } => format!("{name} refused to add a message to {}", to(push.mailbox)),
    }
}

/// Where messages will show up.
fn target(push: &Push) -> Option<MailboxId> {
    match &push.kind {
        PushKind::Move { to, .. } | PushKind::Copy { to, .. } => Some(*to),
        PushKind::Append { .. } => Some(push.mailbox),
        PushKind::Flags { .. } | PushKind::Delete => None,
    }
}

/// While a push is under way nobody says of its target that everything in it was seen.
fn guard(core: &Core, push: &Push, begins: bool) {
    let Some(target) = target(push) else { return };
    if let Some(progress) = core.lock().state.mailbox_mut(target) {
        progress.guards = if begins { progress.guards + 1 } else { progress.guards.saturating_sub(1) };
    }
}

fn look_again(core: &Core, mailbox: MailboxId, reopen: bool) {
    if let Some(progress) = core.lock().state.mailbox_mut(mailbox) {
        progress.newest_due |= reopen;
        progress.look_again();
    }
}

async fn finish(core: &Core, push: Push, end: PushEnd) -> Result<()> {
    note_own_change(core, &push);
    let is_append = matches!(push.kind, PushKind::Append { .. });
    let target = target(&push).filter(|_| matches!(end, PushEnd::Done(_)));
    let changed = core.common.writer.end_push(push, end).await?;
    if let Some(target) = target
        && core.common.readers.with(move |reader| reader.has_lost(target)).await?
    {
        // rows there wait to be found
        look_again(core, target, false);
    }
    core.common.out.changed(core.account, changed).await;
    if is_append { wake_sources(core).await } else { Ok(()) }
}

/// Messages of other accounts that may be deleted there now that they are here.
pub async fn wake_sources(core: &Core) -> Result<()> {
    let accounts = core.common.readers.with(|reader| reader.accounts_to_leave()).await?;
    accounts
        .into_iter()
        .filter(|account| *account != core.account)
        .filter_map(|account| core.peer(account))
        .for_each(|peer| peer.poke_push());
    Ok(())
}

/// A hint of what we did ourselves is no hint in vain.
fn note_own_change(core: &Core, push: &Push) {
    let mut inner = core.lock();
    for mailbox in [Some(push.mailbox), target(push)].into_iter().flatten() {
        if let Some(progress) = inner.state.mailbox_mut(mailbox) {
            progress.fruitless = 0;
        }
    }
}

async fn attempt<R: Remote>(core: &Core, remote: &mut R, push: &Push) -> Result<Moved> {
    let keys: Vec<Key> = push.rows.iter().map(|(_, key)| key.clone()).collect();
    let mailbox = push.wire_name.as_str();
    core.lock().open_on_a = Some(push.mailbox);
    match &push.kind {
        PushKind::Flags { add, remove } => {
            remote.store_flags(mailbox, &keys, add, remove).await?;
            Ok(Vec::new())
        }
        PushKind::Move { to_wire, .. } => Ok(remote.move_to(mailbox, &keys, to_wire).await?),
        PushKind::Copy { to_wire, .. } => Ok(remote.copy_to(mailbox, &keys, to_wire).await?),
        PushKind::Delete => {
            remote.delete(mailbox, &keys).await?;
            Ok(Vec::new())
        }
        PushKind::Append { id, flags, received, .. } => {
            let bytes = super::bring::bytes(core, remote, *id).await?;
            let key = append(core, remote, mailbox, bytes, flags, *received).await?;
            // an appended message had no key before; the new one stands for both
            Ok(key.map(|key| vec![(key.clone(), Some(key))]).unwrap_or_default())
        }
    }
}

/// Appends, into a mailbox that is made for it where there is none.
async fn append<R: Remote>(
    core: &Core,
    remote: &mut R,
    mailbox: &str,
    bytes: Vec<u8>,
    flags: &Flags,
    received: i64,
) -> Result<Option<Key>> {
    match remote.append(mailbox, bytes.clone(), flags, received).await {
        Err(RemoteError::Gone(_)) => {
            remote.create(mailbox).await?;
            core.lock().state.list_due = true;
            Ok(remote.append(mailbox, bytes, flags, received).await?)
        }
        appended => Ok(appended?),
    }
}

/// Finds out what became of every push without an answer, and ends it.
pub async fn resolve<R: Remote>(core: &Core, remote: &mut R) -> Result<()> {
    let mut is_later = false;
    let all = core.common.writer.unresolved(core.account).await?;
    core.lock().state.mailboxes.iter_mut().for_each(|progress| progress.guards = 0);
    all.iter().for_each(|one| guard(core, &one.push, true));
    for one in all {
        match resolve_one(core, remote, &one).await {
            Ok(arrived) => {
                guard(core, &one.push, false);
                if let Some(target) = target(&one.push) {
                    add(core, target, arrived).await?;
                }
            }
            // a move may be half done: it stays in flight, so that only the rest of it is done later, and until then nobody
            // looks at its target
            Err(StepError::Remote(RemoteError::NotNow(_))) => is_later = true,
            Err(StepError::Remote(error)) if !error.is_fatal() => {
                guard(core, &one.push, false);
                // its mailbox can't be asked: nothing is in flight any more, the wish stays
                finish(core, one.push, PushEnd::NotNow).await?;
                pause(core, NOT_NOW);
            }
            Err(error) => return Err(error),
        }
    }
    if is_later {
        pause(core, NOT_NOW);
    }
    let mut inner = core.lock();
    inner.state.unresolved = is_later;
    inner.state.dirty = true;
    Ok(())
}

/// What arrived with it in its target, once its own rows have had their pick.
async fn resolve_one<R: Remote>(core: &Core, remote: &mut R, one: &Unresolved) -> Result<Vec<NewMessage>> {
    core.lock().open_on_a = Some(one.push.mailbox);
    let is_by_uid = !matches!(one.push.kind, PushKind::Append { .. } | PushKind::Copy { .. });
    if is_by_uid && !step::validate(core, remote, one.push.mailbox).await? {
        // what was asked of them was given up with their uids
        return Ok(Vec::new());
    }
    match &one.push.kind {
        PushKind::Flags { .. } => {
            let present = present(remote, &one.push).await?;
            finish(core, one.push.clone(), PushEnd::Looked(present)).await.map(|()| Vec::new())
        }
        PushKind::Delete => resolve_delete(core, remote, &one.push).await.map(|()| Vec::new()),
        PushKind::Move { to, to_wire } => resolve_move(core, remote, one, *to, to_wire).await,
        PushKind::Copy { to, to_wire, .. } => resolve_new(core, remote, one, *to, to_wire).await,
        PushKind::Append { .. } => resolve_new(core, remote, one, one.push.mailbox, &one.push.wire_name).await,
    }
}

/// What is there of the rows of a push, and perhaps of others around them.
async fn present<R: Remote>(remote: &mut R, push: &Push) -> Result<Vec<(Key, Flags)>> {
    let uids = || push.rows.iter().filter_map(|(_, key)| key.uid()).map(|uid| uid.0);
    let window = Window { low: uids().min().unwrap_or(1), high: uids().max().unwrap_or(u32::MAX) };
    Ok(remote.flags(&push.wire_name, window).await?)
}

/// What is gone was deleted: else a row that the user wants back would seem to be there.
async fn resolve_delete<R: Remote>(core: &Core, remote: &mut R, push: &Push) -> Result<()> {
    let present: HashSet<Key> = present(remote, push).await?.into_iter().map(|(key, _)| key).collect();
    let (still, gone): (Vec<_>, Vec<_>) = push.rows.iter().cloned().partition(|(_, key)| present.contains(key));
    for (rows, end) in [(gone, PushEnd::Done(Vec::new())), (still, PushEnd::NotNow)] {
        if !rows.is_empty() {
            finish(core, Push { rows, ..push.clone() }, end).await?;
        }
    }
    Ok(())
}

/// Moved is what left the source; where a move is copy and delete, a copy that arrived only lacks the delete.
async fn resolve_move<R: Remote>(core: &Core, remote: &mut R, one: &Unresolved, to: MailboxId, to_wire: &str) -> Result<Vec<NewMessage>> {
    let source = one.push.wire_name.as_str();
    let mut present: HashSet<Key> = present(remote, &one.push).await?.into_iter().map(|(key, _)| key).collect();
    let arrived = own_arrivals(core, remote, one, to, to_wire).await?;
    let mut refused = None;
    if !remote.abilities().atomic_move {
        let half_done = copied(one, &present, &arrived);
        let deleted = if half_done.is_empty() { Ok(()) } else { remote.delete(source, &half_done).await };
        match deleted {
            Ok(()) => present.retain(|key| !half_done.contains(key)),
            // doing all of it again would only add more copies
            Err(RemoteError::Rejected(why)) => refused = Some((half_done, why)),
            Err(error) => return Err(error.into()),
        }
    }
    let is_refused = |key: &Key| refused.as_ref().is_some_and(|(keys, _)| keys.contains(key));
    let part = |pick: &dyn Fn(&Key) -> bool| {
        let rows = one.push.rows.iter().filter(|(_, key)| pick(key)).cloned().collect();
        Push { rows, ..one.push.clone() }
    };
    let moved = part(&|key| !present.contains(key));
    let done = moved.rows.iter().map(|(_, key)| (key.clone(), None)).collect();
    let ends = [
        (part(&|key| present.contains(key) && !is_refused(key)), PushEnd::NotNow),
        (part(&|key| present.contains(key) && is_refused(key)), PushEnd::Refused),
        (moved, PushEnd::Done(done)),
    ];
    for (push, end) in ends.into_iter().filter(|(push, _)| !push.rows.is_empty()) {
        finish(core, push, end).await?;
    }
    if let Some((_, why)) = refused {
        tell(core, refused_sentence(core, &one.push), why, "It is in both mailboxes now; delete the one you do not want.").await?;
    }
    Ok(arrived)
}

/// Rows still in the source whose copy arrived in the target, each arrival counted once.
fn copied(one: &Unresolved, present: &HashSet<Key>, arrived: &[NewMessage]) -> Vec<Key> {
    let mut arrived: Vec<&str> = arrived.iter().filter_map(|message| message.envelope.rfc_message_id.as_deref()).collect();
    let rows = one.push.rows.iter().zip(&one.rfc_message_ids).filter(|((_, key), _)| present.contains(key));
    rows.filter_map(|((_, key), id)| {
        let at = arrived.iter().position(|arrival| Some(*arrival) == id.as_deref())?;
        arrived.swap_remove(at);
        Some(key.clone())
    })
    .collect()
}

/// A copy or an appended message that arrived is done; what is not there is done again. Each arrival counts
/// for one row, so equal messages copied together are not copied twice. Where the source of a copy is gone, what arrived may
/// be the source itself, moved there by another program: it stands for itself, and taking back the copy does not delete it.
async fn resolve_new<R: Remote>(core: &Core, remote: &mut R, one: &Unresolved, to: MailboxId, to_wire: &str) -> Result<Vec<NewMessage>> {
    let arrived = own_arrivals(core, remote, one, to, to_wire).await?;
    let mut left: Vec<(&str, &Key)> =
        arrived.iter().filter_map(|message| Some((message.envelope.rfc_message_id.as_deref()?, &message.key))).collect();
    let mut take = |id: Option<&str>| {
        let at = left.iter().position(|(arrival, _)| Some(*arrival) == id)?;
        Some(left.swap_remove(at).1.clone())
    };
    let ends = match &one.push.kind {
        PushKind::Copy { to, to_wire, new } => {
            let sources = if arrived.is_empty() { HashSet::new() } else { sources(remote, &one.push).await? };
            let rows = one.push.rows.iter().zip(new).zip(&one.rfc_message_ids);
            let each = rows.map(|((row, new), id)| {
                let kind = PushKind::Copy { to: *to, to_wire: to_wire.clone(), new: vec![*new] };
                let end = match take(id.as_deref()) {
                    Some(key) if sources.contains(&row.1) => PushEnd::Done(vec![(row.1.clone(), Some(key))]),
                    Some(_) => PushEnd::Refused,
                    None => PushEnd::NotNow,
                };
                (Push { rows: vec![row.clone()], kind, ..one.push.clone() }, end)
            });
            each.collect()
        }
        _ => {
            let key = one.rfc_message_ids.first().and_then(|id| take(id.as_deref()));
            vec![(one.push.clone(), key.map_or(PushEnd::NotNow, |key| PushEnd::Done(vec![(key.clone(), Some(key))])))]
        }
    };
    for (push, end) in ends {
        finish(core, push, end).await?;
    }
    Ok(arrived)
}

/// Which messages that were to be copied are still there.
async fn sources<R: Remote>(remote: &mut R, push: &Push) -> Result<HashSet<Key>> {
    match present(remote, push).await {
        Ok(present) => Ok(present.into_iter().map(|(key, _)| key).collect()),
        Err(StepError::Remote(RemoteError::Gone(_))) => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
}

/// [`arrivals`] without those that earlier pushes put there.
async fn own_arrivals<R: Remote>(core: &Core, remote: &mut R, one: &Unresolved, to: MailboxId, to_wire: &str) -> Result<Vec<NewMessage>> {
    let arrived = arrivals(core, remote, one, to, to_wire).await?;
    let (changed, rest) = core.common.writer.find_lost(to, arrived).await?;
    core.common.out.changed(core.account, changed).await;
    Ok(rest)
}

/// Messages in the target that we do not know yet: all newer ones, or, where it was never opened, those with
/// the Message-IDs we look for.
async fn arrivals<R: Remote>(core: &Core, remote: &mut R, one: &Unresolved, to: MailboxId, to_wire: &str) -> Result<Vec<NewMessage>> {
    let sync = core.common.readers.with(move |reader| reader.sync_state(to)).await?;
    let mut keys = Vec::new();
    match (sync.uid_validity, sync.uid_next) {
        (Some(validity), Some(uid_next)) => {
            let opened = remote.open(to_wire).await?;
            if opened.uid_validity != Some(validity) {
                return by_message_id(core, remote, one, (to, to_wire)).await;
            }
            let window = Window { low: uid_next, high: u32::MAX };
            keys.extend(unknown(core, remote, to, to_wire, window).await?);
        }
        _ if sync.synced.is_some() => keys.extend(unknown(core, remote, to, to_wire, Window::ALL).await?),
        _ => return by_message_id(core, remote, one, (to, to_wire)).await,
    }
    parse(core, to, remote.headers(to_wire, &keys).await?).await
}

async fn unknown<R: Remote>(core: &Core, remote: &mut R, to: MailboxId, to_wire: &str, window: Window) -> Result<Vec<Key>> {
    loop {
        let asked_at = core.common.writer.clock();
        let present = remote.flags(to_wire, window).await?;
        // one that another message was said to have may be this push's
        let keys: Vec<Key> = present.iter().map(|(key, _)| key.clone()).collect();
        told::is_wrong(core, remote, to, to_wire, &keys).await?;
        let merged = core.common.writer.merge_flags(to, window, present, asked_at).await?;
        if !merged.is_stale {
            core.common.out.changed(core.account, merged.changed).await;
            return Ok(merged.missing);
        }
    }
}

async fn by_message_id<R: Remote>(
    core: &Core,
    remote: &mut R,
    one: &Unresolved,
    (to, to_wire): (MailboxId, &str),
) -> Result<Vec<NewMessage>> {
    let mut keys = Vec::new();
    for id in one.rfc_message_ids.iter().flatten() {
        keys.extend(remote.find(to_wire, id).await?);
    }
    keys.sort();
    keys.dedup();
    parse(core, to, remote.headers(to_wire, &keys).await?).await
}
