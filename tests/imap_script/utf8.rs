//! Mailbox names in UTF-8: servers that turn it on, that have nothing else, and that offer it in vain. What the caller knows of
//! a mailbox is the same with all of them.

use super::*;

/// Greeting, sign-in, ENABLE and SELECT; `enabled`: what ENABLE confirms.
fn enabling(caps: &str, enabled: &str, rest: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ENABLE AUTH=PLAIN] ready
         C: AUTHENTICATE PLAIN *
         C: ENABLE QRESYNC UTF8=ACCEPT
         C: SELECT \"INBOX\"
         S: $1 OK [CAPABILITY IMAP4rev1 ENABLE {caps}] welcome
         S: * ENABLED {enabled}
         S: $2 OK done
         S: * OK [UIDVALIDITY 7] x
         S: * 9 EXISTS
         S: * OK [UIDNEXT 100] x
         S: $3 OK [READ-WRITE] open
         {rest}"
    )
}

async fn start(script: &str, first: &str) -> (Session, Scripted) {
    let server = Scripted::start(&[script]).await;
    let remote = account(server.port, Security::Plaintext).connect(Some(first)).await.expect("sign-in");
    (remote, server)
}

/// Names as the list tells them: ours, and the one to say to the remote.
async fn listed(remote: &mut Session) -> Vec<(String, String, Option<u32>)> {
    remote.mailboxes().await.unwrap().into_iter().map(|one| (one.name, one.wire_name, one.total)).collect()
}

const KNOWN_AS: &[(&str, &str)] = &[("Entwürfe/日本", "Entw&APw-rfe/&ZeVnLA-"), ("R&D", "R&-D"), ("😀", "&2D3eAA-")];

#[tokio::test]
async fn a_mailbox_is_the_same_whether_the_server_speaks_utf8_or_not() {
    let list = |said: [&str; 3]| {
        let lines: String = said
            .iter()
            .map(|name| format!("S: * LIST () \"/\" \"{name}\"\n S: * STATUS \"{name}\" (MESSAGES 3 UNSEEN 1 UIDNEXT 9 UIDVALIDITY 1)\n "))
            .collect();
        format!("C: LIST *\n {lines} S: $ OK done\n")
    };
    let expected: Vec<_> = KNOWN_AS.iter().map(|(name, wire)| ((*name).to_owned(), (*wire).to_owned(), Some(3))).collect();
    for (enabled, said) in [("UTF8=ACCEPT", ["Entwürfe/日本", "R&D", "😀"]), ("QRESYNC", ["Entw&APw-rfe/&ZeVnLA-", "R&-D", "&2D3eAA-"])]
    {
        let rest = format!(
            "{} C: SELECT \"{}\"\n S: * OK [UIDVALIDITY 3] x\n S: * 3 EXISTS\n S: $ OK done\n C: UID MOVE 1 \"{}\"\n S: $ OK done\n \
             C: CREATE \"{}\"\n S: $ OK done\n C: SUBSCRIBE \"{}\"\n S: $ OK done\n",
            list(said),
            said[0],
            said[1],
            said[2],
            said[2]
        );
        let caps = "UTF8=ACCEPT MOVE LIST-EXTENDED LIST-STATUS";
        let (mut remote, server) = start(&enabling(caps, enabled, &rest), "INBOX").await;
        assert_eq!(listed(&mut remote).await, expected, "{enabled}");
        assert_eq!(remote.open(KNOWN_AS[0].1).await.unwrap().exists, 3);
        remote.move_to(KNOWN_AS[0].1, &keys(&[1]), KNOWN_AS[1].1).await.unwrap();
        remote.create(KNOWN_AS[2].1).await.unwrap();
        drop(remote);
        server.heard().await;
    }
}

#[tokio::test]
async fn utf8_that_nobody_asked_for_is_not_spoken() {
    let rest = "S: * ENABLED UTF8=ACCEPT\n C: SELECT \"Entw&APw-rfe\"\n S: * OK [UIDVALIDITY 3] x\n S: $ OK done\n HANG";
    let rest = format!("C: UID FETCH *\n S: * ENABLED UTF8=ACCEPT\n S: $ OK done\n {}", rest.split_once('\n').unwrap().1);
    let (mut remote, _server) = connected("UTF8=ACCEPT", &rest).await;
    remote.flags("INBOX", Window::ALL).await.unwrap();
    remote.open("Entw&APw-rfe").await.unwrap();
}

#[tokio::test]
async fn a_server_of_imap4rev2_alone_is_spoken_to_in_utf8_and_answers_with_esearch() {
    let script = "S: * OK [CAPABILITY IMAP4rev2 AUTH=PLAIN] ready
        C: AUTHENTICATE PLAIN *
        C: ENABLE QRESYNC UTF8=ACCEPT
        C: SELECT \"Entwürfe\"
        S: $1 OK [CAPABILITY IMAP4rev2] welcome
        S: $2 OK done
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: * OK [UIDNEXT 100] x
        S: * LIST () \"/\" \"Entwürfe\" (\"OLDNAME\" (\"x\"))
        S: $3 OK [READ-WRITE] open
        C: LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))
        S: * LIST (\\Drafts) \"/\" \"Entwürfe\"
        S: * STATUS \"Entwürfe\" (MESSAGES 9 UNSEEN 0 UIDNEXT 100 UIDVALIDITY 7)
        S: $ OK done
        C: UID SEARCH HEADER MESSAGE-ID \"<a@b>\"
        S: * ESEARCH (TAG \"p5\") UID ALL 4,9
        S: $ OK done
        C: UID SEARCH HEADER MESSAGE-ID \"<none@b>\"
        S: * ESEARCH (TAG \"p6\") UID
        S: $ OK done
        C: UID MOVE 4 \"Entwürfe/alt\"
        S: * OK [COPYUID 8 4 1] x
        S: * 4 EXPUNGE
        S: $ OK done
        HANG";
    let wire = "Entw&APw-rfe";
    let (mut remote, _server) = start(script, wire).await;
    assert_eq!(remote.open(wire).await.unwrap().exists, 9);
    assert_eq!(listed(&mut remote).await, [("Entwürfe".to_owned(), wire.to_owned(), Some(9))]);
    assert_eq!(remote.find(wire, "a@b").await.unwrap(), keys(&[4, 9]));
    assert_eq!(remote.find(wire, "none@b").await.unwrap(), []);
    assert_eq!(remote.move_to(wire, &keys(&[4]), "Entw&APw-rfe/alt").await.unwrap().len(), 1);
}

/// What becomes of ENABLE is not known when SELECT leaves, so a name that would be another in UTF-8 keeps it off.
#[tokio::test]
async fn the_select_behind_the_sign_in_is_right_whatever_is_turned_on() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ENABLE UTF8=ACCEPT AUTH=PLAIN] ready
        C: AUTHENTICATE PLAIN *
        C: ENABLE QRESYNC
        C: SELECT \"Entw&APw-rfe\"
        S: $1 OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT] welcome
        S: $2 OK done
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: $3 OK [READ-WRITE] open
        C: SELECT \"&2D3eAA-\"
        S: * OK [UIDVALIDITY 7] x
        S: $ OK open
        HANG";
    let (mut remote, _server) = start(script, "Entw&APw-rfe").await;
    assert_eq!(remote.open("Entw&APw-rfe").await.unwrap().exists, 9);
    remote.open("&2D3eAA-").await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_utf8_only_has_it_turned_on_before_the_first_mailbox() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ENABLE AUTH=PLAIN] ready
        C: AUTHENTICATE PLAIN *
        C: ENABLE QRESYNC
        C: SELECT \"Entw&APw-rfe\"
        S: $1 OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ONLY] welcome
        S: $2 OK done
        S: $3 NO [CANNOT] UTF-8 is needed
        C: ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: $ OK done
        C: SELECT \"Entwürfe\"
        S: * 9 EXISTS
        S: * OK [UIDVALIDITY 7] x
        S: $ OK [READ-WRITE] open
        HANG";
    let (mut remote, _server) = start(script, "Entw&APw-rfe").await;
    assert_eq!(remote.open("Entw&APw-rfe").await.unwrap().exists, 9);
}

#[tokio::test]
async fn a_message_with_utf8_in_its_header_is_taken_in_the_form_that_the_server_knows() {
    let eight = "Subject: ü\r\n\r\nx".as_bytes().to_vec();
    let seven = "Subject: u\r\n\r\nü".as_bytes().to_vec();
    let plain = "C: APPEND \"Sent\" \"*\" {16+}\n C: Subject: *\n C: \n C: *\n";
    let told = "C: APPEND \"Sent\" \"*\" UTF8 (~{16+}\n C: Subject: *\n C: \n C: x)\n";
    for (name, message, steps, expect) in [
        ("plain", eight.clone(), format!("{plain} S: $4 OK [APPENDUID 9 44] done\n"), Ok(44)),
        (
            "told",
            eight.clone(),
            format!("{plain} S: $4 NO [CANNOT] needs UTF8\n {told} S: $* OK [APPENDUID 9 45] done\n").replace("$*", "p5"),
            Ok(45),
        ),
        ("neither", eight.clone(), format!("{plain} S: $4 BAD no\n {told} S: p5 BAD no\n"), Err("Rejected")),
        ("full", eight, format!("{plain} S: $4 NO [OVERQUOTA] full\n"), Err("NotNow")),
        ("seven bits are not said twice", seven, format!("{plain} S: $4 BAD no\n"), Err("Rejected")),
    ] {
        let script = enabling("UTF8=ACCEPT LITERAL+", "UTF8=ACCEPT", &steps);
        let (mut remote, server) = start(&script, "INBOX").await;
        let got = remote.append("Sent", message, &Flags::default(), 0).await;
        match (&got, expect) {
            (Ok(Some(key)), Ok(uid)) => assert_eq!(*key, keys(&[uid])[0], "{name}"),
            (Err(error), Err(kind)) => assert!(format!("{error:?}").starts_with(kind), "{name}: {error:?}"),
            _ => panic!("{name}: {got:?}"),
        }
        drop(remote);
        server.heard().await;
    }
}
