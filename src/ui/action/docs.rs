//! The table as text: `postrider keys` and docs/keys.md.

use std::fmt::Write;

use super::{ACTIONS, ActionSpec, CONTEXTS, Context, Contexts};
use crate::config::Preset;

const PRESETS: &[(&str, Preset)] = &[("vim", Preset::Vim), ("gmail", Preset::Gmail), ("mutt", Preset::Mutt), ("emacs", Preset::Emacs)];

/// The sections in the order of their first row.
fn sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for spec in ACTIONS {
        if !sections.contains(&spec.section) {
            sections.push(spec.section);
        }
    }
    sections
}

fn rows_of(section: &str) -> impl Iterator<Item = &'static ActionSpec> {
    ACTIONS.iter().filter(move |spec| spec.section == section)
}

fn places(contexts: Contexts) -> String {
    for (set, words) in [
        (Contexts::EVERYWHERE, "everywhere"),
        (Contexts::ALL, "all"),
        (Contexts::PANES, "panes, reader"),
        (Contexts::MAIL, "list, preview, reader"),
        (Contexts::TYPING, "where text is typed"),
    ] {
        if contexts.beside_compose() == set {
            return if contexts == set { words.to_owned() } else { format!("{words}, compose") };
        }
    }
    let names: Vec<&str> = CONTEXTS.iter().filter(|(context, ..)| contexts.contains(*context)).map(|(_, name, _)| *name).collect();
    names.join(", ")
}

fn doc(spec: &ActionSpec) -> String {
    if spec.ready { spec.doc.to_owned() } else { format!("{} *Still to come.*", spec.doc) }
}

/// `keys --markdown`, which is docs/keys.md.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Keys\n\nMade by `postrider keys --markdown`; do not edit.\n\n\
         The preset is chosen by `keymap` in `[ui]`; single keys are bound on top in `[keys.CONTEXT]`, by the names below \
         (an empty name unbinds). `:NAME` runs any of them. Counts go before a key: `5j`. Verbs act on the marked rows where there are \
         marks, else on the row under the cursor. \"all\" leaves out the places where text is typed. In the composer letters are text; its keys are in the last column and the same \
         in every preset.\n",
    );
    for section in sections() {
        let _ = write!(
            text,
            "\n## {section}\n\n| name | does | where | vim | gmail | mutt | emacs | composer |\n|---|---|---|---|---|---|---|---|\n"
        );
        for spec in rows_of(section) {
            let _ = write!(text, "| `{}` | {} | {} |", spec.name, doc(spec), places(spec.contexts));
            for (_, preset) in PRESETS {
                let _ = write!(text, " {} |", keys_cell(spec.keys(*preset)));
            }
            let _ = writeln!(text, " {} |", keys_cell(spec.keys_in(Context::Compose, Preset::Vim)));
        }
    }
    text
}

fn keys_cell(keys: &[&str]) -> String {
    let cells: Vec<String> = keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
    cells.join(" ")
}

/// `keys`: the vim preset's table as plain text.
pub fn list() -> String {
    let mut text = String::new();
    for section in sections() {
        let _ = writeln!(text, "{}{section}", if text.is_empty() { "" } else { "\n" });
        for spec in rows_of(section) {
            let keys = match spec.keys(Preset::Vim) {
                [] => spec.keys_in(Context::Compose, Preset::Vim).join("  "),
                keys => keys.join("  "),
            };
            let later = if spec.ready { "" } else { " (still to come)" };
            let _ = writeln!(text, "  {keys:<22} {:<22} {}{later}", spec.name, spec.doc);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_in_both_texts() {
        let (markdown, list) = (markdown(), list());
        for spec in ACTIONS {
            assert!(markdown.contains(&format!("| `{}` |", spec.name)), "{}", spec.name);
            assert!(list.contains(spec.doc), "{}", spec.name);
        }
        assert!(markdown.contains("`\\|`"), "a pipe would break the table");
    }
}
