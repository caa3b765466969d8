//! Comparing a mailbox window by window, downward: the plain way, where nothing tells at once what changed
//! (`look.rs`). Start with [`window`].

use super::core::Core;
use super::look::{self, Ask};
use super::plan::{Link, Progress, Walk};
use super::step::{Result, StepError, adapt, record_opened, wire, with_progress};
use crate::mail::server::{Span, Window};
use crate::mail::{Flags, Key, MailboxId};
use crate::remote::Remote;
use crate::store::Reached;

/// What comparing a span told.
pub struct Compared {
    /// Messages it holds on the server.
    pub count: usize,
    /// Something there is not as it was known.
    pub differed: bool,
    /// Nothing was done: a later question was answered before.
    pub is_stale: bool,
    /// Of some rows it said nothing.
    pub has_passed_over: bool,
}

/// Asks for keys and flags of a window, merges, and notes what is missing. `doubts`: the link whose answer is not believed
/// at once where most of the mailbox is gone.
pub async fn compare<R: Remote>(
    core: &Core,
    remote: &mut R,
    mailbox: MailboxId,
    name: &str,
    window: Window,
    doubts: Option<Link>,
) -> Result<Compared> {
    let asked_at = core.common.writer.clock();
    let present = remote.flags(name, window).await?;
    if let Some(link) = doubts {
        let count = present.len();
        let here = core.common.readers.with(move |reader| reader.count_uids_in(mailbox, window)).await?;
        if look::is_withheld(core, link, mailbox, here.saturating_sub(count as u64), here).await? {
            return Ok(Compared { count, differed: false, is_stale: false, has_passed_over: true });
        }
    }
    merge(core, mailbox, window.into(), present, asked_at).await
}

/// The same of the last names before `before` (None: of all); with it the name to go on before, None after the first of all.
pub async fn compare_names<R: Remote>(
    core: &Core,
    remote: &mut R,
    mailbox: MailboxId,
    name: &str,
    before: Option<Key>,
) -> Result<(Compared, Option<Key>)> {
    let span = core.lock().state.mailbox(mailbox).map_or(1, |progress| progress.flag_span as usize);
    let asked_at = core.common.writer.clock();
    let present = remote.flags_before(name, before.clone(), span).await?;
    let from = present.first().filter(|_| present.len() >= span).map(|(key, _)| key.clone());
    let span = Span::Names { from: from.clone(), before };
    Ok((merge(core, mailbox, span, present, asked_at).await?, from))
}

async fn merge(core: &Core, mailbox: MailboxId, span: Span, present: Vec<(Key, Flags)>, asked_at: u64) -> Result<Compared> {
    let count = present.len();
    let merged = core.common.writer.merge_flags(mailbox, span, present, asked_at).await?;
    let differed = !merged.changed.mailboxes.is_empty() || !merged.missing.is_empty();
    core.common.out.changed(core.account, merged.changed).await;
    look::tell_void(core, &merged.void).await;
    if differed {
        look::look_for_lost(core, mailbox).await?;
    }
    with_progress(core, mailbox, |progress| {
        if let Some(Key::Uid(highest)) = merged.missing.first() {
            progress.uid_next = progress.uid_next.max(highest.0.saturating_add(1));
        }
        progress.note_missing(merged.missing);
    });
    Ok(Compared { count, differed, is_stale: merged.is_stale, has_passed_over: merged.has_passed_over })
}

/// Compares one window; the first one, from the top, opens the mailbox.
pub async fn window<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId, window: Window) -> Result<()> {
    let name = wire(core, mailbox)?;
    if window.high == u32::MAX && begin_walk(core, remote, link, mailbox, &name).await? {
        return Ok(());
    }
    let asked_for = walk_of(core, mailbox);
    let compared = compare(core, remote, mailbox, &name, window, None).await.inspect_err(|_| {
        // where the connection was B's, A goes on with the walk: its top is still to be looked at
        with_progress(core, mailbox, |progress| {
            if window.high == u32::MAX && progress.walk == asked_for {
                progress.walk = Some(Walk::Top);
            }
        });
    })?;
    let mut reached = None;
    with_progress(core, mailbox, |progress| {
        progress.is_passed_over |= compared.has_passed_over;
        if progress.walk != asked_for || compared.is_stale {
            return;
        }
        let floor = progress.headers_from.unwrap_or(1).max(1);
        progress.walk = (window.low > floor).then_some(Walk::Below(window.low));
        progress.flag_span = adapt(progress.flag_span, compared.count, 2_000, 10_000);
        if progress.walk.is_none() && !progress.is_passed_over {
            progress.reached = Some(Reached { mod_seq: progress.walk_mod_seq, whole: Some(core.common.clock.wall()) });
            reached = progress.take_reached();
        }
    });
    look::reach(core, mailbox, reached).await
}

/// Compares the next names; the first step, from the top, opens the mailbox.
pub async fn names<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId, before: Option<Key>) -> Result<()> {
    let name = wire(core, mailbox)?;
    if before.is_none() && begin_walk(core, remote, link, mailbox, &name).await? {
        return Ok(());
    }
    let asked_for = walk_of(core, mailbox);
    let (compared, from) = compare_names(core, remote, mailbox, &name, before).await?;
    with_progress(core, mailbox, |progress| {
        if progress.walk == asked_for && !compared.is_stale {
            let again = matches!(asked_for, Some(Walk::Before { again: true, .. }));
            progress.walk = from.map(|name| Walk::Before { name, again }).or(again.then_some(Walk::Top));
        }
    });
    Ok(())
}

fn walk_of(core: &Core, mailbox: MailboxId) -> Option<Walk> {
    core.lock().state.mailbox(mailbox).and_then(|progress| progress.walk.clone())
}

/// All of a mailbox is to be compared: in one question where that can be, and then true.
async fn begin_walk<R: Remote>(core: &Core, remote: &mut R, link: Link, mailbox: MailboxId, name: &str) -> Result<bool> {
    // from here on a push that lands here starts the look anew
    let mut begun = None;
    with_progress(core, mailbox, |progress| {
        progress.walk = Some(Walk::Below(progress.uid_next));
        (progress.walk_at, begun) = (None, progress.walk.clone());
    });
    let again = |_: &StepError| with_progress(core, mailbox, |progress| progress.walk = Some(Walk::Top));
    if look::at_once(core, remote, link, mailbox, Ask::All).await.inspect_err(again)?.is_some() {
        with_progress(core, mailbox, |progress| progress.walk = progress.walk.take().filter(|walk| Some(walk) != begun.as_ref()));
        return Ok(true);
    }
    let fresh = core.lock().state.mailbox_mut(mailbox).is_some_and(|progress| std::mem::take(&mut progress.fresh));
    if !fresh {
        let asked_at = core.common.writer.clock();
        let opened = remote.open(name).await.inspect_err(|error| again(&error.clone().into()))?;
        if record_opened(core, mailbox, opened, Some(asked_at)).await? {
            with_progress(core, mailbox, Progress::reconnect);
            return Ok(true);
        }
    }
    if look::shrinks(core, link, mailbox).await.inspect_err(again)? {
        with_progress(core, mailbox, |progress| progress.walk = None);
        return Ok(true);
    }
    with_progress(core, mailbox, |progress| (progress.is_passed_over, progress.walk_mod_seq) = (false, progress.opened_mod_seq));
    Ok(false)
}
