//! Tables: which hold data and stay tables, and which only place things and dissolve into lines.

use super::rewrite::{Writer, has_letters};
use super::tree::{Child, Element, is_block};
use super::{align, style};

/// A table with more columns or longer cells is layout.
const MAX_COLUMNS: usize = 10;
const MAX_CELL: usize = 120;
/// A layout row of short pieces (a menu) stays on one line up to this many characters.
const MAX_ROW: usize = 60;

impl Writer<'_, '_> {
    /// Writes a table: kept where it holds data, dissolved where it places things.
    pub(super) fn table(&mut self, index: usize, element: &Element, unseen: bool) {
        let rows = self.rows(index);
        let is_data = self.is_data(index, element, &rows);
        self.open_block(is_data);
        self.out.push_str(if is_data { "<table>" } else { "<div>" });
        if !is_data {
            self.captions(index, &rows, unseen);
        }
        let numbers = if is_data { self.number_columns(&rows) } else { Vec::new() };
        for (row, cells) in &rows {
            if self.is_hidden(*row) {
                self.counts.hidden_texts += u32::from(self.any_letters(*row));
                self.count_images(*row);
                continue;
            }
            if is_data {
                self.data_row(*row, cells, &numbers, unseen);
            } else {
                self.layout_row(cells, unseen);
            }
        }
        self.out.push_str(if is_data { "</table>" } else { "</div>" });
        self.close_block(is_data);
    }

    /// What stands in a table outside of its rows.
    fn captions(&mut self, index: usize, rows: &[(usize, Vec<usize>)], unseen: bool) {
        let Some(element) = self.tree.elements.get(index) else { return };
        for child in &element.children {
            match child {
                Child::Text(text) if has_letters(text) && !unseen => self.text(text),
                Child::Element(child) if rows.iter().all(|(row, _)| row != child) && !self.is_table_part(*child) => {
                    self.element(*child, unseen)
                }
                _ => {}
            }
        }
    }

    fn is_table_part(&self, index: usize) -> bool {
        self.tree
            .elements
            .get(index)
            .is_some_and(|element| matches!(element.tag.as_str(), "tbody" | "thead" | "tfoot" | "tr" | "colgroup" | "col"))
    }

    fn data_row(&mut self, row: usize, cells: &[usize], numbers: &[bool], unseen: bool) {
        self.out.push_str("<tr>");
        let mut column = 0;
        for cell in cells {
            let span = self.span(*cell);
            let is_head = self.tree.elements.get(*cell).is_some_and(|cell| cell.tag == "th");
            self.out.push_str(&format!("<td colspan=\"{span}\">{}", if is_head { "<strong>" } else { "" }));
            self.is_right = align::wanted(self.tree, row, *cell).unwrap_or_else(|| span == 1 && numbers.get(column) == Some(&true));
            self.cell(*cell, unseen);
            self.is_right = false;
            self.out.push_str(if is_head { "</strong></td>" } else { "</td>" });
            column += span;
        }
        self.out.push_str("</tr>");
    }

    /// How many columns a cell takes.
    fn span(&self, cell: usize) -> usize {
        let span =
            self.tree.elements.get(cell).and_then(|cell| cell.attribute("colspan")).and_then(|span| span.trim().parse::<usize>().ok());
        span.unwrap_or(1).clamp(1, MAX_COLUMNS)
    }

    /// Which columns are of numbers, their heads too.
    fn number_columns(&self, rows: &[(usize, Vec<usize>)]) -> Vec<bool> {
        let mut columns: Vec<Vec<String>> = Vec::new();
        for (_, cells) in rows.iter().filter(|(row, _)| !self.is_hidden(*row)) {
            let mut column = 0;
            for cell in cells {
                let span = self.span(*cell);
                if columns.len() <= column {
                    columns.resize_with(column + 1, Vec::new);
                }
                if let Some(texts) = columns.get_mut(column).filter(|_| span == 1) {
                    texts.push(self.visible_text(*cell, MAX_CELL));
                }
                column += span;
            }
        }
        columns.iter().map(|texts| align::is_of_numbers(texts.iter().map(String::as_str))).collect()
    }

    /// Short inline cells stay side by side; others stand below each other.
    fn layout_row(&mut self, cells: &[usize], unseen: bool) {
        let texts: Vec<String> = cells.iter().map(|cell| self.visible_text(*cell, MAX_ROW * 2)).collect();
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let one_line = filled > 1
            && texts.iter().map(|text| text.len() + 3).sum::<usize>() <= MAX_ROW
            && cells.iter().all(|cell| self.is_inline(*cell));
        if !one_line {
            for cell in cells {
                self.out.push_str("<div>");
                self.cell(*cell, unseen);
                self.out.push_str("</div>");
            }
            return;
        }
        self.out.push_str("<div>");
        let mut first = true;
        for (cell, text) in cells.iter().zip(&texts) {
            if !first && !text.is_empty() {
                self.out.push_str("\u{a0}\u{a0} ");
            }
            first &= text.is_empty();
            self.cell(*cell, unseen);
        }
        self.out.push_str("</div>");
    }

    fn cell(&mut self, index: usize, unseen: bool) {
        let Some(element) = self.tree.elements.get(index) else { return };
        if self.is_hidden(index) {
            self.counts.hidden_texts += u32::from(self.any_letters(index));
            self.count_images(index);
            return;
        }
        self.children(index, style::zero_font(element).unwrap_or(unseen));
    }

    fn is_inline(&self, index: usize) -> bool {
        !self.walk(index, |element| {
            (is_block(&element.tag) && !matches!(element.tag.as_str(), "td" | "th" | "p" | "div")) || element.tag == "br"
        })
    }

    /// Rows of this table (not of tables in it), each with its cells.
    fn rows(&self, index: usize) -> Vec<(usize, Vec<usize>)> {
        let mut rows = Vec::new();
        let mut stack: Vec<usize> = self.element_children(index).rev().collect();
        while let Some(child) = stack.pop() {
            match self.tree.elements.get(child).map(|element| element.tag.as_str()) {
                Some("tr") => rows.push((child, self.element_children(child).collect())),
                Some("tbody" | "thead" | "tfoot") => stack.extend(self.element_children(child).rev()),
                // a cell without a row
                Some("td" | "th") => rows.push((child, vec![child])),
                _ => {}
            }
        }
        rows
    }

    fn element_children(&self, index: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let children = self.tree.elements.get(index).map(|element| element.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|child| if let Child::Element(index) = child { Some(*index) } else { None })
    }

    /// Data is: rows and columns of short texts. Everything else uses a table to place things.
    fn is_data(&self, index: usize, element: &Element, rows: &[(usize, Vec<usize>)]) -> bool {
        let is_layout = element.attribute("role").is_some_and(|role| matches!(role.trim(), "presentation" | "none"));
        let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let full = rows.iter().filter(|(_, cells)| cells.len() >= 2).count();
        if is_layout || rows.len() < 2 || full < 2 || !(2..=MAX_COLUMNS).contains(&columns) {
            return false;
        }
        let nested = self
            .element_children(index)
            .any(|child| self.walk(child, |element| matches!(element.tag.as_str(), "table" | "ul" | "ol" | "pre" | "blockquote" | "hr")));
        if nested {
            return false;
        }
        let mut filled = 0;
        let mut cells_seen = 0;
        for cell in rows.iter().flat_map(|(_, cells)| cells) {
            let text = self.visible_text(*cell, MAX_CELL + 1);
            if text.len() > MAX_CELL {
                return false;
            }
            filled += usize::from(!text.is_empty());
            cells_seen += 1;
        }
        filled * 2 > cells_seen
    }
}
