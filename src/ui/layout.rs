//! Where things are on the screen: a pure function of the size and a few choices, used by `update` (how
//! many rows a page has, what a click hits) and by `view` alike.

use ratatui::layout::Rect;

use crate::config::{Density, LayoutChoice};

/// What decides the layout besides the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub columns: u16,
    pub rows: u16,
    pub choice: LayoutChoice,
    pub density: Density,
    pub folders: bool,
    pub preview: bool,
    pub hints: bool,
    /// Reading full screen.
    pub reading: bool,
    /// A draft is on screen and has the focus.
    pub composing: bool,
    /// Only the list, or only the folders.
    pub only: Option<Only>,
    /// Cells or rows that the list has more (or less) than usual.
    pub grow: i16,
}

/// The one pane that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    List,
    Folders,
}

/// The places; what is not shown has no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub top: Option<Rect>,
    pub folders: Option<Rect>,
    pub list: Option<Rect>,
    /// A line between the list and the preview: horizontal (height 1) or vertical (width 1).
    pub rule: Option<Rect>,
    pub preview: Option<Rect>,
    /// The draft: the whole screen, or in the place of the preview where list and text stand side by side.
    pub composer: Option<Rect>,
    pub status: Option<Rect>,
    pub hints: Option<Rect>,
    /// Two lines a message.
    pub cards: bool,
}

const FOLDERS: u16 = 20;
const READER: u16 = 80;
const LIST_ROWS: u16 = 8;
/// The preview hides on screens lower than this.
const PREVIEW_ROWS: u16 = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Columns,
    Stacked { folders: bool },
    Single,
}

fn shape(wish: &Wish) -> Shape {
    match (wish.choice, wish.columns) {
        (_, 0..40) => Shape::Single,
        (LayoutChoice::Single, _) => Shape::Single,
        (LayoutChoice::Columns, 100..) | (LayoutChoice::Auto, 160..) => Shape::Columns,
        (LayoutChoice::Auto, 0..70) => Shape::Single,
        (_, columns) => Shape::Stacked { folders: columns >= 100 },
    }
}

/// The layout for a size and its choices; every rectangle lies inside the screen and none overlap.
pub fn layout(wish: &Wish) -> Layout {
    let shape = shape(wish);
    let mut layout = Layout { cards: cards(wish, shape), ..Layout::default() };
    let mut body = Rect::new(0, 0, wish.columns, wish.rows);
    if body.is_empty() {
        return layout;
    }
    if wish.rows >= 4 {
        layout.top = Some(Rect { height: 1, ..body });
        body = Rect { y: 1, height: body.height - 1, ..body };
    }
    if wish.hints && wish.rows >= 10 {
        layout.hints = Some(Rect { y: body.bottom() - 1, height: 1, ..body });
        body.height -= 1;
    }
    if body.height >= 2 {
        layout.status = Some(Rect { y: body.bottom() - 1, height: 1, ..body });
        body.height -= 1;
    }
    if wish.composing && shape != Shape::Columns {
        layout.composer = Some(body);
        return layout;
    }
    if wish.reading && !wish.composing {
        layout.preview = Some(body);
        return layout;
    }
    let only = wish.only.filter(|_| !wish.composing);
    match only {
        Some(Only::List) => layout.list = Some(body),
        Some(Only::Folders) => layout.folders = Some(body),
        None => panes(wish, shape, body, &mut layout),
    }
    if wish.composing {
        layout.composer = layout.preview.take();
    }
    layout
}

fn cards(wish: &Wish, shape: Shape) -> bool {
    match wish.density {
        Density::Compact => false,
        Density::Cards => wish.rows >= 6,
        Density::Auto => shape == Shape::Single && wish.columns < 70 && wish.rows >= 6,
    }
}

fn panes(wish: &Wish, shape: Shape, mut body: Rect, layout: &mut Layout) {
    let beside = !matches!(shape, Shape::Single | Shape::Stacked { folders: false });
    if wish.folders && beside {
        layout.folders = Some(Rect { width: FOLDERS, ..body });
        body = Rect { x: FOLDERS + 1, width: body.width - FOLDERS - 1, ..body };
    }
    let stacked = matches!(shape, Shape::Stacked { .. });
    if !(wish.preview || wish.composing) || shape == Shape::Single || (stacked && wish.rows < PREVIEW_ROWS) {
        layout.list = Some(body);
        return;
    }
    if shape == Shape::Columns {
        let usual = body.width.saturating_sub(READER + 1).max(body.width / 3);
        let list = moved(usual, wish.grow, body.width);
        layout.list = Some(Rect { width: list, ..body });
        layout.rule = Some(Rect { x: body.x + list, width: 1, ..body });
        layout.preview = Some(Rect { x: body.x + list + 1, width: body.width - list - 1, ..body });
        return;
    }
    let usual = if wish.columns >= 100 { body.height / 3 } else { LIST_ROWS };
    let list = moved(usual, wish.grow, body.height);
    layout.list = Some(Rect { height: list, ..body });
    layout.rule = Some(Rect { y: body.y + list, height: 1, ..body });
    layout.preview = Some(Rect { y: body.y + list + 1, height: body.height - list - 1, ..body });
}

/// `usual` changed by `grow`, leaving at least a few cells to both sides.
fn moved(usual: u16, grow: i16, whole: u16) -> u16 {
    usual.saturating_add_signed(grow).clamp(3.min(whole), whole.saturating_sub(4).max(1))
}

/// Whether a cell lies in a place.
pub fn hits(place: Option<Rect>, column: u16, row: u16) -> bool {
    place.is_some_and(|rect| column >= rect.x && column < rect.right() && row >= rect.y && row < rect.bottom())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(columns: u16, rows: u16) -> Wish {
        Wish {
            columns,
            rows,
            choice: LayoutChoice::Auto,
            density: Density::Auto,
            folders: true,
            preview: true,
            hints: true,
            reading: false,
            composing: false,
            only: None,
            grow: 0,
        }
    }

    #[test]
    fn the_break_points_are_as_designed() {
        let at = |columns, rows| layout(&wish(columns, rows));
        let wide = at(160, 48);
        assert!(wide.folders.is_some() && wide.preview.is_some_and(|rect| rect.width == 80 && rect.y == 1));
        let usual = at(120, 40);
        assert_eq!(usual.folders.map(|rect| rect.width), Some(20));
        assert!(usual.preview.is_some_and(|rect| rect.x == 21 && rect.y > 10));
        let small = at(80, 24);
        assert!(small.folders.is_none() && small.list.is_some_and(|rect| rect.height == 8) && small.preview.is_some());
        assert!(at(80, 23).preview.is_none());
        let phone = at(40, 20);
        assert!(phone.preview.is_none() && phone.cards);
        assert!(at(20, 6).list.is_some());
    }

    #[test]
    fn places_stay_inside_and_apart_at_every_size() {
        for columns in 0..180 {
            for rows in 0..60 {
                for (reading, composing, only, grow) in [
                    (false, false, None, 0),
                    (true, false, None, 0),
                    (false, true, None, 0),
                    (true, true, Some(Only::Folders), 0),
                    (false, false, Some(Only::List), 0),
                    (false, false, None, 90),
                    (false, false, None, -90),
                ] {
                    let it = layout(&Wish { reading, composing, only, grow, ..wish(columns, rows) });
                    let places = [it.top, it.folders, it.list, it.rule, it.preview, it.composer, it.status, it.hints];
                    let places: Vec<Rect> = places.into_iter().flatten().collect();
                    assert_eq!(it.composer.is_some(), composing && columns > 0 && rows > 0, "{columns}x{rows}");
                    for (n, a) in places.iter().enumerate() {
                        assert!(a.right() <= columns && a.bottom() <= rows, "{columns}x{rows} {a:?}");
                        for b in places.iter().skip(n + 1) {
                            assert!(!a.intersects(*b), "{columns}x{rows} {a:?} {b:?}");
                        }
                    }
                }
            }
        }
    }
}
