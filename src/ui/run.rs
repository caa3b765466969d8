//! The loop: everything that can happen is drained into `update`, then `load` and `view` once, then one
//! frame. It owns terminal, decoder, screen and theme, and knows the model only as a [`Program`].
//!
//! A frame is made only when the one before has reached the terminal, so that a terminal that stops reading
//! holds nothing up: the model goes on, and the newest state is drawn when it reads again.

mod editor;
mod outbound;
mod signals;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use ratatui::buffer::Buffer;
use tokio::sync::mpsc::{Receiver, Sender};

use super::crash;
use super::event::{Drawn, Effect, Event, Leave, Now};
use super::input::{Decoder, Input, MouseKind};
use super::overlay::prompt::split_words;
use super::screen::{Abilities, Screen};
use super::terminal::{Modes, Tty, stop_process};
use super::theme::{self, Mode, Theme};
use crate::clock::Clock;
use crate::config;
use crate::events::EventLog;
use crate::fault;
use crate::mail::{DisplayText, DraftId};
use crate::worker::{Request, WorkerEvent};
use outbound::{Outbound, Reports};
use signals::{Signal, Signals};

/// What the loop needs of the model.
pub trait Program {
    /// Turns what happened into effects; no I/O.
    fn update(&mut self, event: Event, now: &Now) -> Vec<Effect>;
    /// Fills what will be visible from the store; an error is a sentence for people.
    fn load(&mut self) -> Result<(), String>;
    /// Draws into an empty buffer.
    fn view(&self, theme: &Theme, now: &Now, buffer: &mut Buffer) -> Drawn;
    /// When an [`Event::Wake`] is wanted.
    fn wake(&self) -> Option<Instant>;
    /// The window's title: fixed words and numbers.
    fn title(&self) -> String;
    /// A line for the shell when the program is left.
    fn farewell(&self) -> Option<String> {
        None
    }
    /// "account/Mailbox" of a listing, for `--events`; None where it is not one mailbox.
    fn mailbox_name(&self, listing: &crate::mail::Listing) -> Option<String>;
}

/// What comes from outside.
#[derive(Debug)]
pub struct Start {
    pub ui: config::Ui,
    pub requests: Sender<Request>,
    pub events: Receiver<WorkerEvent>,
    pub log: EventLog,
    /// For crash reports.
    pub state_folder: Option<PathBuf>,
    /// The wall clock.
    pub clock: Clock,
}

/// Frames that nobody's key asked for come no closer than this.
const FRAME: Duration = Duration::from_millis(16);
/// Events of the worker taken in before the next frame, so that a flood of them can't keep it away.
const BATCH: usize = 256;
const READ: usize = 16 * 1024;

/// Runs the reader on the process's terminal until it is left.
pub fn run(program: impl Program, start: Start) -> anyhow::Result<Leave> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("can't start the event loop")?;
    let _inside = runtime.enter();
    let env = |name: &str| std::env::var(name).ok();
    let term = env("TERM").unwrap_or_default();
    anyhow::ensure!(term != "dumb", "TERM=dumb can't move its cursor; the reader needs to (commands such as `list` do not)");
    let colors = start.ui.colors;
    let theme = Theme::new(theme::initial_mode(start.ui.theme, env), colors);
    // The Linux console has no answer to give.
    let follow = start.ui.theme == config::ThemeChoice::Auto && colors != config::Colors::None && !term.starts_with("linux");
    let mut abilities = Abilities::of_term(&term);
    abilities.ambiguous_wide = start.ui.ambiguous_width == 2;
    let tty = Tty::of_process(Modes { mouse: start.ui.mouse, ask_background: follow })?;
    crash::install(tty.guard(), start.state_folder.clone());
    let mut session = Session::new(program, start, tty, theme, Screen::new(abilities));
    session.follow_background = follow;
    session.editor = env("VISUAL").or_else(|| env("EDITOR")).map(|command| split_words(&command)).unwrap_or_default();
    let left = runtime.block_on(session.run());
    session.say_farewell(&left);
    left
}

/// One run of the loop.
struct Session<P> {
    program: P,
    tty: Tty,
    decoder: Decoder,
    screen: Screen,
    theme: Theme,
    /// The terminal's answers change the theme.
    follow_background: bool,
    outbound: Outbound,
    reports: Reports,
    events: Receiver<WorkerEvent>,
    events_open: bool,
    clock: Clock,
    /// Bytes of the newest frame that the terminal has not taken yet.
    unwritten: Vec<u8>,
    /// When to draw what has changed since the last frame.
    draw_at: Option<Instant>,
    drawn_at: Option<Instant>,
    painted: bool,
    woken_for: Option<Instant>,
    title: String,
    load_error: Option<String>,
    suspend: bool,
    /// A text that the user's editor is to have.
    edit: Option<(DraftId, String)>,
    /// Program and arguments of the user's editor.
    editor: Vec<String>,
    leave: Option<Leave>,
}

/// What woke the loop.
enum Woken {
    Bytes(std::io::Result<usize>),
    Written(std::io::Result<usize>),
    Worker(Option<WorkerEvent>),
    Signal(Signal),
    /// The request channel has room again.
    Room(bool),
    Time,
}

impl<P: Program> Session<P> {
    fn new(program: P, start: Start, tty: Tty, theme: Theme, screen: Screen) -> Self {
        Self {
            program,
            tty,
            decoder: Decoder::default(),
            screen,
            theme,
            follow_background: false,
            outbound: Outbound::new(start.requests),
            reports: Reports::new(start.log),
            events: start.events,
            events_open: true,
            clock: start.clock,
            unwritten: Vec::new(),
            draw_at: None,
            drawn_at: None,
            painted: false,
            woken_for: None,
            title: String::new(),
            load_error: None,
            suspend: false,
            edit: None,
            editor: Vec::new(),
            leave: None,
        }
    }

    async fn run(&mut self) -> anyhow::Result<Leave> {
        let mut signals = Signals::new().context("can't watch for signals")?;
        self.tty.enter().context("can't set up the terminal")?;
        self.resize();
        let left = self.turns(&mut signals).await;
        // however it ends: what was typed goes to the disk
        self.update(Event::Ending);
        left
    }

    async fn turns(&mut self, signals: &mut Signals) -> anyhow::Result<Leave> {
        let mut buffer = vec![0; READ];
        loop {
            if self.draw_at.is_some_and(|at| at <= Instant::now()) && self.unwritten.is_empty() {
                self.draw();
            }
            self.report();
            if let Some(leave) = self.leave.take() {
                return Ok(leave);
            }
            if std::mem::take(&mut self.suspend) {
                self.suspend(signals).await?;
            }
            if let Some((draft, text)) = self.edit.take()
                && !self.edit(draft, text, signals).await?
            {
                return Ok(Leave::Quit);
            }
            let woken = self.wait(signals, &mut buffer).await;
            if !self.handle(woken, &buffer)? {
                // The terminal is gone, or we were told to end.
                return Ok(Leave::Quit);
            }
            self.drain();
        }
    }

    async fn wait(&mut self, signals: &mut Signals, buffer: &mut [u8]) -> Woken {
        let deadline = self.deadline();
        tokio::select! {
            signal = signals.next() => Woken::Signal(signal),
            read = self.tty.read(buffer) => Woken::Bytes(read),
            written = self.tty.write(&self.unwritten), if !self.unwritten.is_empty() => Woken::Written(written),
            event = self.events.recv(), if self.events_open => Woken::Worker(event),
            room = self.outbound.room(), if !self.outbound.is_gone() => Woken::Room(room),
            () = sleep_until(deadline), if deadline.is_some() => Woken::Time,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let draw = self.draw_at.filter(|_| self.unwritten.is_empty());
        [self.decoder.deadline(), self.wake(), draw].into_iter().flatten().min()
    }

    /// Takes in one thing; false ends the loop.
    fn handle(&mut self, woken: Woken, buffer: &[u8]) -> anyhow::Result<bool> {
        match woken {
            Woken::Bytes(Ok(0) | Err(_)) | Woken::Written(Ok(0) | Err(_)) => return Ok(false),
            Woken::Bytes(Ok(n)) => {
                fault::at("ui", buffer.get(..n).unwrap_or_default());
                let inputs = self.decoder.feed(buffer.get(..n).unwrap_or_default(), Instant::now());
                self.inputs(inputs);
            }
            Woken::Written(Ok(n)) => {
                self.unwritten.drain(..n.min(self.unwritten.len()));
            }
            Woken::Worker(Some(event)) => self.worker_event(event),
            Woken::Worker(None) => {
                self.events_open = false;
                self.reports.worker_ended();
            }
            Woken::Signal(Signal::End) => return Ok(false),
            Woken::Signal(Signal::Resized) => self.resize(),
            // a terminal that goes away has its programs continued, for they might be stopped
            Woken::Signal(Signal::Continued) => return Ok(self.resumed().is_ok()),
            Woken::Room(open) => {
                if !open {
                    self.worker_is_gone();
                }
            }
            Woken::Time => self.time(),
        }
        Ok(true)
    }

    /// Everything else the worker has said by now.
    fn drain(&mut self) {
        for _ in 0..BATCH {
            match self.events.try_recv() {
                Ok(event) => self.worker_event(event),
                Err(_) => return,
            }
        }
    }

    fn time(&mut self) {
        let now = Instant::now();
        let inputs = self.decoder.timeout(now);
        self.inputs(inputs);
        if let Some(wake) = self.wake().filter(|&wake| wake <= now) {
            self.woken_for = Some(wake);
            self.update(Event::Wake);
            self.draw_at = Some(now);
        }
    }

    /// When the model wants to be woken; the moment it was woken for does not come twice.
    fn wake(&self) -> Option<Instant> {
        self.program.wake().filter(|&wake| Some(wake) != self.woken_for)
    }

    fn inputs(&mut self, inputs: Vec<Input>) {
        let mut rest = inputs.into_iter().peekable();
        while let Some(input) = rest.next() {
            // Of a drag only the last place counts.
            if is_drag(&input) && rest.peek().is_some_and(is_drag) {
                continue;
            }
            if let Input::Background { dark } = input
                && self.follow_background
            {
                self.theme = self.theme.on(if dark { Mode::Dark } else { Mode::Light });
            }
            // Nobody has seen yet what these keys would be for.
            if !self.painted && !matches!(input, Input::Background { .. } | Input::Focus(_)) {
                continue;
            }
            self.update(Event::Input(input));
            self.draw_at = Some(Instant::now());
        }
    }

    fn worker_event(&mut self, event: WorkerEvent) {
        if let WorkerEvent::Settled { handled } = event {
            self.reports.settled(handled);
        }
        let name = match &event {
            WorkerEvent::Listed { listing, .. } => self.program.mailbox_name(listing),
            _ => None,
        };
        self.reports.note(&event, name);
        // what a key asked for is shown as soon as it is here
        let is_answer = matches!(
            event,
            WorkerEvent::Rendered { .. }
                | WorkerEvent::Glimpsed(_)
                | WorkerEvent::Applied { .. }
                | WorkerEvent::DraftOpened { .. }
                | WorkerEvent::Completed { .. }
                | WorkerEvent::Drawn { .. }
                | WorkerEvent::Fetched { .. }
        );
        self.update(Event::Worker(event));
        let soon = self.drawn_at.filter(|_| !is_answer).map_or_else(Instant::now, |drawn| drawn + FRAME);
        self.draw_at = Some(self.draw_at.map_or(soon, |at| at.min(soon)));
    }

    fn resize(&mut self) {
        let (columns, rows) = self.tty.size();
        self.update(Event::Resize { columns, rows });
        let soon = self.drawn_at.map_or_else(Instant::now, |drawn| drawn + FRAME);
        self.draw_at = Some(soon);
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.now(), mono: Instant::now() }
    }

    fn update(&mut self, event: Event) {
        self.reports.busy();
        let now = self.now();
        for effect in self.program.update(event, &now) {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(request) => {
                if !self.outbound.send(request) {
                    self.worker_is_gone();
                }
            }
            Effect::Copy(text) => self.unwritten.extend(outbound::clipboard(&text)),
            Effect::Edit { draft, text } => self.edit = Some((draft, text)),
            Effect::Suspend => self.suspend = true,
            Effect::Redraw => {
                self.screen.invalidate();
                self.draw_at = Some(Instant::now());
            }
            Effect::Leave(leave) => self.leave = Some(leave),
        }
    }

    /// Once the terminal is the shell's again.
    fn say_farewell(&self, left: &anyhow::Result<Leave>) {
        let guard = self.tty.guard();
        guard.leave();
        if let (Ok(Leave::Quit), Some(line)) = (left, self.program.farewell()) {
            guard.say(&format!("{}\n", DisplayText::new(&line)));
        }
    }

    fn worker_is_gone(&mut self) {
        if !self.outbound.says_gone() {
            return;
        }
        self.update(failed("Not done", "the background work has stopped", "Leave and start again; what was saved before is kept."));
        self.draw_at = Some(Instant::now());
    }

    /// One frame of the newest state, as far as the terminal takes it.
    fn draw(&mut self) {
        self.draw_at = None;
        if let Err(error) = self.program.load() {
            // Said once; told again and again it would never let the screen rest.
            if self.load_error.as_ref() != Some(&error) {
                self.load_error = Some(error.clone());
                self.update(failed("Can't read the saved mail", &error, "What is on screen may be old."));
            }
        } else {
            self.load_error = None;
        }
        let now = self.now();
        let (columns, rows) = self.tty.size();
        let canvas = self.screen.canvas(columns, rows);
        let drawn = self.program.view(&self.theme, &now, canvas);
        self.unwritten.extend(self.screen.frame(drawn));
        let title = self.program.title();
        if title != self.title {
            self.unwritten.extend(outbound::title(&title));
            self.title = title;
        }
        self.drawn_at = Some(now.mono);
        let written = self.tty.try_write(&self.unwritten).unwrap_or_default();
        self.unwritten.drain(..written.min(self.unwritten.len()));
    }

    /// Tells scripts what has been drawn, once it has reached the terminal.
    fn report(&mut self) {
        if !self.unwritten.is_empty() || self.drawn_at.is_none() {
            return;
        }
        if !self.painted {
            self.painted = true;
            self.reports.painted();
        }
        if self.draw_at.is_none() {
            let quiet = self.decoder.deadline().is_none() && !self.outbound.is_waiting() && self.events.is_empty();
            self.reports.drawn(quiet, self.outbound.sent());
        }
    }

    /// Ctrl-Z: gives the terminal back, stops, and takes it again when continued.
    async fn suspend(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        self.unwritten.clear();
        self.tty.guard().leave();
        let stopped = stop_process(signals.continued()).await;
        self.resumed()?;
        if !stopped {
            self.update(failed("Not stopped", "no shell is there to continue it", "Nothing was changed."));
        }
        Ok(())
    }

    /// Back after a stop, perhaps in another size, on a screen that others wrote to.
    fn resumed(&mut self) -> anyhow::Result<()> {
        self.tty.enter().context("can't set up the terminal again")?;
        self.unwritten.clear();
        self.title.clear();
        self.screen.invalidate();
        self.update(Event::Resumed);
        self.drawn_at = None;
        self.resize();
        Ok(())
    }
}

fn failed(what: &str, why: &str, next: &str) -> Event {
    Event::Worker(WorkerEvent::Failed { what: what.to_owned(), why: why.to_owned(), next: next.to_owned() })
}

fn is_drag(input: &Input) -> bool {
    matches!(input, Input::Mouse(mouse) if mouse.kind == MouseKind::Drag)
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
