//! The text of a message as an answer quotes it, and as a forward carries it on: flowed text joined to paragraphs, HTML as it is
//! rendered, signatures of others cut.

use crate::mail::address::Address;
use crate::mail::page::{Line, Span};
use crate::mail::{DisplayText, Envelope};
use crate::mime::body::{self, Shown};
use crate::mime::compose::{self, Sent};
use crate::mime::envelope::Summary;
use crate::mime::html;
use crate::mime::links::Links;
use crate::mime::pictures::Pictures;
use crate::mime::plain::{self, Format, Logical};
use crate::mime::structure::{self, Structure};

/// Cells that HTML is laid out for: with its marks it still fits 78.
const WIDTH: usize = 72;

/// "On Fri, 20 Nov 2026 at 20:15, Ada Fairweather wrote:", in the sender's own time.
pub fn attribution(summary: &Summary, now: Sent) -> String {
    let from = summary.envelope.from.first();
    let name = from.map(|from| DisplayText::capped(from.short().trim(), super::MAX_NAME).into_string()).filter(|name| !name.is_empty());
    let name = name.as_deref().unwrap_or("Somebody");
    match believed(summary, now).and_then(zoned) {
        Some(date) => format!("On {}, {name} wrote:", date.strftime("%a, %-d %b %Y at %H:%M")),
        None => format!("{name} wrote:"),
    }
}

/// The Date, unless it is absent or of tomorrow.
fn believed(summary: &Summary, now: Sent) -> Option<Sent> {
    let unix = summary.envelope.date.filter(|date| *date <= now.unix.saturating_add(super::AHEAD))?;
    Some(Sent { unix, offset_minutes: summary.offset })
}

fn zoned(when: Sent) -> Option<jiff::Zoned> {
    let offset = jiff::tz::Offset::from_seconds(i32::from(when.offset_minutes) * 60).ok()?;
    Some(jiff::Timestamp::from_second(when.unix).ok()?.to_zoned(offset.to_time_zone()))
}

/// The text with one more quote mark on each line; empty where there is none.
pub fn quoted(message: &[u8]) -> String {
    let mut lines = lines(message);
    lines.truncate(plain::signature(&lines));
    let is_blank = |line: &Logical| line.text.trim().is_empty();
    while lines.last().is_some_and(is_blank) {
        lines.pop();
    }
    let leading = lines.iter().take_while(|line| is_blank(line) && line.quote == 0).count();
    let mut out = String::new();
    for line in lines.iter().skip(leading) {
        push(&mut out, line.quote.saturating_add(1), &line.text);
    }
    out
}

/// A message passed on in the text: who wrote it to whom, and what.
pub fn passed_on(message: &[u8], summary: &Summary, now: Sent) -> String {
    let mut out = String::from("---------- Forwarded message ----------\n");
    let Envelope { from, to, cc, subject, .. } = &summary.envelope;
    let date = believed(summary, now).map(compose::date).unwrap_or_default();
    for (name, value) in [
        ("From", list(from)),
        ("Date", date),
        ("To", list(to)),
        ("Cc", list(cc)),
        ("Subject", DisplayText::new(subject.trim()).into_string()),
    ] {
        if !value.is_empty() {
            out.push_str(&format!("{name}: {value}\n"));
        }
    }
    out.push('\n');
    for line in lines(message) {
        push(&mut out, line.quote, &line.text);
    }
    out
}

fn list(addresses: &[Address]) -> String {
    let shown = addresses.iter().filter(|one| !one.address.is_empty() || !one.name.is_empty());
    let shown =
        shown.map(|one| Address::new(DisplayText::new(&one.name).into_string(), DisplayText::new(&one.address).into_string()).typed());
    shown.collect::<Vec<_>>().join(", ")
}

/// Quote marks without blanks between them, then the cleaned line; tabs stay.
fn push(out: &mut String, level: u8, text: &str) {
    out.extend(std::iter::repeat_n('>', usize::from(level)));
    let clean: Vec<String> = text.trim_end().split('\t').map(|piece| DisplayText::new(piece).into_string()).collect();
    let clean = clean.join("\t");
    if level > 0 && !clean.is_empty() {
        out.push(' ');
    }
    out.push_str(&clean);
    out.push('\n');
}

/// The readable text of a message, quote levels told apart. Enclosed messages are not part of it.
fn lines(message: &[u8]) -> Vec<Logical> {
    let structure = structure::split(message);
    let mut out: Vec<Logical> = Vec::new();
    for shown in body::choose(&structure, message, false) {
        let index = match shown {
            Shown::Plain(index) | Shown::Html(index) | Shown::HtmlAsText(index) => index,
            Shown::Message(_) => continue,
        };
        let Some(node) = structure.nodes.get(index) else { continue };
        if crate::mime::kept::is_inside_message(&structure, index) || (node.name.is_some() && node.parent.is_some()) {
            continue;
        }
        let text = body::decode(node, message);
        if !out.is_empty() {
            out.push(Logical { quote: 0, text: String::new() });
        }
        match shown {
            Shown::Plain(_) => out.extend(plain::logical_lines(&text.text, text.format)),
            Shown::HtmlAsText(_) => out.extend(plain::logical_lines(&html::text(&text.text), Format::default())),
            _ => out.extend(rendered(&text.text)),
        }
    }
    out
}

fn rendered(source: &str) -> Vec<Logical> {
    let mut lines: Vec<Line> = Vec::new();
    html::render(source, WIDTH, &mut Links::default(), &mut Pictures::none(&Structure::default()), &mut lines);
    let text = |line: &Line| line.spans.iter().filter(|span| !is_link_number(span)).map(|span| span.text.as_str()).collect();
    lines.iter().map(|line| Logical { quote: line.quote, text: text(line) }).collect()
}

/// " [3]", which means nothing away from the list of links.
fn is_link_number(span: &Span) -> bool {
    let inner = span.text.as_str().trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    span.meaning.dim && inner.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
