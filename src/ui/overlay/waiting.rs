//! The part of the tasks view that tells what waits for its server and what came to nothing: its lines, and taking
//! them back. Which row is which is `tasks.rs`'s to say.

use super::super::event::{Effect, Now};
use super::super::format::date_cell;
use super::super::model::{Model, Out};
use super::super::theme::Token;
use crate::mail::{DisplayText, Mishap, WaitingGroup};
use crate::worker::Request;

/// One line of it.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    Group(&'a WaitingGroup),
    Mishap(&'a Mishap),
}

/// How many lines there are.
pub fn count(model: &Model) -> usize {
    model.status.waits.groups.len() + model.status.waits.mishaps.len()
}

/// What waits comes first.
pub fn line(model: &Model, at: usize) -> Option<Line<'_>> {
    let waits = &model.status.waits;
    let group = waits.groups.get(at).map(Line::Group);
    group.or_else(|| waits.mishaps.get(at - waits.groups.len().min(at)).map(Line::Mishap))
}

type Cell = (String, Token);

/// What it is, and of whom since when.
pub fn cells(model: &Model, line: Line<'_>, now: &Now) -> (Cell, Cell) {
    let of = |account, at: Option<i64>| {
        let when = at.map(|at| format!(", {}", date_cell(at, &now.wall, model.settings.dates).trim())).unwrap_or_default();
        format!("({}{when})", model.account_name(account))
    };
    match line {
        Line::Group(group) => {
            let label = DisplayText::new(&group.label()).into_string();
            let (text, token) = match &group.refused {
                Some(why) => (format!("{label}: refused ({}), tried again by itself", DisplayText::capped(why, 200)), Token::Warning),
                None => (format!("waiting: {label}"), Token::Dim),
            };
            ((text, token), (of(group.account, group.since), Token::Dim))
        }
        Line::Mishap(mishap) => {
            let text = format!("{}: {}", DisplayText::new(&mishap.what), DisplayText::capped(&mishap.why, 300));
            ((text, Token::Warning), (of(mishap.account, Some(mishap.at)), Token::Dim))
        }
    }
}

/// Takes back the groups among these lines, each row only where it still waits for that, and takes mishaps off.
pub fn take_back(model: &mut Model, lines: std::ops::RangeInclusive<usize>, out: &mut Out) {
    let (mut groups, mut labels, mut seen, mut fixed) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for at in lines {
        match line(model, at) {
            Some(Line::Group(group)) if group.is_revocable() => {
                groups.push((group.account, group.wait.clone()));
                labels.push(group.label());
            }
            Some(Line::Group(_)) => fixed += 1,
            Some(Line::Mishap(mishap)) => seen.push(mishap.id),
            None => {}
        }
    }
    if groups.is_empty() && fixed > 0 {
        model.status.say("It was written here and is nowhere else yet, or only an answer is awaited: it can't be taken back", out.now);
    }
    if !groups.is_empty() {
        let label = match labels.as_slice() {
            [one] => format!("Took back: {one}"),
            many => format!("Took back {} changes that waited", many.len()),
        };
        out.effects.push(Effect::Ask(Request::TakeBack { groups, label }));
    }
    if !seen.is_empty() {
        out.effects.push(Effect::Ask(Request::ForgetMishaps { ids: seen }));
    }
    model.need.waits = true;
}
