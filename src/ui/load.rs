//! Fills the model's windows from the store: keyed reads only, once a frame, between `update` and `view`.
//! At the very start it also picks the first listing, so that the first paint needs no worker.

use std::collections::HashSet;

use super::list::{List, ThreadFacts};
use super::model::{Account, Model, Outgoing};
use super::preview::conversation::{Conversation, MOST};
use super::triage::{Pending, Verb};
use crate::mail::{AccountId, FlagBits, Listing, Mailbox, MailboxId, MessageId, Role, Row, Scope, Summary, ThreadId};
use crate::store::Result;
use crate::worker::LinkState;

pub use source::Source;

mod source;

/// Summaries kept; more than any window, so that paging back reads nothing.
const KEPT: usize = 600;
/// Members looked at for what a folded thread is taken together.
const FACTS: usize = 50;

/// Reads what the next frame shows.
pub fn load(model: &mut Model, store: &impl Source) -> Result<()> {
    let waits = std::mem::replace(&mut model.loaded, true);
    if std::mem::take(&mut model.need.mailboxes) {
        mailboxes(model, store, waits)?;
    }
    if model.need.first_rows {
        first_rows(model, store)?;
    }
    unfold(model, store)?;
    resolve(model, store)?;
    let page = model.page();
    model.list.keep_in_view(page);
    window(model, store, page)?;
    conversation(model, store)?;
    model.list.note_shift(page);
    Ok(())
}

/// `waits`: where nothing is chosen yet, an account that is about to tell its mailboxes is waited for.
fn mailboxes(model: &mut Model, store: &impl Source, waits: bool) -> Result<()> {
    for (id, name) in store.accounts()? {
        if let Some(account) = model.accounts.iter_mut().find(|account| account.name == name) {
            account.id = Some(id);
        }
    }
    for (id, state) in std::mem::take(&mut model.early_links) {
        match model.accounts.iter_mut().find(|account| account.id == Some(id)) {
            Some(account) => account.link = Some(state),
            None => model.early_links.push((id, state)),
        }
    }
    let order: Vec<AccountId> = model.accounts.iter().filter_map(|account| account.id).collect();
    let mut mailboxes = store.mailboxes()?;
    mailboxes.retain(|mailbox| order.contains(&mailbox.account));
    mailboxes.sort_by_key(|mailbox| order.iter().position(|id| *id == mailbox.account));
    let is_gone = |id: &MailboxId| !mailboxes.iter().any(|mailbox| mailbox.id == *id) && model.find_mailbox(*id).is_some();
    if matches!(model.list.listing.as_ref().map(|listing| &listing.scope), Some(crate::mail::Scope::Mailbox(id)) if is_gone(id)) {
        // deleted, here or elsewhere: back to where one starts
        model.list.listing = None;
    }
    model.mailboxes = mailboxes;
    if model.list.listing.is_none()
        && let Some(first) = start_mailbox(&model.mailboxes)
        && !(waits && is_one_above_coming(model, first.account))
    {
        let first = first.id;
        let listing = Listing { sort: model.settings.sort, ..Listing::mailbox(first, model.settings.threads) };
        model.folders.cursor = Some(super::folders::Entry::Mailbox(first));
        model.list.show(listing);
        model.need.first_rows = true;
    }
    Ok(())
}

/// The first account's inbox, else its first mailbox.
fn start_mailbox(mailboxes: &[Mailbox]) -> Option<&Mailbox> {
    let first = mailboxes.iter().find(|mailbox| mailbox.selectable)?;
    let inbox = mailboxes.iter().find(|mailbox| mailbox.account == first.account && mailbox.role == Some(Role::Inbox));
    inbox.or(Some(first))
}

/// An account before this one in the configuration is not known to be without its server.
fn is_one_above_coming(model: &Model, account: AccountId) -> bool {
    let is_told = |above: &Account| model.mailboxes.iter().any(|mailbox| Some(mailbox.account) == above.id);
    let mut above = model.accounts.iter().take_while(|above| above.id != Some(account));
    above.any(|above| !is_told(above) && matches!(above.link, None | Some(LinkState::Connecting | LinkState::Online { .. })))
}

/// A bounded window of a listing that the worker has not answered yet; only where that is cheap.
fn first_rows(model: &mut Model, store: &impl Source) -> Result<()> {
    let Some(listing) = model.list.listing.clone() else { return Ok(()) };
    model.need.first_rows = false;
    if listing.query.is_none() && listing.sort == crate::mail::Sort::default() && model.list.rows.is_empty() {
        let rows = store.first_rows(&listing, model.page() * 2)?;
        model.list.take(rows.into(), false);
    }
    Ok(())
}

/// Members of threads that were unfolded or have changed.
fn unfold(model: &mut Model, store: &impl Source) -> Result<()> {
    let Some(listing) = model.list.listing.clone() else { return Ok(()) };
    if std::mem::take(&mut model.need.threads) {
        let threads: Vec<ThreadId> = model.list.unfolded.keys().copied().collect();
        for thread in threads {
            let members = members(model, store, &listing, thread)?;
            if members.is_empty() {
                model.list.unfolded.remove(&thread);
            } else {
                model.list.unfold(thread, members);
            }
        }
    }
    if std::mem::take(&mut model.need.unfold_all) {
        let view = model.list.top..(model.list.top + model.page()).min(model.list.rows.len());
        let threads: Vec<ThreadId> =
            model.list.rows.slice(view).iter().filter(|row| model.list.is_folded(row)).map(|row| row.thread).collect();
        for thread in threads {
            let members = members(model, store, &listing, thread)?;
            model.list.unfold(thread, members);
        }
    }
    if let Some(id) = model.need.alone.take() {
        if let Some(row) = model.list.row().filter(|row| model.list.is_folded(row)) {
            let members = members(model, store, &listing, row.thread)?;
            model.list.unfold(row.thread, members);
        }
        model.list.select(id);
    }
    let Some(step) = model.need.unfold.take() else { return Ok(()) };
    let Some(row) = model.list.row() else { return Ok(()) };
    if model.list.is_folded(&row) {
        let members = members(model, store, &listing, row.thread)?;
        model.list.unfold(row.thread, members);
    }
    let next = model.list.at().saturating_add_signed(step);
    if step != 0 && model.list.rows.get(next).is_some_and(|other| other.thread == row.thread) {
        model.list.go(next);
    }
    Ok(())
}

fn members(model: &Model, store: &impl Source, listing: &Listing, thread: ThreadId) -> Result<Vec<Row>> {
    let mut members = store.thread_rows(listing, thread, &model.elsewhere())?;
    // what left for a mailbox that is shown along has arrived there
    members.retain(|row| row.elsewhere || !model.list.leaving.contains(&row.id));
    if members.iter().all(|row| row.elsewhere) {
        members.clear();
    }
    for (n, row) in members.iter_mut().enumerate() {
        row.count = 1;
        // What it answers may be in another folder; it is no thread of its own for that.
        row.depth = if n > 0 { row.depth.max(1) } else { row.depth };
    }
    Ok(members)
}

/// The messages and accounts of verbs that wait for them.
fn resolve(model: &mut Model, store: &impl Source) -> Result<()> {
    for outgoing in &mut model.outgoing {
        if let Outgoing::Verb(pending) = outgoing
            && pending.ids.is_none()
        {
            find_place(&mut pending.verb, store)?;
            pending.ids = Some(ids(pending, store)?);
        }
    }
    Ok(())
}

/// What is put under a folded thread goes under its first message.
fn find_place(verb: &mut Verb, store: &impl Source) -> Result<()> {
    if let Verb::Join(to) = verb
        && std::mem::take(&mut to.whole_thread)
    {
        to.row.id = store.thread_ids(&Scope::All, to.row.thread)?.first().copied().unwrap_or(to.row.id);
    }
    Ok(())
}

fn ids(pending: &Pending, store: &impl Source) -> Result<Vec<(AccountId, MessageId)>> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for target in &pending.targets {
        let of_target = if target.whole_thread {
            store.thread_ids(&pending.verb.scope(&pending.scope), target.row.thread)?
        } else {
            vec![target.row.id]
        };
        ids.extend(of_target.into_iter().filter(|id| seen.insert(*id)));
    }
    Ok(store.summaries(&ids)?.into_iter().map(|summary| (summary.account, summary.id)).collect())
}

/// Summaries of the visible rows, and what the visible folded threads are taken together.
fn window(model: &mut Model, store: &impl Source, page: usize) -> Result<()> {
    let elsewhere = model.elsewhere();
    let mut seen: HashSet<MessageId> = model.conversation().into_iter().flat_map(|it| &it.members).map(|row| row.id).collect();
    let list = &mut model.list;
    let view: Vec<Row> = list.rows.slice(list.top..(list.top + page).min(list.rows.len())).to_vec();
    seen.extend(view.iter().map(|row| row.id).chain(list.cursor()));
    summaries(list, store, &seen)?;
    // What is out of view is simply read again when it comes into view.
    for id in std::mem::take(&mut list.stale) {
        list.summaries.remove(&id);
    }
    let Some(listing) = list.listing.clone().filter(|listing| listing.threads) else { return Ok(()) };
    for row in view {
        let is_known = list.facts.contains_key(&row.thread) || list.unfolded.contains_key(&row.thread);
        if !is_known && (row.count > 1 || !elsewhere.is_empty()) {
            let facts = facts(store, &listing, row.thread, &elsewhere)?;
            list.facts.insert(row.thread, facts);
        }
    }
    Ok(())
}

/// Reads the summaries of these messages that are not here, or old.
fn summaries(list: &mut List, store: &impl Source, seen: &HashSet<MessageId>) -> Result<()> {
    let missing: Vec<MessageId> = seen.iter().copied().filter(|id| list.stale.contains(id) || !list.summaries.contains_key(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if list.summaries.len() + missing.len() > KEPT {
        list.summaries.retain(|id, _| seen.contains(id));
    }
    for id in &missing {
        list.stale.remove(id);
    }
    for summary in store.summaries(&missing)? {
        list.summaries.insert(summary.id, summary);
    }
    Ok(())
}

/// The thread that the reader shows as one page: of a folded row, or where it was asked for.
fn conversation(model: &mut Model, store: &impl Source) -> Result<()> {
    let asked = model.preview.asked_thread.filter(|(_, id)| model.reading && Some(*id) == model.list.cursor()).map(|(thread, _)| thread);
    let row = model.list.row().filter(|_| model.reading);
    let thread = asked.or(row.filter(|row| model.list.is_folded(row)).map(|row| row.thread));
    let (Some(row), Some(thread), Some(listing)) = (row, thread, model.list.listing.clone()) else {
        (model.preview.conversation, model.preview.asked_thread) = (None, None);
        return Ok(());
    };
    let is_same = model.preview.conversation.as_ref().is_some_and(|it| it.thread == thread);
    if is_same && !model.need.conversation {
        return Ok(());
    }
    model.need.conversation = false;
    let mut members = store.conversation(&listing, thread, &model.elsewhere())?;
    let leaves =
        |id: &MessageId| model.list.leaving.contains(id) || model.preview.conversation.as_ref().is_some_and(|it| it.leaving.contains(id));
    members.retain(|row| row.elsewhere || !leaves(&row.id));
    let oldest = members.first().map(|row| row.id);
    let earlier = members.len().saturating_sub(MOST);
    let members = members.split_off(earlier);
    let seen: HashSet<MessageId> = members.iter().map(|row| row.id).chain(oldest).collect();
    summaries(&mut model.list, store, &seen)?;
    let list = &model.list;
    let is_unread = |id| list.summaries.get(&id).is_some_and(|summary| !summary.flags.bits.contains(FlagBits::SEEN));
    let old = model.preview.conversation.take().filter(|old| members.iter().any(|row| row.id == old.at));
    let mut new = match old {
        Some(mut old) => old.renew(thread, members, is_unread).then_some(old),
        None => {
            let subject = oldest.and_then(|id| list.summaries.get(&id)).map(|summary| summary.subject.clone()).unwrap_or_default();
            let start = asked.map(|_| row.id).filter(|id| members.iter().any(|row| row.id == *id));
            Conversation::new(thread, members, subject, start, is_unread)
        }
    };
    if let Some(new) = &mut new {
        new.earlier = earlier;
    }
    model.preview.conversation = new;
    Ok(())
}

fn facts(store: &impl Source, listing: &Listing, thread: ThreadId, elsewhere: &[MailboxId]) -> Result<ThreadFacts> {
    let (elsewhere, own): (Vec<Row>, Vec<Row>) = store.thread_rows(listing, thread, elsewhere)?.into_iter().partition(|row| row.elsewhere);
    let ids: Vec<MessageId> = own.iter().map(|row| row.id).take(FACTS).collect();
    let members: Vec<Summary> = if ids.len() > 1 { store.summaries(&ids)? } else { Vec::new() };
    Ok(ThreadFacts {
        unread: members.iter().filter(|member| !member.flags.bits.contains(FlagBits::SEEN)).count(),
        flagged: members.iter().any(|member| member.flags.bits.contains(FlagBits::FLAGGED)),
        has_attachment: members.iter().any(|member| member.has_attachment),
        elsewhere: u32::try_from(elsewhere.len()).unwrap_or(u32::MAX),
    })
}
