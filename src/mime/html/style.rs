//! The one thing that style sheets are read for: what the sender hides.

use super::tree::Element;
use std::collections::HashSet;

/// Classes and ids that a style sheet hides for every screen (`.preheader { display: none }`).
#[derive(Debug, Default)]
pub struct Hidden {
    classes: HashSet<String>,
    ids: HashSet<String>,
}

impl Hidden {
    /// Reads simple selectors outside of `@media`; all else is skipped.
    pub fn parse(style: &str) -> Self {
        let mut found = Self::default();
        let mut rest = style;
        while let Some(at) = rest.find('{') {
            let (selectors, from) = rest.split_at(at);
            let body_end = block_end(from);
            let body = from.get(1..body_end).unwrap_or_default();
            let selectors = selectors.rsplit(['}', ';']).next().unwrap_or_default();
            if !selectors.contains('@') && hides(body) == Some(true) {
                selectors.split(',').for_each(|selector| found.add(selector.trim()));
            }
            rest = from.get(body_end + 1..).unwrap_or_default();
        }
        found
    }

    fn add(&mut self, selector: &str) {
        // a comment or "<!--" before the first selector
        let selector = selector.rsplit(['/', '>', '\n']).next().unwrap_or_default().trim();
        if selector.contains(|c: char| c.is_whitespace() || ":[~+".contains(c)) {
            return;
        }
        if let Some((_, class)) = selector.rsplit_once('.') {
            self.classes.insert(class.to_owned());
        } else if let Some((_, id)) = selector.rsplit_once('#') {
            self.ids.insert(id.to_owned());
        }
    }

    /// True if the sender does not want the element seen.
    pub fn is_hidden(&self, element: &Element) -> bool {
        if element.attribute("hidden").is_some() {
            return true;
        }
        if let Some(hidden) = element.attribute("style").and_then(hides) {
            return hidden;
        }
        let by_class =
            element.attribute("class").is_some_and(|classes| classes.split_whitespace().any(|class| self.classes.contains(class)));
        by_class || element.attribute("id").is_some_and(|id| self.ids.contains(id))
    }
}

/// Where the block that starts here ends (blocks in blocks counted).
fn block_end(from: &str) -> usize {
    let mut depth = 0_u32;
    for (at, byte) in from.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    from.len()
}

/// Whether declarations hide an element; None where they say nothing about it.
fn hides(style: &str) -> Option<bool> {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let mut answer = None;
    let (mut flat, mut clipped) = (false, false);
    let (mut ink, mut paper) = (None, None);
    for declaration in style.split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.trim_end_matches("!important");
        match (name, value) {
            ("display", "none") | ("visibility", "hidden" | "collapse") | ("opacity", "0" | "0.0") => return Some(true),
            // MJML and others: mso-hide goes with the other means
            ("mso-hide", "all") => answer = Some(true),
            ("display", _) => answer = answer.or(Some(false)),
            ("max-height" | "height" | "max-width" | "width", value) if is_zero(value) => flat = true,
            ("overflow", "hidden") => clipped = true,
            ("color", value) => ink = Some(colour(value)),
            ("background" | "background-color", value) => paper = Some(colour(value)),
            _ => {}
        }
    }
    // written in the colour of its own ground
    if flat && clipped || ink.is_some() && ink == paper { Some(true) } else { answer }
}

/// The usual ways to write white and black as one; all else as it is written.
fn colour(value: &str) -> &str {
    match value {
        "white" | "#fff" | "#ffffff" | "rgb(255,255,255)" => "#fff",
        "black" | "#000" | "#000000" | "rgb(0,0,0)" => "#000",
        value => value,
    }
}

/// The size that a style attribute sets for text: Some(true) = nothing is seen.
pub fn zero_font(element: &Element) -> Option<bool> {
    let style: String = element.attribute("style")?.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let value = style.split(';').filter_map(|declaration| declaration.strip_prefix("font-size:")).next_back()?;
    let value = value.trim_end_matches("!important");
    Some(is_zero(value) || matches!(value, "1px" | "1pt" | "0.1px" | "0.1em"))
}

fn is_zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.parse::<f32>().is_ok_and(|number| number == 0.0)
}

/// An image of one pixel or less: only there to be fetched.
pub fn is_pixel(element: &Element) -> bool {
    let tiny = |name: &str| element.attribute(name).is_some_and(|value| matches!(value.trim().trim_end_matches("px"), "0" | "1"));
    tiny("width") || tiny("height")
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn hidden(html: &str) -> bool {
        let tree = tree::parse(html);
        Hidden::parse(&tree.style).is_hidden(&tree.elements[1])
    }

    #[test]
    fn what_senders_hide() {
        for (html, expect) in [
            ("<div style='display:none'>", true),
            ("<div style='color:red; DISPLAY : NONE !important'>", true),
            ("<div style='visibility:hidden'>", true),
            ("<div style='max-height:0px;overflow:hidden'>", true),
            ("<div style='opacity:0'>", true),
            ("<div hidden>", true),
            ("<div style='color:#FFF;background-color: white'>", true),
            ("<div style='color:#fff;background:#000'>", false),
            ("<div style='color:inherit'>", false),
            ("<div style='display:block'>", false),
            ("<div style='opacity:0.5;max-height:0'>", false),
            ("<style>.a{color:red}.pre, div.x{display:none}</style><div class='b pre'>", true),
            ("<style>@media only screen{.m{display:none}}.q{}</style><div class='m'>", false),
            ("<style>#h{display:none}</style><div id=h>", true),
            ("<style>.pre{display:none}</style><div class=pre style='display:block'>", false),
            ("<style>.pre{</style><div class=pre>", false),
        ] {
            assert_eq!(hidden(html), expect, "{html}");
        }
    }

    #[test]
    fn text_of_no_size() {
        for (style, expect) in [
            ("font-size:0", Some(true)),
            ("font-size:0px", Some(true)),
            ("font-size:1px", Some(true)),
            ("font-size:1em", Some(false)),
            ("font-size:0.8em", Some(false)),
            ("x:y", None),
        ] {
            let tree = tree::parse(&format!("<div style='{style}'>"));
            assert_eq!(zero_font(&tree.elements[1]), expect, "{style}");
        }
    }
}
