//! Threads that the user does not want to hear of any more: those of which any message has the keyword `$Muted`. What arrives in
//! one later is hidden with it, and other programs that know the keyword agree.

use std::collections::HashSet;

use super::{Reader, Result};
use crate::mail::{Listing, MailboxId, Role, Scope};

/// The muted threads, from an index that holds nothing else.
pub(super) const MUTED: &str =
    "SELECT thread FROM message INDEXED BY message_muted WHERE instr(lower(wanted_keywords), '$muted') > 0 AND wanted_mailbox IS NOT NULL";

impl Reader {
    /// The threads that a listing leaves out: in a mailbox shown as threads, where nothing is searched for.
    pub(super) fn hidden(&self, listing: &Listing) -> Result<HashSet<i64>> {
        let Some(_) = self.hides(listing)? else { return Ok(HashSet::new()) };
        let mut statement = self.db().prepare_cached(MUTED)?;
        let threads = statement.query_map([], |row| row.get(0))?;
        Ok(threads.collect::<rusqlite::Result<_>>()?)
    }

    /// How many threads a listing leaves out.
    pub fn hidden_count(&self, listing: &Listing) -> Result<u32> {
        let Some(mailbox) = self.hides(listing)? else { return Ok(0) };
        let sql = format!(
            "SELECT count(DISTINCT thread) FROM message INDEXED BY message_thread WHERE wanted_mailbox = ?1 AND thread IN ({MUTED})"
        );
        Ok(self.db().prepare_cached(&sql)?.query_row([mailbox.0], |row| row.get(0))?)
    }

    /// The mailbox whose muted threads a listing hides. Where one's own mail lies, and what was thrown away, all is shown.
    fn hides(&self, listing: &Listing) -> Result<Option<MailboxId>> {
        let is_plain = listing.threads && listing.query.as_ref().is_none_or(crate::mail::Query::is_empty);
        let Scope::Mailbox(mailbox) = listing.scope else { return Ok(None) };
        let role = self.mailbox(mailbox)?.and_then(|mailbox| mailbox.role);
        let shows_all = matches!(role, Some(Role::Sent | Role::Drafts | Role::Trash | Role::Junk));
        Ok(Some(mailbox).filter(|_| is_plain && !shows_all))
    }
}
