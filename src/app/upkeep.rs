//! What is done now and then beside the requests: artifacts swept, and sent once their store is back;
//! resumable uploads removed with which nobody goes on.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::config::Settings;
use crate::store::{ArtifactStore, JobStore, PartialUploads, RecordStore};

/// What is done now and then beside the requests; stops when dropped.
pub(super) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    pub(super) fn start(
        (records, artifacts, partials): (&RecordStore, &ArtifactStore, &PartialUploads),
        settings: &Settings,
    ) -> Self {
        let sweeps = Duration::from_secs(settings.sweep_interval_s);
        let tries = Duration::from_secs(settings.artifacts_retry_interval_s);
        Self(vec![
            tokio::spawn(sweep_artifacts(records.clone(), artifacts.clone(), sweeps)),
            tokio::spawn(send_artifacts(artifacts.clone(), tries)),
            tokio::spawn(sweep_partials(partials.clone(), records.jobs(), sweeps)),
        ])
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Ends what a process that died was keeping. What does not answer now is asked again later.
pub(super) async fn settle(artifacts: &ArtifactStore, records: &RecordStore) {
    match artifacts.settle(records).await {
        Ok(0) => {}
        Ok(analyses) => tracing::warn!(analyses, "pictures of an interrupted process were removed"),
        Err(error) => tracing::warn!(%error, "what an interrupted process left stays for now"),
    }
}

async fn sweep_artifacts(records: RecordStore, artifacts: ArtifactStore, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        settle(&artifacts, &records).await;
        match artifacts.sweep(SystemTime::now()).await {
            Ok(report) => tracing::debug!(?report, "artifacts swept"),
            Err(error) => tracing::error!(%error, "artifacts could not be swept"),
        }
    }
}

async fn sweep_partials(partials: PartialUploads, jobs: JobStore, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        match partials.sweep(&jobs, OffsetDateTime::now_utc()).await {
            Ok(0) => {}
            Ok(uploads) => tracing::info!(uploads, "resumable uploads were removed"),
            Err(error) => tracing::warn!(%error, "resumable uploads could not be swept"),
        }
    }
}

/// Sends the artifacts that waited for their store to come back.
async fn send_artifacts(artifacts: ArtifactStore, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match artifacts.send_spooled().await {
            Ok(0) => {}
            Ok(analyses) => tracing::info!(analyses, "waiting artifacts were sent"),
            Err(error) => tracing::warn!(%error, "artifacts wait on"),
        }
    }
}
