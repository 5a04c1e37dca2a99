//! A resumable upload that somebody has hold of.
//!
//! What a client sends with a checksum is not believed before it is checked: from before its first byte
//! until after the check a file `unchecked` says where it begins. Whoever takes hold of an upload with
//! such a file cuts it off there.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;

use super::super::blocking::on_disk_thread;
use super::super::disk::{sync_folder, unless_missing};
use super::super::error::StoreError;
use super::super::floor::{DiskFloor, LOOK_EVERY_BYTES};
use super::super::jobs::JobId;
use super::super::step::Step;
use super::folder::{BYTES, write_synced};
use super::record::PartialRecord;
use super::writers::WriterPlace;

const UNCHECKED: &str = "unchecked";

/// A resumable upload that nobody else can touch until this is dropped. Dropped in the middle, what
/// was written stays.
#[derive(Debug)]
pub struct HeldPartial {
    file: tokio::fs::File,
    record: PartialRecord,
    offset: u64,
    next_look_bytes: u64,
    was_whole: bool,
    folder: PathBuf,
    floor: DiskFloor,
    place: WriterPlace,
}

/// One that is settled but not yet in its place.
pub(super) struct Settled {
    file: File,
    record: PartialRecord,
    offset: u64,
    was_whole: bool,
    folder: PathBuf,
    floor: DiskFloor,
}

impl HeldPartial {
    /// Cuts off what does not count and has the rest on disk; `file` is locked.
    pub(super) fn settle(
        (file, folder): (File, PathBuf),
        record: PartialRecord,
        floor: DiskFloor,
    ) -> Result<Settled, StoreError> {
        let path = folder.join(BYTES);
        let failed = || StoreError::io("settle the upload", &path);
        let length = file.metadata().map_err(failed())?.len();
        let believed = length.min(checked_until(&folder)?.unwrap_or(length));
        let was_whole = believed >= record.length_bytes;
        // The last byte counts when its job is in the queue.
        let offset = believed.min(record.length_bytes.saturating_sub(1));
        if offset < length {
            file.set_len(offset).map_err(failed())?;
        }
        file.sync_all().map_err(failed())?;
        forget_unchecked(&folder)?;
        (&file).seek(SeekFrom::Start(offset)).map_err(failed())?;
        Ok(Settled {
            file,
            record,
            offset,
            was_whole,
            folder,
            floor,
        })
    }

    /// Its name.
    pub fn id(&self) -> JobId {
        self.place.id()
    }

    /// What was said of it.
    pub fn record(&self) -> &PartialRecord {
        &self.record
    }

    /// Bytes of it that are there.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether every byte is there.
    pub fn is_whole(&self) -> bool {
        self.offset == self.record.length_bytes
    }

    /// Whether every byte was there when it was taken hold of: it may have become a job, and whoever
    /// made it was interrupted.
    pub fn was_whole(&self) -> bool {
        self.was_whole
    }

    /// Ends when somebody else wants it.
    pub async fn asked_to_leave(&self) {
        self.place.asked_to_leave().await;
    }

    /// Appends `chunk`, which is no longer than what is missing.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        let written = self.file.write_all(chunk).await;
        written.map_err(StoreError::io("write the upload", &self.folder))?;
        self.offset += chunk.len() as u64;
        if self.offset >= self.next_look_bytes {
            self.next_look_bytes = self.offset + LOOK_EVERY_BYTES;
            self.floor.check(&self.folder)?;
        }
        Step::UploadBegun.reached();
        Ok(())
    }

    /// Has everything on disk.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn sync(&mut self) -> Result<(), StoreError> {
        let failed = || StoreError::io("write the upload", &self.folder);
        // tokio writes behind; an error of the last write shows here.
        self.file.flush().await.map_err(failed())?;
        self.file.sync_all().await.map_err(failed())
    }

    /// Says that what comes from here on does not count until [`Self::believe`].
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn doubt_what_follows(&self) -> Result<(), StoreError> {
        let (folder, offset) = (self.folder.clone(), self.offset.to_string());
        on_disk_thread(move || {
            write_synced(&folder.join(UNCHECKED), offset.as_bytes())?;
            sync_folder(&folder)
        })
        .await
    }

    /// Says that what came counts; it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn believe(&self) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        on_disk_thread(move || forget_unchecked(&folder)).await
    }

    /// The file with its bytes, on disk as far as [`Self::sync`] was called.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn file(&self) -> Result<File, StoreError> {
        let clone = self.file.try_clone().await;
        let clone = clone.map_err(StoreError::io("read the upload", &self.folder))?;
        Ok(clone.into_std().await)
    }

    /// Where the bytes lie.
    pub fn path(&self) -> PathBuf {
        self.folder.join(BYTES)
    }

    /// Removes it with everything that came.
    ///
    /// # Errors
    /// [`StoreError::Io`]; what is left then is swept.
    pub async fn remove(self) -> Result<(), StoreError> {
        Step::UploadHandedOn.reached();
        let folder = self.folder.clone();
        on_disk_thread(move || {
            unless_missing(fs::remove_dir_all(&folder))
                .map(drop)
                .map_err(StoreError::io("remove the upload", &folder))
        })
        .await
    }
}

impl Settled {
    pub(super) fn in_place(self, place: WriterPlace) -> HeldPartial {
        HeldPartial {
            file: tokio::fs::File::from_std(self.file),
            record: self.record,
            offset: self.offset,
            next_look_bytes: self.offset + LOOK_EVERY_BYTES,
            was_whole: self.was_whole,
            folder: self.folder,
            floor: self.floor,
            place,
        }
    }
}

/// Where bytes begin that were never checked. A note that does not read was not written to its end,
/// and then nothing follows it.
fn checked_until(folder: &Path) -> Result<Option<u64>, StoreError> {
    let path = folder.join(UNCHECKED);
    let note = unless_missing(fs::read_to_string(&path))
        .map_err(StoreError::io("read the note", &path))?;
    Ok(note.and_then(|note| note.parse().ok()))
}

fn forget_unchecked(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(UNCHECKED);
    let removed =
        unless_missing(fs::remove_file(&path)).map_err(StoreError::io("remove the note", &path))?;
    match removed {
        Some(()) => sync_folder(folder),
        None => Ok(()),
    }
}
