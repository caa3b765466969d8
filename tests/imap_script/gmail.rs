//! Gmail: mailboxes are labels of one message.

use super::*;

const LIST: &str = "C: LIST *
    S: * LIST (\\HasNoChildren) \"/\" \"INBOX\"
    S: * LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"
    S: * LIST (\\HasNoChildren \\Trash) \"/\" \"[Gmail]/Trash\"
    S: * LIST (\\HasNoChildren \\Junk) \"/\" \"[Gmail]/Spam\"
    S: $ OK Success\n";
const CAPS: &str = "X-GM-EXT-1 UIDPLUS MOVE CONDSTORE ESEARCH SPECIAL-USE LIST-EXTENDED";

fn opened(mailbox: &str, validity: u32) -> String {
    format!(
        "C: SELECT \"{mailbox}\"\n S: * FLAGS (\\Seen)\n S: * OK [UIDVALIDITY {validity}] x\n S: * 9 EXISTS\n S: * OK [UIDNEXT 100] x\n \
         S: $ OK [READ-WRITE] {mailbox} selected. (Success)\n"
    )
}

#[tokio::test]
async fn deleting_for_ever_takes_a_message_out_of_every_mailbox() {
    let rest = format!(
        "{LIST} C: UID MOVE 4:5 \"[Gmail]/Trash\"\n S: * OK [COPYUID 11 4:5 71:72]\n S: * 4 EXPUNGE\n S: * 4 EXPUNGE\n S: $ OK Success\n {}
         C: UID STORE 71:72 +FLAGS.SILENT (\\Deleted)
         C: UID EXPUNGE 71:72
         S: * 9 EXPUNGE
         S: * 8 EXPUNGE
         S: $6 OK Success
         S: $7 OK Success
         HANG",
        opened("[Gmail]/Trash", 11)
    );
    let (mut remote, _server) = connected(CAPS, &rest).await;
    remote.delete("INBOX", &keys(&[4, 5])).await.unwrap();
}

#[tokio::test]
async fn in_the_trash_itself_it_is_expunged() {
    let rest = format!(
        "{} {LIST} C: UID STORE 7 +FLAGS.SILENT (\\Deleted)\n C: UID EXPUNGE 7\n S: $5 OK Success\n S: $6 OK Success\n HANG",
        opened("[Gmail]/Trash", 11)
    );
    let (mut remote, _server) = connected(CAPS, &rest).await;
    remote.open("[Gmail]/Trash").await.unwrap();
    remote.delete("[Gmail]/Trash", &keys(&[7])).await.unwrap();
}

#[tokio::test]
async fn without_a_trash_nothing_is_said_to_be_deleted() {
    let rest = "C: LIST *\n S: * LIST () \"/\" INBOX\n S: $ OK Success\n";
    let (mut remote, server) = connected(CAPS, rest).await;
    let error = remote.delete("INBOX", &keys(&[4])).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Rejected(text) if text.contains("from the trash only")), "{error:?}");
    drop(remote);
    assert_eq!(server.heard().await.len(), 3);
}

#[tokio::test]
async fn archiving_moves_to_all_mail_where_it_is_the_same_message() {
    let header = "FLAGS () INTERNALDATE \"17-Jul-2026 02:44:25 +0000\" RFC822.SIZE 9 X-GM-MSGID 1278455344230334865 BODY[HEADER.FIELDS (DATE)] {1}\\r\\na)\\r\\n";
    let rest = format!(
        "C: UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID *
         S! * 4 FETCH (UID 4 {header}
         S: $ OK Success
         C: UID MOVE 4 \"[Gmail]/All Mail\"
         S: * OK [COPYUID 12 4 88]
         S: * 4 EXPUNGE
         S: $ OK Success
         C: SELECT \"[Gmail]/All Mail\"
         C: UID FETCH 88 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID *
         S: * OK [UIDVALIDITY 12] x
         S: * 90 EXISTS
         S: $5 OK [READ-WRITE] x
         S! * 80 FETCH (UID 88 {header}
         S: $6 OK Success
         HANG"
    );
    let (mut remote, _server) = connected(CAPS, &rest).await;
    let before = remote.headers("INBOX", &keys(&[4])).await.unwrap();
    let moved = remote.move_to("INBOX", &keys(&[4]), "[Gmail]/All Mail").await.unwrap();
    assert_eq!(moved, [(keys(&[4])[0].clone(), Some(keys(&[88])[0].clone()))]);
    let after = remote.headers("[Gmail]/All Mail", &keys(&[88])).await.unwrap();
    assert_eq!(before[0].identity.as_deref(), Some("1278455344230334865"));
    assert_eq!(before[0].identity, after[0].identity);
}
