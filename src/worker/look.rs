//! Looking at a whole mailbox in one question, where the remote can answer it ([`Remote::changes`]): what changed
//! since it was last in step, or all of it. Also the second thought before most of a mailbox is believed to be gone.
//! `step.rs` has the plain way, window by window.

use super::core::Core;
use super::plan::{Link, Progress, Walk};
use super::step::{Result, add, parse, record_opened, with_progress};
use crate::mail::server::{Opened, Point};
use crate::mail::{Key, MailboxId, Role, Uid};
use crate::remote::{Remote, RemoteError};
use crate::store::{Differences, Reached};

/// A mailbox whose changes the server counts is compared whole again after this many seconds: it may count wrong.
const WHOLE_AGAIN: i64 = 86_400;
/// More messages than this that are not here are looked for window by window.
const MISSING: u64 = 50_000;
/// A mailbox loses most of its messages at once when it loses this many, and more than half.
const MANY: u64 = 100;
/// Seconds before that is believed, and milliseconds until it is looked at again.
const SECOND_THOUGHT: i64 = 600;
const LOOK_AGAIN: u64 = 600_000;

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What changed; all of it where changes are not counted.
    Changes,
    All,
}

/// Asks, applies, and notes how far it came. None: the remote has no such way, so nothing was done; else whether
/// something differed.
pub async fn at_once<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId, ask: Ask) -> Result<Option<bool>> {
    let Some((name, point, floor)) = point(core, mailbox, ask).await? else { return Ok(None) };
    let asked_at = core.common.writer.clock();
    let Some(mut changes) = remote.changes(&name, &point).await? else { return Ok(None) };
    let (opened, is_whole) = (changes.opened, changes.present.is_some() && !changes.marked.is_empty());
    if record_opened(core, mailbox, opened, Some(asked_at)).await? {
        with_progress(core, mailbox, |progress| progress.newest_due = true);
        return Ok(Some(true));
    }
    let new = std::mem::take(&mut changes.new);
    let highest = new.iter().filter_map(|message| message.key.uid()).map(|uid| uid.0).max();
    // they come with their flags
    changes.flags.retain(|(key, _)| !new.iter().any(|message| message.key == *key));
    let has_new = !new.is_empty();
    let is_taken = add(core, mailbox, parse(core, mailbox, new).await?).await?;
    let mod_seq = changes.mod_seq;
    let compared = core.common.readers.with(move |reader| reader.differences(mailbox, &changes, floor)).await?;
    if compared.missing.len() > MISSING {
        return Ok(None);
    }
    let Differences { missing, mut gone, flags, total } = compared;
    let is_withheld = is_withheld(core, link, mailbox, gone.len() as u64, total).await?;
    if is_withheld {
        gone.clear();
    }
    let has_gone = !gone.is_empty();
    let reached = Reached { mod_seq, whole: is_whole.then(|| core.common.clock.wall()) };
    let at_once = if missing.is_empty() && is_taken && !is_withheld { reached } else { Reached::default() };
    let applied = Differences { flags, gone, ..Differences::default() };
    let merged = core.common.writer.resync(mailbox, applied, floor, asked_at, at_once).await?;
    core.common.out.changed(core.account, merged.changed.clone()).await;
    tell_void(core, &merged.void).await;
    let missing: Vec<Key> = merged.missing.into_iter().chain(missing.iter().map(|uid| Key::Uid(Uid(uid)))).collect();
    let differed = has_new || has_gone || !missing.is_empty() || !merged.changed.mailboxes.is_empty();
    with_progress(core, mailbox, |progress| {
        progress.uid_next = progress.uid_next.max(highest.map_or(1, |uid| uid.saturating_add(1))).max(opened.uid_next.unwrap_or(1));
        progress.is_passed_over = merged.is_stale || merged.has_passed_over;
        progress.reached = None;
        if progress.is_passed_over {
            // it is told again, once the push has its answer
            progress.top_due = true;
        } else if is_withheld {
            // nothing counts as seen
        } else if missing.is_empty() && is_taken {
            progress.note_reached(reached);
        } else {
            progress.reached = Some(reached);
        }
        progress.note_missing(missing);
    });
    if differed {
        look_for_lost(core, mailbox).await?;
    }
    if !merged.is_stale && !is_withheld && !is_whole {
        count_up(core, mailbox, opened.exists).await?;
    }
    Ok(Some(differed))
}

/// What is known of a mailbox: None where nothing is, or its keys are no uids. And from which uid on.
async fn point(core: &Core, mailbox: MailboxId, ask: Ask) -> Result<Option<(String, Point, u32)>> {
    let known = {
        let inner = core.lock();
        inner.state.mailbox(mailbox).filter(|progress| progress.numbered).and_then(|progress| {
            let (uid_next, mod_seq) = (progress.uid_next, progress.mod_seq);
            let point = Point { uid_validity: progress.uid_validity?, uid_next, count: 0, mod_seq, all: ask == Ask::All };
            Some((progress.wire_name.clone(), point, progress.headers_from?))
        })
    };
    let Some((name, point, floor)) = known else { return Ok(None) };
    let count = core.common.readers.with(move |reader| reader.count_uids(mailbox)).await?;
    Ok(Some((name, Point { count, ..point }, floor)))
}

/// Mailboxes of which the list told that nothing changed in them need not be opened; those in which something did are due.
pub async fn sort_by_list(core: &Core, told: Vec<(String, Opened)>) -> Result<()> {
    let mut same = Vec::new();
    for (wire_name, state) in told {
        let mut inner = core.lock();
        let Some(progress) = inner.state.mailboxes.iter_mut().find(|progress| progress.wire_name == wire_name) else { continue };
        let is_same = progress.mod_seq.is_some()
            && (progress.uid_validity, progress.mod_seq) == (state.uid_validity, state.mod_seq)
            && progress.headers_from.is_some_and(|from| from <= 1)
            && progress.missing.is_empty();
        // where changes are counted on both sides, another count is a change
        progress.top_due |= !progress.newest_due && progress.mod_seq.is_some_and(|known| state.mod_seq.is_some_and(|told| told > known));
        if is_same && (progress.newest_due || progress.top_due) && !is_whole_due(core, progress) {
            same.push((progress.id, state.exists));
        }
    }
    for (mailbox, exists) in same {
        // what is to be found in it, or given up, is so only by a look
        let known = core.common.readers.with(move |reader| Ok((reader.count_uids(mailbox)?, reader.has_lost(mailbox)?))).await?;
        if known == (exists, false) {
            with_progress(core, mailbox, |progress| (progress.newest_due, progress.top_due) = (false, false));
        }
    }
    Ok(())
}

/// Where the server told of all changes and still has another number of messages than we, one of both is wrong: all of
/// it is compared.
async fn count_up(core: &Core, mailbox: MailboxId, exists: u32) -> Result<()> {
    let count = core.common.readers.with(move |reader| reader.count_uids(mailbox)).await?;
    with_progress(core, mailbox, |progress| {
        let is_complete = progress.missing.is_empty() && !progress.is_passed_over && progress.headers_from.is_some_and(|from| from <= 1);
        if is_complete && count != exists {
            tracing::info!(mailbox = progress.name, count, exists, "the server's count differs; all of it is compared");
            progress.walk = Some(Walk::Top);
        }
    });
    Ok(())
}

/// It is time to compare all of it, though the server says what changed. A last time that is still to come was before the clock was
/// set back.
pub fn is_whole_due(core: &Core, progress: &Progress) -> bool {
    progress.whole.is_none_or(|at| !(0..WHOLE_AGAIN).contains(&core.common.clock.wall().saturating_sub(at)))
}

/// That many of that many are most of a mailbox.
fn is_most(gone: u64, total: u64) -> bool {
    gone >= MANY && gone * 2 > total
}

/// So many of its messages are gone that it is not believed yet.
pub async fn is_withheld(core: &Core, link: Link, mailbox: MailboxId, gone: u64, total: u64) -> Result<bool> {
    if is_most(gone, total) {
        return Ok(!may_go(core, link, mailbox, total - gone).await?);
    }
    if core.lock().state.mailbox(mailbox).is_some_and(|progress| progress.is_shrunk) {
        set_shrunk(core, mailbox, None).await?;
    }
    Ok(false)
}

async fn set_shrunk(core: &Core, mailbox: MailboxId, at: Option<i64>) -> Result<()> {
    with_progress(core, mailbox, |progress| progress.is_shrunk = at.is_some());
    Ok(core.common.writer.set_shrunk(mailbox, at).await?)
}

/// Before a comparison window by window: what the server says to have against what is here.
pub async fn shrinks(core: &Core, link: Link, mailbox: MailboxId) -> Result<bool> {
    let total = u64::from(core.common.readers.with(move |reader| reader.count_uids(mailbox)).await?);
    let exists = core.lock().state.mailbox(mailbox).map_or(total, |progress| progress.exists);
    is_withheld(core, link, mailbox, total.saturating_sub(exists), total).await
}

/// A mailbox shows most of its messages no more, though its uids mean what they meant. Servers did so that had lost their
/// disk. What is here stays until a look on another connection, some time later, shows the same. True: it did. Trash and
/// Junk are emptied every day.
async fn may_go(core: &Core, link: Link, mailbox: MailboxId, left: u64) -> Result<bool> {
    let sync = core.common.readers.with(move |reader| Ok((reader.mailbox(mailbox)?, reader.sync_state(mailbox)?.shrunk))).await?;
    let (Some(known), shrunk) = sync else { return Ok(true) };
    if matches!(known.role, Some(Role::Trash | Role::Junk)) {
        return Ok(true);
    }
    let now = core.common.clock.wall();
    let connected = core.lock().connected(link);
    match shrunk {
        Some(at) if now - at >= SECOND_THOUGHT && connected > at => {
            set_shrunk(core, mailbox, None).await?;
            return Ok(true);
        }
        Some(at) if now - at >= SECOND_THOUGHT => {
            let why = format!("{} is looked at again on a new connection, for it lost most of its messages", known.name);
            return Err(RemoteError::Offline(why).into());
        }
        Some(_) => {}
        None => {
            set_shrunk(core, mailbox, Some(now)).await?;
            let what = format!("{}/{} shows {left} of its {} messages", core.name, known.name, known.total);
            let next = "What is here stays for now; if it is still so in ten minutes, it goes here too.";
            core.common.out.failed(what, "its server has most of them no more", next).await;
        }
    }
    let again = core.common.clock.mono() + LOOK_AGAIN;
    with_progress(core, mailbox, |progress| progress.walk_at = Some(again));
    Ok(false)
}

/// A message that turned out not to be where its server told is found by a look at all of its mailbox, or given up after it.
pub async fn look_for_lost(core: &Core, mailbox: MailboxId) -> Result<()> {
    if core.common.readers.with(move |reader| reader.has_lost(mailbox)).await? {
        with_progress(core, mailbox, |progress| {
            if !progress.finish_due {
                progress.look_again();
            }
        });
    }
    Ok(())
}

/// What waited of messages that are gone.
pub async fn tell_void(core: &Core, void: &[String]) {
    if !void.is_empty() {
        let what = format!("{}: another program deleted messages with changes that waited", core.name);
        core.common.out.failed(what, void.join("; "), "These changes came to nothing; w lists them.").await;
    }
}

/// What was to be seen before a mailbox counts as in step is here.
pub async fn reach(core: &Core, mailbox: MailboxId, reached: Option<Reached>) -> Result<()> {
    let Some(reached) = reached else { return Ok(()) };
    core.common.writer.reach(mailbox, reached).await?;
    with_progress(core, mailbox, |progress| progress.note_reached(reached));
    Ok(())
}
