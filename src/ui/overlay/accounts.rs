//! The accounts and how they are: link, what went wrong in the server's words, what can be done, and the figures that the
//! worker is asked for when this opens and when a link changes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::messages::wrap;
use super::prompt::{Prompt, Purpose};
use super::{Next, Overlay, form::Form, frame, middle, put};
use crate::mail::DisplayText;
use crate::mail::server::Ability;
use crate::ui::action::{Action, Context};
use crate::ui::event::{Effect, Now};
use crate::ui::folders::cursor_bar;
use crate::ui::format::{count, date_full, pad, size};
use crate::ui::model::{Account, Model, Out};
use crate::ui::theme::{Theme, Token};
use crate::worker::{Health, LinkState, Request};

/// Lines that a scroll goes, and as far as it goes at most.
const SCROLL: usize = 4;
const MOST: usize = 60;

/// The view; selects by the account's place in the configuration.
#[derive(Debug, Default)]
pub struct Accounts {
    at: usize,
    /// Lines of the details above the first shown.
    top: usize,
}

impl Accounts {
    pub fn act(mut self, model: &mut Model, action: Action, steps: u32, out: &mut Out) -> Next {
        let last = model.accounts.len().saturating_sub(1);
        let before = self.at;
        let id = model.accounts.get(self.at).and_then(|account| account.id);
        match (action, id) {
            (Action::Down, _) => self.at = (self.at + steps as usize).min(last),
            (Action::Up, _) => self.at = self.at.saturating_sub(steps as usize),
            (Action::First, _) => self.at = 0,
            (Action::Last, _) => self.at = last,
            (Action::HalfPageDown | Action::PageDown | Action::ScrollDown, _) => self.top = (self.top + SCROLL).min(MOST),
            (Action::HalfPageUp | Action::PageUp | Action::ScrollUp, _) => self.top = self.top.saturating_sub(SCROLL),
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
        if self.at != before {
            self.top = 0;
        }
        Next::Stay(Overlay::Accounts(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, now: &Now, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let keys = "r retry · e enter password · a add account · q close";
        // The accounts, and what is said about one of them.
        let rows = u16::try_from(model.accounts.len()).unwrap_or(u16::MAX).saturating_add(13);
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
        let first = inside.y + model.accounts.len() as u16 + 1;
        if let Some(account) = model.accounts.get(self.at) {
            let all = details(model, account, now);
            let lines: Vec<(String, Token)> =
                all.iter().flat_map(|(text, token)| wrap(text, room).into_iter().map(|line| (line, *token))).collect();
            let height = usize::from(inside.bottom().saturating_sub(first));
            let top = self.top.min(lines.len().saturating_sub(height));
            for (y, (line, token)) in (first..inside.bottom()).zip(lines.iter().skip(top)) {
                put(buf, inside.x + 2, y, line, room, theme.style(*token));
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

/// A line about an account.
type Line = (String, Token);

/// What happened, what happens next, what can be done; then how the account does.
fn details(model: &Model, account: &Account, now: &Now) -> Vec<Line> {
    let mut lines = story(model, account, now);
    if let Some(health) = &account.health {
        lines.extend(vitals(model, account, health, now));
    }
    let own = model.mailboxes.iter().filter(|mailbox| Some(mailbox.account) == account.id);
    let (folders, messages) = own.fold((0u64, 0u64), |(n, sum), mailbox| (n + 1, sum + u64::from(mailbox.total)));
    let word = if folders == 1 { "folder" } else { "folders" };
    lines.push((format!("{} {word}, {} messages here", count(folders), count(messages)), Token::Dim));
    lines
}

fn story(model: &Model, account: &Account, now: &Now) -> Vec<Line> {
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
            let when = if soon { " within a minute".to_owned() } else { format!(": {}", date(model, *retry_at, now)) };
            lines.push((format!("Tries again{when}. r tries now. Saved mail can be read; changes are kept."), Token::Dim));
        }
        _ => {}
    }
    lines
}

/// Since when, how quick, how much, what the server can do and what it lacks.
fn vitals(model: &Model, account: &Account, health: &Health, now: &Now) -> Vec<Line> {
    let mut lines = vec![(format!("So since {}", date(model, health.since, now)), Token::Text)];
    lines.extend(health.answered.map(|at| (format!("Last answer {}", date(model, at, now)), Token::Text)));
    let traffic = health.traffic;
    if traffic.octets_in > 0 {
        let trip = traffic.round_trip_ms.map_or(String::new(), |ms| format!("Answers in {ms} ms. "));
        lines.push((format!("{trip}{} in, {} out since the start", size(traffic.octets_in), size(traffic.octets_out)), Token::Text));
    }
    if health.waiting > 0 {
        let waits = if health.waiting == 1 { "change waits" } else { "changes wait" };
        let key = model.keymap.shown(Context::List, Action::Tasks).map_or(String::new(), |key| format!(" ({key} shows them)"));
        lines.push((format!("{} {waits} for the server{key}", count(health.waiting as u64)), Token::Text));
    }
    lines.extend(abilities(&health.abilities));
    let is_told = matches!(account.link, Some(LinkState::SignIn { .. } | LinkState::BackOff { .. }));
    if let Some((at, why)) = health.failed.as_ref().filter(|_| !is_told) {
        lines.push((format!("Last failure, {}: {}", date(model, *at, now), DisplayText::capped(why, 200)), Token::Dim));
    }
    lines.push(match &health.trace {
        Some(path) => (format!("The dialogue is written to {}", DisplayText::capped(&path.display().to_string(), 200)), Token::Dim),
        None => ("To see the dialogue with the server, start with --trace FILE".to_owned(), Token::Dim),
    });
    lines
}

/// What is lacking, with what that costs; then what is used.
fn abilities(all: &[Ability]) -> Vec<Line> {
    let lacking = all.iter().filter(|ability| !ability.has);
    let mut lines: Vec<Line> = lacking.map(|one| (format!("no {}: {}", one.name, one.means), Token::Warning)).collect();
    let used: Vec<&str> = all.iter().filter(|ability| ability.has).map(|ability| ability.name).collect();
    if !used.is_empty() {
        lines.push((format!("Uses {}", used.join(", ")), Token::Dim));
    }
    lines
}

fn date(model: &Model, at: i64, now: &Now) -> String {
    date_full((at, offset(now)), &now.wall, model.settings.dates)
}

fn offset(now: &Now) -> i16 {
    i16::try_from(now.wall.offset().seconds() / 60).unwrap_or(0)
}
