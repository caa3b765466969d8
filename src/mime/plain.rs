//! text/plain to lines: format=flowed (RFC 3676), quote levels, signatures, patches, folds.

use super::links::Links;
use super::wrap::{self, DIM, Paragraph};
use crate::mail::DisplayText;
use crate::mail::page::{Line, Meaning, Span};

/// Quoted lines in a row that are shown without a fold.
const LONG_QUOTE: usize = 8;
/// Lines of a long quote that stay at its beginning and end.
const FOLD_HEAD: usize = 3;
const FOLD_TAIL: usize = 2;
/// Quote levels told apart.
const MAX_QUOTE: u8 = 9;

/// How the sender broke lines (parameters of the Content-Type).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub flowed: bool,
    pub delete_space: bool,
}

/// One line of the text, quote marks taken off, flowed lines joined.
#[derive(Debug, PartialEq, Eq)]
pub struct Logical {
    pub quote: u8,
    pub text: String,
}

/// Appends a text's lines, wrapped to `width`.
pub fn render(text: &str, format: Format, width: usize, links: &mut Links, out: &mut Vec<Line>) {
    let mut lines = logical_lines(text, format);
    while lines.last().is_some_and(|line| line.text.trim().is_empty()) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.text.trim().is_empty() && line.quote == 0).count();
    let mut styles = Styles::new(&lines);
    let mut shown = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(blank) {
        let (meaning, preformatted) = styles.of(at, line);
        let mut paragraph = Paragraph::new(line.quote);
        paragraph.preformatted = preformatted;
        links.push_text(&wrap::expand_tabs(&line.text), meaning, &mut paragraph);
        paragraph.wrap(width, &mut shown);
    }
    fold_quotes(shown, width, out);
}

/// The text as it was meant, one string a paragraph, quote marks kept: for scripts and for search.
pub fn unwrapped(text: &str, format: Format) -> String {
    let mut out = String::with_capacity(text.len());
    for line in logical_lines(text, format) {
        if line.quote > 0 {
            out.extend(std::iter::repeat_n('>', usize::from(line.quote)));
            out.push(' ');
        }
        out.push_str(DisplayText::new(&wrap::expand_tabs(&line.text)).as_str());
        out.push('\n');
    }
    out
}

/// The lines of a text as they were meant.
pub fn logical_lines(text: &str, format: Format) -> Vec<Logical> {
    let mut out: Vec<Logical> = Vec::new();
    let mut joining = false;
    let is_spaced = !format.flowed || has_spaced_marks(text);
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let (quote, body) = unquote(line, format.flowed, is_spaced);
        if !format.flowed {
            out.push(Logical { quote, text: body.to_owned() });
            continue;
        }
        // space-stuffing (RFC 3676 4.4)
        let body = body.strip_prefix(' ').unwrap_or(body);
        let flows = body.ends_with(' ') && body != "-- ";
        let body = if flows && format.delete_space { body.get(..body.len() - 1).unwrap_or(body) } else { body };
        match out.last_mut() {
            Some(last) if joining && last.quote == quote && body != "-- " => last.text.push_str(body),
            _ => out.push(Logical { quote, text: body.to_owned() }),
        }
        joining = flows;
    }
    if text.ends_with('\n') {
        out.pop();
    }
    out
}

/// Whether "> >" in a flowed text is two marks, as some write them, or a quoted line that begins with ">" (RFC 3676 4.5). Who writes ">>"
/// anywhere means the latter.
fn has_spaced_marks(text: &str) -> bool {
    text.contains("> >") && !text.split('\n').any(|line| line.starts_with(">>"))
}

/// Quote level and the text behind the marks: ">>" and, where it is `spaced`, "> >" alike.
fn unquote(line: &str, flowed: bool, spaced: bool) -> (u8, &str) {
    // a "From " line that mbox stores have escaped
    if line.starts_with(">From ") {
        return (0, line.get(1..).unwrap_or(line));
    }
    let mut level = 0_u8;
    let mut rest = line;
    loop {
        let inner = match rest.strip_prefix('>') {
            Some(inner) => inner,
            None if level > 0 && spaced => match rest.strip_prefix(' ').and_then(|rest| rest.strip_prefix('>')) {
                Some(inner) => inner,
                None => break,
            },
            None => break,
        };
        level = (level + 1).min(MAX_QUOTE);
        rest = inner;
    }
    if level > 0 && !flowed {
        rest = rest.strip_prefix(' ').unwrap_or(rest);
    }
    (level, rest)
}

/// What each line is: body, signature, attribution, or a line of a patch.
struct Styles {
    signature_from: usize,
    attributions: Vec<usize>,
    patch: Patch,
}

impl Styles {
    fn new(lines: &[Logical]) -> Self {
        Self { signature_from: signature(lines), attributions: attributions(lines), patch: Patch::default() }
    }

    fn of(&mut self, at: usize, line: &Logical) -> (Meaning, bool) {
        if let Some(meaning) = self.patch.next(line) {
            return (meaning, true);
        }
        if at >= self.signature_from && line.quote == 0 || self.attributions.binary_search(&at).is_ok() {
            return (DIM, false);
        }
        (Meaning::default(), false)
    }
}

/// Where the signature or a mailing list's footer begins.
pub fn signature(lines: &[Logical]) -> usize {
    let last = lines.iter().rposition(|line| line.quote == 0 && matches!(line.text.as_str(), "-- " | "--"));
    let is_short = |at: &usize| lines.len() - at <= 30;
    let footer =
        lines.iter().enumerate().rev().take(12).find(|(_, line)| {
            line.quote == 0 && line.text.len() >= 30 && line.text.trim().bytes().all(|byte| byte == b'_' || byte == b'-')
        });
    let footer = footer.map(|(at, _)| at).filter(|at| *at > 0);
    last.filter(is_short).or(footer).unwrap_or(lines.len())
}

/// "On Monday Ada wrote:" right before a quote, over one or two lines.
fn attributions(lines: &[Logical]) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let ends = line.quote == 0 && line.text.trim_end().ends_with(':') && line.text.len() < 300;
        let next = lines.iter().skip(at + 1).take(2).find(|line| line.quote > 0 || !line.text.trim().is_empty());
        if ends && next.is_some_and(|next| next.quote > 0) {
            if let Some(before) = at.checked_sub(1)
                && lines
                    .get(before)
                    .is_some_and(|before| before.quote == 0 && before.text.starts_with("On ") && !before.text.ends_with('.'))
            {
                found.push(before);
            }
            found.push(at);
        }
    }
    found
}

/// Follows a unified diff, counting a hunk's lines so that text after it is text again.
#[derive(Default)]
struct Patch {
    level: u8,
    /// Lines that the hunk still has of the old and the new file.
    old: u32,
    new: u32,
    /// A file header was seen and its hunk is still to come.
    in_header: u8,
}

impl Patch {
    fn next(&mut self, line: &Logical) -> Option<Meaning> {
        let text = line.text.as_str();
        if self.old + self.new > 0 && line.quote == self.level {
            if let Some(meaning) = self.hunk_line(text) {
                return Some(meaning);
            }
            (self.old, self.new) = (0, 0);
        }
        if let Some((old, new)) = hunk_counts(text) {
            (self.old, self.new, self.level, self.in_header) = (old, new, line.quote, 0);
            return Some(Meaning { heading: true, ..Meaning::default() });
        }
        let starts =
            ["diff --git ", "Index: ", "--- a/", "--- /dev/null", "+++ b/", "+++ /dev/null"].iter().any(|head| text.starts_with(head));
        if starts {
            self.in_header = 6;
            return Some(Meaning { strong: true, ..Meaning::default() });
        }
        self.in_header = self.in_header.saturating_sub(1);
        let more =
            ["index ", "--- ", "+++ ", "new file mode", "deleted file mode", "similarity ", "rename ", "old mode", "new mode", "====="];
        (self.in_header > 0 && more.iter().any(|head| text.starts_with(head))).then_some(DIM)
    }

    fn hunk_line(&mut self, text: &str) -> Option<Meaning> {
        match text.as_bytes().first() {
            Some(b'+') if self.new > 0 => {
                self.new -= 1;
                Some(Meaning { added: true, ..Meaning::default() })
            }
            Some(b'-') if self.old > 0 => {
                self.old -= 1;
                Some(Meaning { removed: true, ..Meaning::default() })
            }
            // an empty line is a context line that lost its blank
            Some(b' ') | None => {
                self.old = self.old.saturating_sub(1);
                self.new = self.new.saturating_sub(1);
                Some(Meaning::default())
            }
            Some(b'\\') => Some(DIM),
            _ => None,
        }
    }
}

/// `@@ -1,4 +1,6 @@` to (4, 6).
fn hunk_counts(text: &str) -> Option<(u32, u32)> {
    let (ranges, _) = text.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse::<u32>().ok().map(|count| count.min(1_000_000)),
        None => range.parse::<u32>().ok().map(|_| 1),
    };
    Some((count(old)?, count(new)?))
}

/// Appends lines, with a fold in each long run of quoted ones.
pub fn fold_quotes(lines: Vec<Line>, width: usize, out: &mut Vec<Line>) {
    let mut run: Vec<Line> = Vec::new();
    for line in lines {
        if line.quote > 0 && line.fold.is_none() {
            run.push(line);
            continue;
        }
        end_run(&mut run, width, out);
        out.push(line);
    }
    end_run(&mut run, width, out);
}

fn end_run(run: &mut Vec<Line>, width: usize, out: &mut Vec<Line>) {
    if run.len() <= LONG_QUOTE {
        out.append(run);
        return;
    }
    let hidden = run.len() - FOLD_HEAD - FOLD_TAIL;
    for (at, mut line) in run.drain(..).enumerate() {
        if at == FOLD_HEAD {
            let text = format!("… {hidden} more quoted lines");
            let text = DisplayText::new(if text.chars().count() <= wrap::text_width(width, line.quote) { &text } else { "…" });
            let spans = vec![Span { text, meaning: DIM }];
            out.push(Line { spans, quote: line.quote, fold: u32::try_from(hidden).ok(), ..Line::default() });
        }
        line.folded = (FOLD_HEAD..FOLD_HEAD + hidden).contains(&at);
        out.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, format: Format, width: usize) -> Vec<Line> {
        let mut out = Vec::new();
        render(text, format, width, &mut Links::default(), &mut out);
        out
    }

    fn texts(lines: &[Line]) -> Vec<(u8, String)> {
        lines.iter().map(|line| (line.quote, line.text())).collect()
    }

    fn pairs(list: &[(u8, &str)]) -> Vec<(u8, String)> {
        list.iter().map(|(quote, text)| (*quote, (*text).to_owned())).collect()
    }

    const FLOWED: Format = Format { flowed: true, delete_space: false };

    #[test]
    fn quote_marks_become_levels() {
        let lines = shown("> one\n> > two\n>> two\n>From here\n>", Format::default(), 80);
        assert_eq!(texts(&lines), pairs(&[(1, "one"), (2, "two"), (2, "two"), (0, "From here")]));
    }

    #[test]
    fn flowed_lines_are_joined() {
        let lines = shown("a b \nc\n> q \n> r\n  kept\n-- \nme", FLOWED, 80);
        assert_eq!(texts(&lines), pairs(&[(0, "a b c"), (1, "q r"), (0, " kept"), (0, "--"), (0, "me")]));
        let format = Format { flowed: true, delete_space: true };
        assert_eq!(texts(&shown("日本 \n語", format, 80)), pairs(&[(0, "日本語")]));
    }

    #[test]
    fn spaces_between_the_marks_of_flowed_text_are_passed_over_where_nothing_else_can_be_meant() {
        let spaced = "> Ada wrote: \n> > one \n> > two\n> >\n> > > three\n> yes\n > no mark";
        let levels = [(1, "Ada wrote:"), (2, "one two"), (2, ""), (3, "three"), (1, "yes"), (0, "> no mark")];
        assert_eq!(texts(&shown(spaced, FLOWED, 80)), pairs(&levels));
        assert_eq!(unwrapped("> > one \n> > two\n", FLOWED), ">> one two\n");
        // a writer that knows ">>" quotes a line that begins with ">"
        let exact = ">> one\n> > two";
        assert_eq!(texts(&shown(exact, FLOWED, 80)), pairs(&[(2, "one"), (1, "> two")]));
        let long = format!("Ada wrote:\n{}answer", "> > line\n".repeat(9));
        assert_eq!(shown(&long, FLOWED, 80).iter().filter(|line| line.folded).count(), 4);
    }

    #[test]
    fn a_signature_is_dim() {
        let lines = shown("hello\n-- \nAda", Format::default(), 80);
        assert!(!lines[0].spans[0].meaning.dim && lines[2].spans[0].meaning.dim);
    }

    #[test]
    fn long_quotes_fold_and_the_attribution_stays() {
        let text = format!("On Monday Ada wrote:\n{}answer", "> line\n".repeat(9));
        let lines = shown(&text, Format::default(), 80);
        assert!(lines[0].spans[0].meaning.dim && lines[0].fold.is_none() && !lines[0].folded);
        let fold = lines.iter().position(|line| line.fold.is_some()).unwrap();
        assert_eq!(lines[fold].fold, Some(4));
        assert_eq!(lines.iter().filter(|line| line.folded).count(), 4);
        assert_eq!(shown(&"> x\n".repeat(8), Format::default(), 80).iter().filter(|line| line.folded).count(), 0);
    }

    #[test]
    fn patches_are_told_from_text() {
        let text = "- a list item\n\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn\n one\n-two\n+three\n- not a patch\n";
        let lines = shown(text, Format::default(), 80);
        let meanings: Vec<(bool, bool, bool)> = lines
            .iter()
            .map(|line| line.spans.first().map_or((false, false, false), |s| (s.meaning.heading, s.meaning.added, s.meaning.removed)))
            .collect();
        assert_eq!(meanings[4], (true, false, false));
        assert_eq!(meanings[6], (false, false, true));
        assert_eq!(meanings[7], (false, true, false));
        assert_eq!((meanings[0], meanings[8]), ((false, false, false), (false, false, false)));
    }
}
