//! Threads that the user does not want to hear of any more: those of which any message has the keyword `$Muted`. What arrives in
//! one later is hidden with it, and other programs that know the keyword agree.

use std::collections::HashSet;

use super::{Reader, Result};
use crate::mail::{Listing, Role, Scope};

/// The muted threads, from an index that holds nothing else.
pub(super) const MUTED: &str =
    "SELECT thread FROM message INDEXED BY message_muted WHERE instr(lower(wanted_keywords), '$muted') > 0 AND wanted_mailbox IS NOT NULL";

impl Reader {
    /// The threads that a listing leaves out: in a mailbox shown as threads, where nothing is searched for.
    pub(super) fn hidden(&self, listing: &Listing) -> Result<HashSet<i64>> {
        if !self.hides(listing)? {
            return Ok(HashSet::new());
        }
        let mut statement = self.db().prepare_cached(MUTED)?;
        let threads = statement.query_map([], |row| row.get(0))?;
        Ok(threads.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a listing hides anything. Where one's own mail lies, and what was thrown away, all is shown.
    fn hides(&self, listing: &Listing) -> Result<bool> {
        let is_plain = listing.threads && listing.query.as_ref().is_none_or(crate::mail::Query::is_empty);
        let Scope::Mailbox(mailbox) = listing.scope else { return Ok(false) };
        let role = self.mailbox(mailbox)?.and_then(|mailbox| mailbox.role);
        Ok(is_plain && !matches!(role, Some(Role::Sent | Role::Drafts | Role::Trash | Role::Junk)))
    }
}
