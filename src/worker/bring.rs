//! The bytes of a message that is to be appended: kept here, or fetched from wherever a server still has it,
//! this account's or another's, and kept until the append is done.

use super::core::Core;
use super::step::StepError;
use crate::mail::{AccountId, MessageId};
use crate::remote::{Remote, RemoteError};
use crate::store::Location;

type Result<T, E = StepError> = std::result::Result<T, E>;

/// A stretch of a raw message.
const SLICE: u32 = 256 * 1024;
/// Pause after bytes that could not be had, milliseconds.
const NOT_HAD: u64 = 10_000;

/// The whole message of a local row.
///
/// # Errors
/// `NotNow` while another account brings them, `Rejected` where nobody has them any more.
pub async fn bytes<R: Remote>(core: &Core, remote: &mut R, id: MessageId) -> Result<Vec<u8>> {
    let (kept, sources, told) = find(core, id).await?;
    if let Some(bytes) = kept {
        return Ok(bytes);
    }
    if let Some(here) = sources.iter().find(|source| source.account == core.account) {
        let bytes = fetch(remote, here).await?;
        core.common.writer.keep_local(id, bytes.clone()).await?;
        return Ok(bytes);
    }
    match sources.into_iter().next() {
        Some(source) => {
            ask_peer(core, id, source);
            Err(RemoteError::NotNow("the message is still to be fetched from the other account".into()).into())
        }
        // whether it is there is looked at first
        None if !told.is_empty() => {
            told.iter().filter_map(|account| core.peer(*account)).for_each(|peer| peer.poke_push());
            Err(RemoteError::NotNow("the message is still to be found in the other account".into()).into())
        }
        None => Err(RemoteError::Rejected("the message it was made from is gone, and its text was not kept here".into()).into()),
    }
}

/// What is kept of it, where else it is, and which accounts may have it under a key that was only told.
async fn find(core: &Core, id: MessageId) -> Result<(Option<Vec<u8>>, Vec<Location>, Vec<AccountId>)> {
    let find = core.common.readers.with(move |reader| {
        let body = match reader.location(id)? {
            Some(location) => reader.body(location.content)?.filter(|body| body.whole).map(|body| body.bytes),
            None => None,
        };
        let kept = match body {
            Some(bytes) => Some(bytes),
            None => reader.local_bytes(id)?,
        };
        let (mut sources, mut told) = (Vec::new(), Vec::new());
        for other in reader.other_placements(id)? {
            let Some(location) = reader.location(other)?.filter(|location| location.key.is_some()) else { continue };
            if reader.is_told(other)? {
                told.push(location.account);
            } else {
                sources.push(location);
            }
        }
        Ok((kept, sources, told))
    });
    Ok(find.await?)
}

async fn fetch<R: Remote>(remote: &mut R, from: &Location) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(key) = &from.key else { return Ok(bytes) };
    loop {
        let slice = remote.slice(&from.wire_name, key, None, bytes.len() as u64, SLICE).await?;
        let is_end = (slice.len() as u64) < u64::from(SLICE);
        bytes.extend(slice);
        if is_end {
            break;
        }
    }
    if bytes.is_empty() { Err(RemoteError::NotNow("the message could not be fetched".into()).into()) } else { Ok(bytes) }
}

/// Lets the other account fetch it; when it is here, the push goes on. Where it could not be had, that account looks first.
fn ask_peer(core: &Core, id: MessageId, source: Location) {
    let (Some(peer), Some(this)) = (core.peer(source.account), core.peer(core.account)) else { return };
    if !core.lock().bringing.insert(id) {
        return;
    }
    tokio::spawn(async move {
        let answer = peer.fetch_raw(&source, None).await;
        let is_here = matches!(answer, Ok(Ok(_)));
        if let Ok(Ok(bytes)) = answer
            && let Err(error) = this.common.writer.keep_local(id, bytes).await
        {
            tracing::warn!(%error, "a fetched message could not be kept");
        }
        let now = this.common.clock.mono();
        this.poke(|inner| {
            inner.bringing.remove(&id);
            inner.state.push_not_before = if is_here { 0 } else { now + NOT_HAD };
            inner.state.dirty = true;
        });
    });
}
