//! Adding an account: fields, a test sign-in by the worker, and the server's own words where it refuses.
//! Nothing is saved before the server has accepted; a refusal keeps every field.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::prompt::{expand, split_words};
use super::{Next, Overlay, clear, messages::wrap, put};
use crate::config::{Account, Credentials, DEFAULT_KEEP_SIZE, Icons, Incoming, Keep, Outgoing, Secret, Security, Server};
use crate::mail::DisplayText;
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::folders::cursor_bar;
use crate::ui::format::width;
use crate::ui::input::{Code, Key};
use crate::ui::model::{Model, Out};
use crate::ui::theme::{Theme, Token};
use crate::worker::Request;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Address,
    Name,
    Account,
    Host,
    Port,
    Security,
    Username,
    Command,
    Password,
    Path,
}

/// Label, and what may stand there.
const FIELDS: &[(Field, &str, &str)] = &[
    (Field::Address, "Your address", "ada@example.org"),
    (Field::Name, "Your name", "as others see it"),
    (Field::Account, "Account name", "a short word; empty = from the address"),
    (Field::Host, "IMAP server", "imap.example.org"),
    (Field::Port, "Port", "empty = 993, or 143 without tls"),
    (Field::Security, "Security", ""),
    (Field::Username, "User name", "empty = your address"),
    (Field::Command, "Password command", "pass show mail/work; empty = ask at each start"),
    (Field::Password, "Password", "only for this sign-in; it is not saved"),
    (Field::Path, "Maildir", "empty = ~/Maildir"),
];

/// As the configuration names them.
const SECURITY: &[&str] = &["tls", "starttls", "plaintext"];

const IMAP: &[Field] = &[
    Field::Address,
    Field::Name,
    Field::Account,
    Field::Host,
    Field::Port,
    Field::Security,
    Field::Username,
    Field::Command,
    Field::Password,
];
const MAILDIR: &[Field] = &[Field::Path, Field::Address, Field::Name, Field::Account];

/// Where a test sign-in stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Editing,
    Testing,
    /// What the server, or we, said against it.
    Refused(String),
}

/// The form.
#[derive(Debug)]
pub struct Form {
    fields: Vec<(Field, Line)>,
    at: usize,
    pub state: State,
}

impl Form {
    pub fn imap() -> Self {
        Self::of(IMAP)
    }

    pub fn maildir() -> Self {
        Self::of(MAILDIR)
    }

    fn of(fields: &[Field]) -> Self {
        let line = |field: Field| match field {
            Field::Password => Line::secret(),
            Field::Security => Line::new("tls"),
            _ => Line::default(),
        };
        Self { fields: fields.iter().map(|field| (*field, line(*field))).collect(), at: 0, state: State::Editing }
    }

    /// The line that letters go to; a choice has none.
    pub fn line(&mut self) -> Option<&mut Line> {
        self.fields.get_mut(self.at).filter(|(field, _)| *field != Field::Security).map(|(_, line)| line)
    }

    /// Turns a choice under the cursor; false where there is none.
    pub fn choose(&mut self, key: Key) -> bool {
        let Some((Field::Security, line)) = self.fields.get_mut(self.at) else { return false };
        let at = SECURITY.iter().position(|word| *word == line.text()).unwrap_or(0);
        let next = match key.code {
            Code::Right | Code::Char(' ') => (at + 1) % SECURITY.len(),
            Code::Left => (at + SECURITY.len() - 1) % SECURITY.len(),
            Code::Char(c) => SECURITY.iter().position(|word| word.starts_with(c)).unwrap_or(at),
            _ => at,
        };
        line.set(SECURITY.get(next).copied().unwrap_or_default());
        true
    }

    fn is_maildir(&self) -> bool {
        self.fields.iter().any(|(field, _)| *field == Field::Path)
    }

    fn text(&self, field: Field) -> &str {
        self.fields.iter().find(|(known, _)| *known == field).map_or("", |(_, line)| line.text().trim())
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        let count = self.fields.len();
        match action {
            Action::PickNext | Action::Complete => self.step(1),
            Action::PickPrevious => self.step(count - 1),
            // Enter goes on to the next field that must be filled, and tests where none is left.
            // A guessed server is shown before anything is sent to it.
            Action::Accept if self.guess_host() => self.at = self.fields.iter().position(|(field, _)| *field == Field::Host).unwrap_or(0),
            Action::Accept => match self.fields.iter().position(|(field, line)| self.must(*field) && line.text().trim().is_empty()) {
                Some(missing) if missing != self.at => self.at = missing,
                Some(_) => self.state = State::Refused("This field can't be empty.".to_owned()),
                None => self.test(model, out),
            },
            Action::Cancel | Action::Interrupt => return Next::Close,
            _ => return Next::Pass(Overlay::Form(self)),
        }
        Next::Stay(Overlay::Form(self))
    }

    fn step(&mut self, by: usize) {
        self.at = (self.at + by) % self.fields.len().max(1);
        self.guess_host();
    }

    /// The server is guessed from the address, and can be changed; false where there is nothing to guess.
    fn guess_host(&mut self) -> bool {
        let domain = self.text(Field::Address).rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let host = self.fields.iter_mut().find(|(field, line)| *field == Field::Host && line.text().is_empty());
        if let (Some(domain), Some((_, line))) = (domain.filter(|domain| !domain.is_empty()), host) {
            line.set(format!("imap.{domain}"));
            return true;
        }
        false
    }

    fn must(&self, field: Field) -> bool {
        field == Field::Host || (field == Field::Address && !self.is_maildir())
    }

    fn test(&mut self, model: &Model, out: &mut Out) {
        match self.account(model) {
            Ok((account, secret)) => {
                self.state = State::Testing;
                let config = model.config_path.clone();
                out.effects.push(Effect::Ask(Request::Probe { account: Box::new(account), secret, config }));
            }
            Err(problem) => self.state = State::Refused(problem),
        }
    }

    /// The account as typed, with the password where there is no command for it.
    fn account(&self, model: &Model) -> Result<(Account, Option<Secret>), String> {
        let address = self.text(Field::Address).to_owned();
        let (incoming, secret) = match self.text(Field::Path) {
            _ if !self.is_maildir() => self.server(&address)?,
            "" => (Incoming::Maildir(expand(model, "~/Maildir")), None),
            path => (Incoming::Maildir(expand(model, path)), None),
        };
        let name = match self.text(Field::Account) {
            "" => default_name(&address, model),
            name if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') => name.to_owned(),
            _ => return Err("The account name may hold letters, digits, - and _ only.".to_owned()),
        };
        if model.accounts.iter().any(|account| account.name == name) {
            return Err(format!("There is an account called {name} already; choose another account name."));
        }
        let account = Account {
            name,
            address,
            display_name: self.text(Field::Name).to_owned(),
            signature: None,
            authserv_id: None,
            incoming,
            outgoing: Outgoing::None,
            sent_copy: true,
            mailboxes: Default::default(),
        };
        Ok((account, secret))
    }

    fn server(&self, address: &str) -> Result<(Incoming, Option<Secret>), String> {
        if !address.contains('@') {
            return Err("The address needs an @, as in ada@example.org.".to_owned());
        }
        let security = match self.text(Field::Security) {
            "tls" | "" => Security::Tls,
            "starttls" => Security::StartTls,
            "plaintext" => Security::Plaintext,
            _ => return Err("Security is tls, starttls or plaintext.".to_owned()),
        };
        let port = match self.text(Field::Port) {
            "" if security == Security::Tls => 993,
            "" => 143,
            text => text.parse().map_err(|_| "The port is a number from 1 to 65535.".to_owned())?,
        };
        let command = split_words(self.text(Field::Command));
        let (credentials, secret) = match command.is_empty() {
            false => (Credentials::PasswordCommand(command), None),
            true => (Credentials::Ask, Some(Secret::new(self.text(Field::Password)))),
        };
        let username = Some(self.text(Field::Username)).filter(|name| !name.is_empty()).unwrap_or(address).to_owned();
        let server = Server {
            host: self.text(Field::Host).to_owned(),
            port,
            security,
            username,
            credentials,
            allow_plaintext_password: false,
            ca_file: None,
            client_cert: None,
            keep: Keep::RecentDays(90),
            keep_size: DEFAULT_KEEP_SIZE,
            compress: None,
        };
        Ok((Incoming::Imap(server), secret))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let keep = model.layout().status.map_or(0, |rect| area.bottom() - rect.y);
        let body = Rect { height: area.height.saturating_sub(keep), ..area };
        clear(buf, body);
        let wide = body.width.saturating_sub(if body.width >= 60 { 4 } else { 0 }).min(90);
        let x = body.x + (body.width - wide) / 2;
        let title = if self.is_maildir() { "Open a Maildir" } else { "Add a mail account" };
        put(buf, x, body.y, title, usize::from(wide), theme.style(Token::Heading));
        let label_room = if wide >= 50 { 18 } else { 9 };
        let visible = usize::from(body.height.saturating_sub(3)).max(1);
        let top = (self.at + 1).saturating_sub(visible);
        let mut cursor = None;
        let mut y = body.y + 2.min(body.height / 4);
        for (n, (field, line)) in self.fields.iter().enumerate().skip(top) {
            if y >= body.bottom() {
                break;
            }
            let (label, example) =
                FIELDS.iter().find(|(known, ..)| known == field).map_or(("", ""), |(_, label, example)| (*label, *example));
            put(buf, x + 2, y, label, label_room - 1, theme.style(Token::Text));
            let at = x + 2 + label_room as u16;
            let room = usize::from(wide).saturating_sub(label_room + 2);
            if line.text().is_empty() {
                put(buf, at, y, example, room, theme.style(Token::Dim));
            }
            let place = match field {
                Field::Security => draw_choice(model, theme, line.text(), at, y, buf),
                _ => line.draw(buf, at, y, room, theme),
            };
            if n == self.at {
                put(buf, x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
                cursor = Some(place);
            }
            y += 1;
        }
        let (text, token) = match &self.state {
            State::Editing if self.is_maildir() => {
                ("Enter opens it, once it can be read; nothing in it is changed by that.".to_owned(), Token::Dim)
            }
            State::Editing => ("Enter tests the account; it is saved only once the server accepts.".to_owned(), Token::Dim),
            State::Testing => ("Testing…".to_owned(), Token::Accent),
            State::Refused(why) => (format!("Not saved: {}", DisplayText::capped(why, 500)), Token::Failed),
        };
        y += 1;
        for text in wrap(&text, usize::from(wide)) {
            if y < body.bottom() {
                put(buf, x, y, &text, usize::from(wide), theme.style(token));
            }
            y += 1;
        }
        cursor
    }
}

/// The ways to secure a connection, the chosen one in brackets; gives the cursor's place.
fn draw_choice(model: &Model, theme: &Theme, chosen: &str, x: u16, y: u16, buf: &mut Buffer) -> (u16, u16) {
    let (open, close) = if model.settings.icons == Icons::Ascii { ("<", ">") } else { ("‹", "›") };
    let (mut at, mut cursor) = (x, (x, y));
    for word in SECURITY {
        let (text, token) =
            if *word == chosen { (format!("{open} {word} {close}"), Token::Text) } else { ((*word).to_owned(), Token::Dim) };
        if *word == chosen {
            cursor = (at, y);
        }
        at += put(buf, at, y, &text, width(&text), theme.style(token)) + 2;
    }
    cursor
}

/// A free name: the part before the @, in letters that a TOML key may have.
fn default_name(address: &str, model: &Model) -> String {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let word: String = domain.split('.').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let base = if word.is_empty() { "mail".to_owned() } else { word.to_ascii_lowercase() };
    let taken = |name: &str| model.accounts.iter().any(|account| account.name == name);
    if !taken(&base) {
        return base;
    }
    (2..).map(|n| format!("{base}{n}")).find(|name| !taken(name)).unwrap_or(base)
}
