//! A message to a [`Page`]: what is shown, in which order, with which facts and notes. Start at [`render`].

use super::body::{self, Shown, Text};
use super::envelope;
use super::facts;
use super::links::Links;
use super::list;
use super::parts;
use super::pictures::Pictures;
use super::structure::{self, Structure};
use super::wrap::{DIM, Paragraph};
use super::{Setting, card, charset, field, html, inner, outside, plain, source, verdict};
use crate::mail::page::{Line, Meaning, Part, View};
use crate::mail::{Address, DisplayText, MessageId, Page};
use jiff::tz::TimeZone;

/// Where the width is not known yet, and the least that text can be laid out for.
const DEFAULT_WIDTH: u16 = 80;
const MIN_WIDTH: u16 = 10;
const MAX_WIDTH: u16 = 500;

/// See [`super::page`].
pub fn render(id: MessageId, bytes: &[u8], whole: bool, known: &[Part], view: View, setting: &Setting) -> Page {
    let summary = envelope::summary(bytes);
    let structure = structure::split(bytes);
    let width = if view.width == 0 { DEFAULT_WIDTH } else { view.width.clamp(MIN_WIDTH, MAX_WIDTH) };
    let mut listed = if whole || known.is_empty() { parts::list(&structure, bytes) } else { known.to_vec() };
    // files inside of a part have numbers that no server knows
    listed.retain(|part| whole || !part.number.contains('/'));
    let rows = if whole { view.pictures } else { 0 };
    let pictures = Pictures::new(&structure, bytes, usize::from(width), rows, &setting.fetched);
    let mut writer = Writer { bytes, whole, pictures, width: usize::from(width), ..Writer::new(&structure) };
    writer.write(view, &listed, &setting.zone);
    let mut notes = writer.notes;
    notes.extend(facts::notes(&summary, &structure, whole));
    if field::has_strays(bytes) {
        notes.push(DisplayText::new("There are lines among the header of this message that are of no field; only its source has them."));
    }
    if !outside::outside(&structure, bytes).is_empty() {
        notes.push(DisplayText::new("There is text outside of the parts of this message; only its source has it."));
    }
    let has_several_from = !summary.other_from.is_empty();
    let trusted = setting.authserv_id.as_deref();
    let verdict = trusted.and_then(|trusted| verdict::verdict(bytes, trusted, &summary.envelope.from, has_several_from));
    let mut facts = facts::facts(&summary);
    facts.extend(facts::of_body(writer.is_html, writer.counts));
    Page {
        id,
        view,
        subject: DisplayText::new(&summary.envelope.subject),
        date: summary.envelope.date.map(|date| (date, summary.offset)),
        from: clean(&summary.envelope.from),
        to: clean(&summary.envelope.to),
        cc: clean(&summary.envelope.cc),
        reply_to: clean(&summary.reply_to),
        list: list::list(bytes),
        verdict,
        seals: Vec::new(),
        warnings: facts::warnings(&summary, verdict),
        facts,
        lines: writer.lines,
        links: writer.links.into_list(),
        parts: listed,
        remote: writer.pictures.into_remote(),
        has_fetched: !setting.fetched.is_empty(),
        notes,
        whole,
    }
}

fn clean(addresses: &[Address]) -> Vec<Address> {
    let text = |text: &str| DisplayText::new(text).into_string();
    addresses.iter().map(|address| Address::new(text(&address.name), text(&address.address))).collect()
}

/// Gathers the lines of one page.
struct Writer<'a> {
    bytes: &'a [u8],
    whole: bool,
    structure: &'a Structure,
    width: usize,
    lines: Vec<Line>,
    links: Links,
    pictures: Pictures<'a>,
    notes: Vec<DisplayText>,
    counts: html::Counts,
    is_html: bool,
}

impl<'a> Writer<'a> {
    fn new(structure: &'a Structure) -> Self {
        Self {
            bytes: &[],
            whole: true,
            structure,
            width: usize::from(DEFAULT_WIDTH),
            lines: Vec::new(),
            links: Links::default(),
            pictures: Pictures::none(structure),
            notes: Vec::new(),
            counts: html::Counts::default(),
            is_html: false,
        }
    }

    fn write(&mut self, view: View, listed: &[Part], zone: &TimeZone) {
        if view.source {
            if source::source(self.bytes, self.width, &mut self.lines) {
                self.note("The source is longer than what is shown; save the message to see all of it.");
            }
            return;
        }
        if view.all_headers {
            if source::headers(self.bytes, self.width, &mut self.lines) {
                self.note("There are more header lines than can be shown; the source has them.");
            }
            self.lines.push(Line::default());
        }
        for invitation in card::invitations(self.structure, self.bytes, zone) {
            card::draw(&invitation, self.width, &mut self.lines);
        }
        let before = self.lines.len();
        self.body(&body::choose(self.structure, self.bytes, view.other_alternative));
        trim(&mut self.lines, before);
        if self.lines.len() == before {
            self.inner_text();
        }
        if self.lines.len() == before {
            self.say_empty(listed);
        }
        for contact in card::contacts(self.structure, self.bytes) {
            self.lines.push(Line::default());
            card::draw(&contact, self.width, &mut self.lines);
        }
        self.pictures.others(listed, &mut self.lines);
        trim(&mut self.lines, 0);
    }

    fn note(&mut self, text: &str) {
        let note = DisplayText::new(text);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn body(&mut self, shown: &[Shown]) {
        for (at, shown) in shown.iter().enumerate() {
            match *shown {
                Shown::Message(index) => self.message_head(index),
                Shown::Plain(index) | Shown::Html(index) | Shown::HtmlAsText(index) => {
                    let text = self.text(index);
                    self.say_elsewhere(index);
                    if text.text.trim().is_empty() {
                        continue;
                    }
                    if at > 0 {
                        self.delimiter(index);
                    }
                    self.part(*shown, &text);
                }
            }
        }
    }

    fn part(&mut self, shown: Shown, text: &Text) {
        match shown {
            Shown::Html(_) => {
                let counts = html::render(&text.text, self.width, &mut self.links, &mut self.pictures, &mut self.lines);
                self.counts.add(counts);
                self.is_html = true;
                let laid_out = std::mem::take(&mut self.lines);
                plain::fold_quotes(laid_out, self.width, &mut self.lines);
            }
            Shown::HtmlAsText(_) => {
                plain::render(&html::text(&text.text), plain::Format::default(), self.width, &mut self.links, &mut self.lines);
            }
            _ => plain::render(&text.text, text.format, self.width, &mut self.links, &mut self.lines),
        }
    }

    /// What a part stands for is elsewhere, or in other messages.
    fn say_elsewhere(&mut self, index: usize) {
        let content_type = self.structure.nodes.get(index).map(|node| node.content_type.value.as_str());
        match content_type {
            Some("message/external-body") => {
                self.note("A part of this message is only a pointer to something elsewhere; it is not fetched.")
            }
            Some("message/partial") => self.note("This is a piece of a message that was sent in several; it is not put together."),
            _ => {}
        }
    }

    /// A part's text; what is odd about it becomes a note.
    fn text(&mut self, index: usize) -> Text {
        let Some(node) = self.structure.nodes.get(index) else { return Text::default() };
        let text = body::decode(node, self.bytes);
        if text.is_cut {
            self.note("The text is longer than what is shown; save the part to see all of it.");
        }
        if let Some(label) = &text.unknown_charset {
            self.note(&format!("The charset \"{label}\" is not known; the text is a guess."));
        }
        if !self.whole && node.body.end == self.bytes.len() && self.structure.nodes.len() == index + 1 {
            self.note("Only the beginning of the text is here.");
        }
        text
    }

    /// A line that parts a further text from the one before.
    fn delimiter(&mut self, index: usize) {
        let Some(node) = self.structure.nodes.get(index) else { return };
        let inside_message = node.number.rsplit_once('.').is_some_and(|(above, _)| {
            self.structure.nodes.iter().any(|other| other.number == above && other.kind == structure::Kind::Message)
        });
        let begins_message = inside_message && self.lines.last().is_some_and(Line::is_blank);
        if begins_message || self.lines.is_empty() {
            return;
        }
        trim(&mut self.lines, 0);
        self.lines.push(Line::default());
        let title = match (&node.name, node.content_type.value.as_str()) {
            (Some(name), _) => format!("── {name} ──"),
            (None, "text/plain" | "text/html") => "──".repeat(10),
            (None, other) => format!("── {other} ──"),
        };
        Paragraph::of(&title, DIM).wrap(self.width, &mut self.lines);
        self.lines.push(Line::default());
    }

    /// The head of an enclosed message.
    fn message_head(&mut self, index: usize) {
        let Some(node) = self.structure.nodes.get(index) else { return };
        let enclosed = envelope::summary(parts::raw(node, self.bytes)).envelope;
        trim(&mut self.lines, 0);
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        Paragraph::of("── Enclosed message ──", DIM).wrap(self.width, &mut self.lines);
        let from: Vec<String> = enclosed.from.iter().map(|from| format!("{} <{}>", from.name, from.address).trim().to_owned()).collect();
        let date = enclosed
            .date
            .and_then(|date| jiff::Timestamp::from_second(date).ok())
            .map(|date| date.strftime("%a, %-d %b %Y %H:%M UTC").to_string());
        for (name, value) in [("From", from.join(", ")), ("Date", date.unwrap_or_default()), ("Subject", enclosed.subject)] {
            if !value.is_empty() {
                let mut paragraph = Paragraph::of(&format!("{name}: "), DIM);
                paragraph.push(&value, Meaning { strong: name == "Subject", ..Meaning::default() });
                paragraph.wrap(self.width, &mut self.lines);
            }
        }
        self.lines.push(Line::default());
    }

    /// The text of a message that is nothing but a `winmail.dat`.
    fn inner_text(&mut self) {
        let Some(node) = self.structure.nodes.iter().find(|node| inner::is_tnef(node)) else { return };
        let files = inner::files(node, self.bytes);
        let find = |content_type: &str| files.iter().find(|file| file.content_type == content_type);
        if let Some(file) = find("text/plain") {
            plain::render(&charset::guess(&file.bytes), plain::Format::default(), self.width, &mut self.links, &mut self.lines);
        } else if let Some(file) = find("text/html") {
            let text = charset::guess(&file.bytes);
            self.counts.add(html::render(&text, self.width, &mut self.links, &mut self.pictures, &mut self.lines));
            self.is_html = true;
        }
        trim(&mut self.lines, 0);
    }

    fn say_empty(&mut self, listed: &[Part]) {
        let files = listed.iter().filter(|part| part.is_attachment).count();
        let text = match (self.whole, files) {
            (false, _) => "The text of this message is not here yet.".to_owned(),
            (true, 0) => "This message has no text.".to_owned(),
            (true, 1) => "This message has no text, only a file.".to_owned(),
            (true, files) => format!("This message has no text, only {files} files."),
        };
        Paragraph::of(&text, DIM).wrap(self.width, &mut self.lines);
    }
}

/// Drops blank lines at the end, down to `from`, and at `from`.
fn trim(lines: &mut Vec<Line>, from: usize) {
    while lines.len() > from && lines.last().is_some_and(Line::is_blank) {
        lines.pop();
    }
    let blank = lines.iter().skip(from).take_while(|line| line.is_blank()).count();
    if blank > 0 {
        lines.drain(from..from + blank);
    }
}

/// The readable text for scripts: plain text as it was written, HTML at 80 columns, quotes marked with `>`.
pub fn text(bytes: &[u8]) -> String {
    let structure = structure::split(bytes);
    let mut writer = Writer { bytes, ..Writer::new(&structure) };
    let mut out = String::new();
    for shown in body::choose(&structure, bytes, false) {
        match shown {
            Shown::Plain(index) => {
                let text = writer.text(index);
                out.push_str(&plain::unwrapped(&text.text, text.format));
            }
            Shown::Message(index) => {
                writer.message_head(index);
                write_lines(&mut writer.lines, &mut out);
            }
            Shown::Html(index) | Shown::HtmlAsText(index) => {
                let text = writer.text(index);
                html::render(&text.text, writer.width, &mut writer.links, &mut writer.pictures, &mut writer.lines);
                trim(&mut writer.lines, 0);
                write_lines(&mut writer.lines, &mut out);
            }
        }
    }
    out
}

fn write_lines(lines: &mut Vec<Line>, out: &mut String) {
    for line in lines.drain(..) {
        if line.quote > 0 {
            out.extend(std::iter::repeat_n('>', usize::from(line.quote)));
            out.push(' ');
        }
        out.push_str(&line.text());
        out.push('\n');
    }
}

/// The source of the first HTML part that is shown, without controls.
pub fn html_source(bytes: &[u8]) -> Option<String> {
    let structure = structure::split(bytes);
    let found = structure
        .nodes
        .iter()
        .find(|node| node.kind == structure::Kind::Leaf && node.content_type.value == "text/html" && !parts::is_marked_attachment(node))?;
    let text = body::decode(found, bytes).text;
    Some(text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect())
}

/// The words that search finds in a message.
pub fn search_text(bytes: &[u8], max: usize) -> String {
    let structure = structure::split(bytes);
    let mut out = String::new();
    for shown in body::choose(&structure, bytes, false) {
        let (Shown::Plain(index) | Shown::Html(index) | Shown::HtmlAsText(index) | Shown::Message(index)) = shown;
        let Some(node) = structure.nodes.get(index) else { continue };
        match shown {
            Shown::Plain(_) => {
                let text = body::decode(node, bytes);
                out.push_str(&plain::unwrapped(&text.text, text.format));
            }
            Shown::Message(_) => out.push_str(&envelope::summary(parts::raw(node, bytes)).envelope.subject),
            _ => out.push_str(&html::text(&body::decode(node, bytes).text)),
        }
        out.push('\n');
        if out.len() > max {
            break;
        }
    }
    out.truncate(out.floor_char_boundary(max));
    out
}
