//! Moving about: rows and text, folds, panes and their focus, and the ways out of each.

use crate::ui::action::Action;
use crate::ui::event::{Effect, Leave};
use crate::ui::layout::Only;
use crate::ui::model::{Focus, Model, Out, Outgoing};
use crate::ui::{composer, folders, go, triage};
use crate::worker::Request;

pub fn motion(model: &mut Model, action: Action, count: Option<u32>) {
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
        let is_line = matches!(action, Action::Down | Action::Up);
        if !model.preview.scroll_by(by, height) && is_line {
            model.preview.step(by.signum(), height);
        }
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

pub fn fold(model: &mut Model, action: Action, out: &mut Out) {
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
        Action::Right if in_folders && folders::fold(model, Some(false)) => {}
        Action::Right if in_folders => focus(model, Action::PaneRight),
        Action::Fold | Action::Right | Action::FoldAll | Action::UnfoldAll if model.conversation().is_some() => fold_message(model, action),
        Action::Fold | Action::FoldAll | Action::UnfoldAll if model.reading => {
            let key = model.keymap.shown(model.context(), Action::Conversation).unwrap_or_default();
            model.status.say(format!("This message is read alone; {key} reads its whole thread"), out.now);
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

/// Folds and unfolds the messages of the thread that is read as one page.
fn fold_message(model: &mut Model, action: Action) {
    let Some(conversation) = &mut model.preview.conversation else { return };
    match action {
        Action::FoldAll | Action::UnfoldAll => conversation.set_all(action == Action::UnfoldAll),
        Action::Right if conversation.is_open(conversation.at) => {}
        _ => conversation.toggle(),
    }
}

/// The whole thread of the message as one page, or that message alone.
pub fn conversation(model: &mut Model, out: &mut Out) {
    let Some(row) = model.list.row() else { return model.status.say("Nothing is selected", out.now) };
    match model.conversation().map(|conversation| conversation.at) {
        Some(at) => {
            model.need.alone = Some(at);
            model.preview.asked_thread = None;
        }
        None => {
            model.preview.asked_thread = Some((row.thread, row.id));
            model.reading = true;
        }
    }
}

pub fn open(model: &mut Model) {
    if model.conversation().is_some() {
        return fold_message(model, Action::Fold);
    }
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

/// ( and ): the next message of the thread, on the page where all of it is on one.
pub fn in_thread(model: &mut Model, way: isize, times: u32, out: &mut Out) {
    if model.conversation().is_none() {
        model.need.unfold = Some(way);
        return;
    }
    let height = model.preview_height();
    if !model.preview.step(way.saturating_mul(times as isize), height) {
        model
            .status
            .say(if way > 0 { "This is the last message of the thread" } else { "This is the first message of the thread" }, out.now);
    }
}

/// Space: a page of text, then the next unread message.
pub fn read_on(model: &mut Model, out: &mut Out) {
    if !model.shows_text() {
        return open(model);
    }
    let height = model.preview_height();
    if !model.preview.scroll_by(height.saturating_sub(1).max(1) as isize, height) {
        go::unread(model, true, out);
    }
}

pub fn find_next(model: &mut Model, forward: bool, out: &mut Out) {
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
pub fn focus(model: &mut Model, action: Action) {
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

pub fn only(model: &mut Model) {
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
pub fn folder_pane(model: &mut Model, out: &mut Out) {
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

/// Esc: clear the marks, leave the search, go back.
pub fn cancel(model: &mut Model, _out: &mut Out) {
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
pub fn interrupt(model: &mut Model, out: &mut Out) {
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
pub fn close(model: &mut Model, out: &mut Out) {
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
pub fn leave(model: &mut Model, out: &mut Out) {
    triage::flush(model, out);
    composer::leave_all(model, out);
    model.outgoing.push_back(Outgoing::Effect(Effect::Leave(Leave::Quit)));
}
