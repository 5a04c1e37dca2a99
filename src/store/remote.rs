//! Artifacts in a bucket, with a spool on the local disk for the times when it is away.
//!
//! A set that cannot be written to the bucket is written to the spool, which is a store on disk
//! like any other, and [`RemoteArtifacts::send_spooled`] tries it again later. Until then it is
//! read from there. The spool is bounded: what no longer fits is lost, and its analysis says so.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::blocking::on_disk_thread;
use super::disk::DiskArtifacts;
use super::error::StoreError;
use super::pictures::Pictures;
use super::retention::{RetentionPolicy, SweepReport};
use super::s3::S3Artifacts;

#[derive(Debug)]
pub(super) struct RemoteArtifacts {
    pub(super) bucket: S3Artifacts,
    pub(super) spool: Arc<DiskArtifacts>,
    pub(super) spool_max_bytes: u64,
}

impl RemoteArtifacts {
    pub(super) async fn put_all(
        &self,
        id: AnalysisId,
        artifacts: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Pictures, StoreError> {
        match self.bucket.put_all(id, &artifacts).await {
            Ok(()) => Ok(Pictures::Stored),
            Err(error) => {
                tracing::warn!(%id, cause = cause(&error), "pictures go to the spool: {error}");
                self.spool_all(id, artifacts).await
            }
        }
    }

    async fn spool_all(
        &self,
        id: AnalysisId,
        artifacts: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Pictures, StoreError> {
        let (spool, max_bytes) = (Arc::clone(&self.spool), self.spool_max_bytes);
        on_disk_thread(move || {
            let bytes: usize = artifacts.iter().map(|(_, bytes)| bytes.len()).sum();
            if spool.usage_bytes()? + bytes as u64 > max_bytes {
                tracing::error!(%id, max_bytes, "the spool is full: the pictures are lost");
                return Ok(Pictures::Lost);
            }
            spool.put_all(id, &artifacts)?;
            Ok(Pictures::Delayed)
        })
        .await
    }

    pub(super) async fn read(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (spool, spooled) = (Arc::clone(&self.spool), name.clone());
        match on_disk_thread(move || spool.read(id, &spooled)).await? {
            Some(bytes) => Ok(Some(bytes)),
            None => self.bucket.read(id, name).await,
        }
    }

    pub(super) async fn list(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        match self.spooled(id).await? {
            spooled if spooled.is_empty() => self.bucket.list(id).await,
            spooled => Ok(spooled),
        }
    }

    async fn spooled(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        let spool = Arc::clone(&self.spool);
        on_disk_thread(move || spool.list(id)).await
    }

    pub(super) async fn remove(&self, id: AnalysisId) -> Result<bool, StoreError> {
        let spool = Arc::clone(&self.spool);
        let spooled = on_disk_thread(move || spool.remove(id)).await?;
        Ok(self.bucket.remove(id).await? || spooled)
    }

    /// Sweeps the spool, where nothing may wait for longer than it may be kept, and the bucket.
    pub(super) async fn sweep(
        &self,
        policy: &RetentionPolicy,
        now: SystemTime,
    ) -> Result<SweepReport, StoreError> {
        let (spool, spool_policy) = (Arc::clone(&self.spool), *policy);
        on_disk_thread(move || spool.sweep(&spool_policy, now)).await?;
        self.bucket.sweep(policy, now).await
    }

    /// Sends what waits in the spool, oldest first, until the bucket refuses. Answers how many
    /// analyses' artifacts were sent.
    pub(super) async fn send_spooled(&self) -> Result<u64, StoreError> {
        let spool = Arc::clone(&self.spool);
        let waiting = on_disk_thread(move || spool.holdings_oldest_first()).await?;
        let mut sent = 0;
        for holding in waiting {
            self.send(holding.id).await?;
            sent += 1;
        }
        Ok(sent)
    }

    /// Writes one set to the bucket and only then removes it here; done twice, it is the same.
    async fn send(&self, id: AnalysisId) -> Result<(), StoreError> {
        let spool = Arc::clone(&self.spool);
        let artifacts = on_disk_thread(move || {
            let names = spool.list(id)?;
            let mut artifacts = Vec::with_capacity(names.len());
            for name in names {
                artifacts.extend(spool.read(id, &name)?.map(|bytes| (name, bytes)));
            }
            Ok(artifacts)
        })
        .await?;
        self.bucket.put_all(id, &artifacts).await?;
        let spool = Arc::clone(&self.spool);
        on_disk_thread(move || spool.remove(id).map(drop)).await
    }

    /// `None` while the artifact waits here, where no link leads.
    pub(super) async fn link(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        lifetime: Duration,
    ) -> Result<Option<String>, StoreError> {
        if !self.spooled(id).await?.is_empty() {
            return Ok(None);
        }
        self.bucket.link(id, name, lifetime).await.map(Some)
    }
}

/// What is behind an error, for the log.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}
