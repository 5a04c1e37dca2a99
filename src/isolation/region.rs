//! Anonymous memory of fixed size that a worker fills and its parent copies from.
//!
//! Both sides use positioned reads and writes. Pages exist only where something was written, and go
//! back to the system when both descriptors are closed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::{Deserialize, Serialize};

use super::IsolationError;

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// The parent's end.
#[derive(Debug)]
pub struct Region {
    file: File,
    capacity: u64,
}

impl Region {
    /// Makes a region of `capacity` bytes, whose size nobody can change any more.
    ///
    /// # Errors
    /// [`IsolationError::Region`].
    pub fn create(capacity: u64) -> Result<Self, IsolationError> {
        let create = || -> io::Result<File> {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = File::from(memfd_create("framewitness-result", flags)?);
            file.set_len(capacity)?;
            fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
            Ok(file)
        };
        let file = create().map_err(IsolationError::Region)?;
        Ok(Self { file, capacity })
    }

    /// The descriptor to hand to the worker.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Its size in bytes.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Copies `span` out, which the caller has found to be of a sensible length.
    ///
    /// # Errors
    /// [`IsolationError::OutOfRegion`], [`IsolationError::Region`].
    pub fn read(&self, span: Span) -> Result<Vec<u8>, IsolationError> {
        let is_inside =
            (span.offset.checked_add(span.bytes)).is_some_and(|end| end <= self.capacity);
        let length = usize::try_from(span.bytes).ok().filter(|_| is_inside);
        let length = length.ok_or(IsolationError::OutOfRegion {
            offset: span.offset,
            bytes: span.bytes,
            capacity: self.capacity,
        })?;
        let mut bytes = vec![0; length];
        let read = self.file.read_exact_at(&mut bytes, span.offset);
        read.map_err(IsolationError::Region)?;
        Ok(bytes)
    }
}

/// The worker's end: appends.
#[derive(Debug)]
pub struct RegionWriter {
    file: File,
    next: u64,
}

impl RegionWriter {
    /// Fills the region behind `descriptor` from its start.
    pub fn new(descriptor: OwnedFd) -> Self {
        Self {
            file: descriptor.into(),
            next: 0,
        }
    }

    /// Appends `bytes` and tells where they are.
    ///
    /// # Errors
    /// [`IsolationError::Region`] when it is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<Span, IsolationError> {
        let span = Span {
            offset: self.next,
            bytes: bytes.len() as u64,
        };
        let written = self.file.write_all_at(bytes, span.offset);
        written.map_err(IsolationError::Region)?;
        self.next += span.bytes;
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(capacity: u64) -> (Region, RegionWriter) {
        let region = Region::create(capacity).unwrap();
        let other = region.descriptor().try_clone_to_owned().unwrap();
        (region, RegionWriter::new(other))
    }

    #[test]
    fn what_the_worker_appends_the_parent_reads() {
        let (region, mut writer) = pair(1 << 30);
        let first = writer.append(b"first").unwrap();
        let second = writer.append(b"and second").unwrap();
        assert_eq!(region.read(second).unwrap(), b"and second");
        assert_eq!(region.read(first).unwrap(), b"first");
    }

    #[test]
    fn a_region_neither_grows_nor_shrinks() {
        let (region, mut writer) = pair(4096);
        writer.append(&[1; 4096]).unwrap();
        assert!(writer.append(&[1]).is_err());
        assert!(writer.file.set_len(1 << 20).is_err());
        assert!(writer.file.set_len(1).is_err());
        let end = Span {
            offset: 4095,
            bytes: 1,
        };
        assert_eq!(region.read(end).unwrap(), [1]);
    }

    proptest! {
        #[test]
        fn any_span_is_read_or_refused(offset: u64, bytes: u64, near in 0_u64..9000) {
            let region = Region::create(4096).unwrap();
            for span in [Span { offset, bytes }, Span { offset: near, bytes: 9000 - near }, Span { offset: near, bytes: near }] {
                let is_inside = u128::from(span.offset) + u128::from(span.bytes) <= 4096;
                let read = region.read(span);
                prop_assert_eq!(read.is_ok(), is_inside);
                prop_assert!(read.is_err() || read.unwrap().len() as u64 == span.bytes);
            }
        }
    }
}
