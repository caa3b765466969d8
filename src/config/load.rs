//! Reading the file (stub until the configuration lands).
