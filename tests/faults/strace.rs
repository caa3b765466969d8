//! What a run asks of the system, and how to kill it or let a call fail there, by strace. strace counts per thread and
//! per call, so a place is "the n-th such call on this file"; what has another name in every run, and sockets, are
//! counted over all files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Calls that change a file or leave the machine. "?": not every processor has it.
pub const CHANGES: &str =
    "write,?pwrite64,writev,?pwritev,fsync,fdatasync,?rename,?renameat,?renameat2,?unlink,unlinkat,?link,linkat,?ftruncate,sendto,sendmsg";

/// Calls that fail where a disk is full or broken. Of the opening ones only those that make a file.
pub const WRITES: &str = "write,?pwrite64,writev,?pwritev,fsync,fdatasync,?rename,?renameat,?renameat2,?link,linkat,?ftruncate,openat";

/// One call of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub call: String,
    /// None: any file.
    pub file: Option<PathBuf>,
    /// The how manieth of its thread, from 1.
    pub nth: usize,
}

/// Whether strace is here and may trace; why not.
pub fn is_allowed() -> Result<(), &'static str> {
    static ALLOWED: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let try_out = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", "inject=write:signal=SIGKILL:when=1", "echo"];
        match Command::new("strace").args(try_out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Err(_) => Err("strace is missing"),
            Ok(status) if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) || status.code() == Some(137) => Ok(()),
            Ok(_) => Err("this machine does not let one process trace another"),
        }
    })
}

/// The words before a program that write its calls to `into`.
pub fn recording(calls: &str, into: &Path) -> Vec<String> {
    let into = into.to_string_lossy().into_owned();
    ["strace", "-f", "-qq", "-y", "-o", &into, "-e", &format!("trace={calls}"), "--"].map(str::to_owned).to_vec()
}

/// "pwrite64 mail.db-wal 7", what `POSTRIDER_PLACE` takes to meet this one only.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().and_then(|file| file.file_name()).map_or("any".into(), |name| name.to_string_lossy());
        write!(f, "{} {file} {}", self.call, self.nth)
    }
}

impl Place {
    /// Whether a fault can be set here and nowhere else: many a write only wakes a thread, and what opens "any" file opens libraries.
    pub fn is_certain(&self) -> bool {
        self.file.is_some() || !matches!(self.call.as_str(), "write" | "openat")
    }
}

/// Those that are met by default: some, beginning somewhere; all of them; or the one that `POSTRIDER_PLACE` names.
pub fn share(places: &[Place], step: usize, from: usize) -> Vec<Place> {
    match std::env::var("POSTRIDER_PLACE") {
        Ok(wanted) => places.iter().filter(|place| place.to_string() == wanted).cloned().collect(),
        Err(_) => places.iter().skip(from % step).step_by(step).cloned().collect(),
    }
}

impl Place {
    /// The words before a program that is to meet `fate` ("signal=SIGKILL", "error=ENOSPC") here; `more` is "" or what follows
    /// the number in strace's `when=`.
    pub fn meeting(&self, fate: &str, more: &str, into: &Path) -> Vec<String> {
        let (call, into) = (&self.call, into.to_string_lossy().into_owned());
        let mut words = ["strace", "-f", "-qq", "-o", &into].map(str::to_owned).to_vec();
        if let Some(file) = &self.file {
            words.extend(["-P".to_owned(), file.display().to_string()]);
        }
        words.extend(["-e".to_owned(), format!("trace={call}"), "-e".to_owned()]);
        words.extend([format!("inject={call}:{fate}:when={}{more}", self.nth), "--".to_owned()]);
        words
    }
}

/// The calls of two undisturbed runs, as `recording` wrote them: those that matter as places, and how many there were.
pub fn places(one: &str, other: &str) -> (Vec<Place>, usize) {
    let known: BTreeSet<PathBuf> = calls(other).into_iter().filter_map(|call| call.file).collect();
    let mut counts: BTreeMap<(String, String, Option<PathBuf>), usize> = BTreeMap::new();
    let (mut places, mut seen, mut all) = (Vec::new(), BTreeSet::new(), 0);
    for call in calls(one) {
        let mut count = |file: Option<PathBuf>| {
            let count = counts.entry((call.thread.clone(), call.name.clone(), file)).or_default();
            *count += 1;
            *count
        };
        let any = count(None);
        let file = call.file.filter(|file| known.contains(file));
        let nth = file.clone().map_or(any, |file| count(Some(file)));
        if !call.matters {
            continue;
        }
        all += 1;
        let place = Place { call: call.name.clone(), file, nth };
        if seen.insert(place.clone()) {
            places.push(place);
        }
    }
    (places, all)
}

struct Call {
    thread: String,
    name: String,
    file: Option<PathBuf>,
    /// Not what only wakes a thread or draws on the screen.
    matters: bool,
}

/// Lines like `7 pwrite64(13</a/b.db>, "…", 24, 0) = 24`, also where they are unfinished.
fn calls(trace: &str) -> Vec<Call> {
    trace.lines().filter_map(call).collect()
}

fn call(line: &str) -> Option<Call> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, arguments) = rest.trim_start().split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return None;
    }
    let on_handle = arguments.starts_with(|first: char| first.is_ascii_digit());
    let named = if on_handle {
        arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(name, _)| name)
    } else {
        arguments.split('"').nth(1)
    };
    let file = named.filter(|name| name.starts_with('/') && !name.starts_with("/dev/")).map(PathBuf::from);
    let is_socket = named.is_some_and(|name| name.starts_with("socket:") || name.starts_with("TCP:"));
    let is_talk = file.as_ref().is_some_and(|file| file.extension().is_some_and(|ending| ending == "jsonl" || ending == "out"));
    let makes = name != "openat" || arguments.contains("O_CREAT");
    Some(Call { thread: thread.to_owned(), name: name.to_owned(), matters: (file.is_some() || is_socket) && !is_talk && makes, file })
}

#[test]
fn a_place_is_counted_by_thread_and_by_file_where_the_file_has_the_same_name_in_every_run() {
    let one = "7 pwrite64(13</h/a.db>, \"\\0\"..., 24, 0) = 24\n8 pwrite64(13</h/a.db>, \"x\", 1, 0 <unfinished ...>\n7 +++ exited with 0 +++\n\
               7 write(5<anon_inode:[eventfd]>, \"\", 8) = 8\n7 write(6</h/tmp-1>, \"\", 8) = 8\n7 pwrite64(13</h/a.db>, \"\", 4, 0) = 4\n\
               7 openat(AT_FDCWD</h>, \"/h/a.db\", O_RDONLY) = 3\n7 openat(AT_FDCWD</h>, \"/h/a.db\", O_RDWR|O_CREAT) = 3\n\
               7 sendto(9<socket:[1]>, \"x\", 1) = 1\n";
    let (found, all) = places(one, &one.replace("tmp-1", "tmp-2"));
    let place = |call: &str, file: Option<&str>, nth| Place { call: call.to_owned(), file: file.map(PathBuf::from), nth };
    let expected = [
        place("pwrite64", Some("/h/a.db"), 1),
        place("write", None, 2),
        place("pwrite64", Some("/h/a.db"), 2),
        place("openat", Some("/h/a.db"), 2),
        place("sendto", None, 1),
    ];
    assert_eq!((found, all), (expected.to_vec(), 6));
}
