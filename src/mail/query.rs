//! The query language, the same in `/`, `g/`, scripts and saved searches: words, `from: to: subject: body:
//! in: has: is: before: after:`, `-` before a term to leave it out, "quotes" for phrases. Parsing never
//! fails: what can't be understood is a [`Problem`] and the rest is searched.

use super::nearest;

/// A parsed query; equal queries are equal listings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// As typed.
    pub text: String,
    /// All must hold.
    pub terms: Vec<Term>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Written with a leading `-`.
    pub negated: bool,
    pub test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// A word (prefix) or phrase in any of sender, recipients, subject, body.
    Any(String),
    From(String),
    To(String),
    Subject(String),
    Body(String),
    /// A mailbox name or role word, with or without its account.
    In(String),
    HasAttachment,
    Unread,
    Read,
    Flagged,
    Answered,
    /// In a thread that was muted.
    Muted,
    /// Unix seconds; the Date header, else received.
    Before(i64),
    /// Unix seconds, inclusive.
    After(i64),
    /// A keyword.
    Tag(String),
}

/// A term that was left out of the search, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Byte range in [`Query::text`].
    pub start: usize,
    pub end: usize,
    pub why: String,
}

/// A key before a colon and what it asks for.
type Make = fn(&str, &jiff::Zoned) -> Result<Test, String>;

/// Every key of the language; other words before a colon are problems.
const KEYS: &[(&str, Make)] = &[
    ("from", |value, _| Ok(Test::From(value.into()))),
    ("to", |value, _| Ok(Test::To(value.into()))),
    ("subject", |value, _| Ok(Test::Subject(value.into()))),
    ("body", |value, _| Ok(Test::Body(value.into()))),
    ("in", |value, _| Ok(Test::In(value.into()))),
    ("tag", |value, _| Ok(Test::Tag(value.into()))),
    ("is", |value, _| find_word("is", IS, value)),
    ("has", |value, _| find_word("has", HAS, value)),
    ("before", |value, now| start_of(value, now).map(Test::Before)),
    ("after", |value, now| start_of(value, now).map(Test::After)),
];

/// What may stand after `is:`.
const IS: &[(&str, Test)] = &[
    ("unread", Test::Unread),
    ("read", Test::Read),
    ("flagged", Test::Flagged),
    ("starred", Test::Flagged),
    ("answered", Test::Answered),
    ("muted", Test::Muted),
];

/// What may stand after `has:`.
const HAS: &[(&str, Test)] = &[("file", Test::HasAttachment), ("attachment", Test::HasAttachment)];

impl Query {
    /// Parses `text`; `now` (Unix seconds, with the local zone) gives meaning to `after:yesterday` or `before:2w`.
    pub fn parse(text: &str, now: &jiff::Zoned) -> Self {
        let mut query = Self { text: text.to_owned(), ..Self::default() };
        for token in tokens(text) {
            match parse_term(&token, now) {
                Ok(term) => query.terms.push(term),
                Err(why) => query.problems.push(Problem { start: token.start, end: token.end, why }),
            }
        }
        query
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// One term as written: its place, the key before an unquoted colon, and the value without quotes.
#[derive(Debug, Default)]
struct Token {
    start: usize,
    end: usize,
    negated: bool,
    key: Option<String>,
    value: String,
    is_quoted: bool,
}

/// Splits at white space outside of quotes; a quote that never ends goes to the end, so that typing one
/// does not change what came before it. A backslash takes the next quote or backslash as it is.
fn tokens(text: &str) -> Vec<Token> {
    let mut list = Vec::new();
    let mut open: Option<Token> = None;
    let mut in_quotes = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() && !in_quotes {
            list.extend(open.take());
            continue;
        }
        let is_first = open.is_none();
        let token = open.get_or_insert_with(|| Token { start: at, ..Token::default() });
        token.end = at + c.len_utf8();
        match c {
            '-' if is_first => token.negated = true,
            '"' => {
                in_quotes = !in_quotes;
                token.is_quoted = true;
            }
            '\\' if in_quotes && chars.peek().is_some_and(|(_, next)| matches!(next, '"' | '\\')) => {
                if let Some((at, next)) = chars.next() {
                    token.value.push(next);
                    token.end = at + next.len_utf8();
                }
            }
            ':' if !in_quotes && !token.is_quoted && token.key.is_none() && is_key(&token.value) => {
                token.key = Some(std::mem::take(&mut token.value).to_lowercase());
            }
            c => token.value.push(c),
        }
    }
    list.extend(open);
    list
}

fn is_key(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic())
}

fn parse_term(token: &Token, now: &jiff::Zoned) -> Result<Term, String> {
    let value = token.value.trim();
    let test = match &token.key {
        None if value.is_empty() => return Err("there is nothing to search for here".to_owned()),
        None => Test::Any(value.to_owned()),
        // an address of a page, not a key
        Some(key) if value.starts_with("//") => Test::Any(format!("{key}:{value}")),
        Some(key) => {
            let Some((_, make)) = KEYS.iter().find(|(known, _)| known == key) else {
                let instead = instead(key, KEYS.iter().map(|(known, _)| *known), |known| format!("{known}:"));
                return Err(format!("“{key}:” is not a key; {instead} For the word itself write \"{key}:{value}\""));
            };
            if value.is_empty() {
                return Err(format!("nothing follows “{key}:”"));
            }
            make(value, now)?
        }
    };
    Ok(Term { negated: token.negated, test })
}

fn find_word(key: &str, known: &[(&str, Test)], value: &str) -> Result<Test, String> {
    let value = value.to_lowercase();
    match known.iter().find(|(word, _)| *word == value) {
        Some((_, test)) => Ok(test.clone()),
        None => Err(format!(
            "“{key}:{value}” means nothing; {}",
            instead(&value, known.iter().map(|(word, _)| *word), |word| format!("{key}:{word}"))
        )),
    }
}

/// The start of the day, month or year that `value` names, in Unix seconds. Spans go back from today by
/// whole days, so that one query typed twice is the same query.
fn start_of(value: &str, now: &jiff::Zoned) -> Result<i64, String> {
    let today = now.date();
    let value = value.to_lowercase();
    let date = match value.as_str() {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => calendar_date(&value).or_else(|| span_before(&value, today)),
    };
    let start = date.and_then(|date| date.to_zoned(now.time_zone().clone()).ok());
    start
        .map(|start| start.timestamp().as_second())
        .ok_or_else(|| format!("“{value}” is no date; write 2026-11-01, 2026-11, yesterday, or 3d, 2w, 1m, 1y"))
}

/// "2026-11-01", "2026-11", "2026".
fn calendar_date(value: &str) -> Option<jiff::civil::Date> {
    let mut fields = value.split('-');
    let year = fields.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month = fields.next().map_or(Some(1), |month| month.parse().ok())?;
    let day = fields.next().map_or(Some(1), |day| day.parse().ok())?;
    fields.next().is_none().then(|| jiff::civil::Date::new(year, month, day).ok()).flatten()
}

/// "3d", "2w", "1m", "1y" before today.
fn span_before(value: &str, today: jiff::civil::Date) -> Option<jiff::civil::Date> {
    let unit = value.chars().last()?;
    let count: i64 = value.strip_suffix(unit)?.parse().ok().filter(|count| (0..=9999).contains(count))?;
    let span = jiff::Span::new();
    let span = match unit {
        'd' => span.try_days(count),
        'w' => span.try_weeks(count),
        'm' => span.try_months(count),
        'y' => span.try_years(count),
        _ => return None,
    };
    today.checked_sub(span.ok()?).ok()
}

/// What to write instead of `wrong`: the nearest of `known`, written out by `shape`, else all of them.
fn instead<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone, shape: impl Fn(&str) -> String) -> String {
    match nearest(wrong, known.clone()) {
        Some(near) => format!("did you mean “{}”?", shape(near)),
        None => format!("there are {}.", known.map(shape).collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> jiff::Zoned {
        "2026-11-21T15:30:00+02:00[Europe/Helsinki]".parse().unwrap()
    }

    fn tests(text: &str) -> Vec<(bool, Test)> {
        let query = Query::parse(text, &now());
        assert_eq!(query.problems, [], "{text}");
        query.terms.into_iter().map(|term| (term.negated, term.test)).collect()
    }

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Zoned>().unwrap().timestamp().as_second()
    }

    #[test]
    fn words_phrases_and_keys() {
        assert_eq!(tests("  ada  LOVE "), [(false, Test::Any("ada".into())), (false, Test::Any("LOVE".into()))]);
        assert_eq!(tests("\"two words\""), [(false, Test::Any("two words".into()))]);
        assert_eq!(tests("FROM:ada -to:bob"), [(false, Test::From("ada".into())), (true, Test::To("bob".into()))]);
        assert_eq!(tests("subject:\"a b\" body:x"), [(false, Test::Subject("a b".into())), (false, Test::Body("x".into()))]);
        assert_eq!(tests("in:work/Archive tag:todo"), [(false, Test::In("work/Archive".into())), (false, Test::Tag("todo".into()))]);
        assert_eq!(tests("is:unread is:starred has:file"), [Test::Unread, Test::Flagged, Test::HasAttachment].map(|t| (false, t)));
        assert_eq!(tests("\"foo:bar\""), [(false, Test::Any("foo:bar".into()))]);
        assert_eq!(
            tests("https://example.org/x 12:30"),
            [Test::Any("https://example.org/x".into()), Test::Any("12:30".into())].map(|t| (false, t))
        );
        assert_eq!(tests("\"a \\\"b"), [(false, Test::Any("a \"b".into()))]);
    }

    #[test]
    fn dates_are_starts_of_days_in_the_readers_zone() {
        let zone = "+02:00[Europe/Helsinki]";
        for (value, day) in [
            ("2026-11-01", "2026-11-01"),
            ("2026-11", "2026-11-01"),
            ("2025", "2025-01-01"),
            ("today", "2026-11-21"),
            ("yesterday", "2026-11-20"),
            ("3d", "2026-11-18"),
            ("2w", "2026-11-07"),
            ("1y", "2025-11-21"),
        ] {
            let expect = at(&format!("{day}T00:00:00{zone}"));
            assert_eq!(tests(&format!("after:{value} -before:{value}")), [(false, Test::After(expect)), (true, Test::Before(expect))]);
        }
        assert_eq!(tests("after:1m"), [(false, Test::After(at("2026-10-21T00:00:00+03:00[Europe/Helsinki]")))]);
    }

    #[test]
    fn what_is_not_understood_is_a_problem_and_the_rest_is_searched() {
        for (text, place, word) in [
            ("ada form:bob", 4..12, "from:"),
            ("ada is:unred", 4..12, "is:unread"),
            ("ada before:2026-13", 4..18, "2026-13"),
            ("ada from:", 4..9, "from:"),
            ("ada -", 4..5, "nothing"),
            ("ada after:99999999y", 4..19, "no date"),
            ("ada has:", 4..8, "has:"),
        ] {
            let query = Query::parse(text, &now());
            assert_eq!(query.terms, [Term { negated: false, test: Test::Any("ada".into()) }], "{text}");
            let [problem] = query.problems.as_slice() else { panic!("{text}: {:?}", query.problems) };
            assert_eq!(problem.start..problem.end, place, "{text}");
            assert!(problem.why.contains(word), "{text}: {}", problem.why);
        }
        assert!(Query::parse("  ", &now()).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_parses_and_problems_point_into_it(text in "(?s).{0,40}") {
            let query = Query::parse(&text, &now());
            for problem in &query.problems {
                prop_assert!(problem.start < problem.end && text.get(problem.start..problem.end).is_some());
            }
            prop_assert_eq!(&Query::parse(&text, &now()), &query);
        }
    }
}
