//! What POP3 servers and lines are known to do to mail, one named test each.

use postrider::config::Leave;
use postrider::remote::RemoteError;

use crate::server::{Act, Maildrop, message};
use crate::{Client, files, letter, letters, maildrop, sorted};

#[tokio::test]
async fn without_unique_ids_mail_is_fetched_once_and_never_deleted_and_that_is_said() {
    let sent = letters(4);
    let server = maildrop(&sent);
    server.state().has_uidl = false;
    let mut client = Client::new();
    for _ in 0..3 {
        client.fetch(&server, Leave::Never).await.unwrap();
        client.days_pass(400);
    }
    assert_eq!(client.bodies(), sorted(&sent));
    assert_eq!((server.ids().len(), server.count("DELE"), server.count("RETR")), (4, 0, 4));
    assert!(client.told.iter().any(|text| text.contains("no unique-ids") && text.contains("never deleted")), "{:?}", client.told);
    server.state().messages.push(message("", &letter(5)));
    server.state().messages.remove(0);
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies().len(), server.count("RETR")), (5, 5));
    assert_eq!(client.rows(&server).len(), 4, "the one that went is forgotten");
}

#[tokio::test]
async fn without_unique_ids_and_without_top_the_whole_message_tells() {
    let sent = letters(3);
    let server = maildrop(&sent);
    (server.state().has_uidl, server.state().has_top) = (false, false);
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 3));
}

#[tokio::test]
async fn a_server_that_loses_its_unique_ids_for_a_day_brings_no_mail_twice_and_one_that_gets_them_neither() {
    let sent = letters(3);
    let server = maildrop(&sent);
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    let server = maildrop(&sent);
    client.fetch_as("other", &server, Leave::Always).await.unwrap();
    server.state().has_uidl = false;
    assert!(matches!(client.fetch_as("other", &server, Leave::Always).await, Err(RemoteError::NotNow(text)) if text.contains("UIDL")));
    assert_eq!(client.bodies_of("other"), sorted(&sent));
    client.fetch_as("third", &server, Leave::Never).await.unwrap();
    server.state().has_uidl = true;
    client.fetch_as("third", &server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies_of("third"), server.ids().len()), (sorted(&sent), 0));
}

#[tokio::test]
async fn unique_ids_that_are_reused_doubled_or_renumbered_lose_no_mail_and_double_none() {
    let server = Maildrop::start(&[("a", &letter(1)), ("b", &letter(2)), ("c", &letter(3))]);
    let mut client = Client::new();
    client.fetch(&server, Leave::Always).await.unwrap();
    // renumbered: another order, one gone, one new
    server.state().messages = vec![message("c", &letter(3)), message("d", &letter(4)), message("a", &letter(1))];
    client.fetch(&server, Leave::Always).await.unwrap();
    assert_eq!((client.bodies().len(), server.count("RETR")), (4, 4));
    // reused: the same unique-id for another message
    let long = [&letter(5)[..], b"more\r\n"].concat();
    server.state().messages = vec![message("c", &long)];
    client.fetch(&server, Leave::Always).await.unwrap();
    assert_eq!(client.bodies().len(), 5);
    // doubled: two messages of one unique-id, one of them known
    server.state().messages = vec![message("c", &long), message("c", &letter(6)), message("e", &letter(7))];
    for _ in 0..2 {
        client.fetch(&server, Leave::Never).await.unwrap();
    }
    let mut expect: Vec<Vec<u8>> = [1, 2, 3, 4, 6, 7].map(letter).into();
    expect.push(long);
    expect.sort();
    assert_eq!(client.bodies(), expect);
    assert_eq!(server.ids().into_iter().collect::<Vec<_>>(), ["c"], "what can't be told apart is not deleted");
}

#[tokio::test]
async fn no_number_is_deleted_that_was_not_matched_by_unique_id_and_size_in_this_session() {
    let server = Maildrop::start(&[("a", &letter(1)), ("b", &letter(2))]);
    let mut client = Client::new();
    client.fetch(&server, Leave::Days(14)).await.unwrap();
    client.days_pass(30);
    // number 1 is another message now, and "b" has another size: neither may go
    let longer = [&letter(2)[..], b"more\r\n"].concat();
    server.state().messages = vec![message("x", &letter(9)), message("b", &longer), message("a", &letter(1))];
    client.fetch(&server, Leave::Days(14)).await.unwrap();
    assert_eq!(server.ids().into_iter().collect::<Vec<_>>(), ["b", "x"]);
    assert_eq!(server.state().heard.iter().filter(|line| line.starts_with("DELE")).collect::<Vec<_>>(), ["DELE 3"]);
    assert_eq!(client.bodies().len(), 4);
}

/// 30 bodies that were got wrong somewhere before.
fn odd_bodies() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 26] = [
        b"",
        b".\r\n",
        b"..\r\n",
        b"...\r\n",
        b".\r\n.\r\n",
        b"a\r\n.\r\nb\r\n",
        b".a\r\n..b\r\n...c\r\n",
        b"a\n.\nb\r\n",
        b"a\n.\r\nb\r\n",
        b"a\r.\rb\r\n",
        b"a\r\r\n.\r\r\n",
        b"\r\n\r\n\r\n",
        b"\n\n\n\r\n",
        b"\r\r\r\r\n",
        b"no end",
        b"no end but CR\r",
        b"no end but LF\n",
        b"ends in a dot\r\n.",
        b".",
        b"..",
        b"\x00\x00\x00\r\n",
        b"\xff\xfe\xfd\r\n",
        b"+OK 3 messages\r\n-ERR no\r\n",
        b"From me to you\r\n>From\r\n",
        b" . \r\n\t.\r\n",
        b"\r\n.\r\n+OK\r\n.\r\nQUIT\r\n",
    ];
    let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    bodies.push(all.clone());
    bodies.push([&all[..], b"\r\n"].concat());
    bodies.push(all.iter().flat_map(|octet| [*octet, b'\r', b'\n', b'.', *octet, b'\r', b'\n']).collect());
    bodies.push([b"x".repeat(100_000), b"\r\n".to_vec(), b".".repeat(70_000), b"\r\n".to_vec()].concat());
    assert_eq!(bodies.len(), 30);
    bodies.into_iter().enumerate().map(|(number, body)| [format!("Subject: {number}\r\n\r\n").into_bytes(), body].concat()).collect()
}

#[tokio::test]
async fn thirty_odd_bodies_arrive_octet_by_octet() {
    let bodies = odd_bodies();
    for pipelining in [true, false] {
        let sent: Vec<(String, Vec<u8>)> = bodies.iter().enumerate().map(|(number, body)| (format!("u{number}"), body.clone())).collect();
        let server = maildrop(&sent);
        if !pipelining {
            server.state().caps = None;
        }
        let mut client = Client::new();
        client.fetch(&server, Leave::Never).await.unwrap();
        assert_eq!(client.bodies(), sorted(&sent));
        assert_eq!(server.ids().len(), 0);
    }
}

#[tokio::test]
async fn a_message_without_its_end_is_neither_kept_nor_deleted() {
    for end in [&b""[..], b"\r\n", b"\r\n.", b"\r\n.\r", b"\n.\n"] {
        let server = Maildrop::start(&[("a", &letter(1))]);
        let half = [b"+OK\r\nSubject: half\r\n\r\nhalf", end].concat();
        server.state().acts = vec![("RETR 1".into(), Act::Last(half))];
        let mut client = Client::new();
        let error = client.fetch(&server, Leave::Never).await.unwrap_err();
        assert!(matches!(error, RemoteError::Offline(_)), "{error:?}");
        assert!(files(&client.maildir("work")).is_empty() && client.rows(&server).is_empty());
        assert_eq!((server.ids().len(), server.count("DELE")), (1, 0));
    }
}

#[tokio::test]
async fn a_quit_whose_answer_is_lost_brings_no_mail_twice() {
    let sent = letters(5);
    for act in [Act::Last(Vec::new()), Act::Say(b"-ERR some deleted messages not removed\r\n".to_vec())] {
        let server = maildrop(&sent);
        server.state().acts = vec![("QUIT".into(), act)];
        let mut client = Client::new();
        let _ = client.fetch(&server, Leave::Never).await;
        assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 5), "nothing was committed");
        server.state().acts.clear();
        client.fetch(&server, Leave::Never).await.unwrap();
        assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 0));
    }
}

#[tokio::test]
async fn every_octet_value_comes_through_in_bodies_headers_and_is_deleted_nowhere_before_it_is_safe() {
    let all: Vec<u8> = (0..=255).collect();
    let body = [b"Subject: \xff\xe9 raw\r\nX: \x80\x81\r\n\r\n", &all[..], b"\r\n"].concat();
    let server = Maildrop::start(&[("a\x7e!", &body)]);
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len()), (vec![body], 0));
}
