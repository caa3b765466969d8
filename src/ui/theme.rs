//! What a meaning looks like: one table from [`Token`] to a style, for dark and light, 24-bit to none.

use ratatui::style::Style;

/// Everything that is styled, by meaning. Colour is never alone: each has a glyph, word or attribute too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    Text,
    /// Secondary: dates, counts of nothing, hints.
    Dim,
    /// Focus: the cursor bar of the focused pane, the prompt.
    Accent,
    Unread,
    Flagged,
    /// Red: failed or dangerous.
    Failed,
    /// Green: done or verified.
    Done,
    /// Yellow: look here.
    Warning,
    Link,
    Marked,
    /// The row under the cursor (background tint) in the focused pane.
    Selected,
    /// The same in a pane without the focus.
    SelectedDim,
    Heading,
    Code,
    Added,
    Removed,
    /// Quote levels, cycled.
    Quote(u8),
    /// A stretch of text that matches the search.
    Match,
    /// Keys in hints, which-key and help.
    Key,
    Border,
}

/// Styles for one terminal.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: Vec<Style>,
}
