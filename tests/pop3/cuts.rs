//! Fetching and deleting twenty messages of all octet values, cut after every octet the server says: each message is
//! here or there at any time, and all are here, once, in the end.

use std::collections::BTreeSet;

use postrider::config::Leave;

use crate::server::message;
use crate::{Client, maildrop, sorted};

/// Twenty messages that hold every octet value among them.
pub fn twenty() -> Vec<(String, Vec<u8>)> {
    let one = |number: usize| {
        let octets: Vec<u8> = (number * 13..(number + 1) * 13).map(|octet| (octet % 256) as u8).collect();
        (format!("u{number}"), [format!("S: {number}\r\n\r\n").as_bytes(), &octets[..], b"\r\n.\r\n"].concat())
    };
    (0..20).map(one).collect()
}

#[tokio::test]
async fn wherever_the_line_is_cut_every_message_is_here_or_there_and_in_the_end_here_once() {
    let sent = twenty();
    let all: BTreeSet<Vec<u8>> = sent.iter().map(|(_, bytes)| bytes.clone()).collect();
    let server = maildrop(&sent);
    let mut client = Client::in_memory();
    client.fetch_as("whole", &server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies_of("whole"), server.ids().len()), (sorted(&sent), 0));
    let total = server.state().said;
    assert!(total > 1_000, "{total}");
    for cut in 0..total {
        let name = format!("a{cut}");
        {
            let mut state = server.state();
            state.messages = sent.iter().map(|(id, bytes)| message(id, bytes)).collect();
            state.cuts = std::iter::once(Some(cut)).chain(std::iter::repeat_n(Some(0), 20)).collect();
        }
        let result = client.fetch_as(&name, &server, Leave::Never).await;
        let here = client.bodies_of(&name);
        let there: BTreeSet<Vec<u8>> = server.state().messages.iter().map(|message| message.bytes.clone()).collect();
        let once: BTreeSet<Vec<u8>> = here.iter().cloned().collect();
        assert_eq!(once.len(), here.len(), "cut after {cut}: a message is here twice");
        assert!(once.is_subset(&all), "cut after {cut}: a part of a message is here");
        assert!(once.union(&there).count() == all.len(), "cut after {cut}: a message is lost");
        assert!(result.is_err() || there.is_empty(), "cut after {cut}: taken for done");
        server.state().cuts.clear();
        client.fetch_as(&name, &server, Leave::Never).await.unwrap();
        assert_eq!((client.bodies_of(&name), server.ids().len()), (sorted(&sent), 0), "cut after {cut}, then settled");
        std::fs::remove_dir_all(client.maildir(&name)).unwrap();
    }
}
