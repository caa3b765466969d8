//! The two rows at the bottom: left what you did, right what the network does, and below them the keys
//! that matter here, from the live keymap. Nothing here changes by itself but a notice going away.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::action::{Action, Context};
use super::event::Now;
use super::format::{count, cut, width};
use super::model::Model;
use super::overlay::messages::wrap;
use super::overlay::prompt::Purpose;
use super::overlay::{Overlay, put};
use super::theme::{Theme, Token};
use super::{composer, outbox};
use crate::mail::DisplayText;
use crate::worker::{Job, JobState, LinkState};

const NOTICE: Duration = Duration::from_secs(8);
const REMEMBERED: usize = 200;
/// Cells below which a notice has the row for itself.
const NARROW: u16 = 60;
/// Longest notice; server texts can be endless.
const LONGEST: usize = 400;

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Done,
    Failed,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: DisplayText,
    pub tone: Tone,
    /// How often it came in a row.
    pub times: u32,
}

/// What the status row knows.
#[derive(Debug, Default)]
pub struct Status {
    pub notice: Option<Notice>,
    until: Option<Instant>,
    /// Everything said lately, newest first, for `:messages`.
    pub said: VecDeque<Notice>,
    pub jobs: Vec<Job>,
    /// Changes that are not pushed yet, and what came to nothing, as last told.
    pub waits: std::sync::Arc<crate::mail::Waits>,
}

impl Status {
    /// When the notice goes.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// A plain notice.
    pub fn say(&mut self, text: impl AsRef<str>, now: &Now) {
        self.put(text.as_ref(), Tone::Plain, now);
    }

    /// Something was done.
    pub fn done(&mut self, text: impl AsRef<str>, now: &Now) {
        self.put(text.as_ref(), Tone::Done, now);
    }

    /// Something will happen in so many seconds: said once, for as long.
    pub fn upcoming(&mut self, words: &str, seconds: u64, now: &Now) {
        self.done(format!("{words} in {seconds} s"), now);
        self.until = Some(now.mono + Duration::from_secs(seconds));
    }

    /// Something failed.
    pub fn failed(&mut self, text: impl AsRef<str>, now: &Now) {
        self.put(text.as_ref(), Tone::Failed, now);
    }

    /// Stays until another notice comes.
    pub fn banner(&mut self, text: String) {
        self.notice = Some(Notice { text: DisplayText::capped(&text, LONGEST), tone: Tone::Failed, times: 1 });
        self.until = None;
    }

    fn put(&mut self, text: &str, tone: Tone, now: &Now) {
        let text = DisplayText::capped(text, LONGEST);
        let times = match self.said.front() {
            Some(last) if last.text == text && tone == Tone::Failed => last.times + 1,
            _ => 1,
        };
        if times > 1 {
            self.said.pop_front();
        }
        let notice = Notice { text, tone, times };
        self.said.push_front(notice.clone());
        self.said.truncate(REMEMBERED);
        self.notice = Some(notice);
        self.until = Some(now.mono + NOTICE);
    }

    /// Keeps a text for `:messages` without showing it.
    pub fn remember(&mut self, text: String) {
        self.said.push_back(Notice { text: DisplayText::capped(&text, LONGEST), tone: Tone::Failed, times: 1 });
    }

    /// Takes the notice away when its time has come.
    pub fn tick(&mut self, now: &Now) {
        if self.until.is_some_and(|until| until <= now.mono) {
            self.notice = None;
            self.until = None;
        }
    }

    /// Takes a job's news.
    pub fn job(&mut self, job: Job) {
        self.jobs.retain(|known| known.id != job.id);
        if job.state == JobState::Running {
            self.jobs.push(job);
        }
    }
}

/// What the network does, in a few words; empty when all is well.
pub fn network(model: &Model) -> (String, Token) {
    for account in &model.accounts {
        let name = DisplayText::new(&account.name);
        match &account.link {
            Some(LinkState::SignIn { refused: Some(_) }) => return (format!("{name}: sign-in refused (gA)"), Token::Failed),
            Some(LinkState::SignIn { refused: None }) => return (format!("{name}: needs a password (gA)"), Token::Warning),
            _ => {}
        }
    }
    if let Some(job) = model.status.jobs.first() {
        let more = if model.status.jobs.len() > 1 { format!(" +{}", model.status.jobs.len() - 1) } else { String::new() };
        let progress = match job.total {
            Some(total) => format!(" {}/{}", count(job.done), count(total)),
            None if job.done > 0 => format!(" {}", count(job.done)),
            None => String::new(),
        };
        return (format!("{}{progress}{more}", DisplayText::capped(&job.label, 40)), Token::Dim);
    }
    let known: Vec<&super::model::Account> = model.accounts.iter().filter(|account| account.link.is_some()).collect();
    let offline: Vec<_> =
        known.iter().filter(|account| matches!(account.link, Some(LinkState::Offline { .. } | LinkState::BackOff { .. }))).collect();
    if let Some(first) = offline.first() {
        let who =
            if offline.len() == known.len() && known.len() > 1 { String::new() } else { format!("{}: ", DisplayText::new(&first.name)) };
        let word = if matches!(first.link, Some(LinkState::BackOff { .. })) { "no connection (gA)" } else { "offline" };
        return (format!("{who}{word}"), Token::Warning);
    }
    if known.iter().any(|account| account.link == Some(LinkState::Connecting)) {
        return ("connecting".to_owned(), Token::Dim);
    }
    (String::new(), Token::Dim)
}

/// What stands at the right: the network, drafts that are open but not in front, the outbox; in the tone of the first.
fn right(model: &Model, columns: u16) -> (String, Token) {
    let network = Some(network(model)).filter(|(words, _)| !words.is_empty());
    let draft = composer::badge(model).map(|words| (words, Token::Accent));
    // Where there is little room, what was just said comes first.
    let has_room = columns >= NARROW || model.status.notice.is_none();
    let badges = [draft, outbox::badge(model)].into_iter().flatten().filter(|_| has_room);
    let parts: Vec<(String, Token)> = network.into_iter().chain(badges).collect();
    let token = parts.first().map_or(Token::Dim, |(_, token)| *token);
    (parts.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join("   "), token)
}

/// Draws the status row. What of a notice does not fit is given back, where there is a row below for it.
pub fn draw(model: &Model, theme: &Theme, place: Rect, below: Option<Rect>, buf: &mut Buffer) -> Option<String> {
    let (right, token) = right(model, place.width);
    let room = place.width as usize;
    let right = cut(&right, room / 2).into_owned();
    let right_width = width(&right);
    let left_room = room.saturating_sub(right_width + 2);
    if !right.is_empty() {
        put(buf, place.right().saturating_sub(right_width as u16), place.y, &right, right_width, theme.style(token));
    }
    let marks = marked_words(model);
    if let Some(words) = marks {
        put(buf, place.x, place.y, &words, left_room, theme.style(Token::Marked));
        return None;
    }
    let notice = model.status.notice.as_ref()?;
    let (sign, token) = match notice.tone {
        Tone::Plain => ("", Token::Text),
        Tone::Done => ("✓ ", Token::Done),
        Tone::Failed => ("✗ ", Token::Failed),
    };
    let sign = if model.settings.icons == crate::config::Icons::Ascii && notice.tone == Tone::Failed { "! " } else { sign };
    let sign = if model.settings.icons == crate::config::Icons::Ascii && notice.tone == Tone::Done { "" } else { sign };
    let times = if notice.times > 1 { format!(" ({} times)", notice.times) } else { String::new() };
    let undo = match (notice.tone, model.keymap.shown(model.context(), Action::Undo)) {
        (Tone::Done, Some(key)) if !model.context().is_typing() => format!("   {key} undo"),
        _ => String::new(),
    };
    let used = put(buf, place.x, place.y, sign, left_room, theme.style(token));
    let text_room = left_room.saturating_sub(used as usize + width(&undo));
    let token = if notice.tone == Tone::Failed { Token::Failed } else { Token::Text };
    let text = format!("{}{times}", notice.text);
    // what lies over the panes needs the row of hints itself
    if below.is_some() && model.overlays.is_empty() && width(&text) > text_room {
        let room = left_room.saturating_sub(used as usize);
        let first = wrap(&text, room).swap_remove(0);
        put(buf, place.x + used, place.y, &first, room, theme.style(token));
        let rest = format!("{}{undo}", text.get(first.len()..).unwrap_or_default());
        return Some(rest.trim_start().to_owned());
    }
    let more = put(buf, place.x + used, place.y, &text, text_room, theme.style(token));
    put(buf, place.x + used + more, place.y, &undo, left_room.saturating_sub((used + more) as usize), theme.style(Token::Dim));
    None
}

/// The rest of a notice, in the row of the hints; where even that is too short, it says where all of it is.
pub fn draw_rest(model: &Model, theme: &Theme, place: Rect, rest: &str, buf: &mut Buffer) {
    const WHERE: &str = " :messages";
    let room = usize::from(place.width);
    let failed = model.status.notice.as_ref().is_some_and(|notice| notice.tone == Tone::Failed);
    let style = theme.style(if failed { Token::Failed } else { Token::Text });
    let (cells, hint) = if width(rest) > room { (room.saturating_sub(width(WHERE)), WHERE) } else { (room, "") };
    let used = put(buf, place.x, place.y, rest, cells, style);
    put(buf, place.x + used, place.y, hint, width(hint), theme.style(Token::Dim));
}

/// "archives", "trashes".
fn third_person(verb: &str) -> String {
    format!("{verb}{}", if verb.ends_with('h') { "es" } else { "s" })
}

/// "3 marked, 2 off screen", with what the verbs would do.
fn marked_words(model: &Model) -> Option<String> {
    if model.list.marks.is_empty() && model.list.visual.is_none() {
        return None;
    }
    let (marked, off) = model.list.marked(model.page());
    let off = if off > 0 { format!(", {off} off screen") } else { String::new() };
    let verbs: Vec<String> = [Action::Archive, Action::Trash, Action::Move]
        .into_iter()
        .filter_map(|action| Some(format!("{} {} {marked}", model.keymap.shown(Context::List, action)?, third_person(action.spec().hint))))
        .collect();
    Some(format!("{marked} marked{off}: {}", verbs.join("  ")))
}

/// Which keys the footer names, most useful first.
const FOOTERS: &[(Context, &[Action])] = &[
    (
        Context::List,
        &[
            Action::Open,
            Action::Archive,
            Action::Trash,
            Action::Search,
            Action::GoFolder,
            Action::Undo,
            Action::Move,
            Action::Mark,
            Action::Star,
            Action::Command,
            Action::Help,
        ],
    ),
    (Context::Folders, &[Action::Open, Action::Fold, Action::NextPane, Action::GoFolder, Action::Command, Action::Help]),
    (
        Context::Preview,
        &[Action::Open, Action::PageOrNextUnread, Action::Links, Action::FindInMessage, Action::Archive, Action::Trash, Action::Help],
    ),
    (
        Context::Reader,
        &[
            Action::Close,
            Action::NextInThread,
            Action::Fold,
            Action::NextMessage,
            Action::PageOrNextUnread,
            Action::Archive,
            Action::Trash,
            Action::Links,
            Action::SaveFiles,
            Action::FindInMessage,
            Action::Help,
        ],
    ),
    (
        Context::Compose,
        &[
            Action::Send,
            Action::Attach,
            Action::NextField,
            Action::CloseDraft,
            Action::CopyFields,
            Action::Editor,
            Action::SaveDraft,
            Action::OtherPane,
            Action::Help,
        ],
    ),
    (Context::Tasks, &[Action::CancelTask, Action::Close, Action::Help]),
    (Context::Accounts, &[Action::Retry, Action::SignIn, Action::AddAccount, Action::Close, Action::Help]),
    (Context::Welcome, &[Action::Demo, Action::AddAccount, Action::OpenMaildir, Action::Quit, Action::Help]),
    (Context::Prompt, &[Action::Accept, Action::Complete, Action::Cancel]),
    (Context::Confirm, &[Action::Accept, Action::Cancel]),
    (Context::Picker, &[Action::Accept, Action::PickNext, Action::Complete, Action::Cancel]),
    (Context::Help, &[Action::Accept, Action::PickNext, Action::Cancel]),
];

/// The footer: key, words and action, as many as fit; "keys" stays the last to go.
pub fn hints(model: &Model, room: usize) -> Vec<(String, &'static str, Action)> {
    let context = model.context();
    let actions = FOOTERS.iter().find(|(known, _)| *known == context).map_or(&[][..], |(_, actions)| actions);
    let form = matches!(model.overlays.last(), Some(Overlay::Form(_)));
    let review = match model.overlays.last() {
        Some(Overlay::Review(it)) => Some(it.is_blocked()),
        _ => None,
    };
    let prompt = match model.overlays.last() {
        Some(Overlay::Prompt(it)) => Some(&it.purpose),
        _ => None,
    };
    let cancels = match model.overlays.last() {
        Some(Overlay::Tasks(it)) => it.cancel_words(model),
        _ => None,
    };
    let words = |action: Action| match action {
        Action::CancelTask => cancels.unwrap_or(action.spec().hint),
        Action::Accept if matches!(prompt, Some(Purpose::SendLater(_))) => "send then",
        Action::Accept if form => "test and save",
        Action::Accept | Action::Cancel if review.is_some() => review_words(action, review == Some(true)),
        Action::Complete if form => "next field",
        action => action.spec().hint,
    };
    let completes = prompt.is_none_or(|purpose| matches!(purpose, Purpose::Search { .. }));
    let works = |action: &&Action| match action {
        Action::Complete => completes,
        Action::CancelTask => cancels.is_some(),
        Action::NextInThread | Action::Fold if context == Context::Reader => model.conversation().is_some(),
        // Enter says the same.
        Action::Cancel => review != Some(true),
        _ => true,
    };
    let row = |action: &Action| Some((model.keymap.shown(context, *action)?, words(*action), *action));
    let mut all: Vec<(String, &'static str, Action)> = actions.iter().filter(works).filter_map(row).collect();
    let len = |(key, words, _): &(String, &str, Action)| width(key) + width(words) + 3;
    let mut total: usize = all.iter().map(len).sum::<usize>().saturating_sub(2);
    while total > room && all.len() > 1 {
        let keep_help = all.last().is_some_and(|(.., action)| *action == Action::Help) && all.len() > 2;
        let dropped = all.remove(all.len() - if keep_help { 2 } else { 1 });
        total = total.saturating_sub(len(&dropped));
    }
    all
}

/// What Enter and Esc do to a message that is asked about.
fn review_words(action: Action, blocked: bool) -> &'static str {
    if action == Action::Accept && !blocked { "send" } else { "back to the text" }
}

/// Draws the footer.
pub fn draw_hints(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let mut x = place.x;
    for (key, words, _) in hints(model, place.width as usize) {
        let room = usize::from(place.right().saturating_sub(x));
        x += put(buf, x, place.y, &key, room, theme.style(Token::Key));
        let room = usize::from(place.right().saturating_sub(x));
        x += put(buf, x, place.y, &format!(" {words}"), room, theme.style(Token::Dim)) + 2;
    }
}

/// The action of a hint that was clicked.
pub fn hint_at(model: &Model, place: Rect, column: u16) -> Option<Action> {
    let mut x = place.x;
    for (key, words, action) in hints(model, place.width as usize) {
        let end = x + (width(&key) + width(words) + 1) as u16;
        if column >= x && column < end {
            return Some(action);
        }
        x = end + 2;
    }
    None
}
