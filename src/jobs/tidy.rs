//! What keeps the queue in order beside the work: jobs whose workers died too often, jobs that ended
//! long ago, uploads that nobody needs.

use std::time::SystemTime;

use super::workshop::Workshop;
use crate::store::StoreError;

/// Sets aside what was tried too often, and measures the queue.
pub(super) async fn look_after(shop: &Workshop) {
    let looked = async {
        let (jobs, max_tries) = (&shop.jobs, shop.settings.max_tries);
        let set_aside = jobs.set_lapsed_aside(max_tries, shop.now()).await?;
        if set_aside > 0 {
            tracing::error!(
                set_aside,
                "jobs whose workers died too often were set aside"
            );
        }
        metrics::gauge!("framewitness_jobs_queued").set(jobs.waiting().await? as f64);
        Ok::<_, StoreError>(())
    };
    if let Err(error) = looked.await {
        tracing::warn!(%error, "the queue could not be looked after");
    }
}

/// Forgets jobs that ended long ago, and removes uploads that no job needs.
pub(super) async fn tidy(shop: &Workshop) {
    let tidied = async {
        let limit = shop.now() - shop.settings.keep_ended;
        let forgotten = shop.jobs.expire(limit).await?;
        for job in &forgotten {
            shop.uploads.remove(*job).await?;
        }
        let settled = shop.uploads.settle(&shop.jobs).await?;
        let swept = shop
            .uploads
            .sweep(&shop.jobs, SystemTime::from(shop.now()))
            .await?;
        if settled + swept > 0 {
            tracing::warn!(settled, swept, "uploads that no job needs were removed");
        }
        tracing::debug!(forgotten = forgotten.len(), "jobs tidied");
        Ok::<_, StoreError>(())
    };
    if let Err(error) = tidied.await {
        tracing::warn!(%error, "the uploads of jobs could not be tidied");
    }
}
