//! The rules of how long mail stays on the server, and the Maildir it is delivered into.

use postrider::config::Leave;
use postrider::remote::RemoteError;

use crate::server::message;
use crate::{Client, files, letter, letters, maildrop, sorted};

#[tokio::test]
async fn mail_stays_as_long_as_its_rule_says() {
    for (leave, after_fetch, after_15_days) in
        [(Leave::Always, 3, 3), (Leave::Days(14), 3, 0), (Leave::UntilDeleted, 3, 3), (Leave::Never, 0, 0)]
    {
        let sent = letters(3);
        let server = maildrop(&sent);
        let mut client = Client::new();
        client.fetch(&server, leave).await.unwrap();
        assert_eq!(server.ids().len(), after_fetch, "{leave:?}");
        client.days_pass(15);
        client.fetch(&server, leave).await.unwrap();
        assert_eq!((server.ids().len(), server.count("RETR")), (after_15_days, 3), "{leave:?}");
        assert_eq!(client.bodies(), sorted(&sent), "{leave:?}");
        client.fetch(&server, leave).await.unwrap();
        assert_eq!(client.rows(&server).len(), after_15_days, "{leave:?}: what is gone there is forgotten");
    }
}

#[tokio::test]
async fn what_is_deleted_here_for_good_is_deleted_there_and_what_was_moved_is_not() {
    let server = maildrop(&letters(3));
    let mut client = Client::new();
    client.fetch(&server, Leave::UntilDeleted).await.unwrap();
    let root = client.maildir("work");
    let mut here = files(&root);
    here.sort();
    let name = |at: usize| here[at].file_name().unwrap().to_owned();
    std::fs::rename(&here[0], root.join(".Trash/cur").join(name(0)).with_extension("x")).unwrap();
    std::fs::rename(
        root.join(".Trash/cur").join(name(0)).with_extension("x"),
        root.join(".Trash/cur").join(format!("{}:2,S", name(0).display())),
    )
    .unwrap();
    std::fs::rename(&here[1], root.join("cur").join(format!("{}:2,FS", name(1).display()))).unwrap();
    client.fetch(&server, Leave::UntilDeleted).await.unwrap();
    assert_eq!(server.ids().len(), 3);
    std::fs::remove_file(&here[2]).unwrap();
    client.fetch(&server, Leave::UntilDeleted).await.unwrap();
    assert_eq!((server.ids().len(), server.count("DELE"), server.count("RETR")), (2, 1, 3));
}

#[tokio::test]
async fn a_maildir_that_is_not_mounted_deletes_nothing_and_a_new_one_gets_everything_again() {
    let sent = letters(3);
    let server = maildrop(&sent);
    let mut client = Client::new();
    client.fetch(&server, Leave::UntilDeleted).await.unwrap();
    let root = client.maildir("work");
    std::fs::rename(&root, root.with_extension("away")).unwrap();
    let error = client.fetch(&server, Leave::UntilDeleted).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Rejected(text) if text.contains("not there")), "{error:?}");
    std::fs::create_dir_all(root.join("cur")).unwrap();
    client.fetch(&server, Leave::UntilDeleted).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len(), server.count("DELE")), (sorted(&sent), 3, 0));
}

#[tokio::test]
async fn mail_delivered_by_a_run_that_never_wrote_it_down_is_not_delivered_twice() {
    let sent = letters(3);
    let server = maildrop(&sent);
    let mut client = Client::new();
    client.fetch(&server, Leave::Always).await.unwrap();
    client.writer.forget_popped("work ada@127.0.0.1", vec!["u1".into(), "u2".into(), "u3".into()]).await.unwrap();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len(), server.count("RETR")), (sorted(&sent), 0, 6));
}

#[tokio::test]
async fn a_message_that_comes_during_a_session_waits_for_the_next() {
    let server = maildrop(&letters(2));
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    server.state().messages.push(message("new", &letter(3)));
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies().len(), server.ids().len()), (3, 0));
}

#[tokio::test]
async fn mail_is_dated_by_its_arrival_on_the_server_and_its_mailboxes_are_there() {
    let server = maildrop(&letters(1));
    let mut client = Client::new();
    client.fetch(&server, Leave::Always).await.unwrap();
    let here = files(&client.maildir("work"));
    assert!(here[0].parent().unwrap().ends_with("new"));
    assert!(here[0].file_name().unwrap().to_string_lossy().starts_with("1704103201."), "{}", here[0].display());
    for mailbox in [".Archive", ".Sent", ".Drafts", ".Trash"] {
        assert!(client.maildir("work").join(mailbox).join("cur").is_dir(), "{mailbox}");
    }
}
