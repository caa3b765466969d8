//! A rendered message: styled lines for one width, with its links and parts. Made by `mime`, off the UI
//! thread; drawn by the reader. All text in it is already clean.

use super::address::Address;
use super::ids::MessageId;
use super::seal::Seal;
use super::text::DisplayText;

/// How a stretch of text is meant, not how it looks; the theme decides that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meaning {
    pub strong: bool,
    pub emphasis: bool,
    pub code: bool,
    pub dim: bool,
    pub link: bool,
    pub heading: bool,
    /// Taken back by its writer: drawn with a line through it.
    pub struck: bool,
    /// "look here": warnings and notes of ours.
    pub warning: bool,
    pub added: bool,
    pub removed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: DisplayText,
    pub meaning: Meaning,
}

/// A colour: red, green, blue.
pub type Rgb = [u8; 3];

/// A cell of a picture: its upper and its lower half.
pub type Halves = [Rgb; 2];

/// One screen line, at most `Page::width` cells wide (long unbreakable words excepted, never above twice).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub spans: Vec<Span>,
    /// Quote level, 0 = not quoted. The text has no quote marks; the reader draws them.
    pub quote: u8,
    /// Lines that `zq` hides: the middle of a long quote. A line with `fold: Some(n)` stands for n hidden ones.
    pub folded: bool,
    pub fold: Option<u32>,
    /// A row of a picture, which has no text; the reader draws it.
    pub halves: Vec<Halves>,
}

impl Line {
    /// Its text, without quote marks.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// Nothing stands on it.
    pub fn is_blank(&self) -> bool {
        self.fold.is_none() && self.halves.is_empty() && self.spans.iter().all(|span| span.text.as_str().trim().is_empty())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// 1, 2, … as shown in the text.
    pub number: u32,
    /// As the sender wrote it.
    pub url: String,
    /// Where it leads, without a service in between and without what only tells who clicked: what is copied.
    pub bare: String,
    /// The host it leads to, for display; a name of look-alike letters in ASCII.
    pub host: DisplayText,
    /// The host of the service in between.
    pub via: Option<DisplayText>,
    /// The text names another host than the target, or the host only looks like what it says.
    pub mismatch: bool,
}

/// A leaf part of the message, in the order of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// IMAP's section number: "1", "2.1", …
    pub number: String,
    /// "text/plain", lower case.
    pub content_type: String,
    /// The sender's file name, not cleaned; clean with `SafeFileName` to save, `DisplayText` to show.
    pub name: Option<String>,
    /// Octets once decoded, where known, else as transferred.
    pub size: u64,
    /// Something to save: not one of the texts shown as the body.
    pub is_attachment: bool,
}

impl Part {
    /// Said to be a picture of a kind that is drawn here; only its octets tell.
    pub fn is_picture(&self) -> bool {
        let ending = || self.name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
        match self.content_type.as_str() {
            "application/octet-stream" => ending().is_some_and(|ending| PICTURES.contains(&ending.as_str())),
            other => other.strip_prefix("image/").is_some_and(|kind| PICTURES.contains(&kind)),
        }
    }
}

/// Endings of names and of types.
const PICTURES: &[&str] = &["png", "x-png", "jpg", "jpeg", "pjpeg", "gif", "webp"];

/// What of a message to show, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Cells for the text.
    pub width: u16,
    /// Every header line instead of the summary.
    pub all_headers: bool,
    /// The other alternative: HTML where text is shown, text where HTML is.
    pub other_alternative: bool,
    /// The raw source instead of the rendered text.
    pub source: bool,
    /// Rows that each picture in the message may take; 0: none is drawn.
    pub pictures: u16,
}

/// A mailing list or newsletter, as the header tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Empty where it has no List-Id.
    pub name: DisplayText,
    pub unsubscribe: Option<Unsubscribe>,
}

/// Ways to leave a list, of which at least one is there; free of blanks and of anything that [`DisplayText`] would change.
/// None is ever taken without the user's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsubscribe {
    /// A `mailto:` link: a message there is enough.
    pub mailto: Option<String>,
    /// An http or https address.
    pub web: Option<String>,
    /// A POST of `List-Unsubscribe=One-Click` to `web`, which is https then, is enough (RFC 8058).
    pub one_click: bool,
}

/// What the reader's own server found out about the sender (its Authentication-Results, RFC 8601). The screen draws its word where no
/// text of a message can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The sender's domain vouches for the message (DMARC, or DKIM or SPF of that very domain).
    Verified,
    /// Nobody vouches for it, and nobody has to.
    Unproven,
    /// It claims a domain that says it is not its own.
    Suspect,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unproven => "unproven",
            Self::Suspect => "suspect",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub id: MessageId,
    pub view: View,
    pub subject: DisplayText,
    pub from: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub reply_to: Vec<Address>,
    /// The mailing list it came by.
    pub list: Option<List>,
    /// Unix seconds and the sender's offset from UTC in minutes.
    pub date: Option<(i64, i16)>,
    /// None where no server is believed, or it says nothing.
    pub verdict: Option<Verdict>,
    /// What is known of its signature and encryption, the outermost first.
    pub seals: Vec<Seal>,
    /// What about the sender may deceive, in words, the gravest first.
    pub warnings: Vec<DisplayText>,
    /// Short facts for the header summary: "HTML", "list boats", "3 remote images blocked".
    pub facts: Vec<DisplayText>,
    pub lines: Vec<Line>,
    pub links: Vec<Link>,
    pub parts: Vec<Part>,
    /// Where pictures of its HTML are that are elsewhere: https addresses, as far as they may be asked for.
    pub remote: Vec<String>,
    /// Some of those were fetched.
    pub has_fetched: bool,
    /// What could not be shown, in sentences.
    pub notes: Vec<DisplayText>,
    /// False while only the headers or a prefix are here.
    pub whole: bool,
}

impl Page {
    /// There is something to draw: it came with the message, or was fetched.
    pub fn has_pictures(&self) -> bool {
        self.has_fetched || self.parts.iter().any(Part::is_picture)
    }

    /// A page with nothing on it, of a message of which nothing is known.
    pub fn empty(id: MessageId, view: View) -> Self {
        Self {
            id,
            view,
            subject: DisplayText::default(),
            from: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            reply_to: Vec::new(),
            list: None,
            date: None,
            verdict: None,
            seals: Vec::new(),
            warnings: Vec::new(),
            facts: Vec::new(),
            lines: Vec::new(),
            links: Vec::new(),
            parts: Vec::new(),
            remote: Vec::new(),
            has_fetched: false,
            notes: Vec::new(),
            whole: false,
        }
    }
}
