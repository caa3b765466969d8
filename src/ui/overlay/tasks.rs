//! What runs, what is in the outbox, and which changes are not yet on their server.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::Sheet;
use super::{Next, Overlay, frame, middle, put, waiting};
use crate::mail::{DisplayText, JobId, OutItem, OutboxId, Stage};
use crate::ui::action::Action;
use crate::ui::event::{Effect, Now};
use crate::ui::folders::cursor_bar;
use crate::ui::format::{count, width};
use crate::ui::model::{Model, Out};
use crate::ui::outbox;
use crate::ui::theme::{Theme, Token};
use crate::worker::Request;

/// The view; the jobs come first, then the outbox, then the waiting changes.
#[derive(Debug, Default)]
pub struct Tasks {
    at: usize,
    /// A message that the next x drops.
    armed: Option<OutboxId>,
    /// Where a range of waiting changes begins.
    from: Option<usize>,
}

/// Narrower screens put the recipients on a row of their own.
const WIDE: u16 = 60;

/// What a row stands for.
enum Entry<'a> {
    Job(JobId),
    Out(&'a OutItem),
    /// By its number among the waiting changes and what came to nothing.
    Waiting(usize),
}

fn entry(model: &Model, at: usize) -> Option<Entry<'_>> {
    let jobs = model.status.jobs.len();
    if let Some(job) = model.status.jobs.get(at) {
        return Some(Entry::Job(job.id));
    }
    let out = outbox::shown(model).nth(at - jobs);
    let count = outbox::shown(model).count();
    out.map(Entry::Out).or_else(|| waiting::line(model, (at - jobs).checked_sub(count)?).map(|_| Entry::Waiting(at - jobs - count)))
}

impl Tasks {
    /// With the cursor on the outbox.
    pub fn at_outbox(model: &Model) -> Self {
        Self { at: model.status.jobs.len(), ..Self::default() }
    }

    pub fn act(mut self, model: &mut Model, action: Action, steps: u32, out: &mut Out) -> Next {
        let rows = model.status.jobs.len() + outbox::shown(model).count() + waiting::count(model);
        let last = rows.saturating_sub(1);
        self.at = self.at.min(last);
        let steps = steps as usize;
        let armed = self.armed.take();
        let item = match entry(model, self.at) {
            Some(Entry::Out(item)) => Some(item.clone()),
            _ => None,
        };
        match (action, item) {
            (Action::Down, _) => self.at = (self.at + steps).min(last),
            (Action::Up, _) => self.at = self.at.saturating_sub(steps),
            (Action::First, _) => self.at = 0,
            (Action::Last, _) => self.at = last,
            (Action::CancelTask, Some(item)) => self.drop_message(model, &item, armed, out),
            (Action::CancelTask | Action::Undo, None) => match entry(model, self.at) {
                Some(Entry::Job(job)) if action == Action::CancelTask => out.effects.push(Effect::Ask(Request::Cancel(job))),
                Some(Entry::Waiting(line)) => {
                    let first = self.at - line;
                    let anchor = self.from.take().unwrap_or(self.at + steps.saturating_sub(1)).max(first);
                    waiting::take_back(model, self.at.min(anchor) - first..=self.at.max(anchor) - first, out);
                }
                _ => return Next::Pass(Overlay::Tasks(self)),
            },
            (Action::SelectLines, _) => self.from = if self.from.is_some() { None } else { Some(self.at) },
            (Action::Undo | Action::Unsend, Some(item)) => return self.take_back(model, &item, out),
            (Action::SendNow, Some(item)) => send_now(model, &item, out),
            (Action::Open, Some(item)) => return self.open(model, &item, out),
            (Action::Close | Action::Cancel | Action::Interrupt | Action::Tasks | Action::Outbox, _) => return Next::Close,
            (action, _) if super::is_global(action) => return Next::Pass(Overlay::Tasks(self)),
            _ => {}
        }
        Next::Stay(Overlay::Tasks(self))
    }

    /// What the key of `cancel-task` does to the row under the cursor; None: nothing.
    pub fn cancel_words(&self, model: &Model) -> Option<&'static str> {
        match entry(model, self.at)? {
            Entry::Job(_) => Some("cancel task"),
            Entry::Out(item) if outbox::is_refused_for_some(item) => Some("dismiss"),
            Entry::Out(_) => Some("drop message"),
            Entry::Waiting(n) => match waiting::line(model, n)? {
                waiting::Line::Group(group) => group.is_revocable().then_some("take back"),
                waiting::Line::Mishap(_) => Some("dismiss"),
            },
        }
    }

    /// u: back into the composer, while the server has not got it; or a new one to those for whom it was refused.
    fn take_back(self, model: &mut Model, item: &OutItem, out: &mut Out) -> Next {
        let is_open = matches!(item.stage, Stage::Held | Stage::Queued | Stage::Refused) || outbox::is_refused_for_some(item);
        let can = is_open && item.has_draft;
        if !can {
            let why = match item.stage {
                Stage::Held | Stage::Queued | Stage::Refused => "It was not written here, so there is no draft to go back to; x drops it",
                Stage::Filed => "It was not written here; write to them yourself. x forgets this",
                Stage::Unknown => "It may have been sent; look in Sent. x drops it here",
                _ => "The server is taking it, or has it already",
            };
            model.status.say(why, out.now);
            return Next::Stay(Overlay::Tasks(self));
        }
        out.effects.push(Effect::Ask(Request::Unsend { id: item.id }));
        Next::Close
    }

    /// Enter: edit it where it can be edited, else what became of each recipient.
    fn open(self, model: &mut Model, item: &OutItem, out: &mut Out) -> Next {
        if item.stage == Stage::Refused && item.has_draft {
            return self.take_back(model, item, out);
        }
        let subject = (outbox::subject(item), Token::Heading);
        let lines = std::iter::once(subject).chain(outbox::details(item)).collect();
        model.overlays.push(Overlay::Sheet(Sheet::new("in the outbox", lines)));
        Next::Stay(Overlay::Tasks(self))
    }

    /// x: forgets it, at the second time.
    fn drop_message(&mut self, model: &mut Model, item: &OutItem, armed: Option<OutboxId>, out: &mut Out) {
        match item.stage {
            Stage::Sending | Stage::HandingOver | Stage::Accepted => {
                model.status.say("The server is taking it, or has it already", out.now);
            }
            Stage::Filed => out.effects.push(Effect::Ask(Request::DropOutgoing { id: item.id })),
            _ if armed == Some(item.id) => {
                out.effects.push(Effect::Ask(Request::DropOutgoing { id: item.id }));
            }
            _ => {
                self.armed = Some(item.id);
                let key = model.keymap.shown(model.context(), Action::CancelTask).unwrap_or_else(|| "x".to_owned());
                model.status.say(format!("{key} again drops {}: it is not sent, and is gone", outbox::subject(item)), out.now);
            }
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, now: &Now, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let lines = lines(model, now, area.width >= WIDE);
        let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).max(7);
        let place = middle(area, 100, rows.min(area.height.saturating_sub(4).max(5)));
        let keys = match entry(model, self.at) {
            Some(Entry::Out(item)) if outbox::is_refused_for_some(item) && area.width < WIDE => "u write to them · x dismiss · q",
            Some(Entry::Out(item)) if outbox::is_refused_for_some(item) => "u write to them again · x dismiss · Enter details · q",
            Some(Entry::Out(_)) if area.width < WIDE => "u back · s send · x drop · q",
            Some(Entry::Out(_)) => "u take back · s send now · x drop · Enter details · q",
            Some(Entry::Waiting(_)) => "x take back · v several · q close",
            _ => "x cancel · q close",
        };
        let inside = frame(buf, place, "tasks and outbox", keys, theme, model.settings.icons);
        if lines.is_empty() {
            put(
                buf,
                inside.x,
                inside.y,
                "Nothing runs, nothing waits to be sent, every change is on its server.",
                usize::from(inside.width),
                theme.style(Token::Dim),
            );
            return None;
        }
        let entries = lines.last().map_or(0, |(entry, ..)| entry + 1);
        let at = self.at.min(entries.saturating_sub(1));
        let end = lines.iter().rposition(|(entry, ..)| *entry == at).map_or(0, |last| last + 1);
        let top = end.saturating_sub(usize::from(inside.height));
        let mut cursor = None;
        for (y, (n, text, state)) in (inside.y..inside.bottom()).zip(lines.iter().skip(top)) {
            if self.from.is_some_and(|from| (from.min(at)..=from.max(at)).contains(n)) {
                buf.set_style(Rect { x: inside.x, y, width: inside.width, height: 1 }, theme.style(Token::SelectedDim));
            }
            if *n == at && cursor.is_none() {
                put(buf, inside.x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
                cursor = Some((inside.x, y));
            }
            let room = usize::from(inside.width.saturating_sub(2));
            let least = width(&text.0).min(room / 3);
            let for_state = (width(&state.0) + 2).min(room.saturating_sub(least));
            let used = put(buf, inside.x + 2, y, &text.0, room.saturating_sub(for_state).max(least), theme.style(text.1));
            put(buf, inside.x + 4 + used, y, &state.0, room.saturating_sub(usize::from(used) + 2), theme.style(state.1));
        }
        cursor
    }
}

fn send_now(model: &mut Model, item: &OutItem, out: &mut Out) {
    match item.stage {
        Stage::Held | Stage::Queued => {
            out.effects.push(Effect::Ask(Request::SendNow { id: item.id }));
            model.status.say(format!("Sending {}", outbox::subject(item)), out.now);
        }
        Stage::Filed => model.status.say("The others have it. Write to those it was refused for (u), or dismiss this (x)", out.now),
        Stage::Refused | Stage::Unknown => model.status.say("Take it back (u) or drop it (x); it is not sent again as it is", out.now),
        _ => model.status.say("The server is taking it, or has it already", out.now),
    }
}

type Cell = (String, Token);

/// The lines with the number of their entry: what it is, and how it stands.
fn lines(model: &Model, now: &Now, wide: bool) -> Vec<(usize, Cell, Cell)> {
    let none = || (String::new(), Token::Dim);
    let mut lines: Vec<(usize, Cell, Cell)> = Vec::new();
    let next = |lines: &[(usize, Cell, Cell)]| lines.last().map_or(0, |(entry, ..)| entry + 1);
    for job in &model.status.jobs {
        let total = job.total.map_or(String::new(), |total| format!(" of {}", count(total)));
        lines.push((next(&lines), (format!("{}  {}{total}", DisplayText::new(&job.label), count(job.done)), Token::Text), none()));
    }
    for item in outbox::shown(model) {
        let (n, subject, to) = (next(&lines), outbox::subject(item), format!("to {}", outbox::recipients(item)));
        if wide {
            lines.push((n, (format!("{subject} {to}"), Token::Text), outbox::state(item, now)));
        } else {
            lines.push((n, (subject, Token::Text), outbox::state(item, now)));
            lines.push((n, (format!("  {to}"), Token::Dim), none()));
        }
    }
    for change in (0..waiting::count(model)).filter_map(|at| waiting::line(model, at)) {
        let (text, state) = waiting::cells(model, change, now);
        lines.push((next(&lines), text, state));
    }
    lines
}
