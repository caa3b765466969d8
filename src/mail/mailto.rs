//! `mailto:` links (RFC 6068). A link is written by somebody else: it may fill in recipients, a subject and a text,
//! and name the message it answers; files, senders and other header fields it may not.

use super::address::parse_list;
use super::draft::Draft;
use super::text::HeaderValue;
use super::url::percent_decoded;

/// Bytes of a link that are read.
const MAX_URL: usize = 256 * 1024;

/// What a link asks for, cleaned; nothing is sent by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailto {
    /// Address lists as they would be typed.
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub subject: String,
    /// Lines end with "\n".
    pub body: String,
    /// Without angle brackets.
    pub in_reply_to: Option<String>,
    /// A sentence for each thing the link asked for and does not get.
    pub notes: Vec<String>,
}

impl Mailto {
    /// Writes it into a draft: the text comes before what is there already (a signature).
    pub fn fill(self, draft: &mut Draft) {
        draft.to = self.to;
        draft.cc = self.cc;
        draft.bcc = self.bcc;
        draft.subject = self.subject;
        draft.references = self.in_reply_to.iter().cloned().collect();
        draft.in_reply_to = self.in_reply_to;
        draft.text.insert_str(0, &self.body);
    }
}

/// Reads a link. The error is a sentence.
pub fn parse(url: &str) -> Result<Mailto, String> {
    let rest = url.trim();
    let rest = match rest.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => rest.get(7..).unwrap_or_default(),
        _ => return Err("This is no mailto: link.".to_owned()),
    };
    if rest.len() > MAX_URL {
        return Err("This mailto: link is longer than 256 kB; it is not opened.".to_owned());
    }
    let rest = rest.split('#').next().unwrap_or(rest);
    let (to, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut found = Mailto::default();
    add_recipients(&mut found.to, to);
    // "&amp;" comes from pages that were escaped twice
    for pair in query.split('&').map(|pair| pair.strip_prefix("amp;").unwrap_or(pair)).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.field(&percent_decoded(name).to_ascii_lowercase(), value);
    }
    for (field, list) in [("To", &found.to), ("Cc", &found.cc), ("Bcc", &found.bcc)] {
        if let Err((_, why)) = parse_list(list) {
            found.notes.push(format!("{field}: {why}."));
        }
    }
    Ok(found)
}

impl Mailto {
    fn field(&mut self, name: &str, value: &str) {
        match name {
            "to" => add_recipients(&mut self.to, value),
            "cc" => add_recipients(&mut self.cc, value),
            "bcc" => add_recipients(&mut self.bcc, value),
            "subject" => self.subject = one_line(value),
            "body" => self.body = lines(&percent_decoded(value)),
            "in-reply-to" => {
                let id: String =
                    percent_decoded(value).chars().filter(|c| !c.is_whitespace() && !c.is_control() && !"<>".contains(*c)).collect();
                self.in_reply_to = (!id.is_empty()).then_some(id);
            }
            "attach" | "attachment" | "attachfile" => {
                self.notes
                    .push("The link asks to attach a file of this machine; that is refused. Attach it yourself if you mean it.".to_owned());
            }
            other => {
                let shown: String = HeaderValue::new(other).as_str().chars().take(40).collect();
                self.notes.push(format!("The link sets “{shown}”; only recipients, subject and text are taken."));
            }
        }
    }
}

/// Adds `encoded` to a list: commas that are part of an address are encoded (RFC 6068 2).
fn add_recipients(list: &mut String, encoded: &str) {
    for address in encoded.split(',').map(one_line).filter(|address| !address.is_empty()) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&address);
    }
}

fn one_line(encoded: &str) -> String {
    HeaderValue::new(&percent_decoded(encoded)).as_str().to_owned()
}

/// Line ends as a draft has them, other controls but tabs left out.
fn lines(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str) -> Mailto {
        parse(url).unwrap()
    }

    #[test]
    fn the_links_of_the_rfc() {
        assert_eq!(found("mailto:chris@example.com").to, "chris@example.com");
        assert_eq!(found("MAILTO:?to=joe@example.com&cc=bob@example.com&body=hello").cc, "bob@example.com");
        assert_eq!(found("mailto:a@b.c,d@e.f?to=g@h.i").to, "a@b.c, d@e.f, g@h.i");
        assert_eq!(found("mailto:%22not%40me%22@example.org").to, "\"not@me\"@example.org");
        assert_eq!(found("mailto:gorby%25kremvax@example.com").to, "gorby%kremvax@example.com");
        assert_eq!(found("mailto:bill+ietf@example.org").to, "bill+ietf@example.org");
        assert_eq!(found("mailto:a@b.c?subject=caf%C3%A9%20a+b").subject, "café a+b");
        assert_eq!(found("mailto:a@b.c?body=send%20index%0D%0Aend").body, "send index\nend\n");
        assert_eq!(found("mailto:l@e.c?In-Reply-To=%3C3469A91.D10@e.com%3E").in_reply_to.as_deref(), Some("3469A91.D10@e.com"));
        assert_eq!(found("mailto:joe@e.c?cc=b@e.c&amp;body=hi").body, "hi\n");
    }

    #[test]
    fn a_link_adds_no_header_line_and_no_file() {
        let link = found("mailto:a@b.c?subject=x%0D%0ABcc:%20eve@e.e&attach=/etc/passwd&from=eve@e.e&x-%0d%0aevil=1");
        assert_eq!(link.subject, "x Bcc: eve@e.e");
        assert_eq!((link.bcc.as_str(), link.notes.len()), ("", 3), "{:?}", link.notes);
        assert!(link.notes[0].contains("attach") && link.notes[1].contains("“from”"));
        assert!(!link.notes.concat().contains(['\r', '\n']));
        assert!(found("mailto:a@b.c%0aBcc:e@e.e").to.chars().all(|c| !c.is_control()));
        assert_eq!(found("mailto:a@b.c?body=%1b[31m%00x").body, "[31mx\n");
        assert!(found("mailto:nobody").notes[0].contains("nobody"));
    }

    #[test]
    fn other_links_are_refused() {
        for url in ["", "http://x", "mailto", "é"] {
            assert!(parse(url).is_err(), "{url}");
        }
        assert!(parse(&format!("mailto:{}", "a".repeat(300_000))).is_err());
        assert_eq!(found("mailto:"), Mailto::default());
        assert_eq!(found("mailto:a@b.c?subject=%zz%4").subject, "%zz%4");
    }

    #[test]
    fn a_link_fills_a_draft_above_its_signature() {
        let mut draft = Draft { text: "-- \nAda\n".to_owned(), ..Draft::default() };
        found("mailto:a@b.c?body=hi&subject=s").fill(&mut draft);
        assert_eq!((draft.to.as_str(), draft.subject.as_str(), draft.text.as_str()), ("a@b.c", "s", "hi\n-- \nAda\n"));
    }
}
