//! Addresses being typed: which one the cursor is in, what could be meant by it, and taking a proposal. Lists
//! that come from elsewhere by pasting become one line of them.

use super::Composer;
use crate::mail::draft::Field;
use crate::mail::{Contact, HeaderValue, address};
use crate::ui::event::Effect;
use crate::ui::model::{Model, Out};
use crate::worker::Request;

/// Proposals on screen.
pub const SHOWN: usize = 6;

/// What could be meant by the address being typed.
#[derive(Clone, Debug, Default)]
pub struct Popup {
    /// Of the question; another answer comes too late.
    serial: u64,
    pub found: Vec<Contact>,
    /// None: what is typed is taken as it is.
    pub at: Option<usize>,
}

impl Popup {
    pub fn is_shown(&self) -> bool {
        !self.found.is_empty()
    }

    /// Goes to the next or the one before; above the first is the text as it is typed.
    fn step(&mut self, down: bool) {
        let last = self.found.len().min(SHOWN).saturating_sub(1);
        self.at = match (self.at, down) {
            (None, true) => Some(0),
            (None, false) => None,
            (Some(at), true) => Some((at + 1).min(last)),
            (Some(at), false) => at.checked_sub(1),
        };
    }
}

/// Where the address under the cursor starts, in bytes, and its text up to the cursor.
fn current(text: &str, at: usize) -> (usize, &str) {
    let before = text.get(..at).unwrap_or_default();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (n, c) in before.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => start = n + 1,
            _ => {}
        }
    }
    let typed = before.get(start..).unwrap_or_default();
    (start, typed.trim_start())
}

/// Asks who could be meant, where an address field was changed.
pub fn ask(model: &mut Model, out: &mut Out) {
    let serial = model.composers.serial + 1;
    let Some(composer) = model.composers.current_mut() else { return };
    composer.popup = None;
    if !matches!(composer.at, Field::To | Field::Cc | Field::Bcc) {
        return;
    }
    let Some(entry) = composer.entry(composer.at) else { return };
    let (_, typed) = current(entry.text(), entry.line.at());
    let prefix = typed.trim_start_matches('"').to_owned();
    if prefix.trim().is_empty() {
        return;
    }
    composer.popup = Some(Popup { serial, ..Popup::default() });
    model.composers.serial = serial;
    out.effects.push(Effect::Ask(Request::CompleteAddress { serial, prefix }));
}

/// The answer; one to an older question is dropped.
pub fn completed(model: &mut Model, serial: u64, found: Vec<Contact>) {
    let Some(composer) = model.composers.open.iter_mut().find(|it| it.popup.as_ref().is_some_and(|popup| popup.serial == serial)) else {
        return;
    };
    let Some(entry) = composer.entry(composer.at) else { return };
    let (_, typed) = current(entry.text(), entry.line.at());
    // Whoever typed a whole address is not corrected by Tab.
    let is_whole = address::parse_list(typed).is_ok_and(|list| !list.is_empty());
    let same = |contact: &Contact| contact.address.address.eq_ignore_ascii_case(typed.trim());
    let found: Vec<Contact> = found.into_iter().filter(|contact| !same(contact)).collect();
    composer.popup = Some(Popup { serial, at: (!is_whole && !found.is_empty()).then_some(0), found });
}

/// Chooses in the proposals; false where there are none.
pub fn step(composer: &mut Composer, down: bool) -> bool {
    let Some(popup) = composer.popup.as_mut().filter(|popup| popup.is_shown()) else { return false };
    popup.step(down);
    true
}

/// Takes the chosen proposal into the field; false where none is chosen.
pub fn take(composer: &mut Composer, out: &mut Out) -> bool {
    let chosen = composer.popup.as_ref().and_then(|popup| popup.found.get(popup.at?)).map(|contact| contact.address.typed());
    let Some(chosen) = chosen else { return false };
    let field = composer.at;
    let Some(entry) = composer.entry_mut(field) else { return false };
    let (start, _) = current(entry.text(), entry.line.at());
    let text = entry.text();
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(entry.line.at()..).unwrap_or_default().trim_start_matches([',', ' ']);
    let gap = if before.is_empty() { "" } else { " " };
    let head = format!("{before}{gap}{}, ", HeaderValue::new(&chosen).as_str());
    let at = head.len();
    entry.set(format!("{head}{after}"), at);
    composer.popup = None;
    composer.changed(out);
    true
}

/// A pasted list as one line: lines and ";" become commas.
pub fn joined(text: &str, before: &str) -> String {
    let items: Vec<&str> = text.lines().map(|line| line.trim().trim_matches([',', ';']).trim()).filter(|line| !line.is_empty()).collect();
    let many = items.len() > 1;
    let list = items.join(", ");
    let before = before.trim_end();
    if many && !before.is_empty() && !before.ends_with([',', ';']) { format!(", {list}") } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_under_the_cursor_ends_at_commas_outside_quotes() {
        for (text, expect) in [
            ("", (0, "")),
            ("ada", (0, "ada")),
            ("ada@x.org, pri", (10, "pri")),
            ("\"Raman, Pri", (0, "\"Raman, Pri")),
            ("\"Raman, Priya\" <p@x.org>, no", (25, "no")),
            ("\"a\\\",b", (0, "\"a\\\",b")),
            ("a@x.org; b", (8, "b")),
        ] {
            assert_eq!(current(text, text.len()), expect, "{text}");
        }
    }

    #[test]
    fn pasted_lines_become_one_list() {
        assert_eq!(joined("ada@x.org\r\nbob@x.org,\n\n", ""), "ada@x.org, bob@x.org");
        assert_eq!(joined("ada@x.org\nbob@x.org", "c@x.org"), ", ada@x.org, bob@x.org");
        assert_eq!(joined("one", "before"), "one");
    }

    #[test]
    fn above_the_first_proposal_is_what_is_typed() {
        let contact = |name: &str| Contact { address: crate::mail::Address::new(name, "a@b.c"), sent: 0, seen: 0, last: 0 };
        let mut popup = Popup { serial: 1, found: vec![contact("a"), contact("b")], at: Some(0) };
        let mut seen = Vec::new();
        for down in [true, true, false, false, false, true] {
            popup.step(down);
            seen.push(popup.at);
        }
        assert_eq!(seen, [Some(1), Some(1), Some(0), None, None, Some(0)]);
    }
}
