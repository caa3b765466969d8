//! The whole raw message: from the store where it is whole, else from the server in stretches, as a job that
//! can be cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::JobState;
use super::core::Core;
use super::jobs::Jobs;
use super::readers::Readers;
use crate::mail::{AccountId, MessageId};
use crate::store::{Location, Reader, StoreError, StoredBody};

/// What is kept of a message: its body, or all of it where it was written here and no server has it yet.
pub fn kept(reader: &Reader, id: MessageId, location: &Location) -> Result<Option<StoredBody>, StoreError> {
    match reader.body(location.content)? {
        None if location.key.is_none() => {
            let bytes = reader.local_bytes(id)?;
            Ok(bytes.map(|bytes| StoredBody { bytes, whole: true, parts: Vec::new() }))
        }
        body => Ok(body),
    }
}

/// Brings the bytes of a message, whole.
///
/// # Errors
/// A sentence: gone, not connected, cancelled, or what the server said.
pub async fn whole(readers: &Readers, cores: &BTreeMap<AccountId, Arc<Core>>, jobs: &Jobs, id: MessageId) -> Result<Vec<u8>, String> {
    let find = readers.with(move |reader| {
        let Some(location) = reader.location(id)? else { return Ok(None) };
        let body = kept(reader, id, &location)?;
        Ok(Some((location, body)))
    });
    let (location, body) = find.await.map_err(|error| error.to_string())?.ok_or("the message is gone")?;
    if let Some(body) = body.filter(|body| body.whole) {
        return Ok(body.bytes);
    }
    let core = cores.get(&location.account).ok_or("its account is not configured any more")?;
    let down = core.lock().down.clone();
    if let Some(why) = down {
        return Err(format!("{} is not connected: {why}", core.name));
    }
    let (tell, mut hear) = tokio::sync::watch::channel(0);
    let mut answer = core.fetch_raw(&location, Some(tell));
    let mut job = jobs.begin(Some(location.account), "Fetching a message".into(), Some(location.size));
    let cancel = job.cancel.clone();
    // a server that says nothing must not look as if nothing went on
    job.at(0, None).await;
    loop {
        tokio::select! {
            answer = &mut answer => {
                let answer = answer.unwrap_or_else(|_| Err("the connection was lost".into()));
                job.end(if answer.is_ok() { JobState::Finished } else { JobState::Failed("not fetched".into()) }).await;
                return answer;
            }
            Ok(()) = hear.changed() => {
                let done = *hear.borrow_and_update();
                job.at(done, None).await;
            }
            () = cancel.notified() => {
                job.end(JobState::Cancelled).await;
                return Err("cancelled".into());
            }
        }
    }
}
