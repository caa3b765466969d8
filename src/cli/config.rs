//! `config path|check|default|schema|edit`.

use serde_json::{Value, json};

use super::args::Config as Verb;
use super::exit::{CANT_CREATE, CONFIG, FINDINGS, Failure, IO, Outcome};
use super::out;
use super::session::Session;
use crate::config::{Config, Finding, render};
use crate::mail::DisplayText;
use crate::paths::private_folder;
use crate::ui::keymap::Keymap;

/// `postrider config …`.
pub fn run(session: &Session, verb: &Verb) -> Outcome {
    match verb {
        Verb::Path => {
            out::print(format!("{}\n", session.config_file().display()).as_bytes())?;
            Ok(0)
        }
        Verb::Check(json) => check(session, json.json),
        Verb::Default => print_default(),
        Verb::Schema => print_schema(),
        Verb::Edit => edit(session),
    }
}

/// `postrider config default`.
pub fn print_default() -> Outcome {
    out::print(render::defaults().as_bytes())?;
    Ok(0)
}

/// `postrider config schema`.
pub fn print_schema() -> Outcome {
    out::print(format!("{:#}\n", render::schema()).as_bytes())?;
    Ok(0)
}

/// Everything wrong in the file, the keys' names and actions among it.
pub fn findings(config: &Config) -> Vec<Finding> {
    let (_, of_keys) = Keymap::new(config.ui.keymap, &config.keys);
    let mut all: Vec<Finding> = config.findings.iter().cloned().chain(of_keys).collect();
    all.sort_by_key(|finding| (finding.line, finding.column));
    all
}

fn check(session: &Session, json: bool) -> Outcome {
    let file = session.config_file();
    if !file.exists() {
        return Err(Failure::new(CONFIG, format!("there is no configuration yet ({}); `postrider setup` adds an account", file.display())));
    }
    let found = findings(&session.load_config());
    if json {
        let list: Vec<Value> =
            found.iter().map(|finding| json!({"line": finding.line, "column": finding.column, "message": finding.message})).collect();
        out::json(json!({"file": file, "findings": list}))?;
    } else {
        let text: String = found.iter().map(|finding| format!("{}\n", line(&file, finding))).collect();
        out::print(text.as_bytes())?;
        if found.is_empty() {
            out::say(&format!("{} is fine", file.display()));
        }
    }
    Ok(if found.is_empty() { 0 } else { FINDINGS })
}

/// `FILE:LINE:COLUMN: message`, as editors read it.
fn line(file: &std::path::Path, finding: &Finding) -> String {
    let message = DisplayText::new(&finding.message);
    match finding.line {
        0 => format!("{}: {message}", file.display()),
        line => format!("{}:{line}:{}: {message}", file.display(), finding.column),
    }
}

/// Opens the file in the user's editor, with every key in it where there was none, and checks it afterwards.
fn edit(session: &Session) -> Outcome {
    let file = session.config_file();
    if !file.exists() {
        create(&file).map_err(|error| Failure::new(CANT_CREATE, format!("{} can't be made: {error}", file.display())))?;
    }
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let words = super::words::split(&editor).map_err(|why| Failure::new(CONFIG, format!("$EDITOR: {why}")))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::new(CONFIG, "$EDITOR names no program"));
    };
    let status = std::process::Command::new(program).args(arguments).arg(&file).status();
    let status = status.map_err(|error| Failure::new(IO, format!("{program} can't be started: {error}; set EDITOR")))?;
    if !status.success() {
        return Err(Failure::new(IO, format!("{program} ended with {status}")));
    }
    check(session, false)
}

fn create(file: &std::path::Path) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
        private_folder(folder)?;
    }
    let mut made = crate::paths::private_append(file)?;
    made.write_all(render::defaults().as_bytes())
}
