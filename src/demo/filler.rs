//! Mail made up from patterns, to fill a mailbox to any size with something plausible: other days of the
//! same harbour. Message number `n` depends only on the seed, the place and `n`, so threads can share the work.

use std::io;
use std::path::Path;

use encoding_rs::UTF_8;
use jiff::{Timestamp, Zoned};

use super::letter::Place;
use super::message::list_of;
use super::people::addresses;

const DAY: i64 = 86_400;
/// The written letters of the first screens are newer than this.
const YOUNGEST: i64 = 15 * DAY;
const OLDEST: i64 = 8 * 365 * DAY;
/// Below this, one thread writes them faster than several start.
const FEW: usize = 2000;

/// Account or list, sender, subject, text; `{word}` is filled from [`SLOTS`].
const PATTERNS: &[(&str, &str, &str, &str)] = &[
    (
        "work",
        "robot",
        "[forge] build #{number} {verdict}",
        "build   #{number}   tideboard / main   {verdict} after 2 min {few} s\n\nLog: https://forge.harbor.example/tideboard/{number}\n",
    ),
    ("work", "robot", "[forge] nightly backup {verdict}", "Backup of {thing}: {verdict}, {number} files, {few} GB.\n"),
    ("work", "noor", "{ship}: arrival moved to {day}", "The {ship} comes on {day}, berth {berth}, with {cargo}. {weather}\n\nNoor\n"),
    (
        "work",
        "noor",
        "Berth {berth} on {day}",
        "Please keep berth {berth} free on {day}: the {ship} needs it for {cargo}.\n\nThank you\nNoor\n",
    ),
    ("work", "ada", "Minutes from {day}", "1. {ship}: {cargo}, berth {berth}.\n2. {thing}: {state}.\n3. Biscuits: {few} left.\n\nAda\n"),
    ("work", "ada", "Could you look at {thing}?", "Somebody says that {thing} is {state}. Could you look at it before {day}?\n\nAda\n"),
    (
        "work",
        "priya",
        "{thing} is {state}",
        "Just so that nobody is surprised: {thing} is {state} since {day}.\nI have a plan and {few} cable ties.\n\n--\nPriya\n",
    ),
    (
        "work",
        "priya",
        "Maintenance on {day}: {thing}",
        "On {day} between 18:00 and 20:00 I work on {thing}. Expect nothing; if\nsomething happens anyway, call me.\n\n--\nPriya\n",
    ),
    ("work", "bertil", "feed {few}", "replaced the fuse of feed {few}. {thing} is {state} again. who boils water at {day}?\n"),
    ("work", "bertil", "Meter readings, berth {berth}", "berth {berth}   {number} kWh\nship    {ship}\n\nBertil\n"),
    (
        "work",
        "chen",
        "Drawings for {thing}, revision {few}",
        "Revision {few} is in the usual place. Changed: two dimensions and a\nspelling mistake that has been there since the beginning.\n\nChen\n",
    ),
    (
        "work",
        "Customs <desk@customs.example>",
        "Declaration {number} accepted",
        "Ship   {ship}\nCargo  {cargo}\nBerth  {berth}\n\nNo duty is due. Have a pleasant {day}.\n",
    ),
    (
        "work",
        "Harbour Library <library@harbor.example>",
        "A book about {thing} is waiting for you",
        "It will be kept until {day}. {weather}\n",
    ),
    ("work", "Canteen <canteen@harbor.example>", "{day}: soup", "Soup of {cargo}, as far as the cook can tell. {weather}\n"),
    (
        "work",
        "Pier Nine Pilots <office@piernine.example>",
        "Pilot for the {ship}",
        "A pilot boards the {ship} on {day} at {few}:30. {weather}\n",
    ),
    ("home", "jun", "{day}?", "are you in on {day}? {thing} is {state} and i would rather not be alone with it\n"),
    ("home", "ines", "Walk on {day}", "The long way round, past {thing}. {weather}\n\nInês\n"),
    (
        "home",
        "Aunt Maud <maud@larches.example>",
        "News from the Larches",
        "My dear,\n\n{thing} is {state}, and your uncle says he has not touched it.\n{weather}\n\nLove,\nMaud\n",
    ),
    ("home", "Rowing Club Old Mole <club@oldmole.example>", "Training on {day}", "Boat: Patience. Cox: whoever is lightest. {weather}\n"),
    (
        "home",
        "Town Library <desk@library.example>",
        "Thank you for returning a book",
        "You are {few} minutes early. That is a record for this library.\n",
    ),
    ("home", "Kettle & Co. <receipts@kettle.example>", "Your receipt no. {number}", "1 x lid, enamel, blue    €  {few}.50\n"),
    ("Lists/rust-users", "mika", "How do you test {thing}?", "Ours is {state} about once in {number} runs, always on {day}.\n\nMika\n"),
    (
        "Lists/rust-users",
        "sana",
        "Borrowing {thing} twice",
        "The compiler says {thing} is borrowed until {day}. It is right, as usual,\nbut how would you write it?\n\nSana\n",
    ),
    ("Lists/rust-users", "greta", "[ANN] lighthouse {few}.0", "lighthouse {few}.0 blinks with {number} % less code. {weather}\n"),
    (
        "Lists/kernel",
        "ilse",
        "[PATCH] clock: {thing} may be {state}",
        "Found on the {ship}, where it took until {day} to notice.\n\nSigned-off-by: Ilse Vandermeer <ilse@polder.example>\n---\n drivers/clock/tidal.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
    ),
    (
        "Lists/kernel",
        "okoro",
        "tidal-next: build with {thing} broken",
        "With CONFIG_SALT_WATER=m it does not build since {day}.\nBisected to number {number} of {number}, of course.\n\nEmeka\n",
    ),
];

const REPLIES: &[&str] = &[
    "Fine by me.\n",
    "Yes, and please tell the ferry.\n",
    "I would rather not, but I see no other way either.\n",
    "Done. It was simpler than it looked.\n",
    "Can this wait until {day}? The {ship} is in.\n",
    "Thanks. I owe you {few} biscuits.\n",
];

const SLOTS: &[(&str, &[&str])] = &[
    (
        "ship",
        &["Constance", "Mudlark", "Margarethe", "Blue Heron", "Old Penny", "Vesper", "Saltmarsh", "Nordlys", "Santa Rita", "Kittiwake"],
    ),
    ("day", &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]),
    ("berth", &["A1", "A2", "B1", "B2", "C1", "the long quay", "D4"]),
    ("cargo", &["bricks", "oranges", "timber", "piano parts", "barley", "bicycles", "enamel kettles", "snow ploughs", "tulip bulbs"]),
    (
        "thing",
        &[
            "the tide board",
            "the old crane",
            "the blue cable",
            "the boathouse lock",
            "the north light",
            "the bell",
            "the fog sensor",
            "the swan",
            "the tap",
        ],
    ),
    ("state", &["late", "louder than before", "wet", "finished", "missing", "nearly right", "upside down", "fine"]),
    (
        "weather",
        &["Wind south-west, four.", "Fog until noon.", "Bring a coat.", "Sun, for once.", "The gulls say rain.", "Calm, and a good tide."],
    ),
    ("verdict", &["passed", "passed", "passed", "failed"]),
];

/// A small generator of numbers (splitmix64): the demo must be the same for the same seed, everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64, place: Place, n: usize) -> Self {
        let text = [place.account, place.mailbox].concat();
        let salt = text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(salt ^ (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).copied()
    }
}

/// Writes `count` messages into the mailbox at `path`, the newest some days old.
pub fn fill(path: &Path, place: Place, count: usize, now: &Zoned, seed: u64) -> io::Result<()> {
    let threads = if count < FEW { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let filler = Filler { path, place, count, now: now.timestamp().as_second(), seed };
    let share = count.div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(share)
            .map(|first| scope.spawn(move || (first..count.min(first + share)).try_for_each(|n| filler.write(n))))
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a writer stopped"))))
    })
}

#[derive(Clone, Copy)]
struct Filler<'a> {
    path: &'a Path,
    place: Place<'a>,
    count: usize,
    now: i64,
    seed: u64,
}

impl Filler<'_> {
    fn write(&self, n: usize) -> io::Result<()> {
        let mut random = Random::new(self.seed, self.place, n);
        let received = self.received(n);
        let text = self.message(n, received, &mut random);
        let flags = match random.below(40) {
            0 => "FS",
            1..5 => "RS",
            5 if self.count >= FEW => "",
            _ => "S",
        };
        super::write_seen(self.path, received, n, flags, text.as_bytes())
    }

    /// Spread evenly, newest first, over a time that fits the count; answers come within hours. Nobody
    /// writes at night.
    fn received(&self, n: usize) -> i64 {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX).max(1);
        let span = (count.saturating_mul(DAY / 6)).clamp(560 * DAY, OLDEST);
        let step = span / count;
        let root = self.root(n);
        let jitter = Random::new(self.seed ^ 2, self.place, root).below(usize::try_from(step).unwrap_or(1));
        let at = |n: usize| i64::try_from(n).unwrap_or(0);
        let time = self.now - YOUNGEST - step.saturating_mul(at(root) + 1) + at(jitter);
        let time = time + at(root - n).saturating_mul(step.min(DAY / 7));
        time - time.rem_euclid(DAY) + 7 * 3600 + time.rem_euclid(DAY) * 13 / 24
    }

    /// Of nine messages three are one conversation. Its first message has the highest number, being the
    /// oldest; only people converse.
    fn root(&self, n: usize) -> usize {
        if self.place.mailbox == "Sent" {
            return n;
        }
        let root = n - n % 9 + 2;
        let is_talk = || self.pattern(&mut self.of_root(root)).is_some_and(|(from, ..)| is_person(from));
        if n < root && root < self.count && is_talk() { root } else { n }
    }

    /// What decides the pattern and the subject of a conversation.
    fn of_root(&self, root: usize) -> Random {
        Random::new(self.seed ^ 1, self.place, root)
    }

    fn message(&self, n: usize, received: i64, random: &mut Random) -> String {
        let domain = if self.place.account == "work" { "harbor.example" } else { "quill.example" };
        let is_mine = self.place.mailbox == "Sent";
        let root = self.root(n);
        let mut of_root = self.of_root(root);
        let Some((from, subject, body)) = self.pattern(&mut of_root) else { return String::new() };
        let subject = capital(filled(subject, &mut of_root));
        let is_reply = root != n || is_mine;
        let from = if root != n && !is_mine { self.other(from, random) } else { from };
        let text = if is_reply {
            let quoted: String = filled(body, &mut of_root).lines().take(3).map(|line| format!("> {line}\n")).collect();
            format!("{quoted}\n{}", filled(random.pick(REPLIES).unwrap_or_default(), random))
        } else {
            filled(body, &mut of_root)
        };
        let (me, to) = self.people();
        let (from, to) = if is_mine { (me, from) } else { (from, to) };
        let date = Timestamp::from_second(received).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S +0000");
        let mut headers = format!("Date: {date}\nFrom: {}\nTo: {}\n", addresses(from, UTF_8), addresses(to, UTF_8));
        headers.push_str(&format!(
            "Subject: {}{subject}\nMessage-ID: <{n}.{:x}@{domain}>\n",
            if is_reply { "Re: " } else { "" },
            self.salt()
        ));
        if root != n {
            headers.push_str(&format!("In-Reply-To: <{root}.{0:x}@{domain}>\nReferences: <{root}.{0:x}@{domain}>\n", self.salt()));
        }
        if let Some((id, _)) = list_of(self.place.mailbox) {
            headers.push_str(&format!("List-Id: {id}\nPrecedence: list\n"));
        }
        format!("{headers}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}")
    }

    /// Tells the mailboxes' Message-IDs apart.
    fn salt(&self) -> u64 {
        Random::new(self.seed, self.place, 0).0
    }

    fn pattern(&self, random: &mut Random) -> Option<(&'static str, &'static str, &'static str)> {
        let kind = if list_of(self.place.mailbox).is_some() { self.place.mailbox } else { self.place.account };
        let is_mine = self.place.mailbox == "Sent";
        let fitting: Vec<_> = PATTERNS.iter().filter(|(of, from, ..)| *of == kind && (!is_mine || is_person(from))).collect();
        random.pick(&fitting).map(|(_, from, subject, body)| (*from, *subject, *body))
    }

    /// Who answers: somebody else of the same circle.
    fn other(&self, from: &'static str, random: &mut Random) -> &'static str {
        let others = (0..12).filter_map(|_| self.pattern(random)).map(|(other, ..)| other);
        others.filter(|other| is_person(other)).find(|other| *other != from).unwrap_or(from)
    }

    /// Me, and whom mail here is for.
    fn people(&self) -> (&'static str, &'static str) {
        match (self.place.account, self.place.mailbox) {
            (_, "Lists/rust-users") => ("me", "rust"),
            (_, "Lists/kernel") => ("me", "Tidal kernel <kernel@lists.tidal.example>"),
            ("work", _) => ("me", "team"),
            _ => ("robin", "robin"),
        }
    }
}

/// Robots and offices write, but nobody answers them, nor they anybody.
fn is_person(from: &str) -> bool {
    from != "robot" && (!from.contains('<') || from.starts_with("Aunt"))
}

fn capital(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => text,
    }
}

fn filled(pattern: &str, random: &mut Random) -> String {
    let mut out = String::with_capacity(pattern.len() + 32);
    let mut rest = pattern;
    while let Some((before, (slot, after))) = rest.split_once('{').and_then(|(before, slot)| Some((before, slot.split_once('}')?))) {
        out.push_str(before);
        match slot {
            "number" => out.push_str(&(1000 + random.below(4000)).to_string()),
            "few" => out.push_str(&(2 + random.below(9)).to_string()),
            _ => out.push_str(SLOTS.iter().find(|(name, _)| *name == slot).and_then(|(_, words)| random.pick(words)).unwrap_or_default()),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
