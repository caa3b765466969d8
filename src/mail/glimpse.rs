//! A message at a glance: the first words that stand for it where it is folded, and whether what it quotes was said before
//! it in its thread. Pure, over pages as they are laid out; start at [`Said::glimpse`].

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::ids::MessageId;
use super::page::{Line, Page};
use super::text::DisplayText;

/// Characters of the first words: more than a row shows.
const WORDS: usize = 200;
/// So many words in a row are known again; lines may be broken elsewhere.
const RUN: usize = 4;
/// Runs that are remembered of a thread.
const MOST: usize = 200_000;

/// What is known of a message without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    pub id: MessageId,
    /// The beginning of what it says itself; empty where it says nothing.
    pub words: DisplayText,
    /// What it quotes before and behind its own words stands in the messages before it.
    pub repeats: bool,
}

/// What the messages of a thread said so far.
#[derive(Debug, Default)]
pub struct Said {
    runs: HashSet<u64>,
}

impl Said {
    /// Of the next message of the thread; remembers what it says.
    pub fn glimpse(&mut self, page: &Page) -> Glimpse {
        let edges = quoted_edges(&page.lines);
        let quoted = edges.iter().flat_map(|range| page.lines.get(range.clone()).unwrap_or_default());
        let repeats = !edges.is_empty() && self.holds(&words(quoted));
        for run in words(page.lines.iter()).windows(RUN) {
            if self.runs.len() < MOST {
                self.runs.insert(hash(run));
            }
        }
        Glimpse { id: page.id, words: first_words(&page.lines), repeats }
    }

    /// Most of it: a word may have been mended, a line left out.
    fn holds(&self, words: &[String]) -> bool {
        let known = words.windows(RUN).filter(|run| self.runs.contains(&hash(run))).count();
        known > 0 && known * 10 >= words.windows(RUN).count() * 8
    }
}

fn hash(run: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.hash(&mut hasher);
    hasher.finish()
}

/// Words without their signs; of scripts that put no blanks between words each character is one. Numbers are left out: links
/// are numbered anew in every message.
fn words<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<String> {
    let mut words = Vec::new();
    for line in lines.filter(|line| line.fold.is_none()) {
        for word in line.text().split_whitespace() {
            let mut letters = String::new();
            for c in word.chars().filter(|c| c.is_alphabetic()) {
                if c >= '\u{2e80}' {
                    words.push(c.to_string());
                } else {
                    letters.extend(c.to_lowercase());
                }
            }
            if !letters.is_empty() {
                words.push(letters);
            }
        }
    }
    words
}

/// Whether a line is the message's own: no quote, no blank, no footer and not the line before one.
fn is_own(line: &Line) -> bool {
    line.quote == 0
        && line.fold.is_none()
        && line.text().trim_end() != "--"
        && line.spans.iter().any(|span| !span.meaning.dim && !span.text.as_str().trim().is_empty())
}

/// Whether the line at this place only says whose the quote below it is: "On Monday, Noor wrote:".
fn introduces(lines: &[Line], at: usize) -> bool {
    let mut below = lines.iter().skip(at + 1);
    let is_next_quoted = below.find(|line| line.quote > 0 || is_own(line)).is_some_and(|line| line.quote > 0);
    is_next_quoted && lines.get(at).is_some_and(|line| line.text().trim_end().ends_with(':'))
}

/// The stretches of quotes, of two lines or more, before and behind all that a message says itself. What is quoted in between is
/// answered where it stands; where nothing is its own, nothing is at an edge.
pub fn quoted_edges(lines: &[Line]) -> Vec<Range<usize>> {
    let own: Vec<usize> = (0..lines.len()).filter(|&at| lines.get(at).is_some_and(is_own) && !introduces(lines, at)).collect();
    let (Some(&first), Some(&last)) = (own.first(), own.last()) else { return Vec::new() };
    let edge = |inside: Range<usize>| {
        let mut quoted = inside.filter(|&at| lines.get(at).is_some_and(|line| line.quote > 0));
        let from = quoted.next()?;
        let to = quoted.next_back()? + 1;
        Some(from..to)
    };
    [edge(0..first), edge(last + 1..lines.len())].into_iter().flatten().collect()
}

/// The beginning of what a message says itself, in one line.
fn first_words(lines: &[Line]) -> DisplayText {
    let mut words = String::new();
    for (at, line) in lines.iter().enumerate() {
        let (is_own, line) = (is_own(line) && !introduces(lines, at), line.text());
        if line.trim_end() == "--" || words.chars().count() > WORDS {
            break;
        }
        if !is_own {
            continue;
        }
        words.extend(line.split_whitespace().flat_map(|word| [word, " "]));
    }
    DisplayText::capped(words.trim_end(), WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::page::Span;

    /// Lines with "> " before what is quoted.
    fn page(text: &str) -> Page {
        let line = |text: &str| {
            let quote = text.chars().take_while(|c| *c == '>').count();
            let text = text.get(quote..).unwrap_or_default().trim_start();
            Line { spans: vec![Span { text: DisplayText::new(text), meaning: Default::default() }], quote: quote as u8, ..Line::default() }
        };
        Page { lines: text.lines().map(line).collect(), ..Page::empty(MessageId(1), Default::default()) }
    }

    const PLAN: &str = "Shall we move the two racks on Friday\nor wait until the new power lines are in?\n\n-- \nPriya";

    #[test]
    fn the_first_words_are_the_senders_own() {
        let mut said = Said::default();
        assert_eq!(
            said.glimpse(&page(PLAN)).words.as_str(),
            "Shall we move the two racks on Friday or wait until the new power lines are in?"
        );
        let below = "On Monday, Priya wrote:\n> Shall we move the two racks on Friday\n> or wait?\n\nFriday is fine.";
        assert_eq!(said.glimpse(&page(below)).words.as_str(), "Friday is fine.");
        assert_eq!(said.glimpse(&page("> only\n> quoted")).words.as_str(), "");
    }

    #[test]
    fn quotes_are_at_an_edge_before_and_behind_all_that_is_said() {
        let edges = |text: &str| quoted_edges(&page(text).lines).into_iter().map(|it| (it.start, it.end)).collect::<Vec<_>>();
        assert_eq!(edges("Yes.\n\nOn Monday, Priya wrote:\n> one\n>\n> two\n-- "), [(3, 6)]);
        assert_eq!(edges("Priya wrote:\n> one\n> two\n\nYes."), [(1, 3)]);
        assert_eq!(edges("> one\n> two\nYes.\n> three\n> four\nNo."), [(0, 2)], "what is answered in the middle stays");
        assert_eq!(edges("Yes.\n> one"), [], "one line is no shorter folded");
        assert_eq!(edges("> one\n> two"), [], "nothing would be left");
        assert_eq!(edges("Look at this:\nYes."), []);
    }

    #[test]
    fn a_quote_repeats_only_what_stands_in_the_thread_before_it() {
        let answer = "Friday.\n\nPriya wrote:\n> Shall we move the two racks\n> on Friday or wait until the new power lines\n> are in?";
        let mut said = Said::default();
        assert!(!said.glimpse(&page(answer)).repeats, "nothing was said yet");
        let mut said = Said::default();
        assert!(!said.glimpse(&page(PLAN)).repeats, "it quotes nothing");
        assert!(said.glimpse(&page(answer)).repeats, "broken into other lines");
        let other = "Never.\n\nPriya wrote:\n> I promise to pay you a thousand\n> pounds by the end of the month";
        assert!(!said.glimpse(&page(other)).repeats, "nobody said that");
        let chinese = "我们星期五搬两个机架，还是等新的电源线？\n请告诉我。";
        assert!(!said.glimpse(&page(chinese)).repeats);
        assert!(said.glimpse(&page("好的。\n> 我们星期五搬两个\n> 机架，还是等新的电源线？")).repeats);
    }
}
