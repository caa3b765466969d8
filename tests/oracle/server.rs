//! What servers say: greetings, refusals and alerts, shown where accounts are looked at.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::mail::NOON_TEXT;
use crate::support::terminal::{Home, Terminal};
use crate::{Seen, command, payloads};

const SIZE: (u16, u16) = (160, 60);

/// Refuses each user with the payload of the user's number, in one of a few places of the protocol.
fn refuse(stream: TcpStream, payloads: &[Vec<u8>]) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    writer.write_all(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")?;
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).into_owned();
        let tag = text.split(' ').next().unwrap_or("*").to_owned();
        let name = text.find("user").and_then(|at| text.get(at + 4..at + 7)).and_then(|digits| digits.parse::<usize>().ok());
        if let Some(number) = name {
            let said = [format!("q{number:03}x00").as_bytes(), &payloads[number], b"z"].concat();
            let forms: [&[&[u8]]; 4] = [
                &[tag.as_bytes(), b" NO ", &said, b"\r\n"],
                &[tag.as_bytes(), b" NO [ALERT] ", &said, b"\r\n"],
                &[b"* BYE ", &said, b"\r\n"],
                &[b"* OK [ALERT] ", &said, b"\r\n", tag.as_bytes(), b" BAD ", &said, b"\r\n"],
            ];
            writer.write_all(&forms[number % 4].concat())?;
            if number % 4 == 2 {
                return Ok(());
            }
        } else if text.to_ascii_uppercase().contains("CAPABILITY") {
            writer.write_all(format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n").as_bytes())?;
        } else {
            writer.write_all(format!("{tag} BAD no\r\n").as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

#[test]
fn what_a_server_says_is_shown_as_text() {
    let payloads = payloads::all();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let served = payloads.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let served = served.clone();
            // a client that leaves in the middle is no failure of the test
            std::thread::spawn(move || refuse(stream, &served).ok());
        }
    });
    let mut seen = Seen::default();
    let numbers: Vec<usize> = (0..payloads.len()).collect();
    for batch in numbers.chunks(24).step_by(if crate::is_full() { 1 } else { 3 }) {
        let home = Home::new();
        let accounts: Vec<String> = batch
            .iter()
            .map(|number| {
                format!(
                    "[accounts.a{number:03}]\naddress = \"ada@example.org\"\n[accounts.a{number:03}.imap]\nhost = \"127.0.0.1\"\nport = {port}\n\
                     security = \"plaintext\"\nusername = \"user{number:03}\"\npassword = \"secret\"\n"
                )
            })
            .collect();
        home.configure(&accounts.concat());
        let mut terminal = Terminal::start_with(&home, &[], SIZE.0, SIZE.1, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait_events(batch.len(), "link", |event| matches!(event["state"].as_str(), Some("sign-in" | "back-off")));
        terminal.press("gA");
        for _ in 0..batch.len() {
            terminal.press("j");
            seen.look(&terminal);
        }
        terminal.press("\x1b");
        terminal.press(":messages\r");
        seen.look(&terminal);
        terminal.press("q");
        seen.judge(&terminal, SIZE, &payloads, "accounts");
        assert_eq!(terminal.quit(), 0);
        command(&home, &["sync"], 120, "sync", &payloads, &mut seen);
        command(&home, &["status"], 120, "status", &payloads, &mut seen);
    }
    println!("figure: {} refusals seen on {} screens", seen.canaries.len(), seen.screens);
    assert!(seen.canaries.len() * 3 >= payloads.len() * 2 / if crate::is_full() { 1 } else { 3 }, "{} seen", seen.canaries.len());
}
