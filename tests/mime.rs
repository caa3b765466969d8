//! Messages in, pages out, through the public functions of `mime` alone.

#[path = "mime/corpora.rs"]
mod corpora;
