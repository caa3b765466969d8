//! The query language, the same in `/`, `g/`, scripts and saved searches: words, `from: to: subject: body:
//! in: has: is: before: after:`, `-` before a term to leave it out, "quotes" for phrases. Parsing never
//! fails: what can't be understood is a [`Problem`] and the rest is searched.

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

impl Query {
    /// Parses `text`; `now` (Unix seconds, with the local zone) gives meaning to `after:yesterday` or `before:2w`.
    pub fn parse(_text: &str, _now: &jiff::Zoned) -> Self {
        todo!("store helper")
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}
