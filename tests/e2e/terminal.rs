//! The terminal itself: given back on every way out, never fed with foreign control bytes, never fooled by
//! cut escape sequences.

use std::time::Duration;

use crate::support::mail::{Maildir, NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal};

fn demo(home: &Home) -> Terminal {
    let mut terminal = Terminal::start(home, &["demo"], 120, 40);
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal
}

/// The modes that were switched on and not off again at the end of `raw`.
fn modes_left(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let mut on = Vec::new();
    for piece in text.split("\x1b[?").skip(1) {
        let Some(end) = piece.find(|c: char| !c.is_ascii_digit() && c != ';') else { continue };
        let (modes, rest) = piece.split_at(end);
        for mode in modes.split(';') {
            match rest.chars().next() {
                Some('h') if mode != "25" => on.push(mode.to_owned()),
                Some('l') => on.retain(|known| known != mode),
                _ => {}
            }
        }
    }
    on
}

#[test]
fn the_terminal_is_given_back_after_signals_and_quit() {
    for signal in [None, Some("TERM"), Some("INT"), Some("HUP")] {
        let home = Home::new();
        let mut terminal = demo(&home);
        match signal {
            None => terminal.send("Q"),
            Some(signal) => {
                let process = terminal.process_id().to_string();
                let done = std::process::Command::new("kill").args([format!("-{signal}"), process]).status().expect("kill runs");
                assert!(done.success());
            }
        }
        assert!(terminal.wait_exit().is_some(), "{signal:?} does not end it");
        let raw = terminal.raw();
        assert_eq!(modes_left(&raw), Vec::<String>::new(), "after {signal:?}");
        assert!(raw.windows(6).any(|piece| piece == b"\x1b[?25h"), "the cursor is shown again after {signal:?}");
    }
}

#[test]
fn a_lost_terminal_ends_the_program_soon() {
    let home = Home::new();
    let terminal = demo(&home);
    let before = std::time::Instant::now();
    assert!(terminal.hang_up().is_some(), "the program outlives its terminal");
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[test]
fn cut_escape_sequences_run_no_verb() {
    let home = Home::new();
    let mut terminal = demo(&home);
    let first = terminal.text();
    for sequence in ["\x1b[1;5D", "\x1b[200~paste\x1b[201~", "\x1b[15~", "\x1b[24;5~"] {
        for cut in 1..sequence.len() {
            terminal.send(&sequence[..cut]);
            // longer than a lone ESC is held back
            std::thread::sleep(Duration::from_millis(40));
            terminal.send(&sequence[cut..]);
        }
    }
    // no ESC here: on a busy machine it would be read together with what follows, as Alt
    terminal.press("gg");
    let screen = terminal.text();
    let subjects = |text: &str| text.lines().skip(1).take(12).map(|line| line.chars().skip(48).collect::<String>()).collect::<Vec<_>>();
    assert_eq!(subjects(&first), subjects(&screen), "the list changed");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn hostile_mail_leaves_no_control_byte_in_the_terminals_input() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive", "Trash"]);
    let payloads = [
        "\x1b]0;CANARY\x07",
        "\x1b]52;c;Q0FOQVJZ\x07",
        "\x1b[31mCANARY",
        "\x1bPCANARY\x1b\\",
        "\x1b_CANARY\x1b\\",
        "\x1b^CANARY\x1b\\",
        "\u{9b}31mCANARY",
        "\u{9d}0;CANARY\u{9c}",
        "\x0eCANARY\x0f",
        "\x05CANARY",
        "\x1b[6nCANARY",
        "\x1b[cCANARY",
        "\x1bcCANARY",
        "\x1b[?1049lCANARY",
        "\x1b(0CANARY",
        "\x1b[21tCANARY",
        "\x08\x08CANARY",
        "\x7fCANARY",
        "\x1b]8;;http://x/\x1b\\CANARY",
        "\u{202e}CANARY",
    ];
    for (index, payload) in payloads.iter().enumerate() {
        let number = index as u32 + 1;
        let encoded: String = payload.bytes().map(|byte| format!("={byte:02X}")).collect();
        let text = format!(
            "From: =?utf-8?Q?{encoded}?= <sender@example.org>\r\nTo: {payload} <ada@example.org>\r\nSubject: =?utf-8?Q?Row{number}=5F{encoded}?=\r\n\
             Message-ID: <h{number}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nBody {encoded}\r\n--b\r\nContent-Type: application/octet-stream; name=\"=?utf-8?Q?{encoded}?=\"\r\n\
             Content-Disposition: attachment\r\n\r\nx\r\n--b--\r\n"
        );
        maildir.deliver("", number, &text, "", i64::from(number));
    }
    maildir.deliver("", 99, &message(99, "Last row", "End.", 99), "", 99);
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Row1_");
    terminal.settle();
    terminal.press("\r");
    for _ in 0..payloads.len() {
        terminal.press("J");
    }
    terminal.press("q");
    terminal.press("/CANARY\r");
    assert_eq!(foreign_controls(&terminal.raw()), Vec::<String>::new());
    assert_eq!(terminal.quit(), 0);
}

/// Sequences in the output that are none of the program's own, and any that carries the canary.
fn foreign_controls(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let mut found = Vec::new();
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\r' && c != '\n') {
        let (from, end) = (&rest[at..], sequence_end(&rest[at..]));
        let sequence = &from[..end];
        if !is_own(sequence) {
            found.push(sequence.escape_debug().to_string());
        }
        rest = &from[end..];
    }
    found
}

/// Byte length of the control sequence at the start of `text`.
fn sequence_end(text: &str) -> usize {
    let mut chars = text.char_indices();
    let (_, first) = chars.next().expect("a control");
    if first != '\x1b' {
        return first.len_utf8();
    }
    match chars.next() {
        Some((_, '[')) => chars.find(|(_, c)| ('@'..='~').contains(c)).map_or(text.len(), |(at, c)| at + c.len_utf8()),
        Some((_, ']' | 'P' | '_' | '^' | 'X')) => {
            let string_end = text.find("\x1b\\").map(|at| at + 2);
            let bell = text.find('\x07').map(|at| at + 1);
            string_end.into_iter().chain(bell).min().unwrap_or(text.len())
        }
        Some((at, c)) => at + c.len_utf8(),
        None => text.len(),
    }
}

/// What the program itself writes: attributes, cursor moves, erasing, scroll regions, modes, the title and
/// the question for the background.
fn is_own(sequence: &str) -> bool {
    if sequence.contains("CANARY") || sequence.contains("Q0FOQVJZ") {
        return false;
    }
    if sequence == "\x08" {
        // one cell to the left
        return true;
    }
    if let Some(csi) = sequence.strip_prefix("\x1b[") {
        return csi.ends_with([
            'm', 'H', 'A', 'B', 'C', 'D', 'G', 'd', 'J', 'K', 'X', 'r', 'S', 'T', 'h', 'l', 't', 'q', 'b', 'P', '@', 'L', 'M', 'u', 'n',
        ]);
    }
    sequence.starts_with("\x1b]0;")
        || sequence.starts_with("\x1b]2;")
        || sequence.starts_with("\x1b]11;?")
        || sequence == "\x1b7"
        || sequence == "\x1b8"
}
