//! From the text to checked values: every key against its row in `keys.rs`. What is wrong becomes a
//! [`Finding`] and is left out; what is good comes back by path. Knows TOML and the table, not what the
//! keys mean; `build.rs` does.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::Finding;
use super::keys::{CONTEXTS, Key, Kind, TABLES, Table};
use crate::mail::{DisplayText, nearest};

/// A checked value.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Bool(bool),
    Int(i64),
    Words(Vec<String>),
}

/// Path of a key or table in the file, level by level.
pub type Path = Vec<String>;

/// What the file says, checked.
#[derive(Default)]
pub struct Checked {
    /// Good values, and where each stands (byte offset).
    pub values: BTreeMap<Path, (Value, usize)>,
    /// Tables that are there, and where.
    pub tables: BTreeMap<Path, usize>,
    /// Keys that are there with a value that can't be used, and where.
    pub bad: BTreeMap<Path, usize>,
    /// Accounts whose text could not be read to the end, and where: nothing in them can be relied on.
    pub damaged: BTreeMap<String, usize>,
    pub findings: Vec<Finding>,
}

/// Reads and checks the whole text, also after errors of syntax.
pub fn check(text: &str) -> Checked {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk { text, out: Checked::default() };
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        walk.find(at, error.message().trim_end_matches('.').to_owned());
        walk.out.damaged.extend(damaged_accounts(text, at).into_iter().map(|name| (name, at)));
    }
    walk.table(root.get_ref(), "", &[]);
    let mut out = walk.out;
    out.findings.sort_by_key(|finding| (finding.line, finding.column));
    out
}

/// Line and column (1-based, in characters) of a byte offset.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

/// The accounts around an error of syntax. A broken header puts the keys under it into the table above,
/// so that one counts too: an account must never sign in with another's settings.
fn damaged_accounts(text: &str, at: usize) -> Vec<String> {
    let mut headers = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start > at {
            break;
        }
        if line.trim_start().starts_with('[') {
            headers.push(line.trim());
        }
        start += line.len();
    }
    headers.iter().rev().take(2).filter_map(|header| account_of(header)).collect()
}

fn account_of(header: &str) -> Option<String> {
    let rest = header.trim_start_matches('[').trim_start().strip_prefix("accounts")?.trim_start().strip_prefix('.')?.trim_start();
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return rest.get(1..)?.split(quote).next().map(str::to_owned);
    }
    rest.split(|c: char| matches!(c, '.' | ']' | '#') || c.is_whitespace()).next().map(str::to_owned)
}

struct Walk<'t> {
    text: &'t str,
    out: Checked,
}

impl Walk<'_> {
    fn find(&mut self, offset: usize, message: String) {
        let (line, column) = position(self.text, offset);
        // an error of syntax leaves a value behind that is wrong again
        if self.out.findings.iter().any(|known| (known.line, known.column) == (line, column)) {
            return;
        }
        self.out.findings.push(Finding { line, column, message });
    }

    /// Checks one table; `pattern` is its path with `*` for names.
    fn table(&mut self, table: &DeTable<'_>, pattern: &str, path: &[String]) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            let mut here = path.to_vec();
            here.push(name.to_owned());
            let child = child_pattern(pattern, name);
            match (child, key_of(pattern, name)) {
                (Some(child), _) => self.subtable(value, &child, here, key.span().start),
                (None, Some(spec)) => self.value(spec.name, spec.kind, value, here),
                (None, None) if pattern == "keys.*" => self.value(name, Kind::Text, value, here),
                (None, None) => self.unknown(pattern, path, name, key.span().start),
            }
        }
    }

    fn subtable(&mut self, value: &toml::Spanned<DeValue<'_>>, pattern: &str, path: Path, offset: usize) {
        let name = path.last().map_or("", String::as_str);
        if pattern == "keys.*" && !CONTEXTS.contains(&name) {
            let message = format!("unknown context {}{}", quoted(name), meant(name, CONTEXTS));
            return self.find(offset, message);
        }
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("{} is a table, written [{}], not {}", quoted(name), shown(&path), article(value.get_ref().type_str()));
            self.out.bad.insert(path, value.span().start);
            return self.find(value.span().start, message);
        };
        self.out.tables.insert(path.clone(), offset);
        self.table(table, pattern, &path);
    }

    fn unknown(&mut self, pattern: &str, path: &[String], name: &str, offset: usize) {
        let known = names_in(pattern);
        let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in [{}]", shown(path)) };
        self.find(offset, format!("unknown key {} {place}{}", quoted(name), meant(name, &known)));
    }

    fn value(&mut self, name: &str, kind: Kind, value: &toml::Spanned<DeValue<'_>>, path: Path) {
        let offset = value.span().start;
        match checked(name, kind, value.get_ref()) {
            Ok(value) => {
                self.out.values.insert(path, (value, offset));
            }
            Err(message) => {
                self.out.bad.insert(path, offset);
                self.find(offset, message);
            }
        }
    }
}

/// The value, or a sentence what is wrong with it.
fn checked(name: &str, kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Path => text(name, value, true).map(Value::Text),
        Kind::Secret => text(name, value, false).map(Value::Text),
        Kind::Host => host(name, text(name, value, true)?),
        Kind::Bool => value.as_bool().map(Value::Bool).ok_or_else(|| format!("{name} is true or false, not {}", brief(value))),
        Kind::Int(low, high) => value
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| (low..=high).contains(number))
            .map(Value::Int)
            .ok_or_else(|| format!("{name} is a number from {low} to {high}, not {}", brief(value))),
        Kind::OneOf(words) => one_of(name, words, value),
        Kind::Words => words(name, value),
        Kind::Form { words, hint, accepts } => {
            let text = text(name, value, true)?;
            if accepts(&text) {
                return Ok(Value::Text(text));
            }
            Err(format!("{} is not a value of {name}{} ({hint})", quoted(&text), meant(&text, words)))
        }
    }
}

fn text(name: &str, value: &DeValue<'_>, show: bool) -> Result<String, String> {
    let Some(text) = value.as_str() else {
        let what = if show { brief(value) } else { article(value.type_str()) };
        return Err(format!("{name} is a text in quotes, not {what}"));
    };
    if text.contains('\0') {
        return Err(format!("{name} holds a NUL character"));
    }
    Ok(text.to_owned())
}

fn host(name: &str, text: String) -> Result<Value, String> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '\u{fffd}');
    if text.is_empty() || text.contains(is_odd) {
        return Err(format!("{name} is a host name or an IP address and nothing else, not {}", quoted(&text)));
    }
    Ok(Value::Text(text))
}

fn one_of(name: &str, words: &[&str], value: &DeValue<'_>) -> Result<Value, String> {
    let list = words.iter().filter(|word| !word.starts_with('-')).map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let Some(text) = value.as_str() else {
        return Err(format!("{name} is one of {list}, not {}", brief(value)));
    };
    if words.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    Err(format!("{} is not a value of {name}{} (one of {list})", quoted(text), meant(text, words)))
}

/// A command is never repeated in a message: it may hold a secret.
fn words(name: &str, value: &DeValue<'_>) -> Result<Value, String> {
    let wrong = || format!("{name} is a list of the program and its arguments, each in quotes: {name} = [\"program\", \"argument\"]");
    let array = value.as_array().ok_or_else(wrong)?;
    let words: Option<Vec<String>> = array.iter().map(|word| word.get_ref().as_str().map(str::to_owned)).collect();
    let words = words.ok_or_else(wrong)?;
    match words.first() {
        Some(program) if !program.is_empty() && !words.iter().any(|word| word.contains('\0')) => Ok(Value::Words(words)),
        _ => Err(wrong()),
    }
}

/// The pattern of a table under `pattern`, where `name` is one.
fn child_pattern(pattern: &str, name: &str) -> Option<String> {
    let prefix = if pattern.is_empty() { String::new() } else { format!("{pattern}.") };
    let has = |candidate: &str| TABLES.iter().any(|t| t.path == candidate || t.path.starts_with(&format!("{candidate}.")));
    let starred = format!("{prefix}*");
    if !pattern.is_empty() && has(&starred) {
        return Some(starred);
    }
    let named = format!("{prefix}{name}");
    (!name.contains(['.', '*']) && has(&named)).then_some(named)
}

fn key_of(pattern: &str, name: &str) -> Option<&'static Key> {
    Table::find(pattern)?.keys().find(|key| key.name == name)
}

/// Every name that may stand in a table: keys and tables.
fn names_in(pattern: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = Table::find(pattern).into_iter().flat_map(Table::keys).map(|key| key.name).collect();
    let prefix = if pattern.is_empty() { String::new() } else { format!("{pattern}.") };
    names.extend(
        TABLES.iter().filter_map(|table| table.path.strip_prefix(&prefix)).filter_map(|rest| rest.split('.').next()).filter(|n| *n != "*"),
    );
    names.sort_unstable();
    names.dedup();
    names
}

fn meant(typed: &str, known: &[&str]) -> String {
    nearest(typed, known.iter().copied()).map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", DisplayText::capped(text, 60))
}

fn shown(path: &[String]) -> String {
    DisplayText::capped(&path.join("."), 80).into_string()
}

/// A value for a message: short ones as they are, others by their type.
fn brief(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Boolean(is) => is.to_string(),
        other => article(other.type_str()),
    }
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
