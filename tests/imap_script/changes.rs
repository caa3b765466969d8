//! What changed since a mailbox was last in step: each way of asking, servers that offer what they do not know, and
//! servers that count wrong.

use postrider::mail::UidValidity;
use postrider::mail::server::{Changes, Point};
use postrider::remote::imap::session::Session;

use super::*;

/// Uids below 100, nine messages, changes up to 50.
const KNOWN: Point = Point { uid_validity: UidValidity(7), uid_next: 100, count: 9, mod_seq: Some(50), all: false };

/// Greeting, sign-in, ENABLE and SELECT of a server that counts changes, then `rest`.
fn counting(caps: &str, enabled: &str, state: &str, rest: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ENABLE AUTH=PLAIN] ready
         C: AUTHENTICATE PLAIN *
         C: ENABLE QRESYNC UTF8=ACCEPT
         C: SELECT \"INBOX\"
         S: $1 OK [CAPABILITY IMAP4rev1 ENABLE {caps}] welcome
         S: * ENABLED {enabled}
         S: $2 OK done
         S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)
         S: * OK [UIDVALIDITY 7] x
         {state}
         S: $3 OK [READ-WRITE] open
         {rest}"
    )
}

const SAME: &str = "S: * 9 EXISTS\n S: * OK [UIDNEXT 100] x\n S: * OK [HIGHESTMODSEQ 50] x";
const MORE: &str = "S: * 10 EXISTS\n S: * OK [UIDNEXT 101] x\n S: * OK [HIGHESTMODSEQ 60] x";
const EIGHT: &str = "S: * 8 EXISTS\n S: * OK [UIDNEXT 100] x\n S: * OK [HIGHESTMODSEQ 60] x";

async fn ask(script: &str, known: &Point) -> (Session, Scripted, Option<Changes>) {
    let server = Scripted::start(&[script]).await;
    let mut remote = account(server.port, Security::Plaintext).connect(Some("INBOX")).await.expect("sign-in");
    let changes = remote.changes("INBOX", known).await.expect("changes");
    (remote, server, changes)
}

fn flagged(changes: &Changes) -> Vec<(u32, &str)> {
    let one = |(key, flags): &'_ (Key, Flags)| (key.uid().unwrap().0, flags.bits.names().next().unwrap_or(""));
    changes.flags.iter().map(one).collect()
}

#[tokio::test]
async fn a_mailbox_that_did_not_change_costs_no_question() {
    let (remote, server, changes) = ask(&counting("CONDSTORE QRESYNC", "QRESYNC", SAME, ""), &KNOWN).await;
    let changes = changes.unwrap();
    assert_eq!((changes.mod_seq, changes.flags.len(), changes.vanished.is_empty(), changes.present), (Some(50), 0, true, None));
    drop(remote);
    assert_eq!(server.heard().await.len(), 3);
}

#[tokio::test]
async fn flags_what_vanished_and_new_headers_come_in_one_round_trip() {
    // nothing is answered before both commands were heard; all numbers there are vanish without being counted out
    let rest = "C: UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 50 VANISHED)
        C: UID FETCH 100:* (UID FLAGS INTERNALDATE RFC822.SIZE *
        S: * VANISHED (EARLIER) 20:4294967295,3
        S: * 2 FETCH (UID 5 MODSEQ (58) FLAGS (\\Seen))
        S: * 10 FETCH (UID 100 MODSEQ (61) FLAGS ())
        S: $4 OK done
        S! * 10 FETCH (UID 100 MODSEQ (61) FLAGS () BODY[HEADER.FIELDS (X)] {3}\\r\\nabc)\\r\\n
        S: $5 OK done
        HANG";
    let (_remote, _server, changes) = ask(&counting("CONDSTORE QRESYNC", "QRESYNC", MORE, rest), &KNOWN).await;
    let changes = changes.unwrap();
    assert_eq!(flagged(&changes), [(5, "seen"), (100, "")]);
    assert_eq!(changes.vanished.ranges(), [(3, 3), (20, u32::MAX)]);
    assert_eq!((changes.new.len(), changes.mod_seq, changes.opened.exists), (1, Some(61), 10));
}

#[tokio::test]
async fn another_mailbox_tells_its_changes_as_it_is_opened() {
    let rest = "C: SELECT \"Lists\" (QRESYNC (7 50 1:99))
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: * OK [UIDNEXT 100] x
        S: * OK [HIGHESTMODSEQ 60] x
        S: * VANISHED (EARLIER) 41
        S: * 2 FETCH (UID 5 MODSEQ (58) FLAGS (\\Flagged))
        S: $ OK [READ-WRITE] open
        HANG";
    let (mut remote, _server, _) = ask(&counting("CONDSTORE QRESYNC", "QRESYNC", SAME, rest), &KNOWN).await;
    let changes = remote.changes("Lists", &KNOWN).await.unwrap().unwrap();
    assert_eq!((flagged(&changes), changes.vanished.ranges(), changes.mod_seq), (vec![(5, "flagged")], &[(41, 41)][..], Some(60)));
}

#[tokio::test]
async fn without_vanished_all_uids_are_asked_for_only_where_the_numbers_do_not_add_up() {
    let fetch = "C: UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 50)\n S: * 2 FETCH (UID 5 MODSEQ (58) FLAGS (\\Seen))\n S: $ OK done\n";
    let nine = EIGHT.replace("8 EXISTS", "9 EXISTS");
    let (_remote, _server, changes) = ask(&counting("CONDSTORE ESEARCH", "", &nine, &format!("{fetch} HANG")), &KNOWN).await;
    assert_eq!(changes.map(|changes| (changes.present, changes.mod_seq)), Some((None, Some(60))));
    for (caps, search) in [
        ("CONDSTORE ESEARCH", "C: UID SEARCH RETURN (ALL) ALL\n S: * ESEARCH (TAG \"p5\") UID ALL 1:8\n S: $ OK done\n HANG"),
        ("CONDSTORE", "C: UID SEARCH ALL\n S: * SEARCH 1 2 3 4 5 6 7 8\n S: $ OK done\n HANG"),
        (
            "CONDSTORE ESEARCH",
            "C: UID SEARCH RETURN (ALL) ALL\n S: $ BAD what\n C: UID SEARCH ALL\n S: * SEARCH 1 2 3 4 5 6 7 8\n S: $ OK done\n HANG",
        ),
    ] {
        let (_remote, _server, changes) = ask(&counting(caps, "", EIGHT, &format!("{fetch} {search}")), &KNOWN).await;
        let present = changes.unwrap().present.unwrap();
        assert_eq!(present.ranges(), [(1, 8)], "{search}");
    }
}

/// The answers to a question for all of it: eight messages, the first four read, two with a keyword.
const ALL: &str = "C: UID SEARCH RETURN (ALL) ALL
    C: UID SEARCH RETURN (ALL) SEEN
    C: UID SEARCH RETURN (ALL) FLAGGED
    C: UID SEARCH RETURN (ALL) ANSWERED
    C: UID SEARCH RETURN (ALL) DRAFT
    C: UID SEARCH RETURN (ALL) DELETED
    C: UID SEARCH RETURN (ALL) KEYWORD work
    S: * ESEARCH (TAG \"p4\") UID ALL 1:8
    S: $4 OK done
    S: * ESEARCH (TAG \"p6\") UID
    S: * ESEARCH (TAG \"p5\") UID ALL 1:4
    S: $5 OK done
    S: $6 OK done
    S: * ESEARCH (TAG \"p7\") UID
    S: $7 OK done
    S: * ESEARCH (TAG \"p8\") UID
    S: $8 OK done
    S: * ESEARCH (TAG \"p9\") UID
    S: $9 OK done
    S: * ESEARCH (TAG \"p10\") UID ALL 3,8
    S: $10 OK done
    HANG";

#[tokio::test]
async fn where_changes_are_not_counted_every_flag_is_a_set() {
    let state = "S: * 8 EXISTS\n S: * OK [UIDNEXT 100] x";
    let known = Point { mod_seq: None, ..KNOWN };
    let (_remote, _server, changes) = ask(&counting("ESEARCH", "", state, ALL), &known).await;
    let changes = changes.unwrap();
    assert_eq!(changes.present.unwrap().ranges(), [(1, 8)]);
    let marked: Vec<_> = changes.marked.iter().filter(|(_, uids)| !uids.is_empty()).collect();
    assert_eq!((&marked[0].0, marked[0].1.ranges()), (&Flags::bits(FlagBits::SEEN), &[(1, 4)][..]));
    assert_eq!((marked[1].0.keywords.as_str(), marked[1].1.ranges()), ("work", &[(3, 3), (8, 8)][..]));
    assert_eq!((changes.marked.len(), marked.len()), (6, 2));
}

#[tokio::test]
async fn a_server_that_counts_backwards_or_no_more_is_asked_for_all_of_it() {
    for highest in ["S: * OK [HIGHESTMODSEQ 49] x", "S: * OK [HIGHESTMODSEQ 0] x", "S: * OK [NOMODSEQ] x", ""] {
        let state = format!("S: * 8 EXISTS\n S: * OK [UIDNEXT 100] x\n {highest}");
        let (_remote, _server, changes) = ask(&counting("CONDSTORE QRESYNC ESEARCH", "QRESYNC", &state, ALL), &KNOWN).await;
        assert!(changes.unwrap().present.is_some(), "{highest}");
    }
}

#[tokio::test]
async fn uids_that_mean_something_else_are_not_asked_about() {
    let known = Point { uid_validity: UidValidity(6), ..KNOWN };
    let (remote, server, changes) = ask(&counting("CONDSTORE QRESYNC ESEARCH", "QRESYNC", MORE, ""), &known).await;
    assert_eq!(changes.unwrap(), Changes { opened: remote_opened(10, 101, 60), ..Changes::default() });
    drop(remote);
    assert_eq!(server.heard().await.len(), 3);
}

fn remote_opened(exists: u32, uid_next: u32, mod_seq: u64) -> postrider::mail::server::Opened {
    let uid_validity = Some(UidValidity(7));
    postrider::mail::server::Opened { uid_validity, uid_next: Some(uid_next), exists, read_only: false, mod_seq: Some(mod_seq) }
}

#[tokio::test]
async fn a_server_that_does_not_know_what_it_offers_is_asked_in_the_plain_way_and_asked_so_from_then_on() {
    let lost = "S: * 9 EXISTS\n S: * OK [UIDNEXT 100] x\n S: * OK [HIGHESTMODSEQ 60] x";
    let search = "C: UID SEARCH RETURN (ALL) *\n";
    let bad = |n: usize| format!("S: ${n} BAD what\n");
    let sets = format!("{}{}", search.repeat(7), (6..13).map(bad).collect::<String>());
    for answer in ["BAD what", "NO not here"] {
        let rest = format!(
            "C: UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 50 VANISHED)\n S: $ {answer}\n
             C: UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 50)\n S: $ {answer}\n {sets}
             C: UID FETCH 1:* (UID FLAGS)\n S: * 1 FETCH (UID 3 FLAGS ())\n S: $ OK done\n HANG"
        );
        let (mut remote, _server, changes) = ask(&counting("CONDSTORE QRESYNC ESEARCH", "QRESYNC", lost, &rest), &KNOWN).await;
        assert_eq!(changes, None, "{answer}");
        assert_eq!(remote.changes("INBOX", &KNOWN).await.unwrap(), None, "nothing of it is asked again");
        assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_select_that_is_not_understood_is_said_again_plainly() {
    let rest = "C: SELECT \"Lists\" (QRESYNC (7 50 1:99))
        S: $ BAD what
        C: SELECT \"Lists\"
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: * OK [UIDNEXT 100] x
        S: $ OK [READ-WRITE] open
        HANG";
    let (mut remote, _server, _) = ask(&counting("CONDSTORE QRESYNC", "QRESYNC", SAME, rest), &KNOWN).await;
    assert_eq!(remote.changes("Lists", &KNOWN).await.unwrap(), None);
}

#[tokio::test]
async fn sets_that_can_not_be_right_are_not_believed() {
    let known = Point { mod_seq: None, ..KNOWN };
    for (name, wrong) in [
        ("too many", ALL.replace("UID ALL 1:8", "UID ALL 1:4294967295")),
        ("too few", ALL.replace("UID ALL 1:8", "UID ALL 1:7")),
        ("none", ALL.replace("UID ALL 1:8", "UID")),
        ("no tag", ALL.replace("(TAG \"p5\") ", "")),
        ("a plain answer", ALL.replace("ESEARCH (TAG \"p4\") UID ALL 1:8", "SEARCH 1 2 3 4 5 6 7 8")),
        ("another's tag", ALL.replace("(TAG \"p4\")", "(TAG \"x4\")")),
        ("no answer", ALL.replace("S: * ESEARCH (TAG \"p9\") UID\n", "S: * OK nothing\n")),
        ("a refusal", ALL.replace("S: $9 OK", "S: $9 NO")),
    ] {
        let state = "S: * 8 EXISTS\n S: * OK [UIDNEXT 100] x";
        let (_remote, _server, changes) = ask(&counting("ESEARCH", "", state, &wrong), &known).await;
        assert_eq!(changes, None, "{name}");
    }
}

#[tokio::test]
async fn what_vanishes_while_idle_is_a_hint_and_what_we_moved_is_none() {
    let rest = "C: UID MOVE 1:2 \"Archive\"
        S: * OK [COPYUID 9 1:2 11:12] x
        S: * VANISHED 1:2
        S: $ OK [HIGHESTMODSEQ 70] done
        C: UID STORE 5 +FLAGS.SILENT (\\Seen)
        S: * 3 FETCH (UID 5 MODSEQ (71))
        S: $ OK done
        C: IDLE
        S: + idling
        S: * VANISHED 9
        HANG";
    let (mut remote, _server, _) = ask(&counting("CONDSTORE QRESYNC MOVE UIDPLUS IDLE", "QRESYNC", SAME, rest), &KNOWN).await;
    assert_eq!(remote.move_to("INBOX", &keys(&[1, 2]), "Archive").await.unwrap().len(), 2);
    remote.store_flags("INBOX", &keys(&[5]), &Flags::bits(FlagBits::SEEN), &Flags::default()).await.unwrap();
    // only what another did is told
    assert_eq!(remote.wait("INBOX", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn a_server_that_offers_idle_and_does_not_know_it_is_asked_now_and_then() {
    let rest = "C: IDLE\n S: $ BAD what\n C: NOOP\n S: * 10 EXISTS\n S: $ OK done\n HANG";
    for answer in ["BAD what", "NO not here"] {
        let server = Scripted::start(&[&session("IDLE", &rest.replace("BAD what", answer))]).await;
        let deadlines = Deadlines { poll: Duration::from_millis(20), ..Deadlines::default() };
        let mut remote = account(server.port, Security::Plaintext).with_deadlines(deadlines).connect(Some("INBOX")).await.unwrap();
        remote.open("INBOX").await.unwrap();
        assert_eq!(remote.wait("INBOX", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
        assert!(!remote.abilities().push);
    }
}

#[tokio::test]
async fn a_server_that_offers_uidplus_and_does_not_know_it_deletes_nothing_of_others() {
    let begin =
        "C: UID STORE 2:3 +FLAGS.SILENT (\\Deleted)\n C: UID EXPUNGE 2:3\n S: $3 OK done\n S: $4 BAD what\n C: UID SEARCH DELETED\n";
    let ours = format!("{begin} S: * SEARCH 2 3\n S: $ OK done\n C: EXPUNGE\n S: $ OK done\n HANG");
    let (mut remote, _server) = connected("UIDPLUS", &ours).await;
    remote.delete("INBOX", &keys(&[2, 3])).await.unwrap();
    let others = format!("{begin} S: * SEARCH 2 3 4\n S: $ OK done\n");
    let (mut remote, server) = connected("UIDPLUS", &others).await;
    assert!(matches!(remote.delete("INBOX", &keys(&[2, 3])).await, Err(RemoteError::Rejected(_))));
    assert!(!remote.abilities().exact_delete);
    drop(remote);
    assert!(!server.heard().await.iter().any(|line| line.ends_with(" EXPUNGE")));
}

#[tokio::test]
async fn a_name_is_given_only_to_a_server_that_will_not_go_on_without() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: AUTHENTICATE PLAIN *
        C: SELECT \"INBOX\"
        S: $1 OK [CAPABILITY IMAP4rev1 ID] in
        S: $2 NO SELECT Unsafe Login. Please contact us
        C: SELECT \"INBOX\"
        S: $ NO SELECT Unsafe Login. Please contact us
        C: ID (\"name\" \"postrider\")
        C: SELECT \"INBOX\"
        S: * ID NIL
        S: $4 OK done
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: $5 OK [READ-WRITE] open
        HANG";
    let server = Scripted::start(&[script]).await;
    let mut remote = account(server.port, Security::Plaintext).connect(Some("INBOX")).await.unwrap();
    assert_eq!(remote.open("INBOX").await.unwrap().exists, 9);
}
