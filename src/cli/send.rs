//! `send`: a message from stdin goes into the outbox, on the disk, and from there to the server: by the process that
//! sends for the account where one runs, else by this one.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::{self, RetWord};
use super::exit::{CONFIG, DATA, Failure, IO, NO_LOGIN, NO_USER, Outcome, TRY_AGAIN, UNAVAILABLE, USAGE};
use super::net;
use super::out::say;
use super::session::Session;
use crate::config::{self, Account, Config};
use crate::mail::address::parse_list;
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::{Address, DisplayText, OutItem, OutboxId, Stage};
use crate::mime::{self, Sent};
use crate::store::{OutboxNew, Own, queue_only};
use crate::worker::{self, Round, WorkerEvent};

/// How long a command waits for its message to go.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks at the row while another process sends.
const LOOK: Duration = Duration::from_millis(50);
/// How often it tries to send itself meanwhile: the other one may have ended.
const TRY: Duration = Duration::from_millis(500);
/// A message larger than this is not read.
const MAX: u64 = 256 * 1024 * 1024;

/// `postrider send`.
pub fn run(session: &Session, args: &args::Send) -> Outcome {
    let config = session.config()?;
    session.account(&config)?;
    let bytes = read_message()?;
    let now = session.clock.now();
    let offset_minutes = i16::try_from(now.offset().seconds() / 60).unwrap_or_default();
    let when = Sent { unix: now.timestamp().as_second(), offset_minutes };
    let seed = session.clock.seed_or_random() ^ u64::from(std::process::id());
    let mail = mime::outgoing(&bytes, when, seed).map_err(|why| Failure::new(DATA, why))?;
    let mut envelope = mail.envelope;
    if let Some(from) = &args.from {
        envelope.mail_from = address("--from", from)?;
    }
    if !args.to.is_empty() {
        envelope.recipients = recipients(&args.to)?;
    }
    if envelope.recipients.is_empty() {
        return Err(Failure::new(DATA, "the message names no recipient; put one into To, Cc or Bcc, or give --to ADDRESS"));
    }
    delivery_reports(args, &mut envelope.dsn)?;
    let account = choose(session, &config, &envelope.mail_from)?;
    if matches!(account.outgoing, config::Outgoing::None) {
        let name = &account.name;
        return Err(Failure::new(
            CONFIG,
            format!("the account {name:?} has no way to send: add [accounts.{name}.smtp] to the configuration"),
        ));
    }
    let new = OutboxNew {
        account: account.name.clone(),
        not_before: when.unix,
        now: when.unix,
        rfc_message_id: mail.rfc_message_id,
        subject: mail.subject,
        envelope,
        draft: None,
        bytes: mail.bytes,
    };
    let failed = || Failure::new(IO, "the message could not be queued");
    crate::paths::private_folder(&session.paths.data)
        .map_err(|error| Failure::new(IO, format!("{}: {error}", session.paths.data.display())))?;
    let item = queue_only(&session.store_paths(), &new)?.ok_or_else(failed)?;
    session.events.emit("outbox", json!({"id": item.id.0, "state": item.stage.word()}));
    if args.queue {
        worker::poke_sender(&session.paths.data, &account.name);
        return Ok(0);
    }
    if session.global.offline {
        say(&format!("message {} is queued; nothing is sent with --offline", item.id.0));
        return Ok(TRY_AGAIN);
    }
    hand_over(session, &config, &account.name, item.id)
}

fn read_message() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(IO, format!("reading the message from stdin: {error}")))?;
    match bytes.len() as u64 {
        0 => Err(Failure::new(DATA, "there is no message on stdin (postrider send < message.eml)")),
        length if length > MAX => Err(Failure::new(DATA, format!("the message is larger than {} MB; it was not queued", MAX >> 20))),
        _ => Ok(bytes),
    }
}

/// Addresses of the command line. A line end there was meant for something else than a list of addresses.
fn typed_list(text: &str) -> Option<Vec<Address>> {
    parse_list(text).ok().filter(|_| !text.contains(char::is_control))
}

/// One address of the command line.
fn address(flag: &str, text: &str) -> Result<String, Failure> {
    match typed_list(text) {
        Some(list) if list.len() == 1 => Ok(list.into_iter().next().map(|one| one.address).unwrap_or_default()),
        // RFC 5321 4.5.5: reports go to nobody
        _ if flag == "--from" && matches!(text, "" | "<>") => Ok(String::new()),
        _ => Err(Failure::new(
            USAGE,
            format!("{flag} takes an address like you@example.org, not {:?}", DisplayText::capped(text, 80).as_str()),
        )),
    }
}

fn recipients(to: &[String]) -> Result<Vec<Recipient>, Failure> {
    let mut recipients: Vec<Recipient> = Vec::new();
    for text in to {
        let list = typed_list(text).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| {
            Failure::new(USAGE, format!("--to takes addresses like you@example.org, not {:?}", DisplayText::capped(text, 80).as_str()))
        })?;
        for address in list.into_iter().map(|one| one.address) {
            if !recipients.iter().any(|known| known.address == address) {
                recipients.push(Recipient { address, fate: Fate::Pending });
            }
        }
    }
    Ok(recipients)
}

fn delivery_reports(args: &args::Send, dsn: &mut crate::mail::outgoing::Dsn) -> Result<(), Failure> {
    if let Some(notify) = &args.notify {
        let is_known = notify == "never" || notify.split(',').all(|word| matches!(word, "success" | "failure" | "delay"));
        if !is_known {
            return Err(Failure::new(
                USAGE,
                format!("--notify takes never, or some of success,failure,delay, not {:?}", DisplayText::capped(notify, 80).as_str()),
            ));
        }
        dsn.notify = Some(notify.clone());
    }
    dsn.ret = args.ret.map(|ret| if ret == RetWord::Full { "full" } else { "headers" }.to_owned()).or_else(|| dsn.ret.clone());
    if let Some(envid) = &args.envid {
        // RFC 3461 4.4: printable ASCII, at most 100 characters
        if envid.is_empty() || envid.len() > 100 || !envid.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(Failure::new(USAGE, "--envid takes up to 100 printable characters"));
        }
        dsn.envid = Some(envid.clone());
    }
    Ok(())
}

/// `--account`, else the one whose address the message is from, else the first.
fn choose<'c>(session: &Session, config: &'c Config, from: &str) -> Result<&'c Account, Failure> {
    if session.global.account.is_none()
        && let Some(account) = config.accounts.iter().find(|account| !from.is_empty() && account.address.eq_ignore_ascii_case(from))
    {
        return Ok(account);
    }
    session.account(config)
}

/// Has a queued message sent, here or by the process that sends for the account, and tells how it went.
pub fn hand_over(session: &Session, config: &Config, account: &str, id: OutboxId) -> Outcome {
    let begun = Instant::now();
    worker::poke_sender(&session.paths.data, account);
    let mut tried: Option<Instant> = None;
    loop {
        if tried.is_none_or(|at| at.elapsed() >= TRY) {
            match send_here(session, config, account, PATIENCE.saturating_sub(begun.elapsed()))? {
                Round::SignIn => return Ok(told(session, id, Some(NO_LOGIN))?.unwrap_or(NO_LOGIN)),
                Round::Done => return Ok(told(session, id, None)?.unwrap_or(TRY_AGAIN)),
                Round::Elsewhere | Round::NoWayOut => {}
            }
            tried = Some(Instant::now());
        }
        let is_late = begun.elapsed() >= PATIENCE;
        if let Some(code) = settled(session, id, is_late)? {
            return Ok(code);
        }
        std::thread::sleep(LOOK);
    }
}

/// One round of sending in this process, where no other does it.
fn send_here(session: &Session, config: &Config, account: &str, patience: Duration) -> Result<Round, Failure> {
    let writer = session.writer()?;
    let tell = |event: WorkerEvent| {
        if let WorkerEvent::Failed { what, why, .. } = event {
            say(&DisplayText::capped(&format!("{what}: {why}"), 500).into_string());
        }
    };
    let round = worker::send_once(config, writer.clone(), account, net::options(session)?, patience, tell);
    writer.stop();
    round.map_err(|why| Failure::new(IO, why))
}

fn row(session: &Session, id: OutboxId) -> Result<Option<OutItem>, Failure> {
    Ok(Own::open(&session.store_paths())?.map(|own| own.out_item(id)).transpose()?.flatten())
}

/// The exit code of a message that another process sends, once there is one.
fn settled(session: &Session, id: OutboxId, is_late: bool) -> Result<Option<u8>, Failure> {
    let Some(item) = row(session, id)? else {
        say(&format!("message {} is not in the outbox any more: it was taken out", id.0));
        return Ok(Some(UNAVAILABLE));
    };
    let is_on_its_way = match item.stage {
        Stage::Sending | Stage::HandingOver => true,
        // tried, and waiting for the next attempt
        Stage::Queued => item.attempts == 0 || item.error.is_none(),
        _ => false,
    };
    if is_on_its_way && !is_late { Ok(None) } else { told(session, id, None) }
}

/// Says how a message fared, on stderr, and its exit code; None: it is not there.
fn told(session: &Session, id: OutboxId, waiting: Option<u8>) -> Result<Option<u8>, Failure> {
    let Some(item) = row(session, id)? else { return Ok(None) };
    let refused: Vec<&Recipient> = item.recipients.iter().filter(|one| matches!(one.fate, Fate::Refused(_))).collect();
    for recipient in &refused {
        if let Fate::Refused(words) = &recipient.fate {
            say(&DisplayText::capped(&format!("{} was refused: {words}", recipient.address), 500).into_string());
        }
    }
    let error = item.error.as_deref().map(|error| format!(": {}", DisplayText::capped(error, 500))).unwrap_or_default();
    let number = id.0;
    Ok(Some(match item.stage {
        Stage::Accepted | Stage::Filed if refused.is_empty() => 0,
        Stage::Accepted | Stage::Filed => NO_USER,
        Stage::Refused => {
            say(&format!("message {number} was refused{error}; it stays in the outbox (postrider outbox)"));
            UNAVAILABLE
        }
        Stage::Unknown | Stage::HandingOver => {
            say(&format!("nobody knows whether message {number} was sent{error}; it is not sent again by itself (postrider outbox)"));
            TRY_AGAIN
        }
        Stage::Queued | Stage::Held | Stage::Sending => {
            say(&format!("message {number} is queued and not yet sent{error}"));
            waiting.unwrap_or(TRY_AGAIN)
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_addresses_are_taken_as_people_type_them_and_nothing_else_is() {
        let found = recipients(&["a@b.example".into(), "Ada <ada@c.example>, a@b.example".into()]).unwrap();
        assert_eq!(found.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["a@b.example", "ada@c.example"]);
        for wrong in ["", "x", "a@b\r\nRCPT TO:<c@d>", "<>"] {
            assert!(recipients(&[wrong.into()]).is_err(), "{wrong:?}");
        }
        assert_eq!(address("--from", "<>").unwrap(), "");
        for wrong in ["a@b, c@d", "a@b\r\nRCPT TO:<c@d>", "a@b\n"] {
            assert!(address("--from", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn delivery_reports_are_asked_for_by_known_words() {
        let mut dsn = crate::mail::outgoing::Dsn::default();
        let args = |notify: &str, envid: &str| args::Send {
            notify: Some(notify.into()),
            envid: Some(envid.into()),
            ret: Some(RetWord::Full),
            ..args::Send::default()
        };
        delivery_reports(&args("success,delay", "id 1"), &mut dsn).unwrap();
        assert_eq!((dsn.notify.as_deref(), dsn.ret.as_deref(), dsn.envid.as_deref()), (Some("success,delay"), Some("full"), Some("id 1")));
        for (notify, envid) in [("often", "x"), ("never,success", "x"), ("never", ""), ("never", "a\nb"), ("", "x")] {
            assert!(delivery_reports(&args(notify, envid), &mut dsn).is_err(), "{notify:?} {envid:?}");
        }
    }
}
