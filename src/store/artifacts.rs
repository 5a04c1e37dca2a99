//! The artifact store as its callers see it, whatever it rests on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::blocking::on_disk_thread;
use super::disk::DiskArtifacts;
use super::error::StoreError;
use super::journal::KeepJournal;
use super::pictures::Pictures;
use super::remote::RemoteArtifacts;
use super::retention::{RetentionPolicy, SweepReport};
use super::s3::S3Artifacts;

/// Where artifacts are kept.
#[derive(Debug, Clone)]
pub struct ArtifactPlace {
    /// Empty, `file:///absolute/path` or `s3://bucket/prefix`.
    pub url: String,
    /// The folder meant by an empty URL.
    pub folder: PathBuf,
    /// The folder of the spool that S3 has for the times when it is away.
    pub spool: PathBuf,
    /// Most bytes that wait in the spool.
    pub spool_max_bytes: u64,
}

/// Frames and crops of analyses. Clones share one store.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    pub(super) backend: Backend,
    pub(super) policy: RetentionPolicy,
    pub(super) journal: Arc<KeepJournal>,
}

#[derive(Debug, Clone)]
pub(super) enum Backend {
    Disk(Arc<DiskArtifacts>),
    Remote(Arc<RemoteArtifacts>),
}

impl ArtifactStore {
    /// Opens what `place` names. A bucket is asked once: one that refuses us is an error, one that
    /// does not answer is logged and used when it comes back.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsUrl`]; [`StoreError::ArtifactsRefused`]; [`StoreError::Io`] naming
    /// the folder.
    pub async fn open_place(
        place: &ArtifactPlace,
        policy: RetentionPolicy,
    ) -> Result<Self, StoreError> {
        if place.url.is_empty() {
            return Self::open(&place.folder, policy).await;
        }
        if let Some(path) = place.url.strip_prefix("file://")
            && path.starts_with('/')
        {
            return Self::open(Path::new(path), policy).await;
        }
        if !place.url.starts_with("s3://") {
            return Err(StoreError::ArtifactsUrl {
                url: place.url.clone(),
                reason: "it begins neither with file:/// nor with s3://".into(),
            });
        }
        let bucket = S3Artifacts::from_environment(&place.url)?;
        Self::open_bucket(bucket, place, policy).await
    }

    pub(super) async fn open_bucket(
        bucket: S3Artifacts,
        place: &ArtifactPlace,
        policy: RetentionPolicy,
    ) -> Result<Self, StoreError> {
        match bucket.check().await {
            Err(StoreError::ArtifactsAway(cause)) => {
                tracing::warn!(url = place.url, %cause, "the bucket does not answer yet");
            }
            checked => checked?,
        }
        let spool = place.spool.clone();
        let (spool, journal) = on_disk_thread(move || opened(&spool)).await?;
        Ok(Self {
            journal: Arc::new(journal),
            backend: Backend::Remote(Arc::new(RemoteArtifacts {
                bucket,
                spool: Arc::new(spool),
                spool_max_bytes: place.spool_max_bytes,
            })),
            policy,
        })
    }

    /// Opens or creates (mode 0700) the folder `root` and clears what interrupted writes of dead
    /// processes left there.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the folder.
    pub async fn open(root: &Path, policy: RetentionPolicy) -> Result<Self, StoreError> {
        let root = root.to_path_buf();
        let (disk, journal) = on_disk_thread(move || opened(&root)).await?;
        Ok(Self {
            journal: Arc::new(journal),
            backend: Backend::Disk(Arc::new(disk)),
            policy,
        })
    }

    /// Stores all of `artifacts` or, on any error, none. Names must differ from each other. A
    /// bucket that is away is no error: the answer says what became of them.
    ///
    /// # Errors
    /// [`StoreError::DuplicateArtifacts`] when the analysis has artifacts on disk;
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn put_all(
        &self,
        id: AnalysisId,
        artifacts: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Pictures, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => {
                on_disk_thread(move || disk.put_all(id, &artifacts)).await?;
                Ok(Pictures::Stored)
            }
            Backend::Remote(remote) => remote.put_all(id, artifacts).await,
        }
    }

    /// The bytes of one artifact; `None` when it was never stored or has been swept.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn read(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => {
                let name = name.clone();
                on_disk_thread(move || disk.read(id, &name)).await
            }
            Backend::Remote(remote) => remote.read(id, name).await,
        }
    }

    /// A link to one artifact that works for `lifetime` without asking us; `None` where the store
    /// gives none, as a disk, or while the artifact waits to be sent.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`] when the keys for signing cannot be had.
    pub async fn link(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        lifetime: Duration,
    ) -> Result<Option<String>, StoreError> {
        match &self.backend {
            Backend::Disk(_) => Ok(None),
            Backend::Remote(remote) => remote.link(id, name, lifetime).await,
        }
    }

    /// Names of the artifacts of one analysis in order; empty when there are none.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn list(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => on_disk_thread(move || disk.list(id)).await,
            Backend::Remote(remote) => remote.list(id).await,
        }
    }

    /// Removes the artifacts of one analysis at once; `false` when there were none.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn remove(&self, id: AnalysisId) -> Result<bool, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => on_disk_thread(move || disk.remove(id)).await,
            Backend::Remote(remote) => remote.remove(id).await,
        }
    }

    /// Removes what the retention policy no longer allows as of `now`, and what interrupted
    /// writes of dead processes left.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`]; what was removed before the error stays
    /// removed.
    pub async fn sweep(&self, now: SystemTime) -> Result<SweepReport, StoreError> {
        let policy = self.policy;
        match self.backend.clone() {
            Backend::Disk(disk) => on_disk_thread(move || disk.sweep(&policy, now)).await,
            Backend::Remote(remote) => remote.sweep(&policy, now).await,
        }
    }

    /// Sends what waits for a bucket that was away; answers for how many analyses.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]: the rest waits on; [`StoreError::Io`].
    pub async fn send_spooled(&self) -> Result<u64, StoreError> {
        match &self.backend {
            Backend::Disk(_) => Ok(0),
            Backend::Remote(remote) => remote.send_spooled().await,
        }
    }

    /// Bytes of all stored artifacts. Reads every folder: for gauges and reports.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn usage_bytes(&self) -> Result<u64, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => on_disk_thread(move || disk.usage_bytes()).await,
            Backend::Remote(remote) => remote.bucket.usage_bytes().await,
        }
    }
}

fn opened(root: &Path) -> Result<(DiskArtifacts, KeepJournal), StoreError> {
    Ok((DiskArtifacts::open(root)?, KeepJournal::open(root)?))
}

#[cfg(test)]
#[path = "artifacts_tests.rs"]
mod tests;
