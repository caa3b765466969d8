//! Addresses to complete, kept up to date: everybody in mail is read once, when they are first asked for, and
//! after that only what came since. Blocks.

use std::collections::HashSet;

use super::super::readers::Readers;
use super::book::Book;
use crate::mail::Contact;
use crate::store::{Own, Paths, Seen, StoreError};

/// As many as a pop-up shows.
const SHOWN: usize = 10;

/// The book and how far it is.
#[derive(Debug)]
pub struct Completion {
    book: Book,
    seen: Seen,
    mine: HashSet<String>,
    own: Option<Own>,
}

impl Completion {
    /// `mine`: own addresses, in lower case.
    pub fn new(mine: HashSet<String>) -> Self {
        Self { book: Book::new(mine.iter().cloned()), seen: Seen::default(), mine, own: None }
    }

    /// Brings the book up to date and looks into it; `now` in Unix seconds.
    pub fn find(&mut self, readers: &Readers, paths: &Paths, prefix: &str, now: i64) -> Result<Vec<Contact>, StoreError> {
        let (seen, mine) = (&mut self.seen, &self.mine);
        let new = readers.with_blocking(|reader| seen.next(reader, mine))?;
        self.book.add_seen(new);
        if self.own.is_none() {
            self.own = Own::open(paths)?;
        }
        if let Some(own) = &self.own {
            self.book.set_written(own.contacts()?);
        }
        Ok(self.book.find(prefix, now, SHOWN))
    }
}
