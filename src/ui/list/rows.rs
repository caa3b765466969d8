//! The rows of a listing: shared with the worker until the first change here, then our own.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::mail::Row;

/// Rows that cost nothing to take over and are copied only when edited.
#[derive(Clone, Debug)]
pub enum Rows {
    Shared(Arc<Vec<Row>>),
    Own(Vec<Row>),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl From<Arc<Vec<Row>>> for Rows {
    fn from(rows: Arc<Vec<Row>>) -> Self {
        Self::Shared(rows)
    }
}

impl Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        match self {
            Self::Shared(rows) => rows,
            Self::Own(rows) => rows,
        }
    }
}

impl Rows {
    /// Changes them, as our own copy.
    pub fn edit(&mut self, change: impl FnOnce(&mut Vec<Row>)) {
        if let Self::Shared(rows) = self {
            *self = Self::Own(rows.to_vec());
        }
        if let Self::Own(rows) = self {
            change(rows);
        }
    }

    /// A stretch, empty where it is out of bounds.
    pub fn slice(&self, range: Range<usize>) -> &[Row] {
        self.get(range).unwrap_or_default()
    }
}
