//! The Maildir remote on real files: every verb, and what other programs do to the same files meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postrider::mail::{FlagBits, Flags, Key, Keywords};
use postrider::remote::maildir::{Account, Connection};
use postrider::remote::{Connect, Hint, Remote, RemoteError, Window};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A Maildir in a temporary folder, and a connection to it.
struct Mail {
    root: TempDir,
    remote: Connection,
}

fn make(folder: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
}

fn message(subject: &str) -> String {
    format!("From: a@x.example\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x.example>\r\n\r\nText of {subject}.\r\n")
}

fn key(base: &str) -> Key {
    Key::BaseName(base.into())
}

fn bits(bits: FlagBits) -> Flags {
    Flags::bits(bits)
}

fn words(words: &str) -> Flags {
    Flags { bits: FlagBits::NONE, keywords: Keywords::parse(words) }
}

impl Mail {
    /// The inbox holds these files (`cur/…` or `new/…`), `.Archive` is empty.
    async fn with(files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        make(root.path());
        make(&root.path().join(".Archive"));
        for file in files {
            let subject = file.rsplit(['/', '.']).next().unwrap().split(':').next().unwrap();
            fs::write(root.path().join(file), message(subject)).unwrap();
        }
        let remote = Account { root: root.path().to_owned() }.connect(Some(".")).await.unwrap();
        Self { root, remote }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.path(folder)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn keys(&mut self) -> Vec<String> {
        let flags = self.remote.flags(".", Window::ALL).await.unwrap();
        flags.into_iter().map(|(key, _)| key.base_name().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_is_no_maildir_is_refused_with_a_sentence() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    for (path, word) in [
        (root.path().join("absent"), "there is no folder"),
        (root.path().join("file"), "is a file"),
        (root.path().to_owned(), "not a Maildir"),
    ] {
        match (Account { root: path }).connect(None).await {
            Err(RemoteError::Rejected(text)) => assert!(text.contains(word), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing was created");
}

#[tokio::test]
async fn both_folder_layouts_are_listed_with_counts() {
    let mut b = Mail::with(&["cur/1700000001.a:2,S", "cur/1700000002.b:2,", "new/1700000003.c"]).await;
    for folder in [".Lists.rust", "Plain/deep", ".&ZeVnLIqe-", ".\u{1b}[31mred"] {
        make(&b.path(folder));
    }
    let list = b.remote.mailboxes().await.unwrap();
    let names: Vec<(&str, &str, bool)> = list.iter().map(|m| (&*m.name, &*m.wire_name, m.selectable)).collect();
    assert_eq!(
        names,
        [
            ("Inbox", ".", true),
            ("\u{1b}[31mred", ".\u{1b}[31mred", true),
            ("Archive", ".Archive", true),
            ("Lists", ".Lists", false),
            ("Lists/rust", ".Lists.rust", true),
            ("Plain", ".Plain", false),
            ("Plain/deep", "Plain/deep", true),
            ("日本語", ".&ZeVnLIqe-", true),
        ]
    );
    assert_eq!((list[0].total, list[0].unread), (Some(3), Some(2)));
    for mailbox in list.iter().filter(|m| m.selectable) {
        b.remote.open(&mailbox.wire_name).await.unwrap();
    }
}

#[tokio::test]
async fn hostile_mailbox_names_reach_no_file() {
    let mut b = Mail::with(&[]).await;
    let outside = tempfile::tempdir().unwrap();
    make(outside.path());
    for name in ["..", "../x", "", "a/../../b", "x\0y", outside.path().to_str().unwrap()] {
        assert!(matches!(b.remote.open(name).await, Err(RemoteError::Rejected(_))), "{name:?}");
        assert!(b.remote.append(name, vec![], &Flags::default(), 0).await.is_err(), "{name:?}");
    }
    assert!(b.remote.open(&"x".repeat(5000)).await.is_err());
    assert!(matches!(b.remote.open(".Gone").await, Err(RemoteError::Gone(_))));
    assert!(matches!(b.remote.append(".Gone", vec![], &Flags::default(), 0).await, Err(RemoteError::Gone(_))));
    assert!(!b.path(".Gone").exists());
}

#[tokio::test]
async fn newest_come_first_with_header_size_and_time() {
    let mut b = Mail::with(&["cur/1700000001.a:2,S", "new/1700000003.c", "cur/1700000002.b:2,RF"]).await;
    let (opened, found) = b.remote.newest(".", 2).await.unwrap();
    assert_eq!((opened.exists, opened.read_only, opened.uid_validity), (3, false, None));
    let rows: Vec<(&str, FlagBits, i64)> = found.iter().map(|m| (m.key.base_name().unwrap(), m.flags.bits, m.received)).collect();
    assert_eq!(
        rows,
        [("1700000003.c", FlagBits::NONE, 1_700_000_003), ("1700000002.b", FlagBits::ANSWERED.with(FlagBits::FLAGGED), 1_700_000_002)]
    );
    assert_eq!(found[0].size, message("c").len() as u64);
    assert!(found[0].header.ends_with(b"<c@x.example>\r\n\r\n"));
}

#[tokio::test]
async fn names_without_a_time_go_by_the_files_time() {
    let mut b = Mail::with(&["cur/old:2,S", "cur/1700000002.b:2,"]).await;
    let file = fs::File::options().write(true).open(b.path("cur/old:2,S")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_009)).unwrap();
    let (_, found) = b.remote.newest(".", 1).await.unwrap();
    assert_eq!((found[0].key.clone(), found[0].received), (key("old"), 1_700_000_009));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn newest_opens_only_the_files_it_shows() {
    use notify::{EventKind, RecursiveMode, Watcher, event::AccessKind};
    let mut b = Mail::with(&[]).await;
    for n in 0..20_000 {
        fs::write(b.path(&format!("cur/{}.M{n}:2,S", 1_600_000_000 + n)), "Subject: x\n\n").unwrap();
    }
    let newest: Vec<String> = (0..3).map(|n| format!("{}.new{n}:2,", 1_700_000_009 - n)).collect();
    for name in newest.iter().chain([&"1500000000.end:2,".to_owned()]) {
        fs::write(b.path("cur").join(name), message("n")).unwrap();
    }
    let (tell, told) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(tell).unwrap();
    watcher.watch(&b.path("cur"), RecursiveMode::NonRecursive).unwrap();
    let (opened, found) = b.remote.newest(".", 3).await.unwrap();
    assert_eq!((opened.exists, found.len()), (20_004, 3));
    // events come in order: once this one is told, all are
    fs::read(b.path("cur/1500000000.end:2,")).unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|name| name != "1500000000.end:2,") {
        let event = told.recv().unwrap().unwrap();
        if matches!(event.kind, EventKind::Access(AccessKind::Open(_))) && event.paths[0] != b.path("cur") {
            seen.push(event.paths[0].file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    seen.pop();
    assert_eq!(seen, newest);
    assert_eq!(b.remote.flags(".", Window::ALL).await.unwrap().len(), 20_004);
}

#[tokio::test]
async fn flags_are_letters_in_the_name_and_unknown_letters_stay() {
    let mut b = Mail::with(&["cur/1700000001.a:2,FXb", "new/1700000002.b", "cur/1700000003.c:2,S"]).await;
    let keys = [key("1700000001.a"), key("1700000002.b"), key("1700000003.c"), key("gone")];
    b.remote.store_flags(".", &keys, &bits(FlagBits::SEEN.with(FlagBits::FORWARDED)), &bits(FlagBits::FLAGGED)).await.unwrap();
    assert_eq!(b.names("cur"), ["1700000001.a:2,PSXb", "1700000002.b:2,PS", "1700000003.c:2,PS"]);
    assert!(b.names("new").is_empty());
}

#[tokio::test]
async fn keywords_use_the_letters_dovecot_gave_them() {
    let mut b = Mail::with(&["cur/1700000001.a:2,ac"]).await;
    fs::write(b.path("dovecot-keywords"), "0 work\n1 later\n").unwrap();
    let a = [key("1700000001.a")];
    assert_eq!(b.remote.flags(".", Window::ALL).await.unwrap()[0].1, words("work"));
    b.remote.store_flags(".", &a, &words("later new"), &words("work")).await.unwrap();
    assert_eq!(b.names("cur"), ["1700000001.a:2,bc"]);
    assert_eq!(fs::read_to_string(b.path("dovecot-keywords")).unwrap(), "0 work\n1 later\n2 new\n");
    let moved = b.remote.move_to(".", &a, ".Archive").await.unwrap();
    assert_eq!(moved, [(a[0].clone(), Some(a[0].clone()))]);
    assert_eq!(b.remote.flags(".Archive", Window::ALL).await.unwrap()[0].1, words("later new"));
}

#[tokio::test]
async fn a_rename_by_another_program_is_followed() {
    let mut b = Mail::with(&["cur/1700000001.a:2,", "new/1700000002.b"]).await;
    b.remote.open(".").await.unwrap();
    fs::rename(b.path("cur/1700000001.a:2,"), b.path("cur/1700000001.a:2,R")).unwrap();
    fs::rename(b.path("new/1700000002.b"), b.path("cur/1700000002.b:2,")).unwrap();
    let keys = [key("1700000001.a"), key("1700000002.b")];
    b.remote.store_flags(".", &keys, &bits(FlagBits::SEEN), &Flags::default()).await.unwrap();
    assert_eq!(b.names("cur"), ["1700000001.a:2,RS", "1700000002.b:2,S"]);
    fs::rename(b.path("cur/1700000001.a:2,RS"), b.path("cur/1700000001.a:2,")).unwrap();
    assert_eq!(b.remote.bodies(".", &keys).await.unwrap().len(), 2);
    fs::rename(b.path("cur/1700000001.a:2,"), b.path("cur/1700000001.a:2,T")).unwrap();
    assert_eq!(b.remote.headers(".", &keys).await.unwrap()[0].flags, bits(FlagBits::DELETED));
}

#[tokio::test]
async fn what_others_add_and_delete_is_seen() {
    let mut b = Mail::with(&["cur/1700000001.a:2,", "cur/1700000002.b:2,"]).await;
    b.remote.open(".").await.unwrap();
    fs::remove_file(b.path("cur/1700000001.a:2,")).unwrap();
    fs::write(b.path("new/1700000003.c"), message("c")).unwrap();
    let asked = [key("1700000001.a"), key("1700000003.c")];
    let found = b.remote.headers(".", &asked).await.unwrap();
    assert_eq!(found.iter().map(|m| &m.key).collect::<Vec<_>>(), [&asked[1]]);
    assert_eq!(b.keys().await, ["1700000002.b", "1700000003.c"]);
    b.remote.delete(".", &asked).await.unwrap();
    b.remote.store_flags(".", &asked, &bits(FlagBits::SEEN), &Flags::default()).await.unwrap();
    assert_eq!(b.keys().await, ["1700000002.b"]);
}

#[tokio::test]
async fn moving_keeps_key_and_bytes_and_never_replaces() {
    let mut b = Mail::with(&["cur/1700000001.a:2,FS", "new/1700000002.b"]).await;
    fs::write(b.path(".Archive/cur/1700000002.b:2,R"), "another message").unwrap();
    let keys = [key("1700000001.a"), key("gone"), key("1700000002.b")];
    let moved = b.remote.move_to(".", &keys, ".Archive").await.unwrap();
    assert_eq!(moved[0], (keys[0].clone(), Some(keys[0].clone())));
    let (old, Some(new)) = moved[1].clone() else { panic!("{moved:?}") };
    assert_eq!((moved.len(), old), (2, keys[2].clone()));
    assert_ne!(new, keys[2]);
    assert!(new.base_name().unwrap().starts_with("1700000002."), "the time received stays");
    assert_eq!(fs::read_to_string(b.path(".Archive/cur/1700000002.b:2,R")).unwrap(), "another message");
    let bodies = b.remote.bodies(".Archive", &[keys[0].clone(), new]).await.unwrap();
    assert_eq!(bodies.iter().map(|body| &*body.bytes).collect::<Vec<_>>(), [message("a").as_bytes(), message("b").as_bytes()]);
    assert!(b.keys().await.is_empty());
    let back = b.remote.move_to(".Archive", &keys[..1], ".").await.unwrap();
    assert_eq!(back, [(keys[0].clone(), Some(keys[0].clone()))]);
    assert_eq!(b.names("cur"), ["1700000001.a:2,FS"]);
}

#[tokio::test]
async fn moving_within_one_mailbox_changes_nothing() {
    let mut b = Mail::with(&["cur/1700000001.a:2,FS"]).await;
    let a = key("1700000001.a");
    assert_eq!(b.remote.move_to(".", std::slice::from_ref(&a), ".").await.unwrap(), [(a.clone(), Some(a))]);
    assert_eq!(b.names("cur"), ["1700000001.a:2,FS"]);
}

#[tokio::test]
async fn copies_have_their_own_key_and_the_same_time_and_flags() {
    let mut b = Mail::with(&["cur/1700000001.a:2,FS"]).await;
    let a = [key("1700000001.a")];
    let copied = b.remote.copy_to(".", &a, ".Archive").await.unwrap();
    let new = copied[0].1.clone().unwrap();
    assert_ne!(new, a[0]);
    let copy = b.remote.headers(".Archive", std::slice::from_ref(&new)).await.unwrap().remove(0);
    assert_eq!((copy.received, copy.flags), (1_700_000_001, bits(FlagBits::SEEN.with(FlagBits::FLAGGED))));
    b.remote.delete(".", &a).await.unwrap();
    assert_eq!(b.remote.bodies(".Archive", &[new]).await.unwrap()[0].bytes, message("a").as_bytes());
}

#[tokio::test]
async fn appended_bytes_come_back_and_leave_nothing_in_tmp() {
    let mut b = Mail::with(&[]).await;
    fs::remove_dir(b.path("tmp")).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let first = b.remote.append(".", bytes.clone(), &bits(FlagBits::DRAFT), 1_700_000_005).await.unwrap().unwrap();
    let second = b.remote.append(".", bytes.clone(), &Flags::default(), 1_700_000_005).await.unwrap().unwrap();
    assert_ne!(first, second);
    let body = b.remote.bodies(".", std::slice::from_ref(&first)).await.unwrap().remove(0);
    assert!(body.whole && body.bytes == bytes);
    let found = b.remote.headers(".", std::slice::from_ref(&first)).await.unwrap().remove(0);
    assert_eq!((found.received, found.flags, found.size), (1_700_000_005, bits(FlagBits::DRAFT), 256));
    assert!(b.names("tmp").is_empty());
    assert_eq!(fs::metadata(b.path("cur").join(&b.names("cur")[0])).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn slices_are_stretches_of_the_raw_message() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    let (a, text) = (key("1700000001.a"), message("a"));
    assert_eq!(b.remote.slice(".", &a, None, 6, 5).await.unwrap(), &text.as_bytes()[6..11]);
    assert_eq!(b.remote.slice(".", &a, None, text.len() as u64 - 3, 100).await.unwrap(), b".\r\n");
    assert!(b.remote.slice(".", &a, None, u64::MAX, 100).await.unwrap().is_empty());
    assert!(b.remote.slice(".", &key("gone"), None, 0, 1).await.unwrap().is_empty());
    assert!(matches!(b.remote.slice(".", &a, Some("1"), 0, 1).await, Err(RemoteError::Rejected(_))));
}

#[tokio::test]
async fn messages_are_found_by_their_message_id() {
    let mut b = Mail::with(&["cur/1700000001.a:2,", "new/1700000002.b"]).await;
    assert_eq!(b.remote.find(".", "b@x.example").await.unwrap(), [key("1700000002.b")]);
    assert!(b.remote.find(".", "x.example").await.unwrap().is_empty());
}

#[tokio::test]
async fn one_unreadable_file_does_not_stop_the_rest() {
    let mut b = Mail::with(&["cur/1700000001.a:2,", "cur/1700000002.locked:2,", "cur/1700000003.c:2,"]).await;
    // whoever runs tests as root can read anything: a folder in place of the file is unreadable to all
    b.remote.open(".").await.unwrap();
    fs::remove_file(b.path("cur/1700000002.locked:2,")).unwrap();
    fs::create_dir(b.path("cur/1700000002.locked:2,")).unwrap();
    let keys = [key("1700000001.a"), key("1700000002.locked"), key("1700000003.c")];
    let found = b.remote.headers(".", &keys).await.unwrap();
    assert_eq!(found.iter().map(|m| m.header.is_empty()).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(b.remote.bodies(".", &keys).await.unwrap().len(), 2);
    assert_eq!(b.keys().await.len(), 2);
}

#[tokio::test]
async fn a_huge_header_is_cut_and_a_file_without_body_is_read() {
    let mut b = Mail::with(&[]).await;
    fs::write(b.path("cur/1700000001.huge:2,"), format!("Subject: {}\n\nbody", "x".repeat(1 << 20))).unwrap();
    fs::write(b.path("cur/1700000002.long:2,"), format!("X: {}\nSubject: far\n\nbody", "x\n ".repeat(20_000))).unwrap();
    fs::write(b.path("cur/1700000003.short:2,"), "Subject: no body").unwrap();
    let found = b.remote.headers_in(".", Window::ALL).await.unwrap();
    let ends: Vec<(usize, &[u8])> = found.iter().map(|m| (m.header.len(), &m.header[m.header.len() - 5..])).collect();
    assert_eq!(ends[0].1, b" body");
    assert_eq!(ends[1].1, b"far\n\n");
    assert_eq!(ends[2].0, 256 * 1024);
}

#[tokio::test]
async fn two_files_of_one_base_name_are_both_there() {
    let mut b = Mail::with(&["cur/1700000001.a:2,", "cur/1700000001.a:2,S", "cur/1700000002.b:2,"]).await;
    fs::hard_link(b.path("cur/1700000002.b:2,"), b.path("cur/1700000002.b:2,S")).unwrap();
    let keys = b.keys().await;
    assert_eq!(keys.len(), 3, "{keys:?}");
    let all: Vec<Key> = keys.iter().map(|name| key(name)).collect();
    b.remote.store_flags(".", &all, &bits(FlagBits::FLAGGED), &Flags::default()).await.unwrap();
    assert_eq!(b.remote.flags(".", Window::ALL).await.unwrap().iter().filter(|(_, f)| f.bits.contains(FlagBits::FLAGGED)).count(), 3);
}

#[tokio::test]
async fn links_are_read_but_deleting_never_follows_them() {
    let mut b = Mail::with(&[]).await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("mail");
    fs::write(&target, message("out")).unwrap();
    symlink(&target, b.path("cur/1700000001.link:2,")).unwrap();
    symlink(outside.path(), b.path("cur/1700000002.folder:2,")).unwrap();
    symlink(outside.path().join("absent"), b.path("cur/1700000003.dangling:2,")).unwrap();
    assert_eq!(b.keys().await, ["1700000001.link"]);
    let link = [key("1700000001.link")];
    assert_eq!(b.remote.bodies(".", &link).await.unwrap()[0].bytes, message("out").as_bytes());
    b.remote.delete(".", &link).await.unwrap();
    assert!(target.exists() && !b.path("cur/1700000001.link:2,").exists());
}

#[tokio::test]
async fn leftovers_in_tmp_are_neither_shown_nor_touched() {
    let mut b = Mail::with(&["tmp/1600000000.crash"]).await;
    let (opened, found) = b.remote.newest(".", 10).await.unwrap();
    assert_eq!((opened.exists, found.len()), (0, 0));
    assert_eq!(b.names("tmp"), ["1600000000.crash"]);
}

#[tokio::test]
async fn waiting_ends_when_mail_comes_or_when_told() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    let stop = Arc::new(Notify::new());
    b.remote.flags(".", Window::ALL).await.unwrap();
    stop.notify_one();
    assert_eq!(b.remote.wait(".", stop.clone()).await.unwrap(), Hint::Nothing, "nothing happened since the last look");
    for (from, to) in [("tmp/x", "new/1700000002.b"), ("new/1700000002.b", "cur/1700000002.b:2,S")] {
        fs::write(b.path("tmp/x"), message("x")).unwrap();
        let (from, to) = (b.path(from), b.path(to));
        let (hint, ()) = tokio::join!(b.remote.wait(".", stop.clone()), async {
            tokio::task::yield_now().await;
            fs::rename(from, to).unwrap();
        });
        assert_eq!(hint.unwrap(), Hint::Changed);
        b.remote.flags(".", Window::ALL).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_between_the_look_and_the_wait_is_not_missed() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    b.remote.flags(".", Window::ALL).await.unwrap();
    fs::write(b.path("new/1700000002.b"), message("b")).unwrap();
    assert_eq!(b.remote.wait(".", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn what_came_before_a_look_for_one_message_is_not_missed() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    b.remote.flags(".", Window::ALL).await.unwrap();
    b.remote.open(".Archive").await.unwrap();
    fs::write(b.path("new/1700000002.b"), message("b")).unwrap();
    // reads the names again, and tells one message only
    assert_eq!(b.remote.bodies(".", &[key("1700000001.a")]).await.unwrap().len(), 1);
    let stop = Arc::new(Notify::new());
    stop.notify_one();
    assert_eq!(b.remote.wait(".", stop).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn names_are_told_stretch_by_stretch_from_the_last_on_as_they_are_now() {
    let mut b = Mail::with(&["cur/1.a:2,", "cur/2.b:2,S", "new/3.c", "cur/4.d:2,", "cur/5.e:2,"]).await;
    let told =
        |names: Vec<(Key, Flags)>| -> Vec<String> { names.iter().filter_map(|(key, _)| key.base_name()).map(str::to_owned).collect() };
    assert_eq!(told(b.remote.flags_before(".", None, 2).await.unwrap()), ["4.d", "5.e"]);
    fs::write(b.path("cur/2.z:2,F"), message("z")).unwrap();
    fs::remove_file(b.path("cur/4.d:2,")).unwrap();
    assert_eq!(told(b.remote.flags_before(".", Some(key("4.d")), 2).await.unwrap()), ["2.z", "3.c"]);
    let last = b.remote.flags_before(".", Some(key("2.z")), 3).await.unwrap();
    assert_eq!(last, [(key("1.a"), Flags::default()), (key("2.b"), bits(FlagBits::SEEN))]);
    assert_eq!(b.remote.flags_before(".", Some(key("1.a")), 3).await.unwrap(), []);
    // what changed meanwhile above is news to whoever waits
    assert_eq!(b.remote.wait(".", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn a_mailbox_that_went_away_is_gone() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    b.remote.open(".Archive").await.unwrap();
    fs::remove_dir_all(b.path(".Archive")).unwrap();
    assert!(matches!(b.remote.flags(".Archive", Window::ALL).await, Err(RemoteError::Gone(_))));
    assert!(matches!(b.remote.move_to(".", &[key("1700000001.a")], ".Archive").await, Err(RemoteError::Gone(_))));
    assert_eq!(b.names("cur"), ["1700000001.a:2,"]);
}

#[tokio::test]
async fn a_storm_of_renames_hides_no_message() {
    const FILES: u32 = 3000;
    let names: Vec<String> = (0..FILES).map(|n| format!("cur/{}.x:2,", 1_700_000_000 + n)).collect();
    let mut b = Mail::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (cur, stop) = (b.path("cur"), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let storm = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut round = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (from, to) = [("", "S"), ("S", "")][round % 2];
                for n in 0..FILES {
                    let base = 1_700_000_000 + n;
                    // our own renames get in between: whoever comes second finds nothing
                    let _ = fs::rename(cur.join(format!("{base}.x:2,{from}")), cur.join(format!("{base}.x:2,{to}")));
                }
                round += 1;
            }
        }
    });
    for n in 0..40 {
        assert_eq!(b.keys().await.len(), 3000, "look {n}");
    }
    let all: Vec<Key> = (0..FILES).map(|n| key(&format!("{}.x", 1_700_000_000 + n))).collect();
    assert_eq!(b.remote.headers(".", &all[..20]).await.unwrap().len(), 20);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    storm.join().unwrap();
    b.remote.store_flags(".", &all, &bits(FlagBits::FLAGGED), &Flags::default()).await.unwrap();
    assert!(b.remote.flags(".", Window::ALL).await.unwrap().iter().all(|(_, flags)| flags.bits.contains(FlagBits::FLAGGED)));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn mail_crosses_file_systems_whole() {
    let mut b = Mail::with(&["cur/1700000001.a:2,FS", "cur/1700000002.b:2,"]).await;
    let far = tempfile::tempdir_in("/dev/shm").unwrap();
    make(far.path());
    symlink(far.path(), b.path(".Far")).unwrap();
    assert!(b.remote.mailboxes().await.unwrap().iter().any(|mailbox| mailbox.name == "Far"));
    let keys = [key("1700000001.a"), key("1700000002.b")];
    let moved = b.remote.move_to(".", &keys[..1], ".Far").await.unwrap();
    let copied = b.remote.copy_to(".", &keys[1..], ".Far").await.unwrap();
    let arrived: Vec<Key> = moved.into_iter().chain(copied).map(|(_, new)| new.unwrap()).collect();
    let found = b.remote.bodies(".Far", &arrived).await.unwrap();
    assert_eq!(found.iter().map(|body| &*body.bytes).collect::<Vec<_>>(), [message("a").as_bytes(), message("b").as_bytes()]);
    assert_eq!(b.remote.headers(".Far", &arrived).await.unwrap()[0].flags, bits(FlagBits::SEEN.with(FlagBits::FLAGGED)));
    assert_eq!(b.keys().await, ["1700000002.b"]);
    assert_eq!(fs::read_dir(far.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_keyword_waits_for_another_programs_lock_but_not_for_a_dead_one() {
    let mut b = Mail::with(&["cur/1700000001.a:2,"]).await;
    let a = [key("1700000001.a")];
    let lock = fs::File::create(b.path("dovecot-keywords.lock")).unwrap();
    assert!(matches!(b.remote.store_flags(".", &a, &words("work"), &Flags::default()).await, Err(RemoteError::NotNow(_))));
    assert_eq!(b.names("cur"), ["1700000001.a:2,"]);
    lock.set_modified(std::time::SystemTime::now() - Duration::from_secs(600)).unwrap();
    b.remote.store_flags(".", &a, &words("work"), &Flags::default()).await.unwrap();
    assert_eq!(b.remote.flags(".", Window::ALL).await.unwrap()[0].1, words("work"));
    let many: Vec<String> = (0..26).map(|n| format!("w{n}")).collect();
    assert!(b.remote.store_flags(".", &a, &words(&many.join(" ")), &Flags::default()).await.is_err());
    assert!(!b.path("dovecot-keywords.lock").exists());
    assert_eq!(b.remote.flags(".", Window::ALL).await.unwrap()[0].1, words("work"));
}

#[tokio::test]
async fn folders_are_made_renamed_with_what_is_below_and_deleted_only_while_empty() {
    let mut b = Mail::with(&[]).await;
    for folder in [".Work", ".Work.Plans", ".Workshop"] {
        b.remote.create(folder).await.unwrap();
        b.remote.create(folder).await.expect("again");
    }
    fs::write(b.path(".Work.Plans/cur/1700000001.a:2,"), message("a")).unwrap();
    b.remote.rename_mailbox(".Work", ".Done").await.unwrap();
    let wires = |list: Vec<postrider::remote::RemoteMailbox>| {
        list.into_iter().map(|one| one.wire_name).filter(|wire| wire != ".Archive").collect::<Vec<_>>()
    };
    assert_eq!(wires(b.remote.mailboxes().await.unwrap()), [".", ".Done", ".Done.Plans", ".Workshop"]);
    assert!(matches!(b.remote.rename_mailbox(".Done", ".Workshop").await, Err(RemoteError::Rejected(_))));
    assert!(matches!(b.remote.delete_mailbox(".Done.Plans").await, Err(RemoteError::Rejected(why)) if why.contains("1 message")));
    assert!(b.path(".Done.Plans/cur/1700000001.a:2,").exists());
    b.remote.delete_mailbox(".Workshop").await.unwrap();
    assert!(matches!(b.remote.delete_mailbox(".Workshop").await, Err(RemoteError::Gone(_))));
    for inbox in [b.remote.delete_mailbox(".").await, b.remote.rename_mailbox(".", ".x").await] {
        assert!(matches!(inbox, Err(RemoteError::Rejected(_))));
    }
    assert_eq!(wires(b.remote.mailboxes().await.unwrap()), [".", ".Done", ".Done.Plans"]);
}
