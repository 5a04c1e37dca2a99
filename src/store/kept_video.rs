//! Videos kept as they are, without an analysis: large, so they pass through piece by piece.

use std::path::Path;

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::artifacts::{ArtifactStore, Backend};
use super::blocking::on_disk_thread;
use super::error::StoreError;
use super::uploads::Upload;
use super::video_pieces::{VideoPieces, pieces};

impl ArtifactStore {
    /// Keeps a copy of `upload` under `id`, all of it or nothing. It stays as long as pictures do.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`], because no video waits for a bucket;
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn put_video(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        upload: &Upload,
    ) -> Result<(), StoreError> {
        let file = (upload.file().try_clone())
            .map_err(StoreError::io("read the upload", upload.path()))?;
        match self.backend.clone() {
            Backend::Disk(disk) => {
                let (name, path) = (name.clone(), upload.path().to_path_buf());
                on_disk_thread(move || disk.put_file(id, &name, &file, Some(&path))).await
            }
            Backend::Remote(remote) => {
                let video = pieces(file, upload.path());
                remote.bucket.put_video(id, name, video).await
            }
        }
    }

    /// A kept video; `None` when there is none of this name, or no longer.
    ///
    /// # Errors
    /// [`StoreError::ArtifactsAway`]; [`StoreError::Io`].
    pub async fn video(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<VideoPieces>, StoreError> {
        match self.backend.clone() {
            Backend::Disk(disk) => {
                let wanted = name.clone();
                let file = on_disk_thread(move || disk.open_file(id, &wanted)).await?;
                Ok(file.map(|file| pieces(file, Path::new(name.as_str()))))
            }
            Backend::Remote(remote) => remote.bucket.video(id, name).await,
        }
    }
}
