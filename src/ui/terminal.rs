//! The terminal as a device: opened on its own (so that the shell's descriptors keep their flags), raw
//! while [`Tty::enter`]ed, given back by [`Guard`] on every way out. It knows no keys and no cells.
//!
//! Reading and writing never block: a terminal that stops reading (Ctrl-S, a stalled SSH) holds nothing up,
//! and one that goes away is an error at once, not a loop.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::termios::{OptionalActions, QueueSelector, Termios};
use tokio::net::unix::pipe;

/// How long giving the terminal back may take when it does not read.
const FAREWELL: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// Title saved, alternate screen, bracketed paste, focus events.
const ENTER: &str = "\x1b[22;2t\x1b[?1049h\x1b[?2004h\x1b[?1004h";
/// Presses, drags and the wheel, in decimal (1006).
const MOUSE: &str = "\x1b[?1002h\x1b[?1006h";
/// Tell when the background turns dark or light (2031), and what it is now.
const ASK_BACKGROUND: &str = "\x1b[?2031h\x1b]11;?\x1b\\";
/// Everything off again, whatever was on.
const LEAVE: &str = "\x1b[?2026l\x1b[?2031l\x1b[?1006l\x1b[?1002l\x1b[?1004l\x1b[?2004l\x1b[r\x1b[m\x1b[?25h\x1b[?1049l\x1b[23;2t";

/// What to switch on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modes {
    pub mouse: bool,
    pub ask_background: bool,
}

/// An open terminal.
#[derive(Debug)]
pub struct Tty {
    // A terminal waits for readiness as a pipe does; these are its descriptors, not pipes.
    input: pipe::Receiver,
    output: pipe::Sender,
    guard: Guard,
}

/// Gives the terminal back; clones do it once between them. Held by the panic hook too.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// As the shell had it.
    original: Termios,
    modes: Modes,
    entered: AtomicBool,
}

impl Tty {
    /// The terminal on stdin and stdout. Fails where one of them is something else.
    pub fn of_process(modes: Modes) -> anyhow::Result<Self> {
        let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
        anyhow::ensure!(rustix::termios::isatty(stdin), "stdin is not a terminal; the reader needs one (commands such as `list` do not)");
        anyhow::ensure!(rustix::termios::isatty(stdout), "stdout is not a terminal; the reader needs one (commands such as `list` do not)");
        let name = rustix::termios::ttyname(stdin, Vec::new()).ok();
        let named = name.and_then(|name| Self::open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())), modes).ok());
        // After su the device may not be ours to open, but /dev/tty is.
        named.map_or_else(|| Self::open(Path::new("/dev/tty"), modes), Ok)
    }

    /// The terminal at `path`. Needs a tokio runtime with I/O.
    pub fn open(path: &Path, modes: Modes) -> anyhow::Result<Self> {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let what = || format!("can't open the terminal {}", path.display());
        let file = File::options().read(true).write(true).custom_flags(flags).open(path).with_context(what)?;
        let original = rustix::termios::tcgetattr(&file).with_context(what)?;
        let clone = || file.try_clone().with_context(what);
        let input = pipe::Receiver::from_file_unchecked(clone()?).with_context(what)?;
        let output = pipe::Sender::from_file_unchecked(clone()?).with_context(what)?;
        Ok(Self { input, output, guard: Guard(Arc::new(Inner { file, original, modes, entered: AtomicBool::new(false) })) })
    }

    /// Raw mode, alternate screen and the rest; what was typed before is dropped.
    pub fn enter(&self) -> std::io::Result<()> {
        let inner = &self.guard.0;
        let mut raw = inner.original.clone();
        raw.make_raw();
        inner.entered.store(true, Ordering::SeqCst);
        rustix::termios::tcsetattr(&inner.file, OptionalActions::Now, &raw)?;
        rustix::termios::tcflush(&inner.file, QueueSelector::IFlush)?;
        let mouse = if inner.modes.mouse { MOUSE } else { "" };
        let ask = if inner.modes.ask_background { ASK_BACKGROUND } else { "" };
        inner.write_patiently(format!("{ENTER}{mouse}{ask}").as_bytes());
        Ok(())
    }

    /// For giving the terminal back from elsewhere.
    pub fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Columns and rows; 80×24 where the terminal does not know (a serial line).
    pub fn size(&self) -> (u16, u16) {
        match rustix::termios::tcgetwinsize(&self.guard.0.file) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Waits for input; `Ok(0)` and errors mean that the terminal is gone.
    pub async fn read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            self.input.readable().await?;
            match self.input.try_read(buffer) {
                Err(error) if is_passing(&error) => {}
                result => return result,
            }
        }
    }

    /// Waits until something can be written, and says how much was.
    pub async fn write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        loop {
            self.output.writable().await?;
            match self.output.try_write(bytes) {
                Err(error) if is_passing(&error) => {}
                result => return result,
            }
        }
    }

    /// Writes what the terminal takes now.
    pub fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        match (&self.guard.0.file).write(bytes) {
            Err(error) if is_passing(&error) => Ok(0),
            result => result,
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.guard.leave();
    }
}

impl Guard {
    /// Puts everything back as the shell had it. Does nothing the second time.
    pub fn leave(&self) {
        if self.0.entered.swap(false, Ordering::SeqCst) {
            self.0.write_patiently(LEAVE.as_bytes());
            // Not "drain": a terminal that does not read would hold us here.
            let _ = rustix::termios::tcsetattr(&self.0.file, OptionalActions::Now, &self.0.original);
        }
    }

    /// The terminal is ours at the moment.
    pub fn is_entered(&self) -> bool {
        self.0.entered.load(Ordering::SeqCst)
    }

    /// A line of ours to the terminal, after it was given back.
    pub fn say(&self, line: &str) {
        self.0.write_patiently(line.as_bytes());
    }
}

impl Inner {
    /// Writes all of it, but waits only so long for a terminal that does not read.
    fn write_patiently(&self, mut bytes: &[u8]) {
        let mut file = &self.file;
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return,
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut poll = [PollFd::new(&self.file, PollFlags::OUT)];
                    if !matches!(rustix::event::poll(&mut poll, Some(&FAREWELL)), Ok(1..)) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Stops the process group as Ctrl-Z does in a shell, and comes back when continued. False if nobody could
/// continue us (no shell above, an orphaned process group): the system then ignores the signal.
pub async fn stop_process(continued: &mut tokio::signal::unix::Signal) -> bool {
    const GRACE: Duration = Duration::from_millis(300);
    if rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).is_err() {
        return false;
    }
    tokio::select! {
        biased;
        _ = continued.recv() => true,
        () = tokio::time::sleep(GRACE) => false,
    }
}
