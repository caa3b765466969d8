//! Everything a key, a command or a click can mean: one row a meaning. Help, which-key, the palette, the
//! footer, `[keys.*]` in the configuration and docs/keys.md are made from this table; what an action does
//! is in `update.rs`. Start with [`ACTIONS`] in `action/table.rs`.

mod docs;
mod table;

use crate::config::Preset;

pub use docs::{list, markdown};
pub use table::{ACTIONS, PREFIXES};

/// What the user means. Without fields, so that each can be bound to a key and named after `:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    Down,
    Up,
    First,
    Last,
    HalfPageDown,
    HalfPageUp,
    PageDown,
    PageUp,
    Left,
    Right,
    Open,
    PageOrNextUnread,
    ScrollDown,
    ScrollUp,
    NextMessage,
    PreviousMessage,
    NextInThread,
    PreviousInThread,
    NextUnread,
    PreviousUnread,
    NextMatch,
    PreviousMatch,
    NextPane,
    PreviousPane,
    PaneLeft,
    PaneDown,
    PaneUp,
    PaneRight,
    PaneShrink,
    PaneGrow,
    PaneEqual,
    PaneOnly,
    FolderPane,
    Preview,
    NextFolder,
    PreviousFolder,
    NextAccount,
    PreviousAccount,
    GoInbox,
    ShowMuted,
    GoStarred,
    GoSent,
    GoDrafts,
    GoArchive,
    GoJunk,
    GoTrash,
    GoFolder,
    Back,
    Archive,
    ArchiveThread,
    Trash,
    TrashThread,
    DeleteForever,
    Move,
    Copy,
    Star,
    Unread,
    Read,
    ToggleRead,
    Tag,
    Junk,
    Undo,
    Redo,
    Repeat,
    Mark,
    SelectLines,
    SelectThreads,
    MarkAll,
    MarkNone,
    MarkUnread,
    MarkRead,
    MarkStarred,
    MarkThread,
    MarkInvert,
    Fold,
    FoldAll,
    UnfoldAll,
    Centre,
    Threads,
    Sort,
    SortReceived,
    SortDate,
    SortFrom,
    SortSubject,
    SortSize,
    SortReverse,
    Search,
    SearchAll,
    Jump,
    FindInMessage,
    Links,
    SaveFiles,
    Export,
    Print,
    Pipe,
    Headers,
    Quotes,
    Conversation,
    OtherAlternative,
    Source,
    Wrap,
    CopyLink,
    CopyAddress,
    CopySubject,
    CopyBody,
    CopyUrl,
    CopyId,
    Compose,
    Reply,
    ReplyAll,
    ReplyList,
    Forward,
    ForwardAttachment,
    Send,
    SendLater,
    Unsend,
    NextField,
    PreviousField,
    SaveDraft,
    CloseDraft,
    DiscardDraft,
    OtherPane,
    NextDraft,
    PreviousDraft,
    UndoTyping,
    RedoTyping,
    FindInDraft,
    Attach,
    Detach,
    Editor,
    Identity,
    Signature,
    CopyFields,
    PreviewDraft,
    SendNow,
    Snooze,
    Mute,
    BreakThread,
    LinkThreads,
    InviteAccept,
    InviteTentative,
    InviteDecline,
    Unsubscribe,
    LoadImages,
    LoadImagesAlways,
    Outbox,
    Tasks,
    CancelTask,
    Accounts,
    Retry,
    SignIn,
    AddAccount,
    OpenMaildir,
    Demo,
    Sync,
    FolderNew,
    FolderRename,
    FolderDelete,
    FolderSubscribe,
    FolderUnsubscribe,
    Command,
    Help,
    Messages,
    Cancel,
    Interrupt,
    Close,
    Quit,
    Redraw,
    Suspend,
    Accept,
    Complete,
    PickNext,
    PickPrevious,
}

/// Where a key is pressed; derived from the model, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Context {
    Folders,
    List,
    Preview,
    Reader,
    Compose,
    Confirm,
    Prompt,
    Picker,
    Help,
    Tasks,
    Accounts,
    Welcome,
}

/// Every context with its name in `[keys.NAME]` and the words that help shows.
pub const CONTEXTS: &[(Context, &str, &str)] = &[
    (Context::Folders, "folders", "folder pane"),
    (Context::List, "list", "message list"),
    (Context::Preview, "preview", "preview"),
    (Context::Reader, "reader", "reader"),
    (Context::Compose, "compose", "composer"),
    (Context::Confirm, "confirm", "question"),
    (Context::Prompt, "prompt", "prompt"),
    (Context::Picker, "picker", "picker"),
    (Context::Help, "help", "help"),
    (Context::Tasks, "tasks", "tasks"),
    (Context::Accounts, "accounts", "accounts"),
    (Context::Welcome, "welcome", "welcome"),
];

impl Context {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        CONTEXTS.iter().find(|(context, ..)| *context == self).map_or("", |(_, name, _)| name)
    }

    /// The words for people.
    pub fn words(self) -> &'static str {
        CONTEXTS.iter().find(|(context, ..)| *context == self).map_or("", |(.., words)| words)
    }

    /// The context of a `[keys.NAME]` table.
    pub fn find(name: &str) -> Option<Self> {
        CONTEXTS.iter().find(|(_, known, _)| *known == name).map(|(context, ..)| *context)
    }

    /// Text is typed here: printable keys are letters, never verbs.
    pub fn is_typing(self) -> bool {
        Contexts::TYPING.contains(self) || self == Self::Compose
    }
}

/// A set of contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts(u16);

impl Contexts {
    pub const FOLDERS: Self = Self::one(Context::Folders);
    pub const LIST: Self = Self::one(Context::List);
    pub const READER: Self = Self::one(Context::Reader);
    pub const TASKS: Self = Self::one(Context::Tasks);
    pub const COMPOSE: Self = Self::one(Context::Compose);
    pub const ACCOUNTS: Self = Self::one(Context::Accounts);
    pub const WELCOME: Self = Self::one(Context::Welcome);
    /// Both places that show a message's text.
    pub const TEXT: Self = Self::READER.and(Self::one(Context::Preview));
    /// The list with the preview beside it.
    pub const LISTING: Self = Self::LIST.and(Self::one(Context::Preview));
    /// Where verbs on messages live.
    pub const MAIL: Self = Self::LIST.and(Self::TEXT);
    /// The panes of the main view and the reader.
    pub const PANES: Self = Self::MAIL.and(Self::FOLDERS);
    /// "All": everywhere but where text is typed.
    pub const ALL: Self = Self::PANES.and(Self::TASKS).and(Self::ACCOUNTS).and(Self::WELCOME);
    /// Where text is typed.
    pub const TYPING: Self =
        Self::one(Context::Confirm).and(Self::one(Context::Prompt)).and(Self::one(Context::Picker)).and(Self::one(Context::Help));
    /// Really everywhere.
    pub const EVERYWHERE: Self = Self::ALL.and(Self::TYPING);

    const fn one(context: Context) -> Self {
        Self(1 << context as u8)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the composer, where the keys of a row are others (`ActionSpec::keys_in`).
    pub const fn beside_compose(self) -> Self {
        Self(self.0 & !Self::COMPOSE.0)
    }

    /// Whether `context` is among them.
    pub const fn contains(self, context: Context) -> bool {
        self.0 & (1 << context as u8) != 0
    }
}

/// What may stand after the action's name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    /// A mailbox, completed from the known ones.
    Mailbox,
    /// A sort order's name.
    Sort,
    /// How often, or how many steps.
    Number,
    /// The rest of the line.
    Text,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    pub action: Action,
    /// Kebab-case: the name after `:` and in the configuration.
    pub name: &'static str,
    pub section: &'static str,
    /// One or two words for the footer and which-key.
    pub hint: &'static str,
    /// What else people call it; searched, not shown.
    pub words: &'static str,
    /// One sentence.
    pub doc: &'static str,
    pub contexts: Contexts,
    pub argument: Argument,
    /// False: the key says "still to come".
    pub ready: bool,
    vim: &'static [&'static str],
    gmail: &'static [&'static str],
    mutt: &'static [&'static str],
    emacs: &'static [&'static str],
    /// In the composer, in every preset: chords and control keys, because letters are text.
    compose: &'static [&'static str],
}

impl ActionSpec {
    /// The default keys in a context.
    pub fn keys_in(&self, context: Context, preset: Preset) -> &'static [&'static str] {
        if context == Context::Compose { self.compose } else { self.keys(preset) }
    }

    /// The default keys outside the composer, as [`crate::ui::keymap::parse_keys`] reads them.
    pub fn keys(&self, preset: Preset) -> &'static [&'static str] {
        match preset {
            Preset::Vim => self.vim,
            Preset::Gmail => self.gmail,
            Preset::Mutt => self.mutt,
            Preset::Emacs => self.emacs,
        }
    }
}

impl Action {
    /// Its row.
    pub fn spec(self) -> &'static ActionSpec {
        // Every action has a row (a test counts them), in the order of the enum.
        ACTIONS.get(self as usize).unwrap_or(&ACTIONS[0])
    }

    /// Its place in a list of all commands: what is done to mail, then where to go, then moving and typing.
    pub fn order(self) -> u8 {
        match self.spec().section {
            table::TRIAGE | table::WRITE => 0,
            table::MOVE | table::PANES | table::TYPE => 3,
            table::GO => 2,
            _ => 1,
        }
    }

    /// The action of a name.
    pub fn find(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|spec| spec.name == name).map(|spec| spec.action)
    }
}

/// All names, in the table's order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|spec| spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_exactly_one_row_at_its_place() {
        for (at, spec) in ACTIONS.iter().enumerate() {
            assert_eq!(spec.action as usize, at, "{}", spec.name);
            assert_eq!(ACTIONS.iter().filter(|other| other.name == spec.name).count(), 1, "{}", spec.name);
        }
        assert_eq!(ACTIONS.len(), Action::PickPrevious as usize + 1);
    }

    #[test]
    fn names_are_kebab_case_and_docs_are_sentences() {
        for spec in ACTIONS {
            assert!(spec.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", spec.name);
            assert!(spec.doc.ends_with('.') && spec.doc.chars().next().is_some_and(char::is_uppercase), "{}", spec.name);
        }
    }
}
