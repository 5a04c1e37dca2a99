//! The uploads of jobs, which lie with the artifacts until their job has ended.
//!
//! Layout: `<artifacts>/jobs/<job-id>/<name>`, on disk and in a bucket. An upload is placed before its
//! job is enqueued, with a note of it all the while: a process that dies in between leaves a note, and
//! the next start settles it. What else may be left (a machine that never comes back, a store that was
//! away when a job ended) goes by the jobs themselves: an upload whose job has ended, or of which there
//! is none after [`GRACE`], is nobody's.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;

use super::super::artifact_name::ArtifactName;
use super::super::artifacts::ArtifactPlace;
use super::super::blocking::on_disk_thread;
use super::super::disk::DiskArtifacts;
use super::super::error::StoreError;
use super::super::journal::{Intent, KeepJournal, noted_in, remove_settled};
use super::super::s3::S3Artifacts;
use super::super::uploads::{Upload, UploadDir};
use super::super::video_pieces::pieces;
use super::job::{JobId, JobState};
use super::queue::JobStore;

const FOLDER: &str = "jobs";

/// How long an upload may lie without a job: its sender's process is about to enqueue it.
const GRACE: Duration = Duration::from_secs(3600);

/// The uploads of jobs. Clones share one store.
#[derive(Debug, Clone)]
pub struct JobUploads {
    place: Place,
    journal: Arc<KeepJournal>,
}

#[derive(Debug, Clone)]
enum Place {
    Disk(Arc<DiskArtifacts>),
    Bucket(Arc<S3Artifacts>),
}

/// A file that came whole.
#[derive(Debug, Clone, Copy)]
pub struct WholeFile<'a> {
    /// It.
    pub file: &'a File,
    /// Where it lies.
    pub path: &'a Path,
    /// Whether nobody writes to it any more, or shortens it.
    pub is_sealed: bool,
}

impl<'a> WholeFile<'a> {
    /// One that nobody writes to any more.
    pub fn sealed(file: &'a File, path: &'a Path) -> Self {
        Self {
            file,
            path,
            is_sealed: true,
        }
    }
}

/// An upload that lies where its job will look for it.
#[derive(Debug)]
#[must_use = "the note of it stays until the next start"]
pub struct PlacedUpload {
    job: JobId,
    intent: Intent,
}

impl JobUploads {
    /// Opens the place beside the artifacts of `place`.
    ///
    /// # Errors
    /// As [`ArtifactStore::open_place`](super::super::ArtifactStore::open_place), which looks whether
    /// a bucket answers.
    pub async fn open(place: &ArtifactPlace) -> Result<Self, StoreError> {
        if !place.url.starts_with("s3://") {
            let stated = place.url.strip_prefix("file://").map(Path::new);
            return Self::on_disk(&stated.unwrap_or(&place.folder).join(FOLDER)).await;
        }
        let url = format!("{}/{FOLDER}", place.url.trim_end_matches('/'));
        Self::in_bucket(S3Artifacts::from_environment(&url)?, &place.spool).await
    }

    async fn on_disk(root: &Path) -> Result<Self, StoreError> {
        let root = root.to_path_buf();
        let open = move || Ok((DiskArtifacts::open(&root)?, KeepJournal::open(&root)?));
        let (disk, journal) = on_disk_thread(open).await?;
        Ok(Self {
            place: Place::Disk(Arc::new(disk)),
            journal: Arc::new(journal),
        })
    }

    /// With its notes in a folder of `spool`.
    pub(in crate::store) async fn in_bucket(
        bucket: S3Artifacts,
        spool: &Path,
    ) -> Result<Self, StoreError> {
        let notes = spool.join(FOLDER);
        let journal = on_disk_thread(move || KeepJournal::open(&notes)).await?;
        Ok(Self {
            place: Place::Bucket(Arc::new(bucket)),
            journal: Arc::new(journal),
        })
    }

    /// Places a file for a job that is about to be enqueued, all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn put(
        &self,
        job: JobId,
        name: &ArtifactName,
        sent: WholeFile<'_>,
    ) -> Result<PlacedUpload, StoreError> {
        let path = sent.path.to_path_buf();
        let file = sent.file.try_clone();
        let file = file.map_err(StoreError::io("read the upload", &path))?;
        let (id, journal) = (job.folder(), Arc::clone(&self.journal));
        let intent = on_disk_thread(move || journal.announce(id)).await?;
        let written = match &self.place {
            Place::Disk(disk) => {
                let (disk, name) = (Arc::clone(disk), name.clone());
                let sealed = sent.is_sealed.then_some(path);
                on_disk_thread(move || disk.put_file(id, &name, &file, sealed.as_deref())).await
            }
            Place::Bucket(bucket) => bucket.put_video(id, name, pieces(file, &path)).await,
        };
        match written {
            Ok(()) => Ok(PlacedUpload { job, intent }),
            Err(error) => {
                intent.end().await;
                Err(error)
            }
        }
    }

    /// A private copy of the upload of a job; `None` when there is none of this name.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn fetch(
        &self,
        job: JobId,
        name: &ArtifactName,
        into: &UploadDir,
    ) -> Result<Option<Upload>, StoreError> {
        let id = job.folder();
        let found = match &self.place {
            Place::Disk(disk) => {
                let (disk, wanted) = (Arc::clone(disk), name.clone());
                let file = on_disk_thread(move || disk.open_file(id, &wanted)).await?;
                file.map(|file| pieces(file, Path::new(name.as_str())))
            }
            Place::Bucket(bucket) => bucket.video(id, name).await?,
        };
        let Some(mut found) = found else {
            return Ok(None);
        };
        let mut copy = into.create().await?;
        while let Some(piece) = found.try_next().await? {
            copy.write(&piece).await?;
        }
        copy.finish().await.map(Some)
    }

    /// Removes the upload of a job; `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn remove(&self, job: JobId) -> Result<bool, StoreError> {
        let id = job.folder();
        match &self.place {
            Place::Disk(disk) => {
                let disk = Arc::clone(disk);
                on_disk_thread(move || disk.remove(id)).await
            }
            Place::Bucket(bucket) => bucket.remove(id).await,
        }
    }

    /// Removes what processes that died left of uploads whose jobs they did not enqueue; answers how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`] of the store that does not answer; what could not be settled can be later.
    pub async fn settle(&self, jobs: &JobStore) -> Result<u64, StoreError> {
        let journal = Arc::clone(&self.journal);
        let folders = on_disk_thread(move || journal.dead_others()).await?;
        let mut removed = 0;
        for folder in folders {
            for id in noted_in(folder.clone()).await? {
                let job = JobId::of_folder(id);
                let state = jobs.state_of(job).await?;
                let is_needed = state.is_some_and(JobState::needs_upload);
                removed += u64::from(!is_needed && self.remove(job).await?);
            }
            remove_settled(folder).await?;
        }
        Ok(removed)
    }

    /// Removes the uploads that no job needs as of `now`; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the store that does not answer.
    pub async fn sweep(&self, jobs: &JobStore, now: SystemTime) -> Result<u64, StoreError> {
        let holdings = match &self.place {
            Place::Disk(disk) => {
                let disk = Arc::clone(disk);
                on_disk_thread(move || {
                    disk.clear_leftovers()?;
                    disk.holdings_oldest_first()
                })
                .await?
            }
            Place::Bucket(bucket) => bucket.holdings().await?,
        };
        let mut removed = 0;
        for holding in holdings {
            let job = JobId::of_folder(holding.id);
            let is_needed = match jobs.state_of(job).await? {
                Some(state) => state.needs_upload(),
                None => {
                    let age = now.duration_since(holding.stored_at);
                    age.is_ok_and(|age| age <= GRACE)
                }
            };
            removed += u64::from(!is_needed && self.remove(job).await?);
        }
        Ok(removed)
    }
}

impl PlacedUpload {
    /// Its job is in the queue.
    pub async fn is_enqueued(self) {
        self.intent.end().await;
    }

    /// There will be no job: the upload goes again.
    pub async fn take_back(self, uploads: &JobUploads) {
        match uploads.remove(self.job).await {
            Ok(_) => self.intent.end().await,
            Err(error) => {
                tracing::error!(%error, job = %self.job, "an upload without a job stays until it can go");
                self.intent.leave().await;
            }
        }
    }

    /// Whether there is a job could not be found out; that is settled later.
    pub async fn leave(self) {
        self.intent.leave().await;
    }
}
