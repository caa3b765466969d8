//! Messages in, values out, through the public functions of `mime` alone.

#[path = "mime/ambiguous.rs"]
mod ambiguous;
#[path = "mime/answers.rs"]
mod answers;
#[path = "mime/behaviour.rs"]
mod behaviour;
#[path = "mime/bombs.rs"]
mod bombs;
#[path = "mime/compose.rs"]
mod compose;
#[path = "mime/compose_hostile.rs"]
mod compose_hostile;
#[cfg(feature = "servers")]
#[path = "mime/compose_python.rs"]
mod compose_python;
#[path = "mime/corpora.rs"]
mod corpora;
#[path = "mime/faults.rs"]
mod faults;
#[path = "mime/hostile.rs"]
mod hostile;
#[path = "mime/outgoing.rs"]
mod outgoing;
#[path = "mime/pictures.rs"]
mod pictures;
#[path = "mime/reference.rs"]
mod reference;
#[path = "mime/senders.rs"]
mod senders;
#[path = "mime/support.rs"]
mod support;
