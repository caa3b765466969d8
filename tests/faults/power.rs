//! The power fails: what no fsync had reached may be there, in part or not at all. The calls of one traced run of each operation
//! over a Maildir are played again onto a picture of the disk, up to a seeded one of them; of what was written since the last fsync
//! of a file a seeded part stays (whole writes, sectors of them, in any choice), of what was created, renamed and removed since
//! the last fsync of a folder what came before a seeded one. Then a normal start. `POSTRIDER_SEEDS` cuts of each (default 4),
//! from `POSTRIDER_SEED_FROM`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use crate::kills::{Measured, Wrong, measure};
use crate::number;
use crate::operations::{Act, OPERATIONS, Operation, Over, on_screen};
use crate::stage::Ran;
use crate::strace::{self, CHANGES};
use crate::support::random::Random;

/// All that changes a file, with every octet.
const CALLS: &str = "openat,write,?pwrite64,writev,?pwritev,fsync,fdatasync,?rename,?renameat,?renameat2,?unlink,unlinkat,?link,linkat,\
                     ?ftruncate,?mkdir,mkdirat,copy_file_range,?sendfile,sendto";
const SECTOR: usize = 512;
/// What waits in `mail.db` is synced when the log is full, not for each change: an acknowledged one may be gone, none in part.
const MAY_BE_GONE: &[&str] = &["flag", "move", "delete"];

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, new) => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }
}

#[derive(Clone, Debug)]
enum Name {
    /// This file has that name now, whoever had it before.
    Is(PathBuf, usize),
    Gone(PathBuf),
}

#[derive(Clone, Default, Debug)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    since: Vec<Change>,
}

/// The files below a folder, as the calls left them, and what of that is on the disk for certain.
#[derive(Default)]
struct Disk {
    root: PathBuf,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    synced: BTreeMap<PathBuf, usize>,
    since: Vec<Name>,
    /// Open files by their number: which, and where the next write goes.
    open: HashMap<u32, (usize, usize)>,
    /// What the terminal and the program's own words got.
    screen: Vec<u8>,
    words: String,
    /// A message's end was sent.
    handed: bool,
}

impl Disk {
    fn of(root: &Path) -> Self {
        let mut disk = Self { root: root.to_owned(), ..Self::default() };
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
                let (path, kind) = (entry.path(), entry.file_type().expect("its kind"));
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let bytes = fs::read(&path).expect("a file");
                    disk.names.insert(path, disk.files.len());
                    disk.files.push(File { now: bytes.clone(), synced: bytes, since: Vec::new() });
                }
            }
        }
        disk.synced = disk.names.clone();
        disk
    }

    fn name(&mut self, name: Name) {
        match &name {
            Name::Is(path, file) => drop(self.names.insert(path.clone(), *file)),
            Name::Gone(path) => drop(self.names.remove(path)),
        }
        self.since.push(name);
    }

    fn change(&mut self, file: usize, change: Change) {
        let file = &mut self.files[file];
        change.apply(&mut file.now);
        file.since.push(change);
    }

    fn play(&mut self, call: &Call) {
        let path = |text: &str| {
            let path = PathBuf::from(text);
            path.starts_with(&self.root).then_some(path)
        };
        // the name of a file that was removed while it was open ends so
        let on = call.handle.as_deref().map(|on| on.trim_end_matches(" (deleted)").to_owned());
        let ours = on.as_deref().and_then(path);
        let paths: Vec<PathBuf> = call.texts.iter().filter_map(|text| path(&String::from_utf8_lossy(text))).collect();
        match call.name.as_str() {
            "openat" => self.opened(call, paths.first()),
            "write" if ours.is_none() => self.said(on.as_deref().unwrap_or_default(), &call.texts[0]),
            "sendto" => self.said("socket:", &call.texts[0]),
            "write" | "pwrite64" => {
                let Some((file, next)) = self.file(call, ours.as_deref()) else { return };
                let bytes = call.texts[0].clone();
                if ours.is_some_and(|name| name.extension().is_some_and(|ending| ending == "out" || ending == "jsonl")) {
                    self.words += &String::from_utf8_lossy(&bytes);
                }
                let at = if call.name == "write" { next } else { call.numbers.last().copied().expect("an offset") };
                if call.name == "write" {
                    self.open.insert(call.number, (file, at + bytes.len()));
                }
                self.change(file, Change::Write(at, bytes));
            }
            "ftruncate" => {
                let Some((file, _)) = self.file(call, ours.as_deref()) else { return };
                self.change(file, Change::Length(call.numbers.last().copied().expect("a length")));
            }
            "fsync" | "fdatasync" => match self.file(call, ours.as_deref()) {
                Some((file, _)) => {
                    let file = &mut self.files[file];
                    file.synced.clone_from(&file.now);
                    file.since.clear();
                }
                // a folder
                None if ours.is_some() => {
                    self.synced.clone_from(&self.names);
                    self.since.clear();
                }
                None => {}
            },
            "rename" | "renameat" | "renameat2" if paths.len() == 2 => {
                if let Some(file) = self.names.get(&paths[0]).copied() {
                    self.name(Name::Is(paths[1].clone(), file));
                    self.name(Name::Gone(paths[0].clone()));
                }
            }
            "link" | "linkat" if paths.len() == 2 => {
                let file = self.names[&paths[0]];
                self.name(Name::Is(paths[1].clone(), file));
            }
            "unlink" | "unlinkat" => {
                if let Some(path) = paths.first().filter(|path| self.names.contains_key(*path)) {
                    self.name(Name::Gone(path.clone()));
                }
            }
            "mkdir" | "mkdirat" => {}
            other => assert!(ours.is_none() && paths.is_empty(), "this test does not know {other}: {call:?}"),
        }
    }

    fn opened(&mut self, call: &Call, path: Option<&PathBuf>) {
        let Some(path) = path else { return };
        let number = u32::try_from(call.result).expect("an open file");
        self.open.remove(&number);
        let file = match self.names.get(path).copied() {
            Some(file) => file,
            None if call.flags.contains("O_CREAT") => {
                self.files.push(File::default());
                self.name(Name::Is(path.clone(), self.files.len() - 1));
                self.files.len() - 1
            }
            // a folder
            None => return,
        };
        if call.flags.contains("O_TRUNC") {
            self.change(file, Change::Length(0));
        }
        let at = if call.flags.contains("O_APPEND") { self.files[file].now.len() } else { 0 };
        self.open.insert(number, (file, at));
    }

    fn file(&self, call: &Call, name: Option<&Path>) -> Option<(usize, usize)> {
        let name = name?;
        self.open.get(&call.number).copied().or_else(|| self.names.get(name).map(|file| (*file, 0)))
    }

    fn said(&mut self, to: &str, bytes: &[u8]) {
        if to.starts_with("/dev/pts/") {
            self.screen.extend(bytes);
        } else if to.starts_with("socket:") || to.starts_with("TCP:") {
            self.handed |= bytes.ends_with(b"\r\n.\r\n") || bytes == b".\r\n";
        }
    }

    /// What is found after the power came back.
    fn after_power(&self, random: &mut Random) -> BTreeMap<PathBuf, Vec<u8>> {
        // in every third all of it, in every third nothing
        let fate = index(random, 3);
        let mut names = self.synced.clone();
        let kept = [self.since.len(), 0, index(random, self.since.len() + 1)][fate];
        for name in &self.since[..kept] {
            match name {
                Name::Is(path, file) => drop(names.insert(path.clone(), *file)),
                Name::Gone(path) => drop(names.remove(path)),
            }
        }
        let mut bytes_of = |file: &File| {
            let mut bytes = file.synced.clone();
            for change in &file.since {
                match (if fate == 2 { index(random, 3) } else { fate }, change) {
                    (0, change) => change.apply(&mut bytes),
                    (2, Change::Write(at, new)) => {
                        let sectors = index(random, new.len() / SECTOR + 1);
                        Change::Write(*at, new[..sectors * SECTOR].to_vec()).apply(&mut bytes);
                    }
                    _ => {}
                }
            }
            bytes
        };
        names.into_iter().map(|(path, file)| (path, bytes_of(&self.files[file]))).collect()
    }

    /// What people had been promised by then; at the end so much as the run was.
    fn promised(&self, operation: &Operation, at_end: Option<usize>) -> Ran {
        let owed = match operation.run {
            Act::Keys(_) if at_end.is_some() => at_end.unwrap_or_default(),
            Act::Keys(_) => {
                let mut screen = vt100::Parser::new(const { NonZero::new(30).unwrap() }, const { NonZero::new(100).unwrap() }, 0);
                screen.process(&self.screen);
                on_screen(&screen.screen().contents())
            }
            _ => 0,
        };
        let ran = Ran { code: None, words: self.words.clone(), owed };
        if MAY_BE_GONE.contains(&operation.name) { Ran::default() } else { ran }
    }
}

/// Writes those files below `root` and no others.
fn write_all(root: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in Disk::of(root).names.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(path).expect("a file less");
    }
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        // who reads it may not: the program makes its files private
        if fs::read(path).ok().as_ref() != Some(bytes) {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::write(path, bytes).and_then(|()| fs::set_permissions(path, private)).expect("a file");
        }
    }
}

fn index(random: &mut Random, length: usize) -> usize {
    random.below(length as u64) as usize
}

/// A call that succeeded: `pwrite64(7</a/b>, "\x00…", 24, 0) = 24` in strace's hexadecimal way.
#[derive(Debug, Default)]
struct Call {
    name: String,
    /// Number and name of the open file that it is about.
    number: u32,
    handle: Option<String>,
    texts: Vec<Vec<u8>>,
    numbers: Vec<usize>,
    flags: String,
    result: i64,
}

/// The calls in the order in which they ended.
fn calls(trace: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut found = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, begin);
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let begin = begun.remove(thread).expect("a call's beginning");
            found.extend(call(&format!("{begin}{end}")));
        } else {
            found.extend(call(rest));
        }
    }
    found
}

fn call(line: &str) -> Option<Call> {
    let (call, result) = line.rsplit_once(" = ")?;
    let result: i64 = result.split(['<', ' ']).next()?.parse().ok().filter(|result| *result >= 0)?;
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    let mut found = Call { name: name.to_owned(), result, ..Call::default() };
    for (at, argument) in arguments.split(", ").enumerate() {
        if let Some(text) = argument.strip_prefix('"') {
            found.texts.push(plain(text.strip_suffix('"').unwrap_or_else(|| panic!("strace cut a text: {line}"))));
        } else if let Some((number, name)) = argument.split_once('<').filter(|_| at == 0) {
            found.number = number.parse().unwrap_or_default();
            found.handle = Some(String::from_utf8_lossy(&plain(name.trim_end_matches('>'))).into_owned());
        } else if let Ok(number) = argument.parse() {
            found.numbers.push(number);
        } else if argument.starts_with("O_") {
            found.flags = argument.to_owned();
        }
    }
    Some(found)
}

/// Without strace's escapes.
fn plain(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.strip_prefix(b"x").and_then(|digits| digits.split_at_checked(2)).filter(|_| *first == b'\\');
        let (byte, tail) = match escaped {
            Some((digits, tail)) => (u8::from_str_radix(std::str::from_utf8(digits).expect("digits"), 16).expect("digits"), tail),
            None => (*first, tail),
        };
        out.push(byte);
        rest = tail;
    }
    out
}

fn recorded(operation: &Operation, measured: &mut Measured, folder: &Path) -> (Disk, Vec<Call>, usize) {
    measured.stage.restore();
    let disk = Disk::of(measured.stage.home.path());
    let trace = folder.join("trace");
    let mut words = strace::recording(CALLS, &trace);
    words.splice(1..1, ["-xx", "-s", "10000000"].map(str::to_owned));
    let owed = measured.stage.run(&operation.run, &words, None).owed;
    (disk, calls(&fs::read_to_string(&trace).expect("a trace")), owed)
}

fn one(operation: &Operation, measured: &mut Measured, seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut disk, calls, owed) = recorded(operation, measured, folder.path());
    let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    // every fourth right after the end, where most was promised
    let end = if seed.is_multiple_of(4) { calls.len() } else { index(&mut random, calls.len()) };
    calls[..end].iter().for_each(|call| disk.play(call));
    let files = disk.after_power(&mut random);
    measured.stage.restore();
    write_all(measured.stage.home.path(), &files);
    let (context, ran) = (
        format!("{}, seed {seed}, after {end} of {} calls", operation.context(), calls.len()),
        disk.promised(operation, (end == calls.len()).then_some(owed)),
    );
    measured.stage.settle().unwrap_or_else(|why| panic!("{context}: {why}"));
    let mut found = measured.stage.ledger();
    if disk.handed {
        found.push("taken [s1]".to_owned());
        found.sort();
    }
    let right = operation.judge(operation.owed(&ran), &measured.before, &measured.after, &found);
    right.unwrap_or_else(|why| panic!("{context}: {why}"));
}

#[test]
fn after_a_power_cut_nothing_is_there_in_part_or_twice_and_what_was_called_saved_or_sent_is() {
    if let Err(why) = strace::is_allowed() {
        return println!("figure: {why}: no power cut is played");
    }
    let (from, seeds) = (number("POSTRIDER_SEED_FROM").unwrap_or(1), number("POSTRIDER_SEEDS").unwrap_or(4));
    let mut wrong = Wrong::default();
    let rows = OPERATIONS.iter().filter(|row| row.over == Over::Maildir && row.name != "migration");
    let mut count = 0;
    for operation in rows {
        let Some(mut measured) = measure(operation, CHANGES) else { continue };
        for seed in from..from + seeds {
            wrong.unless(|| one(operation, &mut measured, seed));
        }
        count += 1;
    }
    wrong.end();
    println!("figure: {seeds} power cuts from seed {from} in each of {count} ways through the operations: nothing in part, nothing twice");
}
