//! A tree of foreign HTML to the few elements that are laid out: hidden things, pictures and layout tables
//! are gone, links are numbered, and all of it is well-formed.

use super::style::{self, Hidden};
use super::tree::{Child, Element, Tree, is_block};
use crate::mail::DisplayText;
use crate::mime::links::Links;
use std::collections::HashSet;

/// What was left out or noticed on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub remote_images: u32,
    pub hidden_texts: u32,
}

/// Levels of quotes and lists that are indented.
const MAX_INDENT: u32 = 8;
/// A table with more columns or longer cells is layout.
const MAX_COLUMNS: usize = 10;
const MAX_CELL: usize = 120;
/// A layout row of short pieces (a menu) stays on one line up to this many characters.
const MAX_ROW: usize = 60;

/// Stand for the marks of quotes and list items in the laid-out lines. html2text wants prefixes of one byte
/// a cell; foreign text can't hold these, because its controls are gone before.
pub const QUOTE_MARK: char = '\u{1}';
pub const ITEM_MARK: char = '\u{2}';

/// Rewrites the tree; the result is for html2text only.
pub fn rewrite(tree: &Tree, links: &mut Links) -> (String, Counts) {
    let mut writer = Writer {
        tree,
        hidden: hidden_elements(tree),
        links,
        out: String::new(),
        counts: Counts::default(),
        quotes: 0,
        lists: 0,
        pre: 0,
        mark: None,
        worded: HashSet::new(),
    };
    writer.worded = writer.worded_targets();
    writer.children(0, false);
    (writer.out, writer.counts)
}

/// Which elements their sender hides; asked often, so told once.
fn hidden_elements(tree: &Tree) -> Vec<bool> {
    let hidden = Hidden::parse(&tree.style);
    tree.elements.iter().map(|element| hidden.is_hidden(element)).collect()
}

struct Writer<'a> {
    tree: &'a Tree,
    /// For each element.
    hidden: Vec<bool>,
    links: &'a mut Links,
    out: String,
    counts: Counts,
    quotes: u32,
    lists: u32,
    pre: u32,
    /// Behind which child of which element the number of the open link goes.
    mark: Option<((usize, usize), u32)>,
    /// Targets that some link has words for; pictures that lead there too are left out.
    worded: HashSet<String>,
}

impl Writer<'_> {
    fn is_hidden(&self, index: usize) -> bool {
        self.hidden.get(index).copied().unwrap_or(false)
    }

    /// `unseen`: the text has no size here.
    fn children(&mut self, index: usize, unseen: bool) {
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

    /// The number behind a link; its element carries the dim look.
    fn number(&mut self, number: u32) {
        self.out.push_str(&format!("<sup>\u{a0}[{number}]</sup>"));
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
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

    fn element(&mut self, index: usize, unseen: bool) {
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
            // struck text has no look of its own, so its element carries the headings' look
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.out.push_str("<h2><s>");
                self.children(index, unseen);
                self.out.push_str("</s></h2>");
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
    fn open_block(&mut self, wanted: bool) {
        self.out.push_str(if wanted { "<h2>" } else { "" });
    }

    fn close_block(&mut self, wanted: bool) {
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
    }

    fn count_image(&mut self, element: &Element) {
        let source = element.attribute("src").unwrap_or_default().trim();
        let is_remote =
            ["http:", "https:", "//"].iter().any(|scheme| source.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)));
        self.counts.remote_images += u32::from(is_remote);
    }

    fn count_images(&mut self, index: usize) {
        let mut stack = vec![index];
        while let Some(element) = stack.pop().and_then(|index| self.tree.elements.get(index)) {
            if element.tag == "img" {
                self.count_image(element);
            }
            stack.extend(element.children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None }));
        }
    }

    fn link(&mut self, index: usize, element: &Element, unseen: bool) {
        let text = self.visible_text(index, MAX_CELL * 2);
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

    fn walk(&self, index: usize, test: impl Fn(&Element) -> bool) -> bool {
        let mut stack = vec![index];
        while let Some(element) = stack.pop().and_then(|index| self.tree.elements.get(index)) {
            if test(element) {
                return true;
            }
            stack.extend(element.children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None }));
        }
        false
    }

    fn any_letters(&self, index: usize) -> bool {
        self.walk(index, |element| element.children.iter().any(|child| matches!(child, Child::Text(text) if has_letters(text))))
    }

    /// The text in an element, pictures by their alternative text, blanks collapsed, at least `max` bytes if there are so many.
    fn visible_text(&self, index: usize, max: usize) -> String {
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

    fn table(&mut self, index: usize, element: &Element, unseen: bool) {
        let rows = self.rows(index);
        let is_data = self.is_data(index, element, &rows);
        self.open_block(is_data);
        self.out.push_str(if is_data { "<table>" } else { "<div>" });
        if !is_data {
            self.captions(index, &rows, unseen);
        }
        for (row, cells) in &rows {
            if self.is_hidden(*row) {
                self.counts.hidden_texts += u32::from(self.any_letters(*row));
                self.count_images(*row);
                continue;
            }
            if is_data {
                self.data_row(cells, unseen);
            } else {
                self.layout_row(cells, unseen);
            }
        }
        self.out.push_str(if is_data { "</table>" } else { "</div>" });
        self.close_block(is_data);
    }

    /// What stands in a table outside of its rows.
    fn captions(&mut self, index: usize, rows: &[(usize, Vec<usize>)], unseen: bool) {
        let Some(element) = self.tree.elements.get(index) else { return };
        for child in &element.children {
            match child {
                Child::Text(text) if has_letters(text) && !unseen => self.text(text),
                Child::Element(child) if rows.iter().all(|(row, _)| row != child) && !self.is_table_part(*child) => {
                    self.element(*child, unseen)
                }
                _ => {}
            }
        }
    }

    fn is_table_part(&self, index: usize) -> bool {
        self.tree
            .elements
            .get(index)
            .is_some_and(|element| matches!(element.tag.as_str(), "tbody" | "thead" | "tfoot" | "tr" | "colgroup" | "col"))
    }

    fn data_row(&mut self, cells: &[usize], unseen: bool) {
        self.out.push_str("<tr>");
        for cell in cells {
            let span =
                self.tree.elements.get(*cell).and_then(|cell| cell.attribute("colspan")).and_then(|span| span.trim().parse::<usize>().ok());
            let span = span.unwrap_or(1).clamp(1, MAX_COLUMNS);
            let is_head = self.tree.elements.get(*cell).is_some_and(|cell| cell.tag == "th");
            self.out.push_str(&format!("<td colspan=\"{span}\">{}", if is_head { "<strong>" } else { "" }));
            self.cell(*cell, unseen);
            self.out.push_str(if is_head { "</strong></td>" } else { "</td>" });
        }
        self.out.push_str("</tr>");
    }

    /// Short inline cells stay side by side; others stand below each other.
    fn layout_row(&mut self, cells: &[usize], unseen: bool) {
        let texts: Vec<String> = cells.iter().map(|cell| self.visible_text(*cell, MAX_ROW * 2)).collect();
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let one_line = filled > 1
            && texts.iter().map(|text| text.len() + 3).sum::<usize>() <= MAX_ROW
            && cells.iter().all(|cell| self.is_inline(*cell));
        if !one_line {
            for cell in cells {
                self.out.push_str("<div>");
                self.cell(*cell, unseen);
                self.out.push_str("</div>");
            }
            return;
        }
        self.out.push_str("<div>");
        let mut first = true;
        for (cell, text) in cells.iter().zip(&texts) {
            if !first && !text.is_empty() {
                self.out.push_str("\u{a0}\u{a0} ");
            }
            first &= text.is_empty();
            self.cell(*cell, unseen);
        }
        self.out.push_str("</div>");
    }

    fn cell(&mut self, index: usize, unseen: bool) {
        let Some(element) = self.tree.elements.get(index) else { return };
        if self.is_hidden(index) {
            self.counts.hidden_texts += u32::from(self.any_letters(index));
            self.count_images(index);
            return;
        }
        self.children(index, style::zero_font(element).unwrap_or(unseen));
    }

    fn is_inline(&self, index: usize) -> bool {
        !self.walk(index, |element| {
            (is_block(&element.tag) && !matches!(element.tag.as_str(), "td" | "th" | "p" | "div")) || element.tag == "br"
        })
    }

    /// Rows of this table (not of tables in it), each with its cells.
    fn rows(&self, index: usize) -> Vec<(usize, Vec<usize>)> {
        let mut rows = Vec::new();
        let mut stack: Vec<usize> = self.element_children(index).rev().collect();
        while let Some(child) = stack.pop() {
            match self.tree.elements.get(child).map(|element| element.tag.as_str()) {
                Some("tr") => rows.push((child, self.element_children(child).collect())),
                Some("tbody" | "thead" | "tfoot") => stack.extend(self.element_children(child).rev()),
                // a cell without a row
                Some("td" | "th") => rows.push((child, vec![child])),
                _ => {}
            }
        }
        rows
    }

    fn element_children(&self, index: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let children = self.tree.elements.get(index).map(|element| element.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None })
    }

    /// Data is: rows and columns of short texts. Everything else uses a table to place things.
    fn is_data(&self, index: usize, element: &Element, rows: &[(usize, Vec<usize>)]) -> bool {
        let is_layout = element.attribute("role").is_some_and(|role| matches!(role.trim(), "presentation" | "none"));
        let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let full = rows.iter().filter(|(_, cells)| cells.len() >= 2).count();
        if is_layout || rows.len() < 2 || full < 2 || !(2..=MAX_COLUMNS).contains(&columns) {
            return false;
        }
        let nested = self
            .element_children(index)
            .any(|child| self.walk(child, |element| matches!(element.tag.as_str(), "table" | "ul" | "ol" | "pre" | "blockquote" | "hr")));
        if nested {
            return false;
        }
        let mut filled = 0;
        let mut cells_seen = 0;
        for cell in rows.iter().flat_map(|(_, cells)| cells) {
            let text = self.visible_text(*cell, MAX_CELL + 1);
            if text.len() > MAX_CELL {
                return false;
            }
            filled += usize::from(!text.is_empty());
            cells_seen += 1;
        }
        filled * 2 > cells_seen
    }
}

/// An address that links to itself needs no number: attributions are full of them.
fn is_own_address(href: &str, text: &str) -> bool {
    let scheme = href.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    scheme.is_some() && href.get(7..).is_some_and(|address| address.trim().eq_ignore_ascii_case(text.trim()))
}

/// Something to read, not only blanks and invisible padding.
pub fn has_letters(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{34f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{847}' | '\u{115f}' | '\u{2007}'))
}
