//! Which program shows a file of a type: mailcap (RFC 1524), the lines that mutt and alpine read too. They are run as programs and
//! arguments; one that needs a shell, or the terminal, is passed over, and so is one that makes no sense. Start at [`find`].

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Where the lines are, the first that fits counts (RFC 1524, appendix A); MAILCAPS names others.
const SYSTEM: &[&str] = &["/etc/mailcap", "/usr/etc/mailcap", "/usr/local/etc/mailcap"];
/// A file longer than this is no mailcap.
const MAX_FILE: u64 = 1 << 20;
/// How long a line's test may take.
const TEST_LIMIT: Duration = Duration::from_secs(2);

/// A program for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    words: Vec<String>,
    /// What the file's name is to end with ("nametemplate").
    pub ending: Option<String>,
    /// It prints text that is to be shown here ("copiousoutput"); else it opens a window of its own.
    pub prints: bool,
    /// The line does not name the file, which is to be its standard input.
    pub is_fed: bool,
}

impl Viewer {
    /// Program and arguments for this file. Words may be programs themselves (`sh -c "…"`): type and name are to be [`plain`].
    pub fn command(&self, content_type: &str, file: &str) -> Vec<String> {
        self.words.iter().map(|word| filled(word, content_type, file).unwrap_or_default()).collect()
    }
}

/// A word with what stands for its codes: %s the file, %t the type, %% a percent sign; None where there are others.
fn filled(word: &str, content_type: &str, file: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next()? } else { c }) {
            ('%', 's') => out.push_str(file),
            ('%', 't') => out.push_str(content_type),
            ('%', '%') => out.push('%'),
            ('%', _) => return None,
            (c, _) => out.push(c),
        }
    }
    Some(out)
}

/// One line.
#[derive(Debug)]
struct Entry {
    /// "text/html", "text/*".
    content_type: String,
    viewer: Viewer,
    /// A command that says whether the line counts now.
    test: Option<String>,
}

/// The first program that the files name for a type, that is there, and whose test says yes.
pub async fn find(content_type: &str) -> Option<Viewer> {
    let content_type = content_type.to_ascii_lowercase();
    if !content_type.chars().all(|c| is_plain(c) || "/+".contains(c)) {
        return None;
    }
    let environment = |name: &str| std::env::var_os(name);
    let files = files(environment);
    let entries = tokio::task::spawn_blocking(move || files.iter().flat_map(|file| parse(&read(file))).collect::<Vec<Entry>>());
    for Entry { viewer, test, .. } in entries.await.ok()?.into_iter().filter(|entry| matches(&entry.content_type, &content_type)) {
        let is_there = viewer.words.first().is_some_and(|program| is_program(program, environment("PATH")));
        if is_there && says_yes(test.as_deref()).await {
            return Some(viewer);
        }
    }
    None
}

/// A name that means nothing to a shell or any other language, wherever a line puts it.
pub fn plain(name: &str) -> String {
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

fn files(environment: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(named) = environment("MAILCAPS").filter(|named| !named.is_empty()) {
        return std::env::split_paths(&named).collect();
    }
    let own = environment("HOME").map(|home| Path::new(&home).join(".mailcap"));
    own.into_iter().chain(SYSTEM.iter().map(PathBuf::from)).collect()
}

/// What is not there or no such file is empty.
fn read(file: &Path) -> String {
    let is_file = std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= MAX_FILE);
    let bytes = if is_file { std::fs::read(file).unwrap_or_default() } else { Vec::new() };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines that can be run from here.
fn parse(text: &str) -> Vec<Entry> {
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    joined.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let mut fields = fields(line).into_iter();
    let content_type = fields.next()?.to_ascii_lowercase();
    let words = words(&fields.next()?, |_| None)?;
    let is_clear = words.iter().all(|word| filled(word, "", "").is_some());
    let is_fed = words.iter().all(|word| filled(word, "", "") == filled(word, "", "x"));
    let mut entry = Entry {
        content_type: if content_type.contains('/') { content_type } else { format!("{content_type}/*") },
        viewer: Viewer { words, ending: None, prints: false, is_fed },
        test: None,
    };
    for field in fields {
        let (name, value) = field.split_once('=').map_or((field.as_str(), ""), |(name, value)| (name.trim(), value.trim()));
        match name.to_ascii_lowercase().as_str() {
            "needsterminal" => return None,
            "copiousoutput" => entry.viewer.prints = true,
            // what it asks of the file can't be told
            "test" if value.contains('%') => return None,
            "test" => entry.test = Some(value.to_owned()),
            "nametemplate" => entry.viewer.ending = ending(value),
            _ => {}
        }
    }
    let runs = entry.viewer.words.first().is_some_and(|program| !program.contains('%'));
    (is_clear && runs).then_some(entry)
}

/// Of "%s.html" the ".html".
fn ending(template: &str) -> Option<String> {
    let ending = template.strip_prefix("%s").filter(|ending| ending.starts_with('.'))?;
    ending.chars().all(|c| c.is_ascii_alphanumeric() || c == '.').then(|| ending.to_owned())
}

/// Split at ";", where no backslash stands before it; blanks around are nothing.
fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let Some(field) = all.last_mut() else { break };
        match c {
            ';' => all.push(String::new()),
            '\\' => match chars.next() {
                Some(';') => field.push(';'),
                Some('%') => field.push_str("%%"),
                Some(other) => field.extend(['\\', other]),
                None => {}
            },
            c => field.push(c),
        }
    }
    all.iter().map(|field| field.trim().to_owned()).collect()
}

/// The words of a command as a shell splits and unquotes them; None where it takes a shell to run it. `known` gives what stands for
/// `$NAME`.
fn words(command: &str, known: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (Some(_), '\\') => {
                let next = chars.next()?;
                let word = word.get_or_insert_default();
                word.extend((!"$`\"\\".contains(next)).then_some('\\'));
                word.push(next);
            }
            (_, '\\') => word.get_or_insert_default().push(chars.next()?),
            (_, '$') => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                word.get_or_insert_default().push_str(&known(&name)?);
            }
            (_, '`') => return None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (None, '|' | '&' | '<' | '>' | '(' | ')' | '*' | '?' | '#' | '~' | ';' | '{' | '}') => return None,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    (quote.is_none() && !all.is_empty()).then_some(all)
}

/// "text/*" is every text.
fn matches(pattern: &str, content_type: &str) -> bool {
    pattern == content_type || pattern.strip_suffix('*').is_some_and(|start| start.ends_with('/') && content_type.starts_with(start))
}

fn is_program(program: &str, path: Option<OsString>) -> bool {
    let runs = |file: &Path| std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return runs(Path::new(program));
    }
    path.is_some_and(|path| std::env::split_paths(&path).any(|folder| runs(&folder.join(program))))
}

/// Whether the test of a line succeeds, if it has one. One that can't be run, or takes long, says no.
async fn says_yes(test: Option<&str>) -> bool {
    let Some(test) = test else { return true };
    let known = |name: &str| Some(std::env::var(name).unwrap_or_default()).filter(|_| !name.is_empty());
    let Some(words) = words(test, known) else { return false };
    let Some((program, arguments)) = words.split_first() else { return false };
    let quiet = || Stdio::null();
    let run = Command::new(OsStr::new(program))
        .args(arguments)
        .process_group(0)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .kill_on_drop(true)
        .status();
    matches!(timeout(TEST_LIMIT, run).await, Ok(Ok(status)) if status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, content_type: &str) -> Option<Viewer> {
        parse(text).into_iter().find(|entry| matches(&entry.content_type, content_type)).map(|entry| entry.viewer)
    }

    #[test]
    fn lines_are_read_as_the_rfc_and_mutt_read_them() {
        for (line, content_type, expect) in [
            ("text/html; lynx -dump %s; copiousoutput; nametemplate=%s.html", "text/html", Some("lynx|-dump|F|prints|.html")),
            ("application/pdf; pdftotext -layout '%s' -; copiousoutput", "application/pdf", Some("pdftotext|-layout|F|-|prints|")),
            ("image/*; feh \\\n  -F \"%s\"", "image/png", Some("feh|-F|F||")),
            ("audio; play %s", "audio/ogg", Some("play|F||")),
            ("Text/X-Diff; colordiff; CopiousOutput", "text/x-diff", Some("colordiff|prints|<")),
            ("a/b; sed \"s/\\t/\\\\/\" %s", "a/b", Some("sed|s/\\t/\\/|F||")),
            ("a/b; x %s; test=test %t = a/b", "a/b", None),
            ("a/b; echo 100%% %t \\; %s", "a/b", None),
            ("a/b; echo 100%% %t '\\;' %s", "a/b", Some("echo|100%|a/b|;|F||")),
            // what it takes a shell, the terminal or something unknown for
            ("a/b; gunzip <%s | less", "a/b", None),
            ("a/b; echo $(touch x)", "a/b", None),
            ("a/b; echo `touch x`", "a/b", None),
            ("a/b; less %s; needsterminal", "a/b", None),
            ("a/b; show %{charset} %s", "a/b", None),
            ("a/b; %s", "a/b", None),
            ("a/b; 'open", "a/b", None),
            ("a/b;", "a/b", None),
            ("a/b", "a/b", None),
            ("# a/b; x", "a/b", None),
            ("text/*; x %s", "image/png", None),
            ("*; x %s", "image/png", None),
            ("", "a/b", None),
        ] {
            let told = |viewer: Viewer| {
                let prints = if viewer.prints { "prints" } else { "" };
                let fed = if viewer.is_fed { "<" } else { "" };
                format!("{}|{prints}|{}{fed}", viewer.command(content_type, "F").join("|"), viewer.ending.unwrap_or_default())
            };
            assert_eq!(first(line, content_type).map(told).as_deref(), expect, "{line:?}");
        }
    }

    #[test]
    fn a_file_name_is_one_argument_whatever_it_says() {
        let viewer = first("a/b; show -- '%s'", "a/b").unwrap();
        assert_eq!(viewer.command("a/b", "/tmp/; touch %t $(x) 'y'"), ["show", "--", "/tmp/; touch %t $(x) 'y'"]);
    }

    #[tokio::test]
    async fn what_a_sender_chose_means_nothing_to_a_line_that_is_a_program_itself() {
        assert_eq!(plain("a b'$(x)`y`é.pdf"), "a_b___x__y__.pdf");
        for odd in ["text/x`touch p`", "text/$(x)", "text/a b", "text/'", "text/\""] {
            assert_eq!(find(odd).await, None, "{odd}");
        }
    }

    #[test]
    fn a_bad_line_costs_itself_only() {
        let text = "a/b; broken '\n;;;\n\u{fffd}\u{0}; x\na/b; works %s\n";
        assert_eq!(first(text, "a/b").unwrap().command("a/b", "F"), ["works", "F"]);
    }

    #[tokio::test]
    async fn tests_are_run_without_a_shell() {
        for (test, expect) in [
            (None, true),
            (Some("test -n \"$PATH\""), true),
            (Some("test -z \"$PATH\""), false),
            (Some("test -n \"$POSTRIDER_NO_SUCH_NAME\""), false),
            (Some("test -n x && test -n y"), false),
            (Some("/no/such/program"), false),
            (Some(""), false),
        ] {
            assert_eq!(says_yes(test).await, expect, "{test:?}");
        }
    }

    #[test]
    fn the_files_are_the_users_and_the_systems_or_those_that_are_named() {
        let of = |named: Option<&str>| {
            files(|name| match name {
                "HOME" => Some("/home/ada".into()),
                "MAILCAPS" => named.map(Into::into),
                _ => None,
            })
        };
        assert_eq!(of(None)[..2], [PathBuf::from("/home/ada/.mailcap"), "/etc/mailcap".into()]);
        assert_eq!(of(Some("/a:/b")), [PathBuf::from("/a"), "/b".into()]);
    }
}
