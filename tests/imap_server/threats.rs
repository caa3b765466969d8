//! Servers that change under a client's feet or tell untruths, over whole synchronizations: what the user wanted is done to the
//! right message or given up and told, and in the end what is shown is what the server has.
//!
//! | threat | test |
//! |---|---|
//! | another uid validity while changes wait | `changes_for_uids_of_another_validity_are_given_up_and_told` |
//! | uids of appended and moved messages told wrongly | `uids_told_wrongly_are_found_out` |
//! | a mailbox that is empty for a while | `a_mailbox_that_was_empty_for_a_while_is_there_again` |
//! | messages that can't be read among good ones | `all_but_the_unreadable_message_are_shown` |
//! | a server that restarts all the time | `a_server_that_restarts_a_hundred_times_gets_every_change_once` |
//! | floods of mail | `a_flood_of_new_mail_is_taken` |

use postrider::mail::{Change, FlagBits, Flags};
use postrider::store::Paths;

use crate::client::{Client, ledger, ram};
use crate::cut::{Cut, Direction, KINDS};
use crate::imap::{ALL, Mailbox, NONE, Server, message};

/// Plays with a client of an empty store.
fn play<F: AsyncFnOnce(Client) -> Result<(), String>>(server: &Server, cuts: Vec<Cut>, test: F) {
    let folder = tempfile::Builder::new().prefix("threat").tempdir_in(ram()).expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    let result = runtime.block_on(async { test(Client::open(&Paths::in_folder(folder.path()), server, cuts).await).await });
    result.unwrap_or_else(|why| panic!("{why}"));
}

/// The numbers in a mailbox, in the order of their uids.
fn numbers(server: &Server, name: &str) -> Vec<u64> {
    server.state().mailboxes[name].messages.values().map(crate::imap::Message::number).collect()
}

/// The same messages in the opposite order under new uids, of this validity.
fn renumber(mailbox: &mut Mailbox, validity: u32) {
    mailbox.uid_validity = validity;
    mailbox.uid_next = 1;
    for message in std::mem::take(&mut mailbox.messages).into_values().rev() {
        mailbox.add(message.bytes, message.flags);
    }
}

#[test]
fn changes_for_uids_of_another_validity_are_given_up_and_told() {
    for caps in [ALL, NONE] {
        // higher, lower, and back at the first after a look
        for validity in [700, 3, 0] {
            let server = Server::new(caps, 1..=6);
            play(&server, Vec::new(), async |mut client| {
                client.settle().await?;
                let id = |number| client.id("INBOX", number).ok_or("not shown");
                let (moved, deleted, marked) = (id(2)?, id(3)?, id(4)?);
                client.apply(Change::Move { ids: vec![moved], to: client.mailbox("Archive") }).await?;
                client.apply(Change::Delete { ids: vec![deleted] }).await?;
                let add = Flags::bits(FlagBits::FLAGGED);
                client.apply(Change::Flags { ids: vec![marked], add, remove: Flags::default() }).await?;
                renumber(server.state().mailboxes.get_mut("INBOX").ok_or("no inbox")?, validity);
                client.settle_anew().await?;
                client.agrees(&server)?;
                let told = client.failures();
                let is_untouched = numbers(&server, "INBOX") == [6, 5, 4, 3, 2, 1] && numbers(&server, "Archive").is_empty();
                let is_done = numbers(&server, "Archive") == [2] && !numbers(&server, "INBOX").contains(&3);
                if !(is_untouched && told.contains("renumbered") || is_done) {
                    return Err(format!(
                        "{caps}, {validity}: {:?}, {:?}, told {told:?}",
                        numbers(&server, "INBOX"),
                        numbers(&server, "Archive")
                    ));
                }
                Ok(())
            });
        }
    }
}

#[test]
fn uids_told_wrongly_are_found_out() {
    for lies in [1, 1_000_000] {
        let server = Server::new(ALL, 1..=6);
        server.state().lies = lies;
        play(&server, Vec::new(), async |mut client| {
            client.settle().await?;
            let archive = client.mailbox("Archive");
            client.write(8).await?;
            client.settle().await?;
            client.write(9).await?;
            for number in [2, 3] {
                client.apply(Change::Move { ids: vec![client.id("INBOX", number).ok_or("not shown")?], to: archive }).await?;
                client.settle().await?;
            }
            client.settle_anew().await?;
            client.agrees(&server)?;
            assert_eq!((numbers(&server, "Archive"), numbers(&server, "Drafts")), (vec![2, 3], vec![8, 9]), "{lies}");
            Ok(())
        });
    }
}

#[test]
fn a_mailbox_that_was_empty_for_a_while_is_there_again() {
    let server = Server::new(ALL, 1..=6);
    play(&server, Vec::new(), async |mut client| {
        client.settle().await?;
        let kept = std::mem::take(&mut server.state().mailboxes.get_mut("INBOX").ok_or("no inbox")?.messages);
        client.settle_anew().await?;
        server.state().mailboxes.get_mut("INBOX").ok_or("no inbox")?.messages = kept;
        client.settle_anew().await?;
        client.agrees(&server)?;
        assert_eq!(client.shown(client.mailbox("INBOX")).len(), 6);
        Ok(())
    });
}

#[test]
fn all_but_the_unreadable_message_are_shown() {
    let server = Server::new(ALL, 1..=1000);
    server.state().unreadable.extend([500, 999]);
    play(&server, Vec::new(), async |mut client| {
        client.settle().await?;
        client.settle_anew().await?;
        let shown = client.shown(client.mailbox("INBOX"));
        let readable = shown.iter().filter(|one| ledger(one) > 0).count();
        assert_eq!((shown.len(), readable), (1000, 998), "the others are there without their headers");
        Ok(())
    });
}

#[test]
fn a_server_that_restarts_a_hundred_times_gets_every_change_once() {
    let server = Server::new(ALL, 1..=6);
    let cut = |n: usize| Cut { direction: [Direction::In, Direction::Out][n % 2], after: 300 + n * 37 % 1_500, kind: KINDS[n % 3] };
    play(&server, (0..100).map(cut).collect(), async |mut client| {
        client.settle().await?;
        let archive = client.mailbox("Archive");
        for round in 0..30u64 {
            let inbox = client.shown(client.mailbox("INBOX"));
            let one = inbox.iter().find(|one| ledger(one) == round % 5 + 1);
            if let Some(one) = one {
                let add = Flags::bits(FlagBits::FLAGGED);
                client.apply(Change::Flags { ids: vec![one.id], add, remove: Flags::default() }).await?;
                if round % 3 == 0 {
                    client.apply(Change::Move { ids: vec![one.id], to: archive }).await?;
                }
            }
            client.write(100 + round).await?;
            client.settle_anew().await?;
        }
        while client.reconnects <= 100 {
            client.settle_anew().await?;
        }
        client.settle_anew().await?;
        client.agrees(&server)?;
        assert_eq!(numbers(&server, "Drafts").len(), 30);
        let mut all: Vec<u64> = [numbers(&server, "INBOX"), numbers(&server, "Archive")].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 5, 6]);
        Ok(())
    });
}

#[test]
fn a_flood_of_new_mail_is_taken() {
    let (before, after) = if std::env::var_os("POSTRIDER_FULL").is_some() { (100_000, 110_000) } else { (1_000, 3_000) };
    let server = Server::new(ALL, 1..=before);
    play(&server, Vec::new(), async |mut client| {
        client.settle().await?;
        for number in before + 1..=after {
            server.state().mailboxes.get_mut("INBOX").ok_or("no inbox")?.add(message(number), Default::default());
        }
        server.tell();
        client.wait().await?;
        client.settle_anew().await?;
        assert_eq!(client.shown(client.mailbox("INBOX")).len() as u64, after);
        Ok(())
    });
}
