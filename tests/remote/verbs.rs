//! What each verb does to the mailbox, as a second client sees it.

use postrider::config::Security;
use postrider::mail::server::Window;
use postrider::mail::{FlagBits, Flags, Key, Keywords, Role, Uid};
use postrider::remote::imap::session::Session;
use postrider::remote::{Connect, Remote, RemoteError};

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD, SPECIAL_USE};
use crate::{account, message};

fn keys(uids: &[u32]) -> Vec<Key> {
    uids.iter().map(|uid| Key::Uid(Uid(*uid))).collect()
}

/// A second client at a user's fresh mailbox with messages 1..=count.
fn filled(dovecot: &Dovecot, user: &str, count: u32) -> SecondClient {
    let mut other = SecondClient::login(dovecot.imap_port, user, PASSWORD);
    for number in 1..=count {
        other.append("INBOX", "", &message(number, 3));
    }
    other
}

async fn connected(dovecot: &Dovecot, user: &str) -> Session {
    account(dovecot, user, Security::Tls).connect(Some("INBOX")).await.expect("sign-in")
}

#[tokio::test]
async fn newest_is_newest_first_whatever_the_security() {
    let dovecot = Dovecot::shared();
    filled(&dovecot, "newest", 12);
    for security in [Security::Tls, Security::StartTls, Security::Plaintext] {
        let mut remote = account(&dovecot, "newest", security).connect(Some("INBOX")).await.expect("sign-in");
        let (opened, messages) = remote.newest("INBOX", 5).await.unwrap();
        assert_eq!((opened.exists, opened.uid_next, opened.read_only), (12, Some(13), false));
        assert!(opened.uid_validity.is_some());
        let found: Vec<Key> = messages.iter().map(|message| message.key.clone()).collect();
        assert_eq!(found, keys(&[12, 11, 10, 9, 8]), "{security:?}");
        let header = String::from_utf8(messages[0].header.clone()).unwrap();
        assert!(header.contains("number 12") && header.contains("Content-Type"), "{header}");
        assert!(messages[0].received > 1_700_000_000 && messages[0].size > 100);
        assert_eq!(remote.newest("INBOX", 100).await.unwrap().1.len(), 12);
        assert!(matches!(remote.open("no such").await, Err(RemoteError::Gone(_))));
        remote.close().await;
    }
}

#[tokio::test]
async fn an_empty_mailbox_has_no_newest() {
    let dovecot = Dovecot::shared();
    let mut remote = connected(&dovecot, "empty").await;
    assert_eq!(remote.newest("INBOX", 40).await.unwrap().1, []);
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap(), []);
}

#[tokio::test]
async fn flags_and_headers_keep_to_the_window() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "window", 6);
    other.store("INBOX", "2", "+FLAGS", "\\Seen \\Flagged $Forwarded work");
    let mut remote = connected(&dovecot, "window").await;
    let flags = remote.flags("INBOX", Window { low: 2, high: 4 }).await.unwrap();
    assert_eq!(flags.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), keys(&[2, 3, 4]));
    let expect = FlagBits::SEEN.with(FlagBits::FLAGGED).with(FlagBits::FORWARDED);
    assert_eq!((flags[0].1.bits, flags[0].1.keywords.as_str()), (expect, "work"));
    // RFC 9051: n:* gives the last message whatever n is.
    assert_eq!(remote.flags("INBOX", Window { low: 100, high: u32::MAX }).await.unwrap(), []);
    assert_eq!(remote.headers_in("INBOX", Window { low: 5, high: u32::MAX }).await.unwrap().len(), 2);
    let headers = remote.headers("INBOX", &keys(&[3, 99, 1])).await.unwrap();
    assert_eq!(headers.iter().map(|message| message.key.clone()).collect::<Vec<_>>(), keys(&[1, 3]));
    assert_eq!(remote.headers("INBOX", &[]).await.unwrap(), []);
}

#[tokio::test]
async fn bodies_are_whole_where_small_and_hold_the_text_where_large() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "bodies", 1);
    let attachment = "QUJD".repeat(19).to_owned() + "\r\n";
    let large = format!(
        "Message-ID: <large@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{}--b\r\n\
         Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        "line of text that is long enough to count\r\n".repeat(5000),
        attachment.repeat(5000)
    );
    other.append("INBOX", "", &large);
    other.append("INBOX", "", &message(3, 10_000));
    let mut remote = connected(&dovecot, "bodies").await;
    let bodies = remote.bodies("INBOX", &keys(&[1, 2, 3, 77])).await.unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(bodies[0].whole && bodies[0].bytes == message(1, 3).into_bytes());
    assert!(!bodies[1].whole && bodies[1].bytes.len() > 5000 * 43 && large.as_bytes().starts_with(&bodies[1].bytes));
    let parts: Vec<_> = bodies[1].parts.iter().map(|part| (part.number.as_str(), part.name.as_deref(), part.is_attachment)).collect();
    assert_eq!(parts, [("1", None, false), ("2", Some("a.pdf"), true)]);
    assert!(bodies[2].whole && bodies[2].bytes == message(3, 10_000).into_bytes());

    let key = &keys(&[2])[0];
    let part = remote.slice("INBOX", key, Some("2"), 0, 1 << 20).await.unwrap();
    // The line end before a boundary belongs to the boundary.
    assert_eq!(part.len(), attachment.len() * 5000 - 2);
    assert_eq!(remote.slice("INBOX", key, Some("2"), part.len() as u64 - 4, 100).await.unwrap().len(), 4);
    let size = large.len() as u64;
    assert_eq!(remote.slice("INBOX", key, None, size - 8, 100).await.unwrap(), b"\n--b--\r\n");
    assert!(remote.slice("INBOX", key, Some("1]"), 0, 1).await.is_err());
    assert!(remote.slice("INBOX", &keys(&[77])[0], None, 0, 1).await.is_err());
    assert!(other.messages("INBOX").iter().all(|message| message.flags.is_empty()), "reading marks nothing");
}

#[tokio::test]
async fn flags_are_added_and_removed_and_gone_messages_are_no_error() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "store", 4);
    let mut remote = connected(&dovecot, "store").await;
    let add = Flags { bits: FlagBits::SEEN.with(FlagBits::FORWARDED), keywords: Keywords::new(["work"]) };
    remote.store_flags("INBOX", &keys(&[1, 2, 3, 88]), &add, &Flags::default()).await.unwrap();
    remote.store_flags("INBOX", &keys(&[2]), &Flags::bits(FlagBits::FLAGGED), &add).await.unwrap();
    let flags: Vec<Vec<String>> = other.messages("INBOX").into_iter().map(|message| message.flags).collect();
    assert_eq!(flags, [vec!["$Forwarded", "\\Seen", "work"], vec!["\\Flagged"], vec!["$Forwarded", "\\Seen", "work"], vec![]]);
}

#[tokio::test]
async fn moved_and_copied_messages_tell_their_new_keys() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "move", 5);
    let mut remote = connected(&dovecot, "move").await;
    assert!(remote.abilities().atomic_move && remote.abilities().push && remote.abilities().exact_delete);
    let moved = remote.move_to("INBOX", &keys(&[2, 4, 66]), "Archive").await.unwrap();
    assert_eq!(moved.len(), 2);
    let copied = remote.copy_to("INBOX", &keys(&[1]), "Archive").await.unwrap();
    let archive = other.messages("Archive");
    for ((old, new), id) in moved.iter().chain(&copied).zip(["m2@example.org", "m4@example.org", "m1@example.org"]) {
        let uid = new.as_ref().and_then(Key::uid).unwrap();
        assert!(archive.iter().any(|message| message.uid == uid.0 && message.message_id == id), "{old:?} {new:?} {archive:?}");
    }
    assert_eq!(other.messages("INBOX").iter().map(|message| message.uid).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(remote.move_to("INBOX", &keys(&[66]), "Archive").await.unwrap(), []);
    assert!(matches!(remote.move_to("INBOX", &keys(&[1]), "nowhere").await, Err(RemoteError::Gone(_))));
}

#[tokio::test]
async fn delete_takes_exactly_the_named_messages() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "delete", 4);
    other.store("INBOX", "1", "+FLAGS", "\\Deleted");
    let mut remote = connected(&dovecot, "delete").await;
    remote.delete("INBOX", &keys(&[2, 3, 55])).await.unwrap();
    assert_eq!(other.messages("INBOX").iter().map(|message| message.uid).collect::<Vec<_>>(), [1, 4]);
}

#[tokio::test]
async fn appended_messages_have_flags_date_and_a_key_and_are_found() {
    let dovecot = Dovecot::shared();
    let mut remote = connected(&dovecot, "append").await;
    let flags = Flags { bits: FlagBits::SEEN.with(FlagBits::DRAFT), keywords: Keywords::new(["x"]) };
    let text = message(7, 20_000);
    let key = remote.append("Drafts", text.clone().into_bytes(), &flags, 1_700_000_000).await.unwrap().unwrap();
    assert_eq!(remote.find("Drafts", "m7@example.org").await.unwrap(), std::slice::from_ref(&key));
    assert_eq!(remote.find("Drafts", "none@example.org").await.unwrap(), []);
    assert!(remote.find("Drafts", "a\r\nb").await.is_err());
    let headers = remote.headers("Drafts", std::slice::from_ref(&key)).await.unwrap();
    assert_eq!((headers[0].received, headers[0].size, &headers[0].flags), (1_700_000_000, text.len() as u64, &flags));
    assert!(remote.append("nowhere", b"x".to_vec(), &flags, 0).await.is_err());
    assert!(remote.open("Drafts").await.is_ok(), "a refused literal leaves the connection in step");
}

#[tokio::test]
async fn mailboxes_have_names_roles_and_counts() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "list", 3);
    other.store("INBOX", "1", "+FLAGS", "\\Seen");
    other.command("CREATE \"Entw&APw-rfe.a b\"");
    other.command("CREATE \"x &- y\"");
    let mut remote = connected(&dovecot, "list").await;
    let mailboxes = remote.mailboxes().await.unwrap();
    let find = |name: &str| mailboxes.iter().find(|mailbox| mailbox.name == name).unwrap_or_else(|| panic!("{name} in {mailboxes:?}"));
    let inbox = find("Inbox");
    assert_eq!((inbox.role, inbox.total, inbox.unread, inbox.wire_name.as_str()), (Some(Role::Inbox), Some(3), Some(2), "INBOX"));
    assert_eq!(SPECIAL_USE.iter().filter(|name| find(name).role.is_some()).count(), SPECIAL_USE.len());
    for name in ["Entwürfe/a b", "x & y"] {
        let wire = find(name).wire_name.clone();
        assert_eq!(remote.open(&wire).await.unwrap().exists, 0, "{name}");
    }
}

#[tokio::test]
async fn a_new_uid_validity_is_gone_until_it_was_told() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("ada", "", message(1, 1).as_bytes());
    let account = account(&dovecot, "ada", Security::Plaintext);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    let before = remote.open("INBOX").await.unwrap();
    remote.close().await;
    dovecot.stop();
    let list = dovecot.maildir("ada").join("dovecot-uidlist");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replacen(&format!("V{}", before.uid_validity.unwrap().0), "V7", 1)).unwrap();
    for name in ["dovecot.index", "dovecot.index.log", "dovecot.index.cache"] {
        let _ = std::fs::remove_file(dovecot.maildir("ada").join(name));
    }
    dovecot.restart();
    let mut remote = account.connect(None).await.unwrap();
    assert!(matches!(remote.delete("INBOX", &keys(&[1])).await, Err(RemoteError::Gone(_))));
    assert_ne!(remote.open("INBOX").await.unwrap().uid_validity, before.uid_validity);
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap().len(), 1, "nothing was deleted");
}

#[tokio::test]
async fn mailboxes_are_made_renamed_with_what_is_below_and_deleted_only_while_empty() {
    let dovecot = Dovecot::shared();
    let mut other = filled(&dovecot, "folders", 0);
    let mut remote = connected(&dovecot, "folders").await;
    let names = async |remote: &mut Session| {
        let all = remote.mailboxes().await.unwrap().into_iter();
        let mut names: Vec<String> = all.map(|one| one.name).filter(|name| name.starts_with("Größe") || name.starts_with("Neu")).collect();
        names.sort();
        names
    };
    names(&mut remote).await;
    let delimiter = remote.delimiter().unwrap();
    let (top, below, new) = ("Gr&APYA3w-e".to_owned(), format!("Gr&APYA3w-e{delimiter}a"), "Neu".to_owned());
    for wire in [&top, &below] {
        remote.create(wire).await.unwrap();
        remote.create(wire).await.expect("again");
    }
    assert_eq!(names(&mut remote).await, ["Größe", "Größe/a"]);
    other.append(&below, "", &message(1, 3));
    // the one that is open here, too
    remote.open(&top).await.unwrap();
    remote.rename_mailbox(&top, &new).await.unwrap();
    assert_eq!(names(&mut remote).await, ["Neu", "Neu/a"]);
    assert!(matches!(remote.rename_mailbox(&top, &new).await, Err(RemoteError::Gone(_) | RemoteError::Rejected(_))));
    let below = format!("Neu{delimiter}a");
    assert!(matches!(remote.delete_mailbox(&below).await, Err(RemoteError::Rejected(why)) if why.contains("1 messages")));
    assert_eq!(remote.open(&below).await.unwrap().exists, 1);
    remote.store_flags(&below, &keys(&[1]), &Flags::bits(FlagBits::SEEN), &Flags::default()).await.unwrap();
    remote.delete(&below, &keys(&[1])).await.unwrap();
    remote.delete_mailbox(&below).await.unwrap();
    let again = remote.delete_mailbox(&below).await;
    assert!(matches!(again, Err(RemoteError::Gone(_))), "{again:?}");
    remote.subscribe("INBOX", false).await.unwrap();
    remote.subscribe("INBOX", true).await.unwrap();
    remote.delete_mailbox(&new).await.unwrap();
    assert_eq!(names(&mut remote).await, Vec::<String>::new());
}
