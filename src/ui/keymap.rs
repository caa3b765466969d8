//! From keys to actions: key names, chords, presets and the user's own bindings on top. Chords wait
//! without a time limit. Knows nothing of the model; start with [`Keymap::find`].

use super::action::{self, ACTIONS, Action, CONTEXTS, Context, PREFIXES};
use super::input::{Code, Key};
use crate::config::{Finding, KeyBinding, Preset};
use crate::mail::nearest;

/// What a key sequence means in a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Action(Action),
    /// More keys can follow.
    Prefix,
    Nothing,
}

/// The effective bindings.
#[derive(Clone, Debug)]
pub struct Keymap {
    preset: Preset,
    /// One table a context, in the order of [`CONTEXTS`].
    tables: Vec<Vec<Bound>>,
}

#[derive(Clone, Debug)]
struct Bound {
    keys: Vec<Key>,
    action: Action,
}

/// One continuation of a prefix, for which-key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    pub key: Key,
    /// None: another prefix follows.
    pub action: Option<Action>,
}

impl Keymap {
    /// The preset with the user's bindings on top; what can't be resolved comes back as findings.
    pub fn new(preset: Preset, user: &[KeyBinding]) -> (Self, Vec<Finding>) {
        let mut map = Self { preset, tables: vec![Vec::new(); CONTEXTS.len()] };
        for spec in ACTIONS {
            for (context, ..) in CONTEXTS.iter().filter(|(context, ..)| spec.contexts.contains(*context)) {
                for keys in spec.keys_in(*context, preset).iter().filter_map(|text| parse_keys(text)) {
                    map.bind(*context, &keys, spec.action);
                }
            }
        }
        let findings = user.iter().filter_map(|binding| map.bind_user(binding).err()).collect();
        (map, findings)
    }

    fn table(&self, context: Context) -> &[Bound] {
        self.tables.get(context as usize).map_or(&[], Vec::as_slice)
    }

    fn bind(&mut self, context: Context, keys: &[Key], action: Action) {
        self.unbind(context, keys);
        if let Some(table) = self.tables.get_mut(context as usize) {
            table.push(Bound { keys: keys.to_vec(), action });
        }
    }

    /// Removes what the keys meant, and what begins with them or is a beginning of them.
    fn unbind(&mut self, context: Context, keys: &[Key]) {
        if let Some(table) = self.tables.get_mut(context as usize) {
            table.retain(|bound| !bound.keys.starts_with(keys) && !keys.starts_with(&bound.keys));
        }
    }

    fn bind_user(&mut self, binding: &KeyBinding) -> Result<(), Finding> {
        let finding = |message: String| Finding { line: binding.line, column: binding.column, message };
        let contexts: Vec<Context> = if binding.context == "all" {
            CONTEXTS.iter().map(|(context, ..)| *context).filter(|context| !context.is_typing()).collect()
        } else {
            let found = Context::find(&binding.context);
            let known = CONTEXTS.iter().map(|(_, name, _)| *name);
            vec![found.ok_or_else(|| finding(unknown("context", &binding.context, known)))?]
        };
        let keys = parse_keys(&binding.key)
            .ok_or_else(|| finding(format!("\"{}\" is no key; write \"x\", \"ctrl-x\", \"alt-x\", \"f5\" or \"g x\"", binding.key)))?;
        let action = match binding.action.as_str() {
            "" => None,
            name => Some(Action::find(name).ok_or_else(|| finding(unknown("action", name, action::names())))?),
        };
        if let Some(action) = action
            && !contexts.iter().any(|context| action.spec().contexts.contains(*context))
        {
            return Err(finding(format!("\"{}\" does nothing in [keys.{}]", binding.action, binding.context)));
        }
        for context in contexts {
            match action {
                None => self.unbind(context, &keys),
                Some(action) if action.spec().contexts.contains(context) => self.bind(context, &keys, action),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What these keys mean here.
    pub fn find(&self, context: Context, keys: &[Key]) -> Found {
        let mut prefix = false;
        for bound in self.table(context) {
            if bound.keys == keys {
                return Found::Action(bound.action);
            }
            prefix |= bound.keys.starts_with(keys);
        }
        if prefix { Found::Prefix } else { Found::Nothing }
    }

    /// What can follow a prefix, in the table's order.
    pub fn continuations(&self, context: Context, prefix: &[Key]) -> Vec<Continuation> {
        let mut found: Vec<Continuation> = Vec::new();
        for bound in self.table(context).iter().filter(|bound| bound.keys.len() > prefix.len() && bound.keys.starts_with(prefix)) {
            let Some(key) = bound.keys.get(prefix.len()).copied() else { continue };
            let action = (bound.keys.len() == prefix.len() + 1).then_some(bound.action);
            if !found.iter().any(|known| known.key == key) {
                found.push(Continuation { key, action });
            }
        }
        found
    }

    /// The first keys of an action here, as shown ("e", "gi", "C-r"); the preset's order, the user's on top.
    pub fn shown(&self, context: Context, action: Action) -> Option<String> {
        let table = self.table(context);
        let preferred = action.spec().keys_in(context, self.preset).iter().filter_map(|text| parse_keys(text));
        let mut preferred = preferred.filter(|keys| table.iter().any(|bound| bound.action == action && bound.keys == *keys));
        let own = || table.iter().rev().find(|bound| bound.action == action).map(|bound| bound.keys.clone());
        preferred.next().or_else(own).map(|keys| show_keys(&keys))
    }

    /// All keys of an action here, as shown.
    pub fn all_shown(&self, context: Context, action: Action) -> Vec<String> {
        self.table(context).iter().filter(|bound| bound.action == action).map(|bound| show_keys(&bound.keys)).collect()
    }

    /// What an unbound key would have meant in another preset: "in mutt: next unread; here gn".
    pub fn elsewhere(&self, context: Context, keys: &[Key]) -> Option<String> {
        for (name, preset) in [("vim", Preset::Vim), ("gmail", Preset::Gmail), ("mutt", Preset::Mutt), ("emacs", Preset::Emacs)] {
            let spec = ACTIONS.iter().find(|spec| {
                spec.contexts.contains(context)
                    && spec.keys_in(context, preset).iter().any(|text| parse_keys(text).as_deref() == Some(keys))
            });
            if let Some(spec) = spec
                && preset != self.preset
            {
                let here = self.shown(context, spec.action).unwrap_or_else(|| format!(":{}", spec.name));
                return Some(format!("in {name}: {}; here {here}", spec.hint));
            }
        }
        None
    }
}

/// What a prefix is called: "go to".
pub fn prefix_label(keys: &[Key]) -> &'static str {
    PREFIXES.iter().find(|(text, _)| parse_keys(text).as_deref() == Some(keys)).map_or("more", |(_, label)| label)
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("no {what} is called \"{name}\"; did you mean \"{near}\"?"),
        None => format!("no {what} is called \"{name}\""),
    }
}

/// Key names and the keys they stand for; the first name of a code is the one shown.
const NAMES: &[(&str, Code)] = &[
    ("enter", Code::Enter),
    ("return", Code::Enter),
    ("esc", Code::Esc),
    ("escape", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("del", Code::Delete),
    ("insert", Code::Insert),
    ("home", Code::Home),
    ("end", Code::End),
    ("pgup", Code::PageUp),
    ("pageup", Code::PageUp),
    ("pgdn", Code::PageDown),
    ("pagedown", Code::PageDown),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("space", Code::Char(' ')),
];

/// Reads a key sequence: "e", "g i", "gi", "ctrl-e", "C-e", "space", "pgdn", "f1", "alt-x". None if it is no key.
pub fn parse_keys(text: &str) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match parse_key(word) {
            Some(key) => keys.push(key),
            // "gi": letters in a row are a chord
            None if !word.contains('-') => keys.extend(word.chars().map(Key::char)),
            None => return None,
        }
    }
    let odd = keys.iter().any(|key| matches!(key.code, Code::Char(c) if c.is_control()));
    (!keys.is_empty() && keys.len() <= 4 && !odd).then_some(keys)
}

fn parse_key(word: &str) -> Option<Key> {
    let mut chars = word.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return Some(Key::char(c));
    }
    let bare = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(word);
    if let Some((modifier, rest)) = bare.split_once('-').filter(|(_, rest)| !rest.is_empty()) {
        let mut key = parse_key(rest)?;
        match modifier.to_ascii_lowercase().as_str() {
            "ctrl" | "c" | "control" => key.ctrl = true,
            "alt" | "m" | "a" | "meta" => key.alt = true,
            "shift" | "s" => key = shifted(key),
            _ => return None,
        }
        if key.ctrl
            && let Code::Char(c) = key.code
        {
            key.code = Code::Char(c.to_ascii_lowercase());
        }
        return Some(key);
    }
    let lower = bare.to_ascii_lowercase();
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| *name == lower) {
        return Some(Key::plain(*code));
    }
    let number: u8 = lower.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(Key::plain(Code::F(number)))
}

fn shifted(mut key: Key) -> Key {
    match key.code {
        Code::Tab => key.code = Code::BackTab,
        Code::Char(c) if c.is_lowercase() => key.code = Code::Char(c.to_uppercase().next().unwrap_or(c)),
        _ => key.shift = true,
    }
    key
}

/// How keys are shown: chords without spaces ("gi"), Ctrl as "C-".
pub fn show_keys(keys: &[Key]) -> String {
    let words: Vec<String> = keys.iter().map(|key| show_key(*key)).collect();
    let spaced = words.iter().any(|word| word.chars().count() > 1);
    words.join(if spaced { " " } else { "" })
}

/// One key as shown.
pub fn show_key(key: Key) -> String {
    let name = match key.code {
        Code::Char(' ') => "Space".to_owned(),
        Code::Char(c) => c.to_string(),
        Code::BackTab => "S-Tab".to_owned(),
        Code::F(n) => format!("F{n}"),
        Code::Esc => "Esc".to_owned(),
        Code::PageDown => "PgDn".to_owned(),
        Code::PageUp => "PgUp".to_owned(),
        code => {
            let name = NAMES.iter().find(|(_, known)| *known == code).map_or("?", |(name, _)| name);
            let mut chars = name.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    };
    format!("{}{}{}{name}", if key.ctrl { "C-" } else { "" }, if key.alt { "M-" } else { "" }, if key.shift { "S-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        parse_keys(text).unwrap()
    }

    fn user(context: &str, key: &str, action: &str) -> KeyBinding {
        KeyBinding { context: context.into(), key: key.into(), action: action.into(), line: 3, column: 1 }
    }

    #[test]
    fn key_names_are_read_in_every_usual_spelling() {
        assert_eq!(keys("ctrl-e"), [Key::ctrl('e')]);
        assert_eq!(keys("C-E"), [Key::ctrl('e')]);
        assert_eq!(keys("g i"), keys("gi"));
        assert_eq!(keys("space"), [Key::char(' ')]);
        assert_eq!(keys("<pgdn>"), [Key::plain(Code::PageDown)]);
        assert_eq!(keys("shift-tab"), [Key::plain(Code::BackTab)]);
        assert_eq!(keys("-"), [Key::char('-')]);
        assert_eq!(keys("<"), [Key::char('<')]);
        assert_eq!(keys("f12"), [Key::plain(Code::F(12))]);
        assert_eq!(keys("ctrl-w <"), [Key::ctrl('w'), Key::char('<')]);
        assert_eq!(parse_keys("hyper-x"), None);
        assert_eq!(parse_keys(""), None);
    }

    #[test]
    fn every_default_key_is_a_key() {
        for spec in ACTIONS {
            for preset in [Preset::Vim, Preset::Gmail, Preset::Mutt, Preset::Emacs] {
                for text in spec.keys(preset).iter().chain(spec.keys_in(Context::Compose, preset)) {
                    assert!(parse_keys(text).is_some(), "{} {text}", spec.name);
                }
            }
        }
    }

    #[test]
    fn no_preset_binds_keys_twice_or_hides_a_chord() {
        for preset in [Preset::Vim, Preset::Gmail, Preset::Mutt, Preset::Emacs] {
            for (context, ..) in CONTEXTS {
                let mut seen: Vec<(Vec<Key>, &str)> = Vec::new();
                for spec in ACTIONS.iter().filter(|spec| spec.contexts.contains(*context)) {
                    for text in spec.keys_in(*context, preset) {
                        let new = keys(text);
                        for (old, name) in &seen {
                            assert!(
                                !old.starts_with(&new) && !new.starts_with(old),
                                "{preset:?} {context:?}: {text} is {name} and {}",
                                spec.name
                            );
                        }
                        seen.push((new, spec.name));
                    }
                }
            }
        }
    }

    #[test]
    fn arrows_enter_esc_and_the_three_signs_are_the_same_in_all_presets() {
        for preset in [Preset::Vim, Preset::Gmail, Preset::Mutt, Preset::Emacs] {
            let (map, _) = Keymap::new(preset, &[]);
            for (text, action) in [
                ("down", Action::Down),
                ("up", Action::Up),
                ("enter", Action::Open),
                ("esc", Action::Cancel),
                ("?", Action::Help),
                (":", Action::Command),
                ("/", Action::Search),
            ] {
                assert_eq!(map.find(Context::List, &keys(text)), Found::Action(action), "{preset:?} {text}");
            }
        }
    }

    #[test]
    fn typing_contexts_bind_no_printable_key() {
        for preset in [Preset::Vim, Preset::Gmail, Preset::Mutt, Preset::Emacs] {
            let (map, _) = Keymap::new(preset, &[]);
            for (context, ..) in CONTEXTS.iter().filter(|(context, ..)| context.is_typing()) {
                for bound in map.table(*context) {
                    let printable = matches!(bound.keys.first(), Some(Key { code: Code::Char(_), ctrl: false, alt: false, .. }));
                    assert!(!printable, "{context:?} {:?}", bound.action);
                }
            }
        }
    }

    #[test]
    fn user_bindings_lie_on_top_and_problems_are_findings() {
        let bindings = [
            user("list", "ctrl-e", "archive"),
            user("list", "e", ""),
            user("lst", "e", "archive"),
            user("list", "e", "archiv"),
            user("list", "hyper-q", "archive"),
            user("folders", "e", "archive"),
        ];
        let (map, findings) = Keymap::new(Preset::Vim, &bindings);
        assert_eq!(map.find(Context::List, &keys("ctrl-e")), Found::Action(Action::Archive));
        assert_eq!(map.find(Context::List, &keys("e")), Found::Nothing);
        assert_eq!(map.shown(Context::List, Action::Archive).as_deref(), Some("C-e"));
        assert_eq!(findings.len(), 4, "{findings:?}");
        assert!(findings.iter().any(|f| f.message.contains("did you mean \"list\"")));
        assert!(findings.iter().any(|f| f.message.contains("did you mean \"archive\"") && f.line == 3));
    }

    #[test]
    fn a_prefix_waits_and_lists_what_can_follow() {
        let (map, _) = Keymap::new(Preset::Vim, &[]);
        assert_eq!(map.find(Context::List, &keys("g")), Found::Prefix);
        let next = map.continuations(Context::List, &keys("g"));
        assert!(next.contains(&Continuation { key: Key::char('i'), action: Some(Action::GoInbox) }));
        assert_eq!(prefix_label(&keys("g")), "go to");
    }

    #[test]
    fn an_unbound_key_tells_what_another_preset_would_do() {
        let (map, _) = Keymap::new(Preset::Vim, &[]);
        assert_eq!(map.elsewhere(Context::List, &keys("$")).as_deref(), Some("in mutt: check mail; here R"));
        assert_eq!(map.elsewhere(Context::List, &keys("ctrl-t")), None);
    }
}
