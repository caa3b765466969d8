//! The texts: letters in plain files, each begun by a line of its own:
//!
//! ```text
//! %% work/Inbox | 2d 11:48 | FS | name < name-of-parent
//! From: priya
//! To: me, team
//! Subject: …
//!
//! Text, then perhaps a line "%html" and the same as HTML. {then} is the date of the parent.
//! ```
//!
//! Age is `45m`, `3h` or `2d 11:48` (days ago, at that time of the reader's day). Headers for the builder:
//! `Attach` (names of `files`), `Calendar`, `Charset`, `Clock` (a wrong Date), `Kind` (flowed,
//! alternative), `Verdict`. All others are copied.

use jiff::civil::Time;
use jiff::{ToSpan, Zoned};

use super::people::PEOPLE;

const TEXTS: &[&str] = &[
    include_str!("text/work.txt"),
    include_str!("text/phase2.txt"),
    include_str!("text/work_rest.txt"),
    include_str!("text/lists.txt"),
    include_str!("text/home.txt"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub account: &'a str,
    pub mailbox: &'a str,
}

#[derive(Clone, Debug)]
pub struct Letter {
    pub place: Place<'static>,
    /// Maildir letters; empty = unread.
    pub flags: &'static str,
    pub name: &'static str,
    pub parent: Option<&'static str>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub text: &'static str,
    pub html: &'static str,
    /// Unix seconds.
    pub received: i64,
    /// The sender's clock, in the sender's zone.
    pub date: Zoned,
    /// Tells apart what came in the same second.
    pub order: u32,
}

impl Letter {
    pub fn header(&self, name: &str) -> Option<&'static str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub fn message_id(&self) -> String {
        let domain = super::people::addr_spec(self.header("From").unwrap_or_default()).rsplit('@').next().unwrap_or("demo.example");
        format!("{}.{}@{domain}", self.order, if self.name.is_empty() { "note" } else { self.name })
    }
}

/// Every letter, newest first. One that can't be read is left out; a test sees to it that all can.
pub fn all(now: &Zoned) -> Vec<Letter> {
    let blocks = TEXTS.iter().flat_map(|text| text.split("%% ").skip(1));
    let mut letters: Vec<Letter> = blocks.enumerate().filter_map(|(order, block)| parse(block, order, now)).collect();
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.received));
    letters
}

fn parse(block: &'static str, order: usize, now: &Zoned) -> Option<Letter> {
    let (first, rest) = block.split_once('\n')?;
    let (head, body) = rest.split_once("\n\n")?;
    let (text, html) = match body.split_once("%html\n") {
        Some((text, html)) => (text, html),
        None => (body, ""),
    };
    let mut fields = first.split('|').map(str::trim);
    let (account, mailbox) = fields.next()?.split_once('/')?;
    let received = received(fields.next()?, now)?;
    let flags = fields.next()?;
    let name = fields.next().unwrap_or_default();
    let (name, parent) = name.split_once(" < ").map_or((name, None), |(name, parent)| (name, Some(parent)));
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ").or(line.split_once(":"))).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let date = match header("Clock").and_then(|clock| clock.strip_prefix('+')) {
        Some(ahead) => ago(ahead, now, 1)?,
        None => received.clone(),
    };
    let zone = PEOPLE.iter().find(|(short, ..)| Some(*short) == header("From")).and_then(|(.., zone)| *zone);
    let date = zone.map_or(date.clone(), |hours| date.with_time_zone(jiff::tz::Offset::constant(hours).to_time_zone()));
    Some(Letter {
        place: Place { account, mailbox },
        flags,
        name,
        parent,
        headers,
        text,
        html,
        received: received.timestamp().as_second(),
        date,
        order: u32::try_from(order).ok()?,
    })
}

fn received(age: &str, now: &Zoned) -> Option<Zoned> {
    let number = |unit: char| age.strip_suffix(unit)?.parse::<i64>().ok();
    if let Some(minutes) = number('m') {
        return now.checked_sub(minutes.minutes()).ok();
    }
    if let Some(hours) = number('h') {
        return now.checked_sub(hours.hours()).ok();
    }
    ago(age, now, -1)
}

/// `2d 11:48` before (or after) today.
fn ago(text: &str, now: &Zoned, sign: i64) -> Option<Zoned> {
    let (days, time) = text.split_once("d ")?;
    let days = days.parse::<i64>().ok()?.checked_mul(sign)?;
    let time: Time = time.parse().ok()?;
    now.date().checked_add(days.days()).ok()?.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_can_be_read_and_every_parent_is_there() {
        let now: Zoned = "2026-11-20T21:00[Europe/Helsinki]".parse().unwrap();
        let letters = all(&now);
        let begun: usize = TEXTS.iter().map(|text| text.lines().filter(|line| line.starts_with("%% ")).count()).sum();
        assert_eq!(letters.len(), begun);
        for letter in &letters {
            assert!(letter.header("From").is_some() && letter.header("Subject").is_some(), "{}", letter.name);
            assert!(letter.received <= now.timestamp().as_second(), "{} is from the future", letter.name);
            assert!(letter.flags.chars().all(|c| "DFPRST".contains(c)), "{}", letter.name);
            let parent = letter.parent.map(|parent| letters.iter().find(|other| other.name == parent).expect(parent));
            assert!(parent.is_none_or(|parent| parent.received <= letter.received), "{} is older than its parent", letter.name);
        }
    }
}
