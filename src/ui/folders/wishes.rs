//! Making, renaming, deleting and subscribing folders: from the folder pane or by name. What is asked for shows at once,
//! with or without a server; undo takes it back.

use crate::mail::mailbox::{INBOX, check_name};
use crate::mail::{AccountId, Change, Mailbox, MailboxId, MailboxWish};
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::model::{Focus, Model, Out, Outgoing};
use crate::ui::overlay::Overlay;
use crate::ui::overlay::confirm::{Confirm, Pending};
use crate::ui::overlay::prompt::{Prompt, Purpose};
use crate::ui::triage::messages;
use crate::ui::update::shown;
use crate::worker::Request;

/// The folder under the cursor of the pane, else the one that the list shows.
fn target(model: &Model) -> Option<&Mailbox> {
    let in_pane = (model.focus == Focus::Folders && !model.reading).then(|| super::chosen(model)).flatten();
    in_pane.and_then(|id| model.find_mailbox(id)).or_else(|| model.mailbox())
}

/// Does one of the folder actions, or asks for the name that it needs.
pub fn act(model: &mut Model, action: Action, out: &mut Out) {
    let found = target(model).map(|mailbox| (mailbox.id, mailbox.account, mailbox.name.clone(), mailbox.total));
    if action == Action::FolderNew {
        let Some(account) = found.as_ref().map(|(_, account, ..)| *account).or_else(|| model.current_account()) else {
            return model.status.say("There is no account to make a folder in", out.now);
        };
        let label = format!("new folder in {}: ", model.account_name(account));
        return model.overlays.push(Overlay::Prompt(Prompt::new(label, Purpose::FolderNew(account))));
    }
    let Some((id, _, name, total)) = found else {
        return model.status.say("Go to the folder in the folder pane first", out.now);
    };
    if name == INBOX && matches!(action, Action::FolderRename | Action::FolderDelete) {
        return model.status.say("The inbox is the server's own: it keeps its name and stays", out.now);
    }
    match action {
        Action::FolderRename => {
            let prompt = Prompt::new("rename folder to: ", Purpose::FolderRename(id)).with(name);
            model.overlays.push(Overlay::Prompt(prompt));
        }
        Action::FolderDelete if total > 0 => {
            let said = format!("{} has {}: they go to the trash, and the folder goes.", shown(&name), messages(total as usize));
            let (change, label) = wish(MailboxWish::Delete { id }, format!("Deleted folder {name}"));
            model.overlays.push(Overlay::Confirm(Confirm::of_folder(said, Pending::Change(change, label))));
        }
        Action::FolderDelete => ask(model, MailboxWish::Delete { id }, format!("Deleted folder {name}")),
        Action::FolderSubscribe => ask(model, MailboxWish::Subscribe { id, on: true }, format!("Subscribed folder {name}")),
        Action::FolderUnsubscribe => ask(model, MailboxWish::Subscribe { id, on: false }, format!("Unsubscribed folder {name}")),
        _ => {}
    }
}

/// With the name that was typed behind `:folder-new` or `:folder-rename`.
pub fn act_with(model: &mut Model, action: Action, text: &str, out: &mut Out) {
    let (id, account) = match target(model) {
        Some(mailbox) => (Some(mailbox.id), Some(mailbox.account)),
        None => (None, model.current_account()),
    };
    match (action, id, account) {
        (Action::FolderNew, _, Some(account)) => make(model, account, text, out),
        (Action::FolderRename, Some(id), _) => rename(model, id, text, out),
        _ => act(model, action, out),
    }
}

pub fn make(model: &mut Model, account: AccountId, name: &str, out: &mut Out) {
    let name = name.trim();
    match check_name(name) {
        Ok(()) => {
            let wish = MailboxWish::Create { account, name: name.to_owned(), id: None };
            ask(model, wish, format!("Made folder {name}"));
        }
        Err(why) => model.status.failed(format!("No folder was made: {why}"), out.now),
    }
}

pub fn rename(model: &mut Model, id: MailboxId, to: &str, out: &mut Out) {
    let (to, old) = (to.trim(), model.find_mailbox(id).map(|mailbox| mailbox.name.clone()).unwrap_or_default());
    match check_name(to) {
        _ if to == old => {}
        Ok(()) => ask(model, MailboxWish::Rename { id, to: to.to_owned() }, format!("Renamed folder {old} to {to}")),
        Err(why) => model.status.failed(format!("{} keeps its name: {why}", shown(&old)), out.now),
    }
}

fn wish(wish: MailboxWish, label: String) -> (Change, String) {
    (Change::Mailbox { wish, rows: Vec::new() }, label)
}

/// Behind the verbs that came before it.
fn ask(model: &mut Model, asked: MailboxWish, label: String) {
    let (change, label) = wish(asked, label);
    model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Apply { change, label })));
}
