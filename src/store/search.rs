//! A query as one SQL statement. Words are prefixes; text of the user's never becomes syntax: it goes
//! through [`searchable`] into quoted FTS5 strings, the rest into parameters.

use std::borrow::Cow;
use std::fmt::Write;

use rusqlite::types::Value;

use super::muted::MUTED;
use crate::mail::query::{Query, Term, Test};
use crate::mail::{FlagBits, Mailbox, MailboxId, Role};

/// A statement that yields received, id, thread, content, newest first.
#[derive(Debug)]
pub(super) struct Search {
    pub sql: String,
    pub params: Vec<Value>,
}

impl Search {
    /// The query itself says where to look, so that Junk and Trash count too.
    pub fn names_mailbox(query: &Query) -> bool {
        query.terms.iter().any(|term| !term.negated && matches!(term.test, Test::In(_)))
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.params.push(value.into());
        format!("?{}", self.params.len())
    }
}

/// Text as it is indexed and asked for: scripts without spaces are split into characters, so that any part
/// of a run is a phrase; ß is ss, which the tokenizer does not know.
pub(super) fn searchable(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'ß' | 'ẞ' => out.push_str("ss"),
            c if is_spaceless(c) => {
                out.push(' ');
                out.push(c);
                out.push(' ');
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Han, Kana, Hangul, Bopomofo and their half- and full-width forms.
fn is_spaceless(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ffdc}' | '\u{20000}'..='\u{3ffff}')
}

/// The FTS5 string for a word or phrase, its last word a prefix; None if there is nothing to look for.
fn fts_string(text: &str) -> Option<String> {
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    Some(format!("\"{}\"*", searchable(text.into()).trim().replace('"', "\"\"").replace('\0', " ")))
}

/// The FTS5 expression of a term that looks at texts.
fn fts_expression(test: &Test) -> Option<String> {
    let (column, text) = match test {
        Test::Any(text) => ("", text),
        Test::From(text) => ("sender : ", text),
        Test::To(text) => ("recipients : ", text),
        Test::Subject(text) => ("subject : ", text),
        Test::Body(text) => ("body : ", text),
        _ => return None,
    };
    fts_string(text).map(|string| format!("{column}{string}"))
}

/// Builds the statement for a query over these mailboxes; `known` gives names their mailboxes.
pub(super) fn compile(query: &Query, mailboxes: &[MailboxId], known: &[NamedMailbox]) -> Search {
    let mut search = Search { sql: String::new(), params: Vec::new() };
    let scope: Vec<String> = mailboxes.iter().map(|mailbox| mailbox.0.to_string()).collect();
    let mut conditions = vec![format!("m.wanted_mailbox IN ({})", scope.join(","))];
    let wanted: Vec<String> = query.terms.iter().filter(|term| !term.negated).filter_map(|term| fts_expression(&term.test)).collect();
    if !wanted.is_empty() {
        let place = search.bind(wanted.join(" AND "));
        conditions.push(format!("m.content IN (SELECT rowid FROM search WHERE search MATCH {place})"));
    }
    for term in &query.terms {
        conditions.extend(condition(&mut search, term, known));
    }
    let needs_content = conditions.iter().any(|condition| condition.contains("c."));
    let join = if needs_content { " JOIN content c ON c.id = m.content" } else { "" };
    search.sql = format!(
        "SELECT m.received, m.id, m.thread, m.content FROM message m{join} WHERE {} ORDER BY m.received DESC, m.id",
        conditions.join(" AND ")
    );
    search
}

/// The SQL of one term; None for words that the index answers, or that hold nothing to look for.
fn condition(search: &mut Search, term: &Term, known: &[NamedMailbox]) -> Option<String> {
    let flag = |bit: FlagBits| format!("m.wanted_bits & {} <> 0", bit.0);
    let test = match &term.test {
        Test::Any(_) | Test::From(_) | Test::To(_) | Test::Subject(_) | Test::Body(_) => {
            if !term.negated {
                return None;
            }
            let expression = fts_expression(&term.test)?;
            let place = search.bind(expression);
            format!("m.content IN (SELECT rowid FROM search WHERE search MATCH {place})")
        }
        Test::In(name) => {
            let ids: Vec<String> = known.iter().filter(|m| m.is_called(name)).map(|m| m.id.0.to_string()).collect();
            format!("m.wanted_mailbox IN ({})", ids.join(","))
        }
        Test::HasAttachment => "c.attachment = 1".to_owned(),
        Test::Unread => format!("m.wanted_bits & {} = 0", FlagBits::SEEN.0),
        Test::Read => flag(FlagBits::SEEN),
        Test::Flagged => flag(FlagBits::FLAGGED),
        Test::Answered => flag(FlagBits::ANSWERED),
        Test::Muted => format!("m.thread IN ({MUTED})"),
        Test::Before(at) => format!("coalesce(c.date, m.received) < {at}"),
        Test::After(at) => format!("coalesce(c.date, m.received) >= {at}"),
        Test::Tag(tag) => {
            let place = search.bind(format!(" {} ", tag.to_lowercase()));
            format!("instr(' ' || lower(m.wanted_keywords) || ' ', {place}) > 0")
        }
    };
    let mut sql = String::new();
    // writing to a String never fails
    let _ = write!(sql, "{}({test})", if term.negated { "NOT " } else { "" });
    Some(sql)
}

/// A mailbox with what `in:` may call it.
#[derive(Clone, Debug)]
pub(super) struct NamedMailbox {
    pub id: MailboxId,
    pub role: Option<Role>,
    /// "account/Mailbox", lower case.
    path: String,
    /// Where the mailbox's own name begins in `path`.
    name_at: usize,
}

impl NamedMailbox {
    pub fn new(account: &str, mailbox: &Mailbox) -> Self {
        let account = format!("{}/", account.to_lowercase());
        let path = format!("{account}{}", mailbox.name.to_lowercase());
        Self { id: mailbox.id, role: mailbox.role, path, name_at: account.len() }
    }

    /// By name, last level, role word, or any of these after "account/".
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let (account, own) = self.path.split_at_checked(self.name_at).unwrap_or(("", &self.path));
        let is_own = |name: &str| name == own || own.rsplit('/').next() == Some(name) || self.role.is_some_and(|role| role.word() == name);
        is_own(&name) || name.strip_prefix(account).is_some_and(is_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_syntax() {
        assert_eq!(fts_string("a\"b OR c").as_deref(), Some("\"a\"\"b OR c\"*"));
        assert_eq!(fts_string("--\"*"), None);
        assert_eq!(searchable("Grüße 午餐!".into()), "Grüsse  午  餐 !");
    }
}
