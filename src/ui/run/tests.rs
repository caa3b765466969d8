//! The loop on a real pseudo-terminal, with a model of a few lines.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver as Results, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use portable_pty::{MasterPty, PtySize, native_pty_system};
use ratatui::style::Style;
use tokio::sync::mpsc;

use super::*;
use crate::mail::Listing;
use crate::ui::input::{Code, Key};

const PATIENCE: Duration = Duration::from_secs(20);

/// Shows the last keys and how many worker events came.
#[derive(Clone, Default)]
struct Model(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    keys: String,
    events: usize,
    wakes: usize,
    wake: Option<Instant>,
    size: (u16, u16),
    broken: bool,
}

impl Program for Model {
    fn update(&mut self, event: Event, now: &Now) -> Vec<Effect> {
        let mut inner = self.0.lock().unwrap();
        match event {
            Event::Input(Input::Key(Key { code: Code::Char('q'), .. })) => return vec![Effect::Leave(Leave::Quit)],
            Event::Input(Input::Key(Key { code: Code::Char('y'), .. })) => return vec![Effect::Copy("copied".to_owned())],
            Event::Input(Input::Key(Key { code: Code::Char('t'), .. })) => inner.wake = Some(now.mono + Duration::from_millis(5)),
            Event::Input(Input::Key(Key { code: Code::Char('r'), .. })) => {
                return (0..5).map(|n| Effect::Ask(Request::Undo { steps: n })).collect();
            }
            Event::Input(Input::Key(Key { code: Code::Char(c), .. })) => inner.keys.push(c),
            Event::Input(Input::Background { dark }) => inner.keys.push_str(if dark { "dark" } else { "light" }),
            Event::Worker(_) => inner.events += 1,
            Event::Wake => inner.wakes += 1,
            Event::Resize { columns, rows } => inner.size = (columns, rows),
            _ => {}
        }
        Vec::new()
    }

    fn load(&mut self) -> Result<(), String> {
        if self.0.lock().unwrap().broken { Err("disk on fire".to_owned()) } else { Ok(()) }
    }

    fn view(&self, theme: &Theme, _: &Now, buffer: &mut Buffer) -> Drawn {
        let inner = self.0.lock().unwrap();
        let text = format!("keys={} events={} wakes={} size={:?} {:?}.", inner.keys, inner.events, inner.wakes, inner.size, theme.mode());
        buffer.set_stringn(0, 0, text, usize::from(buffer.area.width), Style::new());
        // Something in every row changes with every event.
        for row in 1..buffer.area.height {
            buffer.set_string(0, row, format!("{:020}", inner.events * 7 + usize::from(row)), Style::new());
        }
        Drawn { cursor: Some((0, 0)), scroll: None }
    }

    fn wake(&self) -> Option<Instant> {
        self.0.lock().unwrap().wake
    }

    fn title(&self) -> String {
        "postrider\x1b]0;x\x07".to_owned()
    }

    fn mailbox_name(&self, _: &Listing) -> Option<String> {
        Some("work/Inbox".to_owned())
    }
}

struct Stage {
    model: Model,
    master: Box<dyn MasterPty>,
    keys: Box<dyn Write>,
    output: Results<Vec<u8>>,
    terminal: vt100::Parser,
    raw: Vec<u8>,
    worker: mpsc::Sender<WorkerEvent>,
    requests: mpsc::Receiver<Request>,
    session: JoinHandle<anyhow::Result<Leave>>,
    log: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Starts the loop; with `stalled` nobody reads what it writes until `read_output`.
fn stage(stalled: bool, model: Model) -> Stage {
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, ..PtySize::default() }).unwrap();
    let path = pty.master.tty_name().unwrap();
    let (request_sender, requests) = mpsc::channel(2);
    let (worker, events) = mpsc::channel(64);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events");
    let start = Start {
        ui: config::Ui::default(),
        requests: request_sender,
        events,
        log: EventLog::open(&log).unwrap(),
        state_folder: None,
        clock: crate::clock::Clock::new(None, None).unwrap(),
    };
    let program = model.clone();
    let session = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _inside = runtime.enter();
        let tty = Tty::open(&path, Modes { mouse: true, ask_background: true })?;
        let mut session =
            Session::new(program, start, tty, Theme::new(Mode::Dark, config::Colors::Ansi256), Screen::new(Abilities::default()));
        session.follow_background = true;
        runtime.block_on(session.run())
    });
    let keys = pty.master.take_writer().unwrap();
    let terminal = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    let (_, nothing) = channel();
    let mut stage = Stage {
        model,
        master: pty.master,
        keys,
        output: nothing,
        terminal,
        raw: Vec::new(),
        worker,
        requests,
        session,
        log,
        _folder: folder,
    };
    if !stalled {
        stage.read_output();
        stage.wait_event("painted");
    }
    stage
}

impl Stage {
    fn read_output(&mut self) {
        let mut reader = self.master.try_clone_reader().unwrap();
        let (sender, receiver) = channel();
        self.output = receiver;
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
    }

    /// Takes output until `done` says so.
    fn wait(&mut self, what: &str, done: impl Fn(&vt100::Screen, &[u8]) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self.terminal.screen(), &self.raw) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.terminal.process(&bytes);
                    self.raw.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what}: {}", self.terminal.screen().contents()),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before {what}"),
            }
        }
    }

    fn wait_text(&mut self, text: &str) {
        self.wait(text, |screen, _| screen.contents().contains(text));
    }

    fn wait_event(&self, name: &str) {
        let end = Instant::now() + PATIENCE;
        let wanted = format!("\"event\":\"{name}\"");
        while !std::fs::read_to_string(&self.log).unwrap().contains(&wanted) {
            assert!(Instant::now() < end, "no {name}");
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.keys.write_all(bytes).unwrap();
        self.keys.flush().unwrap();
    }
}

#[test]
fn keys_reach_the_model_and_frames_the_terminal() {
    let mut stage = stage(false, Model::default());
    stage.wait_text("keys= events=0 wakes=0 size=(80, 24) Dark");
    stage.send("aé\x1b[A".as_bytes());
    stage.wait_text("keys=aé ");
    stage.send(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    stage.wait_text("keys=aélight events=0 wakes=0 size=(80, 24) Light");
    stage.send(b"y");
    stage.wait("the copy", |_, raw| String::from_utf8_lossy(raw).contains("\x1b]52;c;Y29waWVk\x07"));
    stage.send(b"q");
    assert_eq!(stage.session.join().unwrap().unwrap(), Leave::Quit);
}

#[test]
fn the_terminal_is_given_back() {
    let mut stage = stage(false, Model::default());
    let path = stage.master.tty_name().unwrap();
    let device = std::fs::File::options().read(true).write(true).open(path).unwrap();
    assert!(!rustix::termios::tcgetattr(&device).unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON));
    stage.wait_text("keys=");
    assert!(stage.terminal.screen().alternate_screen() && stage.terminal.screen().bracketed_paste());
    stage.send(b"q");
    stage.wait("the end", |screen, _| !screen.alternate_screen());
    stage.session.join().unwrap().unwrap();
    let screen = stage.terminal.screen();
    assert!(!screen.bracketed_paste() && !screen.hide_cursor());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    assert!(rustix::termios::tcgetattr(&device).unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON));
    assert!(!String::from_utf8_lossy(&stage.raw).contains("\x1b]0;"), "the title holds no sequence of its own");
}

#[test]
fn a_terminal_that_goes_away_ends_the_loop() {
    let stage = stage(true, Model::default());
    stage.wait_event("painted");
    let Stage { master, keys, session, .. } = stage;
    let end = Instant::now() + Duration::from_secs(2);
    drop((master, keys));
    while !session.is_finished() {
        assert!(Instant::now() < end, "it outlives its terminal");
        std::thread::yield_now();
    }
    assert_eq!(session.join().unwrap().unwrap(), Leave::Quit);
}

#[test]
fn a_terminal_that_does_not_read_holds_nothing_up() {
    let mut stage = stage(true, Model::default());
    for _ in 0..2000 {
        stage.worker.blocking_send(WorkerEvent::NothingToUndo { redo: false }).unwrap();
    }
    let end = Instant::now() + PATIENCE;
    while stage.model.0.lock().unwrap().events < 2000 {
        assert!(Instant::now() < end, "the model stands still");
        std::thread::yield_now();
    }
    stage.read_output();
    stage.wait_text("events=2000 ");
    // One stuck frame or a few, and the newest; never one for each event.
    assert!(stage.raw.len() < 60_000, "{} bytes", stage.raw.len());
    stage.send(b"q");
    stage.session.join().unwrap().unwrap();
}

#[test]
fn no_request_is_lost_when_the_worker_is_slow() {
    let mut stage = stage(false, Model::default());
    stage.send(b"rx");
    stage.wait_text("keys=x");
    let steps: Vec<u32> = (0..5)
        .map(|_| match stage.requests.blocking_recv() {
            Some(Request::Undo { steps }) => steps,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4]);
    assert!(!stage.log().contains("settled"));
    stage.worker.blocking_send(WorkerEvent::Settled { handled: 4 }).unwrap();
    stage.wait_text("events=1");
    assert!(!stage.log().contains("settled"), "one request is not dealt with");
    stage.worker.blocking_send(WorkerEvent::Settled { handled: 5 }).unwrap();
    stage.wait_event("settled");
    stage.send(b"q");
    stage.session.join().unwrap().unwrap();
}

#[test]
fn a_stopped_worker_and_an_unreadable_store_are_said_once() {
    let mut stage = stage(false, Model::default());
    stage.requests.close();
    stage.send(b"r");
    stage.wait_text("events=1");
    stage.model.0.lock().unwrap().broken = true;
    stage.send(b"r");
    stage.wait_text("events=2");
    stage.send(b"x");
    stage.wait_text("keys=x events=2");
    stage.send(b"q");
    stage.session.join().unwrap().unwrap();
}

#[test]
fn a_moment_that_is_never_cleared_wakes_once() {
    let mut stage = stage(false, Model::default());
    stage.send(b"t");
    stage.wait_text("wakes=1");
    stage.send(b"x");
    stage.wait_text("keys=x events=0 wakes=1");
    stage.send(b"q");
    stage.session.join().unwrap().unwrap();
}

#[test]
fn events_for_scripts_come_after_their_frame() {
    let mut stage = stage(false, Model::default());
    stage
        .worker
        .blocking_send(WorkerEvent::Applied {
            label: "Archived 1 message".to_owned(),
            done: 1,
            asked: 1,
            kind: crate::worker::AppliedKind::Done,
        })
        .unwrap();
    stage.worker.blocking_send(WorkerEvent::Settled { handled: 0 }).unwrap();
    stage.wait_event("settled");
    stage.wait_text("events=2");
    let log = stage.log();
    let order: Vec<&str> = log.lines().collect();
    assert!(order[0].contains("painted") && order[1].contains("applied") && order[1].contains("Archived 1 message"), "{order:?}");
    stage.send(b"q");
    stage.session.join().unwrap().unwrap();
}

#[test]
fn copies_are_bounded_and_titles_clean() {
    let long = "ä".repeat(100_000);
    let bytes = outbound::clipboard(&long);
    assert!(bytes.len() < 74_100 && bytes.starts_with(b"\x1b]52;c;"));
    assert_eq!(outbound::title("a\x1bb\x07c"), "\x1b]2;a␛b␇c\x07".as_bytes());
}
