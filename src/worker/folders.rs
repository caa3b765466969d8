//! Mailboxes made, renamed, deleted and subscribed by the user, one at a time to the server; and the list of mailboxes,
//! which tells what became of it and what other programs renamed. What waits is the store's to say (`store/mailboxes.rs`).

use std::collections::HashSet;

use super::core::Core;
use super::out::Said;
use super::plan::Link;
use super::push::tell;
use super::step::StepError;
use super::{look, naming};
use crate::mail::server::{Opened, RemoteMailbox};
use crate::mail::{Mailbox, MailboxId};
use crate::remote::{Remote, RemoteError};
use crate::store::{MailboxAsk, MailboxEnd, MailboxPush, Vanished};

/// Pause after "not now", milliseconds.
const NOT_NOW: u64 = 30_000;
/// New names looked at for what was renamed, at most.
const LOOKED_AT: usize = 40;

type Result<T, E = StepError> = std::result::Result<T, E>;

/// Asks the server for the next thing that waits about mailboxes.
pub async fn push<R: Remote>(core: &Core, remote: &mut R) -> Result<()> {
    core.lock().state.mailboxes_due = false;
    let Some(push) = core.common.writer.next_mailbox_push(core.account).await? else {
        let mut inner = core.lock();
        // roles, and what the server made on its own
        inner.state.list_due |= std::mem::take(&mut inner.state.relist);
        return Ok(());
    };
    let end = match ask(core, remote, &push).await {
        Ok((name, wire)) => {
            core.common.out.pushed(&core.name, 1);
            MailboxEnd::Done { name, wire }
        }
        Err(StepError::Remote(RemoteError::Rejected(why))) => {
            tell(core, sentence(core, &push.ask), why, "It was put back as the server has it.").await?;
            MailboxEnd::Refused
        }
        Err(StepError::Remote(RemoteError::NotNow(_) | RemoteError::Gone(_))) => {
            let mut inner = core.lock();
            inner.state.list_due = true;
            inner.state.push_not_before = core.common.clock.mono() + NOT_NOW;
            MailboxEnd::NotNow
        }
        // the list of the next connection tells what became of it
        Err(error) => {
            core.lock().state.mailboxes_due = true;
            return Err(error);
        }
    };
    {
        let mut inner = core.lock();
        inner.state.relist |= end != MailboxEnd::NotNow && !matches!(push.ask, MailboxAsk::Subscribe { .. });
        inner.state.mailboxes_due = true;
        // messages that waited for the mailbox
        inner.state.dirty = true;
    }
    let changed = core.common.writer.end_mailbox_push(push, end).await?.changed;
    core.load_mailboxes().await?;
    core.common.out.changed(core.account, changed).await;
    tell_changed(core).await;
    Ok(())
}

async fn tell_changed(core: &Core) {
    core.common.out.send(super::WorkerEvent::MailboxesChanged { account: core.account }).await;
    core.common.out.listed().notify_one();
    core.common.out.say(Said::All { except: 0 });
}

fn sentence(core: &Core, ask: &MailboxAsk) -> String {
    let name = &core.name;
    match ask {
        MailboxAsk::Create { name: folder } => format!("{name} refused to make the folder {folder}"),
        MailboxAsk::Rename { name: folder, .. } => format!("{name} refused to rename a folder to {folder}"),
        MailboxAsk::Delete { wire } => format!("{name} did not delete the folder {}", known_name(core, wire)),
        MailboxAsk::Subscribe { wire, .. } => format!("{name} refused the subscription of {}", known_name(core, wire)),
    }
}

fn known_name(core: &Core, wire: &str) -> String {
    core.lock().state.mailboxes.iter().find(|progress| progress.wire_name == wire).map_or_else(|| wire.to_owned(), |it| it.name.clone())
}

/// What it is called then, by us and on the wire.
async fn ask<R: Remote>(core: &Core, remote: &mut R, push: &MailboxPush) -> Result<(String, String)> {
    Ok(match &push.ask {
        MailboxAsk::Create { name } => {
            let (name, wire) = new_name(core, remote.delimiter(), name).await?;
            remote.create(&wire).await?;
            (name, wire)
        }
        MailboxAsk::Rename { wire: old, name } => {
            let (name, wire) = new_name(core, remote.delimiter(), name).await?;
            remote.rename_mailbox(old, &wire).await?;
            (name, wire)
        }
        MailboxAsk::Delete { wire } => {
            match remote.delete_mailbox(wire).await {
                // as wanted
                Ok(()) | Err(RemoteError::Gone(_)) => {}
                Err(error) => {
                    if let Some(progress) = core.lock().state.mailbox_mut(push.id) {
                        progress.look_now();
                    }
                    return Err(error.into());
                }
            }
            (String::new(), String::new())
        }
        MailboxAsk::Subscribe { wire, on } => {
            remote.subscribe(wire, *on).await?;
            (String::new(), String::new())
        }
    })
}

async fn new_name(core: &Core, delimiter: Option<char>, name: &str) -> Result<(String, String)> {
    let account = core.account;
    let known = core.common.readers.with(move |reader| {
        let mut known: Vec<(String, Mailbox)> = Vec::new();
        for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account) {
            known.push((reader.wire_name(mailbox.id)?.unwrap_or_default(), mailbox));
        }
        known.retain(|(wire, _)| !wire.is_empty());
        Ok(known)
    });
    let known = known.await?;
    let (asked, (name, wire)) = (name, naming::made_with(name, core.is_local, &known, delimiter));
    if name != asked && known.iter().any(|(_, mailbox)| mailbox.name == name) {
        return Err(RemoteError::Rejected(format!("there is a folder {name} already")).into());
    }
    match delimiter.filter(|delimiter| !core.is_local && *delimiter != '/' && name.contains(*delimiter)) {
        Some(delimiter) => Err(RemoteError::Rejected(format!("{delimiter:?} divides levels there and can't be part of a name")).into()),
        None => Ok((name, wire)),
    }
}

/// Brings the list of mailboxes.
pub async fn list<R: Remote>(core: &Core, remote: &mut R, link: Link) -> Result<()> {
    let asked_at = core.common.writer.clock();
    let list = remote.mailboxes().await?;
    let told: Vec<(String, Opened)> = list.iter().filter_map(|one| Some((one.wire_name.clone(), one.state?))).collect();
    let renamed = find_renamed(core, remote, link, &list).await?;
    core.common.writer.set_listed(core.account, list, core.role_overrides.clone(), renamed, asked_at).await?;
    core.load_mailboxes().await?;
    {
        let mut inner = core.lock();
        inner.state.list_due = false;
        inner.state.mailboxes_due = true;
    }
    look::sort_by_list(core, told).await?;
    tell_changed(core).await;
    Ok(())
}

/// Known mailboxes that are not listed any more and are there under a new name: with the same generation of uids, and the
/// same messages under the same keys.
async fn find_renamed<R: Remote>(core: &Core, remote: &mut R, link: Link, list: &[RemoteMailbox]) -> Result<Vec<(MailboxId, String)>> {
    let (account, names) = (core.account, list.iter().map(|mailbox| mailbox.name.clone()).collect::<HashSet<_>>());
    let (vanished, known) = core.common.readers.with(move |reader| reader.vanished(account, &names)).await?;
    let new: Vec<&RemoteMailbox> = list.iter().filter(|mailbox| mailbox.selectable && !known.contains(&mailbox.name)).collect();
    if vanished.is_empty() || new.is_empty() || new.len() > LOOKED_AT {
        return Ok(Vec::new());
    }
    {
        let mut inner = core.lock();
        match link {
            Link::A => inner.open_on_a = None,
            Link::B => inner.open_on_b = None,
        }
    }
    let mut left = vanished;
    let mut renamed = Vec::new();
    for mailbox in new {
        let opened = match remote.open(&mailbox.wire_name).await {
            Ok(opened) => opened,
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(_) => continue,
        };
        let alike: Vec<Vanished> = left.iter().filter(|one| one.uid_validity == opened.uid_validity).cloned().collect();
        let mut same = None;
        for one in &alike {
            // an empty one is told by its generation alone, where only one can be meant
            let is_it = if one.sample.is_empty() {
                alike.len() == 1 && one.uid_validity.is_some() && opened.exists == 0
            } else {
                is_there(core, remote, mailbox, one).await?
            };
            if is_it {
                same = Some(one.id);
                break;
            }
        }
        if let Some(id) = same {
            left.retain(|one| one.id != id);
            renamed.push((id, mailbox.name.clone()));
        }
    }
    Ok(renamed)
}

/// At least one of the sampled messages is there, and none is another.
async fn is_there<R: Remote>(core: &Core, remote: &mut R, mailbox: &RemoteMailbox, one: &Vanished) -> Result<bool> {
    let keys: Vec<_> = one.sample.iter().map(|(key, _)| key.clone()).collect();
    let found = match remote.headers(&mailbox.wire_name, &keys).await {
        Ok(found) => super::step::parse(core, one.id, found).await?,
        Err(error) if error.is_fatal() => return Err(error.into()),
        Err(_) => return Ok(false),
    };
    let is_same = |message: &crate::mail::server::NewMessage| {
        one.sample.iter().any(|(key, id)| *key == message.key && *id == message.envelope.rfc_message_id)
    };
    Ok(!found.is_empty() && found.iter().all(is_same))
}
