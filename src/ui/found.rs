//! What is searched for, where it is on screen: the words of the search that is shown and of `\`, and
//! the tint on each of their places.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::format::width;
use super::model::Model;
use super::theme::{Theme, Token};
use crate::mail::query::Test;

/// Where a word may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Sender,
    Subject,
    Text,
}

/// The words, in lower case, that are searched for in this part of a message.
pub fn words(model: &Model, part: Part) -> Vec<String> {
    let query = model.list.listing.as_ref().and_then(|listing| listing.query.as_ref());
    let terms = query.into_iter().flat_map(|query| &query.terms).filter(|term| !term.negated);
    let of_query = terms.filter_map(|term| match (&term.test, part) {
        (Test::Any(word), _) => Some(word),
        (Test::From(word), Part::Sender) | (Test::Subject(word), Part::Subject) | (Test::Body(word), Part::Text) => Some(word),
        _ => None,
    });
    let jump = model.jump.iter().filter(|_| part != Part::Text);
    of_query.chain(jump).map(|word| word.to_lowercase()).filter(|word| !word.is_empty()).collect()
}

/// Tints every place of `word` (lower case) in a text that was drawn from the start of `place`.
pub fn tint(theme: &Theme, text: &str, word: &str, place: Rect, buf: &mut Buffer) {
    let lower = text.to_lowercase();
    // Lower-casing may change lengths (İ); then places can't be told and nothing is tinted.
    if lower.len() != text.len() || word.is_empty() {
        return;
    }
    for (at, found) in lower.match_indices(word) {
        let (Some(before), Some(inside)) = (text.get(..at), text.get(at..at + found.len())) else { continue };
        let x = place.x.saturating_add(u16::try_from(width(before)).unwrap_or(u16::MAX));
        if x < place.right() {
            let wide = u16::try_from(width(inside)).unwrap_or(u16::MAX).min(place.right() - x);
            buf.set_style(Rect { x, width: wide, ..place }.intersection(buf.area), theme.style(Token::Match));
        }
    }
}
