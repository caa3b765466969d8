//! What is worth a look before a message goes: pure, from the draft alone, one line each. What blocks would be
//! refused by `mime::compose` or by every server; the rest is asked about.

use super::address::{Address, parse_list};
use super::draft::{Draft, Field, FileId, Identity};
use super::text::DisplayText;

/// Recipients that go without a question.
const MANY: usize = 15;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub severity: Severity,
    pub kind: Kind,
    /// Where to mend it.
    pub field: Field,
    /// One line for the screen.
    pub text: DisplayText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The message can't be sent like this.
    Blocks,
    /// Sent if the user says so.
    Asks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    UnreadableAddress,
    NoRecipients,
    MissingFile,
    ForgottenAttachment,
    EmptySubject,
    ManyRecipients,
    OtherIdentity,
}

/// The findings, those that block first. `original_to`: whom the answered message was written to (its To and Cc), empty
/// where none is answered.
pub fn checks(draft: &Draft, me: &[Identity], original_to: &[Address]) -> Vec<Check> {
    let mut out = Vec::new();
    let mut add = |severity, kind, field, text: String| out.push(Check { severity, kind, field, text: DisplayText::new(&text) });
    let mut count = 0;
    let mut unreadable = false;
    let lists = [
        (Field::To, "To", &draft.to),
        (Field::Cc, "Cc", &draft.cc),
        (Field::Bcc, "Bcc", &draft.bcc),
        (Field::ReplyTo, "Reply-To", &draft.reply_to),
    ];
    for (field, name, list) in lists {
        match parse_list(list) {
            Ok(found) if field != Field::ReplyTo => count += found.len(),
            Ok(_) => {}
            Err((_, why)) => {
                unreadable = true;
                add(Severity::Blocks, Kind::UnreadableAddress, field, format!("{name}: {}.", short(&why)));
            }
        }
    }
    if count == 0 && !unreadable {
        add(Severity::Blocks, Kind::NoRecipients, Field::To, "There is no recipient.".to_owned());
    }
    for lost in draft.attachments.iter().filter(|file| file.file == FileId(0)) {
        add(
            Severity::Blocks,
            Kind::MissingFile,
            Field::Text,
            format!("The file “{}” is not here any more; attach it again or take it out.", short(&lost.name)),
        );
    }
    if draft.attachments.is_empty()
        && let Some(word) = promised_file(&draft.subject).or_else(|| promised_file(&own_text(&draft.text)))
    {
        add(Severity::Asks, Kind::ForgottenAttachment, Field::Text, format!("You wrote “{word}”, but no file is attached."));
    }
    if draft.subject.trim().is_empty() {
        add(Severity::Asks, Kind::EmptySubject, Field::Subject, "The subject is empty.".to_owned());
    }
    if count > MANY {
        add(Severity::Asks, Kind::ManyRecipients, Field::To, format!("This goes to {count} recipients."));
    }
    if let Some(addressed) = other_identity(draft, me, original_to) {
        add(
            Severity::Asks,
            Kind::OtherIdentity,
            Field::To,
            format!("It was written to {}; you answer as {}.", addressed.address, draft.from.address),
        );
    }
    out
}

fn short(text: &str) -> String {
    DisplayText::capped(text, 80).into_string()
}

/// The own address that was written to, where the draft is from another one.
fn other_identity<'a>(draft: &Draft, me: &'a [Identity], original_to: &[Address]) -> Option<&'a Address> {
    let was_written_to = |own: &Address| original_to.iter().any(|to| own.receives(&to.address));
    if was_written_to(&draft.from) {
        return None;
    }
    me.iter().map(|identity| &identity.from).find(|own| was_written_to(own))
}

/// What the user wrote: without quotes, attribution-like lines before them, and signature.
fn own_text(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_end() == "--" || line.starts_with("---------- ") {
            break;
        }
        if !line.starts_with('>') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Words that promise a file, in lower case. Matched at the beginning of a word, and whole where a blank ends them.
const PROMISES: &[&str] = &[
    // English
    "attached",
    "attachment",
    "i attach",
    "i'm attaching",
    "i am attaching",
    "enclosed",
    // German
    "anbei ",
    "im anhang",
    "angehängt",
    "beigefügt",
    "anliegend",
    "in der anlage",
    // French
    "ci-joint",
    "ci joint",
    "pièce jointe",
    "pièces jointes",
    "en pièce",
    // Spanish, Portuguese
    "adjunto",
    "adjunta",
    "archivo adjunt",
    "em anexo",
    "segue anexo",
    // Italian
    "in allegato",
    "allegato ",
    "allego ",
    // Dutch
    "bijlage",
    "bijgevoegd",
    // Swedish, Danish, Norwegian, Finnish
    "bifogat",
    "bifogar",
    "bifogad",
    "vedhæft",
    "vedlagt",
    "liitteenä",
    "oheisena",
    // Polish, Czech
    "w załączniku",
    "załączam",
    "v příloze",
    "přikládám",
    // Russian, Ukrainian
    "во вложении",
    "прикреплен",
    "прикрепляю",
    "у вкладенні",
    // Turkish
    "ekte ",
    "ektedir",
    // Japanese, Chinese, Korean
    "添付",
    "附件",
    "첨부",
];

/// The first promise of a text.
fn promised_file(text: &str) -> Option<&'static str> {
    let text = format!("{} ", text.to_lowercase().replace(['\n', '\t'], " ").replace('’', "'"));
    let is_word_start = |at: usize| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        // scripts without blanks between words have no word starts
        !before.is_some_and(char::is_alphanumeric) || text.get(at..).and_then(|tail| tail.chars().next()).is_some_and(|c| c >= '\u{2e80}')
    };
    let has = |word: &str| text.match_indices(word).any(|(at, _)| is_word_start(at) && !is_negated(text.get(..at).unwrap_or_default()));
    PROMISES.iter().find(|word| has(word)).map(|word| word.trim_end())
}

/// "no attachment", "without attachment".
fn is_negated(before: &str) -> bool {
    let word = before.trim_end().rsplit(' ').next().unwrap_or_default();
    matches!(word, "no" | "without" | "not" | "kein" | "keinen" | "ohne" | "nicht" | "sans" | "sin" | "senza" | "utan" | "без")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::draft::Attachment;

    fn draft(text: &str) -> Draft {
        let from = Address::new("", "me@x.example");
        Draft { from, to: "a@b.c".into(), subject: "s".into(), text: text.into(), ..Draft::default() }
    }

    fn kinds(draft: &Draft) -> Vec<Kind> {
        checks(draft, &[], &[]).into_iter().map(|check| check.kind).collect()
    }

    #[test]
    fn promised_files_are_missed() {
        for (text, expect) in [
            ("the plan is attached, see page 2", true),
            ("Attachment: plan.pdf", true),
            ("Anbei der Plan", true),
            ("Veuillez trouver ci-joint le plan", true),
            ("Se adjunta el plan", true),
            ("資料を添付します", true),
            ("Во вложении план", true),
            ("I’m attaching it", true),
            ("I am very attached to it\n", true),
            ("> see the attached plan\n\nthank you", false),
            ("unattached ends", false),
            ("there is no attachment", false),
            ("ok\n-- \nsee attached terms", false),
            ("hello", false),
        ] {
            let expect: &[Kind] = if expect { &[Kind::ForgottenAttachment] } else { &[] };
            assert_eq!(kinds(&draft(text)), expect, "{text}");
        }
        let file = Attachment { file: FileId(1), name: "plan.pdf".into(), content_type: "application/pdf".into(), size: 1 };
        assert_eq!(kinds(&Draft { attachments: vec![file], ..draft("attached") }), []);
    }

    #[test]
    fn each_finding_is_one_line_with_its_severity() {
        let many = (0..16).map(|n| format!("a{n}@b.c")).collect::<Vec<_>>().join(", ");
        let lost = Attachment { file: FileId(0), name: "x\r\ny".into(), content_type: "text/plain".into(), size: 1 };
        for (draft, kind, severity) in [
            (Draft { to: "a@b.c, bob".into(), ..draft("") }, Kind::UnreadableAddress, Severity::Blocks),
            (Draft { reply_to: "bob\r\nBcc: x".into(), ..draft("") }, Kind::UnreadableAddress, Severity::Blocks),
            (Draft { to: " ".into(), ..draft("") }, Kind::NoRecipients, Severity::Blocks),
            (Draft { attachments: vec![lost], ..draft("") }, Kind::MissingFile, Severity::Blocks),
            (Draft { subject: " ".into(), ..draft("") }, Kind::EmptySubject, Severity::Asks),
            (Draft { bcc: many, ..draft("") }, Kind::ManyRecipients, Severity::Asks),
        ] {
            let found = checks(&draft, &[], &[]);
            assert_eq!(found.iter().map(|check| (check.kind, check.severity)).collect::<Vec<_>>(), [(kind, severity)]);
            assert!(!found[0].text.as_str().contains(['\r', '\n']));
        }
        assert_eq!(kinds(&Draft { to: String::new(), cc: "x@y.z".into(), ..draft("") }), []);
    }

    #[test]
    fn answering_as_somebody_else_is_asked_about() {
        let identity = |address: &str| Identity { from: Address::new("", address), ..Identity::default() };
        let me = [identity("me@x.example"), identity("home@y.example")];
        let other = |to: &str| !checks(&draft(""), &me, &[Address::new("", to)]).is_empty();
        assert!(other("home+tag@y.example"));
        assert!(!other("ME@x.example"));
        assert!(!other("list@z.example"));
    }
}
