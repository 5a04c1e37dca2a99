//! Reading an open file without moving its cursor: several readers may share one descriptor.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::limits::Deadline;
use super::native;

/// A cursor of its own over a shared descriptor (`pread`), which fails once the deadline passed.
#[derive(Debug)]
pub(super) struct PositionedReader {
    file: File,
    position: u64,
    size_bytes: u64,
    deadline: Deadline,
    ran_out: Arc<AtomicBool>,
}

/// Tells, after a reader was given away, whether more was asked of it than the file has.
#[derive(Debug, Clone)]
pub(super) struct RanOut(Arc<AtomicBool>);

impl RanOut {
    pub(super) fn has_happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PositionedReader {
    /// Starts at the first byte of `file`.
    pub(super) fn new(file: &File, deadline: Deadline) -> io::Result<Self> {
        Ok(Self {
            file: file.try_clone()?,
            position: 0,
            size_bytes: native::file_size(file)?,
            deadline,
            ran_out: Arc::default(),
        })
    }

    /// Tells later whether the end of the file was met.
    pub(super) fn ran_out(&self) -> RanOut {
        RanOut(Arc::clone(&self.ran_out))
    }

    /// Size of the file in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Read for PositionedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.deadline.has_passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        if count == 0 && !buffer.is_empty() {
            self.ran_out.store(true, Ordering::Relaxed);
        }
        Ok(count)
    }
}

impl Seek for PositionedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size_bytes.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
