//! The keys that work here and everywhere, filtered while typing; Enter runs what was found.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choices::{Choice, Choices};
use super::{Next, Overlay, frame, middle};
use crate::ui::action::{ACTIONS, Action, Context, Contexts};
use crate::ui::model::{Model, Out};
use crate::ui::theme::Theme;
use crate::ui::update;

/// The list, for the context it was opened in.
#[derive(Debug)]
pub struct Help {
    pub choices: Choices<Action>,
    context: Context,
}

impl Help {
    pub fn new(model: &Model) -> Self {
        let context = model.context();
        let here = ACTIONS.iter().filter(|spec| spec.contexts.contains(context) && spec.contexts.beside_compose() != Contexts::ALL);
        let everywhere = ACTIONS.iter().filter(|spec| spec.contexts.contains(context) && spec.contexts.beside_compose() == Contexts::ALL);
        let entry = |group, spec: &crate::ui::action::ActionSpec| {
            let keys = model.keymap.all_shown(context, spec.action);
            let doc = spec.doc.trim_end_matches('.');
            Choice {
                group,
                key: keys.join(" "),
                label: if spec.ready { doc.to_owned() } else { format!("{doc} (still to come)") },
                about: String::new(),
                note: format!(":{}", spec.name),
                words: format!("{} {} {}", spec.name, spec.words, spec.hint),
                value: spec.action,
            }
        };
        let entries = here.map(|spec| entry(context.words(), spec)).chain(everywhere.map(|spec| entry("everywhere", spec))).collect();
        Self { choices: Choices::new(entries), context }
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        if self.choices.step(action) {
            return Next::Stay(Overlay::Help(self));
        }
        match action {
            Action::Accept => {
                let Some(chosen) = self.choices.chosen().map(|choice| choice.value) else { return Next::Stay(Overlay::Help(self)) };
                update::run(model, chosen, None, out);
                Next::Close
            }
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Help(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let place = middle(area, 88, area.height.saturating_sub(2).max(3));
        let title = format!("keys: {}", self.context.words());
        let inside = frame(buf, place, &title, "type to search · Enter run it · Esc close", theme, model.settings.icons);
        self.choices.draw(model, theme, inside, "Nothing by that name. Clear the line to see every key.", buf)
    }
}
