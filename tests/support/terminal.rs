//! The real binary in a pseudo-terminal of a chosen size, its screen kept by an independent VT parser, its
//! `--events` file read along. Nothing sleeps: every wait is for a condition, with a deadline that only a
//! failing test reaches.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use serde_json::Value;
use tempfile::TempDir;

/// How long a condition may take before the test fails; generous, because machines are slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// An empty home with the XDG folders inside, removed at the end.
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("postrider-test-").tempdir().expect("a temporary home") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration file, 0600.
    pub fn configure(&self, toml: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.path().join("config/postrider");
        std::fs::create_dir_all(&folder).expect("the configuration folder");
        let file = folder.join("config.toml");
        std::fs::write(&file, toml).expect("the configuration");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("0600");
        file
    }

    /// The environment every run of the program gets, and nothing else.
    pub fn environment(&self) -> Vec<(String, String)> {
        let inside = |name: &str| self.path().join(name).to_string_lossy().into_owned();
        let temp = inside("tmp");
        std::fs::create_dir_all(&temp).expect("a temporary folder");
        [
            ("HOME", inside("")),
            ("XDG_CONFIG_HOME", inside("config")),
            ("XDG_DATA_HOME", inside("data")),
            ("XDG_STATE_HOME", inside("state")),
            ("XDG_CACHE_HOME", inside("cache")),
            ("TMPDIR", temp),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("TERM", "xterm-256color".into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Runs a command of the program to its end: (exit code, stdout, stderr).
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_postrider"))
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

/// What a terminal shows after these octets, by someone else's parser.
pub struct Screen {
    parser: vt100::Parser,
    /// The beginning of a character that the last octets ended with.
    rest: Vec<u8>,
}

impl Screen {
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { parser: vt100::Parser::new(cells(rows), cells(columns), 0), rest: Vec::new() }
    }

    pub fn take(&mut self, octets: &[u8]) {
        let known = printable(&mut self.rest, octets);
        self.parser.process(&known);
    }

    /// A line a row, without trailing blanks.
    pub fn text(&self) -> String {
        screen_text(&self.parser)
    }
}

struct Shown {
    screen: Screen,
    raw: Vec<u8>,
    closed: bool,
    /// The reading thread is to give its side of the terminal back.
    leave: bool,
}

/// One running reader.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    /// The line's settings before the program had it.
    settings: String,
    events: PathBuf,
    /// Bytes of the events file already consumed by `wait_event`.
    seen: usize,
}

impl Terminal {
    /// Starts `postrider --events FILE ARGUMENTS` in a terminal of `columns` by `rows`.
    pub fn start(home: &Home, arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::start_with(home, arguments, columns, rows, &[])
    }

    /// The same with more environment.
    pub fn start_with(home: &Home, arguments: &[&str], columns: u16, rows: u16, more: &[(&str, &str)]) -> Self {
        Self::start_under(home, &[], arguments, (columns, rows), more)
    }

    /// The same below another program, which is given the reader and its arguments to run.
    pub fn start_under(home: &Home, above: &[&str], arguments: &[&str], (columns, rows): (u16, u16), more: &[(&str, &str)]) -> Self {
        let pair =
            native_pty_system().openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a pseudo-terminal");
        let run = std::fs::read_dir(home.path()).map_or(0, Iterator::count);
        let events = home.path().join(format!("events-{run}-{}.jsonl", std::process::id()));
        let reader = env!("CARGO_BIN_EXE_postrider");
        let mut command = CommandBuilder::new(above.first().unwrap_or(&reader));
        command.env_clear();
        for (name, value) in home.environment() {
            command.env(name, value);
        }
        for (name, value) in more {
            command.env(name, value);
        }
        command.args(above.iter().skip(1));
        command.args(above.first().map(|_| reader));
        command.arg("--events");
        command.arg(&events);
        command.args(arguments);
        command.cwd(home.path());
        let settings = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("the terminal's output");
        let writer = pair.master.take_writer().expect("the terminal's input");
        let shown = Arc::new((
            Mutex::new(Shown { screen: Screen::new(columns, rows), raw: Vec::new(), closed: false, leave: false }),
            Condvar::new(),
        ));
        let drawn = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            loop {
                let got = reader.read(&mut buffer).unwrap_or(0);
                let mut screen = drawn.0.lock().expect("the screen");
                if got == 0 || screen.leave {
                    screen.closed = true;
                    drawn.1.notify_all();
                    return;
                }
                screen.screen.take(&buffer[..got]);
                screen.raw.extend_from_slice(&buffer[..got]);
                drawn.1.notify_all();
            }
        });
        Self { child, master: Some(pair.master), writer: Some(writer), shown, settings, events, seen: 0 }
    }

    /// Types these bytes at once.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().expect("an open terminal");
        // the program may have left already; the condition that the test waits for will tell
        let _ = writer.write_all(bytes.as_ref());
        let _ = writer.flush();
    }

    /// Types, then waits until everything that follows from it is done and drawn.
    pub fn press(&mut self, keys: &str) {
        let mark = self.event_mark();
        self.send(keys);
        self.settle_after(mark, keys);
    }

    /// The screen as text, a line a row, without trailing blanks.
    pub fn text(&self) -> String {
        let shown = self.shown.0.lock().expect("the screen");
        shown.screen.text()
    }

    /// Everything that the program wrote to the terminal.
    pub fn raw(&self) -> Vec<u8> {
        self.shown.0.lock().expect("the screen").raw.clone()
    }

    /// The screen with its colours.
    pub fn screen(&self) -> vt100::Screen {
        self.shown.0.lock().expect("the screen").screen.parser.screen().clone()
    }

    /// (row, column) of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        self.shown.0.lock().expect("the screen").screen.parser.screen().cursor_position()
    }

    /// Waits until the screen satisfies `condition`; panics with the screen when it never does.
    pub fn wait(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().expect("the screen");
        loop {
            let text = shown.screen.text();
            if condition(&text) {
                return text;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !shown.closed, "never came: {what}\n--- screen ---\n{text}\n--------------");
            shown = self.shown.1.wait_timeout(shown, left).expect("the screen").0;
        }
    }

    /// Waits until the screen satisfies `condition`; false when the program ended before.
    pub fn shows(&self, condition: impl Fn(&str) -> bool) -> bool {
        let is_shown = self.shows_within(PATIENCE, &condition);
        let (text, closed) = (self.text(), self.shown.0.lock().expect("the screen").closed);
        assert!(is_shown || closed || condition(&text), "never came\n--- screen ---\n{text}\n--------------");
        is_shown || condition(&text)
    }

    /// The same; false too when it takes too long.
    pub fn shows_within(&self, patience: Duration, condition: impl Fn(&str) -> bool) -> bool {
        let mut shown = self.shown.0.lock().expect("the screen");
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if condition(&shown.screen.text()) {
                return true;
            }
            if shown.closed || left.is_zero() {
                return false;
            }
            shown = self.shown.1.wait_timeout(shown, left).expect("the screen").0;
        }
    }

    pub fn wait_text(&self, text: &str) -> String {
        self.wait(&format!("the text {text:?}"), |screen| screen.contains(text))
    }

    pub fn wait_gone(&self, text: &str) -> String {
        self.wait(&format!("no more text {text:?}"), |screen| !screen.contains(text))
    }

    /// The home that it was started with.
    pub fn home(&self) -> &Path {
        self.events.parent().expect("a home")
    }

    /// The program has not closed the terminal yet.
    pub fn is_open(&self) -> bool {
        !self.shown.0.lock().expect("the screen").closed
    }

    /// A place in the events file, for `settle_after`.
    pub fn event_mark(&self) -> usize {
        std::fs::metadata(&self.events).map_or(0, |meta| meta.len() as usize)
    }

    /// Waits for the next event named `name` (not yet consumed) that satisfies `condition`.
    pub fn wait_event(&mut self, name: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let from = self.seen;
        let (event, end) = self.find_event(from, name, &condition, "an event");
        self.seen = end;
        event
    }

    /// Waits until `count` events named `name` that satisfy `condition` were written since the start.
    pub fn wait_events(&self, count: usize, name: &str, condition: impl Fn(&Value) -> bool) {
        let mut from = 0;
        for _ in 0..count {
            (_, from) = self.find_event(from, name, &condition, "the start");
        }
    }

    /// Waits for a `settled` written after `mark`.
    pub fn settle_after(&mut self, mark: usize, what: &str) {
        let (_, end) = self.find_event(mark, "settled", &|_| true, what);
        self.seen = self.seen.max(end);
    }

    /// The line is set as it was before the program had it.
    pub fn is_given_back(&self) -> bool {
        let master = self.master.as_ref().expect("an open terminal");
        format!("{:?}", master.get_termios()) == self.settings
    }

    /// After its end: until everything that it wrote is on the screen.
    pub fn wait_shown_all(&self) {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().expect("the screen");
        while !shown.closed {
            assert!(Instant::now() < end, "the terminal is not closed");
            shown = self.shown.1.wait_timeout(shown, Duration::from_millis(50)).expect("the screen").0;
        }
    }

    /// Whether the program comes to a first quiet moment; else it has ended.
    pub fn lives(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if std::fs::read_to_string(&self.events).is_ok_and(|text| text.contains("\"event\":\"settled\"")) {
                return true;
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return false;
            }
            let shown = self.shown.0.lock().expect("the screen");
            drop(self.shown.1.wait_timeout(shown, Duration::from_millis(5)).expect("the screen"));
        }
        panic!("neither quiet nor dead\n{}", self.text());
    }

    /// Waits until the program is quiet for the first time.
    pub fn settle(&mut self) {
        let mark = self.seen;
        self.settle_after(mark, "the first quiet moment");
    }

    fn find_event(&self, from: usize, name: &str, condition: &dyn Fn(&Value) -> bool, what: &str) -> (Value, usize) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read(&self.events).unwrap_or_default();
            let mut at = from;
            while let Some(length) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
                let line = &text[at..at + length];
                at += length + 1;
                if let Ok(event) = serde_json::from_slice::<Value>(line)
                    && event["event"] == name
                    && condition(&event)
                {
                    return (event, at);
                }
            }
            assert!(
                Instant::now() < end,
                "no event {name:?} after {what:?}\n--- screen ---\n{}\n--- events ---\n{}",
                self.text(),
                String::from_utf8_lossy(&text)
            );
            // a file has no condition to wait on; ask again soon
            let shown = self.shown.0.lock().expect("the screen");
            drop(self.shown.1.wait_timeout(shown, Duration::from_millis(5)).expect("the screen"));
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.shown.0.lock().expect("the screen").screen.parser.screen_mut().set_size(cells(rows), cells(columns));
        let master = self.master.as_ref().expect("an open terminal");
        master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("resizes");
    }

    pub fn process_id(&self) -> u32 {
        self.child.process_id().expect("a running program")
    }

    /// SIGKILL, now; returns how many `applied` events were written before.
    pub fn kill(mut self) -> usize {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.applied()
    }

    /// How many `applied` events were written.
    fn applied(&self) -> usize {
        let events = std::fs::read_to_string(&self.events).unwrap_or_default();
        events.lines().filter(|line| line.contains("\"event\":\"applied\"")).count()
    }

    /// Waits until so many changes were acknowledged.
    pub fn wait_applied(&self, count: usize) {
        until(&format!("{count} acknowledged changes"), || self.applied() >= count);
    }

    /// Closes the terminal under the program, as a lost connection does, and waits for its end.
    pub fn hang_up(mut self) -> Option<ExitStatus> {
        self.shown.0.lock().expect("the screen").leave = true;
        // a new size is drawn, which wakes the reading thread
        self.resize(90, 30);
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().expect("the screen");
        while !shown.closed && Instant::now() < end {
            shown = self.shown.1.wait_timeout(shown, Duration::from_millis(50)).expect("the screen").0;
        }
        drop(shown);
        self.writer = None;
        self.master = None;
        self.wait_exit()
    }

    /// Waits for the program's end; None if it does not come.
    pub fn wait_exit(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            let shown = self.shown.0.lock().expect("the screen");
            drop(self.shown.1.wait_timeout(shown, Duration::from_millis(5)).expect("the screen"));
        }
    }

    /// `C-x o`, `Q`, and the exit code.
    pub fn quit_from_a_draft(mut self) -> u32 {
        self.send("\x18o");
        self.wait_text("goes back to the draft");
        self.quit()
    }

    /// `Q`, and the exit code.
    pub fn quit(mut self) -> u32 {
        self.send("Q");
        self.wait_exit().expect("the program ends after Q").exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// vt100 draws nothing for U+FFFD, where terminals draw a cell: it is given another character. `rest`: the beginning of one that
/// the last octets ended with.
fn printable(rest: &mut Vec<u8>, octets: &[u8]) -> Vec<u8> {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    const SHOWN: &[u8] = "¿".as_bytes();
    rest.extend_from_slice(octets);
    let mut out = Vec::with_capacity(rest.len());
    let mut at = 0;
    while at < rest.len() {
        let left = &rest[at..];
        if left.starts_with(REPLACEMENT) {
            out.extend_from_slice(SHOWN);
            at += REPLACEMENT.len();
        } else if left.len() < REPLACEMENT.len() && REPLACEMENT.starts_with(left) {
            break;
        } else {
            out.push(left[0]);
            at += 1;
        }
    }
    rest.drain(..at);
    out
}

/// vt100 counts cells in non-zero numbers.
fn cells(count: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(count).unwrap_or(std::num::NonZero::<u16>::MIN)
}

/// Asks again until `condition` holds, for what can't be waited on: another program's files, a server.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::yield_now();
    }
}

fn screen_text(parser: &vt100::Parser) -> String {
    let screen = parser.screen();
    let (_, columns) = screen.size();
    screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
