//! The events of an iCalendar text as cards.

use super::when::{self, When};
use super::{Card, Property, properties};
use crate::mail::url::begins;
use jiff::tz::TimeZone;

/// Events of one text that are shown.
const MAX_EVENTS: usize = 3;
/// Guests of an event that are named.
const GUESTS: usize = 5;

#[derive(Default)]
struct Event {
    summary: String,
    start: Option<When>,
    end: Option<When>,
    duration: String,
    place: String,
    organizer: String,
    status: String,
    rule: String,
    /// The first who are invited, and what each answered.
    answers: Vec<(String, String)>,
    attendees: usize,
}

/// The cards of the first events.
pub fn cards(text: &str, zone: &TimeZone) -> Vec<Card> {
    let mut method = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    for property in properties(text) {
        match property.name.as_str() {
            "BEGIN" => {
                let name = property.value.trim().to_ascii_uppercase();
                if matches!(name.as_str(), "VEVENT" | "VTODO") {
                    if events.len() >= MAX_EVENTS {
                        break;
                    }
                    events.push(Event::default());
                }
                open.push(name);
                open.truncate(20);
            }
            "END" => drop(open.pop()),
            "METHOD" if open.len() <= 1 => method = property.value.trim().to_ascii_uppercase(),
            // an alarm within an event has a text of its own
            _ if open.last().is_some_and(|name| matches!(name.as_str(), "VEVENT" | "VTODO")) => {
                if let Some(event) = events.last_mut() {
                    event.take(&property);
                }
            }
            _ => {}
        }
    }
    events.into_iter().filter(|event| event.start.is_some() || !event.summary.is_empty()).map(|event| event.card(&method, zone)).collect()
}

impl Event {
    fn take(&mut self, property: &Property) {
        match property.name.as_str() {
            "SUMMARY" => self.summary = property.text(),
            "DTSTART" => self.start = when::read(property),
            "DTEND" | "DUE" => self.end = when::read(property),
            "DURATION" => self.duration = property.value.clone(),
            "LOCATION" => self.place = property.text(),
            "ORGANIZER" => self.organizer = person(property),
            "STATUS" => self.status = property.value.trim().to_ascii_uppercase(),
            "RRULE" => self.rule = property.value.clone(),
            "ATTENDEE" => {
                self.attendees += 1;
                if self.answers.len() < GUESTS {
                    self.answers.push((person(property), property.param("PARTSTAT").unwrap_or_default().to_ascii_uppercase()));
                }
            }
            _ => {}
        }
    }

    fn card(self, method: &str, zone: &TimeZone) -> Card {
        let is_cancelled = method == "CANCEL" || self.status == "CANCELLED";
        let title = match method {
            _ if is_cancelled => "Cancelled",
            "REQUEST" => "Invitation",
            "REPLY" => "Answer to an invitation",
            "COUNTER" => "Another time is proposed",
            "DECLINECOUNTER" => "The proposed time is declined",
            _ => "Event",
        };
        let guests = self.guests();
        let mut card = Card { title: title.to_owned(), rows: vec![("What", self.summary)] };
        let end = self.end.or_else(|| when::after(self.start.as_ref()?, &self.duration));
        if let Some(start) = &self.start {
            card.rows.push(("When", when::words(start, end.as_ref(), zone)));
        }
        card.rows.push(("Repeats", when::repetition(&self.rule, zone).unwrap_or_default()));
        card.rows.push(("Where", self.place));
        card.rows.push(("From", self.organizer));
        if method == "REPLY" {
            card.rows.extend(self.answers.iter().map(|(who, answer)| ("Answer", format!("{who}: {}", answer_word(answer)))));
        } else if self.attendees > 0 {
            card.rows.push(("Invited", guests));
        }
        card.rows.push(("Status", if is_cancelled { "cancelled" } else { status_word(&self.status) }.to_owned()));
        card.rows.retain(|(_, text)| !text.is_empty());
        card
    }

    /// "Ada <ada@x.example> (comes), b@x.example, and 7 more".
    fn guests(&self) -> String {
        let guest = |(who, answer): &(String, String)| match answer.as_str() {
            "" | "NEEDS-ACTION" => who.clone(),
            answer => format!("{who} ({})", answer_word(answer)),
        };
        let mut guests: Vec<String> = self.answers.iter().map(guest).collect();
        if self.attendees > guests.len() {
            guests.push(format!("and {} more", self.attendees - guests.len()));
        }
        guests.join(", ")
    }
}

fn status_word(status: &str) -> &'static str {
    match status {
        "TENTATIVE" => "tentative",
        "CONFIRMED" => "confirmed",
        _ => "",
    }
}

fn answer_word(answer: &str) -> &'static str {
    match answer {
        "ACCEPTED" => "comes",
        "DECLINED" => "does not come",
        "TENTATIVE" => "perhaps comes",
        "DELEGATED" => "sends somebody else",
        _ => "no answer yet",
    }
}

/// `CN="Ada":mailto:ada@x.example` to "Ada <ada@x.example>".
fn person(property: &Property) -> String {
    let address = property.value.trim();
    let address = address.get(7..).filter(|_| begins(address, "mailto:")).unwrap_or(address);
    match property.param("CN").map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(address)) {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, zone: &str) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let rows = |card: Card| std::iter::once(card.title).chain(card.rows.into_iter().map(|(label, text)| format!("{label}: {text}")));
        cards(text, &zone).into_iter().flat_map(rows).collect()
    }

    fn event(method: &str, lines: &str) -> String {
        format!(
            "BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n{lines}\r\nBEGIN:VALARM\r\nSUMMARY:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    }

    #[test]
    fn an_invitation_says_what_when_where_and_who() {
        let text = event(
            "REQUEST",
            "SUMMARY:Review\\, again\r\nDTSTART;TZID=Europe/Berlin:20261126T100000\r\nDURATION:PT1H30M\r\nLOCATION:Room 3\r\n\
             ORGANIZER;CN=Ada:mailto:ada@x.example\r\nATTENDEE;PARTSTAT=ACCEPTED;CN=Bo:mailto:b@x.example\r\nATTENDEE:mailto:c@x.example\r\n\
             RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20261224T090000Z",
        );
        assert_eq!(
            rows(&text, "Europe/Helsinki"),
            [
                "Invitation",
                "What: Review, again",
                "When: Thu 26 Nov 2026 11:00–12:30 (Thu 10:00 in Europe/Berlin)",
                "Repeats: every 2 weeks on Tue, Thu, until 24 Dec 2026",
                "Where: Room 3",
                "From: Ada <ada@x.example>",
                "Invited: Bo <b@x.example> (comes), c@x.example"
            ]
        );
    }

    #[test]
    fn of_many_guests_the_first_are_named() {
        let many: String = (0..7).map(|n| format!("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{n}@x.example\r\n")).collect();
        let found = rows(&event("REQUEST", &format!("{many}SUMMARY:x")), "UTC");
        assert_eq!(found.last().unwrap(), "Invited: 0@x.example, 1@x.example, 2@x.example, 3@x.example, 4@x.example, and 2 more");
    }

    #[test]
    fn times_of_all_kinds() {
        for (lines, expect) in [
            ("DTSTART:20261126T080000Z\r\nDTEND:20261126T090000Z", "Thu 26 Nov 2026 10:00–11:00"),
            ("DTSTART;TZID=W. Europe Standard Time:20261126T100000", "Thu 26 Nov 2026 11:00 (Thu 10:00 in Europe/Berlin)"),
            ("DTSTART;TZID=\"/x.example/Europe/Berlin\":20261126T100000", "Thu 26 Nov 2026 11:00 (Thu 10:00 in Europe/Berlin)"),
            ("DTSTART;TZID=Moon:20261126T100000", "Thu 26 Nov 2026 10:00, by the clock of Moon"),
            ("DTSTART:20261126T100000", "Thu 26 Nov 2026 10:00, wherever you are"),
            ("DTSTART;VALUE=DATE:20261126\r\nDTEND;VALUE=DATE:20261127", "Thu 26 Nov 2026, all day"),
            ("DTSTART;VALUE=DATE:20261126\r\nDTEND;VALUE=DATE:20261129", "Thu 26 Nov 2026 – Sat 28 Nov 2026, all day"),
            ("DTSTART:20261126T220000Z\r\nDTEND:20261127T100000Z", "Fri 27 Nov 2026 00:00–12:00"),
            ("DTSTART:20261126T080000Z\r\nDTEND:20261127T080000Z", "Thu 26 Nov 2026 10:00 – Fri 27 Nov 2026 10:00"),
        ] {
            let found = rows(&event("REQUEST", lines), "Europe/Helsinki");
            assert_eq!(found.get(2).map_or(found.get(1), Some).map(|row| row.trim_start_matches("When: ")), Some(expect), "{lines}");
        }
        for lines in ["DTSTART:20261399T990000", "DTSTART:", "DTSTART:x", "DTSTART:20261126T", "DTSTART:20261126T250000Z"] {
            assert!(rows(&event("REQUEST", lines), "UTC").is_empty(), "{lines}");
        }
    }

    #[test]
    fn what_became_of_it_is_told() {
        let cancelled = rows(&event("CANCEL", "SUMMARY:x"), "UTC");
        assert_eq!(cancelled, ["Cancelled", "What: x", "Status: cancelled"]);
        let reply = rows(&event("REPLY", "SUMMARY:x\r\nATTENDEE;PARTSTAT=DECLINED;CN=Bob:mailto:b@x.example"), "UTC");
        assert_eq!(reply, ["Answer to an invitation", "What: x", "Answer: Bob <b@x.example>: does not come"]);
    }

    #[test]
    fn repetitions_in_words() {
        for (rule, expect) in [
            ("FREQ=DAILY", Some("every day")),
            ("FREQ=MONTHLY;BYDAY=1MO,-1FR;COUNT=4", Some("every month on 1st Mon, last Fri, 4 times")),
            ("FREQ=YEARLY;BYMONTH=4;BYDAY=1SU", Some("every year on 1st Sun, with further rules")),
            ("FREQ=SECONDLY", Some("by a rule of its own")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(when::repetition(rule, &TimeZone::UTC).as_deref(), expect, "{rule}");
        }
    }

    #[test]
    fn floods_are_bounded() {
        let many = event("REQUEST", "SUMMARY:x").repeat(50_000);
        assert!(cards(&many, &TimeZone::UTC).len() <= MAX_EVENTS);
        cards(&"BEGIN:VEVENT\r\n".repeat(100_000), &TimeZone::UTC);
        cards(&format!("BEGIN:VEVENT\r\nSUMMARY:{}", "\r\n x".repeat(100_000)), &TimeZone::UTC);
        cards(&format!("BEGIN:VEVENT\r\nDTSTART{}:x", ";a=b".repeat(100_000)), &TimeZone::UTC);
    }
}
