//! One event in, effects out, no I/O: keys become actions here and actions find their pane or overlay.
//! What the worker tells is in `update/worker.rs`, the mouse in `update/mouse.rs`.

mod mouse;
mod worker;

use std::time::Duration;

use super::action::{Action, Context};
use super::event::{Effect, Event, Leave, Now};
use super::folders;
use super::go;
use super::input::{Code, Input, Key};
use super::keymap::{Found, show_keys};
use super::layout::Only;
use super::list::Visual;
use super::model::{Focus, Model, Out, Outgoing};
use super::overlay::links::{LinkPurpose, Links, ask_where};
use super::overlay::prompt::{Prompt, Purpose, expand, split_words};
use super::overlay::{self, Overlay, accounts, command, folder, help, messages, tasks};
use super::preview::{self, draw::body_text};
use super::triage::{self, Verb};
use crate::mail::{DisplayText, FlagBits, MessageId, Role, SortBy};
use crate::worker::Request;

/// How long a chord waits before which-key shows by itself.
const WHICH_KEY: Duration = Duration::from_millis(250);

/// Takes one event; the effects are done in order.
pub fn update(model: &mut Model, event: Event, now: &Now) -> Vec<Effect> {
    let mut out = Out { now, effects: Vec::new() };
    model.clock = now.mono;
    match event {
        Event::Input(Input::Key(key)) => press(model, key, &mut out),
        Event::Input(Input::Paste(text)) => paste(model, &text, &mut out),
        Event::Input(Input::Mouse(mouse)) if model.settings.mouse => mouse::mouse(model, mouse, &mut out),
        Event::Input(_) | Event::Wake => {}
        Event::Worker(told) => worker::told(model, told, &mut out),
        Event::Resize { columns, rows } => model.size = (columns, rows),
        Event::Resumed => out.effects.push(Effect::Redraw),
    }
    model.status.tick(now);
    if model.pressed.since.is_some_and(|since| since + WHICH_KEY <= now.mono) && !model.pressed.chord.is_empty() {
        model.pressed.shown = true;
    }
    ask_listing(model, &mut out);
    let page = model.page();
    model.list.keep_in_view(page);
    if model.loaded {
        preview::follow(model, &mut out);
    }
    triage::flush(model, &mut out);
    out.effects
}

/// Asks the worker for what the list shows, where it was not asked yet.
fn ask_listing(model: &mut Model, out: &mut Out) {
    if model.marking.is_some() || model.asked == model.list.listing {
        return;
    }
    let Some(listing) = model.list.listing.clone() else { return };
    let same_scope = model.asked.as_ref().is_some_and(|asked| asked.scope == listing.scope);
    if let (crate::mail::Scope::Mailbox(mailbox), false) = (&listing.scope, same_scope) {
        out.effects.push(Effect::Ask(Request::Look { mailbox: *mailbox }));
    }
    model.asked = Some(listing.clone());
    out.effects.push(Effect::Ask(Request::List(listing)));
}

fn paste(model: &mut Model, text: &str, out: &mut Out) {
    match model.overlays.last_mut().and_then(Overlay::line) {
        Some(line) => {
            line.insert(text);
            overlay::typed(model, out);
        }
        None => model.status.say("Pasted text is only taken where text is typed", out.now),
    }
}

/// One key: a count, a part of a chord, an action, or a letter of a line.
fn press(model: &mut Model, key: Key, out: &mut Out) {
    let context = model.context();
    let typing = context.is_typing();
    if let (false, true, Some(digit)) = (typing, model.pressed.chord.is_empty(), digit(key))
        && (digit > 0 || model.pressed.count.is_some())
    {
        let count = model.pressed.count.unwrap_or(0).saturating_mul(10).saturating_add(digit);
        model.pressed.count = Some(count.min(1_000_000));
        return;
    }
    if !model.pressed.chord.is_empty() && key == Key::plain(Code::Esc) {
        model.pressed = Default::default();
        return;
    }
    if !model.pressed.chord.is_empty() && key == Key::char('?') {
        model.pressed.shown = true;
        return;
    }
    let mut chord = model.pressed.chord.clone();
    chord.push(key);
    match model.keymap.find(context, &chord) {
        Found::Action(action) => {
            let count = model.pressed.count;
            model.pressed = Default::default();
            run(model, action, count, out);
        }
        Found::Prefix => {
            model.pressed.since.get_or_insert(out.now.mono);
            model.pressed.chord = chord;
        }
        Found::Nothing => {
            model.pressed = Default::default();
            unbound(model, context, key, &chord, out);
        }
    }
}

fn digit(key: Key) -> Option<u32> {
    match key {
        Key { code: Code::Char(c), ctrl: false, alt: false, .. } => c.to_digit(10),
        _ => None,
    }
}

/// A letter for the line; else one quiet sentence.
fn unbound(model: &mut Model, context: Context, key: Key, chord: &[Key], out: &mut Out) {
    if let Some(line) = model.overlays.last_mut().and_then(Overlay::line) {
        if line.key(key) {
            overlay::typed(model, out);
        }
        return;
    }
    let elsewhere = model.keymap.elsewhere(context, chord).map_or(String::new(), |hint| format!(" ({hint})"));
    let help = model.keymap.shown(context, Action::Help).unwrap_or_default();
    model.status.say(format!("{} is not bound here; {help} shows keys{elsewhere}", shown(&show_keys(chord))), out.now);
}

/// Text of the user's or a server's, cleaned for a notice.
pub fn shown(text: &str) -> String {
    DisplayText::capped(text, 120).into_string()
}

/// Does an action, in the top overlay or in the panes.
pub fn run(model: &mut Model, action: Action, count: Option<u32>, out: &mut Out) {
    if !action.spec().ready {
        let spec = action.spec();
        return model.status.say(format!("{} is still to come", capital(spec.hint)), out.now);
    }
    if overlay::act(model, action, count.unwrap_or(1), out) {
        return;
    }
    perform(model, action, count, out);
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The arm of every action that no overlay took.
fn perform(model: &mut Model, action: Action, count: Option<u32>, out: &mut Out) {
    use Action as A;
    let times = count.unwrap_or(1);
    match action {
        A::Down | A::Up | A::First | A::Last | A::HalfPageDown | A::HalfPageUp | A::PageDown | A::PageUp => motion(model, action, count),
        A::Left | A::Right | A::Fold | A::FoldAll | A::UnfoldAll => fold(model, action),
        A::Open => open(model),
        A::PageOrNextUnread => read_on(model, out),
        A::ScrollDown | A::ScrollUp => {
            let by = if action == A::ScrollDown { 3 } else { -3 } * times as isize;
            let height = model.preview_height();
            model.preview.scroll_by(by, height);
        }
        A::NextMessage | A::PreviousMessage => {
            let by = if action == A::NextMessage { times as isize } else { -(times as isize) };
            if !model.list.step(by) {
                model.status.say(if by > 0 { "This is the last message" } else { "This is the first message" }, out.now);
            }
        }
        A::NextInThread | A::PreviousInThread => model.need.unfold = Some(if action == A::NextInThread { 1 } else { -1 }),
        A::NextUnread | A::PreviousUnread => go::unread(model, action == A::NextUnread, out),
        A::NextMatch | A::PreviousMatch => find_next(model, action == A::NextMatch, out),
        A::NextPane | A::PreviousPane | A::PaneLeft | A::PaneRight | A::PaneUp | A::PaneDown => focus(model, action),
        A::PaneShrink => model.grow -= 2 * times.min(50) as i16,
        A::PaneGrow => model.grow += 2 * times.min(50) as i16,
        A::PaneEqual => model.grow = 0,
        A::PaneOnly => only(model),
        A::FolderPane => folder_pane(model, out),
        A::Preview => {
            model.settings.preview = !model.settings.preview;
            if !model.settings.preview && model.focus == Focus::Preview {
                model.focus = Focus::List;
            }
        }
        A::NextFolder | A::PreviousFolder => {
            let by = if action == A::NextFolder { times as isize } else { -(times as isize) };
            match folders::neighbour(model, by) {
                Some(id) => {
                    let focus = model.focus;
                    go::mailbox(model, id);
                    model.focus = focus;
                }
                None => model.status.say("There is no further folder", out.now),
            }
        }
        A::NextAccount | A::PreviousAccount => {
            let next = folders::neighbour_account(model, if action == A::NextAccount { 1 } else { -1 });
            if let Some(inbox) = next.and_then(|account| model.role(account, Role::Inbox)).map(|mailbox| mailbox.id) {
                go::mailbox(model, inbox);
            }
        }
        A::GoInbox => go::role(model, Role::Inbox, out),
        A::GoSent => go::role(model, Role::Sent, out),
        A::GoDrafts => go::role(model, Role::Drafts, out),
        A::GoArchive => go::role(model, Role::Archive, out),
        A::GoJunk => go::role(model, Role::Junk, out),
        A::GoTrash => go::role(model, Role::Trash, out),
        A::GoStarred => go::starred(model, out),
        A::GoFolder | A::Move | A::Copy => pick_folder(model, action, out),
        A::Back => go::back(model, out),
        A::Archive
        | A::ArchiveThread
        | A::Trash
        | A::TrashThread
        | A::DeleteForever
        | A::Star
        | A::Unread
        | A::Read
        | A::ToggleRead
        | A::Tag
        | A::Junk
        | A::Repeat => triage_verb(model, action, times, out),
        A::Undo => ask(model, Request::Undo { steps: times }),
        A::Redo => ask(model, Request::Redo { steps: times }),
        A::Mark
        | A::SelectLines
        | A::SelectThreads
        | A::MarkAll
        | A::MarkNone
        | A::MarkUnread
        | A::MarkRead
        | A::MarkStarred
        | A::MarkThread
        | A::MarkInvert => mark(model, action, times, out),
        A::Centre => model.list.top = model.list.at().saturating_sub(model.page() / 2),
        A::Threads => go::reorder(model, |listing| listing.threads = !listing.threads),
        A::Sort => model.status.say("Sort by what? :sort date, from, subject, size, received or reverse", out.now),
        A::SortReceived => go::sort(model, SortBy::Received),
        A::SortDate => go::sort(model, SortBy::Date),
        A::SortFrom => go::sort(model, SortBy::From),
        A::SortSubject => go::sort(model, SortBy::Subject),
        A::SortSize => go::sort(model, SortBy::Size),
        A::SortReverse => go::reorder(model, |listing| listing.sort.reversed = !listing.sort.reversed),
        A::Search => go::search(model, false),
        A::SearchAll => go::search(model, true),
        A::Jump => model.overlays.push(Overlay::Prompt(Prompt::new("jump to: ", Purpose::Jump))),
        A::FindInMessage => model.overlays.push(Overlay::Prompt(Prompt::new("find in message: ", Purpose::Find))),
        A::Links | A::SaveFiles | A::CopyUrl => links(model, action, out),
        A::Pipe => {
            if let Some(id) = selected(model, out) {
                model.overlays.push(Overlay::Prompt(Prompt::new("pipe to: ", Purpose::Pipe { id, part: None })));
            }
        }
        A::Headers => model.preview.all_headers = !model.preview.all_headers,
        A::OtherAlternative => model.preview.other = !model.preview.other,
        A::Source => model.preview.source = !model.preview.source,
        A::Wrap => model.preview.wrap = !model.preview.wrap,
        A::Quotes => model.preview.quotes_open = !model.preview.quotes_open,
        A::CopyLink | A::CopyAddress | A::CopySubject | A::CopyBody | A::CopyId => copy(model, action, out),
        A::Tasks => {
            model.need.waiting = true;
            model.overlays.push(Overlay::Tasks(tasks::Tasks::default()));
        }
        A::Accounts => model.overlays.push(Overlay::Accounts(accounts::Accounts::default())),
        A::Messages => model.overlays.push(Overlay::Messages(messages::Messages::default())),
        A::Help => {
            let help = help::Help::new(model);
            model.overlays.push(Overlay::Help(help));
        }
        A::Command => {
            let command = command::Command::new(model);
            model.overlays.push(Overlay::Command(command));
        }
        A::Sync => {
            model.status.say("Checking for mail", out.now);
            ask(model, Request::Sync { account: None });
        }
        A::Cancel => cancel(model, out),
        A::Interrupt => interrupt(model, out),
        A::Close => close(model, out),
        A::Quit => leave(model, out),
        A::Redraw => out.effects.push(Effect::Redraw),
        A::Suspend => out.effects.push(Effect::Suspend),
        // Answered by their overlays alone, or still to come.
        A::Compose
        | A::Reply
        | A::ReplyAll
        | A::ReplyList
        | A::Forward
        | A::ForwardAttachment
        | A::Snooze
        | A::Mute
        | A::InviteAccept
        | A::InviteTentative
        | A::InviteDecline
        | A::Unsubscribe
        | A::LoadImages
        | A::LoadImagesAlways
        | A::Outbox
        | A::CancelTask
        | A::Retry
        | A::SignIn
        | A::AddAccount
        | A::OpenMaildir
        | A::Demo
        | A::Accept
        | A::Complete
        | A::PickNext
        | A::PickPrevious => {}
    }
}

/// An action of the command line whose argument is a text.
pub fn run_with_text(model: &mut Model, action: Action, text: &str, out: &mut Out) {
    match action {
        Action::Search => go::search_for(model, false, text, out),
        Action::SearchAll => go::search_for(model, true, text, out),
        Action::Tag => match Verb::tags(text) {
            Some(verb) => triage::run(model, verb, false, out),
            None => run(model, action, None, out),
        },
        Action::SaveFiles => {
            if let Some(id) = selected(model, out) {
                let folder = expand(model, text);
                ask(model, Request::SaveParts { id, parts: None, folder });
            }
        }
        Action::Pipe => {
            if let Some(id) = selected(model, out) {
                ask(model, Request::Pipe { id, part: None, command: split_words(text) });
            }
        }
        _ => run(model, action, None, out),
    }
}

/// Queues a request behind the verbs that came before it.
fn ask(model: &mut Model, request: Request) {
    model.outgoing.push_back(Outgoing::Effect(Effect::Ask(request)));
}

fn selected(model: &mut Model, out: &mut Out) -> Option<MessageId> {
    let id = model.list.cursor();
    if id.is_none() {
        model.status.say("Nothing is selected", out.now);
    }
    id
}

fn motion(model: &mut Model, action: Action, count: Option<u32>) {
    let times = count.unwrap_or(1) as isize;
    let in_text = model.reading || model.focus == Focus::Preview;
    let page = if in_text { model.preview_height() } else { model.page() } as isize;
    let by = match action {
        Action::Down => times,
        Action::Up => -times,
        Action::HalfPageDown => (page / 2).max(1) * times,
        Action::HalfPageUp => -(page / 2).max(1) * times,
        Action::PageDown => page * times,
        Action::PageUp => -page * times,
        Action::First => isize::MIN / 2,
        _ => isize::MAX / 2,
    };
    if in_text {
        let height = model.preview_height();
        model.preview.scroll_by(by, height);
    } else if model.focus == Focus::Folders {
        folders::step(model, by);
    } else if let (Action::First | Action::Last, Some(line)) = (action, count) {
        model.list.go(line.saturating_sub(1) as usize);
    } else {
        if matches!(action, Action::PageDown | Action::PageUp | Action::HalfPageDown | Action::HalfPageUp) {
            let last = model.list.rows.len().saturating_sub(model.page());
            model.list.top = model.list.top.saturating_add_signed(by).min(last);
        }
        model.list.step(by);
    }
}

fn fold(model: &mut Model, action: Action) {
    let in_folders = model.focus == Focus::Folders && !model.reading;
    let row = model.list.row();
    let folded = row.is_some_and(|row| model.list.is_folded(&row));
    let unfolded = row.filter(|row| model.list.unfolded.contains_key(&row.thread));
    match action {
        Action::Fold if in_folders => {
            folders::fold(model, None);
        }
        Action::Left if in_folders => {
            folders::fold(model, Some(true));
        }
        Action::Right if in_folders => {
            if !folders::fold(model, Some(false)) {
                focus(model, Action::PaneRight);
            }
        }
        Action::FoldAll => {
            let threads: Vec<_> = model.list.unfolded.keys().copied().collect();
            threads.into_iter().for_each(|thread| model.list.fold(thread));
        }
        Action::UnfoldAll => model.need.unfold_all = true,
        Action::Fold | Action::Right if folded && model.focus == Focus::List && !model.reading => model.need.unfold = Some(0),
        Action::Fold | Action::Left if model.focus == Focus::List && !model.reading && unfolded.is_some() => {
            if let Some(row) = unfolded {
                model.list.fold(row.thread);
            }
        }
        Action::Left if model.reading => model.reading = false,
        Action::Left => focus(model, Action::PaneLeft),
        Action::Right => focus(model, Action::PaneRight),
        _ => {}
    }
}

fn open(model: &mut Model) {
    if model.focus == Focus::Folders && !model.reading {
        match folders::chosen(model).and_then(|id| model.find_mailbox(id)).map(|mailbox| (mailbox.id, mailbox.selectable)) {
            Some((id, true)) => {
                if model.only == Some(Only::Folders) {
                    model.only = None;
                }
                go::mailbox(model, id);
            }
            Some((_, false)) => {
                folders::fold(model, None);
            }
            None => {}
        }
    } else if model.list.cursor().is_some() {
        model.reading = true;
    }
}

/// Space: a page of text, then the next unread message.
fn read_on(model: &mut Model, out: &mut Out) {
    if !model.shows_text() {
        return open(model);
    }
    let height = model.preview_height();
    if !model.preview.scroll_by(height.saturating_sub(1).max(1) as isize, height) {
        go::unread(model, true, out);
    }
}

fn find_next(model: &mut Model, forward: bool, out: &mut Out) {
    if (model.reading || model.focus == Focus::Preview) && model.preview.find.is_some() {
        let height = model.preview_height();
        if !model.preview.next_match(forward, height) {
            model.status.say("No further match in this message", out.now);
        }
        return;
    }
    go::next_match(model, if forward { 1 } else { -1 }, out);
}

/// Moves the focus among the panes that are on screen.
fn focus(model: &mut Model, action: Action) {
    if model.reading {
        return;
    }
    let layout = model.layout();
    let panes: Vec<Focus> = [(layout.folders, Focus::Folders), (layout.list, Focus::List), (layout.preview, Focus::Preview)]
        .into_iter()
        .filter_map(|(place, pane)| place.map(|_| pane))
        .collect();
    let at = panes.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    let beside = layout.rule.is_some_and(|rule| rule.width == 1);
    let next = match action {
        Action::NextPane => (at + 1) % panes.len().max(1),
        Action::PreviousPane => (at + panes.len().saturating_sub(1)) % panes.len().max(1),
        Action::PaneRight if model.focus == Focus::List && !beside => at,
        Action::PaneRight => at + 1,
        Action::PaneLeft if model.focus == Focus::Preview && !beside => 0,
        Action::PaneLeft => at.saturating_sub(1),
        Action::PaneDown if model.focus == Focus::List && !beside => at + 1,
        Action::PaneUp if model.focus == Focus::Preview && !beside => at.saturating_sub(1),
        _ => at,
    };
    if let Some(pane) = panes.get(next.min(panes.len().saturating_sub(1))) {
        model.focus = *pane;
    }
}

fn only(model: &mut Model) {
    model.only = match (model.only, model.focus) {
        (Some(_), _) => None,
        (None, Focus::Folders) => Some(Only::Folders),
        (None, Focus::List) => Some(Only::List),
        (None, Focus::Preview) => {
            model.reading = true;
            None
        }
    };
}

/// Where there is no room beside the list, the folders take the screen.
fn folder_pane(model: &mut Model, out: &mut Out) {
    if model.size.0 >= 100 && model.only.is_none() {
        model.folder_pane = !model.folder_pane;
        if !model.folder_pane && model.focus == Focus::Folders {
            model.focus = Focus::List;
        }
    } else if model.only == Some(Only::Folders) {
        model.only = None;
        model.focus = Focus::List;
    } else {
        model.reading = false;
        model.only = Some(Only::Folders);
        model.focus = Focus::Folders;
        model.status.say("Enter opens a folder, Esc goes back", out.now);
    }
}

fn pick_folder(model: &mut Model, action: Action, out: &mut Out) {
    if action != Action::GoFolder && model.list.targets().is_empty() {
        return model.status.say("Nothing is selected", out.now);
    }
    let picker = folder::FolderPicker::new(model, action);
    model.overlays.push(Overlay::Folder(picker));
}

fn triage_verb(model: &mut Model, action: Action, times: u32, out: &mut Out) {
    // "3e": the row under the cursor and the two below it.
    if times > 1 && model.list.marks.is_empty() && model.list.visual.is_none() {
        let at = model.list.at();
        let rows = model.list.rows.slice(at..(at + times as usize).min(model.list.rows.len()));
        model.list.marks = rows.iter().map(|row| row.id).collect();
    }
    let bits = model.list.targets().first().and_then(|row| model.list.summaries.get(&row.id)).map(|summary| summary.flags.bits);
    let has = |flag| bits.is_some_and(|bits| bits.contains(flag));
    match action {
        Action::Archive => triage::run(model, Verb::ToRole(Role::Archive), false, out),
        Action::ArchiveThread => triage::run(model, Verb::ToRole(Role::Archive), true, out),
        Action::Trash => triage::trash(model, false, out),
        Action::TrashThread => triage::trash(model, true, out),
        Action::DeleteForever => triage::ask_delete_forever(model, false, out.now),
        Action::Star => triage::run(model, Verb::star(!has(FlagBits::FLAGGED)), false, out),
        Action::Read => triage::run(model, Verb::seen(true), false, out),
        Action::Unread => unread(model, out),
        Action::ToggleRead if has(FlagBits::SEEN) => unread(model, out),
        Action::ToggleRead => triage::run(model, Verb::seen(true), false, out),
        Action::Junk => triage::junk(model, out),
        Action::Tag => model.overlays.push(Overlay::Prompt(Prompt::new("tags (+add -remove): ", Purpose::Tag))),
        _ => match model.last_verb.clone() {
            Some(verb) => triage::run(model, verb, false, out),
            None => model.status.say("There is no verb to repeat yet", out.now),
        },
    }
}

fn unread(model: &mut Model, out: &mut Out) {
    model.list.pinned = model.list.cursor();
    triage::run(model, Verb::seen(false), false, out);
}

fn mark(model: &mut Model, action: Action, times: u32, out: &mut Out) {
    let list = &mut model.list;
    match action {
        Action::Mark => {
            for _ in 0..times {
                let Some(id) = list.cursor() else { return };
                if !list.marks.remove(&id) {
                    list.marks.insert(id);
                }
                if !list.step(1) {
                    break;
                }
            }
        }
        Action::SelectLines | Action::SelectThreads => {
            let threads = action == Action::SelectThreads;
            list.visual = match (list.visual, list.cursor()) {
                (Some(visual), _) if visual.threads == threads => None,
                (Some(visual), _) => Some(Visual { threads, ..visual }),
                (None, Some(anchor)) => Some(Visual { anchor, threads }),
                (None, None) => None,
            };
        }
        Action::MarkAll => list.marks = list.rows.iter().map(|row| row.id).collect(),
        Action::MarkNone => {
            list.marks.clear();
            list.visual = None;
        }
        Action::MarkInvert => list.marks = list.rows.iter().map(|row| row.id).filter(|id| !list.marks.contains(id)).collect(),
        Action::MarkThread => {
            if let Some(row) = list.row() {
                list.marks.extend(list.rows.iter().filter(|other| other.thread == row.thread).map(|row| row.id));
            }
        }
        Action::MarkUnread => go::mark_matching(model, "is:unread", out),
        Action::MarkRead => go::mark_matching(model, "is:read", out),
        _ => go::mark_matching(model, "is:flagged", out),
    }
}

fn links(model: &mut Model, action: Action, out: &mut Out) {
    let Some(page) = model.preview.current().cloned() else {
        return model.status.say("The message is not here yet", out.now);
    };
    let purpose = match action {
        Action::Links => LinkPurpose::Open,
        Action::SaveFiles => LinkPurpose::Save,
        _ => LinkPurpose::Copy,
    };
    let mut files = page.parts.iter().filter(|part| part.is_attachment);
    match (Links::new(&page, purpose), purpose) {
        (None, LinkPurpose::Open) => model.status.say("This message has no links and no files", out.now),
        (None, LinkPurpose::Save) => model.status.say("This message has no files", out.now),
        (None, LinkPurpose::Copy) => model.status.say("This message has no links", out.now),
        (Some(_), LinkPurpose::Save) if page.parts.iter().filter(|part| part.is_attachment).count() == 1 => {
            let number = files.next().map(|part| vec![part.number.clone()]);
            ask_where(model, page.id, number);
        }
        (Some(links), _) => model.overlays.push(Overlay::Links(links)),
    }
}

fn copy(model: &mut Model, action: Action, out: &mut Out) {
    let Some(summary) = model.list.summary() else {
        return model.status.say("Nothing is selected", out.now);
    };
    let found = match action {
        Action::CopyLink => summary.rfc_message_id.as_ref().map(|id| (format!("mid:{id}"), "a link to the message")),
        Action::CopyId => summary.rfc_message_id.as_ref().map(|id| (format!("<{id}>"), "the Message-ID")),
        Action::CopyAddress => summary.from.first().map(|from| (from.address.clone(), "the address")),
        Action::CopySubject => Some((summary.subject.clone(), "the subject")),
        _ => model.preview.current().map(|page| (body_text(page), "the text")),
    };
    match found {
        Some((text, what)) => {
            out.effects.push(Effect::Copy(text));
            model.status.say(format!("Copied {what} through the terminal"), out.now);
        }
        None => model.status.say("There is nothing to copy", out.now),
    }
}

/// Esc: clear the marks, leave the search, go back.
fn cancel(model: &mut Model, _out: &mut Out) {
    model.status.notice = None;
    if !model.list.marks.is_empty() || model.list.visual.is_some() {
        model.list.marks.clear();
        model.list.visual = None;
    } else if model.preview.find.is_some() && (model.reading || model.focus == Focus::Preview) {
        model.preview.find = None;
    } else if model.reading {
        model.reading = false;
    } else if model.only.is_some() {
        model.only = None;
        model.focus = Focus::List;
    } else if model.focus != Focus::List {
        model.focus = Focus::List;
    } else if model.jump.is_some() {
        model.jump = None;
    } else {
        go::leave_search(model);
    }
}

/// Ctrl-C: what Esc does, else the newest task; never quits.
fn interrupt(model: &mut Model, out: &mut Out) {
    let nothing_open = model.list.marks.is_empty()
        && model.list.visual.is_none()
        && !model.reading
        && model.list.listing.as_ref().is_none_or(|listing| listing.query.is_none());
    match model.status.jobs.last() {
        Some(job) if nothing_open => {
            out.effects.push(Effect::Ask(Request::Cancel(job.id)));
        }
        None if nothing_open => {
            let key = model.keymap.shown(model.context(), Action::Quit).unwrap_or_default();
            model.status.say(format!("Nothing runs; {key} quits"), out.now);
        }
        _ => cancel(model, out),
    }
}

/// q: close the reader or the search; in the list quit.
fn close(model: &mut Model, out: &mut Out) {
    if model.reading {
        model.reading = false;
    } else if model.only.is_some() || model.focus == Focus::Preview {
        model.only = None;
        model.focus = Focus::List;
    } else if !go::leave_search(model) {
        leave(model, out);
    }
}

/// Leaves, with all that was asked before it.
fn leave(model: &mut Model, out: &mut Out) {
    triage::flush(model, out);
    model.outgoing.push_back(Outgoing::Effect(Effect::Leave(Leave::Quit)));
}
