//! The command line and the palette in one: names with arguments after `:`, found by what they do as well,
//! with Tab to complete and the bound key beside each entry.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choices::{Choice, Choices};
use super::{Next, Overlay, folder, frame, middle};
use crate::mail::{MailboxId, nearest};
use crate::ui::action::{self, ACTIONS, Action, Argument, Context, Contexts};
use crate::ui::model::{Model, Out};
use crate::ui::theme::Theme;
use crate::ui::{go, update};

/// What an entry does.
#[derive(Clone, Debug)]
pub enum Entry {
    Run(Action),
    Go(MailboxId),
    /// Completes the argument of an action.
    Argument(Action, String),
}

/// The palette, for the context it was opened in.
#[derive(Debug)]
pub struct Command {
    pub choices: Choices<Entry>,
    all: Vec<Choice<Entry>>,
    context: Context,
}

/// Sort orders by name.
const SORTS: &[(&str, Action)] = &[
    ("received", Action::SortReceived),
    ("date", Action::SortDate),
    ("from", Action::SortFrom),
    ("subject", Action::SortSubject),
    ("size", Action::SortSize),
    ("reverse", Action::SortReverse),
];

impl Command {
    pub fn new(model: &Model) -> Self {
        let context = model.context();
        let actions = ACTIONS.iter().filter(|spec| spec.contexts.contains(context) || spec.contexts == Contexts::LIST);
        let actions = actions.filter(|spec| !Contexts::TYPING.contains(context) || spec.contexts != Contexts::TYPING).map(|spec| Choice {
            group: "",
            key: String::new(),
            label: spec.name.to_owned(),
            about: if spec.ready { spec.doc.trim_end_matches('.').to_owned() } else { "(still to come)".to_owned() },
            note: model.keymap.shown(context, spec.action).unwrap_or_default(),
            words: format!("{} {} {}", spec.hint, spec.words, spec.doc),
            value: Entry::Run(spec.action),
        });
        let mut actions: Vec<Choice<Entry>> = actions.collect();
        // What belongs to this screen stands first.
        actions.sort_by_key(|choice| match choice.value {
            Entry::Run(action) => (!action.spec().ready, !action.spec().contexts.contains(context), action.order()),
            Entry::Go(_) | Entry::Argument(..) => (false, false, 0),
        });
        let folders = folder::choices(model).into_iter().map(|choice| Choice {
            group: "",
            key: String::new(),
            label: format!("go-folder {}", choice.label),
            about: String::new(),
            note: choice.note,
            words: choice.words,
            value: Entry::Go(choice.value),
        });
        let all: Vec<Choice<Entry>> = actions.into_iter().chain(folders).collect();
        Self { choices: Choices::new(all.clone()), all, context }
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        if self.choices.step(action) {
            return Next::Stay(Overlay::Command(self));
        }
        match action {
            Action::Accept => {
                self.accept(model, out);
                Next::Close
            }
            Action::Complete => {
                if let Some(choice) = self.choices.chosen() {
                    let text = match &choice.value {
                        Entry::Run(action) if action.spec().argument != Argument::None => format!("{} ", choice.label),
                        Entry::Argument(action, text) => format!("{} {text}", action.spec().name),
                        _ => choice.label.clone(),
                    };
                    self.choices.line.set(text);
                    self.refresh(model);
                }
                Next::Stay(Overlay::Command(self))
            }
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Command(self)),
        }
    }

    fn accept(self, model: &mut Model, out: &mut Out) {
        let text = self.choices.line.text().trim().to_owned();
        let (name, argument) = text.split_once(' ').unwrap_or((&text, ""));
        match (Action::find(name), self.choices.chosen().map(|choice| choice.value.clone())) {
            // A chosen completion replaces a half-typed argument.
            (Some(action), Some(Entry::Argument(_, full))) if !argument.is_empty() => run_with(model, action, &full, out),
            (Some(action), _) => run_with(model, action, argument.trim(), out),
            (None, Some(Entry::Run(action))) => update::run(model, action, None, out),
            (None, Some(Entry::Go(mailbox))) => go::mailbox(model, mailbox),
            (None, Some(Entry::Argument(action, text))) => run_with(model, action, &text, out),
            (None, None) => {
                let near = nearest(name, action::names()).map_or(String::new(), |near| format!("; did you mean {near}?"));
                model.status.say(format!("No command is called \"{}\"{near}", update::shown(name)), out.now);
            }
        }
    }

    /// The entries for what is typed: all of them, or the argument's.
    fn refresh(&mut self, model: &Model) {
        let text = self.choices.line.text().to_owned();
        let line = std::mem::take(&mut self.choices.line);
        let named = text.split_once(' ').and_then(|(name, rest)| Some((Action::find(name)?, rest)));
        match named {
            Some((action, rest)) if matches!(action.spec().argument, Argument::Mailbox | Argument::Sort) => {
                self.choices = Choices::new(arguments(model, action));
                self.choices.filter_by(rest);
            }
            _ => {
                self.choices = Choices::new(self.all.clone());
                self.choices.filter_by(text.trim());
            }
        }
        self.choices.line = line;
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let rows = area.height.saturating_sub(4).clamp(5, 18);
        let title = if self.context == Context::List { "command".to_owned() } else { format!("command: {}", self.context.words()) };
        let inside = frame(buf, middle(area, 88, rows), &title, "Enter run · Tab complete · Esc", theme, model.settings.icons);
        self.choices.draw(model, theme, inside, "No command matches.", buf)
    }
}

/// The text of the command line changed.
pub fn typed(model: &mut Model) {
    if let Some(Overlay::Command(mut it)) = model.overlays.pop() {
        it.refresh(model);
        model.overlays.push(Overlay::Command(it));
    }
}

fn arguments(model: &Model, action: Action) -> Vec<Choice<Entry>> {
    let choice = |label: String, note: String, words: String| Choice {
        group: "",
        key: String::new(),
        value: Entry::Argument(action, label.clone()),
        label,
        about: String::new(),
        note,
        words,
    };
    match action.spec().argument {
        Argument::Mailbox => folder::choices(model).into_iter().map(|it| choice(it.label, it.note, it.words)).collect(),
        Argument::Sort => SORTS.iter().map(|(name, _)| choice((*name).to_owned(), String::new(), String::new())).collect(),
        _ => Vec::new(),
    }
}

/// Runs an action with what stands after its name.
pub fn run_with(model: &mut Model, action: Action, argument: &str, out: &mut Out) {
    if argument.is_empty() {
        return update::run(model, action, None, out);
    }
    match action.spec().argument {
        Argument::None => model.status.say(format!("{} takes nothing after it", action.spec().name), out.now),
        Argument::Number => match argument.parse::<u32>() {
            Ok(count) => update::run(model, action, Some(count), out),
            Err(_) => model.status.say(format!("{} takes a number", action.spec().name), out.now),
        },
        Argument::Mailbox => match folder::find(model, argument) {
            Ok(mailbox) => folder::chosen(model, action, mailbox, out),
            Err(problem) => model.status.say(problem, out.now),
        },
        Argument::Sort => match SORTS.iter().find(|(name, _)| *name == argument) {
            Some((_, sort)) => update::run(model, *sort, None, out),
            None => model.status.say("Sort by received, date, from, subject, size, or reverse", out.now),
        },
        Argument::Text => update::run_with_text(model, action, argument, out),
    }
}
