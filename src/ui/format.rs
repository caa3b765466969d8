//! Text for cells: dates, sizes, counts, and cutting by cell width.
