//! Resumable uploads that are not whole yet, on this machine's disk.
//!
//! Layout: `<root>/<job-id>/record.json` and `<root>/<job-id>/bytes`. An upload is named like the job
//! that it is to become, so that nothing of it need be kept once the job is in the queue: who asks for
//! the upload then finds the job.
//!
//! - **The length of `bytes` is the offset.** Nothing else counts what came. Whoever takes hold of an
//!   upload has its bytes on disk before he is told how many there are ([`HeldPartial`]).
//! - **One at a time.** The file is locked (`flock`) as long as somebody writes, so that two processes
//!   on one folder keep out of each other's way, too, and the kernel frees what a killed one held.
//! - **The last byte counts when its job is in the queue.** Until then an upload of which every byte
//!   came says that the last one is missing: the client that sends it again has the job made.
//! - **Nothing stays for ever.** Each has a time from which on a sweep removes it, and they are counted
//!   by sender and in all before another begins.
//!
//! An upload appears by one rename of a folder that is complete, under the lock of the root. A folder
//! that is not complete is therefore a leftover.

mod folder;
mod held;
mod record;
mod sweep;
mod writers;

use std::fs::{self, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::blocking::on_disk_thread;
use super::disk::{sync_folder, unless_missing};
use super::error::StoreError;
use super::floor::DiskFloor;
use super::jobs::JobId;
use super::session::{create_private_dir, lock_folder};

use folder::{BYTES, RECORD, write_synced};
use writers::Writers;

pub use held::HeldPartial;
pub use record::PartialRecord;

/// What a folder is called until it is complete.
const STAGED: &str = ".staged-";

/// How long it is waited for somebody who was asked to leave.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How many resumable uploads may be unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialLimits {
    /// Of everybody.
    pub max: usize,
    /// Of one sender.
    pub max_per_sender: usize,
    /// How long one may take, from its beginning.
    pub keep: Duration,
}

/// Resumable uploads that are not whole yet. Clones share one folder.
#[derive(Debug, Clone)]
pub struct PartialUploads {
    root: Arc<Path>,
    floor: DiskFloor,
    limits: PartialLimits,
    writers: Arc<Writers>,
}

/// What became of an upload that was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It waits for its bytes.
    Yes,
    /// As many as may be are unfinished.
    Full,
    /// As many of this sender.
    FullForSender,
}

/// What became of the wish to have hold of an upload.
#[derive(Debug)]
pub enum Hold {
    /// It is held.
    Held(Box<HeldPartial>),
    /// Somebody else has it.
    Busy,
    /// There is none of this name.
    Gone,
}

impl PartialUploads {
    /// Opens or creates `root`; its disk is filled down to `floor`.
    ///
    /// # Errors
    /// [`StoreError::Io`] naming the folder.
    pub async fn open(
        root: &Path,
        floor: DiskFloor,
        limits: PartialLimits,
    ) -> Result<Self, StoreError> {
        let root: Arc<Path> = root.into();
        let folder = Arc::clone(&root);
        on_disk_thread(move || create_private_dir(&folder)).await?;
        Ok(Self {
            root,
            floor,
            limits,
            writers: Arc::default(),
        })
    }

    /// Limits in force.
    pub fn limits(&self) -> PartialLimits {
        self.limits
    }

    /// Begins an upload, unless as many as may be are unfinished at `now`. It is on disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`], also where the whole file would go below the floor;
    /// [`StoreError::Io`].
    pub async fn begin(
        &self,
        id: JobId,
        record: PartialRecord,
        now: OffsetDateTime,
    ) -> Result<Begun, StoreError> {
        let own = self.clone();
        on_disk_thread(move || own.begin_now(id, &record, now)).await
    }

    fn begin_now(
        &self,
        id: JobId,
        record: &PartialRecord,
        now: OffsetDateTime,
    ) -> Result<Begun, StoreError> {
        let _turn = lock_folder(&self.root)?;
        let (mut all, mut of_sender) = (0, 0);
        for other in self.names()? {
            let Some(other) = self.read_record(other)? else {
                continue;
            };
            if !other.is_expired(now) {
                all += 1;
                of_sender += usize::from(other.sender == record.sender);
            }
        }
        if all >= self.limits.max {
            return Ok(Begun::Full);
        }
        if of_sender >= self.limits.max_per_sender {
            return Ok(Begun::FullForSender);
        }
        self.floor.check_with(&self.root, record.length_bytes)?;
        self.appear(id, record)?;
        Ok(Begun::Yes)
    }

    fn appear(&self, id: JobId, record: &PartialRecord) -> Result<(), StoreError> {
        let staged = tempfile::Builder::new()
            .prefix(STAGED)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&self.root)
            .map_err(StoreError::io("create an upload in", &self.root))?;
        let written = serde_json::to_vec(record).map_err(std::io::Error::other);
        let record_path = staged.path().join(RECORD);
        let written = written.map_err(StoreError::io("write the record", &record_path))?;
        write_synced(&record_path, &written)?;
        write_synced(&staged.path().join(BYTES), b"")?;
        sync_folder(staged.path())?;
        let target = self.folder_of(id);
        fs::rename(staged.path(), &target)
            .map_err(StoreError::io("begin an upload in", &target))?;
        // Nothing is at its old name any more.
        let _renamed = staged.keep();
        sync_folder(&self.root)
    }

    /// What was said of an upload; `None` when there is none of this name.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn find(&self, id: JobId) -> Result<Option<PartialRecord>, StoreError> {
        let own = self.clone();
        on_disk_thread(move || own.read_record(id)).await
    }

    /// Takes hold of an upload that nobody has.
    ///
    /// # Errors
    /// [`StoreError::StorageFull`]; [`StoreError::Io`].
    pub async fn hold(&self, id: JobId) -> Result<Hold, StoreError> {
        let own = self.clone();
        on_disk_thread(move || own.hold_now(id)).await
    }

    /// The same of one that somebody may have: he is asked to leave, and waited for a moment. Who comes
    /// back after his connection broke is not kept out by what is left of it.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub async fn take_over(&self, id: JobId) -> Result<Hold, StoreError> {
        let begun = Instant::now();
        loop {
            let hold = self.hold(id).await?;
            if !matches!(hold, Hold::Busy) || begun.elapsed() >= PATIENCE {
                return Ok(hold);
            }
            self.writers.ask_to_leave(id);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn hold_now(&self, id: JobId) -> Result<Hold, StoreError> {
        let folder = self.folder_of(id);
        let path = folder.join(BYTES);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let opened = unless_missing(opened).map_err(StoreError::io("open the upload", &path))?;
        let Some(file) = opened else {
            return Ok(Hold::Gone);
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Hold::Busy),
            Err(TryLockError::Error(other)) => {
                return Err(StoreError::io("lock the upload", &path)(other));
            }
        }
        // Whoever had it may have removed it between our opening and our locking.
        let Some(record) = self.read_record(id)? else {
            return Ok(Hold::Gone);
        };
        let held = HeldPartial::settle((file, folder), record, self.floor)?;
        let place = self.writers.enter(id);
        Ok(Hold::Held(Box::new(held.in_place(place))))
    }

    /// Names of the uploads that are there.
    fn names(&self) -> Result<Vec<JobId>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(self.not_listed())? {
            let entry = entry.map_err(self.not_listed())?;
            let named = entry.file_name().to_str().and_then(JobId::parse);
            names.extend(named.filter(|id| self.folder_of(*id) == entry.path()));
        }
        Ok(names)
    }

    /// `None` also for one that this version cannot read.
    fn read_record(&self, id: JobId) -> Result<Option<PartialRecord>, StoreError> {
        let path = self.folder_of(id).join(RECORD);
        let text =
            unless_missing(fs::read(&path)).map_err(StoreError::io("read the record", &path))?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    fn folder_of(&self, id: JobId) -> PathBuf {
        self.root.join(id.to_string())
    }

    fn not_listed(&self) -> impl Fn(std::io::Error) -> StoreError {
        let root = Arc::clone(&self.root);
        move |error| StoreError::io("list the uploads in", &root)(error)
    }
}
