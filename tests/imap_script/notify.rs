//! NOTIFY: news of other mailboxes, and servers that refuse it, tell too much or tell it at odd times.

use super::*;

const ASKED: &str = "C: NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange MailboxName))\n C: IDLE\n";

async fn hint(remote: &mut Session) -> Hint {
    tokio::time::timeout(Duration::from_secs(10), remote.wait("INBOX", Arc::new(Notify::new()))).await.expect("a hint").unwrap()
}

async fn nothing(remote: &mut Session) {
    let stop = Arc::new(Notify::new());
    stop.notify_one();
    assert_eq!(remote.wait("INBOX", stop).await.unwrap(), Hint::Nothing);
}

fn elsewhere(names: &[&str]) -> Hint {
    Hint::Elsewhere(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn other_mailboxes_are_told_of_while_one_is_open() {
    // both leave in one write
    let rest = format!(
        "{ASKED} S: $3 OK done\n S: + idling\n S: * STATUS Lists (MESSAGES 5 UIDNEXT 9)\n S: * STATUS INBOX (MESSAGES 9)\n S: * 10 EXISTS\n \
         S: * STATUS \"Entw&APw-rfe\" (UNSEEN 5)\n S: * LIST () \"/\" new\n HANG"
    );
    let (mut remote, _server) = connected("IDLE NOTIFY", &rest).await;
    assert_eq!(hint(&mut remote).await, elsewhere(&[]), "what happened before is in the list");
    let mut told = Vec::new();
    while told.iter().filter(|hint| matches!(hint, Hint::Elsewhere(_))).count() < 3 || !told.contains(&Hint::Changed) {
        told.push(hint(&mut remote).await);
    }
    for expected in [Hint::Changed, elsewhere(&["Lists"]), elsewhere(&["Entw&APw-rfe"]), elsewhere(&[])] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    assert_eq!(told.len(), 4, "the open mailbox is no other: {told:?}");
}

#[tokio::test]
async fn a_refusal_costs_itself_only_and_is_not_asked_for_again() {
    for refusal in ["NO [BADEVENT (MessageNew)] no", "NO not here", "BAD what"] {
        let rest = format!(
            "{ASKED} S: $3 {refusal}\n S: + idling\n S: * STATUS Lists (MESSAGES 5)\n S: * 10 EXISTS\n C: DONE\n C: UID FETCH *\n S: $4 OK done\n \
             S: p5 OK done\n C: IDLE\n S: + idling\n HANG"
        );
        let (mut remote, server) = connected("IDLE NOTIFY", &rest).await;
        assert_eq!(hint(&mut remote).await, Hint::Changed, "{refusal}");
        remote.flags("INBOX", Window::ALL).await.unwrap();
        nothing(&mut remote).await;
        drop(remote);
        server.heard().await;
    }
}

#[tokio::test]
async fn what_is_not_offered_is_not_asked() {
    let (mut remote, server) = connected("IDLE", "C: IDLE\n S: + idling\n S: * STATUS Lists (MESSAGES 5)\n S: * 10 EXISTS\n").await;
    assert_eq!(hint(&mut remote).await, Hint::Changed);
    drop(remote);
    server.heard().await;
}

#[tokio::test]
async fn an_overflow_has_the_list_read_and_the_open_mailbox_told_of_again() {
    let own = "C: NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))\n C: IDLE\n";
    for answer in ["OK done", "NO no"] {
        let rest = format!(
            "{ASKED} S: $3 OK done\n S: + idling\n S: * OK [NOTIFICATIONOVERFLOW] too much\n C: DONE\n {own} S: $4 OK done\n S: p5 {answer}\n \
             S: + idling\n S: * 10 EXISTS\n C: DONE\n C: UID FETCH *\n S: p6 OK done\n S: p7 OK done\n C: IDLE\n S: + idling\n HANG"
        );
        let (mut remote, server) = connected("IDLE NOTIFY", &rest).await;
        assert_eq!(hint(&mut remote).await, elsewhere(&[]));
        assert_eq!(hint(&mut remote).await, elsewhere(&[]), "{answer}");
        assert_eq!(hint(&mut remote).await, Hint::Changed, "{answer}");
        remote.flags("INBOX", Window::ALL).await.unwrap();
        nothing(&mut remote).await;
        drop(remote);
        server.heard().await;
    }
}

#[tokio::test]
async fn news_between_other_answers_are_told_at_the_next_wait() {
    let rest = format!(
        "{ASKED} S: $3 OK done\n S: + idling\n C: DONE\n C: UID FETCH *\n S: $4 OK done\n S: * STATUS Lists (MESSAGES 5)\n \
         S: * 4 FETCH (UID 4 FLAGS ())\n S: p5 OK done\n HANG"
    );
    let (mut remote, _server) = connected("IDLE NOTIFY", &rest).await;
    assert_eq!(hint(&mut remote).await, elsewhere(&[]));
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap().len(), 1);
    assert_eq!(hint(&mut remote).await, elsewhere(&["Lists"]));
}

/// DELETE takes what is in a mailbox along.
#[tokio::test]
async fn another_mailbox_that_is_empty_does_not_have_this_one_deleted() {
    for (own, deleted) in [("S: * STATUS Old (MESSAGES 3)\n", false), ("S: * STATUS Old (MESSAGES 0)\n", true), ("", false)] {
        let delete = if deleted { "C: DELETE \"Old\"\n S: $ OK done\n C: UNSUBSCRIBE *\n S: $ OK done\n" } else { "" };
        let rest = format!("C: STATUS \"Old\" (MESSAGES)\n {own} S: * STATUS Other (MESSAGES 0)\n S: $ OK done\n {delete}");
        let (mut remote, server) = connected("IDLE NOTIFY", &rest).await;
        assert_eq!(remote.delete_mailbox("Old").await.is_ok(), deleted, "{own}");
        drop(remote);
        server.heard().await;
    }
}

/// The list that is asked for is no news, or it would be asked for again and again.
#[tokio::test]
async fn the_answer_to_a_list_is_no_news() {
    let rest = format!(
        "{ASKED} S: $3 OK done\n S: + idling\n C: DONE\n C: LIST *\n S: $4 OK done\n S: * LIST () \"/\" INBOX\n S: * LIST () \"/\" Lists\n \
         S: * STATUS Lists (MESSAGES 5 UNSEEN 0 UIDNEXT 9 UIDVALIDITY 1)\n S: p5 OK done\n C: IDLE\n S: + idling\n HANG"
    );
    let (mut remote, server) = connected("IDLE NOTIFY LIST-EXTENDED LIST-STATUS", &rest).await;
    assert_eq!(hint(&mut remote).await, elsewhere(&[]));
    assert_eq!(remote.mailboxes().await.unwrap().len(), 2);
    nothing(&mut remote).await;
    drop(remote);
    server.heard().await;
}

#[tokio::test]
async fn a_flood_of_names_ends_in_the_list() {
    let rest = format!(
        "{ASKED} S: $3 OK done\n S: + idling\n C: DONE\n C: UID FETCH *\n S: $4 OK done\n S*5000: * STATUS m# (MESSAGES 5)\n S: p5 OK done\n HANG"
    );
    let (mut remote, _server) = connected("IDLE NOTIFY", &rest).await;
    assert_eq!(hint(&mut remote).await, elsewhere(&[]));
    remote.flags("INBOX", Window::ALL).await.unwrap();
    assert!(matches!(hint(&mut remote).await, Hint::Elsewhere(names) if names.len() == 100));
    assert_eq!(hint(&mut remote).await, elsewhere(&[]));
}
