//! COMPRESS=DEFLATE (RFC 4978) against a server that follows a script: it begins where much is to come, everything works in it,
//! and what grows without end ends the connection with a reason.

use postrider::remote::net::Dial;

use super::*;
use crate::cut::{Counts, Cut, Cuttable, Direction, KINDS};
use crate::scripted::{Pieces, in_memory};

const LARGE: Window = Window { low: 1, high: 900 };

/// Greeting, sign-in and SELECT of a large mailbox, then `rest`.
fn large(rest: &str) -> String {
    session("COMPRESS=DEFLATE IDLE", rest).replace("* 9 EXISTS", "* 1000 EXISTS")
}

/// The server is on this machine, where it has to be asked for.
fn compressing(port: u16) -> Account {
    let server = Server { compress: Some(true), ..server(port) };
    Account::new("test", server).with_deadlines(Deadlines { linger: Duration::ZERO, ..Deadlines::default() })
}

const DIALOGUE: &str = "C: COMPRESS DEFLATE
    S: $ OK compressing
    DEFLATE
    C: UID FETCH 1:900 *
    S: * 3 FETCH (UID 3 FLAGS () RFC822.SIZE 70 BODY[HEADER.FIELDS (SUBJECT)] {14}
    S: Subject: one
    S: )
    S: $ OK done
    C: UID FETCH 1:900 (UID FLAGS)
    S: * 3 FETCH (UID 3 FLAGS (\\Seen))
    S: $ OK done
    C: IDLE
    S: + idling
    S: * 1001 EXISTS
    C: DONE
    C: UID STORE 3 +FLAGS.SILENT (\\Seen)
    S: $6 OK idled
    S: $ OK done";

/// What the dialogue brings: how many headers and flags, and whether the rest went well.
async fn dialogue(remote: &mut Session) -> Result<()> {
    let headers = remote.headers_in("INBOX", LARGE).await?;
    assert_eq!(headers.iter().map(|one| one.header.as_slice()).collect::<Vec<_>>(), [b"Subject: one\r\n"]);
    let flags = remote.flags("INBOX", LARGE).await?;
    assert_eq!(flags, [(Key::Uid(Uid(3)), Flags::bits(FlagBits::SEEN))]);
    remote.wait("INBOX", Arc::new(Notify::new())).await?;
    remote.store_flags("INBOX", &keys(&[3]), &Flags::bits(FlagBits::SEEN), &Flags::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_large_mailbox_is_gone_through_compressed_and_everything_else_after_it() {
    for pieces in [Pieces::Lines, Pieces::Octets] {
        let (dial, following) = in_memory(&large(DIALOGUE), pieces);
        let mut remote = compressing(1).through(dial).connect(Some("INBOX")).await.unwrap();
        remote.open("INBOX").await.unwrap();
        dialogue(&mut remote).await.unwrap();
        let task = following.lock().unwrap().take().unwrap();
        drop(remote);
        let heard = crate::scripted::joined(task).await;
        assert_eq!(heard.iter().filter(|line| line.contains("COMPRESS")).count(), 1, "{heard:?}");
    }
}

#[tokio::test]
async fn it_is_not_asked_for_on_this_machine_nor_for_little_nor_where_it_is_not_there() {
    let fetch = "C: UID FETCH 1:900 *\n S: $ OK done";
    for (name, script, compress) in [
        ("this machine", large(fetch), None),
        ("turned off", large(fetch), Some(false)),
        ("a small mailbox", session("COMPRESS=DEFLATE", fetch), Some(true)),
        ("not offered", large(fetch).replace("COMPRESS=DEFLATE", ""), Some(true)),
        ("refused", large(&format!("C: COMPRESS DEFLATE\n S: $ NO not now\n {fetch}\n {fetch}")), Some(true)),
    ] {
        let scripted = Scripted::start(&[&script]).await;
        let account = Account::new("test", Server { compress, ..server(scripted.port) });
        let mut remote = account.connect(Some("INBOX")).await.unwrap();
        assert_eq!(remote.headers_in("INBOX", LARGE).await.unwrap().len(), 0, "{name}");
        if name == "refused" {
            remote.headers_in("INBOX", LARGE).await.unwrap();
        }
        drop(remote);
        scripted.heard().await;
    }
}

/// The dialogue cut there; how many octets went each way, and how it ended.
async fn cut_at(cut: Option<Cut>) -> ((usize, usize), Result<()>) {
    let (dial, following) = in_memory(&large(DIALOGUE), Pieces::Lines);
    let counts = Counts::default();
    let counted = counts.clone();
    let dial: Dial = Arc::new(move || Ok(Box::new(Cuttable::new(dial()?, cut, counted.clone()))));
    let result = async {
        let mut remote = compressing(1).through(dial).connect(Some("INBOX")).await?;
        dialogue(&mut remote).await
    };
    let result = result.await;
    following.lock().unwrap().take().iter().for_each(tokio::task::JoinHandle::abort);
    let counts = *counts.lock().unwrap();
    (counts, result)
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_octet_is_an_error_and_never_half_an_answer() {
    let ((said, heard), whole) = cut_at(None).await;
    whole.unwrap();
    for (from, kind) in KINDS.into_iter().enumerate() {
        for (direction, last) in [(Direction::Out, said), (Direction::In, heard)] {
            for after in (from..last).step_by(5) {
                // a flush ends in octets that say nothing: an answer may be whole without the last few
                let (_, result) = cut_at(Some(Cut { direction, after, kind })).await;
                let is_over = result.is_ok() && after + 8 >= last;
                assert!(is_over || matches!(result, Err(RemoteError::Offline(_))), "{kind:?} {direction:?} {after} of {last}: {result:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_flood_in_few_octets_ends_the_connection_and_the_next_goes_without_compression() {
    let bomb = large("C: COMPRESS DEFLATE\n S: $ OK go\n DEFLATE\n C: UID FETCH *\n S*40000: * OK <z*50000>");
    let plain = large("C: UID FETCH 1:900 *\n S: $ OK done");
    let server = Scripted::start(&[&bomb, &plain]).await;
    let account = compressing(server.port);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    let error = remote.headers_in("INBOX", LARGE).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Protocol(text) if text.contains("more than 100 times as much")), "{error:?}");
    drop(remote);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    assert_eq!(remote.headers_in("INBOX", LARGE).await.unwrap().len(), 0);
    drop(remote);
    server.heard().await;
}
