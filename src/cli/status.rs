//! `status`: accounts, mailboxes and what waits, from the store and the running owner.

use serde_json::{Value, json};

use super::args::Json;
use super::exit::Outcome;
use super::list::rfc3339;
use super::net;
use super::out;
use super::session::{Names, Session};
use crate::mail::Stage;
use crate::store::{Own, Reader, StoreError};

/// `postrider status`.
pub fn run(session: &Session, json: Json) -> Outcome {
    let config = session.config()?;
    let reader = session.reader()?;
    let names = reader.as_ref().map(Names::load).transpose()?;
    let count = |reader: &Reader| Ok::<_, StoreError>(reader.waiting(None)?.len() + reader.count_waiting_mailboxes()?);
    let waiting = reader.as_ref().map(count).transpose()?.unwrap_or_default();
    let own = Own::open(&session.store_paths())?;
    let drafts = own.as_ref().map_or(Ok(0), Own::draft_count)?;
    let outbox = own.as_ref().map_or(Ok(Vec::new()), Own::outbox)?.into_iter().filter(|item| item.stage != Stage::Filed).count();
    let chosen = |name: &str| session.global.account.as_deref().is_none_or(|only| only == name);
    let accounts: Vec<Value> = config
        .accounts
        .iter()
        .filter(|account| chosen(&account.name))
        .map(|account| {
            let (link, owner) = net::link(session, &account.name);
            let id = names.as_ref().and_then(|names| names.find_account(&account.name));
            let kept = id.zip(reader.as_ref()).map(|(id, reader)| reader.kept(id)).and_then(Result::ok).unwrap_or_default();
            json!({"name": account.name, "link": link, "owner": owner, "kept": kept})
        })
        .collect();
    let mailboxes: Vec<Value> = names
        .iter()
        .flat_map(|names| names.mailboxes.iter().filter(|mailbox| mailbox.selectable).map(move |mailbox| (names, mailbox)))
        .filter(|(names, mailbox)| chosen(names.account(mailbox.account)))
        .map(|(names, mailbox)| {
            json!({
                "account": names.account(mailbox.account),
                "mailbox": names.path(mailbox),
                "total": mailbox.total,
                "unread": mailbox.unread,
                "uid_validity": mailbox.uid_validity.map(|validity| validity.0),
                "synced": mailbox.synced.and_then(rfc3339),
            })
        })
        .collect();
    if json.json {
        let fields = json!({"accounts": accounts, "mailboxes": mailboxes, "waiting": waiting, "drafts": drafts, "outbox": outbox});
        out::json(fields)?;
    } else {
        out::print(text(&accounts, &mailboxes, waiting, outbox).as_bytes())?;
    }
    Ok(0)
}

fn text(accounts: &[Value], mailboxes: &[Value], waiting: usize, outbox: usize) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut rows: Vec<Vec<String>> = accounts.iter().map(|account| vec![word(&account["name"]), word(&account["link"])]).collect();
    let mut text = out::table(&rows);
    rows = mailboxes
        .iter()
        .map(|mailbox| {
            let synced = mailbox["synced"].as_str().unwrap_or("never synced");
            vec![
                word(&mailbox["mailbox"]),
                format!("{} unread", mailbox["unread"]),
                format!("{} in all", mailbox["total"]),
                synced.to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&out::table(&rows));
    }
    if waiting > 0 {
        let changes = if waiting == 1 { "change waits" } else { "changes wait" };
        text.push_str(&format!("\n{waiting} {changes} to be pushed (`postrider sync`)\n"));
    }
    if outbox > 0 {
        let messages = if outbox == 1 { "message is" } else { "messages are" };
        text.push_str(&format!("\n{outbox} {messages} in the outbox (`postrider outbox`)\n"));
    }
    text
}
