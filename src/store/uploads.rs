//! Uploads in progress: private files that vanish when nobody needs them.
//!
//! [`UploadDir::create`] → [`UploadWriter::write`] … → [`UploadWriter::finish`] → [`Upload`].
//! Dropping a writer or an upload removes its file; what a killed process leaves is cleared when
//! the next one opens the folder. Limits on size are the caller's: the writer says how much it has
//! taken.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::blocking::on_disk_thread;
use super::error::StoreError;
use super::floor::{DiskFloor, LOOK_EVERY_BYTES};
use super::session::SessionDir;
use super::step::Step;

/// A private folder (mode 0700) for uploads in progress. Clones share it; it goes, with all that
/// is in it, after the last clone and the last upload.
#[derive(Debug, Clone)]
pub struct UploadDir {
    session: Arc<SessionDir>,
    floor: DiskFloor,
}

impl UploadDir {
    /// Opens or creates `root`, clears what dead processes left there, and fills its disk down to
    /// `floor`.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the folder.
    pub async fn open(root: &Path, floor: DiskFloor) -> Result<Self, StoreError> {
        let root = root.to_path_buf();
        let session = on_disk_thread(move || SessionDir::open(&root)).await?;
        Ok(Self {
            session: Arc::new(session),
            floor,
        })
    }

    /// Starts an upload in a new file (mode 0600, a random name).
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::StorageFull`].
    pub async fn create(&self) -> Result<UploadWriter, StoreError> {
        let (session, floor) = (Arc::clone(&self.session), self.floor);
        let named = on_disk_thread(move || {
            floor.check(session.path())?;
            tempfile::Builder::new()
                .prefix("upload-")
                .tempfile_in(session.path())
                .map_err(StoreError::io("create an upload in", session.path()))
        })
        .await?;
        let (file, path) = named.into_parts();
        Ok(UploadWriter {
            file: tokio::fs::File::from_std(file),
            size_bytes: 0,
            next_look_bytes: LOOK_EVERY_BYTES,
            floor: self.floor,
            place: Place {
                path,
                session: Arc::clone(&self.session),
            },
        })
    }
}

/// Where an upload lies. Field order matters: the file goes before its folder.
#[derive(Debug)]
struct Place {
    path: TempPath,
    session: Arc<SessionDir>,
}

/// An upload being received.
#[derive(Debug)]
pub struct UploadWriter {
    file: tokio::fs::File,
    size_bytes: u64,
    next_look_bytes: u64,
    floor: DiskFloor,
    place: Place,
}

impl UploadWriter {
    /// Appends `chunk`.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        self.file
            .write_all(chunk)
            .await
            .map_err(StoreError::io("write the upload", &self.place.path))?;
        self.size_bytes += chunk.len() as u64;
        if self.size_bytes >= self.next_look_bytes {
            self.next_look_bytes = self.size_bytes + LOOK_EVERY_BYTES;
            // Measuring a disk asks the kernel for numbers that it holds in memory.
            self.floor.check(self.place.session.path())?;
        }
        Step::UploadBegun.reached();
        Ok(())
    }

    /// Bytes taken so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Ends the upload: everything is in the file, whose position is its beginning.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn finish(mut self) -> Result<Upload, StoreError> {
        // tokio writes behind; an error of the last write shows here.
        self.file
            .flush()
            .await
            .map_err(StoreError::io("write the upload", &self.place.path))?;
        let mut file = self.file.into_std().await;
        file.seek(SeekFrom::Start(0))
            .map_err(StoreError::io("rewind the upload", &self.place.path))?;
        Step::UploadWhole.reached();
        Ok(Upload {
            file,
            size_bytes: self.size_bytes,
            place: self.place,
        })
    }
}

/// A received file; removed on Drop.
#[derive(Debug)]
pub struct Upload {
    file: File,
    size_bytes: u64,
    place: Place,
}

impl Upload {
    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Where it lies until the upload is dropped.
    pub fn path(&self) -> &Path {
        &self.place.path
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::super::floor::tests::small_disk;
    use super::*;

    const NO_FLOOR: u64 = 0;

    fn files_below(folder: &Path) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            files += if path.is_dir() { files_below(&path) } else { 1 };
        }
        files
    }

    #[tokio::test]
    async fn an_upload_reads_back_whole_from_its_beginning_and_is_private() {
        let root = tempfile::tempdir().unwrap();
        let uploads = UploadDir::open(root.path(), DiskFloor::of(NO_FLOOR))
            .await
            .unwrap();
        let mut writer = uploads.create().await.unwrap();
        let chunk: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        for _ in 0..50 {
            writer.write(&chunk).await.unwrap();
        }
        assert_eq!(writer.size_bytes(), 5_000_000);
        let upload = writer.finish().await.unwrap();
        let mut read = Vec::new();
        upload.file().read_to_end(&mut read).unwrap();
        assert_eq!(read, chunk.repeat(50));
        assert_eq!(upload.size_bytes(), 5_000_000);
        let mode = fs::metadata(upload.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn an_upload_ends_before_the_disk_is_full_and_gives_its_space_back() {
        let root = tempfile::tempdir().unwrap();
        let uploads = UploadDir::open(root.path(), small_disk(16 << 20)).await;
        let uploads = uploads.unwrap();
        let mut writer = uploads.create().await.unwrap();
        let megabyte = vec![0; 1 << 20];
        let refused = loop {
            if let Err(refused) = writer.write(&megabyte).await {
                break refused;
            }
        };
        assert_eq!(refused.code(), "storage-full");
        assert_eq!(writer.size_bytes(), 24 << 20);
        drop(writer);
        uploads.create().await.unwrap();
    }

    #[tokio::test]
    async fn dropping_a_writer_or_an_upload_removes_its_file() {
        let root = tempfile::tempdir().unwrap();
        let uploads = UploadDir::open(root.path(), DiskFloor::of(NO_FLOOR))
            .await
            .unwrap();
        let mut abandoned = uploads.create().await.unwrap();
        abandoned.write(b"half").await.unwrap();
        let finished = uploads.create().await.unwrap().finish().await.unwrap();
        assert_eq!(files_below(root.path()), 2);
        drop(abandoned);
        drop(finished);
        assert_eq!(files_below(root.path()), 0);
    }

    #[tokio::test]
    async fn an_upload_outlives_the_handle_that_made_it() {
        let root = tempfile::tempdir().unwrap();
        let uploads = UploadDir::open(root.path(), DiskFloor::of(NO_FLOOR))
            .await
            .unwrap();
        let upload = uploads.create().await.unwrap().finish().await.unwrap();
        drop(uploads);
        assert!(upload.path().exists());
        drop(upload);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn starting_again_clears_what_a_killed_process_left() {
        let root = tempfile::tempdir().unwrap();
        let left = root.path().join("session-00ff");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("upload-abc"), b"half a video").unwrap();
        let _uploads = UploadDir::open(root.path(), DiskFloor::of(NO_FLOOR))
            .await
            .unwrap();
        assert_eq!(files_below(root.path()), 0);
    }
}
