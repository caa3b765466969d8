//! The commands as a script sees them: the real binary in a home of its own. What they print, what they
//! say, how they exit.

#[path = "cli/home.rs"]
mod home;
#[cfg(feature = "servers")]
#[path = "cli/imap.rs"]
mod imap;
#[path = "cli/mail.rs"]
mod mail;
#[cfg(feature = "servers")]
#[allow(dead_code)]
#[path = "support/second_client.rs"]
mod second_client;
#[cfg(feature = "servers")]
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/sending.rs"]
mod sending;
#[cfg(feature = "servers")]
#[allow(dead_code)]
mod servers;
#[cfg(feature = "servers")]
#[path = "cli/submission.rs"]
mod submission;
#[path = "support/mod.rs"]
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use home::{Home, json, ran};

const IMAP: &str = "[accounts.w]\naddress = \"a@b.example\"\n[accounts.w.imap]\nhost = \"127.0.0.1\"\n";

#[test]
fn every_command_of_the_contract_answers_help() {
    let home = Home::new();
    for name in [
        "demo",
        "setup",
        "sync",
        "send",
        "outbox",
        "list",
        "search",
        "show",
        "count",
        "status",
        "flag",
        "tag",
        "move",
        "archive",
        "trash",
        "doctor",
        "config",
        "keys",
        "completions",
        "man",
        "help",
        "compose",
    ] {
        let ran = home.run(&[name, "--help"]);
        assert!(ran.code == 0 && ran.out.contains("Usage: postrider"), "{name}: {} {}", ran.code, ran.err);
    }
}

#[test]
fn the_composer_needs_a_configuration_files_that_can_be_read_and_a_terminal() {
    let home = Home::new();
    for arguments in [&["compose"][..], &["compose", "bob@x.example"], &["mailto:a@b?subject=x"], &["MAILTO:a@b"]] {
        let ran = home.run(arguments);
        assert!(ran.code == 78 && ran.err.contains("postrider setup") && ran.out.is_empty(), "{arguments:?}: {} {}", ran.code, ran.err);
    }
    home.config(IMAP);
    let missing = home.path("plan.pdf");
    let folder = home.path(".config");
    for (file, why) in [(&missing, "is not there"), (&folder, "is a folder")] {
        let ran = home.run(&["compose", "-a", file.to_str().unwrap(), "bob@x.example"]);
        assert!(ran.code == 65 && ran.err.contains(why), "{} {}", ran.code, ran.err);
    }
    std::fs::write(&missing, "x").unwrap();
    for arguments in [&["compose", "-a", missing.to_str().unwrap(), "bob@x.example"][..], &["mailto:a@b"], &["compose", "mailto:a@b"]] {
        let ran = home.run(arguments);
        assert!(ran.code == 69 && ran.err.contains("terminal"), "{arguments:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(home.run(&["mailto:a@b?subject=x", "y"]).code, 64);
    assert_eq!(home.run(&["--account", "none", "compose"]).code, 65);
}

#[test]
fn exit_codes_tell_what_kind_of_failure_it_was() {
    let home = Home::new();
    for (arguments, code, word) in [
        (&["nonsense"][..], 64, "no command"),
        (&["lst"], 64, "did you mean \"list\""),
        (&["list", "--limt", "3"], 64, "--limit"),
        (&["show", "x"], 64, "x"),
        (&["list"], 78, "no configuration yet"),
        (&["status", "--json"], 78, "postrider setup"),
        (&["config", "check"], 78, "no configuration yet"),
        (&["help", "nonsense"], 65, "no help"),
        (&["setup", "a@b.example"], 64, "--imap-host"),
        (&["setup", "a@b.example", "--imap-host", "mail.example", "--imap-security", "plaintext"], 64, "plaintext"),
        (&["setup", "a@b.example", "--maildir", "/nonexistent"], 65, "no Maildir"),
        (&["--config", "/nonexistent/x", "count"], 78, "/nonexistent/x"),
    ] {
        let ran = home.run(arguments);
        assert!(ran.code == code && ran.err.contains(word) && ran.out.is_empty(), "{arguments:?}: {} {} {}", ran.code, ran.out, ran.err);
    }
    home.config(IMAP);
    for (arguments, code, word) in [
        (&["show", "1"][..], 65, "no message"),
        (&["flag", "1", "+seen"], 65, "nothing was changed"),
        (&["flag", "1"], 64, "+seen -flagged"),
        (&["flag", "1", "+sen"], 64, "did you mean \"seen\""),
        (&["tag", "1", "+a(b"], 64, "can't be a tag"),
        (&["archive", "1", "2"], 65, "1, 2"),
        (&["trash", "1"], 65, "no message"),
        (&["move", "1", "--to", "Archive"], 65, "no message"),
        (&["--account", "v", "list"], 65, "no account"),
    ] {
        let ran = home.run(arguments);
        assert!(ran.code == code && ran.err.contains(word) && ran.out.is_empty(), "{arguments:?}: {} {} {}", ran.code, ran.out, ran.err);
    }
}

#[test]
fn before_the_first_sync_lists_are_empty_and_no_error() {
    let home = Home::new();
    home.config(IMAP);
    for arguments in [&["list", "--json"][..], &["search", "--json", "word"]] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, &json(&ran)["messages"]), (0, &serde_json::json!([])), "{arguments:?}: {}", ran.err);
    }
    let count = home.run(&["count", "--json"]);
    assert_eq!((&json(&count)["total"], &json(&count)["unread"]), (&0.into(), &0.into()));
    let status = json(&home.run(&["status", "--json"]));
    assert_eq!(
        (status["accounts"][0]["name"].as_str(), &status["waiting"], &status["outbox"]),
        (Some("w"), &0.into(), &0.into()),
        "{status}"
    );
}

#[test]
fn config_check_names_place_value_and_nearest_name() {
    let home = Home::new();
    for (line, place, words) in [
        ("security = \"tsl\"", ":5:12: ", &["\"tsl\"", "\"tls\""][..]),
        ("hostt = 3", ":5:1: ", &["\"hostt\"", "\"host\""]),
        ("port = 0", ":5:8: ", &["port", "65535"]),
        ("[keys.list]\n\"ctrl-e\" = \"archiv\"", ":6:12: ", &["archiv", "archive"]),
        ("[ui]\nthem = 1", ":6:1: ", &["\"them\"", "\"theme\""]),
        ("x = = 1", ":5:5: ", &[]),
    ] {
        let file = home.config(&format!("{IMAP}{line}\n"));
        let ran = home.run(&["config", "check"]);
        let found = ran
            .out
            .lines()
            .any(|out| out.starts_with(&format!("{}{place}", file.display())) && words.iter().all(|word| out.contains(word)));
        assert!(ran.code == 1 && found, "{line}: {} {} {}", ran.code, ran.out, ran.err);
    }
    let ran = home.run(&["config", "check", "--json"]);
    assert_eq!((ran.code, json(&ran)["findings"][0]["line"].as_i64()), (1, Some(5)));
}

#[test]
fn the_example_and_the_defaults_check_clean() {
    let home = Home::new();
    let example = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml")).unwrap();
    home.config(&example);
    let ran = home.run(&["config", "check"]);
    assert!(ran.code == 0 && ran.out.is_empty(), "{}", ran.out);
    let defaults = home.run(&["config", "default"]).out;
    home.config(&defaults);
    assert_eq!(home.run(&["config", "check"]).code, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&home.run(&["config", "schema"]).out).is_ok());
}

#[test]
fn hostile_configurations_are_findings_and_never_reach_the_terminal() {
    let home = Home::new();
    for text in [
        "\u{1b}[31m",
        "[ui]\ntheme = \"\\u001b]0;x\\u0007\"",
        "\u{0}",
        "[accounts.\"\\u009b31m\"]\naddress = \"a@b\"",
        "x = \"\u{202e}\"",
        "[[[",
    ] {
        home.config(text);
        for arguments in [&["config", "check"][..], &["doctor", "--offline"], &["list"]] {
            let ran = home.run(arguments);
            let all = format!("{}{}", ran.out, ran.err);
            assert!(ran.code != 0 && !all.contains("panicked"), "{text:?} {arguments:?}: {} {all}", ran.code);
            assert!(!all.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?} {arguments:?}: {all:?}");
        }
    }
    let file = home.config("");
    std::fs::write(&file, vec![b'#'; 3 << 20]).unwrap();
    assert!(home.run(&["config", "check"]).out.contains("larger than 1 MiB"));
    std::fs::write(&file, b"[ui]\ntheme = \"\xff\"\n").unwrap();
    assert!(home.run(&["config", "check"]).out.contains(":2:10: this is not UTF-8"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(home.run(&["config", "check"]).out.contains("is a folder"));
}

#[test]
fn a_password_others_can_read_is_refused_with_the_command_that_mends_it() {
    let home = Home::new();
    let file = home.config(&format!("{IMAP}password = \"canary\"\n"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = home.run(&["config", "check"]);
    assert!(ran.code == 1 && ran.out.contains(&format!("chmod 600 {}", file.display())), "{}", ran.out);
    let doctor = home.run(&["doctor", "--offline"]);
    assert!(!format!("{}{}{}{}", ran.out, ran.err, doctor.out, doctor.err).contains("canary"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.run(&["config", "check"]).code, 0);
}

#[test]
fn the_reader_needs_a_terminal_and_says_so_before_touching_it() {
    let home = Home::new();
    for arguments in [&[][..], &["demo"]] {
        let ran = home.run(arguments);
        assert!(
            ran.code == 69 && ran.err.contains("terminal") && ran.out.is_empty(),
            "{arguments:?}: {} {} {}",
            ran.code,
            ran.out,
            ran.err
        );
    }
}

#[test]
fn without_a_home_the_error_is_clear_and_the_tables_still_print() {
    let home = Home::new();
    for value in [None, Some(""), Some("relative")] {
        let mut list = home.command(&["list"]);
        match value {
            None => list.env_remove("HOME"),
            Some(value) => list.env("HOME", value),
        };
        let ran = ran(&list.output().unwrap());
        assert!(ran.code == 78 && ran.err.contains("HOME"), "{value:?}: {} {}", ran.code, ran.err);
    }
    for arguments in [&["keys", "--markdown"][..], &["completions", "bash"], &["config", "default"], &["help", "search"]] {
        let output = home.command(arguments).env_remove("HOME").output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}");
    }
    let pages = home.path("man");
    assert!(home.command(&["man", pages.to_str().unwrap()]).env_remove("HOME").status().unwrap().success());
    assert!(pages.join("postrider.1").is_file() && pages.join("postrider-outbox.1").is_file());
}

#[test]
fn an_unwritable_home_is_said() {
    let home = Home::new();
    home.config(IMAP);
    std::fs::write(home.path(".local"), "a file where a folder should be").unwrap();
    let ran = home.run(&["sync"]);
    assert!(ran.code != 0 && ran.code != 101 && !ran.err.contains("panicked"), "{} {}", ran.code, ran.err);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    for arguments in [&["keys"][..], &["keys", "--markdown"], &["config", "default"], &["help"]] {
        let (reading, writing) = std::io::pipe().unwrap();
        drop(reading);
        let output = home.command(arguments).stdout(writing).stderr(Stdio::piped()).output().unwrap();
        let ran = ran(&output);
        assert!(ran.code == 0 && ran.err.is_empty(), "{arguments:?}: {} {}", ran.code, ran.err);
    }
}

#[test]
fn what_is_made_is_private_whatever_the_umask() {
    let home = Home::new();
    let script = format!("umask 000; exec {} doctor --offline", env!("CARGO_BIN_EXE_postrider"));
    home.config(IMAP);
    home.command(&[]).output().unwrap();
    let output = Command::new("sh").arg("-c").arg(script).env_clear().env("HOME", home.path("")).env("TERM", "xterm").output().unwrap();
    assert!(!output.stdout.is_empty());
    private(&home.path(".local"));
}

/// Every folder at and below `folder` is 0700, every file 0600.
fn private(folder: &Path) {
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn doctor_has_its_shape_and_finds_what_is_closed() {
    let home = Home::new();
    // a port that was free a moment ago: nothing listens there
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = home.config(&format!("{IMAP}port = {port}\npassword = \"canary\"\n"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = home.run(&["doctor", "--json"]);
    let checks = json(&ran)["checks"].as_array().cloned().unwrap();
    let find = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {checks:#?}"));
    assert_eq!(ran.code, 1);
    assert!(find("configuration")["ok"] == true && find("terminal")["ok"] == true && find("w DNS")["ok"] == true, "{checks:#?}");
    assert!(find("w TCP")["ok"] == false && find("w TCP")["detail"].as_str().unwrap().contains("127.0.0.1"), "{checks:#?}");
    assert!(!ran.out.contains("canary"));
    let log = std::fs::read_to_string(home.path(".local/state/postrider/postrider.log")).unwrap_or_default();
    assert!(!log.contains("canary"));
}

#[test]
fn a_clock_that_cannot_be_read_is_said() {
    let home = Home::new();
    for (name, value) in [("POSTRIDER_NOW", "tomorrow"), ("POSTRIDER_SEED", "x")] {
        let ran = ran(&home.command(&["config", "path"]).env(name, value).output().unwrap());
        assert!(ran.code == 64 && ran.err.contains(name), "{} {}", ran.code, ran.err);
    }
}

#[test]
fn setup_adds_a_maildir_and_refuses_what_is_taken() {
    let home = Home::new();
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(home.path("Mail").join(folder)).unwrap();
    }
    let mail = home.path("Mail");
    let ran = home.run(&["setup", "--maildir", mail.to_str().unwrap(), "--account", "home"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(home.run(&["config", "check"]).code, 0);
    private(&home.path(".config"));
    let again = home.run(&["setup", "--maildir", mail.to_str().unwrap(), "--account", "home"]);
    assert!(again.code == 78 && again.err.contains("already"), "{} {}", again.code, again.err);
}
