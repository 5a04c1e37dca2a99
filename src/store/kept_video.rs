//! Videos kept as they are, without an analysis: large, so they pass through piece by piece.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures_util::stream::{self, Stream};

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::artifacts::{ArtifactStore, Backend};
use super::blocking::on_disk_thread;
use super::error::StoreError;
use super::uploads::Upload;

/// Bytes read at a time; also the size of a part on S3, which wants at least 5 MiB.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// The bytes of a kept video, piece by piece.
pub type VideoPieces = Pin<Box<dyn Stream<Item = Result<Vec<u8>, StoreError>>>>;

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
                let name = name.clone();
                on_disk_thread(move || disk.put_file(id, &name, &file)).await
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

/// A file of which pieces are taken.
struct Source {
    file: File,
    path: PathBuf,
    offset: u64,
}

impl Source {
    /// The next piece, empty at the end.
    fn take(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut filled = 0;
        while filled < PIECE_BYTES {
            let read = self.file.read_at(&mut piece[filled..], self.offset);
            let count = read.map_err(StoreError::io("read the video", &self.path))?;
            if count == 0 {
                break;
            }
            filled += count;
            self.offset += count as u64;
        }
        piece.truncate(filled);
        Ok(piece)
    }
}

/// The bytes of `file`, which `path` names in errors, read on the disk threads.
fn pieces(file: File, path: &Path) -> VideoPieces {
    let source = Source {
        file,
        path: path.to_path_buf(),
        offset: 0,
    };
    Box::pin(stream::try_unfold(source, |mut source| async move {
        let (piece, source) = on_disk_thread(move || Ok((source.take()?, source))).await?;
        Ok((!piece.is_empty()).then_some((piece, source)))
    }))
}
