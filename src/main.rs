//! Arguments, log, clocks, then a command or the reader. The one place that reads the environment and that
//! names both the worker and the screen.

mod reader;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use postrider::cli::args::{Cli, Command, Global, LogLevel};
use postrider::cli::compose;
use postrider::cli::exit::{CANT_CREATE, CONFIG, Failure, UNAVAILABLE, USAGE};
use postrider::cli::out::say;
use postrider::cli::session::Session;
use postrider::clock::Clock;
use postrider::events::EventLog;
use postrider::mail::DisplayText;
use postrider::paths::{Paths, private_append, private_folder};

/// The C library's keeps what large lists gave back: beside a million messages twice of what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    no_core_dumps();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            // it repeats the words of the command line, which may come from a link or a file's name
            let text: Vec<_> = error.to_string().lines().map(|line| DisplayText::new(line).into_string()).collect();
            let _ = writeln!(std::io::stderr(), "{}", text.join("\n"));
            return ExitCode::from(USAGE);
        }
    };
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            say(&DisplayText::new(&failure.message).into_string());
            ExitCode::from(failure.code)
        }
    }
}

/// Files, sockets and databases that may be open at a time.
const FILES: u64 = 64;

/// As many files as the system gives; fewer than are needed is said, before anything fails half-way.
fn enough_files() -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= FILES) {
        return Ok(());
    }
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match getrlimit(Resource::Nofile).current {
        Some(few) if few < FILES => {
            let message = format!("only {few} files may be open here, and {FILES} are needed; raise the limit (ulimit -n) and start again");
            Err(Failure::new(UNAVAILABLE, message))
        }
        _ => Ok(()),
    }
}

/// A dump would hold passwords and mail.
fn no_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

fn run(cli: Cli) -> Result<u8, Failure> {
    if let Some(outcome) = cli.command.as_ref().and_then(postrider::cli::run_from_tables) {
        return outcome;
    }
    enough_files()?;
    let variable = |name| std::env::var(name).ok();
    postrider::fault::set(variable("POSTRIDER_FAULT"));
    let clock =
        Clock::new(variable("POSTRIDER_NOW").as_deref(), variable("POSTRIDER_SEED").as_deref()).map_err(|why| Failure::new(USAGE, why))?;
    let paths = Paths::from_environment().map_err(|why| Failure::new(CONFIG, why))?;
    // the demo leaves nothing behind, so it has a log only where one is asked for
    if !matches!(cli.command, Some(Command::Demo(_))) || cli.global.log.is_some() {
        start_log(&cli.global, &paths)?;
    }
    let events = match &cli.global.events {
        None => EventLog::default(),
        Some(file) => {
            EventLog::open(file).map_err(|error| Failure::new(CANT_CREATE, format!("{} can't be opened: {error}", file.display())))?
        }
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let session = Session { global: cli.global, paths, clock, events };
    match &cli.command {
        None => reader::open(&session, None),
        Some(Command::Demo(args)) => reader::open_demo(&session, args),
        Some(Command::Compose(args)) => reader::open(&session, Some(compose::start(&session, args)?)),
        Some(Command::Other(words)) => {
            let link = compose::mailto(words).unwrap_or_default();
            reader::open(&session, Some(compose::link_start(&session, link, words.len())?))
        }
        Some(command) => postrider::cli::run(&session, command),
    }
}

/// The log goes to a file of the user's alone, never to the terminal. Without a state folder there is no log.
fn start_log(global: &Global, paths: &Paths) -> Result<(), Failure> {
    let file = match &global.log {
        Some(file) => {
            private_append(file).map_err(|error| Failure::new(CANT_CREATE, format!("{} can't be opened: {error}", file.display())))?
        }
        None => match private_folder(&paths.state).and_then(|()| private_append(&paths.log())) {
            Ok(file) => file,
            Err(_) => return Ok(()),
        },
    };
    let level = match global.log_level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let log = tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(file)).with_ansi(false).with_max_level(level).finish();
    let _ = tracing::subscriber::set_global_default(log);
    Ok(())
}
