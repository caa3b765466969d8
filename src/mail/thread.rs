//! Threads: messages joined by Message-ID and References (RFC 5322 3.6.4). The store keeps which thread a
//! message is in (incrementally, in any order of arrival); the order inside one thread is computed here.

use super::ids::MessageId;

/// A 64-bit name for a Message-ID, so that the store needs 8 bytes where the header has 80. Stable over
/// releases: it is stored.
pub fn id_hash(_rfc_message_id: &str) -> i64 {
    todo!("store helper: FNV-1a or similar, fixed; trimmed, case kept")
}

/// A member of a thread, as much of it as ordering needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MessageId,
    /// Hash of its own Message-ID; 0 where it has none.
    pub hash: i64,
    /// Hash of the last of its references; 0 where it has none.
    pub parent: i64,
    /// Unix seconds.
    pub date: i64,
}

/// Reply order: each member with its depth, parents before children, siblings by date. Loops are cut at
/// the oldest member; every member appears exactly once.
pub fn order(_members: &[Member]) -> Vec<(MessageId, u8)> {
    todo!("store helper")
}
