//! Verbs on messages: from rows to a [`Change`] with the words for its toast. A folded thread is the whole
//! thread in the place shown; its members are read by `load` when they are needed, in order with all else.

use std::collections::{BTreeMap, HashSet};

use super::action::{Action, Context};
use super::event::{Effect, Now};
use super::model::{Model, Out, Outgoing};
use super::overlay::{Overlay, confirm::Confirm};
use super::preview::conversation::Conversation;
use crate::mail::{AccountId, Change, FlagBits, Flags, Keywords, MailboxId, MessageId, Role, Row, Scope};
use crate::worker::Request;

/// What is done to messages; with all it needs, so that `.` can repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To the mailbox of a role, of each message's own account.
    ToRole(Role),
    Move(MailboxId),
    Copy(MailboxId),
    Flags {
        add: Flags,
        remove: Flags,
        past: &'static str,
    },
    DeleteForever,
    /// Off their threads.
    Cut,
    /// Under that message; under the first, where its row stands for a thread.
    Join(Target),
}

impl Verb {
    pub fn star(on: bool) -> Self {
        let flag = Flags::bits(FlagBits::FLAGGED);
        if on {
            Self::Flags { add: flag, remove: Flags::default(), past: "Starred" }
        } else {
            Self::Flags { add: Flags::default(), remove: flag, past: "Unstarred" }
        }
    }

    pub fn seen(on: bool) -> Self {
        let flag = Flags::bits(FlagBits::SEEN);
        if on {
            Self::Flags { add: flag, remove: Flags::default(), past: "Marked read:" }
        } else {
            Self::Flags { add: Flags::default(), remove: flag, past: "Marked unread:" }
        }
    }

    /// For whole threads, wherever their messages are.
    pub fn mute(on: bool) -> Self {
        let flag = Flags { bits: FlagBits::NONE, keywords: Keywords::new([Keywords::MUTED]) };
        if on {
            Self::Flags { add: flag, remove: Flags::default(), past: "Muted the thread of" }
        } else {
            Self::Flags { add: Flags::default(), remove: flag, past: "Unmuted the thread of" }
        }
    }

    /// Where the messages of a thread are looked for, from a listing of this scope.
    pub fn scope(&self, listed: &Scope) -> Scope {
        match self {
            Self::Flags { add, remove, .. } if [add, remove].iter().any(|flags| flags.keywords.contains(Keywords::MUTED)) => Scope::All,
            Self::Join(_) => Scope::All,
            _ => listed.clone(),
        }
    }

    /// From "+todo -later": words without a sign are added.
    pub fn tags(text: &str) -> Option<Self> {
        let mut add = Vec::new();
        let mut remove = Vec::new();
        for word in text.split_whitespace() {
            match word.strip_prefix('-') {
                Some(word) => remove.push(word),
                None => add.push(word.strip_prefix('+').unwrap_or(word)),
            }
        }
        let (add, remove) = (Keywords::new(add), Keywords::new(remove));
        let flags = |keywords| Flags { bits: FlagBits::NONE, keywords };
        (!add.is_empty() || !remove.is_empty()).then(|| Self::Flags { add: flags(add), remove: flags(remove), past: "Tagged" })
    }
}

/// A verb on its way: waits until the ids of its threads and their accounts are known.
#[derive(Debug)]
pub struct Pending {
    pub verb: Verb,
    pub scope: Scope,
    pub targets: Vec<Target>,
    /// The messages with their accounts, once known.
    pub ids: Option<Vec<(AccountId, MessageId)>>,
}

/// A row that a verb acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub row: Row,
    pub whole_thread: bool,
}

/// The targets of a verb now.
pub fn targets(model: &Model, whole_threads: bool) -> Vec<Target> {
    let one_by_one = model.target_conversation().is_some();
    let is_whole = |row: &Row| whole_threads || (!one_by_one && model.list.is_folded(row));
    model.targets().into_iter().map(|row| Target { row, whole_thread: is_whole(&row) }).collect()
}

/// Trash: inside Trash, for ever after a typed word.
pub fn trash(model: &mut Model, whole_threads: bool, out: &mut Out) {
    if model.mailbox().is_some_and(|mailbox| mailbox.role == Some(Role::Trash)) {
        ask_delete_forever(model, whole_threads, out.now);
    } else {
        run(model, Verb::ToRole(Role::Trash), whole_threads, out);
    }
}

/// Junk: inside Junk, back to the inbox.
pub fn junk(model: &mut Model, out: &mut Out) {
    let inside = model.mailbox().is_some_and(|mailbox| mailbox.role == Some(Role::Junk));
    run(model, Verb::ToRole(if inside { Role::Inbox } else { Role::Junk }), false, out);
}

/// Asks for the typed word.
pub fn ask_delete_forever(model: &mut Model, whole_threads: bool, now: &Now) {
    let targets = targets(model, whole_threads);
    let Some(scope) = model.list.listing.as_ref().map(|listing| listing.scope.clone()) else { return };
    if targets.is_empty() {
        return model.status.say("Nothing is selected", now);
    }
    let messages = targets.iter().map(|target| if target.whole_thread { target.row.count.max(1) } else { 1 }).sum::<u32>();
    let pending = Pending { verb: Verb::DeleteForever, scope, targets, ids: None };
    model.overlays.push(Overlay::Confirm(Confirm::new(messages, pending)));
}

/// Does a verb on the range, the marks or the row under the cursor, and remembers it for `.`.
pub fn run(model: &mut Model, verb: Verb, whole_threads: bool, out: &mut Out) {
    let targets = targets(model, whole_threads);
    run_on(model, verb, targets, out);
}

/// Puts the range, the marks or what was cut off last under the message of the cursor.
pub fn join(model: &mut Model, out: &mut Out) {
    let read = model.conversation().and_then(Conversation::row).map(|row| Target { row, whole_thread: false });
    let listed = || model.list.row().map(|row| Target { row, whole_thread: model.list.is_folded(&row) });
    let Some(to) = read.or_else(listed) else { return model.status.say("Nothing is selected", out.now) };
    let is_chosen = !model.list.marks.is_empty() || model.list.visual.is_some();
    let mut targets = if is_chosen { targets(model, false) } else { model.cut.clone() };
    targets.retain(|target| target.row.id != to.row.id);
    if targets.is_empty() {
        let mark = model.keymap.shown(Context::List, Action::Mark).map_or(String::new(), |key| format!(" ({key})"));
        return model.status.say(format!("Mark what is to be joined under this message first{mark}"), out.now);
    }
    run_on(model, Verb::Join(to), targets, out);
}

fn run_on(model: &mut Model, verb: Verb, mut targets: Vec<Target>, out: &mut Out) {
    let Some(scope) = model.list.listing.as_ref().map(|listing| listing.scope.clone()) else { return };
    if targets.is_empty() {
        return model.status.say("Nothing is selected", out.now);
    }
    targets.retain(|target| target.whole_thread || !is_there(model, &verb, &target.row));
    if targets.is_empty() {
        return model.status.failed("It is there already", out.now);
    }
    if let Some(problem) = problem(model, &verb, &scope) {
        return model.status.failed(problem, out.now);
    }
    if verb == Verb::Cut {
        if targets.iter().any(|target| target.whole_thread) {
            return model.status.failed("This row stands for a whole thread: unfold it, then cut at one of its messages", out.now);
        }
        model.cut.clone_from(&targets);
    }
    if matches!(verb, Verb::Join(_)) {
        model.cut.clear();
    }
    // again under the same message, wherever the cursor went, is what nobody means
    if !matches!(verb, Verb::DeleteForever | Verb::Join(_)) {
        model.last_verb = Some(verb.clone());
    }
    send(model, Pending { verb, scope, targets, ids: None });
}

/// Whether a message from elsewhere is where the verb would bring it.
fn is_there(model: &Model, verb: &Verb, row: &Row) -> bool {
    let there = model.list.summaries.get(&row.id).filter(|_| row.elsewhere).and_then(|summary| model.find_mailbox(summary.mailbox));
    there.is_some_and(|mailbox| match verb {
        Verb::ToRole(role) => target_of(model, mailbox.account, *role) == Some(mailbox.id),
        Verb::Move(to) => mailbox.id == *to,
        _ => false,
    })
}

/// Why a verb can't be done in this mailbox, with what to do.
fn problem(model: &Model, verb: &Verb, scope: &Scope) -> Option<String> {
    let Scope::Mailbox(here) = scope else { return None };
    let mailbox = model.find_mailbox(*here)?;
    let target = match verb {
        Verb::ToRole(role) => match target_of(model, mailbox.account, *role) {
            Some(id) => id,
            None => return Some(no_role(model, mailbox.account, *role)),
        },
        Verb::Move(to) => *to,
        _ => return None,
    };
    (target == *here).then(|| format!("This is {} already", crate::mail::DisplayText::new(&mailbox.name)))
}

fn no_role(model: &Model, account: AccountId, role: Role) -> String {
    let name = model.account_name(account);
    let word = role.word();
    format!("{name} has no {word} folder: name one as `{word} = \"…\"` in [accounts.{name}.mailboxes]")
}

/// The mailbox of a role; archiving falls back to All Mail.
fn target_of(model: &Model, account: AccountId, role: Role) -> Option<MailboxId> {
    let found = model.role(account, role).or_else(|| model.role(account, Role::All).filter(|_| role == Role::Archive));
    found.map(|mailbox| mailbox.id)
}

/// Shows the verb's work at once and queues its request.
pub fn send(model: &mut Model, mut pending: Pending) {
    if leaves(&pending) {
        take_out(model, &pending);
    } else if let Verb::Flags { add, remove, .. } = &pending.verb {
        let ids: HashSet<MessageId> = pending.targets.iter().map(|target| target.row.id).collect();
        for (id, summary) in &mut model.list.summaries {
            if ids.contains(id) {
                summary.flags = summary.flags.with(add).without(remove);
            }
        }
        for target in pending.targets.iter().filter(|target| target.whole_thread) {
            model.list.facts.remove(&target.row.thread);
        }
    }
    model.list.marks.clear();
    model.list.visual = None;
    resolve_at_once(model, &mut pending);
    model.outgoing.push_back(Outgoing::Verb(Box::new(pending)));
}

/// Fills the ids where nothing has to be read for it.
fn resolve_at_once(model: &Model, pending: &mut Pending) {
    let Scope::Mailbox(mailbox) = pending.scope else { return };
    let Some(account) = model.find_mailbox(mailbox).map(|mailbox| mailbox.account) else { return };
    if matches!(pending.verb, Verb::Join(to) if to.whole_thread) {
        return;
    }
    if pending.targets.iter().all(|target| target.row.count <= 1 && !target.whole_thread && !target.row.elsewhere) {
        pending.ids = Some(pending.targets.iter().map(|target| (account, target.row.id)).collect());
    }
}

/// Whether the rows go out of the listing.
fn leaves(pending: &Pending) -> bool {
    match (&pending.verb, &pending.scope) {
        (Verb::DeleteForever, _) => true,
        (Verb::Move(to), Scope::Mailbox(here)) => to != here,
        (Verb::ToRole(_), Scope::Mailbox(_)) => true,
        (Verb::ToRole(role), _) => matches!(role, Role::Trash | Role::Junk),
        _ => false,
    }
}

fn take_out(model: &mut Model, pending: &Pending) {
    let threads: HashSet<_> = pending.targets.iter().filter(|target| target.whole_thread).map(|target| target.row.thread).collect();
    let ids: HashSet<_> = pending.targets.iter().filter(|target| !target.whole_thread).map(|target| target.row.id).collect();
    let is_gone = |row: &&Row| ids.contains(&row.id) || (threads.contains(&row.thread) && !row.elsewhere);
    let gone: HashSet<MessageId> = model.list.rows.iter().filter(is_gone).map(|row| row.id).collect();
    let after = model.settings.after_triage;
    let is_one = model.target_conversation().is_some() && threads.is_empty();
    if let Some(conversation) = model.preview.conversation.as_mut().filter(|_| is_one) {
        conversation.remove(&ids);
        let thread = conversation.thread;
        let rest: Vec<MessageId> = conversation.members.iter().filter(|row| !row.elsewhere).map(|row| row.id).collect();
        if let Some(newest) = rest.last() {
            // the rest is read on, wherever the list's cursor is; a folded row stays, also in a listing that was made before
            if model.list.row().is_some_and(|row| row.thread == thread && model.list.is_folded(&row)) {
                model.list.stand_for(thread, *newest, rest.len());
            } else {
                model.list.leaving.extend(&gone);
                model.list.remove(&gone, after);
            }
            model.preview.asked_thread = model.list.cursor().map(|cursor| (thread, cursor));
            return;
        }
    }
    model.list.leaving.extend(gone.iter().chain(&ids));
    model.list.remove(&gone, after);
    if model.reading && (model.list.cursor().is_none() || after == crate::config::AfterTriage::Stay) {
        model.reading = false;
    }
}

/// Sends what is ready, in order, up to the first verb whose ids are still to be read.
pub fn flush(model: &mut Model, out: &mut Out) {
    while let Some(next) = model.outgoing.pop_front() {
        match next {
            Outgoing::Effect(effect) => out.effects.push(effect),
            Outgoing::Verb(pending) if pending.ids.is_none() => {
                model.outgoing.push_front(Outgoing::Verb(pending));
                return;
            }
            Outgoing::Verb(pending) => {
                if let Some((change, label)) = change(model, *pending, out.now) {
                    out.effects.push(Effect::Ask(Request::Apply { change, label }));
                }
            }
        }
    }
}

/// The change of a resolved verb, in its words; None where nothing can be done.
fn change(model: &mut Model, pending: Pending, now: &Now) -> Option<(Change, String)> {
    let resolved = pending.ids.unwrap_or_default();
    if resolved.is_empty() {
        return None;
    }
    let all: Vec<MessageId> = resolved.iter().map(|(_, id)| *id).collect();
    let n = all.len();
    Some(match pending.verb {
        Verb::Flags { add, remove, past } => (Change::Flags { ids: all, add, remove }, format!("{past} {}", messages(n))),
        Verb::Move(to) => (Change::Move { ids: all, to }, format!("Moved {} to {}", messages(n), name_of(model, to))),
        Verb::Copy(to) => (Change::Copy { ids: all, to }, format!("Copied {} to {}", messages(n), name_of(model, to))),
        Verb::DeleteForever => (Change::Delete { ids: all }, format!("Deleted {} for ever", messages(n))),
        Verb::Cut => (
            Change::Cut { ids: all },
            format!("Cut {} off {} thread{}", messages(n), if n == 1 { "its" } else { "their" }, if n == 1 { "" } else { "s" }),
        ),
        Verb::Join(to) => (Change::Join { ids: all, to: to.row.id }, format!("Joined {} under another", messages(n))),
        Verb::ToRole(role) => return to_role(model, role, &resolved, now),
    })
}

/// Each message to the mailbox of a role in its own account: one change, and one step of undo.
fn to_role(model: &mut Model, role: Role, resolved: &[(AccountId, MessageId)], now: &Now) -> Option<(Change, String)> {
    let mut targets: BTreeMap<AccountId, Vec<MessageId>> = BTreeMap::new();
    for (account, id) in resolved {
        targets.entry(*account).or_default().push(*id);
    }
    let mut changes = Vec::new();
    for (account, ids) in targets {
        match target_of(model, account, role) {
            Some(to) => changes.push(Change::Move { ids, to }),
            None => {
                for id in &ids {
                    model.list.leaving.remove(id);
                }
                model.asked = None;
                let text = no_role(model, account, role);
                model.status.failed(text, now);
            }
        }
    }
    let n = changes.iter().map(|change| change.ids().len()).sum();
    let change = if changes.len() > 1 { Change::Together(changes) } else { changes.pop()? };
    Some((change, role_label(role, n)))
}

fn role_label(role: Role, n: usize) -> String {
    match role {
        Role::Archive => format!("Archived {}", messages(n)),
        Role::Trash => format!("Moved {} to Trash", messages(n)),
        Role::Junk => format!("Moved {} to Junk", messages(n)),
        _ => format!("Moved {} back to the Inbox", messages(n)),
    }
}

fn name_of(model: &Model, id: MailboxId) -> String {
    model.find_mailbox(id).map_or_else(|| "another folder".to_owned(), |mailbox| model.mailbox_path(mailbox))
}

/// "1 message", "7 messages".
pub fn messages(n: usize) -> String {
    if n == 1 { "1 message".to_owned() } else { format!("{n} messages") }
}
