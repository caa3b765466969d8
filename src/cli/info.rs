//! `keys`, `completions`, `man` and `help`: made from the same tables as the program.

use clap::CommandFactory;

use super::args::{self, Cli};
use super::exit::{CANT_CREATE, DATA, Failure, Outcome};
use super::out;
use crate::mail::nearest;
use crate::paths::Paths;
use crate::ui::action;

/// `postrider keys`.
pub fn keys(args: &args::Keys) -> Outcome {
    let text = if args.markdown { action::markdown() } else { action::list() };
    out::print(text.as_bytes())?;
    Ok(0)
}

/// `postrider completions SHELL`.
pub fn completions(args: &args::Completions) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut working(), "postrider", &mut text);
    out::print(&text)?;
    Ok(0)
}

/// `postrider man DIR`: a page for the program and one for each command.
pub fn man(args: &args::Man) -> Outcome {
    let failed = |error: std::io::Error| Failure::new(CANT_CREATE, format!("{}: {error}", args.dir.display()));
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(working(), &args.dir).map_err(failed)?;
    Ok(0)
}

/// The commands that are offered: hidden ones are not.
fn working() -> clap::Command {
    let all = Cli::command();
    let mut command = clap::Command::new("postrider").version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    if let Some(about) = all.get_about() {
        command = command.about(about.clone());
    }
    let flags: Vec<clap::Arg> =
        all.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version")).cloned().collect();
    let verbs: Vec<clap::Command> = all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    command.args(flags).subcommands(verbs)
}

/// A topic of `postrider help`: its name and its text.
type Topic = (&'static str, fn() -> String);

const TOPICS: &[Topic] = &[("start", start), ("config", config), ("search", search), ("scripts", scripts), ("keys", action::markdown)];

/// `postrider help [TOPIC]`.
pub fn help(args: &args::Help) -> Outcome {
    let Some(topic) = args.topic.as_deref() else {
        let names: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
        let text = format!("{}\nTopics of `postrider help TOPIC`: {}\n", Cli::command().render_help(), names.join(", "));
        out::print(text.as_bytes())?;
        return Ok(0);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == topic) {
        out::print(text().as_bytes())?;
        return Ok(0);
    }
    let mut command = Cli::command();
    command.build();
    if let Some(verb) = command.find_subcommand_mut(topic) {
        let text = verb.render_long_help().to_string();
        out::print(text.as_bytes())?;
        return Ok(0);
    }
    let known = TOPICS.iter().map(|(name, _)| *name).chain(command.get_subcommands().map(clap::Command::get_name));
    let near = nearest(topic, known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    Err(Failure::new(DATA, format!("there is no help on {topic:?}{near}")))
}

fn start() -> String {
    let files = match Paths::from_environment() {
        Err(why) => format!("{why}\n"),
        Ok(paths) => format!(
            "configuration  {}\nmail           {}\nlog            {}\n",
            paths.config.display(),
            paths.data.display(),
            paths.log().display()
        ),
    };
    format!(
        "postrider demo                 look around; no account, no network\n\
         postrider setup ADDRESS …      add an account (it signs in before anything is saved)\n\
         postrider                      open the reader; ? lists every key, u takes back what you did\n\
         postrider doctor               what works between here and your server\n\n{files}"
    )
}

fn config() -> String {
    crate::config::render::page()
}

fn search() -> String {
    "A query is words and tests; all of them must hold.\n\n\
     word              in sender, recipients, subject or body (the beginning of a word is enough)\n\
     \"two words\"       the same as a phrase\n\
     from:  to:  subject:  body:       a word there\n\
     in:               a mailbox, by name or role\n\
     tag:              with that tag\n\
     has:attachment    with files\n\
     is:unread  is:read  is:starred  is:answered\n\
     before:  after:   a date (2026-11-20), yesterday, or an age (2w)\n\
     -word  -from:x    not that\n\n\
     In the program `/` searches this view and `g/` everything; here `postrider search` searches every account.\n"
        .to_owned()
}

fn scripts() -> String {
    "stdout is data, stderr is talk; --json gives one object with \"version\" (docs/json.md has the shapes).\n\n\
     exit code\n\
     0    done\n\
     1    config check or doctor found something\n\
     64   the command line can't be understood\n\
     65   an unknown id, mailbox or account; no message, or one that can't be sent\n\
     67   sent, but some recipients were refused\n\
     69   the server can't be reached or refuses\n\
     73   a file or folder can't be made\n\
     74   reading or writing failed\n\
     75   saved here but not yet there; try again\n\
     77   sign-in refused\n\
     78   the configuration is missing or can't be used\n\n\
     list, search, show and count never wait for the network. flag, tag, move, archive and trash are saved at once;\n\
     a running reader or the next `postrider sync` takes them to the server. send puts a message into the outbox, on the disk,\n\
     and tries it at once; what could not go yet stays there and is not to be given to it again (postrider outbox).\n"
        .to_owned()
}
