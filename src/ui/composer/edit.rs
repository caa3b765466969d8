//! Changes to a draft beside typing: identity, signature, files, and the user's own editor.

use super::Composer;
use crate::mail::url::percent_decoded;
use crate::mail::{DisplayText, DraftId, Identity};
use crate::ui::event::Effect;
use crate::ui::format::size;
use crate::ui::model::{Model, Out};
use crate::ui::update::shown;

/// The line that stands before a signature (RFC 3676 4.3).
const SEPARATOR: &str = "-- ";

/// C-x i: the next account's address, and its signature where the old one stood unchanged.
pub(super) fn identity(model: &mut Model, out: &mut Out) {
    let identities = model.composers.identities.clone();
    if identities.len() < 2 {
        return model.status.say("There is only one address to write as", out.now);
    }
    let Some(composer) = model.composers.current_mut() else { return };
    let at = identities.iter().position(|it| it.account == composer.base.account && it.from == composer.base.from);
    let Some(next) = identities.get((at.map_or(0, |at| at + 1)) % identities.len()) else { return };
    let old = at.and_then(|at| identities.get(at)).and_then(|it| it.signature.as_deref());
    if has_signature(composer, old) {
        put_signature(composer, next.signature.as_deref());
    }
    composer.base.account.clone_from(&next.account);
    composer.base.from = next.from.clone();
    composer.changed(out);
    model.status.say(format!("From {}", shown(&next.from.typed())), out.now);
}

/// C-x g: the identity's signature, or none.
pub(super) fn signature(model: &mut Model, out: &mut Out) {
    let identities = model.composers.identities.clone();
    let Some(composer) = model.composers.current_mut() else { return };
    let mine = of(composer, &identities).and_then(|it| it.signature.clone());
    if signature_row(composer).is_some() {
        put_signature(composer, None);
        composer.changed(out);
        model.status.say("No signature", out.now);
    } else if let Some(text) = mine {
        put_signature(composer, Some(&text));
        composer.changed(out);
        model.status.say("The signature is in", out.now);
    } else {
        let account = shown(&composer.base.account);
        model.status.say(format!("{account} has no signature: write one as `signature = \"…\"` in [accounts.{account}]"), out.now);
    }
}

/// The identity that a draft is written as.
fn of<'a>(composer: &Composer, identities: &'a [Identity]) -> Option<&'a Identity> {
    identities.iter().find(|it| it.account == composer.base.account)
}

/// The row of the separator: the last one, and nothing quoted below it.
fn signature_row(composer: &Composer) -> Option<usize> {
    let lines = composer.text.lines();
    let row = lines.iter().rposition(|line| line == SEPARATOR)?;
    lines.iter().skip(row).all(|line| !line.starts_with('>')).then_some(row)
}

/// Its signature is this one, as it was put in.
fn has_signature(composer: &Composer, signature: Option<&str>) -> bool {
    match (signature_row(composer), signature) {
        (None, None) => true,
        (Some(row), Some(text)) => composer.text.lines().get(row + 1..).unwrap_or_default().join("\n").trim_end() == text.trim_end(),
        _ => false,
    }
}

/// Puts a signature in the place of what is there, as one change.
fn put_signature(composer: &mut Composer, signature: Option<&str>) {
    let lines = composer.text.lines();
    let row = signature_row(composer).unwrap_or(lines.len());
    // The empty lines before it belong to it.
    let body = lines.iter().take(row).rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let text = match signature {
        // A line is kept free for what is to be written.
        Some(signature) if body == 0 => format!("\n\n{SEPARATOR}\n{}", signature.trim_end()),
        Some(signature) => format!("\n{SEPARATOR}\n{}", signature.trim_end()),
        None => String::new(),
    };
    let ends_there = body >= composer.text.lines().len();
    let text = if ends_there && !text.is_empty() { format!("\n{text}") } else { text };
    composer.text.replace_from(body, &text);
}

/// C-x A: the last file goes.
pub(super) fn detach(model: &mut Model, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    match composer.base.attachments.pop() {
        Some(file) => {
            composer.changed(out);
            composer.save(out);
            model.status.say(format!("Taken out: {} ({})", shown(&file.name), size(file.size)), out.now);
        }
        None => model.status.say("No file is attached", out.now),
    }
}

/// C-x e: the draft is saved, then the text goes to the user's editor.
pub(super) fn external(model: &mut Model, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    composer.popup = None;
    composer.ask_save(out);
    composer.editing = true;
    out.effects.push(Effect::Edit { draft: composer.id, text: composer.text.text() });
}

/// The editor ended: its text, or why it is as it was.
pub fn edited(model: &mut Model, draft: DraftId, result: Result<String, String>, out: &mut Out) {
    let Some(composer) = model.composers.find(draft) else { return };
    composer.editing = false;
    match result {
        Ok(text) if super::text::Text::new(&text).text() == composer.text.text() => {
            model.status.say("The text is as it was", out.now);
        }
        Ok(text) => {
            composer.text.replace(&text);
            composer.changed(out);
            composer.save(out);
            model.status.say("The text is as the editor left it", out.now);
        }
        Err(why) => model.status.failed(format!("The text is as it was: {why}"), out.now),
    }
}

/// A path in a pasted text, as terminals drop files: quoted, with `\ `, or as a file: address. None where it is
/// anything else.
pub(super) fn path_in(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.contains('\n') || text.len() > 4096 {
        return None;
    }
    let bare = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let bare = bare.or_else(|| text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')));
    let path = match (bare, text.strip_prefix("file://")) {
        (Some(bare), _) => bare.to_owned(),
        (None, Some(url)) => percent_decoded(url),
        (None, None) => text.replace("\\ ", " "),
    };
    let is_path = (path.starts_with('/') && path.len() > 1 && !path.starts_with("//")) || path.starts_with("~/");
    (is_path && DisplayText::new(&path).as_str() == path).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Draft;

    #[test]
    fn a_pasted_path_is_known_in_every_usual_form() {
        for (text, expect) in [
            ("/home/ada/plan.pdf\n", Some("/home/ada/plan.pdf")),
            ("'/home/ada/my plan.pdf'", Some("/home/ada/my plan.pdf")),
            ("/home/ada/my\\ plan.pdf", Some("/home/ada/my plan.pdf")),
            ("file:///home/ada/my%20plan.pdf", Some("/home/ada/my plan.pdf")),
            ("~/plan.pdf", Some("~/plan.pdf")),
            ("/", None),
            ("// a comment", None),
            ("and/or", None),
            ("/one\n/two", None),
            ("/\u{1b}[31mred", None),
        ] {
            assert_eq!(path_in(text).as_deref(), expect, "{text:?}");
        }
    }

    fn with(text: &str) -> Composer {
        Composer::new(DraftId(1), Draft { text: text.into(), ..Draft::default() })
    }

    #[test]
    fn a_signature_goes_in_and_out_again() {
        let mut composer = with("Hello\n");
        put_signature(&mut composer, Some("Ada"));
        assert_eq!(composer.text.text(), "Hello\n\n-- \nAda\n");
        assert!(has_signature(&composer, Some("Ada\n")));
        put_signature(&mut composer, Some("Ada\nLondon"));
        assert_eq!(composer.text.text(), "Hello\n\n-- \nAda\nLondon\n");
        put_signature(&mut composer, None);
        assert_eq!(composer.text.text().trim_end(), "Hello");
        composer.text.undo();
        assert_eq!(composer.text.text(), "Hello\n\n-- \nAda\nLondon\n");
    }

    #[test]
    fn a_signature_in_a_quote_is_not_ours() {
        let composer = with("Hello\n\n> text\n-- \n> quoted below\n");
        assert_eq!(signature_row(&composer), None);
    }

    #[test]
    fn an_empty_text_keeps_a_line_to_write_on() {
        let mut composer = with("");
        put_signature(&mut composer, Some("Ada"));
        assert_eq!(composer.text.text(), "\n\n-- \nAda\n");
        assert_eq!(composer.text.cursor(), (0, 0));
    }
}
