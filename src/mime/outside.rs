//! What of a message stands in none of its parts: before the first boundary, after the last one, or between parts where a
//! header was cut, or behind the end of base64. Other programs may show it, so it must not go unnoticed.

use super::parts::{is_marked_attachment, is_text};
use super::structure::{Kind, Structure};
use super::transfer;
use std::collections::HashSet;
use std::ops::Range;

/// What stands before the first part, up to so long, and names MIME is what senders put there for old programs.
const USUAL: usize = 500;

/// The stretches of text outside of all parts, in order; the usual preamble and blank ones left out.
pub fn outside(structure: &Structure, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let text_of = |gap: &Range<usize>| bytes.get(gap.clone()).unwrap_or_default();
    // for each part, where what was not passed yet begins
    let mut parents = HashSet::new();
    let mut from: Vec<usize> = structure.nodes.iter().map(|node| node.body.start).collect();
    for node in &structure.nodes {
        let Some(at) = node.parent.and_then(|parent| from.get_mut(parent)) else { continue };
        let gap = *at..node.header.start.max(*at);
        let is_first = parents.insert(node.parent);
        gaps.extend((!is_first || !is_usual(text_of(&gap))).then_some(gap));
        *at = node.body.end.max(*at);
    }
    let holders = structure.nodes.iter().zip(from).filter(|(node, _)| node.kind != Kind::Leaf);
    gaps.extend(holders.map(|(node, at)| at..node.body.end.max(at)));
    for node in structure
        .nodes
        .iter()
        .filter(|node| node.kind == Kind::Leaf && node.encoding == "base64" && (!is_text(node) || is_marked_attachment(node)))
    {
        let end = transfer::base64_end(bytes.get(node.body.clone()).unwrap_or_default());
        gaps.push(node.body.start + end..node.body.end);
    }
    gaps.extend(structure.nodes.first().map(|root| root.body.end..bytes.len()));
    gaps.retain(|gap| says_something(text_of(gap)));
    gaps.sort_unstable_by_key(|gap| gap.start);
    gaps
}

fn says_something(gap: &[u8]) -> bool {
    let is_text = |line: &&[u8]| !line.starts_with(b"--") && line.iter().any(u8::is_ascii_graphic) || line.iter().any(|byte| *byte >= 0x80);
    gap.split(|byte| *byte == b'\n').any(|line| is_text(&line))
}

/// "This is a multi-part message in MIME format" and its like, and no other paragraph.
fn is_usual(gap: &[u8]) -> bool {
    let lines: Vec<&[u8]> = gap.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    // the gap ends with the boundary's line
    let mut paragraphs = lines.split(|line| line.is_empty() || line.starts_with(b"--")).filter(|lines| !lines.is_empty());
    gap.len() <= USUAL && paragraphs.all(|lines| names_mime(&lines.join(&b' ')))
}

fn names_mime(text: &[u8]) -> bool {
    [&b"mime"[..], b"multi-part", b"multi part"].iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::super::structure::split;
    use super::*;

    #[test]
    fn text_outside_of_parts_is_found() {
        const HEAD: &str = "Content-Type: multipart/mixed; boundary=b\n\n";
        for (body, expect) in [
            ("--b\n\none\n--b--\n", vec![]),
            ("This is a multi-part message in MIME format.\n\n--b\n\none\n--b--\n\n \n", vec![]),
            (
                "This message is in MIME format. Since your mail reader does not\nunderstand it, it is not legible.\n--b\n\none\n--b--\n",
                vec![],
            ),
            (
                "  a header's rest\n\nThis is a multipart message in MIME format.\n--b\n\none\n--b--\n",
                vec!["  a header's restThis is a multipart message in MIME format."],
            ),
            ("--b\n\none\n--b--\nhidden from MIME readers\n", vec!["hidden from MIME readers"]),
            ("secret\n--b\n\none\n--b--\n", vec!["secret"]),
            ("--b\n\none\n--b--\nfooter\n", vec!["footer"]),
            (
                "--b\nContent-Type: multipart/mixed; boundary=c\n\nfirst\n--c\n\nx\n--c--\nsecond\n--b\n\ny\n--b--\nthird",
                vec!["first", "second", "third"],
            ),
            ("--b\nContent-Type: message/rfc822\n\nSubject: x\n\ninner\n--b--\n", vec![]),
            ("--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\naGk=\na footer\n--b--\n", vec!["a footer"]),
            ("no boundary at all\n", vec![]),
        ] {
            let message = format!("{HEAD}{body}");
            let found: Vec<String> = outside(&split(message.as_bytes()), message.as_bytes())
                .into_iter()
                .map(|range| message[range].lines().filter(|line| !line.starts_with("--")).collect::<String>())
                .collect();
            assert_eq!(found, expect, "{body}");
        }
    }
}
