//! The scriptable commands, one file each (or each kind). They read the store and save changes as the keys
//! do; what needs the network asks the worker. They know nothing of the screen but the table of keys.
//!
//! Start with [`args::Cli`]; [`run`] dispatches. The reader itself is opened by main.

pub mod args;
mod ask;
pub mod compose;
mod config;
mod doctor;
pub mod exit;
mod info;
mod list;
pub mod net;
pub mod out;
mod outbox;
mod send;
pub mod session;
mod setup;
mod show;
mod status;
mod triage;
mod words;

use args::Command;
use exit::{Failure, Outcome, USAGE};
use session::Session;

/// Runs a command that is made from tables alone: it works without a home, a configuration or a log. None
/// for all others.
pub fn run_from_tables(command: &Command) -> Option<Outcome> {
    Some(match command {
        Command::Keys(args) => info::keys(args),
        Command::Completions(args) => info::completions(args),
        Command::Man(args) => info::man(args),
        Command::Help(args) => info::help(args),
        Command::Config(args::Config::Default) => config::print_default(),
        Command::Config(args::Config::Schema) => config::print_schema(),
        Command::Other(words) if compose::mailto(words).is_none() => other(words),
        _ => return None,
    })
}

/// Runs a command that needs no screen.
pub fn run(session: &Session, command: &Command) -> Outcome {
    match command {
        Command::Sync(args) => net::sync(session, args),
        Command::Send(args) => send::run(session, args),
        Command::Outbox(args) => outbox::run(session, args),
        Command::Doctor(json) => doctor::run(session, json.json),
        Command::Config(verb) => config::run(session, verb),
        Command::Setup(args) => setup::run(session, args),
        Command::List(args) => list::list(session, args),
        Command::Search(args) => list::search(session, args),
        Command::Count(args) => list::count(session, args),
        Command::Show(args) => show::run(session, args),
        Command::Status(json) => status::run(session, *json),
        Command::Flag(args) => triage::flag(session, args),
        Command::Tag(args) => triage::tag(session, args),
        Command::Move(args) => triage::move_to(session, args),
        Command::Archive(args) => triage::archive(session, args),
        Command::Trash(args) => triage::trash(session, args),
        _ => run_from_tables(command).unwrap_or(Ok(0)),
    }
}

/// Words that are no command.
fn other(words: &[String]) -> Outcome {
    use clap::CommandFactory;
    let word = words.first().map_or("", String::as_str);
    let command = args::Cli::command();
    let known = command.get_subcommands().map(clap::Command::get_name);
    let near = crate::mail::nearest(word, known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    Err(Failure::new(USAGE, format!("there is no command {word:?}{near} (`postrider help` lists them)")))
}
