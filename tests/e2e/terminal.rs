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

/// How the reader can be left, and the exit code that it has then.
const WAYS_OUT: [(&str, u32); 7] = [("Q", 0), (":quit\r", 0), ("-TERM", 0), ("-INT", 0), ("-QUIT", 0), ("-HUP", 0), ("\u{1}", 101)];

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    for (way, code) in WAYS_OUT {
        let home = Home::new();
        // the byte of the last row is a key that a mistake of ours ends the program over
        let mut terminal = Terminal::start_with(&home, &["demo"], 120, 40, &[("POSTRIDER_FAULT", "panic@ui:\u{1}")]);
        terminal.wait_text("Inbox");
        terminal.settle();
        assert!(!terminal.is_given_back() && terminal.screen().alternate_screen(), "{way:?}: it is not the program's");
        match way.strip_prefix('-') {
            None => terminal.send(way),
            Some(signal) => {
                let process = terminal.process_id().to_string();
                let done = std::process::Command::new("kill").args([format!("-{signal}"), process]).status().expect("kill runs");
                assert!(done.success());
            }
        }
        let status = terminal.wait_exit().unwrap_or_else(|| panic!("{way:?} does not end it"));
        assert_eq!(status.exit_code(), code, "after {way:?}");
        terminal.wait_shown_all();
        let (raw, screen) = (terminal.raw(), terminal.screen());
        assert_eq!(modes_left(&raw), Vec::<String>::new(), "after {way:?}");
        assert!(terminal.is_given_back(), "after {way:?} the line is not as it was");
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "after {way:?}");
        if code == 101 {
            let text = screen.contents();
            assert!(text.contains("postrider stopped because of a mistake of its own"), "{text}");
        }
    }
}

#[test]
fn a_stopped_reader_gives_the_terminal_to_the_shell_and_takes_it_back() {
    let home = Home::new();
    // a shell with job control, which waits for a line before it goes on with the job
    let shell = ["bash", "-c", "set -m; \"$0\" \"$@\"; echo STOPPED; read line; fg >/dev/null; echo ENDED"];
    let mut terminal = Terminal::start_under(&home, &shell, &["demo"], (120, 40), &[]);
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal.send("\x1a");
    terminal.wait_text("STOPPED");
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    terminal.resize(100, 30);
    terminal.send("\r");
    terminal.wait("the reader again", |screen| screen.contains("Inbox") && !screen.contains("STOPPED"));
    terminal.send("Q");
    terminal.wait_text("ENDED");
    terminal.wait_exit().expect("the shell ends");
    assert!(terminal.is_given_back());
}

#[test]
fn a_panic_under_a_composer_keeps_the_draft() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Drafts"]);
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(&home, &[], 100, 30, &[("POSTRIDER_FAULT", "panic@ui:\u{1}")]);
    terminal.wait_text("local");
    terminal.settle();
    terminal.send("c");
    terminal.wait_text("New message");
    terminal.send("\t\tThis must not be lost");
    terminal.wait("saved", |screen| screen.lines().next().is_some_and(|line| line.ends_with("saved")) && screen.contains("be lost"));
    terminal.send("\u{1}");
    assert_eq!(terminal.wait_exit().expect("it ends").exit_code(), 101);
    terminal.wait_shown_all();
    assert!(terminal.text().contains("Details for a bug report"), "{}", terminal.text());
    let mut terminal = Terminal::start(&home, &[], 100, 30);
    terminal.wait_text("Recovered 1 draft");
    terminal.press("gd");
    terminal.press("\r");
    terminal.wait_text("This must not be lost");
    drop(terminal);
}

#[test]
fn a_panic_in_one_account_leaves_the_other_as_it_is() {
    let home = Home::new();
    let (one, two) = (Maildir::create(&home.path().join("one"), &[]), Maildir::create(&home.path().join("two"), &[]));
    one.fill(2);
    two.deliver("", 9, &message(9, "Of the other account", "Text.", 9), "", 9);
    home.configure(&(one.configuration("one") + &two.configuration("two")));
    let mut terminal =
        Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT), ("POSTRIDER_FAULT", "panic@step:one newest")]);
    terminal.wait_text("failed inside postrider");
    terminal.press("}");
    terminal.wait_text("Of the other account");
    terminal.press("s");
    assert_eq!(terminal.quit(), 0);
    let left = home.path().join("state/postrider");
    let reports = std::fs::read_dir(&left).expect("the state folder").flatten().map(|file| file.path());
    let reports: Vec<_> =
        reports.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("crash-"))).collect();
    assert!(!reports.is_empty(), "no report of the panic");
    assert_eq!(two.flags("", 9).as_deref(), Some("F"));
}

#[test]
fn a_reader_whose_background_work_died_says_so_and_can_be_left() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &[]);
    maildir.fill(2);
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_FAULT", "panic@intake")]);
    terminal.wait_text("the background work has stopped");
    terminal.send("Q");
    assert_eq!(terminal.wait_exit().expect("it ends").exit_code(), 0);
    terminal.wait_shown_all();
    assert!(terminal.is_given_back());
}

#[test]
fn with_too_few_files_it_works_or_says_why_and_loses_nothing() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Drafts"]);
    maildir.fill(3);
    home.configure(&maildir.configuration("local"));
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    for limit in ["--nofile=4", "--nofile=8", "--nofile=12", "--nofile=16", "--nofile=24"] {
        for arguments in [&["sync"][..], &["list"], &["status"]] {
            let output = std::process::Command::new("prlimit")
                .arg(limit)
                .arg(env!("CARGO_BIN_EXE_postrider"))
                .args(arguments)
                .env_clear()
                .envs(home.environment())
                .output()
                .expect("prlimit runs");
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code().unwrap_or_else(|| panic!("{limit} {arguments:?}: {said}"));
            assert!(code == 0 || (!said.trim().is_empty() && !said.contains("panicked")), "{limit} {arguments:?}: {code} {said}");
        }
        let mut terminal = Terminal::start_under(&home, &["prlimit", limit], &[], (100, 30), &[]);
        let lives = terminal.lives();
        if lives {
            terminal.send("Q");
        }
        let status = terminal.wait_exit().unwrap_or_else(|| panic!("{limit}: it does not end"));
        terminal.wait_shown_all();
        let text = terminal.screen().contents();
        assert!(terminal.is_given_back() && !text.contains("panicked"), "{limit}: {status:?} {text}");
        assert!(lives || (status.exit_code() != 0 && text.contains("files")), "{limit}: {status:?} {text}");
    }
    let (code, list, errors) = home.run(&["list", "--json"]);
    assert!(code == 0 && (1..=3).all(|n| list.contains(&format!("Subject {n}"))), "{list} {errors}");
    assert_eq!(maildir.list("").len(), 3);
}

#[test]
fn a_home_that_can_not_be_used_is_told_before_the_screen_is_touched() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &[]);
    home.configure(&maildir.configuration("local"));
    let file = home.path().join("a file");
    std::fs::write(&file, "x").expect("a file");
    let file = file.display().to_string();
    // folders that nobody may write, the superuser neither
    for (name, value) in [("HOME", ""), ("HOME", "relative"), ("XDG_DATA_HOME", &*file), ("XDG_DATA_HOME", "/proc/nowhere")] {
        let mut terminal = Terminal::start_with(&home, &[], 100, 30, &[(name, value)]);
        let status = terminal.wait_exit().unwrap_or_else(|| panic!("{name}={value}: it goes on: {}", terminal.text()));
        terminal.wait_shown_all();
        let (raw, text) = (terminal.raw(), terminal.screen().contents());
        assert!(status.exit_code() != 0 && terminal.is_given_back(), "{name}={value}");
        assert!(!String::from_utf8_lossy(&raw).contains('\x1b'), "{name}={value}: {text}");
        assert!(text.contains(if name == "HOME" { "HOME" } else { value }), "{name}={value}: {text}");
    }
    // a configuration that can't be read
    let config = home.path().join("config/postrider/config.toml");
    std::fs::remove_file(&config).expect("the configuration");
    std::fs::create_dir(&config).expect("a folder in its place");
    let (code, _, errors) = home.run(&["sync"]);
    assert!(code != 0 && errors.contains("config.toml"), "{code} {errors}");
}

#[test]
fn a_terminal_that_can_not_show_it_is_told_so() {
    let home = Home::new();
    for term in ["dumb", ""] {
        let mut terminal = Terminal::start_with(&home, &["demo"], 80, 24, &[("TERM", term)]);
        assert_ne!(terminal.wait_exit().expect("it ends").exit_code(), 0);
        terminal.wait_shown_all();
        let text = terminal.screen().contents();
        assert!(text.contains("set TERM") && terminal.is_given_back(), "TERM={term}: {text}");
    }
    for arguments in [&[][..], &["demo"]] {
        let (code, out, errors) = home.run(arguments);
        assert!(code != 0 && out.is_empty() && errors.contains("terminal"), "{arguments:?}: {code} {out} {errors}");
    }
    // what it writes is UTF-8, whatever the locale says; nothing of it may break the screen
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        let mut terminal = Terminal::start_with(&home, &["demo"], 100, 30, &[("LANG", locale), ("LC_ALL", locale)]);
        terminal.wait_text("Inbox");
        terminal.settle();
        assert_eq!(terminal.quit(), 0);
    }
}

#[test]
fn hostile_messages_are_read_in_little_memory() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &[]);
    maildir.deliver("", 1, &message(1, "Harmless", "Read me.", 1), "", 1);
    let head = |n: u32| format!("From: a@b.example\r\nSubject: Bomb {n}\r\nMessage-ID: <m{n}@example.org>\r\nMIME-Version: 1.0\r\n");
    let nested = |levels: usize, kind: &str| format!("Content-Type: {kind}\r\n\r\n").repeat(levels) + "Subject: inner\r\n\r\nend\r\n";
    maildir.deliver("", 2, &(head(2) + &nested(30_000, "message/rfc822")), "", 2);
    maildir.deliver("", 3, &(head(3) + &nested(30_000, "multipart/digest; boundary=b")), "", 3);
    maildir.deliver("", 4, &(head(4) + "\r\n" + &"x".repeat(24 << 20)), "", 4);
    maildir.deliver("", 5, &(head(5) + &"X-Long: y\r\n".repeat(500_000) + "\r\nend\r\n"), "", 5);
    let html = format!("Content-Type: text/html\r\n\r\n{}end", "<div><table><tr><td>".repeat(50_000));
    maildir.deliver("", 6, &(head(6) + &html), "", 6);
    home.configure(&(maildir.configuration("local") + "[ui]\nthreads = false\n"));
    // of address space, of which a part is never memory
    let above = ["prlimit", "--data=268435456"];
    let mut terminal = Terminal::start_under(&home, &above, &[], (100, 30), &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Bomb 6");
    for number in 1..=6 {
        terminal.press("gg");
        for _ in 1..number {
            terminal.press("j");
        }
        terminal.press("\r");
        terminal.press("q");
    }
    terminal.press("gg");
    terminal.press("\r");
    terminal.wait_text("Read me.");
    terminal.press("q");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn an_abort_leaves_the_password_nowhere() {
    use std::os::unix::process::ExitStatusExt;
    const CANARY: &str = "canary-Zx81-horse";
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &[]);
    maildir.fill(2);
    let smtp = format!(
        "[accounts.local.smtp]\nhost = \"127.0.0.1\"\nport = 9\nsecurity = \"plaintext\"\nusername = \"ada\"\npassword = \"{CANARY}\"\n"
    );
    home.configure(&(maildir.configuration("local") + &smtp));
    let log = home.path().join("log");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_postrider"))
        .args(["--log-level", "trace", "--log", &log.display().to_string(), "sync"])
        .env_clear()
        .envs(home.environment())
        .env("POSTRIDER_FAULT", "abort@headers:Subject 1")
        .current_dir(home.path())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    assert!(!output.status.core_dumped(), "a dump holds passwords");
    let mut folders = vec![home.path().to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && path.file_name().is_some_and(|name| name != "config.toml") {
                seen += 1;
                let bytes = std::fs::read(&path).expect("a file");
                assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "the password is in {}", path.display());
            }
        }
    }
    assert!(seen > 4, "{seen} files");
    let said = [output.stdout, output.stderr].concat();
    assert!(!said.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()));
}

#[test]
fn a_lost_terminal_ends_the_program_soon() {
    let home = Home::new();
    let terminal = demo(&home);
    let before = std::time::Instant::now();
    let status = terminal.hang_up().expect("the program ends with its terminal");
    assert!(status.success(), "{status:?}");
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
