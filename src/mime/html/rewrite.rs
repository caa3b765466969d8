//! A tree of foreign HTML to the few elements that are laid out: hidden things, pictures and layout tables
//! are gone, links are numbered, and all of it is well-formed.

use super::align::RIGHT_MARK;
use super::style::{self, Hidden};
use super::tree::{Child, Element, Tree, is_block};
use crate::mail::DisplayText;
use crate::mail::page::Line;
use crate::mail::url::begins;
use crate::mime::links::Links;
use crate::mime::pictures::Pictures;
use std::collections::HashSet;

/// What was left out or noticed on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub remote_images: u32,
    /// Remote pictures of a pixel, which are there to tell that a message was opened.
    pub pixels: u32,
    pub hidden_texts: u32,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.remote_images += other.remote_images;
        self.pixels += other.pixels;
        self.hidden_texts += other.hidden_texts;
    }
}

/// Bytes of a link's text that are compared with its target.
const MAX_LINK_TEXT: usize = 240;
/// Levels of quotes and lists that are indented.
const MAX_INDENT: u32 = 8;

/// Stand for the marks of quotes and list items in the laid-out lines. html2text wants prefixes of one byte
/// a cell; foreign text can't hold these, because its controls are gone before.
pub const QUOTE_MARK: char = '\u{1}';
pub const ITEM_MARK: char = '\u{2}';
/// The first of the characters that stand for pictures, in their order. A sender who writes one moves his own picture, if there is any.
const PICTURE_MARK: u32 = 0xf_0000;
const MAX_MARKS: u32 = 0x100;

/// Which picture a character stands for.
pub fn picture_at(c: char) -> Option<usize> {
    let at = u32::from(c).checked_sub(PICTURE_MARK).filter(|at| *at < MAX_MARKS)?;
    usize::try_from(at).ok()
}

/// Rewrites the tree; the result is for html2text only. The lines are those of the pictures that are marked in it.
pub fn rewrite(tree: &Tree, links: &mut Links, pictures: &mut Pictures<'_>) -> (String, Counts, Vec<Vec<Line>>) {
    let mut writer = Writer {
        tree,
        hidden: hidden_elements(tree),
        links,
        pictures,
        drawn: Vec::new(),
        out: String::new(),
        counts: Counts::default(),
        quotes: 0,
        lists: 0,
        pre: 0,
        is_struck: false,
        is_right: false,
        mark: None,
        worded: HashSet::new(),
    };
    writer.worded = writer.worded_targets();
    writer.children(0, false);
    (writer.out, writer.counts, writer.drawn)
}

/// Which elements their sender hides; asked often, so told once.
fn hidden_elements(tree: &Tree) -> Vec<bool> {
    let hidden = Hidden::parse(&tree.style);
    tree.elements.iter().map(|element| hidden.is_hidden(element)).collect()
}

/// Writes the clean HTML; its tables are in [`super::table`].
pub(super) struct Writer<'a, 'p> {
    pub(super) tree: &'a Tree,
    /// For each element.
    hidden: Vec<bool>,
    links: &'a mut Links,
    pictures: &'a mut Pictures<'p>,
    drawn: Vec<Vec<Line>>,
    pub(super) out: String,
    pub(super) counts: Counts,
    quotes: u32,
    lists: u32,
    pre: u32,
    is_struck: bool,
    /// In a cell whose text stands at the right.
    pub(super) is_right: bool,
    /// Behind which child of which element the number of the open link goes.
    mark: Option<((usize, usize), u32)>,
    /// Targets that some link has words for; pictures that lead there too are left out.
    worded: HashSet<String>,
}

impl Writer<'_, '_> {
    pub(super) fn is_hidden(&self, index: usize) -> bool {
        self.hidden.get(index).copied().unwrap_or(false)
    }

    /// `unseen`: the text has no size here.
    pub(super) fn children(&mut self, index: usize, unseen: bool) {
        let tree = self.tree;
        let Some(element) = tree.elements.get(index) else { return };
        for (at, child) in element.children.iter().enumerate() {
            match child {
                Child::Text(text) if unseen && self.pre == 0 => self.counts.hidden_texts += u32::from(has_letters(text)),
                Child::Text(text) => self.text(text),
                Child::Element(child) => self.element(*child, unseen),
            }
            if let Some((place, number)) = self.mark
                && place == (index, at)
            {
                self.mark = None;
                self.number(number);
            }
        }
    }

    /// The number behind a link and, where its text names another host, its own; their element carries the look.
    fn number(&mut self, number: u32) {
        match self.links.warning(number) {
            Some(warning) => {
                self.out.push_str("<img src=\"!\" alt=\"\u{a0}");
                // no host holds a quote; one that does must not end the attribute
                self.text(&warning.replace('"', "”"));
                self.out.push_str("\">");
            }
            None => self.out.push_str(&format!("<sup>\u{a0}[{number}]</sup>")),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        let mut in_word = !self.is_right;
        for c in text.chars() {
            if !in_word && !c.is_whitespace() {
                self.out.push(RIGHT_MARK);
            }
            in_word = !self.is_right || !c.is_whitespace();
            match c {
                RIGHT_MARK => {}
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '\n' | '\t' | ' ' => self.out.push(c),
                '\r' => {}
                c if c.is_control() => self.out.push_str(DisplayText::new(c.encode_utf8(&mut [0; 4])).as_str()),
                c => self.out.push(c),
            }
        }
    }

    pub(super) fn element(&mut self, index: usize, unseen: bool) {
        let Some(element) = self.tree.elements.get(index) else { return };
        if self.is_hidden(index) {
            self.counts.hidden_texts += u32::from(self.any_letters(index));
            self.count_images(index);
            return;
        }
        let unseen = style::zero_font(element).unwrap_or(unseen);
        match element.tag.as_str() {
            "svg" | "math" | "object" | "video" | "audio" | "canvas" | "select" | "template" => {}
            "br" => self.out.push_str("<br>"),
            "hr" => self.out.push_str("<p>────────────────────</p>"),
            "img" => self.image(element),
            "a" => self.link(index, element, unseen),
            "b" | "strong" => self.wrap("strong", index, unseen),
            "i" | "em" | "cite" | "var" | "dfn" => self.wrap("em", index, unseen),
            "code" | "tt" | "kbd" | "samp" => self.wrap("code", index, unseen),
            "s" | "strike" | "del" if !self.is_struck => {
                self.is_struck = true;
                self.wrap("s", index, unseen);
                self.is_struck = false;
            }
            // headings have no mark of their own behind this: they are struck twice
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.out.push_str("<h2><s><s>");
                self.children(index, unseen);
                self.out.push_str("</s></s></h2>");
            }
            "p" => self.wrap("p", index, unseen),
            "pre" => {
                self.pre += 1;
                self.wrap("pre", index, unseen);
                self.pre -= 1;
            }
            "blockquote" => self.quote(index, unseen),
            "ul" | "ol" | "dl" => self.list(index, element, unseen),
            "li" | "dt" | "dd" if self.lists > 0 => self.wrap(&element.tag, index, unseen),
            "table" => self.table(index, element, unseen),
            tag if is_block(tag) => self.wrap("div", index, unseen),
            _ => self.children(index, unseen),
        }
    }

    fn wrap(&mut self, tag: &str, index: usize, unseen: bool) {
        self.out.push_str(&format!("<{tag}>"));
        self.children(index, unseen);
        self.out.push_str(&format!("</{tag}>"));
    }

    fn quote(&mut self, index: usize, unseen: bool) {
        let tag = if self.quotes < MAX_INDENT { "blockquote" } else { "div" };
        self.quotes += 1;
        self.wrap(tag, index, unseen);
        self.quotes -= 1;
    }

    /// html2text sets headings off by blank lines; lists and tables want that too, and the look comes from `<s>`.
    pub(super) fn open_block(&mut self, wanted: bool) {
        self.out.push_str(if wanted { "<h2>" } else { "" });
    }

    pub(super) fn close_block(&mut self, wanted: bool) {
        self.out.push_str(if wanted { "</h2>" } else { "" });
    }

    fn list(&mut self, index: usize, element: &Element, unseen: bool) {
        if self.lists >= MAX_INDENT {
            return self.wrap("div", index, unseen);
        }
        let start = element.attribute("start").and_then(|start| start.trim().parse::<u16>().ok());
        let start = start.filter(|_| element.tag == "ol").map_or(String::new(), |start| format!(" start=\"{start}\""));
        let is_outer = self.lists == 0;
        self.lists += 1;
        self.open_block(is_outer);
        self.out.push_str(&format!("<{}{start}>", element.tag));
        self.children(index, unseen);
        self.out.push_str(&format!("</{}>", element.tag));
        self.close_block(is_outer);
        self.lists -= 1;
    }

    fn image(&mut self, element: &Element) {
        self.count_image(element);
        if style::is_pixel(element) {
            return;
        }
        let alt = element.attribute("alt").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        if has_letters(&alt) {
            self.text(&format!("[image: {alt}]"));
        }
        self.picture(element);
    }

    /// A picture that came with the message stands below the line that it is in.
    fn picture(&mut self, element: &Element) {
        let quote = u8::try_from(self.quotes).unwrap_or(u8::MAX);
        let lines = element.attribute("src").and_then(|source| self.pictures.named(source.trim(), quote));
        let mark = u32::try_from(self.drawn.len()).ok().filter(|at| *at < MAX_MARKS).and_then(|at| char::from_u32(PICTURE_MARK + at));
        if let (Some(lines), Some(mark)) = (lines, mark) {
            self.out.push(mark);
            self.drawn.push(lines);
        }
    }

    fn count_image(&mut self, element: &Element) {
        let source = element.attribute("src").unwrap_or_default().trim();
        let is_remote = ["http:", "https:", "//"].iter().any(|scheme| begins(source, scheme)) && !self.pictures.is_here(source);
        let count = if style::is_pixel(element) { &mut self.counts.pixels } else { &mut self.counts.remote_images };
        *count += u32::from(is_remote);
    }

    pub(super) fn count_images(&mut self, index: usize) {
        let mut stack = vec![index];
        while let Some(element) = stack.pop().and_then(|index| self.tree.elements.get(index)) {
            if element.tag == "img" {
                self.count_image(element);
            }
            stack.extend(element.children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None }));
        }
    }

    fn link(&mut self, index: usize, element: &Element, unseen: bool) {
        let text = self.visible_text(index, MAX_LINK_TEXT);
        let href = element.attribute("href").filter(|_| self.has_content(index));
        if href.is_some_and(|href| is_own_address(href, &text)) {
            return self.children(index, unseen);
        }
        if !has_letters(&text) && href.is_some_and(|href| self.worded.contains(href)) {
            return self.children(index, true);
        }
        let number = href.and_then(|href| self.links.add(href, &text));
        let Some(number) = number else { return self.children(index, unseen) };
        self.out.push_str(&format!("<a href=\"{number}\">"));
        match self.last_content(index) {
            Some(place) if has_letters(&text) => {
                self.mark = Some((place, number));
                self.children(index, unseen);
                self.mark = None;
            }
            // a picture without words: something must be there to see
            _ => {
                self.children(index, true);
                self.out.push_str("[image]");
                self.number(number);
            }
        }
        self.out.push_str("</a>");
    }

    fn worded_targets(&self) -> HashSet<String> {
        let links = self.tree.elements.iter().enumerate().filter(|(_, element)| element.tag == "a");
        links
            .filter(|(index, _)| has_letters(&self.visible_text(*index, 40)))
            .filter_map(|(_, link)| link.attribute("href").map(str::to_owned))
            .collect()
    }

    /// A link has something to click: a text or a picture that is no pixel.
    fn has_content(&self, index: usize) -> bool {
        has_letters(&self.visible_text(index, 40)) || self.walk(index, |element| element.tag == "img" && !style::is_pixel(element))
    }

    pub(super) fn walk(&self, index: usize, test: impl Fn(&Element) -> bool) -> bool {
        let mut stack = vec![index];
        while let Some(element) = stack.pop().and_then(|index| self.tree.elements.get(index)) {
            if test(element) {
                return true;
            }
            stack.extend(element.children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None }));
        }
        false
    }

    pub(super) fn any_letters(&self, index: usize) -> bool {
        self.walk(index, |element| element.children.iter().any(|child| matches!(child, Child::Text(text) if has_letters(text))))
    }

    /// The text in an element, pictures by their alternative text, blanks collapsed, at least `max` bytes if there are so many.
    pub(super) fn visible_text(&self, index: usize, max: usize) -> String {
        let mut out = String::new();
        self.gather(index, max, &mut out);
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn gather(&self, index: usize, max: usize, out: &mut String) {
        let Some(element) = self.tree.elements.get(index) else { return };
        if out.len() >= max || self.is_hidden(index) {
            return;
        }
        if element.tag == "img" && !style::is_pixel(element) {
            out.push_str(element.attribute("alt").unwrap_or_default());
        }
        if is_block(&element.tag) || element.tag == "br" {
            out.push(' ');
        }
        for child in &element.children {
            match child {
                Child::Text(text) => out.extend(text.chars().take(max)),
                Child::Element(child) => self.gather(*child, max, out),
            }
        }
    }

    /// The last child in an element that shows something.
    fn last_content(&self, index: usize) -> Option<(usize, usize)> {
        let element = self.tree.elements.get(index)?;
        for (at, child) in element.children.iter().enumerate().rev() {
            match child {
                Child::Text(text) if has_letters(text) => return Some((index, at)),
                Child::Text(_) => {}
                Child::Element(child) => {
                    let Some(inner) = self.tree.elements.get(*child) else { continue };
                    if self.is_hidden(*child) {
                        continue;
                    }
                    if inner.tag == "img" && inner.attribute("alt").is_some_and(has_letters) && !style::is_pixel(inner) {
                        return Some((index, at));
                    }
                    if let Some(place) = self.last_content(*child) {
                        return Some(place);
                    }
                }
            }
        }
        None
    }
}

/// An address that links to itself needs no number: attributions are full of them.
fn is_own_address(href: &str, text: &str) -> bool {
    begins(href, "mailto:") && href.get(7..).is_some_and(|address| address.trim().eq_ignore_ascii_case(text.trim()))
}

/// Something to read, not only blanks and invisible padding.
pub fn has_letters(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{34f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{847}' | '\u{115f}' | '\u{2007}'))
}
