//! Writing with the real binary: the user's editor in every mood, a draft that survives a killed reader.

use std::path::Path;

use crate::support::terminal::{Home, Terminal, until};

/// An editor that does what the file `mood` beside it says, with the text's file as `$1`.
fn editor(home: &Path) -> String {
    let script = home.join("editor.sh");
    std::fs::write(home.join("mood"), "").expect("a mood");
    std::fs::write(&script, format!("echo $$ > {0}/pid\n. {0}/mood\n", home.display())).expect("an editor");
    format!("/bin/sh {}", script.display())
}

fn writing(home: &Home) -> Terminal {
    let editor = editor(home.path());
    let more = [("VISUAL", editor.as_str())];
    let mut terminal = Terminal::start_with(home, &["demo"], 80, 24, &more);
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal.press("c");
    terminal.wait_text("New message");
    terminal.send("\t\tFirst words.");
    terminal.wait_text("First words.");
    terminal
}

#[test]
fn the_text_survives_every_editor() {
    let home = Home::new();
    let mut terminal = writing(&home);
    let mut run = |mood: &str, expect: &str| {
        std::fs::write(home.path().join("mood"), mood).expect("a mood");
        terminal.send("\x18e");
        let screen =
            terminal.wait(&format!("{expect:?} after {mood:?}"), |screen| screen.contains(expect) && screen.contains("New message"));
        assert!(screen.contains("words"), "{mood}\n{screen}");
        // the next one is to be seen by its own words
        terminal.send("\x1b");
        terminal.wait_text("closes the draft");
    };
    run("exit 1", "ended with status 1");
    run("kill -9 $$", "ended with signal 9");
    run("kill -TERM $$", "ended with signal 15");
    run("rm \"$1\"", "left no file");
    run(": > \"$1\"", "left an empty file");
    run("rm \"$1\"; mkfifo \"$1\"", "no regular file");
    run("printf '\\377' > \"$1\"", "not UTF-8");
    run("rm -r \"$(dirname \"$1\")\"", "left no file");
    run("kill -INT $PPID; kill -QUIT $PPID; exit 3", "ended with status 3");
    run("printf 'Better words.\\n' > \"$1.new\"; mv \"$1.new\" \"$1\"", "the editor left it");
    run("true", "The text is as it was");
    assert!(terminal.text().contains("Better words."));
}

#[test]
fn a_hung_editor_can_be_killed_from_elsewhere() {
    let home = Home::new();
    let mut terminal = writing(&home);
    std::fs::write(home.path().join("mood"), "echo hung; exec sleep 1000\n").expect("a mood");
    terminal.send("\x18e");
    terminal.wait_text("hung");
    let pid = std::fs::read_to_string(home.path().join("pid")).expect("its number");
    let done = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs");
    assert!(done.success());
    terminal.wait_text("signal 9");
    assert!(terminal.text().contains("First words."));
}

#[test]
fn the_program_ends_under_an_editor_and_keeps_the_draft() {
    let home = Home::new();
    let root = home.path().join("kept");
    let editor = editor(home.path());
    let kept = root.display().to_string();
    let start = || Terminal::start_with(&home, &["demo", "--keep", &kept], 80, 24, &[("VISUAL", &editor)]);
    let mut terminal = start();
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal.press("c");
    terminal.send("\tPlan for Friday\tFirst words.");
    terminal.wait_text("First words.");
    std::fs::write(home.path().join("mood"), "echo hung; exec sleep 1000\n").expect("a mood");
    terminal.send("\x18e");
    terminal.wait_text("hung");
    let done = std::process::Command::new("kill").args(["-TERM", &terminal.process_id().to_string()]).status().expect("kill runs");
    assert!(done.success());
    assert!(terminal.wait_exit().is_some(), "it waits for the editor");
    drop(terminal);
    let pid = std::fs::read_to_string(home.path().join("pid")).expect("its number");
    until("the editor's end", || !Path::new(&format!("/proc/{}", pid.trim())).exists());
    let terminal = start();
    terminal.wait_text("Recovered 1 draft: “Plan for Friday”");
}

#[test]
fn a_draft_is_written_closed_and_continued() {
    let home = Home::new();
    let mut terminal = writing(&home);
    terminal.send("\x1b[Z");
    terminal.send("Plan for Friday");
    terminal.wait_text("Plan for Friday");
    terminal.press("\x18q");
    terminal.press("gd");
    terminal.wait_text("Plan for Friday");
    terminal.press("\r");
    terminal.wait("the draft again", |screen| screen.contains("Subject  Plan for Friday") && screen.contains("First words."));
    assert_eq!(terminal.quit_from_a_draft(), 0);
}

#[test]
fn what_is_typed_outlives_a_killed_reader() {
    let home = Home::new();
    let kept = home.path().join("kept").display().to_string();
    let start = || Terminal::start(&home, &["demo", "--keep", &kept], 80, 24);
    let mut terminal = start();
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal.press("c");
    terminal.send("\tPlan for Friday\tThe words that matter.");
    // said only once it is on the disk
    terminal.wait("saved", |screen| screen.lines().next().is_some_and(|line| line.ends_with("saved")) && screen.contains("matter."));
    terminal.kill();
    let mut terminal = start();
    terminal.wait_text("Recovered 1 draft: “Plan for Friday”");
    terminal.press("gd");
    // it is filed after that was said
    terminal.wait("its row", |screen| screen.lines().any(|line| line.contains("Plan for Friday") && !line.contains("Recovered")));
    terminal.press("/Friday\r");
    terminal.press("\r");
    terminal.wait_text("The words that matter.");
}
