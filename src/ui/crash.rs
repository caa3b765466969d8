//! What happens when we panic: the terminal is given back, a fixed sentence is shown, and the details go to
//! a file. Nothing that came from mail is printed.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

use super::terminal::Guard;

/// Installs the hook. A panic on this thread gives the terminal back; one of another thread or task is only
/// reported, because the rest goes on.
pub fn install(guard: Guard, folder: Option<PathBuf>) {
    let screen_thread = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let report = folder.as_deref().and_then(|folder| write_report(folder, info).ok());
        let ours = std::thread::current().id() == screen_thread;
        if ours || !guard.is_entered() {
            guard.leave();
            guard.say(&farewell(report.as_deref()));
        } else {
            tracing::error!(report = ?report, "a background task failed");
        }
    }));
}

/// Fixed words and our own path.
fn farewell(report: Option<&Path>) -> String {
    let saved = "postrider stopped because of a mistake of its own. What you did is saved; start it again.\n";
    match report {
        Some(path) => format!("{saved}Details for a bug report: {}\n", path.display().to_string().escape_debug()),
        None => saved.to_owned(),
    }
}

fn write_report(folder: &Path, info: &PanicHookInfo<'_>) -> std::io::Result<PathBuf> {
    let thread = std::thread::current();
    let payload = info.payload_as_str().unwrap_or("no message");
    let mut text = format!("postrider {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "thread: {}", thread.name().unwrap_or("unnamed").escape_debug());
    if let Some(location) = info.location() {
        let _ = writeln!(text, "at: {location}");
    }
    let _ = writeln!(text, "message: {}\n\n{}", payload.escape_debug(), Backtrace::force_capture());
    let name = format!("crash-{}-{}.txt", jiff::Timestamp::now().as_millisecond(), std::process::id());
    let path = folder.join(name);
    std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_holds_no_control_but_line_ends() {
        for path in [None, Some(Path::new("/home/ada/\u{1b}[31m/crash.txt"))] {
            let text = farewell(path);
            assert!(text.starts_with("postrider stopped") && text.ends_with('\n'));
            assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
        }
    }
}
