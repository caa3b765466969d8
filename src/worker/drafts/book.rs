//! Who could be meant by what is typed into an address field. Pure but for the names it is given: those
//! written to come first, then those often and lately seen. A word of the name or of the address begins with
//! each word that was typed, letters' case and accents apart.

use std::collections::HashMap;

use nucleo_matcher::chars::normalize;

use crate::mail::{Address, Contact};

/// After this long, in seconds, a message counts half.
const HALF_LIFE: f64 = 60.0 * 86_400.0;
/// Senders nobody writes to by hand.
const MACHINES: &[&str] = &["noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "mailer-daemon", "bounce", "notifications"];

/// Everybody known.
#[derive(Debug, Default)]
pub struct Book {
    people: Vec<Person>,
    /// Where they are, by address in lower case.
    places: HashMap<String, usize>,
    mine: std::collections::HashSet<String>,
}

#[derive(Debug, Default)]
struct Person {
    address: String,
    is_mine: bool,
    is_machine: bool,
    /// Each spelling of the name, and in how many messages it was seen.
    names: Vec<(String, u32)>,
    /// Messages written to them, as other programs' copies in Sent tell.
    sent: u32,
    /// The same, as counted here; both count the same messages, so the larger one holds.
    sent_here: u32,
    seen: u32,
    last: i64,
    /// Name and address as they are compared.
    folded: String,
}

impl Book {
    /// `mine`: own addresses, in lower case; they come last.
    pub fn new(mine: impl IntoIterator<Item = String>) -> Self {
        Self { mine: mine.into_iter().collect(), ..Self::default() }
    }

    /// Adds to what is known from mail.
    pub fn add_seen(&mut self, seen: Vec<Contact>) {
        for contact in seen {
            let Some(person) = self.person(&contact.address) else { continue };
            person.sent = person.sent.saturating_add(contact.sent);
            person.seen = person.seen.saturating_add(contact.seen);
            person.last = person.last.max(contact.last);
            let weight = contact.sent.saturating_add(contact.seen);
            person.name(&contact.address.name, weight);
        }
    }

    /// Those written to from here, as they are now.
    pub fn set_written(&mut self, written: Vec<Contact>) {
        for contact in written {
            let Some(person) = self.person(&contact.address) else { continue };
            let new = contact.sent.saturating_sub(person.sent_here);
            person.sent_here = contact.sent;
            person.last = person.last.max(contact.last);
            // what the user wrote to them weighs more than how others spell them
            person.name(&contact.address.name, new.saturating_mul(10));
        }
    }

    /// The entry of an address; None for what nobody can write to.
    fn person(&mut self, address: &Address) -> Option<&mut Person> {
        let lower = address.address.to_lowercase();
        let (local, domain) = lower.rsplit_once('@')?;
        if local.is_empty() || domain.is_empty() || lower.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let place = *self.places.entry(lower).or_insert_with_key(|lower| {
            self.people.push(Person {
                address: address.address.clone(),
                is_mine: self.mine.contains(lower),
                is_machine: MACHINES.iter().any(|machine| lower.starts_with(machine)),
                folded: fold(lower),
                ..Person::default()
            });
            self.people.len() - 1
        });
        self.people.get_mut(place)
    }

    /// The `limit` best for what was typed, best first; `now` in Unix seconds.
    pub fn find(&self, typed: &str, now: i64, limit: usize) -> Vec<Contact> {
        let typed = fold(typed);
        let words: Vec<&str> = typed.split_whitespace().collect();
        if words.is_empty() {
            return Vec::new();
        }
        let fitting = self.people.iter().filter(|person| words.iter().all(|word| begins_word(&person.folded, word)));
        let mut ranked: Vec<(Rank, &Person)> = fitting.map(|person| (person.rank(now), person)).collect();
        let by_rank = |a: &(Rank, &Person), b: &(Rank, &Person)| b.0.cmp(&a.0).then_with(|| a.1.folded.cmp(&b.1.folded));
        // a letter or two fits thousands: only the best are put in order
        if ranked.len() > limit {
            ranked.select_nth_unstable_by(limit, by_rank);
            ranked.truncate(limit);
        }
        ranked.sort_by(by_rank);
        ranked.into_iter().map(|(_, person)| person.contact()).collect()
    }
}

/// Compared from the first field on: not oneself, not a machine, written to, then how often and how lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_other: bool,
    is_human: bool,
    is_written_to: bool,
    score: u64,
    last: i64,
}

impl Person {
    fn sent(&self) -> u32 {
        self.sent.max(self.sent_here)
    }

    fn rank(&self, now: i64) -> Rank {
        let age = now.saturating_sub(self.last).max(0) as f64;
        let count = if self.sent() > 0 { self.sent() } else { self.seen };
        // thousandths of a message
        let score = f64::from(count) * 1000.0 * (-age / HALF_LIFE).exp2();
        let is_human = self.sent() > 0 || !self.is_machine;
        Rank { is_other: !self.is_mine, is_human, is_written_to: self.sent() > 0, score: score as u64, last: self.last }
    }

    /// Notes a spelling of the name.
    fn name(&mut self, name: &str, weight: u32) {
        let name = name.trim();
        if name.is_empty() || name.eq_ignore_ascii_case(&self.address) {
            return;
        }
        match self.names.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count = count.saturating_add(weight),
            None => {
                self.names.push((name.to_owned(), weight));
                self.fold();
            }
        }
    }

    fn fold(&mut self) {
        self.folded = fold(&self.address);
        for (name, _) in &self.names {
            self.folded.push(' ');
            self.folded.push_str(&fold(name));
        }
    }

    fn contact(&self) -> Contact {
        let name = self.names.iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.clone()).unwrap_or_default();
        Contact { address: Address { name, address: self.address.clone() }, sent: self.sent(), seen: self.seen, last: self.last }
    }
}

/// Lower case, without accents; what stands between words stays.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // combining marks of decomposed letters
            '\u{300}'..='\u{36f}' => {}
            'ß' | 'ẞ' => folded.push_str("ss"),
            c if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            c => folded.extend(normalize(c).to_lowercase().map(normalize)),
        }
    }
    folded
}

/// `word` stands in `text` where a word begins.
fn begins_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;

    fn contact(name: &str, address: &str, sent: u32, seen: u32, days_ago: i64) -> Contact {
        Contact { address: Address::new(name, address), sent, seen, last: NOW - days_ago * DAY }
    }

    fn book() -> Book {
        let mut book = Book::new(["me@work.example".to_owned()]);
        book.add_seen(vec![
            contact("Priya Raman", "priya@harbor.example", 3, 5, 10),
            contact("Priscilla Okoye", "pri@north.example", 0, 40, 2),
            contact("Prints", "noreply-print@work.example", 0, 900, 0),
            contact("Prem", "prem@work.example", 0, 41, 400),
            contact("Me Myself", "me@work.example", 0, 5000, 0),
            contact("Jörg Müller", "jm@nord.example", 0, 2, 1),
            contact("Ada Fairweather", "ada@harbor.example", 0, 7, 30),
            contact("", "undisclosed-recipients", 0, 7, 30),
            contact("Łukasz Ångström", "la@x.example", 0, 1, 1),
        ]);
        book
    }

    fn found(book: &Book, typed: &str) -> Vec<String> {
        book.find(typed, NOW, 10).into_iter().map(|contact| contact.address.address).collect()
    }

    #[test]
    fn written_to_comes_first_then_often_and_lately_then_machines() {
        let book = book();
        let order = ["priya@harbor.example", "pri@north.example", "prem@work.example", "noreply-print@work.example"];
        assert_eq!(found(&book, "pr"), order);
        assert_eq!(book.find("pr", NOW, 2).len(), 2);
        assert_eq!(found(&book, "work.example").last().map(String::as_str), Some("me@work.example"), "oneself is last");
    }

    #[test]
    fn every_word_typed_begins_a_word_of_name_or_address() {
        let book = book();
        for (typed, expect) in [
            ("fair", &["ada@harbor.example"][..]),
            ("weather", &[]),
            ("ada fai", &["ada@harbor.example"]),
            ("FAI ada", &["ada@harbor.example"]),
            ("ada@har", &["ada@harbor.example"]),
            ("harbor", &["priya@harbor.example", "ada@harbor.example"]),
            ("mull", &["jm@nord.example"]),
            ("MÜLL", &["jm@nord.example"]),
            ("mu\u{308}ll", &["jm@nord.example"]),
            ("jorg", &["jm@nord.example"]),
            ("łuk", &["la@x.example"]),
            ("angstr", &["la@x.example"]),
            ("", &[]),
            ("  ", &[]),
            ("undisclosed", &[]),
        ] {
            assert_eq!(found(&book, typed), expect, "{typed:?}");
        }
    }

    #[test]
    fn what_is_written_from_here_counts_once_and_names_the_person() {
        let mut book = book();
        book.set_written(vec![contact("Ada F.", "ADA@harbor.example", 1, 0, 0)]);
        assert_eq!(found(&book, "harbor"), ["priya@harbor.example", "ada@harbor.example"], "three messages before one");
        // the copy in Sent of what was counted here is the same message
        book.add_seen(vec![contact("Ada Fairweather", "ada@harbor.example", 1, 0, 0)]);
        book.set_written(vec![contact("Ada F.", "ada@harbor.example", 1, 0, 0)]);
        let ada = &book.find("ada", NOW, 1)[0];
        assert_eq!((ada.sent, ada.address.name.as_str(), ada.address.address.as_str()), (1, "Ada F.", "ada@harbor.example"));
        book.set_written(vec![contact("Ada F.", "ada@harbor.example", 9, 0, 0)]);
        assert_eq!(found(&book, "harbor").first().map(String::as_str), Some("ada@harbor.example"));
    }
}
