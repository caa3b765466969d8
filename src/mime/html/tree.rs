//! HTML to a small bounded tree: only the elements and attributes that matter to text. Linear, forgiving,
//! without recursion in the parser.

use mail_parser::decoders::html::add_html_token;

/// Open elements inside each other; deeper tags are ignored and their text stays.
pub const MAX_DEPTH: usize = 256;
/// Elements of one document; later tags are ignored and their text stays.
pub const MAX_ELEMENTS: usize = 60_000;
/// Bytes of style sheets that are read.
const MAX_STYLE: usize = 64 * 1024;
/// Bytes of one attribute's value that are kept.
const MAX_VALUE: usize = 8 * 1024;

/// The attributes that are kept.
const ATTRIBUTES: &[&str] = &[
    "href",
    "src",
    "alt",
    "style",
    "class",
    "id",
    "width",
    "height",
    "hidden",
    "role",
    "colspan",
    "start",
    "border",
    "align",
    "aria-hidden",
];
const VOID: &[&str] = &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements whose content is no markup; only a style sheet's is read.
const RAW: &[&str] = &["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

#[derive(Debug)]
pub enum Child {
    /// Decoded text.
    Text(String),
    Element(usize),
}

#[derive(Debug, Default)]
pub struct Element {
    /// Lower case; "" for the root.
    pub tag: String,
    pub attributes: Vec<(&'static str, String)>,
    pub children: Vec<Child>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Element 0 is the root.
#[derive(Debug)]
pub struct Tree {
    pub elements: Vec<Element>,
    /// The text of all style sheets, bounded.
    pub style: String,
}

pub fn parse(html: &str) -> Tree {
    let mut builder = Builder { tree: Tree { elements: vec![Element::default()], style: String::new() }, open: vec![0], ignored: 0 };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, from) = rest.split_at(at);
        builder.text(text);
        rest = builder.markup(from);
    }
    builder.text(rest);
    builder.tree
}

struct Builder {
    tree: Tree,
    open: Vec<usize>,
    /// Open tags beyond the depth, whose end tags must close nothing else.
    ignored: usize,
}

impl Builder {
    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let decoded = decode_entities(text);
        let parent = self.open.last().copied().unwrap_or(0);
        let Some(element) = self.tree.elements.get_mut(parent) else { return };
        match element.children.last_mut() {
            Some(Child::Text(last)) => last.push_str(&decoded),
            _ => element.children.push(Child::Text(decoded)),
        }
    }

    /// Takes what stands at a `<`; returns the rest.
    fn markup<'a>(&mut self, from: &'a str) -> &'a str {
        let inner = from.get(1..).unwrap_or_default();
        if let Some(comment) = inner.strip_prefix("!--") {
            // "<!-->" is an empty comment too
            return comment.strip_prefix('>').or_else(|| comment.split_once("-->").map(|(_, rest)| rest)).unwrap_or_default();
        }
        if inner.starts_with(['!', '?']) {
            return inner.split_once('>').map_or("", |(_, rest)| rest);
        }
        if let Some(end) = inner.strip_prefix('/') {
            let (tag, rest) = end.split_once('>').unwrap_or((end, ""));
            self.close(&name_of(tag));
            return rest;
        }
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.text("<");
            return inner;
        }
        let tag = name_of(inner);
        let (attributes, rest) = attributes(inner.get(tag.len()..).unwrap_or_default());
        if RAW.contains(&tag.as_str()) {
            return self.skip_raw(&tag, rest);
        }
        self.open(tag, attributes);
        rest
    }

    fn skip_raw<'a>(&mut self, tag: &str, rest: &'a str) -> &'a str {
        let end = find_end_tag(rest, tag);
        let content = rest.get(..end).unwrap_or_default();
        if tag == "style" && self.tree.style.len() + content.len() <= MAX_STYLE {
            self.tree.style.push_str(content);
            self.tree.style.push('\n');
        }
        let tail = rest.get(end..).unwrap_or_default();
        tail.split_once('>').map_or("", |(_, rest)| rest)
    }

    fn open(&mut self, tag: String, attributes: Vec<(&'static str, String)>) {
        self.close_implied(&tag);
        if self.tree.elements.len() >= MAX_ELEMENTS {
            return;
        }
        let is_void = VOID.contains(&tag.as_str());
        if self.open.len() >= MAX_DEPTH && !is_void {
            self.ignored += 1;
            return;
        }
        let index = self.tree.elements.len();
        let parent = self.open.last().copied().unwrap_or(0);
        self.tree.elements.push(Element { tag, attributes, children: Vec::new() });
        if let Some(parent) = self.tree.elements.get_mut(parent) {
            parent.children.push(Child::Element(index));
        }
        if !is_void {
            self.open.push(index);
        }
    }

    fn close(&mut self, tag: &str) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        if tag == "br" || tag == "p" && !self.is_open("p", &["td", "th", "table"]) {
            return;
        }
        let stops: &[&str] = match tag {
            "table" => &[],
            "tr" | "tbody" | "thead" | "tfoot" | "td" | "th" => &["table"],
            _ => &["td", "th", "table"],
        };
        self.close_to(tag, stops);
    }

    fn tag(&self, index: usize) -> &str {
        self.tree.elements.get(index).map_or("", |element| element.tag.as_str())
    }

    fn is_open(&self, tag: &str, stops: &[&str]) -> bool {
        let inner = self.open.iter().rev().map(|index| self.tag(*index));
        inner.take_while(|open| !stops.contains(open) || *open == tag).any(|open| open == tag)
    }

    /// Closes the innermost `tag` and all in it, unless a stop is further in.
    fn close_to(&mut self, tag: &str, stops: &[&str]) {
        if tag.is_empty() || !self.is_open(tag, stops) {
            return;
        }
        while let Some(index) = self.open.pop() {
            if self.tag(index) == tag || self.open.len() == 1 {
                return;
            }
        }
    }

    /// Ends what the start of `tag` ends (HTML 13.1.2.4, the part that mail relies on).
    fn close_implied(&mut self, tag: &str) {
        let cell_stops: &[&str] = &["table"];
        match tag {
            "li" => self.close_to("li", &["ul", "ol", "td", "th", "table"]),
            "dt" | "dd" => {
                self.close_to("dt", &["dl", "td", "th", "table"]);
                self.close_to("dd", &["dl", "td", "th", "table"]);
            }
            "td" | "th" => {
                self.close_to("td", cell_stops);
                self.close_to("th", cell_stops);
            }
            "tr" => self.close_to("tr", cell_stops),
            "tbody" | "thead" | "tfoot" => {
                for section in ["tbody", "thead", "tfoot"] {
                    self.close_to(section, cell_stops);
                }
            }
            "option" => self.close_to("option", &["select"]),
            "a" => self.close_to("a", &["td", "th", "table"]),
            _ if is_block(tag) => self.close_to("p", &["td", "th", "table", "div", "blockquote", "li"]),
            _ => {}
        }
    }
}

/// Elements that begin a new line.
pub fn is_block(tag: &str) -> bool {
    matches!(
        tag,
        "p" | "div"
            | "table"
            | "ul"
            | "ol"
            | "li"
            | "dl"
            | "dt"
            | "dd"
            | "blockquote"
            | "pre"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "nav"
            | "aside"
            | "center"
            | "form"
            | "fieldset"
            | "address"
            | "figure"
            | "figcaption"
            | "details"
            | "summary"
            | "tr"
            | "td"
            | "th"
            | "caption"
    )
}

fn name_of(inner: &str) -> String {
    let end = inner.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default().to_ascii_lowercase()
}

/// Where `</tag` stands, else the end.
fn find_end_tag(text: &str, tag: &str) -> usize {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("</")) {
        let at = from + found;
        let name = text.get(at + 2..at + 2 + tag.len());
        if name.is_some_and(|name| name.eq_ignore_ascii_case(tag)) {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

/// The kept attributes of a start tag, and what follows its `>`.
fn attributes(text: &str) -> (Vec<(&'static str, String)>, &str) {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, "");
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
            .map_or(rest.len(), |(at, _)| at);
        let (name, after) = rest.split_at(end);
        let trimmed = after.trim_start();
        let (value, after) = match trimmed.strip_prefix('=') {
            Some(value) => attribute_value(value.trim_start()),
            None => ("", after),
        };
        let known = ATTRIBUTES.iter().find(|known| name.eq_ignore_ascii_case(known));
        if let Some(known) = known
            && found.iter().all(|(name, _)| name != known)
        {
            let cut = value.char_indices().nth(MAX_VALUE).map_or(value.len(), |(at, _)| at);
            found.push((known, decode_entities(value.get(..cut).unwrap_or(value))));
        }
        rest = after;
    }
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len());
    text.split_at(end)
}

/// Character references to characters; controls that they hide are left to the cleaning at the end.
pub fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.bytes().take(34).position(|byte| byte == b';');
        let name = end
            .and_then(|end| from.get(..=end))
            .filter(|name| name.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b == b'#' || b == b';'));
        rest = match name {
            Some(name) => {
                add_html_token(&mut out, name.as_bytes(), false);
                from.get(name.len()..).unwrap_or_default()
            }
            None => {
                // "&nbsp" without its end is common enough
                let (char, length) = if from.starts_with("&nbsp") { ('\u{a0}', 5) } else { ('&', 1) };
                out.push(char);
                from.get(length..).unwrap_or_default()
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(tree: &Tree, at: usize) -> String {
        let element = &tree.elements[at];
        let inner: String = element
            .children
            .iter()
            .map(|child| match child {
                Child::Text(text) => text.clone(),
                Child::Element(index) => outline(tree, *index),
            })
            .collect();
        if element.tag.is_empty() { inner } else { format!("({} {inner})", element.tag) }
    }

    #[test]
    fn trees_of_bad_html() {
        for (html, expect) in [
            ("a<b>c</b>", "a(b c)"),
            ("<p>one<p>two", "(p one)(p two)"),
            ("<ul><li>a<li>b</ul>c", "(ul (li a)(li b))c"),
            ("<table><tr><td>a<td>b<tr><td>c</table>d", "(table (tr (td a)(td b))(tr (td c)))d"),
            ("<table><tr><td></div>a</td></tr></table>", "(table (tr (td a)))"),
            ("x<!-- hidden -->y<!DOCTYPE z>", "xy"),
            ("<!--[if mso]>no<![endif]--><![if !mso]>yes<![endif]>", "yes"),
            ("<script>a<b></script>c<STYLE>d</style >e", "ce"),
            ("1 < 2 &lt;b&gt; &amp; &eacute; &#x263A; &bogus; & x", "1 < 2 <b> & é ☺ &bogus; & x"),
            ("<a href='x'>one<a href=y>two</a>", "(a one)(a two)"),
            ("<img alt=\"a > b\">c", "(img )c"),
            ("<b", "(b )"),
            ("</b></p></table>x", "x"),
        ] {
            assert_eq!(outline(&parse(html), 0), expect, "{html}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("{}x{}y", "<div>".repeat(200_000), "</div>".repeat(200_000));
        let tree = parse(&deep);
        assert!(tree.elements.len() <= MAX_DEPTH + 1);
        assert_eq!(tree.elements[0].children.len(), 2, "the end tags of ignored elements close nothing else");
        assert!(parse(&"<i></i>".repeat(200_000)).elements.len() <= MAX_ELEMENTS);
    }
}
