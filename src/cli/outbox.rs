//! `outbox`: what waits to be sent, trying it now, and taking it out.

use serde_json::{Value, json};

use super::args::{Outbox, OutboxVerb};
use super::exit::{DATA, Failure, Outcome, TRY_AGAIN, UNAVAILABLE};
use super::list::rfc3339;
use super::out::{self, say};
use super::send;
use super::session::Session;
use crate::mail::outgoing::Fate;
use crate::mail::{OutItem, OutboxId, Stage};
use crate::store::{Own, TakenBack};

/// `postrider outbox`.
pub fn run(session: &Session, args: &Outbox) -> Outcome {
    session.config()?;
    match &args.verb {
        None => list(session, args.json.json),
        Some(OutboxVerb::List(json)) => list(session, json.json),
        Some(OutboxVerb::Send { id }) => send_now(session, id.map(OutboxId)),
        Some(OutboxVerb::Cancel { id }) => cancel(session, OutboxId(*id)),
    }
}

fn items(session: &Session) -> Result<Vec<OutItem>, Failure> {
    let all = Own::open(&session.store_paths())?.map_or(Ok(Vec::new()), |own| own.outbox())?;
    let only = session.global.account.as_deref();
    Ok(all.into_iter().filter(|item| only.is_none_or(|only| only == item.account)).collect())
}

fn list(session: &Session, json: bool) -> Outcome {
    let items = items(session)?;
    if json {
        out::json(json!({"items": items.iter().map(describe).collect::<Vec<_>>()}))?;
    } else if items.is_empty() {
        say("the outbox is empty");
    } else {
        out::print(out::table(&items.iter().map(line).collect::<Vec<_>>()).as_bytes())?;
    }
    Ok(0)
}

fn describe(item: &OutItem) -> Value {
    let to = |recipient: &crate::mail::outgoing::Recipient| {
        let (state, words) = match &recipient.fate {
            Fate::Pending => ("pending", None),
            Fate::Accepted => ("accepted", None),
            Fate::Deferred(words) => ("deferred", Some(words)),
            Fate::Refused(words) => ("refused", Some(words)),
        };
        json!({"name": "", "address": recipient.address, "state": state, "words": words})
    };
    json!({
        "id": item.id.0,
        "account": item.account,
        "state": item.stage.word(),
        "to": item.recipients.iter().map(to).collect::<Vec<_>>(),
        "subject": item.subject,
        "not_before": rfc3339(item.not_before),
        "attempts": item.attempts,
        "error": item.error,
    })
}

fn line(item: &OutItem) -> Vec<String> {
    let to: Vec<&str> = item.recipients.iter().map(|one| one.address.as_str()).collect();
    let to = match to.as_slice() {
        [first, second, rest @ ..] if !rest.is_empty() => format!("{first}, {second} and {} more", rest.len()),
        few => few.join(", "),
    };
    let when = match item.stage {
        Stage::Held => rfc3339(item.not_before).unwrap_or_default(),
        _ => String::new(),
    };
    vec![item.id.0.to_string(), item.stage.word().to_owned(), when, to, item.subject.clone(), item.error.clone().unwrap_or_default()]
}

fn find(session: &Session, id: OutboxId) -> Result<OutItem, Failure> {
    let found = items(session)?.into_iter().find(|item| item.id == id);
    found.ok_or_else(|| Failure::new(DATA, format!("no message in the outbox has the id {} (postrider outbox lists them)", id.0)))
}

/// One message now, or again; without an id all that wait after a failure.
fn send_now(session: &Session, id: Option<OutboxId>) -> Outcome {
    let config = session.config()?;
    let wanted = match id {
        Some(id) => vec![find(session, id)?],
        None => items(session)?.into_iter().filter(|item| item.stage == Stage::Queued).collect(),
    };
    if wanted.is_empty() {
        say("nothing waits in the outbox");
    }
    let now = session.clock.unix();
    let mut code = 0;
    for item in &wanted {
        let writer = session.writer()?;
        let is = writer.send_now(item.id, now).wait()?;
        writer.stop();
        if !is {
            say(&format!("message {} is {} already", item.id.0, item.stage.word()));
            continue;
        }
        session.events.emit("outbox", json!({"id": item.id.0, "state": Stage::Queued.word()}));
        code = code.max(if session.global.offline { TRY_AGAIN } else { send::hand_over(session, &config, &item.account, item.id)? });
    }
    Ok(code)
}

/// Out of the outbox: a draft again where a composer made it, else forgotten.
fn cancel(session: &Session, id: OutboxId) -> Outcome {
    let item = find(session, id)?;
    let writer = session.writer()?;
    let taken = writer.take_back(id, false, session.clock.unix()).wait()?;
    let is_out = match taken {
        TakenBack::Draft(..) => {
            say(&format!("message {} is among the drafts again", id.0));
            true
        }
        TakenBack::NoDraft | TakenBack::TooLate => {
            let is_dropped = writer.drop_outgoing(id).wait()?;
            if is_dropped {
                say(&format!("message {} ({}) is forgotten", id.0, item.stage.word()));
            }
            is_dropped
        }
        TakenBack::Gone => false,
    };
    writer.stop();
    crate::worker::poke_sender(&session.paths.data, &item.account);
    if is_out {
        return Ok(0);
    }
    Err(Failure::new(UNAVAILABLE, format!("message {} can't be taken out: the server has it, or may have it", id.0)))
}
