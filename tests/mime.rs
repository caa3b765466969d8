//! Messages in, values out, through the public functions of `mime` alone.

#[path = "mime/behaviour.rs"]
mod behaviour;
#[path = "mime/corpora.rs"]
mod corpora;
#[path = "mime/faults.rs"]
mod faults;
#[path = "mime/hostile.rs"]
mod hostile;
#[path = "mime/support.rs"]
mod support;
