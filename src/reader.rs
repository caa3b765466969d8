//! Opens the reader: configuration, store, worker and screen, in that order, and takes them down again. A part
//! of main, because it is the one place that names both the worker and the screen.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use postrider::cli::args;
use postrider::cli::exit::{CANT_CREATE, Failure, IO, UNAVAILABLE};
use postrider::cli::net;
use postrider::cli::session::Session;
use postrider::config::{Config, Outgoing};
use postrider::demo;
use postrider::mail::Start;
use postrider::paths::{Paths, private_append, private_folder};
use postrider::ui::app::App;
use postrider::ui::event::Leave;
use postrider::ui::model::{self, Model};
use postrider::ui::{run, theme};
use postrider::worker::{self, Request};
use tokio::sync::mpsc;

/// The demo looks the same each time unless POSTRIDER_SEED says otherwise.
const DEMO_SEED: u64 = 1;

/// `postrider`: the reader, or the welcome screen where there is no account; with a composer where `start` is given.
pub fn open(session: &Session, mut start: Option<Start>) -> Result<u8, Failure> {
    needs_terminal()?;
    // what a killed demo left behind; beside the start, which must not wait for it
    let _ = std::thread::Builder::new().spawn(|| demo::sweep_leftovers(&std::env::temp_dir()));
    loop {
        match once(session, start.take(), None)? {
            Leave::Quit => return Ok(0),
            Leave::Restart => {}
            Leave::Demo => return open_demo(session, &args::Demo::default()),
        }
    }
}

/// `postrider demo`: the reader on a mailbox of its own, gone afterwards unless it is kept.
pub fn open_demo(session: &Session, args: &args::Demo) -> Result<u8, Failure> {
    needs_terminal()?;
    demo::sweep_leftovers(&std::env::temp_dir());
    let (root, _lock) = demo_root(args.keep.as_deref())?;
    let failed = |error: std::io::Error| Failure::new(CANT_CREATE, format!("the demo can't be written to {}: {error}", root.display()));
    let messages = args.messages.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let seed = session.clock.seed().unwrap_or(DEMO_SEED);
    let built = demo::build(&root, &session.clock.now(), messages, seed).map_err(failed)?;
    let paths = Paths::under(&root);
    if !paths.config.exists() {
        use std::io::Write;
        private_append(&paths.config).and_then(|mut file| file.write_all(built.config_toml.as_bytes())).map_err(failed)?;
    }
    let mut demo = Session { paths, ..session.clone() };
    demo.global.config = None;
    demo.global.account = None;
    while once(&demo, None, Some(&root))? == Leave::Restart {}
    Ok(0)
}

/// The demo's folder; the lock removes a throw-away one when it goes.
fn demo_root(keep: Option<&Path>) -> Result<(PathBuf, Option<demo::Lock>), Failure> {
    let failed = |error: std::io::Error| Failure::new(CANT_CREATE, format!("no folder for the demo: {error}"));
    let Some(folder) = keep else {
        let (root, lock) = demo::temp_root().map_err(failed)?;
        return Ok((root, Some(lock)));
    };
    let folder = std::path::absolute(folder).map_err(failed)?;
    if !folder.exists() {
        private_folder(&folder).map_err(failed)?;
    }
    Ok((folder, None))
}

/// One life of the reader, from reading the configuration to the end of the worker.
fn once(session: &Session, composer: Option<Start>, demo: Option<&Path>) -> Result<Leave, Failure> {
    let file = session.config_file();
    let mut config = if file.exists() { session.load_config() } else { Config { path: Some(file.clone()), ..Config::default() } };
    if let Some(root) = demo {
        let nowhere_else = config.accounts.iter_mut().filter(|account| matches!(account.outgoing, Outgoing::None));
        nowhere_else.for_each(|account| account.outgoing = Outgoing::Deliver(demo::deliveries(root)));
    }
    config.ui.colors = theme::detect_colors(config.ui.colors, |name| std::env::var(name).ok());
    let writer = session.open_store()?;
    let reader = writer.reader()?;
    let mut worker = worker::start(&config, writer.clone(), net::options(session)?)
        .map_err(|error| Failure::new(IO, format!("the system gives us no threads: {error}")))?;
    if let Some(composer) = composer {
        // the first request of all: there is room
        let _ = worker.requests.try_send(Request::Compose(composer));
    }
    // the loop takes the events for itself; the handle keeps an empty channel to close
    let events = std::mem::replace(&mut worker.events, mpsc::channel(1).1);
    let start = run::Start {
        ui: config.ui.clone(),
        requests: worker.requests.clone(),
        events,
        log: session.events.clone(),
        state_folder: Some(session.paths.state.clone()),
        clock: session.clock.clone(),
    };
    let (columns, rows) = size();
    let model =
        Model::new(model::Start { config, config_path: file, home: session.paths.home.clone(), columns, rows, started: Instant::now() });
    let left = run::run(App::new(model, Some(reader)), start);
    worker.join();
    writer.stop();
    left.map_err(|error| Failure::new(UNAVAILABLE, format!("{error:#}")))
}

/// Cells of the terminal, for the first frame.
fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// What the reader needs of the terminal is looked at before anything of it is changed.
fn needs_terminal() -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let message =
            "the reader needs a terminal on stdin and stdout; for scripts there are `postrider list`, `show` and `search` (postrider help)";
        return Err(Failure::new(UNAVAILABLE, message));
    }
    match std::env::var("TERM").as_deref() {
        Err(_) | Ok("" | "dumb") => {
            let message = "the reader needs a terminal that can move the cursor; set TERM (for example TERM=xterm-256color)";
            Err(Failure::new(UNAVAILABLE, message))
        }
        Ok(_) => Ok(()),
    }
}
