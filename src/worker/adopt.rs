//! What was written here and lost its row with `mail.db`, or with its last seconds after a power cut, gets it back.

use super::core::Common;
use crate::mail::AccountId;
use crate::mime;
use crate::store::{Changed, Orphan, StoreError, Written};

/// A row that is back: its account with its name, and what changed on screen.
pub struct Adopted {
    pub account: AccountId,
    pub name: String,
    pub changed: Changed,
}

/// Gives rows to messages whose mailbox is known, of this account or of all; they then wait to be pushed. May be repeated. What
/// came back is in `adopted`, also that before an error.
pub async fn orphans(common: &Common, account: Option<&str>, adopted: &mut Vec<Adopted>) -> Result<(), StoreError> {
    let all = common.writer.orphans().await?;
    for orphan in all.into_iter().filter(|orphan| account.is_none_or(|account| account == orphan.account)) {
        let Orphan { message, account: name, mailbox, flags, received, bytes } = orphan;
        let path = format!("{name}/{mailbox}");
        let Some(mailbox) = common.readers.with(move |reader| reader.find_mailbox(&path)).await? else { continue };
        let written = Written { envelope: mime::envelope(&bytes), flags, received, bytes };
        let (_, changed) = common.writer.add_written(Some(message), mailbox.id, written, None).await?;
        adopted.push(Adopted { account: mailbox.account, name, changed });
    }
    Ok(())
}
