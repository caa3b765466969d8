//! The welcome screen and the account form; accounts, tasks and what the worker tells of them.

use std::path::PathBuf;
use std::time::Instant;

use postrider::config::{Config, Credentials, Incoming};
use postrider::mail::JobId;
use postrider::mail::server::{Ability, Traffic};
use postrider::ui::event::{Effect, Event, Leave, Now};
use postrider::ui::input::{Input, Key};
use postrider::ui::keymap::parse_keys;
use postrider::ui::model::{Model, Start};
use postrider::ui::theme::{Mode, Theme};
use postrider::ui::update::update;
use postrider::ui::view::view;
use postrider::worker::{Health, Job, JobState, LinkState, Request, WorkerEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{App, mail};

struct Empty {
    model: Model,
    now: Now,
    effects: Vec<Effect>,
}

impl Empty {
    fn new() -> Self {
        let config = Config::default();
        let start = Start {
            config,
            config_path: PathBuf::from("/c.toml"),
            home: PathBuf::from("/home/ada"),
            columns: 80,
            rows: 24,
            started: Instant::now(),
        };
        Self { model: Model::new(start), now: Now { wall: jiff::Zoned::now(), mono: Instant::now() }, effects: Vec::new() }
    }

    fn event(&mut self, event: Event) {
        self.effects.extend(update(&mut self.model, event, &self.now));
    }

    fn keys(&mut self, keys: &str) {
        for key in keys.split(' ').flat_map(|key| parse_keys(key).unwrap()) {
            self.event(Event::Input(Input::Key(key)));
        }
    }

    fn text(&mut self, text: &str) {
        text.chars().for_each(|c| self.event(Event::Input(Input::Key(Key::char(c)))));
    }

    fn screen(&self) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        view(&self.model, &Theme::new(Mode::Dark, postrider::config::Colors::None), &self.now, &mut buffer);
        (0..24).map(|y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>() + "\n").collect()
    }
}

#[test]
fn without_an_account_the_welcome_screen_leads_on() {
    let mut it = Empty::new();
    assert!(it.screen().contains("Welcome to postrider") && it.screen().contains("demo mailbox"), "{}", it.screen());
    it.keys("d");
    assert!(matches!(it.effects.as_slice(), [Effect::Leave(Leave::Demo)]));
    let mut it = Empty::new();
    it.keys("j j j enter");
    assert!(matches!(it.effects.as_slice(), [Effect::Leave(Leave::Quit)]));
}

#[test]
fn an_account_is_tried_and_a_refusal_keeps_every_field() {
    let mut it = Empty::new();
    it.keys("a");
    it.text("ada@example.org");
    it.keys("tab");
    it.text("Ada");
    it.keys("enter");
    let Some(Effect::Ask(Request::Probe { account, secret, config })) = it.effects.pop() else { panic!("{}", it.screen()) };
    assert_eq!((account.name.as_str(), account.address.as_str(), config), ("example", "ada@example.org", PathBuf::from("/c.toml")));
    let Incoming::Imap(server) = account.incoming else { panic!() };
    assert_eq!((server.host.as_str(), server.port, server.username.as_str()), ("imap.example.org", 993, "ada@example.org"));
    assert!(matches!(server.credentials, Credentials::Ask) && secret.is_some());
    it.event(Event::Worker(WorkerEvent::Probed {
        account: "example".into(),
        result: Err("The server said: NO \x1b[31mbad password".into()),
    }));
    let screen = it.screen();
    assert!(screen.contains("Not saved: The server said") && screen.contains("imap.example.org") && screen.contains("Ada"), "{screen}");
    assert!(!screen.contains('\x1b'));
    it.event(Event::Worker(WorkerEvent::Probed { account: "example".into(), result: Ok(()) }));
    assert!(matches!(it.effects.last(), Some(Effect::Leave(Leave::Restart))));
}

#[test]
fn a_guessed_server_is_shown_before_anything_is_sent_to_it() {
    let mut it = Empty::new();
    it.keys("a");
    it.text("ada@example.org");
    it.keys("enter");
    assert!(it.effects.is_empty() && it.screen().contains("imap.example.org"), "{}", it.screen());
    it.keys("enter");
    assert!(matches!(it.effects.as_slice(), [Effect::Ask(Request::Probe { .. })]), "{}", it.screen());
}

#[test]
fn the_security_of_a_connection_is_chosen_not_typed() {
    let mut it = Empty::new();
    it.keys("a tab tab tab tab tab");
    assert!(it.screen().contains("‹ tls ›  starttls  plaintext"), "{}", it.screen());
    it.keys("x right");
    assert!(it.screen().contains("tls  ‹ starttls ›  plaintext"), "{}", it.screen());
    it.keys("left left");
    assert!(it.screen().contains("tls  starttls  ‹ plaintext ›"), "{}", it.screen());
}

#[test]
fn a_maildir_is_opened_by_its_path() {
    let mut it = Empty::new();
    it.keys("m enter");
    let Some(Effect::Ask(Request::Probe { account, .. })) = it.effects.pop() else { panic!("{}", it.screen()) };
    assert!(matches!(account.incoming, Incoming::Maildir(path) if path == std::path::Path::new("/home/ada/Maildir")));
}

#[test]
fn a_refused_sign_in_is_a_badge_and_the_password_is_typed_in_accounts() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one")]);
    let account = app.mailbox("Inbox").account;
    let refused = Some("NO [AUTHENTICATIONFAILED] \x1b]0;x\x07no".into());
    app.event(Event::Worker(WorkerEvent::Link { account, state: LinkState::SignIn { refused } }));
    assert!(app.screen().contains("work: sign-in refused (gA)") && app.screen().contains("one"), "{}", app.screen());
    app.keys("g A");
    assert!(app.screen().contains("Sign-in failed: NO [AUTHENTICATIONFAILED]"), "{}", app.screen());
    assert!(!app.screen().contains('\x1b'));
    app.keys("e");
    app.text("hunter2");
    assert!(!app.screen().contains("hunter2"), "{}", app.screen());
    app.keys("enter");
    let asked = app.requests.iter().any(|request| matches!(request, Request::Credentials { secret, .. } if secret.expose() == "hunter2"));
    assert!(asked);
    app.keys("r");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Retry { .. })));
}

#[test]
fn accounts_tell_since_when_how_quick_what_is_lacking_and_what_waits() {
    for size in [(120, 40), (80, 24), (40, 20)] {
        let mut app = App::new(size, vec![mail("Priya", "one")]);
        let account = app.mailbox("Inbox").account;
        let online = LinkState::Online { push: true, round_trip_ms: Some(41) };
        app.event(Event::Worker(WorkerEvent::Link { account, state: online.clone() }));
        app.keys("g A");
        let asked = |app: &App| app.requests.iter().filter(|request| matches!(request, Request::Health)).count();
        assert_eq!(asked(&app), 1);
        let ability = |name, has, means| Ability { name, has, means };
        let health = Health {
            account,
            since: crate::app::NOW - 7200,
            answered: Some(crate::app::NOW - 120),
            failed: Some((crate::app::NOW - 7300, "the server closed \x1b]0;x\x07 the connection".into())),
            abilities: vec![ability("IDLE", true, "new mail shows at once"), ability("MOVE", false, "messages are copied, then deleted")],
            traffic: Traffic { octets_in: 1_200_000, octets_out: 34_000, round_trip_ms: Some(41) },
            waiting: 12,
            trace: None,
        };
        app.event(Event::Worker(WorkerEvent::Health(vec![health])));
        let screen = app.screen();
        let words = screen.split_whitespace().filter(|word| !word.contains('│')).collect::<Vec<_>>().join(" ");
        for told in ["2 h ago", "2 min ago", "Answers in 41 ms", "1.2 MB in", "12 changes wait", "no MOVE: messages are"] {
            assert!(words.contains(told), "{told} at {size:?}\n{screen}");
        }
        app.keys("ctrl-d ctrl-d");
        let screen = app.screen();
        assert!(screen.contains("Uses IDLE") && screen.contains("closed ␛") && !screen.contains('\x1b'), "{size:?}\n{screen}");
        // a link that changes while one looks is looked at again
        app.event(Event::Worker(WorkerEvent::Link { account, state: LinkState::Connecting }));
        assert_eq!(asked(&app), 2);
        app.keys("q");
        app.event(Event::Worker(WorkerEvent::Link { account, state: online }));
        assert_eq!(asked(&app), 2, "nobody looks");
    }
}

#[test]
fn an_account_s_state_told_before_the_account_is_known_is_not_lost() {
    let mut app = App::with((120, 40), Vec::new(), |_| {});
    let account = app.model.accounts[0].id.take().unwrap();
    let state = LinkState::SignIn { refused: Some("no".into()) };
    app.event(Event::Worker(WorkerEvent::Link { account, state: state.clone() }));
    assert_eq!(app.model.accounts[0].link, None);
    app.load();
    assert_eq!(app.model.accounts[0].link, Some(state));
}

#[test]
fn tasks_show_jobs_and_waiting_changes_and_cancel() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one"), mail("Noor", "two")]);
    app.keys("w");
    assert!(app.screen().contains("Nothing runs"), "{}", app.screen());
    app.keys("q e");
    let job =
        Job { id: JobId(7), account: None, label: "work: first sync".into(), done: 4210, total: Some(9800), state: JobState::Running };
    app.event(Event::Worker(WorkerEvent::Job(job)));
    app.keys("w");
    assert!(app.screen().contains("work: first sync") && app.screen().contains("waiting:"), "{}", app.screen());
    app.keys("x");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Cancel(JobId(7)))));
}

#[test]
fn a_waiting_change_is_taken_back_from_the_tasks_alone_or_with_others() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one"), mail("Noor", "two"), mail("Lin", "three")]);
    app.keys("e");
    app.keys("s j s w");
    let screen = app.screen();
    assert!(screen.contains("waiting: Archive “one”") && screen.contains("waiting: Star 2 messages"), "{screen}");
    app.keys(if line_of(&screen, "Archive “one”") < line_of(&screen, "Star 2") { "x" } else { "j x" });
    let screen = app.screen();
    assert!(!screen.contains("waiting: Archive") && screen.contains("waiting: Star 2 messages"), "{screen}");
    app.keys("q e w v G u");
    assert!(app.screen().contains("every change is on its server"), "{}", app.screen());
    app.keys("q");
    assert!(["one", "two", "three"].iter().all(|subject| app.screen().contains(subject)), "{}", app.screen());
}

#[test]
fn what_came_to_nothing_is_listed_with_the_server_s_words_until_it_is_taken_off() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one")]);
    let account = app.model.accounts[0].id.unwrap();
    app.writer.note_mishap(account, "work refused to move a message to Archive".into(), "NO \x1b[2J over quota".into()).wait().unwrap();
    app.keys("w");
    let screen = app.screen();
    assert!(screen.contains("refused to move a message to Archive: NO") && screen.contains("over quota"), "{screen}");
    assert!(!screen.contains('\x1b'));
    app.keys("x");
    assert!(app.screen().contains("every change is on its server"), "{}", app.screen());
}

fn line_of(screen: &str, text: &str) -> usize {
    screen.lines().position(|line| line.contains(text)).unwrap()
}

#[test]
fn failures_are_sentences_without_foreign_controls_and_repeats_are_counted() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one")]);
    for _ in 0..2 {
        let (what, next) = ("Moving failed".to_owned(), "It is tried again later".to_owned());
        app.event(Event::Worker(WorkerEvent::Failed { what, why: "NO \x1b[2J gone".into(), next }));
    }
    let screen = app.screen();
    assert!(screen.contains("Moving failed: NO") && screen.contains("(2 times)") && !screen.contains('\x1b'), "{screen}");
}
