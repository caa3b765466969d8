//! One event in, effects out, no I/O: keys become actions here and actions find their pane or overlay.
//! What the worker tells is in `update/worker.rs`, clicks in `update/mouse.rs`, moving about in
//! `update/panes.rs`, what is done to messages in `update/verbs.rs`.

mod mouse;
mod panes;
mod verbs;
mod worker;

use std::time::Duration;

use super::action::{Action, Context};
use super::composer;
use super::event::{Effect, Event, Now};
use super::folders;
use super::go;
use super::input::{Code, Input, Key};
use super::keymap::{Found, show_keys};
use super::model::{Focus, Model, Out, Outgoing};
use super::overlay::prompt::{Prompt, Purpose, expand, split_words};
use super::overlay::{self, Overlay, accounts, command, help, messages, tasks};
use super::preview::{self};
use super::triage::{self, Verb};
use crate::mail::{DisplayText, Role, SortBy, when};
use crate::worker::Request;

use panes::{cancel, close, conversation, find_next, focus, fold, folder_pane, in_thread, interrupt, leave, motion, only, open, read_on};
use verbs::{copy, export, links, mark, pick_folder, pictures, pipe, selected, triage_verb, unsubscribe};

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
        Event::Input(Input::Focus(false)) | Event::Ending => composer::blur(model, &mut out),
        Event::Input(_) | Event::Wake => {}
        Event::Edited { draft, result } => composer::edited(model, draft, result, &mut out),
        Event::Worker(told) => worker::told(model, told, &mut out),
        Event::Resize { columns, rows } => model.size = (columns, rows),
        Event::Resumed => out.effects.push(Effect::Redraw),
    }
    model.status.tick(now);
    composer::tick(model, &mut out);
    if model.pressed.since.is_some_and(|since| since + WHICH_KEY <= now.mono) && !model.pressed.chord.is_empty() {
        model.pressed.shown = true;
    }
    ask_listing(model, &mut out);
    ask_waits(model, &mut out);
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

/// Asks what waits, once at a time.
fn ask_waits(model: &mut Model, out: &mut Out) {
    if model.need.waits && !model.need.waits_asked {
        (model.need.waits, model.need.waits_asked) = (false, true);
        out.effects.push(Effect::Ask(Request::Waits));
    }
}

fn paste(model: &mut Model, text: &str, out: &mut Out) {
    if model.context() == Context::Compose {
        return composer::paste(model, text, out);
    }
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
    // Only what comes before the next key belongs to the last one.
    model.taken_back = false;
    model.list.returned.clear();
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
    let mut chord = model.pressed.chord.clone();
    chord.push(key);
    if !model.pressed.chord.is_empty() && key == Key::char('?') && model.keymap.find(context, &chord) == Found::Nothing {
        model.pressed.shown = true;
        return;
    }
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
    if let Some(Overlay::Form(form)) = model.overlays.last_mut()
        && form.choose(key)
    {
        return;
    }
    if overlay::review::key(model, key, out) {
        return;
    }
    if context == Context::Compose && chord.len() == 1 {
        return composer::key(model, key, out);
    }
    if let Some(line) = model.overlays.last_mut().and_then(Overlay::line) {
        if line.key(key) {
            overlay::typed(model, out);
        }
        return;
    }
    let keys = shown(&show_keys(chord));
    if let Some((action, place)) = bound_beside(model, context, chord) {
        return model.status.say(format!("{keys} ({}) works in the {}", action.spec().hint, place.words()), out.now);
    }
    let elsewhere = model.keymap.elsewhere(context, chord).map_or(String::new(), |hint| format!(" ({hint})"));
    let help = model.keymap.shown(context, Action::Help).unwrap_or_default();
    model.status.say(format!("{keys} is not bound here; {help} shows keys{elsewhere}"), out.now);
}

/// What the keys mean in another pane of the main view.
fn bound_beside(model: &Model, context: Context, chord: &[Key]) -> Option<(Action, Context)> {
    const PANES: [Context; 4] = [Context::List, Context::Reader, Context::Preview, Context::Folders];
    if !PANES.contains(&context) {
        return None;
    }
    PANES.into_iter().find_map(|pane| match model.keymap.find(pane, chord) {
        Found::Action(action) => Some((action, pane)),
        _ => None,
    })
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
        A::Left | A::Right | A::Fold | A::FoldAll | A::UnfoldAll => fold(model, action, out),
        A::Open if model.focus != Focus::Folders && composer::start_in_drafts(model, out) => {}
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
        A::NextInThread | A::PreviousInThread => in_thread(model, if action == A::NextInThread { 1 } else { -1 }, times, out),
        A::Conversation => conversation(model, out),
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
        A::ShowMuted => go::muted(model, out),
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
        | A::Mute
        | A::BreakThread
        | A::LinkThreads
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
        A::Export => export(model, out),
        A::Print => {
            if let Some(id) = selected(model, out) {
                ask(model, Request::Print { id });
            }
        }
        A::Pipe => pipe(model, out),
        A::Unsubscribe => unsubscribe(model, out),
        A::Headers => model.preview.all_headers = !model.preview.all_headers,
        A::OtherAlternative => model.preview.other = !model.preview.other,
        A::Source => model.preview.source = !model.preview.source,
        A::Wrap => model.preview.wrap = !model.preview.wrap,
        A::LoadImages => pictures(model, out),
        A::Quotes => model.preview.quotes_open = !model.preview.quotes_open,
        A::CopyLink | A::CopyAddress | A::CopySubject | A::CopyBody | A::CopyId => copy(model, action, out),
        A::Tasks => {
            model.need.waits = true;
            model.overlays.push(Overlay::Tasks(tasks::Tasks::default()));
        }
        A::Accounts => {
            out.effects.push(Effect::Ask(Request::Health));
            model.overlays.push(Overlay::Accounts(accounts::Accounts::default()));
        }
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
        A::FolderNew | A::FolderRename | A::FolderDelete | A::FolderSubscribe | A::FolderUnsubscribe => {
            folders::wishes::act(model, action, out);
        }
        A::Cancel | A::Interrupt if model.composers.current().is_some() => composer::interrupt(model, out),
        A::Cancel => cancel(model, out),
        A::Interrupt => interrupt(model, out),
        A::Close => close(model, out),
        A::Quit => leave(model, out),
        A::Redraw => out.effects.push(Effect::Redraw),
        A::Suspend => out.effects.push(Effect::Suspend),
        A::Compose | A::Reply | A::ReplyAll | A::ReplyList | A::Forward | A::ForwardAttachment => composer::begin(model, action, out),
        A::Unsend => composer::unsend(model, out),
        A::Outbox => {
            model.need.waits = true;
            let view = tasks::Tasks::at_outbox(model);
            model.overlays.push(Overlay::Tasks(view));
        }
        A::Send
        | A::SendLater
        | A::NextField
        | A::PreviousField
        | A::SaveDraft
        | A::CloseDraft
        | A::DiscardDraft
        | A::OtherPane
        | A::NextDraft
        | A::PreviousDraft
        | A::UndoTyping
        | A::RedoTyping
        | A::FindInDraft
        | A::Attach
        | A::Detach
        | A::Editor
        | A::Identity
        | A::Signature
        | A::CopyFields
        | A::PreviewDraft => composer::act(model, action, out),
        // Answered by their overlays alone, or still to come.
        A::SendNow
        | A::Snooze
        | A::InviteAccept
        | A::InviteTentative
        | A::InviteDecline
        | A::LoadImagesAlways
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
        Action::Compose => composer::begin_with(model, text, out),
        Action::FolderNew | Action::FolderRename => folders::wishes::act_with(model, action, text, out),
        Action::SendLater => match (model.composers.current().map(|composer| composer.id), when::parse(text, &out.now.wall)) {
            (Some(draft), Ok(at)) => composer::later(model, draft, at, out),
            (Some(_), Err(why)) => model.status.failed(format!("Not sent: {why}"), out.now),
            (None, _) => run(model, action, None, out),
        },
        Action::Attach => match model.composers.current().map(|composer| composer.id) {
            Some(draft) => overlay::path::attach(model, draft, text, out),
            None => run(model, action, None, out),
        },
        Action::Export => {
            if let Some(id) = selected(model, out) {
                let file = expand(model, text);
                ask(model, Request::Export { id, file });
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
