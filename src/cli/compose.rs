//! `compose` and `postrider mailto:…`: what the composer is opened with. The reader itself is opened by main.

use super::args;
use super::exit::{DATA, Failure, USAGE};
use super::session::Session;
use crate::mail::Start;
use crate::mail::url::begins;
use crate::worker::check_file;

/// The link, where these words are one.
pub fn mailto(words: &[String]) -> Option<&str> {
    let is_link = |word: &&String| begins(word, "mailto:");
    words.first().filter(is_link).map(String::as_str)
}

/// `postrider compose [-a FILE] [TO…]`. Files that can't be attached are said before anything is opened.
pub fn start(session: &Session, args: &args::Compose) -> Result<Start, Failure> {
    let config = session.config()?;
    let account = session.account(&config)?.name.clone();
    if let (Some(link), true) = (mailto(&args.to), args.attach.is_empty()) {
        return link_start(session, link, args.to.len());
    }
    let mut files = Vec::new();
    for file in &args.attach {
        let path = std::path::absolute(file).map_err(|error| Failure::new(DATA, format!("{}: {error}", file.display())))?;
        check_file(&path).map_err(|why| Failure::new(DATA, format!("{why}; no message was begun")))?;
        files.push(path);
    }
    Ok(Start::New { account: Some(account), to: args.to.clone(), files })
}

/// `postrider mailto:…`.
pub fn link_start(session: &Session, link: &str, words: usize) -> Result<Start, Failure> {
    session.config()?;
    if words > 1 {
        return Err(Failure::new(USAGE, "one mailto: link at a time; put it into quotes, for a shell splits it at blanks and at &"));
    }
    Ok(Start::Mailto(link.to_owned()))
}
