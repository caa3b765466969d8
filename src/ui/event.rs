//! Everything that can enter the loop, and everything that can leave it. Both are plain data.

use std::time::Instant;

use super::input::Input;
use crate::mail::DraftId;
use crate::worker::{Request, WorkerEvent};

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    Input(Input),
    Worker(WorkerEvent),
    /// New size in cells.
    Resize {
        columns: u16,
        rows: u16,
    },
    /// The moment that `Model::wake` asked for has come.
    Wake,
    /// Back from being stopped (Ctrl-Z, fg).
    Resumed,
    /// The user's editor ended: the text it left, or a sentence why there is none.
    Edited {
        draft: DraftId,
        result: Result<String, String>,
    },
    /// The terminal is gone or the system ends us: the last chance to ask for something to be kept.
    Ending,
}

/// What the loop does for the model after an update.
#[derive(Clone, Debug)]
pub enum Effect {
    Ask(Request),
    /// To the clipboard by OSC 52; only for the reader's own copy keys.
    Copy(String),
    /// Give this text to the user's editor: answered by [`Event::Edited`].
    Edit {
        draft: DraftId,
        text: String,
    },
    /// Stop the process (Ctrl-Z) and repaint when continued.
    Suspend,
    /// Repaint every cell.
    Redraw,
    /// Leave the program, or start it anew in another way.
    Leave(Leave),
}

/// How the reader is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    Quit,
    /// From the welcome screen: open the demo mailbox.
    Demo,
    /// The configuration changed (an account was added): read it again and start over.
    Restart,
}

/// The clocks, passed in so that nothing below reads them.
#[derive(Clone, Debug)]
pub struct Now {
    /// For dates people see.
    pub wall: jiff::Zoned,
    /// For timers.
    pub mono: Instant,
}

/// What drawing tells the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Where the terminal's cursor belongs (column, row); it is always on the selected row or field.
    pub cursor: Option<(u16, u16)>,
    pub scroll: Option<Scroll>,
}

/// Rows `top..bottom` (of the whole screen's width) moved by `by` since the last frame (positive: up). Only
/// a hint that saves bytes: cells are compared afterwards as always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scroll {
    pub top: u16,
    pub bottom: u16,
    pub by: i16,
}
