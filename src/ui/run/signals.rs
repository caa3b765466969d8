//! The signals the loop listens to.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Terminate, interrupt, quit or hang up.
    End,
    Resized,
    Continued,
}

#[derive(Debug)]
pub(super) struct Signals {
    hang_up: Stream,
    interrupt: Stream,
    quit: Stream,
    terminate: Stream,
    resized: Stream,
    continued: Stream,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// The next one; can be dropped at any time without losing a signal.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hang_up.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.quit.recv() => Signal::End,
            _ = self.terminate.recv() => Signal::End,
            _ = self.resized.recv() => Signal::Resized,
            _ = self.continued.recv() => Signal::Continued,
        }
    }

    /// Waits until the program is told to end while an editor has the terminal: what its keys send to everybody in
    /// front (Ctrl-C) is not meant for us.
    pub(super) async fn told_to_end(&mut self) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => {}
                _ = self.quit.recv() => {}
                _ = self.resized.recv() => {}
                _ = self.continued.recv() => {}
            }
        }
    }

    /// Forgets what came while the editor had the terminal.
    pub(super) async fn forget(&mut self) {
        // what came with the editor's end is known only once the runtime has looked again
        tokio::task::yield_now().await;
        loop {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => {}
                _ = self.quit.recv() => {}
                _ = self.continued.recv() => {}
                () = std::future::ready(()) => return,
            }
        }
    }

    pub(super) fn continued(&mut self) -> &mut Stream {
        &mut self.continued
    }
}
