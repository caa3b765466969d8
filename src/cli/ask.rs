//! Asking for a secret on the terminal, without showing it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::config::Secret;

/// Asks on /dev/tty; None where there is no terminal or nothing was typed.
pub fn secret(question: &str) -> Option<Secret> {
    let mut tty = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    let before = tcgetattr(&tty).ok()?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    write!(tty, "{question}: ").and_then(|()| tty.flush()).ok()?;
    tcsetattr(&tty, OptionalActions::Flush, &quiet).ok()?;
    let typed = line(&tty);
    let _ = tcsetattr(&tty, OptionalActions::Flush, &before);
    let _ = writeln!(tty);
    typed
}

fn line(tty: &File) -> Option<Secret> {
    let mut line = String::new();
    BufReader::new(tty.try_clone().ok()?).read_line(&mut line).ok()?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    (!line.is_empty()).then(|| Secret::new(line))
}
