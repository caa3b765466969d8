//! What hostile and broken servers do, as transcripts: `tests/scripts/imap/*.txt`, one file a threat, many cases a file. Every
//! case ends within its time (virtual clock) in what it expects: the right answer in spite of it, or an error in words.
//!
//! A case: `== name`, then `each: a | b` (played once with each for `<x>`), `caps:` (offered after sign-in), `raw` (nothing was
//! said before), `do: verb, verb`, `expect: outcome` of the last (`*` matches anything), `within: seconds`; then steps of
//! `support/scripted.rs`. [`outcome`] is how an outcome is written.
//!
//! | threat | file |
//! |---|---|
//! | literals whose size is a lie | `literals.txt` |
//! | lines without an end | `lines.txt` |
//! | answers without an end | `endless.txt` |
//! | silence and drops at any step | `silence.txt` |
//! | a connection that ends inside a literal | `every_octet_of_a_literal_may_be_the_last` below |
//! | changes told in the middle of other answers | `unsolicited.txt` |
//! | uid validity that is missing or changes | `validity.txt` |
//! | uids that can't be | `uids.txt` |
//! | UIDNEXT and APPENDUID that are wrong | `told.txt` |
//! | answers for messages nobody asked for | `strangers.txt` |
//! | abilities that are not there | `abilities.txt` |
//! | lists of mailboxes nobody would make | `lists.txt` |
//! | what real servers say oddly | `quirks.txt` |
//! | messages that can't be read among good ones | `unreadable.txt` |
//! | goodbyes at any step | `goodbye.txt` |
//! | IDLE that hears nothing, or too much | `idle.txt` |
//! | octets of every value | `octets.txt` |
//! | messages that are not taken | `append.txt` |
//! | floods of mail | `floods.txt` |

use std::sync::Arc;
use std::time::Duration;

use postrider::config::Security;
use postrider::mail::mailbox::Role;
use postrider::mail::server::{Moved, Window};
use postrider::mail::{FlagBits, Flags, Key};
use postrider::remote::imap::Account;
use postrider::remote::imap::session::{Deadlines, Session};
use postrider::remote::{Connect, Remote, RemoteError, RemoteMailbox, RemoteMessage, Result};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::scripted::{Pieces, in_memory, matches};
use crate::{account, keys, session};

/// Megabytes that this process may ever have held.
const MOST_MEMORY: u64 = 300;
/// Scripts longer than this are not sent octet by octet.
const SHORT: usize = 4096;

#[derive(Clone, Debug, Default)]
struct Case {
    name: String,
    caps: String,
    raw: bool,
    verbs: Vec<String>,
    expect: String,
    within: u64,
    steps: String,
}

/// The cases of a file, once for each of their variants.
fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in text.split("\n== ").skip(1) {
        let (name, rest) = block.split_once('\n').expect("a case");
        let mut case = Case { name: name.trim().to_owned(), within: 61, ..Case::default() };
        let mut each = vec![String::new()];
        for line in rest.lines() {
            let (word, value) = line.split_once(": ").unwrap_or((line, ""));
            match word {
                "caps" => value.clone_into(&mut case.caps),
                "each" => each = value.split(" | ").map(str::to_owned).collect(),
                "do" => case.verbs = value.split(", ").map(str::to_owned).collect(),
                "expect" => value.clone_into(&mut case.expect),
                "within" => case.within = value.parse().expect("seconds"),
                "raw" => case.raw = true,
                _ => case.steps += &format!("{line}\n"),
            }
        }
        for value in &each {
            let fill = |text: &str| text.replace("<x>", value);
            cases.push(Case {
                name: format!("{} {value}", case.name),
                expect: fill(&case.expect),
                steps: fill(&case.steps),
                caps: fill(&case.caps),
                verbs: case.verbs.iter().map(|verb| fill(verb)).collect(),
                ..case.clone()
            });
        }
    }
    cases
}

/// Plays every case of a file whole and, where it is short, octet by octet.
fn play_all(file: &str, text: &str, least: usize) {
    let cases = cases(text);
    eprintln!("{file}: {} cases", cases.len());
    assert!(cases.len() >= least, "{file}: {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        for pieces in [Pieces::Lines, Pieces::Octets] {
            let is_long =
                case.steps.len() > SHORT || case.steps.contains("S*") || case.steps.contains("0000>") || case.steps.contains("SLOW");
            if pieces == Pieces::Octets && is_long {
                continue;
            }
            let (got, took) = play(case, pieces);
            if !matches(&case.expect, &got) {
                wrong.push(format!("{file}: {} ({pieces:?}): {got}\n    instead of {}", case.name, case.expect));
            }
            if took > Duration::from_secs(case.within) {
                wrong.push(format!("{file}: {} ({pieces:?}): took {took:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let memory = most_memory();
    assert!(memory < MOST_MEMORY, "{file}: {memory} MB");
}

/// The outcome of a case, and the virtual time that it took.
fn play(case: &Case, pieces: Pieces) -> (String, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let script = if case.raw { case.steps.clone() } else { session(&case.caps, &case.steps) };
        let (dial, following) = in_memory(&script, pieces);
        let account = account(1, Security::Plaintext).with_deadlines(Deadlines::default()).through(dial);
        let begun = Instant::now();
        let got = tokio::time::timeout(Duration::from_secs(3600), all(&account, &case.verbs)).await;
        let took = begun.elapsed();
        let following = following.lock().unwrap().take();
        if let Some(Err(panic)) = match following {
            Some(task) => Some(task.await),
            None => None,
        } {
            let why = panic.into_panic();
            return (format!("the script: {:?}", why.downcast_ref::<String>()), took);
        }
        (got.map_or("it never ended".to_owned(), |got| got.unwrap_or_else(|error| sentence(&error))), took)
    })
}

/// Signs in and does all verbs; the outcome of the last.
async fn all(account: &Account, verbs: &[String]) -> Result<String> {
    let mut remote = account.connect(Some("INBOX")).await?;
    // these open it themselves
    if !["open", "newest"].contains(&verbs[0].as_str()) {
        remote.open("INBOX").await?;
    }
    let mut got = String::new();
    for verb in verbs {
        got = outcome(&mut remote, verb).await?;
    }
    Ok(got)
}

/// Kind and words of an error; the words must be for people.
fn sentence(error: &RemoteError) -> String {
    let text = error.to_string();
    assert!(text.split_whitespace().count() >= 3, "{error:?} is no sentence");
    let kind = format!("{error:?}");
    format!("{}: {text}", kind.split('(').next().unwrap_or_default())
}

async fn outcome(remote: &mut Session, verb: &str) -> Result<String> {
    let seen = Flags::bits(FlagBits::SEEN);
    Ok(match verb {
        "open" => remote.open("INBOX").await.map(|opened| format!("{opened:?}"))?,
        "newest" => {
            let (opened, messages) = remote.newest("INBOX", 40).await?;
            format!("{} there; {}", opened.exists, told(&messages))
        }
        "flags" => flags(&remote.flags("INBOX", Window::ALL).await?),
        "flags 5:9" => flags(&remote.flags("INBOX", Window { low: 5, high: 9 }).await?),
        "headers" => told(&remote.headers_in("INBOX", Window::ALL).await?),
        "new" => told(&remote.headers_in("INBOX", Window { low: 100, high: u32::MAX }).await?),
        "fetch 1:3" => told(&remote.headers("INBOX", &keys(&[1, 2, 3])).await?),
        "body 4" => {
            let bodies = remote.bodies("INBOX", &keys(&[4])).await?;
            let body = |body: &postrider::remote::Body| {
                let is_whole = if body.whole { "whole" } else { "not whole" };
                format!("{} {is_whole}: {}", uid(&body.key), String::from_utf8_lossy(&body.bytes).chars().take(60).collect::<String>())
            };
            if bodies.is_empty() { "none".to_owned() } else { bodies.iter().map(body).collect::<Vec<_>>().join("; ") }
        }
        "slice 4" => format!("{} octets", remote.slice("INBOX", &keys(&[4])[0], None, 0, 100).await?.len()),
        "list" => remote.mailboxes().await?.iter().map(listed).collect::<Vec<_>>().join(", "),
        "store 1:2" => remote.store_flags("INBOX", &keys(&[1, 2]), &seen, &Flags::default()).await.map(|()| "done".to_owned())?,
        "move 1:2" => moved(remote.move_to("INBOX", &keys(&[1, 2]), "Archive").await?),
        "copy 1:2" => moved(remote.copy_to("INBOX", &keys(&[1, 2]), "Archive").await?),
        "delete 1:2" => remote.delete("INBOX", &keys(&[1, 2])).await.map(|()| "done".to_owned())?,
        "append" => match remote.append("Sent", b"abc".to_vec(), &seen, 0).await? {
            Some(key) => format!("uid {}", uid(&key)),
            None => "taken".to_owned(),
        },
        "find" => remote.find("INBOX", "a@b").await?.iter().map(uid).collect::<Vec<_>>().join(" "),
        "wait" => format!("{:?}", remote.wait("INBOX", Arc::new(Notify::new())).await?),
        "alert" => remote.alert().unwrap_or_default(),
        other => panic!("no such verb: {other}"),
    })
}

fn uid(key: &Key) -> String {
    key.uid().map(|uid| uid.0.to_string()).unwrap_or_default()
}

fn flags(found: &[(Key, Flags)]) -> String {
    let one = |(key, flags): &(Key, Flags)| format!("{}{}", uid(key), if flags.bits.contains(FlagBits::SEEN) { " seen" } else { "" });
    shortly(found.len(), found.iter().map(one))
}

fn told(found: &[RemoteMessage]) -> String {
    shortly(found.len(), found.iter().map(|one| format!("{}{}", uid(&one.key), if one.header.is_empty() { " without header" } else { "" })))
}

fn shortly(count: usize, each: impl Iterator<Item = String>) -> String {
    let few: Vec<String> = each.take(8).collect();
    format!("{count}: {}", few.join(", "))
}

fn moved(moved: Moved) -> String {
    moved.iter().map(|(old, new)| format!("{}>{}", uid(old), new.as_ref().map_or("?".to_owned(), uid))).collect::<Vec<_>>().join(" ")
}

fn listed(mailbox: &RemoteMailbox) -> String {
    let closed = if mailbox.selectable { "" } else { "!" };
    let role = mailbox.role.filter(|role| *role != Role::Inbox).map(|role| format!(" ({role:?})")).unwrap_or_default();
    format!("{closed}{}{role}", mailbox.name)
}

/// Megabytes that this process held at most so far.
fn most_memory() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

macro_rules! threats {
    ($($test:ident: $file:literal, $least:literal;)*) => {$(
        #[test]
        fn $test() {
            play_all($file, include_str!(concat!("../scripts/imap/", $file, ".txt")), $least);
        }
    )*};
}

threats! {
    a_literal_is_as_large_as_what_came_of_it: "literals", 20;
    a_line_without_end_is_cut_off: "lines", 8;
    answers_without_end_end: "endless", 9;
    silence_and_drops_are_given_up_at_every_step: "silence", 20;
    what_is_told_in_between_harms_no_answer: "unsolicited", 9;
    uids_of_another_validity_are_never_used: "validity", 8;
    uids_that_can_not_be_are_left_out: "uids", 8;
    what_a_server_tells_of_new_uids_is_taken_with_care: "told", 12;
    answers_for_other_messages_are_no_answers: "strangers", 9;
    an_ability_that_is_not_there_costs_itself_only: "abilities", 12;
    every_mailbox_is_listed_once_and_no_name_breaks_a_command: "lists", 9;
    odd_but_known_answers_are_understood: "quirks", 12;
    what_can_not_be_read_costs_itself_only: "unreadable", 6;
    a_goodbye_at_any_step_is_told: "goodbye", 10;
    a_wait_ends_in_news_a_renewal_or_an_error: "idle", 10;
    every_octet_is_taken_everywhere: "octets", 10;
    a_message_that_is_not_taken_says_why: "append", 9;
    floods_of_mail_are_taken: "floods", 3;
}

/// A body of 40 octets, none of them like another, as its answer travels.
fn one_body() -> (Vec<u8>, String) {
    let body: Vec<u8> = (0..40u8).map(|n| n.wrapping_mul(7).wrapping_add(1)).collect();
    let escaped: String = body.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    (body, escaped)
}

#[test]
fn every_octet_of_a_literal_may_be_the_last() {
    let (body, _) = one_body();
    let head = format!("* 4 FETCH (UID 4 RFC822.SIZE {} BODY[]<0> {{{}}}\r\n", body.len(), body.len());
    let answer = [head.as_bytes(), &body, b")\r\np3 OK done\r\n"].concat();
    for end in 0..answer.len() {
        let sent: String = answer[..end].iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let case = Case { verbs: vec!["body 4".into()], steps: format!("C: *\nS! {sent}\nCUT\n"), ..Case::default() };
        let (got, _) = play(&case, Pieces::Lines);
        assert!(matches("Offline: *closed*", &got), "after {end} octets: {got}");
    }
}

/// Texts of a thousand sizes, also around the first stretch that is asked for; of each a part came, by default one part and
/// with `POSTRIDER_FULL=1` twenty.
#[test]
fn no_part_of_a_text_of_any_of_a_thousand_sizes_is_taken_for_the_whole() {
    let parts = if std::env::var_os("POSTRIDER_FULL").is_some() { 20 } else { 1 };
    let mut seed = 1_u64;
    for size in (1..=800).chain(65_436..65_636) {
        let head = format!("* 4 FETCH (UID 4 RFC822.SIZE {size} BODY[]<0> {{{size}}}\r\n");
        for _ in 0..parts {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let came = usize::try_from(seed >> 33).unwrap_or_default() % size;
            let sent: String = head.chars().chain(std::iter::repeat_n('a', came)).collect();
            let sent = sent.replace("\r\n", "\\r\\n");
            let case = Case { verbs: vec!["body 4".into()], steps: format!("C: *\nS! {sent}\nCUT\n"), ..Case::default() };
            let (got, _) = play(&case, Pieces::Lines);
            assert!(matches("Offline: *closed*", &got), "{came} of {size} octets: {got}");
        }
    }
    println!("figure: texts of 1000 sizes, {parts} part(s) of each: none taken for the whole");
}

#[test]
fn a_literal_may_come_in_any_two_pieces() {
    let (body, escaped) = one_body();
    let length = body.len();
    let steps =
        format!("C: *\nS! * 4 FETCH (UID 4 RFC822.SIZE {length} BODY[]<0> {{{length}}}\\r\\n{escaped})\\r\\n$ OK done\\r\\n\nHANG\n");
    let case = Case { verbs: vec!["body 4".into()], steps, ..Case::default() };
    let whole = play(&case, Pieces::Lines).0;
    assert!(whole.starts_with("4 whole: "), "{whole}");
    for at in 0..600 {
        assert_eq!(play(&case, Pieces::Two(at)).0, whole, "after {at} octets");
    }
}
