//! The accounts and how they are: link, what went wrong in the server's words, and what can be done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::messages::wrap;
use super::prompt::{Prompt, Purpose};
use super::{Next, Overlay, form::Form, frame, middle, put};
use crate::mail::DisplayText;
use crate::ui::action::Action;
use crate::ui::event::{Effect, Now};
use crate::ui::folders::cursor_bar;
use crate::ui::format::{count, date_full, pad};
use crate::ui::model::{Account, Model, Out};
use crate::ui::theme::{Theme, Token};
use crate::worker::{LinkState, Request};

/// The view; selects by the account's place in the configuration.
#[derive(Debug, Default)]
pub struct Accounts {
    at: usize,
}

impl Accounts {
    pub fn act(mut self, model: &mut Model, action: Action, steps: u32, out: &mut Out) -> Next {
        let last = model.accounts.len().saturating_sub(1);
        let id = model.accounts.get(self.at).and_then(|account| account.id);
        match (action, id) {
            (Action::Down, _) => self.at = (self.at + steps as usize).min(last),
            (Action::Up, _) => self.at = self.at.saturating_sub(steps as usize),
            (Action::First, _) => self.at = 0,
            (Action::Last, _) => self.at = last,
            (Action::Retry | Action::Open, Some(account)) => {
                out.effects.push(Effect::Ask(Request::Retry { account }));
                model.status.say("Trying to connect", out.now);
            }
            (Action::SignIn, Some(account)) => {
                let label = format!("password for {}: ", model.account_name(account));
                model.overlays.push(Overlay::Prompt(Prompt::new(label, Purpose::Password(account))));
            }
            (Action::AddAccount, _) => model.overlays.push(Overlay::Form(Form::imap())),
            (Action::Close | Action::Cancel | Action::Interrupt | Action::Accounts, _) => return Next::Close,
            (action, _) if super::is_global(action) => return Next::Pass(Overlay::Accounts(self)),
            _ => {}
        }
        Next::Stay(Overlay::Accounts(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, now: &Now, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let keys = "r retry · e enter password · a add account · q close";
        // The accounts, and what is said about one of them.
        let rows = u16::try_from(model.accounts.len()).unwrap_or(u16::MAX).saturating_add(9);
        let place = middle(area, 100, rows.min(area.height.saturating_sub(4)).max(6));
        let inside = frame(buf, place, "accounts and health", keys, theme, model.settings.icons);
        let room = usize::from(inside.width.saturating_sub(2));
        let mut cursor = None;
        for (y, (n, account)) in (inside.y..inside.bottom()).zip(model.accounts.iter().enumerate()) {
            if n == self.at {
                put(buf, inside.x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
                cursor = Some((inside.x, y));
            }
            let (word, token) = state_word(account);
            let used = put(buf, inside.x + 2, y, &pad(&head(account), room / 2), room / 2, theme.style(Token::Text));
            put(buf, inside.x + 2 + used, y, &word, room.saturating_sub(usize::from(used)), theme.style(token));
        }
        let mut y = inside.y + model.accounts.len() as u16 + 1;
        if let Some(account) = model.accounts.get(self.at) {
            for (text, token) in details(model, account, now) {
                for line in wrap(&text, room) {
                    if y < inside.bottom() {
                        put(buf, inside.x + 2, y, &line, room, theme.style(token));
                    }
                    y = y.saturating_add(1);
                }
            }
        }
        cursor
    }
}

fn head(account: &Account) -> String {
    format!("{}  {}", DisplayText::new(&account.name), DisplayText::new(&account.address))
}

fn state_word(account: &Account) -> (String, Token) {
    match &account.link {
        None => ("not started".to_owned(), Token::Dim),
        Some(LinkState::Offline { .. }) => ("offline".to_owned(), Token::Warning),
        Some(LinkState::Connecting) => ("connecting".to_owned(), Token::Dim),
        Some(LinkState::Online { push, round_trip_ms }) => {
            let push = if *push { ", hears of new mail by itself" } else { "" };
            let trip = round_trip_ms.map_or(String::new(), |ms| format!(" {ms} ms"));
            (format!("online{trip}{push}"), Token::Done)
        }
        Some(LinkState::SignIn { refused: Some(_) }) => ("sign-in refused".to_owned(), Token::Failed),
        Some(LinkState::SignIn { refused: None }) => ("needs its password".to_owned(), Token::Warning),
        Some(LinkState::BackOff { .. }) => ("no connection".to_owned(), Token::Warning),
    }
}

/// What happened, what happens next, what can be done.
fn details(model: &Model, account: &Account, now: &Now) -> Vec<(String, Token)> {
    let mut lines = Vec::new();
    match &account.link {
        Some(LinkState::Offline { why }) => {
            lines.push((DisplayText::capped(why, 400).into_string(), Token::Text));
            lines.push(("Saved mail can be read; changes are kept and pushed later.".to_owned(), Token::Dim));
        }
        Some(LinkState::SignIn { refused: Some(text) }) => {
            lines.push((format!("Sign-in failed: {}", DisplayText::capped(text, 400)), Token::Failed));
            lines.push((
                "It is not tried again by itself. e enters a new password; many providers want an app password.".to_owned(),
                Token::Text,
            ));
        }
        Some(LinkState::SignIn { refused: None }) => {
            lines.push(("e enters the password; it is kept in memory only.".to_owned(), Token::Text))
        }
        Some(LinkState::BackOff { why, retry_at }) => {
            lines.push((DisplayText::capped(why, 400).into_string(), Token::Failed));
            let soon = *retry_at - now.wall.timestamp().as_second() < 60;
            let when = date_full((*retry_at, offset(now)), &now.wall, model.settings.dates);
            let when = if soon { " within a minute".to_owned() } else { format!(": {when}") };
            lines.push((format!("Tries again{when}. r tries now. Saved mail can be read; changes are kept."), Token::Dim));
        }
        _ => {}
    }
    let own = model.mailboxes.iter().filter(|mailbox| Some(mailbox.account) == account.id);
    let (folders, messages) = own.fold((0u64, 0u64), |(n, sum), mailbox| (n + 1, sum + u64::from(mailbox.total)));
    lines.push((format!("{} folders, {} messages here", count(folders), count(messages)), Token::Dim));
    lines
}

fn offset(now: &Now) -> i16 {
    i16::try_from(now.wall.offset().seconds() / 60).unwrap_or(0)
}
