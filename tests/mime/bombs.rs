//! Messages made to take all of the memory or the time, each opened in a process of its own, whose memory is read when it is
//! done. Made here, not kept: they are repetitions. `POSTRIDER_FULL=1` makes them eight times as large.

use super::support::{VIEW, check};
use postrider::mail::MessageId;
use postrider::mime;
use std::process::Command;
use std::time::Instant;

/// Memory beyond the message itself, in kB.
const MAX_MEMORY: u64 = 300_000;

/// A name, how often the unit is repeated, and the message.
type Bomb = (&'static str, usize, fn(usize) -> String);

fn html(body: &str) -> String {
    format!("From: a@x.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}")
}

fn plain(body: &str) -> String {
    format!("From: a@x.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}")
}

fn header(fields: &str) -> String {
    format!("{fields}\r\n\r\nbody")
}

fn mixed(body: &str) -> String {
    format!("From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{body}\r\n--b--\r\n")
}

fn part(fields: &str, body: &str) -> String {
    mixed(&format!("--b\r\n{fields}\r\n\r\n{body}"))
}

const BOMBS: &[Bomb] = &[
    // depth
    ("multiparts 10 deep", 1, |n| deep(10 * n)),
    ("multiparts 1,000 deep", 125, |n| deep(8 * n)),
    ("multiparts 200,000 deep", 25_000, deep),
    ("messages 1,000 deep", 125, |n| "Content-Type: message/rfc822\r\n\r\n".repeat(8 * n)),
    ("messages 200,000 deep", 25_000, |n| "Content-Type: message/rfc822\r\n\r\n".repeat(n)),
    ("digests 200,000 deep", 25_000, |n| "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(n)),
    ("alternatives deep", 25_000, |n| "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n".repeat(n)),
    // number
    ("parts", 60_000, |n| mixed(&"--b\r\n\r\nx\r\n".repeat(n))),
    ("named parts", 60_000, |n| mixed(&"--b\r\nContent-Type: a/b; name=\"=?utf-8?q?x?=\"\r\n\r\nx\r\n".repeat(n))),
    ("html parts", 10_000, |n| mixed(&"--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n".repeat(n))),
    ("calendar parts", 10_000, |n| mixed(&"--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n".repeat(n))),
    ("boundaries without parts", 250_000, |n| mixed(&"--b\r\n".repeat(n))),
    ("header fields", 60_000, |n| header(&"X: y\r\n".repeat(n))),
    ("From fields", 60_000, |n| header(&"From: a@x.example\r\n".repeat(n))),
    ("Received fields", 60_000, |n| header(&"Received: from a by b; Mon, 1 Jan 2024 10:00:00 +0000\r\n".repeat(n))),
    ("broken header lines", 60_000, |n| header(&"broken\r\nSubject: x\r\n".repeat(n))),
    ("blank header lines", 60_000, |n| header(&" \r\nSubject: x\r\n".repeat(n))),
    ("Authentication-Results", 60_000, |n| header(&"Authentication-Results: x; dkim=pass\r\n".repeat(n))),
    // length
    ("a long header", 8_000_000, |n| header(&format!("Subject: {}", "a".repeat(n)))),
    ("a long header in folds", 2_000_000, |n| header(&format!("Subject: {}", "a\r\n ".repeat(n)))),
    ("a long line", 8_000_000, |n| plain(&"a".repeat(n))),
    ("a long line of words", 4_000_000, |n| plain(&"a ".repeat(n))),
    ("a long wide line", 1_000_000, |n| plain(&"語".repeat(n))),
    ("a long html line", 4_000_000, |n| html(&"a ".repeat(n))),
    ("empty lines", 8_000_000, |n| plain(&"\n".repeat(n))),
    ("blanks", 8_000_000, |n| plain(&" ".repeat(n))),
    ("tabs", 1_000_000, |n| plain(&"\t".repeat(n))),
    ("a long boundary", 1_000_000, |n| header(&format!("Content-Type: multipart/mixed; boundary={}", "b".repeat(n)))),
    ("an attachment", 12_000_000, |n| part("Content-Type: a/b\r\nContent-Transfer-Encoding: base64", &"QUFB".repeat(n / 4))),
    ("an encoded text", 12_000_000, |n| part("Content-Transfer-Encoding: base64", &"QUFB".repeat(n / 4))),
    ("a quoted-printable text", 8_000_000, |n| part("Content-Transfer-Encoding: quoted-printable", &"=41".repeat(n / 3))),
    ("a uuencoded file", 100_000, |n| plain(&format!("begin 644 x\n{}", "#0V%T\n".repeat(n)))),
    ("uuencoded files", 50_000, |n| plain(&"begin 644 x\n#0V%T\nend\n".repeat(n))),
    // structured fields
    ("semicolons in an address field", 125_000, |n| header(&format!("To: {}", ";".repeat(8 * n)))),
    ("parentheses in an address field", 125_000, |n| header(&format!("To: {}", "(".repeat(8 * n)))),
    ("quotes in an address field", 125_000, |n| header(&format!("To: {}", "\"".repeat(8 * n)))),
    ("groups", 125_000, |n| header(&format!("To: {}", "a:".repeat(n)))),
    ("addresses", 125_000, |n| header(&format!("To: {}", "a@x.example,".repeat(n)))),
    ("encoded words", 60_000, |n| header(&format!("Subject: {}", "=?utf-8?q?a?= ".repeat(n)))),
    ("open encoded words", 125_000, |n| header(&format!("Subject: {}", "=?utf-8?q?".repeat(n)))),
    ("parameters", 60_000, |n| header(&format!("Content-Type: text/plain{}", "; a=b".repeat(n)))),
    ("continued parameters", 60_000, |n| header(&format!("Content-Type: text/plain{}", "; a*1*=b".repeat(n)))),
    ("references", 60_000, |n| header(&format!("References: {}", "<a@b> ".repeat(n)))),
    ("ways to leave a list", 60_000, |n| header(&format!("List-Unsubscribe: {}", "<https://x.example/>, ".repeat(n)))),
    // HTML
    ("divs", 25_000, |n| html(&"<div>".repeat(n))),
    ("tables", 25_000, |n| html(&"<table><tr><td>".repeat(n))),
    ("table rows", 25_000, |n| html(&format!("<table>{}", "<tr><td>x<td>y".repeat(n)))),
    ("table columns", 25_000, |n| html(&format!("<table><tr>{}", "<td>x".repeat(n)))),
    ("wide spans", 2_500, |n| html(&format!("<table>{}", "<tr><td colspan=1000000000>x<td>y".repeat(n)))),
    ("lists", 25_000, |n| html(&"<ul><li>".repeat(n))),
    ("quotes", 25_000, |n| html(&"<blockquote>".repeat(n))),
    ("links", 25_000, |n| html(&"<a href=https://x.example/>x".repeat(n))),
    ("wrapped links", 5_000, |n| html(&"<a href='https://www.google.com/url?q=https://www.google.com/url?q=x'>x</a>".repeat(n))),
    ("angle brackets", 250_000, |n| html(&"<".repeat(n))),
    ("attributes", 125_000, |n| html(&format!("<p {}>x", "a=b ".repeat(n)))),
    ("open comments", 60_000, |n| html(&"<!-- ".repeat(n))),
    ("entities", 250_000, |n| html(&"&amp;".repeat(n))),
    ("style rules", 60_000, |n| html(&format!("<style>{}</style>{}", ".a{display:none}".repeat(n), "<p class=a>".repeat(n / 10)))),
    ("open braces", 125_000, |n| html(&format!("<style>{}</style>x", "{".repeat(n)))),
    // one cell
    ("marks on one letter", 125_000, |n| plain(&format!("a{}", "\u{301}".repeat(n)))),
    ("joined letters", 60_000, |n| plain(&"\u{200d}\u{1f469}".repeat(n))),
    ("marks in html", 125_000, |n| html(&format!("a{}", "\u{301}".repeat(n)))),
    ("quote marks", 125_000, |n| plain(&">".repeat(n))),
    ("quoted lines", 125_000, |n| plain(&"> a\n".repeat(n))),
];

fn deep(levels: usize) -> String {
    (0..levels).map(|level| format!("Content-Type: multipart/mixed; boundary=\"{level}\"\r\n\r\n--{level}\r\n")).collect()
}

fn scale() -> usize {
    if std::env::var_os("POSTRIDER_FULL").is_some() { 8 } else { 1 }
}

/// The most memory this process had, in kB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Opens the bomb that `POSTRIDER_BOMB` names, in a process of its own; without it there is nothing to open.
#[test]
fn one_bomb() {
    let Ok(name) = std::env::var("POSTRIDER_BOMB") else { return };
    let (_, count, make) = BOMBS.iter().find(|(known, ..)| *known == name).unwrap();
    let message = make(count * scale());
    let before = peak_memory();
    let started = Instant::now();
    mime::envelope(message.as_bytes());
    let page = mime::page(MessageId(1), message.as_bytes(), true, &[], VIEW, &Default::default());
    let took = started.elapsed();
    check(&page);
    println!("bomb: {} ms {} kB", took.as_millis(), peak_memory().saturating_sub(before));
}

#[test]
fn no_bomb_takes_the_memory_or_the_process() {
    assert!(BOMBS.len() >= 60);
    let mut slowest = (0, "");
    let mut largest = (0, "");
    for (name, ..) in BOMBS {
        let child = Command::new(std::env::current_exe().unwrap());
        let output = run(child, name);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {} {}", output.status, String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find_map(|line| line.split_once("bomb: ")).map(|(_, rest)| rest.to_owned());
        let numbers: Vec<u64> = line.iter().flat_map(|line| line.split_whitespace()).filter_map(|word| word.parse().ok()).collect();
        let &[millis, memory] = numbers.as_slice() else { panic!("{name}: {text}") };
        println!("figure: bomb {name}: {millis} ms, {memory} kB");
        assert!(memory < MAX_MEMORY, "{name}: {memory} kB");
        slowest = slowest.max((millis, name));
        largest = largest.max((memory, name));
    }
    println!("figure: bombs: {} of them, at most {} ms ({}), {} kB ({})", BOMBS.len(), slowest.0, slowest.1, largest.0, largest.1);
}

fn run(mut child: Command, name: &str) -> std::process::Output {
    child.args(["--exact", "bombs::one_bomb", "--nocapture"]).env("POSTRIDER_BOMB", name).output().unwrap()
}
