//! What keys, pastes and clicks do in a composer: letters and readline's keys go into the field or the text,
//! actions of the table find their method here.

use ratatui::layout::Rect;

use super::places::{HeaderRow, places};
use super::text::{Motion, Room};
use super::{Composer, addresses, edit, open, send, text_size};
use crate::mail::DisplayText;
use crate::mail::draft::Field;
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::input::{Code, Key, Mouse};
use crate::ui::model::{Model, Out};
use crate::ui::overlay::Overlay;
use crate::ui::overlay::path::PathPrompt;
use crate::ui::overlay::prompt::{Prompt, Purpose};
use crate::ui::overlay::sheet::Sheet;

/// An action of the composer.
pub fn act(model: &mut Model, action: Action, out: &mut Out) {
    match action {
        Action::OtherPane => return open::other_pane(model, out),
        Action::NextDraft | Action::PreviousDraft => return open::turn(model, action == Action::NextDraft, out),
        _ => {}
    }
    let Some(composer) = model.composers.current_mut() else {
        return model.status.say("No draft is on screen", out.now);
    };
    if composer.sending && action == Action::DiscardDraft {
        composer.unwanted = true;
        return model.status.say("It is thrown away as soon as the outbox has let go of it", out.now);
    }
    if composer.is_away() && !matches!(action, Action::Cancel | Action::SaveDraft) {
        let text = composer.why_away();
        return model.status.say(text, out.now);
    }
    let id = composer.id;
    match action {
        Action::NextField if addresses::take(composer, out) => {}
        Action::NextField | Action::PreviousField => {
            let to = composer.neighbour(action == Action::NextField, true);
            composer.enter(to, out);
        }
        Action::SaveDraft => send::save_now(model, out),
        Action::UndoTyping | Action::RedoTyping => undo(model, action == Action::RedoTyping, out),
        Action::Send => send::send(model, out),
        Action::SendLater => model.overlays.push(Overlay::Prompt(Prompt::new("send at: ", Purpose::SendLater(id)))),
        Action::Attach => {
            let offered = composer.offered.clone().unwrap_or_default();
            let prompt = PathPrompt::new(id, &offered);
            model.overlays.push(Overlay::Path(prompt));
            crate::ui::overlay::path::ask(model, out);
        }
        Action::Detach => edit::detach(model, out),
        Action::Editor => edit::external(model, out),
        Action::Identity => edit::identity(model, out),
        Action::Signature => edit::signature(model, out),
        Action::CopyFields => copy_fields(composer, out),
        Action::FindInDraft => {
            let last = composer.text.find.clone().unwrap_or_default();
            model.overlays.push(Overlay::Prompt(Prompt::new("find: ", Purpose::FindInDraft(id)).with(last)));
        }
        Action::PreviewDraft => {
            let lines = super::preview_lines(composer);
            model.overlays.push(Overlay::Sheet(Sheet::new("as it will be read", lines)));
        }
        Action::CloseDraft => open::close(model, out),
        Action::DiscardDraft => open::discard(model, out),
        _ => {}
    }
}

/// Esc and Ctrl-C: a pop-up or a selection goes, the draft never.
pub fn interrupt(model: &mut Model, out: &mut Out) {
    let keep = model.keymap.shown(model.context(), Action::CloseDraft).unwrap_or_default();
    let Some(composer) = model.composers.current_mut() else { return };
    if composer.popup.take().is_some_and(|popup| popup.is_shown()) {
    } else if composer.text.is_selecting() {
        composer.text.unselect();
    } else if composer.text.find.take().is_some() {
    } else {
        model.status.say(format!("{keep} closes the draft and keeps it"), out.now);
    }
}

impl Composer {
    /// Somewhere else at the moment: on its way to the outbox, or with the user's editor.
    pub(super) fn is_away(&self) -> bool {
        self.sending || self.editing
    }

    pub(super) fn why_away(&self) -> &'static str {
        if self.sending { "This draft is on its way to the outbox" } else { "The text is with the editor" }
    }

    /// The field before or behind this one; `round` goes on at the other end.
    fn neighbour(&self, forward: bool, round: bool) -> Field {
        let fields = self.fields();
        let last = fields.len().saturating_sub(1);
        let at = fields.iter().position(|field| *field == self.at).unwrap_or(0);
        let to = match (forward, at) {
            (true, at) if at == last => {
                if round {
                    0
                } else {
                    last
                }
            }
            (true, at) => at + 1,
            (false, 0) => {
                if round {
                    last
                } else {
                    0
                }
            }
            (false, at) => at - 1,
        };
        fields.get(to).copied().unwrap_or_default()
    }
}

fn undo(model: &mut Model, again: bool, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    composer.popup = None;
    let field = composer.at;
    let done = match (composer.entry_mut(field), again) {
        (Some(entry), false) => entry.undo(),
        (Some(entry), true) => entry.redo(),
        (None, false) => composer.text.undo(),
        (None, true) => composer.text.redo(),
    };
    if done {
        composer.changed(out);
    } else {
        model.status.say(if again { "Nothing to do again here" } else { "Nothing to take back here" }, out.now);
    }
}

/// The first that is empty is the one that was meant.
fn copy_fields(composer: &mut Composer, out: &mut Out) {
    composer.all_fields = !composer.all_fields;
    if composer.all_fields {
        let is_empty = |field: &Field| composer.field_text(*field).trim().is_empty();
        let meant = [Field::Cc, Field::Bcc].into_iter().find(is_empty).unwrap_or(Field::Cc);
        composer.enter(meant, out);
    } else if !composer.shows(composer.at) {
        composer.enter(Field::To, out);
    }
}

/// A key that no row of the table has: a letter, or one that moves and erases.
pub fn key(model: &mut Model, key: Key, out: &mut Out) {
    model.composers.expecting = false;
    let Some((room, height)) = text_size(model) else { return };
    let Some(composer) = model.composers.current_mut() else { return };
    if composer.is_away() {
        let text = composer.why_away();
        return model.status.say(text, out.now);
    }
    if composer.at == Field::Text {
        in_text(model, key, room, height, out);
    } else {
        in_field(model, key, out);
    }
}

fn in_field(model: &mut Model, key: Key, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    let field = composer.at;
    let down = matches!(key, Key { code: Code::Down, .. } | Key { code: Code::Char('n'), ctrl: true, .. });
    let up = matches!(key, Key { code: Code::Up, .. } | Key { code: Code::Char('p'), ctrl: true, .. });
    if up || down {
        if !addresses::step(composer, down) {
            let to = composer.neighbour(down, false);
            composer.enter(to, out);
        }
        return;
    }
    if key.code == Code::Enter {
        if !addresses::take(composer, out) {
            let to = composer.neighbour(true, false);
            composer.enter(to, out);
        }
        return;
    }
    if key == Key::ctrl('y') {
        let clip = model.composers.clip.clone();
        return paste(model, &clip, out);
    }
    let Some(entry) = composer.entry_mut(field) else { return };
    // Whoever goes on behind a whole address means another one.
    if field != Field::Subject && is_letter(key) && entry.text().get(..entry.line.at()).is_some_and(|before| before.ends_with('>')) {
        entry.paste(", ");
    }
    if entry.key(key) {
        composer.changed(out);
        addresses::ask(model, out);
    } else {
        composer.popup = None;
    }
}

fn is_letter(key: Key) -> bool {
    matches!(key, Key { code: Code::Char(c), ctrl: false, alt: false, .. } if !matches!(c, ',' | ';' | ' '))
}

/// Keys that move in the text.
const MOTIONS: &[(Key, Motion)] = &[
    (Key::plain(Code::Left), Motion::Left),
    (Key::ctrl('b'), Motion::Left),
    (Key::plain(Code::Right), Motion::Right),
    (Key::ctrl('f'), Motion::Right),
    (Key::plain(Code::Up), Motion::Up),
    (Key::ctrl('p'), Motion::Up),
    (Key::plain(Code::Down), Motion::Down),
    (Key::ctrl('n'), Motion::Down),
    (Key::plain(Code::PageUp), Motion::PageUp),
    (alt('v'), Motion::PageUp),
    (Key::plain(Code::PageDown), Motion::PageDown),
    (Key::ctrl('v'), Motion::PageDown),
    (Key::plain(Code::Home), Motion::RowStart),
    (Key::ctrl('a'), Motion::RowStart),
    (Key::plain(Code::End), Motion::RowEnd),
    (Key::ctrl('e'), Motion::RowEnd),
    (alt('b'), Motion::WordLeft),
    (Key { ctrl: true, ..Key::plain(Code::Left) }, Motion::WordLeft),
    (Key { alt: true, ..Key::plain(Code::Left) }, Motion::WordLeft),
    (alt('f'), Motion::WordRight),
    (Key { ctrl: true, ..Key::plain(Code::Right) }, Motion::WordRight),
    (Key { alt: true, ..Key::plain(Code::Right) }, Motion::WordRight),
    (alt('<'), Motion::Start),
    (Key { ctrl: true, ..Key::plain(Code::Home) }, Motion::Start),
    (alt('>'), Motion::End),
    (Key { ctrl: true, ..Key::plain(Code::End) }, Motion::End),
];

/// Keys that take text out and keep it for C-y.
const KILLS: &[(Key, Motion)] = &[
    (Key::ctrl('w'), Motion::WordLeft),
    (Key { alt: true, ..Key::plain(Code::Backspace) }, Motion::WordLeft),
    (Key { ctrl: true, ..Key::plain(Code::Backspace) }, Motion::WordLeft),
    (alt('d'), Motion::WordRight),
    (Key { ctrl: true, ..Key::plain(Code::Delete) }, Motion::WordRight),
    (Key::ctrl('u'), Motion::RowStart),
    (Key::ctrl('k'), Motion::RowEnd),
];

const fn alt(c: char) -> Key {
    Key { alt: true, ..Key::char(c) }
}

fn found(table: &[(Key, Motion)], key: Key) -> Option<Motion> {
    table.iter().find(|(known, _)| *known == key).map(|(_, motion)| *motion)
}

fn in_text(model: &mut Model, key: Key, room: Room, height: usize, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    let text = &mut composer.text;
    let bare = Key { shift: false, ..key };
    if let Some(motion) = found(MOTIONS, bare) {
        if key.shift && !text.is_selecting() {
            text.select();
        }
        // Up from the first row leads into the header.
        if !text.step(motion, room, height) && matches!(motion, Motion::Up) && !text.is_selecting() {
            composer.enter(Field::Subject, out);
        }
        return;
    }
    let changed = match (bare, found(KILLS, bare)) {
        (_, Some(motion)) => {
            let cut = if text.selection().is_some() { text.cut() } else { text.kill(motion) };
            cut.map(|cut| model.composers.clip = cut).is_some()
        }
        (Key { code: Code::Char(c), ctrl: false, alt: false, .. }, _) => {
            text.insert(c);
            true
        }
        (Key { code: Code::Enter, ctrl: false, .. }, _) => {
            text.new_line();
            true
        }
        (Key { code: Code::Backspace, .. } | Key { code: Code::Char('h'), ctrl: true, .. }, _) => text.erase_left(),
        (Key { code: Code::Delete, .. } | Key { code: Code::Char('d'), ctrl: true, .. }, _) => text.erase_right(),
        (Key { code: Code::Char(' '), ctrl: true, .. }, _) => {
            if text.is_selecting() {
                text.unselect()
            } else {
                text.select()
            }
            false
        }
        (Key { code: Code::Char('y'), ctrl: true, .. }, _) => {
            let clip = model.composers.clip.clone();
            return paste_text(model, &clip, out);
        }
        (Key { code: Code::Char('w'), alt: true, .. }, _) => return copy(model, out),
        _ => return unbound(model, key, out),
    };
    if changed && let Some(composer) = model.composers.current_mut() {
        composer.changed(out);
    }
}

fn unbound(model: &mut Model, key: Key, out: &mut Out) {
    let keys = crate::ui::keymap::show_keys(&[key]);
    let help = model.keymap.shown(model.context(), Action::Help).unwrap_or_default();
    model.status.say(format!("{keys} is not bound here; {help} shows keys"), out.now);
}

/// M-w: to the terminal's clipboard as well.
fn copy(model: &mut Model, out: &mut Out) {
    let selected = model.composers.current_mut().and_then(|composer| {
        let selected = composer.text.selected();
        composer.text.unselect();
        selected
    });
    match selected {
        Some(text) => {
            model.composers.clip = text.clone();
            out.effects.push(Effect::Copy(text));
            model.status.say("Copied; C-y puts it in", out.now);
        }
        None => model.status.say("Nothing is selected; Shift with the arrows selects", out.now),
    }
}

/// Pasted text is text: in an address field its lines are addresses.
pub fn paste(model: &mut Model, text: &str, out: &mut Out) {
    model.composers.expecting = false;
    let Some(composer) = model.composers.current_mut() else { return };
    if composer.is_away() {
        let text = composer.why_away();
        return model.status.say(text, out.now);
    }
    let field = composer.at;
    let is_list = !matches!(field, Field::Subject | Field::Text);
    let Some(entry) = composer.entry_mut(field) else {
        paste_text(model, text, out);
        return offer(model, text, out);
    };
    let before = entry.text().get(..entry.line.at()).unwrap_or_default().to_owned();
    let text = if is_list { addresses::joined(text, &before) } else { text.trim_end().to_owned() };
    entry.paste(&text);
    composer.changed(out);
    addresses::ask(model, out);
}

fn paste_text(model: &mut Model, text: &str, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    composer.text.paste(text);
    composer.changed(out);
}

/// A path that was pasted can be attached instead.
fn offer(model: &mut Model, text: &str, out: &mut Out) {
    let Some(path) = edit::path_in(text) else { return };
    let key = model.keymap.shown(model.context(), Action::Attach).unwrap_or_default();
    let shown = DisplayText::capped(&path, 60);
    if let Some(composer) = model.composers.current_mut() {
        composer.offered = Some(path);
        composer.pasted_last = true;
    }
    model.status.say(format!("{key} attaches {shown}"), out.now);
}

/// A click puts the cursor there.
pub fn click(model: &mut Model, mouse: Mouse, place: Rect, out: &mut Out) {
    let usual = model.composers.identities.first().cloned();
    let Some(composer) = model.composers.current_mut() else { return };
    if composer.is_away() {
        return;
    }
    let places = places(composer, usual.as_ref(), place);
    if mouse.row >= places.text.y {
        let cell = mouse.column.saturating_sub(places.text.x);
        composer.enter(Field::Text, out);
        composer.text.unselect();
        composer.text.click(usize::from(mouse.row - places.text.y), usize::from(cell), places.room);
        return;
    }
    match places.rows.get(usize::from(mouse.row.saturating_sub(places.top))) {
        Some(HeaderRow::Entry(field)) => composer.enter(*field, out),
        Some(HeaderRow::Folded) => composer.enter(Field::To, out),
        Some(HeaderRow::Rest) => {
            composer.all_fields = true;
            composer.enter(Field::Cc, out);
        }
        _ => {}
    }
}

/// The pointer is drawn over the text: what lies between is selected.
pub fn drag(model: &mut Model, mouse: Mouse, place: Rect) {
    let usual = model.composers.identities.first().cloned();
    let Some(composer) = model.composers.current_mut().filter(|composer| !composer.is_away() && composer.at == Field::Text) else { return };
    let places = places(composer, usual.as_ref(), place);
    if mouse.row < places.text.y {
        return;
    }
    if !composer.text.is_selecting() {
        composer.text.select();
    }
    let cell = mouse.column.saturating_sub(places.text.x);
    composer.text.click(usize::from(mouse.row - places.text.y), usize::from(cell), places.room);
}

/// The wheel turns the text.
pub fn wheel(model: &mut Model, by: isize) {
    let Some((room, height)) = text_size(model) else { return };
    if let Some(composer) = model.composers.current_mut() {
        composer.text.scroll(by, room, height);
    }
}
