//! The outbox as people read it: states in words, what changed since it was told last, and what waits when the
//! program is left. The list itself is drawn in `overlay/tasks.rs`.

use std::sync::Arc;

use super::composer::clock;
use super::event::Now;
use super::model::{Model, Out};
use super::theme::Token;
use crate::mail::outgoing::Fate;
use crate::mail::{DisplayText, OutItem, Stage};

/// Takes the worker's list; what became of a message since is said once.
pub fn changed(model: &mut Model, items: Arc<[OutItem]>, out: &mut Out) {
    let before = std::mem::replace(&mut model.outbox, items.clone());
    for item in items.iter() {
        let was = before.iter().find(|old| old.id == item.id).map(|old| old.stage);
        if was == Some(item.stage) {
            continue;
        }
        let subject = subject(item);
        match item.stage {
            // At the start it is old news.
            _ if was.is_none() => {}
            Stage::Accepted | Stage::Filed if is_refused_for_some(item) => {
                let text = format!("Sent: {subject}, but it was refused for {} (w)", why(item));
                model.status.failed(text, out.now);
            }
            Stage::Accepted | Stage::Filed if !matches!(was, Some(Stage::Accepted | Stage::Filed)) => {
                model.status.say(format!("Sent: {subject}"), out.now);
            }
            Stage::Refused => model.status.failed(format!("Not sent: {subject}: {}", why(item)), out.now),
            Stage::Unknown => {
                model.status.failed(format!("{subject}: the server's answer was lost; look in Sent before sending it again (w)"), out.now);
            }
            _ => {}
        }
    }
}

/// Those that are still of interest.
pub fn shown(model: &Model) -> impl Iterator<Item = &OutItem> {
    model.outbox.iter().filter(|item| item.stage != Stage::Filed || is_refused_for_some(item))
}

/// It is with its other recipients; the user is to know until x.
pub fn is_refused_for_some(item: &OutItem) -> bool {
    item.stage == Stage::Filed && refused(item).next().is_some()
}

/// For whom it was refused, with the server's words.
fn refused(item: &OutItem) -> impl Iterator<Item = (&str, &str)> {
    item.recipients.iter().filter_map(|to| match &to.fate {
        Fate::Refused(words) => Some((to.address.as_str(), words.as_str())),
        _ => None,
    })
}

fn is_wrong(item: &OutItem) -> bool {
    matches!(item.stage, Stage::Refused | Stage::Unknown)
}

/// "outbox 1", or nothing.
pub fn badge(model: &Model) -> Option<(String, Token)> {
    let count = shown(model).count();
    let wrong = shown(model).any(|item| is_wrong(item) || is_refused_for_some(item));
    (count > 0).then(|| (format!("outbox {count}"), if wrong { Token::Failed } else { Token::Dim }))
}

/// What stays when the program is left.
pub fn farewell(model: &Model) -> Option<String> {
    let waits = |item: &&OutItem| !is_wrong(item) && !matches!(item.stage, Stage::Accepted | Stage::Filed);
    let waiting = shown(model).filter(waits).count();
    let wrong = shown(model).filter(|item| is_wrong(item)).count();
    let mut parts = Vec::new();
    if waiting > 0 {
        parts.push(format!("{} in the outbox: sent when due, at the next start or by `postrider sync`", messages(waiting)));
    }
    if wrong > 0 {
        parts.push(format!("{} not sent; `postrider outbox` tells why", messages(wrong)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// The subject for a line.
pub fn subject(item: &OutItem) -> String {
    let clean = DisplayText::capped(&item.subject, 60).into_string();
    if clean.trim().is_empty() { "(no subject)".to_owned() } else { format!("“{}”", clean.trim()) }
}

/// "Ada, bob@x.org and 3 more".
pub fn recipients(item: &OutItem) -> String {
    let names: Vec<String> = item.recipients.iter().take(2).map(|to| DisplayText::capped(&to.address, 60).into_string()).collect();
    let more = item.recipients.len().saturating_sub(names.len());
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

fn why(item: &OutItem) -> String {
    let refused = refused(item).next().map(|(_, words)| words.to_owned());
    let text = item.error.clone().or(refused).unwrap_or_else(|| "the server does not take it".to_owned());
    DisplayText::capped(text.trim(), 200).into_string()
}

/// The state in words.
pub fn state(item: &OutItem, now: &Now) -> (String, Token) {
    let time = clock(item.not_before, now);
    let is_ahead = item.not_before > now.wall.timestamp().as_second();
    match item.stage {
        Stage::Held => (time, Token::Dim),
        Stage::Queued => match (&item.error, is_ahead) {
            (Some(_), true) => (format!("again {time}: {}", why(item)), Token::Warning),
            (Some(_), false) => (format!("waiting: {}", why(item)), Token::Warning),
            (None, true) => (time, Token::Dim),
            (None, false) => ("waiting".to_owned(), Token::Dim),
        },
        Stage::Sending | Stage::HandingOver => ("sending".to_owned(), Token::Accent),
        Stage::Accepted => ("sent; its copy in Sent is still to be made".to_owned(), Token::Done),
        Stage::Filed if is_refused_for_some(item) => (format!("sent, but refused for {}", why(item)), Token::Failed),
        Stage::Filed => ("sent".to_owned(), Token::Done),
        Stage::Refused => (format!("refused: {}", why(item)), Token::Failed),
        Stage::Unknown => ("answer unknown: look in Sent before sending again".to_owned(), Token::Failed),
    }
}

/// Recipients with what became of each, for the details.
pub fn details(item: &OutItem) -> Vec<(String, Token)> {
    let line = |address: &str, words: &str| format!("{}: {}", DisplayText::capped(address, 80), DisplayText::capped(words, 300));
    let mut lines: Vec<(String, Token)> = item
        .recipients
        .iter()
        .map(|to| match &to.fate {
            Fate::Pending => (line(&to.address, "not tried yet"), Token::Text),
            Fate::Accepted => (line(&to.address, "taken by the server"), Token::Done),
            Fate::Deferred(words) => (line(&to.address, &format!("later: {words}")), Token::Warning),
            Fate::Refused(words) => (line(&to.address, &format!("refused: {words}")), Token::Failed),
        })
        .collect();
    if let Some(error) = &item.error {
        lines.push((DisplayText::capped(error, 400).into_string(), Token::Warning));
    }
    lines.push((format!("account {}, {} tries", DisplayText::new(&item.account), item.attempts), Token::Dim));
    lines
}
