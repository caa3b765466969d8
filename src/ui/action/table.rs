//! The rows. `all` sets all presets; `gmail`, `mutt` and `emacs` replace it where hands of those
//! programs expect something else; `compose` are the keys where a message is written, alike in all presets.
//! The `vim` column and the composer's are a contract.

use super::Action as A;
use super::{ActionSpec, Argument, Contexts as C};

/// What a prefix is called in which-key.
pub const PREFIXES: &[(&str, &str)] = &[
    ("g", "go to"),
    ("'", "go to"),
    ("z", "fold and view"),
    ("Z", "fold and view"),
    ("y", "copy"),
    ("*", "mark"),
    ("T", "mark"),
    (",", "sort"),
    ("o", "sort"),
    ("i", "invitation"),
    ("ctrl-w", "panes"),
    ("ctrl-x", "more"),
];

const fn row(
    section: &'static str,
    action: A,
    name: &'static str,
    hint: &'static str,
    words: &'static str,
    doc: &'static str,
    contexts: C,
) -> ActionSpec {
    let none: &[&str] = &[];
    ActionSpec {
        action,
        name,
        section,
        hint,
        words,
        doc,
        contexts,
        argument: Argument::None,
        ready: true,
        vim: none,
        gmail: none,
        mutt: none,
        emacs: none,
        compose: none,
    }
}

impl ActionSpec {
    const fn all(mut self, keys: &'static [&'static str]) -> Self {
        self.vim = keys;
        self.gmail = keys;
        self.mutt = keys;
        self.emacs = keys;
        self
    }

    const fn gmail(mut self, keys: &'static [&'static str]) -> Self {
        self.gmail = keys;
        self
    }

    const fn mutt(mut self, keys: &'static [&'static str]) -> Self {
        self.mutt = keys;
        self
    }

    const fn emacs(mut self, keys: &'static [&'static str]) -> Self {
        self.emacs = keys;
        self
    }

    /// Its keys in the composer, where it works too.
    const fn compose(mut self, keys: &'static [&'static str]) -> Self {
        self.compose = keys;
        self.contexts = self.contexts.and(C::COMPOSE);
        self
    }

    const fn takes(mut self, argument: Argument) -> Self {
        self.argument = argument;
        self
    }

    const fn later(mut self) -> Self {
        self.ready = false;
        self
    }
}

pub(super) const MOVE: &str = "Moving";
pub(super) const PANES: &str = "Panes";
pub(super) const GO: &str = "Going places";
pub(super) const TRIAGE: &str = "Triage";
const MARK: &str = "Marking";
const LIST: &str = "The list";
const FIND: &str = "Finding";
const READ: &str = "Reading";
const COPY: &str = "Copying";
pub(super) const WRITE: &str = "Writing";
pub(super) const DRAFT: &str = "In a draft";
const WORK: &str = "Accounts and tasks";
const FOLDER: &str = "Folders";
const PROGRAM: &str = "The program";
pub(super) const TYPE: &str = "Prompts and pickers";

/// Every action, in the order of the enum.
pub const ACTIONS: &[ActionSpec] = &[
    row(MOVE, A::Down, "down", "down", "next below line", "Move down a row, or a line of text.", C::ALL)
        .all(&["j", "down"])
        .emacs(&["n", "j", "ctrl-n", "down"]),
    row(MOVE, A::Up, "up", "up", "previous above line", "Move up a row, or a line of text.", C::ALL)
        .all(&["k", "up"])
        .emacs(&["p", "k", "up"]),
    row(MOVE, A::First, "first", "first", "top begin home", "Go to the first row, or the start of the text.", C::ALL)
        .all(&["g g", "home"])
        .mutt(&["=", "home"])
        .emacs(&["g g", "alt-<", "home"]),
    row(MOVE, A::Last, "last", "last", "bottom end", "Go to the last row, or the end of the text.", C::ALL)
        .all(&["G", "end"])
        .mutt(&["end"])
        .emacs(&["G", "alt->", "end"]),
    row(MOVE, A::HalfPageDown, "half-page-down", "half page", "scroll", "Half a page down.", C::ALL).all(&["ctrl-d"]),
    row(MOVE, A::HalfPageUp, "half-page-up", "half page", "scroll", "Half a page up.", C::ALL).all(&["ctrl-u"]),
    row(MOVE, A::PageDown, "page-down", "page", "scroll screen", "A page down.", C::ALL)
        .all(&["ctrl-f", "pgdn"])
        .emacs(&["ctrl-v", "pgdn"]),
    row(MOVE, A::PageUp, "page-up", "page", "scroll screen", "A page up.", C::ALL)
        .all(&["ctrl-b", "pgup"])
        .mutt(&["pgup"])
        .emacs(&["alt-v", "pgup"]),
    row(MOVE, A::Left, "left", "left", "fold collapse close", "Fold; else go to the pane on the left.", C::ALL)
        .all(&["h", "left"])
        .gmail(&["left"])
        .mutt(&["left"]),
    row(MOVE, A::Right, "right", "right", "unfold expand", "Unfold; else go to the pane on the right.", C::ALL)
        .all(&["l", "right"])
        .gmail(&["right"])
        .mutt(&["right"]),
    row(MOVE, A::Open, "open", "open", "read view enter message folder", "Open the message or the folder.", C::ALL)
        .all(&["enter"])
        .gmail(&["enter", "o"]),
    row(
        MOVE,
        A::PageOrNextUnread,
        "page-or-next-unread",
        "read on",
        "space continue",
        "Page the message; at its end go to the next unread one.",
        C::MAIL,
    )
    .all(&["space"]),
    row(
        MOVE,
        A::ScrollDown,
        "scroll-preview-down",
        "scroll",
        "preview text",
        "Scroll the preview down without leaving the list.",
        C::LISTING,
    )
    .all(&["J"]),
    row(MOVE, A::ScrollUp, "scroll-preview-up", "scroll", "preview text", "Scroll the preview up without leaving the list.", C::LISTING)
        .all(&["K"]),
    row(MOVE, A::NextMessage, "next-message", "next", "newer older following", "Read the next message of the list.", C::READER).all(&["J"]),
    row(MOVE, A::PreviousMessage, "previous-message", "previous", "newer older", "Read the previous message of the list.", C::READER)
        .all(&["K"]),
    row(MOVE, A::NextInThread, "next-in-thread", "next in thread", "conversation", "Read the next message of this thread.", C::READER)
        .all(&[")"])
        .gmail(&[")", "n"]),
    row(
        MOVE,
        A::PreviousInThread,
        "previous-in-thread",
        "previous in thread",
        "conversation",
        "Read the previous message of this thread.",
        C::READER,
    )
    .all(&["("])
    .gmail(&["(", "p"]),
    row(MOVE, A::NextUnread, "next-unread", "next unread", "new", "Go to the next unread message.", C::PANES)
        .all(&["g n"])
        .mutt(&["tab", "' n"]),
    row(MOVE, A::PreviousUnread, "previous-unread", "previous unread", "new", "Go to the previous unread message.", C::PANES)
        .all(&["g p"])
        .mutt(&["shift-tab", "' p"]),
    row(FIND, A::NextMatch, "next-match", "next match", "search again", "Go to the next match of the search.", C::PANES)
        .all(&["n"])
        .gmail(&["ctrl-n"])
        .emacs(&["alt-n"]),
    row(FIND, A::PreviousMatch, "previous-match", "previous match", "search again", "Go to the previous match of the search.", C::PANES)
        .all(&["N"])
        .gmail(&["ctrl-p"])
        .mutt(&["alt-n"])
        .emacs(&["alt-p"]),
    row(PANES, A::NextPane, "next-pane", "pane", "focus window switch", "Move the focus to the next pane.", C::ALL)
        .all(&["tab", "ctrl-w w"])
        .mutt(&["ctrl-w w"])
        .emacs(&["tab", "ctrl-w w"]),
    row(PANES, A::PreviousPane, "previous-pane", "pane back", "focus window switch", "Move the focus to the previous pane.", C::ALL)
        .all(&["shift-tab"])
        .mutt(&[]),
    row(PANES, A::PaneLeft, "pane-left", "left", "focus window", "Move the focus to the pane on the left.", C::PANES).all(&["ctrl-w h"]),
    row(PANES, A::PaneDown, "pane-down", "below", "focus window", "Move the focus to the pane below.", C::PANES).all(&["ctrl-w j"]),
    row(PANES, A::PaneUp, "pane-up", "above", "focus window", "Move the focus to the pane above.", C::PANES).all(&["ctrl-w k"]),
    row(PANES, A::PaneRight, "pane-right", "right", "focus window", "Move the focus to the pane on the right.", C::PANES)
        .all(&["ctrl-w l"]),
    row(PANES, A::PaneShrink, "pane-shrink", "smaller list", "size resize", "Give the list less room.", C::PANES).all(&["ctrl-w <"]),
    row(PANES, A::PaneGrow, "pane-grow", "bigger list", "size resize", "Give the list more room.", C::PANES).all(&["ctrl-w >"]),
    row(PANES, A::PaneEqual, "pane-equal", "usual sizes", "size resize reset", "Give the panes their usual sizes.", C::PANES)
        .all(&["ctrl-w ="]),
    row(PANES, A::PaneOnly, "pane-only", "only this", "maximize zoom", "Show only this pane, or all again.", C::PANES).all(&["ctrl-w o"]),
    row(PANES, A::FolderPane, "folder-pane", "folders on/off", "sidebar hide show toggle", "Show or hide the folder pane.", C::PANES)
        .all(&["ctrl-w f"]),
    row(PANES, A::Preview, "preview", "preview on/off", "hide show toggle reading", "Show or hide the preview.", C::PANES).all(&["P"]),
    row(GO, A::NextFolder, "next-folder", "next folder", "mailbox", "Open the next folder.", C::PANES).all(&["]", ">"]).gmail(&[">"]),
    row(GO, A::PreviousFolder, "previous-folder", "previous folder", "mailbox", "Open the previous folder.", C::PANES)
        .all(&["[", "<"])
        .gmail(&["<"]),
    row(GO, A::NextAccount, "next-account", "next account", "", "Open the inbox of the next account.", C::PANES).all(&["}"]),
    row(GO, A::PreviousAccount, "previous-account", "previous account", "", "Open the inbox of the previous account.", C::PANES)
        .all(&["{"]),
    row(GO, A::GoInbox, "go-inbox", "Inbox", "mailbox folder", "Open this account's Inbox.", C::PANES).all(&["g i"]).mutt(&["' i"]),
    row(GO, A::ShowMuted, "show-muted", "muted", "ignored threads", "Show the muted threads of this folder.", C::PANES),
    row(GO, A::GoStarred, "go-starred", "Starred", "flagged important", "Show the starred messages of every folder.", C::PANES)
        .all(&["g s"])
        .mutt(&["' s"]),
    row(GO, A::GoSent, "go-sent", "Sent", "mailbox folder", "Open this account's Sent folder.", C::PANES).all(&["g t"]).mutt(&["' t"]),
    row(GO, A::GoDrafts, "go-drafts", "Drafts", "mailbox folder", "Open this account's Drafts.", C::PANES).all(&["g d"]).mutt(&["' d"]),
    row(GO, A::GoArchive, "go-archive", "Archive", "all mail folder", "Open this account's Archive, or its All Mail.", C::PANES)
        .all(&["g a"])
        .mutt(&["' a"]),
    row(GO, A::GoJunk, "go-junk", "Junk", "spam folder", "Open this account's Junk folder.", C::PANES).all(&["g j"]).mutt(&["' j"]),
    row(GO, A::GoTrash, "go-trash", "Trash", "bin deleted folder", "Open this account's Trash.", C::PANES).all(&["g x"]).mutt(&["' x"]),
    row(GO, A::GoFolder, "go-folder", "folders", "mailbox change open picker", "Choose a folder to open.", C::PANES)
        .all(&["g f"])
        .mutt(&["c", "' f"])
        .takes(Argument::Mailbox),
    row(GO, A::Back, "back", "back", "trail previous return", "Go back to where you were before.", C::PANES).all(&["ctrl-o"]),
    row(TRIAGE, A::Archive, "archive", "archive", "done refile", "Archive the message, or a folded thread.", C::MAIL)
        .all(&["e"])
        .gmail(&["e", "]", "["])
        .emacs(&["r", "e"]),
    row(TRIAGE, A::ArchiveThread, "archive-thread", "archive thread", "done refile conversation", "Archive the whole thread.", C::MAIL)
        .all(&["E"]),
    row(
        TRIAGE,
        A::Trash,
        "trash",
        "trash",
        "delete remove bin",
        "Move the message, or a folded thread, to Trash; inside Trash delete it for ever.",
        C::MAIL,
    )
    .all(&["d", "delete", "#"])
    .mutt(&["d", "delete"]),
    row(TRIAGE, A::TrashThread, "trash-thread", "trash thread", "delete remove conversation", "Move the whole thread to Trash.", C::MAIL)
        .all(&["D"]),
    row(
        TRIAGE,
        A::DeleteForever,
        "delete-forever",
        "delete for ever",
        "expunge purge destroy",
        "Delete for ever; asks for a typed word.",
        C::MAIL,
    ),
    row(TRIAGE, A::Move, "move", "move", "folder refile label save", "Move to a folder.", C::MAIL)
        .all(&["m"])
        .gmail(&["v"])
        .mutt(&["s"])
        .takes(Argument::Mailbox),
    row(TRIAGE, A::Copy, "copy", "copy to", "folder duplicate", "Copy to a folder.", C::MAIL)
        .all(&["M"])
        .mutt(&["C"])
        .takes(Argument::Mailbox),
    row(TRIAGE, A::Star, "star", "star", "flag important", "Star, or take the star away.", C::MAIL).all(&["s"]).mutt(&["F"]),
    row(TRIAGE, A::Unread, "unread", "unread", "new unseen", "Mark unread, and keep it so until the cursor leaves.", C::MAIL).all(&["U"]),
    row(TRIAGE, A::Read, "read", "read", "seen", "Mark read.", C::MAIL).all(&["I"]),
    row(TRIAGE, A::ToggleRead, "toggle-read", "read/unread", "seen new", "Mark read or unread, whichever it is not.", C::MAIL).mutt(&["N"]),
    row(TRIAGE, A::Tag, "tag", "tags", "keywords labels", "Add and remove tags: +todo -later.", C::MAIL)
        .all(&["t"])
        .gmail(&["l"])
        .mutt(&["Y"])
        .takes(Argument::Text),
    row(TRIAGE, A::Junk, "junk", "junk", "spam ham", "Move to Junk; inside Junk back to the Inbox.", C::MAIL).all(&["!"]),
    row(TRIAGE, A::Undo, "undo", "undo", "revert", "Undo: take back the last change, here or in another folder.", C::ALL)
        .all(&["u"])
        .gmail(&["z"])
        .emacs(&["u", "ctrl-_", "ctrl-/", "ctrl-x u"])
        .takes(Argument::Number),
    row(TRIAGE, A::Redo, "redo", "redo", "again", "Redo: do again what undo took back.", C::ALL).all(&["ctrl-r"]).takes(Argument::Number),
    row(TRIAGE, A::Repeat, "repeat", "repeat", "again last verb", "Repeat the last verb here.", C::MAIL).all(&["."]),
    row(MARK, A::Mark, "mark", "mark", "select tag", "Mark or unmark the row and go down.", C::LIST).all(&["x"]).mutt(&["t"]),
    row(MARK, A::SelectLines, "select-lines", "select", "visual range", "Select a range of rows.", C::LIST.and(C::TASKS))
        .all(&["v"])
        .gmail(&[])
        .mutt(&["v"]),
    row(MARK, A::SelectThreads, "select-threads", "select threads", "visual range", "Select a range of whole threads.", C::LIST)
        .all(&["V"]),
    row(MARK, A::MarkAll, "mark-all", "all", "select", "Mark every row.", C::LIST).all(&["* a"]).mutt(&["T a"]),
    row(MARK, A::MarkNone, "mark-none", "none", "unselect clear", "Clear the marks.", C::LIST).all(&["* n"]).mutt(&["T n"]),
    row(MARK, A::MarkUnread, "mark-unread", "unread", "select new", "Mark the unread ones.", C::LIST).all(&["* u"]).mutt(&["T u"]),
    row(MARK, A::MarkRead, "mark-read", "read", "select seen", "Mark the read ones.", C::LIST).all(&["* r"]).mutt(&["T r"]),
    row(MARK, A::MarkStarred, "mark-starred", "starred", "select flagged", "Mark the starred ones.", C::LIST).all(&["* s"]).mutt(&["T s"]),
    row(MARK, A::MarkThread, "mark-thread", "this thread", "select conversation", "Mark the rows of this thread.", C::LIST)
        .all(&["* t"])
        .mutt(&["T t"]),
    row(MARK, A::MarkInvert, "mark-invert", "invert", "select others", "Mark what is not marked, and the other way round.", C::LIST)
        .all(&["* i"])
        .mutt(&["T i"]),
    row(
        LIST,
        A::Fold,
        "fold",
        "fold",
        "unfold thread collapse expand",
        "Fold or unfold the thread; in a thread on one page its message.",
        C::LIST.and(C::FOLDERS).and(C::READER),
    )
    .all(&["z a"])
    .gmail(&["Z a"]),
    row(LIST, A::FoldAll, "fold-all", "fold all", "collapse threads", "Fold every thread, or message of it.", C::LIST.and(C::READER))
        .all(&["z M"])
        .gmail(&["Z M"]),
    row(
        LIST,
        A::UnfoldAll,
        "unfold-all",
        "unfold all",
        "expand threads",
        "Unfold the threads in view, or every message.",
        C::LIST.and(C::READER),
    )
    .all(&["z R"])
    .gmail(&["Z R"]),
    row(LIST, A::Centre, "centre", "centre", "middle scroll", "Scroll so that the cursor is in the middle.", C::LIST)
        .all(&["z z"])
        .gmail(&["Z z"]),
    row(LIST, A::Threads, "threads", "threads on/off", "flat conversation", "Show threads, or every message by itself.", C::LIST)
        .all(&["T"])
        .mutt(&["alt-t"]),
    row(LIST, A::Sort, "sort", "sort", "order", "Sort by received, date, from, subject or size.", C::LIST).takes(Argument::Sort),
    row(LIST, A::SortReceived, "sort-received", "arrival", "order default newest", "Sort by the time of arrival.", C::LIST)
        .all(&[", a"])
        .mutt(&["o a"]),
    row(LIST, A::SortDate, "sort-date", "date", "order sent", "Sort by the date in the message.", C::LIST).all(&[", d"]).mutt(&["o d"]),
    row(LIST, A::SortFrom, "sort-from", "from", "order sender", "Sort by sender.", C::LIST).all(&[", f"]).mutt(&["o f"]),
    row(LIST, A::SortSubject, "sort-subject", "subject", "order", "Sort by subject.", C::LIST).all(&[", s"]).mutt(&["o s"]),
    row(LIST, A::SortSize, "sort-size", "size", "order big", "Sort by size, biggest first.", C::LIST).all(&[", z"]).mutt(&["o z"]),
    row(LIST, A::SortReverse, "sort-reverse", "reverse", "order turn oldest", "Turn the order round.", C::LIST)
        .all(&[", r"])
        .mutt(&["o r"]),
    row(
        FIND,
        A::Search,
        "search",
        "search",
        "find filter limit narrow",
        "Search this view, narrowing while you type.",
        C::LIST.and(C::FOLDERS),
    )
    .all(&["/"])
    .mutt(&["/", "l"])
    .emacs(&["/", "ctrl-s"])
    .takes(Argument::Text),
    row(FIND, A::SearchAll, "search-all", "search all", "find everywhere every account", "Search every folder of every account.", C::PANES)
        .all(&["g /"])
        .mutt(&["' /"])
        .takes(Argument::Text),
    row(FIND, A::Jump, "jump", "jump", "find without narrowing", "Jump to a match without narrowing the list.", C::LIST).all(&["\\"]),
    row(FIND, A::FindInMessage, "find-in-message", "find", "search text", "Find in the text of the message.", C::TEXT)
        .all(&["/"])
        .emacs(&["/", "ctrl-s"]),
    row(
        READ,
        A::Links,
        "links",
        "links, files",
        "open url attachment browser parts",
        "Open a link, a file or any other part by its label.",
        C::TEXT,
    )
    .all(&["o"])
    .gmail(&["O"])
    .mutt(&["ctrl-b", "v"]),
    row(READ, A::SaveFiles, "save-files", "save files", "attachment download", "Save the attachments.", C::TEXT)
        .all(&["S"])
        .takes(Argument::Text),
    row(
        READ,
        A::Export,
        "export",
        "export",
        "save message text html eml file",
        "Save the message as a file: .eml, .txt or .html, as its name ends.",
        C::MAIL,
    )
    .takes(Argument::Text),
    row(READ, A::Print, "print", "print", "paper printer", "Print the text of the message (print_command).", C::MAIL),
    row(
        READ,
        A::Pipe,
        "pipe",
        "pipe",
        "command program shell",
        "Give the message or a part to a command and show what it prints.",
        C::MAIL,
    )
    .all(&["|"])
    .takes(Argument::Text),
    row(READ, A::Headers, "headers", "all headers", "full", "Show every header, or the summary.", C::TEXT).all(&["H"]).mutt(&["h", "H"]),
    row(READ, A::Quotes, "quotes", "quotes", "fold unfold quoted", "Fold or unfold long quotes.", C::TEXT).all(&["z q"]).gmail(&["Z q"]),
    row(
        READ,
        A::Conversation,
        "conversation",
        "whole thread",
        "conversation all messages one page",
        "Read the whole thread as one page, or one message of it alone.",
        C::MAIL,
    )
    .all(&["z t"])
    .gmail(&["Z t"]),
    row(
        READ,
        A::OtherAlternative,
        "html-or-text",
        "HTML/text",
        "alternative plain rich",
        "Switch between the HTML and the text part.",
        C::TEXT,
    )
    .all(&["z h"])
    .gmail(&["Z h"]),
    row(READ, A::Source, "source", "source", "raw original", "Show the raw source, or the message.", C::TEXT).all(&["z s"]).gmail(&["Z s"]),
    row(READ, A::Wrap, "wrap", "wrap width", "full measure", "Wrap at 78 cells, or use the full width.", C::TEXT)
        .all(&["z w"])
        .gmail(&["Z w"]),
    row(COPY, A::CopyLink, "copy-link", "link to mail", "yank mid clipboard", "Copy a link to the message.", C::MAIL).all(&["y y"]),
    row(COPY, A::CopyAddress, "copy-address", "address", "yank sender clipboard", "Copy the sender's address.", C::MAIL).all(&["y a"]),
    row(COPY, A::CopySubject, "copy-subject", "subject", "yank clipboard", "Copy the subject.", C::MAIL).all(&["y s"]),
    row(COPY, A::CopyBody, "copy-body", "body", "yank text clipboard", "Copy the text of the message.", C::MAIL).all(&["y b"]),
    row(COPY, A::CopyUrl, "copy-url", "a link", "yank url clipboard", "Copy a link out of the message.", C::MAIL).all(&["y l"]),
    row(COPY, A::CopyId, "copy-id", "Message-ID", "yank clipboard", "Copy the Message-ID.", C::MAIL).all(&["y i"]),
    row(WRITE, A::Compose, "compose", "compose", "write new mail", "Write a new message.", C::PANES)
        .all(&["c"])
        .mutt(&["m"])
        .emacs(&["C", "c"])
        .compose(&[])
        .takes(Argument::Text),
    row(WRITE, A::Reply, "reply", "reply", "answer", "Reply to the sender.", C::MAIL).all(&["r"]).emacs(&["R"]),
    row(WRITE, A::ReplyAll, "reply-all", "reply all", "answer group everyone", "Reply to everyone.", C::MAIL).all(&["a"]).mutt(&["g", "a"]),
    row(WRITE, A::ReplyList, "reply-list", "reply to list", "answer mailing", "Reply to the mailing list.", C::MAIL).all(&["L"]),
    row(WRITE, A::Forward, "forward", "forward", "pass on", "Forward the message.", C::MAIL).all(&["f"]).emacs(&["F", "f"]),
    row(WRITE, A::ForwardAttachment, "forward-attachment", "forward whole", "attach", "Forward the message as an attachment.", C::MAIL)
        .all(&["F"])
        .mutt(&[])
        .emacs(&[]),
    row(DRAFT, A::Send, "send", "send", "mail off submit", "Send the message; what looks forgotten is asked first.", C::COMPOSE)
        .compose(&["ctrl-x s", "ctrl-enter"]),
    row(DRAFT, A::SendLater, "send-later", "send later", "schedule delay", "Send the message at another time.", C::COMPOSE)
        .compose(&["ctrl-x l"])
        .takes(Argument::Text),
    row(
        WRITE,
        A::Unsend,
        "unsend",
        "unsend",
        "take back recall outbox",
        "Take the newest message out of the outbox and back into the composer.",
        C::PANES,
    )
    .compose(&[]),
    row(DRAFT, A::NextField, "next-field", "fields", "tab header", "Go to the next field, then to the text.", C::COMPOSE).compose(&["tab"]),
    row(DRAFT, A::PreviousField, "previous-field", "field back", "tab header", "Go to the field before.", C::COMPOSE)
        .compose(&["shift-tab"]),
    row(DRAFT, A::SaveDraft, "save-draft", "save", "write disk", "Save the draft now; never sends.", C::COMPOSE).compose(&[
        "ctrl-s",
        "ctrl-x ctrl-s",
        "ctrl-x d",
    ]),
    row(DRAFT, A::CloseDraft, "close-draft", "close, keep", "quit leave", "Close the composer; the draft goes to Drafts.", C::COMPOSE)
        .compose(&["ctrl-x q"]),
    row(DRAFT, A::DiscardDraft, "discard-draft", "discard", "delete throw away", "Throw the draft away; undo brings it back.", C::COMPOSE)
        .compose(&["ctrl-x k"]),
    row(DRAFT, A::OtherPane, "other-pane", "other pane", "list focus switch", "Go from the draft to the list, or back.", C::PANES)
        .all(&["ctrl-x o"])
        .compose(&["ctrl-x o"]),
    row(DRAFT, A::NextDraft, "next-draft", "next draft", "open composer switch", "Go to the next open draft.", C::PANES)
        .all(&["ctrl-x n"])
        .compose(&["ctrl-x n"]),
    row(DRAFT, A::PreviousDraft, "previous-draft", "draft before", "open composer switch", "Go to the open draft before.", C::PANES)
        .all(&["ctrl-x N"])
        .compose(&["ctrl-x N"]),
    row(DRAFT, A::UndoTyping, "undo-typing", "undo", "revert edit", "Take back what was typed or erased last, here.", C::COMPOSE)
        .compose(&["ctrl-z", "ctrl-_", "ctrl-/", "ctrl-x u"]),
    row(DRAFT, A::RedoTyping, "redo-typing", "redo", "again edit", "Do again what undo took back.", C::COMPOSE).compose(&["ctrl-r"]),
    row(DRAFT, A::FindInDraft, "find-in-draft", "find", "search text", "Find in the text being written.", C::COMPOSE)
        .compose(&["ctrl-x /"])
        .takes(Argument::Text),
    row(DRAFT, A::Attach, "attach", "attach", "file add", "Attach a file, as it is now.", C::COMPOSE)
        .compose(&["ctrl-x a"])
        .takes(Argument::Text),
    row(DRAFT, A::Detach, "detach", "take file out", "attachment remove", "Take the last attached file out again.", C::COMPOSE)
        .compose(&["ctrl-x A"]),
    row(DRAFT, A::Editor, "editor", "$EDITOR", "vi vim emacs nano external", "Edit the text in $VISUAL or $EDITOR.", C::COMPOSE)
        .compose(&["ctrl-x e"]),
    row(DRAFT, A::Identity, "identity", "identity", "from account sender", "Write as the next of your addresses.", C::COMPOSE)
        .compose(&["ctrl-x i"]),
    row(DRAFT, A::Signature, "signature", "signature", "sign footer", "Put the signature in, or take it out.", C::COMPOSE)
        .compose(&["ctrl-x g"]),
    row(
        DRAFT,
        A::CopyFields,
        "cc-bcc",
        "cc, bcc",
        "copy reply-to fields",
        "Show the fields Cc, Bcc and Reply-To, or hide empty ones.",
        C::COMPOSE,
    )
    .compose(&["ctrl-x c"]),
    row(DRAFT, A::PreviewDraft, "preview-draft", "preview", "look review", "Show the message as it will be read.", C::COMPOSE)
        .compose(&["ctrl-x p"]),
    row(WORK, A::SendNow, "send-now", "send now", "outbox try again", "Send the message under the cursor without waiting.", C::TASKS)
        .all(&["s"]),
    row(TRIAGE, A::Snooze, "snooze", "snooze", "later remind", "Hide the message until later.", C::MAIL).all(&["b"]).later(),
    row(TRIAGE, A::Mute, "mute", "mute", "ignore thread", "Mute the thread: hide it with what is still to come; or no more.", C::MAIL)
        .all(&["B"])
        .gmail(&["m", "B"]),
    row(
        TRIAGE,
        A::BreakThread,
        "break-thread",
        "break thread",
        "cut split off conversation",
        "Cut the message off its thread, with all that answers it.",
        C::MAIL,
    )
    .all(&["%"])
    .mutt(&["#"]),
    row(
        TRIAGE,
        A::LinkThreads,
        "link-threads",
        "join here",
        "join thread merge conversation attach",
        "Put what is marked, or was cut off last, under this message, with all that answers it.",
        C::MAIL,
    )
    .all(&["&"]),
    row(READ, A::InviteAccept, "invite-accept", "accept", "calendar invitation", "Accept the invitation.", C::READER).all(&["i a"]).later(),
    row(
        READ,
        A::InviteTentative,
        "invite-tentative",
        "tentative",
        "calendar invitation maybe",
        "Accept the invitation tentatively.",
        C::READER,
    )
    .all(&["i t"])
    .later(),
    row(READ, A::InviteDecline, "invite-decline", "decline", "calendar invitation refuse", "Decline the invitation.", C::READER)
        .all(&["i d"])
        .later(),
    row(TRIAGE, A::Unsubscribe, "unsubscribe", "unsubscribe", "list newsletter leave", "Leave the mailing list.", C::MAIL).all(&["X"]),
    row(
        READ,
        A::LoadImages,
        "load-images",
        "pictures",
        "images photos draw",
        "Draw the pictures of this message, or not; those that are elsewhere are asked about.",
        C::TEXT,
    )
    .all(&["z i"])
    .gmail(&["Z i"]),
    row(
        READ,
        A::LoadImagesAlways,
        "load-images-always",
        "images always",
        "remote pictures sender",
        "Always load remote images of this sender.",
        C::TEXT,
    )
    .all(&["z I"])
    .gmail(&["Z I"])
    .later(),
    row(WORK, A::Outbox, "outbox", "outbox", "queue sending", "Show what waits to be sent.", C::PANES).all(&["g $"]).mutt(&["' $"]),
    row(
        WORK,
        A::Tasks,
        "tasks",
        "tasks",
        "jobs progress waiting queue",
        "Show what runs, what waits to be pushed, and the outbox.",
        C::PANES,
    )
    .all(&["w"]),
    row(
        WORK,
        A::CancelTask,
        "cancel-task",
        "cancel task",
        "stop job take back waiting",
        "Cancel the task, or take back the waiting change, under the cursor.",
        C::TASKS,
    )
    .all(&["x"]),
    row(WORK, A::Accounts, "accounts", "accounts", "health connection status servers", "Show the accounts and how they are.", C::PANES)
        .all(&["g A"])
        .mutt(&["' A"]),
    row(WORK, A::Retry, "retry", "retry", "connect again reconnect", "Try to connect again now.", C::ACCOUNTS).all(&["r"]),
    row(
        WORK,
        A::SignIn,
        "sign-in",
        "enter password",
        "login credentials secret",
        "Type the password that the account asks for.",
        C::ACCOUNTS,
    )
    .all(&["e"]),
    row(WORK, A::AddAccount, "add-account", "add account", "new setup wizard", "Add a mail account.", C::ACCOUNTS.and(C::WELCOME))
        .all(&["a"]),
    row(WORK, A::OpenMaildir, "open-maildir", "open Maildir", "local disk folder", "Read a Maildir on this disk.", C::WELCOME).all(&["m"]),
    row(WORK, A::Demo, "demo", "demo", "look around try", "Look around with a demo mailbox.", C::WELCOME).all(&["d"]),
    row(WORK, A::Sync, "sync", "check mail", "refresh fetch get new", "Check for mail now.", C::PANES)
        .all(&["R"])
        .gmail(&["N", "R"])
        .mutt(&["$", "G"])
        .emacs(&["ctrl-x g"]),
    row(FOLDER, A::FolderNew, "folder-new", "new folder", "create make mkdir mailbox", "Make a folder; / divides levels.", C::FOLDERS)
        .all(&["a"])
        .takes(Argument::Text),
    row(
        FOLDER,
        A::FolderRename,
        "folder-rename",
        "rename folder",
        "move mailbox name",
        "Rename the folder, with what is below it.",
        C::FOLDERS,
    )
    .all(&["r"])
    .takes(Argument::Text),
    row(
        FOLDER,
        A::FolderDelete,
        "folder-delete",
        "delete folder",
        "remove rmdir mailbox",
        "Delete the folder; what is in it goes to the trash.",
        C::FOLDERS,
    )
    .all(&["d"]),
    row(
        FOLDER,
        A::FolderSubscribe,
        "folder-subscribe",
        "subscribe",
        "show mailbox",
        "Have other mail programs show the folder.",
        C::FOLDERS,
    ),
    row(
        FOLDER,
        A::FolderUnsubscribe,
        "folder-unsubscribe",
        "unsubscribe",
        "hide mailbox",
        "Have other mail programs not show the folder.",
        C::FOLDERS,
    ),
    row(PROGRAM, A::Command, "command", "command", "palette run execute", "Run a command by its name.", C::ALL)
        .all(&[":", "ctrl-p"])
        .gmail(&[":"])
        .emacs(&[":", "alt-x"])
        .compose(&["ctrl-x :", "alt-x"]),
    row(PROGRAM, A::Help, "help", "keys", "shortcuts bindings manual", "Show the keys, and run what you find.", C::ALL)
        .all(&["?", "f1"])
        .compose(&["f1", "ctrl-x ?"]),
    row(PROGRAM, A::Messages, "messages", "messages", "notices errors log history", "Show what was said lately.", C::PANES),
    row(
        PROGRAM,
        A::Cancel,
        "cancel",
        "cancel",
        "escape clear leave",
        "Cancel the prompt, clear the marks, leave the search, or go back.",
        C::EVERYWHERE,
    )
    .all(&["esc"])
    .emacs(&["esc", "ctrl-g"])
    .compose(&["esc", "ctrl-g"]),
    row(PROGRAM, A::Interrupt, "interrupt", "stop", "break", "Cancel what is open or running; never quits.", C::EVERYWHERE)
        .all(&["ctrl-c"])
        .compose(&["ctrl-c"]),
    row(PROGRAM, A::Close, "close", "close", "leave quit exit", "Close this view; in the list quit.", C::ALL)
        .all(&["q"])
        .gmail(&["u", "q"]),
    row(PROGRAM, A::Quit, "quit", "quit", "exit leave end", "Quit from anywhere.", C::ALL).all(&["Q"]).emacs(&["Q", "ctrl-x ctrl-c"]),
    row(PROGRAM, A::Redraw, "redraw", "redraw", "repaint screen", "Paint the screen again.", C::EVERYWHERE)
        .all(&["ctrl-l"])
        .compose(&["ctrl-l"]),
    row(PROGRAM, A::Suspend, "suspend", "suspend", "stop shell background", "Stop the program and go back to the shell.", C::EVERYWHERE)
        .all(&["ctrl-z"])
        .compose(&["ctrl-x ctrl-z"]),
    row(TYPE, A::Accept, "accept", "take it", "enter ok", "Take what is typed or chosen.", C::TYPING).all(&["enter"]),
    row(TYPE, A::Complete, "complete", "complete", "tab", "Complete, or go to the next field.", C::TYPING).all(&["tab"]),
    row(TYPE, A::PickNext, "pick-next", "next", "down", "Go to the next entry.", C::TYPING).all(&["down", "ctrl-n"]),
    row(TYPE, A::PickPrevious, "pick-previous", "previous", "up", "Go to the previous entry.", C::TYPING).all(&[
        "up",
        "ctrl-p",
        "shift-tab",
    ]),
];
