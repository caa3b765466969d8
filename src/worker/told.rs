//! Before anything is asked by a uid that was only told (COPYUID, APPENDUID): the headers that are there are looked at.
//! What the answer does to the rows is the store's (`store/told.rs`).

use super::core::Core;
use super::step::{self, Result};
use crate::mail::{Key, MailboxId};
use crate::remote::Remote;

/// Headers asked for at a time: as many as one push may have moved, so that taking it back costs one round trip more.
const LIMIT: usize = 1_000;

/// Looks at what wishes of told messages, or copies of them, wait for. The mailbox, and whether anything was told wrongly;
/// None: nothing waits.
pub async fn waiting(core: &Core) -> Result<Option<(MailboxId, Vec<Key>)>> {
    let account = core.account;
    Ok(core.common.readers.with(move |reader| reader.told_waiting(account, LIMIT)).await?)
}

/// Looks at those of these keys that were only told. True: one is another message's, or nobody's.
pub async fn is_wrong<R: Remote>(core: &Core, remote: &mut R, mailbox: MailboxId, name: &str, keys: &[Key]) -> Result<bool> {
    let keys = keys.to_vec();
    let told = core.common.readers.with(move |reader| reader.told_of(mailbox, &keys)).await?;
    if told.is_empty() {
        return Ok(false);
    }
    let there = step::parse(core, mailbox, remote.headers(name, &told).await?).await?;
    let (changed, lost) = core.common.writer.look_at_told(mailbox, told, there).await?;
    core.common.out.changed(core.account, changed).await;
    if lost > 0 {
        // they are looked for
        step::with_progress(core, mailbox, |progress| {
            progress.look_again();
            progress.mod_seq = None;
        });
    }
    Ok(lost > 0)
}
