//! HTML to lines: a bounded tree ([`tree`]), a rewrite to the few elements that matter ([`rewrite`]), and the
//! layout by html2text, which only ever sees what was written here.

mod align;
mod rewrite;
mod rules;
mod style;
mod table;
mod tree;

use super::links::Links;
use super::pictures::Pictures;
use super::wrap::{self, Paragraph};
use crate::mail::page::{Line, Meaning};
use html2text::render::{TaggedLine, TextDecorator};
pub use rewrite::Counts;
use rewrite::{ITEM_MARK, QUOTE_MARK, picture_at};
use tree::{Child, Tree};

/// Bytes of HTML that are rendered.
pub const MAX_INPUT: usize = 1024 * 1024;
/// Cells of a table's column below which its words would be cut.
const MIN_COLUMN: usize = 10;
/// Elements that are laid out; a document of more is shown as its bare text.
const MAX_LAYOUT: usize = 40_000;

/// Appends the lines of a document for `width` cells; tells what was left out.
pub fn render(html: &str, width: usize, links: &mut Links, pictures: &mut Pictures<'_>, out: &mut Vec<Line>) -> Counts {
    let tree = tree::parse(bounded(html));
    let (clean, counts, mut drawn) = rewrite::rewrite(&tree, links, pictures);
    let laid_out = if tree.elements.len() > MAX_LAYOUT { None } else { lay_out(&clean, width) };
    let from = out.len();
    match laid_out {
        Some(lines) => lines.iter().for_each(|line| append(line, width, &mut drawn, out)),
        None => text_of(&tree).lines().for_each(|line| Paragraph::of(line, Meaning::default()).wrap(width, out)),
    }
    rules::thin(out, from);
    // those whose line was not laid out
    out.extend(drawn.into_iter().flatten());
    counts
}

/// The bare text of a document, blocks on lines of their own.
pub fn text(html: &str) -> String {
    text_of(&tree::parse(bounded(html)))
}

fn bounded(html: &str) -> &str {
    html.get(..html.floor_char_boundary(MAX_INPUT)).unwrap_or(html)
}

fn lay_out(clean: &str, width: usize) -> Option<Vec<TaggedLine<Vec<Mark>>>> {
    let config = html2text::config::with_decorator(Decorator)
        .allow_width_overflow()
        .min_wrap_width(MIN_COLUMN)
        .link_footnotes(false)
        .unicode_strikeout(false);
    config.lines_from_read(clean.as_bytes(), width).ok()
}

fn text_of(tree: &Tree) -> String {
    let hidden = style::Hidden::parse(&tree.style);
    let mut out = String::new();
    gather(tree, 0, &hidden, &mut out);
    out
}

fn gather(tree: &Tree, index: usize, hidden: &style::Hidden, out: &mut String) {
    let Some(element) = tree.elements.get(index) else { return };
    if hidden.is_hidden(element) {
        return;
    }
    let breaks = tree::is_block(&element.tag) || element.tag == "br";
    if breaks {
        end_line(out);
    }
    for child in &element.children {
        match child {
            Child::Text(text) => {
                for word in text.split_whitespace() {
                    if !out.is_empty() && !out.ends_with('\n') && !out.ends_with(' ') {
                        out.push(' ');
                    }
                    out.push_str(word);
                }
            }
            Child::Element(child) => gather(tree, *child, hidden, out),
        }
    }
    if breaks {
        end_line(out);
    }
}

fn end_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// What html2text carries along for each stretch of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    None,
    Link,
    Dim,
    Warning,
    Emphasis,
    Strong,
    /// Struck text; twice a heading, which has no mark of its own there.
    Struck,
    Code,
}

#[derive(Clone, Copy, Debug)]
struct Decorator;

impl TextDecorator for Decorator {
    type Annotation = Mark;

    fn decorate_link_start(&mut self, _url: &str) -> (String, Mark) {
        (String::new(), Mark::Link)
    }

    fn decorate_link_end(&mut self) -> String {
        String::new()
    }

    fn decorate_em_start(&self) -> (String, Mark) {
        (String::new(), Mark::Emphasis)
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, Mark) {
        (String::new(), Mark::Strong)
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, Mark) {
        (String::new(), Mark::Struck)
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, Mark) {
        (String::new(), Mark::Code)
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) -> Mark {
        Mark::Code
    }

    fn decorate_preformat_cont(&self) -> Mark {
        Mark::Code
    }

    /// The only ones left stand for a link's warning.
    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, Mark) {
        (title.to_owned(), Mark::Warning)
    }

    fn header_prefix(&self, _level: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        format!("{QUOTE_MARK} ")
    }

    fn unordered_item_prefix(&self) -> String {
        format!("{ITEM_MARK} ")
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn decorate_superscript_start(&self) -> (String, Mark) {
        (String::new(), Mark::Dim)
    }

    fn decorate_superscript_end(&self) -> String {
        String::new()
    }

    fn make_subblock_decorator(&self) -> Self {
        *self
    }
}

/// Appends one laid-out line: its quote marks become the level, what is too wide is broken. Below it the pictures that stand in it.
fn append(line: &TaggedLine<Vec<Mark>>, width: usize, drawn: &mut [Vec<Line>], out: &mut Vec<Line>) {
    let mut paragraph = Paragraph::new(0);
    paragraph.preformatted = true;
    let mut at_start = true;
    let mut pictures = Vec::new();
    for (piece, marks) in align::pieces(line) {
        let mut text = piece.as_ref();
        while at_start {
            match text.strip_prefix(QUOTE_MARK) {
                Some(rest) => {
                    paragraph.quote = paragraph.quote.saturating_add(1);
                    text = rest.strip_prefix(' ').unwrap_or(rest);
                }
                None => at_start = text.is_empty(),
            }
            if text.is_empty() {
                break;
            }
        }
        let picture = |c: char| picture_at(c).filter(|at| *at < drawn.len());
        pictures.extend(text.chars().filter_map(picture));
        let text = text.replace(QUOTE_MARK, "│").replace(ITEM_MARK, "•").replace(|c| picture(c).is_some(), "");
        paragraph.push(&wrap::expand_tabs(&text), meaning(marks));
    }
    if rewrite::has_letters(paragraph.text()) {
        paragraph.wrap(width, out);
    } else if out.last().is_some_and(|last| !last.is_blank()) {
        out.push(Line { quote: paragraph.quote, ..Line::default() });
    }
    for at in pictures {
        out.append(drawn.get_mut(at).unwrap_or(&mut Vec::new()));
    }
}

fn meaning(marks: &[Mark]) -> Meaning {
    let mut meaning = Meaning::default();
    let mut struck = 0;
    for mark in marks {
        match mark {
            Mark::None => {}
            Mark::Link => meaning.link = true,
            Mark::Dim => (meaning.dim, meaning.link) = (true, false),
            Mark::Warning => (meaning.warning, meaning.link) = (true, false),
            Mark::Emphasis => meaning.emphasis = true,
            Mark::Strong => meaning.strong = true,
            Mark::Struck => struck += 1,
            Mark::Code => meaning.code = true,
        }
    }
    (meaning.heading, meaning.struck) = (struck >= 2, struck % 2 == 1);
    meaning
}

#[cfg(test)]
mod tests;
