//! The first words of the messages of a thread, for where they are folded, and which of them quote only what was said before. As far
//! as their text is on this machine: no server is asked, no seal is opened. A newer question ends the one before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::WorkerEvent;
use super::core::{Common, Core};
use super::whole::kept;
use crate::mail::glimpse::Said;
use crate::mail::{AccountId, Glimpse, MessageId};
use crate::store::{Location, StoredBody};

type Cores = BTreeMap<AccountId, Arc<Core>>;

/// Told at once, so that a long thread shows its beginning soon.
const BATCH: usize = 16;
/// A disk that is slower shows a subject instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers the newest question.
#[derive(Clone, Debug, Default)]
pub struct Glimpses {
    asked: Arc<AtomicU64>,
}

impl Glimpses {
    /// Of these messages, oldest first.
    pub fn look(&self, common: &Common, cores: Cores, ids: Vec<MessageId>) -> impl Future<Output = ()> + Send + 'static {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let (asked, common) = (self.asked.clone(), common.clone());
        async move {
            let mut said = Said::default();
            for batch in ids.chunks(BATCH) {
                let mut glimpses: Vec<Glimpse> = Vec::with_capacity(batch.len());
                for id in batch {
                    if asked.load(Ordering::SeqCst) != number {
                        return;
                    }
                    glimpses.extend(glimpse(&common, &cores, *id, &mut said).await);
                }
                common.out.send(WorkerEvent::Glimpsed(glimpses)).await;
            }
        }
    }
}

async fn glimpse(common: &Common, cores: &Cores, id: MessageId, said: &mut Said) -> Option<Glimpse> {
    let find = common.readers.with(move |reader| {
        let Some(location) = reader.location(id)? else { return Ok(None) };
        let body = kept(reader, id, &location)?;
        Ok(Some((location, body)))
    });
    let (location, body) = find.await.ok()??;
    let body = match body {
        Some(body) => body,
        None => of_disk(cores, &location).await?,
    };
    let page = common.pages.glance(id, location.account, body).await?;
    Some(said.glimpse(&page))
}

/// Mail of a Maildir is not kept a second time.
async fn of_disk(cores: &Cores, location: &Location) -> Option<StoredBody> {
    let core = cores.get(&location.account).filter(|core| core.is_local)?;
    let bytes = timeout(PATIENCE, core.fetch_raw(location, None)).await.ok()?.ok()?.ok()?;
    Some(StoredBody { bytes, whole: true, parts: Vec::new() })
}
