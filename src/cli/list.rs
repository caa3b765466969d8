//! `list`, `search` and `count`: from the store alone, never waiting for the network.

use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::args;
use super::exit::{Failure, Outcome};
use super::out::{self, cell, say};
use super::session::{Names, Session};
use crate::mail::{Address, DisplayText, FlagBits, Listing, Mailbox, Query, Scope, Sort, Summary};
use crate::store::Reader;

/// `postrider list`.
pub fn list(session: &Session, args: &args::List) -> Outcome {
    let config = session.config()?;
    let account = session.account(&config)?.name.clone();
    let Some(reader) = session.reader()? else { return nothing_yet(args.json.json) };
    let names = Names::load(&reader)?;
    let wanted = args.mailbox.as_deref().unwrap_or("Inbox");
    let mailbox = match names.find(wanted, Some(&account)) {
        Ok(mailbox) => mailbox.id,
        Err(_) if args.mailbox.is_none() => return nothing_yet(args.json.json),
        Err(failure) => return Err(failure),
    };
    let query = args.query.as_deref().map(|text| parse(session, text));
    show_rows(session, &reader, &names, &listing(Scope::Mailbox(mailbox), query), args.limit, args.json.json, false)
}

/// `postrider search`.
pub fn search(session: &Session, args: &args::Search) -> Outcome {
    session.config()?;
    let Some(reader) = session.reader()? else { return nothing_yet(args.json.json) };
    let names = Names::load(&reader)?;
    let scope = names.scope(session, args.mailbox.as_deref())?;
    let query = parse(session, &args.query.join(" "));
    show_rows(session, &reader, &names, &listing(scope, Some(query)), args.limit, args.json.json, true)
}

/// `postrider count`.
pub fn count(session: &Session, args: &args::Count) -> Outcome {
    session.config()?;
    let (total, unread) = match session.reader()? {
        None => (0, 0),
        Some(reader) => {
            let names = Names::load(&reader)?;
            let scope = names.scope(session, args.mailbox.as_deref())?;
            let query = args.query.as_deref().map(|text| parse(session, text));
            reader.count(&listing(scope, query))?
        }
    };
    if args.json.json {
        out::json(json!({"total": total, "unread": unread}))?;
    } else {
        out::print(format!("{total} messages, {unread} unread\n").as_bytes())?;
    }
    Ok(0)
}

fn listing(scope: Scope, query: Option<Query>) -> Listing {
    Listing { scope, query, threads: false, sort: Sort::default() }
}

/// What can't be understood is said, and the rest is searched.
fn parse(session: &Session, text: &str) -> Query {
    let query = Query::parse(text, &session.clock.now());
    for problem in &query.problems {
        say(&DisplayText::new(&problem.why).into_string());
    }
    query
}

fn nothing_yet(json: bool) -> Outcome {
    say("no mail is here yet; `postrider sync` fetches it");
    if json {
        out::json(json!({"messages": []}))?;
    }
    Ok(0)
}

fn show_rows(session: &Session, reader: &Reader, names: &Names, listing: &Listing, limit: usize, json: bool, wide: bool) -> Outcome {
    let rows = reader.first_rows(listing, limit)?;
    let ids: Vec<_> = rows.iter().take(limit).map(|row| row.id).collect();
    let summaries = reader.summaries(&ids)?;
    if json {
        let messages: Vec<Value> = summaries.iter().map(|summary| message(summary, names)).collect();
        out::json(json!({"messages": messages}))?;
    } else {
        let text = lines(&summaries, names, &session.clock.now(), out::columns(), wide);
        out::print(text.as_bytes())?;
    }
    Ok(0)
}

/// A message as every JSON answer shows it.
pub fn message(summary: &Summary, names: &Names) -> Value {
    let flags: Vec<&str> = summary.flags.bits.names().collect();
    let tags: Vec<&str> = summary.flags.keywords.iter().collect();
    json!({
        "id": summary.id.0,
        "account": names.account(summary.account),
        "mailbox": mailbox_path(names, summary),
        "date": summary.date.and_then(rfc3339),
        "received": rfc3339(summary.received),
        "from": addresses(&summary.from),
        "to": addresses(&summary.to),
        "subject": summary.subject,
        "flags": flags,
        "tags": tags,
        "size": summary.size,
        "thread": summary.thread.0,
        "rfc_message_id": summary.rfc_message_id,
        "has_attachment": summary.has_attachment,
        "waiting": summary.is_waiting,
    })
}

fn mailbox_path(names: &Names, summary: &Summary) -> Option<String> {
    names.mailboxes.iter().find(|mailbox| mailbox.id == summary.mailbox).map(|mailbox: &Mailbox| names.path(mailbox))
}

fn addresses(list: &[Address]) -> Value {
    list.iter().map(|address| json!({"name": address.name, "address": address.address})).collect()
}

/// Unix seconds as RFC 3339 in UTC.
pub fn rfc3339(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// The list for people: id, date, state, sender and subject, cut to the terminal's width where there is one.
fn lines(summaries: &[Summary], names: &Names, now: &Zoned, columns: Option<usize>, wide: bool) -> String {
    let rows: Vec<Vec<String>> = summaries
        .iter()
        .map(|summary| {
            let mut row = vec![
                summary.id.to_string(),
                date(summary.date.unwrap_or(summary.received), now),
                state(summary),
                summary.from.first().map_or_else(|| "—".to_owned(), |from| from.short().to_owned()),
            ];
            if wide {
                row.push(mailbox_path(names, summary).unwrap_or_default());
            }
            row.push(if summary.subject.is_empty() { "(no subject)".to_owned() } else { summary.subject.clone() });
            row
        })
        .collect();
    let Some(columns) = columns else { return out::table(&rows) };
    let widest = |at: usize, most: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|text| DisplayText::new(text).as_str().width()).max().unwrap_or(0).min(most)
    };
    let fixed: Vec<usize> = [widest(0, 12), 6, 4, widest(3, columns / 4)].into_iter().chain(wide.then(|| widest(4, columns / 4))).collect();
    let rest = columns.saturating_sub(fixed.iter().sum::<usize>() + 2 * fixed.len());
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(fixed.iter().chain([&rest])).map(|(value, width)| cell(value, *width)).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// N(ew), !(flagged), r(eplied), @(files): always four characters.
fn state(summary: &Summary) -> String {
    let bits = summary.flags.bits;
    let sign = |is: bool, sign: char| if is { sign } else { ' ' };
    [
        sign(!bits.contains(FlagBits::SEEN), 'N'),
        sign(bits.contains(FlagBits::FLAGGED), '!'),
        sign(bits.contains(FlagBits::ANSWERED), 'r'),
        sign(summary.has_attachment, '@'),
    ]
    .iter()
    .collect()
}

/// Six cells: today the time, this year the day, else month and year.
fn date(seconds: i64, now: &Zoned) -> String {
    let Ok(time) = Timestamp::from_second(seconds) else { return "—".to_owned() };
    let local = time.to_zoned(now.time_zone().clone());
    let form = match () {
        () if local.date() == now.date() => "%H:%M",
        () if local.year() == now.year() => "%e %b",
        () => "%b'%y",
    };
    local.strftime(form).to_string()
}

/// The one message of an id.
pub fn find(reader: &Reader, id: i64) -> Result<Option<Summary>, Failure> {
    Ok(reader.summaries(&[crate::mail::MessageId(id)])?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_short_and_say_which_year() {
        let now: Zoned = "2026-11-20T12:00:00[UTC]".parse().unwrap();
        for (time, expect) in [("2026-11-20T08:05:00Z", "08:05"), ("2026-03-02T08:05:00Z", " 2 Mar"), ("2024-03-02T08:05:00Z", "Mar'24")] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(date(time.as_second(), &now), expect);
        }
    }
}
