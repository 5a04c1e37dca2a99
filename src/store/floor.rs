//! Free space that uploads leave to everything else on the disk: the database's journal, pictures,
//! logs. An upload that would go below it is refused, before the disk is full and nothing works.

use std::io;
use std::path::Path;

use super::error::StoreError;

/// Bytes of an upload between two looks at the disk.
pub(super) const LOOK_EVERY_BYTES: u64 = 8 * 1024 * 1024;

/// How much of a disk stays free.
#[derive(Debug, Clone, Copy)]
pub struct DiskFloor {
    min_free_bytes: u64,
    free_bytes: fn(&Path) -> io::Result<u64>,
}

impl DiskFloor {
    /// A floor of so many bytes; of none, the disk is filled to its end.
    pub fn of(min_free_bytes: u64) -> Self {
        Self {
            min_free_bytes,
            free_bytes: free_bytes_at,
        }
    }

    /// Whether the disk that holds `folder` is above the floor.
    pub(super) fn check(&self, folder: &Path) -> Result<(), StoreError> {
        self.check_with(folder, 0)
    }

    /// Whether it would be with `more_bytes` on it.
    pub(super) fn check_with(&self, folder: &Path, more_bytes: u64) -> Result<(), StoreError> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let free = (self.free_bytes)(folder);
        let free = free.map_err(StoreError::io("measure the disk of", folder))?;
        if free < self.min_free_bytes.saturating_add(more_bytes) {
            return Err(StoreError::StorageFull {
                action: "leave min_free_disk_bytes free beside",
                path: folder.to_path_buf(),
            });
        }
        Ok(())
    }
}

/// What those without special rights may still write.
fn free_bytes_at(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A disk of 32 MiB that holds nothing but `folder`.
    pub(in crate::store) fn small_disk(min_free_bytes: u64) -> DiskFloor {
        fn free(folder: &Path) -> io::Result<u64> {
            let mut used = 0;
            for entry in std::fs::read_dir(folder)? {
                used += entry?.metadata()?.len();
            }
            Ok((32_u64 << 20).saturating_sub(used))
        }
        DiskFloor {
            min_free_bytes,
            free_bytes: free,
        }
    }

    #[test]
    fn a_disk_at_the_floor_is_used_and_one_byte_below_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        small_disk(32 << 20).check(folder.path()).unwrap();
        let refused = small_disk((32 << 20) + 1).check(folder.path());
        assert_eq!(refused.unwrap_err().code(), "storage-full");
        let disk = small_disk(16 << 20);
        disk.check_with(folder.path(), 16 << 20).unwrap();
        let refused = disk.check_with(folder.path(), (16 << 20) + 1);
        assert_eq!(refused.unwrap_err().code(), "storage-full");
    }

    #[test]
    fn a_real_disk_is_measured_and_no_floor_asks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        DiskFloor::of(1).check(folder.path()).unwrap();
        DiskFloor::of(u64::MAX).check(folder.path()).unwrap_err();
        DiskFloor::of(0).check(Path::new("/nowhere")).unwrap();
    }
}
